/*
 * block - events as columns: built row by row, encoded to bytes, read back column by column.
 *
 *   struct rows    columns that grow: the source's thread fills one per batch, the sealer one per block
 *   image          the bytes of rows: BLOCK_TAIL (cheap: what a group commit writes) or BLOCK_SEALED (small: grouped,
 *                  dictionaries, packed).  One format, described in lib/block/image.h; one decoder for both.
 *   tail chunk     what one group commit appends: parts, each an image with what only the writer knows
 *   struct block   a reader over one image (sealed, or a part of a tail chunk)
 *
 * In every decoded column, row i is the event with seq = block_first_seq + i: arrival order, dead rows left out.
 * None of these is safe for two threads at once; different ones are independent.
 */
#ifndef MCPLEDGER_BLOCK_H
#define MCPLEDGER_BLOCK_H

#include <stdatomic.h>

#include "event.h"
#include "phrase.h"

enum {
	BLOCK_FORMAT_VERSION = 1,
	BLOCK_ROWS_MAX = 8192,
	BLOCK_RAW_BYTES_MAX = 32 * 1024 * 1024,
	BLOCK_IMAGE_BYTES_MAX = 64 * 1024 * 1024, /* a reader refuses more */
	PAYLOAD_INLINE_BYTES_MAX = 128 * 1024,    /* see payload_ref */
};

/* --- building --- */

struct rows;
enum status rows_create(struct rows **rows) MUST_CHECK;
void rows_destroy(struct rows **rows);
void rows_clear(struct rows *rows); /* keeps memory for the next batch, up to a few MiB */
/* Copies one event's fields (all but FIELD_SEQ).  On failure the rows are unchanged. STATUS_LIMIT: rows are full. */
enum status rows_append(struct rows *rows, const struct event *event) MUST_CHECK;
uint32_t rows_count(const struct rows *rows);
size_t rows_bytes(const struct rows *rows); /* raw size so far: against BLOCK_RAW_BYTES_MAX */

/*
 * Payloads longer than PAYLOAD_INLINE_BYTES_MAX are not in the columns: rows keep their digest, and list what must be
 * stored beside the block, once per segment.  Key: SHA-256 over tenant, NUL, stored bytes.  Views live until rows_clear.
 */
struct payload_ref {
	uint8_t key[32];
	struct text stored; /* packed, self-describing; see payload_unpack */
};
size_t rows_payloads(const struct rows *rows, const struct payload_ref **refs);
enum status payload_unpack(struct text stored, struct arena *arena, struct text *payload) MUST_CHECK; /* DAMAGED */

/* --- encoding --- */

enum block_level { BLOCK_TAIL, BLOCK_SEALED };

/*
 * Appends the image of rows to out.  For BLOCK_SEALED, first_seq is the seq of row 0, and summary (may be NULL for
 * BLOCK_TAIL) gets the block's summary (sets, ranges, filters; see below). filter_key salts the filters.
 */
enum status block_encode(const struct rows *rows, enum block_level level, uint64_t first_seq,
	const uint8_t filter_key[16], struct buf *image, struct buf *summary) MUST_CHECK;
/* BLOCK_SEALED packs texts with all effort then, 4 MB/s, but soon when any thread sets *hurry, which outlives rows. */
void rows_pack_thoroughly(struct rows *rows, const atomic_bool *hurry);

/* --- tail chunks --- */

struct tail_part {
	uint64_t first_seq;
	int64_t recv_time;            /* ns; FIELD_RECV_TIME of each row */
	uint32_t row_count;           /* of the image, dead ones included */
	const uint8_t *dead;          /* bit per row: not an event (a duplicate); NULL: none is */
	const uint64_t *fingerprints; /* per row, see dedup; read: not aligned, use memcpy */
	struct text image;
};
void tail_put(struct buf *chunk, const struct tail_part *part); /* appends a part to a chunk */
/* Reads the next part of a chunk; *at starts at 0.  STATUS_NOT_FOUND: no more; STATUS_DAMAGED. */
enum status tail_next(struct text chunk, size_t *at, struct tail_part *part) MUST_CHECK;

/* --- reading --- */

struct block;
/* Opens a sealed image: all of it is checked. bytes are borrowed until block_close. */
enum status block_open(struct text image, struct block **block, struct error *error) MUST_CHECK;
/* The same for a few of its columns: each is checked when it is first read, and STATUS_DAMAGED comes from there. */
enum status block_open_columns(struct text image, struct block **block, struct error *error) MUST_CHECK;
/* Opens a part of a tail chunk. */
enum status block_open_part(const struct tail_part *part, struct block **block, struct error *error) MUST_CHECK;
void block_close(struct block **block);

uint64_t block_first_seq(const struct block *block);
uint32_t block_count(const struct block *block); /* events: dead rows are not counted */

/* How to get a payload that is not in the image; text lives as long as the arena. */
struct payload_source {
	enum status (*get)(void *context, const uint8_t key[32], struct arena *arena, struct text *payload);
	void *context;
};
void block_set_payload_source(struct block *block, struct payload_source source);

/*
 * A decoded column; it lives until block_close.  Texts: row i has entries[codes[i]], code 0 = absent, so a condition is
 * evaluated once per entry.  Numbers: numbers[i] where bit i of present is set.
 */
