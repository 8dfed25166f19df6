/* patterns - texts that differ only in some of their words, cut into patterns and words (FORM_PATTERNS in image.h). */
#ifndef MCPLEDGER_BLOCK_PATTERNS_H
#define MCPLEDGER_BLOCK_PATTERNS_H

#include "image.h"
#include "phrase.h"
#include "texts.h"

enum { PATTERN_WORD = 1, PATTERN_NUMBER = 2 };

enum { PATTERNS_WORD_BITS = 9 };

struct known_word {
	uint64_t packed; /* word_packed; 0: none */
	uint32_t code;   /* in words */
};

struct patterns {
	struct texts patterns; /* entry = pattern */
	struct texts words;    /* entry = word */
	uint32_t *pattern_of;  /* per text */
	size_t pattern_of_capacity;
	uint32_t *word_codes; /* of all texts' words in turn */
	size_t word_codes_capacity;
	size_t word_count;
	int64_t *numbers;
	size_t numbers_capacity;
	size_t number_count;
	uint32_t count; /* texts */
	struct buf scratch;
	struct known_word known[1 << PATTERNS_WORD_BITS];
};

/*
 * Cuts the texts of a FORM_TEXT column.  false: they are better kept as they are (or there is no memory): nothing to
 * finish then.
 */
bool patterns_make(const struct texts *texts, struct patterns *patterns);
void patterns_finish(struct patterns *patterns);
/* Puts the streams of a column's entries. */
void patterns_put(struct image_writer *writer, const struct patterns *patterns);
/* Reads them: count texts in the arena, NULL on failure (in cursor->status).  wanted: see struct raw_texts. */
const struct text *patterns_get(struct stream_cursor *cursor, uint32_t count, const uint64_t *wanted);
/*
 * Which of count texts hold a phrase: one byte each in the arena, NULL where none does, or on failure.  *can_tell =
 * false: the texts are escaped, or the phrase is too long, and have to be looked at one by one.
 */
const uint8_t *patterns_find(struct stream_cursor *cursor, uint32_t count, const struct phrase *phrase, bool *can_tell);
/* The same of their lengths alone. */
const uint32_t *patterns_get_lengths(struct stream_cursor *cursor, uint32_t count);

#endif
