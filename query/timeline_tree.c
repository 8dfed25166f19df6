#include "timeline_unit.h"

#include <stdlib.h>

#include "crypto.h"
#include "timestamp.h"

/*
 * Arranges the moments of one piece of work.  The order of the steps matters: stages become one; ids and spans link the
 * reports of a call; these links and the receive times correct clocks; only then can closeness in time link more, and
 * calls that were made again be found.  What is left stands under the call that made it, each level in order of
 * corrected time and, at the same time, of arrival.
 */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int compare_times(int64_t a, int64_t b)
{
	return a < b ? -1 : a > b;
}

int moment_by_arrival(const struct moment *a, const struct moment *b)
{
	int order = compare_numbers(a->store, b->store);
	return order ? order : compare_numbers(a->seq, b->seq);
}

int moment_by_id(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->id, second->id);
	return order ? order : moment_by_arrival(first, second);
}

static int by_id_and_observer(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->id, second->id);
	if (order == 0)
		order = compare_numbers((uintptr_t)first->observer, (uintptr_t)second->observer);
	return order ? order : moment_by_arrival(first, second);
}

static int by_span(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->trace_id, second->trace_id);
	if (order == 0)
		order = text_compare(first->span_id, second->span_id);
	return order ? order : moment_by_arrival(first, second);
}

int moment_by_time(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = compare_times(first->own.at, second->own.at);
	return order ? order : moment_by_arrival(first, second);
}

static int by_call_time(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = compare_times(first->call.at, second->call.at);
	return order ? order : moment_by_arrival(first, second);
}

static int by_key(const void *a, const void *b)
{
	const struct keyed *first = a;
	const struct keyed *second = b;
	int order = compare_numbers(first->key, second->key);
	return order ? order : moment_by_time(&first->moment, &second->moment);
}

void keyed_sort(struct keyed *keyed, size_t count)
{
	if (count > 1)
		qsort(keyed, count, sizeof(*keyed), by_key);
}

uint64_t text_hash(const struct timeline *timeline, uint64_t before, struct text text)
{
	uint64_t both[2] = {before, siphash(timeline->hash_key, text.at ? text.at : "", text.len)};
	return siphash(timeline->hash_key, both, sizeof(both));
}

static int64_t add_duration(int64_t at, bool has_duration, int64_t duration_ns)
{
	if (has_duration && duration_ns > 0 && __builtin_add_overflow(at, duration_ns, &at))
		return INT64_MAX;
	return at;
}

int64_t moment_end(const struct moment *moment)
{
	return add_duration(moment->time, moment->own.has_duration, moment->own.duration_ns);
}

int64_t telling_end(const struct telling *telling)
{
	return add_duration(telling->at, telling->has_duration, telling->duration_ns);
}

struct moment *moment_shown(struct moment *moment)
{
	return moment->leader->first;
}

/* --- stages --- */

static void fold(struct moment *start, struct moment *end)
{
	struct telling *own = &start->own;
	if (end->own.has_duration) {
		own->duration_ns = end->own.duration_ns;
		own->has_duration = true;
	} else if (!own->has_duration && end->time >= start->time) {
		own->duration_ns = end->time - start->time;
		own->has_duration = true;
	}
	start->stage = STAGE_SINGLE;
	own->tone = end->own.tone;
	own->verdict = end->own.verdict;
	own->outcome = end->own.outcome;
	own->result = end->own.result;
	start->end_json = end->json;
	start->end_seq = end->seq;
	start->recv_time = end->recv_time; /* that of the end: it tells of the clock at the end */
	if (start->parameters.len == 0) {
		start->parameters = end->parameters;
		start->arguments = end->arguments;
	}
	if (start->intent.len == 0)
		start->intent = end->intent;
	if (start->result_state.len == 0)
		start->result_state = end->result_state;
	end->folded = true;
}

static size_t id_run(struct moment *const *moments, size_t count, size_t start)
{
	size_t end = start + 1;
	while (end < count && text_equal(moments[start]->id, moments[end]->id) &&
		moments[start]->observer == moments[end]->observer)
		end++;
	return end;
}

static void fold_stages(struct unit *unit)
{
	struct moment **moments = unit->moments;
	size_t kept = 0;
	qsort(moments, unit->count, sizeof(struct moment *), by_id_and_observer);
	for (size_t i = 0, end = 0; i < unit->count; i = end) {
		struct moment *first = NULL;
		struct moment *last = NULL;
		end = id_run(moments, unit->count, i);
		for (size_t j = i; j < end; j++) {
			if (moments[j]->stage == STAGE_START && first == NULL)
				first = moments[j];
			if (moments[j]->stage == STAGE_END && last == NULL)
				last = moments[j];
		}
		if (moments[i]->id.len > 0 && first && last)
			fold(first, last);
	}
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = moments[i];
		if (moment->stage == STAGE_START) {
			moment->own.tone = TONE_UNKNOWN;
			moment->own.verdict = TEXT("unknown");
			moment->own.outcome = TEXT("outcome unknown: its end was never seen");
		}
		moment->lacks_start = moment->stage == STAGE_END;
		if (!moment->folded)
			moments[kept++] = moment;
	}
	unit->count = kept;
}

