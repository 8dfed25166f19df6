#include "timeline_unit.h"

#include <stdlib.h>

#include "timestamp.h"

/*
 * How far an observer's clock is off, from three kinds of evidence:
 *
 *   links     a call, as one nearer to the server saw it, lies inside the same call as its caller saw it.  Each pair of
 *             reports gives the least offset that makes it so; the median of a pair of observers is believed.
 *   guesses   the same of calls that only have tool and arguments in common, where three or more agree
 *   receipt   nothing is received before it ended: where it seems so, the clock is ahead by that much at least.  The
 *             lower quartile is believed, so that one wild duration moves nothing.
 *
 * Late receipt alone is no evidence: events may have waited on their way, for hours.  So a clock that is behind is
 * corrected only by its links to another, see find_reference.  One offset for each observer and piece of work, never one for each call: what was seen in an order by one
 * clock stays in it.  The stored times are never changed, and what is corrected is told.
 */

static struct observer *find_observer(struct unit *unit, const struct moment *moment)
{
	size_t count = unit->observer_count;
	for (size_t i = 0; i < count; i++) {
		struct observer *observer = &unit->observers[i];
		if (text_equal(observer->role, moment->seen_role) && text_equal(observer->name, moment->seen_name) &&
			text_equal(observer->instance, moment->seen_instance))
			return observer;
	}
	if (count == OBSERVERS_MAX)
		return NULL;
	unit->observers[count] = (struct observer){.role = moment->seen_role,
		.name = moment->seen_name,
		.instance = moment->seen_instance,
		.rank = rank_of_role(moment->seen_role)};
	unit->observer_count++;
	return &unit->observers[count];
}

enum status observers_find(struct timeline *timeline, struct unit *unit)
{
	unit->observers = arena_calloc(&timeline->arena, OBSERVERS_MAX, sizeof(*unit->observers));
	if (unit->observers == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < unit->count; i++) {
		struct moment *moment = unit->moments[i];
		if (moment->seen_role.len + moment->seen_name.len + moment->seen_instance.len > 0)
			moment->observer = find_observer(unit, moment);
		if (moment->observer) {
			moment->observer->events++;
			moment->observer->sampled = moment->observer->sampled || moment->sampled;
		}
	}
	for (size_t i = 0; i < unit->observer_count; i++)
		for (size_t j = 0; j < unit->observer_count; j++)
			if (i != j && text_equal(unit->observers[i].role, unit->observers[j].role) &&
				text_equal(unit->observers[i].name, unit->observers[j].name))
				unit->observers[i].shares_name = true;
	return STATUS_OK;
}

/* --- receipt --- */

struct delay {
	struct observer *observer;
	int64_t ns;
};

static int by_observer_and_delay(const void *a, const void *b)
{
	const struct delay *first = a;
	const struct delay *second = b;
	if (first->observer != second->observer)
		return first->observer < second->observer ? -1 : 1;
	return first->ns < second->ns ? -1 : first->ns > second->ns;
}

static enum status find_floors(struct timeline *timeline, struct unit *unit)
{
	size_t count = 0;
	struct delay *delays = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*delays));
	if (delays == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < unit->count; i++) {
		const struct moment *moment = unit->moments[i];
		if (moment->observer && moment->timed && !moment->suspect && !moment->imported &&
			!__builtin_sub_overflow(moment->recv_time, moment_end(moment), &delays[count].ns))
			delays[count++].observer = moment->observer;
	}
	qsort(delays, count, sizeof(*delays), by_observer_and_delay);
	for (size_t i = 0, end = 0; i < count; i = end) {
		while (end < count && delays[end].observer == delays[i].observer)
			end++;
		delays[i].observer->has_floor = true;
		delays[i].observer->floor_ns = delays[i + (end - i) / 4].ns;
	}
	return STATUS_OK;
}

/* --- links --- */

/* What is to be added to the inner one's times, as a pair of reports tells. */
struct offset {
	struct observer *outer, *inner;
	int64_t ns;
};

