/* tally_inner - the inside of a tally, for the files that make one up. */
#ifndef MCPLEDGER_QUERY_TALLY_INNER_H
#define MCPLEDGER_QUERY_TALLY_INNER_H

#include "tally.h"

enum { TALLY_SLOTS = 32768, TALLY_PAIR_TABLE = 65536, TALLY_PAIR_SLOTS = 2 * BLOCK_ROWS_MAX };

/* Numbers the pairs of two codes that rows have, densely: what groups rows without looking at texts. */
struct tally_pairs {
	uint32_t table[TALLY_PAIR_TABLE]; /* 1 + number, by both codes, where they are few */
	struct tally_pair_slot {
		uint32_t a, b;
		uint32_t number; /* 1 + it; 0: free */
	} slots[TALLY_PAIR_SLOTS];
	uint32_t first[BLOCK_ROWS_MAX]; /* of each number: the position of its first row */
};

/* The block in hand.  Position i is the i-th row that counts. */
struct tally_work {
	uint32_t rows[BLOCK_ROWS_MAX];
	uint32_t count;
	uint32_t group[BLOCK_ROWS_MAX]; /* per position: its group's number in the block */
	uint32_t pair[BLOCK_ROWS_MAX];
	uint32_t pair_count[BLOCK_ROWS_MAX];
	uint32_t first[BLOCK_ROWS_MAX];             /* by that number: the position of its first row */
	struct tally_group *groups[BLOCK_ROWS_MAX]; /* by that number, too */
	struct {
		uint32_t verdicts[2][VERDICT_COUNT]; /* of calls: [1], and of other events */
	} judged[BLOCK_ROWS_MAX];                    /* and how many rows there are */
	unsigned ranks;                              /* of calls, see tally_ranks */
	uint32_t group_count;
	uint32_t sorted[BLOCK_ROWS_MAX];     /* rows by group, ascending in each */
	uint32_t starts[BLOCK_ROWS_MAX + 1]; /* of each group there */
	int64_t values[BLOCK_ROWS_MAX];
	struct tally_pairs pairs;
	struct arena arena;
};

struct tally {
	const struct tally_spec *spec;
	size_t groups_max;
	uint8_t hash_key[16];
	struct arena arena;
	struct tally_group *slots[TALLY_SLOTS];
	struct tally_group **groups;
	size_t count, room;
	struct tally_group *other;
	uint64_t durations; /* in all groups */
	unsigned ranks;
	bool has_starts;
	struct tally_work *work; /* owned; made by the first visit */
};

/* --- tally.c --- */

/* The group of these parts, made if there is room for it, else "other".  STATUS_NO_MEMORY. */
enum status tally_find(struct tally *tally, const struct tally_part *parts, struct tally_group **group) MUST_CHECK;
/* Keeps the memory of durations within its bound; to be called now and then. */
enum status tally_limit_durations(struct tally *tally) MUST_CHECK;
uint64_t tally_hash(const struct tally *tally, struct text value);
/* Counts a value of a set; hash is tally_hash of it. */
enum status tally_set_add(
	struct tally *tally, struct tally_set *set, struct text value, uint64_t hash, uint64_t count) MUST_CHECK;
/* Keeps a sample's text if its moment is later (earlier) than that of the one there is. */
enum status tally_keep(struct tally *tally, struct tally_found *found, bool earliest, const struct tally_moment *moment,
	struct text text) MUST_CHECK;

/* --- tally_code.c --- */

/* A value of each row of a block, as a code: 0 = it has none.  Equal values may have several codes. */
struct tally_codes {
	const uint32_t *codes; /* per row; NULL: all are 0 */
	uint32_t limit;        /* codes are below it */
	size_t field_count;
	struct tally_coded_field {
		uint8_t field;
		uint32_t base; /* what its codes begin with: base + 1 is its first */
		const struct text *texts;
		const int64_t *numbers; /* by code; NULL: texts */
	} fields[TALLY_FIELDS_MAX];
};

/* Everything lives until the block is closed or the arena is cleared.  STATUS_DAMAGED, STATUS_NO_MEMORY. */
enum status tally_read_codes(const struct tally_value *value, struct block *block, struct arena *arena,
	struct tally_codes *codes) MUST_CHECK;
static inline uint32_t tally_code(const struct tally_codes *codes, uint32_t row)
{
	return codes->codes ? codes->codes[row] : 0;
}
/* What a code stands for; digits holds a number's text. */
struct tally_part tally_decode(const struct tally_codes *codes, uint32_t code, char digits[24]);

#endif
