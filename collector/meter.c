#include "meter.h"

#include <stdlib.h>

#include "auths.h"
#include "calls.h"
#include "presence.h"
#include "sessions.h"
#include "timestamp.h"
#include "usage.h"

struct meter {
	struct calls calls;
	struct auths auths;
	struct sessions sessions;
	struct presence *presence;
	struct usage *usage;
	struct metric_series *lag[SOURCE_COUNT]; /* NULL: its events are not of now */
};

struct meter_worker {
	struct meter *meter;
	struct series_cache *cache;
	struct presence_worker *presence;
	struct sighting sighting; /* of the batch and body at hand */
	enum source source;
	struct metric_tally lag;
};

static void add_lag(struct meter *meter, struct metric_registry *registry)
{
	static const char *const labels[] = {"source"};
	static const double bounds[] = {.001, .005, .01, .05, .1, .5, 1, 5, 10, 30, 60, 300, 1800, 3600};
	static const struct metric_info info = {
		.type = METRIC_HISTOGRAM,
		.name = "mcpledger_ingest_lag_seconds",
		.help = "From an event's end, by its emitter's clock, to its receipt.",
		.labels = labels,
		.label_count = 1,
		.bounds = bounds,
		.bound_count = sizeof(bounds) / sizeof(bounds[0]),
	};
	struct metric_family *family = metric_family_add(registry, &info);
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		struct text name = text_of(source_name((enum source)source));
		if (source != SOURCE_IMPORT && source != SOURCE_LEDGER)
			meter->lag[source] = metric_series_get(family, &name);
	}
}

enum status meter_create(struct meter **meter, struct metric_registry *registry, size_t tracked_max)
{
	struct meter *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	calls_init(&made->calls, registry);
	sessions_init(&made->sessions, registry);
	auths_init(&made->auths, registry);
	const struct roster_limits limits = {tracked_max, roster_add_family(registry)};
	enum status status = presence_create(&made->presence, registry, &limits);
	if (status == STATUS_OK)
		status = usage_create(&made->usage, registry, &limits);
	if (status != STATUS_OK) {
		meter_destroy(&made);
		return status;
	}
	add_lag(made, registry);
	*meter = made;
	return STATUS_OK;
}

void meter_destroy(struct meter **meter)
{
	if (*meter == NULL)
		return;
	presence_destroy(&(*meter)->presence);
	usage_destroy(&(*meter)->usage);
	free(*meter);
	*meter = NULL;
}

enum status meter_worker_create(struct meter_worker **worker, struct meter *meter)
{
	struct meter_worker *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->meter = meter;
	enum status status = series_cache_create(&made->cache);
	if (status == STATUS_OK)
		status = presence_worker_create(&made->presence, meter->presence);
	if (status != STATUS_OK)
		meter_worker_destroy(&made);
	else
		*worker = made;
	return status;
}

void meter_worker_destroy(struct meter_worker **worker)
{
	if (*worker == NULL)
		return;
	series_cache_destroy(&(*worker)->cache);
	presence_worker_destroy(&(*worker)->presence);
	free(*worker);
	*worker = NULL;
}

void meter_begin(struct meter_worker *worker, enum source source, int64_t now)
{
	worker->source = source;
	worker->sighting = (struct sighting){.now = now, .elapsed = timestamp_elapsed()};
	worker->lag = (struct metric_tally){.any = false};
}

void meter_set_sender(struct meter_worker *worker, struct text emitter, uint64_t owner)
{
	worker->sighting.emitter = emitter;
	worker->sighting.owner = owner;
}

void meter_end(struct meter_worker *worker)
{
	if (worker->lag.any)
		metric_add_tally(worker->meter->lag[worker->source], &worker->lag);
}

/*
 * From the end of what an event tells of to its receipt.  Whether the time of a `connection` event is that of the
 * connection's begin or of the event itself, emitters do not agree on.
 */
static bool find_offset(const struct event *event, int64_t now, int64_t *offset)
{
	int64_t duration = event_has(event, FIELD_DURATION_NS) ? event->value[FIELD_DURATION_NS].number : 0;
	int64_t end = 0;
	return event_has(event, FIELD_TIME) && event->kind != KIND_CONNECTION &&
	       !__builtin_add_overflow(event->value[FIELD_TIME].number, duration, &end) &&
	       !__builtin_sub_overflow(now, end, offset);
}

static void see_now(struct meter_worker *worker, const struct event *event)
{
	struct meter *meter = worker->meter;
	struct sighting *sighting = &worker->sighting;
	if (meter->lag[worker->source] == NULL || event_has(event, FIELD_MARKS_TIME_SUSPECT))
		return;
	sighting->event = event;
	sighting->has_offset = find_offset(event, sighting->now, &sighting->offset);
	if (sighting->has_offset)
		metric_tally_observe(&worker->lag, meter->lag[worker->source], sighting->offset);
	presence_see(worker->presence, sighting);
	bool is_late = sighting->has_offset && sighting->offset >= SESSION_AGE_MAX;
	if ((event->kind == KIND_RESOURCE_USAGE || event->kind == KIND_LIFECYCLE) && !is_late)
		usage_see(meter->usage, sighting);
}

struct observation meter_see(struct meter_worker *worker, const struct event *event)
{
	const struct meter *meter = worker->meter;
	struct observation observation = {.duration_ns = 0};
	uint64_t owner = worker->sighting.owner;
	int64_t opened_at = 0;
	switch (event->kind) {
	case KIND_TOOL_CALL:
		calls_find(&meter->calls, worker->cache, event, owner, &observation);
		auths_find(&meter->auths, worker->cache, event, owner, &observation);
		break;
	case KIND_AUTH:
		auths_find(&meter->auths, worker->cache, event, owner, &observation);
		break;
	case KIND_CONNECTION:
		opened_at = presence_opened_at(meter->presence, event, worker->sighting.elapsed);
		sessions_find(&meter->sessions, worker->cache, event, opened_at, owner, &observation);
		break;
	default:
		break;
	}
	see_now(worker, event);
	return observation;
}

void meter_expire(struct meter *meter)
{
	int64_t elapsed = timestamp_elapsed();
	presence_expire(meter->presence, elapsed);
	usage_expire(meter->usage, elapsed);
}
