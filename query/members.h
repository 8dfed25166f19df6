/*
 * members - walks the minified JSON of a stored payload.  Its grammar was checked when it came in; a text that is
 * damaged nevertheless ends the walk early, and nothing beyond its end is read.  Any thread.
 */
#ifndef MCPLEDGER_QUERY_MEMBERS_H
#define MCPLEDGER_QUERY_MEMBERS_H

#include <stdbool.h>

#include "buf.h"

/* The items of one object or array. */
struct members {
	struct text json;
	size_t at;
	bool object;
};

/* false: json is neither an object nor an array. */
bool members_begin(struct text json, struct members *members);
/* The next item; name is between its quotes, as sent (arrays: at = NULL).  false: there is none. */
bool members_next(struct members *members, struct text *name, struct text *value);

/* The next scalar of json at any depth from *at on, strings with their quotes; names are passed over. */
bool leaves_next(struct text json, size_t *at, struct text *leaf);

/* A string token's decoded text, any other token as it is.  at = NULL: the arena is exhausted. */
struct text leaf_text(struct text token, struct arena *arena);

#endif
