/*
 * show - one event with everything that is known of it, for people: labels, payloads laid out, marks in words.
 */
#ifndef MCPLEDGER_QUERY_SHOW_H
#define MCPLEDGER_QUERY_SHOW_H

#include "event.h"
#include "output.h"

void show_put(struct output *out, const struct event *event, struct text store_id, struct arena *scratch);
/* A payload laid out over lines, `indent` spaces in. */
void show_put_payload(struct buf *out, struct text json, unsigned indent, struct arena *scratch);

#endif
