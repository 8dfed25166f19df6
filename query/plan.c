#include "plan.h"

#include "match.h"

struct question {
	const struct summary *summary;
	struct text tenant;
	const struct condition *why;
};

static bool is_absent(const struct summary *summary, unsigned field)
{
	const struct text *values = NULL;
	bool complete = false;
	return summary_values(summary, field, &values, &complete) == 0 && complete;
}

/* Fields that each event has, although not under their own number in a block. */
static bool is_everywhere(unsigned field)
{
	return field == FIELD_SEQ || field == FIELD_TIME || field == FIELD_RECV_TIME || field == FIELD_ID;
}

/* --- what may be --- */

static enum skip ask_words(const struct question *question, const struct text *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!summary_may_have_word(question->summary, words[i], question->tenant))
			return SKIP_WORDS;
	return SKIP_NOT;
}

/*
 * A word without a star stands whole in each text that fits: what is beside it in the pattern is no word byte, or the
 * text's end.
 */
static enum skip ask_phrase(const struct question *question, const struct phrase *phrase)
{
	enum skip skip = SKIP_NOT;
	for (size_t i = 0; i < phrase->count && skip == SKIP_NOT; i++)
		if (!phrase->words[i].glob)
			skip = ask_words(question, &phrase->words[i].text, 1);
	return skip;
}

static enum skip ask_prose(const struct question *question, const struct wanted *value)
{
	const struct text *words = NULL;
	if (value->regex) {
		size_t count = regex_words(value->regex, &words);
		return ask_words(question, words, count);
	}
	if (value->addresses || value->decimals) /* 10.0 is 1e1, too */
		return SKIP_NOT;
	return ask_phrase(question, &value->phrase);
}

static enum skip ask_time(const struct summary *summary, const struct wanted *value)
{
	const struct time_range *ranges = NULL;
	size_t count = summary_times(summary, &ranges);
	for (size_t i = 0; i < count; i++)
		if (value->first <= ranges[i].last && value->last >= ranges[i].first)
			return SKIP_NOT;
	return SKIP_TIME;
}

static enum skip ask_number(const struct summary *summary, unsigned field, const struct wanted *value)
{
	struct time_range received = summary_recv_time(summary);
	uint64_t first = summary_first_seq(summary);
	switch (field) {
	case FIELD_TIME:
		return ask_time(summary, value);
	case FIELD_RECV_TIME:
		return value->first <= received.last && value->last >= received.first ? SKIP_NOT : SKIP_TIME;
	case FIELD_SEQ:
		if (value->last < 0 || (uint64_t)value->last < first)
			return SKIP_SEQ;
		return value->first < 0 || (uint64_t)value->first - first < summary_count(summary) ||
				       (uint64_t)value->first < first
			       ? SKIP_NOT
			       : SKIP_SEQ;
	default:
		return SKIP_NOT;
	}
}

/* Whether a text of a set is what the value asks for; what can't be told here is. */
static bool fits(const struct wanted *value, struct text text)
{
	if (value->regex) {
		enum status status = regex_find(value->regex, text);
		return status != STATUS_NOT_FOUND;
	}
	if (value->addresses)
		return true;
	return value->glob ? glob_match(value->text, text) : text_equal(value->text, text);
}

static enum skip ask_set(const struct summary *summary, unsigned field, const struct wanted *value)
{
	const struct text *values = NULL;
	bool complete = false;
	size_t count = summary_values(summary, field, &values, &complete);
	if (!complete)
		return SKIP_NOT;
	for (size_t i = 0; i < count; i++)
		if (fits(value, values[i]))
			return SKIP_NOT;
	return SKIP_SET;
}

static enum skip ask_name(const struct question *question, unsigned field, const struct wanted *value)
{
	unsigned flags = field_info(field)->flags;
	if ((flags & FIELD_IN_SET) && (value->glob || value->regex))
		return ask_set(question->summary, field, value);
	if ((flags & (FIELD_IN_SET | FIELD_IN_FILTER)) == 0 || value->glob || value->regex || value->addresses)
		return SKIP_NOT;
	if (summary_may_have(question->summary, field, value->text, question->tenant))
		return SKIP_NOT;
	return flags & FIELD_IN_SET ? SKIP_SET : SKIP_FILTER;
}

/* A made id is in no filter: whether it is of this block is asked of the rows. */
static bool names_seq(const struct summary *summary, const struct wanted *value)
{
	uint64_t seq = 0;
	return match_id_seq(value->text, (struct text){NULL, 0}, &seq) && seq >= summary_first_seq(summary) &&
	       seq - summary_first_seq(summary) < summary_count(summary);
}

