/*
 * clues - what is distinctive in a payload: e-mail addresses, paths, addresses, ids and whole sentences that, met in
 * another event, tell that something was passed on.  Plain words, times and small numbers are none.
 */
#ifndef MCPLEDGER_QUERY_CLUES_H
#define MCPLEDGER_QUERY_CLUES_H

#include <stdbool.h>

#include "buf.h"

enum { CLUE_BYTES_MIN = 5, CLUE_BYTES_MAX = 200 };

/* Calls take for each distinctive value of a payload, in its order; the same one may come again.  What take returns
 * ends the walk unless it is STATUS_OK.  A value lives for the call.  scratch is cleared at will. */
typedef enum status clues_take(void *context, struct text value);
enum status clues_walk(struct text json, clues_take *take, void *context, struct arena *scratch) MUST_CHECK;

/* Whether a value stands in a text, not as a part of a longer word. */
bool clue_stands_in(struct text value, struct text text);
/* The same for the strings and numbers of a payload. */
bool clue_in_payload(struct text value, struct text json, struct arena *scratch);

#endif
