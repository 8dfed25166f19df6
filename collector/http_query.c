/*
 * Routes run on query threads, since a scan can take long and may block.  A job's answer goes through a bounded pipe:
 *
 *   query thread  http_response_put -> pipe -> http_query_read  connection's thread
 *
 * As long as all of it fits into the pipe it is sent whole, with its length; beyond that, and after a moment for slow
 * ones, it is a stream.  Each side waits for the other: the query thread on `room`, the connection at its gate.
 *
 * A job outlives its exchange when the client leaves; it is held by the exchange and by the queue, and owns copies of
 * all that the handler sees.
 */
#include "http_core.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "timestamp.h"

enum {
	PIPE_BYTES = 256 * 1024,
	REQUEST_BYTES_MAX = 256 * 1024,
	WAITING_PER_THREAD_MAX = 16,
	CONTENT_TYPE_BYTES = 96,
	FILTER_BYTES_MAX = 1024, /* of a query, on record */
};
#define PUT_TIME_MAX_S 30 /* a client that takes nothing for so long is given up */

struct http_request {
	struct http_job *job;
};

struct http_response {
	struct http_job *job;
};

struct http_job {
	struct http_job *next; /* waiting, or running */
	struct http_server *server;
	const struct http_entry *entry;
	struct http_policy *policy;
	_Atomic unsigned holders;

	/* What the handler sees; never changed after start. */
	struct arena arena;
	struct text path;
	struct http_field parameters[HTTP_PARAMETERS_MAX];
	size_t parameter_count;
	struct buf body; /* what the exchange took; its bytes of the budget stay with that */
	const struct token *caller;
	struct text peer;
	bool head_only;
	struct http_request request;
	struct http_response response;

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
};

struct http_queries {
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct http_job *waiting, **waiting_end;
	struct http_job *running;
	unsigned waiting_count, waiting_max;
	bool stopping;
	pthread_t *threads;
	unsigned thread_count;
};

/* --- what a handler may do --- */

struct text http_request_path(const struct http_request *request)
{
	return request->job->path;
}

bool http_request_parameter_at(const struct http_request *request, size_t index, struct text *name, struct text *value)
{
	const struct http_job *job = request->job;
	if (index >= job->parameter_count)
		return false;
	*name = job->parameters[index].name;
	*value = job->parameters[index].value;
	return true;
}

struct text http_request_body(const struct http_request *request)
{
	return buf_text(&request->job->body);
}

const struct text *http_request_tenants(const struct http_request *request, size_t *count)
{
	const struct token *caller = request->job->caller;
	*count = caller ? caller->tenant_count : 0;
	return caller ? caller->tenants : NULL;
}

struct text http_request_principal(const struct http_request *request)
{
	return request->job->caller ? request->job->caller->name : TEXT("");
}

bool http_request_cancelled(const struct http_request *request)
{
	return atomic_load_explicit(&request->job->cancelled, memory_order_relaxed);
}

void http_response_begin(struct http_response *response, unsigned http_status, const char *content_type)
{
	struct http_job *job = response->job;
	pthread_mutex_lock(&job->lock);
	assert(job->status == 0);
	job->status = http_status;
	(void)snprintf(job->content_type, sizeof(job->content_type), "%s", content_type);
	pthread_mutex_unlock(&job->lock);
}

/* With the lock held: the connection's thread should look. */
static void wake_connection(struct http_job *job)
{
	if (job->gate)
		http_gate_open(job->gate);
}

/* With the lock held.  STATUS_OK: there is room for at least one byte. */
static enum status wait_for_room(struct http_job *job)
{
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PUT_TIME_MAX_S;
	while (!job->cancelled && job->pipe.len - job->taken == PIPE_BYTES) {
		job->streams = true;
		wake_connection(job);
		if (pthread_cond_timedwait(&job->room, &job->lock, &until) == ETIMEDOUT) {
			job->cancelled = true;
			return STATUS_TIMEOUT;
		}
	}
	return job->cancelled ? STATUS_CANCELLED : STATUS_OK;
}

/* With the lock held: appends what fits, and returns how much that was. */
static size_t fill_pipe(struct http_job *job, const char *bytes, size_t len)
{
	size_t room = PIPE_BYTES - (job->pipe.len - job->taken);
	size_t n = len < room ? len : room;
	if (job->pipe.len + n > PIPE_BYTES) {
		job->pipe.len -= job->taken;
		memmove(job->pipe.at, job->pipe.at + job->taken, job->pipe.len);
		job->taken = 0;
	}
	buf_put(&job->pipe, bytes, n);
	job->total += n;
	return n;
}

