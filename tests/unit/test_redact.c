#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "decoding.h"
#include "redact.h"

#define JWT    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.SflKxwRJSMeKKF2QT4fw"
#define GITHUB "ghp_0123456789abcdefghijABCDEFGHIJ012345"

struct example {
	const char *text;
	const char *wanted; /* NULL: nothing is taken */
};

static void check_texts(const struct example *examples, size_t count)
{
	struct arena arena;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < count; i++) {
		struct redact_counts counts = {0};
		struct text text = text_of(examples[i].text);
		struct text out;
		bool changed = false;
		arena_clear(&arena);
		assert_int_equal(redact_text(text, &arena, &counts, &out, &changed), STATUS_OK);
		const char *wanted = examples[i].wanted ? examples[i].wanted : examples[i].text;
		if (!text_equal(out, text_of(wanted)))
			fail_msg("%s\n became %.*s", examples[i].text, (int)out.len, out.at);
		assert_int_equal(changed, examples[i].wanted != NULL);
		assert_int_equal(counts.total > 0, changed);
		/* What was redacted stays as it is. */
		assert_int_equal(redact_text(text_of(wanted), &arena, &counts, &out, &changed), STATUS_OK);
		if (changed)
			fail_msg("again %s\n became %.*s", wanted, (int)out.len, out.at);
	}
	arena_finish(&arena);
}

#define CHECK(...)                                                                                                     \
	check_texts((const struct example[]){__VA_ARGS__},                                                             \
		sizeof((const struct example[]){__VA_ARGS__}) / sizeof(struct example))

static void json_web_tokens_are_taken(void **state)
{
	(void)state;
	CHECK({JWT, "[redacted:jwt]"}, {"a " JWT ".", "a [redacted:jwt]."}, {"x=\"" JWT "\"", "x=\"[redacted:jwt]\""},
		{"eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.", "[redacted:jwt]."},
		{"eyJhbGciOiJkaXIifQ..aXY.Y2lwaGVy.dGFn", "[redacted:jwt]"}, {"eyJ", NULL}, {"eyJhbGciOi", NULL},
		{"eyJhbGciOiJIUzI1NiJ9.x", NULL}, {"heyJoeIsHere.and.there", NULL}, {"x_" JWT, NULL});
}

static void keys_are_taken_at_a_words_start_and_of_full_length(void **state)
{
	(void)state;
	CHECK({"AKIAIOSFODNN7EXAMPLE", "[redacted:key]"}, {"id ASIAIOSFODNN7EXAMPLE,", "id [redacted:key],"},
		{"AKIAIOSFODNN7EXAMPL", NULL}, {"AKIAIOSFODNN7EXAMPLE1", NULL}, {"xAKIAIOSFODNN7EXAMPLE", NULL},
		{"AKIAIOSFODNN7EXAMPLe", NULL}, {GITHUB, "[redacted:key]"}, {"(" GITHUB ")", "([redacted:key])"},
		{"ghp_0123456789abcdefghijABCDEFGHIJ01234", NULL}, {"ghx_0123456789abcdefghijABCDEFGHIJ012345", NULL},
		{"a" GITHUB, NULL}, {"xoxb-123456789012-abcdefABCDEF", "[redacted:key]"}, {"xoxb-1234", NULL},
		{"foxoxb-123456789012-abcdef", NULL}, {"sk-proj-0123456789abcdefghij", "[redacted:key]"},
		{"sk-abcdefghijklmnopqrstuvwx", "[redacted:key]"}, {"sk-0123456789abcdefgh", NULL},
		{"task-0123456789abcdefghij", NULL}, {"sk-loading-spinner-container-inner", NULL});
}

static void bearer_tokens_are_taken_and_prose_is_not(void **state)
{
	(void)state;
	CHECK({"Bearer abc123", "Bearer [redacted:bearer]"},
		{"use bearer  s3cr3t.x+/=, ok", "use bearer  [redacted:bearer], ok"},
		{"BEARER%20abc.def", "BEARER%20[redacted:bearer]"}, {"a bearer token is", NULL},
		{"the Bearer scheme.", NULL}, {"bearer", NULL}, {"forbearer abc123", NULL});
}

