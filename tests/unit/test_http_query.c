/* How the read API's routes are run: what they see, how they answer, what is on record, and who waits for whom. */
#include "http_rig.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "timestamp.h"

#define FORM  "Content-Type: application/x-www-form-urlencoded\r\n"
#define FLOOD "GET /api/v1/flood HTTP/1.1\r\nHost: localhost\r\n\r\n"

/* --- questions --- */

static void routes_see_decoded_paths_and_parameters(void **state)
{
	(void)state;
	start(NULL);
	assert_code(get("/api/v1/echo/a%2Fb?q=x%20y+z%2B", ""), "200");
	assert_non_null(strstr(answer, "path=/api/v1/echo/a/b q=x y z+ tenants=0 all"));
	assert_non_null(strstr(answer, "Content-Length: "));
	assert_code(get("/api/v1/echo?q=%zz", ""), "400");
	assert_code(get("/api/v1/echo?q=%ff", ""), "400");
	assert_code(get("/api/v1/echo/%c3", ""), "400");
	assert_code(get("/api/v1/echo/", ""), "404");
	assert_code(get("/api/v1/silent", ""), "500");
}

static void questions_come_as_forms_too(void **state)
{
	(void)state;
	start("MCPLEDGER_QUERY_FORM_BYTES_MAX=64KiB");
	assert_code(post("/api/v1/echo", FORM, "&q=x+y%2Bz&other=1&"), "200");
	assert_non_null(strstr(answer, "q=x y+z"));
	assert_code(post("/api/v1/echo?q=target", FORM, ""), "200");
	assert_non_null(strstr(answer, "q=target"));
	assert_code(post("/api/v1/echo", FORM, "q=%zz"), "400");
	assert_code(post("/api/v1/echo", FORM, "q=\xff"), "400");
	assert_code(post("/api/v1/echo", "", "q=x"), "415");
	assert_code(post("/api/v1/echo", "Content-Type: application/json\r\n", "{}"), "415");
	assert_code(post("/api/v1/echo", "Content-Encoding: gzip\r\n" FORM, "q=x"), "415");
	assert_code(ask("POST /api/v1/echo HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n" FORM
			"Content-Length: 65537\r\n\r\n"),
		"413");
	assert_non_null(strstr(answer, "query.form_bytes_max"));
}

/* --- answers --- */

static void long_answers_stream_whole_and_in_order(void **state)
{
	(void)state;
	static char stream[10 << 20];
	start(NULL);
	int fd = dial();
	const char *request = "GET /api/v1/long HTTP/1.0\r\n\r\n";
	send_all(fd, request, strlen(request));
	size_t len = receive_until(fd, stream, sizeof(stream), NULL);
	close(fd);
	const char *body = strstr(stream, "\r\n\r\n") + 4;
	assert_int_equal(len - (size_t)(body - stream), 8000000);
	for (unsigned i = 0; i < 1000000; i++)
		assert_int_equal(atoi(body + 8UL * i), i);
}

static void a_failure_takes_the_place_of_what_was_not_sent_yet(void **state)
{
	(void)state;
	start(NULL);
	assert_code(get("/api/v1/fail", ""), "422");
	assert_non_null(strstr(answer, "application/problem+json"));
	assert_non_null(strstr(answer, "\"column\":3,\"nearest\":\"name\",\"limit\":\"query.rows_max\""));
	assert_null(strstr(answer, "half"));
	assert_true(was_noted("\"outcome\":\"limit\",\"limit\":\"query.rows_max\""));
}

static void an_answer_that_is_broken_off_can_not_be_taken_for_a_whole_one(void **state)
{
	(void)state;
	static char stream[4 << 20];
	static const char *const requests[] = {"GET /api/v1/fail?q=late HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/v1/fail?q=late HTTP/1.0\r\n\r\n"};
	start(NULL);
	for (size_t i = 0; i < 2; i++) {
		int fd = dial();
		errno = 0;
		send_all(fd, requests[i], strlen(requests[i]));
		size_t len = receive_until(fd, stream, sizeof(stream), NULL);
		int failure = errno;
		close(fd);
		assert_code(stream, "200");
		assert_true(len > 256 << 10);
		if (i == 0) /* its last chunk is not there */
			assert_memory_not_equal(stream + len - 5, "0\r\n\r\n", 5);
		else
			assert_int_equal(failure, ECONNRESET);
	}
	assert_true(was_noted("\"status\":200,\"outcome\":\"limit\""));
}

static bool has_head(const char *text)
{
	return strstr(text, "\r\n\r\n") != NULL;
}

static void whole_answers_are_packed_for_who_takes_that(void **state)
{
	(void)state;
	start(NULL);
	int fd = dial();
	const char *request = "GET /api/v1/kilobytes HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n";
	send_all(fd, request, strlen(request));
	(void)receive_until(fd, answer, sizeof(answer), has_head);
	close(fd);
	assert_code(answer, "200");
	assert_non_null(strstr(answer, "Content-Encoding: gzip"));
	assert_non_null(strstr(answer, "Vary: Accept-Encoding"));
	assert_code(get("/api/v1/kilobytes", "Accept-Encoding: gzip;q=0\r\n"), "200");
	assert_null(strstr(answer, "Content-Encoding"));
	assert_non_null(strstr(answer, "Vary: Accept-Encoding"));
}

