#include "filter_parser.h"
#include "timestamp.h"

/* Values: numbers, times, comparisons and ranges; addresses; regular expressions; text, with * or in quotes. */

/* --- numbers of fields --- */

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

/* --- comparisons: of fields' numbers, and of numbers in payloads --- */

/* The operator in front of a value, and what is behind it. */
struct comparison {
	bool less, more, or_equal;
	struct text rest;
};

static struct comparison read_operator(struct text text)
{
	struct comparison comparison = {
		.less = text.len > 0 && text.at[0] == '<', .more = text.len > 0 && text.at[0] == '>', .rest = text};
	bool compares = comparison.less || comparison.more;
	comparison.or_equal = compares && text.len > 1 && text.at[1] == '=';
	size_t skip = (size_t)compares + comparison.or_equal;
	comparison.rest = (struct text){text.at + skip, text.len - skip};
	return comparison;
}

static bool find_dots(struct text text, struct text *first, struct text *last)
{
	for (size_t i = 1; i + 2 < text.len; i++) {
		if (text.at[i] == '.' && text.at[i + 1] == '.') {
			*first = (struct text){text.at, i};
			*last = (struct text){text.at + i + 2, text.len - i - 2};
			return true;
		}
	}
	return false;
}

static size_t position(const struct parser *parser, struct text text)
{
	return (size_t)(text.at - parser->text.at);
}

static enum status refuse_empty(const struct parser *parser, struct text text)
{
	return parser_fail(parser, position(parser, text), "the range is empty: its end comes before its start");
}

static enum status read_bound(const struct parser *parser, unsigned field, struct text text, int64_t *number)
{
	if (read_number(parser, field, text, number) == STATUS_OK)
		return STATUS_OK;
	return parser_fail(parser, position(parser, text), "%s needs %s", field_info(field)->path, number_wish(field));
}

/* A number of a field, a comparison with one, or a range a..b. */
static enum status read_range(const struct parser *parser, unsigned field, struct text text, struct wanted *value)
{
	struct text first;
	struct text last;
	int64_t number = 0;
	value->ranged = true;
	value->first = INT64_MIN;
	value->last = INT64_MAX;
	if (find_dots(text, &first, &last)) {
		enum status status = read_bound(parser, field, first, &value->first);
		if (status == STATUS_OK)
			status = read_bound(parser, field, last, &value->last);
		return status == STATUS_OK && value->first > value->last ? refuse_empty(parser, text) : status;
	}
	struct comparison comparison = read_operator(text);
	enum status status = read_bound(parser, field, comparison.rest, &number);
	if (status != STATUS_OK)
		return status;
	bool excluded = (comparison.less || comparison.more) && !comparison.or_equal;
	if ((excluded && comparison.more && number == INT64_MAX) ||
		(excluded && comparison.less && number == INT64_MIN))
		return refuse_empty(parser, text);
	if (!comparison.more)
		value->last = number - excluded;
	if (!comparison.less)
		value->first = number + excluded;
	return STATUS_OK;
}

/* The same in a payload.  Not a number: a comparison is refused, anything else is text. */
static enum status read_decimals(const struct parser *parser, struct text text, struct wanted *value)
{
	struct text first;
	struct text last;
	struct decimal_range range = {.has_low = true, .has_high = true};
	struct comparison comparison = read_operator(text);
	bool compares = comparison.less || comparison.more;
	bool spans = !compares && find_dots(text, &first, &last);
	if (spans) {
		if (!decimal_read(first, &range.low) || !decimal_read(last, &range.high))
			return STATUS_OK;
		if (decimal_compare(&range.low, &range.high) > 0)
			return refuse_empty(parser, text);
	} else {
		if (!decimal_read(comparison.rest, &range.low))
			return compares ? parser_fail(parser, position(parser, comparison.rest),
						  "a comparison needs a number; quote the value if it begins so")
					: STATUS_OK;
		range.high = range.low;
		range.has_low = !comparison.less;
		range.has_high = !comparison.more;
		range.low_excluded = range.high_excluded = compares && !comparison.or_equal;
	}
	struct decimal_range *copy = arena_alloc(parser->arena, sizeof(*copy));
	if (copy == NULL)
		return parser_no_memory(parser);
	*copy = range;
	value->decimals = copy;
	value->ranged = compares || spans;
	return STATUS_OK;
}

/* --- text --- */

static bool is_verdict(struct text text)
{
	return verdict_find(text) != VERDICT_COUNT || text_equal(text, TEXT("error"));
}

