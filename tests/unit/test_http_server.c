/* What the HTTP server answers, when it waits, how it stops. */
#include "http_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "timestamp.h"

/* --- tests: ingest --- */

static void an_event_is_answered_with_counts(void **state)
{
	(void)state;
	start(NULL);
	funnel.result = (struct ingest_result){.accepted = 3, .duplicates = 2};
	assert_code(post("/v1/events", "", "{}"), "200");
	assert_non_null(
		strstr(answer, "\r\n\r\n{\"accepted\":3,\"duplicates\":2,\"rejected_total\":0,\"rejected\":[]}\n"));
	assert_non_null(strstr(answer, "Content-Type: application/json\r\n"));
	assert_string_equal(funnel.body, "{}");
	assert_string_equal(funnel.emitter, "");
	assert_int_equal(funnel.source, SOURCE_HTTP);
	assert_false(funnel.from_export);
}

static void nothing_is_answered_before_the_commit(void **state)
{
	(void)state;
	start(NULL);
	funnel.holds = true;
	int fd = dial();
	const char *request = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
	send_all(fd, request, strlen(request));
	wait_held(1);
	/* Another connection is served meanwhile, by the same threads. */
	for (int i = 0; i < 4; i++)
		assert_code(get("/healthz", ""), "200");
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&readable, 1, 0), 0);
	release_all();
	(void)receive_until(fd, answer, sizeof(answer), is_whole);
	assert_code(answer, "200");
	close(fd);
}

static void many_wait_for_their_commit_on_few_threads(void **state)
{
	(void)state;
	int fds[60];
	start(NULL);
	funnel.holds = true;
	const char *request = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
	for (int i = 0; i < 60; i++) {
		fds[i] = dial();
		send_all(fds[i], request, strlen(request));
	}
	wait_held(60);
	release_all();
	for (int i = 0; i < 60; i++) {
		(void)receive_until(fds[i], answer, sizeof(answer), is_whole);
		assert_code(answer, "200");
		/* Kept alive: the same connection takes another one. */
		send_all(fds[i], request, strlen(request));
		(void)receive_until(fds[i], answer, sizeof(answer), is_whole);
		assert_code(answer, "200");
		close(fds[i]);
	}
	assert_int_equal(funnel.submitted, 120);
}

static void rejects_are_listed_and_all_rejected_is_400(void **state)
{
	(void)state;
	start(NULL);
	funnel.reject = (struct ingest_reject){
		.index = 3, .line = 4, .reject = {.reason = REASON_WRONG_TYPE, .text = "kind is no \"text\""}};
	funnel.result = (struct ingest_result){
		.accepted = 1, .rejected_total = 1, .reject_count = 1, .rejects = &funnel.reject};
	assert_code(post("/v1/events", "", "{}"), "200");
	assert_non_null(
		strstr(answer, "\"rejected\":[{\"index\":3,\"line\":4,\"error\":\"kind is no \\\"text\\\"\"}]}"));
	funnel.result.accepted = 0;
	assert_code(post("/v1/events", "", "{}"), "400");
	assert_non_null(strstr(answer, "\"rejected_total\":1,\"rejected\":[{"));
	funnel.result = (struct ingest_result){.unreadable = true};
	assert_code(post("/v1/events", "", "{}"), "400");
}

static void failures_to_store_are_503_with_retry_after(void **state)
{
	(void)state;
	start(NULL);
	const enum status failures[] = {STATUS_BUSY, STATUS_NO_SPACE, STATUS_IO};
	for (size_t i = 0; i < 3; i++) {
		funnel.result = (struct ingest_result){.status = failures[i]};
		assert_code(post("/v1/events", "", "{}"), "503");
		assert_non_null(strstr(answer, "Retry-After: "));
		assert_non_null(strstr(answer, "application/problem+json"));
		assert_non_null(strstr(answer, "\"status\":503"));
	}
}