/* --- the tree --- */

static struct moment *find_span(const struct unit *unit, struct text trace_id, struct text span_id)
{
	struct moment key = {.trace_id = trace_id, .span_id = span_id};
	const struct moment *wanted = &key;
	size_t low = 0;
	size_t high = unit->count;
	while (low < high) { /* the first one that is not before the key: key.seq is 0 */
		size_t middle = (low + high) / 2;
		if (by_span(&unit->moments[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < unit->count && text_equal(unit->moments[low]->span_id, span_id) &&
		text_equal(unit->moments[low]->trace_id, trace_id))
		return unit->moments[low];
	return NULL;
}

static void hang(struct moment *child, struct moment *parent, enum relation relation)
{
	if (parent && parent != child && child->parent == NULL) {
		child->parent = parent;
		child->relation = relation;
	}
}

/* Leaves the moments in order of span. */
static void find_parents(struct unit *unit)
{
	qsort(unit->moments, unit->count, sizeof(struct moment *), by_span);
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		if (moment->parent_span_id.len > 0)
			hang(moment, find_span(unit, moment->trace_id, moment->parent_span_id), RELATION_SPAN);
	}
}

static bool begins_with(struct text text, struct text start)
{
	return text.len >= start.len && memcmp(text.at, start.at, start.len) == 0;
}

static bool asks_about_a_task(const struct moment *moment)
{
	return begins_with(moment->action, TEXT("tasks/")) || begins_with(moment->action, TEXT("notifications/"));
}

/* What is asked about a task stands under the call that began it: the first that names it and does not ask about it. */
static enum status find_tasks(struct timeline *timeline, struct unit *unit)
{
	size_t count = 0;
	struct keyed *keyed = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*keyed));
	if (keyed == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < unit->count; i++)
		if (unit->moments[i]->task_id.len > 0)
			keyed[count++] =
				(struct keyed){text_hash(timeline, 0, unit->moments[i]->task_id), unit->moments[i]};
	keyed_sort(keyed, count);
	for (size_t i = 0, end = 0; i < count; i = end) {
		struct moment *call = NULL;
		for (end = i; end < count && keyed[end].key == keyed[i].key; end++)
			if (call == NULL && keyed[end].moment->is_call && !asks_about_a_task(keyed[end].moment))
				call = keyed[end].moment;
		for (size_t j = i; j < end && call; j++)
			if (keyed[j].moment->leader != call->leader)
				hang(keyed[j].moment, call, RELATION_TASK);
	}
	return STATUS_OK;
}

static struct moment *find_id(const struct unit *unit, struct text id)
{
	struct moment key = {.id = id};
	const struct moment *wanted = &key;
	size_t low = 0;
	size_t high = unit->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (moment_by_id(&unit->moments[middle], &wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < unit->count && text_equal(unit->moments[low]->id, id) ? unit->moments[low] : NULL;
}

/* An approval stands under the call that it binds to, a consequence under its cause.  Leaves moments in order of id. */
static void find_references(struct unit *unit)
{
	qsort(unit->moments, unit->count, sizeof(struct moment *), moment_by_id);
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		if (moment->refers_to.len == 0)
			continue;
		struct moment *other = find_id(unit, moment->refers_to);
		bool bound = text_equal(moment->kind, TEXT("approval"));
		if (other && other->leader != moment->leader)
			hang(moment, other, bound ? RELATION_BOUND : RELATION_CAUSED);
	}
}

/* --- the whole --- */

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
	struct difference differences[DIFFERENCES_MAX];
	int64_t end = telling_end(&moment->call);
	unit->start = moment->call.at < unit->start ? moment->call.at : unit->start;
	unit->end = end > unit->end ? end : unit->end;
	if (!moment->is_call || moment->relation == RELATION_TASK)
		return;
	unit->calls++;
	unit->failed += moment->call.tone == TONE_BAD;
	unit->refused += moment->call.tone == TONE_REFUSED;
	unit->waiting += moment->call.tone == TONE_WAITING;
	unit->unknown += moment->call.tone == TONE_UNKNOWN;
	unit->attempts += moment->attempts - 1;
	for (; moment; moment = moment->next_attempt) {
		unit->shared += moment->reports > 1;
		unit->disagreements += differences_find(unit, moment, differences) > 0;
	}
}

