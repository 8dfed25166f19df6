#include "filter_parser.h"

/* Terms that hold no other terms: a field with its values, a word, a phrase, a regular expression. */

bool field_is_prose(unsigned field)
{
	enum field_type type = field_info(field)->type;
	return type == FIELD_TYPE_LONG || type == FIELD_TYPE_PAYLOAD || type == FIELD_TYPE_JSON;
}

enum status parser_make(struct parser *parser, enum condition_type type, size_t at, struct condition **condition)
{
	if (++parser->count > FILTER_CONDITIONS_MAX)
		return parser_fail(parser, at, "a search may have %d conditions", FILTER_CONDITIONS_MAX);
	struct condition *made = arena_calloc(parser->arena, 1, sizeof(*made));
	if (made == NULL)
		return parser_no_memory(parser);
	made->type = type;
	made->column = parser_column(parser, at);
	*condition = made;
	return STATUS_OK;
}

/* --- paths --- */

static bool read_index(struct text text, uint64_t *number)
{
	*number = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' || i == 18)
			return false;
		*number = *number * 10 + (uint64_t)(text.at[i] - '0');
	}
	return text.len > 0;
}

/* A step in quotes, whose backslashes stand before \" and \\ only to be taken away. */
static enum status read_quoted_step(const struct parser *parser, struct text path, size_t *at, struct path_step *step)
{
	struct parser inner = *parser;
	inner.text.len = (size_t)(path.at - parser->text.at) + path.len;
	inner.at = (size_t)(path.at - parser->text.at) + *at;
	enum status status = lex_quoted(&inner, &step->name);
	*at = inner.at - (size_t)(path.at - parser->text.at);
	step->quoted = true;
	return status;
}

/* [3], as .3; [] and [*] are any element. */
static bool read_bracket(struct text path, size_t *at, struct path_step *step)
{
	size_t end = ++*at;
	while (end < path.len && path.at[end] != ']')
		end++;
	step->name = (struct text){path.at + *at, end - *at};
	*at = end + 1;
	step->any = step->name.len == 0 || text_equal(step->name, TEXT("*"));
	step->index = read_index(step->name, &step->number);
	return end < path.len && (step->any || step->index);
}

static void read_plain_step(struct text path, size_t *at, struct path_step *step)
{
	size_t start = *at;
	while (*at < path.len && path.at[*at] != '.' && path.at[*at] != '[')
		(*at)++;
	step->name = (struct text){path.at + start, *at - start};
	step->index = read_index(step->name, &step->number);
}

/* Where the next step begins: behind a dot, or at a bracket. */
static bool pass_joint(struct text path, size_t *at)
{
	if (*at == path.len || path.at[*at] == '[')
		return true;
	if (path.at[*at] != '.')
		return false;
	(*at)++;
	return *at < path.len;
}

static enum status read_path(struct parser *parser, struct text text, struct path *path)
{
	size_t start = (size_t)(text.at - parser->text.at);
	struct path_step *steps = arena_calloc(parser->arena, PATH_STEPS_MAX, sizeof(*steps));
	size_t count = 0;
	if (steps == NULL)
		return parser_no_memory(parser);
	for (size_t at = 0; at < text.len;) {
		size_t step_at = at;
		bool read = true;
		enum status status = STATUS_OK;
		if (count == PATH_STEPS_MAX)
			return parser_fail(parser, start + at, "a path may have %d steps", PATH_STEPS_MAX);
		steps[count] = (struct path_step){0};
		if (text.at[at] == '"')
			status = read_quoted_step(parser, text, &at, &steps[count]);
		else if (text.at[at] == '[')
			read = read_bracket(text, &at, &steps[count]);
		else
			read_plain_step(text, &at, &steps[count]);
		if (status != STATUS_OK)
			return status;
		if (!read || (steps[count].name.len == 0 && !steps[count].quoted && !steps[count].any))
			return parser_fail(parser, start + step_at,
				"a path is names joined by dots, such as items.0.id; other names are quoted: .\"a b\"");
		count++;
		if (!pass_joint(text, &at))
			return parser_fail(parser, start + at, "the path breaks off here");
	}
	*path = (struct path){steps, count};
	return STATUS_OK;
}

/* --- fields --- */

