#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decoding.h"

#define CALL "\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"}"

static void an_event_becomes_canonical(void **state)
{
	(void)state;
	check_canonical(
		" { \"attrs\" : { \"b\" : 1.50 , \"a\":[ ] } ,\n\"time\":\"2026-11-20T10:00:00.000000001Z\", "
		"\"user\":{\"trust\":\"verified\",\"id\":\"al\\u0069ce\"},\"kind\":\"tool_call\",\"observer\":null,"
		"\"target\":{\"hints\":{\"read_only\":true},\"name\":\"read\"},\"duration_ns\":2e3,\"request_id\":"
		"\"7\","
		"\"request\":{\"path\":\"\\u002fsrv\"},\"sampling\":{\"rate\":1.0}}",
		"{\"kind\":\"tool_call\",\"time\":1795168800000000001,\"duration_ns\":2000,"
		"\"user\":{\"id\":\"alice\",\"trust_claimed\":\"verified\"},\"request_id\":\"7\","
		"\"target\":{\"name\":\"read\",\"hints\":{\"read_only\":true}},\"sampling\":{\"rate\":1.0},"
		"\"request\":{\"path\":\"\\u002fsrv\"},\"attrs\":{\"b\":1.50,\"a\":[]}}");
	assert_int_equal(decoding.event.kind, KIND_TOOL_CALL);
}

/* One decoder, every order after every other: what it expects of an event never changes what it reads. */
static void members_may_come_in_any_order(void **state)
{
	static const char *const members[] = {"\"kind\":\"tool_call\"", "\"time\":5", "\"target\":{\"name\":\"t\"}",
		"\"user\":{\"id\":\"u\",\"kind\":\"human\"}", "\"server\":{\"version\":\"1\",\"name\":\"s\"}"};
	enum { COUNT = sizeof(members) / sizeof(*members) };
	(void)state;
	for (unsigned order = 0; order < 3 * COUNT * COUNT; order++) {
		char json[512] = "{";
		for (unsigned i = 0; i < COUNT; i++) {
			strcat(json, i ? "," : "");
			strcat(json, members[(i * (1 + order % 4) + order / 4) % COUNT]);
		}
		strcat(json, "}");
		check_canonical(json,
			"{\"kind\":\"tool_call\",\"time\":5,\"server\":{\"name\":\"s\",\"version\":\"1\"},"
			"\"user\":{\"id\":\"u\",\"kind\":\"human\"},\"target\":{\"name\":\"t\"}}");
	}
}

static void unknown_members_follow_attrs_in_order_of_arrival(void **state)
{
	(void)state;
	check_canonical(
		"{" CALL ",\"zone\":{\"x\" : 1},\"observer\":{\"zone\":\"eu\"},\"attrs\":{\"sent\":true},\"seq\":7,"
		"\"ingest\":{\"source\":\"forged\"},\"user\":{\"trust_claimed\":\"verified\"},\"verdict\":\"ok\"}",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"},\"attrs\":{\"sent\":true,\"zone\":{\"x\":"
		"1},"
		"\"observer.zone\":\"eu\",\"seq\":7,\"ingest\":{\"source\":\"forged\"},\"user.trust_claimed\":"
		"\"verified\","
		"\"verdict\":\"ok\"}}");
	check_text(FIELD_INGEST_SOURCE, NULL);
	check_text(FIELD_USER_TRUST_CLAIMED, NULL);
	check_text(FIELD_VERDICT, "unknown");
	assert_int_equal(decoding.event.payload[PAYLOAD_ATTRS].count, 7);
	check_canonical("{\"x\\u0079\":1,\"kind\":\"auth\"}", "{\"kind\":\"auth\",\"attrs\":{\"x\\u0079\":1}}");
	check_canonical("{\"kind\":\"auth\",\"a\":1,\"attrs\":{}}", "{\"kind\":\"auth\",\"attrs\":{\"a\":1}}");
}

static void null_is_absent_but_a_payload_null_is_kept(void **state)
{
	(void)state;
	check_canonical("{" CALL
			",\"id\":null,\"time\":null,\"outcome\":{\"rpc_code\":null,\"policy\":null},\"attrs\":null,"
			"\"delegation\":null,\"request\":null,\"response\": null }",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"},\"request\":null,\"response\":null}");
}

