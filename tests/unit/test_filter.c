#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "filter.h"
#include "timestamp.h"

static struct arena arena;
static const int64_t now = INT64_C(1795168800) * NS_PER_S; /* 2026-11-20T10:00:00Z */

static const struct condition *parsed(const char *text)
{
	struct filter filter;
	struct error error = {0};
	enum status status = filter_parse(text_of(text), now, &arena, &filter, &error);
	if (status != STATUS_OK)
		fail_msg("%s: column %u: %s", text, error.column, error.text);
	return filter.root;
}

static void assert_refused(const char *text, unsigned column, const char *part)
{
	struct filter filter;
	struct error error = {0};
	assert_int_equal(filter_parse(text_of(text), now, &arena, &filter, &error), STATUS_INVALID);
	if (error.column != column || strstr(error.text, part) == NULL)
		fail_msg("%s: column %u: %s", text, error.column, error.text);
}

/* The names of a condition's path, in turn. */
static void assert_path(const struct condition *condition, ...)
{
	va_list names;
	size_t count = 0;
	va_start(names, condition);
	for (const char *name = va_arg(names, const char *); name; name = va_arg(names, const char *)) {
		assert_true(count < condition->path.count);
		struct text step = condition->path.steps[count++].name;
		if (step.len != strlen(name) || memcmp(step.at, name, step.len) != 0)
			fail_msg("step %zu is %.*s", count, (int)step.len, step.at);
	}
	va_end(names);
	assert_int_equal(count, condition->path.count);
}

static void assert_text(struct text text, const char *wanted)
{
	assert_int_equal(text.len, strlen(wanted));
	assert_memory_equal(text.at, wanted, text.len);
}

static void nothing_matches_every_event(void **state)
{
	(void)state;
	assert_int_equal(parsed("")->type, CONDITION_ALL);
	assert_int_equal(parsed("  \t ")->type, CONDITION_ALL);
}

static void short_names_stand_for_fields(void **state)
{
	(void)state;
	const struct condition *condition = parsed("tool:read_file");
	assert_int_equal(condition->type, CONDITION_FIELD);
	assert_int_equal(condition->field_count, 1);
	assert_int_equal(condition->fields[0], FIELD_TARGET_NAME);
	assert_text(condition->values[0].text, "read_file");
	assert_false(condition->values[0].glob);
	assert_int_equal(parsed("error.type:Timeout*")->fields[0], FIELD_ERROR_TYPE);
	assert_true(parsed("error.type:Timeout*")->values[0].glob);
}

/* What an emitter says of itself must never pass for what the collector knows. */
static void trust_is_what_the_collector_judged(void **state)
{
	(void)state;
	const struct field_name trust = field_name_find(TEXT("trust"));
	assert_int_equal(trust.count, 1);
	assert_int_equal(trust.fields[0], FIELD_MARKS_USER_TRUST);
	assert_int_equal(field_name_find(TEXT("user.trust")).fields[0], FIELD_MARKS_USER_TRUST);
}

static void lists_hold_any_of_their_values(void **state)
{
	(void)state;
	const struct condition *condition = parsed("user:alice@acme.io,\"b, c\",d*");
	assert_int_equal(condition->value_count, 3);
	assert_text(condition->values[1].text, "b, c");
	assert_true(condition->values[2].glob);
}

static void quotes_make_stars_ordinary(void **state)
{
	(void)state;
	assert_false(parsed("tool:\"a*\"")->values[0].glob);
	assert_text(parsed("tool:\"say \\\"hi\\\" \\\\ \"")->values[0].text, "say \"hi\" \\ ");
}

static void the_error_group_is_every_error(void **state)
{
	(void)state;
	const struct condition *condition = parsed("verdict:error,denied");
	assert_int_equal(condition->value_count, 5);
	assert_text(condition->values[0].text, "timeout");
	assert_text(condition->values[4].text, "denied");
}