enum status http_response_put(struct http_response *response, const void *bytes, size_t len)
{
	struct http_job *job = response->job;
	const char *from = bytes;
	enum status status = STATUS_OK;
	if (job->head_only)
		return STATUS_CANCELLED;
	pthread_mutex_lock(&job->lock);
	assert(job->status != 0);
	while (len && status == STATUS_OK) {
		status = wait_for_room(job);
		if (status != STATUS_OK)
			break;
		size_t n = fill_pipe(job, from, len);
		from += n;
		len -= n;
		status = buf_status(&job->pipe);
	}
	if (job->cancelled && status == STATUS_OK)
		status = STATUS_CANCELLED;
	if (status != STATUS_OK)
		job->failed = true;
	else if (job->streams && job->pipe.len - job->taken >= PIPE_BYTES / 2)
		wake_connection(job);
	pthread_mutex_unlock(&job->lock);
	return status;
}

void http_response_problem(struct http_response *response, unsigned http_status, const char *title, const char *detail)
{
	struct buf body;
	buf_init(&body, 16 * 1024);
	http_put_problem(&body, http_status, title, detail);
	http_response_begin(response, http_status, "application/problem+json");
	enum status status = http_response_put(response, body.at, body.len);
	(void)status; /* a client that left needs no answer */
	buf_finish(&body);
}

/* --- the life of a job --- */

static void job_hold(struct http_job *job)
{
	atomic_fetch_add_explicit(&job->holders, 1, memory_order_relaxed);
}

static void job_release(struct http_job *job)
{
	if (atomic_fetch_sub_explicit(&job->holders, 1, memory_order_acq_rel) != 1)
		return;
	buf_finish(&job->pipe);
	buf_finish(&job->body);
	arena_finish(&job->arena);
	http_policy_release(&job->policy);
	pthread_cond_destroy(&job->room);
	pthread_mutex_destroy(&job->lock);
	free(job);
}

static enum status copy_request(struct http_job *job, const struct http_exchange *exchange)
{
	const struct http_head *head = &exchange->head;
	enum status status = http_unescape(head->path, &job->arena, &job->path);
	job->peer = arena_copy(&job->arena, exchange->peer);
	for (size_t i = 0; i < head->parameter_count && status == STATUS_OK; i++) {
		status = http_unescape(head->parameters[i].name, &job->arena, &job->parameters[i].name);
		if (status == STATUS_OK)
			status = http_unescape(head->parameters[i].value, &job->arena, &job->parameters[i].value);
		job->parameter_count = i + 1;
	}
	return status;
}

static struct http_job *job_create(struct http_exchange *exchange)
{
	struct http_job *job = calloc(1, sizeof(*job));
	if (job == NULL)
		return NULL;
	job->server = exchange->server;
	job->entry = exchange->entry;
	job->policy = exchange->policy;
	http_policy_hold(job->policy);
	job->caller = exchange->caller;
	job->head_only = exchange->head.method == HTTP_HEAD;
	job->body = exchange->body.bytes;
	buf_init(&exchange->body.bytes, 0);
	job->request.job = job;
	job->response.job = job;
	job->gate = &exchange->gate;
	job->fd = exchange->fd;
	atomic_init(&job->holders, 1);
	arena_init(&job->arena, REQUEST_BYTES_MAX);
	buf_init(&job->pipe, PIPE_BYTES);
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&job->room, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return job;
}

static bool enqueue(struct http_queries *queries, struct http_job *job)
{
	pthread_mutex_lock(&queries->lock);
	bool taken = !queries->stopping && queries->waiting_count < queries->waiting_max;
	if (taken) {
		job_hold(job);
		*queries->waiting_end = job;
		queries->waiting_end = &job->next;
		queries->waiting_count++;
		pthread_cond_signal(&queries->work);
	}
	pthread_mutex_unlock(&queries->lock);
	return taken;
}

static void refuse_body(struct http_exchange *exchange, enum status status)
{
	if (status == STATUS_TOO_LARGE)
		http_answer_problem(exchange, 413, "the body is larger than http.body_bytes_max");
	else if (status == STATUS_BUSY)
		http_answer_problem(exchange, 503, "too much is on its way");
	else
		http_answer_problem(exchange, 400, "the body can't be read");
}

