/* From a body to what a reader sees: the funnel, the writer and the sealer over a real store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "core_fixture.h"
#include "timestamp.h"

/* `count` events with ids PREFIX-first …, as NDJSON. */
static void put_events(struct buf *body, const char *prefix, unsigned first, unsigned count)
{
	for (unsigned i = first; i < first + count; i++)
		buf_printf(body,
			"{\"kind\":\"tool_call\",\"action\":\"tools/call\",\"id\":\"%s-%u\",\"duration_ns\":%u,"
			"\"server\":{\"name\":\"fs\"},\"target\":{\"name\":\"tool_%u\"},\"request\":{\"path\":\"/srv/"
			"%u\"}}\n",
			prefix, i, i * 1000, i % 7, i);
}

static struct ingest_result submit_events(struct fixture *fixture, const char *prefix, unsigned first, unsigned count)
{
	struct buf body;
	buf_init(&body, 256 * 1024 * 1024);
	put_events(&body, prefix, first, count);
	struct ingest_request request = {.source = SOURCE_HTTP, .body = buf_text(&body), .auth = TEXT("none")};
	struct ingest_result result = fixture_submit(fixture, &request);
	buf_finish(&body);
	return result;
}

static void assert_equation(struct fixture *fixture, enum source source)
{
	struct counts counts;
	counters_get(&fixture->core.counters, source, &counts);
	uint64_t sum = counts.stored + counts.duplicate;
	for (size_t i = 0; i < REASON_COUNT; i++)
		sum += counts.rejected[i] + counts.dropped[i];
	assert_int_equal(counts.received, sum);
}

#define ONE   "{\"kind\":\"tool_call\",\"id\":\"a\",\"target\":{\"name\":\"x\"}}"
#define TWO   "{\"kind\":\"auth\",\"id\":\"b\",\"step\":\"authn\"}"
#define THREE "{\"kind\":\"heartbeat\"}"

static void see_collector_fields(void *context, const struct event *event)
{
	int64_t *last = context;
	assert_true(event->value[FIELD_RECV_TIME].number >= *last);
	*last = event->value[FIELD_RECV_TIME].number;
	assert_true(text_equal(event_text(event, FIELD_INGEST_SOURCE), TEXT("http")));
	assert_true(text_equal(event_text(event, FIELD_INGEST_AUTH), TEXT("none")));
	assert_true(text_equal(event_tenant(event), TEXT("default")));
}

static void test_what_was_accepted_can_be_read_at_once_with_its_canonical_bytes(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	int64_t before = timestamp_now();
	struct ingest_result result = fixture_submit_text(fixture, ONE "\n" TWO "\n" THREE);
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.accepted, 3);
	char *lines = fixture_lines(fixture);
	assert_non_null(strstr(lines, "\"id\":\"a\""));
	assert_string_equal(strchr(lines, '\n') + 1, TWO "\n" THREE "\n");
	free(lines);
	fixture_read(fixture, false, see_collector_fields, &before);
	assert_int_equal(fixture_count_notes(fixture, "start"), 1);
	assert_equation(fixture, SOURCE_HTTP);
	fixture_stop(fixture);
}

static void test_a_bad_event_is_rejected_and_its_neighbours_are_stored(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct ingest_result result = fixture_submit_text(fixture, ONE "\n{\"kind\":\n" TWO "\n[1]\n" THREE);
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.accepted, 3);
	assert_int_equal(result.rejected_total, 2);
	assert_int_equal(result.reject_count, 2);
	assert_int_equal(fixture_count(fixture), 3);
	result = fixture_submit_text(fixture, "{\"kind\":7}");
	assert_int_equal(result.accepted, 0);
	assert_int_equal(result.rejected_total, 1);
	assert_false(result.unreadable);
	result = fixture_submit_text(fixture, " \n ");
	assert_true(result.unreadable);
	struct counts counts;
	counters_get(&fixture->core.counters, SOURCE_HTTP, &counts);
	assert_int_equal(counts.received, 6);
	assert_int_equal(counts.stored, 3);
	assert_equation(fixture, SOURCE_HTTP);
	fixture_stop(fixture);
}