/* In fields that hold addresses an address means itself, whatever port stands behind it; a range does so anywhere. */
static enum status read_addresses(
	const struct parser *parser, const struct condition *condition, bool addresses_only, struct wanted *value)
{
	struct address_range range;
	size_t at = position(parser, value->text);
	enum status status = address_range_read(value->text, &range);
	bool whole = memchr(value->text.at, '/', value->text.len) != NULL || addresses_only ||
		     (condition->path.count == 0 && field_holds_addresses(condition->fields[0]));
	if (status == STATUS_INVALID)
		return parser_fail(parser, at, "the prefix is too long: at most 32 bits of IPv4, 128 of IPv6");
	if (status != STATUS_OK && addresses_only && !text_equal(value->text, TEXT("*")))
		return parser_fail(parser, at,
			"ip needs an address without a port, or a range of them, such as 10.0.0.7, 10.0.0.0/8 or "
			"2001:db8::/32");
	if (status != STATUS_OK || !whole)
		return STATUS_OK;
	struct address_range *copy = arena_alloc(parser->arena, sizeof(*copy));
	if (copy == NULL)
		return parser_no_memory(parser);
	*copy = range;
	value->addresses = copy;
	return STATUS_OK;
}

static enum status check_plain(const struct parser *parser, const struct condition *condition, struct text text)
{
	size_t at = position(parser, text);
	if (text.at[0] == '<' || text.at[0] == '>')
		return parser_fail(parser, at,
			"%s is text and can't be compared with < or >; quote the value if it begins so",
			field_info(condition->fields[0])->path);
	if (condition->fields[0] == FIELD_VERDICT && memchr(text.at, '*', text.len) == NULL && !is_verdict(text))
		return parser_fail(parser, at,
			"unknown verdict; there are error (any of the errors), timeout, cancelled, denied, throttled, "
			"rejected, transport_error, rpc_error, tool_error, pending, ok, unknown");
	return STATUS_OK;
}

/* In fields that hold JSON only words are looked for: a value without any would match nothing. */
static bool only_words_count(const struct condition *condition)
{
	for (size_t i = 0; i < condition->field_count; i++) {
		enum field_type type = field_info(condition->fields[i])->type;
		if (type != FIELD_TYPE_JSON && type != FIELD_TYPE_PAYLOAD)
			return false;
	}
	return condition->path.count == 0;
}

static enum status read_text(
	struct parser *parser, const struct condition *condition, bool addresses_only, struct wanted *value)
{
	size_t start = parser->at;
	enum status status = STATUS_OK;
	value->quoted = lex_peek(parser) == '"';
	if (value->quoted) {
		status = lex_quoted(parser, &value->text);
	} else {
		value->text = lex_plain(parser, true);
		if (value->text.len == 0 && lex_peek(parser) == '(')
			return parser_fail(parser, start, "several values are written a,b without parentheses");
		if (value->text.len == 0)
			return parser_fail(parser, start, "a value is missing here");
		if (condition->path.count == 0)
			status = check_plain(parser, condition, value->text);
		else
			status = read_decimals(parser, value->text, value);
		if (status == STATUS_OK)
			status = read_addresses(parser, condition, addresses_only, value);
	}
	if (status != STATUS_OK)
		return status;
	value->glob = !value->quoted && memchr(value->text.at, '*', value->text.len) != NULL;
	if (phrase_make(value->text, value->glob, parser->arena, &value->phrase) != STATUS_OK)
		return parser_no_memory(parser);
	bool exists = value->glob && value->text.len == 1;
	if (value->phrase.count == 0 && !exists && value->addresses == NULL && only_words_count(condition))
		return parser_fail(parser, start, "there is no letter or digit to search for");
	return STATUS_OK;
}

enum status parser_read_regex(struct parser *parser, struct regex **regex)
{
	size_t start = parser->at;
	size_t len = lex_regex(parser);
	bool any_case = parser->text.at[start + len - 1] == 'i';
	struct text pattern = {parser->text.at + start + 1, len - 2 - any_case};
	struct error error = {0};
	if (++parser->regexes > FILTER_REGEXES_MAX)
		return parser_fail(parser, start, "a search may have %d regular expressions", FILTER_REGEXES_MAX);
	enum status status = regex_compile(pattern, any_case, parser->arena, regex, &error);
	if (status == STATUS_NO_MEMORY)
		return parser_no_memory(parser);
	if (status != STATUS_OK)
		return parser_fail(parser, start + error.column, "%s; to look for the text with its slashes, quote it",
			error.text);
	parser->at += len;
	return STATUS_OK;
}

