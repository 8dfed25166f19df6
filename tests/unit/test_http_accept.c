#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "http_accept.h"

static struct http_head head_with(const char *name, const char *const *values, size_t count)
{
	struct http_head head = {.field_count = 0};
	for (size_t i = 0; i < count; i++)
		head.fields[head.field_count++] = (struct http_field){text_of(name), text_of(values[i])};
	return head;
}

static enum metric_format format_for(const char *accept)
{
	struct http_head head = head_with("accept", &accept, 1);
	return http_accept_metrics(&head);
}

static void assert_format(enum metric_format format, const char *const *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (format_for(fields[i]) != format)
			print_error("Accept: %s\n", fields[i]);
		assert_int_equal(format_for(fields[i]), format);
	}
}
#define ASSERT_FORMAT(format, ...)                                                                                     \
	assert_format(format, (const char *const[]){__VA_ARGS__},                                                      \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void openmetrics_is_for_who_names_it(void **state)
{
	(void)state;
	ASSERT_FORMAT(METRIC_OPENMETRICS,
		/* Prometheus 2.42, 2.50 with native histograms, 3.x */
		"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
		"application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
		"text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
		"application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
		"version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/"
		"plain;version=0.0.4;q=0.3,"
		"*/*;q=0.2",
		"application/openmetrics-text", "Application/OpenMetrics-Text ; Version=\"1.0.0\" ; Q=0.001",
		"text/plain, application/openmetrics-text",
		"text/*;q=0.5;version=0.0.4 ,application/openmetrics-text;q=0.5",
		"text/html, application/openmetrics-text; charset=\"a,b;q=0\"; version=1.0.0; q=1.000, */*");
}

static void the_text_format_is_for_all_others(void **state)
{
	(void)state;
	ASSERT_FORMAT(METRIC_TEXT, "", "*/*", "text/plain",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		/* Prometheus that is told to scrape the text format */
		"text/plain;version=0.0.4;q=0.6,*/*;q=0.1", "application/*", "application/json",
		"application/openmetrics-text;version=1.0.0;q=0.5,text/plain", "application/openmetrics-text;q=0",
		"application/openmetrics-text;q=0.0,*/*", "application/openmetrics-text;version=0.0.1",
		"application/openmetrics-text;version=2.0.0", "application/openmetrics-text;q=2",
		"application/openmetrics-text;q=0.1234", "application/openmetrics-text;q=1.001",
		"application/openmetrics-text;q=abc",
		"application/openmetrics-text;q=", "application/openmetrics-textual",
		"application/openmetrics-text;q=0.5,text/plain;q=0.6", ",,;;,q=1,=;\"",
		"\"application/openmetrics-text", "text/plain;q=0.3,application/openmetrics-text;q=0.2");
	struct http_head none = {.field_count = 0};
	assert_int_equal(http_accept_metrics(&none), METRIC_TEXT);
}

static void the_closest_member_decides(void **state)
{
	(void)state;
	ASSERT_FORMAT(METRIC_OPENMETRICS,
		"application/openmetrics-text;q=0.1,application/openmetrics-text;version=1.0.0;q=0.9,text/plain;q=0.5",
		"application/openmetrics-text;q=0.5,text/plain;version=0.0.4;q=0.4,text/plain;q=0.9,*/*");
	ASSERT_FORMAT(METRIC_TEXT,
		"application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5");
}

static void several_fields_are_one_list(void **state)
{
	(void)state;
	const char *const values[] = {"text/plain;q=0.5", "application/openmetrics-text"};
	struct http_head head = head_with("Accept", values, 2);
	assert_int_equal(http_accept_metrics(&head), METRIC_OPENMETRICS);
}

static bool packs_for(const char *encodings)
{
	struct http_head head = head_with("Accept-Encoding", &encodings, 1);
	return http_accept_gzip(&head);
}

static void gzip_is_for_who_accepts_it(void **state)
{
	(void)state;
	assert_true(packs_for("gzip"));
	assert_true(packs_for("deflate, GZIP;q=0.5, br"));
	assert_true(packs_for("*"));
	assert_true(packs_for("gzip;q=0.001,*;q=0"));
	assert_false(packs_for(""));
	assert_false(packs_for("identity, deflate"));
	assert_false(packs_for("gzip;q=0"));
	assert_false(packs_for("gzip;q=0.000,*"));
	assert_false(packs_for("xgzip, gzipped"));
	struct http_head none = {.field_count = 0};
	assert_false(http_accept_gzip(&none));
}

/* Any bytes give an answer, and read nothing beyond their end: for the address sanitizer. */
static void any_bytes_are_taken(void **state)
{
	(void)state;
	static const char *const pieces[] = {"application/openmetrics-text", "text/plain", "*/*", "gzip", ",", ";", "q",
		"=", "\"", "\\", " ", "version", "1.0.0", "0", ".", "1", "\t", "\xff"};
	uint32_t random = 1;
	for (unsigned round = 0; round < 20000; round++) {
		struct buf bytes;
		buf_init(&bytes, 4096);
		for (unsigned i = 0; i < 1 + round % 12; i++) {
			random = random * 1664525 + 1013904223;
			buf_put_string(&bytes, pieces[(random >> 16) % (sizeof(pieces) / sizeof(pieces[0]))]);
		}
		char *copy = malloc(bytes.len);
		assert_non_null(copy);
		memcpy(copy, bytes.at, bytes.len);
		struct http_head head = {.field_count = 2};
		head.fields[0] = (struct http_field){TEXT("Accept"), {copy, bytes.len}};
		head.fields[1] = (struct http_field){TEXT("Accept-Encoding"), {copy, bytes.len}};
		enum metric_format format = http_accept_metrics(&head);
		if (format == METRIC_OPENMETRICS)
			assert_non_null(memmem(copy, bytes.len, "openmetrics", 11));
		if (http_accept_gzip(&head))
			assert_true(memmem(copy, bytes.len, "gzip", 4) || memchr(copy, '*', bytes.len));
		free(copy);
		buf_finish(&bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openmetrics_is_for_who_names_it),
		cmocka_unit_test(the_text_format_is_for_all_others),
		cmocka_unit_test(the_closest_member_decides),
		cmocka_unit_test(several_fields_are_one_list),
		cmocka_unit_test(gzip_is_for_who_accepts_it),
		cmocka_unit_test(any_bytes_are_taken),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
