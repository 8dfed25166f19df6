#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "tokens.h"

#define DIGEST_OF_ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

static char file_name[] = "/tmp/mcpledger-tokens-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	(void)snprintf(file_name, sizeof(file_name), "/tmp/mcpledger-tokens-XXXXXX");
	int fd = mkstemp(file_name);
	return fd < 0 ? -1 : close(fd);
}

static int drop_file(void **state)
{
	(void)state;
	return unlink(file_name);
}

static enum status load(const char *text, struct tokens **tokens, struct error *error)
{
	FILE *file = fopen(file_name, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return tokens_load(tokens, file_name, error);
}

static void assert_refused(const char *text, unsigned line)
{
	struct tokens *tokens = NULL;
	struct error error = {0};
	assert_int_equal(load(text, &tokens, &error), STATUS_INVALID);
	assert_null(tokens);
	assert_int_equal(error.line, line);
	assert_null(strstr(error.text, DIGEST_OF_ABC));
}

static void a_token_of_the_file_is_found_with_what_it_may(void **state)
{
	(void)state;
	struct tokens *tokens = NULL;
	struct error error = {0};
	assert_int_equal(
		load("# who may\n\n" DIGEST_OF_ABC "\tgateway  ingest,assert acme,beta\r\n", &tokens, &error), 0);
	assert_int_equal(tokens_count(tokens), 1);
	const struct token *token = tokens_find(tokens, TEXT("abc"));
	assert_non_null(token);
	assert_true(text_equal(token->name, TEXT("gateway")));
	assert_int_equal(token->scopes, TOKEN_INGEST | TOKEN_ASSERT);
	assert_int_equal(token->tenant_count, 2);
	assert_true(text_equal(token->tenants[1], TEXT("beta")));
	assert_true(token_may(token, TOKEN_INGEST));
	assert_false(token_may(token, TOKEN_READ));
	assert_null(tokens_find(tokens, TEXT("abcd")));
	assert_null(tokens_find(tokens, (struct text){NULL, 0}));
	assert_null(tokens_find(tokens, TEXT(DIGEST_OF_ABC)));
	tokens_destroy(&tokens);
	tokens_destroy(&tokens);
}

static void a_token_is_the_same_only_with_the_same_rights(void **state)
{
	(void)state;
	static const struct {
		const char *line;
		bool same;
	} lines[] = {
		{DIGEST_OF_ABC " gateway read acme,beta\n", true},
		{"# moved\n\n" DIGEST_OF_ABC " renamed read acme,beta\n", true},
		{DIGEST_OF_ABC " gateway read acme\n", false},
		{DIGEST_OF_ABC " gateway read acme,gamma\n", false},
		{DIGEST_OF_ABC " gateway read *\n", false},
		{DIGEST_OF_ABC " gateway ingest acme,beta\n", false},
		{"# gone\n", false},
	};
	struct tokens *before = NULL;
	struct error error = {0};
	assert_int_equal(load(lines[0].line, &before, &error), STATUS_OK);
	const struct token *token = tokens_find(before, TEXT("abc"));
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct tokens *after = NULL;
		assert_int_equal(load(lines[i].line, &after, &error), STATUS_OK);
		assert_int_equal(tokens_have(after, token), lines[i].same);
		tokens_destroy(&after);
	}
	tokens_destroy(&before);
}