static void comparisons_are_ranges(void **state)
{
	(void)state;
	const struct wanted *value = parsed("duration:>2s")->values;
	assert_true(value->ranged);
	assert_int_equal(value->first, 2 * NS_PER_S + 1);
	assert_int_equal(value->last, INT64_MAX);
	value = parsed("duration:<=1500ms")->values;
	assert_int_equal(value->first, INT64_MIN);
	assert_int_equal(value->last, 1500 * NS_PER_MS);
	value = parsed("outcome.http_status:400..499")->values;
	assert_int_equal(value->first, 400);
	assert_int_equal(value->last, 499);
	value = parsed("outcome.rpc_code:-32602")->values;
	assert_int_equal(value->first, -32602);
	assert_int_equal(value->last, -32602);
	value = parsed("target.hints.destructive:true")->values;
	assert_int_equal(value->first, 1);
	value = parsed("outcome.rpc_code:-32700..-32600")->values;
	assert_int_equal(value->first, -32700);
	assert_int_equal(value->last, -32600);
	assert_int_equal(parsed("outcome.rpc_code:<-3")->values->last, -4);
}

static void numbers_in_payloads_are_compared_exactly(void **state)
{
	(void)state;
	const struct wanted *value = parsed("attrs.cost:>=1.5")->values;
	assert_true(value->ranged && value->decimals->has_low && !value->decimals->has_high);
	assert_text(value->decimals->low.digits, "1.5");
	value = parsed("request.n:-5..-1.5")->values;
	assert_true(value->decimals->low.negative && value->decimals->high.negative);
	value = parsed("request.id:9007199254740993")->values;
	assert_true(value->decimals && !value->ranged);
	assert_text(value->text, "9007199254740993");
	assert_null(parsed("request.path:*../*")->values->decimals);
	assert_null(parsed("request.n:\"5\"")->values->decimals);
}

static void times_count_from_now(void **state)
{
	(void)state;
	const struct wanted *value = parsed("after:2h")->values;
	assert_int_equal(value->first, now - 7200 * NS_PER_S);
	assert_int_equal(value->last, INT64_MAX);
	value = parsed("before:2026-11-20T10:00:00Z")->values;
	assert_int_equal(value->last, now - 1);
}

static void a_star_asks_for_presence(void **state)
{
	(void)state;
	assert_int_equal(parsed("intent:*")->type, CONDITION_EXISTS);
	const struct condition *condition = parsed("request.path:*");
	assert_int_equal(condition->type, CONDITION_EXISTS);
	assert_path(condition, "path", NULL);
}

static void paths_lead_into_payloads(void **state)
{
	(void)state;
	const struct condition *condition = parsed("request.path:/etc/*");
	assert_int_equal(condition->type, CONDITION_PATH);
	assert_int_equal(condition->fields[0], FIELD_REQUEST);
	assert_path(condition, "path", NULL);
	assert_path(parsed("attrs.k8s.pod-name:x"), "k8s", "pod-name", NULL);
	condition = parsed("request.\"a b\".\"c.\\\"d\".e:x");
	assert_path(condition, "a b", "c.\"d", "e", NULL);
	assert_true(condition->path.steps[1].quoted && !condition->path.steps[2].quoted);
	condition = parsed("request.items[0].tags[].name:x");
	assert_path(condition, "items", "0", "tags", "", "name", NULL);
	assert_true(condition->path.steps[1].index);
	assert_path(parsed("request[3]:x"), "3", NULL);
	assert_true(parsed("request[*]:x")->path.steps[0].any);
}

static void regular_expressions_end_at_a_slash(void **state)
{
	(void)state;
	const struct condition *condition = parsed("/ab+c/");
	assert_int_equal(condition->type, CONDITION_WORDS);
	assert_int_equal(regex_find(condition->values[0].regex, TEXT("xabbc")), STATUS_OK);
	condition = parsed("request.path:/^\\/etc\\/(passwd|shadow)$/,/(?i)SSH/,x");
	assert_int_equal(condition->value_count, 3);
	assert_int_equal(regex_find(condition->values[0].regex, TEXT("/etc/shadow")), STATUS_OK);
	assert_int_equal(regex_find(condition->values[1].regex, TEXT("/root/.ssh")), STATUS_OK);
	assert_null(condition->values[2].regex);
	condition = parsed("( user:/^al/i )");
	assert_int_equal(regex_find(condition->values[0].regex, TEXT("Alice")), STATUS_OK);
	assert_non_null(parsed("request.path:/etc/")->values[0].regex); /* more is found than was meant, never less */
}