static void numbers_and_escapes_of_payloads_stay_as_sent(void **state)
{
	(void)state;
	check_canonical("{" CALL ",\"request\":[12345678901234567890,1e999,\"\\ud800\",\"\\/\",-0.0]}",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"},"
		"\"request\":[12345678901234567890,1e999,\"\\ud800\",\"\\/\",-0.0]}");
}

static void bad_events_are_refused_with_their_reason(void **state)
{
	(void)state;
	decode_refused("{" CALL, REASON_MALFORMED_JSON);
	decode_refused("{" CALL "} x", REASON_MALFORMED_JSON);
	decode_refused("{" CALL ",\"request\":[1,,2]}", REASON_MALFORMED_JSON);
	decode_refused("{" CALL ",\"zone\":tru}", REASON_MALFORMED_JSON);
	decode_refused("", REASON_MALFORMED_JSON);
	decode_refused("{\"kind\":\"\xff\"}", REASON_INVALID_UTF8);
	decode_refused("[]", REASON_NOT_AN_OBJECT);
	decode_refused("7", REASON_NOT_AN_OBJECT);
	decode_refused("{}", REASON_MISSING_FIELD);
	decode_refused("{\"kind\":null}", REASON_MISSING_FIELD);
	decode_refused("{\"kind\":\"tool_call\"}", REASON_MISSING_FIELD);
	decode_refused("{\"kind\":\"tool_call\",\"action\":\"tools/call\",\"target\":{}}", REASON_MISSING_FIELD);
	decode_refused("{\"kind\":5}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"server\":\"x\"}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"attrs\":[1]}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"duration_ns\":1.5}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"duration_ns\":\"5\"}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"outcome\":{\"tool_error\":1}}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"request_id\":{}}", REASON_WRONG_TYPE);
	decode_refused("{" CALL ",\"duration_ns\":1e30}", REASON_OUT_OF_RANGE);
	decode_refused("{" CALL ",\"time\":\"2026-13-01T00:00:00Z\"}", REASON_OUT_OF_RANGE);
	decode_refused("{" CALL ",\"time\":true}", REASON_WRONG_TYPE);
	decode_refused("{\"kind\":\"ledger\",\"op\":\"gap\"}", REASON_KIND_RESERVED);
	assert_int_equal(decode_text(TEXT("{\"kind\":\"a\0b\"}")), STATUS_INVALID);
	assert_int_equal(decoding.why.reason, REASON_MALFORMED_JSON);
}

static void duplicate_members_of_the_envelope_are_refused(void **state)
{
	(void)state;
	decode_refused("{" CALL ",\"kind\":\"auth\"}", REASON_DUPLICATE_MEMBER);
	decode_refused("{" CALL ",\"id\":null,\"id\":\"x\"}", REASON_DUPLICATE_MEMBER);
	decode_refused("{" CALL ",\"target\":{}}", REASON_DUPLICATE_MEMBER);
	decode_refused("{" CALL ",\"user\":{\"id\":\"a\",\"i\\u0064\":\"b\"}}", REASON_DUPLICATE_MEMBER);
	decode_refused("{" CALL ",\"new\":1,\"new\":2}", REASON_DUPLICATE_MEMBER);
	decode_refused("{" CALL ",\"host\":{\"new\":1,\"n\\u0065w\":2}}", REASON_DUPLICATE_MEMBER);
}

static void duplicate_members_of_payloads_are_kept_and_marked(void **state)
{
	(void)state;
	check_canonical("{" CALL ",\"request\":{\"a\":1,\"a\":2}}",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"},\"request\":{\"a\":1,\"a\":2}}");
	check_number(FIELD_MARKS_DUPLICATE_MEMBERS, 1);
	decode_ok("{" CALL ",\"request\":{\"a\":1,\"b\":2}}");
	assert_false(event_has(&decoding.event, FIELD_MARKS_DUPLICATE_MEMBERS));
}

