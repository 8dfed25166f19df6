/*
 * when - a time as --since and --until take it: what timestamp_parse_human reads, or the time of an event.
 *
 *   first(WORDS)   of the earliest event that the search finds
 *   last(WORDS)    of the latest
 */
#ifndef MCPLEDGER_QUERY_WHEN_H
#define MCPLEDGER_QUERY_WHEN_H

#include "scan.h"

/*
 * Reads the option `name` (since, until); scan says where events are looked for, in whose scope, and whether the time of
 * receipt counts; its range and filter are not looked at.  now: what ages and "yesterday" count from.
 * STATUS_INVALID: it is no time, or no search; STATUS_NOT_FOUND: no event matches; what scan_run returns.
 */
enum status when_read(struct text text, const char *name, int64_t now, const struct scan *scan, struct arena *arena,
	int64_t *ns, struct error *error) MUST_CHECK;

#endif
