#include "timeline_unit.h"

#include <stdlib.h>

#include "timestamp.h"

/*
 * A client, a gateway and a server may each tell of the same call.  What joins two reports, the surest first:
 *
 *   id        the same event id from two observers
 *   span      the same span, or a span and its child, for the same method and tool, the child no farther from the
 *             server than its parent; the same server or the same arguments, so that a tool that calls a tool of the
 *             same name on another server is none
 *   request   the same JSON-RPC request id in the same session, once for each observer; where ids were used again, or
 *             there is no session, also close in time
 *   arguments the same method, tool and arguments, close in time, and nothing that speaks against it
 *
 * One observer tells once of a call; but a gateway that tried again under the caller's span tells of each try.
 * A call has at most REPORTS_MAX reports and each is compared with the few that follow it: hostile input stays linear.
 */

enum { LOOK_AHEAD_MAX = 16 };

static bool differ(struct text a, struct text b)
{
	return a.len > 0 && b.len > 0 && !text_equal(a, b);
}

static bool are_same(struct text a, struct text b)
{
	return a.len > 0 && text_equal(a, b);
}

/* Whether two observers may tell of one call at all. */
static bool may_be_one(const struct moment *a, const struct moment *b)
{
	return a->is_call && b->is_call && a->leader != b->leader && a->observer && b->observer &&
	       text_equal(a->action, b->action) && text_equal(a->target, b->target);
}

/* Tries of a gateway stand side by side under the caller's span; the server's reports of them stand under each. */
static bool are_tries(const struct moment *a, const struct moment *b)
{
	if (a->arguments != b->arguments || a->parent == NULL || b->parent == NULL)
		return false;
	if (a->observer->rank == RANK_BETWEEN)
		return a->parent == b->parent;
	return a->parent != b->parent && a->parent->leader == b->parent->leader && a->parent->parent &&
	       a->parent->parent == b->parent->parent;
}

static bool fit_together(const struct moment *first, const struct moment *second)
{
	for (const struct moment *a = first->leader->outermost; a; a = a->next_report) {
		for (const struct moment *b = second->leader->outermost; b; b = b->next_report) {
			bool servers = a->observer->rank == RANK_SERVER && b->observer->rank == RANK_SERVER;
			if ((servers || a->observer == b->observer) && !are_tries(a, b))
				return false;
		}
	}
	return first->leader->reports + second->leader->reports <= REPORTS_MAX;
}

static void join(struct moment *a, struct moment *b)
{
	struct moment *leader = a->leader;
	struct moment *other = b->leader;
	struct moment *last = leader->outermost;
	if (!fit_together(a, b))
		return;
	while (last->next_report)
		last = last->next_report;
	last->next_report = other->outermost;
	leader->reports += other->reports;
	for (struct moment *report = other->outermost; report; report = report->next_report)
		report->leader = leader;
}

/* --- by ids and spans --- */

static void join_child(struct moment *child, struct moment *parent)
{
	if (!may_be_one(child, parent) || child->observer == parent->observer ||
		child->observer->rank < parent->observer->rank)
		return;
	bool same_arguments = child->arguments == parent->arguments && child->arguments != 0;
	if (same_arguments || are_same(child->request_id, parent->request_id) || !differ(child->server, parent->server))
		join(parent, child);
}

/* Whether two moments of one key are to be joined. */
typedef bool link_test(const struct moment *a, const struct moment *b);

static bool have_other_observers(const struct moment *a, const struct moment *b)
{
	return may_be_one(a, b) && a->observer != b->observer;
}

/* Joins moments of the same key that are few steps apart; in order of time. */
static void join_runs(struct keyed *keyed, size_t count, link_test *test)
{
	keyed_sort(keyed, count);
	for (size_t i = 0; i < count; i++)
		for (size_t j = i + 1; j < count && j <= i + LOOK_AHEAD_MAX && keyed[j].key == keyed[i].key; j++)
			if (test(keyed[i].moment, keyed[j].moment))
				join(keyed[i].moment, keyed[j].moment);
}

