/*
 * metric - counters, gauges and histograms with labels, and their exposition: Prometheus' text format 0.0.4, or
 * OpenMetrics 1.0.0 text with exemplars.
 *
 * A registry is made once; families come from tables.  Adding to a series is lock-free (C11 atomics) once the series is
 * known; finding or making one takes the registry's lock.  Any thread.
 *
 * Label values that come from events are somebody else's choice, so a family that takes such (`from_events`) has limits:
 *   - series_max label sets; the labels of one weigh one set for each METRIC_LABEL_SET_BYTES begun, so memory is bounded;
 *   - of these, whoever sends the events (`owner`) has a share (share.h), so that no emitter can take every place;
 *   - what has a place keeps it;
 *   - values longer than METRIC_LABEL_BYTES_MAX are cut and end in "…".
 * Label sets beyond that share one series labelled otel_metric_overflow="true", so totals stay right;
 * mcpledger_metric_label_sets and _overflowed tell how many there are of either, by family.
 *
 * OpenMetrics' _created samples are left out: Prometheus would store each as one more series.
 */
#ifndef MCPLEDGER_METRIC_H
#define MCPLEDGER_METRIC_H

#include <stdbool.h>

#include "buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_INFO, METRIC_HISTOGRAM };
enum metric_format { METRIC_TEXT, METRIC_OPENMETRICS };
enum {
	METRIC_LABELS_MAX = 12,
	METRIC_BOUNDS_MAX = 15,
	METRIC_LABEL_BYTES_MAX = 256,
	METRIC_LABEL_SET_BYTES = 512,
	METRIC_OVERFLOWED_MAX = 4096, /* as many label sets without a place are told apart; more count as this */
};

struct metric_registry;
struct metric_family;
struct metric_series;

enum status metric_registry_create(struct metric_registry **registry, size_t series_max) MUST_CHECK;
void metric_registry_destroy(struct metric_registry **registry);
/* STATUS_NO_MEMORY: a family could not be made. */
enum status metric_registry_status(struct metric_registry *registry) MUST_CHECK;

/* What a family is; what it points to is borrowed for the registry's life. */
struct metric_info {
	enum metric_type type;
	const char *name,
		*help; /* a counter's name ends in _total, an info's in _info, of a unit's in _seconds, _bytes */
	const char *const *labels;
	size_t label_count;
	const double *bounds; /* upper bounds of a histogram in seconds, ascending, without +Inf */
	size_t bound_count;
	bool from_events;   /* label values come from events: limits hold */
	bool has_exemplars; /* of counters and histograms */
	bool counts_ns;     /* a counter of ns, exposed in seconds */
};
/*
 * Adds a family; info is copied.  Asserts on a bad table.  Never NULL: without memory it is one that takes everything and
 * is not exposed, and metric_registry_status tells; who starts a program looks at that last.
 */
struct metric_family *metric_family_add(struct metric_registry *registry, const struct metric_info *info);

/*
 * The series with these label values (copied; an empty value is not exposed), for the registry's life.  Never NULL:
 * beyond the limits, the overflow series.
 */
struct metric_series *metric_series_get(struct metric_family *family, const struct text *values);
/* The same in the share of `owner`, a hash of who sends the events; 0: of no share. */
struct metric_series *metric_series_get_for(struct metric_family *family, uint64_t owner, const struct text *values);
/* The same in a family whose series come and go: it stays until it was released as often as it was held. */
struct metric_series *metric_series_hold(struct metric_family *family, uint64_t owner, const struct text *values);
void metric_series_release(struct metric_series *series, int64_t now);
/* Drops the series that nobody holds since before `before` (on the clock that release was told). */
void metric_family_expire(struct metric_family *family, int64_t before);

/* A trace in which a value was seen. */
struct metric_exemplar {
	uint8_t trace_id[16];
	int64_t time; /* ns since 1970 */
};

void metric_add(struct metric_series *series, uint64_t by);
void metric_observe(struct metric_series *series, int64_t ns);
/* The same; of a counter, and of each bucket, the latest exemplar is kept.  It may be NULL. */
void metric_add_traced(struct metric_series *series, uint64_t by, const struct metric_exemplar *exemplar);
void metric_observe_traced(struct metric_series *series, int64_t ns, const struct metric_exemplar *exemplar);
void metric_set(struct metric_series *series, double value);
void metric_change(struct metric_series *series, double by); /* a gauge */
uint64_t metric_count(const struct metric_series *series);   /* a counter's value */
/* A gauge or counter whose value is asked when it is exposed. */
void metric_series_compute(struct metric_series *series, double (*value)(void *context), void *context);

/* Observations of one thread, to be added to a histogram at once; starts zeroed. */
struct metric_tally {
	uint64_t buckets[METRIC_BOUNDS_MAX + 1];
	double sum;
	bool any;
};
void metric_tally_observe(struct metric_tally *tally, const struct metric_series *series, int64_t ns);
void metric_add_tally(struct metric_series *series, const struct metric_tally *tally);

void metric_expose(struct metric_registry *registry, enum metric_format format, struct buf *out);

#endif