static void a_created_token_is_found_by_its_line(void **state)
{
	(void)state;
	struct buf secret, line;
	buf_init(&secret, 1000);
	buf_init(&line, 1000);
	struct text tenants[] = {TEXT("acme"), TEXT("b\xc3\xa9ta")};
	struct token what = {TEXT("ci@acme"), TOKEN_READ | TOKEN_INGEST, tenants, 2};
	assert_int_equal(token_create(&what, &secret, &line, NULL), STATUS_OK);
	buf_put_byte(&line, 0);
	assert_int_equal(secret.len, 5 + 64);
	assert_memory_equal(secret.at, "mcpl_", 5);
	assert_null(strstr(line.at, "mcpl_"));

	struct tokens *tokens = NULL;
	assert_int_equal(load(line.at, &tokens, NULL), STATUS_OK);
	const struct token *token = tokens_find(tokens, buf_text(&secret));
	assert_non_null(token);
	assert_true(text_equal(token->name, what.name));
	assert_int_equal(token->scopes, what.scopes);
	assert_int_equal(token->tenant_count, 2);
	assert_true(text_equal(token->tenants[1], tenants[1]));
	tokens_destroy(&tokens);
	buf_finish(&secret);
	buf_finish(&line);
}

static void admin_may_do_everything_for_all_tenants(void **state)
{
	(void)state;
	struct tokens *tokens = NULL;
	assert_int_equal(load(DIGEST_OF_ABC " root admin *", &tokens, NULL), STATUS_OK);
	const struct token *token = tokens_find(tokens, TEXT("abc"));
	assert_true(token_may(token, TOKEN_INGEST) && token_may(token, TOKEN_READ) && token_may(token, TOKEN_ASSERT));
	assert_null(token->tenants);
	tokens_destroy(&tokens);
}

static void bad_lines_are_refused_by_number_without_being_shown(void **state)
{
	(void)state;
	assert_refused("\n" DIGEST_OF_ABC " a ingest", 2);
	assert_refused(DIGEST_OF_ABC " a ingest * more", 1);
	assert_refused(DIGEST_OF_ABC " a ingest,write *", 1);
	assert_refused(DIGEST_OF_ABC " a , *", 1);
	assert_refused(DIGEST_OF_ABC " a,b ingest *", 1);
	assert_refused(DIGEST_OF_ABC " a ingest acme,,beta", 1);
	assert_refused(DIGEST_OF_ABC " a ingest acme,*", 1);
	assert_refused(DIGEST_OF_ABC " a admin acme", 1);
	assert_refused("#\n#\nba78 a ingest *", 3);
	assert_refused("mcpl_" DIGEST_OF_ABC " a ingest *", 1);
}

static void tokens_that_the_file_cannot_hold_are_not_made(void **state)
{
	(void)state;
	struct buf secret, line;
	buf_init(&secret, 1000);
	buf_init(&line, 1000);
	struct text spaced[] = {TEXT("a b")};
	const struct token bad[] = {
		{TEXT(""), TOKEN_READ, NULL, 0},
		{TEXT("two words"), TOKEN_READ, NULL, 0},
		{TEXT("#x"), TOKEN_READ, NULL, 0},
		{TEXT("x\ny"), TOKEN_READ, NULL, 0},
		{TEXT("x"), TOKEN_ASSERT, NULL, 0},
		{TEXT("x"), TOKEN_READ, spaced, 1},
		{TEXT("x"), TOKEN_READ, spaced, 0},
		{TEXT("x"), TOKEN_ADMIN, spaced, 1},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(token_create(&bad[i], &secret, &line, NULL), STATUS_INVALID);
	assert_int_equal(secret.len + line.len, 0);
}

static void a_missing_file_is_named(void **state)
{
	(void)state;
	struct tokens *tokens = NULL;
	struct error error = {0};
	assert_int_equal(tokens_load(&tokens, "/nowhere/tokens", &error), STATUS_NOT_FOUND);
	assert_non_null(strstr(error.text, "/nowhere/tokens"));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_file, drop_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(a_token_of_the_file_is_found_with_what_it_may),
		FILE_TEST(a_token_is_the_same_only_with_the_same_rights),
		FILE_TEST(a_created_token_is_found_by_its_line),
		FILE_TEST(admin_may_do_everything_for_all_tenants),
		FILE_TEST(bad_lines_are_refused_by_number_without_being_shown),
		FILE_TEST(tokens_that_the_file_cannot_hold_are_not_made),
		FILE_TEST(a_missing_file_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
