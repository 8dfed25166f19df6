/*
 * http_head - a request's head as the files that decide about it see it: views, without the server library.
 *
 * The views live until the request ends.  Nothing in here was judged yet: see http_guard.h.
 */
#ifndef MCPLEDGER_HTTP_HEAD_H
#define MCPLEDGER_HTTP_HEAD_H

#include <stdbool.h>

#include "buf.h"

enum { HTTP_FIELDS_MAX = 64, HTTP_PARAMETERS_MAX = 32 };
enum http_method { HTTP_GET = 1, HTTP_HEAD = 2, HTTP_POST = 4, HTTP_OTHER = 8 };

struct http_field {
	struct text name;
	struct text value;
};

struct http_head {
	enum http_method method;
	bool is_http_1_1;
	bool too_many;    /* more fields or parameters than fit below */
	bool odd_lines;   /* a line is folded, holds a NUL or a stray space, or does not end with CR LF */
	struct text path; /* as sent, escapes and all, without the query */
	struct http_field fields[HTTP_FIELDS_MAX];
	size_t field_count;
	struct http_field parameters[HTTP_PARAMETERS_MAX]; /* of the query; escapes as sent, but a + is a space */
	size_t parameter_count;
};

/* The first field of this name in any case; at = NULL: absent.  count (may be NULL): how many there are. */
struct text http_head_field(const struct http_head *head, const char *name, size_t *count);
/* Whether two texts differ in nothing but the case of ASCII letters. */
bool http_text_same(struct text a, struct text b);
/* Replaces %XX in the arena.  STATUS_INVALID: a broken escape; STATUS_NO_MEMORY. */
enum status http_unescape(struct text text, struct arena *arena, struct text *plain) MUST_CHECK;

#endif
