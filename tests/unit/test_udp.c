/* Datagrams over real sockets, through the whole core. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "core_fixture.h"
#include "udp.h"

struct setting {
	struct fixture fixture;
	struct udp *udp;
	int fd;
};

static void set_listen(struct setting *setting, const char *listen)
{
	free(setting->fixture.conf.udp_listen);
	setting->fixture.conf.udp_listen = strdup(listen);
	assert_non_null(setting->fixture.conf.udp_listen);
}

static int setup(void **state)
{
	struct setting *setting = calloc(1, sizeof(*setting));
	assert_non_null(setting);
	fixture_init(&setting->fixture);
	set_listen(setting, "127.0.0.1:0");
	fixture_start(&setting->fixture);
	setting->fd = -1;
	*state = setting;
	return 0;
}

static int teardown(void **state)
{
	struct setting *setting = *state;
	udp_stop(&setting->udp);
	fixture_stop(&setting->fixture);
	fixture_finish(&setting->fixture);
	if (setting->fd >= 0)
		close(setting->fd);
	free(setting);
	return 0;
}

static enum status start(struct setting *setting, struct error *error)
{
	return udp_start(&setting->udp, setting->fixture.core.ingest, &setting->fixture.conf, error);
}

/* Opens a socket that sends to where udp listens. */
static void connect_internet(struct setting *setting)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const char *colon = strrchr(udp_address(setting->udp), ':');
	assert_non_null(colon);
	to.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	assert_int_not_equal(to.sin_port, 0);
	setting->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(setting->fd >= 0);
	assert_int_equal(connect(setting->fd, (struct sockaddr *)&to, sizeof(to)), 0);
}

static struct counts wait_for(struct setting *setting, uint64_t received)
{
	struct counts counts;
	do {
		sched_yield();
		counters_get(&setting->fixture.core.counters, SOURCE_UDP, &counts);
	} while (counts.received < received);
	return counts;
}

static void send_text(struct setting *setting, const char *text)
{
	assert_int_equal(send(setting->fd, text, strlen(text), 0), strlen(text));
}

static void see_peer(void *context, const struct event *event)
{
	assert_true(text_equal(event_text(event, FIELD_INGEST_PEER), text_of(context)));
	assert_true(text_equal(event_text(event, FIELD_INGEST_SOURCE), TEXT("udp")));
	assert_true(text_equal(event_text(event, FIELD_INGEST_AUTH), TEXT("none")));
}

static void test_every_line_of_every_datagram_becomes_an_event(void **state)
{
	struct setting *setting = *state;
	struct error error;
	assert_int_equal(start(setting, &error), STATUS_OK);
	connect_internet(setting);
	char text[200];
	for (unsigned i = 0; i < 200; i++) {
		(void)snprintf(text, sizeof(text),
			"{\"kind\":\"heartbeat\",\"id\":\"a%u\"}\n{\"kind\":\"heartbeat\",\"id\":\"b%u\"}\n", i, i);
		send_text(setting, text);
	}
	struct counts counts = wait_for(setting, 400);
	assert_int_equal(counts.stored, 400);
	assert_int_equal(fixture_count(&setting->fixture), 400);
	char peer[] = "127.0.0.1";
	fixture_read(&setting->fixture, false, see_peer, peer);
}

static void test_a_damaged_datagram_does_not_spoil_its_neighbours(void **state)
{
	struct setting *setting = *state;
	struct error error;
	assert_int_equal(start(setting, &error), STATUS_OK);
	connect_internet(setting);
	send_text(setting, "{\"kind\":\"heartbeat\",\"id\":\"1\"");
	send_text(setting, "{\n \"kind\":\"heartbeat\",\n \"id\":\"2\"\n}\n");
	send_text(setting, "[{\"kind\":\"heartbeat\",\"id\":\"3\"},{\"kind\":\"heartbeat\",\"id\":\"4\"}]");
	send_text(setting, "\"");
	send_text(setting, "{\"kind\":\"heartbeat\",\"id\":\"5\"}");
	struct counts counts = wait_for(setting, 6);
	assert_int_equal(counts.stored, 4);
	assert_int_equal(counts.received, 6);
}

static void test_what_was_sent_before_the_stop_is_taken_in(void **state)
{
	struct setting *setting = *state;
	struct error error;
	assert_int_equal(start(setting, &error), STATUS_OK);
	connect_internet(setting);
	char text[64];
	for (unsigned i = 0; i < 100; i++) {
		(void)snprintf(text, sizeof(text), "{\"kind\":\"heartbeat\",\"id\":\"s%u\"}", i);
		send_text(setting, text);
	}
	udp_stop(&setting->udp);
	assert_null(setting->udp);
	assert_int_equal(wait_for(setting, 100).stored, 100);
}

