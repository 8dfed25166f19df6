#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "auth.h"
#include "decoding.h"

static void assert_judged(const char *members, const char *decision, const char *reason)
{
	char json[8192];
	(void)snprintf(json, sizeof(json), "{\"kind\":\"auth\",%s}", members);
	decode_ok(json);
	enum auth_decision is = auth_decision_of(&decoding.event);
	const char *why = auth_reason_name(auth_reason_of(&decoding.event, is));
	if (strcmp(auth_decision_name(is), decision) != 0 || strcmp(why, reason) != 0)
		fail_msg("%s is %s for %s", members, auth_decision_name(is), why);
}

static void decisions_come_from_result_or_status(void **state)
{
	(void)state;
	assert_judged("\"result\":\"allow\"", "allow", "none");
	assert_judged("\"result\":\"success\"", "allow", "none");
	assert_judged("\"http_status\":200", "allow", "none");
	assert_judged("\"result\":\"allow\",\"reason\":\"token expired\"", "allow", "none");
	assert_judged("\"result\":\"deny\"", "deny", "unstated");
	assert_judged("\"result\":\"failure\"", "deny", "unstated");
	assert_judged("\"http_status\":401", "deny", "unauthenticated");
	assert_judged("\"http_status\":403", "deny", "forbidden");
	assert_judged("\"outcome\":{\"http_status\":429}", "deny", "rate_limited");
	assert_judged("\"http_status\":500", "unknown", "none");
	assert_judged("\"step\":\"logout\"", "unknown", "none");
}

static void reasons_are_words_of_the_table_whatever_was_sent(void **state)
{
	(void)state;
	assert_judged("\"result\":\"deny\",\"www_error\":\"insufficient_scope\",\"reason\":\"token expired\"", "deny",
		"insufficient_scope");
	assert_judged("\"result\":\"deny\",\"reason\":\"Required scope: tickets\"", "deny", "insufficient_scope");
	assert_judged("\"result\":\"deny\",\"reason\":\"Authentication failed. The provided bearer token is invalid, "
		      "expired, or no longer recognized by the server.\"",
		"deny", "invalid_token");
	assert_judged("\"result\":\"deny\",\"reason\":\"Authentication required\"", "deny", "missing_credentials");
	assert_judged("\"result\":\"deny\",\"reason\":\"The Token EXPIRED at noon\"", "deny", "expired_token");
	assert_judged("\"result\":\"deny\",\"reason\":\"invalid audience\"", "deny", "wrong_audience");
	assert_judged("\"result\":\"deny\",\"error\":{\"type\":\"rate-limit\"}", "deny", "rate_limited");
	assert_judged("\"result\":\"deny\",\"outcome\":{\"policy\":{\"id\":\"p\"}}", "deny", "policy");
	assert_judged("\"result\":\"deny\",\"reason\":\"because\"", "deny", "other");
	assert_judged("\"result\":\"deny\",\"reason\":\"because\",\"http_status\":403", "deny", "forbidden");
	assert_judged("\"result\":\"deny\",\"reason\":\"a\\\"b\\nc\\u0000\\u202e\"", "deny", "other");
}

static void only_the_beginning_of_a_long_reason_is_read(void **state)
{
	(void)state;
	char members[4096];
	char filler[2048];
	memset(filler, 'x', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = 0;
	(void)snprintf(members, sizeof(members), "\"result\":\"deny\",\"reason\":\"%s expired\"", filler);
	assert_judged(members, "deny", "other");
	(void)snprintf(members, sizeof(members), "\"result\":\"deny\",\"reason\":\"expired %s\"", filler);
	assert_judged(members, "deny", "expired_token");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decisions_come_from_result_or_status),
		cmocka_unit_test(reasons_are_words_of_the_table_whatever_was_sent),
		cmocka_unit_test(only_the_beginning_of_a_long_reason_is_read),
	};
	return cmocka_run_group_tests(tests, decoding_setup, decoding_teardown);
}
