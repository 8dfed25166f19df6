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
	assert_int_equal(timeline_put(timeline, OUTPUT_TABLE, &fixture.out), STATUS_OK);
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
		" SEQ       AFTER      TOOK   WHAT, WITH WHAT, OUTCOME\n"
		"   1       start    4.1 ms ✓ filesystem · connects  ok\n"
		"                           “find the config the user asked about”\n"
		"   2     +120 ms   20.3 ms ✓ filesystem · read_file path=/srv/app.yaml  ok: port: 8080 log: info\n"
		"   3     +125 ms      9 ms └─ ✗ database · query sql=\"select * f…  tool error: no such table: user…\n"
		"                           ·· nothing for 6 min 40 s ··\n"
		"   4 +6 min 40 s      1 ms ⊘ filesystem · write_file path=/etc/hosts text=x  denied: read only\n"
		"All about a line: mcpledger show SEQ\n");
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
			    " SEQ       AFTER      TOOK   WHAT, WITH WHAT, OUTCOME\n"
			    "  14       start     1.5 s ✓ slow n=1  ok: done\n"
			    "  15       +5 ms           ? lost  outcome unknown: its end was never seen\n"
			    "All about a line: mcpledger show SEQ\n");
}

/* --- one call, several observers --- */

static void a_call_seen_twice_counts_once(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-4", "observer.role", "client", "action", "tools/call",
		"target.name", "read", "span_id", "1", "trace_id", "t4", "time", at(0), "duration_ns", "5000000",
		"verdict", "ok", NULL);
	query_store_add(&fixture, "conversation_id", "c-4", "observer.role", "server", "action", "tools/call",
		"target.name", "read", "span_id", "2", "parent_span_id", "1", "trace_id", "t4", "time", at(1),
		"duration_ns", "3000000", "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("c-4", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 ok\n"));
	assert_non_null(strstr(text, "Seen by      client, server; 1 call was seen by more than one\n"));
	assert_non_null(strstr(text, "start      5 ms ✓ read  ok\nAll about")); /* the time the caller waited */
}

