/*
 * auths - how authorisations were decided: events of kind `auth`, by their step, and calls that were denied, as step
 * `call`.  A refused call often comes with an event of its own, so sums are taken over one step.  Any thread.
 */
#ifndef MCPLEDGER_AUTHS_H
#define MCPLEDGER_AUTHS_H

#include "event.h"
#include "observation.h"
#include "series_cache.h"

struct auths {
	struct metric_family *total;
};
void auths_init(struct auths *auths, struct metric_registry *registry);
/* For an event of kind auth, or a tool_call. */
void auths_find(const struct auths *auths, struct series_cache *cache, const struct event *event, uint64_t owner,
	struct observation *observation);

#endif
