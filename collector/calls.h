/*
 * calls - what one event adds to the metrics of MCP calls: the duration as seen by servers and gateways or by clients,
 * and the count by verdict.
 *
 * Labels are found on the source's thread, with a cache of its own, and the series travel with the batch; the writer adds
 * to them after the commit.  struct calls: any thread; struct calls_cache: one thread.
 */
#ifndef MCPLEDGER_CALLS_H
#define MCPLEDGER_CALLS_H

#include "event.h"
#include "metric.h"

struct calls;
struct calls_cache;

enum status calls_create(struct calls **calls, struct metric_registry *registry) MUST_CHECK;
void calls_destroy(struct calls **calls);
enum status calls_cache_create(struct calls_cache **cache, struct calls *calls) MUST_CHECK;
void calls_cache_destroy(struct calls_cache **cache);

/* The series of one call; they live with the registry.  NULL: not counted there. */
struct call {
	struct metric_series *total;
	struct metric_series *duration;
	int64_t duration_ns;
	uint8_t trace_id[16]; /* all zero: none */
};
/*
 * A call counts once: a `start` does not, its `end` does.  An event whose time is suspect counts, but its duration is
 * left out: it says nothing about now.
 * owner: whose share of the label sets it is, see metric.h.
 */
struct call calls_find(struct calls_cache *cache, const struct event *event, uint64_t owner);
/* now: ns since 1970, the time of exemplars: the emitter's own could be one that no later event ever passes. Any thread. */
void calls_observe(const struct call *call, int64_t now);

#endif
