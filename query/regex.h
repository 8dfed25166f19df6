/*
 * regex - a regular expression that a person wrote, asked of texts that nobody can trust.
 *
 * Perl's syntax (PCRE2), without \C and callouts.  Texts are taken as UTF-8; bytes of a text that are no UTF-8 match
 * nothing and end nothing.  What is not anchored is looked for anywhere in a text.  Work and memory are limited: a search
 * that comes to a limit fails, it never says "no match".  A regex lives as long as its arena; once it is compiled, any
 * number of threads may ask it at once.
 */
#ifndef MCPLEDGER_QUERY_REGEX_H
#define MCPLEDGER_QUERY_REGEX_H

#include <stdbool.h>

#include "buf.h"

enum { REGEX_BYTES_MAX = 1024, REGEX_WORDS_MAX = 8 };

struct regex;

/*
 * STATUS_INVALID: the pattern can't be read, or is too large; error says why, and its column is that of the fault in
 * the pattern, from 1.  STATUS_NO_MEMORY.
 */
enum status regex_compile(
	struct text pattern, bool any_case, struct arena *arena, struct regex **regex, struct error *error) MUST_CHECK;

/* STATUS_OK: found; STATUS_NOT_FOUND; STATUS_LIMIT: it would take too long, or too much memory; STATUS_NO_MEMORY. */
enum status regex_find(struct regex *regex, struct text text) MUST_CHECK;

/* Words (see phrase.h) that every text that matches must hold; returns how many, at most REGEX_WORDS_MAX. */
size_t regex_words(const struct regex *regex, const struct text **words);

#endif
