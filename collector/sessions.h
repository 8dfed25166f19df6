/*
 * sessions - how long MCP sessions lasted, as servers and gateways or as clients saw them: each `connection` event of
 * phase `close` that ends a session.  Any thread.
 *
 * A session has an id, or is a stdio connection of a protocol version that has sessions (before 2026-07-28).  It lasted
 * as long as the closing event says, else since its opening, if that was seen.  A session without a close has no
 * duration: none is guessed.
 */
#ifndef MCPLEDGER_SESSIONS_H
#define MCPLEDGER_SESSIONS_H

#include "event.h"
#include "observation.h"
#include "series_cache.h"

struct sessions {
	struct metric_family *duration_server, *duration_client;
};
void sessions_init(struct sessions *sessions, struct metric_registry *registry);
/* For an event of kind connection.  opened_at: the time of its opening, ns since 1970; 0: was not seen. */
void sessions_find(const struct sessions *sessions, struct series_cache *cache, const struct event *event,
	int64_t opened_at, uint64_t owner, struct observation *observation);

#endif