static int by_pair_and_offset(const void *a, const void *b)
{
	const struct offset *first = a;
	const struct offset *second = b;
	if (first->outer != second->outer)
		return first->outer < second->outer ? -1 : 1;
	if (first->inner != second->inner)
		return first->inner < second->inner ? -1 : 1;
	return first->ns < second->ns ? -1 : first->ns > second->ns;
}

/* The least offset that puts inner into outer; without an end to hold on to (the caller gave up first), that start. */
static bool offset_between(const struct moment *outer, const struct moment *inner, struct offset *offset)
{
	int64_t low = 0;
	int64_t high = 0;
	if (!outer->timed || !inner->timed || outer->suspect || inner->suspect ||
		__builtin_sub_overflow(outer->time, inner->time, &low) ||
		__builtin_sub_overflow(moment_end(outer), moment_end(inner), &high))
		return false;
	if (high < low)
		high = low;
	*offset = (struct offset){outer->observer, inner->observer, low > 0 ? low : high < 0 ? high : 0};
	return true;
}

/* The report of a call that is nearest to the one who asks. */
static const struct moment *caller_report(const struct moment *leader)
{
	const struct moment *outer = leader->outermost;
	for (const struct moment *report = outer; report; report = report->next_report)
		if (report->observer->rank < outer->observer->rank)
			outer = report;
	return outer;
}

static size_t gather_offsets(struct unit *unit, struct offset *offsets)
{
	size_t count = 0;
	for (size_t i = 0; i < unit->count; i++) {
		const struct moment *moment = unit->moments[i];
		if (moment->leader->reports == 1)
			continue;
		const struct moment *outer = caller_report(moment->leader);
		if (moment->observer != outer->observer)
			count += offset_between(outer, moment, &offsets[count]);
	}
	return count;
}

static size_t gather_guesses(struct timeline *timeline, struct unit *unit, struct offset *offsets)
{
	size_t count = 0;
	struct guess *pairs = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*pairs));
	size_t guesses = pairs ? link_guess(timeline, unit, pairs) : 0;
	for (size_t i = 0; i < guesses; i++)
		count += offset_between(pairs[i].outer, pairs[i].inner, &offsets[count]);
	return count;
}

static size_t pair_run(const struct offset *offsets, size_t count, size_t start)
{
	size_t end = start;
	while (end < count && offsets[end].outer == offsets[start].outer && offsets[end].inner == offsets[start].inner)
		end++;
	return end;
}

/* Leaves one offset for each pair of observers, the median; returns how many. */
static size_t keep_medians(struct offset *offsets, size_t count)
{
	size_t kept = 0;
	qsort(offsets, count, sizeof(*offsets), by_pair_and_offset);
	for (size_t i = 0, end = 0; i < count; i = end) {
		end = pair_run(offsets, count, i);
		offsets[kept++] = offsets[i + (end - i) / 2];
	}
	return kept;
}

/* The same for guesses: at least three, the middle half of which agree. */
static size_t keep_agreed(struct offset *offsets, size_t count)
{
	enum { GUESSES_MIN = 3 };
	size_t kept = 0;
	qsort(offsets, count, sizeof(*offsets), by_pair_and_offset);
	for (size_t i = 0, end = 0; i < count; i = end) {
		end = pair_run(offsets, count, i);
		size_t guesses = end - i;
		int64_t spread = 0;
		if (guesses >= GUESSES_MIN &&
			!__builtin_sub_overflow(
				offsets[i + guesses * 3 / 4].ns, offsets[i + guesses / 4].ns, &spread) &&
			spread <= SKEW_SHOWN_NS / 2)
			offsets[kept++] = offsets[i + guesses / 2];
	}
	return kept;
}

static int64_t distance(int64_t ns)
{
	return ns == INT64_MIN ? INT64_MAX : ns < 0 ? -ns : ns;
}

static int64_t ahead(const struct observer *observer)
{
	return observer->has_floor && observer->floor_ns < -SKEW_SHOWN_NS ? observer->floor_ns : 0;
}

