/* regex_words - which words a regular expression can't do without.  Any thread. */
#ifndef MCPLEDGER_QUERY_REGEX_WORDS_H
#define MCPLEDGER_QUERY_REGEX_WORDS_H

#include "regex.h"

/* Fills words (copies in the arena); what is not understood gives none.  STATUS_NO_MEMORY. */
enum status regex_words_find(struct text pattern, bool any_case, struct arena *arena,
	struct text words[REGEX_WORDS_MAX], size_t *count) MUST_CHECK;

#endif
