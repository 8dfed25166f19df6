#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "largest.h"
#include "query_store.h"
#include "search.h"
#include "timestamp.h"
#include "when.h"

/*
 * Six events: a block of three, a block of two, and one in the tail.
 *   1 alice read_file ok    2 bob write_file tool_error    3 alice query denied
 *   4 acme's carol query ok with a long payload            5 alice, a day earlier
 *   6 the collector itself
 */
static struct query_store fixture;
static char long_request[40000];

static int set_up(void **state)
{
	(void)state;
	query_store_open(&fixture);
	query_store_add(&fixture, "id", "a1", "user.id", "alice", "target.name", "read_file", "verdict", "ok",
		"duration_ns", "20000000", "request", "{\"path\":\"/etc/hosts\",\"limit\":10}", "response",
		"{\"content\":[{\"type\":\"text\",\"text\":\"127.0.0.1 localhost\\nDROP TABLE users\"}]}", "time",
		"1795168800000000000", NULL);
	query_store_add(&fixture, "id", "b1", "user.id", "bob", "target.name", "write_file", "verdict", "tool_error",
		"error.message", "permission denied for /etc/hosts", "request",
		"{\"path\":\"/srv/x\",\"n\":{\"deep\":[1,2.5]}}", "time", "1795168801000000000", "session_id", "s-1",
		NULL);
	query_store_add(&fixture, "user.id", "alice", "target.name", "query", "verdict", "denied", "attrs",
		"{\"k8s.pod\":\"p-1\",\"k8s\":{\"node\":\"n-1\"}}", "time", "1795168802000000000", "redaction.count",
		"1", NULL);
	query_store_commit(&fixture, true);
	(void)snprintf(long_request, sizeof(long_request), "{\"sql\":\"%*s needle\"}", 30000, "x");
	query_store_add(&fixture, "user.id", "carol", "tenant", "acme", "target.name", "query", "verdict", "ok",
		"request", long_request, "time", "1795168803000000000", "duration_ns", "3000000000", NULL);
	query_store_add(&fixture, "user.id", "alice", "target.name", "old", "verdict", "ok", "time",
		"1795082400000000000", NULL);
	query_store_commit(&fixture, true);
	query_store_add(&fixture, "kind", "ledger", "op", "drop", "detail", "{\"count\":7}", NULL);
	query_store_commit(&fixture, false);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

struct seqs {
	char text[200];
	size_t len;
};

static enum status note_seq(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct seqs *seqs = context;
	seqs->len += (size_t)snprintf(seqs->text + seqs->len, sizeof(seqs->text) - seqs->len, "%s%lld",
		seqs->len ? " " : "", (long long)event->value[FIELD_SEQ].number);
	return STATUS_OK;
}

static const char *run(struct scan *scan, const char *words)
{
	static struct seqs seqs;
	static struct filter filter; /* the scan keeps pointing to it */
	struct error error = {0};
	seqs = (struct seqs){.len = 0};
	if (filter_parse(text_of(words), fixture.recv_time, &fixture.arena, &filter, &error) != STATUS_OK)
		fail_msg("%s: column %u: %s", words, error.column, error.text);
	scan->filter = &filter;
	enum status status = scan_events(scan, note_seq, &seqs, &error);
	if (status != STATUS_OK)
		fail_msg("%s: %s", words, error.text);
	return seqs.text;
}

static const char *found(const char *words)
{
	struct scan scan = scan_all(fixture.reader);
	return run(&scan, words);
}

static void everything_is_met_in_order(void **state)
{
	(void)state;
	assert_string_equal(found(""), "1 2 3 4 5 6");
	struct scan scan = scan_all(fixture.reader);
	scan.backward = true;
	assert_string_equal(run(&scan, ""), "6 5 4 3 2 1");
	scan_narrow(&scan, 2, 4);
	assert_string_equal(run(&scan, ""), "4 3 2");
	scan.backward = false;
	assert_string_equal(run(&scan, ""), "2 3 4");
}

static void fields_are_matched(void **state)
{
	(void)state;
	assert_string_equal(found("user:alice"), "1 3 5");
	assert_string_equal(found("user:a*,bob"), "1 2 3 5");
	assert_string_equal(found("user:*"), "1 2 3 4 5");
	assert_string_equal(found("-user:alice"), "2 4 6");
	assert_string_equal(found("user:alice verdict:ok"), "1 5");
	assert_string_equal(found("user:bob OR user:carol"), "2 4");
	assert_string_equal(found("-( user:bob OR user:carol ) kind:tool_call"), "1 3 5");
	assert_string_equal(found("verdict:error"), "2");
	assert_string_equal(found("session:*"), "2");
	assert_string_equal(found("user:nobody"), "");
}

static void numbers_are_compared(void **state)
{
	(void)state;
	assert_string_equal(found("duration:>2s"), "4");
	assert_string_equal(found("duration:<=20ms"), "1");
	assert_string_equal(found("seq:2..4"), "2 3 4");
	assert_string_equal(found("request.limit:>=10"), "1");
	assert_string_equal(found("request.limit:>10"), "");
}

static void ids_are_found_however_they_are_written(void **state)
{
	(void)state;
	char words[100];
	assert_string_equal(found("id:a1"), "1");
	assert_string_equal(found("id:3"), "3");
	(void)snprintf(words, sizeof(words), "id:%s-3", store_reader_id(fixture.reader));
	assert_string_equal(found(words), "3");
	assert_string_equal(found("id:0000000000000000-3"), "");
}

static void words_are_found_in_texts(void **state)
{
	(void)state;
	assert_string_equal(found("localhost"), "1");
	assert_string_equal(found("\"drop table\""), "1");
	assert_string_equal(found("\"table drop\""), "");
	assert_string_equal(found("HOSTS"), "1 2");
	assert_string_equal(found("needle"), "4");
	assert_string_equal(found("response:\"localhost\""), "1");
	assert_string_equal(found("path"), "");
	assert_string_equal(found("hosts -user:alice"), "2");
}

static void paths_lead_into_payloads(void **state)
{
	(void)state;
	assert_string_equal(found("request.path:/etc/*"), "1");
	assert_string_equal(found("request.path:/srv/x"), "2");
	assert_string_equal(found("request.path:*"), "1 2");
	assert_string_equal(found("request.n.deep:2.5"), "2");
	assert_string_equal(found("request.n.deep.1:2.5"), "2");
	assert_string_equal(found("request.n.deep.0:2.5"), "");
	assert_string_equal(found("attrs.k8s.pod:p-1"), "3");
	assert_string_equal(found("attrs.k8s.node:n-1"), "3");
	assert_string_equal(found("response.content.text:*localhost*"), "1");
}

static void regular_expressions_are_asked_of_texts(void **state)
{
	(void)state;
	assert_string_equal(found("/DROP\\s+TABLE/"), "1");
	assert_string_equal(found("/drop table/i"), "");
	assert_string_equal(found("/drop.table/i"), "1");
	assert_string_equal(found("user:/^(alice|bob)$/"), "1 2 3 5");
	assert_string_equal(found("request.path:/^\\/etc\\//"), "1");
	assert_string_equal(found("error.message:/denied.*hosts$/"), "2");
	assert_string_equal(found("verdict:/^o/ -/needle/"), "1 5");
	assert_string_equal(found("tool:/^zz/"), "");
}

static void a_regular_expression_that_explodes_fails_the_search(void **state)
{
	(void)state;
	struct filter filter;
	struct error error = {0};
	struct scan scan = scan_all(fixture.reader);
	struct seqs seqs = {.len = 0};
	const char *words = "tool:query /^\\{?(\\s+)+$/";
	assert_int_equal(filter_parse(text_of(words), 0, &fixture.arena, &filter, &error), STATUS_OK);
	scan.filter = &filter;
	assert_int_equal(scan_events(&scan, note_seq, &seqs, &error), STATUS_INVALID);
	assert_int_equal(error.column, 12);
	assert_non_null(strstr(error.text, "takes too long"));
}

static void time_ranges_mean_the_events_time(void **state)
{
	(void)state;
	struct scan scan = scan_all(fixture.reader);
	scan.since = INT64_C(1795168801) * NS_PER_S;
	assert_string_equal(run(&scan, ""), "2 3 4");
	scan.until = INT64_C(1795168803) * NS_PER_S;
	assert_string_equal(run(&scan, ""), "2 3");
	scan.since = INT64_C(1795082400) * NS_PER_S;
	scan.until = scan.since + 1;
	assert_string_equal(run(&scan, ""), "5");
	scan.by_recv_time = true;
	assert_string_equal(run(&scan, ""), "");
	scan.until = INT64_MAX;
	assert_string_equal(run(&scan, ""), "1 2 3 4 5 6");
}

static void only_tenants_in_scope_are_seen(void **state)
{
	(void)state;
	static const struct text acme[] = {{"acme", 4}};
	struct scan scan = scan_all(fixture.reader);
	scan.tenants = acme;
	scan.tenant_count = 1;
	assert_string_equal(run(&scan, ""), "4");
	assert_string_equal(run(&scan, "user:alice OR user:carol"), "4");
	assert_string_equal(run(&scan, "-user:carol"), "");
	scan.tenant_count = 0;
	assert_string_equal(run(&scan, ""), "");
}

static void the_newest_are_kept(void **state)
{
	(void)state;
	struct coverage coverage = {0};
	struct scan scan = scan_all(fixture.reader);
	scan.coverage = &coverage;
	assert_int_equal(search_narrow(&scan, 2, NULL), STATUS_OK);
	assert_string_equal(run(&scan, ""), "5 6");
	assert_true(coverage.more);
	coverage.more = false;
	scan = scan_all(fixture.reader);
	scan.coverage = &coverage;
	assert_int_equal(search_narrow(&scan, 6, NULL), STATUS_OK);
	assert_false(coverage.more);
}

static void coverage_tells_losses_and_redactions(void **state)
{
	(void)state;
	struct coverage coverage = {.events = 1};
	struct scan scan = scan_all(fixture.reader);
	assert_string_equal(run(&scan, "user:alice"), "1 3 5");
	assert_int_equal(coverage_collect(&scan, &coverage, NULL), STATUS_OK);
	assert_int_equal(coverage.dropped, 7);
	assert_int_equal(coverage.losses, 1);
	assert_int_equal(coverage.redacted, 1);
	assert_false(coverage.wide);
	assert_false(coverage_complete(&coverage));
	coverage = (struct coverage){.events = 1};
	scan_narrow(&scan, 1, 2);
	assert_int_equal(coverage_collect(&scan, &coverage, NULL), STATUS_OK);
	assert_true(coverage_complete(&coverage));
}

static void formats_show_hostile_text_safely(void **state)
{
	(void)state;
	struct coverage coverage = {0};
	query_store_add(&fixture, "user.id", "\x1b[31mroot\xe2\x80\xae", "target.name", "=cmd|'/c calc'!A1",
		"error.message", "two\nlines", "verdict", "tool_error", "request", "{\"a\":\"\\u001b[2J\"}", NULL);
	query_store_commit(&fixture, false);
	struct scan scan = scan_all(fixture.reader);
	scan_narrow(&scan, 7, 7);
	scan.coverage = &coverage;
	for (enum output_format format = OUTPUT_TABLE; format <= OUTPUT_CSV; format++) {
		assert_int_equal(search_put(&scan, false, format, &fixture.out, NULL), STATUS_OK);
		const char *text = query_store_written(&fixture);
		assert_null(strchr(text, 0x1b));
		if (format == OUTPUT_TABLE || format == OUTPUT_CSV)
			assert_null(strstr(text, "\xe2\x80\xae"));
		else
			assert_non_null(strstr(text, "\xe2\x80\xae")); /* JSON is exact */
		if (format == OUTPUT_CSV)
			assert_non_null(strstr(text, ",'=cmd|"));
	}
}

static void the_largest_come_first(void **state)
{
	struct scan scan = scan_all(fixture.reader);
	struct largest largest;
	(void)state;
	assert_int_equal(largest_find(&largest, &scan, FIELD_DURATION_NS, 5, NULL), STATUS_OK);
	assert_int_equal(largest.count, 2); /* the others have none */
	assert_int_equal(largest.events[0].seq, 4);
	assert_int_equal(largest.events[0].value, INT64_C(3000000000));
	assert_int_equal(largest.events[1].seq, 1);
	assert_false(largest.more);
	largest_finish(&largest);
	assert_int_equal(largest_find(&largest, &scan, FIELD_TIME, 2, NULL), STATUS_OK);
	assert_int_equal(largest.count, 2);
	assert_int_equal(largest.events[0].seq, 4);
	assert_int_equal(largest.events[1].seq, 3);
	assert_true(largest.more);
	largest_finish(&largest);
	assert_int_equal(search_put_largest(
				 &scan, (struct search_sort){FIELD_DURATION_NS, 1}, OUTPUT_NDJSON, &fixture.out, NULL),
		STATUS_OK);
	const char *text = query_store_written(&fixture);
	assert_non_null(strstr(text, "\"seq\":4,"));
	assert_null(strstr(text, "\"seq\":1,"));
}

/* A heap is right when it agrees with a sort, whatever comes in. */
static void the_largest_are_those_of_a_sort(void **state)
{
	enum { EVENTS = 500, WANTED = 37 };
	struct query_store other;
	struct largest largest;
	int64_t values[EVENTS];
	uint32_t random = 12345;
	(void)state;
	query_store_open(&other);
	for (unsigned i = 0; i < EVENTS; i++) {
		char digits[24];
		random = random * 1103515245 + 12345;
		values[i] = random >> 24; /* many are equal */
		(void)snprintf(digits, sizeof(digits), "%lld", (long long)values[i]);
		query_store_add(&other, "duration_ns", digits, NULL);
	}
	query_store_commit(&other, false);
	struct scan scan = scan_all(other.reader);
	assert_int_equal(largest_find(&largest, &scan, FIELD_DURATION_NS, WANTED, NULL), STATUS_OK);
	assert_int_equal(largest.count, WANTED);
	for (size_t i = 0; i < largest.count; i++) {
		const struct largest_event *event = &largest.events[i];
		size_t before = 0; /* how many stand before it */
		assert_int_equal(values[event->seq - 1], event->value);
		for (unsigned j = 0; j < EVENTS; j++)
			before += values[j] > event->value || (values[j] == event->value && j + 1 < event->seq);
		assert_int_equal(before, i);
	}
	largest_finish(&largest);
	query_store_close(&other);
}

static int64_t when(const char *text, const struct scan *scan)
{
	struct error error = {0};
	int64_t ns = 0;
	if (when_read(text_of(text), "since", fixture.recv_time, scan, &fixture.arena, &ns, &error) != STATUS_OK)
		fail_msg("%s: %s", text, error.text);
	return ns;
}

static void a_time_can_be_that_of_an_event(void **state)
{
	static const struct text acme = TEXT("acme");
	struct scan scan = scan_all(fixture.reader);
	struct error error = {0};
	int64_t ns = 0;
	(void)state;
	assert_int_equal(when("first(user:alice)", &scan), INT64_C(1795082400000000000));
	assert_int_equal(when("last(user:alice)", &scan), INT64_C(1795168802000000000));
	assert_int_equal(when("first(verdict:denied)", &scan), INT64_C(1795168802000000000));
	assert_int_equal(when("2026-11-20", &scan) % NS_PER_S, 0);
	scan.by_recv_time = true;
	assert_int_equal(when("first(user:alice)", &scan), when("first(kind:*)", &scan));
	assert_true(when("last(user:alice)", &scan) > INT64_C(1795082400000000000));

	scan.tenants = &acme; /* events of others are no matter of the asker */
	scan.tenant_count = 1;
	assert_int_equal(
		when_read(TEXT("first(user:alice)"), "since", 0, &scan, &fixture.arena, &ns, &error), STATUS_NOT_FOUND);
	assert_string_equal(error.text, "since: no event matches user:alice");
	assert_int_equal(
		when_read(TEXT("first(usr:x)"), "since", 0, &scan, &fixture.arena, &ns, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "did you mean \"user\""));
	assert_int_equal(when_read(TEXT("soon"), "until", 0, &scan, &fixture.arena, &ns, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "until needs a time"));
}

/* Three events each, received in turn. */
static void fill_in_turn(struct query_store *first, struct query_store *second)
{
	for (unsigned i = 0; i < 3; i++) {
		query_store_add(first, "target.name", "left", NULL);
		query_store_commit(first, false);
		second->recv_time = first->recv_time + 1;
		query_store_add(second, "target.name", "right", NULL);
		query_store_commit(second, false);
		first->recv_time = second->recv_time + 1;
	}
}

static const char *listed(struct scan scan, uint64_t limit, bool merges, enum output_format format)
{
	struct error error = {0};
	struct coverage coverage = {0};
	scan.coverage = &coverage;
	assert_int_equal(search_narrow(&scan, limit, &error), STATUS_OK);
	assert_int_equal(search_put(&scan, merges, format, &fixture.out, &error), STATUS_OK);
	assert_int_equal(coverage.more, limit > 0 && limit < 12);
	return query_store_written(&fixture);
}

static void stores_are_read_as_one(void **state)
{
	struct query_store other;
	(void)state;
	query_store_open(&other);
	fill_in_turn(&fixture, &other);
	struct scan scan = scan_all(fixture.reader);
	assert_int_equal(scan_add_store(&scan, other.reader), STATUS_OK);
	assert_string_equal(run(&scan, "tool:left,right"), "8 9 10 1 2 3");
	scan.backward = true;
	assert_string_equal(run(&scan, "tool:left,right"), "3 2 1 10 9 8");
	scan.backward = false;
	assert_string_equal(run(&scan, "tool:right"), "1 2 3");

	struct scan one = scan;
	char id[96];
	(void)snprintf(id, sizeof(id), "%s-2", store_reader_id(other.reader));
	assert_true(scan_narrow_to_id(&one, text_of(id)));
	assert_string_equal(run(&one, ""), "2");

	/* The newest three are of both stores, and stand in order of receipt. */
	(void)run(&scan, "tool:left,right");
	const char *text = listed(scan, 3, true, OUTPUT_NDJSON);
	const char *first = strstr(text, "\"seq\":2,");
	const char *second = first ? strstr(first, "\"seq\":10,") : NULL;
	assert_non_null(second);
	assert_non_null(strstr(second, "\"seq\":3,"));
	assert_null(strstr(text, "\"seq\":9,"));
	text = listed(scan, 2, true, OUTPUT_JSON);
	assert_memory_equal(text, "{\"items\":[{", 11);
	assert_non_null(strstr(text, "},\n{"));
	query_store_close(&other);
}

struct sealing_seqs {
	struct query_store *store;
	struct seqs seqs;
	bool sealed;
};

static enum status note_seq_and_seal(void *context, const struct scan_place *place, const struct event *event)
{
	struct sealing_seqs *sealing = context;
	if (!sealing->sealed)
		query_store_seal(sealing->store);
	sealing->sealed = true;
	return note_seq(&sealing->seqs, place, event);
}

/* The block that takes the place of tail chunks holds what was met in the first of them. */
static void what_is_sealed_meanwhile_is_met_once(void **state)
{
	(void)state;
	for (int backward = 0; backward < 2; backward++) {
		struct query_store store;
		struct sealing_seqs sealing = {.store = &store};
		query_store_open(&store);
		for (int i = 0; i < 3; i++) {
			query_store_add(&store, "user.id", "alice", NULL);
			query_store_commit(&store, false);
		}
		struct scan scan = scan_all(store.reader);
		scan.backward = backward;
		assert_int_equal(scan_events(&scan, note_seq_and_seal, &sealing, NULL), STATUS_OK);
		assert_string_equal(sealing.seqs.text, backward ? "3 2 1" : "1 2 3");
		query_store_close(&store);
	}
}

enum { ROUNDS = 40, ROUND_EVENTS = 100, TEXT_BYTES = 1000 };

static void add_rounds(struct query_store *store)
{
	static char text[TEXT_BYTES + 1];
	memset(text, 'x', TEXT_BYTES);
	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < ROUND_EVENTS; i++)
			query_store_add(store, "error.message", text, NULL);
		query_store_commit(store, true);
	}
}

