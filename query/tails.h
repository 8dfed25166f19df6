/*
 * tails - all who follow events over HTTP, fed by one thread of the server (http_api.h).
 *
 * Those that have caught up are live: new blocks are read once for all of them.  The others, new ones and those that
 * lagged, catch up by scans of their own, a slice at a time and one after the other, so that they keep nobody waiting.
 */
#ifndef MCPLEDGER_QUERY_TAILS_H
#define MCPLEDGER_QUERY_TAILS_H

#include "tail.h"

struct tails;
enum status tails_create(struct tails **tails, struct store *store) MUST_CHECK;
void tails_destroy(struct tails **tails); /* all were ended */
/* Takes the tail over.  Any thread; before its handler returns. */
void tails_add(struct tails *tails, struct tail *tail);
/* Writes what is new, ends those that are over.  On the feeding thread. */
void tails_feed(struct tails *tails);

#endif