static enum skip ask_value(
	const struct question *question, const struct condition *condition, unsigned field, const struct wanted *value)
{
	enum field_type type = field_info(field)->type;
	if (is_absent(question->summary, field) && !is_everywhere(field))
		return SKIP_FIELD;
	if (field_is_number(type))
		return ask_number(question->summary, field, value);
	if (condition->path.count > 0 || type == FIELD_TYPE_LONG || type == FIELD_TYPE_JSON ||
		type == FIELD_TYPE_PAYLOAD)
		return ask_prose(question, value);
	if (field == FIELD_ID && names_seq(question->summary, value))
		return SKIP_NOT;
	return ask_name(question, field, value);
}

static enum skip ask_leaf(const struct question *question, const struct condition *condition)
{
	enum skip skip = SKIP_FIELD;
	for (size_t i = 0; i < condition->field_count; i++) {
		unsigned field = condition->fields[i];
		if (condition->type == CONDITION_EXISTS) {
			if (!is_absent(question->summary, field) || is_everywhere(field))
				return SKIP_NOT;
			continue;
		}
		for (size_t k = 0; k < condition->value_count; k++) {
			enum skip asked = ask_value(question, condition, field, &condition->values[k]);
			if (asked == SKIP_NOT)
				return SKIP_NOT;
			skip = skip == SKIP_FIELD ? asked : skip;
		}
	}
	return condition->fields[0] == FIELD_TENANT ? SKIP_TENANT : skip;
}

/* --- what must be: every event of the block is taken --- */

static bool takes_all_kinds(const struct summary *summary, const struct condition *condition)
{
	const struct text *kinds = NULL;
	bool complete = false;
	size_t count = summary_values(summary, FIELD_KIND, &kinds, &complete);
	for (size_t i = 0; i < count; i++) {
		bool taken = condition->type == CONDITION_EXISTS;
		for (size_t k = 0; k < condition->value_count && !taken; k++)
			taken = condition->values[k].regex == NULL && fits(&condition->values[k], kinds[i]);
		if (!taken)
			return false;
	}
	return complete && count > 0;
}

static bool takes_all_times(const struct summary *summary, const struct condition *condition)
{
	const struct time_range *ranges = NULL;
	size_t count = summary_times(summary, &ranges);
	if (condition->type != CONDITION_FIELD || condition->value_count != 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (condition->values[0].first > ranges[i].first || condition->values[0].last < ranges[i].last)
			return false;
	return count > 0;
}

/* Only fields that each event has can tell: of any other an event may have none, and then is not taken. */
static bool takes_all(const struct summary *summary, const struct condition *condition)
{
	const struct condition *child = condition->children;
	switch (condition->type) {
	case CONDITION_ALL:
		return true;
	case CONDITION_AND:
		while (child && takes_all(summary, child))
			child = child->next;
		return child == NULL;
	case CONDITION_OR:
		while (child && !takes_all(summary, child))
			child = child->next;
		return child != NULL;
	case CONDITION_FIELD:
	case CONDITION_EXISTS:
		if (condition->field_count != 1)
			return false;
		return (condition->fields[0] == FIELD_KIND && takes_all_kinds(summary, condition)) ||
		       (condition->fields[0] == FIELD_TIME && takes_all_times(summary, condition));
	default:
		return false;
	}
}

/* --- the tree --- */

static enum skip ask(struct question *question, const struct condition *condition)
{
	enum skip skip = SKIP_NOT;
	enum skip first = SKIP_NOT;
	switch (condition->type) {
	case CONDITION_ALL:
	case CONDITION_INDICATORS: /* there are many, in many fields that no filter knows */
		return SKIP_NOT;
	case CONDITION_AND:
		for (const struct condition *child = condition->children; child && skip == SKIP_NOT;
			child = child->next)
			skip = ask(question, child);
		return skip;
	case CONDITION_OR:
		for (const struct condition *child = condition->children; child; child = child->next) {
			skip = ask(question, child);
			if (skip == SKIP_NOT)
				return SKIP_NOT;
			first = first == SKIP_NOT ? skip : first;
		}
		question->why = condition;
		return first;
	case CONDITION_NOT:
		skip = takes_all(question->summary, condition->children) ? SKIP_ALL : SKIP_NOT;
		break;
	default:
		skip = ask_leaf(question, condition);
		break;
	}
	if (skip != SKIP_NOT)
		question->why = condition;
	return skip;
}

enum skip plan_block(const struct summary *summary, const struct condition *condition, struct text tenant,
	const struct condition **why)
{
	struct question question = {summary, tenant, NULL};
	enum skip skip = ask(&question, condition);
	if (why)
		*why = question.why;
	return skip;
}
