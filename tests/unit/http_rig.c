#include "http_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "timestamp.h"

/* --- the funnel --- */

struct funnel funnel = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct ingest_worker {
	int unused;
};

enum status ingest_worker_create(struct ingest_worker **worker, struct ingest *ingest)
{
	(void)ingest;
	*worker = calloc(1, sizeof(**worker));
	return *worker ? STATUS_OK : STATUS_NO_MEMORY;
}

void ingest_worker_destroy(struct ingest_worker **worker)
{
	free(*worker);
	*worker = NULL;
}

void ingest_submit(struct ingest_worker *worker, const struct ingest_request *request, ingest_done *done, void *context)
{
	(void)worker;
	pthread_mutex_lock(&funnel.lock);
	funnel.submitted++;
	funnel.from_export = request->from_export;
	funnel.source = request->source;
	funnel.tenant_count = request->tenant_count;
	(void)snprintf(funnel.emitter, sizeof(funnel.emitter), "%.*s", (int)request->emitter.len, request->emitter.at);
	funnel.body_len = request->body.len;
	(void)snprintf(funnel.body, sizeof(funnel.body), "%.*s", (int)request->body.len, request->body.at);
	bool holds = funnel.holds;
	if (holds) {
		funnel.done[funnel.held] = done;
		funnel.context[funnel.held++] = context;
	}
	pthread_cond_broadcast(&funnel.changed);
	pthread_mutex_unlock(&funnel.lock);
	if (!holds)
		done(context, &funnel.result);
}

void ingest_count_drop(struct ingest *ingest, enum source source, enum reason reason, uint64_t n)
{
	(void)ingest;
	(void)source;
	funnel.drops[reason] += (unsigned)n;
}

void ingest_note(struct ingest *ingest, const char *op, struct text detail)
{
	(void)ingest;
	pthread_mutex_lock(&funnel.lock);
	(void)snprintf(funnel.note, sizeof(funnel.note), "%s %.*s", op, (int)detail.len, detail.at);
	pthread_mutex_unlock(&funnel.lock);
}

bool was_noted(const char *part)
{
	pthread_mutex_lock(&funnel.lock);
	bool found = strstr(funnel.note, part) != NULL;
	pthread_mutex_unlock(&funnel.lock);
	return found;
}

void wait_held(size_t count)
{
	pthread_mutex_lock(&funnel.lock);
	while (funnel.held < count)
		pthread_cond_wait(&funnel.changed, &funnel.lock);
	pthread_mutex_unlock(&funnel.lock);
}

void release_all(void)
{
	pthread_mutex_lock(&funnel.lock);
	funnel.holds = false;
	size_t held = funnel.held;
	funnel.held = 0;
	pthread_mutex_unlock(&funnel.lock);
	for (size_t i = 0; i < held; i++)
		funnel.done[i](funnel.context[i], &funnel.result);
}

/* --- the server --- */

struct http_server *server;
struct metric_registry *registry;
struct budget budget;
struct conf conf;
bool is_ready;
unsigned reloads;

static bool ready(void *context, char reason[200])
{
	(void)context;
	(void)snprintf(reason, 200, "the disk is full");
	return is_ready;
}

static enum status reload(void *context, struct error *error)
{
	(void)context;
	if (reloads++)
		return error_set(error, STATUS_INVALID, "http.hosts: wrong");
	return STATUS_OK;
}

static void echo_route(void *context, const struct http_request *request, struct http_response *response)
{
	size_t tenants = 0;
	(void)context;
	const struct text *list = http_request_tenants(request, &tenants);
	struct text path = http_request_path(request);
	struct text name = {NULL, 0};
	struct text q = {NULL, 0};
	for (size_t i = 0; http_request_parameter_at(request, i, &name, &q) && !text_equal(name, TEXT("q")); i++)
		q = (struct text){NULL, 0};
	char text[4096];
	int len = snprintf(text, sizeof(text), "path=%.*s q=%.*s tenants=%zu%s", (int)path.len, path.at, (int)q.len,
		q.at ? q.at : "", tenants, list ? "" : " all");
	http_response_account(response, &(struct http_account){.words = q});
	http_response_begin(response, 200, "text/plain");
	assert_int_equal(http_response_put(response, text, (size_t)len), STATUS_OK);
}

/* Fails in the middle; q=late: when much of it was sent. */
static void fail_route(void *context, const struct http_request *request, struct http_response *response)
{
	static const char half[1 << 20] = "half of it";
	struct text name;
	struct text value;
	size_t len = http_request_parameter_at(request, 0, &name, &value) ? sizeof(half) : 10;
	(void)context;
	http_response_begin(response, 200, "text/plain");
	assert_int_equal(http_response_put(response, half, len), STATUS_OK);
	http_response_account(response, &(struct http_account){.limit = "query.rows_max"});
	http_response_problem(response, &(struct http_problem){.http_status = 422,
						.title = "too large",
						.column = 3,
						.nearest = "name",
						.limit = "query.rows_max"});
}

static void kilobytes_route(void *context, const struct http_request *request, struct http_response *response)
{
	char text[4096];
	(void)context;
	(void)request;
	memset(text, 'x', sizeof(text));
	http_response_begin(response, 200, "text/plain");
	assert_int_equal(http_response_put(response, text, sizeof(text)), STATUS_OK);
}

static enum http_weight weigh_unending(const struct http_request *request)
{
	(void)request;
	return HTTP_UNENDING;
}

