#include "buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BUF_BYTES_MIN = 256, ARENA_PAGE_BYTES = 64 * 1024, ARENA_ALIGN = 16 };

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_finish(struct buf *buf)
{
	free(buf->at);
	*buf = (struct buf){.max = buf->max};
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = STATUS_OK;
}

enum status buf_status(const struct buf *buf)
{
	return buf->failed;
}

char *buf_reserve(struct buf *buf, size_t more)
{
	if (buf->failed != STATUS_OK)
		return NULL;
	if (more > buf->max - buf->len) {
		buf->failed = STATUS_LIMIT;
		return NULL;
	}
	size_t need = buf->len + more;
	if (need > buf->capacity || buf->at == NULL) {
		size_t capacity = buf->capacity ? buf->capacity : BUF_BYTES_MIN < buf->max ? BUF_BYTES_MIN : buf->max;
		while (capacity < need)
			capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
		char *at = realloc(buf->at, capacity ? capacity : 1);
		if (at == NULL) {
			buf->failed = STATUS_NO_MEMORY;
			return NULL;
		}
		buf->at = at;
		buf->capacity = capacity;
	}
	return buf->at + buf->len;
}

void buf_put_growing(struct buf *buf, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	char *to = buf_reserve(buf, len);
	if (to) {
		memcpy(to, bytes, len);
		buf->len += len;
	}
}

void buf_put_string(struct buf *buf, const char *string)
{
	buf_put(buf, string, strlen(string));
}

void buf_put_uint(struct buf *buf, uint64_t number)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				    "8081828384858687888990919293949596979899";
	char digits[20];
	size_t at = sizeof(digits);
	for (; number >= 100; number /= 100) {
		at -= 2;
		memcpy(digits + at, pairs + number % 100 * 2, 2);
	}
	if (number >= 10) {
		at -= 2;
		memcpy(digits + at, pairs + number * 2, 2);
	} else {
		digits[--at] = (char)('0' + number);
	}
	buf_put(buf, digits + at, sizeof(digits) - at);
}

void buf_put_int(struct buf *buf, int64_t number)
{
	if (number < 0)
		buf_put_byte(buf, '-');
	buf_put_uint(buf, number < 0 ? 0 - (uint64_t)number : (uint64_t)number);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	va_list again;
	va_copy(again, arguments);
	int len = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	assert(len >= 0);
	char *to = buf_reserve(buf, (size_t)len + 1);
	if (to) {
		(void)vsnprintf(to, (size_t)len + 1, format, again);
		buf->len += (size_t)len;
	}
	va_end(again);
}

struct arena_page {
	struct arena_page *older;
	size_t size; /* bytes behind this header */
	_Alignas(ARENA_ALIGN) char bytes[];
};

struct arena_end {
	struct arena_end *older;
	void (*end)(void *object);
	void *object;
};

bool arena_at_end(struct arena *arena, void (*end)(void *object), void *object)
{
	struct arena_end *made = arena_alloc(arena, sizeof(*made));
	if (made == NULL)
		return false;
	*made = (struct arena_end){arena->ends, end, object};
	arena->ends = made;
	return true;
}

static void run_ends(struct arena *arena)
{
	for (const struct arena_end *end = arena->ends; end; end = end->older)
		end->end(end->object);
	arena->ends = NULL;
}

void arena_init(struct arena *arena, size_t max)
{
	*arena = (struct arena){.max = max};
}

static void free_pages(struct arena_page *page)
{
	while (page) {
		struct arena_page *older = page->older;
		free(page);
		page = older;
	}
}

void arena_finish(struct arena *arena)
{
	run_ends(arena);
	free_pages(arena->pages);
	*arena = (struct arena){.max = arena->max};
}

void arena_clear(struct arena *arena)
{
	struct arena_page *newest = arena->pages;
	run_ends(arena);
	arena->used = 0;
	if (newest == NULL)
		return;
	free_pages(newest->older);
	newest->older = NULL;
	arena->total = newest->size;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	if (size > SIZE_MAX - ARENA_ALIGN)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	struct arena_page *page = arena->pages;
	if (page == NULL || size > page->size - arena->used) {
		size_t bytes = page ? page->size * 2 : ARENA_PAGE_BYTES;
		size_t left = arena->max > arena->total ? arena->max - arena->total : 0;
		if (bytes > left)
			bytes = left;
		if (bytes < size)
			bytes = size;
		if (bytes > left)
			return NULL;
		page = malloc(sizeof(*page) + bytes);
		if (page == NULL)
			return NULL;
		page->older = arena->pages;
		page->size = bytes;
		arena->pages = page;
		arena->total += bytes;
		arena->used = 0;
	}
	void *at = page->bytes + arena->used;
	arena->used += size;
	return at;
}

void *arena_calloc(struct arena *arena, size_t count, size_t size)
{
	size_t bytes = 0;
	if (__builtin_mul_overflow(count, size, &bytes))
		return NULL;
	void *at = arena_alloc(arena, bytes);
	if (at)
		memset(at, 0, bytes);
	return at;
}

struct text arena_copy(struct arena *arena, struct text text)
{
	char *at = arena_alloc(arena, text.len + 1);
	if (at == NULL)
		return (struct text){NULL, 0};
	if (text.len)
		memcpy(at, text.at, text.len);
	at[text.len] = 0;
	return (struct text){at, text.len};
}
