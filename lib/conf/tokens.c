#include "tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"

#define TOKEN_PREFIX "mcpl_"

enum {
	TOKEN_RANDOM_BYTES = 32,
	FILE_BYTES_MAX = 8 * 1024 * 1024,
	TENANTS_MAX = 1024, /* of one token */
};

struct entry {
	struct token token;
	uint8_t digest[SHA256_BYTES];
};

struct tokens {
	struct arena arena; /* names and tenants */
	struct entry *entries;
	size_t count;
};

static const struct {
	const char *name;
	enum token_scope scope;
} scope_names[] = {
	{"ingest", TOKEN_INGEST},
	{"read", TOKEN_READ},
	{"admin", TOKEN_ADMIN},
	{"assert", TOKEN_ASSERT},
};
enum { SCOPE_COUNT = sizeof(scope_names) / sizeof(scope_names[0]) };

/* Cuts the part before the next separator off *rest; false at the end. */
static bool cut(struct text *rest, const char *separators, struct text *part)
{
	if (rest->at == NULL)
		return false;
	size_t len = 0;
	while (len < rest->len && strchr(separators, rest->at[len]) == NULL)
		len++;
	*part = (struct text){rest->at, len};
	if (len == rest->len)
		*rest = (struct text){NULL, 0};
	else
		*rest = (struct text){rest->at + len + 1, rest->len - len - 1};
	return true;
}

/* The next column of a line, empty when there is none. */
static struct text next_column(struct text *rest)
{
	struct text column = {NULL, 0};
	while (cut(rest, " \t\r", &column))
		if (column.len)
			return column;
	return (struct text){NULL, 0};
}

/* What a name or tenant may hold: nothing that separates columns, lists or lines, or begins a comment. */
static bool is_word(struct text word, size_t bytes_max)
{
	if (word.len == 0 || word.len > bytes_max || word.at[0] == '#')
		return false;
	for (size_t i = 0; i < word.len; i++) {
		uint8_t c = (uint8_t)word.at[i];
		if (c <= ' ' || c == 0x7f || c == ',' || c == '*')
			return false;
	}
	return true;
}

enum status token_scopes_parse(struct text text, unsigned *scopes, struct error *error)
{
	unsigned found = 0;
	struct text word;
	while (cut(&text, ",", &word)) {
		size_t i = 0;
		while (i < SCOPE_COUNT && !text_equal(word, text_of(scope_names[i].name)))
			i++;
		if (i == SCOPE_COUNT)
			return error_set(error, STATUS_INVALID,
				"a scope is one of ingest, read, admin, assert, with commas between");
		found |= scope_names[i].scope;
	}
	if (found == 0)
		return error_set(error, STATUS_INVALID, "a token needs a scope: ingest, read, admin");
	*scopes = found;
	return STATUS_OK;
}

static enum status parse_tenants(struct arena *arena, struct text text, struct token *token, struct error *error)
{
	if (text_equal(text, TEXT("*")))
		return STATUS_OK;
	size_t count = 1;
	for (size_t i = 0; i < text.len; i++)
		count += text.at[i] == ',';
	struct text *tenants = count <= TENANTS_MAX ? arena_calloc(arena, count, sizeof(*tenants)) : NULL;
	if (tenants == NULL)
		return error_set(error, STATUS_LIMIT, "a token has at most %d tenants", TENANTS_MAX);
	for (size_t i = 0; cut(&text, ",", &tenants[i]); i++) {
		if (!is_word(tenants[i], TOKEN_TENANT_BYTES_MAX))
			return error_set(error, STATUS_INVALID, "tenants are names with commas between, or * for all");
		tenants[i] = arena_copy(arena, tenants[i]);
		if (tenants[i].at == NULL)
			return error_set(error, STATUS_NO_MEMORY, "out of memory");
	}
	token->tenants = tenants;
	token->tenant_count = count;
	return STATUS_OK;
}

