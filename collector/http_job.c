/* A job's life, what its handler may do, and its pipe. */
#include "http_job.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "http_accept.h"
#include "printable.h"
#include "timestamp.h"

enum { REQUEST_BYTES_MAX = 256 * 1024, PROBLEM_BYTES_MAX = 16 * 1024 };
#define PUT_TIME_MAX_S 30 /* a client that takes nothing for so long is given up */

/* --- what a handler sees --- */

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

struct text http_request_last_event_id(const struct http_request *request)
{
	return request->job->last_event_id;
}

bool http_request_cancelled(const struct http_request *request)
{
	return atomic_load_explicit(&request->job->cancelled, memory_order_relaxed);
}

/* --- the answer --- */

/* With the lock held. */
static void set_head(struct http_job *job, unsigned http_status, const char *content_type)
{
	job->status = http_status;
	(void)snprintf(job->content_type, sizeof(job->content_type), "%s", content_type);
}

void http_response_begin(struct http_response *response, unsigned http_status, const char *content_type)
{
	struct http_job *job = response->job;
	pthread_mutex_lock(&job->lock);
	assert(job->status == 0);
	set_head(job, http_status, content_type);
	pthread_mutex_unlock(&job->lock);
}

void http_job_wake(struct http_job *job)
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
		http_job_wake(job);
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
		http_job_wake(job);
	pthread_mutex_unlock(&job->lock);
	return status;
}

void http_response_problem(struct http_response *response, const struct http_problem *problem)
{
	struct http_job *job = response->job;
	struct buf body;
	buf_init(&body, PROBLEM_BYTES_MAX);
	http_put_problem(&body, problem);
	pthread_mutex_lock(&job->lock);
	if (job->status != 0 && (job->streams || job->head_only)) {
		job->failed = job->streams; /* a HEAD has what GET begins with */
	} else {
		set_head(job, problem->http_status, "application/problem+json");
		buf_clear(&job->pipe);
		job->taken = 0;
		job->failed = false;
		if (!job->head_only)
			buf_put_text(&job->pipe, buf_text(&body));
		job->total = job->pipe.len;
	}
	pthread_mutex_unlock(&job->lock);
	buf_finish(&body);
}

void http_response_account(struct http_response *response, const struct http_account *account)
{
	response->job->account = *account;
	if (account->limit)
		http_count_setting(response->job->server, account->limit);
}

/* --- its life --- */

void http_job_hold(struct http_job *job)
{
	atomic_fetch_add_explicit(&job->holders, 1, memory_order_relaxed);
}

void http_job_release(struct http_job *job)
{
	if (atomic_fetch_sub_explicit(&job->holders, 1, memory_order_acq_rel) != 1)
		return;
	if (job->budget_bytes)
		budget_give(job->server->options.budget, job->budget_bytes);
	buf_finish(&job->pipe);
	arena_finish(&job->arena);
	http_policy_release(&job->policy);
	pthread_cond_destroy(&job->room);
	pthread_mutex_destroy(&job->lock);
	free(job);
}

static enum status add_parameter(struct http_job *job, struct text name, struct text value)
{
	struct http_field *to = &job->parameters[job->parameter_count];
	enum status status = http_unescape(name, &job->arena, &to->name);
	if (status == STATUS_OK)
		status = http_unescape(value, &job->arena, &to->value);
	if (status == STATUS_OK && (!printable_is_utf8(to->name) || !printable_is_utf8(to->value)))
		status = STATUS_INVALID;
	if (status == STATUS_OK)
		job->parameter_count++;
	return status;
}

/* name=value&…, where + is a space. */
static enum status add_form(struct http_job *job, struct buf *form, const char **why)
{
	for (size_t i = 0; i < form->len; i++)
		if (form->at[i] == '+')
			form->at[i] = ' ';
	enum status status = STATUS_OK;
	for (size_t at = 0; at < form->len && status == STATUS_OK;) {
		const char *end = memchr(form->at + at, '&', form->len - at);
		struct text pair = {form->at + at, end ? (size_t)(end - form->at) - at : form->len - at};
		const char *equals = pair.len > 0 ? memchr(pair.at, '=', pair.len) : NULL;
		size_t name_len = equals ? (size_t)(equals - pair.at) : pair.len;
		struct text value = {pair.at + name_len + 1, equals ? pair.len - name_len - 1 : 0};
		at += pair.len + 1;
		if (pair.len == 0)
			continue;
		if (job->parameter_count == JOB_PARAMETERS_MAX) {
			*why = "there are too many parameters";
			return STATUS_INVALID;
		}
		status = add_parameter(job, (struct text){pair.at, name_len}, value);
	}
	return status;
}

static enum status copy_request(struct http_job *job, struct http_exchange *exchange, const char **why)
{
	const struct http_head *head = &exchange->head;
	struct buf *form = &exchange->body.bytes;
	arena_init(&job->arena, REQUEST_BYTES_MAX + 2 * form->len);
	*why = "in the path or a parameter, a % is not followed by two hex digits, or a text is not UTF-8";
	enum status status = http_unescape(head->path, &job->arena, &job->path);
	if (status == STATUS_OK && !printable_is_utf8(job->path))
		status = STATUS_INVALID;
	job->peer = arena_copy(&job->arena, exchange->peer);
	job->last_event_id = arena_copy(&job->arena, http_head_field(head, "Last-Event-ID", NULL));
	for (size_t i = 0; i < head->parameter_count && status == STATUS_OK; i++)
		status = add_parameter(job, head->parameters[i].name, head->parameters[i].value);
	if (status == STATUS_OK && form->len > 0)
		status = add_form(job, form, why);
	/* What the form took of the budget now stands for its copy. */
	job->budget_bytes = exchange->body.taken;
	exchange->body.taken = 0;
	http_body_release(exchange);
	return status;
}

static void init_sync(struct http_job *job)
{
	pthread_condattr_t monotonic;
	pthread_mutex_init(&job->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&job->room, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

enum status http_job_create(struct http_job **job, struct http_exchange *exchange, const char **why)
{
	struct http_job *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->server = exchange->server;
	made->entry = exchange->entry;
	made->policy = exchange->policy;
	http_policy_hold(made->policy);
	made->caller = exchange->caller;
	made->head_only = exchange->head.method == HTTP_HEAD;
	made->takes_gzip = http_accept_gzip(&exchange->head);
	made->began = timestamp_elapsed();
	made->request.job = made;
	made->response.job = made;
	made->gate = &exchange->gate;
	made->fd = exchange->fd;
	atomic_init(&made->holders, 1);
	buf_init(&made->pipe, PIPE_BYTES);
	init_sync(made);
	enum status status = copy_request(made, exchange, why);
	if (status == STATUS_OK)
		*job = made;
	else
		http_job_release(made);
	return status;
}

void http_job_cancel(struct http_job *job)
{
	job->cancelled = true;
	pthread_cond_signal(&job->room);
}

bool http_job_client_left(const struct http_job *job)
{
	struct pollfd poll_fd = {.fd = job->fd, .events = POLLRDHUP};
	return job->gate && poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

bool http_job_is_allowed(const struct http_job *job, const struct http_policy *policy)
{
	if (policy == job->policy || policy->tokens == NULL)
		return true;
	return job->caller && tokens_have(policy->tokens, job->caller);
}

void http_job_finish(struct http_job *job)
{
	pthread_mutex_lock(&job->lock);
	job->finished = true;
	http_job_wake(job);
	pthread_mutex_unlock(&job->lock);
}
