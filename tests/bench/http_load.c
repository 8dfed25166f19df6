/*
 * http_load - posts the lines of FILE (see lines.h) over keep-alive connections, as many lines a body as asked for.
 *
 * Usage: http_load ADDRESS:PORT TARGET FILE [-b LINES_A_BODY] [-c CONNECTIONS] [-n LINES] [-r REQUESTS_A_SECOND]
 *                  [-i FIRST_ROUND] [-t SECONDS_MAX]
 *
 * Without -r the loop is closed: a connection sends its next body when the last one is answered.  With -r it is open:
 * each request has a time at which it is due, whether or not earlier ones are answered, and its latency counts from
 * then; when no connection is free it waits, and the waiting is in the figure.  One thread, one epoll; a request is one
 * send, its answer mostly one receive.  Prints one JSON object; exit 1 when a connection failed or time ran out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "lines.h"

enum {
	HEAD_BYTES = 512, /* room for the head before each body */
	ANSWER_BYTES = 16384,
	CONNECTIONS_MAX = 4096,
	EVENTS_A_WAIT = 512,
	NS_PER_S = 1000000000,
};

struct connection {
	int fd;
	bool busy;
	char *request; /* HEAD_BYTES, then the body */
	size_t capacity, from, to;
	uint64_t lines;
	int64_t due;
	size_t answer_len;
	char answer[ANSWER_BYTES + 1];
};

struct load {
	const char *address, *target;
	uint64_t batch, rate;
	unsigned connection_count;
	int64_t seconds_max;
	struct lines lines;
	struct connection *connections;
	unsigned *idle; /* a ring of connections' numbers: whoever waited longest is next, so that none times out */
	unsigned idle_first, idle_count;
	int epoll, timer;
	bool ended; /* no line is left */
	int64_t begin, last;
	uint64_t requests, sent, answered, accepted, refused;
	double *latencies; /* milliseconds, by order of answers */
	size_t latency_count, latency_capacity;
	char first_refusal[200];
};

