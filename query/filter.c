#include "filter.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "timestamp.h"

/*
 * A recursive descent parser; the grammar stands in filter.h.  The children of an "and" are kept with the cheap ones
 * first, so that payloads are only looked at where everything else matched.
 */

struct parser {
	struct text text;
	size_t at;
	unsigned depth;
	unsigned count; /* of conditions */
	int64_t now_ns;
	struct arena *arena;
	struct filter *filter;
	struct error *error;
};

/* --- errors and characters --- */

static unsigned column_of(const struct parser *parser, size_t at)
{
	unsigned column = 1;
	for (size_t i = 0; i < at && i < parser->text.len; i++)
		column += ((unsigned char)parser->text.at[i] & 0xc0) != 0x80;
	return column;
}

#define fail(parser, at, ...) set_column(parser, at, error_set((parser)->error, STATUS_INVALID, __VA_ARGS__))

static enum status set_column(const struct parser *parser, size_t at, enum status status)
{
	if (parser->error)
		parser->error->column = column_of(parser, at);
	return status;
}

static enum status no_memory(const struct parser *parser)
{
	return error_set(parser->error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool at_end(const struct parser *parser)
{
	return parser->at >= parser->text.len;
}

static char peek(const struct parser *parser)
{
	return at_end(parser) ? 0 : parser->text.at[parser->at];
}

static void skip_spaces(struct parser *parser)
{
	while (!at_end(parser) && is_space(parser->text.at[parser->at]))
		parser->at++;
}

/* Passes an upper-case word such as OR that stands alone. */
static bool take_keyword(struct parser *parser, const char *word)
{
	size_t len = strlen(word);
	struct text rest = {parser->text.at + parser->at, parser->text.len - parser->at};
	if (rest.len < len || memcmp(rest.at, word, len) != 0)
		return false;
	if (rest.len > len && !is_space(rest.at[len]) && rest.at[len] != '(' && rest.at[len] != ')')
		return false;
	parser->at += len;
	return true;
}

/* --- the tree --- */

static enum status make(struct parser *parser, enum condition_type type, size_t at, struct condition **condition)
{
	if (++parser->count > FILTER_CONDITIONS_MAX)
		return fail(parser, at, "a search may have %d conditions", FILTER_CONDITIONS_MAX);
	struct condition *made = arena_calloc(parser->arena, 1, sizeof(*made));
	if (made == NULL)
		return no_memory(parser);
	made->type = type;
	made->column = column_of(parser, at);
	*condition = made;
	return STATUS_OK;
}

static bool is_prose(unsigned field)
{
	enum field_type type = field_info(field)->type;
	return type == FIELD_TYPE_LONG || type == FIELD_TYPE_PAYLOAD || type == FIELD_TYPE_JSON;
}

static bool is_costly(const struct condition *condition)
{
	if (condition->type == CONDITION_WORDS || condition->path.len > 0)
		return true;
	if (condition->type == CONDITION_FIELD)
		for (size_t i = 0; i < condition->field_count; i++)
			if (is_prose(condition->fields[i]))
				return true;
	for (const struct condition *child = condition->children; child; child = child->next)
		if (is_costly(child))
			return true;
	return false;
}

static void add_child(struct condition *parent, struct condition *child)
{
	assert(parent && child);
	struct condition **link = &parent->children;
	bool costly = is_costly(child);
	while (*link && (parent->type != CONDITION_AND || costly || !is_costly(*link)))
		link = &(*link)->next;
	child->next = *link;
	*link = child;
}

/* --- values --- */

/* Reads "…" and takes the backslashes before \" and \\ away. */
static enum status read_quoted(struct parser *parser, struct text *text)
{
	size_t start = parser->at++;
	char *out = arena_alloc(parser->arena, parser->text.len - start);
	size_t len = 0;
	if (out == NULL)
		return no_memory(parser);
	for (; !at_end(parser); parser->at++) {
		char c = peek(parser);
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
	return fail(parser, start, "this quote is not closed");
}

static struct text read_plain(struct parser *parser, bool commas_end)
{
	size_t start = parser->at;
	while (!at_end(parser) && !is_space(peek(parser)) && peek(parser) != '(' && peek(parser) != ')' &&
		!(commas_end && peek(parser) == ','))
		parser->at++;
	return (struct text){parser->text.at + start, parser->at - start};
}

static bool is_duration(unsigned field)
{
	struct text path = text_of(field_info(field)->path);
	return path.len > 3 && memcmp(path.at + path.len - 3, "_ns", 3) == 0;
}

static enum status read_number(const struct parser *parser, unsigned field, struct text text, int64_t *number)
{
	if (field_info(field)->type == FIELD_TYPE_TIME)
		return timestamp_parse_human(text, parser->now_ns, number);
	if (field_info(field)->type == FIELD_TYPE_BOOL &&
		(text_equal(text, TEXT("true")) || text_equal(text, TEXT("false")))) {
		*number = text.at[0] == 't';
		return STATUS_OK;
	}
	if (is_duration(field) && !text_equal(text, TEXT("0"))) /* 2 of what? */
		return duration_parse(text, number);
	return text.len > 0 ? json_integer(text, number) : STATUS_INVALID;
}

static const char *number_wish(unsigned field)
{
	switch (field_info(field)->type) {
	case FIELD_TYPE_TIME:
		return "a time such as 2026-11-20T10:00:00Z, 2h or yesterday";
	case FIELD_TYPE_BOOL:
		return "true or false";
	default:
		return is_duration(field) ? "a duration such as 250ms, 2s or 1m" : "a whole number";
	}
}

/* One end of a comparison, or a value between two: field 0 = a number in a payload, kept in *real. */
static enum status read_bound(struct parser *parser, unsigned field, struct text text, int64_t *number, double *real)
{
	size_t at = (size_t)(text.at - parser->text.at);
	if (field != 0) {
		if (read_number(parser, field, text, number) == STATUS_OK)
			return STATUS_OK;
		return fail(parser, at, "%s needs %s", field_info(field)->path, number_wish(field));
	}
	struct text copy = arena_copy(parser->arena, text);
	if (copy.at == NULL)
		return no_memory(parser);
	char *end = NULL;
	*real = strtod(copy.at, &end);
	if (copy.len == 0 || *end != 0 || !isfinite(*real))
		return fail(parser, at, "a comparison needs a number");
	return STATUS_OK;
}

static bool find_dots(struct text text, size_t *at)
{
	for (size_t i = 1; i + 2 < text.len; i++) {
		if (text.at[i] == '.' && text.at[i + 1] == '.') {
			*at = i;
			return true;
		}
	}
	return false;
}

static enum status read_span(struct parser *parser, unsigned field, struct text text, size_t dots, struct wanted *value)
{
	struct text first = {text.at, dots};
	struct text last = {text.at + dots + 2, text.len - dots - 2};
	enum status status = read_bound(parser, field, first, &value->first, &value->low);
	if (status == STATUS_OK)
		status = read_bound(parser, field, last, &value->last, &value->high);
	if (status == STATUS_OK && (field != 0 ? value->first > value->last : value->low > value->high))
		return fail(parser, (size_t)(text.at - parser->text.at),
			"the range is empty: its end comes before its start");
	return status;
}

/* text is a number, a comparison with one, or a range a..b. */
static enum status read_range(struct parser *parser, unsigned field, struct text text, struct wanted *value)
{
	size_t dots = 0;
	value->ranged = true;
	value->first = INT64_MIN;
	value->last = INT64_MAX;
	value->low = -HUGE_VAL;
	value->high = HUGE_VAL;
	if (find_dots(text, &dots))
		return read_span(parser, field, text, dots, value);
	bool less = text.len > 0 && text.at[0] == '<';
	bool more = text.len > 0 && text.at[0] == '>';
	bool or_equal = (less || more) && text.len > 1 && text.at[1] == '=';
	size_t skip = (size_t)(less || more) + or_equal;
	int64_t number = 0;
	double real = 0;
	enum status status = read_bound(parser, field, (struct text){text.at + skip, text.len - skip}, &number, &real);
	if (status != STATUS_OK)
		return status;
	if (!more) {
		value->last = less && !or_equal && number > INT64_MIN ? number - 1 : number;
		value->high = less && !or_equal ? nextafter(real, -HUGE_VAL) : real;
	}
	if (!less) {
		value->first = more && !or_equal && number < INT64_MAX ? number + 1 : number;
		value->low = more && !or_equal ? nextafter(real, HUGE_VAL) : real;
	}
	return STATUS_OK;
}

static bool is_cidr(struct text text)
{
	const char *slash = memchr(text.at, '/', text.len);
	if (slash == NULL || slash == text.at || slash + 1 == text.at + text.len)
		return false;
	for (const char *c = text.at; c < text.at + text.len; c++)
		if (c != slash && (c > slash ? *c < '0' || *c > '9' : strchr("0123456789abcdefABCDEF.:", *c) == NULL))
			return false;
	return true;
}

static bool is_verdict(struct text text)
{
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (text_equal(text, text_of(verdict_name((enum verdict)verdict))))
			return true;
	return text_equal(text, TEXT("error"));
}

static enum status check_text_value(
	struct parser *parser, const struct condition *condition, struct text text, size_t at)
{
	if (text.at[0] == '<' || text.at[0] == '>')
		return fail(parser, at, "%s is text and can't be compared with < or >; quote the value if it begins so",
			field_info(condition->fields[0])->path);
	if (is_cidr(text) && !is_prose(condition->fields[0]))
		return fail(parser, at, "address ranges such as 10.0.0.0/8 are not supported yet");
	if (condition->fields[0] == FIELD_VERDICT && memchr(text.at, '*', text.len) == NULL && !is_verdict(text))
		return fail(parser, at,
			"unknown verdict; there are error (any of the errors), timeout, cancelled, denied, throttled, "
			"rejected, transport_error, rpc_error, tool_error, pending, ok, unknown");
	return STATUS_OK;
}

static enum status read_value(struct parser *parser, const struct condition *condition, struct wanted *value)
{
	size_t start = parser->at;
	enum status status = STATUS_OK;
	bool numeric = condition->path.len == 0 && field_is_number(field_info(condition->fields[0])->type);
	value->quoted = peek(parser) == '"';
	if (value->quoted)
		status = read_quoted(parser, &value->text);
	else
		value->text = read_plain(parser, true);
	if (status != STATUS_OK)
		return status;
	if (value->text.len == 0 && !value->quoted)
		return fail(parser, start, "a value is missing here");
	if (numeric && !value->quoted)
		return read_range(parser, condition->fields[0], value->text, value);
	if (numeric)
		return fail(parser, start, "%s needs %s, without quotes", field_info(condition->fields[0])->path,
			number_wish(condition->fields[0]));
	size_t dots = 0;
	if (condition->path.len > 0 && !value->quoted &&
		(value->text.at[0] == '<' || value->text.at[0] == '>' || find_dots(value->text, &dots)))
		return read_range(parser, 0, value->text, value);
	if (!value->quoted && condition->path.len == 0)
		status = check_text_value(parser, condition, value->text, start);
	value->glob = !value->quoted && memchr(value->text.at, '*', value->text.len) != NULL;
	if (status == STATUS_OK && phrase_make(value->text, value->glob, parser->arena, &value->phrase) != STATUS_OK)
		status = no_memory(parser);
	return status;
}

/* verdict:error stands for all verdicts of that group. */
static size_t expand_verdict(struct wanted *values, size_t count)
{
	static const struct text group[] = {
#define VERDICT_IN_0(text)
#define VERDICT_IN_1(text)                 {(text), sizeof(text) - 1},
#define VERDICT(name, text, counts, error) VERDICT_IN_##error(text)
#include "tbl/verdicts.h"
#undef VERDICT
#undef VERDICT_IN_0
#undef VERDICT_IN_1
	};
	if (!text_equal(values[count - 1].text, TEXT("error")))
		return count;
	for (size_t i = 0; i < sizeof(group) / sizeof(group[0]); i++)
		values[count - 1 + i] = (struct wanted){.text = group[i]};
	return count - 1 + sizeof(group) / sizeof(group[0]);
}

enum { VALUES_MAX = 1024 };

/* How many values the list at the parser's position can have at most. */
static size_t count_commas(const struct parser *parser)
{
	size_t count = 1;
	for (size_t i = parser->at; i < parser->text.len; i++)
		count += parser->text.at[i] == ',';
	return count < VALUES_MAX ? count : VALUES_MAX;
}

static enum status read_values(struct parser *parser, struct condition *condition)
{
	size_t room = count_commas(parser) * VERDICT_COUNT;
	struct wanted *values = arena_calloc(parser->arena, room, sizeof(*values));
	if (values == NULL)
		return no_memory(parser);
	size_t count = 0;
	do {
		if (count + VERDICT_COUNT > room)
			return fail(parser, parser->at, "a list may have %d values", VALUES_MAX);
		values[count] = (struct wanted){0};
		enum status status = read_value(parser, condition, &values[count]);
		if (status != STATUS_OK)
			return status;
		count++;
		if (condition->fields[0] == FIELD_VERDICT)
			count = expand_verdict(values, count);
	} while (peek(parser) == ',' && ++parser->at);
	condition->values = values;
	condition->value_count = count;
	if (count == 1 && !values[0].quoted && text_equal(values[0].text, TEXT("*")))
		condition->type = CONDITION_EXISTS;
	return STATUS_OK;
}

/* --- terms --- */

static enum status unknown_field(struct parser *parser, struct text name, size_t at)
{
	if (text_equal(name, TEXT("ip")))
		return fail(parser, at, "searching by address (ip:) is not supported yet");
	const char *nearest = field_name_nearest(name);
	int len = name.len < 80 ? (int)name.len : 80;
	if (nearest)
		return fail(parser, at, "unknown field \"%.*s\"; did you mean \"%s\"? To search for the text, quote it",
			len, name.at, nearest);
	return fail(parser, at, "unknown field \"%.*s\"; to search for the text, quote it", len, name.at);
}

/* after:T and before:T are comparisons of the event's time. */
static enum status read_time_limit(struct parser *parser, bool after, struct condition *condition)
{
	struct wanted *value = arena_calloc(parser->arena, 1, sizeof(*value));
	if (value == NULL)
		return no_memory(parser);
	size_t start = parser->at;
	struct text text = read_plain(parser, false);
	int64_t ns = 0;
	if (text.len == 0)
		return fail(parser, start, "a value is missing here");
	if (read_number(parser, FIELD_TIME, text, &ns) != STATUS_OK)
		return fail(parser, start, "this needs %s", number_wish(FIELD_TIME));
	value->ranged = true;
	value->first = after ? ns : INT64_MIN;
	value->last = after || ns == INT64_MIN ? INT64_MAX : ns - 1;
	condition->values = value;
	condition->value_count = 1;
	return STATUS_OK;
}

static enum status read_field_term(struct parser *parser, struct text name, struct condition **condition)
{
	size_t start = (size_t)(name.at - parser->text.at);
	struct field_name found = field_name_find(name);
	if (found.count == 0)
		return unknown_field(parser, name, start);
	enum status status = make(parser, found.path.len > 0 ? CONDITION_PATH : CONDITION_FIELD, start, condition);
	if (status != STATUS_OK)
		return status;
	(*condition)->fields = found.fields;
	(*condition)->field_count = found.count;
	(*condition)->first_present = found.first_present;
	(*condition)->path = found.path;
	if (text_equal(name, TEXT("after")) || text_equal(name, TEXT("before")))
		return read_time_limit(parser, name.at[0] == 'a', *condition);
	return read_values(parser, *condition);
}

static enum status make_words(
	struct parser *parser, struct text text, bool globs, size_t at, struct condition **condition)
{
	struct wanted *value = arena_calloc(parser->arena, 1, sizeof(*value));
	if (value == NULL || phrase_make(text, globs, parser->arena, &value->phrase) != STATUS_OK)
		return no_memory(parser);
	if (value->phrase.count == 0)
		return fail(parser, at, "there is no letter or digit to search for");
	enum status status = make(parser, CONDITION_WORDS, at, condition);
	if (status == STATUS_OK) {
		(*condition)->values = value;
		(*condition)->value_count = 1;
		(*condition)->fields = filter_text_fields;
		(*condition)->field_count = filter_text_field_count;
	}
	return status;
}

static size_t name_length(const struct parser *parser)
{
	size_t end = parser->at;
	for (; end < parser->text.len; end++) {
		char c = parser->text.at[end];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			      (unsigned char)c >= 0x80;
		if (!letter && c != '_' && c != '.' && c != '-' && c != '/' && c != '$' && c != '@')
			break;
	}
	return end - parser->at;
}

static enum status read_search(struct parser *parser, struct condition **condition);

static enum status read_group(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at++;
	if (++parser->depth > FILTER_DEPTH_MAX)
		return fail(parser, start, "parentheses may be nested %d deep", FILTER_DEPTH_MAX);
	enum status status = read_search(parser, condition);
	parser->depth--;
	if (status != STATUS_OK)
		return status;
	if (peek(parser) != ')')
		return fail(parser, start, "this parenthesis is not closed");
	parser->at++;
	return STATUS_OK;
}

static enum status read_word(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	struct text text = read_plain(parser, false);
	if (text.len > 2 && text.at[0] == '/' && text.at[text.len - 1] == '/')
		return fail(
			parser, start, "regular expressions are not supported yet; quote the text to search for it");
	if (text.len == 0)
		return fail(parser, start, "unexpected \"%c\"", peek(parser));
	return make_words(parser, text, true, start, condition);
}

static enum status read_plain_term(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	size_t name = name_length(parser);
	if (peek(parser) == '(')
		return read_group(parser, condition);
	if (peek(parser) == '"') {
		struct text text;
		enum status status = read_quoted(parser, &text);
		return status == STATUS_OK ? make_words(parser, text, false, start, condition) : status;
	}
	if (name > 0 && parser->at + name < parser->text.len && parser->text.at[parser->at + name] == ':') {
		parser->at += name + 1;
		return read_field_term(parser, (struct text){parser->text.at + start, name}, condition);
	}
	return read_word(parser, condition);
}

/* Passes a minus that something stands right behind, or NOT. */
static bool take_negation(struct parser *parser)
{
	if (take_keyword(parser, "NOT")) {
		skip_spaces(parser);
		return true;
	}
	if (peek(parser) != '-' || parser->at + 1 >= parser->text.len || is_space(parser->text.at[parser->at + 1]))
		return false;
	parser->at++;
	return true;
}

static enum status read_term(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	struct condition *inner = NULL;
	bool negated = take_negation(parser);
	if (negated && at_end(parser))
		return fail(parser, start, "something is missing after NOT");
	enum status status = read_plain_term(parser, &inner);
	if (status == STATUS_OK && negated)
		status = make(parser, CONDITION_NOT, start, condition);
	if (status != STATUS_OK)
		return status;
	if (negated)
		add_child(*condition, inner);
	else
		*condition = inner;
	return STATUS_OK;
}

/* term { OR term } */
static enum status read_or_list(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	struct condition *first = NULL;
	struct condition *list = NULL;
	enum status status = read_term(parser, &first);
	while (status == STATUS_OK) {
		skip_spaces(parser);
		size_t keyword = parser->at;
		if (!take_keyword(parser, "OR"))
			break;
		skip_spaces(parser);
		if (at_end(parser) || peek(parser) == ')')
			return fail(parser, keyword, "something is missing after OR");
		if (list == NULL) {
			status = make(parser, CONDITION_OR, start, &list);
			if (status != STATUS_OK)
				return status;
			add_child(list, first);
		}
		struct condition *other = NULL;
		status = read_term(parser, &other);
		if (status == STATUS_OK)
			add_child(list, other);
	}
	if (status == STATUS_OK)
		*condition = list ? list : first;
	return status;
}

/* { or-list }, up to the end or a closing parenthesis. */
static enum status read_search(struct parser *parser, struct condition **condition)
{
	struct condition *list = NULL;
	enum status status = make(parser, CONDITION_AND, parser->at, &list);
	for (;;) {
		skip_spaces(parser);
		size_t start = parser->at;
		if (status != STATUS_OK || at_end(parser) || peek(parser) == ')')
			break;
		if (take_keyword(parser, "AND"))
			continue;
		if (take_keyword(parser, "OR"))
			return fail(parser, start, "something is missing before OR");
		struct condition *term = NULL;
		status = read_or_list(parser, &term);
		if (status == STATUS_OK)
			add_child(list, term);
	}
	if (status != STATUS_OK)
		return status;
	assert(list);
	if (list->children == NULL && parser->depth > 0)
		return fail(parser, parser->at, "there is nothing between these parentheses");
	if (list->children == NULL)
		list->type = CONDITION_ALL;
	*condition = list->children && list->children->next == NULL ? list->children : list;
	return STATUS_OK;
}

enum status filter_parse(
	struct text text, int64_t now_ns, struct arena *arena, struct filter *filter, struct error *error)
{
	if (text.len > FILTER_BYTES_MAX)
		return error_set(error, STATUS_INVALID, "a search may have %d bytes", FILTER_BYTES_MAX);
	struct condition *root = NULL;
	struct parser parser = {.text = arena_copy(arena, text), .now_ns = now_ns, .arena = arena, .error = error};
	if (parser.text.at == NULL)
		return no_memory(&parser);
	enum status status = read_search(&parser, &root);
	if (status == STATUS_OK && !at_end(&parser))
		status = fail(&parser, parser.at, "this parenthesis closes nothing");
	assert(status != STATUS_OK || root);
	if (status == STATUS_OK)
		*filter = (struct filter){.root = root, .asks_texts = is_costly(root)};
	return status;
}

enum status filter_exact(unsigned field, struct text value, struct arena *arena, struct filter *filter)
{
	struct condition *condition = arena_calloc(arena, 1, sizeof(*condition));
	struct wanted *wanted = arena_calloc(arena, 1, sizeof(*wanted));
	uint8_t *fields = arena_alloc(arena, 1);
	if (condition == NULL || wanted == NULL || fields == NULL)
		return STATUS_NO_MEMORY;
	wanted->text = arena_copy(arena, value);
	if (wanted->text.at == NULL)
		return STATUS_NO_MEMORY;
	fields[0] = (uint8_t)field;
	condition->type = CONDITION_FIELD;
	condition->fields = fields;
	condition->field_count = 1;
	condition->values = wanted;
	condition->value_count = 1;
	*filter = (struct filter){.root = condition};
	return STATUS_OK;
}

static bool condition_names(const struct condition *condition, unsigned field)
{
	for (size_t i = 0; i < condition->field_count; i++)
		if (condition->type != CONDITION_WORDS && condition->fields[i] == field)
			return true;
	for (const struct condition *child = condition->children; child; child = child->next)
		if (condition_names(child, field))
			return true;
	return false;
}

bool filter_names(const struct filter *filter, unsigned field)
{
	return condition_names(filter->root, field);
}
