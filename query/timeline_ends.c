#include "timeline_unit.h"

#include <stdlib.h>

#include "conditions.h"
#include "members.h"
#include "timestamp.h"

/*
 * Why a call has a start and no end: its server stopped or crashed meanwhile, if a lifecycle event says so.  Only asked
 * where some call has no end; a server that stopped a day later is not believed to have had the call in hand.
 */

enum { STOPS_MAX = 10000 };

/* A server's stop or crash. */
struct stop {
	struct text tenant, server, instance, phase;
	int64_t at;
	int64_t exit_code;
	bool has_exit_code;
	struct text signal;
};

struct stops {
	struct timeline *timeline;
	struct stop *stops;
	size_t count;
};

static enum status add_stop(void *context, const struct scan_place *place, const struct event *event)
{
	struct stops *stops = context;
	struct arena *arena = &stops->timeline->arena;
	struct stop *stop = &stops->stops[stops->count];
	(void)place;
	if (stops->count == STOPS_MAX)
		return STATUS_LIMIT;
	*stop = (struct stop){.at = event_time(event), .has_exit_code = event_has(event, FIELD_EXIT_CODE)};
	if (stop->has_exit_code)
		stop->exit_code = event->value[FIELD_EXIT_CODE].number;
	const struct {
		struct text *text;
		struct text value;
	} texts[] = {{&stop->tenant, event_tenant(event)}, {&stop->server, event_text(event, FIELD_SERVER_NAME)},
		{&stop->instance, event_text(event, FIELD_SERVER_INSTANCE)},
		{&stop->phase, event_text(event, FIELD_PHASE)}, {&stop->signal, event_text(event, FIELD_SIGNAL)}};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].value.len > 0)
			*texts[i].text = arena_copy(arena, texts[i].value);
	stops->count++;
	return STATUS_OK;
}

static int by_server_and_time(const void *a, const void *b)
{
	const struct stop *first = a;
	const struct stop *second = b;
	int order = text_compare(first->tenant, second->tenant);
	if (order == 0)
		order = text_compare(first->server, second->server);
	if (order == 0 && first->at != second->at)
		order = first->at < second->at ? -1 : 1;
	return order;
}

/* The first stop of a call's server, and of the instance where both name one, from its start on. */
static const struct stop *find_stop(const struct stops *stops, const struct moment *moment)
{
	struct stop key = {.tenant = moment->tenant, .server = moment->server, .at = moment->own.at};
	size_t low = 0;
	size_t high = stops->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (by_server_and_time(&stops->stops[middle], &key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < stops->count && text_equal(stops->stops[low].server, key.server) &&
		text_equal(stops->stops[low].tenant, key.tenant);
		low++) {
		const struct stop *stop = &stops->stops[low];
		if (stop->instance.len == 0 || moment->server_instance.len == 0 ||
			text_equal(stop->instance, moment->server_instance))
			return stop->at - moment->own.at < NS_PER_DAY ? stop : NULL;
	}
	return NULL;
}

/* Also where the call as a whole says the same: its one report, or its last attempt. */
static void replace_outcome(struct moment *moment, struct text outcome)
{
	struct moment *tellers[] = {moment->leader, moment_shown(moment)};
	for (size_t i = 0; i < 2; i++)
		if (tellers[i]->call.outcome.at == moment->own.outcome.at)
			tellers[i]->call.outcome = outcome;
	moment->own.outcome = outcome;
}

static void tell_stop(struct timeline *timeline, struct moment *moment, const struct stop *stop)
{
	char after[TIMESTAMP_TEXT_BYTES];
	struct buf *words = &timeline->brief;
	(void)duration_format(stop->at - moment->own.at, after);
	buf_clear(words);
	buf_printf(words, "outcome unknown: the server %s %s later",
		text_equal(stop->phase, TEXT("crash")) ? "crashed" : "stopped", after);
	if (stop->signal.len > 0) {
		buf_put_string(words, ", signal ");
		buf_put_text(words, leaf_text(stop->signal, &timeline->scratch));
	} else if (stop->has_exit_code) {
		buf_printf(words, ", exit code %lld", (long long)stop->exit_code);
	}
	struct text text = arena_copy(&timeline->arena, buf_text(words));
	if (text.at)
		replace_outcome(moment, text);
}

static bool has_no_end(const struct moment *moment)
{
	return moment->is_call && moment->stage == STAGE_START && moment->server.len > 0;
}

/* When the calls without end began, as a range; false: there are none. */
static bool find_range(const struct timeline *timeline, int64_t *since, int64_t *until)
{
	bool any = false;
	*since = INT64_MAX;
	*until = INT64_MIN;
	for (size_t i = 0; i < timeline->count; i++) {
		const struct moment *moment = timeline->moments[i];
		if (!has_no_end(moment))
			continue;
		any = true;
		*since = moment->time < *since ? moment->time : *since;
		*until = moment->time > *until ? moment->time : *until;
	}
	return any;
}

static enum status collect_stops(
	struct stops *stops, const struct scan *scan, int64_t since, int64_t until, struct error *error)
{
	static const uint8_t field_kind = FIELD_KIND;
	static const uint8_t field_phase = FIELD_PHASE;
	static const struct text phases[] = {{"stop", 4}, {"crash", 5}};
	struct arena *arena = &stops->timeline->arena;
	struct condition *both = condition_group(arena, CONDITION_AND);
	both = condition_add(both, condition_exact(arena, &field_kind, 1, TEXT("lifecycle")));
	both = condition_add(both, condition_any(arena, &field_phase, 1, phases, 2));
	struct filter filter = {.root = both};
	struct scan range = *scan;
	struct coverage ignored = {0};
	if (both == NULL)
		return STATUS_NO_MEMORY;
	range.filter = &filter;
	range.coverage = &ignored;
	range.since = since;
	range.by_recv_time = false;
	if (__builtin_add_overflow(until, NS_PER_DAY, &range.until))
		range.until = INT64_MAX;
	return scan_events(&range, add_stop, stops, error);
}

enum status ends_explain(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct stops stops = {.timeline = timeline};
	int64_t since = 0;
	int64_t until = 0;
	if (!find_range(timeline, &since, &until))
		return STATUS_OK;
	stops.stops = arena_alloc(&timeline->arena, STOPS_MAX * sizeof(*stops.stops));
	if (stops.stops == NULL)
		return STATUS_NO_MEMORY;
	enum status status = collect_stops(&stops, scan, since, until, error);
	if (status != STATUS_OK)
		return status;
	if (stops.count > 0)
		qsort(stops.stops, stops.count, sizeof(*stops.stops), by_server_and_time);
	for (size_t i = 0; i < timeline->count; i++) {
		struct moment *moment = timeline->moments[i];
		const struct stop *stop = has_no_end(moment) ? find_stop(&stops, moment) : NULL;
		if (stop)
			tell_stop(timeline, moment, stop);
	}
	return STATUS_OK;
}
