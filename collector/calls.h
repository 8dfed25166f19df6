/*
 * calls - what one event adds to the metrics of MCP calls: the duration as seen by servers and gateways or by clients,
 * and the count by verdict.  Any thread.
 */
#ifndef MCPLEDGER_CALLS_H
#define MCPLEDGER_CALLS_H

#include "event.h"
#include "observation.h"
#include "series_cache.h"

struct calls {
	struct metric_family *duration_server, *duration_client, *total;
};
void calls_init(struct calls *calls, struct metric_registry *registry);
/*
 * For a tool_call.  A call counts once: a `start` does not, its `end` does.  An event whose time is suspect counts, but
 * its duration is left out: it says nothing about now.
 */
void calls_find(const struct calls *calls, struct series_cache *cache, const struct event *event, uint64_t owner,
	struct observation *observation);

#endif
