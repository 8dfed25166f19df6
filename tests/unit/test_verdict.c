#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "decoding.h"

static void check(const char *members, enum verdict wanted)
{
	char json[400];
	const char *call = "\"kind\":\"tool_call\",\"target\":{\"name\":\"x\"},";
	assert_true(snprintf(json, sizeof(json), "{%s%s}", strstr(members, "\"kind\"") ? "" : call, members) > 0);
	decode_ok(json);
	if (decoding.event.verdict != wanted)
		fail_msg("%s is %s, not %s", members, verdict_name(decoding.event.verdict), verdict_name(wanted));
	check_text(FIELD_VERDICT, verdict_name(wanted));
}

static void each_verdict_is_recognised(void **state)
{
	(void)state;
	static const struct {
		const char *members;
		enum verdict verdict;
	} cases[] = {
		{"\"error\":{\"type\":\"TimeoutError\"}", VERDICT_TIMEOUT},
		{"\"error\":{\"type\":\"ETIMEDOUT\"}", VERDICT_TIMEOUT},
		{"\"error\":{\"type\":\"DEADLINE_EXCEEDED\"}", VERDICT_TIMEOUT},
		{"\"outcome\":{\"http_status\":504}", VERDICT_TIMEOUT},
		{"\"outcome\":{\"rpc_code\":-32001}", VERDICT_TIMEOUT},
		{"\"kind\":\"approval\",\"result\":\"timeout\"", VERDICT_TIMEOUT},
		{"\"cancelled_by\":\"client\"", VERDICT_CANCELLED},
		{"\"error\":{\"type\":\"asyncio.CancelledError\"}", VERDICT_CANCELLED},
		{"\"kind\":\"approval\",\"result\":\"cancel\"", VERDICT_CANCELLED},
		{"\"outcome\":{\"http_status\":401}", VERDICT_DENIED},
		{"\"outcome\":{\"http_status\":403}", VERDICT_DENIED},
		{"\"outcome\":{\"decision\":\"deny\"}", VERDICT_DENIED},
		{"\"kind\":\"auth\",\"result\":\"deny\"", VERDICT_DENIED},
		{"\"kind\":\"auth\",\"http_status\":401", VERDICT_DENIED},
		{"\"outcome\":{\"http_status\":429}", VERDICT_THROTTLED},
		{"\"outcome\":{\"reason\":\"Rate-limit reached\"}", VERDICT_THROTTLED},
		{"\"error\":{\"type\":\"RateLimitError\"}", VERDICT_THROTTLED},
		{"\"outcome\":{\"rpc_code\":-32700}", VERDICT_REJECTED},
		{"\"outcome\":{\"rpc_code\":-32602}", VERDICT_REJECTED},
		{"\"outcome\":{\"rpc_code\":-32002}", VERDICT_REJECTED},
		{"\"outcome\":{\"validation\":\"fail\"}", VERDICT_REJECTED},
		{"\"outcome\":{\"http_status\":502}", VERDICT_TRANSPORT_ERROR},
		{"\"outcome\":{\"http_status\":404}", VERDICT_TRANSPORT_ERROR},
		{"\"error\":{\"type\":\"ConnectionResetError\"}", VERDICT_TRANSPORT_ERROR},
		{"\"kind\":\"error\",\"class\":\"transport\"", VERDICT_TRANSPORT_ERROR},
		{"\"outcome\":{\"rpc_code\":-32603}", VERDICT_RPC_ERROR},
		{"\"kind\":\"error\",\"class\":\"internal\"", VERDICT_RPC_ERROR},
		{"\"outcome\":{\"tool_error\":true}", VERDICT_TOOL_ERROR},
		{"\"error\":{\"message\":\"x\"}", VERDICT_TOOL_ERROR},
		{"\"outcome\":{\"result_type\":\"input_required\"}", VERDICT_PENDING},
		{"\"outcome\":{\"http_status\":200,\"tool_error\":false}", VERDICT_OK},
		{"\"response\":null", VERDICT_OK},
		{"\"kind\":\"auth\",\"result\":\"allow\"", VERDICT_OK},
		{"\"intent\":\"x\"", VERDICT_UNKNOWN},
		{"\"stage\":\"start\",\"outcome\":{\"decision\":\"allow\"}", VERDICT_UNKNOWN},
		{"\"kind\":\"heartbeat\"", VERDICT_UNKNOWN},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(cases[i].members, cases[i].verdict);
}

static void the_first_match_decides(void **state)
{
	(void)state;
	check("\"cancelled_by\":\"x\",\"error\":{\"type\":\"Timeout\"}", VERDICT_TIMEOUT);
	check("\"cancelled_by\":\"x\",\"outcome\":{\"http_status\":403}", VERDICT_CANCELLED);
	check("\"outcome\":{\"decision\":\"deny\",\"reason\":\"rate limit\"}", VERDICT_DENIED);
	check("\"outcome\":{\"http_status\":429,\"rpc_code\":-32600}", VERDICT_THROTTLED);
	check("\"outcome\":{\"http_status\":400,\"rpc_code\":-32600}", VERDICT_REJECTED);
	check("\"outcome\":{\"http_status\":500,\"rpc_code\":-32603}", VERDICT_TRANSPORT_ERROR);
	check("\"outcome\":{\"http_status\":200,\"rpc_code\":-32603,\"tool_error\":true}", VERDICT_RPC_ERROR);
	check("\"outcome\":{\"http_status\":200,\"tool_error\":true,\"result_type\":\"input_required\"}",
		VERDICT_TOOL_ERROR);
	check("\"outcome\":{\"http_status\":200,\"result_type\":\"input_required\"}", VERDICT_PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verdict_is_recognised),
		cmocka_unit_test(the_first_match_decides),
	};
	return cmocka_run_group_tests(tests, decoding_setup, decoding_teardown);
}