static void test_a_duplicate_is_told_and_stored_once(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct ingest_result result = fixture_submit_text(fixture, ONE "\n" TWO "\n" ONE "\n" THREE "\n" THREE);
	assert_int_equal(result.accepted, 4);
	assert_int_equal(result.duplicates, 1);
	result = fixture_submit_text(fixture, TWO "\n" ONE);
	assert_int_equal(result.accepted, 0);
	assert_int_equal(result.duplicates, 2);
	/* The same id under another stage or tenant is another event. */
	result = fixture_submit_text(fixture, "{\"kind\":\"auth\",\"stage\":\"end\",\"id\":\"b\",\"step\":\"authn\"}\n"
					      "{\"kind\":\"auth\",\"tenant\":\"t\",\"id\":\"b\",\"step\":\"authn\"}");
	assert_int_equal(result.accepted, 2);
	assert_int_equal(fixture_count(fixture), 6);
	assert_int_equal(fixture_count_notes(fixture, "id_conflict"), 0);
	assert_equation(fixture, SOURCE_HTTP);
	fixture_stop(fixture);
}

static void test_the_same_id_of_another_emitter_is_another_event(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct ingest_request request = {
		.source = SOURCE_HTTP, .body = TEXT(ONE), .auth = TEXT("token"), .emitter = TEXT("e1")};
	assert_int_equal(fixture_submit(fixture, &request).accepted, 1);
	request.emitter = TEXT("e2");
	assert_int_equal(fixture_submit(fixture, &request).accepted, 1);
	assert_int_equal(fixture_submit(fixture, &request).duplicates, 1);
	fixture_stop(fixture);
}

struct marks {
	unsigned events, conflicts;
};

static void count_marks(void *context, const struct event *event)
{
	struct marks *marks = context;
	marks->events++;
	marks->conflicts += event_has(event, FIELD_MARKS_ID_CONFLICT);
}

#define ONE_OTHER "{\"kind\":\"tool_call\",\"id\":\"a\",\"target\":{\"name\":\"y\"}}"

static void assert_marks(struct fixture *fixture, unsigned events, unsigned conflicts)
{
	struct marks marks = {0, 0};
	fixture_read(fixture, false, count_marks, &marks);
	assert_int_equal(marks.events, events);
	assert_int_equal(marks.conflicts, conflicts);
}

static void test_the_same_id_with_other_bytes_is_stored_and_marked(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(fixture_submit_text(fixture, ONE "\n" TWO).accepted, 2);
	struct ingest_result result = fixture_submit_text(fixture, THREE "\n" ONE_OTHER "\n" TWO);
	assert_int_equal(result.accepted, 2);
	assert_int_equal(result.duplicates, 1);
	assert_marks(fixture, 4, 1);
	/* A retry of either is a duplicate. */
	assert_int_equal(fixture_submit_text(fixture, ONE_OTHER "\n" ONE).duplicates, 2);
	assert_marks(fixture, 4, 1);
	assert_equation(fixture, SOURCE_HTTP);
	fixture_stop(fixture);
	assert_marks(fixture, 4, 1);
	assert_int_equal(fixture_count_notes(fixture, "id_conflict"), 1);
}

static void test_duplicates_and_conflicts_are_found_after_a_restart(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(fixture_submit_text(fixture, ONE "\n" TWO).accepted, 2);
	fixture_stop(fixture);
	fixture_start(fixture);
	struct ingest_result result = fixture_submit_text(fixture, ONE_OTHER "\n" TWO "\n" ONE);
	assert_int_equal(result.accepted, 1);
	assert_int_equal(result.duplicates, 2);
	assert_marks(fixture, 3, 1);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "stop"), 2);
	assert_int_equal(fixture_count_notes(fixture, "gap"), 0);
}

static void test_an_acknowledged_event_survives_a_kill_and_its_retry_is_a_duplicate(void **state)
{
	struct fixture *fixture = *state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fixture_start(fixture);
		bool ok = submit_events(fixture, "k", 0, 3000).accepted == 3000 &&
			  submit_events(fixture, "k", 3000, 10).accepted == 10;
		_exit(ok ? 0 : 1);
	}
	int code = -1;
	assert_int_equal(waitpid(child, &code, 0), child);
	assert_int_equal(code, 0);
	fixture_start(fixture);
	assert_int_equal(fixture_count(fixture), 3010);
	assert_int_equal(submit_events(fixture, "k", 0, 3010).duplicates, 3010);
	struct counts counts;
	counters_get(&fixture->core.counters, SOURCE_HTTP, &counts);
	assert_int_equal(counts.stored, 3010);
	assert_int_equal(counts.duplicate, 3010);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 3010);
	assert_int_equal(fixture_count_notes(fixture, "gap"), 1);
}