static void a_body_beyond_the_limit_is_413(void **state)
{
	(void)state;
	static char body[70000];
	memset(body, 'x', sizeof(body) - 1);
	start("MCPLEDGER_HTTP_BODY_BYTES_MAX=64KiB");
	char head[200];
	int fd = dial();
	(void)snprintf(head, sizeof(head), "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n",
		strlen(body));
	send_all(fd, head, strlen(head));
	send_all(fd, body, strlen(body));
	(void)receive_until(fd, answer, sizeof(answer), is_whole);
	assert_code(answer, "413");
	close(fd);

	fd = dial();
	(void)snprintf(head, sizeof(head),
		"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		strlen(body));
	send_all(fd, head, strlen(head));
	send_all(fd, body, strlen(body));
	send_all(fd, "\r\n0\r\n\r\n", 7);
	(void)receive_until(fd, answer, sizeof(answer), is_whole);
	assert_code(answer, "413");
	close(fd);
	assert_int_equal(funnel.submitted, 0);
	assert_int_equal(funnel.drops[REASON_EVENT_TOO_LARGE], 2);
}

static void bodies_beyond_the_budget_are_503(void **state)
{
	(void)state;
	start(NULL);
	assert_true(budget_take(&budget, budget.bytes_max - 1));
	assert_code(post("/v1/events", "", "{}"), "503");
	budget_give(&budget, budget.bytes_max - 1);
	assert_code(post("/v1/events", "", "{}"), "200");
	assert_int_equal(funnel.drops[REASON_QUEUE_FULL], 1);
}

static void codings_other_than_gzip_are_415(void **state)
{
	(void)state;
	start(NULL);
	assert_code(post("/v1/events", "Content-Encoding: br\r\n", "{}"), "415");
	assert_code(post("/v1/events", "Content-Encoding: identity\r\n", "{}"), "200");
	assert_code(post("/v1/events", "Content-Encoding: gzip\r\n", "{}"), "400");
	assert_int_equal(funnel.drops[REASON_UNREADABLE_BODY], 1);
	assert_int_equal(funnel.submitted, 1);
}

/* --- tests: guards --- */

static void smuggling_shapes_are_400_and_close(void **state)
{
	(void)state;
	start(NULL);
	const char *shapes[] = {
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
		"Content-Length: 0\r\nContent-Length: 60\r\n",
		"Transfer-Encoding: xchunked\r\n",
		"Content-Length : 2\r\n",
		"X: a\nContent-Length: 5\r\n",
		"X: a\r\n b\r\nContent-Length: 5\r\n",
	};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		char request[600];
		(void)snprintf(request, sizeof(request),
			"POST /v1/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n0\r\n\r\n"
			"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
			shapes[i]);
		int fd = dial();
		send_all(fd, request, strlen(request));
		(void)receive_until(fd, answer, sizeof(answer), NULL);
		assert_code(answer, "400");
		assert_null(strstr(answer + 9, "HTTP/1.1"));
		close(fd);
	}
	assert_int_equal(funnel.submitted, 0);
}

static void foreign_pages_are_403_everywhere(void **state)
{
	(void)state;
	start("MCPLEDGER_HTTP_HOSTS=ledger.example");
	const char *paths[] = {"/", "/healthz", "/metrics", "/api/v1/echo", "/nothing"};
	for (size_t i = 0; i < 5; i++)
		assert_code(get(paths[i], "Origin: http://evil.example\r\n"), "403");
	assert_code(post("/v1/events", "Origin: null\r\n", "{}"), "403");
	assert_code(post("/v1/events", "Origin: http://localhost\r\n", "{}"), "200");
	assert_code(ask("GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n"), "403");
	assert_code(ask("GET /healthz HTTP/1.1\r\nHost: ledger.example:1\r\n\r\n"), "200");
	assert_code(ask("GET /healthz HTTP/1.0\r\n\r\n"), "200");
}

