/*
 * http_api - what the read API sees of the HTTP server: a request view and a response writer.  Never the library.
 *
 * A handler runs on a query thread and may block in http_response_put while the client is slow; it must give up when
 * that returns a failure (STATUS_CANCELLED: client gone or server stopping, STATUS_TIMEOUT).
 */
#ifndef MCPLEDGER_HTTP_API_H
#define MCPLEDGER_HTTP_API_H

#include <stdbool.h>

#include "buf.h"

struct http_request; /* owned by the server, valid for the handler's time */
struct http_response;

struct text http_request_path(const struct http_request *request);
/* The query parameters in their order, decoded; a name may come several times.  false: there are no more. */
bool http_request_parameter_at(const struct http_request *request, size_t index, struct text *name, struct text *value);
/* The tenants the caller may read: NULL = all (loopback without tokens, or an admin's credential). */
const struct text *http_request_tenants(const struct http_request *request, size_t *count);
/* What a POST carries, unpacked; empty: nothing.  Lives as long as the request. */
struct text http_request_body(const struct http_request *request);
struct text http_request_principal(const struct http_request *request); /* name of the credential; "" = none */

/* Whether the client left or the server stops: a handler that computes for long asks between two blocks. */
bool http_request_cancelled(const struct http_request *request);

/* Once, before the first put. */
void http_response_begin(struct http_response *response, unsigned http_status, const char *content_type);
enum status http_response_put(struct http_response *response, const void *bytes, size_t len) MUST_CHECK;
/* RFC 9457 problem document; instead of begin and put. detail is one printable line. */
void http_response_problem(struct http_response *response, unsigned http_status, const char *title, const char *detail);

struct http_route {
	const char *path; /* a trailing '*' takes the rest */
	void (*handle)(void *context, const struct http_request *request, struct http_response *response);
	bool takes_body; /* may be asked by POST, too */
};

#endif