static void long_identifiers_are_refused_and_long_prose_is_cut(void **state)
{
	(void)state;
	static char json[300000];
	static char many[270000];
	memset(many, 'x', sizeof(many));
	assert_true(snprintf(json, sizeof(json), "{" CALL ",\"id\":\"%.257s\"}", many) > 0);
	decode_refused(json, REASON_TOO_LONG);
	assert_null(strstr(decoding.why.text, "xxx"));
	assert_true(snprintf(json, sizeof(json), "{" CALL ",\"request_id\":\"%.511s\"}", many) > 0);
	decode_refused(json, REASON_TOO_LONG);
	assert_true(
		snprintf(json, sizeof(json), "{" CALL ",\"error\":{\"message\":\"%.65535s\xc3\xa9 end\"}}", many) > 0);
	decode_ok(json);
	assert_int_equal(decoding.event.value[FIELD_ERROR_MESSAGE].text.len, 65535);
	check_text(FIELD_MARKS_CUT, "{\"error.message\":{\"size\":65541}}");
}

static void long_payloads_are_cut_and_marked(void **state)
{
	(void)state;
	decoding.rules.payload_bytes_max = 17;
	decoding.rules.digest_key = TEXT("key");
	decoding.rules.digest_key_id = TEXT("k1");
	decode_ok("{" CALL ",\"request\":{\"path\": \"a\xc3\xa9\xc3\xa9\xc3\xa9\"},\"response\":{\"a\":1}}");
	check_text(FIELD_REQUEST, "\"{\\\"path\\\":\\\"a\xc3\xa9\"");
	check_number(FIELD_REQUEST_SIZE, 18);
	check_text(FIELD_MARKS_CUT, "{\"request\":{\"size\":18}}");
	assert_int_equal(decoding.event.payload[PAYLOAD_REQUEST].count, 1);
	assert_false(event_has(&decoding.event, FIELD_RESPONSE_SIZE));
	check_text(FIELD_RESPONSE_DIGEST, NULL);
	struct text digest = event_text(&decoding.event, FIELD_REQUEST_DIGEST);
	assert_int_equal(digest.len, strlen("hmac-sha256:k1:") + 64);
	assert_memory_equal(digest.at, "hmac-sha256:k1:", strlen("hmac-sha256:k1:"));
	decoding.rules = decoding_rules();
	decode_ok("{" CALL ",\"request\":{\"path\": \"a\xc3\xa9\xc3\xa9\"}}");
	check_text(FIELD_REQUEST_DIGEST, NULL);
	check_text(FIELD_MARKS_CUT, NULL);
}

static void limits_of_size_and_depth_are_kept(void **state)
{
	(void)state;
	decoding.rules.depth_max = 3;
	decode_ok("{" CALL ",\"request\":{\"a\":[1]}}");
	decode_refused("{" CALL ",\"request\":{\"a\":[[1]]}}", REASON_TOO_DEEP);
	decoding.rules = decoding_rules();
	decoding.rules.event_bytes_max = 20;
	decode_refused("{" CALL "}", REASON_EVENT_TOO_LARGE);
	decoding.rules = decoding_rules();
}

static void tenants_are_checked_and_judged(void **state)
{
	(void)state;
	static const struct text tenants[] = {{"acme", 4}, {"umbrella", 8}};
	decoding.rules.tenant = TEXT("default");
	decode_ok("{" CALL "}");
	check_text(FIELD_TENANT, NULL);
	check_text(FIELD_INGEST_TENANT, "default");
	assert_true(text_equal(event_tenant(&decoding.event), TEXT("default")));
	decode_ok("{" CALL ",\"tenant\":\"any\"}");
	check_text(FIELD_INGEST_TENANT, NULL);
	assert_true(text_equal(event_tenant(&decoding.event), TEXT("any")));
	decoding.rules.tenants = tenants;
	decoding.rules.tenant_count = 2;
	decode_ok("{" CALL ",\"tenant\":\"umbrella\"}");
	decode_refused("{" CALL ",\"tenant\":\"any\"}", REASON_TENANT_MISMATCH);
	decode_refused("{" CALL "}", REASON_TENANT_MISMATCH);
	decoding.rules.tenant_count = 1;
	decode_ok("{" CALL ",\"tenant\":\"\"}");
	check_text(FIELD_INGEST_TENANT, "acme");
	decoding.rules = decoding_rules();
}

