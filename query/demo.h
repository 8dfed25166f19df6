/*
 * demo - makes the shipped recording fresh: its last event happens now, ids are new, the tenant is `demo`.
 * What is changed in a line is told in config/demo/README.md.
 */
#ifndef MCPLEDGER_QUERY_DEMO_H
#define MCPLEDGER_QUERY_DEMO_H

#include "buf.h"

/* Appends the lines of recorded to out, made fresh. STATUS_INVALID: a line is no event; STATUS_NO_MEMORY. */
enum status demo_freshen(struct text recorded, int64_t now_ns, struct buf *out, struct error *error) MUST_CHECK;

#endif
