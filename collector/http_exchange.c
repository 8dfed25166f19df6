#include "http_core.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ANSWER_BYTES_MAX = 64 * 1024 * 1024,
	RETRY_AFTER_S = 1,
};

void http_exchange_begin(struct http_exchange *exchange)
{
	exchange->stage = HTTP_STAGE_HEAD;
	exchange->entry = NULL;
	exchange->caller = NULL;
	exchange->job = NULL;
	exchange->framing = (struct http_framing){0};
	exchange->answer = (struct http_answer){0};
	exchange->result = (struct ingest_result){0};
	exchange->rejects = NULL;
	buf_init(&exchange->answer.body, ANSWER_BYTES_MAX);
	buf_init(&exchange->body.bytes, exchange->server->body_bytes_max);
	exchange->body.failed = STATUS_OK;
	exchange->policy = http_server_policy(exchange->server);
}

/* --- answers --- */

const char *http_status_title(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 413:
		return "Content Too Large";
	case 415:
		return "Unsupported Media Type";
	case 422:
		return "Unprocessable Content";
	case 429:
		return "Too Many Requests";
	case 500:
		return "Internal Server Error";
	case 503:
		return "Service Unavailable";
	default:
		return "Error";
	}
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	buf_printf(out, ",\"%s\":", name);
	json_put_string(out, text_of(value));
}

void http_put_problem(struct buf *out, const struct http_problem *problem)
{
	buf_put_string(out, "{\"type\":\"about:blank\"");
	put_member(out, "title", problem->title);
	buf_printf(out, ",\"status\":%u", problem->http_status);
	put_member(out, "detail", problem->detail);
	if (problem->column)
		buf_printf(out, ",\"column\":%u", problem->column);
	put_member(out, "nearest", problem->nearest);
	put_member(out, "limit", problem->limit);
	buf_put_string(out, "}\n");
}

void http_answer_text(struct http_exchange *exchange, unsigned status, const char *content_type, struct text body)
{
	exchange->answer.status = status;
	exchange->answer.content_type = content_type;
	buf_clear(&exchange->answer.body);
	buf_put_text(&exchange->answer.body, body);
}

void http_answer_problem(struct http_exchange *exchange, unsigned status, const char *detail)
{
	exchange->answer.status = status;
	exchange->answer.content_type = "application/problem+json";
	buf_clear(&exchange->answer.body);
	http_put_problem(&exchange->answer.body,
		&(struct http_problem){.http_status = status, .title = http_status_title(status), .detail = detail});
	if (status == 503 || status == 429)
		exchange->answer.retry_after_s = RETRY_AFTER_S;
}

static void refuse_and_close(struct http_exchange *exchange, unsigned status, const char *detail)
{
	http_answer_problem(exchange, status, detail);
	exchange->answer.closes = true;
}

/* --- deciding by the head --- */

/* Pages of other sites must not reach us through a browser on this machine: see INTERFACES on Origin and Host. */
static bool may_come_from_there(struct http_exchange *exchange)
{
	const struct http_server *server = exchange->server;
	if (!http_guard_origin(&exchange->head)) {
		http_answer_problem(exchange, 403, "the Origin of the request is another site");
		return false;
	}
	bool checks_host = exchange->policy->tokens == NULL && !server->listener.is_unix;
	struct text host = http_head_field(&exchange->head, "Host", NULL);
	if (checks_host && host.at && !http_guard_host(host, &exchange->policy->hosts)) {
		http_answer_problem(
			exchange, 403, "the Host of the request is neither a loopback name nor in http.hosts");
		return false;
	}
	return true;
}

static const char *allowed_methods(unsigned methods)
{
	return methods & HTTP_POST ? (methods & HTTP_GET ? "GET, HEAD, POST" : "POST") : "GET, HEAD";
}

static bool asks_for_something(struct http_exchange *exchange)
{
	unsigned methods = 0;
	exchange->entry = http_entry_find(exchange->server, &exchange->head, &methods);
	if (exchange->entry)
		return true;
	if (methods == 0) {
		http_answer_problem(exchange, 404, "there is nothing at this path");
	} else {
		http_answer_problem(exchange, 405, NULL);
		exchange->answer.allow = allowed_methods(methods);
	}
	return false;
}

static bool may_do_it(struct http_exchange *exchange)
{
	if (exchange->policy->tokens == NULL || exchange->entry->scope == 0)
		return true;
	struct text authorization = http_head_field(&exchange->head, "Authorization", NULL);
	exchange->caller = http_policy_caller(exchange->policy, authorization);
	if (exchange->caller && token_may(exchange->caller, exchange->entry->scope))
		return true;
	atomic_fetch_add_explicit(&exchange->server->auth_failures, 1, memory_order_relaxed);
	if (exchange->caller)
		http_answer_problem(exchange, 403, "the token's scopes do not cover this");
	else
		http_answer_problem(exchange, 401, "a token is needed: Authorization: Bearer …");
	return false;
}

