#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "match_text.h"
#include "query_store.h"
#include "scan.h"
#include "timestamp.h"

/*
 * Payloads are searched in columns, by codes of words where texts are stored as patterns.  Whatever is asked, the rows
 * must be those that a look at each payload's JSON gives.
 */

static struct query_store fixture;
static uint64_t seed;

static unsigned any_below(unsigned limit)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % limit;
}

static const char *const words[] = {
	"select", "FROM", "orders", "customer", "total", "weekly", "42", "7", "007", "x1", "größe", "a_b", "report"};
static const char *const marks[] = {" ", ", ", " = ", "/", "\\n", "\\\"", "-", ". "};
#define ANY_OF(list) (list)[any_below(sizeof(list) / sizeof((list)[0]))]

static size_t put_sentence(char *to, size_t room, unsigned count, bool escapes)
{
	size_t len = 0;
	for (unsigned i = 0; i < count; i++)
		len += (size_t)snprintf(
			to + len, room - len, "%s%s", i ? (escapes ? ANY_OF(marks) : " ") : "", ANY_OF(words));
	return len;
}

/* Shapes of several kinds: sentences of a few patterns, numbers, ids, lists, and texts with escapes. */
static void add_event(void)
{
	char request[600];
	char text[300];
	unsigned kind = any_below(5);
	(void)put_sentence(text, sizeof(text), kind == 0 ? 6 : 3 + any_below(4), kind > 2);
	if (kind == 0)
		(void)snprintf(request, sizeof(request), "{\"sql\":\"%s WHERE id = %u\",\"n\":%d}", text,
			any_below(100), (int)any_below(50) - 25);
	else if (kind == 1)
		(void)snprintf(request, sizeof(request), "{\"title\":\"%s\",\"id\":\"%08x-1111-4111-8111-%012x\"}",
			text, any_below(1000), any_below(1000));
	else if (kind == 2)
		(void)snprintf(request, sizeof(request), "{\"list\":[\"%s\",{\"k.x\":\"%s\",\"k\":{\"x\":\"%s\"}}]}",
			text, ANY_OF(words), ANY_OF(words));
	else if (kind == 3)
		(void)snprintf(request, sizeof(request), "{\"sql\":\"%s\",\"deep\":{\"list\":[[%u],[true,null]]}}",
			text, any_below(9));
	else
		(void)snprintf(request, sizeof(request), "\"%s\"", text);
	query_store_add(&fixture, "request", request, "target.name", ANY_OF(words), NULL);
}

static int set_up(void **state)
{
	(void)state;
	seed = (uint64_t)timestamp_now();
	print_message("seed %llu\n", (unsigned long long)seed);
	query_store_open(&fixture);
	for (unsigned part = 0; part < 4; part++) {
		for (unsigned i = 0; i < (part < 2 ? 1500 : 100); i++)
			add_event();
		query_store_commit(&fixture, part < 3);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

static enum status compare(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	const struct condition *condition = context;
	uint64_t found[ROW_WORDS_MAX] = {0};
	struct column column;
	struct arena scratch;
	arena_init(&scratch, 1 << 20);
	(void)place;
	struct match match = {.block = block, .scratch = &scratch};
	assert_int_equal(match_payload(&match, condition, PAYLOAD_REQUEST, rows, found), STATUS_OK);
	assert_int_equal(block_column(block, FIELD_REQUEST, &column), STATUS_OK);
	for (uint32_t row = 0; row < column.rows; row++) {
		struct text json = column.entries[column.codes[row]];
		bool wanted = column.codes[row] && match_text(&match, condition, FIELD_REQUEST, json);
		if (wanted != row_is_set(found, row))
			fail_msg("column %u: row %u is %swanted: %.*s", condition->column, row, wanted ? "" : "not ",
				(int)json.len, json.at);
	}
	arena_finish(&scratch);
	return STATUS_OK;
}

static void assert_same(const char *search)
{
	struct filter filter;
	struct error error = {0};
	struct scan scan = scan_all(fixture.reader);
	if (filter_parse(text_of(search), 0, &fixture.arena, &filter, &error) != STATUS_OK)
		fail_msg("%s: %s", search, error.text);
	print_message("%s\n", search);
	assert_int_equal(scan_run(&scan, compare, (void *)(uintptr_t)filter.root, &error), STATUS_OK);
}

static void phrases_are_found_as_in_their_json(void **state)
{
	(void)state;
	for (int round = 0; round < 60; round++) {
		char text[200];
		char search[240];
		(void)put_sentence(text, sizeof(text), 1 + any_below(3), false);
		(void)snprintf(search, sizeof(search), "request:\"%s\"", text);
		assert_same(search);
	}
	assert_same("request:\"where id = 7\"");
	assert_same("request:\"a b c d e f g h i\"");
	assert_same("request:4*");
	assert_same("request:*e*");
	assert_same("request:11*");
	assert_same("request:1111");
	assert_same("request:nselect");
	assert_same("request:\"select from\",weekly");
}

static void other_values_are_found_as_in_their_json(void **state)
{
	(void)state;
	assert_same("request:*");
	assert_same("request:/orders.{1,3}total/");
	assert_same("request.sql:*weekly*");
	assert_same("request.sql:/^select/i");
	assert_same("request.n:<0");
	assert_same("request.n:*");
	assert_same("request.list:*select*");
	assert_same("request.list[1].k.x:*");
	assert_same("request.list.k.x:>4");
	assert_same("request.list.\"k.x\":42,7");
	assert_same("request.deep.list[0]:3..5");
	assert_same("request.deep.list[1][0]:true");
	assert_same("request.deep:*");
	assert_same("request.id:0000*");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phrases_are_found_as_in_their_json),
		cmocka_unit_test(other_values_are_found_as_in_their_json),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
