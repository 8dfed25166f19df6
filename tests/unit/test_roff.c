#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "man/roff.h"

static struct buf page;
static struct roff roff;

static int begin(void **state)
{
	(void)state;
	buf_init(&page, 64 * 1024);
	roff = (struct roff){.out = &page};
	return 0;
}

static int end(void **state)
{
	(void)state;
	buf_finish(&page);
	return 0;
}

static void assert_page(const char *wanted)
{
	buf_put_byte(&page, 0);
	assert_string_equal(page.at, wanted);
}

static void a_page_begins_with_name_section_and_the_releases_date(void **state)
{
	(void)state;
	roff_begin(&roff, &page, "a-b", "1", "2026-01-02");
	buf_put_byte(&page, 0);
	assert_non_null(strstr(page.at, "\n.TH \"A\\-B\" 1 2026-01-02 \"mcpledger "));
}

static void no_text_becomes_a_macro(void **state)
{
	(void)state;
	roff_prose(&roff, ".SH no heading\n\n'br no break");
	assert_page(".PP\n\\&.SH no heading\n.PP\n\\(aqbr no break\n");
}

static void a_word_that_comes_to_a_lines_begin_is_no_macro(void **state)
{
	(void)state;
	roff.begun = true;
	roff_prose(&roff, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa .so /etc/passwd");
	assert_page("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\\&.so /etc/passwd\n");
}

static void no_text_becomes_an_escape(void **state)
{
	(void)state;
	roff.begun = true;
	roff_prose(&roff, "\\fB \\*[x] -o ^~ \"q\"");
	assert_page("\\(rsfB \\(rs*[x] \\-o \\(ha\\(ti \\(dqq\\(dq\n");
}

static void lines_that_stay_are_escaped_too(void **state)
{
	(void)state;
	roff.begun = true;
	roff_prose(&roff, "  a\\b -c\n  .d");
	assert_page(".EX\n  a\\(rsb \\-c\n  .d\n.EE\n");
}

static void characters_beyond_ascii_are_written_by_number(void **state)
{
	(void)state;
	roff_put_plain(&roff, "\u2026\u00e9\U0001f600");
	assert_page("\\[u2026]\\[u00E9]\\[u1F600]");
}

static void half_a_character_reads_nothing_behind_it(void **state)
{
	(void)state;
	roff_put_plain(&roff, "\xe2\x80");
	assert_true(page.len > 0);
}

static void backticks_make_bold_and_never_leak(void **state)
{
	(void)state;
	roff.begun = true;
	roff_prose(&roff, "`a b` c\n\n`d");
	assert_page("\\fBa b\\fR c\n.PP\n\\fBd\\fR\n");
}

static void a_new_sentence_begins_a_new_line(void **state)
{
	(void)state;
	roff.begun = true;
	roff_prose(&roff, "One. Two");
	assert_page("One.\nTwo\n");
}

static void titles_and_tags_cannot_end_their_quotes(void **state)
{
	(void)state;
	roff_section(&roff, "a\"b");
	roff_item(&roff, "-x", "\"y\"");
	assert_page(".SH \"A\\(dqB\"\n.TP\n\\fB\\-x\\fR \\fI\\(dqy\\(dq\\fR\n");
}

static void paragraphs_of_an_item_stay_in_it(void **state)
{
	(void)state;
	roff_item(&roff, "x", "");
	roff_prose(&roff, "one\n\ntwo\n  lit");
	assert_page(".TP\n\\fBx\\fR\none\n.IP\ntwo\n.IP\n.EX\n  lit\n.EE\n");
}

#define ROFF_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROFF_TEST(a_page_begins_with_name_section_and_the_releases_date),
		ROFF_TEST(no_text_becomes_a_macro),
		ROFF_TEST(a_word_that_comes_to_a_lines_begin_is_no_macro),
		ROFF_TEST(no_text_becomes_an_escape),
		ROFF_TEST(lines_that_stay_are_escaped_too),
		ROFF_TEST(characters_beyond_ascii_are_written_by_number),
		ROFF_TEST(half_a_character_reads_nothing_behind_it),
		ROFF_TEST(backticks_make_bold_and_never_leak),
		ROFF_TEST(a_new_sentence_begins_a_new_line),
		ROFF_TEST(titles_and_tags_cannot_end_their_quotes),
		ROFF_TEST(paragraphs_of_an_item_stay_in_it),
	};
	return cmocka_run_group_tests_name("roff", tests, NULL, NULL);
}
