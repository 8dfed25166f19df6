/*
 * emitter_gaps - events that an emitter counted and that never came: holes in the observer.seq of one epoch.
 *
 * An emitter numbers what it sends from the start of its process (epoch) on.  What is missing between two numbers that
 * came, or up to the one that its last heartbeat names, was lost on the way.  At the ends of the range numbers may only
 * be out of order: a hole is told where what stands around it was received within the range.
 */
#ifndef MCPLEDGER_QUERY_EMITTER_GAPS_H
#define MCPLEDGER_QUERY_EMITTER_GAPS_H

#include "scan.h"

enum { EMITTERS_MAX = 256, EMITTER_EVENTS_MAX = 1 << 20, EMITTER_GAPS_MAX = 1000 };

struct emitter_gap {
	struct text tenant, role, name, instance, epoch;
	int64_t first, last;   /* the numbers that are missing, inclusive */
	int64_t after, before; /* time of the event before the hole, and of the one behind it (or the heartbeat), ns */
};

struct emitter_gaps {
	struct emitter_gap *gaps; /* by `after`; in the arena */
	size_t count;
	bool more; /* there are more emitters, events or holes than were looked at */
};

/* Looks at the events that the scan's filter takes. STATUS_NO_MEMORY, and what scan_run returns. */
enum status emitter_gaps_find(
	const struct scan *scan, struct arena *arena, struct emitter_gaps *found, struct error *error) MUST_CHECK;

#endif
