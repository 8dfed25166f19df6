/*
 * http_core - struct http_server: what the parts of the HTTP server share.  Private to collector/http_*.c.
 *
 * Threads: http.threads of the library serve connections; query.threads and one more run routes (http_query.c); one feeds
 * tails (http_tail.c); one watches (http_watch.c): deadlines, streams that should be flushed, clients that left.
 */
#ifndef MCPLEDGER_HTTP_CORE_H
#define MCPLEDGER_HTTP_CORE_H

#include <pthread.h>

#include "http.h"
#include "http_connections.h"
#include "http_exchange.h"
#include "listener.h"

enum http_limit {
	HTTP_LIMIT_CONNECTIONS,
	HTTP_LIMIT_ADDRESS,
	HTTP_LIMIT_BODY,
	HTTP_LIMIT_BUDGET,
	HTTP_LIMIT_REQUEST_TIME,
	HTTP_LIMIT_QUERIES,
	HTTP_LIMIT_QUERY_TIME,
	HTTP_LIMIT_ROWS,
	HTTP_LIMIT_BYTES,
	HTTP_LIMIT_FORM,
	HTTP_LIMIT_TAILS,
	HTTP_LIMIT_TAIL_BYTES,
	HTTP_LIMIT_TAIL_STALL,
	HTTP_LIMIT_COUNT
};

struct http_queries;
struct http_tails;
struct http_watch;

struct http_server {
	struct http_server_options options; /* without conf */
	size_t body_bytes_max, form_bytes_max;
	unsigned thread_count;
	int64_t request_time_max; /* ns */
	struct listener listener;
	void *daemon; /* the library's */

	pthread_mutex_t policy_lock;
	struct http_policy *policy;

	struct http_entry *entries; /* those of http_pages.c, then those of the read API */
	size_t entry_count;

	/* One ingest worker for each thread that can be inside ingest_submit. */
	pthread_mutex_t worker_lock;
	struct ingest_worker **idle_workers;
	unsigned idle_worker_count;

	struct http_connections *connections;
	struct http_queries *queries;
	struct http_tails *tails;
	struct http_watch *watch;
	struct metric_family *requests;
	struct metric_series *open, *tails_open;
	struct metric_series *limits[HTTP_LIMIT_COUNT];

	_Atomic bool stopping;
	_Atomic uint64_t uncommitted;   /* requests whose commit is waited for */
	_Atomic uint64_t unanswered;    /* requests that arrived whole and are not answered whole */
	_Atomic uint64_t auth_failures; /* since they were last put on record */
};

struct http_policy *http_server_policy(struct http_server *server); /* held */
void http_count_limit(struct http_server *server, enum http_limit limit);
void http_count_setting(struct http_server *server, const char *setting); /* by the limit's name */

/* --- http_pages.c --- */

enum status http_entries_create(struct http_server *server) MUST_CHECK;
/* What the head asks for; NULL: nothing, with the methods of all that has its path in *methods. */
const struct http_entry *http_entry_find(
	const struct http_server *server, const struct http_head *head, unsigned *methods);

/* --- http_query.c --- */

enum status http_queries_create(struct http_server *server, unsigned thread_count) MUST_CHECK;
/* Cancels what runs and what waits. */
void http_queries_cancel(struct http_server *server);
/* Cancels, and waits until no query runs; new ones are refused from now on. */
void http_queries_join(struct http_server *server);
/* No connection may be served any more. */
void http_queries_destroy(struct http_server *server);
/* Called a few times a second: sends what streams hold back, and cancels queries whose client left. */
void http_queries_tick(struct http_server *server);
/*
 * On the connection's thread, until the exchange ends: takes what a stream has; 0 with *end = false: nothing yet.
 * STATUS_CANCELLED: it ended too early.
 */
enum status http_query_read(struct http_exchange *exchange, char *to, size_t max, size_t *len, bool *end) MUST_CHECK;

/* --- http_tail.c --- */

enum status http_tails_create(struct http_server *server, const struct conf *conf) MUST_CHECK;
/* Called a few times a second: finds tails whose client left, stalls or may no longer read, and lets go of ended ones. */
void http_tails_tick(struct http_server *server);
/* Ends all tails, and lets none begin.  Returns at once. */
void http_tails_stop(struct http_server *server);
/* Stops, and waits until all were ended.  No handler may be running. */
void http_tails_join(struct http_server *server);
/* No connection may be served any more. */
void http_tails_destroy(struct http_server *server);

/* --- http_watch.c --- */

enum status http_watch_create(struct http_server *server) MUST_CHECK;
void http_watch_destroy(struct http_server *server);

#endif
