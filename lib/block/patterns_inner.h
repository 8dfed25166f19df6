/* patterns_inner - what writing and reading patterns share. */
#ifndef MCPLEDGER_BLOCK_PATTERNS_INNER_H
#define MCPLEDGER_BLOCK_PATTERNS_INNER_H

#include "patterns.h"

/* A pattern's holes and where the words and numbers of its texts are gathered. */
struct layout {
	uint32_t *texts;                     /* per pattern: how many texts */
	uint32_t *words, *numbers;           /* per pattern: how many holes */
	size_t *word_starts, *number_starts; /* per pattern: in the gathered arrays, hole by hole */
	size_t word_holes, number_holes;
};

/* layout_finish is due also where it fails. */
bool layout_make(const struct text *patterns, uint32_t pattern_count, const uint32_t *pattern_of, uint32_t count,
	struct layout *layout);
void layout_finish(struct layout *layout);
/* Whether a word is one of the numbers that have holes of their own. */
bool pattern_number(struct text word, int64_t *number);

#endif