static void a_slash_alone_begins_a_path(void **state)
{
	(void)state;
	assert_null(parsed("request.path:/etc/*")->values[0].regex);
	assert_null(parsed("request.path:/etc/passwd")->values[0].regex);
	assert_null(parsed("request.path:\"/etc/\"")->values[0].regex);
	assert_null(parsed("/etc/passwd")->values[0].regex);
	assert_null(parsed("request.path:/a -tool:b/")->values);
	assert_null(parsed("request.path:// tool:x")->children->values[0].regex);
}

static void addresses_are_ranges(void **state)
{
	(void)state;
	const struct condition *condition = parsed("ip:10.0.0.0/8,2001:db8::/32,10.9.8.7");
	assert_int_equal(condition->field_count, 5);
	for (size_t i = 0; i < 3; i++)
		assert_non_null(condition->values[i].addresses);
	assert_non_null(parsed("net.peer:10.0.0.7")->values[0].addresses);
	assert_non_null(parsed("server.address:10.0.0.0/8")->values[0].addresses);
	assert_non_null(parsed("error.message:10.0.0.0/8")->values[0].addresses);
	assert_non_null(parsed("request.host:10.0.0.0/8")->values[0].addresses);
	assert_null(parsed("net.peer:10.0.0.7:443")->values[0].addresses);
	assert_null(parsed("net.peer:\"10.0.0.0/8\"")->values[0].addresses);
	assert_null(parsed("request.host:10.0.0.7")->values[0].addresses);
	assert_int_equal(parsed("ip:*")->type, CONDITION_EXISTS);
}

static void bare_words_are_looked_for_in_texts(void **state)
{
	(void)state;
	const struct condition *condition = parsed("\"Select  from USERS\"");
	assert_int_equal(condition->type, CONDITION_WORDS);
	assert_int_equal(condition->values[0].phrase.count, 3);
	assert_text(condition->values[0].phrase.words[0].text, "select");
	condition = parsed("/etc/passwd");
	assert_int_equal(condition->values[0].phrase.count, 2);
	assert_true(parsed("AKIA*")->values[0].phrase.words[0].glob);
}

static void terms_are_joined_by_and_or_not(void **state)
{
	(void)state;
	const struct condition *condition = parsed("tool:a -tool:b ( server:x OR server:y )");
	assert_int_equal(condition->type, CONDITION_AND);
	assert_int_equal(condition->children->type, CONDITION_FIELD);
	assert_int_equal(condition->children->next->type, CONDITION_NOT);
	assert_int_equal(condition->children->next->next->type, CONDITION_OR);
	assert_null(condition->children->next->next->next);
	condition = parsed("tool:a OR tool:b tool:c AND tool:d or tool:e");
	assert_int_equal(condition->type, CONDITION_OR);
	assert_int_equal(condition->children->type, CONDITION_FIELD);
	assert_int_equal(condition->children->next->type, CONDITION_AND);
	assert_int_equal(condition->children->next->next->type, CONDITION_FIELD);
	assert_null(condition->children->next->next->next);
	condition = parsed("( tool:a or tool:b ) and tool:c");
	assert_int_equal(condition->type, CONDITION_AND);
	assert_int_equal(parsed("not kind:ledger")->type, CONDITION_NOT);
	assert_int_equal(parsed("not \"a b\"")->type, CONDITION_NOT);
	assert_int_equal(parsed("\"or\"")->type, CONDITION_WORDS);
	assert_int_equal(parsed("order")->type, CONDITION_WORDS);
	assert_int_equal(parsed("*")->type, CONDITION_ALL);
	assert_int_equal(parsed("NOT kind:ledger")->type, CONDITION_NOT);
	assert_int_equal(parsed("-( tool:a tool:b )")->children->type, CONDITION_AND);
}

static void cheap_conditions_are_asked_first(void **state)
{
	(void)state;
	const struct condition *condition = parsed("secret request.path:x tool:a server:b");
	assert_int_equal(condition->children->fields[0], FIELD_TARGET_NAME);
	assert_int_equal(condition->children->next->fields[0], FIELD_SERVER_NAME);
	assert_int_equal(condition->children->next->next->type, CONDITION_WORDS);
}

