/*
 * writer - the one thread that changes the store: commits batches in groups, seals, rolls over, prunes, keeps the ledger.
 *
 * Group commit without a timer: whatever is queued when the last commit has ended goes into the next one.  A batch is
 * answered (done) only after its commit is durable, or has failed.  When the store cannot write, the writer refuses
 * new events, looks each second whether it can again, and puts the outage on record.
 */
#ifndef MCPLEDGER_WRITER_H
#define MCPLEDGER_WRITER_H

#include "dedup.h"
#include "funnel.h"
#include "queue.h"

struct writer;

/* Borrowed for the writer's life. */
struct writer_options {
	struct store *store;
	const char *store_dir;
	const struct identity *identity;
	struct dedup *dedup; /* filled, see dedup_fill */
	struct ingest *ingest;
	struct queue *queue;
	struct budget *budget;
	struct batch_pool *pool;
	struct counters *counters;
	struct ledger *ledger;
	struct meter *meter;
	struct metric_series *commit_duration, *commit_failures;
};

/* What changes with a reload. */
struct writer_limits {
	int64_t block_age_ns_max;
	uint64_t free_bytes_min;
	int64_t retention_age_ns;
	uint64_t retention_bytes;
};
struct writer_limits writer_limits_of(const struct conf *conf);

/* Starts the thread; the first thing it stores is the ledger's `start`. */
enum status writer_start(
	struct writer **writer, const struct writer_options *options, const struct writer_limits *limits) MUST_CHECK;
/*
 * Commits what is queued, puts `stop` on record, seals the tail, and ends.  The queue is closed by this.  *clean: all of
 * that succeeded.
 */
void writer_stop(struct writer **writer, bool *clean);
void writer_set_limits(struct writer *writer, const struct writer_limits *limits); /* any thread */
/* Whether events can be committed now; else one line why not. Any thread. */
bool writer_is_ready(struct writer *writer, char reason[200]);

/* Figures for metrics, as of the last look (each second; the store's each 10 s). Any thread. */
struct writer_figures {
	_Atomic uint64_t store_bytes, store_events, blocks, segments, tail_events, free_bytes;
};
const struct writer_figures *writer_get_figures(const struct writer *writer);

/* Fills the window from the store: fingerprints of the tail, id columns of blocks, newest first. */
enum status dedup_fill(
	struct dedup *dedup, struct store *store, const struct identity *identity, struct error *error) MUST_CHECK;

#endif
