#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "export.h"
#include "lanes.h"
#include "query_store.h"
#include "tally.h"

enum { THREADS = 4, PARTS = 100, JOBS = 50, BLOCKS = 40, EVENTS_OF_BLOCK = 5, LARGE_BYTES = 20000 };

/* --- lanes --- */

static void count_part(void *context, unsigned part, unsigned thread)
{
	atomic_uint *counts = context;
	assert_true(thread < THREADS);
	atomic_fetch_add(&counts[part], 1);
}

static void every_part_of_every_job_is_done_once(void **state)
{
	struct lanes *lanes = NULL;
	atomic_uint counts[PARTS] = {0};
	(void)state;
	assert_int_equal(lanes_open(&lanes, THREADS), STATUS_OK);
	for (unsigned job = 0; job < JOBS; job++)
		lanes_run(lanes, job % 2 ? PARTS : 1, count_part, counts);
	lanes_close(&lanes);
	assert_null(lanes);
	assert_int_equal(atomic_load(&counts[0]), JOBS);
	for (unsigned part = 1; part < PARTS; part++)
		assert_int_equal(atomic_load(&counts[part]), JOBS / 2);
}

static void a_caller_alone_does_all_itself(void **state)
{
	struct lanes *lanes = NULL;
	atomic_uint counts[PARTS] = {0};
	(void)state;
	assert_int_equal(lanes_open(&lanes, 1), STATUS_OK);
	lanes_run(lanes, PARTS, count_part, counts);
	lanes_close(&lanes);
	for (unsigned part = 0; part < PARTS; part++)
		assert_int_equal(atomic_load(&counts[part]), 1);
}

/* --- scans --- */

static struct query_store fixture;

/* Some payloads lie beside their block: lanes fetch them while others run. */
static int set_up(void **state)
{
	static char large[LARGE_BYTES];
	char id[32];
	(void)state;
	query_store_open(&fixture);
	(void)snprintf(large, sizeof(large), "{\"sql\":\"%*s\"}", LARGE_BYTES - 100, "needle");
	for (unsigned i = 0; i < BLOCKS * EVENTS_OF_BLOCK; i++) {
		(void)snprintf(id, sizeof(id), "id-%u", i);
		query_store_add(&fixture, "id", id, "user.id", i % 3 ? "alice" : "bob", "target.name", "query",
			"request", i % 7 ? "{\"n\":1}" : large, NULL);
		if (i % EVENTS_OF_BLOCK == EVENTS_OF_BLOCK - 1)
			query_store_commit(&fixture, true);
	}
	query_store_add(&fixture, "id", "last", "user.id", "bob", NULL);
	query_store_commit(&fixture, false);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	query_store_close(&fixture);
	return 0;
}

static uint64_t export_with(unsigned threads, const char *words, struct buf *copy)
{
	struct scan scan = scan_all(fixture.reader);
	struct coverage coverage = {0};
	struct filter filter;
	struct error error = {0};
	assert_int_equal(filter_parse(text_of(words), 0, &fixture.arena, &filter, &error), STATUS_OK);
	scan.filter = &filter;
	scan.threads = threads;
	scan.coverage = &coverage;
	assert_int_equal(export_put(&scan, &fixture.out, &error), STATUS_OK);
	assert_int_equal(coverage.damages, 0);
	buf_put_string(copy, query_store_written(&fixture));
	return coverage.events;
}

static void expect_same(const char *words, uint64_t events)
{
	struct buf one;
	struct buf several;
	buf_init(&one, SIZE_MAX / 2);
	buf_init(&several, SIZE_MAX / 2);
	assert_int_equal(export_with(1, words, &one), events);
	assert_int_equal(export_with(THREADS, words, &several), events);
	assert_int_equal(one.len, several.len);
	assert_memory_equal(one.at, several.at, one.len);
	buf_finish(&one);
	buf_finish(&several);
}

