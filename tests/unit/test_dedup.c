#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "dedup.h"
#include "timestamp.h"

static uint64_t state;

/* splitmix64: any 64-bit value once per period, which is what fingerprints look like */
static uint64_t next_random(void)
{
	uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (z ^ z >> 31) | 1;
}

static uint64_t fingerprint_of(uint64_t number)
{
	state = number * UINT64_C(0x2545f4914f6cdd1d);
	return next_random();
}

static bool holds(const struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proof)
{
	struct dedup_proof proofs[DEDUP_SAME_MAX];
	unsigned found = dedup_find(dedup, fingerprint, proofs);
	for (unsigned i = 0; i < found; i++) {
		if (proofs[i].is_seq == proof.is_seq && proofs[i].bits == proof.bits)
			return true;
	}
	return false;
}

static void test_an_added_id_is_found_with_its_proof_and_no_other(void **unused)
{
	(void)unused;
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, 1000, NS_PER_DAY), STATUS_OK);
	for (uint64_t i = 0; i < 900; i++)
		dedup_add(dedup, fingerprint_of(i), dedup_proof_of_digest(i << 40), 1);
	for (uint64_t i = 0; i < 900; i++) {
		assert_true(holds(dedup, fingerprint_of(i), dedup_proof_of_digest(i << 40)));
		assert_false(holds(dedup, fingerprint_of(i), dedup_proof_of_digest((i + 1) << 40)));
		assert_false(holds(dedup, fingerprint_of(i), dedup_proof_of_seq(i << 17)));
	}
	struct dedup_proof proofs[DEDUP_SAME_MAX];
	for (uint64_t i = 900; i < 3000; i++)
		assert_int_equal(dedup_find(dedup, fingerprint_of(i), proofs), 0);
	dedup_destroy(&dedup);
	assert_null(dedup);
}

static void test_the_newest_fifteen_sixteenths_are_remembered_and_never_more_than_the_limit(void **unused)
{
	(void)unused;
	enum { IDS_MAX = 1600, ADDED = 40000 };
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, IDS_MAX, NS_PER_DAY), STATUS_OK);
	for (uint64_t i = 0; i < ADDED; i++) {
		dedup_add(dedup, fingerprint_of(i), dedup_proof_of_digest(i << 40), (int64_t)i);
		struct dedup_figures figures;
		dedup_get_figures(dedup, &figures);
		assert_true(figures.ids <= IDS_MAX);
		uint64_t oldest = i >= IDS_MAX / 16 * 15 ? i - IDS_MAX / 16 * 15 + 1 : 0;
		assert_true(holds(dedup, fingerprint_of(oldest), dedup_proof_of_digest(oldest << 40)));
		/* What the window claims to remember is remembered. */
		if (figures.oldest_recv_time) {
			uint64_t claimed = (uint64_t)figures.oldest_recv_time;
			assert_true(holds(dedup, fingerprint_of(claimed), dedup_proof_of_digest(claimed << 40)));
			assert_false(
				holds(dedup, fingerprint_of(claimed - 1), dedup_proof_of_digest((claimed - 1) << 40)));
		}
	}
	dedup_destroy(&dedup);
}

static void test_an_id_is_forgotten_when_it_is_older_than_the_age_limit(void **unused)
{
	(void)unused;
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, 100000, 15 * NS_PER_S), STATUS_OK);
	for (int64_t i = 0; i < 100; i++)
		dedup_add(dedup, fingerprint_of((uint64_t)i), dedup_proof_of_digest(7), i * NS_PER_S);
	dedup_expire(dedup, 99 * NS_PER_S);
	for (int64_t i = 0; i < 100; i++) {
		bool held = holds(dedup, fingerprint_of((uint64_t)i), dedup_proof_of_digest(7));
		if (i >= 99 - 15)
			assert_true(held);
		else if (i < 99 - 17)
			assert_false(held);
	}
	dedup_expire(dedup, 1000 * NS_PER_S);
	struct dedup_figures figures;
	dedup_get_figures(dedup, &figures);
	assert_int_equal(figures.ids, 0);
	dedup_add(dedup, fingerprint_of(5), dedup_proof_of_digest(7), 1001 * NS_PER_S);
	assert_true(holds(dedup, fingerprint_of(5), dedup_proof_of_digest(7)));
	dedup_destroy(&dedup);
}

