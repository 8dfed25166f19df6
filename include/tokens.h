/*
 * tokens - who may use the HTTP interface: the file of http.tokens_file, read by the daemon, made by `mcpledger token`.
 *
 * A token is `mcpl_` and 64 hex digits of 256 random bits; it is shown once, when it is made.  The file holds only
 * its SHA-256, so that a copy of the file lets nobody in.  One line a token, columns separated by spaces or tabs; empty
 * lines and lines that begin with # are skipped:
 *
 *   SHA-256 (64 hex digits)   NAME   SCOPES (ingest,read,admin,assert)   TENANTS (acme,beta, or * for all)
 *
 * ingest: may send events; read: may use the read API and /metrics; admin: may do all, for all tenants; assert: what it
 * says about users' identities is believed (`trust: verified`).  A loaded struct tokens is never changed: any thread.
 */
#ifndef MCPLEDGER_TOKENS_H
#define MCPLEDGER_TOKENS_H

#include <stdbool.h>

#include "buf.h"

enum token_scope { TOKEN_INGEST = 1, TOKEN_READ = 2, TOKEN_ADMIN = 4, TOKEN_ASSERT = 8 };
enum { TOKEN_NAME_BYTES_MAX = 128, TOKEN_TENANT_BYTES_MAX = 256, TOKENS_MAX = 4096 };

struct token {
	struct text name;
	unsigned scopes;            /* of enum token_scope, as written */
	const struct text *tenants; /* NULL: all */
	size_t tenant_count;
};

struct tokens;

/*
 * Reads a file.  Errors name the line and never repeat what stands there.  STATUS_NOT_FOUND, STATUS_DENIED,
 * STATUS_IO: the file can't be read; STATUS_INVALID; STATUS_LIMIT: more than TOKENS_MAX; STATUS_NO_MEMORY.
 */
enum status tokens_load(struct tokens **tokens, const char *file, struct error *error) MUST_CHECK;
void tokens_destroy(struct tokens **tokens);
size_t tokens_count(const struct tokens *tokens);
/* Who this token is, or NULL.  Takes the same time for every token of the file.  Lives as long as tokens. */
const struct token *tokens_find(const struct tokens *tokens, struct text token);
/* Whether they have this token of other tokens, with the same scopes and tenants. */
bool tokens_have(const struct tokens *tokens, const struct token *token);
/* Whether the token may do this: admin may do everything. */
bool token_may(const struct token *token, enum token_scope scope);

/* Reads "ingest,read". STATUS_INVALID: *error names the word. */
enum status token_scopes_parse(struct text text, unsigned *scopes, struct error *error) MUST_CHECK;
/*
 * Draws a new token and appends it to secret (no newline), and its line (with newline) to line.  what->tenants NULL: all.
 * STATUS_INVALID: a name or tenant that the file can't hold, no scope, or tenants for admin.
 */
enum status token_create(
	const struct token *what, struct buf *secret, struct buf *line, struct error *error) MUST_CHECK;

#endif
