/* match_text - whether one text of an event is what a condition asks for.  See match.h, whose inside this is. */
#ifndef MCPLEDGER_QUERY_MATCH_TEXT_H
#define MCPLEDGER_QUERY_MATCH_TEXT_H

#include "match.h"

/* Failures of all of these are kept in match->failed; what is asked after one is not wanted. */

/* The text of a field (any that is no number). */
bool match_text(struct match *match, const struct condition *condition, unsigned field, struct text text);
/* A scalar of a field that holds JSON: one that the condition's path leads to, or any where it has none. */
bool match_scalar(struct match *match, const struct condition *condition, struct text token);

/* Sets in found those of the block's rows whose payload is wanted; of rows that are not asked it may say anything. */
enum status match_payload(struct match *match, const struct condition *condition, enum payload payload,
	const uint64_t *rows, uint64_t *found) MUST_CHECK;

#endif