static int by_floor(const void *a, const void *b)
{
	const struct observer *first = *(struct observer *const *)a;
	const struct observer *second = *(struct observer *const *)b;
	if (first->has_floor != second->has_floor)
		return first->has_floor ? -1 : 1;
	if (first->floor_ns != second->floor_ns)
		return first->floor_ns < second->floor_ns ? -1 : 1;
	return first < second ? -1 : first > second;
}

/*
 * Of the observers not linked yet, the one whose events came soonest after their end, if that was as soon as it should
 * be.  Else all of them came late, as from a spool: then the one in the middle.
 */
static struct observer *find_reference(struct unit *unit)
{
	struct observer *left[OBSERVERS_MAX];
	struct observer *best = NULL;
	size_t count = 0;
	size_t known = 0;
	for (size_t i = 0; i < unit->observer_count; i++) {
		struct observer *observer = &unit->observers[i];
		if (observer->linked)
			continue;
		left[count++] = observer;
		known += observer->has_floor;
		if (observer->has_floor && distance(observer->floor_ns) <= SKEW_SHOWN_NS &&
			(best == NULL || distance(observer->floor_ns) < distance(best->floor_ns)))
			best = observer;
	}
	if (best || count == 0)
		return best;
	qsort(left, count, sizeof(left[0]), by_floor);
	return left[known > 0 ? (known - 1) / 2 : 0];
}

/* Spreads offsets from an observer over the pairs; each pass links at least one more or is the last. */
static void spread(const struct offset *pairs, size_t count)
{
	bool more = true;
	while (more) {
		more = false;
		for (size_t i = 0; i < count; i++) {
			struct observer *outer = pairs[i].outer;
			struct observer *inner = pairs[i].inner;
			int64_t ns = distance(pairs[i].ns) > SKEW_SHOWN_NS ? pairs[i].ns : 0;
			if (outer->linked == inner->linked)
				continue;
			if (outer->linked)
				(void)__builtin_add_overflow(outer->offset_ns, ns, &inner->offset_ns);
			else
				(void)__builtin_sub_overflow(inner->offset_ns, ns, &outer->offset_ns);
			outer->linked = inner->linked = more = true;
		}
	}
}

/* What links prove goes before what is guessed. */
static void find_offsets(
	struct unit *unit, const struct offset *proved, size_t count, const struct offset *guessed, size_t guesses)
{
	for (struct observer *reference = find_reference(unit); reference; reference = find_reference(unit)) {
		reference->offset_ns = ahead(reference);
		reference->linked = true;
		spread(proved, count);
		spread(guessed, guesses);
		spread(proved, count);
	}
	for (size_t i = 0; i < unit->observer_count; i++)
		if (distance(unit->observers[i].offset_ns) <= SKEW_SHOWN_NS)
			unit->observers[i].offset_ns = 0;
}

static void place(struct moment *moment)
{
	int64_t offset = moment->observer && moment->timed ? moment->observer->offset_ns : 0;
	if (moment->suspect)
		moment->own.at = moment->recv_time;
	else if (__builtin_add_overflow(moment->time, offset, &moment->own.at))
		moment->own.at = moment->time;
}

enum status clocks_correct(struct timeline *timeline, struct unit *unit)
{
	struct offset *proved = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*proved));
	struct offset *guessed = arena_alloc(&timeline->scratch, (unit->count + 1) * sizeof(*guessed));
	if (proved == NULL || guessed == NULL)
		return STATUS_NO_MEMORY;
	enum status status = find_floors(timeline, unit);
	if (status != STATUS_OK)
		return status;
	size_t count = gather_offsets(unit, proved);
	size_t guesses = gather_guesses(timeline, unit, guessed);
	find_offsets(unit, proved, keep_medians(proved, count), guessed, keep_agreed(guessed, guesses));
	for (size_t i = 0; i < unit->count; i++)
		place(unit->moments[i]);
	return STATUS_OK;
}
