/*
 * printable - event text is hostile: makes any bytes safe to show on a terminal, in a log or in CSV.
 *
 * Control characters, ESC, bidirectional and zero-width characters, tag characters, line and paragraph separators and
 * bytes that are not UTF-8 are written as escapes (\n, \x1b, \u202e, \U000e0041), a backslash as \\; so one value
 * never takes more than one line and two different values never look the same by such characters.  Any thread.
 */
#ifndef MCPLEDGER_PRINTABLE_H
#define MCPLEDGER_PRINTABLE_H

#include <stdbool.h>

#include "buf.h"

void printable_put(struct buf *out, struct text text);
/* The same, shortened to at most `columns` terminal columns; what was cut shows as one "…". Returns columns used. */
size_t printable_put_columns(struct buf *out, struct text text, size_t columns);
/* One logfmt value: quoted where it holds a space, quote or equals sign. */
void printable_put_logfmt(struct buf *out, struct text text);
/* One CSV cell (RFC 4180), a leading = + - @ tab or CR neutralised by a leading apostrophe. */
void printable_put_csv(struct buf *out, struct text text);
/* Whether text is UTF-8 (RFC 3629) and nothing else. */
bool printable_is_utf8(struct text text);
/* Terminal columns of text (wide characters count two). */
size_t printable_columns(struct text text);

#endif