static enum http_weight weigh_light(const struct http_request *request)
{
	(void)request;
	return HTTP_LIGHT;
}

pthread_barrier_t flood_ended;
_Atomic unsigned flood_status;

/* Writes without end, until it is told to stop. */
static void flood_route(void *context, const struct http_request *request, struct http_response *response)
{
	static const char line[1000] = {'x'};
	enum status status = STATUS_OK;
	(void)context;
	(void)request;
	http_response_begin(response, 200, "text/plain");
	while (status == STATUS_OK)
		status = http_response_put(response, line, sizeof(line));
	flood_status = status;
	pthread_barrier_wait(&flood_ended);
}

/* 1,000,000 numbered lines of 8 bytes: far more than fits into the pipe. */
static void long_route(void *context, const struct http_request *request, struct http_response *response)
{
	enum status status = STATUS_OK;
	(void)context;
	(void)request;
	http_response_begin(response, 200, "text/plain");
	for (unsigned i = 0; i < 1000000 && status == STATUS_OK; i++) {
		char line[16];
		(void)snprintf(line, sizeof(line), "%07u\n", i);
		status = http_response_put(response, line, 8);
	}
}

static void silent_route(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context;
	(void)request;
	(void)response;
}

static const struct http_route routes[] = {
	{"/api/v1/echo", echo_route, NULL},
	{"/api/v1/echo/*", echo_route, NULL},
	{"/api/v1/fail", fail_route, NULL},
	{"/api/v1/flood", flood_route, NULL},
	{"/api/v1/kilobytes", kilobytes_route, NULL},
	{"/api/v1/light", echo_route, weigh_light},
	{"/api/v1/long", long_route, NULL},
	{"/api/v1/silent", silent_route, NULL},
	{"/api/v1/unending", flood_route, weigh_unending},
};

enum status start_with(char *const *environment, struct error *error)
{
	struct buf warnings;
	buf_init(&warnings, 4096);
	enum status status = conf_load(&conf, NULL, environment, &warnings, error);
	buf_finish(&warnings);
	if (status != STATUS_OK)
		return status;
	budget_init(&budget, conf.ingest_queue_bytes_max);
	assert_int_equal(metric_registry_create(&registry, 1000), STATUS_OK);
	const struct http_server_options options = {
		.conf = &conf,
		.budget = &budget,
		.registry = registry,
		.routes = routes,
		.route_count = sizeof(routes) / sizeof(routes[0]),
		.ready = ready,
		.reload = reload,
	};
	return http_server_create(&server, &options, error);
}

void start(const char *setting)
{
	struct error error = {0};
	char listen[] = "MCPLEDGER_HTTP_LISTEN=127.0.0.1:0";
	char *more = setting ? strdup(setting) : NULL;
	char *environment[] = {listen, more, NULL};
	if (start_with(environment, &error) != STATUS_OK)
		fail_msg("%s", error.text);
	free(more);
}

int clean(void **state)
{
	(void)state;
	pthread_mutex_lock(&funnel.lock);
	funnel.holds = false;
	funnel.submitted = 0;
	funnel.result = (struct ingest_result){.accepted = 1};
	memset(funnel.drops, 0, sizeof(funnel.drops));
	funnel.note[0] = 0;
	pthread_mutex_unlock(&funnel.lock);
	is_ready = true;
	reloads = 0;
	return 0;
}

int stop(void **state)
{
	(void)state;
	release_all();
	http_server_destroy(&server, NS_PER_S);
	uint64_t left = budget.bytes_used;
	metric_registry_destroy(&registry);
	conf_finish(&conf);
	return left == 0 ? 0 : -1;
}

/* --- the client --- */

int dial(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	address.sin_port = htons((uint16_t)atoi(strrchr(http_server_address(server), ':') + 1));
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

void send_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n <= 0)
			return; /* the server may refuse to read on */
		bytes += n;
		len -= (size_t)n;
	}
}

size_t receive_until(int fd, char *to, size_t size, bool (*enough)(const char *text))
{
	size_t len = 0;
	to[0] = 0;
	while (len + 1 < size && !(enough && enough(to))) {
		ssize_t n = recv(fd, to + len, size - 1 - len, 0);
		if (n <= 0)
			break;
		len += (size_t)n;
		to[len] = 0;
	}
	return len;
}

/* A whole answer with Content-Length. */
bool is_whole(const char *to)
{
	const char *body = strstr(to, "\r\n\r\n");
	const char *length = strstr(to, "Content-Length: ");
	return body && length && strlen(body + 4) >= (size_t)atoi(length + strlen("Content-Length: "));
}

char answer[ANSWER_BYTES];

const char *ask(const char *request)
{
	int fd = dial();
	send_all(fd, request, strlen(request));
	(void)receive_until(fd, answer, ANSWER_BYTES, is_whole);
	close(fd);
	return answer;
}

const char *post(const char *path, const char *fields, const char *body)
{
	char request[4096];
	(void)snprintf(request, sizeof(request),
		"POST %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s", path, fields, strlen(body),
		body);
	return ask(request);
}

const char *get(const char *path, const char *fields)
{
	char request[4096];
	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, fields);
	return ask(request);
}

void assert_code(const char *text, const char *code)
{
	if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strncmp(text + 9, code, 3) != 0)
		fail_msg("wanted %s, got: %.400s", code, text);
}
