#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "demo.h"
#include "members.h"

static const char recorded[] =
	"{\"kind\":\"tool_call\",\"id\":\"a\",\"time\":1000,\"tenant\":\"x\",\"trace_id\":\"t\",\"span_id\":\"s\","
	"\"observer\":{\"role\":\"server\",\"epoch\":\"e\"},\"oauth\":{\"expires_at\":5000,\"client_id\":\"c\"},"
	"\"request\":{\"id\":\"a\",\"time\":1000}}\n"
	"\n"
	"{\"kind\" : \"tool_call\", \"id\":\"b\", \"retry_of\":\"a\", \"time\":3000}";

static struct buf out;
static struct arena arena;

static struct text line_of(unsigned number)
{
	struct text text = buf_text(&out);
	for (; number > 0; number--) {
		const char *newline = memchr(text.at, '\n', text.len);
		assert_non_null(newline);
		text.len -= (size_t)(newline + 1 - text.at);
		text.at = newline + 1;
	}
	const char *newline = memchr(text.at, '\n', text.len);
	assert_non_null(newline);
	return (struct text){text.at, (size_t)(newline - text.at)};
}

static struct text member(struct text json, const char *wanted)
{
	struct members members;
	struct text name;
	struct text value;
	assert_true(members_begin(json, &members));
	while (members_next(&members, &name, &value))
		if (text_equal(name, text_of(wanted)))
			return value;
	return (struct text){NULL, 0};
}

static void assert_member(struct text json, const char *name, const char *wanted)
{
	struct text value = member(json, name);
	assert_int_equal(value.len, strlen(wanted));
	assert_memory_equal(value.at, wanted, value.len);
}

static void freshen(void)
{
	struct error error = {0};
	buf_clear(&out);
	if (demo_freshen(TEXT(recorded), 10000, &out, &error) != STATUS_OK)
		fail_msg("%s", error.text);
}

static void times_move_so_that_the_last_event_is_now(void **state)
{
	(void)state;
	freshen();
	assert_member(line_of(1), "time", "10000");
	assert_member(line_of(0), "time", "8000");
	assert_member(member(line_of(0), "oauth"), "expires_at", "12000");
	assert_member(member(line_of(0), "oauth"), "client_id", "\"c\"");
	assert_member(line_of(0), "request", "{\"id\":\"a\",\"time\":1000}");
}

static void events_go_to_the_tenant_demo(void **state)
{
	(void)state;
	freshen();
	assert_member(line_of(0), "tenant", "\"demo\"");
	assert_member(line_of(1), "tenant", "\"demo\"");
}

static void ids_are_new_and_still_point_to_each_other(void **state)
{
	(void)state;
	freshen();
	struct text id = arena_copy(&arena, member(line_of(0), "id"));
	assert_int_equal(id.len, 38);
	assert_true(text_equal(id, member(line_of(1), "retry_of")));
	assert_int_equal(member(line_of(0), "trace_id").len, 34);
	assert_int_equal(member(line_of(0), "span_id").len, 18);
	assert_int_equal(member(member(line_of(0), "observer"), "epoch").len, 38);
	assert_member(member(line_of(0), "observer"), "role", "\"server\"");
	freshen();
	assert_false(text_equal(id, member(line_of(0), "id")));
}

static void a_line_that_is_no_event_is_refused(void **state)
{
	(void)state;
	struct error error = {0};
	assert_int_equal(demo_freshen(TEXT("{\"time\":1}\n[]\n"), 5, &out, &error), STATUS_INVALID);
	assert_int_equal(demo_freshen(TEXT("{\"time\":1\n"), 5, &out, &error), STATUS_INVALID);
	assert_int_equal(demo_freshen(TEXT("{\"id\":\"a\"}\n"), 5, &out, &error), STATUS_INVALID);
}

int main(void)
{
	buf_init(&out, 1 << 20);
	arena_init(&arena, 1 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_move_so_that_the_last_event_is_now),
		cmocka_unit_test(events_go_to_the_tenant_demo),
		cmocka_unit_test(ids_are_new_and_still_point_to_each_other),
		cmocka_unit_test(a_line_that_is_no_event_is_refused),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_finish(&out);
	arena_finish(&arena);
	return failed;
}
