/*
 * phrase - words that stand one after the other in a text, as the blocks' word filters know words, and patterns with *.
 *
 * A word is a run of [A-Za-z0-9_] and non-ASCII bytes; ASCII letters compare without case.  Any thread.
 */
#ifndef MCPLEDGER_PHRASE_H
#define MCPLEDGER_PHRASE_H

#include <stdbool.h>

#include "buf.h"

/* The next word of text from *at on; false: there is none. */
bool words_next(struct text text, size_t *at, struct text *word);

/* One word of a phrase; glob: * in it stands for any bytes. Lower case. */
struct phrase_word {
	struct text text;
	bool glob;
};

struct phrase {
	const struct phrase_word *words;
	size_t count; /* 0: matches nothing */
};

/* Cuts text into a phrase; globs: * is part of a word and stands for any bytes. STATUS_NO_MEMORY. */
enum status phrase_make(struct text text, bool globs, struct arena *arena, struct phrase *phrase) MUST_CHECK;
/* Whether the words of phrase stand in text one after the other. */
bool phrase_found(const struct phrase *phrase, struct text text);

/* Whether a word is the one that is wanted. */
bool phrase_word_fits(const struct phrase_word *wanted, struct text word);

/* Whether all of text fits pattern, in which * stands for any bytes; exact case. */
bool glob_match(struct text pattern, struct text text);

#endif