static void test_what_the_kernel_drops_is_counted(void **state)
{
	struct setting *setting = *state;
	struct error error;
	setting->fixture.conf.udp_receive_buffer_bytes = 4096;
	assert_int_equal(start(setting, &error), STATUS_OK);
	connect_internet(setting);
	enum { SENT = 20000 };
	char text[1000];
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"kind\":\"heartbeat\"}", 20);
	for (unsigned i = 0; i < SENT; i++)
		assert_int_equal(send(setting->fd, text, sizeof(text), 0), sizeof(text));
	udp_stop(&setting->udp);
	struct counts counts = wait_for(setting, SENT);
	assert_int_equal(counts.received, SENT);
	assert_true(counts.dropped[REASON_SOCKET_OVERFLOW] > 0);
	assert_int_equal(
		counts.stored + counts.dropped[REASON_SOCKET_OVERFLOW] + counts.dropped[REASON_QUEUE_FULL], SENT);
}

static void test_a_unix_socket_is_for_the_owner_only_and_cut_datagrams_are_counted(void **state)
{
	struct setting *setting = *state;
	struct error error;
	char path[128];
	(void)snprintf(path, sizeof(path), "unix:%s/udp.sock", setting->fixture.dir);
	set_listen(setting, path);
	assert_int_equal(start(setting, &error), STATUS_OK);
	assert_string_equal(udp_address(setting->udp), path);
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	assert_true(strlen(path + 5) < sizeof(to.sun_path));
	memcpy(to.sun_path, path + 5, strlen(path + 5) + 1);
	struct stat info;
	assert_int_equal(stat(to.sun_path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	setting->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(setting->fd >= 0);
	assert_int_equal(connect(setting->fd, (struct sockaddr *)&to, sizeof(to)), 0);
	static char text[100000];
	memset(text, ' ', sizeof(text));
	memcpy(text, "{\"kind\":\"heartbeat\"}", 20);
	assert_int_equal(send(setting->fd, text, sizeof(text), 0), sizeof(text));
	send_text(setting, "{\"kind\":\"heartbeat\"}");
	struct counts counts = wait_for(setting, 2);
	assert_int_equal(counts.dropped[REASON_TRUNCATED], 1);
	assert_int_equal(counts.stored, 1);
	char peer[] = "unix";
	fixture_read(&setting->fixture, false, see_peer, peer);
	udp_stop(&setting->udp);
	assert_int_not_equal(access(to.sun_path, F_OK), 0);
}

static void test_beyond_loopback_it_must_be_allowed(void **state)
{
	struct setting *setting = *state;
	struct error error;
	set_listen(setting, "0.0.0.0:0");
	assert_int_equal(start(setting, &error), STATUS_INVALID);
	assert_non_null(strstr(error.text, "udp.allow_unauthenticated"));
	setting->fixture.conf.udp_allow_unauthenticated = true;
	assert_int_equal(start(setting, &error), STATUS_OK);
}

static void test_a_port_in_use_is_named_with_its_setting(void **state)
{
	struct setting *setting = *state;
	struct error error;
	assert_int_equal(start(setting, &error), STATUS_OK);
	set_listen(setting, udp_address(setting->udp));
	struct udp *other = NULL;
	assert_int_equal(udp_start(&other, setting->fixture.core.ingest, &setting->fixture.conf, &error), STATUS_BUSY);
	assert_non_null(strstr(error.text, "udp.listen"));
	set_listen(setting, "7373");
	assert_int_equal(
		udp_start(&other, setting->fixture.core.ingest, &setting->fixture.conf, &error), STATUS_INVALID);
	set_listen(setting, "");
	assert_int_equal(udp_start(&other, setting->fixture.core.ingest, &setting->fixture.conf, &error), STATUS_OK);
	assert_null(other);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(test_every_line_of_every_datagram_becomes_an_event),
		CASE(test_a_damaged_datagram_does_not_spoil_its_neighbours),
		CASE(test_what_was_sent_before_the_stop_is_taken_in),
		CASE(test_what_the_kernel_drops_is_counted),
		CASE(test_a_unix_socket_is_for_the_owner_only_and_cut_datagrams_are_counted),
		CASE(test_beyond_loopback_it_must_be_allowed),
		CASE(test_a_port_in_use_is_named_with_its_setting),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
