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
uint32_t row_count(const uint64_t rows[ROW_WORDS_MAX]);
bool row_previous(const uint64_t rows[ROW_WORDS_MAX], uint32_t *row);

struct match {
	struct block *block;
	struct text store_id;  /* for ids that the collector made */
	struct arena *scratch; /* cleared at will */
	int64_t deadline;      /* of timestamp_elapsed(), for what may take long within a block; 0: none */
	struct error *error;   /* may be NULL */
	enum status failed;    /* the rest is for match_rows itself, and 0 before it is called */
	uint32_t asked;
};

/*
 * Takes away from rows what condition does not take.  STATUS_DAMAGED, STATUS_NO_MEMORY; STATUS_TIMEOUT at the deadline;
 * STATUS_INVALID: a regular expression came to its limits, error says which one.
 */
enum status match_rows(struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX]) MUST_CHECK;

/* The seq that an id names: "<store_id>-<seq>", or a bare number; false: it names none. */
bool match_id_seq(struct text id, struct text store_id, uint64_t *seq);

#endif