struct growing {
	struct query_store *store;
	uint64_t visits;
};

static enum status grow_once(void *context, const struct scan_place *place, const struct event *event)
{
	struct growing *growing = context;
	(void)place;
	(void)event;
	if (growing->visits++ == 0)
		add_rounds(growing->store);
	return STATUS_LIMIT;
}

/* Bytes of the file after so much was added while a scan works on its first event, or a reader holds what it saw. */
static uint64_t bytes_after_rounds(bool sealed, bool scans)
{
	struct query_store store;
	struct store_reader *reader = NULL;
	struct store_unit unit;
	struct store_figures figures;
	query_store_open(&store);
	query_store_add(&store, "user.id", "alice", NULL);
	query_store_commit(&store, sealed);
	assert_int_equal(store_reader_attach(&reader, store.store, NULL), STATUS_OK);
	if (scans) {
		struct growing growing = {&store, 0};
		struct scan scan = scan_all(reader);
		assert_int_equal(scan_events(&scan, grow_once, &growing, NULL), STATUS_OK);
		assert_int_equal(growing.visits, 1);
	} else {
		assert_int_equal(store_reader_unit(reader, 1, false, &unit, NULL), STATUS_OK);
		add_rounds(&store);
	}
	assert_int_equal(store_reader_figures(store.reader, &figures), STATUS_OK);
	store_reader_close(&reader);
	query_store_close(&store);
	return figures.file_bytes;
}