static int64_t now(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static _Noreturn void fail(const char *what)
{
	(void)fprintf(stderr, "http_load: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(1);
}

static void add_idle(struct load *load, unsigned number)
{
	load->idle[(load->idle_first + load->idle_count++) % load->connection_count] = number;
}

static void *grow(void *at, size_t *capacity, size_t needed, size_t size)
{
	if (needed <= *capacity)
		return at;
	*capacity = needed * 2;
	at = realloc(at, *capacity * size);
	if (at == NULL)
		fail("memory");
	return at;
}

/* --- requests --- */

/* The next body and, right before it, its head; false when no line is left. */
static bool fill_request(struct load *load, struct connection *connection)
{
	connection->lines = 0;
	connection->to = HEAD_BYTES;
	for (size_t len; connection->lines < load->batch && (len = lines_next(&load->lines)) > 0; connection->lines++) {
		connection->request = grow(connection->request, &connection->capacity, connection->to + len, 1);
		memcpy(connection->request + connection->to, load->lines.line, len);
		connection->to += len;
	}
	if (connection->lines == 0)
		return false;
	char head[HEAD_BYTES];
	int len = snprintf(head, sizeof(head),
		"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-ndjson\r\nContent-Length: "
		"%zu\r\n\r\n",
		load->target, connection->to - HEAD_BYTES);
	if (len < 0 || len >= HEAD_BYTES) {
		errno = 0;
		fail("the target's length");
	}
	connection->from = HEAD_BYTES - (size_t)len;
	memcpy(connection->request + connection->from, head, (size_t)len);
	return true;
}

static void send_rest(struct connection *connection)
{
	while (connection->from < connection->to) {
		ssize_t sent = send(connection->fd, connection->request + connection->from,
			connection->to - connection->from, MSG_NOSIGNAL);
		if (sent < 0 && errno == EAGAIN)
			return; /* EPOLLOUT tells when there is room */
		if (sent < 0)
			fail("send");
		connection->from += (size_t)sent;
	}
}

/* Sends one request that is due at `due` on an idle connection; false when no line is left. */
static bool begin_request(struct load *load, int64_t due)
{
	struct connection *connection = &load->connections[load->idle[load->idle_first]];
	if (load->ended || !fill_request(load, connection)) {
		load->ended = true;
		return false;
	}
	load->idle_first = (load->idle_first + 1) % load->connection_count;
	load->idle_count--;
	load->requests++;
	load->sent += connection->lines;
	connection->busy = true;
	connection->answer_len = 0;
	connection->due = due;
	send_rest(connection);
	return true;
}

static void begin_requests(struct load *load)
{
	if (load->rate == 0) {
		while (load->idle_count > 0 && begin_request(load, now()))
			;
		return;
	}
	int64_t time = now();
	while (load->idle_count > 0) {
		int64_t due = load->begin + (int64_t)(load->requests * NS_PER_S / load->rate);
		if (due > time || !begin_request(load, due))
			return;
	}
}

/* --- answers --- */

/* The length of the answer's body, 0 where none is told; the server is one of those the bench knows. */
static size_t content_length(const char *head)
{
	const char *at = strcasestr(head, "\r\nContent-Length:");
	return at ? strtoull(at + sizeof("\r\nContent-Length:") - 1, NULL, 10) : 0;
}

static void count_answer(struct load *load, struct connection *connection)
{
	int status = atoi(connection->answer + sizeof("HTTP/1.1"));
	load->last = now();
	load->latencies =
		grow(load->latencies, &load->latency_capacity, load->latency_count + 1, sizeof(*load->latencies));
	load->latencies[load->latency_count++] = (double)(load->last - connection->due) / 1e6;
	if (status / 100 != 2) {
		if (load->refused == 0)
			(void)snprintf(load->first_refusal, sizeof(load->first_refusal), "status %d", status);
		load->refused += connection->lines;
		return;
	}
	load->answered += connection->lines;
	const char *accepted = strstr(connection->answer, "\"accepted\":");
	load->accepted += accepted ? strtoull(accepted + sizeof("\"accepted\":") - 1, NULL, 10) : connection->lines;
}

/* Whether the answer is there whole. */
static bool is_whole(const struct connection *connection)
{
	const char *end = strstr(connection->answer, "\r\n\r\n");
	return end &&
	       connection->answer_len >= (size_t)(end + 4 - connection->answer) + content_length(connection->answer);
}

static void receive(struct load *load, unsigned number)
{
	struct connection *connection = &load->connections[number];
	for (;;) {
		ssize_t got = recv(connection->fd, connection->answer + connection->answer_len,
			ANSWER_BYTES - connection->answer_len, 0);
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0 || !connection->busy) {
			errno = got < 0 ? errno : 0;
			(void)fprintf(stderr,
				"http_load: %" PRIu64 " requests sent, %zu answered; the connection's last:\n%.400s\n",
				load->requests, load->latency_count, connection->answer);
			fail(got == 0 ? "closed by the server" : "receive");
		}
		connection->answer_len += (size_t)got;
		connection->answer[connection->answer_len] = 0;
		if (!is_whole(connection))
			continue;
		count_answer(load, connection);
		connection->busy = false;
		add_idle(load, number);
		return; /* nothing else is on its way: one request at a time */
	}
}

/* --- the loop --- */

static int connect_to(const char *text)
{
	char host[64];
	struct sockaddr_in address = {.sin_family = AF_INET};
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : sizeof(host);
	if (len >= sizeof(host))
		return -1;
	memcpy(host, text, len);
	host[len] = 0;
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1)
		return -1;
	int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		return -1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void watch(const struct load *load, int fd, uint32_t events, uint32_t number)
{
	struct epoll_event event = {.events = events, .data.u32 = number};
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
		fail("epoll");
}

static void connect_all(struct load *load)
{
	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(load->connection_count, sizeof(*load->connections));
	load->idle = calloc(load->connection_count, sizeof(*load->idle));
	if (load->connections == NULL || load->idle == NULL)
		fail("memory");
	for (unsigned i = 0; i < load->connection_count; i++) {
		struct connection *connection = &load->connections[i];
		connection->fd = connect_to(load->address);
		if (connection->fd < 0)
			fail(load->address);
		connection->request = grow(NULL, &connection->capacity, HEAD_BYTES, 1);
		watch(load, connection->fd, EPOLLIN | EPOLLOUT | EPOLLET, i);
		add_idle(load, i);
	}
	if (load->rate == 0)
		return;
	/* A tick of a tenth of a millisecond: what is due in between goes out at the next one, and counts from its due time. */
	struct itimerspec tick = {{0, NS_PER_S / 10000}, {0, NS_PER_S / 10000}};
	load->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (load->timer < 0 || timerfd_settime(load->timer, 0, &tick, NULL) != 0)
		fail("timer");
	watch(load, load->timer, EPOLLIN, load->connection_count);
}

static void take_events(struct load *load, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		unsigned number = events[i].data.u32;
		uint64_t ticks;
		if (number == load->connection_count) {
			(void)!read(load->timer, &ticks, sizeof(ticks));
			continue;
		}
		if (events[i].events & EPOLLOUT && load->connections[number].busy)
			send_rest(&load->connections[number]);
		if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
			receive(load, number);
	}
}

