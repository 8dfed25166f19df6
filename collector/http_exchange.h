/*
 * http_exchange - one request and its answer, as the files between the library and the funnel see them.
 *
 * An exchange belongs to its connection and lives on that connection's thread.  While it waits (for a commit or a
 * query) no thread is held: whoever has the result opens its gate, from any thread, and the exchange goes on.
 */
#ifndef MCPLEDGER_HTTP_EXCHANGE_H
#define MCPLEDGER_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include "http_api.h"
#include "http_guard.h"
#include "http_head.h"
#include "http_policy.h"
#include "ingest.h"

struct http_server;
struct http_job;
struct http_entry;

/* What an exchange waits at; done by http_server.c, since it stops and starts the library's connection. */
struct http_gate {
	void *connection;
	_Atomic int state;
};
/* On the connection's thread.  true: the connection is stopped now, and called again once the gate was opened;
 * false: the gate was open already, and is closed again. */
bool http_gate_wait(struct http_gate *gate);
/* Any thread.  The exchange may be gone when this returns. */
void http_gate_open(struct http_gate *gate);

struct http_answer {
	unsigned status;          /* 0: not decided yet */
	const char *content_type; /* static, or of the job */
	struct buf body;
	const char *allow;      /* 405: the methods that may be used */
	unsigned retry_after_s; /* 0: not said */
	bool gzip;              /* body is packed */
	bool varies;            /* it could have been, or not */
	bool lasts;             /* its client may take nothing for long; who is to be given up is decided elsewhere */
	bool closes;            /* the connection ends with it */
	bool streams;           /* the body comes by http_query_read */
};

struct http_body {
	struct buf bytes;
	uint64_t taken; /* of the budget */
	enum status failed;
};

enum http_stage { HTTP_STAGE_HEAD, HTTP_STAGE_BODY, HTTP_STAGE_WAIT, HTTP_STAGE_ANSWER };

struct http_exchange {
	struct http_server *server;
	struct http_head head;
	struct http_framing framing;
	struct text peer; /* address without port, or "unix" */
	bool crowded;     /* its connection is one too many */
	int fd;           /* of the connection */
	enum http_stage stage;
	const struct http_entry *entry; /* what its path and method ask for; NULL: nothing */
	struct http_policy *policy;     /* held while the exchange lasts */
	const struct token *caller;     /* NULL: no authentication is asked for */
	struct http_body body;
	struct http_answer answer;
	struct http_gate gate;
	struct http_job *job; /* a query's */
	struct ingest_result result;
	struct ingest_reject *rejects; /* result.reject_count; owned */
};

/* What can be asked for; the paths of http_pages.c and those of the read API. */
struct http_entry {
	const char *path;
	unsigned methods; /* of enum http_method */
	unsigned scope;   /* of enum token_scope; 0: open to all */
	/* Starts the work for a whole request; either fills answer, or the gate will be opened and `finish` called. */
	void (*start)(struct http_exchange *exchange);
	/* false: woken too early, wait again. */
	bool (*finish)(struct http_exchange *exchange);
	bool takes_body;                /* by POST */
	bool is_on_record;              /* each use becomes an event of kind ledger, op query */
	const struct http_route *route; /* what http_query_start runs */
	void *route_context;
};

/* --- http_exchange.c: the way of every request --- */

void http_exchange_begin(struct http_exchange *exchange);
/* The head is there: decides whether the request is refused (answer.status is set then). */
void http_exchange_head(struct http_exchange *exchange);
/* Whether a refusal must be sent at once, without waiting for the body. */
bool http_exchange_refuses_now(const struct http_exchange *exchange);
void http_exchange_body(struct http_exchange *exchange, struct text piece);
/* The request is whole.  true: exchange->answer is complete; false: the connection was stopped at the gate. */
bool http_exchange_run(struct http_exchange *exchange);
/* Counts the answer; before it is sent, so that who has it finds it counted. */
void http_exchange_count(const struct http_exchange *exchange);
void http_exchange_end(struct http_exchange *exchange);

/* --- answers --- */

void http_answer_text(struct http_exchange *exchange, unsigned status, const char *content_type, struct text body);
/* RFC 9457; detail is one printable line, or NULL. */
void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *detail);
void http_put_problem(struct buf *out, const struct http_problem *problem);
const char *http_status_title(unsigned status);

/* --- http_body.c --- */

void http_body_append(struct http_exchange *exchange, struct text piece);
/* Gives memory and budget back. */
void http_body_release(struct http_exchange *exchange);
/* When all of it is there: unpacks Content-Encoding: gzip.  What http_body_append failed with; STATUS_TOO_LARGE,
 * STATUS_INVALID, STATUS_BUSY (no budget), STATUS_NO_MEMORY. */
enum status http_body_end(struct http_exchange *exchange) MUST_CHECK;

/* --- http_ingest.c --- */

void http_ingest_start(struct http_exchange *exchange);
bool http_ingest_finish(struct http_exchange *exchange);

/* --- http_query.c --- */

void http_query_start(struct http_exchange *exchange);
bool http_query_finish(struct http_exchange *exchange);
/* The request is over for its connection; a query that still runs is cancelled. */
void http_query_detach(struct http_exchange *exchange);

#endif
