/*
 * scan - walks the events of stores, one store after the other and each in order of seq, and hands over, block by block,
 * the rows that are asked for.
 *
 * Sealed blocks are opened and matched a few at a time, on several threads where the scan may; they are visited in order
 * on the caller's.  Memory is bounded by these few: nothing that a visit sees lives beyond it.  The reader is renewed
 * between them, so a long scan never holds old pages.  A block that is damaged is put on the coverage and passed over.
 */
#ifndef MCPLEDGER_QUERY_SCAN_H
#define MCPLEDGER_QUERY_SCAN_H

#include "coverage.h"
#include "explain.h"
#include "match.h"
#include "store.h"

enum { SCAN_STORES_MAX = 64, SCAN_LANES_MAX = 16 };

/* One of the stores of a scan; a seq is a number of its store alone. */
struct scan_store {
	struct store_reader *reader;
	uint64_t seq_first, seq_last; /* what of it is scanned, inclusive; none where first > last */
};

struct scan {
	struct scan_store stores[SCAN_STORES_MAX];
	size_t store_count;
	const struct filter *filter; /* NULL: every event */
	const struct text *tenants;  /* the only ones that may be seen; NULL: all */
	size_t tenant_count;
	int64_t since, until; /* ns, [since, until) of the event's time (its receive time where it has none) */
	bool by_recv_time;    /* since and until mean the receive time */
	bool backward;        /* newest first, and the last store first */
	int64_t deadline;     /* of timestamp_elapsed(); 0: none */
	bool (*gives_up)(const void
			*asker); /* whether nobody waits for the answer any more; asked between blocks; may be NULL */
	const void *asker;
	struct coverage *coverage; /* may be NULL */
	unsigned threads;          /* that open and match blocks; 0 and 1: the caller's alone */
	struct explain *explain;   /* may be NULL */
	const char *purpose;       /* for explain; NULL: the answer */
	struct scan_meter *meter;  /* may be NULL */
};

/* What the scans of one question look at, together. */
struct scan_meter {
	uint64_t rows;
	uint64_t rows_max; /* 0: no limit */
};

/* Everything of the reader's store, as of now. */
struct scan scan_all(struct store_reader *reader);
/* Adds all of another store, as of now. STATUS_LIMIT: there are SCAN_STORES_MAX. */
enum status scan_add_store(struct scan *scan, struct store_reader *reader) MUST_CHECK;
/* Leaves, of each store, only what lies from first to last. */
void scan_narrow(struct scan *scan, uint64_t first, uint64_t last);
/* The same where id is a seq, or a store's id and a seq (then only in this store); false: it is neither. */
bool scan_narrow_to_id(struct scan *scan, struct text id);

/* Where a visit is. */
struct scan_place {
	size_t store; /* which one of the scan's */
	struct text store_id;
};

/*
 * rows are the wanted ones of the block.  STATUS_OK: go on; STATUS_LIMIT: that is enough, the scan ends with STATUS_OK;
 * any other ends the scan with it.
 */
typedef enum status scan_visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX]);

/*
 * STATUS_TIMEOUT at the deadline; STATUS_TOO_LARGE: more rows than the meter allows; STATUS_CANCELLED when the asker gave
 * up; what the reader and the visit return.
 */
enum status scan_run(const struct scan *scan, scan_visit *visit, void *context, struct error *error) MUST_CHECK;

/*
 * A visit in two parts.  work runs on any thread, for several blocks at once but never for two of the same lane (0 to
 * SCAN_LANES_MAX - 1); gather runs on the caller's, in order, when the work of a block has ended, also where that failed
 * half-way.  gather may be NULL: then each thread is one lane, keeps what it has until the scan ends, and closes a block
 * when it is done with it.
 */
typedef enum status scan_work(void *context, unsigned lane, const struct scan_place *place, struct block *block,
	const uint64_t rows[ROW_WORDS_MAX]);
typedef enum status scan_gather(void *context, unsigned lane);
enum status scan_run_lanes(
	const struct scan *scan, scan_work *work, scan_gather *gather, void *context, struct error *error) MUST_CHECK;

/* As scan_run, an event at a time (in scan order); it lives for the call. */
typedef enum status scan_visit_event(void *context, const struct scan_place *place, const struct event *event);
enum status scan_events(
	const struct scan *scan, scan_visit_event *visit, void *context, struct error *error) MUST_CHECK;

/* How many events there are.  Blocks whose summary tells are not read. */
enum status scan_count(const struct scan *scan, uint64_t *count, struct error *error) MUST_CHECK;

/*
 * What a scan asks of each row, as one condition, so that rows and summaries meet tenants, time and filter alike; also for
 * who looks at blocks that another scan walks.  It borrows the scan's filter and tenants, and must not be moved.
 */
struct scan_conditions {
	struct condition all, time, tenant, words;
	struct wanted time_range;
	struct wanted *tenants; /* owned */
};
enum status scan_conditions_init(struct scan_conditions *conditions, const struct scan *scan) MUST_CHECK;
void scan_conditions_finish(struct scan_conditions *conditions); /* also of zeroed ones */

#endif