static void a_scan_at_work_keeps_no_pages_from_being_used_anew(void **state)
{
	(void)state;
	for (int sealed = 0; sealed < 2; sealed++)
		assert_true(bytes_after_rounds(sealed, true) < bytes_after_rounds(sealed, false) / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_met_in_order),
		cmocka_unit_test(fields_are_matched),
		cmocka_unit_test(numbers_are_compared),
		cmocka_unit_test(ids_are_found_however_they_are_written),
		cmocka_unit_test(words_are_found_in_texts),
		cmocka_unit_test(paths_lead_into_payloads),
		cmocka_unit_test(regular_expressions_are_asked_of_texts),
		cmocka_unit_test(a_regular_expression_that_explodes_fails_the_search),
		cmocka_unit_test(time_ranges_mean_the_events_time),
		cmocka_unit_test(only_tenants_in_scope_are_seen),
		cmocka_unit_test(the_newest_are_kept),
		cmocka_unit_test(coverage_tells_losses_and_redactions),
		cmocka_unit_test(formats_show_hostile_text_safely),
		cmocka_unit_test(the_largest_come_first),
		cmocka_unit_test(the_largest_are_those_of_a_sort),
		cmocka_unit_test(a_time_can_be_that_of_an_event),
		cmocka_unit_test(stores_are_read_as_one),
		cmocka_unit_test(what_is_sealed_meanwhile_is_met_once),
		cmocka_unit_test(a_scan_at_work_keeps_no_pages_from_being_used_anew),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
