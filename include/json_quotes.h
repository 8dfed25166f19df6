/*
 * json_quotes - where the quotes stand in a JSON text without escapes: so simple a text that a string ends at the next
 * quote.  For those who know what the text will look like (lib/event/outline.c); everybody else reads it with json.h.
 * A struct json_quotes belongs to one thread at a time.
 */
#ifndef MCPLEDGER_JSON_QUOTES_H
#define MCPLEDGER_JSON_QUOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "buf.h"

struct json_quotes {
	uint64_t *words; /* a bit for each byte of the text, set where a quote stands, and one word of 1s behind them */
	size_t capacity;
};

/* An all-zero struct is ready. */
void json_quotes_finish(struct json_quotes *quotes);
/*
 * Looks through a text.  true: it is UTF-8 without a backslash or a control character (also white space other than
 * spaces), and its quotes are known until the next call.  false: it is not, or there is no memory.
 */
bool json_quotes_find(struct json_quotes *quotes, struct text text);

/* The first quote at or behind `from`, which is at most the text's length; that length or more: there is none. */
static inline size_t json_quotes_next(const struct json_quotes *quotes, size_t from)
{
	size_t word = from / 64;
	uint64_t bits = quotes->words[word] >> (from % 64);
	if (bits)
		return from + (size_t)__builtin_ctzll(bits);
	do
		bits = quotes->words[++word];
	while (bits == 0);
	return word * 64 + (size_t)__builtin_ctzll(bits);
}

#endif
