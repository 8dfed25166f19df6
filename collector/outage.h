/*
 * outage - a time in which the store cannot write: its beginning and end for the ledger, and the reserve of space that
 * decides about both.  The writer's thread; outage_reason: any thread.
 */
#ifndef MCPLEDGER_OUTAGE_H
#define MCPLEDGER_OUTAGE_H

#include "counters.h"
#include "ledger.h"
#include "store.h"

struct outage {
	_Atomic int reason;      /* enum reason; REASON_NONE: there is no outage */
	int64_t from;            /* wall clock, ns */
	uint64_t dropped_before; /* of all sources, for this reason */
};

/* Begins one: logs it, notes it, and gives the ballast back for the commit of the note. */
void outage_begin(struct outage *outage, enum reason reason, struct store *store, struct counters *counters,
	struct ledger *ledger);
/* It is over: notes its window and what was dropped in it. */
void outage_end(struct outage *outage, struct counters *counters, struct ledger *ledger);
static inline enum reason outage_reason(const struct outage *outage)
{
	return (enum reason)atomic_load(&outage->reason);
}

/* Bytes to keep free: the setting, but not more than a share of a small file system. */
uint64_t outage_reserve(const char *store_dir, uint64_t free_bytes_min);
/*
 * Whether the store has more than the reserve again, by a margin, with the ballast taken back; if not, the ballast is
 * given back.
 */
bool outage_has_space_again(struct store *store, uint64_t reserve);

#endif
