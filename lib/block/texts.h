/*
 * texts - a growing column of texts: entries, and for each place of the column the code of its entry.
 *
 * Code 0 = absent, code c = entry c - 1.  Equal texts usually share an entry (a bounded search finds it), but need not:
 * a column that proves to hold a different text each time is no longer searched.  Entries are kept in the form of the
 * first one (form.h); the others are `odd` and kept as texts.  When too many are odd, all become texts.
 */
#ifndef MCPLEDGER_BLOCK_TEXTS_H
#define MCPLEDGER_BLOCK_TEXTS_H

#include "array.h"
#include "form.h"

struct texts_slot {
	uint32_t tag; /* part of the hash */
	uint32_t code;
};

struct texts {
	/* What the usual case, the latest text once more, looks at stands together. */
	enum form form;                /* of the entries; decided by the first one */
	unsigned width;                /* bytes of a binary entry; 0 for FORM_TEXT */
	uint32_t count;                /* entries */
	uint32_t last;                 /* code of the latest text; 0: none */
	char *bytes;                   /* of all entries (FORM_TEXT) or the odd ones, back to back */
	uint32_t last_start, last_len; /* of the latest text in bytes; FORM_TEXT only */
	uint32_t *codes;               /* per place */
	size_t codes_capacity;
	uint32_t places;
	uint32_t hits;
	bool unique;        /* no text came twice so far: not searched any more */
	bool always_shared; /* set by the owner: never unique */
	bool form_is_fixed; /* set by the owner, with form and width: the first entry does not decide */

	uint8_t *binary; /* count * width bytes, not for FORM_TEXT */
	size_t binary_capacity;
	size_t bytes_capacity;
	uint32_t *ends; /* where each of them ends in bytes */
	size_t ends_capacity;
	uint32_t *odd; /* entries that are not of the form, ascending; not for FORM_TEXT */
	size_t odd_capacity;
	uint32_t odd_count;

	struct texts_slot *slots; /* open addressing */
	size_t slot_count;        /* a power of two, 0: none yet */
	uint32_t slot_used;
	uint32_t unique_runs; /* how often in a row it was unique when cleared */
};

void texts_finish(struct texts *texts); /* an all-zero struct texts is empty and ready */
void texts_clear(struct texts *texts);
/* Gives the code of a text, adding an entry if need be. false: no memory; the column is unchanged. */
bool texts_code(struct texts *texts, struct text text, uint32_t *code);
/* Sets place `place` (>= texts->places; those between are absent) to a text. false: no memory; nothing changed. */
static inline bool texts_append(struct texts *texts, uint32_t place, struct text text);
/* Sets place `place` (>= texts->places; those between are absent). false: no memory. */
bool texts_set(struct texts *texts, uint32_t place, uint32_t code);
/* Forgets places from `places` on; entries stay. */
void texts_cut(struct texts *texts, uint32_t places);
/* The text of an entry; rendered into scratch unless it is kept as text. */
struct text texts_entry(const struct texts *texts, uint32_t entry, char scratch[FORM_RENDERED_MAX]);
/* Text k of ends/bytes. */
static inline struct text texts_kept(const struct texts *texts, uint32_t k)
{
	uint32_t start = k ? texts->ends[k - 1] : 0;
	return (struct text){texts->bytes + start, texts->ends[k] - start};
}

/* memcmp for the short texts that most are. */
static inline bool texts_bytes_equal(const char *a, const char *b, size_t len)
{
	uint64_t x[2], y[2];
	uint32_t u[2], v[2];
	if (len > sizeof(x))
		return memcmp(a, b, len) == 0;
	if (len >= sizeof(*x)) {
		memcpy(&x[0], a, sizeof(*x));
		memcpy(&y[0], b, sizeof(*y));
		memcpy(&x[1], a + len - sizeof(*x), sizeof(*x));
		memcpy(&y[1], b + len - sizeof(*y), sizeof(*y));
		return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
	}
	if (len >= sizeof(*u)) {
		memcpy(&u[0], a, sizeof(*u));
		memcpy(&v[0], b, sizeof(*v));
		memcpy(&u[1], a + len - sizeof(*u), sizeof(*u));
		memcpy(&v[1], b + len - sizeof(*v), sizeof(*v));
		return ((u[0] ^ v[0]) | (u[1] ^ v[1])) == 0;
	}
	return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] && a[len - 1] == b[len - 1]);
}
/* Whether the latest text is meant again; asked of FORM_TEXT columns only. */
static inline bool texts_is_last(const struct texts *texts, struct text text)
{
	return texts->last && texts->last_len == text.len &&
	       texts_bytes_equal(texts->bytes + texts->last_start, text.at, text.len);
}
bool texts_append_other(struct texts *texts, uint32_t place, struct text text);
static inline __attribute__((always_inline)) bool texts_append(struct texts *texts, uint32_t place, struct text text)
{
	if (texts->form != FORM_TEXT || texts->unique || place != texts->places || place >= texts->codes_capacity ||
		!texts_is_last(texts, text))
		return texts_append_other(texts, place, text);
	texts->hits++;
	texts->codes[place] = texts->last;
	texts->places = place + 1;
	return true;
}

/* Adds an entry to a FORM_TEXT column (or an empty one, which becomes that), without a search. false: no memory. */
bool texts_add_kept(struct texts *texts, struct text text);
/* Adds `count` binary entries of the column's form (the column must be of that form, or empty). false: no memory. */
bool texts_add_binary(struct texts *texts, enum form form, unsigned width, const void *binary, uint32_t count);

#endif