static void errors_point_at_the_column(void **state)
{
	(void)state;
	assert_refused("tol:x", 1, "did you mean \"tool\"");
	assert_refused("tool:a sesion:x", 8, "did you mean \"session\"");
	assert_refused("zzzzzzzz:x", 1, "unknown field \"zzzzzzzz\"");
	assert_refused("tool:", 6, "missing");
	assert_refused("tool:a,", 8, "missing");
	assert_refused("tool:\"a", 6, "not closed");
	assert_refused("ünïcode \"a", 9, "not closed");
	assert_refused("( tool:a", 1, "not closed");
	assert_refused("tool:a )", 8, "closes nothing");
	assert_refused("( )", 3, "nothing between");
	assert_refused("OR tool:a", 1, "a term is missing");
	assert_refused("tool:a OR", 10, "a term is missing");
	assert_refused("tool:a NOT", 8, "after NOT");
	assert_refused("tool:a OR )", 11, "a term is missing");
	assert_refused("tool:a AND", 11, "a term is missing");
	assert_refused("AND tool:a", 1, "a term is missing");
	assert_refused("tool:a AND OR tool:b", 12, "a term is missing");
	assert_refused("file not found", 6, "write NOT in capitals");
	assert_refused("User:alice", 1, "did you mean \"user\"");
	assert_refused("tool:\"a\"b", 9, "a space is missing");
	assert_refused("request.sql:count(x)", 18, "a space is missing");
	assert_refused("tool:(a OR b)", 6, "without parentheses");
	assert_refused("!tool:ping", 1, "-term");
	assert_refused("tool=ping", 1, "tool:value");
	assert_refused("tool:a && tool:b", 8, "joined by AND");
	assert_refused("a{b}:c", 1, "quote it");
	assert_refused("request.a..b:c", 11, "a path is names");
	assert_refused("request.a[x]:c", 10, "a path is names");
	assert_refused("request.\"a\"b:c", 12, "breaks off");
	assert_refused("response:\"...\"", 10, "no letter or digit");
	assert_refused("duration:fast", 10, "a duration such as");
	assert_refused("duration:>fast", 11, "a duration such as");
	assert_refused("duration:>2", 11, "a duration such as");
	assert_refused("outcome.http_status:4x", 21, "a whole number");
	assert_refused("outcome.http_status:9..1", 21, "empty");
	assert_refused("after:soon", 7, "a time such as");
	assert_refused("tool:>3", 6, "is text");
	assert_refused("verdict:bad", 9, "unknown verdict");
	assert_refused("tool:a /ab(c/", 13, "regular expression: missing closing parenthesis");
	assert_refused("/(a b)/", 1, "holds no space");
	assert_refused("net.peer:10.0.0.0/33", 10, "prefix is too long");
	assert_refused("ip:example.org", 4, "ip needs an address");
	assert_refused("ip:10.0.0.7:80", 4, "without a port");
	assert_refused("ip:/10/", 4, "ip needs an address");
	assert_refused("request.n:9..1", 11, "empty");
	assert_refused("...", 1, "no letter");
	assert_refused("https://example.org", 1, "quote it");
	assert_refused("request.n:>x", 12, "needs a number");
}

static void what_help_shows_is_understood(void **state)
{
	(void)state;
	static const char *const searches[] = {
#define QUERY_PART(title, text)
#define QUERY_ROW(syntax, meaning, example) (example),
#include "query_help.h"
#undef QUERY_PART
#undef QUERY_ROW
	};
	for (size_t i = 0; i < sizeof(searches) / sizeof(searches[0]); i++)
		(void)parsed(searches[i]);
#define NAME(name, which, help, ...)                                                                                   \
	assert_int_equal(field_name_find(TEXT(name)).fields[0], ((uint8_t[]){__VA_ARGS__})[0]);
#include "query_names.h"
#undef NAME
}

static void limits_are_told(void **state)
{
	(void)state;
	char text[FILTER_BYTES_MAX + 2];
	memset(text, '(', sizeof(text));
	text[100] = 0;
	assert_refused(text, FILTER_DEPTH_MAX + 1, "nested");
	memset(text, 'a', sizeof(text));
	for (size_t i = 1; i < sizeof(text); i += 2)
		text[i] = ' ';
	text[2000] = 0;
	assert_refused(text, 2 * FILTER_CONDITIONS_MAX - 1, "conditions");
	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = 0;
	assert_refused(text, 0, "bytes");
	text[0] = '/';
	text[REGEX_BYTES_MAX + 2] = '/';
	text[REGEX_BYTES_MAX + 3] = 0;
	assert_refused(text, 1, "1024 bytes");
	size_t len = 0;
	for (int i = 0; i < FILTER_REGEXES_MAX + 1; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "/a/ ");
	assert_refused(text, 4 * FILTER_REGEXES_MAX + 1, "16 regular expressions");
	(void)snprintf(text, sizeof(text), "/((ab){1,999}){1,999}/");
	assert_refused(text, 22, "too large");
	memset(text, '(', 200);
	text[0] = '/';
	memset(text + 200, ')', 199);
	text[399] = '/';
	text[400] = 0;
	assert_refused(text, 53, "nested");
}

