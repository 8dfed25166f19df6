#include "timeline_unit.h"

#include <stdlib.h>

#include "conditions.h"

/*
 * What the observers of the work counted and nobody received, so that it can be shown where it is missing.  All events of
 * these observers count, of whatever work: the range is what was received meanwhile, and a little around it, for events
 * that came out of order.
 */

enum { OUT_OF_ORDER_SEQS = 8192, RANGE_SEQS_MAX = 1 << 19, NAMES_MAX = 64 };

void scan_narrow_to_moments(const struct timeline *timeline, struct scan *scan, uint64_t before, uint64_t behind)
{
	uint64_t first[SCAN_STORES_MAX];
	uint64_t last[SCAN_STORES_MAX] = {0};
	for (size_t i = 0; i < scan->store_count; i++)
		first[i] = UINT64_MAX;
	for (size_t i = 0; i < timeline->count; i++) {
		const struct moment *moment = timeline->moments[i];
		if (moment->seq < first[moment->store])
			first[moment->store] = moment->seq;
		if (moment->seq > last[moment->store])
			last[moment->store] = moment->seq;
	}
	for (size_t i = 0; i < scan->store_count; i++) {
		struct scan_store *store = &scan->stores[i];
		first[i] -= first[i] > before && last[i] > 0 ? before : 0;
		last[i] += last[i] > 0 && last[i] <= UINT64_MAX - behind ? behind : 0;
		store->seq_first = first[i] > store->seq_first ? first[i] : store->seq_first;
		store->seq_last = last[i] < store->seq_last ? last[i] : store->seq_last;
	}
}

static uint64_t range_of(const struct scan *scan)
{
	uint64_t range = 0;
	for (size_t i = 0; i < scan->store_count; i++)
		if (scan->stores[i].seq_first <= scan->stores[i].seq_last)
			range += scan->stores[i].seq_last - scan->stores[i].seq_first + 1;
	return range;
}

/* The names of the observers that number their events. */
static size_t gather_names(const struct timeline *timeline, struct text names[NAMES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < timeline->count; i++) {
		const struct moment *moment = timeline->moments[i];
		bool known = !moment->counted || moment->seen_name.len == 0;
		for (size_t j = 0; j < count && !known; j++)
			known = text_equal(names[j], moment->seen_name);
		if (!known && count < NAMES_MAX)
			names[count++] = moment->seen_name;
	}
	return count;
}

enum status timeline_find_gaps(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	static const uint8_t numbers[] = {FIELD_OBSERVER_SEQ, FIELD_LAST_SEQ};
	static const uint8_t field_name = FIELD_OBSERVER_NAME;
	struct arena *arena = &timeline->arena;
	struct text names[NAMES_MAX];
	struct scan range = *scan;
	struct coverage ignored = {0};
	size_t count = gather_names(timeline, names);
	if (count == 0)
		return STATUS_OK;
	scan_narrow_to_moments(timeline, &range, OUT_OF_ORDER_SEQS, OUT_OF_ORDER_SEQS);
	timeline->gaps_unknown = range_of(&range) > RANGE_SEQS_MAX;
	if (timeline->gaps_unknown)
		return STATUS_OK;
	struct condition *both = condition_group(arena, CONDITION_AND);
	both = condition_add(both, condition_any(arena, &field_name, 1, names, count));
	both = condition_add(both, condition_exists(arena, numbers, sizeof(numbers)));
	struct filter filter = {.root = both};
	if (both == NULL)
		return STATUS_NO_MEMORY;
	range.filter = &filter;
	range.coverage = &ignored;
	range.since = INT64_MIN;
	range.until = INT64_MAX;
	return emitter_gaps_find(&range, arena, &timeline->gaps, error);
}

static const struct observer *observer_of(const struct unit *unit, const struct emitter_gap *gap)
{
	for (size_t i = 0; i < unit->observer_count; i++) {
		const struct observer *observer = &unit->observers[i];
		if (text_equal(observer->name, gap->name) && text_equal(observer->role, gap->role) &&
			text_equal(observer->instance, gap->instance) && text_equal(unit->tenant, gap->tenant))
			return observer;
	}
	return NULL;
}

static int by_at(const void *a, const void *b)
{
	const struct hole *first = a;
	const struct hole *second = b;
	return first->at < second->at ? -1 : first->at > second->at;
}

enum status unit_find_holes(struct timeline *timeline, const struct unit *unit, struct hole **holes, size_t *count)
{
	const struct emitter_gaps *gaps = &timeline->gaps;
	struct hole *found = arena_alloc(&timeline->arena, (gaps->count + 1) * sizeof(*found));
	size_t made = 0;
	if (found == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < gaps->count; i++) {
		const struct emitter_gap *gap = &gaps->gaps[i];
		const struct observer *observer = observer_of(unit, gap);
		int64_t before = 0;
		if (observer == NULL || __builtin_add_overflow(gap->after, observer->offset_ns, &found[made].at) ||
			__builtin_add_overflow(gap->before, observer->offset_ns, &before))
			continue;
		found[made].gap = gap;
		made += found[made].at <= unit->end && before >= unit->start;
	}
	if (made > 1)
		qsort(found, made, sizeof(*found), by_at);
	*holes = found;
	*count = made;
	return STATUS_OK;
}
