#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "http_guard.h"

/* A head with these fields: name, value, …, NULL. */
static struct http_head head_of(const char *first, ...)
{
	struct http_head head = {.method = HTTP_POST, .is_http_1_1 = true, .path = TEXT("/v1/events")};
	va_list arguments;
	va_start(arguments, first);
	for (const char *name = first; name; name = va_arg(arguments, const char *))
		head.fields[head.field_count++] =
			(struct http_field){text_of(name), text_of(va_arg(arguments, const char *))};
	va_end(arguments);
	return head;
}

#define REFUSED(...) assert_true(refused(head_of(__VA_ARGS__, NULL)))

static bool refused(struct http_head head)
{
	struct http_framing framing;
	return http_guard_framing(&head, &framing) != NULL;
}

static struct http_framing framed(struct http_head head)
{
	struct http_framing framing = {0};
	assert_null(http_guard_framing(&head, &framing));
	return framing;
}

static void one_length_or_one_chunked_coding_is_sound(void **state)
{
	(void)state;
	struct http_framing framing = framed(head_of("Host", "a", "content-length", "17 ", NULL));
	assert_true(framing.has_length && framing.length == 17 && !framing.chunked);
	framing = framed(head_of("Host", "a", "Transfer-Encoding", "Chunked", NULL));
	assert_true(framing.chunked && !framing.has_length);
	framing = framed(head_of("Host", "a", "Expect", "100-Continue", NULL));
	assert_true(framing.expects_continue && !framing.has_length && framing.length == 0);
}

static void what_two_parties_may_read_differently_is_refused(void **state)
{
	(void)state;
	REFUSED("Host", "a", "Content-Length", "4", "Transfer-Encoding", "chunked");
	REFUSED("Host", "a", "Content-Length", "4", "content-length", "4");
	REFUSED("Host", "a", "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked");
	REFUSED("Host", "a", "Transfer-Encoding", "gzip, chunked");
	REFUSED("Host", "a", "Transfer-Encoding", "xchunked");
	REFUSED("Host", "a", "Transfer-Encoding", "");
	REFUSED("Host", "a", "Content-Length", "");
	REFUSED("Host", "a", "Content-Length", "+4");
	REFUSED("Host", "a", "Content-Length", "4, 4");
	REFUSED("Host", "a", "Content-Length", "0x4");
	REFUSED("Host", "a", "Content-Length", "1000000000000000000000");
	REFUSED("Host", "a", "Content-Length ", "4");
	REFUSED("Host", "a", "Bad\tName", "4");
	REFUSED("Host", "a", "", "4");
	REFUSED("Host", "a", "X", "a\rb");
	REFUSED("Host", "a", "X", "a\x7f");
	REFUSED("Host", "a", "Expect", "200-ok");
}

static void http_1_0_knows_no_transfer_coding(void **state)
{
	(void)state;
	struct http_head head = head_of("Transfer-Encoding", "chunked", NULL);
	head.is_http_1_1 = false;
	assert_true(refused(head));
}

static void a_host_is_there_once_and_is_a_host(void **state)
{
	(void)state;
	REFUSED("X", "a");
	REFUSED("Host", "a", "Host", "a");
	REFUSED("Host", "a b");
	REFUSED("Host", "user@a");
	REFUSED("Host", "a/b");
	struct http_head old = head_of("X", "a", NULL);
	old.is_http_1_1 = false;
	assert_false(refused(old));
}

static void targets_that_are_no_path_are_refused(void **state)
{
	(void)state;
	const char *targets[] = {"", "*", "example.com:443", "http://a/v1/events", "/a\x01"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct http_head head = head_of("Host", "a", NULL);
		head.path = text_of(targets[i]);
		assert_true(refused(head));
	}
}

static void only_loopback_and_configured_hosts_are_believed(void **state)
{
	(void)state;
	char first[] = "ledger.example";
	char second[] = "other.example:8443";
	char *items[] = {first, second};
	const struct conf_list hosts = {items, 2};
	const char *good[] = {"localhost", "LocalHost:7373", "a.localhost:1", "127.0.0.1", "127.8.9.1:80", "[::1]",
		"[::1]:7373", "ledger.example", "Ledger.Example:99", "other.example:8443"};
	const char *bad[] = {"", ":80", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "128.0.0.1",
		"[::2]:80", "[::1", "0.0.0.0", "127.1", "notlocalhost", "other.example:1", "10.0.0.1"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(http_guard_host(text_of(good[i]), &hosts));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(http_guard_host(text_of(bad[i]), &hosts));
}

static void an_origin_must_be_the_host(void **state)
{
	(void)state;
	struct http_head head = head_of("Host", "localhost:7373", NULL);
	assert_true(http_guard_origin(&head));
	head = head_of("Host", "localhost:7373", "Origin", "http://LOCALHOST:7373", NULL);
	assert_true(http_guard_origin(&head));
	head = head_of("Host", "localhost:7373", "Origin", "https://localhost:7373", NULL);
	assert_true(http_guard_origin(&head));
	const char *foreign[] = {"null", "", "http://localhost", "http://localhost:73", "http://localhost:73731",
		"http://evil.example", "ftp://localhost:7373", "http://localhost:7373.evil.example"};
	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
		head = head_of("Host", "localhost:7373", "Origin", foreign[i], NULL);
		assert_false(http_guard_origin(&head));
	}
	head = head_of("Host", "a", "Origin", "http://a", "Origin", "http://b", NULL);
	assert_false(http_guard_origin(&head));
	head = head_of("X", "a", "Origin", "http://", NULL);
	assert_false(http_guard_origin(&head));
}

static void escapes_are_decoded_or_refused(void **state)
{
	(void)state;
	struct arena arena;
	struct text plain;
	arena_init(&arena, 4096);
	assert_int_equal(http_unescape(TEXT("a%2Fb%c3%A9%00"), &arena, &plain), STATUS_OK);
	assert_int_equal(plain.len, 6);
	assert_memory_equal(plain.at, "a/b\xc3\xa9\0", 6);
	assert_int_equal(http_unescape(TEXT("%4"), &arena, &plain), STATUS_INVALID);
	assert_int_equal(http_unescape(TEXT("%zz"), &arena, &plain), STATUS_INVALID);
	assert_int_equal(http_unescape(TEXT("x%"), &arena, &plain), STATUS_INVALID);
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_length_or_one_chunked_coding_is_sound),
		cmocka_unit_test(what_two_parties_may_read_differently_is_refused),
		cmocka_unit_test(http_1_0_knows_no_transfer_coding),
		cmocka_unit_test(a_host_is_there_once_and_is_a_host),
		cmocka_unit_test(targets_that_are_no_path_are_refused),
		cmocka_unit_test(only_loopback_and_configured_hosts_are_believed),
		cmocka_unit_test(an_origin_must_be_the_host),
		cmocka_unit_test(escapes_are_decoded_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
