/*
 * group - the batches of one commit: finds duplicates, gives sequence numbers, and puts tail chunks into the transaction.
 *
 * Between group_begin and group_end ids are pending: they are in the dedup window, and leave it by group_undo when the
 * commit fails.  The writer's thread.
 */
#ifndef MCPLEDGER_GROUP_H
#define MCPLEDGER_GROUP_H

#include "batch.h"
#include "counters.h"
#include "dedup.h"
#include "proof.h"
#include "store.h"

enum { GROUP_CONFLICTS_LISTED_MAX = 16 };

/* Events of an id that was used before for other bytes, since they were last noted in the ledger. */
struct conflicts {
	uint64_t count;
	uint64_t seqs[GROUP_CONFLICTS_LISTED_MAX];
};

struct group {
	struct store *store; /* this and the next three are borrowed */
	const struct identity *identity;
	struct dedup *dedup;
	struct proof *proof;
	struct rows *rows; /* for conflicting events, which are encoded again */
	/* the commit at hand */
	struct store_txn *txn;
	enum status failed; /* the first failure that the transaction does not know of */
	uint64_t next_seq;
	int64_t recv_time;
	struct buf chunk;
	uint64_t chunk_first_seq;
	uint32_t chunk_events;
	size_t chunk_raw_bytes;
	struct counts counts[SOURCE_COUNT];
	struct conflicts conflicts;
};

enum status group_init(
	struct group *group, struct store *store, const struct identity *identity, struct dedup *dedup) MUST_CHECK;
void group_finish(struct group *group);

void group_begin(struct group *group, struct store_txn *txn);
void group_add(struct group *group, struct batch *batch);
/* Puts what is left. STATUS_OK, or why the transaction must be aborted. */
enum status group_end(struct group *group) MUST_CHECK;
/* Takes the ids of a batch out of the window again. */
void group_undo(struct group *group, const struct batch *batch);
/* After the commit: adds what the batch's events say to the metrics. */
void group_observe(const struct batch *batch);

#endif
