#include "match_text.h"

#include "members.h"
#include "timestamp.h"

/*
 * What "is wanted" means depends on the field.  A name or an id must be equal to the value; prose may be equal, or hold
 * the value's words; a payload holds them in one of its scalars.  Where a path leads to, scalars must be equal, as texts
 * or as numbers; only a quoted value may be part of one.
 */

enum { ASKED_BETWEEN_CLOCKS = 256 };

static bool fail(struct match *match, enum status status)
{
	if (match->failed == STATUS_OK)
		match->failed = status;
	return false;
}

static bool regex_wanted(struct match *match, const struct condition *condition, struct regex *regex, struct text text)
{
	if (match->deadline && match->asked++ % ASKED_BETWEEN_CLOCKS == 0 && timestamp_elapsed() > match->deadline)
		return fail(match, error_set(match->error, STATUS_TIMEOUT, "the time limit for a query was reached"));
	enum status status = regex_find(regex, text);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		return status == STATUS_OK;
	if (status != STATUS_LIMIT)
		return fail(match, status);
	status = error_set(match->error, STATUS_INVALID,
		"the regular expression takes too long on a text of %zu bytes near seq %llu: repeat less within "
		"repeats, or "
		"ask for less",
		text.len, (unsigned long long)block_first_seq(match->block));
	if (match->error)
		match->error->column = condition->column;
	return fail(match, status);
}

/* All of text is what is asked for. */
static bool equals(struct match *match, const struct condition *condition, const struct wanted *value, struct text text)
{
	if (value->regex)
		return regex_wanted(match, condition, value->regex, text);
	if (value->addresses && address_found(value->addresses, text))
		return true;
	if (value->ranged)
		return false;
	return value->glob ? glob_match(value->text, text) : text_equal(value->text, text);
}

/* It stands somewhere in text. */
static bool holds(struct match *match, const struct condition *condition, const struct wanted *value, struct text text)
{
	if (value->regex)
		return regex_wanted(match, condition, value->regex, text);
	return phrase_found(&value->phrase, text) || (value->addresses && address_found(value->addresses, text));
}

/* The decoded text of a scalar; at = NULL: match has failed. */
static struct text decoded(struct match *match, struct text token)
{
	arena_clear(match->scratch);
	struct text text = leaf_text(token, match->scratch);
	if (text.at == NULL)
		(void)fail(match, STATUS_NO_MEMORY);
	return text;
}

static bool field_wanted(struct match *match, const struct condition *condition, unsigned field,
	const struct wanted *value, struct text text)
{
	switch (field_info(field)->type) {
	case FIELD_TYPE_LONG:
		return (condition->type != CONDITION_WORDS && equals(match, condition, value, text)) ||
		       holds(match, condition, value, text);
	case FIELD_TYPE_TOKEN:
		if (equals(match, condition, value, text))
			return true;
		text = decoded(match, text);
		return text.at && equals(match, condition, value, text);
	default:
		return equals(match, condition, value, text);
	}
}

/* --- JSON --- */

/* A number, or a string that is nothing but one. */
static bool number_wanted(const struct wanted *value, struct text text)
{
	struct decimal decimal;
	return value->decimals && decimal_read(text, &decimal) && decimal_in_range(value->decimals, &decimal);
}

static bool scalar_is(
	struct match *match, const struct condition *condition, const struct wanted *value, struct text text)
{
	return number_wanted(value, text) || equals(match, condition, value, text) ||
	       (value->quoted && phrase_found(&value->phrase, text));
}

bool match_scalar(struct match *match, const struct condition *condition, struct text token)
{
	struct text text = match->failed == STATUS_OK ? decoded(match, token) : (struct text){NULL, 0};
	if (text.at == NULL)
		return false;
	if (condition->type == CONDITION_INDICATORS)
		return indicators_found(condition->indicators, text);
	for (size_t i = 0; i < condition->value_count; i++) {
		const struct wanted *value = &condition->values[i];
		bool wanted = condition->path.count > 0 ? scalar_is(match, condition, value, text)
							: holds(match, condition, value, text);
		if (wanted)
			return true;
	}
	return false;
}

struct arrival {
	struct match *match;
	const struct condition *condition;
};

/* A scalar, or an array or object of which any scalar will do. */
static bool value_wanted(void *context, struct text value)
{
	struct arrival *arrival = context;
	struct text leaf;
	if (arrival->condition->type == CONDITION_EXISTS)
		return true;
	for (size_t at = 0; leaves_next(value, &at, &leaf);)
		if (match_scalar(arrival->match, arrival->condition, leaf))
			return true;
	return false;
}

static bool is_json(unsigned field)
{
	enum field_type type = field_info(field)->type;
	return type == FIELD_TYPE_JSON || type == FIELD_TYPE_PAYLOAD;
}

bool match_text(struct match *match, const struct condition *condition, unsigned field, struct text text)
{
	struct arrival arrival = {match, condition};
	if (match->failed != STATUS_OK)
		return false;
	if (is_json(field))
		return path_visit(text, &condition->path, match->scratch, value_wanted, &arrival);
	if (condition->type == CONDITION_EXISTS)
		return true;
	if (condition->type == CONDITION_INDICATORS)
		return indicators_found(condition->indicators, text);
	for (size_t i = 0; i < condition->value_count; i++)
		if (field_wanted(match, condition, field, &condition->values[i], text))
			return true;
	return false;
}
