/* filter_parser - the inside of filter_parse: what its parts share.  filter.c has the grammar. */
#ifndef MCPLEDGER_QUERY_FILTER_PARSER_H
#define MCPLEDGER_QUERY_FILTER_PARSER_H

#include "filter.h"

struct parser {
	struct text text;
	size_t at;
	unsigned depth;
	unsigned count; /* of conditions */
	unsigned regexes;
	int64_t now_ns;
	struct arena *arena;
	struct error *error;
};

/* --- filter_lex.c: characters and tokens --- */

unsigned parser_column(const struct parser *parser, size_t at);
/* Refuses the text for what stands at `at`. */
#define parser_fail(parser, at, ...)                                                                                   \
	parser_set_column(parser, at, error_set((parser)->error, STATUS_INVALID, __VA_ARGS__))
enum status parser_set_column(const struct parser *parser, size_t at, enum status status);
enum status parser_no_memory(const struct parser *parser);

bool lex_at_end(const struct parser *parser);
char lex_peek(const struct parser *parser); /* 0 at the end */
void lex_skip_spaces(struct parser *parser);
/* Whether a term may end here: at the end, white space or a closing parenthesis. */
bool lex_ends_term(const struct parser *parser);

enum keyword { KEYWORD_NONE, KEYWORD_AND, KEYWORD_OR, KEYWORD_NOT };
/* The keyword that stands here alone, in any case, and its length. */
enum keyword lex_keyword(const struct parser *parser, size_t *len);

/* Reads "…" and takes the backslashes before \" and \\ away. */
enum status lex_quoted(struct parser *parser, struct text *text) MUST_CHECK;
/* Up to white space or a parenthesis, or a comma where commas_end. */
struct text lex_plain(struct parser *parser, bool commas_end);
/* The length of a field's name that has a colon behind it; 0: none stands here. */
size_t lex_name(const struct parser *parser);
/* The length of the regular expression that stands here, with its slashes and i; 0: none. */
size_t lex_regex(const struct parser *parser);

/* --- filter_values.c --- */

/* What regular expression stands here: lex_regex is not 0. */
enum status parser_read_regex(struct parser *parser, struct regex **regex) MUST_CHECK;
/* The values of a condition on fields or a path; addresses_only: the name was `ip`. */
enum status parser_read_values(struct parser *parser, struct condition *condition, bool addresses_only) MUST_CHECK;
/* The time of after:T or before:T. */
enum status parser_read_time_limit(struct parser *parser, bool after, struct condition *condition) MUST_CHECK;

/* --- filter_terms.c --- */

/* Whether a field holds text at length, which redaction and cuts may have changed. */
bool field_is_prose(unsigned field);
enum status parser_make(
	struct parser *parser, enum condition_type type, size_t at, struct condition **condition) MUST_CHECK;
/* A field with its values, a word, a phrase or a regex; groups are the grammar's. */
enum status parser_read_simple_term(struct parser *parser, struct condition **condition) MUST_CHECK;

#endif