static void wait_for_blocks(struct fixture *fixture, uint64_t tail_events_max)
{
	const struct writer_figures *figures = writer_get_figures(fixture->core.writer);
	while (atomic_load(&figures->tail_events) > tail_events_max)
		sched_yield();
}

static void test_full_blocks_are_sealed_and_a_stop_seals_the_rest(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(submit_events(fixture, "s", i * 1000, 1000).accepted, 1000);
	wait_for_blocks(fixture, BLOCK_ROWS_MAX);
	char *before = fixture_lines(fixture);
	fixture_stop(fixture);

	struct error error;
	struct store_reader *reader = NULL;
	struct store_figures figures;
	assert_int_equal(store_reader_open(&reader, fixture->dir, &error), STATUS_OK);
	assert_int_equal(store_reader_figures(reader, &figures), STATUS_OK);
	store_reader_close(&reader);
	assert_int_equal(figures.tail_events, 0);
	assert_in_range(figures.blocks, 3, 5);
	char *after = fixture_lines(fixture);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void test_a_body_of_many_events_is_answered_once(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct ingest_result result = submit_events(fixture, "m", 0, 10000);
	assert_int_equal(result.accepted, 10000);
	assert_int_equal(submit_events(fixture, "m", 5000, 10000).duplicates, 5000);
	assert_int_equal(fixture_count(fixture), 15000);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 15000);
}

static void test_large_payloads_come_back_whole_also_from_conflicting_events(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct buf body;
	buf_init(&body, 4 * 1024 * 1024);
	for (unsigned n = 0; n < 2; n++) {
		buf_printf(&body,
			"{\"kind\":\"tool_call\",\"id\":\"big\",\"target\":{\"name\":\"t\"},\"request\":{\"n\":%u,"
			"\"text\":\"",
			n);
		for (unsigned i = 0; i <= PAYLOAD_INLINE_BYTES_MAX; i++)
			buf_put_byte(&body, (uint8_t)('a' + (i * i + n) % 26));
		buf_put_string(&body, "\"}}\n");
	}
	struct ingest_request request = {.source = SOURCE_HTTP, .body = buf_text(&body)};
	assert_int_equal(fixture_submit(fixture, &request).accepted, 2);
	assert_int_equal(fixture_submit(fixture, &request).duplicates, 2);
	assert_marks(fixture, 2, 1);
	fixture_stop(fixture);
	char *lines = fixture_lines(fixture);
	buf_put_byte(&body, 0);
	assert_string_equal(lines, body.at);
	free(lines);
	buf_finish(&body);
}

static uint64_t count_segments(struct fixture *fixture)
{
	struct error error;
	struct store_reader *reader = NULL;
	struct store_figures figures;
	assert_int_equal(store_reader_attach(&reader, fixture->core.store, &error), STATUS_OK);
	assert_int_equal(store_reader_figures(reader, &figures), STATUS_OK);
	store_reader_close(&reader);
	return figures.segments;
}

/* How soon a file has grown depends on how soon its tail is sealed.  Returns how many events that took. */
static unsigned submit_until_rolled(struct fixture *fixture, const char *prefix)
{
	enum { EVENTS_MAX = 1000000, AT_ONCE = 1000 };
	unsigned sent = 0;
	for (; sent < EVENTS_MAX && count_segments(fixture) < 2; sent += AT_ONCE)
		assert_int_equal(submit_events(fixture, prefix, sent, AT_ONCE).accepted, AT_ONCE);
	return sent;
}

static void test_segments_roll_over_by_size_and_lose_nothing(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.store_segment_bytes_max = 512 * 1024;
	fixture_start(fixture);
	unsigned sent = submit_until_rolled(fixture, "r");
	assert_int_equal(fixture_count(fixture), sent);
	assert_int_equal(submit_events(fixture, "r", 0, sent).duplicates, sent);
	fixture_stop(fixture);
	struct error error;
	struct store_reader *reader = NULL;
	struct store_figures figures;
	assert_int_equal(store_reader_open(&reader, fixture->dir, &error), STATUS_OK);
	assert_int_equal(store_reader_figures(reader, &figures), STATUS_OK);
	store_reader_close(&reader);
	assert_true(figures.segments > 1);
	assert_int_equal(fixture_count(fixture), sent);
}

