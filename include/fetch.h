/*
 * fetch - the one HTTP client: requests to a daemon (or, later, to whom alerts go), over TCP, TLS or a Unix socket.
 *
 * A struct fetch keeps its connection for the next request; it belongs to one thread.  Redirects are not followed, and
 * nothing but http and https is spoken.
 */
#ifndef MCPLEDGER_FETCH_H
#define MCPLEDGER_FETCH_H

#include "buf.h"

struct fetch;
struct fetch_options {
	const char *url;        /* http://host:port, https://…, or unix:/path */
	const char *token_file; /* holds a bearer token; NULL: none is sent */
	int64_t connect_time_max_ns;
	int64_t silence_time_max_ns; /* a request is given up when nothing moves for so long */
};

/* STATUS_INVALID: not such a URL or token; STATUS_NOT_FOUND, STATUS_DENIED, STATUS_IO: the token file; STATUS_NO_MEMORY. */
enum status fetch_open(struct fetch **fetch, const struct fetch_options *options, struct error *error) MUST_CHECK;
void fetch_close(struct fetch **fetch);

struct fetch_answer {
	unsigned http_status;
	unsigned retry_after_s; /* 0: none was sent */
	struct buf body;        /* init by the caller with the largest size that is taken */
};

/* path begins with a slash.  STATUS_OK: there is an answer, of whatever HTTP status.  STATUS_IO: there is none; error
 * says why.  STATUS_LIMIT: the body is larger than answer->body may be. */
enum status fetch_post(struct fetch *fetch, const char *path, const char *content_type, struct text body,
	struct fetch_answer *answer, struct error *error) MUST_CHECK;

/* Gets a body piece by piece.  A failure of take ends the request with it. */
typedef enum status fetch_take(void *context, unsigned http_status, struct text piece);
enum status fetch_get(struct fetch *fetch, const char *path, fetch_take *take, void *context, unsigned *http_status,
	struct error *error) MUST_CHECK;

/* The same for a form: its parameters are in the body, name=value&…, escaped. */
struct fetch_form {
	const char *path;
	struct text fields;
};
enum status fetch_post_form(struct fetch *fetch, const struct fetch_form *form, fetch_take *take, void *context,
	unsigned *http_status, struct error *error) MUST_CHECK;

/* Appends text so that it may stand in a path or as a parameter's value. */
void fetch_put_escaped(struct buf *out, struct text text);

#endif
