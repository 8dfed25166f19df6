#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* To be freed. */
static char *expose(enum metric_format format)
{
	struct buf out;
	buf_init(&out, 1 << 24);
	metric_expose(registry, format, &out);
	buf_put_byte(&out, 0);
	assert_int_equal(buf_status(&out), STATUS_OK);
	return out.at;
}

static void assert_exposed_as(enum metric_format format, const char *wanted)
{
	char *text = expose(format);
	assert_string_equal(text, wanted);
	free(text);
}

static void assert_exposed(const char *wanted)
{
	assert_exposed_as(METRIC_TEXT, wanted);
}

static void assert_shows(const char *wanted, bool is_wanted)
{
	char *text = expose(METRIC_TEXT);
	if ((strstr(text, wanted) != NULL) != is_wanted)
		print_error("%s\n", text);
	assert_int_equal(strstr(text, wanted) != NULL, is_wanted);
	free(text);
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
	metric_expose(registry, METRIC_TEXT, &out);
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

static struct metric_family *add_calls_from_events(void)
{
	static const struct metric_info info = {
		.type = METRIC_COUNTER,
		.name = "calls_total",
		.help = "Calls.",
		.labels = tool_label,
		.label_count = 2,
		.from_events = true,
		.has_exemplars = true,
	};
	return metric_family_add(registry, &info);
}

static struct metric_series *tool_series(struct metric_family *family, uint64_t owner, unsigned number)
{
	char tool[16];
	(void)snprintf(tool, sizeof(tool), "tool-%u", number);
	return metric_series_get_for(family, owner, (struct text[]){text_of(tool), TEXT("ok")});
}

static void label_sets_beyond_the_limit_share_the_overflow_series(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	uint64_t total = 0;
	for (unsigned i = 0; i < 10000; i++)
		metric_add(tool_series(calls, 0, i % 5000), 1);
	char *text = expose(METRIC_TEXT);
	assert_non_null(strstr(text, "calls_total{otel_metric_overflow=\"true\"} 9800\n"));
	for (const char *line = strstr(text, "\ncalls_total"); line; line = strstr(line + 1, "\ncalls_total"))
		total += strtoull(strstr(line, "} ") + 2, NULL, 10);
	assert_int_equal(total, 10000);
	assert_int_equal(metric_count(tool_series(calls, 0, 7)), 2);
	assert_non_null(strstr(text, "mcpledger_metric_label_sets{family=\"calls_total\"} 100\n"));
	/* 4900 had no place: more than are told apart. */
	assert_non_null(strstr(text, "mcpledger_metric_label_sets_overflowed{family=\"calls_total\"} 4096\n"));
	free(text);
}

static void overflowed_label_sets_count_once(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	for (unsigned i = 0; i < 1000; i++)
		metric_add(tool_series(calls, 0, i % 137), 1);
	assert_shows("mcpledger_metric_label_sets_overflowed{family=\"calls_total\"} 37\n", true);
}

static void one_owner_leaves_places_for_others(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	struct metric_series *known = tool_series(calls, 1, 1000000);
	for (unsigned i = 0; i < 10000; i++)
		metric_add(tool_series(calls, 2, i), 1);
	assert_shows(
		"mcpledger_metric_label_sets{family=\"calls_total\"} 51\n", true); /* 50 of the 99 that were free */
	assert_ptr_equal(tool_series(calls, 1, 1000000), known);
	for (unsigned i = 0; i < 10; i++) {
		metric_add(tool_series(calls, 1, 2000000 + i), 1);
		assert_int_equal(metric_count(tool_series(calls, 1, 2000000 + i)), 1);
	}
	/* A third one finds places too, but no more than are left then. */
	for (unsigned i = 0; i < 10000; i++)
		metric_add(tool_series(calls, 3, 3000000 + i), 1);
	assert_shows("mcpledger_metric_label_sets{family=\"calls_total\"} 81\n", true);
	assert_shows("tool=\"tool-3000019\"", true);
	assert_shows("tool=\"tool-3000020\"", false);
}

static void families_of_our_own_have_no_limit(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls();
	for (unsigned i = 0; i < 500; i++)
		metric_add(tool_series(calls, 0, i), 1);
	assert_shows("tool-499", true);
	assert_shows("overflow", false);
}

static void long_label_values_are_cut_and_weigh_more(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	char name[2][2000];
	/* Two bytes each, so that the cut at 253 falls into one. */
	for (size_t i = 0; i < sizeof(name[0]); i++)
		name[0][i] = name[1][i] = (char)(i % 2 ? 0xa4 : 0xc3);
	name[1][1000] = name[1][1001] = 'x';
	for (size_t i = 0; i < 2; i++)
		metric_add(metric_series_get(calls, (struct text[]){{name[i], sizeof(name[i])}, TEXT("ok")}), 1);
	char *text = expose(METRIC_TEXT);
	const char *at = strstr(text, "tool=\"");
	assert_non_null(at);
	assert_int_equal(strcspn(at + 6, "\""), 252 + 3);
	assert_memory_equal(at + 6 + 250, "\xc3\xa4\xe2\x80\xa6\",verdict=\"ok\"} 2\n", 8);
	free(text);
	/* Bytes that are no UTF-8 grow when they are replaced, and are cut then. */
	memset(name[0], 0xff, 200);
	metric_add(metric_series_get(calls, (struct text[]){{name[0], 200}, {name[0], 200}}), 1);
	text = expose(METRIC_TEXT);
	assert_non_null(strstr(text, "\xef\xbf\xbd\xe2\x80\xa6\",verdict="));
	free(text);
	/* 506 bytes of labels are within one place, 2 * 256 are not. */
	memset(name[0], 'a', sizeof(name[0]));
	for (unsigned i = 0; i < 1000; i++) {
		(void)snprintf(name[1], sizeof(name[1]), "%0256u", i);
		metric_add(metric_series_get(calls, (struct text[]){{name[1], 256}, {name[0], 256}}), 1);
	}
	assert_shows("mcpledger_metric_label_sets{family=\"calls_total\"} 51\n", true);
}

/* --- series that come and go --- */

static void a_series_goes_when_nobody_holds_it_any_more(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	struct text values[] = {TEXT("a"), TEXT("ok")};
	struct metric_series *series = metric_series_hold(calls, 5, values);
	assert_ptr_equal(metric_series_hold(calls, 5, values), series);
	metric_add(series, 3);
	metric_series_release(series, 100);
	metric_family_expire(calls, 1000);
	assert_shows("calls_total{tool=\"a\",verdict=\"ok\"} 3\n", true);
	metric_series_release(series, 200);
	metric_family_expire(calls, 200);
	assert_shows("tool=\"a\"", true);
	metric_family_expire(calls, 201);
	assert_shows("tool=\"a\"", false);
	assert_int_equal(metric_count(metric_series_hold(calls, 5, values)), 0);
}

static void dropped_series_give_their_places_back(void **state)
{
	(void)state;
	struct metric_family *calls = add_calls_from_events();
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 50; i++) {
			char tool[16];
			(void)snprintf(tool, sizeof(tool), "%u-%u", round, i);
			metric_series_release(
				metric_series_hold(calls, 9, (struct text[]){text_of(tool), TEXT("ok")}), round);
		}
		assert_shows("mcpledger_metric_label_sets{family=\"calls_total\"} 50\n", true);
		metric_family_expire(calls, round + 1);
	}
	assert_shows("{otel_metric_overflow", false);
}

