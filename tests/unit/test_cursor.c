/* Where a page goes on: the same place again, for the same question alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cursor.h"

static const struct cursor there = {
	.backward = true, .seq = UINT64_MAX - 1, .now = -5, .since = INT64_MIN, .until = INT64_MAX};

static struct cursor_key key_of(const char *question)
{
	struct cursor_key key;
	assert_int_equal(cursor_key_init(&key, text_of(question)), STATUS_OK);
	return key;
}

static void a_cursor_comes_back_as_it_was(void **state)
{
	(void)state;
	struct cursor_key key = key_of("a question");
	char text[CURSOR_TEXT_BYTES];
	struct cursor back = {.seq = 0};
	cursor_format(&there, &key, text);
	assert_int_equal(cursor_parse(text_of(text), &key, &back), STATUS_OK);
	assert_true(back.backward);
	assert_int_equal(back.seq, there.seq);
	assert_int_equal(back.now, there.now);
	assert_int_equal(back.since, there.since);
	assert_int_equal(back.until, there.until);
}

static void another_question_does_not_take_it(void **state)
{
	(void)state;
	struct cursor_key key = key_of("a question");
	struct cursor_key other = key_of("another");
	char text[CURSOR_TEXT_BYTES];
	struct cursor back;
	cursor_format(&there, &key, text);
	assert_int_equal(cursor_parse(text_of(text), &other, &back), STATUS_INVALID);
}

static void a_cursor_that_was_changed_or_cut_is_none(void **state)
{
	(void)state;
	struct cursor_key key = key_of("a question");
	char text[CURSOR_TEXT_BYTES];
	struct cursor back;
	cursor_format(&there, &key, text);
	for (size_t i = 0; text[i]; i++) {
		char was = text[i];
		text[i] = was == '0' ? '1' : '0';
		assert_int_equal(cursor_parse(text_of(text), &key, &back), STATUS_INVALID);
		text[i] = 'x';
		assert_int_equal(cursor_parse(text_of(text), &key, &back), STATUS_INVALID);
		assert_int_equal(cursor_parse((struct text){text, i}, &key, &back), STATUS_INVALID);
		text[i] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_comes_back_as_it_was),
		cmocka_unit_test(another_question_does_not_take_it),
		cmocka_unit_test(a_cursor_that_was_changed_or_cut_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
