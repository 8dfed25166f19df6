/*
 * explain - how a search was run: which blocks were read, why the others were not, what was looked at, and how long it
 * took.  A scan fills it where it is given one.  Its size and what it shows are limited; neighbouring blocks of one fate
 * are shown as one line.
 */
#ifndef MCPLEDGER_QUERY_EXPLAIN_H
#define MCPLEDGER_QUERY_EXPLAIN_H

#include "plan.h"

enum { EXPLAIN_PASSES_MAX = 12, EXPLAIN_RUNS_MAX = 24 };

/* Blocks side by side that were read, or passed over for the same reason. */
struct explain_run {
	uint64_t first_seq, last_seq;
	uint64_t blocks;
	enum skip skip;
	unsigned column; /* of the condition that ruled them out; 0: none, or not one that was written */
};

/* One walk over a store. */
struct explain_pass {
	const char *purpose;
	char store_id[24];
	uint64_t blocks[SKIP_COUNT]; /* sealed ones, by their fate */
	uint64_t parts;              /* of the unsealed tail */
	uint64_t rows, found;        /* looked at in the blocks and parts that were read, and taken */
	uint64_t bytes;              /* of the blocks that were read, as stored */
	int64_t plan_ns, match_ns, answer_ns;
	struct explain_run runs[EXPLAIN_RUNS_MAX];
	size_t run_count;
	uint64_t blocks_not_shown;
};

struct explain {
	struct explain_pass passes[EXPLAIN_PASSES_MAX];
	size_t count;
	uint64_t passes_not_shown;
};

/* NULL: there are too many, which is counted. */
struct explain_pass *explain_begin(struct explain *explain, const char *purpose, struct text store_id);
/* A block that is met, or passed over; column: see above. */
void explain_block(struct explain_pass *pass, uint64_t first_seq, uint32_t count, enum skip skip, unsigned column);
/* Lines for people, each with a newline. */
void explain_put(struct buf *out, const struct explain *explain);

#endif
