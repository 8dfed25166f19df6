/*
 * The one file that knows libmicrohttpd.  It turns the library's calls into the steps of an exchange
 * (http_exchange.h); what is decided about a request stands elsewhere.
 *
 *   accepted  on_accept            closed at once while the server stops
 *   opened    on_connection        a struct connection, with a deadline for its first request
 *   line      on_request_line      http_exchange_begin
 *   head      on_request, 1st      http_exchange_head: refused or not
 *   body      on_request           http_exchange_body, piece by piece
 *   whole     on_request, last     http_exchange_run; the connection may be suspended, then on_request comes again
 *   answered  on_completed         http_exchange_end; a deadline for the next request
 *   closed    on_connection
 *
 * What the library lacks, measured with 0.9.75: its timeout starts anew with every byte, so each request has an absolute
 * deadline of ours; it takes Content-Length beside Transfer-Encoding, and two of the former, hence http_guard_framing;
 * it answers early by closing, so refused bodies are read; suspended connections never time out and must all be
 * resumed before it stops; MHD_quiesce_daemon and a worker can both take the listening socket out of the same epoll set,
 * and the second one aborts (once in some 3,000 stops), so a stop refuses in on_accept instead; a worker that got as many
 * events at once as it asked for waits for more before it looks at them, hence epoll_wait here.
 */
#include "http_core.h"

#include <fcntl.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "timestamp.h"

enum {
	/* The library's memory for one connection, which it clears after each request; half of it is its read buffer. */
	CONNECTION_BYTES = 32 * 1024,
	CROWD_PER_THREAD = 16, /* connections beyond the limit that are still told so */
	PEM_BYTES_MAX = 1024 * 1024,
	STOP_POLL_NS = 1000000,
};

struct connection {
	struct http_connection place; /* among the others */
	struct http_exchange exchange;
};

/*
 * The library calls this one instead of libc's.  It asks for 128 events, and when it gets them all it asks again, with the
 * same time-out, before it handles the first: when 128 clients of a worker have sent and wait for their answers, nothing
 * comes any more, and all of them hang until the time-out of an idle connection.  With one event less it never gets all;
 * what is left over stays ready for the next call.  (Also so in 1.0.1.)
 */
int epoll_wait(int epoll, struct epoll_event *events, int max, int timeout_ms)
{
	return epoll_pwait(epoll, events, max > 1 ? max - 1 : max, timeout_ms, NULL);
}

/* --- the gate --- */

enum { GATE_CLOSED, GATE_OPEN, GATE_WAITED };

bool http_gate_wait(struct http_gate *gate)
{
	int state = GATE_OPEN;
	if (atomic_compare_exchange_strong(&gate->state, &state, GATE_CLOSED))
		return false;
	MHD_suspend_connection(gate->connection);
	state = GATE_CLOSED;
	/* Whoever opened it before this line did not see us wait: then it stays open, and we are called again. */
	if (!atomic_compare_exchange_strong(&gate->state, &state, GATE_WAITED))
		MHD_resume_connection(gate->connection);
	return true;
}

void http_gate_open(struct http_gate *gate)
{
	/* Read first: once it is open, the exchange may end on its own thread at any moment. */
	struct MHD_Connection *connection = gate->connection;
	if (atomic_exchange(&gate->state, GATE_OPEN) == GATE_WAITED)
		MHD_resume_connection(connection);
}

/* --- answers --- */

/*
 * An answer without chunks (HTTP/1.0) ends where its connection ends: a reset says that it is not whole.  The library says
 * a polite goodbye before it closes; so the socket is disconnected before that, which resets it.
 */
