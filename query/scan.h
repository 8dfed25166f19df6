/*
 * scan - walks a store's events in order of seq and hands over, block by block, the rows that are asked for.
 *
 * Memory is bounded by one block: nothing that a visit sees lives beyond it.  The reader is renewed between blocks, so
 * a long scan never holds old pages.  A block that is damaged is put on the coverage and passed over.
 */
#ifndef MCPLEDGER_QUERY_SCAN_H
#define MCPLEDGER_QUERY_SCAN_H

#include "coverage.h"
#include "match.h"
#include "store.h"

struct scan {
	struct store_reader *reader;
	const struct filter *filter; /* NULL: every event */
	const struct text *tenants;  /* the only ones that may be seen; NULL: all */
	size_t tenant_count;
	int64_t since, until;         /* ns, [since, until) of the event's time (its receive time where it has none) */
	bool by_recv_time;            /* since and until mean the receive time */
	uint64_t seq_first, seq_last; /* inclusive */
	bool backward;
	int64_t deadline; /* of timestamp_elapsed(); 0: none */
	bool (*gives_up)(const void
			*asker); /* whether nobody waits for the answer any more; asked between blocks; may be NULL */
	const void *asker;
	struct coverage *coverage; /* may be NULL */
};

/* Everything of the reader's store, as of now. */
struct scan scan_all(struct store_reader *reader);

/*
 * rows are the wanted ones of the block.  STATUS_OK: go on; STATUS_LIMIT: that is enough, the scan ends with STATUS_OK;
 * any other ends the scan with it.
 */
typedef enum status scan_visit(void *context, struct block *block, const uint64_t rows[ROW_WORDS_MAX]);

/* STATUS_TIMEOUT at the deadline; STATUS_CANCELLED when the asker gave up; what the reader and the visit return. */
enum status scan_run(const struct scan *scan, scan_visit *visit, void *context, struct error *error) MUST_CHECK;

/* The same, an event at a time (in scan order); it lives for the call. */
typedef enum status scan_visit_event(void *context, const struct event *event);
enum status scan_events(
	const struct scan *scan, scan_visit_event *visit, void *context, struct error *error) MUST_CHECK;

#endif
