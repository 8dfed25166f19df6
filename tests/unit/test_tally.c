#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

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

#define KEY(...)                                                                                                       \
	{                                                                                                              \
		.fields = { __VA_ARGS__ }                                                                              \
	}

static struct tally *tally_all(const struct tally_spec *spec)
{
	struct tally *tally = NULL;
	struct error error = {0};
	struct coverage coverage = {0};
	struct scan scan = scan_all(fixture.reader);
	scan.coverage = &coverage;
	assert_int_equal(tally_scan(&scan, spec, &tally, &error), STATUS_OK);
	return tally;
}

/* A group by its first part; NULL: there is none. */
static struct tally_group *group_of(struct tally *tally, const char *value)
{
	size_t count = 0;
	struct tally_group **groups = tally_groups(tally, &count);
	for (size_t i = 0; i < count; i++)
		if (text_equal(groups[i]->parts[0].text, text_of(value)) && groups[i]->parts[0].field)
			return groups[i];
	return NULL;
}

static uint64_t events_of(struct tally *tally, const char *value)
{
	struct tally_group *group = group_of(tally, value);
	return group ? group->events : 0;
}

/* Blocks, then tail chunks, with values that depend on the number in several ways. */
static void add_calls(unsigned count)
{
	char server[16], tool[16], user[16], time[24], duration[24], message[24];
	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(server, sizeof(server), "server-%u", i % 3);
		(void)snprintf(tool, sizeof(tool), "tool-%u", i % 7);
		(void)snprintf(user, sizeof(user), "user-%u", i % 11);
		(void)snprintf(time, sizeof(time), "%u", 1000000 - i * 17 % 1000);
		(void)snprintf(duration, sizeof(duration), "%u", i * 31 % 5000);
		(void)snprintf(message, sizeof(message), "message %u", i);
		query_store_add(&fixture, "server.name", server, "target.name", tool, "user.id", user, "time", time,
			"duration_ns", duration, "verdict", i % 5 ? "ok" : "tool_error", "request", "{\"a\":\"bc\"}",
			i % 5 ? NULL : "error.message", message, NULL);
		if (i % 100 == 99)
			query_store_commit(&fixture, i < count / 2);
	}
	query_store_commit(&fixture, false);
}

static const struct tally_spec whole = {
	.keys = {KEY(FIELD_SERVER_NAME), KEY(FIELD_TARGET_NAME)},
	.key_count = 2,
	.sets = {KEY(FIELD_USER_ID)},
	.set_count = 1,
	.samples = {{.value = KEY(FIELD_ERROR_MESSAGE), .errors = true}},
	.sample_count = 1,
	.durations = true,
	.bytes = true,
	.times = true,
};

static void groups_have_the_figures_of_their_events(void **state)
{
	(void)state;
	enum { COUNT = 1050 };
	add_calls(COUNT);
	struct tally *tally = tally_all(&whole);
	size_t count = 0;
	struct tally_group **groups = tally_groups(tally, &count);
	assert_int_equal(count, 21);
	assert_int_equal(tally_other(tally)->events, 0);
	for (size_t g = 0; g < count; g++) {
		struct tally_group *group = groups[g];
		unsigned server = (unsigned)atoi(group->parts[0].text.at + 7);
		unsigned tool = (unsigned)atoi(group->parts[1].text.at + 5);
		uint64_t events = 0, errors = 0;
		int64_t first = INT64_MAX, last = 0, last_error = 0, max = 0;
		unsigned latest = 0;
		for (unsigned i = 0; i < COUNT; i++) {
			int64_t time = 1000000 - i * 17 % 1000;
			if (i % 3 != server || i % 7 != tool)
				continue;
			events++;
			errors += i % 5 == 0;
			first = time < first ? time : first;
			last = time > last ? time : last;
			max = i * 31 % 5000 > max ? i * 31 % 5000 : max;
			if (i % 5 == 0 && time >= last_error) {
				last_error = time;
				latest = i;
			}
		}
		char message[24];
		(void)snprintf(message, sizeof(message), "message %u", latest);
		assert_int_equal(group->events, events);
		assert_int_equal(group->calls, events);
		assert_int_equal(tally_errors(group), errors);
		assert_int_equal(group->verdicts[VERDICT_OK], events - errors);
		assert_int_equal(group->request_bytes, events * 10);
		assert_int_equal(group->durations.count, events);
		assert_int_equal(group->durations.max, max);
		assert_int_equal(group->first.time, first);
		assert_int_equal(group->last.time, last);
		assert_int_equal(group->last_error.time, last_error);
		assert_int_equal(group->sets[0].count, 11);
		assert_true(text_equal(group->samples[0].text, text_of(message)));
	}
	tally_destroy(&tally);
}

