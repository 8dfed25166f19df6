#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "query_store.h"
#include "timeline.h"
#include "timestamp.h"

static struct query_store fixture;

static int set_up(void **state)
{
	(void)state;
	query_store_open(&fixture);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

/* 2026-11-20T10:00:00Z and so many milliseconds, as ns. */
static const char *at(int ms)
{
	static char texts[8][24];
	static unsigned next;
	char *text = texts[next++ % 8];
	(void)snprintf(text, sizeof(texts[0]), "%lld", (long long)(INT64_C(1795168800) * NS_PER_S + ms * NS_PER_MS));
	return text;
}

static const char *shown(const char *words, enum status wanted)
{
	struct timeline *timeline = NULL;
	struct error error = {0};
	struct scan scan = scan_all(fixture.reader);
	enum status status = timeline_build(&timeline, &scan, text_of(words), false, &error);
	if (status != wanted)
		fail_msg("%s: %s", words, error.text);
	if (timeline == NULL)
		return "";
	assert_int_equal(timeline_put_text(timeline, &fixture.out), STATUS_OK);
	timeline_destroy(&timeline);
	return query_store_written(&fixture);
}

static void assert_shown(const char *words, const char *wanted)
{
	const char *text = shown(words, STATUS_OK);
	if (strcmp(text, wanted) != 0) {
		print_message("--- shown\n%s--- wanted\n%s", text, wanted);
		fail_msg("%s is shown otherwise", words);
	}
}

static void add_session(void)
{
	query_store_add(&fixture, "session_id", "s-1", "user.id", "alice@acme.io", "client.name", "claude-desktop",
		"agent.name", "triage-bot", "server.name", "filesystem", "action", "initialize", "time", at(0),
		"duration_ns", "4100000", "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-1", "user.id", "alice@acme.io", "server.name", "filesystem",
		"action", "tools/call", "target.name", "read_file", "time", at(120), "duration_ns", "20300000",
		"verdict", "ok", "intent", "find the config the user asked about", "request",
		"{\"path\":\"/srv/app.yaml\"}", "response",
		"{\"content\":[{\"type\":\"text\",\"text\":\"port: 8080\\nlog: info\"}]}", "trace_id", "t", "span_id",
		"a1", NULL);
	query_store_add(&fixture, "session_id", "s-1", "user.id", "alice@acme.io", "server.name", "database", "action",
		"tools/call", "target.name", "query", "time", at(125), "duration_ns", "9000000", "verdict",
		"tool_error", "error.message", "no such table: users\x1b[2J", "request",
		"{\"sql\":\"select * from users\"}", "trace_id", "t", "span_id", "b2", "parent_span_id", "a1", NULL);
	query_store_add(&fixture, "session_id", "s-1", "user.id", "alice@acme.io", "server.name", "filesystem",
		"action", "tools/call", "target.name", "write_file", "time", at(400000), "duration_ns", "1000000",
		"verdict", "denied", "outcome.reason", "read only", "request",
		"{\"path\":\"/etc/hosts\",\"text\":\"x\"}", NULL);
	query_store_commit(&fixture, true);
}

static void a_session_is_told_in_order(void **state)
{
	(void)state;
	add_session();
	fixture.out.width = 100;
	assert_shown("s-1",
		"Session      s-1\n"
		"Who          alice@acme.io (as claimed, not verified); agent triage-bot; with the program "
		"claude-desktop\n"
		"Servers      filesystem, database\n"
		"When         2026-11-20 10:00:00.000 to 10:06:40.001 UTC, 6 min 40 s\n"
		"Calls        4: 2 ok, 1 failed, 1 denied or refused\n"
		"\n"
		"       start    4.1 ms ✓ filesystem · connects  ok\n"
		"                       “find the config the user asked about”\n"
		"     +120 ms   20.3 ms ✓ filesystem · read_file path=/srv/app.yaml  ok: port: 8080 log: info\n"
		"     +125 ms      9 ms └─ ✗ database · query sql=\"select * fro…  tool error: no such table: users…\n"
		"                       ·· nothing for 6 min 40 s ··\n"
		" +6 min 40 s      1 ms ⊘ filesystem · write_file path=/etc/hosts text=x  denied: read only\n");
}

static void any_id_of_the_work_leads_to_it(void **state)
{
	(void)state;
	query_store_add(&fixture, "id", "call-1", "session_id", "s-2", "target.name", "a", "time", at(0), NULL);
	query_store_add(&fixture, "session_id", "s-2", "trace_id", "tr-2", "target.name", "b", "time", at(1), NULL);
	query_store_add(&fixture, "id", "call-3", "conversation_id", "c-2", "session_id", "s-2", "target.name", "c",
		"time", at(2), NULL);
	query_store_add(&fixture, "id", "call-4", "turn_id", "u-2", "target.name", "d", "time", at(3), NULL);
	query_store_add(&fixture, "conversation_id", "c-2", "turn_id", "u-2", "target.name", "e", "time", at(4), NULL);
	query_store_commit(&fixture, false);
	assert_non_null(strstr(shown("call-1", STATUS_OK), "Session      s-2\n"));
	assert_non_null(strstr(shown("tr-2", STATUS_OK), "Trace        tr-2\n"));
	assert_non_null(strstr(shown("call-3", STATUS_OK), "Conversation c-2\n"));
	assert_non_null(strstr(shown("call-4", STATUS_OK), "Conversation c-2\n"));
	assert_string_equal(shown("nothing-has-this-id", STATUS_NOT_FOUND), "");
}

static void work_without_ids_is_inferred_from_who_and_when(void **state)
{
	(void)state;
	query_store_add(&fixture, "user.id", "dora", "server.name", "fs", "target.name", "one", "time", at(0), NULL);
	query_store_add(
		&fixture, "user.id", "dora", "server.name", "fs", "target.name", "two", "time", at(20 * 60000), NULL);
	query_store_add(
		&fixture, "user.id", "dora", "server.name", "fs", "target.name", "far", "time", at(60 * 60000), NULL);
	query_store_add(&fixture, "user.id", "dora", "server.name", "db", "target.name", "other", "time", at(1), NULL);
	query_store_commit(&fixture, false);
	char id[24];
	(void)snprintf(id, sizeof(id), "%llu", (unsigned long long)store_reader_next_seq(fixture.reader) - 4);
	const char *text = shown(id, STATUS_OK);
	assert_non_null(strstr(text, "Inferred     same user"));
	assert_non_null(strstr(text, "one"));
	assert_non_null(strstr(text, "two"));
	assert_null(strstr(text, "far"));
	assert_null(strstr(text, "other"));
	text = shown("user:dora", STATUS_OK);
	assert_non_null(strstr(text, "far"));
	assert_non_null(strstr(text, "other"));
}

static void the_stages_of_a_call_are_one(void **state)
{
	(void)state;
	query_store_add(&fixture, "id", "x1", "stage", "start", "session_id", "s-3", "target.name", "slow", "time",
		at(0), "request", "{\"n\":1}", "verdict", "unknown", NULL);
	query_store_add(&fixture, "id", "x2", "stage", "start", "session_id", "s-3", "target.name", "lost", "time",
		at(5), "verdict", "unknown", NULL);
	query_store_add(&fixture, "id", "x1", "stage", "end", "session_id", "s-3", "target.name", "slow", "time",
		at(1500), "verdict", "ok", "response", "\"done\"", NULL);
	query_store_commit(&fixture, false);
	fixture.out.width = 120;
	assert_shown("s-3", "Session      s-3\n"
			    "When         2026-11-20 10:00:00.000 to 10:00:01.500 UTC, 1.5 s\n"
			    "Calls        2: 1 ok, 1 with unknown outcome\n"
			    "\n"
			    "       start     1.5 s ✓ slow n=1  ok: done\n"
			    "       +5 ms           ? lost  outcome unknown: its end was never seen\n");
}

static void a_call_seen_twice_counts_once(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-4", "observer.role", "client", "action", "tools/call",
		"target.name", "read", "span_id", "1", "trace_id", "t4", "time", at(0), "verdict", "ok", NULL);
	query_store_add(&fixture, "conversation_id", "c-4", "observer.role", "server", "action", "tools/call",
		"target.name", "read", "span_id", "2", "parent_span_id", "1", "trace_id", "t4", "time", at(1),
		"verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("c-4", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 ok\n"));
	assert_non_null(strstr(text, "└─ ✓ the same, seen by server"));
}

