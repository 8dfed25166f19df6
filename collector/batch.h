/*
 * batch - the events of one body or of some datagrams, on their way from the source's thread to the commit: their
 * columns as images of tail parts, and beside them per row what the writer must know.
 *
 * One thread has a batch at a time: the source's until queue_push, then the writer's until batch_release.
 * batch_take, batch_release: any thread.
 */
#ifndef MCPLEDGER_BATCH_H
#define MCPLEDGER_BATCH_H

#include "block.h"
#include "ingest.h"
#include "observation.h"
#include "queue.h"

enum {
	BATCH_BYTES_MIN = 4096, /* what a batch weighs at least in the byte budget */
	PART_ROWS_MAX = 2048,   /* so that whole tail chunks fill a block well */
	PART_RAW_BYTES_MAX = 2 * 1024 * 1024,
};

struct batch_part {
	size_t image_at, image_len; /* in images */
	size_t raw_bytes;           /* what its rows weigh in a block */
	uint32_t row_first, row_count;
};

struct batch_row {
	uint64_t digest; /* identity_digest; only where there is a fingerprint */
	struct observation observation;
};

struct batch_payload {
	uint8_t key[32];
	size_t at, len; /* in payload_bytes */
};

struct batch {
	struct queue_item item; /* first: the queue knows the batch by it */
	enum source source;
	int64_t now; /* receive time, ns */
	struct buf images;
	struct buf parts;        /* struct batch_part */
	struct buf fingerprints; /* uint64_t per row */
	struct buf rows;         /* struct batch_row per row */
	struct buf payload_bytes;
	struct buf payloads; /* struct batch_payload */
	struct buf rejects;  /* struct ingest_reject */
	uint32_t rejected[REASON_COUNT];
	uint32_t received, rejected_total;
	bool unreadable;
	uint64_t budget_bytes; /* taken from the byte budget */
	ingest_done *done;     /* NULL: nobody waits */
	void *context;
	/* the writer's */
	struct buf dead;      /* bit per row: not stored as it stands; each part begins a new byte */
	struct buf conflicts; /* uint32_t: rows that are dead and stored again, marked */
	uint32_t duplicates;
};

static inline uint32_t batch_row_count(const struct batch *batch)
{
	return (uint32_t)(batch->fingerprints.len / sizeof(uint64_t));
}

struct batch_pool;
enum status batch_pool_create(struct batch_pool **pool) MUST_CHECK;
void batch_pool_destroy(struct batch_pool **pool); /* all batches must be back */
struct batch *batch_take(struct batch_pool *pool); /* empty; NULL without memory */
void batch_release(struct batch_pool *pool, struct batch *batch);
/* Bytes of memory it holds contents in. */
size_t batch_bytes(const struct batch *batch);

#endif