static bool takes_body(const struct http_exchange *exchange)
{
	return exchange->entry->takes_body && exchange->head.method == HTTP_POST;
}

/* Parameters too long for a request target come as browsers send forms. */
static bool can_take_form(struct http_exchange *exchange)
{
	static const struct text form = {"application/x-www-form-urlencoded", 33};
	struct text type = http_head_field(&exchange->head, "Content-Type", NULL);
	struct text coding = http_head_field(&exchange->head, "Content-Encoding", NULL);
	bool is_form = type.len >= form.len && http_text_same((struct text){type.at, form.len}, form) &&
		       (type.len == form.len || strchr("; \t", type.at[form.len]));
	exchange->body.bytes.max = exchange->server->form_bytes_max;
	if (is_form && (coding.len == 0 || http_text_same(coding, TEXT("identity")))) {
		if (exchange->framing.length <= exchange->body.bytes.max)
			return true;
		exchange->body.failed = STATUS_TOO_LARGE;
		http_query_start(exchange);
		return false;
	}
	http_answer_problem(exchange, 415, "a question in a body is application/x-www-form-urlencoded, not packed");
	return false;
}

static bool can_take_body(struct http_exchange *exchange)
{
	if (!takes_body(exchange))
		return true;
	if (exchange->entry->route)
		return can_take_form(exchange);
	struct text coding = http_head_field(&exchange->head, "Content-Encoding", NULL);
	if (coding.len && !http_text_same(coding, TEXT("gzip")) && !http_text_same(coding, TEXT("x-gzip")) &&
		!http_text_same(coding, TEXT("identity"))) {
		http_answer_problem(exchange, 415, "Content-Encoding can be gzip or identity");
		return false;
	}
	if (exchange->framing.length > exchange->server->body_bytes_max) {
		exchange->body.failed = STATUS_TOO_LARGE;
		exchange->entry->start(exchange);
		return false;
	}
	return true;
}

void http_exchange_head(struct http_exchange *exchange)
{
	exchange->stage = HTTP_STAGE_BODY;
	const char *why = http_guard_framing(&exchange->head, &exchange->framing);
	if (why)
		refuse_and_close(exchange, 400, why);
	else if (exchange->crowded)
		refuse_and_close(exchange, 503, "too many connections");
	else if (atomic_load(&exchange->server->stopping))
		refuse_and_close(exchange, 503, "the collector is stopping");
	else if (may_come_from_there(exchange) && asks_for_something(exchange) && may_do_it(exchange))
		(void)can_take_body(exchange);
}

/*
 * An answer that comes while the client still sends can be lost: closing a socket with unread bytes resets it.  So a
 * refused body is read and thrown away, unless that makes no sense.
 */
bool http_exchange_refuses_now(const struct http_exchange *exchange)
{
	if (exchange->answer.status == 0)
		return false;
	return exchange->answer.closes || exchange->framing.expects_continue ||
	       exchange->framing.length / 2 > exchange->server->body_bytes_max;
}

void http_exchange_body(struct http_exchange *exchange, struct text piece)
{
	if (exchange->answer.status == 0 && takes_body(exchange))
		http_body_append(exchange, piece);
}

bool http_exchange_run(struct http_exchange *exchange)
{
	if (exchange->stage == HTTP_STAGE_BODY) {
		exchange->stage = HTTP_STAGE_WAIT;
		atomic_fetch_add(&exchange->server->unanswered, 1);
		if (exchange->answer.status == 0)
			exchange->entry->start(exchange);
	}
	while (exchange->answer.status == 0) {
		if (http_gate_wait(&exchange->gate))
			return false;
		if (exchange->entry->finish(exchange))
			break;
	}
	exchange->stage = HTTP_STAGE_ANSWER;
	return true;
}

void http_exchange_count(const struct http_exchange *exchange)
{
	char code[16];
	(void)snprintf(code, sizeof(code), "%u", exchange->answer.status);
	struct text values[] = {text_of(exchange->entry ? exchange->entry->path : "other"), text_of(code)};
	metric_add(metric_series_get(exchange->server->requests, values), 1);
}

void http_exchange_end(struct http_exchange *exchange)
{
	if (exchange->job)
		http_query_detach(exchange);
	if (exchange->stage >= HTTP_STAGE_WAIT)
		atomic_fetch_sub(&exchange->server->unanswered, 1);
	http_body_release(exchange);
	free(exchange->rejects);
	exchange->rejects = NULL;
	buf_finish(&exchange->answer.body);
	http_policy_release(&exchange->policy);
	exchange->stage = HTTP_STAGE_HEAD;
}