static bool is_numeric(const struct condition *condition)
{
	return condition->path.count == 0 && field_is_number(field_info(condition->fields[0])->type);
}

static enum status read_value(
	struct parser *parser, const struct condition *condition, bool addresses_only, struct wanted *value)
{
	size_t start = parser->at;
	if (is_numeric(condition)) {
		struct text text = lex_plain(parser, true);
		const char *path = field_info(condition->fields[0])->path;
		if (text.len == 0)
			return parser_fail(parser, start, "a value is missing here");
		if (text.at[0] == '"')
			return parser_fail(
				parser, start, "%s needs %s, without quotes", path, number_wish(condition->fields[0]));
		value->text = text;
		return text_equal(text, TEXT("*")) ? STATUS_OK : read_range(parser, condition->fields[0], text, value);
	}
	if (lex_regex(parser) > 0 && !addresses_only)
		return parser_read_regex(parser, &value->regex);
	return read_text(parser, condition, addresses_only, value);
}

/* verdict:error stands for all verdicts of that group. */
static size_t expand_verdict(struct wanted *values, size_t count)
{
	if (values[count - 1].quoted || !text_equal(values[count - 1].text, TEXT("error")))
		return count;
	count--;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (verdict_is_error((enum verdict)verdict))
			values[count++] = (struct wanted){.text = text_of(verdict_name((enum verdict)verdict))};
	return count;
}

/* How many values the list at the parser's position can have at most. */
static size_t count_commas(const struct parser *parser)
{
	size_t count = 1;
	bool quoted = false;
	for (size_t i = parser->at; i < parser->text.len && (quoted || parser->text.at[i] != ' '); i++) {
		quoted = quoted != (parser->text.at[i] == '"');
		count += parser->text.at[i] == ',';
	}
	return count < FILTER_VALUES_MAX ? count : FILTER_VALUES_MAX;
}

/* A list with a star in it asks for presence, too: the star takes every value. */
static bool asks_presence(const struct wanted *value)
{
	return !value->quoted && value->regex == NULL && text_equal(value->text, TEXT("*"));
}

enum status parser_read_values(struct parser *parser, struct condition *condition, bool addresses_only)
{
	size_t each = condition->fields[0] == FIELD_VERDICT ? VERDICT_COUNT : 1;
	size_t room = count_commas(parser) * each;
	struct wanted *values = arena_calloc(parser->arena, room, sizeof(*values));
	if (values == NULL)
		return parser_no_memory(parser);
	size_t count = 0;
	bool presence = false;
	do {
		if (count + each > room)
			return parser_fail(parser, parser->at, "a list may have %d values", FILTER_VALUES_MAX);
		values[count] = (struct wanted){0};
		enum status status = read_value(parser, condition, addresses_only, &values[count]);
		if (status != STATUS_OK)
			return status;
		presence = presence || asks_presence(&values[count]);
		count++;
		if (condition->fields[0] == FIELD_VERDICT)
			count = expand_verdict(values, count);
	} while (lex_peek(parser) == ',' && ++parser->at);
	condition->values = values;
	condition->value_count = count;
	if (presence)
		condition->type = CONDITION_EXISTS;
	return STATUS_OK;
}

enum status parser_read_time_limit(struct parser *parser, bool after, struct condition *condition)
{
	struct wanted *value = arena_calloc(parser->arena, 1, sizeof(*value));
	if (value == NULL)
		return parser_no_memory(parser);
	size_t start = parser->at;
	struct text text = {NULL, 0};
	int64_t ns = 0;
	enum status status = STATUS_OK;
	if (lex_peek(parser) == '"')
		status = lex_quoted(parser, &text);
	else
		text = lex_plain(parser, false);
	if (status != STATUS_OK)
		return status;
	if (text.len == 0)
		return parser_fail(parser, start, "a value is missing here");
	if (read_number(parser, FIELD_TIME, text, &ns) != STATUS_OK)
		return parser_fail(parser, start, "this needs %s", number_wish(FIELD_TIME));
	value->ranged = true;
	value->first = after ? ns : INT64_MIN;
	value->last = after || ns == INT64_MIN ? INT64_MAX : ns - 1;
	condition->values = value;
	condition->value_count = 1;
	return STATUS_OK;
}