static void private_keys_are_taken_whole(void **state)
{
	(void)state;
	CHECK({"a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\nb",
		      "a\n[redacted:pem]\nb"},
		{"-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted:pem]"},
		{"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n", "[redacted:pem]\\n"},
		{"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", NULL});
}

static void passwords_of_urls_are_taken(void **state)
{
	(void)state;
	CHECK({"postgres://app:hunter2@db:5432/x", "postgres://app:[redacted:url_user]@db:5432/x"},
		{"redis://:pw@h", "redis://:[redacted:url_user]@h"},
		{"see https://u:p@ss@host/a, ok", "see https://u:[redacted:url_user]@host/a, ok"},
		{"amqp://u:a/b@host/v", "amqp://u:[redacted:url_user]@host/v"}, {"https://user@host/x:y@z", NULL},
		{"http://localhost:3000/@scope/pkg", NULL}, {"http://host:8080/a mail@x.org", NULL},
		{"a://b:@c", NULL});
}

static void header_values_are_taken(void **state)
{
	(void)state;
	CHECK({"GET / HTTP/1.1\r\nauthorization: Basic dTpw\r\nHost: x",
		      "GET / HTTP/1.1\r\nauthorization: [redacted:header]\r\nHost: x"},
		{"Cookie: a=b; c=d", "Cookie: [redacted:header]"},
		{"Set-Cookie:sid=1\nx", "Set-Cookie:[redacted:header]\nx"},
		{"Mcp-Param-Region: eu\nb", "Mcp-Param-Region: [redacted:header]\nb"},
		{"curl -H 'Authorization: token abc' https://x",
			"curl -H 'Authorization: [redacted:header]' https://x"},
		{"{\"headers\":{\"Authorization\":\"Basic abc\"}}",
			"{\"headers\":{\"Authorization\":\"[redacted:header]\"}}"},
		{"no authorization here", NULL}, {"X-Cookie: a", NULL}, {"authorizations: 5", NULL}, {"Cookie:", NULL});
}

static void members_of_json_inside_text_are_taken(void **state)
{
	(void)state;
	CHECK({"{\"password\":\"hunter2\",\"user\":\"a\"}", "{\"password\":\"[redacted:member]\",\"user\":\"a\"}"},
		{"{\"API-Key\" : \"a\\\"b\", \"x\":1}", "{\"API-Key\" : \"[redacted:member]\", \"x\":1}"},
		{"{\\\"token\\\":\\\"a\\\\\\\"b\\\",\\\"x\\\":1}",
			"{\\\"token\\\":\\\"[redacted:member]\\\",\\\"x\\\":1}"},
		{"{\"secret\":12345,\"x\":1}", "{\"secret\":[redacted:member],\"x\":1}"},
		{"{\"secret\":{\"a\":[1,\"}\"]},\"x\":1}", "{\"secret\":[redacted:member],\"x\":1}"},
		{"{\\\"secret\\\":{\\\"a\\\":\\\"b\\\"},\\\"x\\\":{\\\"y\\\":1}}",
			"{\\\"secret\\\":[redacted:member],\\\"x\\\":{\\\"y\\\":1}}"},
		{"{'passwd': 'a b', 'x': 1}", "{'passwd': '[redacted:member]', 'x': 1}"},
		{"{\"id_token\":\"cut off", "{\"id_token\":\"[redacted:member]"}, {"{\"password\":\"\"}", NULL},
		{"{\"passwords\":\"x\",\"my_token\":\"y\"}", NULL}, {"\"token\" is a word", NULL},
		{"{\"code\":\"print(1)\",\"state\":\"open\"}", NULL});
}