static void spans_that_bite_their_tail_make_no_tree(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-5", "trace_id", "t5", "span_id", "1", "parent_span_id", "2",
		"time", at(0), NULL);
	query_store_add(&fixture, "conversation_id", "c-5", "trace_id", "t5", "span_id", "2", "parent_span_id", "3",
		"time", at(1), NULL);
	query_store_add(&fixture, "conversation_id", "c-5", "trace_id", "t5", "span_id", "3", "parent_span_id", "1",
		"time", at(2), NULL);
	query_store_add(&fixture, "conversation_id", "c-5", "trace_id", "t5", "span_id", "4", "parent_span_id", "4",
		"time", at(3), NULL);
	query_store_commit(&fixture, false);
	assert_non_null(strstr(shown("c-5", STATUS_OK), "Calls        4"));
}

static void losses_of_the_collector_stand_in_place(void **state)
{
	(void)state;
	query_store_add(&fixture, "session_id", "s-6", "target.name", "before", "time", at(7200000), NULL);
	query_store_add(&fixture, "kind", "ledger", "op", "drop", "detail", "{\"source\":\"udp\",\"count\":12}", "time",
		at(7201000), NULL);
	query_store_add(&fixture, "session_id", "s-6", "target.name", "after", "time", at(7202000), NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-6", STATUS_OK);
	const char *before = strstr(text, "before");
	const char *loss = strstr(text, "·· collector: drop: source=udp count=12 ··");
	const char *after = strstr(text, "after");
	assert_true(before && loss && after && before < loss && loss < after);
}

static void definitions_seen_first_are_one_line(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		query_store_add(&fixture, "kind", "tool_definition", "op", "first_seen", "session_id", "s-7",
			"target.name",
			i == 0   ? "one"
			: i == 1 ? "two"
				 : "three",
			"time", at(i), NULL);
	query_store_add(&fixture, "kind", "tool_definition", "op", "changed", "session_id", "s-7", "target.name", "one",
		"time", at(9), NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-7", STATUS_OK);
	assert_non_null(strstr(text, "3 tool definitions seen for the first time: one, two, three\n"));
	assert_non_null(strstr(text, "tool definition one changed\n"));
}

static void json_holds_the_events(void **state)
{
	(void)state;
	struct timeline *timeline = NULL;
	struct scan scan = scan_all(fixture.reader);
	assert_int_equal(timeline_build(&timeline, &scan, TEXT("s-3"), true, NULL), STATUS_OK);
	assert_int_equal(timeline_put_json(timeline, &fixture.out), STATUS_OK);
	timeline_destroy(&timeline);
	const char *text = query_store_written(&fixture);
	assert_non_null(strstr(text, "\"by\":\"session\",\"inferred\":false,\"id\":\"s-3\""));
	assert_non_null(strstr(text, "\"event\":{\"kind\":\"tool_call\",\"stage\":\"start\""));
	assert_non_null(strstr(text, "\"end\":{\"kind\":\"tool_call\",\"stage\":\"end\""));
	assert_non_null(strstr(text, "\"coverage\":{\"complete\":"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_told_in_order),
		cmocka_unit_test(any_id_of_the_work_leads_to_it),
		cmocka_unit_test(work_without_ids_is_inferred_from_who_and_when),
		cmocka_unit_test(the_stages_of_a_call_are_one),
		cmocka_unit_test(a_call_seen_twice_counts_once),
		cmocka_unit_test(spans_that_bite_their_tail_make_no_tree),
		cmocka_unit_test(losses_of_the_collector_stand_in_place),
		cmocka_unit_test(definitions_seen_first_are_one_line),
		cmocka_unit_test(json_holds_the_events),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