static void a_query_ends_when_its_client_leaves(void **state)
{
	(void)state;
	start(NULL);
	int fd = dial();
	send_all(fd, FLOOD, strlen(FLOOD));
	(void)receive_until(fd, answer, 1000, NULL);
	assert_code(answer, "200");
	close(fd);
	pthread_barrier_wait(&flood_ended);
	assert_int_equal(flood_status, STATUS_CANCELLED);
}

/* --- the record --- */

static void what_was_asked_is_on_record_without_secrets(void **state)
{
	(void)state;
	start(NULL);
	assert_code(get("/api/v1/echo?q=x%20AKIAIOSFODNN7EXAMPLE%20y&limit=5&since=2h", ""), "200");
	assert_true(was_noted("query {\"path\":\"/api/v1/echo\","));
	assert_true(was_noted("\"filter\":\"x [redacted:"));
	assert_true(was_noted("\"parameters\":\"limit=5 since=2h\""));
	assert_false(was_noted("AKIAIOSFODNN7EXAMPLE"));
	assert_true(was_noted(
		"\"principal\":\"\",\"peer\":\"127.0.0.1\",\"status\":200,\"outcome\":\"ok\",\"rows\":0,\"bytes\":"));
	assert_true(was_noted("\"duration_ns\":"));
	assert_code(get("/api/v1/silent", ""), "500");
	assert_true(was_noted("\"status\":500,\"outcome\":\"failed\""));
}

static void a_secret_at_the_end_of_what_is_kept_is_not_kept_by_half(void **state)
{
	(void)state;
	char path[2048];
	start(NULL);
	(void)snprintf(path, sizeof(path), "/api/v1/echo?q=%01015d%%20AKIAIOSFODNN7EXAMPLE%%20y", 0);
	assert_code(get(path, ""), "200");
	assert_false(was_noted("AKIA"));
	assert_true(was_noted("\"filter_bytes\":1038"));
}

/* --- who waits for whom --- */

static void light_questions_do_not_wait_for_others(void **state)
{
	(void)state;
	start("MCPLEDGER_QUERY_THREADS=1");
	int fd = dial();
	send_all(fd, FLOOD, strlen(FLOOD));
	(void)receive_until(fd, answer, 1000, NULL);
	assert_code(get("/api/v1/light", ""), "200");
	close(fd);
	pthread_barrier_wait(&flood_ended);
}

static void those_without_end_never_have_all_threads(void **state)
{
	(void)state;
	struct pollfd fds[2];
	const char *unending = "GET /api/v1/unending HTTP/1.1\r\nHost: localhost\r\n\r\n";
	start("MCPLEDGER_QUERY_THREADS=2");
	for (size_t i = 0; i < 2; i++) {
		fds[i] = (struct pollfd){.fd = dial(), .events = POLLIN};
		send_all(fds[i].fd, unending, strlen(unending));
	}
	assert_code(get("/api/v1/echo", ""), "200");
	for (size_t i = 0; i < 2; i++) { /* which of them runs first is not known */
		assert_int_equal(poll(fds, 2, -1), 1);
		struct pollfd *ran = fds[0].revents ? &fds[0] : &fds[1];
		(void)receive_until(ran->fd, answer, 1000, NULL);
		assert_code(answer, "200");
		close(ran->fd);
		ran->fd = -1;
		pthread_barrier_wait(&flood_ended);
	}
}

static void too_many_questions_are_told_503_with_retry_after(void **state)
{
	(void)state;
	enum { RUNNING = 1, WAITING = 16, REFUSED = 1, ALL = RUNNING + WAITING + REFUSED };
	struct pollfd fds[ALL];
	start("MCPLEDGER_QUERY_THREADS=1");
	for (size_t i = 0; i < ALL; i++) {
		fds[i] = (struct pollfd){.fd = dial(), .events = POLLIN};
		send_all(fds[i].fd, FLOOD, strlen(FLOOD));
		if (i == 0) /* it runs; the others wait */
			(void)receive_until(fds[i].fd, answer, 1000, NULL);
	}
	assert_int_equal(poll(fds + RUNNING, ALL - RUNNING, -1), REFUSED);
	size_t refused = RUNNING;
	while (fds[refused].revents == 0)
		refused++;
	(void)receive_until(fds[refused].fd, answer, ANSWER_BYTES, is_whole);
	assert_code(answer, "503");
	assert_non_null(strstr(answer, "Retry-After: "));
	assert_non_null(strstr(answer, "query.threads"));
	for (size_t i = 0; i < ALL; i++)
		close(fds[i].fd);
	for (size_t i = 0; i < RUNNING + WAITING; i++) /* which waits behind which is not known */
		pthread_barrier_wait(&flood_ended);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HTTP_TEST(routes_see_decoded_paths_and_parameters),
		HTTP_TEST(questions_come_as_forms_too),
		HTTP_TEST(long_answers_stream_whole_and_in_order),
		HTTP_TEST(a_failure_takes_the_place_of_what_was_not_sent_yet),
		HTTP_TEST(an_answer_that_is_broken_off_can_not_be_taken_for_a_whole_one),
		HTTP_TEST(whole_answers_are_packed_for_who_takes_that),
		HTTP_TEST(a_query_ends_when_its_client_leaves),
		HTTP_TEST(what_was_asked_is_on_record_without_secrets),
		HTTP_TEST(a_secret_at_the_end_of_what_is_kept_is_not_kept_by_half),
		HTTP_TEST(light_questions_do_not_wait_for_others),
		HTTP_TEST(those_without_end_never_have_all_threads),
		HTTP_TEST(too_many_questions_are_told_503_with_retry_after),
	};
	pthread_barrier_init(&flood_ended, NULL, 2);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
