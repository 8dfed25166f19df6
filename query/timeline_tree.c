#include "timeline.h"

#include <stdlib.h>

/*
 * Arranges the moments of one piece of work: the two stages of a call become one, calls stand under the call that made
 * them, each level is in order of time and, at the same time, of arrival.
 */

int text_compare(struct text a, struct text b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;
	return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static int compare_seqs(const struct moment *a, const struct moment *b)
{
	return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static int by_id(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->tenant, second->tenant);
	if (order == 0)
		order = text_compare(first->id, second->id);
	return order ? order : compare_seqs(first, second);
}

static int by_span(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->trace_id, second->trace_id);
	if (order == 0)
		order = text_compare(first->span_id, second->span_id);
	return order ? order : compare_seqs(first, second);
}

int moment_by_time(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	if (first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return compare_seqs(first, second);
}

int64_t moment_end(const struct moment *moment)
{
	int64_t end = moment->time;
	if (moment->has_duration && moment->duration_ns > 0 && __builtin_add_overflow(end, moment->duration_ns, &end))
		return INT64_MAX;
	return end;
}

/* --- stages --- */

static void fold(struct moment *start, struct moment *end)
{
	if (end->has_duration) {
		start->duration_ns = end->duration_ns;
		start->has_duration = true;
	} else if (!start->has_duration && end->time >= start->time) {
		start->duration_ns = end->time - start->time;
		start->has_duration = true;
	}
	start->stage = STAGE_SINGLE;
	start->tone = end->tone;
	start->verdict = end->verdict;
	start->outcome = end->outcome;
	start->result = end->result;
	start->end_json = end->json;
	if (start->parameters.len == 0)
		start->parameters = end->parameters;
	if (start->intent.len == 0)
		start->intent = end->intent;
	end->folded = true;
}

static void fold_stages(struct moment **moments, size_t count)
{
	qsort(moments, count, sizeof(struct moment *), by_id);
	for (size_t i = 0, run = 0; i < count; i = run) {
		struct moment *start = NULL;
		struct moment *end = NULL;
		for (run = i; run < count && text_equal(moments[i]->tenant, moments[run]->tenant) &&
			      text_equal(moments[i]->id, moments[run]->id);
			run++) {
			if (moments[run]->stage == STAGE_START && start == NULL)
				start = moments[run];
			if (moments[run]->stage == STAGE_END && end == NULL)
				end = moments[run];
		}
		if (moments[i]->id.len > 0 && start && end)
			fold(start, end);
	}
	for (size_t i = 0; i < count; i++) {
		if (moments[i]->stage == STAGE_START) {
			moments[i]->tone = TONE_UNKNOWN;
			moments[i]->outcome = TEXT("outcome unknown: its end was never seen");
		}
	}
}

/* --- the tree --- */

static struct moment *find_parent(struct moment **moments, size_t count, const struct moment *child)
{
	struct moment key = {.trace_id = child->trace_id, .span_id = child->parent_span_id};
	size_t low = 0;
	size_t high = count;
	while (low < high) { /* the first one that is not before the key: key.seq is 0 */
		size_t middle = (low + high) / 2;
		const struct moment *wanted = &key;
		if (by_span(&moments[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && text_equal(moments[low]->span_id, key.span_id) &&
		text_equal(moments[low]->trace_id, key.trace_id);
		low++)
		if (moments[low] != child && !moments[low]->folded)
			return moments[low];
	return NULL;
}

/* Whether child may hang below parent: spans that bite their own tail, or are too deep to show, make no tree. */
static bool may_hang(const struct moment *child, const struct moment *parent)
{
	for (unsigned depth = 0; parent; parent = parent->parent, depth++)
		if (parent == child || depth == TIMELINE_DEPTH_MAX)
			return false;
	return true;
}

static bool is_repeat(const struct moment *moment, const struct moment *parent)
{
	return moment->is_call && text_equal(parent->kind, moment->kind) &&
	       text_equal(parent->action, moment->action) && text_equal(parent->target, moment->target) &&
	       !text_equal(parent->observer_role, moment->observer_role);
}

static void find_parents(struct moment **moments, size_t count)
{
	qsort(moments, count, sizeof(struct moment *), by_span);
	for (size_t i = 0; i < count; i++) {
		struct moment *moment = moments[i];
		if (moment->parent_span_id.len == 0 || moment->folded)
			continue;
		struct moment *parent = find_parent(moments, count, moment);
		if (parent && may_hang(moment, parent)) {
			moment->parent = parent;
			moment->repeat = is_repeat(moment, parent);
		}
	}
}

static void append(struct moment **first, struct moment **last, struct moment *moment)
{
	if (*last)
		(*last)->next = moment;
	else
		*first = moment;
	*last = moment;
}

static void count_moment(struct unit *unit, const struct moment *moment)
{
	int64_t end = moment_end(moment);
	unit->end = end > unit->end ? end : unit->end;
	if (!moment->is_call || moment->repeat)
		return;
	unit->calls++;
	unit->failed += moment->tone == TONE_BAD;
	unit->refused += moment->tone == TONE_REFUSED;
	unit->unknown += moment->tone == TONE_UNKNOWN;
}

enum status unit_arrange(struct timeline *timeline, struct unit *unit, struct moment **moments, size_t count)
{
	struct moment *last = NULL;
	struct moment **order = arena_alloc(&timeline->arena, (count + 1) * sizeof(struct moment *));
	if (order == NULL)
		return STATUS_NO_MEMORY;
	memcpy(order, moments, count * sizeof(struct moment *));
	fold_stages(order, count);
	find_parents(order, count);
	qsort(order, count, sizeof(struct moment *), moment_by_time);
	unit->start = unit->end = count ? order[0]->time : 0;
	for (size_t i = 0; i < count; i++) {
		struct moment *moment = order[i];
		if (moment->folded)
			continue;
		count_moment(unit, moment);
		if (moment->parent)
			append(&moment->parent->children, &moment->parent->last_child, moment);
		else
			append(&unit->first, &last, moment);
	}
	return STATUS_OK;
}