static void what_observers_tell_differently_stands_below(void **state)
{
	(void)state;
	query_store_add(&fixture, "session_id", "s-8", "observer.role", "client", "observer.name", "desktop", "action",
		"tools/call", "target.name", "deploy", "request_id", "7", "time", at(0), "duration_ns", "5000000000",
		"verdict", "timeout", "user.id", "alice", "request", "{\"a\":1,\"b\":2}", NULL);
	query_store_add(&fixture, "session_id", "s-8", "observer.role", "server", "observer.name", "fs", "action",
		"tools/call", "target.name", "deploy", "request_id", "7", "time", at(10), "duration_ns", "7000000000",
		"verdict", "ok", "user.id", "bob", "request", "{\"b\":2,\"a\":3}", "response", "\"done\"", NULL);
	query_store_commit(&fixture, false);
	fixture.out.width = 120;
	const char *text = shown("s-8", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 ok\n"));
	assert_non_null(strstr(text, "1 call was seen by more than one, 1 told differently\n"));
	assert_non_null(strstr(text, "✓ deploy b=2 a=3  ok: done\n"));
	assert_non_null(strstr(text, "≠ client desktop: timed out after 5 s; server fs: ok after 7 s\n"));
	assert_non_null(strstr(text, "≠ parameters: client desktop: a=1 b=2; server fs: b=2 a=3\n"));
	assert_non_null(strstr(text, "≠ user: client desktop: alice; server fs: bob\n"));
}

static void a_caller_that_waits_far_longer_than_the_server_works_is_told(void **state)
{
	(void)state;
	const char *took[][2] = {
		{"9000000000", "1000000000"}, {"1900000000", "1000000000"}, {"1000000000", "3000000000"}};
	const char *ids[] = {"1", "2", "3"};
	for (int i = 0; i < 3; i++)
		for (int j = 0; j < 2; j++)
			query_store_add(&fixture, "session_id", "s-28", "observer.role", j ? "server" : "client",
				"action", "tools/call", "target.name", ids[i], "request_id", ids[i], "time",
				at(i * 20000), "duration_ns", took[i][j], "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-28", STATUS_OK);
	assert_non_null(strstr(text, "3 calls were seen by more than one, 2 told differently\n"));
	assert_non_null(strstr(text, "≠ client: ok after 9 s; server: ok after 1 s\n"));
	assert_non_null(strstr(text, "≠ client: ok after 1 s; server: ok after 3 s\n"));
}

static void the_order_of_members_makes_no_other_arguments(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-9", "observer.role", "client", "action", "tools/call",
		"target.name", "find", "time", at(0), "duration_ns", "900000000", "verdict", "ok", "request",
		"{\"a\":1,\"b\":2}", NULL);
	query_store_add(&fixture, "conversation_id", "c-9", "observer.role", "server", "action", "tools/call",
		"target.name", "find", "time", at(300), "duration_ns", "100000000", "verdict", "ok", "request",
		"{\"b\":2,\"a\":1}", NULL);
	query_store_add(&fixture, "conversation_id", "c-9", "observer.role", "server", "action", "tools/call",
		"target.name", "find", "time", at(60000), "duration_ns", "100000000", "verdict", "ok", "request",
		"{\"b\":2,\"a\":1}", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("c-9", STATUS_OK);
	assert_non_null(strstr(text, "Calls        2: 2 ok\n")); /* the last one is another call: a minute later */
	assert_null(strstr(text, "≠"));
}

static void a_tool_that_calls_its_like_is_two_calls(void **state)
{
	(void)state;
	query_store_add(&fixture, "trace_id", "t-10", "span_id", "1", "observer.role", "server", "observer.name", "a",
		"server.name", "a", "action", "tools/call", "target.name", "search", "time", at(0), "duration_ns",
		"900000000", "verdict", "ok", "request", "{\"q\":\"all\"}", NULL);
	query_store_add(&fixture, "trace_id", "t-10", "span_id", "2", "parent_span_id", "1", "observer.role", "server",
		"observer.name", "b", "server.name", "b", "action", "tools/call", "target.name", "search", "time",
		at(100), "duration_ns", "100000000", "verdict", "ok", "request", "{\"q\":\"all\"}", NULL);
	query_store_commit(&fixture, false);
	assert_non_null(strstr(shown("t-10", STATUS_OK), "Calls        2: 2 ok\n"));
}

static void the_tries_of_a_gateway_are_one_call(void **state)
{
	(void)state;
	query_store_add(&fixture, "trace_id", "t-11", "span_id", "1", "observer.role", "client", "action", "tools/call",
		"target.name", "read", "time", at(0), "duration_ns", "900000000", "verdict", "ok", NULL);
	query_store_add(&fixture, "trace_id", "t-11", "span_id", "2", "parent_span_id", "1", "observer.role", "gateway",
		"action", "tools/call", "target.name", "read", "time", at(10), "duration_ns", "100000000", "verdict",
		"transport_error", NULL);
	query_store_add(&fixture, "trace_id", "t-11", "span_id", "3", "parent_span_id", "1", "observer.role", "gateway",
		"action", "tools/call", "target.name", "read", "time", at(300), "duration_ns", "100000000", "verdict",
		"ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("t-11", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 ok\n"));
	assert_non_null(
		strstr(text, "≠ tried twice by gateway: connection failed after 100 ms; then ok after 100 ms\n"));
}

static void reports_without_the_conversation_are_found_by_trace_and_session(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-12", "session_id", "s-12", "trace_id", "t-12", "observer.role",
		"client", "action", "tools/call", "target.name", "one", "request_id", "1", "time", at(0), "verdict",
		"ok", NULL);
	query_store_add(&fixture, "trace_id", "t-12", "observer.role", "gateway", "action", "tools/call", "target.name",
		"one", "request_id", "1", "time", at(1), "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-12", "observer.role", "server", "action", "tools/call",
		"target.name", "one", "request_id", "1", "time", at(2), "verdict", "tool_error", NULL);
	query_store_add(&fixture, "session_id", "s-12", "observer.role", "server", "action", "tools/call",
		"target.name", "other_work", "request_id", "2", "time", at(3), "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("c-12", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 failed\n"));
	assert_non_null(strstr(text, "Seen by      client, gateway, server; 1 call was seen by more than one"));
	assert_null(strstr(text, "other_work"));
}