static void test_what_was_removed_without_a_note_is_told_by_the_next_start(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.store_segment_bytes_max = 512 * 1024;
	fixture_start(fixture);
	(void)submit_until_rolled(fixture, "p");
	fixture_stop(fixture);
	/* As a process does that is killed right after. */
	struct error error;
	struct store *store = NULL;
	struct store_options options = {.segment_bytes_max = 512 * 1024, .map_bytes = (uint64_t)256 << 20};
	struct store_prune_result pruned;
	assert_int_equal(store_open(&store, fixture->dir, &options, &error), STATUS_OK);
	assert_int_equal(store_prune(store, INT64_MAX, 0, false, &pruned), STATUS_OK);
	store_close(&store, true);
	assert_true(pruned.segments > 0);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 0);
	fixture_start(fixture);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 1);
	fixture_start(fixture);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 1);
}

enum { RUNS = 20 };

struct seqs {
	int64_t at[RUNS];
	unsigned count;
};

static void note_seq(void *context, const struct event *event)
{
	struct seqs *seqs = context;
	bool is_start = text_equal(event_text(event, FIELD_OP), TEXT("start"));
	if ((event->kind != KIND_LEDGER || is_start) && seqs->count < RUNS)
		seqs->at[seqs->count++] = event->value[FIELD_SEQ].number;
}

static void test_the_start_of_a_run_stands_before_its_events(void **state)
{
	struct fixture *fixture = *state;
	struct seqs starts = {.count = 0};
	struct seqs events = {.count = 0};
	for (int run = 0; run < RUNS; run++) {
		fixture_start(fixture);
		assert_int_equal(submit_events(fixture, "s", run, 1).accepted, 1);
		fixture_stop(fixture);
	}
	fixture_read(fixture, true, note_seq, &starts);
	fixture_read(fixture, false, note_seq, &events);
	assert_int_equal(starts.count, RUNS);
	assert_int_equal(events.count, RUNS);
	for (int run = 0; run < RUNS; run++) {
		assert_true(starts.at[run] < events.at[run]);
		assert_true(run == 0 || starts.at[run] > events.at[run - 1]);
	}
}

static void test_counters_survive_a_restart(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(submit_events(fixture, "c", 0, 10).accepted, 10);
	assert_int_equal(submit_events(fixture, "c", 5, 10).accepted, 5);
	assert_int_equal(fixture_submit_text(fixture, "{").rejected_total, 1);
	ingest_count_drop(fixture->core.ingest, SOURCE_UDP, REASON_SOCKET_OVERFLOW, 7);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "drop"), 1);
	assert_int_equal(fixture_count_notes(fixture, "reject"), 1);
	fixture_start(fixture);
	struct counts counts;
	counters_get(&fixture->core.counters, SOURCE_HTTP, &counts);
	assert_int_equal(counts.received, 21);
	assert_int_equal(counts.stored, 15);
	assert_int_equal(counts.duplicate, 5);
	counters_get(&fixture->core.counters, SOURCE_UDP, &counts);
	assert_int_equal(counts.dropped[REASON_SOCKET_OVERFLOW], 7);
	assert_equation(fixture, SOURCE_HTTP);
	assert_equation(fixture, SOURCE_UDP);
	fixture_stop(fixture);
	/* What stood in the ledger before the restart is not told again. */
	assert_int_equal(fixture_count_notes(fixture, "drop"), 1);
}

static void test_over_the_byte_budget_events_are_refused_and_counted(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.ingest_queue_bytes_max = 64 * 1024;
	fixture_start(fixture);
	struct ingest_result result = submit_events(fixture, "q", 0, 1000);
	assert_int_equal(result.status, STATUS_BUSY);
	assert_int_equal(result.reason, REASON_QUEUE_FULL);
	assert_int_equal(submit_events(fixture, "q", 0, 10).accepted, 10);
	struct counts counts;
	counters_get(&fixture->core.counters, SOURCE_HTTP, &counts);
	assert_int_equal(counts.dropped[REASON_QUEUE_FULL], 1000);
	assert_equation(fixture, SOURCE_HTTP);
	assert_int_equal(fixture->core.budget.bytes_used, 0);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "drop"), 1);
}

static void test_while_the_store_cannot_write_events_are_refused_with_the_reason(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	ingest_refuse(fixture->core.ingest, STATUS_NO_SPACE, REASON_DISK_FULL);
	struct ingest_result result = submit_events(fixture, "f", 0, 10);
	assert_int_equal(result.status, STATUS_NO_SPACE);
	assert_int_equal(result.reason, REASON_DISK_FULL);
	ingest_refuse(fixture->core.ingest, STATUS_OK, REASON_NONE);
	assert_int_equal(submit_events(fixture, "f", 0, 10).accepted, 10);
	fixture_stop(fixture);
}

