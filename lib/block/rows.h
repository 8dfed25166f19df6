/* rows - the inside of struct rows, for those in this folder that fill or encode it. */
#ifndef MCPLEDGER_BLOCK_ROWS_H
#define MCPLEDGER_BLOCK_ROWS_H

#include "block.h"
#include "image.h"
#include "texts.h"

enum { SHAPES_MAX = 512, LEAF_COLUMNS_MAX = 1024, SHAPE_LEAVES_MAX = 256, KNOWN_TEMPLATES = 64 };

struct numbers {
	int64_t *values; /* per row; defined where present */
	size_t values_capacity;
	uint64_t *present;
	size_t present_capacity;
	uint32_t places;
};

struct shape {
	uint32_t first; /* in payload_columns.holes */
	uint32_t count;
};

/* The shape of a template that is known by its number (struct payload_leaves). */
struct known_template {
	uint64_t number; /* 0: none */
	uint32_t shape;
};

/* A payload that is kept elsewhere. */
struct reference {
	uint8_t key[32];
	int64_t size;
};

struct payload_columns {
	uint32_t *codes; /* per row, see FORM_PAYLOAD */
	size_t codes_capacity;
	uint32_t places;
	struct texts templates; /* entry = shape */
	struct shape *shapes;
	size_t shapes_capacity;
	uint16_t *holes; /* leaf column of each hole of each shape */
	size_t holes_capacity;
	uint32_t hole_count;
	struct known_template known[KNOWN_TEMPLATES]; /* by the last bits of the number */
	bool knows;                                   /* any of them */
	struct texts paths;                           /* entry = leaf column */
	struct texts *leaves;                         /* leaf columns */
	size_t leaves_capacity;
	uint32_t leaves_made; /* that were used since rows_create */
	struct texts raw;
	struct reference *references;
	size_t references_capacity;
	uint32_t reference_count;
};

struct rows {
	uint32_t count;
	size_t bytes;
	uint64_t used[FIELD_LIMIT / 64];    /* fields that some row has */
	uint64_t touched[FIELD_LIMIT / 64]; /* fields that have memory */
	struct numbers numbers[FIELD_LIMIT];
	struct texts texts[FIELD_LIMIT];
	struct payload_columns payload[PAYLOAD_COUNT];
	struct buf scratch;
	struct buf packed;          /* payloads that are kept elsewhere */
	struct payload_ref *stored; /* what rows_payloads gives; texts are made then, as packed moves while it grows */
	size_t *stored_ends;
	size_t stored_capacity, stored_ends_capacity;
	uint32_t stored_count;
	const atomic_bool *hurry; /* see rows_pack_thoroughly; NULL: always */
};

extern const uint8_t field_types[FIELD_LIMIT]; /* enum field_type */

bool numbers_set(struct numbers *numbers, uint32_t place, int64_t value);
void numbers_cut(struct numbers *numbers, uint32_t places);
static inline bool numbers_has(const struct numbers *numbers, uint32_t place)
{
	return place < numbers->places && numbers->present[place / 64] >> (place % 64) & 1;
}

/* Forgets what was added for a row beyond rows->count. */
void rows_cut(struct rows *rows);

/* --- payload.c --- */

void payload_columns_finish(struct payload_columns *columns);
void payload_columns_clear(struct payload_columns *columns);
/* Appends row `row`'s payload to the columns (not a longer one than is kept inline). */
enum status payload_append(struct payload_columns *columns, uint32_t row, struct text text,
	struct payload_leaves leaves, struct buf *scratch) MUST_CHECK;
enum status payload_append_raw(struct payload_columns *columns, uint32_t row, struct text text) MUST_CHECK;
enum status payload_append_reference(
	struct payload_columns *columns, uint32_t row, const struct reference *reference) MUST_CHECK;
/* The length of each row's payload, 0 where it has none.  false: no memory. */
bool payload_lengths(const struct payload_columns *columns, uint32_t rows, uint64_t *lengths);
/* The shape of a template, made if need be. STATUS_LIMIT: there are too many. */
enum status payload_shape(struct payload_columns *columns, struct text template, uint32_t *shape) MUST_CHECK;
/* Forgets the places from `places` on, leaves too. */
void payload_cut(struct payload_columns *columns, uint32_t places);
enum status payload_set_code(struct payload_columns *columns, uint32_t row, uint32_t code) MUST_CHECK;

#endif