struct column {
	bool is_number;
	uint32_t rows;
	const uint32_t *codes;
	const struct text *entries; /* [0] is not used */
	uint32_t entry_count;       /* with [0] */
	const int64_t *numbers;
	const uint64_t *present;
};
/* STATUS_NOT_FOUND: no row has the field; STATUS_DAMAGED; STATUS_NO_MEMORY. FIELD_SEQ and, in a part, RECV_TIME work. */
enum status block_column(struct block *block, unsigned field, struct column *column) MUST_CHECK;
/*
 * Whether some event has just this text in a field, as far as that is cheap to know: ids are compared without making
 * texts of them.  true: perhaps.
 */
enum status block_may_have_text(struct block *block, unsigned field, struct text text, bool *may) MUST_CHECK;
/* Whether some event may have a phrase in a field that holds prose, as far as that is cheap to know. */
enum status block_may_hold(struct block *block, unsigned field, const struct phrase *phrase, bool *may) MUST_CHECK;
/*
 * The length of each row's payload, 0 where it has none, without making the texts; *lengths lives until block_close.
 * STATUS_NOT_FOUND: no row has it; STATUS_DAMAGED; STATUS_NO_MEMORY.
 */
enum status block_payload_lengths(struct block *block, enum payload payload, const uint64_t **lengths) MUST_CHECK;
/*
 * Events that stand together in a sealed block (those of one tenant, server and target do), and what their payloads add
 * up to: their bytes as sent, so far as that is known.
 */
struct block_groups {
	uint32_t count;
	const uint32_t *of_row;                        /* per row: 1 + its group */
	const int64_t *request_bytes, *response_bytes; /* per group, sums that may have wrapped */
};
/* Lives until block_close.  STATUS_NOT_FOUND: a part of a tail chunk; STATUS_DAMAGED; STATUS_NO_MEMORY. */
enum status block_groups(struct block *block, struct block_groups *groups) MUST_CHECK;
/*
 * Looks into payloads where they are stored: each different scalar is asked for once, and JSON is only made of those that
 * are not kept apart.  A template is a payload's JSON with a byte below 2 in the place of each scalar.
 */
struct payload_search {
	bool (*template)(void *context, struct text template);         /* all its payloads are wanted; NULL: none */
	bool (*place)(void *context, struct text template, size_t at); /* the scalar at this byte counts; NULL: each */
	bool (*scalar)(void *context, struct text token);              /* it is wanted; strings with their quotes */
	bool (*payload)(void *context, struct text json);              /* all of a payload */
	const struct phrase *phrase; /* scalar means: this phrase is in it; NULL: something else */
	void *context;
};
/*
 * Sets the rows that are wanted, of any where the payload is kept apart, else of `rows` (bits).  STATUS_NOT_FOUND: no row
 * has the payload; STATUS_DAMAGED; STATUS_NO_MEMORY; what the payload source returns.
 */
enum status block_search_payload(struct block *block, enum payload payload, const struct payload_search *search,
	const uint64_t *rows, uint64_t *found) MUST_CHECK;
/*
 * Says before block_event which events it will be asked for (bits), so that no others are made where these are few.  Each
 * can still be asked for.  For a whole block: only the first call counts.
 */
void block_expect(struct block *block, const uint64_t *rows);
/* Fills all fields of one event (FIELD_SEQ too).  Views live until block_close. */
enum status block_event(struct block *block, uint32_t row, struct event *event) MUST_CHECK;
/*
 * Appends all live rows of a part of a tail chunk to rows (the sealer).  STATUS_LIMIT: they do not fit; STATUS_DAMAGED;
 * STATUS_UNSUPPORTED: the block is a sealed one.  On failure rows are unchanged.
 */
enum status rows_append_block(struct rows *rows, struct block *block) MUST_CHECK;

/* --- summaries: enough to know that a block need not be read --- */

struct time_range {
	int64_t first, last; /* ns, both inclusive */
};
/* A value of a field, and how many of the block's events have it.  A number and a text that look alike are two. */
struct summary_value {
	struct text text;
	uint32_t rows;
};
struct summary;
/*
 * Checks and reads the head; bytes are borrowed.  Of the filter, only what a question needs is looked at, and checked:
 * where that is damaged, the answer is that an event may be there.  STATUS_DAMAGED, _UNSUPPORTED, _NO_MEMORY.
 */
enum status summary_open(struct text bytes, struct summary **summary) MUST_CHECK;
void summary_close(struct summary **summary);
/* Checks all of the filter.  STATUS_DAMAGED. */
enum status summary_check(const struct summary *summary) MUST_CHECK;
uint64_t summary_first_seq(const struct summary *summary);
uint32_t summary_count(const struct summary *summary);
struct time_range summary_recv_time(const struct summary *summary);
/* Event times within 1 h of recv_time, then outlier ranges; returns how many there are. */
size_t summary_times(const struct summary *summary, const struct time_range **ranges);
size_t summary_bytes_raw(const struct summary *summary); /* canonical size of its events, for statistics */
/* false: no event of the block has this exact value (tenant may be empty: any tenant, filters are not asked). */
bool summary_may_have(struct summary *summary, unsigned field, struct text value, struct text tenant);
/* false: no event of the block (and tenant) holds this word (a run of [A-Za-z0-9_] and non-ASCII bytes, any case). */
bool summary_may_have_word(struct summary *summary, struct text word, struct text tenant);
/* The set of values of a field with FIELD_IN_SET; *complete = false where it had too many to list. */
size_t summary_values(struct summary *summary, unsigned field, const struct summary_value **values, bool *complete);

#endif