/* Pages beyond this are not written, as on a broken disk. */
static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_ids_of_a_failed_commit_are_not_remembered_and_the_outage_is_on_record(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(submit_events(fixture, "w", 0, 10).accepted, 10);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_file_size(16384);
	struct ingest_result result = submit_events(fixture, "w", 5, 10);
	assert_true(result.status == STATUS_IO || result.status == STATUS_NO_SPACE);
	assert_int_equal(result.accepted + result.duplicates, 0);
	char reason[200] = "";
	while (writer_is_ready(fixture->core.writer, reason))
		sched_yield();
	limit_file_size(RLIM_INFINITY);
	while (!writer_is_ready(fixture->core.writer, reason))
		sched_yield();
	result = submit_events(fixture, "w", 5, 10);
	assert_int_equal(result.accepted, 5);
	assert_int_equal(result.duplicates, 5);
	assert_equation(fixture, SOURCE_HTTP);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 15);
	assert_int_equal(fixture_count_notes(fixture, "full"), 2);
}

static void test_only_the_collector_writes_ledger_events(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	struct ingest_result result = fixture_submit_text(fixture, "{\"kind\":\"ledger\",\"op\":\"erase\"}");
	assert_int_equal(result.rejected_total, 1);
	ingest_note(fixture->core.ingest, "auth_fail", TEXT("{\"peer\":\"10.0.0.9\"}"));
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "erase"), 0);
	assert_int_equal(fixture_count_notes(fixture, "auth_fail"), 1);
}

static void test_calls_are_counted_once_and_a_start_is_not_a_call(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(submit_events(fixture, "o", 0, 100).accepted, 100);
	assert_int_equal(submit_events(fixture, "o", 0, 100).duplicates, 100);
	assert_int_equal(
		fixture_submit_text(fixture,
			"{\"kind\":\"tool_call\",\"stage\":\"start\",\"id\":\"z\",\"target\":{\"name\":\"zz\"}}")
			.accepted,
		1);
	struct buf text;
	buf_init(&text, 4 * 1024 * 1024);
	metric_expose(fixture->registry, METRIC_TEXT, &text);
	buf_put_byte(&text, 0);
	unsigned total = 0;
	for (const char *at = text.at; (at = strstr(at, "\nmcpledger_calls_total{")) != NULL; at++) {
		const char *value = strstr(at, "} ");
		assert_non_null(value);
		total += (unsigned)strtoul(value + 2, NULL, 10);
	}
	assert_int_equal(total, 100);
	assert_null(strstr(text.at, "\"zz\""));
	assert_non_null(strstr(text.at, "mcp_server_operation_duration_seconds_bucket"));
	buf_finish(&text);
	fixture_stop(fixture);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		/* first: it forks, which wants a process without threads */
		CASE(test_an_acknowledged_event_survives_a_kill_and_its_retry_is_a_duplicate),
		CASE(test_what_was_accepted_can_be_read_at_once_with_its_canonical_bytes),
		CASE(test_a_bad_event_is_rejected_and_its_neighbours_are_stored),
		CASE(test_a_duplicate_is_told_and_stored_once),
		CASE(test_the_same_id_of_another_emitter_is_another_event),
		CASE(test_the_same_id_with_other_bytes_is_stored_and_marked),
		CASE(test_duplicates_and_conflicts_are_found_after_a_restart),
		CASE(test_full_blocks_are_sealed_and_a_stop_seals_the_rest),
		CASE(test_a_body_of_many_events_is_answered_once),
		CASE(test_large_payloads_come_back_whole_also_from_conflicting_events),
		CASE(test_segments_roll_over_by_size_and_lose_nothing),
		CASE(test_what_was_removed_without_a_note_is_told_by_the_next_start),
		CASE(test_the_start_of_a_run_stands_before_its_events),
		CASE(test_counters_survive_a_restart),
		CASE(test_over_the_byte_budget_events_are_refused_and_counted),
		CASE(test_while_the_store_cannot_write_events_are_refused_with_the_reason),
		CASE(test_ids_of_a_failed_commit_are_not_remembered_and_the_outage_is_on_record),
		CASE(test_only_the_collector_writes_ledger_events),
		CASE(test_calls_are_counted_once_and_a_start_is_not_a_call),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
