/*
 * labels - the label values of an event, in the words of OpenTelemetry's conventions for MCP.  Views live as long as
 * the event's.  Any thread.
 */
#ifndef MCPLEDGER_LABELS_H
#define MCPLEDGER_LABELS_H

#include "event.h"

/* The buckets of durations that the convention for MCP asks for, in seconds. */
#define LABELS_MCP_BOUNDS .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 120, 300

/* network.transport: pipe, tcp, quic; what is none of these has no label. */
struct text label_transport(const struct event *event);
/* error.type: what the emitter says, else `tool_error`, else the JSON-RPC code, for which `code` is used. */
struct text label_error_type(const struct event *event, char code[24]);
/* Whether a client saw it, and not a server or gateway. */
bool label_is_client_side(const struct event *event);

#endif
