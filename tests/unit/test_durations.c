#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "durations.h"

static void add(struct durations *durations, int64_t ns)
{
	assert_int_equal(durations_add(durations, &ns, 1), STATUS_OK);
}

static void percentiles_of_few_values_are_exact(void **state)
{
	(void)state;
	struct durations durations = {0};
	assert_int_equal(durations_percentile(&durations, 0.5), 0);
	for (int64_t i = 100; i > 0; i--)
		add(&durations, i);
	assert_int_equal(durations_percentile(&durations, 0.50), 50);
	assert_int_equal(durations_percentile(&durations, 0.95), 95);
	assert_int_equal(durations_percentile(&durations, 0.99), 99);
	assert_int_equal(durations_percentile(&durations, 1.00), 100);
	add(&durations, -5);
	assert_int_equal(durations_percentile(&durations, 0.001), -5);
	durations_finish(&durations);
}

static void percentiles_of_many_values_are_close(void **state)
{
	(void)state;
	struct durations durations = {0};
	enum { COUNT = 200000 };
	for (int64_t i = 1; i <= COUNT; i++)
		add(&durations, i * 1000);
	for (int percent = 1; percent < 100; percent++) {
		int64_t exact = (int64_t)percent * COUNT * 10;
		int64_t got = durations_percentile(&durations, percent / 100.0);
		int64_t off = got > exact ? got - exact : exact - got;
		assert_true(off * 1000 <= exact * 9);
	}
	add(&durations, INT64_MAX);
	assert_true(durations_percentile(&durations, 1.0) > INT64_MAX / 2);
	durations_finish(&durations);
}

/* A tenth of the values each from nanoseconds to hours, in two parts. */
static void parts_merge_into_the_whole(void **state)
{
	(void)state;
	enum { COUNT = 100000 };
	struct durations whole = {0}, parts[2] = {{0}}, few = {0};
	for (int64_t i = 0; i < COUNT; i++) {
		int64_t ns = i * i * 37 % 1000003;
		for (int64_t k = i % 10; k > 0; k--)
			ns *= 7;
		add(&whole, ns);
		add(&parts[i % 3 > 0], ns);
	}
	add(&whole, 3);
	add(&few, 3);
	assert_int_equal(durations_merge(&parts[0], &parts[1]), STATUS_OK);
	assert_int_equal(durations_merge(&parts[0], &few), STATUS_OK);
	assert_int_equal(parts[0].count, COUNT + 1);
	assert_int_equal(parts[0].max, whole.max);
	for (int percent = 0; percent <= 100; percent++)
		assert_int_equal(durations_percentile(&parts[0], percent / 100.0),
			durations_percentile(&whole, percent / 100.0));
	durations_finish(&whole);
	durations_finish(&parts[0]);
	durations_finish(&parts[1]);
	durations_finish(&few);
}

/* Also where exact values become a histogram in the middle of those that come together. */
static void values_added_together_count_as_one_by_one(void **state)
{
	(void)state;
	enum { COUNT = DURATIONS_EXACT_MAX + 5000, TOGETHER = 3000 };
	static int64_t values[TOGETHER];
	struct durations together = {0}, single = {0};
	assert_int_equal(durations_add(&together, NULL, 0), STATUS_OK);
	assert_int_equal(durations_percentile(&together, 0.5), 0);
	for (int64_t i = 0; i < COUNT; i++) {
		int64_t ns = i * i * 41 % 1000003 - 500;
		values[i % TOGETHER] = ns;
		add(&single, ns);
		uint64_t count = (uint64_t)(i % TOGETHER) + 1;
		if (count == TOGETHER || i == COUNT - 1)
			assert_int_equal(durations_add(&together, values, count), STATUS_OK);
	}
	assert_int_equal(together.count, single.count);
	assert_int_equal(together.max, single.max);
	for (int percent = 0; percent <= 100; percent++)
		assert_int_equal(durations_percentile(&together, percent / 100.0),
			durations_percentile(&single, percent / 100.0));
	durations_finish(&together);
	durations_finish(&single);
}

static void a_limit_makes_a_histogram_of_those_above_it(void **state)
{
	(void)state;
	struct durations durations = {0};
	for (int64_t i = 1; i <= 1000; i++)
		add(&durations, i * 1000003);
	int64_t exact = durations_percentile(&durations, 0.5);
	assert_int_equal(durations_limit(&durations, 1000), STATUS_OK);
	assert_int_equal(durations_percentile(&durations, 0.5), exact);
	assert_int_equal(durations_limit(&durations, 999), STATUS_OK);
	int64_t got = durations_percentile(&durations, 0.5);
	assert_true(got != exact && (got > exact ? got - exact : exact - got) * 1000 <= exact * 8);
	add(&durations, -1);
	add(&durations, INT64_MAX);
	assert_int_equal(durations_percentile(&durations, 0), 0);
	assert_int_equal(durations.max, INT64_MAX);
	assert_true(durations_percentile(&durations, 1) > INT64_MAX / 100 * 99);
	durations_finish(&durations);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_of_few_values_are_exact),
		cmocka_unit_test(percentiles_of_many_values_are_close),
		cmocka_unit_test(values_added_together_count_as_one_by_one),
		cmocka_unit_test(parts_merge_into_the_whole),
		cmocka_unit_test(a_limit_makes_a_histogram_of_those_above_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
