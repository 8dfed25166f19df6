/* What depends on the wall clock and on the size of segments: day roll-over, retention, a clock that steps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "core_fixture.h"
#include "upkeep.h"
#include "timestamp.h"

/* So many different requests come again and again: a block has each once, each part of the tail all of them. */
enum { REQUEST_BYTES = 8000, DIFFERENT = 250 };

static _Atomic int64_t wall_clock_ahead_s, elapsed_ahead_s;

/* Takes the place of libc's: the wall clock and the one that never steps can be set. */
int stepped_clock_gettime(clockid_t clock, struct timespec *time) __asm__("clock_gettime");

int stepped_clock_gettime(clockid_t clock, struct timespec *time)
{
	int code = (int)syscall(SYS_clock_gettime, clock, time);
	if (code == 0 && clock == CLOCK_REALTIME)
		time->tv_sec += (time_t)atomic_load(&wall_clock_ahead_s);
	if (code == 0 && clock == CLOCK_MONOTONIC)
		time->tv_sec += (time_t)atomic_load(&elapsed_ahead_s);
	return code;
}

static void step_wall_clock(int64_t seconds)
{
	atomic_fetch_add(&wall_clock_ahead_s, seconds);
}

static int setup(void **state)
{
	atomic_store(&wall_clock_ahead_s, 0);
	atomic_store(&elapsed_ahead_s, 0);
	return fixture_set_up(state);
}

/* `count` events with ids PREFIX-0 …, whose requests do not compress well. */
static struct ingest_result submit_large(struct fixture *fixture, const char *prefix, unsigned count)
{
	struct buf body;
	buf_init(&body, 256 * 1024 * 1024);
	uint64_t random = 1;
	for (unsigned i = 0; i < count; i++) {
		random = i % DIFFERENT == 0 ? 1 : random;
		buf_printf(&body, "{\"kind\":\"tool_call\",\"id\":\"%s-%u\",\"target\":{\"name\":\"t\"},\"request\":\"",
			prefix, i);
		for (unsigned n = 0; n < REQUEST_BYTES; n++) {
			random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			buf_put_byte(&body, (uint8_t)('0' + (random >> 33) % 43));
		}
		buf_put_string(&body, "\"}\n");
	}
	/* The alphabet from '0' holds one character that JSON escapes. */
	for (size_t i = 0; i < body.len; i++)
		body.at[i] = body.at[i] == '\\' ? 'x' : body.at[i];
	struct ingest_request request = {.source = SOURCE_HTTP, .body = buf_text(&body), .auth = TEXT("none")};
	struct ingest_result result = fixture_submit(fixture, &request);
	buf_finish(&body);
	return result;
}

static struct store_figures figures_of(struct fixture *fixture)
{
	struct error error;
	struct store_reader *reader = NULL;
	struct store_figures figures;
	assert_int_equal(store_reader_open(&reader, fixture->dir, &error), STATUS_OK);
	assert_int_equal(store_reader_figures(reader, &figures), STATUS_OK);
	store_reader_close(&reader);
	return figures;
}

struct sought {
	const char *op;
	char detail[512];
};

static void keep_detail(void *context, const struct event *event)
{
	struct sought *sought = context;
	if (!text_equal(event_text(event, FIELD_OP), text_of(sought->op)))
		return;
	struct text detail = event_text(event, FIELD_DETAIL);
	assert_true(detail.len < sizeof(sought->detail));
	memcpy(sought->detail, detail.at, detail.len);
	sought->detail[detail.len] = 0;
}

/* A number in the detail of the newest ledger event with this op. */
static int64_t noted(struct fixture *fixture, const char *op, const char *member)
{
	struct sought sought = {op, ""};
	fixture_read(fixture, true, keep_detail, &sought);
	char name[40];
	(void)snprintf(name, sizeof(name), "\"%s\":", member);
	const char *at = strstr(sought.detail, name);
	assert_non_null(at);
	return strtoll(at + strlen(name), NULL, 10);
}

static void wait_for_note(struct fixture *fixture, const char *op, unsigned count)
{
	while (fixture_count_notes(fixture, op) < count)
		sched_yield();
}

