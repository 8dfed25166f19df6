#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clues.h"

static struct arena scratch;

static enum status note(void *context, struct text value)
{
	struct buf *noted = context;
	buf_put_string(noted, noted->len ? " | " : "");
	buf_put_text(noted, value);
	return buf_status(noted);
}

static const char *values_of(const char *json)
{
	static struct buf noted;
	buf_finish(&noted);
	buf_init(&noted, 1 << 20);
	assert_int_equal(clues_walk(text_of(json), note, &noted, &scratch), STATUS_OK);
	buf_put_byte(&noted, 0);
	return noted.at;
}

static void what_is_distinctive_is_found_in_prose(void **state)
{
	(void)state;
	assert_string_equal(values_of("{\"text\":\"Mail (ana@example.com), see /srv/app/a.log.\\nTicket: OPS-101!\"}"),
		"ana@example.com | /srv/app/a.log | OPS-101");
	assert_string_equal(values_of("[\"https://example.com/x?id=7\",\"10.0.0.7\",\"DE89370400440532013000\"]"),
		"https://example.com/x?id=7 | 10.0.0.7 | DE89370400440532013000");
	assert_string_equal(values_of("{\"account\":12345678,\"n\":{\"deep\":[\"a_b_c\"]}}"), "12345678 | a_b_c");
	assert_string_equal(values_of("{\"title\":\"Payments time out\"}"), "Payments time out");
	assert_string_equal(values_of("{\"p\":\"caf\\u00e9@example.com\"}"), "caf\xc3\xa9@example.com");
}

static void what_many_events_have_is_not(void **state)
{
	(void)state;
	assert_string_equal(values_of("{\"a\":true,\"b\":null,\"c\":12.5,\"d\":\"ok\",\"e\":\"word\",\"f\":1000}"), "");
	assert_string_equal(
		values_of("[\"2026-11-20\",\"2026-11-20T10:00:00Z\",\"text/plain\",\"application/json\"]"), "");
	assert_string_equal(values_of("[\"...\",\"----\",\"  \",\"\",\"12:30:00\"]"), "");
	assert_string_equal(values_of("{\"name_of_member\":1}"), "");
	assert_string_equal(values_of(""), "");
	assert_string_equal(values_of("{\"a\":\"ana@example.c"), "ana@example.c");
}

static void a_value_stands_alone(void **state)
{
	(void)state;
	assert_true(clue_stands_in(TEXT("OPS-10"), TEXT("see OPS-10, OPS-101")));
	assert_false(clue_stands_in(TEXT("OPS-10"), TEXT("see OPS-101 and XOPS-10")));
	assert_true(clue_stands_in(TEXT("OPS-10"), TEXT("OPS-101 OPS-10")));
	assert_true(clue_stands_in(TEXT("/srv/a"), TEXT("rm /srv/a/b")));
	assert_false(clue_stands_in(TEXT("/srv/a"), TEXT("rm /srv/ab")));
	assert_false(clue_stands_in(TEXT(""), TEXT("x")));
	assert_false(clue_stands_in(TEXT("x"), TEXT("")));
	assert_true(clue_in_payload(TEXT("a\"b"), TEXT("{\"x\":[\"see a\\\"b\"]}"), &scratch));
	assert_false(clue_in_payload(TEXT("name"), TEXT("{\"name\":1}"), &scratch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_distinctive_is_found_in_prose),
		cmocka_unit_test(what_many_events_have_is_not),
		cmocka_unit_test(a_value_stands_alone),
	};
	arena_init(&scratch, 1 << 20);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_finish(&scratch);
	return failed;
}
