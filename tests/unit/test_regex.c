#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "regex.h"

static struct arena arena;

static struct regex *compiled(const char *pattern, bool any_case)
{
	struct regex *regex = NULL;
	struct error error = {0};
	if (regex_compile(text_of(pattern), any_case, &arena, &regex, &error) != STATUS_OK)
		fail_msg("%s: column %u: %s", pattern, error.column, error.text);
	return regex;
}

static enum status find(const char *pattern, struct text text)
{
	return regex_find(compiled(pattern, false), text);
}

static void a_match_may_stand_anywhere(void **state)
{
	(void)state;
	assert_int_equal(find("AKIA[0-9A-Z]{16}", TEXT("key=AKIAIOSFODNN7EXAMPLE;")), STATUS_OK);
	assert_int_equal(find("^AKIA", TEXT("key=AKIA")), STATUS_NOT_FOUND);
	assert_int_equal(find("akia", TEXT("AKIA")), STATUS_NOT_FOUND);
	assert_int_equal(regex_find(compiled("akia", true), TEXT("AKIA")), STATUS_OK);
	assert_int_equal(find("^.$", TEXT("ü")), STATUS_OK);
	assert_int_equal(find("^$", TEXT("")), STATUS_OK);
	assert_int_equal(find("^$", ((struct text){NULL, 0})), STATUS_OK);
	assert_int_equal(find("a.*b", TEXT("a\0b")), STATUS_OK);
}

static void bytes_that_are_no_utf8_end_nothing(void **state)
{
	(void)state;
	assert_int_equal(find("secret", TEXT("\xff\xfe secret \xc3")), STATUS_OK);
	assert_int_equal(find("secret$", TEXT("\xed\xa0\x80secret")), STATUS_OK); /* behind a lone surrogate */
	assert_int_equal(find("^secret", TEXT("\x80secret")), STATUS_NOT_FOUND);
	assert_int_equal(find("a.b", TEXT("a\x80"
					  "b")),
		STATUS_NOT_FOUND);
}

static void what_explodes_is_told(void **state)
{
	(void)state;
	char text[4001];
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '!';
	assert_int_equal(find("^(a+)+$", (struct text){text, sizeof(text)}), STATUS_LIMIT);
	assert_int_equal(find("(?=(a+)+[b-d])(?=(a*)*[b-d])", (struct text){text, sizeof(text)}), STATUS_LIMIT);
	assert_int_equal(find("^(a|aa)*(?1)*$", (struct text){text, sizeof(text)}), STATUS_LIMIT);
	assert_int_equal(find("^(?:(?R)|a)*$", (struct text){text, sizeof(text)}), STATUS_LIMIT);
}

static void a_large_text_is_no_explosion(void **state)
{
	(void)state;
	size_t len = 8 << 20;
	char *text = malloc(len);
	assert_non_null(text);
	memset(text, 'a', len);
	assert_int_equal(find("b[a-z]*c", (struct text){text, len}), STATUS_NOT_FOUND);
	assert_int_equal(find("[a-z]z", (struct text){text, len}), STATUS_NOT_FOUND);
	free(text);
}

static void assert_refused(const char *pattern, unsigned column, const char *part)
{
	struct regex *regex = NULL;
	struct error error = {0};
	assert_int_equal(regex_compile(text_of(pattern), false, &arena, &regex, &error), STATUS_INVALID);
	if (error.column != column || strstr(error.text, part) == NULL)
		fail_msg("%s: column %u: %s", pattern, error.column, error.text);
}

static void bad_patterns_are_refused(void **state)
{
	(void)state;
	assert_refused("a(b", 4, "missing closing parenthesis");
	assert_refused("[a", 3, "missing terminating ]");
	assert_refused("*a", 1, "quantifier");
	assert_refused("\\C", 3, "\\C");
	assert_refused("(?<=a*)b", 1, "lookbehind");
	assert_refused("\xff", 1, "UTF-8");
}

static void assert_words(const char *pattern, bool any_case, const char *wanted)
{
	const struct text *words = NULL;
	char found[200] = "";
	size_t count = regex_words(compiled(pattern, any_case), &words);
	for (size_t i = 0; i < count; i++) {
		strcat(found, i ? " " : "");
		strncat(found, words[i].at, words[i].len);
	}
	if (strcmp(found, wanted) != 0)
		fail_msg("%s: \"%s\", not \"%s\"", pattern, found, wanted);
}

/* A word too many hides events, so what is not plain gives none. */
static void only_words_that_must_be_there_are_named(void **state)
{
	(void)state;
	assert_words("drop table users", false, "table");
	assert_words("^drop table users$", false, "drop table users");
	assert_words("^DROP\\s+TABLE\\s", false, "DROP TABLE");
	assert_words("/etc/passwd$", false, "etc passwd");
	assert_words("\\.ssh/", false, "ssh");
	assert_words("/etc/pass[wx]d", false, "etc");
	assert_words("/etc/?passwd/", false, "");
	assert_words("/etcs?/", false, "");
	assert_words("/etc+/", false, "");
	assert_words("/etc{2}/x/", false, "");
	assert_words("/a(b)c/d/", false, "d");
	assert_words("/a/|/b/", false, "");
	assert_words("(/a/|/b/)/c/", false, "");
	assert_words("\\betc\\b", false, "");
	assert_words("\\Wetc\\W", false, "");
	assert_words("/etc.", false, "");
	assert_words("(?i)/etc/", false, "");
	assert_words("/etc/", true, "");
	assert_words("(x)\\g<1>/", false, "");
	assert_words("\\x20etc/", false, "");
	assert_words("[a[:alpha:]]etc/", false, "");
	assert_words("\\Q/etc/\\E?", false, "");
	assert_words("/\xc3\xa9t\xc3\xa9/", false, "\xc3\xa9t\xc3\xa9");
	assert_words("/a\xc3\xa9?/", false, "");
}

int main(void)
{
	arena_init(&arena, 64 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_match_may_stand_anywhere),
		cmocka_unit_test(bytes_that_are_no_utf8_end_nothing),
		cmocka_unit_test(what_explodes_is_told),
		cmocka_unit_test(a_large_text_is_no_explosion),
		cmocka_unit_test(bad_patterns_are_refused),
		cmocka_unit_test(only_words_that_must_be_there_are_named),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	arena_finish(&arena);
	return failed;
}
