/* reader - the inside of struct block, for those in this folder that read it. */
#ifndef MCPLEDGER_BLOCK_READER_H
#define MCPLEDGER_BLOCK_READER_H

#include "decode.h"

enum { COLUMN_UNKNOWN, COLUMN_HERE, COLUMN_ABSENT };

/* Rows of the image that columns are made of; list = NULL: the first `count` ones. */
struct row_list {
	const uint32_t *list;
	uint32_t count;
};

/* A few events, of which columns are made that have only them. */
struct pick {
	struct row_list rows;
	const uint32_t *rank; /* by row of the image: 1 + where it stands in `rows`; 0: not there */
	bool listed;
	struct column column[FIELD_LIMIT];
	struct buf rendered[PAYLOAD_COUNT];
};

struct block {
	struct arena arena;
	struct image image;
	uint64_t first_seq;
	uint32_t live;             /* rows that are events */
	const uint32_t *live_rows; /* their rows in the image, ascending; NULL: all are */
	bool is_part;
	int64_t recv_time; /* of a part */
	struct payload_source source;
	uint32_t first_entry[FIELD_LIMIT]; /* 1 + where a field's columns start in the directory; 0: none */
	uint8_t state[FIELD_LIMIT];
	struct column column[FIELD_LIMIT];
	bool listed; /* `fields` holds the fields that some row has, all their columns are here */
	uint8_t fields[FIELD_LIMIT];
	uint32_t field_count;
	struct pick *pick;                  /* the few events that will be asked for; NULL: any */
	struct buf rendered[PAYLOAD_COUNT]; /* payload texts */
	uint32_t *stored_rows;              /* grouped place -> row, and back; made when first needed */
	uint32_t *stored_places;
	const uint32_t *groups; /* per row: 1 + group */
	uint32_t group_count;
};

/* The directory's entry of a field's sub-column; NULL: none. */
const struct image_entry *block_entry(const struct block *block, unsigned field, uint32_t sub);

/* A payload column while its rows are walked in stored order: every leaf column has its next place. */
struct payload_walk {
	struct raw_shapes shapes;
	enum order order;
	const struct image_entry *raw_entry; /* payloads that have no shape; NULL: none */
	struct raw_texts raw;
	struct text *raw_entries;
	uint32_t raw_next;
	struct text keys; /* of references */
	const int64_t *sizes;
	uint32_t reference_count, reference_next;
	struct leaf_walk {
		const struct image_entry *entry; /* NULL: none */
		struct raw_texts texts;
		struct text *entries;
		uint32_t next;
	} * leaf;
	uint32_t leaf_count;
};
enum status payload_walk_open(struct block *block, enum payload payload, struct payload_walk *walk) MUST_CHECK;
/* Only lengths are decoded, and payload_walk_measure is what may follow. */
enum status payload_walk_open_lengths(struct block *block, enum payload payload, struct payload_walk *walk) MUST_CHECK;
/* Of a shape: the length of what is not a leaf, quotes of strings included, and whether it has a leaf column twice. */
struct shape_length {
	uint32_t own;
	bool repeats;
};
/* By shape.  NULL: no memory. */
const struct shape_length *payload_walk_shapes(const struct payload_walk *walk, struct arena *arena);
/* The lengths of the payloads of the next `count` rows in stored order, from row `first` on, which have the same code. */
enum status payload_walk_measure(struct payload_walk *walk, const struct shape_length *shapes, uint32_t first,
	uint32_t count, uint64_t *lengths) MUST_CHECK;
/*
 * For some rows only: no values are decoded at first; a walk over all rows that says which are wanted makes the entries
 * known that they need; and payload_walk_again decodes them and goes back to the first row.
 */
enum status payload_walk_open_places(struct block *block, enum payload payload, struct payload_walk *walk) MUST_CHECK;
enum status payload_walk_pass(struct payload_walk *walk, uint32_t code, bool wanted) MUST_CHECK;
enum status payload_walk_again(struct block *block, struct payload_walk *walk) MUST_CHECK;
/* The leaves' texts are rendered once. */
enum status payload_walk_render(struct block *block, struct payload_walk *walk) MUST_CHECK;
/* Appends the payload of the next row in stored order; leaves (may be NULL, room for SHAPE_LEAVES_MAX) get where its
 * scalars stand in what was appended, *leaf_count how many there are. */
enum status payload_walk_put(struct payload_walk *walk, uint32_t code, struct buf *out, struct json_leaf *leaves,
	uint32_t *leaf_count) MUST_CHECK;
/* What is stored at place i of a grouped column belongs to row rows[i]; NULL in *rows: arrival order. */
enum status block_stored_rows(struct block *block, enum order order, const uint32_t **rows) MUST_CHECK;

#endif
