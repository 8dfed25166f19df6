/*
 * funnel - what main and the writer need of the ingest funnel beyond ingest.h: its life, its limits, and batches of the
 * collector's own events.
 */
#ifndef MCPLEDGER_FUNNEL_H
#define MCPLEDGER_FUNNEL_H

#include "batch.h"
#include "budget.h"
#include "conf.h"
#include "counters.h"
#include "identity.h"
#include "ledger.h"
#include "meter.h"
#include "store.h"

/* Borrowed for the ingest's life. */
struct ingest_options {
	const struct store *store;
	const struct identity *identity;
	struct queue *queue;
	struct budget *budget;
	struct batch_pool *pool;
	struct counters *counters;
	struct ledger *ledger;
	struct meter *meter;
};

enum status ingest_create(
	struct ingest **ingest, const struct ingest_options *options, const struct conf *conf) MUST_CHECK;
void ingest_destroy(struct ingest **ingest); /* workers must be destroyed first */
/* STATUS_INVALID: ingest_set_limits would refuse these. */
enum status ingest_check_limits(const struct conf *conf) MUST_CHECK;
/* Takes over the ingest.* settings that can change while it runs, for batches to come.  Any thread. */
enum status ingest_set_limits(struct ingest *ingest, const struct conf *conf) MUST_CHECK;
/* From now on submit answers status and reason at once (a full disk); STATUS_OK: takes events again.  Any thread. */
void ingest_refuse(struct ingest *ingest, enum status status, enum reason reason);

/*
 * Makes a batch of the collector's own events (NDJSON) without handing it over: the writer's.  Limits do not hold it up.
 * NULL without memory.
 */
struct batch *ingest_make_own(struct ingest_worker *worker, struct text body);

#endif