static void methods_and_paths_are_checked(void **state)
{
	(void)state;
	start(NULL);
	assert_code(get("/nothing", ""), "404");
	assert_code(get("/v1/events", ""), "405");
	assert_non_null(strstr(answer, "Allow: POST\r\n"));
	assert_code(post("/healthz", "", ""), "405");
	assert_non_null(strstr(answer, "Allow: GET, HEAD\r\n"));
	assert_code(ask("OPTIONS /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405");
	assert_code(ask("BREW /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"), "405");
	int fd = dial();
	const char *head = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	send_all(fd, head, strlen(head));
	(void)receive_until(fd, answer, sizeof(answer), NULL);
	assert_code(answer, "200");
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
	close(fd);
}

static void pages_say_what_they_should(void **state)
{
	(void)state;
	start(NULL);
	assert_code(get("/", ""), "200");
	assert_non_null(strstr(answer, "<h1>mcpledger</h1>"));
	assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'none'"));
	assert_code(get("/readyz", ""), "200");
	is_ready = false;
	assert_code(get("/readyz", ""), "503");
	assert_non_null(strstr(answer, "the disk is full\n"));
	assert_code(get("/healthz", ""), "200");
	assert_code(get("/metrics", ""), "200");
	assert_non_null(strstr(answer, "Content-Type: text/plain; version=0.0.4"));
	assert_non_null(strstr(answer, "\nmcpledger_http_requests_total{path=\"/readyz\",code=\"503\"} 1\n"));
	assert_code(get("/metrics", "Connection: close\r\nAccept-Encoding: br, gzip;q=0.5\r\n"), "200");
	assert_non_null(strstr(answer, "Content-Encoding: gzip\r\n"));
	assert_code(get("/metrics", "Accept-Encoding: gzip;q=0\r\n"), "200");
	assert_null(strstr(answer, "Content-Encoding"));
}

static void reload_is_called_and_its_failure_told(void **state)
{
	(void)state;
	start(NULL);
	assert_code(post("/-/reload", "", ""), "200");
	assert_code(post("/-/reload", "", ""), "500");
	assert_non_null(strstr(answer, "http.hosts: wrong"));
	assert_int_equal(reloads, 2);
}

static void slow_senders_are_cut_by_an_absolute_deadline(void **state)
{
	(void)state;
	start("MCPLEDGER_HTTP_REQUEST_TIME_MAX=1s");
	const char *slow[] = {
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Trickle: ",
		"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{",
	};
	for (size_t i = 0; i < 2; i++) {
		int fd = dial();
		int64_t begun = timestamp_elapsed();
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		send_all(fd, slow[i], strlen(slow[i]));
		while (poll(&readable, 1, 100) == 0 && timestamp_elapsed() - begun < 5 * NS_PER_S)
			send_all(fd, "x", 1);
		assert_true(timestamp_elapsed() - begun < 3 * NS_PER_S);
		assert_int_equal(receive_until(fd, answer, sizeof(answer), NULL), 0);
		close(fd);
	}
	assert_int_equal(funnel.submitted, 0);
	assert_code(get("/metrics", ""), "200");
	assert_non_null(strstr(answer, "mcpledger_http_limit_hits_total{limit=\"http.request_time_max\"} 2\n"));
}

static void half_closed_clients_are_answered_and_let_go(void **state)
{
	(void)state;
	start(NULL);
	const char *requests[] = {
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}",
		"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\n{}",
		"GET /healthz HTTP/1.1\r\nHost: ",
	};
	const char *codes[] = {"200", "404", "200", NULL, NULL};
	int64_t begun = timestamp_elapsed();
	for (unsigned i = 0; i < 25; i++) {
		const char *request = requests[i % 5];
		int fd = dial();
		send_all(fd, request, strlen(request));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		size_t len = receive_until(fd, answer, sizeof(answer), NULL);
		if (codes[i % 5])
			assert_code(answer, codes[i % 5]);
		else
			assert_int_equal(len, 0);
		close(fd);
	}
	assert_true(timestamp_elapsed() - begun < 50 * NS_PER_S); /* not by http.request_time_max */
	assert_int_equal(funnel.submitted, 5);
}

static void connections_beyond_the_limit_are_told_503(void **state)
{
	(void)state;
	int fds[8];
	start("MCPLEDGER_HTTP_CONNECTIONS_PER_ADDRESS_MAX=8");
	const char *request = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
	for (int i = 0; i < 8; i++) {
		fds[i] = dial();
		send_all(fds[i], request, strlen(request));
		(void)receive_until(fds[i], answer, sizeof(answer), is_whole);
		assert_code(answer, "200");
	}
	assert_code(get("/healthz", ""), "503");
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	for (int i = 0; i < 8; i++)
		close(fds[i]);
}

/* --- tests: stopping --- */

static void a_stop_cancels_queries_and_waits_for_commits(void **state)
{
	(void)state;
	start(NULL);
	funnel.holds = true;
	int query = dial();
	const char *request = "GET /api/v1/flood HTTP/1.1\r\nHost: localhost\r\n\r\n";
	send_all(query, request, strlen(request));
	(void)receive_until(query, answer, 1000, NULL);
	int ingest = dial();
	request = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
	send_all(ingest, request, strlen(request));
	wait_held(1);
	http_server_stop(server);
	pthread_barrier_wait(&flood_ended);
	release_all();
	http_server_destroy(&server, NS_PER_S);
	(void)receive_until(ingest, answer, sizeof(answer), NULL);
	assert_code(answer, "200");
	assert_non_null(strstr(answer, "Connection: close\r\n"));
	close(query);
	close(ingest);
}

