#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "durations.h"

static void add(struct durations *durations, int64_t ns)
{
	assert_int_equal(durations_add(durations, ns), STATUS_OK);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(percentiles_of_few_values_are_exact),
		cmocka_unit_test(percentiles_of_many_values_are_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
