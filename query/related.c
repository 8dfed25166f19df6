#include "related.h"

#include <stdlib.h>

#include "columns.h"
#include "conditions.h"
#include "phrase.h"
#include "related_event.h"
#include "timestamp.h"

enum { ARENA_BYTES_MAX = 128 * 1024 * 1024, SCRATCH_BYTES_MAX = 64 * 1024 * 1024, COMMON_MIN = 50 };

static const struct {
	const char *name;
	unsigned weight;
	const char *why;
} relations[] = {
#define RELATION(name, text, weight, why) {text, weight, why},
	RELATIONS(RELATION)
#undef RELATION
};

const char *relation_name(enum relation relation)
{
	return relations[relation].name;
}

const char *relation_why(enum relation relation)
{
	return relations[relation].why;
}

/* --- what was met --- */

static unsigned strength_of(const struct finder *finder, const struct relative *relative)
{
	const uint32_t by_value =
		RELATION_BIT(PASSED_ON) | RELATION_BIT(CAME_FROM) | RELATION_BIT(PARAMETER) | RELATION_BIT(RESULT);
	unsigned strength = 0;
	bool rare = relative->values == 0;
	for (size_t i = 0; i < finder->related->value_count; i++)
		rare = rare || ((relative->values >> i & 1) && finder->value_met[i] < COMMON_MIN);
	for (unsigned i = 0; i < RELATION_COUNT; i++) {
		if ((relative->relations >> i & 1) == 0)
			continue;
		bool weak = !rare && (by_value >> i & 1);
		strength += weak ? relations[i].weight / 10 : relations[i].weight;
	}
	return strength;
}

static uint64_t size_of(int64_t distance)
{
	return distance < 0 ? -(uint64_t)distance : (uint64_t)distance;
}

static int by_place(const struct relative *first, const struct relative *second)
{
	if (first->store != second->store)
		return first->store < second->store ? -1 : 1;
	return first->seq < second->seq ? -1 : first->seq > second->seq;
}

static int strongest_first(const void *a, const void *b)
{
	const struct relative *first = a;
	const struct relative *second = b;
	if (first->strength != second->strength)
		return first->strength > second->strength ? -1 : 1;
	if (size_of(first->distance) != size_of(second->distance))
		return size_of(first->distance) < size_of(second->distance) ? -1 : 1;
	return by_place(first, second);
}

static int newest_first(const void *a, const void *b)
{
	const struct relative *first = a;
	const struct relative *second = b;
	if (first->time != second->time)
		return first->time > second->time ? -1 : 1;
	return by_place(second, first);
}

/* Leaves at most `limit` of what was met. */
static void keep(struct finder *finder, uint64_t limit)
{
	struct related *related = finder->related;
	for (size_t i = 0; i < related->count; i++)
		related->relatives[i].strength = strength_of(finder, &related->relatives[i]);
	if (related->count > 1)
		qsort(related->relatives, related->count, sizeof(*related->relatives),
			related->of_text ? newest_first : strongest_first);
	if (related->count > limit) {
		related->count = (size_t)limit;
		related->coverage.more = true;
	}
}

