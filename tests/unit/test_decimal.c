#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decimal.h"
#include "timestamp.h"

static int compared(const char *a, const char *b)
{
	struct decimal first;
	struct decimal second;
	assert_true(decimal_read(text_of(a), &first));
	assert_true(decimal_read(text_of(b), &second));
	int order = decimal_compare(&first, &second);
	int reversed = decimal_compare(&second, &first);
	assert_int_equal((order > 0) - (order < 0), (reversed < 0) - (reversed > 0));
	return (order > 0) - (order < 0);
}

static void spellings_of_a_number_are_equal(void **state)
{
	(void)state;
	static const char *const tens[] = {"10", "10.0", "1e1", "1.0e+1", "100E-1", "0.1e2", "0.010e3", "10.000"};
	for (size_t i = 0; i < sizeof(tens) / sizeof(tens[0]); i++)
		for (size_t k = 0; k < sizeof(tens) / sizeof(tens[0]); k++)
			assert_int_equal(compared(tens[i], tens[k]), 0);
	assert_int_equal(compared("0", "-0.0e99"), 0);
	assert_int_equal(compared("100", "1e2"), 0);
	assert_int_equal(compared("0.05", "5e-2"), 0);
}

static void numbers_beyond_a_double_differ(void **state)
{
	(void)state;
	assert_int_equal(compared("9007199254740993", "9007199254740992"), 1);
	assert_int_equal(compared("-9007199254740993", "-9007199254740992"), -1);
	assert_int_equal(compared("0.1", "0.10000000000000000001"), -1);
	assert_int_equal(compared("1e400", "1e401"), -1);
	assert_int_equal(compared("1e99999999999999999999", "5"), 1);
	assert_int_equal(compared("1e-99999999999999999999", "0"), 1);
	assert_int_equal(compared("-1", "0"), -1);
	assert_int_equal(compared("-1", "1e-9"), -1);
	assert_int_equal(compared("12.5", "12.49"), 1);
	assert_int_equal(compared("1.05", "1.5"), -1);
}

static void only_json_numbers_are_read(void **state)
{
	(void)state;
	static const char *const others[] = {
		"", "-", "+1", "01", "1.", ".5", "1e", "1e+", "0x1", "1 ", "nan", "1.2.3", "--1", "1e5.0", "\"1\""};
	struct decimal decimal;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (decimal_read(text_of(others[i]), &decimal))
			fail_msg("%s", others[i]);
}

/* Numbers of few digits fit a double: strtod must see the same order. */
static void small_numbers_are_ordered_as_doubles(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)timestamp_now();
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 100000; round++) {
		char text[2][32];
		for (int i = 0; i < 2; i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			(void)snprintf(text[i], sizeof(text[i]), "%s%u.%0*ue%d", seed >> 63 ? "-" : "",
				(unsigned)(seed >> 33) % 120, (int)(1 + (seed >> 20) % 3), (unsigned)(seed >> 40) % 100,
				(int)((seed >> 50) % 5) - 2);
		}
		double a = strtod(text[0], NULL);
		double b = strtod(text[1], NULL);
		if (compared(text[0], text[1]) != (a > b) - (a < b))
			fail_msg("%s %s", text[0], text[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(spellings_of_a_number_are_equal),
		cmocka_unit_test(numbers_beyond_a_double_differ),
		cmocka_unit_test(only_json_numbers_are_read),
		cmocka_unit_test(small_numbers_are_ordered_as_doubles),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
