/*
 * buf - a growable byte buffer that knows its maximum, and arena - memory that is freed all at once.
 *
 * A buf is created with the largest size it may ever reach.  A write that would pass it, or that finds no memory,
 * sets buf->failed (STATUS_LIMIT or STATUS_NO_MEMORY) and is ignored, as is every later write: callers write
 * straight code and ask buf_status() once at the end.  Not safe for use by two threads at once.
 */
#ifndef MCPLEDGER_BUF_H
#define MCPLEDGER_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "status.h"

/* Borrowed bytes: never owned, never NUL-terminated by promise; lives as long as what it points into. */
struct text {
	const char *at;
	size_t len;
};

#define TEXT(literal) ((struct text){(literal), sizeof(literal) - 1})

static inline struct text text_of(const char *string)
{
	return (struct text){string, string ? strlen(string) : 0};
}

static inline int text_equal(struct text a, struct text b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* By bytes, a text before those that it begins: <0, 0, >0. */
static inline int text_compare(struct text a, struct text b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;
	return order != 0 ? order : a.len < b.len ? -1 : a.len > b.len;
}

struct buf {
	char *at;        /* owned */
	size_t len;      /* bytes written */
	size_t capacity; /* bytes allocated, at most max */
	size_t max;      /* bytes it may grow to */
	enum status failed;
};

void buf_init(struct buf *buf, size_t max);
void buf_finish(struct buf *buf); /* frees; the buf may be used again after buf_init */
void buf_clear(struct buf *buf);  /* len = 0, failed = OK, memory kept */
enum status buf_status(const struct buf *buf) MUST_CHECK;
/* Makes room for `more` bytes behind len and returns where to write them, or NULL (failed is set). */
char *buf_reserve(struct buf *buf, size_t more);
void buf_put_growing(struct buf *buf, const void *bytes, size_t len); /* what buf_put does where room is short */
static inline void buf_put(struct buf *buf, const void *bytes, size_t len)
{
	if (len >= buf->capacity - buf->len || buf->failed != STATUS_OK) {
		buf_put_growing(buf, bytes, len);
		return;
	}
	if (len)
		memcpy(buf->at + buf->len, bytes, len);
	buf->len += len;
}
static inline void buf_put_text(struct buf *buf, struct text text)
{
	buf_put(buf, text.at, text.len);
}
void buf_put_string(struct buf *buf, const char *string);
static inline void buf_put_byte(struct buf *buf, uint8_t byte)
{
	buf_put(buf, &byte, 1);
}
void buf_put_int(struct buf *buf, int64_t number);   /* decimal */
void buf_put_uint(struct buf *buf, uint64_t number); /* decimal */
void buf_printf(struct buf *buf, const char *format, ...) PRINTF_LIKE(2, 3);
static inline struct text buf_text(const struct buf *buf)
{
	return (struct text){buf->at, buf->len};
}

/*
 * An arena hands out memory that lives until arena_clear or arena_finish.  arena_alloc returns 16-byte aligned
 * memory (contents undefined), or NULL past `max` bytes or without memory.
 */
struct arena {
	struct arena_page *pages; /* owned; the newest first */
	struct arena_end *ends;   /* what arena_at_end was told; the newest first */
	size_t used;              /* bytes handed out from the newest page */
	size_t total;             /* bytes of all pages */
	size_t max;
};

void arena_init(struct arena *arena, size_t max);
void arena_finish(struct arena *arena);
void arena_clear(struct arena *arena); /* keeps the largest page for the next use */
/*
 * Has end(object) called when the arena is cleared or finished, the newest first and before any memory of it goes: for
 * an object in the arena that holds something of a library's.  false: no memory, and end is not called.
 */
bool arena_at_end(struct arena *arena, void (*end)(void *object), void *object) MUST_CHECK;
void *arena_alloc(struct arena *arena, size_t size);
void *arena_calloc(struct arena *arena, size_t count, size_t size); /* zeroed; overflow checked */
/* Copies bytes; a NUL is put behind them. at = NULL without memory. */
struct text arena_copy(struct arena *arena, struct text text);

#endif