static void test_a_clock_that_steps_either_way_is_on_record(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	wait_for_note(fixture, "start", 1);
	step_wall_clock(3600);
	wait_for_note(fixture, "clock_jump", 1);
	assert_in_range(noted(fixture, "clock_jump", "step_ns"), 3599 * NS_PER_S, 3601 * NS_PER_S);
	step_wall_clock(-7200);
	wait_for_note(fixture, "clock_jump", 2);
	assert_in_range(-noted(fixture, "clock_jump", "step_ns"), 7199 * NS_PER_S, 7201 * NS_PER_S);
	fixture_stop(fixture);
	assert_int_equal(fixture_count_notes(fixture, "clock_jump"), 2);
}

static void keep_recv_time(void *context, const struct event *event)
{
	int64_t *newest = context;
	int64_t recv_time = event->value[FIELD_RECV_TIME].number;
	assert_true(recv_time >= *newest);
	*newest = recv_time;
}

static void test_receive_time_does_not_step_back_with_the_clock(void **state)
{
	struct fixture *fixture = *state;
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "before", 1).accepted, 1);
	step_wall_clock(-86400);
	assert_int_equal(submit_large(fixture, "after", 1).accepted, 1);
	fixture_stop(fixture);
	int64_t newest = 0;
	fixture_read(fixture, false, keep_recv_time, &newest);
	assert_true(newest > timestamp_now() + 86000 * NS_PER_S);
}

static void test_a_new_day_begins_a_segment_and_finds_the_old_ones_ids(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.ingest_dedup_age_max = 7 * NS_PER_DAY;
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "a", 20).accepted, 20);
	step_wall_clock(86400);
	assert_int_equal(submit_large(fixture, "b", 20).accepted, 20);
	step_wall_clock(86400);
	assert_int_equal(submit_large(fixture, "a", 20).duplicates, 20);
	fixture_stop(fixture);
	struct store_figures figures = figures_of(fixture);
	assert_int_equal(figures.segments, 3);
	assert_int_equal(figures.tail_events, 0);
	assert_int_equal(fixture_count(fixture), 40);
}

static void test_retention_by_age_removes_whole_days_and_is_on_record(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.store_retention_age = 36 * 3600 * NS_PER_S;
	fixture->conf.ingest_dedup_age_max = 7 * NS_PER_DAY;
	for (unsigned day = 0; day < 3; day++) {
		fixture_start(fixture);
		assert_int_equal(submit_large(fixture, day == 0 ? "a" : day == 1 ? "b" : "c", 10).accepted, 10);
		fixture_stop(fixture);
		step_wall_clock(86400);
	}
	/* Now it is day 3: what day 0 and day 1 received is older than 36 hours. */
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "a", 10).accepted, 10); /* an id that went may come again */
	assert_int_equal(submit_large(fixture, "c", 10).duplicates, 10);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 20);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 2);
	assert_int_equal(noted(fixture, "prune", "segments"), 1);
	assert_int_equal(noted(fixture, "prune", "last_seq") + 1,
		noted(fixture, "prune", "first_seq") + noted(fixture, "prune", "events"));
}

static void test_readers_hold_retention_up_for_a_while_but_not_for_ever(void **state)
{
	struct fixture *fixture = *state;
	struct store_reader *reader = NULL;
	struct store_unit unit;
	struct error error;
	for (unsigned day = 0; day < 3; day++) {
		fixture_start(fixture);
		assert_int_equal(submit_large(fixture, day == 0 ? "a" : day == 1 ? "b" : "c", 10).accepted, 10);
		fixture_stop(fixture);
		step_wall_clock(86400);
	}
	fixture->conf.store_retention_bytes = figures_of(fixture).file_bytes + 1024 * 1024;
	fixture_start(fixture);
	assert_int_equal(store_reader_attach(&reader, fixture->core.store, &error), STATUS_OK);
	assert_int_equal(store_reader_unit(reader, 1, false, &unit, &error), STATUS_OK);
	assert_int_equal(submit_large(fixture, "d", 400).accepted, 400);
	for (unsigned i = 0; fixture_count_notes(fixture, "prune") == 0; i++) {
		char prefix[32];
		atomic_fetch_add(&elapsed_ahead_s, 60);
		(void)snprintf(prefix, sizeof(prefix), "e%u", i);
		assert_int_equal(submit_large(fixture, prefix, 1).accepted, 1);
	}
	assert_true(atomic_load(&elapsed_ahead_s) >= 10 * 60);
	assert_int_equal(store_reader_unit(reader, 1, false, &unit, &error), STATUS_OK);
	assert_int_equal(unit.first_seq, 1);
	store_reader_close(&reader);
	fixture_stop(fixture);
	assert_int_equal(noted(fixture, "prune", "segments"), 3);
	assert_int_equal(noted(fixture, "prune", "first_seq"), 1);
}

