#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "indicators.h"
#include "query_store.h"
#include "scan.h"
#include "timestamp.h"

static struct arena arena;

static struct indicators *indicators_of(const char *lines)
{
	struct indicators *indicators = NULL;
	struct error error = {0};
	if (indicators_read(text_of(lines), &arena, &indicators, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	return indicators;
}

static bool found(const char *lines, const char *text)
{
	return indicators_found(indicators_of(lines), text_of(text));
}

static void words_are_found_one_after_the_other(void **state)
{
	(void)state;
	static const char lines[] = "# from the incident\n\n  evil.example \r\n\"drop table\"\nABCDEF0123\n/etc/passwd";
	assert_true(found(lines, "https://EVIL.example/x"));
	assert_true(found(lines, "then DROP\n\tTABLE users"));
	assert_true(found(lines, "sha256:abcdef0123"));
	assert_true(found(lines, "cat /etc/passwd"));
	assert_true(found(lines, "evil evil.example"));
	assert_false(found(lines, "evil.examples"));
	assert_false(found(lines, "evil"));
	assert_false(found(lines, "drop the table"));
	assert_false(found(lines, "from the incident"));
	assert_false(found(lines, ""));
}

static void the_longest_beginning_does_not_hide_a_shorter_one(void **state)
{
	(void)state;
	assert_true(found("a b c d\na b", "x a b c"));
	assert_true(found("a b c d\nb c", "x a b c"));
	assert_false(found("a b c d\nb d", "x a b c"));
}

static void addresses_are_found_by_range(void **state)
{
	(void)state;
	static const char lines[] = "10.0.0.0/8\n10.1.0.0/16\n192.0.2.7\n2001:db8::/32\n::/128";
	assert_true(found(lines, "10.200.0.1:443"));
	assert_true(found(lines, "[2001:db8::5]:80"));
	assert_true(found(lines, "from 192.0.2.7, again"));
	assert_false(found(lines, "192.0.2.70"));
	assert_false(found(lines, "11.0.0.1"));
	assert_true(found("::/0\n10.0.0.0/8", "2001:db8::1"));
	assert_false(found("::/0\n10.0.0.0/8", "11.0.0.1"));
}

static void disarmed_spellings_are_understood(void **state)
{
	(void)state;
	assert_true(found("hxxps://evil[.]example/a", "GET https://evil.example/a HTTP/1.1"));
	assert_true(found("192[.]0[.]2[.]7", "192.0.2.7:80"));
	assert_true(found("\xef\xbb\xbf"
			  "evil.example",
		"evil.example"));
}

static void assert_refused(const char *lines, size_t len, const char *part)
{
	struct indicators *indicators = NULL;
	struct error error = {0};
	assert_int_equal(indicators_read((struct text){lines, len}, &arena, &indicators, &error), STATUS_INVALID);
	if (strstr(error.text, part) == NULL)
		fail_msg("%s", error.text);
}

static void bad_lines_are_named(void **state)
{
	(void)state;
	assert_refused("a\n# b\n---\n", 10, "line 3 of the indicators: there is no letter or digit");
	assert_refused("a\n10.0.0.0/33", 13, "line 2 of the indicators: the prefix is too long");
	assert_refused("# nothing\n\n", 11, "there is no indicator");
	assert_refused("", 0, "there is no indicator");
	char line[2 * INDICATOR_WORDS_MAX + 3];
	for (size_t i = 0; i < sizeof(line); i++)
		line[i] = i % 2 ? ' ' : 'a';
	assert_refused(line, sizeof(line), "more than 256 words");
}

/* Random lists and texts of few words, against a plain search for each of them. */
static void each_one_is_found_among_many(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)timestamp_now();
	print_message("seed %llu\n", (unsigned long long)seed);
	unsigned hits = 0;
	for (int round = 0; round < 3000; round++) {
		char lines[400];
		char text[60];
		size_t len = 0;
		size_t text_len = 0;
		struct phrase phrases[20];
		unsigned count = 1 + (unsigned)round % 20;
		arena_clear(&arena);
		for (unsigned i = 0; i <= count; i++) {
			char line[20];
			size_t line_len = 0;
			unsigned words = i == count ? 8 : 1 + (unsigned)(seed >> 60) % 4;
			for (unsigned word = 0; word < words; word++) {
				seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
				line[line_len++] = (char)((seed & UINT64_C(1) << 40 ? 'a' : 'A') + (seed >> 33) % 6);
				line[line_len++] = " -/."[(seed >> 50) % 4];
			}
			if (i == count) {
				memcpy(text, line, line_len);
				text_len = line_len;
				break;
			}
			assert_int_equal(
				phrase_make((struct text){line, line_len}, false, &arena, &phrases[i]), STATUS_OK);
			len += (size_t)snprintf(lines + len, sizeof(lines) - len, "%.*s\n", (int)line_len, line);
		}
		bool wanted = false;
		for (unsigned i = 0; i < count; i++)
			wanted = wanted || phrase_found(&phrases[i], (struct text){text, text_len});
		struct indicators *indicators = NULL;
		assert_int_equal(indicators_read((struct text){lines, len}, &arena, &indicators, NULL), STATUS_OK);
		if (indicators_found(indicators, (struct text){text, text_len}) != wanted)
			fail_msg("%.*s in:\n%.*s", (int)text_len, text, (int)len, lines);
		hits += wanted;
	}
	assert_true(hits > 100 && hits < 2900);
}

struct seqs {
	char text[100];
	size_t len;
};

static enum status note_seq(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct seqs *seqs = context;
	seqs->len += (size_t)snprintf(seqs->text + seqs->len, sizeof(seqs->text) - seqs->len, "%s%lld",
		seqs->len ? " " : "", (long long)event->value[FIELD_SEQ].number);
	return STATUS_OK;
}

static void assert_events(struct query_store *fixture, const char *words, const char *lines, const char *wanted)
{
	struct filter filter;
	struct error error = {0};
	struct seqs seqs = {.len = 0};
	struct scan scan = scan_all(fixture->reader);
	assert_int_equal(filter_parse(text_of(words), 0, &fixture->arena, &filter, &error), STATUS_OK);
	assert_int_equal(filter_add_indicators(text_of(lines), &fixture->arena, &filter, &error), STATUS_OK);
	assert_true(filter.asks_texts);
	scan.filter = &filter;
	assert_int_equal(scan_events(&scan, note_seq, &seqs, &error), STATUS_OK);
	if (strcmp(seqs.text, wanted) != 0)
		fail_msg("%s %s: %s", words, lines, seqs.text);
}

static void indicators_narrow_a_search(void **state)
{
	(void)state;
	struct query_store fixture;
	query_store_open(&fixture);
	query_store_add(&fixture, "user.id", "alice@evil.example", "target.name", "read_file", NULL);
	query_store_add(&fixture, "request", "{\"evil.example\":1,\"u\":\"https:\\/\\/evil.example\\/x\"}", NULL);
	query_store_add(&fixture, "ingest.peer", "203.0.113.9:4", "request", "{\"evil.example\":1}", NULL);
	query_store_add(&fixture, "kind", "ledger", "op", "query", "detail", "{\"filter\":\"evil.example\"}", NULL);
	query_store_commit(&fixture, true);
	query_store_add(&fixture, "error.message", "no route to evil.example", NULL);
	query_store_commit(&fixture, false);
	assert_events(&fixture, "", "evil.example", "1 2 5");
	assert_events(&fixture, "", "x\nevil.example\n203.0.113.0/24", "1 2 3 5");
	assert_events(&fixture, "tool:read_file", "evil.example", "1");
	assert_events(&fixture, "tool:read_file OR error.message:*", "evil.example", "1 5");
	assert_events(&fixture, "", "good.example", "");
	query_store_close(&fixture);
}

int main(void)
{
	arena_init(&arena, 64 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_found_one_after_the_other),
		cmocka_unit_test(the_longest_beginning_does_not_hide_a_shorter_one),
		cmocka_unit_test(addresses_are_found_by_range),
		cmocka_unit_test(disarmed_spellings_are_understood),
		cmocka_unit_test(bad_lines_are_named),
		cmocka_unit_test(each_one_is_found_among_many),
		cmocka_unit_test(indicators_narrow_a_search),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_finish(&arena);
	return failed;
}