static void times_are_judged(void **state)
{
	(void)state;
	decode_ok("{" CALL "}");
	check_text(FIELD_MARKS_TIME_SOURCE, "receive");
	event_set_number(&decoding.event, FIELD_RECV_TIME, 5);
	assert_int_equal(event_time(&decoding.event), 5);
	decode_ok("{" CALL ",\"time\":\"2026-11-19T10:00:00Z\"}");
	check_text(FIELD_MARKS_TIME_SOURCE, NULL);
	assert_false(event_has(&decoding.event, FIELD_MARKS_TIME_SUSPECT));
	decode_ok("{" CALL ",\"time\":\"2026-11-19T09:59:59Z\"}");
	check_number(FIELD_MARKS_TIME_SUSPECT, 1);
	decode_ok("{" CALL ",\"time\":-9223372036854775808}");
	check_number(FIELD_MARKS_TIME_SUSPECT, 1);
	decoding.rules.own_clock = true;
	decode_ok("{" CALL ",\"time\":0}");
	assert_false(event_has(&decoding.event, FIELD_MARKS_TIME_SUSPECT));
	decoding.rules = decoding_rules();
}

static void trust_is_a_claim_unless_the_credential_may_assert_it(void **state)
{
	(void)state;
	decode_ok("{" CALL ",\"user\":{\"trust\":\"verified\"}}");
	check_text(FIELD_USER_TRUST_CLAIMED, "verified");
	check_text(FIELD_MARKS_USER_TRUST, NULL);
	decoding.rules.may_assert_identity = true;
	decode_ok("{" CALL ",\"user\":{\"trust\":\"verified\"}}");
	check_text(FIELD_MARKS_USER_TRUST, "verified");
	decode_ok("{" CALL ",\"user\":{\"trust\":\"claimed\"}}");
	check_text(FIELD_MARKS_USER_TRUST, NULL);
	decoding.rules = decoding_rules();
}

static void ids_kinds_and_samples_are_marked(void **state)
{
	(void)state;
	decode_ok("{" CALL ",\"id\":\"\"}");
	check_number(FIELD_MARKS_ID_ASSIGNED, 1);
	decode_ok("{" CALL ",\"id\":\"x\"}");
	assert_false(event_has(&decoding.event, FIELD_MARKS_ID_ASSIGNED));
	assert_false(event_has(&decoding.event, FIELD_MARKS_KIND_UNKNOWN));
	decode_ok("{\"kind\":\"dream\"}");
	check_number(FIELD_MARKS_KIND_UNKNOWN, 1);
	assert_int_equal(decoding.event.kind, KIND_OTHER);
	decode_ok("{" CALL ",\"sampling\":{\"rate\":0.1}}");
	check_number(FIELD_MARKS_SAMPLED, 1);
	decode_ok("{" CALL ",\"sampling\":{\"rate\":\"1\"}}");
	assert_false(event_has(&decoding.event, FIELD_MARKS_SAMPLED));
}