/* The parent in the tree: of the call's reports, that of the outermost one that has a parent outside of the call. */
static void find_above(struct moment *shown)
{
	shown->depth = DEPTH_UNKNOWN;
	for (const struct moment *report = shown->outermost; report && shown->above == NULL;
		report = report->next_report) {
		if (report->parent && moment_shown(report->parent) != shown) {
			shown->above = moment_shown(report->parent);
			shown->relation = report->relation;
		}
	}
}

/*
 * Sets depths from a moment upwards, without recursion: whoever sent the spans decides how long the chain is.  Spans
 * that bite their own tail are cut at the moment that was met first, and so is what is too deep to show.
 */
static void set_depths(struct moment *moment, struct moment **stack)
{
	size_t count = 0;
	while (moment && moment->depth == DEPTH_UNKNOWN) {
		moment->depth = DEPTH_BEING_SET;
		stack[count++] = moment;
		moment = moment->above;
	}
	if (moment && moment->depth == DEPTH_BEING_SET) {
		moment->above = NULL;
		moment->depth = 0;
	}
	while (count > 0) {
		struct moment *below = stack[--count];
		if (below->above && below->above->depth == TIMELINE_DEPTH_MAX)
			below->above = NULL;
		below->depth = below->above ? below->above->depth + 1 : 0;
		if (below->above == NULL)
			below->relation = RELATION_NONE;
	}
}

static bool is_of_this_work(const struct moment *moment)
{
	for (const struct moment *report = moment->leader->outermost; report; report = report->next_report)
		if (!report->borrowed)
			return true;
	return false;
}

/* Leaves out what was found by its session alone, and is no report of a call of this work. */
static void return_borrowed(struct unit *unit)
{
	size_t kept = 0;
	for (size_t i = 0; i < unit->count; i++) {
		if (is_of_this_work(unit->moments[i]))
			unit->moments[kept++] = unit->moments[i];
	}
	unit->count = kept;
}

/* Keeps the moments that stand for themselves, in order of time. */
static void keep_shown(struct unit *unit)
{
	size_t kept = 0;
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		unit->reports += moment->leader != moment;
		if (moment_shown(moment) == moment)
			unit->moments[kept++] = moment;
	}
	unit->count = kept;
	qsort(unit->moments, kept, sizeof(struct moment *), by_call_time);
}

/* What became of a task is told by whoever fetched its result. */
static void settle_task(const struct moment *result)
{
	struct moment *call = result->above;
	int64_t end = telling_end(&result->call);
	if (call == NULL || result->relation != RELATION_TASK || result->own.tone == TONE_UNKNOWN ||
		!text_equal(result->action, TEXT("tasks/result")))
		return;
	call->call.tone = result->call.tone;
	call->call.verdict = result->call.verdict;
	call->call.outcome = result->call.outcome;
	call->call.result = result->call.result;
	call->call.has_duration = !__builtin_sub_overflow(end, call->call.at, &call->call.duration_ns);
}

static enum status build_tree(struct timeline *timeline, struct unit *unit)
{
	struct moment *last = NULL;
	struct moment **stack = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(struct moment *));
	if (stack == NULL)
		return STATUS_NO_MEMORY;
	keep_shown(unit);
	for (size_t i = 0; i < unit->count; i++)
		find_above(unit->moments[i]);
	unit->start = unit->count ? unit->moments[0]->call.at : 0;
	unit->end = unit->start;
	for (size_t i = 0; i < unit->count; i++) {
		set_depths(unit->moments[i], stack);
		settle_task(unit->moments[i]);
	}
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		count_moment(unit, moment);
		if (moment->above)
			append(&moment->above->children, &moment->above->last_child, moment);
		else
			append(&unit->first, &last, moment);
	}
	return STATUS_OK;
}

enum status unit_arrange(struct timeline *timeline, struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		moment->leader = moment->first = moment;
		moment->outermost = moment->last_attempt = moment;
		moment->reports = moment->attempts = 1;
		moment->own.at = moment->time;
	}
	enum status status = observers_find(timeline, unit);
	if (status != STATUS_OK)
		return status;
	fold_stages(unit);
	find_parents(unit);
	status = link_by_ids(timeline, unit);
	if (status == STATUS_OK)
		status = clocks_correct(timeline, unit);
	if (status == STATUS_OK)
		status = link_by_time(timeline, unit);
	if (status == STATUS_OK)
		status = find_tasks(timeline, unit);
	if (status != STATUS_OK)
		return status;
	find_references(unit);
	reports_settle(unit);
	return_borrowed(unit);
	differences_learn(unit);
	status = retries_fold(timeline, unit);
	if (status == STATUS_OK)
		status = build_tree(timeline, unit);
	arena_clear(&timeline->scratch);
	return status;
}