/* --- OpenMetrics --- */

static const struct metric_exemplar trace = {
	{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
	1700000000123456789};
#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static void openmetrics_names_families_without_suffix_and_ends_with_eof(void **state)
{
	(void)state;
	static const struct metric_info infos[] = {
		{.type = METRIC_COUNTER, .name = "cpu_seconds_total", .help = "A \"quoted\"\nback\\slash"},
		{.type = METRIC_INFO, .name = "x_build_info", .help = "B.", .labels = tool_label, .label_count = 1},
		{.type = METRIC_GAUGE, .name = "rss_bytes", .help = "R."},
		{.type = METRIC_GAUGE, .name = "seconds", .help = "S."},
	};
	metric_add(metric_series_get(metric_family_add(registry, &infos[0]), NULL), 3);
	metric_set(metric_series_get(metric_family_add(registry, &infos[1]), &TEXT("1.0")), 1);
	metric_set(metric_series_get(metric_family_add(registry, &infos[2]), NULL), 4096);
	metric_set(metric_series_get(metric_family_add(registry, &infos[3]), NULL), 1e21);
	assert_exposed_as(METRIC_OPENMETRICS,
		"# HELP cpu_seconds A \\\"quoted\\\"\\nback\\\\slash\n# TYPE cpu_seconds counter\n# UNIT cpu_seconds "
		"seconds\n"
		"cpu_seconds_total 3\n"
		"# HELP x_build B.\n# TYPE x_build info\nx_build_info{tool=\"1.0\"} 1\n"
		"# HELP rss_bytes R.\n# TYPE rss_bytes gauge\n# UNIT rss_bytes bytes\nrss_bytes 4096\n"
		"# HELP seconds S.\n# TYPE seconds gauge\nseconds 1e+21\n"
		"# EOF\n");
	assert_shows("# TYPE x_build_info gauge\n", true);
}

static void exemplars_stand_in_openmetrics_only(void **state)
{
	(void)state;
	static const double bounds[] = {0.01, 1};
	static const struct metric_info info = {
		.type = METRIC_HISTOGRAM,
		.name = "d_seconds",
		.help = "D.",
		.bounds = bounds,
		.bound_count = 2,
		.has_exemplars = true,
	};
	struct metric_series *series = metric_series_get(metric_family_add(registry, &info), NULL);
	struct metric_exemplar older = {{1}, 1};
	metric_observe_traced(series, 20000000, &older);
	metric_observe_traced(series, 30000000, &trace);
	metric_observe_traced(series, 40000000, NULL);
	metric_observe(series, 2000000000);
	assert_exposed_as(METRIC_OPENMETRICS,
		"# HELP d_seconds D.\n# TYPE d_seconds histogram\n# UNIT d_seconds seconds\n"
		"d_seconds_bucket{le=\"0.01\"} 0\n"
		"d_seconds_bucket{le=\"1.0\"} 3 # {trace_id=\"" TRACE "\"} 0.03 1700000000.123\n"
		"d_seconds_bucket{le=\"+Inf\"} 4\n"
		"d_seconds_sum 2.09\nd_seconds_count 4\n# EOF\n");
	assert_shows("trace_id", false);
	assert_shows("le=\"1\"", true);
}

static void a_counter_keeps_its_latest_exemplar(void **state)
{
	(void)state;
	struct metric_series *series = tool_series(add_calls_from_events(), 0, 1);
	struct metric_exemplar older = {{1}, 1};
	metric_add_traced(series, 1, &older);
	metric_add_traced(series, 2, &trace);
	metric_add_traced(series, 1, NULL);
	char *text = expose(METRIC_OPENMETRICS);
	assert_non_null(strstr(
		text, "calls_total{tool=\"tool-1\",verdict=\"ok\"} 4 # {trace_id=\"" TRACE "\"} 2 1700000000.123\n"));
	free(text);
}

static void a_tally_is_added_as_if_observed(void **state)
{
	(void)state;
	static const double bounds[] = {0.5, 10};
	static const struct metric_info info = {
		.type = METRIC_HISTOGRAM, .name = "d_seconds", .help = "D.", .bounds = bounds, .bound_count = 2};
	struct metric_series *series = metric_series_get(metric_family_add(registry, &info), NULL);
	struct metric_tally tally = {{0}, 0, false};
	metric_add_tally(series, &tally);
	metric_tally_observe(&tally, series, 500000000);
	metric_tally_observe(&tally, series, -1);
	metric_tally_observe(&tally, series, 11000000000);
	metric_observe(series, 2000000000);
	metric_add_tally(series, &tally);
	assert_exposed("# HELP d_seconds D.\n# TYPE d_seconds histogram\n"
		       "d_seconds_bucket{le=\"0.5\"} 2\nd_seconds_bucket{le=\"10\"} 3\n"
		       "d_seconds_bucket{le=\"+Inf\"} 4\nd_seconds_sum 13.5\nd_seconds_count 4\n");
}

/* --- threads --- */

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

struct race {
	struct metric_family *calls, *duration;
	_Atomic bool done;
};

static void *hold_and_release(void *context)
{
	struct race *race = context;
	for (unsigned i = 0; i < 3000; i++) {
		char tool[16];
		(void)snprintf(tool, sizeof(tool), "tool-%u", i % 40);
		struct metric_series *series =
			metric_series_hold(race->calls, 1, (struct text[]){text_of(tool), TEXT("ok")});
		/* All bytes of an exemplar are the same, so that a reader who got half of one would show. */
		struct metric_exemplar exemplar = {{0}, 0};
		memset(exemplar.trace_id, (int)(i % 255 + 1), sizeof(exemplar.trace_id));
		metric_add_traced(series, 1, &exemplar);
		metric_observe_traced(metric_series_get(race->duration, NULL), 1, &exemplar);
		metric_series_release(series, i);
		if (i % 10 == 0)
			metric_family_expire(race->calls, i);
	}
	return NULL;
}

static void assert_whole_exemplars(const char *text)
{
	for (const char *at = text; (at = strstr(at, "trace_id=\"")) != NULL; at++)
		for (size_t i = 2; i < 32; i++)
			assert_int_equal(at[10 + i], at[10 + i % 2]);
}

static void *scrape_on(void *context)
{
	struct race *race = context;
	while (!atomic_load(&race->done)) {
		char *text = expose(METRIC_OPENMETRICS);
		assert_whole_exemplars(text);
		free(text);
	}
	return NULL;
}

static void scrapes_see_whole_exemplars_while_series_come_and_go(void **state)
{
	(void)state;
	static const double bounds[] = {1};
	static const struct metric_info info = {
		.type = METRIC_HISTOGRAM,
		.name = "d_seconds",
		.help = "D.",
		.bounds = bounds,
		.bound_count = 1,
		.has_exemplars = true,
	};
	struct race race = {add_calls_from_events(), metric_family_add(registry, &info), false};
	pthread_t writers[2];
	pthread_t readers[2];
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, scrape_on, &race), 0);
		assert_int_equal(pthread_create(&writers[i], NULL, hold_and_release, &race), 0);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&race.done, true);
	for (int i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	char *text = expose(METRIC_OPENMETRICS);
	assert_non_null(strstr(text, "d_seconds_count 6000\n"));
	free(text);
}

static void a_small_buffer_fails_instead_of_showing_half(void **state)
{
	(void)state;
	metric_add(metric_series_get(add_calls(), (struct text[]){TEXT("a"), TEXT("ok")}), 1);
	struct buf out;
	buf_init(&out, 40);
	metric_expose(registry, METRIC_TEXT, &out);
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
		METRIC_TEST(overflowed_label_sets_count_once),
		METRIC_TEST(one_owner_leaves_places_for_others),
		METRIC_TEST(families_of_our_own_have_no_limit),
		METRIC_TEST(long_label_values_are_cut_and_weigh_more),
		METRIC_TEST(a_series_goes_when_nobody_holds_it_any_more),
		METRIC_TEST(dropped_series_give_their_places_back),
		METRIC_TEST(openmetrics_names_families_without_suffix_and_ends_with_eof),
		METRIC_TEST(exemplars_stand_in_openmetrics_only),
		METRIC_TEST(a_counter_keeps_its_latest_exemplar),
		METRIC_TEST(a_tally_is_added_as_if_observed),
		METRIC_TEST(threads_lose_no_count),
		METRIC_TEST(scrapes_see_whole_exemplars_while_series_come_and_go),
		METRIC_TEST(a_small_buffer_fails_instead_of_showing_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
