#include <strings.h>

#include "filter_parser.h"

/* Tokens of a search. What ends a token is told in filter.h. */

unsigned parser_column(const struct parser *parser, size_t at)
{
	unsigned column = 1;
	for (size_t i = 0; i < at && i < parser->text.len; i++)
		column += ((unsigned char)parser->text.at[i] & 0xc0) != 0x80;
	return column;
}

enum status parser_set_column(const struct parser *parser, size_t at, enum status status)
{
	if (parser->error)
		parser->error->column = parser_column(parser, at);
	return status;
}

enum status parser_no_memory(const struct parser *parser)
{
	return error_set(parser->error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool lex_at_end(const struct parser *parser)
{
	return parser->at >= parser->text.len;
}

char lex_peek(const struct parser *parser)
{
	return lex_at_end(parser) ? 0 : parser->text.at[parser->at];
}

void lex_skip_spaces(struct parser *parser)
{
	while (!lex_at_end(parser) && is_space(parser->text.at[parser->at]))
		parser->at++;
}

bool lex_ends_term(const struct parser *parser)
{
	return lex_at_end(parser) || is_space(lex_peek(parser)) || lex_peek(parser) == ')';
}

enum keyword lex_keyword(const struct parser *parser, size_t *len)
{
	static const char *const words[] = {[KEYWORD_AND] = "and", [KEYWORD_OR] = "or", [KEYWORD_NOT] = "not"};
	struct text rest = {parser->text.at + parser->at, parser->text.len - parser->at};
	for (enum keyword keyword = KEYWORD_AND; keyword <= KEYWORD_NOT; keyword++) {
		*len = strlen(words[keyword]);
		if (rest.len < *len || strncasecmp(rest.at, words[keyword], *len) != 0)
			continue;
		if (rest.len == *len || is_space(rest.at[*len]) || rest.at[*len] == '(' || rest.at[*len] == ')')
			return keyword;
	}
	return KEYWORD_NONE;
}

enum status lex_quoted(struct parser *parser, struct text *text)
{
	size_t start = parser->at++;
	char *out = arena_alloc(parser->arena, parser->text.len - start);
	size_t len = 0;
	if (out == NULL)
		return parser_no_memory(parser);
	for (; !lex_at_end(parser); parser->at++) {
		char c = lex_peek(parser);
		if (c == '"') {
			parser->at++;
			*text = (struct text){out, len};
			return STATUS_OK;
		}
		if (c == '\\' && parser->at + 1 < parser->text.len &&
			(parser->text.at[parser->at + 1] == '"' || parser->text.at[parser->at + 1] == '\\'))
			c = parser->text.at[++parser->at];
		out[len++] = c;
	}
	return parser_fail(parser, start, "this quote is not closed");
}

struct text lex_plain(struct parser *parser, bool commas_end)
{
	size_t start = parser->at;
	while (!lex_at_end(parser) && !is_space(lex_peek(parser)) && lex_peek(parser) != '(' &&
		lex_peek(parser) != ')' && !(commas_end && lex_peek(parser) == ','))
		parser->at++;
	return (struct text){parser->text.at + start, parser->at - start};
}

static bool is_of_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c != 0 && strchr("_.-/$@", c) != NULL);
}

/* Behind a quoted step of a path, or behind "[3]"; at: not closed. */
static size_t pass_step(struct text text, size_t at)
{
	char closing = text.at[at] == '"' ? '"' : ']';
	for (size_t end = at + 1; end < text.len; end++) {
		if (text.at[end] == closing)
			return end + 1;
		if (closing == '"' && text.at[end] == '\\')
			end++;
	}
	return at;
}

size_t lex_name(const struct parser *parser)
{
	struct text text = parser->text;
	size_t at = parser->at;
	while (at < text.len && text.at[at] != ':') {
		bool quoted = text.at[at] == '"' && at > parser->at && text.at[at - 1] == '.';
		bool index = text.at[at] == '[' && at > parser->at;
		if (!quoted && !index && !is_of_name(text.at[at]))
			return 0;
		size_t end = quoted || index ? pass_step(text, at) : at + 1;
		if (end == at)
			return 0;
		at = end;
	}
	return at < text.len ? at - parser->at : 0;
}

size_t lex_regex(const struct parser *parser)
{
	struct text text = parser->text;
	size_t start = parser->at;
	if (lex_peek(parser) != '/')
		return 0;
	for (size_t at = start + 1; at < text.len && !is_space(text.at[at]); at++) {
		if (text.at[at] == '\\') {
			at++;
			continue;
		}
		if (text.at[at] != '/' || at == start + 1)
			continue;
		size_t end = at + 1;
		end += end < text.len && text.at[end] == 'i';
		if (end == text.len || is_space(text.at[end]) || strchr(",()", text.at[end]) != NULL)
			return end - start;
	}
	return 0;
}
