#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "once.h"
#include "query_store.h"
#include "tally.h"

static struct query_store fixture;

static int open_store(void **state)
{
	(void)state;
	query_store_open(&fixture);
	return 0;
}

static int close_store(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

/* How many of the events count. */
static uint64_t counted(void)
{
	struct once *once = NULL;
	struct tally *tally = NULL;
	struct error error = {0};
	struct coverage coverage = {0};
	struct tally_spec spec = {.key_count = 0};
	struct scan scan = scan_all(fixture.reader);
	scan.coverage = &coverage;
	assert_int_equal(once_build(&scan, &once, &error), STATUS_OK);
	assert_true(once_is_whole(once));
	spec.once = once;
	assert_int_equal(tally_scan(&scan, &spec, &tally, &error), STATUS_OK);
	tally_destroy(&tally);
	once_destroy(&once);
	return coverage.events;
}

#define ADD(role, ...)                                                                                                 \
	query_store_add(&fixture, "observer.role", role, "action", "tools/call", "target.name", "t", __VA_ARGS__, NULL)

static void the_report_nearest_to_the_server_counts(void **state)
{
	(void)state;
	ADD("client", "trace_id", "t1", "span_id", "a");
	ADD("gateway", "trace_id", "t1", "span_id", "b", "parent_span_id", "a");
	ADD("server", "trace_id", "t1", "span_id", "c", "parent_span_id", "b");
	query_store_commit(&fixture, true);
	assert_int_equal(counted(), 1);
	ADD("client", "session_id", "s", "request_id", "1");
	ADD("server", "session_id", "s", "request_id", "1");
	query_store_commit(&fixture, false); /* another part of the store */
	assert_int_equal(counted(), 2);
}

static void what_is_not_the_same_call_counts(void **state)
{
	(void)state;
	ADD("client", "trace_id", "t1", "span_id", "a");
	ADD("server", "trace_id", "t2", "span_id", "b", "parent_span_id", "a");                    /* another trace */
	ADD("server", "trace_id", "t1", "span_id", "c", "parent_span_id", "d");                    /* another caller */
	ADD("server", "trace_id", "t1", "span_id", "e", "parent_span_id", "a", "tenant", "other"); /* another tenant */
	ADD("client", "session_id", "s", "request_id", "1");
	ADD("client", "session_id", "s", "request_id", "1"); /* as near as the other */
	ADD("server", "session_id", "s", "request_id", "2");
	ADD("server", "session_id", "s2", "request_id", "1");
	query_store_commit(&fixture, true);
	assert_int_equal(counted(), 8);
}

static void a_tool_that_calls_a_tool_is_two_calls(void **state)
{
	(void)state;
	ADD("server", "trace_id", "t", "span_id", "outer");
	ADD("client", "trace_id", "t", "span_id", "inner", "parent_span_id", "outer");
	ADD("server", "trace_id", "t", "span_id", "served", "parent_span_id", "inner");
	query_store_commit(&fixture, true);
	assert_int_equal(counted(), 2);
}

static void only_a_start_without_an_end_counts(void **state)
{
	(void)state;
	ADD("server", "stage", "start", "id", "1");
	ADD("server", "stage", "end", "id", "1");
	ADD("server", "stage", "start", "id", "2");
	ADD("server", "stage", "end", "id", "2", "tenant", "other");
	query_store_commit(&fixture, true);
	assert_int_equal(counted(), 3);
}

static void other_kinds_are_left_alone(void **state)
{
	(void)state;
	query_store_add(
		&fixture, "kind", "auth", "observer.role", "client", "session_id", "s", "request_id", "1", NULL);
	query_store_add(
		&fixture, "kind", "auth", "observer.role", "server", "session_id", "s", "request_id", "1", NULL);
	query_store_commit(&fixture, true);
	assert_int_equal(counted(), 2);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
	const struct CMUnitTest tests[] = {
		TEST(the_report_nearest_to_the_server_counts),
		TEST(what_is_not_the_same_call_counts),
		TEST(a_tool_that_calls_a_tool_is_two_calls),
		TEST(only_a_start_without_an_end_counts),
		TEST(other_kinds_are_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
