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

/*
 * The events of one id as one JSON value: the first, with the others as its last member, "others".  before: how many were
 * put; nothing of them may have been passed on yet.
 */
void show_put_json(struct buf *out, uint64_t before, const struct event *event, struct text store_id);
void show_end_json(struct buf *out, uint64_t count); /* count: at least one */

#endif
