/*
 * counters - what became of every event, per source: received = stored + duplicate + rejected + dropped.
 *
 * Events that reach the writer are counted by it, in the same transaction that stores them; what is lost or refused
 * before that is counted at once, on any thread, and stored within a second.  The totals outlive restarts: they are the
 * state `counters` of the store.  `noted` is how much of rejected and dropped stands in the ledger already.
 */
#ifndef MCPLEDGER_COUNTERS_H
#define MCPLEDGER_COUNTERS_H

#include <pthread.h>
#include <stdatomic.h>

#include "ingest.h"

#define COUNTERS_STATE "counters"

/* What became of the events of one batch, or of all of a source's. */
struct counts {
	uint64_t received, stored, duplicate;
	uint64_t rejected[REASON_COUNT];
	uint64_t dropped[REASON_COUNT];
};
enum { COUNTS_MEMBERS = 3 + 2 * REASON_COUNT }; /* a struct counts is so many uint64_t */

struct counters {
	pthread_mutex_t lock; /* of additions: who takes a source's counts, or stores them, never sees half of one */
	_Atomic uint64_t totals[SOURCE_COUNT][COUNTS_MEMBERS];
	_Atomic uint64_t changes;                            /* rises with every change */
	uint64_t rejected_noted[SOURCE_COUNT][REASON_COUNT]; /* the writer's thread */
	uint64_t dropped_noted[SOURCE_COUNT][REASON_COUNT];
};

void counters_init(struct counters *counters);
/* Any thread. */
void counters_add(struct counters *counters, enum source source, const struct counts *counts);
void counters_get(struct counters *counters, enum source source, struct counts *counts);
/* Appends the state to store: the totals, with `more` (per source; NULL: nothing) added.  Writer's thread. */
void counters_put(struct counters *counters, const struct counts more[SOURCE_COUNT], struct buf *out);
/* Reads what counters_put wrote, also by a version that knew fewer sources or reasons. STATUS_DAMAGED. */
enum status counters_load(struct counters *counters, struct text state) MUST_CHECK;

#endif
