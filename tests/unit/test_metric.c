#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <cmocka.h>

#include "metric.h"

static struct metric_registry *registry;

static int make_registry(void **state)
{
	(void)state;
	return metric_registry_create(&registry, 100) == STATUS_OK ? 0 : -1;
}

static int drop_registry(void **state)
{
	(void)state;
	metric_registry_destroy(&registry);
	return 0;
}

static void assert_exposed(const char *wanted)
{
	struct buf out;
	buf_init(&out, 1 << 20);
	metric_expose(registry, &out);
	assert_int_equal(buf_status(&out), STATUS_OK);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at, wanted);
	buf_finish(&out);
}

static const char *const tool_label[] = {"tool", "verdict"};

static struct metric_family *add_calls(void)
{
	static const struct metric_info info = {
		.type = METRIC_COUNTER,
		.name = "calls_total",
		.help = "Calls.",
		.labels = tool_label,
		.label_count = 2,
	};
	return metric_family_add(registry, &info);
}

static void counters_are_exposed_sorted_under_one_header(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	metric_add(metric_series_get(calls, (struct text[]){TEXT("write"), TEXT("ok")}), 2);
	metric_add(metric_series_get(calls, (struct text[]){TEXT("read"), TEXT("ok")}), 1);
	metric_add(metric_series_get(calls, (struct text[]){TEXT("read"), TEXT("denied")}), 4);
	metric_add(metric_series_get(calls, (struct text[]){TEXT("read"), TEXT("ok")}), 10);
	assert_exposed("# HELP calls_total Calls.\n# TYPE calls_total counter\n"
		       "calls_total{tool=\"read\",verdict=\"denied\"} 4\n"
		       "calls_total{tool=\"read\",verdict=\"ok\"} 11\n"
		       "calls_total{tool=\"write\",verdict=\"ok\"} 2\n");
}

static void an_empty_label_value_is_not_exposed(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	metric_add(metric_series_get(calls, (struct text[]){{NULL, 0}, TEXT("ok")}), 1);
	metric_add(metric_series_get(calls, (struct text[]){{NULL, 0}, {NULL, 0}}), 5);
	assert_exposed("# HELP calls_total Calls.\n# TYPE calls_total counter\n"
		       "calls_total 5\n"
		       "calls_total{verdict=\"ok\"} 1\n");
}

static void families_without_series_are_not_exposed(void **state)
{
	(void)state;
	(void)add_calls();
	assert_exposed("");
}

static void hostile_help_and_label_values_are_escaped(void **state)
{
	(void)state;
	static const struct metric_info family_info = {
		.type = METRIC_COUNTER,
		.name = "x_total",
		.help = "A \"quoted\"\nback\\slash",
		.labels = tool_label,
		.label_count = 1,
	};
	struct metric_family *family = metric_family_add(registry, &family_info);
	metric_add(metric_series_get(family, (struct text[]){TEXT("a\"b\\c\nd")}), 1);
	assert_exposed("# HELP x_total A \"quoted\"\\nback\\\\slash\n# TYPE x_total counter\n"
		       "x_total{tool=\"a\\\"b\\\\c\\nd\"} 1\n");
}

/* Overlong forms, surrogates, cut sequences, values past U+10FFFF; each bad byte is replaced, what is sound is kept. */
static void invalid_utf8_is_replaced_and_shares_one_series(void **state)
{
	(void)state;
	static const struct metric_info family_info = {
		.type = METRIC_COUNTER,
		.name = "x_total",
		.help = "X.",
		.labels = tool_label,
		.label_count = 1,
	};
	struct metric_family *family = metric_family_add(registry, &family_info);
	metric_add(metric_series_get(family, (struct text[]){TEXT("a\xff\xc3\xa9")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("a\xfe\xc3\xa9")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("b\xc0\xaf")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("c\xed\xa0\x80")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("d\xf4\x90\x80\x80")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("e\xe2\x82")}), 1);
	metric_add(metric_series_get(family, (struct text[]){TEXT("f\xf0\x9f\x98\x80")}), 1);
#define BAD "\xef\xbf\xbd"
	assert_exposed("# HELP x_total X.\n# TYPE x_total counter\n"
		       "x_total{tool=\"a" BAD "\xc3\xa9\"} 2\n"
		       "x_total{tool=\"b" BAD BAD "\"} 1\n"
		       "x_total{tool=\"c" BAD BAD BAD "\"} 1\n"
		       "x_total{tool=\"d" BAD BAD BAD BAD "\"} 1\n"
		       "x_total{tool=\"e" BAD BAD "\"} 1\n"
		       "x_total{tool=\"f\xf0\x9f\x98\x80\"} 1\n");
}

static void label_values_with_shared_bytes_are_different_series(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	metric_add(metric_series_get(calls, (struct text[]){TEXT("ab"), TEXT("c")}), 1);
	metric_add(metric_series_get(calls, (struct text[]){TEXT("a"), TEXT("bc")}), 2);
	assert_int_equal(metric_count(metric_series_get(calls, (struct text[]){TEXT("ab"), TEXT("c")})), 1);
	assert_int_equal(metric_count(metric_series_get(calls, (struct text[]){TEXT("a"), TEXT("bc")})), 2);
}