static int by_parts(const void *a, const void *b)
{
	const struct tally_group *first = *(struct tally_group *const *)a;
	const struct tally_group *second = *(struct tally_group *const *)b;
	int order = text_compare(first->parts[0].text, second->parts[0].text);
	return order ? order : text_compare(first->parts[1].text, second->parts[1].text);
}

static void assert_same_group(struct tally_group *a, struct tally_group *b)
{
	assert_int_equal(a->events, b->events);
	assert_memory_equal(a->verdicts, b->verdicts, sizeof(a->verdicts));
	assert_int_equal(a->request_bytes, b->request_bytes);
	assert_int_equal(durations_percentile(&a->durations, 0.9), durations_percentile(&b->durations, 0.9));
	assert_int_equal(a->first.seq, b->first.seq);
	assert_int_equal(a->last.seq, b->last.seq);
	assert_int_equal(a->first_error.seq, b->first_error.seq);
	assert_int_equal(a->last_error.seq, b->last_error.seq);
	assert_true(text_equal(a->samples[0].text, b->samples[0].text));
	const struct tally_counted *first = tally_set_sort(&a->sets[0]);
	const struct tally_counted *second = tally_set_sort(&b->sets[0]);
	assert_int_equal(a->sets[0].count, b->sets[0].count);
	for (size_t i = 0; i < a->sets[0].count; i++) {
		assert_true(text_equal(first[i].text, second[i].text));
		assert_int_equal(first[i].count, second[i].count);
	}
}

/* Visits blocks by turns with two tallies. */
struct pair {
	struct tally *tallies[2];
	unsigned next;
};

static enum status visit_by_turns(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct pair *pair = context;
	return tally_visit(pair->tallies[pair->next++ % 2], place, block, rows);
}

static void merged_parts_are_the_whole(void **state)
{
	(void)state;
	add_calls(2050);
	struct tally *all = tally_all(&whole);
	struct pair pair = {.next = 0};
	struct scan scan = scan_all(fixture.reader);
	struct error error = {0};
	scan.backward = true; /* the order of blocks does not matter */
	assert_int_equal(tally_create(&whole, &pair.tallies[0]), STATUS_OK);
	assert_int_equal(tally_sibling(pair.tallies[0], &pair.tallies[1]), STATUS_OK);
	assert_int_equal(scan_run(&scan, visit_by_turns, &pair, &error), STATUS_OK);
	assert_true(pair.next > 4);
	size_t before = 0;
	struct tally_group **looked_at = tally_groups(pair.tallies[0], &before);
	for (size_t i = 0; i < before; i++)
		(void)tally_set_sort(&looked_at[i]->sets[0]); /* a set takes values after it was looked at, too */
	assert_int_equal(tally_merge(pair.tallies[0], &pair.tallies[1]), STATUS_OK);
	assert_null(pair.tallies[1]);
	size_t count = 0, merged = 0;
	struct tally_group **groups = tally_groups(all, &count);
	struct tally_group **merged_groups = tally_groups(pair.tallies[0], &merged);
	assert_int_equal(count, merged);
	qsort(groups, count, sizeof(struct tally_group *), by_parts);
	qsort(merged_groups, count, sizeof(struct tally_group *), by_parts);
	for (size_t i = 0; i < count; i++)
		assert_same_group(groups[i], merged_groups[i]);
	tally_destroy(&all);
	tally_destroy(&pair.tallies[0]);
}

