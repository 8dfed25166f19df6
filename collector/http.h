/*
 * http - the daemon's HTTP server: native ingest, import, metrics, health, reload, and the routes of the read API.
 *
 * It has its own threads: http.threads serve connections, query.threads and one more run the routes, one feeds tails, one
 * watches deadlines.  A request for ingest waits for its commit without a thread.  The ingest funnel's writer must run until
 * http_server_destroy has returned, since every request that was handed over is answered.
 */
#ifndef MCPLEDGER_HTTP_H
#define MCPLEDGER_HTTP_H

#include "budget.h"
#include "conf.h"
#include "http_api.h"
#include "ingest.h"
#include "metric.h"

struct http_server;

struct http_server_options {
	const struct conf *conf; /* borrowed until create returns; see http_server_reload */
	struct ingest *ingest;   /* this and all below: borrowed for the server's life */
	struct budget *budget;
	struct metric_registry *registry;
	const struct http_route *routes; /* of the read API; run on query threads */
	size_t route_count;
	void (*feed)(void *route_context); /* feeds all tails (http_api.h), on a thread of the server's; may be NULL */
	void *route_context;
	/* Whether events can be committed now; else writes one line why not. Any thread; must not block. */
	bool (*ready)(void *context, char reason[200]);
	/* POST /-/reload: does what SIGHUP does. Called on a query thread; may call http_server_reload. */
	enum status (*reload)(void *context, struct error *error);
	void *context; /* of ready and reload */
};

/*
 * Opens the listener of http.listen and serves.  STATUS_INVALID: a setting is wrong (also: beyond loopback without
 * http.tokens_file); STATUS_BUSY: the address is in use; error names the setting.  With an empty http.listen no server
 * is made and *server is NULL.
 */
enum status http_server_create(
	struct http_server **server, const struct http_server_options *options, struct error *error) MUST_CHECK;
/* Where it listens: "127.0.0.1:7373" (the real port), "[::1]:7373" or "unix:/path"; lives with the server. */
const char *http_server_address(const struct http_server *server);
/* Takes over http.hosts and http.tokens_file of conf.  On failure everything stays as it is.  Any thread. */
enum status http_server_reload(struct http_server *server, const struct conf *conf, struct error *error) MUST_CHECK;
/* Begins to stop: closes new connections, answers 503 to new requests, cancels queries.  Returns at once. */
void http_server_stop(struct http_server *server);
/*
 * Stops.  Requests that wait for their commit are waited for, their answers at most time_max_ns after that; then every
 * connection is closed.
 */
void http_server_destroy(struct http_server **server, int64_t time_max_ns);

#endif
