/*
 * window - the time that an answer is about and the time before, the baseline, that it is compared with; as options say,
 * else as the events that are asked for lie.  Recorded data has its own clock, so "now" is the newest of them.
 */
#ifndef MCPLEDGER_QUERY_WINDOW_H
#define MCPLEDGER_QUERY_WINDOW_H

#include "cli.h"

struct window {
	int64_t baseline, since, until; /* ns; the baseline is [baseline, since) */
	bool anchored;                  /* it ends with the newest event that the words find */
};

/*
 * Reads --baseline (else baseline_default ns; INT64_MAX: all of the record) and makes the window of scan, which has since
 * and until where options give them; length: of the window where they do not.
 * STATUS_NOT_FOUND: the words find no event to end it with.
 */
enum status window_read(struct cli *cli, const struct scan *scan, int64_t length, int64_t baseline_default,
	struct window *window) MUST_CHECK;
/* `"window":{"since":…,"until":…,"baseline_since":…}`, null where there is no limit. */
void window_put_json(struct buf *out, const struct window *window);
/* "2026-11-24 10:00:00.000 to …" */
void window_put_range(struct output *out, int64_t since, int64_t until);

#endif