static enum status unknown_field(struct parser *parser, struct text name, size_t at)
{
	const char *nearest = field_name_nearest(name);
	int len = name.len < 80 ? (int)name.len : 80;
	if (nearest == NULL)
		return parser_fail(
			parser, at, "unknown field \"%.*s\"; to search for the text, quote it", len, name.at);
	enum status status = parser_fail(parser, at,
		"unknown field \"%.*s\"; did you mean \"%s\"? To search for the text, quote it", len, name.at, nearest);
	if (parser->error)
		parser->error->nearest = nearest;
	return status;
}

static enum status read_field_term(struct parser *parser, struct text name, struct condition **condition)
{
	size_t start = (size_t)(name.at - parser->text.at);
	struct field_name found = field_name_find(name);
	if (found.count == 0)
		return unknown_field(parser, name, start);
	enum status status =
		parser_make(parser, found.path.len > 0 ? CONDITION_PATH : CONDITION_FIELD, start, condition);
	if (status == STATUS_OK && found.path.len > 0)
		status = read_path(parser, found.path, &(*condition)->path);
	if (status != STATUS_OK)
		return status;
	(*condition)->fields = found.fields;
	(*condition)->field_count = found.count;
	(*condition)->first_present = found.first_present;
	if (text_equal(name, TEXT("after")) || text_equal(name, TEXT("before")))
		return parser_read_time_limit(parser, name.at[0] == 'a', *condition);
	return parser_read_values(parser, *condition, text_equal(name, TEXT("ip")));
}

/* --- words --- */

static enum status make_words(
	struct parser *parser, const struct wanted *wanted, size_t at, struct condition **condition)
{
	struct wanted *value = arena_alloc(parser->arena, sizeof(*value));
	if (value == NULL)
		return parser_no_memory(parser);
	*value = *wanted;
	enum status status = parser_make(parser, CONDITION_WORDS, at, condition);
	if (status == STATUS_OK) {
		(*condition)->values = value;
		(*condition)->value_count = 1;
		(*condition)->fields = filter_text_fields;
		(*condition)->field_count = filter_text_field_count;
	}
	return status;
}

static enum status make_phrase(
	struct parser *parser, struct text text, bool globs, size_t at, struct condition **condition)
{
	struct wanted value = {.quoted = !globs};
	if (phrase_make(text, globs, parser->arena, &value.phrase) != STATUS_OK)
		return parser_no_memory(parser);
	if (value.phrase.count == 0 && globs && text.at[0] == '/')
		return parser_fail(
			parser, at, "a regular expression ends with a / and holds no space; write \\s for one");
	if (value.phrase.count == 0)
		return parser_fail(parser, at, "there is no letter or digit to search for");
	return make_words(parser, &value, at, condition);
}

/* What looks like a condition of another language must not silently become a search for words. */
static enum status check_word(struct parser *parser, struct text text, size_t at)
{
	const char *equals = memchr(text.at, '=', text.len);
	struct text name = {text.at, equals ? (size_t)(equals - text.at) : 0};
	if (text.at[0] == '!')
		return parser_fail(parser, at, "what is not wanted is written -term or NOT term");
	if (text_equal(text, TEXT("&&")) || text_equal(text, TEXT("||")))
		return parser_fail(parser, at, "terms are joined by AND, OR, or just a space");
	if (memchr(text.at, ':', text.len))
		return parser_fail(parser, at, "a field is written name:value; to search for the text, quote it");
	if (equals && field_name_find(name).count > 0)
		return parser_fail(parser, at, "a field is written %.*s:value; to search for the text, quote it",
			(int)(name.len < 80 ? name.len : 80), name.at);
	return STATUS_OK;
}

static enum status read_word(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	struct text text = lex_plain(parser, false);
	if (text.len == 0)
		return parser_fail(parser, start, "unexpected \"%c\"", lex_peek(parser));
	if (text_equal(text, TEXT("*")))
		return parser_make(parser, CONDITION_ALL, start, condition);
	enum status status = check_word(parser, text, start);
	return status == STATUS_OK ? make_phrase(parser, text, true, start, condition) : status;
}

enum status parser_read_simple_term(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	size_t name = lex_name(parser);
	if (lex_peek(parser) == '"') {
		struct text text;
		enum status status = lex_quoted(parser, &text);
		return status == STATUS_OK ? make_phrase(parser, text, false, start, condition) : status;
	}
	if (lex_regex(parser) > 0) {
		struct wanted value = {0};
		enum status status = parser_read_regex(parser, &value.regex);
		return status == STATUS_OK ? make_words(parser, &value, start, condition) : status;
	}
	if (name > 0) {
		parser->at += name + 1;
		return read_field_term(parser, (struct text){parser->text.at + start, name}, condition);
	}
	return read_word(parser, condition);
}
