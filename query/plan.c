#include "plan.h"

#include "match.h"

struct question {
	struct summary *summary;
	struct text tenant;
	const struct condition *why;
};

static bool is_absent(struct summary *summary, unsigned field)
{
	const struct summary_value *values = NULL;
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

static enum skip ask_time(struct summary *summary, const struct wanted *value)
{
	const struct time_range *ranges = NULL;
	size_t count = summary_times(summary, &ranges);
	for (size_t i = 0; i < count; i++)
		if (value->first <= ranges[i].last && value->last >= ranges[i].first)
			return SKIP_NOT;
	return SKIP_TIME;
}

static enum skip ask_number(struct summary *summary, unsigned field, const struct wanted *value)
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

static enum skip ask_set(struct summary *summary, unsigned field, const struct wanted *value)
{
	const struct summary_value *values = NULL;
	bool complete = false;
	size_t count = summary_values(summary, field, &values, &complete);
	if (!complete)
		return SKIP_NOT;
	for (size_t i = 0; i < count; i++)
		if (fits(value, values[i].text))
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
static bool names_seq(struct summary *summary, const struct wanted *value)
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

/* --- how many there are: where that is known, none of them need be looked at --- */

enum { COUNT_UNKNOWN = UINT32_MAX };

/* Whether a text is what the value asks for can be told of its bytes alone. */
static bool is_plain(const struct wanted *value)
{
	return value->regex == NULL && value->addresses == NULL && !value->ranged;
}

static uint32_t count_values(struct summary *summary, const struct condition *condition, unsigned field)
{
	const struct summary_value *values = NULL;
	bool complete = false;
	enum field_type type = field_info(field)->type;
	size_t count = summary_values(summary, field, &values, &complete);
	uint32_t rows = 0;
	if (!complete || condition->path.count > 0 || (type != FIELD_TYPE_TEXT && type != FIELD_TYPE_ID))
		return COUNT_UNKNOWN;
	for (size_t k = 0; k < condition->value_count; k++)
		if (!is_plain(&condition->values[k]))
			return COUNT_UNKNOWN;
	for (size_t i = 0; i < count; i++) {
		bool taken = condition->type == CONDITION_EXISTS;
		for (size_t k = 0; k < condition->value_count && !taken; k++)
			taken = fits(&condition->values[k], values[i].text);
		rows += taken ? values[i].rows : 0;
	}
	return rows;
}

static uint32_t count_times(struct summary *summary, const struct condition *condition, unsigned field)
{
	const struct time_range received = summary_recv_time(summary);
	const struct time_range *ranges = &received;
	size_t count = field == FIELD_TIME ? summary_times(summary, &ranges) : 1;
	bool any = false;
	bool all = count > 0;
	if (condition->type != CONDITION_FIELD || condition->value_count != 1)
		return COUNT_UNKNOWN;
	const struct wanted *value = &condition->values[0];
	for (size_t i = 0; i < count; i++) {
		any = any || (value->first <= ranges[i].last && value->last >= ranges[i].first);
		all = all && value->first <= ranges[i].first && value->last >= ranges[i].last;
	}
	return all ? summary_count(summary) : any ? COUNT_UNKNOWN : 0;
}

static uint32_t count_leaf(struct summary *summary, const struct condition *condition)
{
	unsigned field = 0;
	if (condition->type != CONDITION_FIELD && condition->type != CONDITION_EXISTS)
		return COUNT_UNKNOWN;
	for (size_t i = 0; i < condition->field_count; i++) {
		bool here = is_everywhere(condition->fields[i]) || !is_absent(summary, condition->fields[i]);
		if (here && field != 0)
			return COUNT_UNKNOWN; /* an event may have both */
		field = here ? condition->fields[i] : field;
	}
	if (field == 0)
		return 0;
	if (field == FIELD_TIME || field == FIELD_RECV_TIME)
		return count_times(summary, condition, field);
	return is_everywhere(field) ? COUNT_UNKNOWN : count_values(summary, condition, field);
}

static uint32_t count_rows(struct summary *summary, const struct condition *condition);

/* Of several conditions one may take some events and leave others, not two. */
static uint32_t count_all_of(struct summary *summary, const struct condition *child)
{
	uint32_t all = summary_count(summary);
	uint32_t rows = all;
	for (; child; child = child->next) {
		uint32_t count = count_rows(summary, child);
		if (count == 0)
			return 0;
		rows = count == all ? rows : rows == all ? count : COUNT_UNKNOWN;
	}
	return rows;
}

static uint32_t count_any_of(struct summary *summary, const struct condition *child)
{
	uint32_t all = summary_count(summary);
	uint32_t rows = 0;
	for (; child; child = child->next) {
		uint32_t count = count_rows(summary, child);
		if (count == all)
			return all;
		rows = count == 0 ? rows : rows == 0 ? count : COUNT_UNKNOWN;
	}
	return rows;
}

static uint32_t count_rows(struct summary *summary, const struct condition *condition)
{
	uint32_t count = 0;
	switch (condition->type) {
	case CONDITION_ALL:
		return summary_count(summary);
	case CONDITION_AND:
		return count_all_of(summary, condition->children);
	case CONDITION_OR:
		return count_any_of(summary, condition->children);
	case CONDITION_NOT:
		count = count_any_of(summary, condition->children);
		return count == COUNT_UNKNOWN ? count : summary_count(summary) - count;
	default:
		return count_leaf(summary, condition);
	}
}

bool plan_count(struct summary *summary, const struct condition *condition, uint32_t *count)
{
	uint32_t found = count_rows(summary, condition);
	if (found > summary_count(summary))
		return false;
	*count = found;
	return true;
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
		skip = count_any_of(question->summary, condition->children) == summary_count(question->summary)
			       ? SKIP_ALL
			       : SKIP_NOT;
		break;
	default:
		skip = ask_leaf(question, condition);
		break;
	}
	if (skip != SKIP_NOT)
		question->why = condition;
	return skip;
}

enum skip plan_block(
	struct summary *summary, const struct condition *condition, struct text tenant, const struct condition **why)
{
	struct question question = {summary, tenant, NULL};
	enum skip skip = ask(&question, condition);
	if (why)
		*why = question.why;
	return skip;
}
