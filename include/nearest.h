/*
 * nearest - which known name did a person mean?  Offers the candidate with the fewest edits (Levenshtein), and none
 * where more than a third of the name would have to change.  Plain data, any thread.
 *
 *     struct nearest nearest;
 *     nearest_init(&nearest, typed);
 *     for each known name: nearest_offer(&nearest, name);
 *     if (nearest.name) ... "did you mean %s?"
 */
#ifndef MCPLEDGER_NEAREST_H
#define MCPLEDGER_NEAREST_H

#include "buf.h"

struct nearest {
	struct text typed;
	const char *name; /* the best so far, borrowed; NULL: nothing is near */
	size_t edits;     /* of name; before the first: more than are allowed */
};

void nearest_init(struct nearest *nearest, struct text typed); /* borrows typed */
void nearest_offer(struct nearest *nearest, const char *name); /* borrows name */

#endif