typedef bool link_key(const struct timeline *timeline, const struct moment *moment, uint64_t *key);

static bool key_of_id(const struct timeline *timeline, const struct moment *moment, uint64_t *key)
{
	*key = text_hash(timeline, 1, moment->id);
	return moment->id.len > 0;
}

static bool key_of_span(const struct timeline *timeline, const struct moment *moment, uint64_t *key)
{
	*key = text_hash(timeline, text_hash(timeline, 2, moment->trace_id), moment->span_id);
	return moment->span_id.len > 0;
}

static uint64_t hash_call(const struct timeline *timeline, uint64_t before, const struct moment *moment)
{
	return text_hash(timeline, text_hash(timeline, before, moment->action), moment->target);
}

static bool key_of_session_request(const struct timeline *timeline, const struct moment *moment, uint64_t *key)
{
	*key = text_hash(timeline, hash_call(timeline, 3, moment), moment->session_id);
	*key = text_hash(timeline, *key, moment->request_id);
	return moment->session_id.len > 0 && moment->request_id.len > 0;
}

static bool key_of_request(const struct timeline *timeline, const struct moment *moment, uint64_t *key)
{
	*key = text_hash(timeline, hash_call(timeline, 4, moment), moment->request_id);
	return moment->request_id.len > 0;
}

static bool key_of_arguments(const struct timeline *timeline, const struct moment *moment, uint64_t *key)
{
	*key = hash_call(timeline, moment->arguments, moment);
	return moment->arguments != 0;
}

static size_t gather(struct timeline *timeline, struct unit *unit, link_key *key_of, struct keyed *keyed)
{
	size_t count = 0;
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		if (moment->is_call && moment->observer && key_of(timeline, moment, &keyed[count].key))
			keyed[count++].moment = moment;
	}
	return count;
}

/* Whether no observer stands twice in the run of one key that begins at i; *end: where the run ends. */
static bool has_observers_once(const struct keyed *keyed, size_t count, size_t i, size_t *end)
{
	size_t last = i + 1;
	bool once = true;
	for (; last < count && keyed[last].key == keyed[i].key; last++)
		for (size_t j = i; j < last && once; j++)
			once = keyed[j].moment->observer != keyed[last].moment->observer && last - i < OBSERVERS_MAX;
	*end = last;
	return once;
}

/* A request id that each observer gave once in a session names one call, whatever the clocks say. */
static void join_session_requests(struct keyed *keyed, size_t count)
{
	keyed_sort(keyed, count);
	for (size_t i = 0, end = 0; i < count; i = end) {
		bool once = has_observers_once(keyed, count, i, &end);
		for (size_t j = i + 1; j < end && once; j++)
			if (have_other_observers(keyed[i].moment, keyed[j].moment))
				join(keyed[i].moment, keyed[j].moment);
	}
}

enum status link_by_ids(struct timeline *timeline, struct unit *unit)
{
	struct keyed *keyed = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*keyed));
	if (keyed == NULL)
		return STATUS_NO_MEMORY;
	if (unit->observer_count < 2)
		return STATUS_OK;
	join_runs(keyed, gather(timeline, unit, key_of_id, keyed), have_other_observers);
	join_runs(keyed, gather(timeline, unit, key_of_span, keyed), have_other_observers);
	for (size_t i = 0; i < unit->count; i++)
		if (unit->moments[i]->relation == RELATION_SPAN)
			join_child(unit->moments[i], unit->moments[i]->parent);
	join_session_requests(keyed, gather(timeline, unit, key_of_session_request, keyed));
	return STATUS_OK;
}

/* --- by closeness in time --- */

/* b is not before a. */
static bool are_close(const struct moment *a, const struct moment *b)
{
	return b->own.at - LINK_WINDOW_NS <= telling_end(&a->own);
}

/* Nothing that both tell says that they are two calls, and one stands nearer to the server. */
static bool nothing_against(const struct moment *a, const struct moment *b)
{
	bool ranks = a->observer->rank != b->observer->rank || a->observer->rank == RANK_BETWEEN;
	return have_other_observers(a, b) && ranks && !differ(a->server, b->server) && !differ(a->user, b->user) &&
	       are_close(a, b);
}

