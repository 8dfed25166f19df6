/*
 * log - one line per happening on stderr: `time=… level=… msg="…" key=value …`.
 *
 * Under systemd (JOURNAL_STREAM is set) the line starts with the journal's priority (<3>…) and has no time.  Values pass
 * printable_put_logfmt.  Only programs log: lib/ and query/ never do.  Any thread.
 */
#ifndef MCPLEDGER_LOG_H
#define MCPLEDGER_LOG_H

#include "buf.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_start(enum log_level level);
void log_set_level(enum log_level level);
enum status log_level_find(const char *name, enum log_level *level) MUST_CHECK;
/* Pairs of key and value, both strings, ended by NULL: log_line(LOG_LEVEL_INFO, "listening", "http", address, NULL). */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

#endif