static void several_threads_write_what_one_writes(void **state)
{
	(void)state;
	expect_same("", BLOCKS * EVENTS_OF_BLOCK + 1);
	expect_same("user:bob", (BLOCKS * EVENTS_OF_BLOCK + 2) / 3 + 1);
	expect_same("needle", (BLOCKS * EVENTS_OF_BLOCK + 6) / 7);
	expect_same("request:/ne+dle/", (BLOCKS * EVENTS_OF_BLOCK + 6) / 7);
	expect_same("user:nobody", 0);
}

/* What groups_max groups of ids hold, as text in the order of their first events. */
static void count_with(unsigned threads, size_t groups_max, struct buf *text)
{
	struct scan scan = scan_all(fixture.reader);
	struct coverage coverage = {0};
	struct tally_spec spec = {.keys = {{.fields = {FIELD_ID}}},
		.key_count = 1,
		.sets = {{.fields = {FIELD_USER_ID}}},
		.set_count = 1,
		.groups_max = groups_max,
		.bytes = true,
		.times = true};
	struct tally *tally = NULL;
	size_t count = 0;
	uint64_t bytes = 0;
	scan.threads = threads;
	scan.coverage = &coverage;
	assert_int_equal(tally_scan(&scan, &spec, &tally, NULL), STATUS_OK);
	struct tally_group **groups = tally_groups(tally, &count);
	for (uint64_t seq = 1; seq <= BLOCKS * EVENTS_OF_BLOCK + 1; seq++)
		for (size_t i = 0; i < count; i++)
			if (groups[i]->first.seq == seq)
				buf_put_text(text, groups[i]->parts[0].text);
	for (size_t i = 0; i < count; i++)
		bytes += groups[i]->request_bytes;
	buf_printf(text, " %zu %llu %llu %llu", count, (unsigned long long)bytes,
		(unsigned long long)tally_other(tally)->events, (unsigned long long)coverage.events);
	tally_destroy(&tally);
}

static void several_threads_count_what_one_counts(void **state)
{
	(void)state;
	for (size_t groups_max = 0; groups_max < 100; groups_max += 33) {
		struct buf one;
		struct buf several;
		buf_init(&one, SIZE_MAX / 2);
		buf_init(&several, SIZE_MAX / 2);
		count_with(1, groups_max, &one);
		count_with(THREADS, groups_max, &several);
		assert_int_equal(one.len, several.len);
		assert_memory_equal(one.at, several.at, one.len);
		buf_finish(&one);
		buf_finish(&several);
	}
}

struct meeting {
	int64_t last_seq;
	unsigned count, count_max;
};

static enum status meet(void *context, const struct scan_place *place, const struct event *event)
{
	struct meeting *meeting = context;
	int64_t seq = event->value[FIELD_SEQ].number;
	(void)place;
	if (meeting->count == meeting->count_max)
		return STATUS_LIMIT;
	assert_true(seq < meeting->last_seq);
	meeting->last_seq = seq;
	meeting->count++;
	return STATUS_OK;
}

static void a_scan_on_several_threads_goes_back_in_order_and_ends_when_told(void **state)
{
	(void)state;
	struct scan scan = scan_all(fixture.reader);
	scan.threads = THREADS;
	scan.backward = true;
	struct meeting all = {INT64_MAX, 0, UINT32_MAX};
	assert_int_equal(scan_events(&scan, meet, &all, NULL), STATUS_OK);
	assert_int_equal(all.count, BLOCKS * EVENTS_OF_BLOCK + 1);
	struct meeting some = {INT64_MAX, 0, 52};
	assert_int_equal(scan_events(&scan, meet, &some, NULL), STATUS_OK);
	assert_int_equal(some.last_seq, all.last_seq + BLOCKS * EVENTS_OF_BLOCK + 1 - 52);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_every_job_is_done_once),
		cmocka_unit_test(a_caller_alone_does_all_itself),
		cmocka_unit_test(several_threads_write_what_one_writes),
		cmocka_unit_test(several_threads_count_what_one_counts),
		cmocka_unit_test(a_scan_on_several_threads_goes_back_in_order_and_ends_when_told),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