void http_query_start(struct http_exchange *exchange)
{
	enum status body = http_body_end(exchange);
	if (body != STATUS_OK) {
		refuse_body(exchange, body);
		return;
	}
	struct http_job *job = job_create(exchange);
	enum status status = job ? copy_request(job, exchange) : STATUS_NO_MEMORY;
	if (status == STATUS_OK && !enqueue(exchange->server->queries, job)) {
		http_count_limit(exchange->server, HTTP_LIMIT_QUERIES);
		status = STATUS_BUSY;
	}
	if (status == STATUS_OK) {
		exchange->job = job;
		return;
	}
	if (job)
		job_release(job);
	if (status == STATUS_INVALID)
		http_answer_problem(exchange, 400, "a % in the request target is not followed by two hex digits");
	else
		http_answer_problem(exchange, 503, "too many queries are running");
}

bool http_query_finish(struct http_exchange *exchange)
{
	struct http_job *job = exchange->job;
	pthread_mutex_lock(&job->lock);
	bool ready = job->finished || job->streams;
	if (ready && !job->streams && job->failed) {
		http_answer_problem(exchange, 503, "the query was cancelled");
	} else if (ready) {
		exchange->answer.status = job->status;
		exchange->answer.content_type = job->content_type;
		/* A HEAD is answered as a stream whose body is never asked for: its length is not known. */
		exchange->answer.streams = job->streams || job->head_only;
		if (!job->streams) {
			buf_finish(&exchange->answer.body);
			exchange->answer.body = job->pipe;
			buf_init(&job->pipe, PIPE_BYTES);
		}
	}
	pthread_mutex_unlock(&job->lock);
	return ready;
}

enum status http_query_read(struct http_exchange *exchange, char *to, size_t max, size_t *len, bool *end)
{
	struct http_job *job = exchange->job;
	pthread_mutex_lock(&job->lock);
	size_t held = job->pipe.len - job->taken;
	size_t n = held < max ? held : max;
	if (n) {
		memcpy(to, job->pipe.at + job->taken, n);
		job->taken += n;
		pthread_cond_signal(&job->room);
	}
	bool over = n == 0 && job->finished;
	bool whole = !job->failed;
	pthread_mutex_unlock(&job->lock);
	if (over && !whole)
		return STATUS_CANCELLED;
	*len = n;
	*end = over;
	return STATUS_OK;
}

/* With the lock held. */
static void cancel(struct http_job *job)
{
	job->cancelled = true;
	pthread_cond_signal(&job->room);
}

void http_query_detach(struct http_exchange *exchange)
{
	struct http_job *job = exchange->job;
	pthread_mutex_lock(&job->lock);
	job->gate = NULL;
	if (!job->finished)
		cancel(job);
	pthread_mutex_unlock(&job->lock);
	job_release(job);
	exchange->job = NULL;
}

/* --- the threads --- */

/* Who read what, through the daemon, is on record like everything else. */
static void put_on_record(const struct http_job *job)
{
	struct buf detail;
	struct buf filter;
	buf_init(&detail, 16 * FILTER_BYTES_MAX);
	buf_init(&filter, REQUEST_BYTES_MAX);
	for (size_t i = 0; i < job->parameter_count; i++) {
		buf_put_string(&filter, i ? " " : "");
		buf_put_text(&filter, job->parameters[i].name);
		buf_put_byte(&filter, '=');
		buf_put_text(&filter, job->parameters[i].value);
	}
	struct text shown = buf_text(&filter);
	if (shown.len > FILTER_BYTES_MAX)
		shown.len = FILTER_BYTES_MAX;
	buf_put_string(&detail, "{\"path\":");
	json_put_string(&detail, job->path.len > FILTER_BYTES_MAX ? TEXT("") : job->path);
	buf_put_string(&detail, ",\"filter\":");
	json_put_string(&detail, shown);
	buf_put_string(&detail, ",\"principal\":");
	json_put_string(&detail, http_request_principal(&job->request));
	buf_put_string(&detail, ",\"peer\":");
	json_put_string(&detail, job->peer);
	if (job->body.len > 0)
		buf_printf(&detail, ",\"body_bytes\":%zu", job->body.len);
	buf_printf(&detail, ",\"status\":%u,\"bytes\":%llu}", job->status, (unsigned long long)job->total);
	if (buf_status(&detail) == STATUS_OK && buf_status(&filter) == STATUS_OK)
		ingest_note(job->server->options.ingest, "query", buf_text(&detail));
	buf_finish(&filter);
	buf_finish(&detail);
}

