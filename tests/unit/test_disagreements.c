#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "disagreements.h"
#include "query_store.h"
#include "timestamp.h"

/*
 * Calls that a client and a server report, received as they happen, over two days.  Windows are whole multiples of ten
 * minutes, from the first receipt on or from the last one back: each border lies between the two reports of some call.
 * Each third call is told differently.
 */
enum { CALLS = 300 };

static struct query_store fixture;

static void add_report(int call, const char *role, int64_t at, const char *verdict)
{
	char id[24];
	char time[24];
	(void)snprintf(id, sizeof(id), "%d", call);
	(void)snprintf(time, sizeof(time), "%lld", (long long)at);
	query_store_add(&fixture, "session_id", "s", "request_id", id, "observer.role", role, "action", "tools/call",
		"server.name", call % 2 ? "odd" : "even", "target.name", id, "time", time, "duration_ns", "1000000",
		"verdict", verdict, NULL);
	fixture.recv_time = at + NS_PER_MS;
	query_store_commit(&fixture, false);
}

static int set_up(void **state)
{
	(void)state;
	query_store_open(&fixture);
	int64_t start = fixture.recv_time;
	for (int call = 0; call < CALLS; call++) {
		int64_t border = start + call * INT64_C(600) * NS_PER_S;
		int64_t before = call == 0 ? 0 : call == CALLS - 1 ? 3 : 25;
		int64_t behind = call == CALLS - 1 ? -1 : 20;
		add_report(call, "client", border - before * NS_PER_S, call % 3 ? "ok" : "timeout");
		add_report(call, "server", border + behind * NS_PER_S, "ok");
		if (call % 100 == 99)
			query_store_seal(&fixture);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

/* The numbers of the calls that are listed, as "3 6 9". */
static const char *listed(const struct scan *scan, uint64_t limit, bool *more)
{
	static char numbers[8192];
	size_t len = 0;
	struct coverage coverage = {0};
	struct error error = {0};
	numbers[0] = 0;
	if (disagreements_put(scan, limit, OUTPUT_NDJSON, &fixture.out, &coverage, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	*more = coverage.more;
	const char *text = query_store_written(&fixture);
	for (const char *line = strstr(text, "\"what\":\""); line; line = strstr(line + 1, "\"what\":\""))
		len += (size_t)snprintf(
			numbers + len, sizeof(numbers) - len, "%s%ld", len ? " " : "", strtol(line + 8, NULL, 10));
	return numbers;
}

/* What listed should give for every step-th call from first on. */
static const char *wanted(int first, int step)
{
	static char numbers[8192];
	size_t len = 0;
	numbers[0] = 0;
	for (int call = first; call < CALLS; call += step)
		len += (size_t)snprintf(numbers + len, sizeof(numbers) - len, "%s%d", len ? " " : "", call);
	return numbers;
}

static void each_is_told_once_wherever_the_windows_end(void **state)
{
	(void)state;
	bool more = true;
	struct scan scan = scan_all(fixture.reader);
	assert_string_equal(listed(&scan, 0, &more), wanted(0, 3));
	assert_false(more);
	assert_string_equal(listed(&scan, 10000, &more), wanted(0, 3));
	assert_false(more);
}

static void the_newest_are_told_and_that_there_are_more(void **state)
{
	(void)state;
	bool more = false;
	struct scan scan = scan_all(fixture.reader);
	assert_string_equal(listed(&scan, 4, &more), wanted(CALLS - 12, 3));
	assert_true(more);
}

static void a_search_chooses_the_calls(void **state)
{
	(void)state;
	bool more = false;
	struct filter filter;
	struct scan scan = scan_all(fixture.reader);
	assert_int_equal(filter_parse(TEXT("server:odd"), 0, &fixture.arena, &filter, NULL), STATUS_OK);
	scan.filter = &filter;
	assert_string_equal(listed(&scan, 0, &more), wanted(3, 6));
	scan.tenants = &(struct text){"other", 5};
	scan.tenant_count = 1;
	assert_string_equal(listed(&scan, 0, &more), "");
}

static void a_range_means_the_time_of_the_calls(void **state)
{
	(void)state;
	bool more = false;
	struct scan scan = scan_all(fixture.reader);
	scan.since = fixture.recv_time - NS_PER_S;
	const char *last = listed(&scan, 0, &more);
	assert_true(strlen(last) < 16);
	scan.until = scan.since;
	scan.since = INT64_MIN;
	const char *before = listed(&scan, 0, &more);
	assert_memory_equal(before, "0 3 6 9 ", 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_told_once_wherever_the_windows_end),
		cmocka_unit_test(the_newest_are_told_and_that_there_are_more),
		cmocka_unit_test(a_search_chooses_the_calls),
		cmocka_unit_test(a_range_means_the_time_of_the_calls),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
