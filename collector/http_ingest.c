/*
 * POST /v1/events and /v1/import.  The whole body goes through the funnel on the connection's thread; the answer waits,
 * without a thread, until the writer has committed.
 */
#include "http_core.h"

#include <assert.h>
#include <stdlib.h>

enum { RETRY_AFTER_FULL_DISK_S = 10 };

static struct ingest_worker *take_worker(struct http_server *server)
{
	pthread_mutex_lock(&server->worker_lock);
	assert(server->idle_worker_count > 0); /* there is one for each thread */
	struct ingest_worker *worker = server->idle_workers[--server->idle_worker_count];
	pthread_mutex_unlock(&server->worker_lock);
	return worker;
}

static void give_worker(struct http_server *server, struct ingest_worker *worker)
{
	pthread_mutex_lock(&server->worker_lock);
	server->idle_workers[server->idle_worker_count++] = worker;
	pthread_mutex_unlock(&server->worker_lock);
}

/* On the writer's thread, or on the connection's inside ingest_submit. */
static void done(void *context, const struct ingest_result *result)
{
	struct http_exchange *exchange = context;
	struct http_server *server = exchange->server;
	exchange->result = *result;
	if (result->reject_count) {
		size_t bytes = result->reject_count * sizeof(*result->rejects);
		exchange->rejects = malloc(bytes);
		if (exchange->rejects)
			memcpy(exchange->rejects, result->rejects, bytes);
		else
			exchange->result.reject_count = 0;
	}
	http_gate_open(&exchange->gate);
	atomic_fetch_sub(&server->uncommitted, 1);
}

static bool is_import(const struct http_exchange *exchange)
{
	return exchange->entry->scope == TOKEN_ADMIN;
}

/* The body could not even be handed over. */
static void answer_failure(struct http_exchange *exchange, enum status status)
{
	struct ingest *ingest = exchange->server->options.ingest;
	http_body_release(exchange); /* before the answer: who has it may send the next body */
	enum source source = is_import(exchange) ? SOURCE_IMPORT : SOURCE_HTTP;
	switch (status) {
	case STATUS_TOO_LARGE:
		http_count_limit(exchange->server, HTTP_LIMIT_BODY);
		ingest_count_drop(ingest, source, REASON_EVENT_TOO_LARGE, 1);
		http_answer_problem(exchange, 413, "the body is larger than http.body_bytes_max, as sent or unpacked");
		return;
	case STATUS_INVALID:
		ingest_count_drop(ingest, source, REASON_UNREADABLE_BODY, 1);
		http_answer_problem(exchange, 400, "the body is not gzip, though Content-Encoding says so");
		return;
	default:
		http_count_limit(exchange->server, HTTP_LIMIT_BUDGET);
		ingest_count_drop(ingest, source, REASON_QUEUE_FULL, 1);
		http_answer_problem(exchange, 503, "too much is waiting to be stored (ingest.queue_bytes_max)");
	}
}

static void submit(struct http_exchange *exchange)
{
	struct http_server *server = exchange->server;
	const struct token *caller = exchange->caller;
	struct ingest_request request = {
		.source = is_import(exchange) ? SOURCE_IMPORT : SOURCE_HTTP,
		.body = buf_text(&exchange->body.bytes),
		.emitter = caller ? caller->name : (struct text){NULL, 0},
		.auth = caller ? TEXT("token") : TEXT("none"),
		.peer = exchange->peer,
		.tenants = caller ? caller->tenants : NULL,
		.tenant_count = caller ? caller->tenant_count : 0,
		.may_assert_identity = caller && token_may(caller, TOKEN_ASSERT),
		.from_export = is_import(exchange),
	};
	atomic_fetch_add(&server->uncommitted, 1);
	if (atomic_load(&server->stopping)) {
		atomic_fetch_sub(&server->uncommitted, 1);
		http_answer_problem(exchange, 503, "the collector is stopping");
		exchange->answer.closes = true;
		return;
	}
	struct ingest_worker *worker = take_worker(server);
	ingest_submit(worker, &request, done, exchange);
	give_worker(server, worker);
	http_body_release(exchange);
}

void http_ingest_start(struct http_exchange *exchange)
{
	enum status status = http_body_end(exchange);
	if (status == STATUS_OK)
		submit(exchange);
	else
		answer_failure(exchange, status);
}

static void put_rejects(struct buf *out, const struct ingest_reject *rejects, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct ingest_reject *one = &rejects[i];
		const char *text = one->reject.text[0] ? one->reject.text : reason_meaning(one->reject.reason);
		buf_put_string(out, i ? ",{\"index\":" : "{\"index\":");
		buf_put_uint(out, one->index);
		buf_put_string(out, ",\"line\":");
		buf_put_uint(out, one->line);
		buf_put_string(out, ",\"error\":");
		json_put_string(out, text_of(text));
		buf_put_byte(out, '}');
	}
}

static void answer_counts(struct http_exchange *exchange)
{
	const struct ingest_result *result = &exchange->result;
	struct buf *out = &exchange->answer.body;
	bool nothing_taken = result->accepted == 0 && result->duplicates == 0 && result->rejected_total > 0;
	exchange->answer.status = result->unreadable || nothing_taken ? 400 : 200;
	exchange->answer.content_type = "application/json";
	buf_put_string(out, "{\"accepted\":");
	buf_put_uint(out, result->accepted);
	buf_put_string(out, ",\"duplicates\":");
	buf_put_uint(out, result->duplicates);
	buf_put_string(out, ",\"rejected_total\":");
	buf_put_uint(out, result->rejected_total);
	buf_put_string(out, ",\"rejected\":[");
	put_rejects(out, exchange->rejects, result->reject_count);
	buf_put_string(out, "]}\n");
}

bool http_ingest_finish(struct http_exchange *exchange)
{
	switch (exchange->result.status) {
	case STATUS_OK:
		answer_counts(exchange);
		break;
	case STATUS_BUSY:
		http_answer_problem(exchange, 503, "too much is waiting to be stored; nothing of this body was");
		break;
	case STATUS_NO_SPACE:
		http_answer_problem(exchange, 503, "the store has no space; nothing of this body was stored");
		exchange->answer.retry_after_s = RETRY_AFTER_FULL_DISK_S;
		break;
	default:
		http_answer_problem(exchange, 503, "the store could not write; nothing of this body was stored");
	}
	return true;
}
