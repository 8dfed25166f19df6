#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "json_diff.h"

static const char *diff_of(const char *before, const char *after)
{
	static struct arena arena;
	static struct buf text;
	static struct json_changes changes;
	arena_finish(&arena);
	buf_finish(&text);
	arena_init(&arena, 64 << 20);
	buf_init(&text, 64 << 20);
	assert_int_equal(json_diff(text_of(before), text_of(after), &arena, &changes), STATUS_OK);
	for (size_t i = 0; i < changes.count; i++)
		buf_printf(&text, "%s%.*s %.*s>%.*s", i ? " | " : "", (int)changes.items[i].path.len,
			changes.items[i].path.at, (int)changes.items[i].before.len, changes.items[i].before.at,
			(int)changes.items[i].after.len, changes.items[i].after.at);
	if (changes.more)
		buf_printf(&text, " and %llu", (unsigned long long)changes.more);
	buf_put_byte(&text, 0);
	return text.at;
}

static void members_are_compared_by_name(void **state)
{
	(void)state;
	assert_string_equal(
		diff_of("{\"a\":1,\"b\":{\"c\":2}}", "{\"b\":{\"c\":3,\"d\":[]},\"a\":1}"), "b.c 2>3 | b.d >[]");
	assert_string_equal(diff_of("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"), "");
	assert_string_equal(diff_of("{\"a\":{}}", "{}"), "a {}>");
	assert_string_equal(diff_of("1", "{}"), " 1>{}");
	assert_string_equal(diff_of("", "{\"a\":1}"), " >{\"a\":1}");
}

static void arrays_of_scalars_are_sets(void **state)
{
	(void)state;
	assert_string_equal(diff_of("{\"r\":[\"a\",\"b\"]}", "{\"r\":[\"c\",\"b\"]}"), "r \"a\"> | r >\"c\"");
	assert_string_equal(diff_of("[1,2]", "[2,1]"), "");
	assert_string_equal(diff_of("[{\"x\":1},{\"y\":1}]", "[{\"x\":1},{\"y\":2},3]"), "1.y 1>2 | 2 >3");
}

static void many_differences_are_counted_beyond_the_listed_ones(void **state)
{
	(void)state;
	struct buf wide;
	buf_init(&wide, 1 << 20);
	for (int i = 0; i < 5000; i++)
		buf_printf(&wide, "%s\"m%d\":%d", i ? "," : "{", i, i);
	buf_put_string(&wide, "}");
	buf_put_byte(&wide, 0);
	const char *text = diff_of("{}", wide.at);
	assert_non_null(strstr(text, " and 4900"));
	buf_finish(&wide);
}

static void damaged_json_ends_the_comparison(void **state)
{
	(void)state;
	(void)diff_of("{\"a\":{\"b", "{\"a\":");
	(void)diff_of("{", "[");
	(void)diff_of("[[[[", "[[[[[");
	assert_string_equal(diff_of("{\"a\":1", "{\"a\":2"), "a 1>2");
}

static void check_texts(const char *before, const char *after, const char *removed, const char *added)
{
	struct text gone;
	struct text came;
	text_diff(text_of(before), text_of(after), &gone, &came);
	assert_int_equal(gone.len, strlen(removed));
	assert_memory_equal(gone.at, removed, gone.len);
	assert_int_equal(came.len, strlen(added));
	assert_memory_equal(came.at, added, came.len);
}

static void texts_differ_by_words(void **state)
{
	(void)state;
	check_texts("Reads a file.", "Reads a file. Then mails it.", "", " Then mails it.");
	check_texts("Reads a file.", "First asks. Reads a file.", "", "First asks. ");
	check_texts("Reads the old file now", "Reads the odd file now", "old", "odd");
	check_texts("one two", "one two", "", "");
	check_texts("aaa", "aaaa", "aaa", "aaaa");
	check_texts("", "new", "", "new");
	check_texts("a b b c", "a b c", "b ", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_are_compared_by_name),
		cmocka_unit_test(arrays_of_scalars_are_sets),
		cmocka_unit_test(many_differences_are_counted_beyond_the_listed_ones),
		cmocka_unit_test(damaged_json_ends_the_comparison),
		cmocka_unit_test(texts_differ_by_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