static void the_first_field_that_is_there_counts(void **state)
{
	(void)state;
	query_store_add(&fixture, "conversation_id", "c", "session_id", "s", NULL);
	query_store_add(&fixture, "session_id", "s", "trace_id", "t", NULL);
	query_store_add(&fixture, "trace_id", "s", NULL);
	query_store_add(&fixture, "user.id", "s", NULL);
	query_store_commit(&fixture, true);
	struct tally_spec spec = {
		.keys = {{.fields = {FIELD_CONVERSATION_ID, FIELD_SESSION_ID, FIELD_TRACE_ID}, .by_field = true}},
		.key_count = 1};
	struct tally *tally = tally_all(&spec);
	size_t count = 0;
	struct tally_group **groups = tally_groups(tally, &count);
	assert_int_equal(count, 4); /* "s" as a session and as a trace are two, and nothing at all is one */
	unsigned seen = 0;
	for (size_t i = 0; i < count; i++) {
		uint8_t field = groups[i]->parts[0].field;
		assert_int_equal(groups[i]->events, 1);
		seen |= field == FIELD_CONVERSATION_ID ? 1
			: field == FIELD_SESSION_ID    ? 2
			: field == FIELD_TRACE_ID      ? 4
						       : 8;
		assert_true(field || groups[i]->parts[0].text.at == NULL);
	}
	assert_int_equal(seen, 15);
	tally_destroy(&tally);
	spec.keys[0].by_field = false;
	tally = tally_all(&spec);
	(void)tally_groups(tally, &count);
	assert_int_equal(count, 3);
	assert_int_equal(events_of(tally, "s"), 2);
	tally_destroy(&tally);
}

static void later_keys_can_stand_in_for_the_first(void **state)
{
	(void)state;
	query_store_add(&fixture, "stack_digest", "d", "error.type", "A", NULL);
	query_store_add(&fixture, "stack_digest", "d", "error.type", "B", NULL);
	query_store_add(&fixture, "error.type", "A", NULL);
	query_store_add(&fixture, "error.type", "B", NULL);
	query_store_commit(&fixture, true);
	struct tally_spec spec = {.keys = {KEY(FIELD_STACK_DIGEST), KEY(FIELD_ERROR_TYPE)}, .key_count = 2};
	struct tally *tally = tally_all(&spec);
	size_t count = 0;
	(void)tally_groups(tally, &count);
	assert_int_equal(count, 4);
	tally_destroy(&tally);
	spec.keys[1].unless = 1;
	tally = tally_all(&spec);
	(void)tally_groups(tally, &count);
	assert_int_equal(count, 3);
	assert_int_equal(events_of(tally, "d"), 2);
	tally_destroy(&tally);
}

static void numbers_fall_into_their_buckets(void **state)
{
	(void)state;
	static const char *const times[] = {"-1", "0", "9", "10", "25", "29"};
	for (size_t i = 0; i < 6; i++)
		query_store_add(&fixture, "time", times[i], NULL);
	query_store_commit(&fixture, true);
	const struct tally_spec spec = {.keys = {{.fields = {FIELD_TIME}, .bucket_ns = 10}}, .key_count = 1};
	struct tally *tally = tally_all(&spec);
	assert_int_equal(events_of(tally, "-10"), 1);
	assert_int_equal(events_of(tally, "0"), 2);
	assert_int_equal(events_of(tally, "10"), 1);
	assert_int_equal(events_of(tally, "20"), 2);
	tally_destroy(&tally);
}