static void test_one_id_with_many_contents_has_a_bounded_number_of_entries(void **unused)
{
	(void)unused;
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, 1000, NS_PER_DAY), STATUS_OK);
	for (uint64_t i = 0; i < 100; i++)
		dedup_add(dedup, 42, dedup_proof_of_digest(i << 40), 1);
	struct dedup_proof proofs[DEDUP_SAME_MAX];
	assert_int_equal(dedup_find(dedup, 42, proofs), DEDUP_SAME_MAX);
	assert_int_equal(proofs[0].bits, dedup_proof_of_digest(0).bits);
	struct dedup_figures figures;
	dedup_get_figures(dedup, &figures);
	assert_int_equal(figures.ids, DEDUP_SAME_MAX);
	dedup_destroy(&dedup);
}

static void test_removing_an_entry_keeps_all_others(void **unused)
{
	(void)unused;
	uint64_t seed = (uint64_t)time(NULL);
	print_message("seed %llu\n", (unsigned long long)seed);
	enum { IDS = 1500 };
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, 1600, NS_PER_DAY), STATUS_OK);
	bool removed[IDS] = {false};
	for (uint64_t i = 0; i < IDS; i++)
		dedup_add(dedup, fingerprint_of(seed + i), dedup_proof_of_digest(i << 40), 1);
	for (unsigned round = 0; round < IDS / 2; round++) {
		uint64_t i = fingerprint_of(seed ^ round) % IDS;
		dedup_remove(dedup, fingerprint_of(seed + i), dedup_proof_of_digest(i << 40));
		removed[i] = true;
	}
	for (uint64_t i = 0; i < IDS; i++)
		assert_int_equal(holds(dedup, fingerprint_of(seed + i), dedup_proof_of_digest(i << 40)), !removed[i]);
	dedup_destroy(&dedup);
}

static void test_a_window_loaded_newest_first_goes_on_as_if_it_had_been_filled(void **unused)
{
	(void)unused;
	enum { IDS_MAX = 1600, STORED = 5000 };
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, IDS_MAX, NS_PER_DAY), STATUS_OK);
	uint64_t seq = STORED;
	while (seq > 0 && dedup_load(dedup, fingerprint_of(seq), seq, (int64_t)seq, STORED))
		seq--;
	assert_int_equal(seq, STORED - IDS_MAX);
	struct dedup_figures figures;
	dedup_get_figures(dedup, &figures);
	assert_int_equal(figures.oldest_recv_time, STORED - IDS_MAX + 1);
	for (uint64_t i = seq + 1; i <= STORED; i++)
		assert_true(holds(dedup, fingerprint_of(i), dedup_proof_of_seq(i)));
	for (uint64_t i = STORED + 1; i <= STORED + IDS_MAX / 2; i++)
		dedup_add(dedup, fingerprint_of(i), dedup_proof_of_digest(1), (int64_t)i);
	dedup_get_figures(dedup, &figures);
	assert_true(figures.ids <= IDS_MAX && figures.ids >= IDS_MAX / 16 * 15);
	for (uint64_t i = STORED - IDS_MAX / 16 * 7 + 1; i <= STORED; i++)
		assert_true(holds(dedup, fingerprint_of(i), dedup_proof_of_seq(i)));
	dedup_destroy(&dedup);
}

static void test_loading_stops_at_the_age_limit(void **unused)
{
	(void)unused;
	struct dedup *dedup = NULL;
	assert_int_equal(dedup_create(&dedup, 1000, 10 * NS_PER_S), STATUS_OK);
	assert_true(dedup_load(dedup, 3, 3, 95 * NS_PER_S, 100 * NS_PER_S));
	assert_true(dedup_load(dedup, 2, 2, 90 * NS_PER_S, 100 * NS_PER_S));
	assert_false(dedup_load(dedup, 1, 1, 89 * NS_PER_S, 100 * NS_PER_S));
	dedup_destroy(&dedup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_added_id_is_found_with_its_proof_and_no_other),
		cmocka_unit_test(test_the_newest_fifteen_sixteenths_are_remembered_and_never_more_than_the_limit),
		cmocka_unit_test(test_an_id_is_forgotten_when_it_is_older_than_the_age_limit),
		cmocka_unit_test(test_one_id_with_many_contents_has_a_bounded_number_of_entries),
		cmocka_unit_test(test_removing_an_entry_keeps_all_others),
		cmocka_unit_test(test_a_window_loaded_newest_first_goes_on_as_if_it_had_been_filled),
		cmocka_unit_test(test_loading_stops_at_the_age_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
