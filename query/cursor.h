/*
 * cursor - where an answer that was given in part goes on: opaque text that only the same question to the same store
 * takes.  It holds a seq, never a place on disk, and the times that the question meant when it was first asked ("2h ago").
 *
 *   OFFSET  SIZE  MEANING (before it is written as lower-case hex)
 *        0     1  version, 1
 *        1     1  1: backward
 *        2     8  seq to go on with
 *       10     8  now, of the first answer
 *       18     8  since
 *       26     8  until
 *       34     8  SipHash of all before, with a key that is made of the question
 *
 * The hash tells a cursor of another question or store, or one that was cut; it keeps nobody out, and need not: what may
 * be seen is decided by who asks.
 */
#ifndef MCPLEDGER_QUERY_CURSOR_H
#define MCPLEDGER_QUERY_CURSOR_H

#include <stdbool.h>

#include "buf.h"

enum { CURSOR_BYTES = 42, CURSOR_TEXT_BYTES = 2 * CURSOR_BYTES + 1 };

struct cursor {
	bool backward;
	uint64_t seq;
	int64_t now, since, until;
};

struct cursor_key {
	uint8_t bytes[16];
};

/* question: all that makes it this question, and the store's id. */
enum status cursor_key_init(struct cursor_key *key, struct text question) MUST_CHECK;
void cursor_format(const struct cursor *cursor, const struct cursor_key *key, char text[CURSOR_TEXT_BYTES]);
/* STATUS_INVALID: no cursor of this question. */
enum status cursor_parse(struct text text, const struct cursor_key *key, struct cursor *cursor) MUST_CHECK;

#endif
