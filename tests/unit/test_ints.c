#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "ints.h"

/* Counts around the steps and pieces in which planes are added up. */
static const size_t counts[] = {3, 15, 16, 17, 33, 1000, 1023, 1024, 1025, 1026, 1027, 2048, 2050, 4099};
enum { COUNTS = sizeof(counts) / sizeof(counts[0]), COUNT_MAX = 4099, ORDER_AT = 1, ORDERS = 3 };

static int64_t values[COUNT_MAX], got[COUNT_MAX];
static uint32_t codes[COUNT_MAX];
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return random_state >> 20;
}

/* Numbers of so many random bytes, or what has those as differences, or as differences of differences. */
static void make_values(size_t count, unsigned order, unsigned bytes)
{
	random_state = count * 31 + order * 7 + bytes;
	uint64_t mask = (UINT64_C(1) << bytes * 8) - 1;
	uint64_t difference = UINT64_C(1) << 40;
	uint64_t value = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t number = next_random() & mask;
		difference = order == 1 ? number : difference + number;
		value = order == 0 ? number : value + difference;
		values[i] = (int64_t)value;
	}
}

static struct text put(struct buf *out, size_t count)
{
	buf_clear(out);
	ints_put_planes(out, values, count);
	assert_int_equal(buf_status(out), STATUS_OK);
	return buf_text(out);
}

static void test_integers_in_planes_come_back_whatever_their_count(void **state)
{
	struct buf out;
	struct arena arena;
	unsigned met[ORDERS] = {0};
	(void)state;
	buf_init(&out, SIZE_MAX / 4);
	arena_init(&arena, SIZE_MAX / 4);
	for (unsigned i = 0; i < COUNTS * ORDERS; i++)
		for (unsigned bytes = 1; bytes <= 5; bytes++) {
			size_t count = counts[i / ORDERS];
			make_values(count, i % ORDERS, bytes);
			struct text text = put(&out, count);
			assert_true((uint8_t)text.at[ORDER_AT] < ORDERS);
			met[(uint8_t)text.at[ORDER_AT]]++;
			arena_clear(&arena);
			assert_int_equal(ints_get(text, &arena, got, count), STATUS_OK);
			assert_memory_equal(got, values, count * sizeof(got[0]));
		}
	for (unsigned order = 0; order < ORDERS; order++)
		assert_true(met[order] > COUNTS);
	arena_finish(&arena);
	buf_finish(&out);
}

static void test_codes_in_planes_come_back_and_none_beyond_the_limit(void **state)
{
	struct buf out;
	struct arena arena;
	(void)state;
	buf_init(&out, SIZE_MAX / 4);
	arena_init(&arena, SIZE_MAX / 4);
	for (unsigned i = 0; i < COUNTS * 4; i++) {
		size_t count = counts[i / 4];
		unsigned bytes = i % 4 + 1;
		make_values(count, 0, bytes);
		int64_t limit = INT64_C(1) << (bytes * 8 - 1);
		for (size_t k = 0; k < count; k++)
			values[k] %= limit + 1;
		size_t odd = (size_t)next_random() % count;
		values[odd] = limit;
		struct text text = put(&out, count);
		arena_clear(&arena);
		assert_int_equal(ints_get_codes(text, &arena, codes, count, (uint64_t)limit), STATUS_OK);
		for (size_t k = 0; k < count; k++)
			assert_int_equal(codes[k], values[k]);
		assert_int_equal(ints_get_codes(text, &arena, codes, count, (uint64_t)limit - 1), STATUS_DAMAGED);
	}
	arena_finish(&arena);
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integers_in_planes_come_back_whatever_their_count),
		cmocka_unit_test(test_codes_in_planes_come_back_and_none_beyond_the_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