static void parameters_are_taken(void **state)
{
	(void)state;
	CHECK({"https://x/y?a=1&access_token=abc&b=2", "https://x/y?a=1&access_token=[redacted:member]&b=2"},
		{"password=hunter2", "password=[redacted:member]"},
		{"Server=db;Password=a,b;Database=x", "Server=db;Password=[redacted:member];Database=x"},
		{"run --api-key=abc now", "run --api-key=[redacted:member] now"},
		{"api_key=\"a b\" c", "api_key=\"[redacted:member]\" c"}, {"token=", NULL}, {"max_tokens=5", NULL},
		{"if (token == x)", NULL}, {"page_token=abc", NULL});
}

static void oauth_parameters_are_taken_only_beside_others_of_oauth(void **state)
{
	(void)state;
	CHECK({"https://x/cb?code=abc&state=xyz&redirect_uri=y",
		      "https://x/cb?code=[redacted:oauth]&state=[redacted:oauth]&redirect_uri=y"},
		{"grant_type=a&code=b&code_verifier=c",
			"grant_type=a&code=[redacted:oauth]&code_verifier=[redacted:oauth]"},
		{"https://x/a?code=abc&state=open", NULL}, {"https://x/a?code=abc https://y/?client_id=7", NULL},
		{"code=1 client_id=7", NULL});
}

static void sensitive_names_are_exact_in_any_case(void **state)
{
	(void)state;
	static const char *const taken[] = {"access_token", "REFRESH-TOKEN", "Id_Token", "password", "passwd", "Secret",
		"token", "api-key", "client_secret", "private_key", "connection-string"};
	static const char *const kept[] = {"", "tokens", "tok", "apikey", "accessToken", "secret_name", "code", "state",
		"mcp-param-", "passwor\xc3\xa4"};
	enum redact_rule rule;
	for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
		assert_true(redact_member(text_of(taken[i]), false, &rule));
		assert_int_equal(rule, REDACT_MEMBER);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++)
		assert_false(redact_member(text_of(kept[i]), false, &rule));
	assert_true(redact_member(TEXT("Set-Cookie"), false, &rule));
	assert_int_equal(rule, REDACT_HEADER);
	assert_true(redact_member(TEXT("MCP-PARAM-x"), false, &rule));
	assert_int_equal(rule, REDACT_HEADER);
	assert_true(redact_member(TEXT("code_verifier"), true, &rule));
	assert_int_equal(rule, REDACT_OAUTH);
}

#define CALL   "\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"}"
#define CALLED "{\"kind\":\"tool_call\",\"target\":{\"name\":\"read_file\"},"

static void events_are_redacted_everywhere(void **state)
{
	(void)state;
	check_canonical("{" CALL ",\"session_id\":\"" GITHUB "\",\"intent\":\"use " JWT
			"\",\"error\":{\"stack\":\"a\\nCookie: x\"},"
			"\"request_id\":\"sk-0123456789abcdefghijk\",\"net\":{\"peer\":\"http://"
			"u:p@h\"},\"password\":{\"a\":1},"
			"\"host\":{\"token\":[1]},\"user\":{\"groups\":[\"" GITHUB
			"\"]},\"attrs\":{\"x\":{\"API_KEY\":null}}}",
		"{\"kind\":\"tool_call\",\"user\":{\"groups\":[\"[redacted:key]\"]},\"request_id\":\"[redacted:key]\","
		"\"session_id\":\"[redacted:key]\",\"target\":{\"name\":\"read_file\"},\"error\":{\"stack\":"
		"\"a\\nCookie: "
		"[redacted:header]\"},\"intent\":\"use "
		"[redacted:jwt]\",\"net\":{\"peer\":\"http://u:[redacted:url_user]@h\"},"
		"\"attrs\":{\"x\":{\"API_KEY\":\"[redacted:member]\"},\"password\":\"[redacted:member]\","
		"\"host.token\":\"[redacted:member]\"}}");
	check_number(FIELD_REDACTION_COUNT, 9);
	check_number(FIELD_REDACTION_VERSION, REDACT_VERSION);
	check_text(FIELD_REDACTION_RULES, "{\"header\":1,\"member\":3,\"jwt\":1,\"key\":3,\"url_user\":1}");
	decode_ok("{" CALL ",\"request\":{\"tokens\":5}}");
	check_text(FIELD_REDACTION_RULES, NULL);
}

