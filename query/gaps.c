#include "gaps.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES_MAX = 64 * 1024 * 1024, TEXT_BYTES_MAX = 1024 };

static const struct {
	const char *name, *means;
} kinds[] = {
#define GAP(name, text, means) {text, means},
	GAP_KINDS(GAP)
#undef GAP
};

const char *gap_name(enum gap_kind kind)
{
	return kinds[kind].name;
}

const char *gap_means(enum gap_kind kind)
{
	return kinds[kind].means;
}

enum status gaps_add(struct gaps *gaps, struct gap gap)
{
	if (gaps->count == GAPS_MAX) {
		gaps->coverage.more = true;
		return STATUS_OK;
	}
	if (gaps->count == gaps->room) {
		size_t room = gaps->room ? gaps->room * 2 : 64;
		struct gap *grown = realloc(gaps->items, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		gaps->items = grown;
		gaps->room = room;
	}
	gaps->items[gaps->count++] = gap;
	return STATUS_OK;
}

struct text gaps_text(struct gaps *gaps, const char *format, ...)
{
	char text[TEXT_BYTES_MAX];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (len < 0)
		len = 0;
	return arena_copy(
		&gaps->arena, (struct text){text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1});
}

/* --- what the store itself lacks --- */

/* When the events of a unit were received; false: it can't be told without reading it. */
static bool unit_times(const struct store_unit *unit, struct time_range *range)
{
	struct summary *summary = NULL;
	if (!unit->sealed || summary_open(unit->summary, &summary) != STATUS_OK)
		return false;
	*range = summary_recv_time(summary);
	summary_close(&summary);
	return true;
}

struct hole {
	uint64_t first, last;  /* seq */
	int64_t after, before; /* receipt of what stands around it */
};

static bool concerns(const struct scan *scan, int64_t since, int64_t until)
{
	return since < scan->until && until >= scan->since;
}

static enum status add_hole(struct gaps *gaps, const struct scan *scan, const char *store_id, struct hole hole)
{
	bool expired = hole.first == 1 && hole.after == INT64_MIN;
	if (!concerns(scan, hole.after, hole.before))
		return STATUS_OK;
	return gaps_add(gaps, (struct gap){.kind = expired ? GAP_EXPIRED : GAP_MISSING,
				      .since = hole.after,
				      .until = hole.before,
				      .events = hole.last - hole.first + 1,
				      .first_seq = hole.first,
				      .last_seq = hole.last,
				      .source = gaps_text(gaps, "store %s", store_id),
				      .why = gaps_text(gaps, "seq %" PRIu64 " to %" PRIu64 " %s", hole.first, hole.last,
					      expired ? "are older than what is kept" : "are not here")});
}

/* Walks the keys of the store, without reading its events. */
static enum status find_holes(
	struct gaps *gaps, const struct scan *scan, const struct scan_store *store, struct error *error)
{
	const char *id = store_reader_id(store->reader);
	struct store_unit unit = {0};
	struct time_range range;
	uint64_t seq = 1;
	int64_t newest = INT64_MIN;
	for (;;) {
		enum status status = store_reader_renew(store->reader, error);
		if (status == STATUS_OK)
			status = store_reader_peek(store->reader, seq, false, &unit, error);
		bool damaged = status == STATUS_DAMAGED; /* which a scan meets, and tells, too */
		if (status == STATUS_NOT_FOUND || (damaged && unit.count == 0))
			return STATUS_OK;
		if (status != STATUS_OK && !damaged)
			return status;
		if (unit.first_seq > store->seq_last)
			return STATUS_OK;
		status = STATUS_OK;
		bool timed = unit_times(&unit, &range);
		if (unit.first_seq > seq)
			status = add_hole(gaps, scan, id,
				(struct hole){seq, unit.first_seq - 1, newest, timed ? range.first : INT64_MAX});
		if (status != STATUS_OK)
			return status;
		newest = timed ? range.last : newest;
		seq = unit.first_seq + unit.count;
		if (scan->gives_up && scan->gives_up(scan->asker))
			return STATUS_CANCELLED;
	}
}

static enum status add_end(struct gaps *gaps, const struct scan_store *store)
{
	uint64_t next = store_reader_next_seq(store->reader);
	enum status status = STATUS_OK;
	const char *id = store_reader_id(store->reader);
	if (store_reader_ends_early(store->reader))
		status = gaps_add(
			gaps, (struct gap){.kind = GAP_CUT_OFF,
				      .since = INT64_MIN,
				      .until = INT64_MAX,
				      .events = GAP_UNKNOWN,
				      .first_seq = next,
				      .source = gaps_text(gaps, "store %s", id),
				      .why = gaps_text(
					      gaps, "its newest segment, from seq %" PRIu64 " on, is not here", next)});
	if (status == STATUS_OK && store_reader_is_unfinished(store->reader))
		status = gaps_add(gaps, (struct gap){.kind = GAP_CUT_OFF,
						.since = INT64_MIN,
						.until = INT64_MAX,
						.events = GAP_UNKNOWN,
						.source = gaps_text(gaps, "store %s", id),
						.why = TEXT("this backup was not finished")});
	return status;
}

static enum status add_damage(struct gaps *gaps)
{
	const struct coverage *coverage = &gaps->coverage;
	enum status status = STATUS_OK;
	for (uint64_t i = 0; i < coverage->damages && i < COVERAGE_SHOWN_MAX && status == STATUS_OK; i++) {
		const struct coverage_damage *damage = &coverage->damage[i];
		status = gaps_add(
			gaps, (struct gap){.kind = GAP_DAMAGED,
				      .since = INT64_MIN,
				      .until = INT64_MAX,
				      .events = damage->count ? damage->count : GAP_UNKNOWN,
				      .first_seq = damage->first_seq,
				      .last_seq = damage->count ? damage->first_seq + damage->count - 1 : 0,
				      .source = gaps_text(gaps, "%s", damage->segment),
				      .why = gaps_text(gaps, "block %" PRIu64 " is damaged", damage->first_seq)});
	}
	if (status == STATUS_OK && coverage->damages > COVERAGE_SHOWN_MAX)
		status = gaps_add(gaps, (struct gap){.kind = GAP_DAMAGED,
						.since = INT64_MIN,
						.until = INT64_MAX,
						.events = GAP_UNKNOWN,
						.why = gaps_text(gaps, "%" PRIu64 " more blocks are damaged",
							coverage->damages - COVERAGE_SHOWN_MAX)});
	return status;
}

/* --- the whole --- */

static int by_time(const void *a, const void *b)
{
	const struct gap *first = a;
	const struct gap *second = b;
	if (first->since != second->since)
		return first->since < second->since ? -1 : 1;
	if (first->until != second->until)
		return first->until < second->until ? -1 : 1;
	if (first->kind != second->kind)
		return first->kind < second->kind ? -1 : 1;
	return first->first_seq < second->first_seq ? -1 : first->first_seq > second->first_seq;
}

static enum status find(struct gaps *gaps, const struct scan *scan, struct error *error)
{
	struct scan range = *scan;
	enum status status = STATUS_OK;
	range.coverage = &gaps->coverage;
	for (size_t i = 0; i < scan->store_count && status == STATUS_OK; i++) {
		status = find_holes(gaps, scan, &scan->stores[i], error);
		if (status == STATUS_OK)
			status = add_end(gaps, &scan->stores[i]);
	}
	if (status == STATUS_OK)
		status = gaps_of_ledger(gaps, scan, error);
	if (status == STATUS_OK)
		status = gaps_of_emitters(gaps, &range, error);
	if (status == STATUS_OK)
		status = add_damage(gaps);
	if (status != STATUS_OK)
		return status;
	if (gaps->count > 1)
		qsort(gaps->items, gaps->count, sizeof(*gaps->items), by_time);
	gaps->coverage.events = gaps->count;
	return coverage_collect(&range, &gaps->coverage, error);
}

enum status gaps_find(struct gaps **gaps, const struct scan *scan, struct error *error)
{
	struct gaps *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	arena_init(&made->arena, ARENA_BYTES_MAX);
	enum status status = find(made, scan, error);
	if (status != STATUS_OK) {
		gaps_destroy(&made);
		return status;
	}
	*gaps = made;
	return STATUS_OK;
}

void gaps_destroy(struct gaps **gaps)
{
	if (*gaps == NULL)
		return;
	free((*gaps)->items);
	arena_finish(&(*gaps)->arena);
	free(*gaps);
	*gaps = NULL;
}
