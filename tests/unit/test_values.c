#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "query_store.h"
#include "scan.h"

/* What values of a search mean, asked of events in a sealed block and, again, of the same ones in the tail. */

static struct query_store fixture;

static void add_events(void)
{
	query_store_add(&fixture, "request",
		"{\"id\":9007199254740993,\"n\":-5,\"x\":1.50,\"s\":\"17\",\"a b\":{\"c.d\":[{\"q\\\"\":\"y\"},7]}}",
		"net.peer", "10.0.0.9:51234", "net.forwarded_for", "203.0.113.4, 2001:db8::17", NULL);
	query_store_add(&fixture, "request",
		"{\"id\":9007199254740992,\"n\":1e1,\"0\":\"zero\",\"list\":[[1,2],[3,4]]}", "server.address",
		"https://[2001:db8::1]:8080/mcp", "ingest.peer", "127.0.0.1:40000", NULL);
	query_store_add(&fixture, "request",
		"{\"path\":\"C:\\\\Users\\\\a\",\"cidr\":\"10.0.0.0/8\",\"t\":\"a\\u0000b\"}", "error.message",
		"connect to 10.1.2.3:80: refused", "attrs", "{\"host\":\"10.2.3.4\"}", NULL);
	query_store_add(&fixture, "request", "[{\"k8s.pod\":\"p\"},{\"k8s\":{\"pod\":\"q\"}}]", "dependency.address",
		"db.example.org:5432", "target.name", "a,b c\"d\\e", NULL);
}

static int set_up(void **state)
{
	(void)state;
	query_store_open(&fixture);
	add_events();
	query_store_commit(&fixture, true);
	add_events();
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
	char text[2][100];
	size_t len[2];
};

static enum status note_seq(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct seqs *seqs = context;
	long long seq = event->value[FIELD_SEQ].number;
	size_t tail = seq > 4;
	seqs->len[tail] += (size_t)snprintf(seqs->text[tail] + seqs->len[tail],
		sizeof(seqs->text[tail]) - seqs->len[tail], "%s%lld", seqs->len[tail] ? " " : "", tail ? seq - 4 : seq);
	return STATUS_OK;
}

static void assert_found(const char *words, const char *wanted)
{
	struct seqs seqs = {.len = {0}};
	struct filter filter;
	struct error error = {0};
	struct scan scan = scan_all(fixture.reader);
	enum status status = filter_parse(text_of(words), fixture.recv_time, &fixture.arena, &filter, &error);
	scan.filter = &filter;
	if (status == STATUS_OK)
		status = scan_events(&scan, note_seq, &seqs, &error);
	if (status != STATUS_OK)
		fail_msg("%s: column %u: %s", words, error.column, error.text);
	if (strcmp(seqs.text[0], wanted) != 0 || strcmp(seqs.text[1], wanted) != 0)
		fail_msg("%s: block \"%s\", tail \"%s\", not \"%s\"", words, seqs.text[0], seqs.text[1], wanted);
}

static void numbers_in_payloads_are_exact(void **state)
{
	(void)state;
	assert_found("request.id:9007199254740993", "1");
	assert_found("request.id:>9007199254740992", "1");
	assert_found("request.id:<=9007199254740992", "2");
	assert_found("request.id:9007199254740992..9007199254740993", "1 2");
	assert_found("request.n:10", "2");
	assert_found("request.n:<-1", "1");
	assert_found("request.n:-5", "1");
	assert_found("request.x:1.5", "1");
	assert_found("request.x:\"1.50\"", "1");
	assert_found("request.x:\"1.5\"", "");
	assert_found("request.s:>=17", "1");
	assert_found("request.path:>1", "");
}

static void addresses_are_found_by_range(void **state)
{
	(void)state;
	assert_found("ip:10.0.0.0/8", "1");
	assert_found("ip:10.0.0.9", "1");
	assert_found("ip:2001:db8::/32", "1 2");
	assert_found("ip:127.0.0.0/8,203.0.113.4", "1 2");
	assert_found("net.peer:10.0.0.9", "1");
	assert_found("net.peer:10.0.0.9:51234", "1");
	assert_found("net.peer:10.0.0.*", "1");
	assert_found("net.peer:\"10.0.0.9\"", "");
	assert_found("server.address:2001:db8::1", "2");
	assert_found("error.message:10.0.0.0/8", "3");
	assert_found("request.cidr:10.0.0.0/8", "3");
	assert_found("attrs:10.2.0.0/16", "3");
	assert_found("dependency.address:db.example.org*", "4");
	assert_found("ip:*", "1 2 4");
	assert_found("-ip:*", "3");
	assert_found("ip:0.0.0.0/0", "1 2");
}

static void paths_lead_to_odd_names(void **state)
{
	(void)state;
	assert_found("request.\"a b\".\"c.d\"[1]:7", "1");
	assert_found("request.\"a b\".c.d:7", "1");
	assert_found("request.\"a b\".\"c.d\".\"q\\\"\":y", "1");
	assert_found("request.\"a b\".\"c\".d:*", "");
	assert_found("request.0:zero", "2");
	assert_found("request.list[1][0]:3", "2");
	assert_found("request.list[][0]:3", "2");
	assert_found("request.list[*][*]:2", "2");
	assert_found("request.list.0:3", "");
	assert_found("request.list:4", "2");
	assert_found("request.k8s.pod:*", "4");
	assert_found("request.k8s.pod:q", "4");
	assert_found("request.\"k8s.pod\":q", "");
	assert_found("request[0].k8s.pod:p", "4");
	assert_found("request[1].k8s.pod:p", "");
}

static void quoted_values_are_taken_as_they_are(void **state)
{
	(void)state;
	assert_found("tool:\"a,b c\\\"d\\\\e\"", "4");
	assert_found("tool:a,b", "");
	assert_found("request.path:C:\\Users\\a", "3");
	assert_found("request.path:C:\\Users\\*", "3");
	assert_found("request.path:\"C:\\\\Users\\\\a\"", "3");
	assert_found("request.path:\"users\"", "3");
	assert_found("request.t:a*b", "3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_in_payloads_are_exact),
		cmocka_unit_test(addresses_are_found_by_range),
		cmocka_unit_test(paths_lead_to_odd_names),
		cmocka_unit_test(quoted_values_are_taken_as_they_are),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
