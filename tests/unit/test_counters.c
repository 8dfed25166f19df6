#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "counters.h"

static void test_stored_counters_come_back_with_what_the_transaction_adds(void **unused)
{
	(void)unused;
	struct counters counters;
	counters_init(&counters);
	struct counts counts = {.received = 10, .stored = 6, .duplicate = 1};
	counts.rejected[REASON_TOO_LONG] = 2;
	counts.dropped[REASON_QUEUE_FULL] = 1;
	counters_add(&counters, SOURCE_UDP, &counts);
	counters.dropped_noted[SOURCE_UDP][REASON_QUEUE_FULL] = 1;

	struct counts more[SOURCE_COUNT] = {0};
	more[SOURCE_UDP] = (struct counts){.received = 4, .stored = 4};
	more[SOURCE_HTTP] = (struct counts){.received = 1, .duplicate = 1};
	struct buf state;
	buf_init(&state, 1 << 20);
	counters_put(&counters, more, &state);
	assert_int_equal(buf_status(&state), STATUS_OK);

	struct counters loaded;
	counters_init(&loaded);
	assert_int_equal(counters_load(&loaded, buf_text(&state)), STATUS_OK);
	struct counts udp;
	counters_get(&loaded, SOURCE_UDP, &udp);
	assert_int_equal(udp.received, 14);
	assert_int_equal(udp.stored, 10);
	assert_int_equal(udp.duplicate, 1);
	assert_int_equal(udp.rejected[REASON_TOO_LONG], 2);
	assert_int_equal(udp.dropped[REASON_QUEUE_FULL], 1);
	assert_int_equal(udp.received, udp.stored + udp.duplicate + 2 + 1);
	assert_int_equal(loaded.dropped_noted[SOURCE_UDP][REASON_QUEUE_FULL], 1);
	struct counts http;
	counters_get(&loaded, SOURCE_HTTP, &http);
	assert_int_equal(http.duplicate, 1);
	buf_finish(&state);
}

static void test_the_state_of_a_version_with_fewer_sources_and_reasons_is_read(void **unused)
{
	(void)unused;
	/* one source, two reasons: received 5 stored 3 duplicate 1, rejected {0, 1}, dropped {0, 0}, noted {0, 1} {0, 0} */
	uint64_t state[2 + 3 + 8] = {1 | UINT64_C(1) << 32, 2, 5, 3, 1, 0, 1, 0, 0, 0, 1, 0, 0};
	struct counters counters;
	counters_init(&counters);
	struct text text = {(const char *)state, sizeof(state)};
	assert_int_equal(counters_load(&counters, text), STATUS_OK);
	struct counts counts;
	counters_get(&counters, (enum source)0, &counts);
	assert_int_equal(counts.received, 5);
	assert_int_equal(counts.rejected[1], 1);
	assert_int_equal(counters.rejected_noted[0][1], 1);
	counters_get(&counters, (enum source)1, &counts);
	assert_int_equal(counts.received, 0);
}

static void test_a_damaged_state_is_refused(void **unused)
{
	(void)unused;
	struct counters counters;
	counters_init(&counters);
	struct buf state;
	buf_init(&state, 1 << 20);
	counters_put(&counters, NULL, &state);
	for (size_t len = 0; len < state.len; len += 7)
		assert_int_equal(counters_load(&counters, (struct text){state.at, len}), STATUS_DAMAGED);
	memset(state.at + 4, 0xff, 8);
	assert_int_equal(counters_load(&counters, buf_text(&state)), STATUS_DAMAGED);
	buf_finish(&state);
}

static void *add_drops(void *context)
{
	struct counts counts = {.received = 3, .stored = 1};
	counts.dropped[REASON_QUEUE_FULL] = 2;
	for (unsigned i = 0; i < 20000; i++)
		counters_add(context, SOURCE_UDP, &counts);
	return NULL;
}

static void test_a_look_at_the_counts_never_sees_half_of_an_addition(void **unused)
{
	(void)unused;
	struct counters counters;
	counters_init(&counters);
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, add_drops, &counters), 0);
	struct counts counts = {0};
	while (counts.received < 60000) {
		counters_get(&counters, SOURCE_UDP, &counts);
		assert_int_equal(counts.received, counts.stored + counts.dropped[REASON_QUEUE_FULL]);
	}
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stored_counters_come_back_with_what_the_transaction_adds),
		cmocka_unit_test(test_the_state_of_a_version_with_fewer_sources_and_reasons_is_read),
		cmocka_unit_test(test_a_damaged_state_is_refused),
		cmocka_unit_test(test_a_look_at_the_counts_never_sees_half_of_an_addition),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