static ssize_t break_off(const struct http_exchange *exchange)
{
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	if (!exchange->head.is_http_1_1)
		(void)connect(exchange->fd, &nobody, sizeof(nobody));
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_stream(void *context, uint64_t position, char *to, size_t max)
{
	struct http_exchange *exchange = context;
	size_t len = 0;
	bool end = false;
	(void)position;
	for (;;) {
		if (http_query_read(exchange, to, max, &len, &end) != STATUS_OK)
			return break_off(exchange);
		if (len)
			return (ssize_t)len;
		if (end)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (http_gate_wait(&exchange->gate))
			return 0;
	}
}

static struct MHD_Response *make_response(struct http_exchange *exchange)
{
	struct http_answer *answer = &exchange->answer;
	static char nothing[1];
	if (answer->streams)
		return MHD_create_response_from_callback(
			MHD_SIZE_UNKNOWN, CONNECTION_BYTES / 2, read_stream, exchange, NULL);
	if (answer->body.len == 0)
		return MHD_create_response_from_buffer(0, nothing, MHD_RESPMEM_PERSISTENT);
	struct MHD_Response *response =
		MHD_create_response_from_buffer_with_free_callback(answer->body.len, answer->body.at, free);
	if (response)
		buf_init(&answer->body, answer->body.max); /* the bytes are the library's now */
	return response;
}

static bool add_headers(struct MHD_Response *response, const struct http_answer *answer)
{
	/* Nothing of ours is ever to be framed, sniffed, cached, or run. */
	static const char *const always[][2] = {
		{"X-Content-Type-Options", "nosniff"},
		{"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
		{"Cross-Origin-Resource-Policy", "same-origin"},
		{"Referrer-Policy", "no-referrer"},
		{"Cache-Control", "no-store"},
	};
	bool added = true;
	for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		added = added && MHD_add_response_header(response, always[i][0], always[i][1]) == MHD_YES;
	if (answer->content_type)
		added = added && MHD_add_response_header(response, "Content-Type", answer->content_type) == MHD_YES;
	if (answer->gzip)
		added = added && MHD_add_response_header(response, "Content-Encoding", "gzip") == MHD_YES;
	if (answer->varies)
		added = added && MHD_add_response_header(response, "Vary", "Accept-Encoding") == MHD_YES;
	if (answer->allow)
		added = added && MHD_add_response_header(response, "Allow", answer->allow) == MHD_YES;
	if (answer->status == 401)
		added = added && MHD_add_response_header(response, "WWW-Authenticate", "Bearer") == MHD_YES;
	if (answer->closes)
		added = added && MHD_add_response_header(response, "Connection", "close") == MHD_YES;
	if (answer->retry_after_s) {
		char seconds[16];
		(void)snprintf(seconds, sizeof(seconds), "%u", answer->retry_after_s);
		added = added && MHD_add_response_header(response, "Retry-After", seconds) == MHD_YES;
	}
	return added;
}

static enum MHD_Result send_answer(struct MHD_Connection *connection, struct http_exchange *exchange)
{
	if (buf_status(&exchange->answer.body) != STATUS_OK)
		return MHD_NO;
	if (atomic_load_explicit(&exchange->server->stopping, memory_order_relaxed))
		exchange->answer.closes = true;
	struct MHD_Response *response = make_response(exchange);
	if (response == NULL)
		return MHD_NO;
	http_exchange_count(exchange);
	if (exchange->answer.lasts)
		(void)MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
	enum MHD_Result result = MHD_NO;
	if (add_headers(response, &exchange->answer))
		result = MHD_queue_response(connection, exchange->answer.status, response);
	MHD_destroy_response(response);
	return result;
}

/* --- the library's calls --- */

static enum MHD_Result on_accept(void *context, const struct sockaddr *address, socklen_t address_len)
{
	struct http_server *server = context;
	(void)address;
	(void)address_len;
	return atomic_load_explicit(&server->stopping, memory_order_relaxed) ? MHD_NO : MHD_YES;
}

static void set_deadline(struct connection *connection, int64_t deadline)
{
	atomic_store_explicit(&connection->place.deadline, deadline, memory_order_relaxed);
}

static int64_t next_deadline(const struct http_server *server)
{
	return timestamp_elapsed() + server->request_time_max;
}

static void close_connection(struct http_server *server, void **socket_context)
{
	struct connection *gone = *socket_context;
	if (gone == NULL)
		return;
	http_connection_close(server->connections, &gone->place);
	free(gone);
	*socket_context = NULL;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
	enum MHD_ConnectionNotificationCode what)
{
	struct http_server *server = context;
	if (what != MHD_CONNECTION_NOTIFY_STARTED) {
		close_connection(server, socket_context);
		return;
	}
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	const struct sockaddr *address =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
	struct connection *made = calloc(1, sizeof(*made));
	enum http_room room = HTTP_ROOM_NONE;
	if (made) {
		set_deadline(made, next_deadline(server));
		room = http_connection_open(server->connections, &made->place, fd, address);
	}
	if (room == HTTP_ROOM_CROWDED)
		http_count_limit(server, HTTP_LIMIT_CONNECTIONS);
	else if (room != HTTP_ROOM)
		http_count_limit(server, HTTP_LIMIT_ADDRESS);
	if (room == HTTP_ROOM_NONE) {
		free(made);
		(void)shutdown(fd, SHUT_RDWR); /* the library closes it */
		return;
	}
	made->exchange.server = server;
	made->exchange.peer = text_of(made->place.peer);
	made->exchange.crowded = made->place.crowded;
	made->exchange.fd = fd;
	made->exchange.gate.connection = connection;
	*socket_context = made;
}

static struct connection *connection_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection)
{
	struct connection *of = connection_of(connection);
	(void)context;
	if (of == NULL)
		return NULL;
	http_exchange_begin(&of->exchange);
	of->exchange.head.odd_lines = target == NULL || strchr(target, ' ') != NULL;
	return of;
}

static enum MHD_Result add_field(struct http_field *fields, size_t *count, size_t max, struct http_field field)
{
	if (*count == max)
		return MHD_NO;
	fields[(*count)++] = field;
	return MHD_YES;
}

static enum MHD_Result on_field(
	void *context, enum MHD_ValueKind kind, const char *name, size_t name_len, const char *value, size_t value_len)
{
	struct http_head *head = context;
	struct http_field field = {{name, name_len}, {value ? value : "", value ? value_len : 0}};
	enum MHD_Result added =
		kind == MHD_HEADER_KIND
			? add_field(head->fields, &head->field_count, HTTP_FIELDS_MAX, field)
			: add_field(head->parameters, &head->parameter_count, HTTP_PARAMETERS_MAX, field);
	if (added != MHD_YES)
		head->too_many = true;
	return added;
}

/*
 * The library takes lines that end with a bare LF, joins folded ones and cuts a value at a NUL: what a proxy before us
 * read as one field can so become two.  It parses in place, so each field must begin two bytes (CR LF) after the end of
 * the one before.  Newer versions refuse such heads themselves.
 */
static bool has_odd_lines(
	const struct http_head *head, struct MHD_Connection *connection, const char *method, struct text version)
{
#if MHD_VERSION < 0x00097600
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	const char *end = version.at + version.len;
	for (size_t i = 0; i < head->field_count; i++) {
		if (head->fields[i].name.at != end + 2)
			return true;
		end = head->fields[i].value.at + head->fields[i].value.len;
	}
	return size == NULL || end + 4 != method + size->header_size;
#else
	return false;
#endif
}

static void fill_head(struct http_head *head, struct MHD_Connection *connection, const char *path, const char *method,
	const char *version)
{
	head->method = strcmp(method, "GET") == 0    ? HTTP_GET
		       : strcmp(method, "HEAD") == 0 ? HTTP_HEAD
		       : strcmp(method, "POST") == 0 ? HTTP_POST
						     : HTTP_OTHER;
	head->is_http_1_1 = strcmp(version, "HTTP/1.1") == 0;
	head->path = text_of(path);
	head->too_many = false;
	head->field_count = 0;
	head->parameter_count = 0;
	(void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_field, head);
	(void)MHD_get_connection_values_n(connection, MHD_GET_ARGUMENT_KIND, on_field, head);
	if (has_odd_lines(head, connection, method, text_of(version)))
		head->odd_lines = true;
}

/* NOLINTNEXTLINE(readability-function-size): the library's type of callback */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path,
	const char *method, const char *version, const char *upload, size_t *upload_len, void **request_context)
{
	struct connection *of = *request_context;
	(void)context;
	if (of == NULL)
		return MHD_NO;
	struct http_exchange *exchange = &of->exchange;
	if (exchange->stage == HTTP_STAGE_HEAD) {
		fill_head(&exchange->head, connection, path, method, version);
		http_exchange_head(exchange);
		return http_exchange_refuses_now(exchange) ? send_answer(connection, exchange) : MHD_YES;
	}
	if (*upload_len) {
		http_exchange_body(exchange, (struct text){upload, *upload_len});
		*upload_len = 0;
		return MHD_YES;
	}
	set_deadline(of, 0);
	return http_exchange_run(exchange) ? send_answer(connection, exchange) : MHD_YES;
}

