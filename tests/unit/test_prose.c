#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "prose.h"

static void assert_put(const char *text, unsigned width, const char *wanted)
{
	struct buf out;
	buf_init(&out, 4096);
	prose_put(&out, text, width);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at, wanted);
	buf_finish(&out);
}

static void lines_are_joined_and_wrapped(void **state)
{
	(void)state;
	assert_put("one two\nthree  four", 9, "one two\nthree\nfour\n");
	assert_put("one two three", 13, "one two three\n");
	assert_put("a\n\nb", 80, "a\n\nb\n");
	assert_put("", 80, "");
}

static void literal_lines_stay_as_they_are(void **state)
{
	(void)state;
	assert_put("before:\n  a   b\n  long enough to pass the width\nafter", 10,
		"before:\n\n  a   b\n  long enough to pass the width\n\nafter\n");
}

static void a_word_longer_than_the_width_stands_alone(void **state)
{
	(void)state;
	assert_put("a incomprehensible b", 6, "a\nincomprehensible\nb\n");
}

static void columns_count_characters_not_bytes(void **state)
{
	(void)state;
	assert_put("\u2026\u2026 \u2026\u2026", 5, "\u2026\u2026 \u2026\u2026\n");
}

static void a_paragraph_begins_where_the_cursor_stands(void **state)
{
	struct buf out;
	(void)state;
	buf_init(&out, 4096);
	buf_put_string(&out, "ab");
	prose_put_wrapped(&out, TEXT("one two three"), 2, 4, 11);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at, "ab  one two\n    three\n");
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_joined_and_wrapped),
		cmocka_unit_test(literal_lines_stay_as_they_are),
		cmocka_unit_test(a_word_longer_than_the_width_stands_alone),
		cmocka_unit_test(columns_count_characters_not_bytes),
		cmocka_unit_test(a_paragraph_begins_where_the_cursor_stands),
	};
	return cmocka_run_group_tests_name("prose", tests, NULL, NULL);
}
