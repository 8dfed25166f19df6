/* timestamp - integer nanoseconds since 1970-01-01T00:00:00Z, and RFC 3339 text.  Any thread. */
#ifndef MCPLEDGER_TIMESTAMP_H
#define MCPLEDGER_TIMESTAMP_H

#include <stdbool.h>

#include "buf.h"

#define NS_PER_S   INT64_C(1000000000)
#define NS_PER_MS  INT64_C(1000000)
#define NS_PER_DAY (INT64_C(86400) * NS_PER_S)

enum { TIMESTAMP_TEXT_BYTES = 48 };

int64_t timestamp_now(void);     /* the wall clock */
int64_t timestamp_elapsed(void); /* a clock that never steps; only differences mean something */
/* RFC 3339, any offset, up to 9 fraction digits (further ones are cut); second 60 reads as 59.999999999. */
enum status timestamp_parse(struct text text, int64_t *ns) MUST_CHECK;
/* Writes "2026-11-20T10:00:00.123456789Z" (fraction shortened to 0, 3, 6 or 9 digits) with NUL; returns its length. */
size_t timestamp_format(int64_t ns, char text[TIMESTAMP_TEXT_BYTES]);
/* "2026-11-20 10:00:00.123" in the local zone, or UTC: for tables. */
size_t timestamp_format_table(int64_t ns, bool utc, char text[TIMESTAMP_TEXT_BYTES]);
/* What people type: RFC 3339, a date, "now", "today", "yesterday", or an age such as 2h, 30m, 7d (before now_ns). */
enum status timestamp_parse_human(struct text text, int64_t now_ns, int64_t *ns) MUST_CHECK;
/* "250ms", "1.5s", "2m", "3h", "8d" to ns. */
enum status duration_parse(struct text text, int64_t *ns) MUST_CHECK;
/* "412 µs", "20.3 ms", "1.52 s", "2 min 3 s" with NUL; returns its length. */
size_t duration_format(int64_t ns, char text[TIMESTAMP_TEXT_BYTES]);

#endif
