#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "query_store.h"
#include "scan.h"
#include "timestamp.h"

/* Which blocks a search reads.  Each block holds one event, so that block and seq have the same number. */

static struct query_store fixture;

static int set_up(void **state)
{
	(void)state;
	query_store_open(&fixture);
	query_store_add(&fixture, "target.name", "read_file", "verdict", "ok", "session_id", "s-1", "request",
		"{\"path\":\"/etc/hosts\",\"n\":1e1}", "time", "1795168800000000000", NULL);
	query_store_commit(&fixture, true);
	query_store_add(&fixture, "target.name", "write_file", "verdict", "tool_error", "session_id", "s-2",
		"error.message", "permission denied", "net.peer", "10.0.0.9:1", "time", "1795168801000000000", NULL);
	query_store_commit(&fixture, true);
	query_store_add(&fixture, "kind", "ledger", "op", "drop", "time", "1795168802000000000", NULL);
	query_store_commit(&fixture, true);
	query_store_add(&fixture, "target.name", "query", "tenant", "acme", "oauth.token_id", "hmac:1", "time",
		"1795082400000000000", NULL);
	query_store_commit(&fixture, true);
	query_store_add(
		&fixture, "intent", "copy the quarterly report", "request", "{\"sql\":\"drop table users\"}", NULL);
	query_store_commit(&fixture, true);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

static enum status pass_over(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	(void)context;
	(void)place;
	(void)block;
	(void)rows;
	return STATUS_OK;
}

static const struct explain_pass *explained(struct scan *scan, const char *words)
{
	static struct explain explain;
	static struct filter filter;
	struct error error = {0};
	explain = (struct explain){.count = 0};
	if (filter_parse(text_of(words), fixture.recv_time, &fixture.arena, &filter, &error) != STATUS_OK)
		fail_msg("%s: column %u: %s", words, error.column, error.text);
	scan->filter = &filter;
	scan->explain = &explain;
	if (scan_run(scan, pass_over, NULL, &error) != STATUS_OK)
		fail_msg("%s: %s", words, error.text);
	assert_int_equal(explain.count, 1);
	return &explain.passes[0];
}

/* The blocks that were read, and the fate of the others (SKIP_COUNT: they differ). */
static void assert_read_of(struct scan scan, const char *words, const char *wanted, enum skip fate)
{
	char read[40] = "";
	size_t len = 0;
	const struct explain_pass *pass = explained(&scan, words);
	for (size_t i = 0; i < pass->run_count; i++)
		for (uint64_t seq = pass->runs[i].first_seq; seq <= pass->runs[i].last_seq; seq++)
			if (pass->runs[i].skip == SKIP_NOT)
				len += (size_t)snprintf(read + len, sizeof(read) - len, "%s%llu", len ? " " : "",
					(unsigned long long)seq);
			else if (fate != SKIP_COUNT && pass->runs[i].skip != fate)
				fail_msg("%s: block %llu has fate %d", words, (unsigned long long)seq,
					(int)pass->runs[i].skip);
	if (strcmp(read, wanted) != 0)
		fail_msg("%s: read \"%s\", not \"%s\"", words, read, wanted);
}

static void assert_read(const char *words, const char *wanted, enum skip fate)
{
	assert_read_of(scan_all(fixture.reader), words, wanted, fate);
}

static void names_are_known(void **state)
{
	(void)state;
	assert_read("kind:ledger", "3", SKIP_SET);
	assert_read("kind:l*", "3", SKIP_SET);
	assert_read("kind:/^led/", "3", SKIP_SET);
	assert_read("kind:nothing", "", SKIP_SET);
	assert_read("kind:ledger,x", "3", SKIP_SET);
}

static void fields_that_no_event_has_are_known(void **state)
{
	(void)state;
	assert_read("net.peer:10.0.0.0/8", "2", SKIP_FIELD);
	assert_read("net.peer:*", "2", SKIP_FIELD);
	assert_read("duration:>2s", "", SKIP_FIELD);
	assert_read("response:*", "", SKIP_FIELD);
	assert_read("attrs.region:eu", "", SKIP_FIELD);
	assert_read("intent:*report*", "5", SKIP_FIELD);
}

static void ids_are_in_filters(void **state)
{
	(void)state;
	const struct explain_pass *pass;
	struct scan scan = scan_all(fixture.reader);
	pass = explained(&scan, "session:s-2");
	assert_int_equal(pass->blocks[SKIP_FILTER], 1);
	assert_int_equal(pass->blocks[SKIP_FIELD], 3);
	assert_int_equal(pass->blocks[SKIP_NOT], 1);
	assert_int_equal(pass->found, 1);
	assert_read("token:hmac:1", "4", SKIP_FIELD);
	assert_read("id:3", "3", SKIP_FILTER);
}

static void words_are_in_filters(void **state)
{
	(void)state;
	assert_read("hosts", "1", SKIP_COUNT);
	assert_read("\"permission denied\"", "2", SKIP_COUNT);
	assert_read("\"drop users\"", "5", SKIP_COUNT);
	assert_read("/^drop\\s+table\\s/", "5", SKIP_COUNT);
	assert_read("/drop.*table/", "1 2 5", SKIP_FIELD);
	assert_read("AKIA*", "1 2 5", SKIP_FIELD);
	struct scan scan = scan_all(fixture.reader);
	const struct explain_pass *pass = explained(&scan, "request.path:/etc/*");
	assert_int_equal(pass->blocks[SKIP_NOT], 1);
	assert_int_equal(pass->blocks[SKIP_WORDS], 1);
	pass = explained(&scan, "request.n:10"); /* 1e1 */
	assert_int_equal(pass->found, 1);
	pass = explained(&scan, "error.message:denied");
	assert_int_equal(pass->blocks[SKIP_NOT], 1);
}

static void times_are_known(void **state)
{
	(void)state;
	struct scan scan = scan_all(fixture.reader);
	scan.since = INT64_C(1795168801) * NS_PER_S;
	assert_read_of(scan, "", "2 3", SKIP_TIME); /* 5 has the receive time, which is earlier */
	assert_read("before:2026-11-20", "4", SKIP_TIME);
	assert_read("seq:2..3", "2 3", SKIP_SEQ);
	assert_read("seq:>4", "5", SKIP_SEQ);
	assert_read("seq:<1", "", SKIP_SEQ);
}

static void blocks_of_other_tenants_are_passed_over(void **state)
{
	(void)state;
	static const struct text acme[] = {{"acme", 4}};
	struct scan scan = scan_all(fixture.reader);
	scan.tenants = acme;
	scan.tenant_count = 1;
	assert_read_of(scan, "", "4", SKIP_TENANT);
	assert_read("tenant:acme", "4", SKIP_TENANT);
}

static void not_passes_over_what_is_all_of_it(void **state)
{
	(void)state;
	assert_read("-kind:tool_call", "3", SKIP_ALL);
	assert_read("-kind:t*,x", "3", SKIP_ALL);
	assert_read("-( kind:tool_call OR tool:x )", "3", SKIP_ALL);
	assert_read("-( kind:tool_call before:2027-01-01 )", "3", SKIP_ALL);
	assert_read("-after:2026-11-20", "4", SKIP_ALL);
	assert_read("-*", "", SKIP_ALL);
	/* Events without a tool are not of the tool: */
	assert_read("-tool:read_file", "2 3 4 5", SKIP_ALL);
	assert_read("-( kind:tool_call tool:x )", "1 2 3 4 5", SKIP_ALL);
	assert_read("-/led/", "1 2 3 4 5", SKIP_ALL);
}

/* How many events the words find, and in how many blocks that had to be looked up. */
static void assert_counted(const char *words, uint64_t wanted, uint64_t read)
{
	static struct explain explain;
	struct filter filter;
	struct error error = {0};
	struct scan scan = scan_all(fixture.reader);
	uint64_t count = 0;
	explain = (struct explain){.count = 0};
	assert_int_equal(filter_parse(text_of(words), fixture.recv_time, &fixture.arena, &filter, &error), STATUS_OK);
	scan.filter = &filter;
	scan.explain = &explain;
	assert_int_equal(scan_count(&scan, &count, &error), STATUS_OK);
	if (count != wanted || explain.passes[0].blocks[SKIP_NOT] != read)
		fail_msg("%s: %llu events, %llu blocks read", words, (unsigned long long)count,
			(unsigned long long)explain.passes[0].blocks[SKIP_NOT]);
}

static void what_summaries_know_is_counted_without_the_blocks(void **state)
{
	(void)state;
	assert_counted("", 5, 0);
	assert_counted("kind:tool_call", 4, 0);
	assert_counted("kind:tool_call tool:*file", 2, 0);
	assert_counted("-tool:*", 2, 0);
	assert_counted("tool:read_file OR verdict:tool_error", 2, 0);
	assert_counted("tool:query tenant:acme", 1, 0);
	assert_counted("before:2027-01-01", 5, 0);
	assert_counted("kind:/led/", 1, 1);
	assert_counted("session:s-1", 1, 1);
	assert_counted("verdict:ok hosts", 1, 1);
	struct scan scan = scan_all(fixture.reader);
	uint64_t count = 0;
	scan_narrow(&scan, 2, 3);
	assert_int_equal(scan_count(&scan, &count, NULL), STATUS_OK);
	assert_int_equal(count, 2);
}

static void groups_join_what_is_known(void **state)
{
	(void)state;
	assert_read("kind:ledger OR kind:x", "3", SKIP_SET);
	assert_read("kind:tool_call hosts", "1", SKIP_COUNT);
	struct scan scan = scan_all(fixture.reader);
	const struct explain_pass *pass = explained(&scan, "hosts kind:tool_call");
	assert_int_equal(pass->blocks[SKIP_SET], 1);
	assert_int_equal(pass->blocks[SKIP_WORDS] + pass->blocks[SKIP_FIELD], 3);
	assert_int_equal(pass->runs[0].skip, SKIP_NOT);
	assert_int_equal(pass->runs[1].column, 1); /* what is cheap is asked first */
}

static void an_explanation_is_limited(void **state)
{
	(void)state;
	static struct explain explain;
	struct buf out;
	explain = (struct explain){.count = 0};
	buf_init(&out, 1 << 20);
	for (int walk = 0; walk < 20; walk++) {
		struct explain_pass *pass = explain_begin(&explain, "the answer", TEXT("0123456789abcdef"));
		for (uint64_t block = 0; pass && block < 1000; block++)
			explain_block(pass, 1 + block * 10, 10, block % 2 ? SKIP_NOT : SKIP_TIME, 7);
	}
	explain_put(&out, &explain);
	assert_int_equal(buf_status(&out), STATUS_OK);
	assert_true(out.len < 40000);
	buf_put_byte(&out, 0);
	assert_non_null(strstr(out.at, "500 of 1000 blocks read"));
	assert_non_null(strstr(out.at, "and 976 more blocks"));
	assert_non_null(strstr(out.at, "seq 1..10 (1 block): not read, by time (column 7)"));
	assert_non_null(strstr(out.at, "and 8 more walks"));
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_known),
		cmocka_unit_test(fields_that_no_event_has_are_known),
		cmocka_unit_test(ids_are_in_filters),
		cmocka_unit_test(words_are_in_filters),
		cmocka_unit_test(times_are_known),
		cmocka_unit_test(blocks_of_other_tenants_are_passed_over),
		cmocka_unit_test(not_passes_over_what_is_all_of_it),
		cmocka_unit_test(what_summaries_know_is_counted_without_the_blocks),
		cmocka_unit_test(groups_join_what_is_known),
		cmocka_unit_test(an_explanation_is_limited),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