static void run(struct http_job *job, bool cancelled)
{
	if (!cancelled)
		job->entry->route->handle(job->entry->route_context, &job->request, &job->response);
	if (job->status == 0)
		http_response_problem(&job->response, cancelled ? 503 : 500, http_status_title(cancelled ? 503 : 500),
			cancelled ? "the collector is stopping" : NULL);
	if (job->entry->is_on_record && !cancelled)
		put_on_record(job);
	pthread_mutex_lock(&job->lock);
	job->finished = true;
	wake_connection(job);
	pthread_mutex_unlock(&job->lock);
}

/* With the lock held: from the waiting to the running. */
static struct http_job *take_job(struct http_queries *queries)
{
	struct http_job *job = queries->waiting;
	queries->waiting = job->next;
	if (queries->waiting == NULL)
		queries->waiting_end = &queries->waiting;
	queries->waiting_count--;
	job->next = queries->running;
	queries->running = job;
	return job;
}

static void *serve(void *context)
{
	struct http_queries *queries = ((struct http_server *)context)->queries;
	pthread_mutex_lock(&queries->lock);
	for (;;) {
		while (queries->waiting == NULL && !queries->stopping)
			pthread_cond_wait(&queries->work, &queries->lock);
		if (queries->waiting == NULL)
			break;
		struct http_job *job = take_job(queries);
		bool cancelled = queries->stopping;
		pthread_mutex_unlock(&queries->lock);
		run(job, cancelled);
		pthread_mutex_lock(&queries->lock);
		struct http_job **at = &queries->running;
		while (*at != job)
			at = &(*at)->next;
		*at = job->next;
		job_release(job);
	}
	pthread_mutex_unlock(&queries->lock);
	return NULL;
}

enum status http_queries_create(struct http_server *server, unsigned thread_count)
{
	struct http_queries *queries = calloc(1, sizeof(*queries));
	if (queries == NULL)
		return STATUS_NO_MEMORY;
	queries->threads = calloc(thread_count, sizeof(pthread_t));
	queries->waiting_end = &queries->waiting;
	queries->waiting_max = thread_count * WAITING_PER_THREAD_MAX;
	pthread_mutex_init(&queries->lock, NULL);
	pthread_cond_init(&queries->work, NULL);
	server->queries = queries;
	while (queries->threads && queries->thread_count < thread_count &&
		pthread_create(&queries->threads[queries->thread_count], NULL, serve, server) == 0)
		queries->thread_count++;
	return queries->thread_count == thread_count ? STATUS_OK : STATUS_NO_MEMORY;
}

void http_queries_cancel(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	pthread_mutex_lock(&queries->lock);
	queries->stopping = true;
	for (struct http_job *job = queries->running; job; job = job->next) {
		pthread_mutex_lock(&job->lock);
		cancel(job);
		pthread_mutex_unlock(&job->lock);
	}
	pthread_cond_broadcast(&queries->work);
	pthread_mutex_unlock(&queries->lock);
}

void http_queries_join(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	http_queries_cancel(server);
	while (queries->thread_count)
		pthread_join(queries->threads[--queries->thread_count], NULL);
}

void http_queries_destroy(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	if (queries == NULL)
		return;
	http_queries_join(server);
	pthread_cond_destroy(&queries->work);
	pthread_mutex_destroy(&queries->lock);
	free(queries->threads);
	free(queries);
	server->queries = NULL;
}

/* The library does not see that the client of a stopped connection left. */
static bool client_left(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLRDHUP};
	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

void http_queries_tick(struct http_server *server)
{
	struct http_queries *queries = server->queries;
	pthread_mutex_lock(&queries->lock);
	for (struct http_job *job = queries->running; job; job = job->next) {
		pthread_mutex_lock(&job->lock);
		if (job->gate && client_left(job->fd)) {
			cancel(job);
		} else if (job->pipe.len > job->taken) {
			job->streams = true;
			wake_connection(job);
		}
		pthread_mutex_unlock(&job->lock);
	}
	pthread_mutex_unlock(&queries->lock);
}