static void effects_are_judged(void **state)
{
	(void)state;
	static const struct {
		const char *target, *effect, *source;
	} cases[] = {
		{"{\"name\":\"read_file\"}", "read", "tool_name"},
		{"{\"name\":\"getUserById\"}", "read", "tool_name"},
		{"{\"name\":\"create-issue\"}", "create", "tool_name"},
		{"{\"name\":\"fs.writeFile\"}", "update", "tool_name"},
		{"{\"name\":\"drop_table\"}", "delete", "tool_name"},
		{"{\"name\":\"run_query\"}", "execute", "tool_name"},
		{"{\"name\":\"reader\"}", NULL, NULL},
		{"{\"name\":\"delete_all\",\"hints\":{\"read_only\":true}}", "read", "hints"},
		{"{\"name\":\"read_file\",\"hints\":{\"destructive\":true}}", "delete", "hints"},
		{"{\"name\":\"edit_file\",\"hints\":{\"destructive\":true}}", "update", "hints"},
		{"{\"name\":\"read_file\",\"hints\":{\"destructive\":false}}", "read", "tool_name"},
		{"{\"name\":\"thing\",\"hints\":{\"destructive\":false}}", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char json[200];
		assert_true(
			snprintf(json, sizeof(json), "{\"kind\":\"tool_call\",\"target\":%s}", cases[i].target) > 0);
		decode_ok(json);
		check_text(FIELD_MARKS_EFFECT, cases[i].effect);
		check_text(FIELD_MARKS_EFFECT_SOURCE, cases[i].source);
	}
	decode_ok("{\"kind\":\"tool_call\",\"target\":{\"name\":\"x\"},\"effect\":\"update\"}");
	check_text(FIELD_MARKS_EFFECT, "update");
	check_text(FIELD_MARKS_EFFECT_SOURCE, "emitter");
}

static void the_collector_may_write_ledger_events(void **state)
{
	(void)state;
	decoding.rules.may_write_ledger = true;
	check_canonical("{\"kind\":\"ledger\",\"op\":\"gap\",\"detail\":{\"n\":1}}",
		"{\"kind\":\"ledger\",\"op\":\"gap\",\"detail\":{\"n\":1}}");
	decoding.rules = decoding_rules();
}

static void exported_lines_come_back_with_their_origin(void **state)
{
	(void)state;
	decoding.rules.from_export = true;
	decoding.rules.own_clock = true;
	check_canonical("{\"kind\":\"ledger\",\"id\":\"s-4\",\"user\":{\"trust_claimed\":\"verified\"},\"op\":\"gap\","
			"\"seq\":4,"
			"\"ingest\":{\"source\":\"http\",\"tenant\":\"acme\"},\"verdict\":\"ok\",\"request_size\":3,"
			"\"redaction\":{\"rules\":{\"jwt\":2},\"count\":2},\"marks\":{\"id_assigned\":true}}",
		"{\"kind\":\"ledger\",\"id\":\"s-4\",\"user\":{\"trust_claimed\":\"verified\"},\"op\":\"gap\"}");
	check_text(FIELD_INGEST_ORIGIN,
		"{\"seq\":4,\"ingest\":{\"source\":\"http\",\"tenant\":\"acme\"},\"verdict\":\"ok\",\"request_size\":3,"
		"\"redaction\":{\"rules\":{\"jwt\":2},\"count\":2},\"marks\":{\"id_assigned\":true}}");
	check_text(FIELD_INGEST_TENANT, "acme");
	assert_false(event_has(&decoding.event, FIELD_SEQ));
	assert_false(event_has(&decoding.event, FIELD_MARKS_ID_ASSIGNED));
	decode_refused("{\"kind\":\"auth\",\"ingest\":5}", REASON_WRONG_TYPE);
	decoding.rules = decoding_rules();
}

static void refusals_never_show_what_was_sent(void **state)
{
	(void)state;
	decode_refused("{\"kind\":[\"hunter2\"]}", REASON_WRONG_TYPE);
	assert_string_equal(decoding.why.text, "kind: a member has the wrong JSON type");
	decode_refused("{" CALL ",\"hunter2\":1,\"hunter2\":1}", REASON_DUPLICATE_MEMBER);
	assert_null(strstr(decoding.why.text, "hunter2"));
	decode_refused("{\"kind\":\"auth\",  tru}", REASON_MALFORMED_JSON);
	assert_int_equal(decoding.why.offset, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_becomes_canonical),
		cmocka_unit_test(members_may_come_in_any_order),
		cmocka_unit_test(unknown_members_follow_attrs_in_order_of_arrival),
		cmocka_unit_test(null_is_absent_but_a_payload_null_is_kept),
		cmocka_unit_test(numbers_and_escapes_of_payloads_stay_as_sent),
		cmocka_unit_test(bad_events_are_refused_with_their_reason),
		cmocka_unit_test(duplicate_members_of_the_envelope_are_refused),
		cmocka_unit_test(duplicate_members_of_payloads_are_kept_and_marked),
		cmocka_unit_test(long_identifiers_are_refused_and_long_prose_is_cut),
		cmocka_unit_test(long_payloads_are_cut_and_marked),
		cmocka_unit_test(limits_of_size_and_depth_are_kept),
		cmocka_unit_test(tenants_are_checked_and_judged),
		cmocka_unit_test(times_are_judged),
		cmocka_unit_test(trust_is_a_claim_unless_the_credential_may_assert_it),
		cmocka_unit_test(ids_kinds_and_samples_are_marked),
		cmocka_unit_test(effects_are_judged),
		cmocka_unit_test(the_collector_may_write_ledger_events),
		cmocka_unit_test(exported_lines_come_back_with_their_origin),
		cmocka_unit_test(refusals_never_show_what_was_sent),
	};
	return cmocka_run_group_tests(tests, decoding_setup, decoding_teardown);
}
