#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "timestamp.h"

static int64_t parsed(const char *text)
{
	int64_t ns = 0;
	assert_int_equal(timestamp_parse(text_of(text), &ns), STATUS_OK);
	return ns;
}

static void assert_formats(int64_t ns, const char *wanted)
{
	char text[TIMESTAMP_TEXT_BYTES];
	assert_int_equal(timestamp_format(ns, text), strlen(wanted));
	assert_string_equal(text, wanted);
}

static void test_parse_reads_rfc3339(void **state)
{
	(void)state;
	assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
	assert_int_equal(parsed("2026-11-20T10:00:00.123456789Z"), INT64_C(1795168800123456789));
	assert_int_equal(parsed("2026-11-20t12:00:00.5+02:00"), INT64_C(1795168800500000000));
	assert_int_equal(parsed("2026-11-20 04:30:00-05:30"), INT64_C(1795168800000000000));
	assert_int_equal(parsed("1969-12-31T23:59:59.75Z"), -250000000);
	assert_int_equal(parsed("2000-02-29T00:00:00z"), INT64_C(951782400) * NS_PER_S);
}

static void test_parse_cuts_digits_beyond_ns(void **state)
{
	(void)state;
	assert_int_equal(parsed("1970-01-01T00:00:00.1234567899999Z"), 123456789);
}

static void test_parse_reads_leap_second_as_the_last_ns(void **state)
{
	(void)state;
	assert_int_equal(parsed("2016-12-31T23:59:60Z") + 1, parsed("2017-01-01T00:00:00Z"));
}

static void test_parse_refuses(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "2026", "2026-11-20", "2026-11-20T10:00Z", "2026-11-20T10:00:00",
		"2026-11-20T10:00:00.Z", "2026-11-20T24:00:00Z", "2026-11-20T10:60:00Z", "2026-11-20T10:00:61Z",
		"2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-20T10:00:00+24:00",
		"2026-11-20T10:00:00+0200", "2026-11-20T10:00:00Zx", "+026-11-20T10:00:00Z", " 2026-11-20T10:00:00Z"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns = 42;
		assert_int_equal(timestamp_parse(text_of(bad[i]), &ns), STATUS_INVALID);
		assert_int_equal(ns, 42);
	}
}

static void test_parse_tells_a_time_that_does_not_fit(void **state)
{
	(void)state;
	int64_t ns = 42;
	assert_int_equal(timestamp_parse(TEXT("2262-04-11T23:47:17Z"), &ns), STATUS_LIMIT);
	assert_int_equal(timestamp_parse(TEXT("0001-01-01T00:00:00Z"), &ns), STATUS_LIMIT);
	assert_int_equal(ns, 42);
}