static bool are_one_request(const struct moment *a, const struct moment *b)
{
	return nothing_against(a, b) && !differ(a->session_id, b->session_id) &&
	       (a->arguments == b->arguments || a->arguments == 0 || b->arguments == 0 ||
		       are_same(a->session_id, b->session_id));
}

static bool are_one_by_arguments(const struct moment *a, const struct moment *b)
{
	bool other_request = are_same(a->session_id, b->session_id) && differ(a->request_id, b->request_id);
	return nothing_against(a, b) && !other_request;
}

enum status link_by_time(struct timeline *timeline, struct unit *unit)
{
	struct keyed *keyed = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*keyed));
	if (keyed == NULL)
		return STATUS_NO_MEMORY;
	if (unit->observer_count < 2)
		return STATUS_OK;
	join_runs(keyed, gather(timeline, unit, key_of_session_request, keyed), are_one_request);
	join_runs(keyed, gather(timeline, unit, key_of_request, keyed), are_one_request);
	join_runs(keyed, gather(timeline, unit, key_of_arguments, keyed), are_one_by_arguments);
	return STATUS_OK;
}

/* --- guesses --- */

/*
 * Calls that have the same tool and arguments and that each observer tells of once are most likely the same one.  That is
 * not enough to join them, but many of them tell how far clocks are off.  pairs: room for all of the unit's moments.
 */
size_t link_guess(struct timeline *timeline, struct unit *unit, struct guess *pairs)
{
	size_t count = 0;
	struct keyed *keyed = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*keyed));
	if (keyed == NULL || unit->observer_count < 2)
		return 0;
	size_t keys = gather(timeline, unit, key_of_arguments, keyed);
	keyed_sort(keyed, keys);
	for (size_t i = 0, end = 0; i < keys; i = end) {
		struct moment *outer = keyed[i].moment;
		bool once = has_observers_once(keyed, keys, i, &end);
		for (size_t j = i; j < end; j++)
			if (keyed[j].moment->observer->rank < outer->observer->rank)
				outer = keyed[j].moment;
		for (size_t j = i; j < end && once; j++)
			if (keyed[j].moment->observer->rank != outer->observer->rank)
				pairs[count++] = (struct guess){outer, keyed[j].moment};
	}
	return count;
}

/* --- what the call as a whole says --- */

static int by_distance(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	if (first->observer->rank != second->observer->rank)
		return first->observer->rank < second->observer->rank ? -1 : 1;
	return moment_by_time(a, b);
}

/*
 * The report nearest to the server that knows an outcome leads: what the server did is done, whatever others saw of it.
 * How long it took, and when it began, is the caller's to say.
 */
static void settle(struct moment *leader)
{
	struct moment *reports[REPORTS_MAX];
	size_t count = 0;
	for (struct moment *report = leader->outermost; report; report = report->next_report)
		reports[count++] = report;
	qsort(reports, count, sizeof(reports[0]), by_distance);
	leader = reports[count - 1];
	for (size_t i = count; i-- > 0;) {
		if (reports[i]->own.tone != TONE_UNKNOWN) {
			leader = reports[i];
			break;
		}
	}
	for (size_t i = 0; i < count; i++) {
		reports[i]->leader = leader;
		reports[i]->next_report = i + 1 < count ? reports[i + 1] : NULL;
	}
	leader->outermost = reports[0];
	leader->reports = (unsigned)count;
	leader->call = leader->own;
	leader->call.at = reports[0]->own.at;
	for (size_t i = 0; i < count; i++) {
		if (reports[i]->own.has_duration) {
			leader->call.has_duration = true;
			leader->call.duration_ns = reports[i]->own.duration_ns;
			break;
		}
	}
}

void reports_settle(struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		moment->call = moment->own;
	}
	for (size_t i = 0; i < unit->count; i++)
		if (unit->moments[i]->leader == unit->moments[i] && unit->moments[i]->reports > 1)
			settle(unit->moments[i]);
}
