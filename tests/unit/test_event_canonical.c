#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "event.h"

static struct event event;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	event_clear(&event);
	buf_init(&out, 1 << 20);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	buf_finish(&out);
	return 0;
}

static void check_out(const char *wanted)
{
	assert_int_equal(buf_status(&out), STATUS_OK);
	if (!text_equal(buf_text(&out), text_of(wanted)))
		fail_msg("is %.*s", (int)out.len, out.at);
}

static void empty_event_is_an_empty_object(void **state)
{
	(void)state;
	event_put_canonical(&out, &event);
	check_out("{}");
}

static void members_stand_in_the_order_of_their_numbers(void **state)
{
	(void)state;
	event_set_text(&event, FIELD_ATTRS, TEXT("{\"z\":1}"));
	event_set_text(&event, FIELD_OUTCOME_VALIDATION, TEXT("pass"));
	event_set_text(&event, FIELD_OUTCOME_POLICY_RULE, TEXT("r\"1"));
	event_set_text(&event, FIELD_OUTCOME_POLICY_ID, TEXT("p"));
	event_set_number(&event, FIELD_OUTCOME_HTTP_STATUS, 200);
	event_set_number(&event, FIELD_TARGET_HINTS_READ_ONLY, 1);
	event_set_text(&event, FIELD_TARGET_NAME, TEXT("read"));
	event_set_number(&event, FIELD_TIME, 1795231253754695918);
	event_set_text(&event, FIELD_REQUEST_ID, TEXT("7"));
	event_set_text(&event, FIELD_USER_TRUST_CLAIMED, TEXT("verified"));
	event_set_text(&event, FIELD_KIND, TEXT("tool_call"));
	event_put_canonical(&out, &event);
	check_out("{\"kind\":\"tool_call\",\"time\":1795231253754695918,\"user\":{\"trust_claimed\":\"verified\"},"
		  "\"request_id\":7,\"target\":{\"name\":\"read\",\"hints\":{\"read_only\":true}},"
		  "\"outcome\":{\"http_status\":200,\"policy\":{\"id\":\"p\",\"rule\":\"r\\\"1\"},\"validation\":"
		  "\"pass\"},"
		  "\"attrs\":{\"z\":1}}");
}

static void an_inner_object_alone_opens_all_around_it(void **state)
{
	(void)state;
	event_set_number(&event, FIELD_TARGET_HINTS_OPEN_WORLD, 0);
	event_set_text(&event, FIELD_OUTCOME_POLICY_VERSION, TEXT("2"));
	event_put_canonical(&out, &event);
	check_out("{\"target\":{\"hints\":{\"open_world\":false}},\"outcome\":{\"policy\":{\"version\":\"2\"}}}");
}

static void collector_members_are_in_json_only(void **state)
{
	(void)state;
	event_set_text(&event, FIELD_KIND, TEXT("auth"));
	event_set_text(&event, FIELD_REQUEST, TEXT("{\"a\":1}"));
	event_set_number(&event, FIELD_SEQ, 42);
	event_set_number(&event, FIELD_MARKS_ID_ASSIGNED, 1);
	event_set_text(&event, FIELD_INGEST_SOURCE, TEXT("http"));
	event_set_text(&event, FIELD_INGEST_TENANT, TEXT("default"));
	event_set_text(&event, FIELD_VERDICT, TEXT("ok"));
	event_put_canonical(&out, &event);
	check_out("{\"kind\":\"auth\",\"request\":{\"a\":1}}");
	buf_clear(&out);
	event_put_json(&out, &event, TEXT("s7"));
	check_out("{\"kind\":\"auth\",\"id\":\"s7-42\",\"request\":{\"a\":1},\"seq\":42,"
		  "\"ingest\":{\"source\":\"http\",\"tenant\":\"default\"},\"verdict\":\"ok\",\"request_size\":7,"
		  "\"marks\":{\"id_assigned\":true}}");
}

static void a_kept_size_is_shown_as_kept(void **state)
{
	(void)state;
	event_set_text(&event, FIELD_RESPONSE, TEXT("\"cut\""));
	event_set_number(&event, FIELD_RESPONSE_SIZE, 9000);
	event_put_json(&out, &event, TEXT("s"));
	check_out("{\"response\":\"cut\",\"response_size\":9000}");
}

static void every_field_is_found_by_its_path(void **state)
{
	(void)state;
	size_t fields = 0;
	for (unsigned field = 0; field < FIELD_LIMIT; field++) {
		const struct field_info *info = field_info(field);
		if (info->type == FIELD_TYPE_NONE)
			continue;
		fields++;
		assert_int_equal(field_find(text_of(info->path)), field);
	}
	const uint8_t *order;
	assert_int_equal(field_order(&order), fields);
	assert_int_equal(order[0], FIELD_KIND);
	assert_int_equal(field_find(TEXT("user.trust")), 0);
	assert_int_equal(field_find(TEXT("target")), 0);
	assert_int_equal(field_find(TEXT("nothing.such")), 0);
	assert_int_equal(field_find(TEXT("")), 0);
	assert_int_equal(field_info(FIELD_INGEST_TENANT)->flags, FIELD_IN_SET);
}

static void names_are_found_and_told(void **state)
{
	(void)state;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		assert_int_equal(verdict_find(text_of(verdict_name((enum verdict)verdict))), verdict);
	assert_int_equal(verdict_find(TEXT("none")), VERDICT_COUNT);
	assert_true(verdict_is_error(VERDICT_TIMEOUT));
	assert_false(verdict_is_error(VERDICT_DENIED));
	assert_false(verdict_counts_against_server(VERDICT_CANCELLED));
	assert_int_equal(kind_find(TEXT("approval")), KIND_APPROVAL);
	assert_int_equal(kind_find(TEXT("other")), KIND_OTHER);
	assert_string_equal(reason_name(REASON_TOO_DEEP), "too_deep");
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		assert_int_equal(payload_of(payload_field((enum payload)payload)), payload);
	assert_int_equal(payload_of(FIELD_KIND), PAYLOAD_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(empty_event_is_an_empty_object, setup, teardown),
		cmocka_unit_test_setup_teardown(members_stand_in_the_order_of_their_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(an_inner_object_alone_opens_all_around_it, setup, teardown),
		cmocka_unit_test_setup_teardown(collector_members_are_in_json_only, setup, teardown),
		cmocka_unit_test_setup_teardown(a_kept_size_is_shown_as_kept, setup, teardown),
		cmocka_unit_test(every_field_is_found_by_its_path),
		cmocka_unit_test(names_are_found_and_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