static void ids_of_another_tenant_never_join(void **state)
{
	(void)state;
	query_store_add(
		&fixture, "tenant", "acme", "session_id", "s-13", "target.name", "of_acme", "time", at(0), NULL);
	query_store_add(
		&fixture, "tenant", "beta", "session_id", "s-13", "target.name", "of_beta", "time", at(1), NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-13", STATUS_OK);
	const char *acme = strstr(text, "Tenant       acme\n");
	const char *beta = strstr(text, "Tenant       beta\n");
	assert_true(acme && beta && acme < strstr(text, "of_acme") && strstr(text, "of_acme") < beta);
	assert_non_null(strstr(beta, "of_beta"));
}

/* --- clocks --- */

static void a_clock_that_is_off_is_corrected_and_told(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		const char *ids[] = {"1", "2", "3"};
		query_store_add(&fixture, "session_id", "s-14", "observer.role", "client", "observer.name", "desktop",
			"action", "tools/call", "target.name", "step", "request_id", ids[i], "time", at(i * 1000),
			"duration_ns", "400000000", "verdict", "ok", NULL);
		query_store_add(&fixture, "session_id", "s-14", "observer.role", "server", "observer.name", "fs",
			"action", "tools/call", "target.name", "step", "request_id", ids[i], "time",
			at(i * 1000 - 3200), "duration_ns", "400000000", "verdict", "ok", NULL);
	}
	query_store_add(&fixture, "session_id", "s-14", "observer.role", "server", "observer.name", "fs", "action",
		"tools/call", "target.name", "seen_by_the_server_alone", "time", at(500 - 3200), "verdict", "ok", NULL);
	fixture.recv_time = INT64_C(1795168800) * NS_PER_S + 4 * NS_PER_S;
	query_store_commit(&fixture, false);
	const char *text = shown("s-14", STATUS_OK);
	assert_non_null(strstr(text, "Calls        4: 4 ok\n"));
	assert_non_null(strstr(text, "Clocks       times of server fs corrected by +3.2 s\n"));
	assert_non_null(strstr(text, "+500 ms           ✓ seen_by_the_server_alone"));
}

static void nothing_is_received_before_it_ended(void **state)
{
	(void)state;
	query_store_add(&fixture, "session_id", "s-15", "observer.role", "server", "observer.name", "ahead", "action",
		"tools/call", "target.name", "one", "time", at(60000), "duration_ns", "1000000", "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-15", "observer.role", "gateway", "observer.name", "late", "action",
		"tools/call", "target.name", "two", "time", at(-60000), "duration_ns", "1000000", "verdict", "ok",
		NULL);
	fixture.recv_time = INT64_C(1795168800) * NS_PER_S;
	query_store_commit(&fixture, false);
	const char *text = shown("s-15", STATUS_OK);
	/* Late receipt is no evidence of a clock that is behind. */
	assert_non_null(strstr(text, "Clocks       times of server ahead corrected by -1 min\n"));
}

