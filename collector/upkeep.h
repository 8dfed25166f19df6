/*
 * upkeep - what the writer looks after between commits: the clock, losses that must stand in the ledger, retention, and
 * figures for metrics.  It only notes in the ledger; the writer commits.  The writer's thread.
 */
#ifndef MCPLEDGER_UPKEEP_H
#define MCPLEDGER_UPKEEP_H

#include "counters.h"
#include "group.h"
#include "ledger.h"
#include "writer.h"

/* A loss that is not in the ledger yet, per source and reason: when it was first seen. */
struct upkeep {
	int64_t clock_offset;                               /* wall clock less the clock that never steps */
	int64_t rejected_since[SOURCE_COUNT][REASON_COUNT]; /* elapsed ns; 0: nothing to note */
	int64_t dropped_since[SOURCE_COUNT][REASON_COUNT];
	int64_t pruned_at, figures_at; /* elapsed ns */
	int64_t prune_waits_since;     /* elapsed ns: for readers of the oldest segment; 0: for none */
	int64_t age_held_until;        /* elapsed ns: until then nothing is removed for its age; 0: not held */
};

/*
 * last_recv_time: of the newest event.  A clock that is wrong by years would have retention remove everything within a
 * minute, so after a leap (an hour while running, a week since the newest event at start) nothing is removed for its
 * age for a day, or until the clock leaps back.
 */
void upkeep_init(struct upkeep *upkeep, int64_t last_recv_time);
/* Notes that the wall clock stepped by more than 2 s against the clock that never steps. */
void upkeep_check_clock(struct upkeep *upkeep, struct ledger *ledger);
/* Notes drops and rejects, each source and reason at most every 10 s; at_once: all there are. */
void upkeep_note_losses(struct upkeep *upkeep, struct counters *counters, struct ledger *ledger, bool at_once);
/* Notes events of ids used twice, and forgets them. */
void upkeep_note_conflicts(struct conflicts *conflicts, struct ledger *ledger);
/*
 * Each minute: removes old segments, and notes it; frees the slots of readers that died.  One that is read is tried again
 * each second, and after ten minutes removed all the same.
 */
void upkeep_prune(
	struct upkeep *upkeep, struct store *store, const struct writer_limits *limits, struct ledger *ledger);
/* Each 10 s: looks at the store's size. */
void upkeep_look_at_store(struct upkeep *upkeep, struct store *store, struct writer_figures *figures);

#endif