static void histogram_buckets_are_cumulative_and_inclusive(void **state)
{
	(void)state;
	static const double bounds[] = {0.01, 0.5, 10};
	static const struct metric_info family_info = {
		.type = METRIC_HISTOGRAM,
		.name = "d_seconds",
		.help = "D.",
		.bounds = bounds,
		.bound_count = 3,
	};
	struct metric_family *family = metric_family_add(registry, &family_info);
	struct metric_series *series = metric_series_get(family, NULL);
	metric_observe(series, 10000000);
	metric_observe(series, 10000001);
	metric_observe(series, 2000000000);
	metric_observe(series, 11000000000);
	metric_observe(series, -5);
	assert_exposed("# HELP d_seconds D.\n# TYPE d_seconds histogram\n"
		       "d_seconds_bucket{le=\"0.01\"} 2\n"
		       "d_seconds_bucket{le=\"0.5\"} 3\n"
		       "d_seconds_bucket{le=\"10\"} 4\n"
		       "d_seconds_bucket{le=\"+Inf\"} 5\n"
		       "d_seconds_sum 13.020000001\n"
		       "d_seconds_count 5\n");
}

static void a_hostile_duration_does_not_wrap_the_sum(void **state)
{
	(void)state;
	static const double bounds[] = {1};
	static const struct metric_info family_info = {
		.type = METRIC_HISTOGRAM,
		.name = "d_seconds",
		.help = "D.",
		.bounds = bounds,
		.bound_count = 1,
	};
	struct metric_family *family = metric_family_add(registry, &family_info);
	for (int i = 0; i < 3; i++)
		metric_observe(metric_series_get(family, NULL), INT64_MAX);
	struct buf out;
	buf_init(&out, 4096);
	metric_expose(registry, &out);
	buf_put_byte(&out, 0);
	assert_non_null(strstr(out.at, "d_seconds_sum 27670116110.5"));
	buf_finish(&out);
}

static double forty_two(void *context)
{
	return *(int *)context;
}

static void gauges_show_what_was_set_or_is_computed(void **state)
{
	(void)state;
	static int answer = 42;
	static const struct metric_info family_info = {
		.type = METRIC_GAUGE,
		.name = "g",
		.help = "G.",
		.labels = tool_label,
		.label_count = 1,
	};
	struct metric_family *family = metric_family_add(registry, &family_info);
	metric_set(metric_series_get(family, (struct text[]){TEXT("a")}), 0.1);
	metric_set(metric_series_get(family, (struct text[]){TEXT("b")}), 1e300 * 1e300);
	metric_series_compute(metric_series_get(family, (struct text[]){TEXT("c")}), forty_two, &answer);
	metric_set(metric_series_get(family, (struct text[]){TEXT("d")}), -3);
	assert_exposed("# HELP g G.\n# TYPE g gauge\n"
		       "g{tool=\"a\"} 0.1\ng{tool=\"b\"} +Inf\ng{tool=\"c\"} 42\ng{tool=\"d\"} -3\n");
}

static void label_sets_beyond_the_limit_share_the_overflow_series(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	uint64_t total = 0;
	for (unsigned i = 0; i < 10000; i++) {
		char tool[16];
		(void)snprintf(tool, sizeof(tool), "tool-%u", i);
		metric_add(metric_series_get(calls, (struct text[]){text_of(tool), TEXT("ok")}), 1);
	}
	struct buf out;
	buf_init(&out, 1 << 20);
	metric_expose(registry, &out);
	buf_put_byte(&out, 0);
	assert_non_null(strstr(out.at, "calls_total{otel_metric_overflow=\"true\"} 9900\n"));
	for (const char *line = strstr(out.at, "\ncalls_total"); line; line = strstr(line + 1, "\ncalls_total"))
		total += strtoull(strstr(line, "} ") + 2, NULL, 10);
	assert_int_equal(total, 10000);
	assert_int_equal(metric_count(metric_series_get(calls, (struct text[]){TEXT("tool-7"), TEXT("ok")})), 1);
	buf_finish(&out);
}

static void *add_many(void *context)
{
	struct metric_family *calls = context;
	for (unsigned i = 0; i < 20000; i++) {
		char tool[16];
		(void)snprintf(tool, sizeof(tool), "tool-%u", i % 50);
		metric_add(metric_series_get(calls, (struct text[]){text_of(tool), TEXT("ok")}), 1);
	}
	return NULL;
}

static void threads_lose_no_count(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, add_many, calls), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(metric_count(metric_series_get(calls, (struct text[]){TEXT("tool-49"), TEXT("ok")})), 1600);
}

static void a_small_buffer_fails_instead_of_showing_half(void **state)
{
	(void)state;
	metric_add(metric_series_get(add_calls(), (struct text[]){TEXT("a"), TEXT("ok")}), 1);
	struct buf out;
	buf_init(&out, 40);
	metric_expose(registry, &out);
	assert_int_equal(buf_status(&out), STATUS_LIMIT);
	buf_finish(&out);
}

#define METRIC_TEST(name) cmocka_unit_test_setup_teardown(name, make_registry, drop_registry)

int main(void)
{
	const struct CMUnitTest tests[] = {
		METRIC_TEST(counters_are_exposed_sorted_under_one_header),
		METRIC_TEST(an_empty_label_value_is_not_exposed),
		METRIC_TEST(families_without_series_are_not_exposed),
		METRIC_TEST(hostile_help_and_label_values_are_escaped),
		METRIC_TEST(invalid_utf8_is_replaced_and_shares_one_series),
		METRIC_TEST(label_values_with_shared_bytes_are_different_series),
		METRIC_TEST(histogram_buckets_are_cumulative_and_inclusive),
		METRIC_TEST(a_hostile_duration_does_not_wrap_the_sum),
		METRIC_TEST(gauges_show_what_was_set_or_is_computed),
		METRIC_TEST(label_sets_beyond_the_limit_share_the_overflow_series),
		METRIC_TEST(threads_lose_no_count),
		METRIC_TEST(a_small_buffer_fails_instead_of_showing_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
