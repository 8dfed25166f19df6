/* decode - one column of an image, in the order it is stored, as it is stored: nothing rendered, nothing copied twice. */
#ifndef MCPLEDGER_BLOCK_DECODE_H
#define MCPLEDGER_BLOCK_DECODE_H

#include "crypto.h"
#include "form.h"
#include "image.h"

struct raw_texts {
	enum form form;
	unsigned width;
	enum map map;
	uint32_t places;
	uint32_t entries;
	const uint32_t *codes;   /* per place; NULL for MAP_ALL: place i has code i + 1 */
	const uint8_t *binary;   /* entries * width bytes, not for FORM_TEXT */
	const struct text *kept; /* the entries of FORM_TEXT, else the odd ones */
	const uint32_t *odd;     /* which entries are odd, ascending */
	uint32_t odd_count;
	unsigned streams_read; /* by decode_places */
	uint64_t *wanted;      /* bit per entry: what decode_values and decode_entries make; NULL: all */
	/* Of the entries: from decode_lengths, which fills nothing else but the places. */
	const uint32_t *lengths;
};

struct raw_numbers {
	uint32_t places;
	const int64_t *values;   /* per place; defined where present */
	const uint64_t *present; /* NULL: all */
};

/* The payload column's own part; leaves are columns of their own. */
struct raw_shapes {
	const uint32_t *codes; /* per row, see FORM_PAYLOAD */
	uint32_t rows;
	uint32_t shapes;
	const struct text *templates;
	const uint32_t *hole_starts; /* shapes + 1 of them: in holes */
	const uint32_t *holes;       /* leaf column numbers */
};

static inline bool is_wanted(const uint64_t *wanted, uint32_t i)
{
	return wanted == NULL || (wanted[i / 64] >> (i % 64) & 1);
}

/* Between decode_places and decode_values: nothing is wanted (false: no memory), then one entry more. */
bool texts_want_none(struct raw_texts *raw, struct arena *arena);
void texts_want(struct raw_texts *raw, uint32_t entry);
bool texts_are_wanted(const struct raw_texts *raw);

/* All: STATUS_DAMAGED, STATUS_NO_MEMORY.  What is filled lives in the arena or in the image. */
enum status decode_texts(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw) MUST_CHECK;
/* The two halves of decode_texts: which entry a place has, and the entries.  raw->wanted may be set between them. */
enum status decode_places(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw) MUST_CHECK;
enum status decode_values(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw) MUST_CHECK;
enum status decode_lengths(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw) MUST_CHECK;
/*
 * Which entries of a column of texts hold a phrase, one byte each; *found = NULL: none does.  STATUS_UNSUPPORTED: they
 * have to be looked at one by one.
 */
enum status decode_phrase(const struct image_entry *entry, const struct phrase *phrase, struct arena *arena,
	const uint8_t **found) MUST_CHECK;
/* Whether some entry may hold the phrase; places are not read. */
enum status decode_may_hold(
	const struct image_entry *entry, const struct phrase *phrase, struct arena *arena, bool *may) MUST_CHECK;
enum status decode_numbers(const struct image_entry *entry, struct arena *arena, struct raw_numbers *raw) MUST_CHECK;
enum status decode_shapes(const struct image_entry *entry, struct arena *arena, struct raw_shapes *raw) MUST_CHECK;
/*
 * Whether a text is perhaps among the entries of a column of texts; surely where their form can be compared as it is
 * stored.
 */
enum status decode_may_have(
	const struct image_entry *entry, struct text text, struct arena *arena, bool *may) MUST_CHECK;
/* count texts back to back: their lengths, then their bytes; NULL on failure. */
const struct text *decode_kept(struct stream_cursor *cursor, uint32_t count);
/* Renders the entries that are wanted into texts[0..entries), which the arena must outlive; the others become empty. */
enum status decode_entries(const struct raw_texts *raw, struct arena *arena, struct text *texts) MUST_CHECK;

#endif