static void test_format_shortens_the_fraction(void **state)
{
	(void)state;
	assert_formats(0, "1970-01-01T00:00:00Z");
	assert_formats(INT64_C(1795168800120000000), "2026-11-20T10:00:00.120Z");
	assert_formats(INT64_C(1795168800120001000), "2026-11-20T10:00:00.120001Z");
	assert_formats(INT64_C(1795168800120001001), "2026-11-20T10:00:00.120001001Z");
	assert_formats(-1, "1969-12-31T23:59:59.999999999Z");
	assert_formats(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
	assert_formats(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
}

static void test_format_and_parse_are_inverse(void **state)
{
	(void)state;
	uint64_t seed = (uint64_t)timestamp_now();
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 20000; i++) {
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		char text[TIMESTAMP_TEXT_BYTES];
		(void)timestamp_format((int64_t)seed, text);
		if (text[0] >= '0')
			assert_int_equal(parsed(text), (int64_t)seed);
	}
}

static void test_format_table_knows_zones(void **state)
{
	(void)state;
	char text[TIMESTAMP_TEXT_BYTES];
	assert_int_equal(timestamp_format_table(INT64_C(1795168800123456789), true, text), 23);
	assert_string_equal(text, "2026-11-20 10:00:00.123");
	(void)timestamp_format_table(INT64_C(1795168800123456789), false, text);
	assert_string_equal(text, "2026-11-20 15:30:00.123");
}

static int64_t human(const char *text, int64_t now_ns)
{
	int64_t ns = 0;
	assert_int_equal(timestamp_parse_human(text_of(text), now_ns, &ns), STATUS_OK);
	return ns;
}

static void test_human_times_count_from_now_or_are_local(void **state)
{
	(void)state;
	int64_t now = parsed("2026-11-20T10:00:00Z"); /* 15:30 in the test's zone */
	assert_int_equal(human("now", now), now);
	assert_int_equal(human("2h", now), now - 7200 * NS_PER_S);
	assert_int_equal(human("7d", now), now - 7 * NS_PER_DAY);
	assert_int_equal(human("today", now), parsed("2026-11-20T00:00:00+05:30"));
	assert_int_equal(human("yesterday", now), parsed("2026-11-19T00:00:00+05:30"));
	assert_int_equal(human("2026-11-01", now), parsed("2026-11-01T00:00:00+05:30"));
	assert_int_equal(human("2026-11-01T09:30", now), parsed("2026-11-01T09:30:00+05:30"));
	assert_int_equal(human("2026-11-01 09:30:05.5", now), parsed("2026-11-01T09:30:05.5+05:30"));
	assert_int_equal(human("2026-11-01T09:30:00Z", now), parsed("2026-11-01T09:30:00Z"));
	int64_t ns = 0;
	assert_int_equal(timestamp_parse_human(TEXT("last week"), now, &ns), STATUS_INVALID);
	assert_int_equal(timestamp_parse_human(TEXT("2026-11-01T9"), now, &ns), STATUS_INVALID);
	assert_int_equal(timestamp_parse_human(TEXT(""), now, &ns), STATUS_INVALID);
}

static void test_durations_are_read_exactly(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ns;
	} good[] = {{"250ms", 250 * NS_PER_MS}, {"1.5s", 1500 * NS_PER_MS}, {"2m", 120 * NS_PER_S}, {"0s", 0},
		{"3h", 10800 * NS_PER_S}, {"8d", 8 * NS_PER_DAY}, {"1w", 7 * NS_PER_DAY}, {"1h30m", 5400 * NS_PER_S},
		{"5us", 5000}, {"5µs", 5000}, {"7ns", 7}, {"0.000000001s", 1}, {"36500d", 36500 * NS_PER_DAY}};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int64_t ns = -1;
		assert_int_equal(duration_parse(text_of(good[i].text), &ns), STATUS_OK);
		assert_int_equal(ns, good[i].ns);
	}
	static const char *const bad[] = {"", "5", "s", "1.s", ".5s", "-1s", "1 s", "1sx", "1h30", "5S"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns = 42;
		assert_int_equal(duration_parse(text_of(bad[i]), &ns), STATUS_INVALID);
		assert_int_equal(ns, 42);
	}
	int64_t ns = 42;
	assert_int_equal(duration_parse(TEXT("999999999999999999999d"), &ns), STATUS_LIMIT);
	assert_int_equal(duration_parse(TEXT("106752d"), &ns), STATUS_LIMIT);
	assert_int_equal(duration_parse(TEXT("106751d23h59m59s"), &ns), STATUS_LIMIT);
	assert_int_equal(ns, 42);
}

static void test_durations_are_shown_with_three_digits(void **state)
{
	(void)state;
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {{0, "0 ns"}, {999, "999 ns"}, {1000, "1 µs"}, {412345, "412 µs"}, {999499, "999 µs"},
		{999500, "1 ms"}, {20268000, "20.3 ms"}, {20000000, "20 ms"}, {1520 * NS_PER_MS, "1.52 s"},
		{59 * NS_PER_S, "59 s"}, {INT64_C(59999999999), "1 min"}, {123 * NS_PER_S, "2 min 3 s"},
		{120 * NS_PER_S, "2 min"}, {3599 * NS_PER_S, "59 min 59 s"}, {3600 * NS_PER_S, "1 h"},
		{7500 * NS_PER_S, "2 h 5 min"}, {8 * NS_PER_DAY + 7200 * NS_PER_S, "8 d 2 h"}, {-20268000, "-20.3 ms"},
		{INT64_MIN, "-106752 d"}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TIMESTAMP_TEXT_BYTES];
		assert_int_equal(duration_format(cases[i].ns, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

int main(void)
{
	setenv("TZ", "<+0530>-5:30", 1);
	tzset();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_reads_rfc3339),
		cmocka_unit_test(test_parse_cuts_digits_beyond_ns),
		cmocka_unit_test(test_parse_reads_leap_second_as_the_last_ns),
		cmocka_unit_test(test_parse_refuses),
		cmocka_unit_test(test_parse_tells_a_time_that_does_not_fit),
		cmocka_unit_test(test_format_shortens_the_fraction),
		cmocka_unit_test(test_format_and_parse_are_inverse),
		cmocka_unit_test(test_format_table_knows_zones),
		cmocka_unit_test(test_human_times_count_from_now_or_are_local),
		cmocka_unit_test(test_durations_are_read_exactly),
		cmocka_unit_test(test_durations_are_shown_with_three_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
