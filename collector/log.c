/*
 * One line is built in memory and written by one write(2), so lines of different threads never mix.  A line that stderr
 * does not take is lost: nobody could be told.
 */
#include "log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "printable.h"
#include "timestamp.h"

enum { LOG_LINE_BYTES_MAX = 16 * 1024, LOG_VALUE_BYTES_MAX = 1024 };

static const struct {
	const char *name;
	char priority; /* syslog's, as the journal reads it */
} levels[] = {
	[LOG_LEVEL_ERROR] = {"error", '3'},
	[LOG_LEVEL_WARNING] = {"warning", '4'},
	[LOG_LEVEL_INFO] = {"info", '6'},
	[LOG_LEVEL_DEBUG] = {"debug", '7'},
};

static _Atomic int level_max = LOG_LEVEL_INFO;
static _Atomic bool to_journal;

void log_start(enum log_level level)
{
	atomic_store(&level_max, (int)level);
	atomic_store(&to_journal, getenv("JOURNAL_STREAM") != NULL);
}

void log_set_level(enum log_level level)
{
	atomic_store(&level_max, (int)level);
}

enum status log_level_find(const char *name, enum log_level *level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, name) == 0) {
			*level = (enum log_level)i;
			return STATUS_OK;
		}
	}
	return STATUS_NOT_FOUND;
}

static void put_start(struct buf *line, enum log_level level)
{
	if (atomic_load(&to_journal)) {
		buf_put_byte(line, '<');
		buf_put_byte(line, (uint8_t)levels[level].priority);
		buf_put_string(line, ">level=");
	} else {
		char now[TIMESTAMP_TEXT_BYTES];
		(void)timestamp_format(timestamp_now() / NS_PER_MS * NS_PER_MS, now);
		buf_put_string(line, "time=");
		buf_put_string(line, now);
		buf_put_string(line, " level=");
	}
	buf_put_string(line, levels[level].name);
}

static void put_pair(struct buf *line, const char *key, const char *value)
{
	struct text text = text_of(value ? value : "");
	if (text.len > LOG_VALUE_BYTES_MAX)
		text.len = LOG_VALUE_BYTES_MAX;
	buf_put_byte(line, ' ');
	buf_put_string(line, key);
	buf_put_byte(line, '=');
	printable_put_logfmt(line, text);
}

void log_line(enum log_level level, const char *message, ...)
{
	if ((int)level > atomic_load(&level_max))
		return;
	struct buf line;
	buf_init(&line, LOG_LINE_BYTES_MAX);
	put_start(&line, level);
	put_pair(&line, "msg", message);

	va_list pairs;
	va_start(pairs, message);
	for (const char *key = va_arg(pairs, const char *); key; key = va_arg(pairs, const char *))
		put_pair(&line, key, va_arg(pairs, const char *));
	va_end(pairs);

	buf_put_byte(&line, '\n');
	if (line.len)
		(void)!write(STDERR_FILENO, line.at, line.len);
	buf_finish(&line);
}