static void payloads_keep_all_other_bytes(void **state)
{
	(void)state;
	decoding.rules.digest_key = TEXT("key");
	check_canonical("{" CALL
			",\"request\":{ \"a\":\"\\u0041 \\u0065yJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2ln \\/\","
			"\"p\\u0061ssword\" : {\"x\":[1,\"]\"]},\"b\":1.0,\"" GITHUB "\":0}}",
		CALLED
		"\"request\":{\"a\":\"\\u0041 [redacted:jwt] \\/\",\"p\\u0061ssword\":\"[redacted:member]\",\"b\":1.0,"
		"\"[redacted:key]\":0}}");
	check_number(FIELD_REDACTION_COUNT, 3);
	assert_int_equal(decoding.event.payload[PAYLOAD_REQUEST].count, 4);
	assert_true(event_has(&decoding.event, FIELD_REQUEST_SIZE));
	assert_true(event_has(&decoding.event, FIELD_REQUEST_DIGEST));
	decoding.rules = decoding_rules();
	check_canonical("{" CALL ",\"request\":\"{\\\"password\\\":\\\"x\\\",\\\"n\\\":1}\"}",
		CALLED "\"request\":\"{\\\"password\\\":\\\"[redacted:member]\\\",\\\"n\\\":1}\"}");
	check_canonical("{" CALL ",\"request\":[\"Bearer a1\",\"\\ud83d\\ude00 Bearer b2 \\ud83d\\ude00\"]}",
		CALLED "\"request\":[\"Bearer [redacted:bearer]\",\"\\ud83d\\ude00 Bearer [redacted:bearer] "
		       "\\ud83d\\ude00\"]}");
	check_canonical("{" CALL ",\"request\":\"http:\\/\\/u:pw@h\"}",
		CALLED "\"request\":\"http:\\/\\/u:[redacted:url_user]@h\"}");
}

static void auth_events_hide_code_and_state(void **state)
{
	(void)state;
	check_canonical("{\"kind\":\"auth\",\"state\":\"xyz\",\"request\":{\"code\":\"abc\",\"q\":\"a?code=7&x=1\"},"
			"\"code\":\"z\"}",
		"{\"kind\":\"auth\",\"request\":{\"code\":\"[redacted:oauth]\",\"q\":\"a?code=[redacted:oauth]&x=1\"},"
		"\"attrs\":{\"code\":\"[redacted:oauth]\"},\"state\":\"[redacted:oauth]\"}");
	check_canonical("{\"request\":{\"code\":\"abc\"},\"kind\":\"\\u0061uth\"}",
		"{\"kind\":\"auth\",\"request\":{\"code\":\"[redacted:oauth]\"}}");
	check_canonical("{\"observer\":{\"role\":\"server\"},\"request\":{\"code\":\"abc\"},\"kind\":\"auth\"}",
		"{\"kind\":\"auth\",\"observer\":{\"role\":\"server\"},\"request\":{\"code\":\"[redacted:oauth]\"}}");
	check_canonical("{" CALL ",\"request\":{\"code\":\"print(1)\",\"state\":\"open\"}}",
		CALLED "\"request\":{\"code\":\"print(1)\",\"state\":\"open\"}}");
	decode_refused("{\"kind\":\"auth\",\"state\":\"a\",\"state\":\"b\"}", REASON_DUPLICATE_MEMBER);
	check_canonical(
		"{\"kind\":\"credential\",\"state\":\"issued\"}", "{\"kind\":\"credential\",\"state\":\"issued\"}");
}