static void a_time_that_can_not_be_is_shown_when_it_was_received(void **state)
{
	(void)state;
	fixture.recv_time = INT64_C(1795168800) * NS_PER_S;
	query_store_add(&fixture, "session_id", "s-16", "target.name", "good", "time", at(0), NULL);
	query_store_add(&fixture, "session_id", "s-16", "target.name", "wild", "time", "86400000000000",
		"marks.time_suspect", "1", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-16", STATUS_OK);
	assert_non_null(strstr(text, "When         2026-11-20 10:00:00.000 to 10:00:00.000 UTC, 0 ns\n"));
	assert_non_null(strstr(text, "it says that it was at 1970-01-02 00:00:00.000, a day or more off"));
}

/* --- the same again --- */

static void a_call_made_again_is_one_with_its_attempts(void **state)
{
	(void)state;
	const char *verdicts[] = {"timeout", "denied", "ok"};
	for (int i = 0; i < 3; i++)
		query_store_add(&fixture, "session_id", "s-17", "action", "tools/call", "target.name", "restart",
			"request", "{\"service\":\"pay\"}", "time", at(i * 2000), "duration_ns", "1000000000",
			"verdict", verdicts[i], "marks.effect", "execute", NULL);
	query_store_add(&fixture, "session_id", "s-17", "action", "tools/call", "target.name", "restart", "request",
		"{\"service\":\"other\"}", "time", at(7000), "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-17", "action", "tools/call", "target.name", "restart", "request",
		"{\"service\":\"other\"}", "time", at(8000), "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	fixture.out.width = 120;
	const char *text = shown("s-17", STATUS_OK);
	/* What went well is no failure: doing it again is another call. */
	assert_non_null(strstr(text, "Calls        3: 3 ok; 2 more attempts\n"));
	assert_non_null(strstr(
		text, "start       5 s ✓ restart [executes?] service=pay  3 attempts: timed out, denied, then ok\n"));
}

static void a_call_after_others_is_told_where_it_happened(void **state)
{
	(void)state;
	query_store_add(&fixture, "session_id", "s-18", "action", "tools/call", "target.name", "read", "request",
		"{\"id\":1}", "time", at(0), "verdict", "tool_error", NULL);
	query_store_add(&fixture, "session_id", "s-18", "action", "tools/call", "target.name", "create", "request",
		"{\"id\":1}", "time", at(1), "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-18", "action", "tools/call", "target.name", "read", "request",
		"{\"id\":1}", "time", at(2), "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	assert_non_null(strstr(shown("s-18", STATUS_OK), "Calls        3: 2 ok, 1 failed\n"));
}

static void requests_joined_by_their_state_are_one_call(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c-19", "action", "tools/call", "target.name", "deploy",
		"request_id", "6", "state_digest", "sha256:1", "time", at(0), "verdict", "pending", "response",
		"{\"resultType\":\"input_required\"}", NULL);
	query_store_add(&fixture, "conversation_id", "c-19", "kind", "approval", "mode", "elicitation", "result",
		"accept", "binds_to", "second", "time", at(900), "verdict", "ok", NULL);
	query_store_add(&fixture, "conversation_id", "c-19", "action", "tools/call", "target.name", "look", "time",
		at(500), "verdict", "ok", NULL);
	query_store_add(&fixture, "id", "second", "conversation_id", "c-19", "action", "tools/call", "target.name",
		"deploy", "request_id", "7", "state_digest", "sha256:1", "time", at(900), "verdict", "ok", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("c-19", STATUS_OK);
	assert_non_null(strstr(text, "Calls        2: 2 ok; 1 more attempt\n"));
	assert_non_null(strstr(text, "✓ deploy  2 attempts: asked for input, then ok\n"));
	assert_non_null(strstr(text, "└─ · approval: accept elicitation"));
}

static void retry_of_names_the_attempt_before(void **state)
{
	(void)state;
	query_store_add(&fixture, "id", "try-1", "session_id", "s-20", "action", "tools/call", "target.name", "send",
		"time", at(0), "verdict", "timeout", NULL);
	query_store_add(&fixture, "session_id", "s-20", "action", "tools/call", "target.name", "else", "time", at(1),
		"verdict", "ok", NULL);
	query_store_add(&fixture, "id", "try-2", "retry_of", "try-1", "session_id", "s-20", "action", "tools/call",
		"target.name", "send", "time", at(2), "verdict", "timeout", NULL);
	query_store_add(&fixture, "id", "try-3", "retry_of", "try-2", "session_id", "s-20", "action", "tools/call",
		"target.name", "send", "time", at(3), "verdict", "timeout", NULL);
	query_store_commit(&fixture, false);
	assert_non_null(strstr(shown("s-20", STATUS_OK), "✗ send  3 attempts: timed out ×2, then timed out\n"));
}

static void questions_about_a_task_stand_under_its_call(void **state)
{
	(void)state;
	query_store_add(&fixture, "session_id", "s-21", "task_id", "k-1", "action", "tools/call", "target.name",
		"render", "time", at(0), "duration_ns", "1000000", "verdict", "ok", NULL);
	for (int i = 1; i <= 3; i++)
		query_store_add(&fixture, "session_id", "s-21", "task_id", "k-1", "action", "tasks/get", "time",
			at(i * 1000), "duration_ns", "1000000", "verdict", "ok", NULL);
	query_store_add(&fixture, "session_id", "s-21", "task_id", "k-1", "action", "tasks/result", "time", at(4000),
		"duration_ns", "1000000", "verdict", "tool_error", "error.message", "no paper", NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-21", STATUS_OK);
	assert_non_null(strstr(text, "Calls        1: 1 failed\n"));
	assert_non_null(strstr(text, "start       4 s ✗ render  tool error: no paper\n"));
	assert_non_null(strstr(text, "├─ ✓ asks for a task's state  ok (3 times)\n"));
	assert_non_null(strstr(text, "└─ ✗ fetches a task's result"));
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

static void what_an_observer_counted_and_nobody_received_stands_in_place(void **state)
{
	(void)state;
	const struct {
		const char *session, *number, *epoch, *tool;
		int ms;
	} events[] = {{"s-26", "7", "e1", "begins", 0}, {"other", "8", "e1", "of_others", 10},
		{"s-26", "12", "e1", "goes_on", 2000}, {"other", "11", "e1", "late", 10},
		{"s-26", "1", "e2", "anew", 3000}};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		query_store_add(&fixture, "session_id", events[i].session, "observer.role", "gateway", "observer.name",
			"gw-26", "observer.seq", events[i].number, "observer.epoch", events[i].epoch, "target.name",
			events[i].tool, "time", at(events[i].ms), NULL);
	query_store_add(&fixture, "kind", "heartbeat", "observer.role", "gateway", "observer.name", "gw-26",
		"observer.epoch", "e2", "last_seq", "3", "time", at(3000), NULL);
	fixture.recv_time = INT64_C(1795168800) * NS_PER_S + 4 * NS_PER_S;
	query_store_commit(&fixture, false);
	fixture.out.width = 120;
	const char *text = shown("s-26", STATUS_OK);
	const char *hole = strstr(text, "·· gateway gw-26 sent 2 that never came (its numbers 9 to 10) ··\n");
	const char *end = strstr(text, "·· gateway gw-26 sent 2 that never came (its numbers 2 to 3) ··\n");
	assert_true(hole && end);
	assert_true(strstr(text, "begins") < hole && hole < strstr(text, "goes_on") && strstr(text, "anew") < end);
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

/* --- who does not tell --- */

static void add_report(const char *session, const char *role, const char *request, int ms, const char *verdict)
{
	query_store_add(&fixture, "session_id", session, "observer.role", role, "observer.name", "x", "server.name",
		"fs", "action", "tools/call", "target.name", request, "request_id", request, "time", at(ms),
		"duration_ns", "1000000", "verdict", verdict, NULL);
}

static void a_call_that_an_observer_does_not_tell_of_is_marked(void **state)
{
	(void)state;
	const char *requests[] = {"1", "2", "3", "4"};
	for (int i = 0; i < 4; i++) {
		if (i != 2)
			add_report("s-22", "gateway", requests[i], i * 1000, i == 1 ? "denied" : "ok");
		if (i != 1)
			add_report("s-22", "server", requests[i], i * 1000 + 1, "ok");
	}
	query_store_commit(&fixture, false);
	fixture.out.width = 120;
	const char *text = shown("s-22", STATUS_OK);
	assert_non_null(strstr(text, "2 calls were seen by more than one, 1 told differently\n"));
	/* What the gateway denied never came to the server; what only the server saw went past the gateway. */
	assert_non_null(strstr(text, "⊘ 2  denied\n "));
	const char *third = strstr(text, "✓ 3  ok\n");
	assert_non_null(third);
	assert_ptr_equal(strstr(text, "≠ gateway x does not tell of this call, only server x\n"), strstr(third, "≠"));
}

static void who_sends_a_sample_is_told_and_misses_nothing(void **state)
{
	(void)state;
	const char *numbers[] = {"1", "2", "3"};
	for (int i = 0; i < 3; i++) {
		add_report("s-27", "server", numbers[i], i * 1000 + 1, "ok");
		if (i != 1)
			query_store_add(&fixture, "session_id", "s-27", "observer.role", "gateway", "observer.name",
				"some", "server.name", "fs", "action", "tools/call", "target.name", numbers[i],
				"request_id", numbers[i], "time", at(i * 1000), "verdict", "ok", "marks.sampled", "1",
				NULL);
	}
	query_store_commit(&fixture, false);
	const char *text = shown("s-27", STATUS_OK);
	assert_non_null(strstr(text, "Sampled      gateway some: only a sample is sent, other calls may be missing\n"));
	assert_null(strstr(text, "≠"));
}

/* --- what has no end --- */

static void a_call_whose_server_stopped_meanwhile_says_so(void **state)
{
	(void)state;
	query_store_add(&fixture, "id", "y1", "stage", "start", "session_id", "s-23", "server.name", "db",
		"server.instance", "pod-1", "target.name", "long", "time", at(0), "verdict", "unknown", NULL);
	query_store_add(&fixture, "id", "y2", "stage", "end", "session_id", "s-23", "server.name", "db", "target.name",
		"tail", "time", at(10), "verdict", "ok", NULL);
	query_store_add(&fixture, "kind", "lifecycle", "server.name", "db", "server.instance", "pod-2", "phase",
		"crash", "time", at(1000), NULL);
	query_store_add(&fixture, "kind", "lifecycle", "server.name", "db", "server.instance", "pod-1", "phase",
		"crash", "signal", "9", "time", at(12000), NULL);
	query_store_add(&fixture, "tenant", "other", "kind", "lifecycle", "server.name", "db", "phase", "stop", "time",
		at(500), NULL);
	query_store_commit(&fixture, false);
	const char *text = shown("s-23", STATUS_OK);
	assert_non_null(strstr(text, "? long  outcome unknown: the server crashed 12 s later, signal 9\n"));
	assert_non_null(strstr(text, "its start was never seen; shown at its end\n"));
}

/* --- for programs --- */

static const char *written_as(const char *words, enum output_format format, uint64_t limit)
{
	struct timeline *timeline = NULL;
	struct scan scan = scan_all(fixture.reader);
	assert_int_equal(timeline_build(&timeline, &scan, text_of(words), true, NULL), STATUS_OK);
	timeline_limit(timeline, limit);
	assert_int_equal(timeline_put(timeline, format, &fixture.out), STATUS_OK);
	assert_int_equal(timeline_coverage(timeline)->more, limit > 0);
	timeline_destroy(&timeline);
	return query_store_written(&fixture);
}

static void lines_and_cells_hold_every_moment(void **state)
{
	(void)state;
	const char *text = written_as("s-17", OUTPUT_NDJSON, 0);
	assert_ptr_equal(strstr(text, "{\"unit\":{\"by\":\"session\",\"inferred\":false,\"id\":\"s-17\""), text);
	assert_non_null(strstr(text, "\"depth\":1,\"relation\":\"attempt\",\"of\":"));
	assert_non_null(strstr(text, "\"verdict\":\"denied\",\"outcome\":\"denied\",\"event\":{\"kind\""));
	text = written_as("s-8", OUTPUT_JSON, 0);
	assert_non_null(strstr(text, "\"relation\":\"report\""));
	assert_non_null(strstr(text, "\"disagreements\":[{\"about\":\"verdict\",\"reports\":[{\"seq\":"));
	assert_non_null(strstr(text, "\"observer\":\"client desktop\",\"says\":\"timed out after 5 s\"}"));
	text = written_as("s-17", OUTPUT_CSV, 0);
	assert_ptr_equal(strstr(text, "by,unit,tenant,depth,relation,of,seq,id,time,duration_ns,kind,what,"), text);
	assert_non_null(strstr(text, ",tool_call,restart,execute,,service=pay,denied,denied,"));
}

static void of_many_moments_the_last_are_shown(void **state)
{
	(void)state;
	const char *text = written_as("s-18", OUTPUT_TABLE, 2);
	assert_ptr_equal(strstr(text, "1 earlier events and calls are left out.\n"), text);
	assert_non_null(strstr(text, "Calls        3: 2 ok, 1 failed\n"));
	assert_null(strstr(text, "✗ read"));
	assert_non_null(strstr(text, "✓ read id=1"));
}

/* --- hostile input --- */

enum { CHAIN_MAX = 3000 };

/* A chain of spans, each the child of the next: whoever follows it by recursion runs out of stack. */
static void chains_of_spans_are_cut_where_they_are_too_deep(void **state)
{
	(void)state;
	char span[2][16];
	for (int i = 0; i < CHAIN_MAX; i++) {
		(void)snprintf(span[0], sizeof(span[0]), "%d", i);
		(void)snprintf(span[1], sizeof(span[1]), "%d", i + 1);
		query_store_add(&fixture, "trace_id", "t-24", "span_id", span[0], "parent_span_id", span[1],
			"target.name", "x", "time", at(CHAIN_MAX - i), NULL);
	}
	query_store_commit(&fixture, false);
	const char *text = written_as("t-24", OUTPUT_NDJSON, 0);
	unsigned deepest = 0;
	unsigned lines = 0;
	for (const char *line = strstr(text, "\"depth\":"); line; line = strstr(line + 1, "\"depth\":"), lines++) {
		unsigned depth = (unsigned)strtoul(line + 8, NULL, 10);
		deepest = depth > deepest ? depth : deepest;
	}
	assert_int_equal(lines, CHAIN_MAX);
	assert_int_equal(deepest, 64);
}

/* The same span, id, request and time again and again, from two observers: what is compared stays bounded. */
static void the_same_again_and_again_takes_no_longer(void **state)
{
	(void)state;
	for (int i = 0; i < CHAIN_MAX; i++)
		query_store_add(&fixture, "id", "same", "session_id", "s-25", "trace_id", "t-25", "span_id", "1",
			"parent_span_id", "1", "request_id", "1", "retry_of", "same", "state_digest", "s", "task_id",
			"k", "caused_by", "same", "observer.role", i % 2 ? "client" : "server", "action", "tools/call",
			"target.name", "x", "verdict", "pending", "request", "{}", "time", at(0), NULL);
	query_store_commit(&fixture, false);
	const char *text = written_as("s-25", OUTPUT_NDJSON, 0);
	unsigned lines = 0;
	for (const char *line = text; (line = strstr(line, "\"event\":")); line++)
		lines++;
	assert_int_equal(lines, CHAIN_MAX);
}

static void json_holds_the_events(void **state)
{
	(void)state;
	struct timeline *timeline = NULL;
	struct scan scan = scan_all(fixture.reader);
	assert_int_equal(timeline_build(&timeline, &scan, TEXT("s-3"), true, NULL), STATUS_OK);
	assert_int_equal(timeline_put(timeline, OUTPUT_JSON, &fixture.out), STATUS_OK);
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
		cmocka_unit_test(what_observers_tell_differently_stands_below),
		cmocka_unit_test(a_caller_that_waits_far_longer_than_the_server_works_is_told),
		cmocka_unit_test(the_order_of_members_makes_no_other_arguments),
		cmocka_unit_test(a_tool_that_calls_its_like_is_two_calls),
		cmocka_unit_test(the_tries_of_a_gateway_are_one_call),
		cmocka_unit_test(reports_without_the_conversation_are_found_by_trace_and_session),
		cmocka_unit_test(ids_of_another_tenant_never_join),
		cmocka_unit_test(a_clock_that_is_off_is_corrected_and_told),
		cmocka_unit_test(nothing_is_received_before_it_ended),
		cmocka_unit_test(a_time_that_can_not_be_is_shown_when_it_was_received),
		cmocka_unit_test(a_call_made_again_is_one_with_its_attempts),
		cmocka_unit_test(a_call_after_others_is_told_where_it_happened),
		cmocka_unit_test(requests_joined_by_their_state_are_one_call),
		cmocka_unit_test(retry_of_names_the_attempt_before),
		cmocka_unit_test(questions_about_a_task_stand_under_its_call),
		cmocka_unit_test(spans_that_bite_their_tail_make_no_tree),
		cmocka_unit_test(losses_of_the_collector_stand_in_place),
		cmocka_unit_test(what_an_observer_counted_and_nobody_received_stands_in_place),
		cmocka_unit_test(definitions_seen_first_are_one_line),
		cmocka_unit_test(a_call_that_an_observer_does_not_tell_of_is_marked),
		cmocka_unit_test(who_sends_a_sample_is_told_and_misses_nothing),
		cmocka_unit_test(a_call_whose_server_stopped_meanwhile_says_so),
		cmocka_unit_test(lines_and_cells_hold_every_moment),
		cmocka_unit_test(of_many_moments_the_last_are_shown),
		cmocka_unit_test(chains_of_spans_are_cut_where_they_are_too_deep),
		cmocka_unit_test(the_same_again_and_again_takes_no_longer),
		cmocka_unit_test(json_holds_the_events),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
