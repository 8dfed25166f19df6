#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "json_split.h"

struct wanted {
	const char *text;
	uint32_t line;
};

static void check(const char *body, enum json_body form, const struct wanted *wanted, size_t count)
{
	struct json_split split;
	struct json_piece piece;
	json_split_begin(&split, text_of(body));
	assert_int_equal(split.form, form);
	for (size_t i = 0; i < count; i++) {
		assert_true(json_split_next(&split, &piece));
		if (!text_equal(piece.text, text_of(wanted[i].text)))
			fail_msg("%s: piece %zu is %.*s", body, i, (int)piece.text.len, piece.text.at);
		assert_int_equal(piece.index, i);
		assert_int_equal(piece.line, wanted[i].line);
	}
	assert_false(json_split_next(&split, &piece));
	assert_false(json_split_next(&split, &piece));
}

#define CHECK(body, form, ...)                                                                                         \
	check(body, form, (const struct wanted[]){__VA_ARGS__},                                                        \
		sizeof((const struct wanted[]){__VA_ARGS__}) / sizeof(struct wanted))

static void one_object_is_one_event(void **state)
{
	(void)state;
	CHECK("{\"a\":1}", JSON_BODY_LINES, {"{\"a\":1}", 1});
	CHECK("\n {\"a\":1}\r\n\n", JSON_BODY_LINES, {"{\"a\":1}", 2});
	CHECK("{\n \"a\": \"}\",\n \"b\": [1,\n2]\n}\n", JSON_BODY_OBJECT,
		{"{\n \"a\": \"}\",\n \"b\": [1,\n2]\n}", 1});
}

static void lines_are_events(void **state)
{
	(void)state;
	CHECK("{\"a\":1}\n{\"a\":2}\n", JSON_BODY_LINES, {"{\"a\":1}", 1}, {"{\"a\":2}", 2});
	CHECK("{\"a\":1}\r\n\r\n \n{\"a\":2}", JSON_BODY_LINES, {"{\"a\":1}", 1}, {"{\"a\":2}", 4});
}

static void a_bad_line_spoils_only_itself(void **state)
{
	(void)state;
	CHECK("{\"a\":\"x}\n{\"a\":2}\nnonsense\n{\"a\":3}", JSON_BODY_LINES, {"{\"a\":\"x}", 1}, {"{\"a\":2}", 2},
		{"nonsense", 3}, {"{\"a\":3}", 4});
	CHECK("junk\n{\"a\":2}", JSON_BODY_LINES, {"junk", 1}, {"{\"a\":2}", 2});
	CHECK("{\"a\":1\n{\"a\":2}", JSON_BODY_LINES, {"{\"a\":1", 1}, {"{\"a\":2}", 2});
}

static void arrays_are_taken_apart(void **state)
{
	(void)state;
	CHECK("[{\"a\":[1,2]},\n {\"b\":\"],\\\"\"} ]\n", JSON_BODY_ARRAY, {"{\"a\":[1,2]}", 1},
		{"{\"b\":\"],\\\"\"}", 2});
	CHECK("[{\"a\":\"\\\\\"},{\"a\":2}]", JSON_BODY_ARRAY, {"{\"a\":\"\\\\\"}", 1}, {"{\"a\":2}", 1});
	check("[]", JSON_BODY_ARRAY, NULL, 0);
	check(" [ ] ", JSON_BODY_ARRAY, NULL, 0);
	check(" \n ", JSON_BODY_EMPTY, NULL, 0);
	check("", JSON_BODY_EMPTY, NULL, 0);
}

static void damaged_arrays_are_told(void **state)
{
	(void)state;
	CHECK("[{\"a\":1},,{\"a\":2}]", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"", 1}, {"{\"a\":2}", 1});
	CHECK("[{\"a\":1},]", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"", 1});
	CHECK("[{\"a\":1},tru,{\"a\":2}]", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"tru", 1}, {"{\"a\":2}", 1});
	CHECK("[{\"a\":1}", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"", 1});
	CHECK("[{\"a\":1},{\"a\":", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"{\"a\":", 1});
	CHECK("[{\"a\":1}}, {\"a\":2}]", JSON_BODY_ARRAY, {"{\"a\":1}}", 1}, {"{\"a\":2}", 1});
	CHECK("[{\"a\":1}] x", JSON_BODY_ARRAY, {"{\"a\":1}", 1}, {"x", 1});
	CHECK("[", JSON_BODY_ARRAY, {"", 1});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_object_is_one_event),
		cmocka_unit_test(lines_are_events),
		cmocka_unit_test(a_bad_line_spoils_only_itself),
		cmocka_unit_test(arrays_are_taken_apart),
		cmocka_unit_test(damaged_arrays_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