static enum status parse_line(struct tokens *tokens, struct text line, struct entry *entry, struct error *error)
{
	struct text digest = next_column(&line);
	struct text name = next_column(&line);
	struct text scopes = next_column(&line);
	struct text tenants = next_column(&line);
	struct entry made = {0};
	if (tenants.len == 0 || next_column(&line).len)
		return error_set(error, STATUS_INVALID, "a line has four columns: SHA-256, name, scopes, tenants");
	if (hex_decode(digest, made.digest, sizeof(made.digest)) != STATUS_OK)
		return error_set(error, STATUS_INVALID, "the first column is not a SHA-256 of 64 hex digits");
	if (!is_word(name, TOKEN_NAME_BYTES_MAX))
		return error_set(error, STATUS_INVALID,
			"the name is longer than %d bytes or holds a control character, "
			"comma or asterisk",
			TOKEN_NAME_BYTES_MAX);
	enum status status = token_scopes_parse(scopes, &made.token.scopes, error);
	if (status == STATUS_OK)
		status = parse_tenants(&tokens->arena, tenants, &made.token, error);
	if (status != STATUS_OK)
		return status;
	if ((made.token.scopes & TOKEN_ADMIN) && made.token.tenants)
		return error_set(error, STATUS_INVALID, "admin is for all tenants: write * in the last column");
	made.token.name = arena_copy(&tokens->arena, name);
	if (made.token.name.at == NULL)
		return error_set(error, STATUS_NO_MEMORY, "out of memory");
	*entry = made;
	return STATUS_OK;
}

static enum status parse_file(struct tokens *tokens, struct text text, struct error *error)
{
	size_t capacity = 0;
	unsigned line_number = 0;
	struct text line;
	while (cut(&text, "\n", &line)) {
		line_number++;
		struct text rest = line;
		struct text first = next_column(&rest);
		if (first.len == 0 || first.at[0] == '#')
			continue;
		if (tokens->count == TOKENS_MAX)
			return error_set(error, STATUS_LIMIT, "more than %d tokens", TOKENS_MAX);
		if (tokens->count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			struct entry *entries = realloc(tokens->entries, capacity * sizeof(*entries));
			if (entries == NULL)
				return error_set(error, STATUS_NO_MEMORY, "out of memory");
			tokens->entries = entries;
		}
		enum status status = parse_line(tokens, line, &tokens->entries[tokens->count], error);
		if (status != STATUS_OK) {
			if (error)
				error->line = line_number;
			return status;
		}
		tokens->count++;
	}
	return STATUS_OK;
}

static enum status read_all(int fd, struct buf *out)
{
	for (;;) {
		char *to = buf_reserve(out, 16 * 1024);
		if (to == NULL)
			return buf_status(out);
		ssize_t got = read(fd, to, 16 * 1024);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return STATUS_IO;
		if (got == 0)
			return STATUS_OK;
		out->len += (size_t)got;
	}
}

static enum status read_file(const char *file, struct buf *out, struct error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		enum status status = errno == ENOENT ? STATUS_NOT_FOUND : errno == EACCES ? STATUS_DENIED : STATUS_IO;
		return error_set(error, status, "%s: %s", file, strerror(errno));
	}
	enum status status = read_all(fd, out);
	close(fd);
	if (status == STATUS_LIMIT)
		return error_set(error, STATUS_LIMIT, "%s: longer than %d bytes", file, FILE_BYTES_MAX);
	return status == STATUS_OK ? status : error_set(error, status, "%s: %s", file, status_text(status));
}

enum status tokens_load(struct tokens **tokens, const char *file, struct error *error)
{
	struct tokens *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "out of memory");
	struct buf text;
	buf_init(&text, FILE_BYTES_MAX);
	arena_init(&made->arena, 2 * FILE_BYTES_MAX);
	enum status status = read_file(file, &text, error);
	if (status == STATUS_OK)
		status = parse_file(made, buf_text(&text), error);
	buf_finish(&text);
	if (status == STATUS_OK)
		*tokens = made;
	else
		tokens_destroy(&made);
	return status;
}

void tokens_destroy(struct tokens **tokens)
{
	if (*tokens == NULL)
		return;
	arena_finish(&(*tokens)->arena);
	free((*tokens)->entries);
	free(*tokens);
	*tokens = NULL;
}

size_t tokens_count(const struct tokens *tokens)
{
	return tokens->count;
}

const struct token *tokens_find(const struct tokens *tokens, struct text token)
{
	uint8_t digest[SHA256_BYTES];
	if (crypto_sha256(token, digest) != STATUS_OK)
		return NULL;
	const struct token *found = NULL;
	for (size_t i = 0; i < tokens->count; i++)
		if (crypto_equal(tokens->entries[i].digest, digest, sizeof(digest)))
			found = &tokens->entries[i].token;
	return found;
}