static enum status add(struct finder *finder, const struct relative *met)
{
	struct related *related = finder->related;
	if (related->count == RELATED_MET_MAX)
		keep(finder, RELATED_MET_MAX / 2);
	if (related->count == related->room) {
		size_t room = related->room ? related->room * 2 : 256;
		struct relative *grown = realloc(related->relatives, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		related->relatives = grown;
		related->room = room;
	}
	related->relatives[related->count++] = *met;
	for (size_t i = 0; i < related->value_count; i++)
		finder->value_met[i] += met->values >> i & 1;
	return STATUS_OK;
}

/* --- the rows of a block --- */

/* Adds a relation to the rows that meet its condition; exact: and have this very request. */
static enum status mark_rows(struct finder *finder, struct match *match, const uint64_t *rows, enum relation relation)
{
	uint64_t taken[ROW_WORDS_MAX];
	struct column requests = {.rows = 0};
	bool exact = relation == RELATION_ARGUMENTS;
	if (finder->conditions[relation] == NULL)
		return STATUS_OK;
	memcpy(taken, rows, sizeof(taken));
	enum status status = match_rows(match, finder->conditions[relation], taken);
	if (status == STATUS_OK && exact)
		status = column_read(match->block, FIELD_REQUEST, &requests);
	for (uint32_t row = 0; status == STATUS_OK && row_next(taken, &row); row++) {
		bool same = !exact || text_equal(column_text(&requests, row), finder->seed.request);
		if (same)
			finder->relations[row] |= UINT32_C(1) << relation;
	}
	return status;
}

static bool is_seed(const struct seed *seed, size_t store, uint64_t seq)
{
	for (size_t i = 0; i < seed->count; i++)
		if (seed->places[i].store == store && seed->places[i].seq == seq)
			return true;
	return false;
}

static enum status meet_row(struct finder *finder, const struct scan_place *place, struct block *block, uint32_t row,
	const struct column_times *times)
{
	struct relative met = {.store = place->store,
		.seq = block_first_seq(block) + row,
		.time = column_time(times, row),
		.relations = finder->relations[row],
		.values = finder->values[row]};
	if (__builtin_sub_overflow(met.time, finder->seed.time, &met.distance))
		met.distance = met.time < 0 ? INT64_MIN : INT64_MAX;
	if (finder->seed.count > 0 && is_seed(&finder->seed, met.store, met.seq))
		met.relations = RELATION_BIT(ITSELF);
	return met.relations ? add(finder, &met) : STATUS_OK;
}

static enum status visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct finder *finder = context;
	struct match match = {.block = block,
		.store_id = place->store_id,
		.scratch = &finder->scratch,
		.deadline = finder->deadline,
		.error = finder->error};
	struct column_times times;
	memset(finder->relations, 0, sizeof(finder->relations));
	memset(finder->values, 0, sizeof(finder->values));
	enum status status = column_read_times(block, &times);
	for (unsigned i = 0; i < RELATION_COUNT && status == STATUS_OK; i++)
		status = mark_rows(finder, &match, rows, (enum relation)i);
	if (status == STATUS_OK && !finder->related->of_text) {
		for (uint32_t row = 0; row_next(rows, &row); row++)
			finder->times[row] = column_time(&times, row);
		status = values_mark_rows(finder, &match, rows);
	}
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		status = meet_row(finder, place, block, row, &times);
	return status;
}

/* --- a text --- */

static enum status ask_text(struct finder *finder, struct text words)
{
	static const uint8_t request[] = {FIELD_REQUEST};
	static const uint8_t response[] = {FIELD_RESPONSE};
	struct arena *arena = &finder->related->arena;
	size_t others = 0, at = 0;
	struct text word;
	if (!words_next(words, &at, &word))
		return error_set(finder->error, STATUS_INVALID, "there is no letter or digit to search for");
	uint8_t *other_fields = arena_alloc(arena, filter_text_field_count);
	for (size_t i = 0; other_fields && i < filter_text_field_count; i++)
		if (filter_text_fields[i] != FIELD_REQUEST && filter_text_fields[i] != FIELD_RESPONSE)
			other_fields[others++] = filter_text_fields[i];
	finder->conditions[RELATION_GIVEN] = condition_phrase(arena, request, 1, words);
	finder->conditions[RELATION_HELD] = condition_phrase(arena, response, 1, words);
	if (other_fields)
		finder->conditions[RELATION_MENTIONED] = condition_phrase(arena, other_fields, others, words);
	return finder->conditions[RELATION_MENTIONED] ? STATUS_OK : STATUS_NO_MEMORY;
}

