/*
 * metrics - what the daemon shows about itself: losses, store, queue, dedup window, configuration, process.
 *
 * Numbers are read where they are kept, when somebody asks; only the figures of commits and of the last reload are
 * counted here.  (Calls: calls.h; HTTP: the server's own.)
 */
#ifndef MCPLEDGER_METRICS_H
#define MCPLEDGER_METRICS_H

#include "budget.h"
#include "counters.h"
#include "dedup.h"
#include "metric.h"
#include "writer.h"

struct metrics {
	struct metric_series *commit_duration, *commit_failures; /* the writer's */
	struct metric_series *reload_successful, *reload_time;   /* main's */
	/* where to read; borrowed */
	const struct counters *counters;
	const struct budget *budget;
	const struct dedup *dedup;
	const struct writer_figures *figures;
};

/* Adds the families that must be there before the writer starts. */
void metrics_add(struct metrics *metrics, struct metric_registry *registry);
/* Adds those that read what the parts keep; counters, budget, dedup and figures must be set, and outlive the registry. */
void metrics_add_parts(struct metrics *metrics, struct metric_registry *registry);

#endif
