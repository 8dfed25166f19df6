/*
 * usage - what the processes of MCP servers use, from `resource_usage` events: a server's figures are the sums over its
 * processes.
 *
 * A process is known by tenant, server, its instance, the observer's instance, host and pid.  Its counters are those of
 * the process itself, so what is added is the growth since its report before; a fall means that the process began anew
 * under the same pid, and counts in full.  What a process had used before its first report counts only where its
 * start was seen (`lifecycle` start): else each of our restarts would add it again.  Reports that come after
 * newer ones are passed over.  A process leaves with its `lifecycle` stop or crash, or PROCESS_AGE_MAX after its last report; a
 * server's resident memory goes with its last process, its counters USAGE_LABELS_AGE_MAX later.
 *
 * It tells of now, as presence does, and is bounded in the same way.  Any thread.
 */
#ifndef MCPLEDGER_USAGE_H
#define MCPLEDGER_USAGE_H

#include "roster.h"
#include "sighting.h"
#include "timestamp.h"

#define PROCESS_AGE_MAX      (5 * 60 * NS_PER_S)
#define USAGE_LABELS_AGE_MAX (60 * 60 * NS_PER_S)

struct usage;
enum status usage_create(
	struct usage **usage, struct metric_registry *registry, const struct roster_limits *limits) MUST_CHECK;
void usage_destroy(struct usage **usage);
/* An event of kind resource_usage or lifecycle. */
void usage_see(struct usage *usage, const struct sighting *sighting);
void usage_expire(struct usage *usage, int64_t elapsed); /* about each second */

#endif
