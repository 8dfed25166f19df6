/*
 * match - which events of a block a filter takes.
 *
 * A condition on a text is evaluated once per dictionary entry, and only for entries that a row still in question uses;
 * rows are then decided by their codes.  Rows are bitmaps: bit i of rows[i / 64].
 */
#ifndef MCPLEDGER_QUERY_MATCH_H
#define MCPLEDGER_QUERY_MATCH_H

#include "block.h"
#include "filter.h"

enum { ROW_WORDS_MAX = BLOCK_ROWS_MAX / 64 };

static inline bool row_is_set(const uint64_t *rows, uint32_t row)
{
	return rows[row / 64] >> (row % 64) & 1;
}

/* The next set row from *row on, or the last one up to *row; false: there is none. */
bool row_next(const uint64_t rows[ROW_WORDS_MAX], uint32_t *row);
bool row_previous(const uint64_t rows[ROW_WORDS_MAX], uint32_t *row);

struct match {
	struct block *block;
	struct text store_id;  /* for ids that the collector made */
	struct arena *scratch; /* cleared at will */
};

/* Takes away from rows what condition does not take. STATUS_DAMAGED, STATUS_NO_MEMORY. */
enum status match_rows(
	const struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX]) MUST_CHECK;

/* false: no event of the block (and tenant) can be taken, as its summary says. */
bool match_summary(const struct summary *summary, const struct condition *condition, struct text tenant);

/* The seq that an id names: "<store_id>-<seq>", or a bare number; false: it names none. */
bool match_id_seq(struct text id, struct text store_id, uint64_t *seq);

#endif
