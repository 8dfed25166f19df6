#include "timeline_unit.h"

#include <stdlib.h>

/*
 * One thing that a person wanted may have taken several requests.  They are folded under the first:
 *
 *   input    a result asked for input (verdict pending); the next request for the same tool carries the state that the
 *            result gave (state_digest), under a new request id
 *   said so  retry_of names the attempt before
 *   again    the same tool with the same arguments, and nothing else called meanwhile, after a failure
 *
 * A call that comes later, after other calls, is told where it happened: order matters more than brevity.
 */

enum { LOOK_BACK_MAX = 16 };

static bool is_over_badly(const struct moment *moment)
{
	enum tone tone = moment->own.tone;
	return tone == TONE_BAD || tone == TONE_REFUSED || tone == TONE_WAITING || moment->stage == STAGE_START;
}

static void fold_under(struct moment *before, struct moment *again)
{
	struct moment *first = before->leader->first;
	if (first == again || again->attempts > 1 || again->first != again || first->call.at > again->call.at)
		return;
	again->first = first;
	first->last_attempt->next_attempt = again;
	first->last_attempt = again;
	first->attempts++;
}

/* --- by what the emitter says --- */

static const struct moment *find_by_id(struct moment *const *by_id, size_t count, struct text id)
{
	size_t low = 0;
	size_t high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (text_compare(by_id[middle]->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && text_equal(by_id[low]->id, id) ? by_id[low] : NULL;
}

static enum status fold_said(struct timeline *timeline, struct moment **leaders, size_t count, struct unit *unit)
{
	struct moment **by_id = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(struct moment *));
	bool any = false;
	if (by_id == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < count; i++)
		any = any || leaders[i]->retry_of.len > 0;
	if (!any)
		return STATUS_OK;
	memcpy(by_id, unit->moments, unit->count * sizeof(struct moment *));
	qsort(by_id, unit->count, sizeof(struct moment *), moment_by_id);
	for (size_t i = 0; i < count; i++) {
		const struct moment *before = NULL;
		if (leaders[i]->retry_of.len > 0)
			before = find_by_id(by_id, unit->count, leaders[i]->retry_of);
		if (before && before->is_call && before->leader != leaders[i])
			fold_under(before->leader, leaders[i]);
	}
	return STATUS_OK;
}

/* --- input that was asked for --- */

static bool same_tool(const struct moment *a, const struct moment *b)
{
	return text_equal(a->action, b->action) && text_equal(a->target, b->target) &&
	       (a->server.len == 0 || b->server.len == 0 || text_equal(a->server, b->server));
}

/* A pending moment stands under the digest of the state it sent on (its own, and the one its result holds). */
static enum status fold_input(struct timeline *timeline, struct moment **leaders, size_t count)
{
	size_t keys = 0;
	struct keyed *keyed = arena_alloc(&timeline->scratch, (2 * count + 1) * sizeof(*keyed));
	if (keyed == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		const struct text states[] = {leaders[i]->state_digest, leaders[i]->result_state};
		for (size_t j = 0; j < 2; j++)
			if (states[j].len > 0 && (j == 0 || !text_equal(states[0], states[1])))
				keyed[keys++] = (struct keyed){text_hash(timeline, 5, states[j]), leaders[i]};
	}
	keyed_sort(keyed, keys);
	for (size_t i = 1; i < keys; i++) {
		struct moment *before = keyed[i - 1].moment;
		struct moment *again = keyed[i].moment;
		if (keyed[i].key == keyed[i - 1].key && before->own.tone == TONE_WAITING && before != again &&
			same_tool(before, again))
			fold_under(before, again);
	}
	return STATUS_OK;
}

/* --- again, at once --- */

static bool is_again(const struct moment *before, const struct moment *again)
{
	bool same_arguments = before->arguments == again->arguments && before->arguments != 0;
	return is_over_badly(before) && same_arguments && same_tool(before, again) && before->parent == again->parent &&
	       text_equal(before->user, again->user) && telling_end(&before->own) <= again->call.at;
}

/* Only tools are called again for what they do; that a client lists or connects again has reasons of its own. */
static bool is_tool(const struct moment *moment)
{
	return moment->action.len == 0 || text_equal(moment->action, TEXT("tools/call"));
}

/* The call before leaders[at] at the same level; calls that it made itself stand between. */
static struct moment *call_before(struct moment **leaders, size_t at)
{
	for (size_t back = 1; back <= LOOK_BACK_MAX && back <= at; back++)
		if (leaders[at - back]->parent == leaders[at]->parent)
			return leaders[at - back];
	return NULL;
}

static void fold_again(struct moment **leaders, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct moment *before = call_before(leaders, i);
		if (before && leaders[i]->first == leaders[i] && is_tool(leaders[i]) && is_again(before, leaders[i]))
			fold_under(before, leaders[i]);
	}
}

/* --- the whole --- */

static int by_call_time(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	if (first->call.at != second->call.at)
		return first->call.at < second->call.at ? -1 : 1;
	return moment_by_arrival(first, second);
}

static void settle_attempts(struct moment *first)
{
	const struct moment *last = first->last_attempt;
	int64_t end = telling_end(&first->own);
	for (const struct moment *attempt = first->next_attempt; attempt; attempt = attempt->next_attempt)
		end = telling_end(&attempt->call) > end ? telling_end(&attempt->call) : end;
	first->call.tone = last->own.tone;
	first->call.verdict = last->own.verdict;
	first->call.outcome = last->own.outcome;
	first->call.result = last->own.result;
	first->call.has_duration = true;
	if (__builtin_sub_overflow(end, first->call.at, &first->call.duration_ns))
		first->call.has_duration = false;
}

enum status retries_fold(struct timeline *timeline, struct unit *unit)
{
	size_t count = 0;
	struct moment **leaders = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(struct moment *));
	if (leaders == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < unit->count; i++)
		if (unit->moments[i]->is_call && unit->moments[i]->leader == unit->moments[i])
			leaders[count++] = unit->moments[i];
	qsort(leaders, count, sizeof(struct moment *), by_call_time);
	enum status status = fold_said(timeline, leaders, count, unit);
	if (status == STATUS_OK)
		status = fold_input(timeline, leaders, count);
	if (status != STATUS_OK)
		return status;
	fold_again(leaders, count);
	for (size_t i = 0; i < count; i++)
		if (leaders[i]->attempts > 1)
			settle_attempts(leaders[i]);
	return STATUS_OK;
}
