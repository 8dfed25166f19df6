/*
 * http_api - what the read API sees of the HTTP server: a request view, a response writer, and tails.  Never the library.
 *
 * A handler runs on a query thread and may block in http_response_put while the client is slow; it must give up when
 * that returns a failure (STATUS_CANCELLED: client gone or server stopping, STATUS_TIMEOUT).
 */
#ifndef MCPLEDGER_HTTP_API_H
#define MCPLEDGER_HTTP_API_H

#include <stdbool.h>

#include "buf.h"

struct http_request; /* owned by the server, valid for the handler's time, or the tail's */
struct http_response;

struct text http_request_path(const struct http_request *request);
/* The parameters of the query and of a form in the body, in their order, decoded; a name may come several times.
 * false: there are no more. */
bool http_request_parameter_at(const struct http_request *request, size_t index, struct text *name, struct text *value);
/* The tenants the caller may read: NULL = all (loopback without tokens, or an admin's credential). */
const struct text *http_request_tenants(const struct http_request *request, size_t *count);
struct text http_request_principal(const struct http_request *request);     /* name of the credential; "" = none */
struct text http_request_last_event_id(const struct http_request *request); /* the header field; "" = none */

/* Whether the client left or the server stops: a handler that computes for long asks between two blocks. */
bool http_request_cancelled(const struct http_request *request);

/* Once, before the first put. */
void http_response_begin(struct http_response *response, unsigned http_status, const char *content_type);
enum status http_response_put(struct http_response *response, const void *bytes, size_t len) MUST_CHECK;

/* RFC 9457; instead of begin and put, or after them: then it takes their place, or where bytes were sent already breaks
 * the answer off, so that no client takes it for a whole one. */
struct http_problem {
	unsigned http_status;
	const char *title;
	const char *detail;  /* one printable line; NULL: none */
	unsigned column;     /* in the search; 0: none */
	const char *nearest; /* the name that was perhaps meant; NULL: none */
	const char *limit;   /* the setting whose limit was hit; NULL: none */
};
void http_response_problem(struct http_response *response, const struct http_problem *problem);

/* What a handler did, for the record of it and for metrics; told before it returns. */
struct http_account {
	const char *verb;     /* what was asked for; borrowed for good; NULL: nothing that exists */
	struct text words;    /* the search, or the id; in the request's memory */
	uint64_t match_bytes; /* of a list of indicators */
	uint64_t rows;        /* looked at */
	const char *limit;    /* as above */
};
void http_response_account(struct http_response *response, const struct http_account *account);

/* How many of a path's requests may run at once. */
enum http_weight {
	HTTP_LIGHT,    /* looks one thing up: has a thread of its own, never waits for the others */
	HTTP_WEIGHTY,  /* ends by query.time_max */
	HTTP_UNENDING, /* takes as long as its client: never has all threads */
};

struct http_route {
	const char *path; /* a trailing '*' takes the rest */
	void (*handle)(void *context, const struct http_request *request, struct http_response *response);
	enum http_weight (*weigh)(const struct http_request *request); /* NULL: HTTP_WEIGHTY; must not block */
};

/*
 * Tails: responses that go on after their handler has returned, without a thread of their own.  One thread of the server
 * feeds all of them (http_server_options.feed): a few times a second, and when one that lagged has room again.  Nothing
 * waits for a client: what it does not take, it is not given; it lags, and goes on later from where it was.
 */

/* On the handler's thread, instead of begin.  The request and the response then live until http_tail_end.
 * STATUS_BUSY: there are query.tails_max; STATUS_CANCELLED: nobody wants it (HEAD, the server stops). */
enum status http_tail_begin(struct http_response *response, const char *content_type) MUST_CHECK;
/* All below: on the feeding thread.  Takes all bytes or none: STATUS_BUSY: its client lags; STATUS_TOO_LARGE: they never fit;
 * STATUS_CANCELLED: it is over. */
enum status http_tail_put(struct http_response *tail, struct text bytes) MUST_CHECK;
/* Whether it would take so many; for who has much to do before a put. */
bool http_tail_takes(const struct http_response *tail, size_t len);
/* Whether the client left or did not read for query.tail_stall_time_max, its token was revoked, or the server stops. */
bool http_tail_is_over(const struct http_response *tail);
/* Gives request and response back, with the sum of what was done. */
void http_tail_end(struct http_response **tail, const struct http_account *account);

#endif
