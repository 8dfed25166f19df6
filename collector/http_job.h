/*
 * http_job - one request of the read API, between its connection and the thread that works on it.  Private to http_job.c,
 * http_query.c, http_tail.c and http_note.c.
 *
 *   working thread  http_response_put -> pipe -> http_query_read  connection's thread
 *
 * As long as all of it fits into the pipe it is sent whole, with its length; beyond that, and after a moment for slow
 * ones, it is a stream.  Each side waits for the other: the working thread on `room`, the connection at its gate.
 *
 * A job outlives its exchange when the client leaves.  Its exchange, and the list it is in, hold it; it owns copies of all
 * that the handler sees.
 */
#ifndef MCPLEDGER_HTTP_JOB_H
#define MCPLEDGER_HTTP_JOB_H

#include <pthread.h>

#include "http_core.h"

enum { PIPE_BYTES = 256 * 1024, CONTENT_TYPE_BYTES = 96, JOB_PARAMETERS_MAX = 256 };

struct http_request {
	struct http_job *job;
};

struct http_response {
	struct http_job *job;
};

/* What a tail has beside; under the job's lock. */
struct http_tail {
	bool is_one;
	bool is_fed;         /* its handler has returned */
	bool is_over;        /* the feeding thread is to end it */
	bool lags;           /* it had no room when it was fed last */
	uint64_t pool_bytes; /* of its pipe, beyond its share */
	int64_t progress_at; /* elapsed: when its client last took something, or had taken all */
	int64_t ended_at;    /* elapsed: when it was ended; 0: it was not */
};

struct http_job {
	struct http_job *next; /* waiting, or running */
	struct http_job *next_tail;
	struct http_server *server;
	const struct http_entry *entry;
	struct http_policy *policy;
	_Atomic unsigned holders;
	uint64_t arrival;
	int64_t began; /* elapsed */
	enum http_weight weight;

	/* What the handler sees; never changed after start. */
	struct arena arena;
	struct text path;
	struct http_field parameters[JOB_PARAMETERS_MAX];
	size_t parameter_count;
	uint64_t budget_bytes; /* taken for a form */
	const struct token *caller;
	struct text peer, last_event_id;
	bool head_only;
	bool takes_gzip;
	struct http_request request;
	struct http_response response;

	struct http_account account; /* the working thread's */

	pthread_mutex_t lock;   /* guards all below */
	pthread_cond_t room;    /* the pipe was read, or nobody will read it */
	struct http_gate *gate; /* of the exchange; NULL: it is over */
	int fd;                 /* of the connection, while gate is set */
	_Atomic bool cancelled;
	unsigned status; /* 0: the handler has not begun */
	char content_type[CONTENT_TYPE_BYTES];
	struct buf pipe;
	size_t taken;   /* bytes of the pipe that were read */
	uint64_t total; /* bytes that were ever put */
	bool streams;
	bool failed; /* the answer is not whole */
	bool finished;
	struct http_tail tail;
};

/* --- http_job.c --- */

/* STATUS_INVALID: *why says what is wrong with the request; STATUS_NO_MEMORY. */
enum status http_job_create(struct http_job **job, struct http_exchange *exchange, const char **why) MUST_CHECK;
void http_job_hold(struct http_job *job);
void http_job_release(struct http_job *job);
/* All with the lock held.  The connection's thread should look. */
void http_job_wake(struct http_job *job);
/* Nobody waits for the answer any more. */
void http_job_cancel(struct http_job *job);
/* The library does not see that the client of a stopped connection left. */
bool http_job_client_left(const struct http_job *job);
/* Whether the caller's token still is one of the policy, with the same rights. */
bool http_job_is_allowed(const struct http_job *job, const struct http_policy *policy);
/* Without the lock: there is nothing more to come. */
void http_job_finish(struct http_job *job);

/* --- http_note.c --- */

enum http_phase { HTTP_PHASE_WHOLE, HTTP_PHASE_BEGIN, HTTP_PHASE_END };
/* Who read what, through the daemon, is on record like everything else.  On the working thread. */
void http_note_query(const struct http_job *job, enum http_phase phase);

/* --- http_tail.c --- */

/* The handler of a tail has returned: it may be fed. */
void http_tail_hand_over(struct http_job *job);
/* With the lock held: `bytes` of the pipe were read. */
void http_tail_progress(struct http_job *job, size_t bytes);

#endif
