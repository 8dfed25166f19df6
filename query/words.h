/*
 * words - the words of a text, as the blocks' word filters know them, and patterns with *.
 *
 * A word is a run of [A-Za-z0-9_] and non-ASCII bytes; ASCII letters compare without case.  Any thread.
 */
#ifndef MCPLEDGER_QUERY_WORDS_H
#define MCPLEDGER_QUERY_WORDS_H

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

/* Whether all of text fits pattern, in which * stands for any bytes; exact case. */
bool glob_match(struct text pattern, struct text text);

#endif
