#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "identity.h"

static struct identity identity;

static int setup(void **state)
{
	(void)state;
	static const uint8_t key[16] = {1, 2, 3};
	return identity_init(&identity, key) == STATUS_OK ? 0 : -1;
}

static uint64_t fingerprint(const char *tenant, const char *emitter, const char *id, const char *stage)
{
	struct identity_key key = {text_of(tenant), text_of(emitter), text_of(id), text_of(stage)};
	return identity_fingerprint(&identity, &key);
}

static void test_every_part_of_the_key_counts_and_none_runs_into_the_next(void **unused)
{
	(void)unused;
	uint64_t one = fingerprint("t", "e", "i", "end");
	assert_int_equal(fingerprint("t", "e", "i", "end"), one);
	assert_true(fingerprint("u", "e", "i", "end") != one);
	assert_true(fingerprint("t", "f", "i", "end") != one);
	assert_true(fingerprint("t", "e", "j", "end") != one);
	assert_true(fingerprint("t", "e", "i", "start") != one);
	assert_true(fingerprint("te", "", "i", "end") != fingerprint("t", "e", "i", "end"));
	assert_true(fingerprint("", "te", "i", "end") != fingerprint("t", "e", "i", "end"));
}

static void test_no_stage_is_single_and_no_id_is_no_fingerprint(void **unused)
{
	(void)unused;
	assert_int_equal(fingerprint("t", "", "i", ""), fingerprint("t", "", "i", "single"));
	assert_int_equal(fingerprint("t", "", "", ""), 0);
	assert_int_not_equal(fingerprint("t", "", "i", ""), 0);
}

static void test_long_parts_count_to_their_last_byte(void **unused)
{
	(void)unused;
	char *text = malloc(10001);
	assert_non_null(text);
	memset(text, 'x', 10000);
	text[10000] = 0;
	uint64_t before = fingerprint(text, text, text, text);
	text[9999] = 'y';
	assert_true(fingerprint(text, text, text, text) != before);
	free(text);
}

static uint64_t digest(const struct event *event)
{
	struct buf scratch;
	buf_init(&scratch, 1 << 20);
	uint64_t digest = 0;
	assert_int_equal(identity_digest(&identity, event, &scratch, &digest), STATUS_OK);
	buf_finish(&scratch);
	return digest;
}

static void test_the_digest_is_of_what_the_emitter_sent_and_of_nothing_else(void **unused)
{
	(void)unused;
	struct event *event = calloc(1, sizeof(*event));
	assert_non_null(event);
	event_set_text(event, FIELD_KIND, TEXT("auth"));
	event_set_number(event, FIELD_DURATION_NS, 7);
	uint64_t before = digest(event);
	event_set_number(event, FIELD_RECV_TIME, 12345);
	event_set_text(event, FIELD_INGEST_PEER, TEXT("10.0.0.1"));
	event_set_number(event, FIELD_MARKS_ID_CONFLICT, 1);
	assert_true(digest(event) == before);
	event_set_number(event, FIELD_DURATION_NS, 8);
	assert_true(digest(event) != before);
	event_set_number(event, FIELD_DURATION_NS, 7);
	event_set_text(event, FIELD_DETAIL, TEXT("")); /* the last field but the collector's */
	assert_true(digest(event) != before);
	free(event);
}

static void test_a_long_field_counts_to_its_last_byte(void **unused)
{
	(void)unused;
	struct event *event = calloc(1, sizeof(*event));
	char *text = malloc(100000);
	assert_true(event && text);
	memset(text, 'x', 100000);
	event_set_text(event, FIELD_REQUEST, (struct text){text, 100000});
	uint64_t before = digest(event);
	text[99999] = 'y';
	assert_true(digest(event) != before);
	free(text);
	free(event);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_part_of_the_key_counts_and_none_runs_into_the_next),
		cmocka_unit_test(test_no_stage_is_single_and_no_id_is_no_fingerprint),
		cmocka_unit_test(test_long_parts_count_to_their_last_byte),
		cmocka_unit_test(test_the_digest_is_of_what_the_emitter_sent_and_of_nothing_else),
		cmocka_unit_test(test_a_long_field_counts_to_its_last_byte),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