/* What was given after a result had held it was passed on. */
static void mark_passed_on(struct related *related)
{
	int64_t held = INT64_MAX;
	for (size_t i = 0; i < related->count; i++)
		if ((related->relatives[i].relations & RELATION_BIT(HELD)) && related->relatives[i].time < held)
			held = related->relatives[i].time;
	for (size_t i = 0; i < related->count; i++) {
		struct relative *relative = &related->relatives[i];
		if ((relative->relations & RELATION_BIT(GIVEN)) && relative->time > held)
			relative->relations = (relative->relations & ~RELATION_BIT(GIVEN)) | RELATION_BIT(GIVEN_ON);
	}
}

/* The kept ones were the newest; they are told in their order. */
static void turn_round(struct related *related)
{
	for (size_t i = 0; i < related->count / 2; i++) {
		struct relative first = related->relatives[i];
		related->relatives[i] = related->relatives[related->count - 1 - i];
		related->relatives[related->count - 1 - i] = first;
	}
}

/* --- the whole --- */

static enum status scan_relations(struct finder *finder, struct scan *scan)
{
	struct arena *arena = &finder->related->arena;
	struct condition *any = condition_group(arena, CONDITION_OR);
	bool made = any != NULL;
	for (unsigned i = 0; i < RELATION_COUNT && made; i++)
		if (finder->conditions[i])
			made = condition_add(any, condition_copy(arena, finder->conditions[i])) != NULL;
	for (size_t i = 0; i < finder->wanted_count && made; i++)
		made = condition_add(any, condition_copy(arena, finder->wanted[i].condition)) != NULL;
	if (!made)
		return STATUS_NO_MEMORY;
	finder->filter = (struct filter){.root = any, .asks_texts = true};
	scan->filter = &finder->filter;
	scan->coverage = &finder->related->coverage;
	if (finder->seed.count > 0) {
		scan->tenants = &finder->seed.tenant;
		scan->tenant_count = 1;
	}
	return any->children ? scan_run(scan, visit, finder, finder->error) : STATUS_OK;
}

static enum status find(struct finder *finder, struct scan *scan, struct text words, uint64_t limit)
{
	struct related *related = finder->related;
	enum status status = seed_find(finder, scan, words);
	related->of_text = status == STATUS_NOT_FOUND;
	status = related->of_text ? ask_text(finder, words) : status;
	if (status == STATUS_OK && !related->of_text)
		status = seed_ask(finder);
	if (status == STATUS_OK)
		status = scan_relations(finder, scan);
	if (status != STATUS_OK)
		return status;
	if (related->of_text)
		mark_passed_on(related);
	keep(finder, limit > 0 && limit < RELATED_SHOWN_MAX ? limit + !related->of_text : RELATED_SHOWN_MAX);
	if (related->of_text)
		turn_round(related);
	status = related_read(finder, scan);
	for (size_t i = 0; i < related->count; i++)
		related->coverage.events += (related->relatives[i].relations & RELATION_BIT(ITSELF)) == 0;
	return status == STATUS_OK ? coverage_collect(scan, &related->coverage, finder->error) : status;
}

enum status related_find(
	struct related **related, const struct scan *scan, struct text words, uint64_t limit, struct error *error)
{
	struct related *made = calloc(1, sizeof(*made));
	struct finder *finder = calloc(1, sizeof(*finder));
	struct scan range = *scan;
	if (made == NULL || finder == NULL) {
		free(made);
		free(finder);
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	}
	arena_init(&made->arena, ARENA_BYTES_MAX);
	arena_init(&finder->scratch, SCRATCH_BYTES_MAX);
	arena_init(&finder->scratch_inside, SCRATCH_BYTES_MAX);
	finder->related = made;
	finder->error = error;
	finder->deadline = scan->deadline;
	enum status status = find(finder, &range, words, limit);
	arena_finish(&finder->scratch);
	arena_finish(&finder->scratch_inside);
	free(finder);
	if (status != STATUS_OK) {
		related_destroy(&made);
		return status;
	}
	*related = made;
	return STATUS_OK;
}

void related_destroy(struct related **related)
{
	if (*related == NULL)
		return;
	free((*related)->relatives);
	arena_finish(&(*related)->arena);
	free(*related);
	*related = NULL;
}
