/*
 * brief - an event in few words, for people who do not know MCP: what was done, how it ended, with what.
 *
 * All texts are raw: whoever shows them passes them through printable.  Any thread.
 */
#ifndef MCPLEDGER_QUERY_BRIEF_H
#define MCPLEDGER_QUERY_BRIEF_H

#include "event.h"

enum { BRIEF_BYTES_MAX = 400 };

enum tone { TONE_GOOD, TONE_BAD, TONE_REFUSED, TONE_WAITING, TONE_UNKNOWN, TONE_NOTE, TONE_COUNT };
/* "✓", "✗", "⊘", … */
const char *tone_sign(enum tone tone);

/* "read_file", "lists the tools", "server stopped": what an event is about. */
void brief_what(struct buf *out, const struct event *event);
/* "ok", "tool error: no such file", "denied: token expired". */
enum tone brief_outcome(struct buf *out, const struct event *event, struct arena *scratch);
/* A request's members as `path=/srv limit=10`. */
void brief_parameters(struct buf *out, struct text request, struct arena *scratch);
/* The first words of a result. */
void brief_result(struct buf *out, struct text response, struct arena *scratch);
/* The verdict in words, without a reason. */
const char *verdict_words(struct text verdict);
/* The effective effect: what the collector judged, else what the emitter said. */
struct text brief_effect(const struct event *event);

#endif