static void what_was_redacted_is_not_counted_again(void **state)
{
	(void)state;
	decode_ok("{" CALL ",\"request\":{\"password\":\"[redacted:member]\",\"h\":\"Cookie: [redacted:header]\"},"
		  "\"token\":\"[redacted:member]\"}");
	check_text(FIELD_REDACTION_RULES, NULL);
	decode_ok("{" CALL ",\"request\":{\"password\":\"[redacted:hunter2]\"}}");
	check_number(FIELD_REDACTION_COUNT, 1);
}

/* Texts made of the beginnings of secrets, on which a matcher that looks back or ahead too far would take long. */
static void hostile_texts_take_linear_time(void **state)
{
	(void)state;
	static const char *const parts[] = {"://a:b", "\"token\":", "'secret", "-----BEGIN PRIVATE KEY", "eyJ",
		"code=", "\\\"", "Bearer ", "Cookie", "AKIA", "=", "a:", "{\"password\":[", "://:", "ghp_",
		"&code=&state=", "\\"};
	enum { BYTES = 4 << 20 };
	char *text = malloc(BYTES);
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct arena arena;
		struct redact_counts counts = {0};
		struct text out;
		bool changed;
		size_t len = strlen(parts[i]);
		for (size_t at = 0; at < BYTES; at++)
			text[at] = parts[i][at % len];
		arena_init(&arena, (size_t)1 << 30);
		clock_t begun = clock();
		assert_int_equal(redact_text((struct text){text, BYTES}, &arena, &counts, &out, &changed), STATUS_OK);
		double seconds = (double)(clock() - begun) / CLOCKS_PER_SEC;
		if (seconds > 5)
			fail_msg("%s: %.1f s", parts[i], seconds);
		arena_finish(&arena);
	}
	free(text);
}

/* The prefilter looks at 32 bytes at once: a secret must be seen at every place of them, and over their edges. */
static void secrets_are_seen_wherever_they_stand(void **state)
{
	static const char *const secrets[] = {JWT, "Bearer abcdefghijklmnopqrstuvwxyz012345",
		"-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "AKIAIOSFODNN7EXAMPLE", GITHUB,
		"https://name:word@host/", "Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l", "Cookie: a=b",
		"password=hunter2", "'password': 'hunter2'", "\"password\": \"hunter2\"", "Mcp-Param-Path: x"};
	struct arena arena;
	(void)state;
	arena_init(&arena, 1 << 20);
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		for (size_t before = 0; before <= 70; before++) {
			char text[256];
			memset(text, ' ', sizeof(text));
			memcpy(text + before, secrets[i], strlen(secrets[i]));
			struct text out;
			bool changed = false;
			struct redact_counts counts = {0};
			arena_clear(&arena);
			assert_int_equal(redact_text((struct text){text, before + strlen(secrets[i])}, &arena, &counts,
						 &out, &changed),
				STATUS_OK);
			if (!changed)
				fail_msg("%zu spaces before %s", before, secrets[i]);
		}
	}
	arena_finish(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_web_tokens_are_taken),
		cmocka_unit_test(keys_are_taken_at_a_words_start_and_of_full_length),
		cmocka_unit_test(bearer_tokens_are_taken_and_prose_is_not),
		cmocka_unit_test(private_keys_are_taken_whole),
		cmocka_unit_test(passwords_of_urls_are_taken),
		cmocka_unit_test(header_values_are_taken),
		cmocka_unit_test(members_of_json_inside_text_are_taken),
		cmocka_unit_test(parameters_are_taken),
		cmocka_unit_test(oauth_parameters_are_taken_only_beside_others_of_oauth),
		cmocka_unit_test(sensitive_names_are_exact_in_any_case),
		cmocka_unit_test(events_are_redacted_everywhere),
		cmocka_unit_test(payloads_keep_all_other_bytes),
		cmocka_unit_test(auth_events_hide_code_and_state),
		cmocka_unit_test(what_was_redacted_is_not_counted_again),
		cmocka_unit_test(secrets_are_seen_wherever_they_stand),
		cmocka_unit_test(hostile_texts_take_linear_time),
	};
	return cmocka_run_group_tests(tests, decoding_setup, decoding_teardown);
}