static void on_completed(
	void *context, struct MHD_Connection *connection, void **request_context, enum MHD_RequestTerminationCode why)
{
	struct connection *of = *request_context;
	(void)connection;
	(void)why;
	if (of == NULL)
		return;
	http_exchange_end(&of->exchange);
	set_deadline(of, next_deadline(context));
	/* Data and end that come together are one event of epoll, and the library forgets the end: remind it. */
	char byte = 0;
	if (recv(of->place.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		(void)shutdown(of->place.fd, SHUT_RD);
}

/* Paths and parameters are kept as they were sent: a decoded NUL would end the library's strings. */
static size_t keep_escapes(void *context, struct MHD_Connection *connection, char *text)
{
	(void)context;
	(void)connection;
	return strlen(text);
}

static void on_log(void *context, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
static void on_log(void *context, const char *format, va_list arguments)
{
	char text[256];
	(void)context;
	(void)vsnprintf(text, sizeof(text), format, arguments);
	text[strcspn(text, "\n")] = 0;
	log_line(LOG_LEVEL_DEBUG, "http library", "text", text, NULL);
}

/* --- what the parts ask of the server --- */

struct http_policy *http_server_policy(struct http_server *server)
{
	pthread_mutex_lock(&server->policy_lock);
	struct http_policy *policy = server->policy;
	http_policy_hold(policy);
	pthread_mutex_unlock(&server->policy_lock);
	return policy;
}

static const char *const limit_names[HTTP_LIMIT_COUNT] = {
	[HTTP_LIMIT_CONNECTIONS] = "http.connections_max",
	[HTTP_LIMIT_ADDRESS] = "http.connections_per_address_max",
	[HTTP_LIMIT_BODY] = "http.body_bytes_max",
	[HTTP_LIMIT_BUDGET] = "ingest.queue_bytes_max",
	[HTTP_LIMIT_REQUEST_TIME] = "http.request_time_max",
	[HTTP_LIMIT_QUERIES] = "query.threads",
	[HTTP_LIMIT_QUERY_TIME] = "query.time_max",
	[HTTP_LIMIT_ROWS] = "query.rows_max",
	[HTTP_LIMIT_BYTES] = "query.bytes_max",
	[HTTP_LIMIT_FORM] = "query.form_bytes_max",
	[HTTP_LIMIT_TAILS] = "query.tails_max",
	[HTTP_LIMIT_TAIL_BYTES] = "query.tail_bytes_max",
	[HTTP_LIMIT_TAIL_STALL] = "query.tail_stall_time_max",
};

void http_count_limit(struct http_server *server, enum http_limit limit)
{
	metric_add(server->limits[limit], 1);
}

void http_count_setting(struct http_server *server, const char *setting)
{
	for (size_t i = 0; i < HTTP_LIMIT_COUNT; i++)
		if (strcmp(limit_names[i], setting) == 0)
			http_count_limit(server, (enum http_limit)i);
}

const char *http_server_address(const struct http_server *server)
{
	return server->listener.address;
}

enum status http_server_reload(struct http_server *server, const struct conf *conf, struct error *error)
{
	struct http_policy *wanted = NULL;
	if (server == NULL)
		return STATUS_OK;
	if (!server->listener.is_loopback && conf->http_tokens_file[0] == 0)
		return error_set(error, STATUS_INVALID,
			"http.tokens_file: needed as long as http.listen is reachable by other machines");
	enum status status = http_policy_create(&wanted, conf, error);
	if (status != STATUS_OK)
		return status;
	pthread_mutex_lock(&server->policy_lock);
	struct http_policy *old = server->policy;
	server->policy = wanted;
	pthread_mutex_unlock(&server->policy_lock);
	http_policy_release(&old);
	return STATUS_OK;
}

/* --- starting --- */

static double count_connections(void *context)
{
	return http_connections_count(context);
}

static void add_metrics(struct http_server *server)
{
	static const char *const request_labels[] = {"path", "code"};
	static const char *const limit_labels[] = {"limit"};
	struct metric_registry *registry = server->options.registry;
	static const struct metric_info requests_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_http_requests_total",
		.help = "HTTP requests answered, by what was asked for and status code.",
		.labels = request_labels,
		.label_count = 2,
	};
	server->requests = metric_family_add(registry, &requests_info);
	static const struct metric_info hits_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_http_limit_hits_total",
		.help = "Times that a limit of the HTTP server was reached, by its setting.",
		.labels = limit_labels,
		.label_count = 1,
	};
	struct metric_family *hits = metric_family_add(registry, &hits_info);
	for (size_t i = 0; i < HTTP_LIMIT_COUNT; i++)
		server->limits[i] = metric_series_get(hits, (struct text[]){text_of(limit_names[i])});
	static const struct metric_info open_info = {
		.type = METRIC_GAUGE,
		.name = "mcpledger_http_connections",
		.help = "HTTP connections that are open.",
	};
	struct metric_family *open = metric_family_add(registry, &open_info);
	server->open = metric_series_get(open, NULL);
	metric_series_compute(server->open, count_connections, server->connections);
}

static enum status create_workers(struct http_server *server)
{
	server->idle_workers = calloc(server->thread_count, sizeof(struct ingest_worker *));
	if (server->idle_workers == NULL)
		return STATUS_NO_MEMORY;
	for (; server->idle_worker_count < server->thread_count; server->idle_worker_count++) {
		enum status status =
			ingest_worker_create(&server->idle_workers[server->idle_worker_count], server->options.ingest);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status create_parts(struct http_server *server, const struct conf *conf, struct error *error)
{
	enum status status = create_workers(server);
	if (status == STATUS_OK)
		status = http_entries_create(server);
	if (status == STATUS_OK)
		status = http_connections_create(&server->connections, (unsigned)conf->http_connections_max,
			(unsigned)conf->http_connections_per_address_max);
	if (status == STATUS_OK) {
		add_metrics(server);
		status = http_queries_create(server, (unsigned)conf->query_threads);
	}
	if (status == STATUS_OK)
		status = http_tails_create(server, conf);
	if (status == STATUS_OK)
		status = http_watch_create(server);
	return status == STATUS_OK ? status : error_set(error, status, "http: %s", status_text(status));
}

static enum status read_pem(struct buf *pem, const char *setting, const char *file, struct error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat info;
	char *to = NULL;
	ssize_t got = -1;
	buf_init(pem, PEM_BYTES_MAX);
	if (fd >= 0 && fstat(fd, &info) == 0 && info.st_size < PEM_BYTES_MAX &&
		(to = buf_reserve(pem, (size_t)info.st_size)))
		got = read(fd, to, (size_t)info.st_size);
	if (fd >= 0)
		close(fd);
	if (got <= 0)
		return error_set(error, STATUS_IO, "%s: %s can't be read", setting, file);
	pem->len = (size_t)got;
	buf_put_byte(pem, 0);
	return buf_status(pem);
}

static struct MHD_Daemon *start_library(
	struct http_server *server, const struct conf *conf, const struct MHD_OptionItem *tls)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	unsigned idle_s = (unsigned)(conf->http_request_time_max / NS_PER_S) + 1;
	unsigned connections = (unsigned)conf->http_connections_max + server->thread_count * CROWD_PER_THREAD;
	/* The library closes what it listens on, at stop and at some failed starts: it gets a descriptor of its own. */
	int fd = fcntl(server->listener.fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	if (tls[0].option != MHD_OPTION_END)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, on_accept, server, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_log,
		server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
		server->thread_count > 1 ? server->thread_count : 0, MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_URI_LOG_CALLBACK, on_request_line,
		server, MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
		server, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
}

static enum status start_plain(struct http_server *server, const struct conf *conf, struct error *error)
{
	static const struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	server->daemon = start_library(server, conf, none);
	return server->daemon ? STATUS_OK
			      : error_set(error, STATUS_IO, "http.listen: the HTTP server can't be started");
}

static enum status start_tls(struct http_server *server, const struct conf *conf, struct error *error)
{
	static char priorities[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
	struct buf certificate;
	struct buf key;
	buf_init(&key, PEM_BYTES_MAX);
	enum status status =
		read_pem(&certificate, "http.tls_certificate_file", conf->http_tls_certificate_file, error);
	if (status == STATUS_OK)
		status = read_pem(&key, "http.tls_key_file", conf->http_tls_key_file, error);
	if (status == STATUS_OK) {
		const struct MHD_OptionItem tls[] = {
			{MHD_OPTION_HTTPS_MEM_CERT, 0, certificate.at},
			{MHD_OPTION_HTTPS_MEM_KEY, 0, key.at},
			{MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
			{MHD_OPTION_END, 0, NULL},
		};
		server->daemon = start_library(server, conf, tls);
		if (server->daemon == NULL)
			status = error_set(error, STATUS_INVALID,
				"http.tls_certificate_file, http.tls_key_file: not a PEM certificate and its key");
	}
	buf_finish(&certificate);
	if (key.at)
		explicit_bzero(key.at, key.len);
	buf_finish(&key);
	return status;
}

static enum status check_conf(const struct conf *conf, struct error *error)
{
	bool certificate = conf->http_tls_certificate_file[0] != 0;
	bool key = conf->http_tls_key_file[0] != 0;
	if (certificate == key)
		return STATUS_OK;
	return error_set(error, STATUS_INVALID, "%s: TLS needs both a certificate and its key",
		certificate ? "http.tls_key_file" : "http.tls_certificate_file");
}

static void destroy_parts(struct http_server *server)
{
	if (server->daemon)
		MHD_stop_daemon(server->daemon);
	http_watch_destroy(server);
	http_queries_destroy(server);
	http_tails_destroy(server);
	listener_close(&server->listener);
	while (server->idle_worker_count)
		ingest_worker_destroy(&server->idle_workers[--server->idle_worker_count]);
	free(server->idle_workers);
	if (server->open)
		metric_series_compute(server->open, NULL, NULL);
	http_connections_destroy(&server->connections);
	free(server->entries);
	http_policy_release(&server->policy);
	pthread_mutex_destroy(&server->policy_lock);
	pthread_mutex_destroy(&server->worker_lock);
	free(server);
}

static enum status open_listener(struct http_server *server, const struct conf *conf, struct error *error)
{
	struct listener_wish wish = {
		.type = SOCK_STREAM,
		.setting = "http.listen",
		.text = conf->http_listen,
		.beyond_loopback = server->policy->tokens != NULL,
		.needs = "http.tokens_file (made by `mcpledger token`)",
	};
	return listener_open(&server->listener, &wish, error);
}

enum status http_server_create(
	struct http_server **server, const struct http_server_options *options, struct error *error)
{
	const struct conf *conf = options->conf;
	if (conf->http_listen[0] == 0) {
		*server = NULL;
		return STATUS_OK;
	}
	struct http_server *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "http: out of memory");
	made->options = *options;
	made->options.conf = NULL;
	made->body_bytes_max = conf->http_body_bytes_max;
	made->form_bytes_max = conf->query_form_bytes_max;
	made->thread_count = (unsigned)conf->http_threads;
	made->request_time_max = conf->http_request_time_max;
	made->listener.fd = -1;
	pthread_mutex_init(&made->policy_lock, NULL);
	pthread_mutex_init(&made->worker_lock, NULL);
	enum status status = check_conf(conf, error);
	if (status == STATUS_OK)
		status = http_policy_create(&made->policy, conf, error);
	if (status == STATUS_OK)
		status = open_listener(made, conf, error);
	if (status == STATUS_OK)
		status = create_parts(made, conf, error);
	if (status == STATUS_OK)
		status = conf->http_tls_key_file[0] ? start_tls(made, conf, error) : start_plain(made, conf, error);
	if (status == STATUS_OK)
		*server = made;
	else
		destroy_parts(made);
	return status;
}

/* --- stopping --- */

void http_server_stop(struct http_server *server)
{
	if (server == NULL || atomic_exchange(&server->stopping, true))
		return;
	http_queries_cancel(server);
	http_tails_stop(server);
}

static void wait_for_zero(_Atomic uint64_t *count, int64_t time_max_ns)
{
	const struct timespec pause = {.tv_nsec = STOP_POLL_NS};
	int64_t end = timestamp_elapsed() + time_max_ns;
	while (atomic_load(count) && (time_max_ns < 0 || timestamp_elapsed() < end))
		(void)nanosleep(&pause, NULL);
}

void http_server_destroy(struct http_server **server, int64_t time_max_ns)
{
	struct http_server *gone = *server;
	if (gone == NULL)
		return;
	http_server_stop(gone);
	/* The writer calls us for each of these, so they end; and the library must not be stopped before. */
	wait_for_zero(&gone->uncommitted, -1);
	http_queries_join(gone);
	http_tails_join(gone);
	wait_for_zero(&gone->unanswered, time_max_ns);
	destroy_parts(gone);
	*server = NULL;
}
