/* What the server itself answers, and the table of all that can be asked for. */
#include "http_core.h"

#include <stdlib.h>

#include "codec.h"
#include "http_accept.h"

#define TEXT_PLAIN "text/plain; charset=utf-8"
#define TEXT_HTML  "text/html; charset=utf-8"

enum { READY_REASON_BYTES = 200, METRIC_BYTES_MAX = 256 * 1024 * 1024, GZIP_WORTH_BYTES = 1024 };

static void start_page(struct http_exchange *exchange)
{
	static const char page[] =
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>mcpledger</title>\n"
		"<h1>mcpledger</h1>\n"
		"<p>An audit and observability collector for MCP servers. Version " MCPLEDGER_VERSION ".</p>\n"
		"<ul>\n"
		"<li>POST /v1/events: send events, as JSON objects, an array, or one a line</li>\n"
		"<li><a href=\"/api/v1/events\">/api/v1/events</a>, <a href=\"/api/v1/stats\">/api/v1/stats</a>, "
		"/api/v1/events/{id}, /api/v1/timeline?id={id}: read them</li>\n"
		"<li><a href=\"/metrics\">/metrics</a>: for Prometheus</li>\n"
		"<li><a href=\"/healthz\">/healthz</a>, <a href=\"/readyz\">/readyz</a>: alive; able to store</li>\n"
		"</ul>\n</html>\n";
	http_answer_text(exchange, 200, TEXT_HTML, TEXT(page));
}

static void start_healthz(struct http_exchange *exchange)
{
	http_answer_text(exchange, 200, TEXT_PLAIN, TEXT("ok\n"));
}

static void start_readyz(struct http_exchange *exchange)
{
	const struct http_server_options *options = &exchange->server->options;
	char reason[READY_REASON_BYTES] = "";
	if (options->ready == NULL || options->ready(options->context, reason)) {
		http_answer_text(exchange, 200, TEXT_PLAIN, TEXT("ready\n"));
		return;
	}
	http_answer_text(exchange, 503, TEXT_PLAIN, text_of(reason));
	buf_put_byte(&exchange->answer.body, '\n');
}

static void start_metrics(struct http_exchange *exchange)
{
	static const char *const types[] = {
		[METRIC_TEXT] = "text/plain; version=0.0.4; charset=utf-8",
		[METRIC_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	};
	enum metric_format format = http_accept_metrics(&exchange->head);
	struct buf text;
	buf_init(&text, METRIC_BYTES_MAX);
	metric_expose(exchange->server->options.registry, format, &text);
	if (buf_status(&text) != STATUS_OK) {
		http_answer_problem(exchange, 500, "the metrics do not fit into memory");
		buf_finish(&text);
		return;
	}
	http_answer_text(exchange, 200, types[format], (struct text){NULL, 0});
	struct buf *body = &exchange->answer.body;
	bool packs = text.len >= GZIP_WORTH_BYTES && http_accept_gzip(&exchange->head);
	exchange->answer.varies = true;
	exchange->answer.gzip = packs && codec_pack(buf_text(&text), CODEC_GZIP, CODEC_FAST, body) == STATUS_OK;
	if (exchange->answer.gzip) {
		buf_finish(&text);
	} else {
		buf_finish(body);
		*body = text;
	}
}

static void reload(void *context, const struct http_request *request, struct http_response *response)
{
	struct http_server *server = context;
	struct error error = {0};
	(void)request;
	if (server->options.reload(server->options.context, &error) != STATUS_OK) {
		http_response_problem(
			response, &(struct http_problem){
					  .http_status = 500, .title = http_status_title(500), .detail = error.text});
		return;
	}
	http_response_begin(response, 200, TEXT_PLAIN);
	enum status status = http_response_put(response, "reloaded\n", strlen("reloaded\n"));
	(void)status; /* it is done, whether the client hears it or not */
}

static const struct http_route reload_route = {"/-/reload", reload};

static const struct http_entry own_entries[] = {
	{.path = "/v1/events",
		.methods = HTTP_POST,
		.scope = TOKEN_INGEST,
		.start = http_ingest_start,
		.finish = http_ingest_finish,
		.takes_body = true},
	{.path = "/v1/import",
		.methods = HTTP_POST,
		.scope = TOKEN_ADMIN,
		.start = http_ingest_start,
		.finish = http_ingest_finish,
		.takes_body = true},
	{.path = "/metrics", .methods = HTTP_GET | HTTP_HEAD, .scope = TOKEN_READ, .start = start_metrics},
	{.path = "/healthz", .methods = HTTP_GET | HTTP_HEAD, .start = start_healthz},
	{.path = "/readyz", .methods = HTTP_GET | HTTP_HEAD, .start = start_readyz},
	{.path = "/", .methods = HTTP_GET | HTTP_HEAD, .start = start_page},
	{.path = "/-/reload",
		.methods = HTTP_POST,
		.scope = TOKEN_ADMIN,
		.start = http_query_start,
		.finish = http_query_finish,
		.route = &reload_route},
};
enum { OWN_ENTRY_COUNT = sizeof(own_entries) / sizeof(own_entries[0]) };

enum status http_entries_create(struct http_server *server)
{
	const struct http_server_options *options = &server->options;
	server->entries = calloc(OWN_ENTRY_COUNT + options->route_count, sizeof(struct http_entry));
	if (server->entries == NULL)
		return STATUS_NO_MEMORY;
	memcpy(server->entries, own_entries, sizeof(own_entries));
	server->entry_count = OWN_ENTRY_COUNT;
	for (size_t i = 0; i < OWN_ENTRY_COUNT; i++)
		server->entries[i].route_context = server;
	for (size_t i = 0; i < options->route_count; i++)
		server->entries[server->entry_count++] = (struct http_entry){
			.path = options->routes[i].path,
			.methods = HTTP_GET | HTTP_HEAD | HTTP_POST,
			.scope = TOKEN_READ,
			.start = http_query_start,
			.finish = http_query_finish,
			.takes_body = true,
			.is_on_record = true,
			.route = &options->routes[i],
			.route_context = options->route_context,
		};
	return STATUS_OK;
}

/* A trailing * takes the rest of the path. */
static bool path_matches(const char *pattern, struct text path)
{
	size_t len = strlen(pattern);
	if (len && pattern[len - 1] == '*')
		return path.len > len - 1 && memcmp(path.at, pattern, len - 1) == 0;
	return text_equal(path, (struct text){pattern, len});
}

const struct http_entry *http_entry_find(
	const struct http_server *server, const struct http_head *head, unsigned *methods)
{
	unsigned found = 0;
	for (size_t i = 0; i < server->entry_count; i++) {
		if (!path_matches(server->entries[i].path, head->path))
			continue;
		if (server->entries[i].methods & head->method)
			return &server->entries[i];
		found |= server->entries[i].methods;
	}
	*methods = found;
	return NULL;
}