static bool same_rights(const struct token *a, const struct token *b)
{
	bool same = a->scopes == b->scopes && a->tenant_count == b->tenant_count &&
		    (a->tenants == NULL) == (b->tenants == NULL);
	if (a->tenants == NULL || b->tenants == NULL)
		return same;
	for (size_t i = 0; same && i < a->tenant_count; i++)
		same = text_equal(a->tenants[i], b->tenants[i]);
	return same;
}

bool tokens_have(const struct tokens *tokens, const struct token *token)
{
	const struct entry *asked = (const struct entry *)(const void *)token; /* its first member */
	for (size_t i = 0; i < tokens->count; i++)
		if (memcmp(tokens->entries[i].digest, asked->digest, sizeof(asked->digest)) == 0)
			return same_rights(&tokens->entries[i].token, token);
	return false;
}

bool token_may(const struct token *token, enum token_scope scope)
{
	return (token->scopes & ((unsigned)scope | TOKEN_ADMIN)) != 0;
}

static enum status check_new(const struct token *what, struct error *error)
{
	if (!is_word(what->name, TOKEN_NAME_BYTES_MAX))
		return error_set(error, STATUS_INVALID, "a token's name has 1 to %d bytes, no space, comma or asterisk",
			TOKEN_NAME_BYTES_MAX);
	if ((what->scopes & (TOKEN_INGEST | TOKEN_READ | TOKEN_ADMIN)) == 0)
		return error_set(error, STATUS_INVALID, "a token needs a scope: ingest, read, admin");
	if ((what->scopes & TOKEN_ADMIN) && what->tenants)
		return error_set(error, STATUS_INVALID, "admin is for all tenants");
	if (what->tenants && (what->tenant_count == 0 || what->tenant_count > TENANTS_MAX))
		return error_set(error, STATUS_INVALID, "a token has 1 to %d tenants, or all", TENANTS_MAX);
	for (size_t i = 0; what->tenants && i < what->tenant_count; i++)
		if (!is_word(what->tenants[i], TOKEN_TENANT_BYTES_MAX))
			return error_set(error, STATUS_INVALID,
				"a tenant has 1 to %d bytes, no space, comma or asterisk", TOKEN_TENANT_BYTES_MAX);
	return STATUS_OK;
}

static void put_line(struct buf *line, const struct token *what, const uint8_t digest[SHA256_BYTES])
{
	char hex[2 * SHA256_BYTES + 1];
	hex_encode(digest, SHA256_BYTES, hex);
	buf_printf(line, "%s %.*s ", hex, (int)what->name.len, what->name.at);
	const char *between = "";
	for (size_t i = 0; i < SCOPE_COUNT; i++) {
		if ((what->scopes & scope_names[i].scope) == 0)
			continue;
		buf_put_string(line, between);
		buf_put_string(line, scope_names[i].name);
		between = ",";
	}
	between = " ";
	for (size_t i = 0; what->tenants && i < what->tenant_count; i++) {
		buf_put_string(line, between);
		buf_put_text(line, what->tenants[i]);
		between = ",";
	}
	buf_put_string(line, what->tenants ? "\n" : " *\n");
}

enum status token_create(const struct token *what, struct buf *secret, struct buf *line, struct error *error)
{
	uint8_t random[TOKEN_RANDOM_BYTES];
	uint8_t digest[SHA256_BYTES];
	char token[sizeof(TOKEN_PREFIX) + 2 * TOKEN_RANDOM_BYTES] = TOKEN_PREFIX;
	enum status status = check_new(what, error);
	if (status != STATUS_OK)
		return status;
	status = crypto_random(random, sizeof(random));
	if (status == STATUS_OK) {
		hex_encode(random, sizeof(random), token + strlen(TOKEN_PREFIX));
		status = crypto_sha256(text_of(token), digest);
	}
	if (status == STATUS_OK) {
		buf_put_string(secret, token);
		put_line(line, what, digest);
		status = buf_status(secret) != STATUS_OK ? buf_status(secret) : buf_status(line);
	}
	crypto_wipe(random, sizeof(random));
	crypto_wipe(token, sizeof(token));
	return status == STATUS_OK ? status
				   : error_set(error, status, "a token could not be made: %s", status_text(status));
}
