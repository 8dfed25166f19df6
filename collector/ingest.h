/*
 * ingest - the one funnel: what a source received becomes a batch of columns and goes to the writer.
 *
 * A source's thread owns an ingest_worker (decoder, rows) and calls ingest_submit with the bytes of one body or
 * datagram: events are split, decoded, redacted and put into columns on that thread; one batch is handed over.  `done`
 * is called exactly once: on the writer's thread after the commit is durable, or on the caller's thread, before
 * ingest_submit returns, when there is nothing to commit or the queue is full.  It must not block.
 */
#ifndef MCPLEDGER_INGEST_H
#define MCPLEDGER_INGEST_H

#include "event.h"

struct ingest;
struct ingest_worker;

enum source {
#define SOURCE(name, text) SOURCE_##name,
#include "tbl/sources.h"
#undef SOURCE
	SOURCE_COUNT
};
const char *source_name(enum source source);

enum { INGEST_REJECTS_MAX = 100 };

struct ingest_request {
	enum source source;
	struct text body;           /* borrowed until ingest_submit returns */
	struct text emitter;        /* name of the credential; empty without authentication */
	struct text auth;           /* "none", "token" */
	struct text peer;           /* address without port, or "unix" */
	const struct text *tenants; /* the only ones the credential may write for; NULL: any */
	size_t tenant_count;
	bool may_assert_identity;
	bool from_export; /* import: lines of `export`, admin scope */
};

struct ingest_reject {
	uint32_t index; /* of the event in the body, from 0 */
	uint32_t line;  /* of the body, from 1 */
	struct reject reject;
};

struct ingest_result {
	enum status
		status; /* OK: committed (or nothing to commit); BUSY: queue full, nothing stored; NO_SPACE, IO: not stored */
	enum reason reason; /* with a failure: why, as the drop counters say it */
	bool unreadable;    /* no event could be read from the body at all */
	uint32_t accepted, duplicates, rejected_total;
	uint32_t reject_count;               /* at most INGEST_REJECTS_MAX */
	const struct ingest_reject *rejects; /* valid during done only */
};

typedef void ingest_done(void *context, const struct ingest_result *result);

enum status ingest_worker_create(struct ingest_worker **worker, struct ingest *ingest) MUST_CHECK;
void ingest_worker_destroy(struct ingest_worker **worker);
void ingest_submit(
	struct ingest_worker *worker, const struct ingest_request *request, ingest_done *done, void *context);
/* Several bodies of one source, emitter and set of rights as one batch; only body and peer may differ. */
void ingest_submit_all(struct ingest_worker *worker, const struct ingest_request *requests, size_t count,
	ingest_done *done, void *context);

/* Counts what a source lost before it could be read: n events, or datagrams, dropped for `reason`. Any thread. */
void ingest_count_drop(struct ingest *ingest, enum source source, enum reason reason, uint64_t n);
/* Puts a happening of the collector itself on record (kind `ledger`): op is one of EVENTS' list, detail a JSON object. */
void ingest_note(struct ingest *ingest, const char *op, struct text detail);

#endif