static void a_stopping_server_closes_new_connections(void **state)
{
	(void)state;
	start(NULL);
	funnel.holds = true;
	int ingest = dial();
	const char *request = "POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
	send_all(ingest, request, strlen(request));
	wait_held(1);
	http_server_stop(server);
	int late = dial();
	send_all(late, request, strlen(request));
	assert_int_equal(receive_until(late, answer, sizeof(answer), NULL), 0);
	close(late);
	release_all();
	http_server_destroy(&server, NS_PER_S);
	(void)receive_until(ingest, answer, sizeof(answer), NULL);
	assert_code(answer, "200");
	close(ingest);
}

static _Atomic int dialled_port; /* 0: nobody dials any more */

/* Connects without a pause to whatever listens; a refusal is as good as an answer. */
static void *dial_without_end(void *unused)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	(void)unused;
	for (int port = atomic_load(&dialled_port); port; port = atomic_load(&dialled_port)) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		address.sin_port = htons((uint16_t)port);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			send_all(fd, "GET /healthz HTTP/1.1\r\n", 23);
		/* Closed by a reset, so that no port is used up by waiting. */
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
		close(fd);
	}
	return NULL;
}

static void a_server_stops_while_clients_connect(void **state)
{
	(void)state;
	const char *asked = getenv("MCPLEDGER_TEST_STOPS"); /* more for a long run */
	pthread_t dialler;
	atomic_store(&dialled_port, 1);
	assert_int_equal(pthread_create(&dialler, NULL, dial_without_end, NULL), 0);
	for (int left = asked ? atoi(asked) : 100; left; left--) {
		start(NULL);
		atomic_store(&dialled_port, atoi(strrchr(http_server_address(server), ':') + 1));
		assert_code(get("/healthz", ""), "200");
		assert_int_equal(stop(NULL), 0);
	}
	atomic_store(&dialled_port, 0);
	pthread_join(dialler, NULL);
	start(NULL);
}

/* --- tests: tokens, listeners --- */

#define DIGEST_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST_OF_ABD "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9"

static char tokens_file[64];