static bool run(struct load *load)
{
	struct epoll_event events[EVENTS_A_WAIT];
	load->begin = load->last = now();
	begin_requests(load);
	while (!load->ended || load->idle_count < load->connection_count) {
		int count = epoll_wait(load->epoll, events, EVENTS_A_WAIT, 1000);
		if (count < 0 && errno != EINTR)
			fail("epoll");
		if ((now() - load->begin) / NS_PER_S >= load->seconds_max)
			return false;
		take_events(load, events, count);
		begin_requests(load);
	}
	return true;
}

/* --- what is told --- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(const struct load *load, double share)
{
	if (load->latency_count == 0)
		return 0;
	return load->latencies[(size_t)((double)(load->latency_count - 1) * share)];
}

static void print(struct load *load, bool in_time)
{
	qsort(load->latencies, load->latency_count, sizeof(*load->latencies), compare);
	printf("{\"sent\":%" PRIu64 ",\"answered\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"refused\":%" PRIu64
	       ",\"requests\":%" PRIu64 ",\"seconds\":%.4f,\"in_time\":%s,\"first_refusal\":\"%s\"",
		load->sent, load->answered, load->accepted, load->refused, load->requests,
		(double)(load->last - load->begin) / NS_PER_S, in_time ? "true" : "false", load->first_refusal);
	printf(",\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"p999_ms\":%.3f,\"max_ms\":%.3f}\n",
		quantile(load, 0.5), quantile(load, 0.9), quantile(load, 0.99), quantile(load, 0.999),
		quantile(load, 1));
}

static void usage(void)
{
	(void)fprintf(stderr,
		"usage: http_load ADDRESS:PORT TARGET FILE [-b LINES_A_BODY] [-c CONNECTIONS] [-n LINES]\n"
		"                 [-r REQUESTS_A_SECOND] [-i FIRST_ROUND] [-t SECONDS_MAX]\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct load load = {.batch = 500, .connection_count = 4, .seconds_max = 3600};
	uint64_t count = 0;
	unsigned round = 0;
	for (int option; (option = getopt(argc, argv, "b:c:n:r:i:t:")) != -1;) {
		uint64_t value = optarg ? strtoull(optarg, NULL, 10) : 0;
		switch (option) {
		case 'b':
			load.batch = value;
			break;
		case 'c':
			load.connection_count = (unsigned)value;
			break;
		case 'n':
			count = value;
			break;
		case 'r':
			load.rate = value;
			break;
		case 'i':
			round = (unsigned)value;
			break;
		case 't':
			load.seconds_max = (int64_t)value;
			break;
		default:
			usage();
		}
	}
	if (argc - optind != 3 || load.batch == 0 || load.connection_count == 0 ||
		load.connection_count > CONNECTIONS_MAX)
		usage();
	load.address = argv[optind];
	load.target = argv[optind + 1];
	if (lines_open(&load.lines, argv[optind + 2], count, round) != 0)
		fail(argv[optind + 2]);
	connect_all(&load);
	bool in_time = run(&load);
	print(&load, in_time);
	lines_close(&load.lines);
	return in_time ? 0 : 1;
}
