/*
 * observation - what one event adds to the metrics when it is stored: the series, found on the source's thread, travel
 * with the batch, and the writer adds to them after the commit.
 */
#ifndef MCPLEDGER_OBSERVATION_H
#define MCPLEDGER_OBSERVATION_H

#include "metric.h"

/* The series live with the registry.  NULL: not counted there. */
struct observation {
	struct metric_series *total;    /* of calls */
	struct metric_series *auth;     /* of authorisations */
	struct metric_series *duration; /* of a call or a session */
	int64_t duration_ns;
	uint8_t trace_id[16]; /* all zero: none */
};

/* now: ns since 1970, the time of exemplars: the emitter's own could be one that no later event passes.  Any thread. */
void observation_add(const struct observation *observation, int64_t now);

#endif
