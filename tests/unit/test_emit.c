#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "mcpledger_emit.h"

enum { WAIT_MS_MAX = 10000 };

struct receiver {
	int socket;
	char address[64];
};

static struct receiver receiver_open(void)
{
	struct receiver receiver;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	receiver.socket = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(receiver.socket >= 0);
	assert_int_equal(bind(receiver.socket, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(receiver.socket, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(receiver.address, sizeof(receiver.address), "127.0.0.1:%u", ntohs(at.sin_port));
	return receiver;
}

static void each_event_arrives_as_one_datagram_of_the_same_bytes(void **state)
{
	(void)state;
	static const char *const events[] = {"{\"kind\":\"tool_call\"}", "{\"kind\":\"heartbeat\"}"};
	struct receiver receiver = receiver_open();
	struct mcpledger_emitter *emitter = mcpledger_emitter_open(receiver.address);
	assert_non_null(emitter);
	for (size_t i = 0; i < 2; i++) {
		char got[100];
		struct pollfd ready = {.fd = receiver.socket, .events = POLLIN};
		assert_true(mcpledger_emit(emitter, events[i], strlen(events[i])));
		assert_int_equal(poll(&ready, 1, WAIT_MS_MAX), 1);
		ssize_t len = recv(receiver.socket, got, sizeof(got), 0);
		assert_int_equal(len, strlen(events[i]));
		assert_memory_equal(got, events[i], (size_t)len);
	}
	assert_int_equal(mcpledger_emitter_counts(emitter).sent, 2);
	mcpledger_emitter_close(&emitter);
	assert_null(emitter);
	close(receiver.socket);
}

static void an_event_that_no_datagram_holds_is_counted(void **state)
{
	(void)state;
	struct receiver receiver = receiver_open();
	struct mcpledger_emitter *emitter = mcpledger_emitter_open(receiver.address);
	char *large = calloc(1, MCPLEDGER_EMIT_BYTES_MAX + 1);
	assert_non_null(large);
	assert_false(mcpledger_emit(emitter, large, MCPLEDGER_EMIT_BYTES_MAX + 1));
	assert_true(mcpledger_emit(emitter, large, MCPLEDGER_EMIT_BYTES_MAX));
	struct mcpledger_emit_counts counts = mcpledger_emitter_counts(emitter);
	assert_int_equal(counts.too_large, 1);
	assert_int_equal(counts.sent, 1);
	free(large);
	mcpledger_emitter_close(&emitter);
	close(receiver.socket);
}

static void without_a_listener_nothing_blocks_and_every_event_is_counted_once(void **state)
{
	(void)state;
	enum { EVENTS = 1000 };
	struct receiver receiver = receiver_open();
	close(receiver.socket);
	struct mcpledger_emitter *emitter = mcpledger_emitter_open(receiver.address);
	assert_non_null(emitter);
	errno = EDOM;
	for (int i = 0; i < EVENTS; i++)
		(void)mcpledger_emit(emitter, "{}", 2);
	assert_int_equal(errno, EDOM); /* the host program's errno is its own */
	struct mcpledger_emit_counts counts = mcpledger_emitter_counts(emitter);
	assert_int_equal(counts.sent + counts.failed + counts.full, EVENTS);
	assert_true(counts.failed > 0);
	mcpledger_emitter_close(&emitter);
}

static void an_address_that_is_none_is_refused(void **state)
{
	(void)state;
	static const char *const wrong[] = {"", ":", "7373", "127.0.0.1", "127.0.0.1:", ":7373", "localhost:7373",
		"127.0.0.1:x", "[::1:7373", "999.0.0.1:1"};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		errno = 0;
		assert_null(mcpledger_emitter_open(wrong[i]));
		assert_int_equal(errno, EINVAL);
	}
	char longer[300];
	memset(longer, '1', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	assert_null(mcpledger_emitter_open(longer));
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
	(void)state;
	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	if (probe < 0)
		skip();
	close(probe);
	struct mcpledger_emitter *emitter = mcpledger_emitter_open("[::1]:7373");
	if (emitter == NULL)
		assert_int_equal(errno, EADDRNOTAVAIL); /* IPv6 switched off */
	mcpledger_emitter_close(&emitter);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_event_arrives_as_one_datagram_of_the_same_bytes),
		cmocka_unit_test(an_event_that_no_datagram_holds_is_counted),
		cmocka_unit_test(without_a_listener_nothing_blocks_and_every_event_is_counted_once),
		cmocka_unit_test(an_address_that_is_none_is_refused),
		cmocka_unit_test(an_ipv6_address_stands_in_brackets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
