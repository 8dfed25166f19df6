/*
 * metric - counters, gauges and histograms with labels, and their text exposition (Prometheus text format 0.0.4).
 *
 * A registry is made once; families come from tables.  Adding to a series is lock-free (C11 atomics) once the series is
 * known; finding or making one takes the registry's lock.  Beyond series_max a family's further label sets share one
 * series labelled otel_metric_overflow="true", so totals stay right.  Any thread.
 */
#ifndef MCPLEDGER_METRIC_H
#define MCPLEDGER_METRIC_H

#include <stdbool.h>

#include "buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };
enum { METRIC_LABELS_MAX = 12 };

struct metric_registry;
struct metric_family;
struct metric_series;

enum status metric_registry_create(struct metric_registry **registry, size_t series_max) MUST_CHECK;
void metric_registry_destroy(struct metric_registry **registry);

/* What a family is; what it points to is borrowed for the registry's life. */
struct metric_info {
	enum metric_type type;
	const char *name, *help;
	const char *const *labels;
	size_t label_count;
	const double *bounds; /* upper bounds of a histogram in seconds, ascending, without +Inf */
	size_t bound_count;
};
/* Adds a family; info is copied.  Never fails after start (asserts on a bad table). */
struct metric_family *metric_family_add(struct metric_registry *registry, const struct metric_info *info);
/* The series with these label values (copied; an empty value is not exposed).  Never NULL: beyond the limit, the overflow series. */
struct metric_series *metric_series_get(struct metric_family *family, const struct text *values);
void metric_add(struct metric_series *series, uint64_t by);
void metric_set(struct metric_series *series, double value);
void metric_observe(struct metric_series *series, int64_t ns);
uint64_t metric_count(const struct metric_series *series); /* a counter's value */
/* A gauge or counter whose value is asked when it is exposed. */
void metric_series_compute(struct metric_series *series, double (*value)(void *context), void *context);
void metric_expose(struct metric_registry *registry, struct buf *out);

#endif