static void test_a_start_with_a_clock_far_ahead_removes_nothing_for_its_age(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.store_retention_age = 36 * 3600 * NS_PER_S;
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "a", 10).accepted, 10);
	fixture_stop(fixture);
	step_wall_clock(30 * 86400);
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "b", 10).accepted, 10);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 20);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 0);
}

static void test_a_leap_of_the_clock_holds_ages_until_it_leaps_back(void **state)
{
	struct upkeep upkeep;
	struct ledger *ledger = NULL;
	(void)state;
	assert_int_equal(ledger_create(&ledger), STATUS_OK);
	upkeep_init(&upkeep, timestamp_now());
	assert_int_equal(upkeep.age_held_until, 0);
	step_wall_clock(7200);
	upkeep_check_clock(&upkeep, ledger);
	assert_in_range(upkeep.age_held_until - timestamp_elapsed(), 1, NS_PER_DAY);
	step_wall_clock(-7200);
	upkeep_check_clock(&upkeep, ledger);
	assert_int_equal(upkeep.age_held_until, 0);
	ledger_destroy(&ledger);
}

static void test_retention_by_size_keeps_the_newest_segments(void **state)
{
	struct fixture *fixture = *state;
	fixture->conf.store_segment_bytes_max = 1024 * 1024;
	fixture_start(fixture);
	char prefix[] = "a";
	for (; prefix[0] < 'q'; prefix[0]++)
		assert_int_equal(submit_large(fixture, prefix, 100).accepted, 100);
	fixture_stop(fixture);
	struct store_figures before = figures_of(fixture);
	assert_true(before.segments > 4);
	fixture->conf.store_retention_bytes = before.file_bytes / 2;
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "last", 1).accepted, 1);
	fixture_stop(fixture);
	struct store_figures after = figures_of(fixture);
	assert_int_equal(fixture_count_notes(fixture, "prune"), 1);
	assert_int_equal(
		before.events + 4 - after.events, noted(fixture, "prune", "events")); /* start, prune, last, stop */
	assert_in_range(fixture_count(fixture), 100, 1500);
	assert_true(after.file_bytes < before.file_bytes * 3 / 4);
}

static void test_what_a_full_map_has_no_room_for_goes_into_the_next_segment(void **state)
{
	struct fixture *fixture = *state;
	/* Either body fits below the size that begins a new segment, both do not fit into the map. */
	fixture->conf.store_map_bytes = 48 * 1024 * 1024;
	fixture_start(fixture);
	assert_int_equal(submit_large(fixture, "a", 4500).accepted, 4500);
	struct ingest_result result = submit_large(fixture, "b", 5600);
	assert_int_equal(result.status, STATUS_OK);
	assert_int_equal(result.accepted, 5600);
	assert_int_equal(submit_large(fixture, "b", 100).duplicates, 100);
	struct counts counts;
	counters_get(&fixture->core.counters, SOURCE_HTTP, &counts);
	assert_int_equal(counts.received, 10200);
	assert_int_equal(counts.stored, 10100);
	assert_int_equal(counts.duplicate, 100);
	fixture_stop(fixture);
	assert_int_equal(fixture_count(fixture), 10100);
	assert_true(figures_of(fixture).segments >= 2);
	assert_int_equal(fixture_count_notes(fixture, "full"), 0);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		CASE(test_a_clock_that_steps_either_way_is_on_record),
		CASE(test_receive_time_does_not_step_back_with_the_clock),
		CASE(test_a_new_day_begins_a_segment_and_finds_the_old_ones_ids),
		CASE(test_retention_by_age_removes_whole_days_and_is_on_record),
		CASE(test_readers_hold_retention_up_for_a_while_but_not_for_ever),
		CASE(test_a_start_with_a_clock_far_ahead_removes_nothing_for_its_age),
		CASE(test_a_leap_of_the_clock_holds_ages_until_it_leaps_back),
		CASE(test_retention_by_size_keeps_the_newest_segments),
		CASE(test_what_a_full_map_has_no_room_for_goes_into_the_next_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