static void write_tokens(const char *text)
{
	FILE *file = fopen(tokens_file, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void start_with_tokens(const char *text)
{
	char setting[128];
	(void)snprintf(tokens_file, sizeof(tokens_file), "/tmp/mcpledger-http-tokens-%d", (int)getpid());
	write_tokens(text);
	(void)snprintf(setting, sizeof(setting), "MCPLEDGER_HTTP_TOKENS_FILE=%s", tokens_file);
	start(setting);
}

static void scopes_decide_what_a_token_may(void **state)
{
	(void)state;
	start_with_tokens(DIGEST_OF_ABC " gate ingest acme,beta\n" DIGEST_OF_ABD " eye read acme\n");
	assert_code(post("/v1/events", "", "{}"), "401");
	assert_non_null(strstr(answer, "WWW-Authenticate: Bearer\r\n"));
	assert_code(post("/v1/events", "Authorization: Bearer abx\r\n", "{}"), "401");
	assert_code(post("/v1/events", "Authorization: Basic abc\r\n", "{}"), "401");
	assert_code(post("/v1/events", "Authorization: bearer abc\r\n", "{}"), "200");
	assert_string_equal(funnel.emitter, "gate");
	assert_int_equal(funnel.tenant_count, 2);
	assert_code(post("/v1/import", "Authorization: Bearer abc\r\n", "{}"), "403");
	assert_code(get("/metrics", "Authorization: Bearer abc\r\n"), "403");
	assert_code(get("/metrics", ""), "401");
	assert_code(get("/metrics", "Authorization: Bearer abd\r\n"), "200");
	assert_code(get("/api/v1/echo", "Authorization: Bearer abd\r\n"), "200");
	assert_non_null(strstr(answer, "tenants=1"));
	assert_null(strstr(answer, " all"));
	assert_code(get("/healthz", ""), "200");
	/* With authentication a Host needs no check, an Origin still does. */
	assert_code(ask("GET /healthz HTTP/1.1\r\nHost: ledger.example\r\n\r\n"), "200");
	assert_code(get("/healthz", "Origin: http://evil.example\r\n"), "403");

	struct error error = {0};
	write_tokens(DIGEST_OF_ABC " root admin *\n");
	assert_int_equal(http_server_reload(server, &conf, &error), STATUS_OK);
	assert_code(post("/v1/import", "Authorization: Bearer abc\r\n", "{}"), "200");
	assert_true(funnel.from_export);
	assert_int_equal(funnel.source, SOURCE_IMPORT);
	write_tokens("broken\n");
	assert_int_equal(http_server_reload(server, &conf, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "http.tokens_file"));
	assert_code(get("/metrics", "Authorization: Bearer abc\r\n"), "200");
	assert_int_equal(unlink(tokens_file), 0);
}

static void listeners_that_cannot_be_are_refused_by_name(void **state)
{
	(void)state;
	struct error error = {0};
	char all[] = "MCPLEDGER_HTTP_LISTEN=0.0.0.0:0";
	assert_int_equal(start_with((char *[]){all, NULL}, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "http.listen"));
	assert_non_null(strstr(error.text, "http.tokens_file"));
	metric_registry_destroy(&registry);
	conf_finish(&conf);
	char loopback[] = "MCPLEDGER_HTTP_LISTEN=127.0.0.1:0";
	char key[] = "MCPLEDGER_HTTP_TLS_KEY_FILE=/nowhere";
	assert_int_equal(start_with((char *[]){loopback, key, NULL}, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "http.tls_certificate_file"));
	metric_registry_destroy(&registry);
	conf_finish(&conf);

	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	char busy[64];
	(void)snprintf(busy, sizeof(busy), "MCPLEDGER_HTTP_LISTEN=127.0.0.1:%u", ntohs(address.sin_port));
	char *environment[] = {busy, NULL};
	assert_int_equal(start_with(environment, &error), STATUS_BUSY);
	assert_non_null(strstr(error.text, "http.listen"));
	close(fd);
}

static void a_unix_socket_is_private_and_removed(void **state)
{
	(void)state;
	char setting[] = "MCPLEDGER_HTTP_LISTEN=unix:/tmp/mcpledger-http-XXXXXX";
	char *path = strstr(setting, "/tmp");
	int left_behind = mkstemp(path);
	assert_true(left_behind >= 0);
	close(left_behind);
	assert_int_equal(unlink(path), 0);
	char *environment[] = {setting, NULL};
	struct error error = {0};
	assert_int_equal(start_with(environment, &error), STATUS_OK);
	struct stat info;
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	const char *request = "GET /healthz HTTP/1.1\r\nHost: whatever\r\n\r\n";
	send_all(fd, request, strlen(request));
	(void)receive_until(fd, answer, sizeof(answer), is_whole);
	assert_code(answer, "200");
	close(fd);
	http_server_destroy(&server, NS_PER_S);
	assert_int_not_equal(stat(path, &info), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(an_event_is_answered_with_counts),
		HTTP_TEST(nothing_is_answered_before_the_commit),
		HTTP_TEST(many_wait_for_their_commit_on_few_threads),
		HTTP_TEST(rejects_are_listed_and_all_rejected_is_400),
		HTTP_TEST(failures_to_store_are_503_with_retry_after),
		HTTP_TEST(a_body_beyond_the_limit_is_413),
		HTTP_TEST(bodies_beyond_the_budget_are_503),
		HTTP_TEST(codings_other_than_gzip_are_415),
		HTTP_TEST(smuggling_shapes_are_400_and_close),
		HTTP_TEST(foreign_pages_are_403_everywhere),
		HTTP_TEST(methods_and_paths_are_checked),
		HTTP_TEST(pages_say_what_they_should),
		HTTP_TEST(reload_is_called_and_its_failure_told),
		HTTP_TEST(slow_senders_are_cut_by_an_absolute_deadline),
		HTTP_TEST(half_closed_clients_are_answered_and_let_go),
		HTTP_TEST(connections_beyond_the_limit_are_told_503),
		HTTP_TEST(a_stop_cancels_queries_and_waits_for_commits),
		HTTP_TEST(a_stopping_server_closes_new_connections),
		HTTP_TEST(a_server_stops_while_clients_connect),
		HTTP_TEST(scopes_decide_what_a_token_may),
		HTTP_TEST(listeners_that_cannot_be_are_refused_by_name),
		HTTP_TEST(a_unix_socket_is_private_and_removed),
	};
	pthread_barrier_init(&flood_ended, NULL, 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
