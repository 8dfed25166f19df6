/* match_text - whether one text of an event is what a condition asks for.  See match.h, whose inside this is. */
#ifndef MCPLEDGER_QUERY_MATCH_TEXT_H
#define MCPLEDGER_QUERY_MATCH_TEXT_H

#include "match.h"

/* The text of a field (any that is no number).  Failures are kept in match->failed. */
bool match_text(struct match *match, const struct condition *condition, unsigned field, struct text text);

#endif