static void a_call_in_two_stages_counts_once(void **state)
{
	(void)state;
	query_store_add(&fixture, "stage", "start", "id", "1", NULL);
	query_store_add(&fixture, "stage", "end", "id", "1", NULL);
	query_store_add(&fixture, "stage", "single", "id", "2", NULL);
	query_store_add(&fixture, "id", "3", NULL);
	query_store_commit(&fixture, false);
	const struct tally_spec spec = {.key_count = 0};
	struct tally *tally = tally_all(&spec);
	size_t count = 0;
	struct tally_group **groups = tally_groups(tally, &count);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0]->events, 3);
	tally_destroy(&tally);
}

static void only_calls_have_verdicts_where_kinds_are_mixed(void **state)
{
	(void)state;
	query_store_add(&fixture, "verdict", "tool_error", "duration_ns", "5", NULL);
	query_store_add(&fixture, "kind", "auth", "verdict", "denied", "duration_ns", "7", NULL);
	query_store_commit(&fixture, true);
	const struct tally_spec spec = {.durations = true, .calls_alone = true};
	struct tally *tally = tally_all(&spec);
	size_t count = 0;
	struct tally_group *group = tally_groups(tally, &count)[0];
	assert_int_equal(group->events, 2);
	assert_int_equal(group->calls, 1);
	assert_int_equal(group->verdicts[VERDICT_DENIED], 0);
	assert_int_equal(tally_errors(group), 1);
	assert_int_equal(group->durations.count, 1);
	tally_destroy(&tally);
}

/* More values than the limit, in groups and in a set: what has no place is still counted. */
static void beyond_the_limits_totals_stay_right(void **state)
{
	(void)state;
	enum { USERS = TALLY_SET_MAX + 500, BATCH = 4096 };
	for (unsigned i = 0; i < USERS; i++) {
		char user[16];
		(void)snprintf(user, sizeof(user), "user-%u", i);
		query_store_add(&fixture, "user.id", user, "verdict", i % 2 ? "ok" : "timeout", NULL);
		if (i % BATCH == BATCH - 1)
			query_store_commit(&fixture, true);
	}
	query_store_commit(&fixture, false);
	struct tally_spec spec = {.keys = {KEY(FIELD_USER_ID)}, .key_count = 1, .groups_max = 100};
	struct tally *tally = tally_all(&spec);
	size_t count = 0;
	(void)tally_groups(tally, &count);
	assert_int_equal(count, 100);
	assert_int_equal(tally_other(tally)->events, USERS - 100);
	assert_int_equal(tally_errors(tally_other(tally)), (USERS - 100) / 2);
	assert_int_equal(tally_fold(tally, 10), STATUS_OK);
	(void)tally_groups(tally, &count);
	assert_int_equal(count, 10);
	assert_int_equal(tally_other(tally)->events, USERS - 10);
	tally_destroy(&tally);
	spec = (struct tally_spec){.sets = {KEY(FIELD_USER_ID)}, .set_count = 1};
	tally = tally_all(&spec);
	struct tally_set *set = &tally_groups(tally, &count)[0]->sets[0];
	assert_int_equal(set->count, TALLY_SET_MAX);
	assert_int_equal(set->unlisted, USERS - TALLY_SET_MAX);
	assert_int_equal(tally_set_count(set, TEXT("user-7")), 1);
	assert_int_equal(tally_set_count(set, TEXT("nobody")), 0);
	tally_destroy(&tally);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_store, close_store)
	const struct CMUnitTest tests[] = {
		TEST(groups_have_the_figures_of_their_events),
		TEST(merged_parts_are_the_whole),
		TEST(the_first_field_that_is_there_counts),
		TEST(later_keys_can_stand_in_for_the_first),
		TEST(numbers_fall_into_their_buckets),
		TEST(a_call_in_two_stages_counts_once),
		TEST(only_calls_have_verdicts_where_kinds_are_mixed),
		TEST(beyond_the_limits_totals_stay_right),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