static void any_bytes_are_parsed_or_refused(void **state)
{
	(void)state;
	static const char pieces[] = "tool:a request.x:\"() -OR,>.*1/\\ß\0duration/[1]not ip:";
	uint64_t seed = (uint64_t)timestamp_now();
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 20000; round++) {
		char text[40];
		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[i] = pieces[(seed >> 33) % (sizeof(pieces) - 1)];
		}
		struct filter filter;
		struct error error = {0};
		arena_clear(&arena);
		enum status status = filter_parse((struct text){text, sizeof(text)}, now, &arena, &filter, &error);
		assert_true(status == STATUS_OK || (status == STATUS_INVALID && error.column >= 1 && error.text[0]));
	}
}

static void globs_match_the_whole_text(void **state)
{
	(void)state;
	assert_true(glob_match(TEXT("/etc/*"), TEXT("/etc/passwd")));
	assert_true(glob_match(TEXT("*a*b*"), TEXT("xxaxxbxx")));
	assert_true(glob_match(TEXT("a*"), TEXT("a")));
	assert_false(glob_match(TEXT("/etc/*"), TEXT("x/etc/passwd")));
	assert_false(glob_match(TEXT("a*b"), TEXT("abc")));
	assert_false(glob_match(TEXT("A*"), TEXT("abc")));
}

static void phrases_match_consecutive_words(void **state)
{
	(void)state;
	struct phrase phrase;
	assert_int_equal(phrase_make(TEXT("drop TABLE"), false, &arena, &phrase), STATUS_OK);
	assert_true(phrase_found(&phrase, TEXT("then DROP\n  table users")));
	assert_true(phrase_found(&phrase, TEXT("drop drop table")));
	assert_false(phrase_found(&phrase, TEXT("drop the table")));
	assert_false(phrase_found(&phrase, TEXT("drop tables")));
	assert_false(phrase_found(&phrase, TEXT("drop")));
	assert_int_equal(phrase_make(TEXT("akia*"), true, &arena, &phrase), STATUS_OK);
	assert_true(phrase_found(&phrase, TEXT("key=AKIAIOSFODNN7EXAMPLE")));
	assert_false(phrase_found(&phrase, TEXT("XAKIA")));
}

int main(void)
{
	arena_init(&arena, 64 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_matches_every_event),
		cmocka_unit_test(short_names_stand_for_fields),
		cmocka_unit_test(trust_is_what_the_collector_judged),
		cmocka_unit_test(lists_hold_any_of_their_values),
		cmocka_unit_test(quotes_make_stars_ordinary),
		cmocka_unit_test(the_error_group_is_every_error),
		cmocka_unit_test(comparisons_are_ranges),
		cmocka_unit_test(numbers_in_payloads_are_compared_exactly),
		cmocka_unit_test(times_count_from_now),
		cmocka_unit_test(a_star_asks_for_presence),
		cmocka_unit_test(paths_lead_into_payloads),
		cmocka_unit_test(regular_expressions_end_at_a_slash),
		cmocka_unit_test(a_slash_alone_begins_a_path),
		cmocka_unit_test(addresses_are_ranges),
		cmocka_unit_test(bare_words_are_looked_for_in_texts),
		cmocka_unit_test(terms_are_joined_by_and_or_not),
		cmocka_unit_test(cheap_conditions_are_asked_first),
		cmocka_unit_test(errors_point_at_the_column),
		cmocka_unit_test(what_help_shows_is_understood),
		cmocka_unit_test(limits_are_told),
		cmocka_unit_test(any_bytes_are_parsed_or_refused),
		cmocka_unit_test(globs_match_the_whole_text),
		cmocka_unit_test(phrases_match_consecutive_words),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_finish(&arena);
	return failed;
}
