#include "match.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "members.h"

/* --- one text --- */

static bool text_wanted(const struct wanted *value, struct text text)
{
	if (value->ranged)
		return false;
	return value->glob ? glob_match(value->text, text) : text_equal(value->text, text);
}

static bool payload_has_phrase(const struct phrase *phrase, struct text json, struct arena *scratch)
{
	struct text leaf;
	for (size_t at = 0; leaves_next(json, &at, &leaf);) {
		arena_clear(scratch);
		struct text text = leaf_text(leaf, scratch);
		if (text.at && phrase_found(phrase, text))
			return true;
	}
	return false;
}

/* Whether a field's text is what a value asks for; what that means depends on the field's type. */
static bool field_wanted(unsigned field, const struct wanted *value, struct text text, struct arena *scratch)
{
	switch (field_info(field)->type) {
	case FIELD_TYPE_LONG:
		return text_wanted(value, text) || phrase_found(&value->phrase, text);
	case FIELD_TYPE_JSON:
	case FIELD_TYPE_PAYLOAD:
		return payload_has_phrase(&value->phrase, text, scratch);
	case FIELD_TYPE_TOKEN:
		arena_clear(scratch);
		return text_wanted(value, text) || text_wanted(value, leaf_text(text, scratch));
	default:
		return text_wanted(value, text);
	}
}

static bool number_wanted(const struct wanted *value, struct text token)
{
	char digits[64];
	if (token.len == 0 || token.len >= sizeof(digits))
		return false;
	memcpy(digits, token.at, token.len);
	digits[token.len] = 0;
	char *end = NULL;
	double number = strtod(digits, &end);
	return *end == 0 && isfinite(number) && number >= value->low && number <= value->high;
}

static bool leaf_wanted(const struct condition *condition, struct text token, struct arena *scratch)
{
	arena_clear(scratch);
	struct text text = leaf_text(token, scratch);
	if (text.at == NULL)
		return false;
	for (size_t i = 0; i < condition->value_count; i++) {
		const struct wanted *value = &condition->values[i];
		if (value->ranged ? number_wanted(value, token) : text_wanted(value, text))
			return true;
		if (value->quoted && phrase_found(&value->phrase, text))
			return true;
	}
	return false;
}

/* Whether the value found at the path is wanted: a scalar, or any scalar of an array or object. */
static bool found_wanted(const struct condition *condition, struct text value, struct arena *scratch)
{
	if (condition->type == CONDITION_EXISTS)
		return true;
	struct text leaf;
	for (size_t at = 0; leaves_next(value, &at, &leaf);)
		if (leaf_wanted(condition, leaf, scratch))
			return true;
	return false;
}

/* Passes `name` and a dot at the start of path; a member's own name may hold dots. */
static bool path_enters(struct text path, struct text name, struct text *rest)
{
	if (path.len <= name.len || memcmp(path.at, name.at, name.len) != 0 || path.at[name.len] != '.')
		return false;
	*rest = (struct text){path.at + name.len + 1, path.len - name.len - 1};
	return true;
}

enum { PATH_DEPTH_MAX = JSON_DEPTH_MAX };

/* Any element of an array will do where the path does not name its index. */
static bool path_wanted(
	const struct condition *condition, struct text json, struct text path, unsigned depth, struct arena *scratch)
{
	struct members members;
	struct text name;
	struct text value;
	struct text rest;
	if (depth == 0 || !members_begin(json, &members))
		return false;
	for (size_t index = 0; members_next(&members, &name, &value); index++) {
		char digits[24];
		if (!members.object) {
			name = (struct text){digits, (size_t)snprintf(digits, sizeof(digits), "%zu", index)};
			if (path_wanted(condition, value, path, depth - 1, scratch))
				return true;
		} else {
			arena_clear(scratch);
			name = json_string_decode(name, scratch);
			if (name.at == NULL)
				continue;
		}
		bool ends = text_equal(path, name);
		bool enters = path_enters(path, name, &rest);
		if ((ends && found_wanted(condition, value, scratch)) ||
			(enters && path_wanted(condition, value, rest, depth - 1, scratch)))
			return true;
	}
	return false;
}

static bool entry_wanted(const struct condition *condition, unsigned field, struct text text, struct arena *scratch)
{
	if (condition->path.len > 0)
		return path_wanted(condition, text, condition->path, PATH_DEPTH_MAX, scratch);
	if (condition->type == CONDITION_EXISTS)
		return true;
	if (condition->type == CONDITION_WORDS) {
		const struct phrase *phrase = &condition->values[0].phrase;
		return field_info(field)->type == FIELD_TYPE_LONG ? phrase_found(phrase, text)
								  : payload_has_phrase(phrase, text, scratch);
	}
	for (size_t i = 0; i < condition->value_count; i++)
		if (field_wanted(field, &condition->values[i], text, scratch))
			return true;
	return false;
}

/* --- the rows of a block --- */

static bool any_row(const uint64_t *rows)
{
	for (size_t i = 0; i < ROW_WORDS_MAX; i++)
		if (rows[i])
			return true;
	return false;
}

bool row_next(const uint64_t rows[ROW_WORDS_MAX], uint32_t *row)
{
	for (uint32_t word = *row / 64; word < ROW_WORDS_MAX; word++) {
		uint64_t bits = rows[word];
		if (word == *row / 64)
			bits &= UINT64_MAX << (*row % 64);
		if (bits) {
			*row = word * 64 + (uint32_t)__builtin_ctzll(bits);
			return true;
		}
	}
	return false;
}

bool row_previous(const uint64_t rows[ROW_WORDS_MAX], uint32_t *row)
{
	for (uint32_t word = *row / 64 + 1; word-- > 0;) {
		uint64_t bits = word < ROW_WORDS_MAX ? rows[word] : 0;
		if (word == *row / 64 && *row % 64 != 63)
			bits &= (UINT64_C(1) << (*row % 64 + 1)) - 1;
		if (bits) {
			*row = word * 64 + 63 - (uint32_t)__builtin_clzll(bits);
			return true;
		}
	}
	return false;
}

enum entry { ENTRY_NOT_ASKED, ENTRY_NO, ENTRY_YES };

/* Rows that have a field, and rows of which some field is wanted. */
struct hits {
	uint64_t have[ROW_WORDS_MAX];
	uint64_t found[ROW_WORDS_MAX];
};

static void set_row(uint64_t rows[ROW_WORDS_MAX], uint32_t row)
{
	rows[row / 64] |= UINT64_C(1) << (row % 64);
}

/* The scratch arena is cleared for each entry, so what is known of the entries lies elsewhere. */
static enum status match_texts(const struct match *match, const struct condition *condition, unsigned field,
	const struct column *column, const uint64_t *candidates, struct hits *hits)
{
	uint8_t *entries = calloc((size_t)column->entry_count + 1, 1);
	if (entries == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t row = 0; row_next(candidates, &row) && row < column->rows; row++) {
		uint32_t code = column->codes[row];
		if (code == 0)
			continue;
		set_row(hits->have, row);
		if (entries[code] == ENTRY_NOT_ASKED)
			entries[code] = entry_wanted(condition, field, column->entries[code], match->scratch)
						? ENTRY_YES
						: ENTRY_NO;
		if (entries[code] == ENTRY_YES)
			set_row(hits->found, row);
	}
	free(entries);
	return STATUS_OK;
}

static bool in_ranges(const struct condition *condition, int64_t number)
{
	if (condition->type == CONDITION_EXISTS)
		return true;
	for (size_t i = 0; i < condition->value_count; i++)
		if (number >= condition->values[i].first && number <= condition->values[i].last)
			return true;
	return false;
}

static void match_numbers(
	const struct condition *condition, const struct column *column, const uint64_t *candidates, struct hits *hits)
{
	for (uint32_t row = 0; row_next(candidates, &row) && row < column->rows; row++) {
		if (!row_is_set(column->present, row))
			continue;
		set_row(hits->have, row);
		if (in_ranges(condition, column->numbers[row]))
			set_row(hits->found, row);
	}
}

static enum status match_field(const struct match *match, const struct condition *condition, unsigned field,
	const uint64_t *candidates, struct hits *hits)
{
	struct column column;
	enum status status = block_column(match->block, field, &column);
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	if (status != STATUS_OK)
		return status;
	if (!column.is_number)
		return match_texts(match, condition, field, &column, candidates, hits);
	match_numbers(condition, &column, candidates, hits);
	return STATUS_OK;
}

/* Rows whose id the collector made from their seq, or that are asked for by a bare seq. */
static void match_seqs(const struct match *match, const struct condition *condition, uint64_t *found)
{
	uint64_t first = block_first_seq(match->block);
	uint32_t count = block_count(match->block);
	for (size_t i = 0; i < condition->value_count; i++) {
		uint64_t seq = 0;
		if (!condition->values[i].glob && match_id_seq(condition->values[i].text, match->store_id, &seq) &&
			seq >= first && seq - first < count)
			found[(seq - first) / 64] |= UINT64_C(1) << ((seq - first) % 64);
	}
}

/* An event without a time of its own has its receive time. */
static unsigned fallback_field(unsigned field)
{
	return field == FIELD_TIME ? FIELD_RECV_TIME : 0;
}

static enum status match_leaf(
	const struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
{
	struct hits hits = {.found = {0}};
	uint64_t left[ROW_WORDS_MAX];
	memcpy(left, rows, sizeof(left));
	for (size_t i = 0; i < condition->field_count; i++) {
		unsigned field = condition->fields[i];
		for (; field != 0; field = fallback_field(field)) {
			memset(hits.have, 0, sizeof(hits.have));
			enum status status = match_field(match, condition, field, left, &hits);
			if (status != STATUS_OK)
				return status;
			bool first_counts = condition->first_present || fallback_field(field);
			for (size_t word = 0; word < ROW_WORDS_MAX; word++)
				left[word] &= ~(first_counts ? hits.have[word] : hits.found[word]);
		}
	}
	if (condition->fields[0] == FIELD_ID && condition->type == CONDITION_FIELD)
		match_seqs(match, condition, hits.found);
	for (size_t word = 0; word < ROW_WORDS_MAX; word++)
		rows[word] &= hits.found[word];
	return STATUS_OK;
}

static enum status match_and(const struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
{
	for (const struct condition *child = condition->children; child && any_row(rows); child = child->next) {
		enum status status = match_rows(match, child, rows);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* Takes the rows of the first child that takes them; those, or (negated) all others, stay. */
static enum status match_or(
	const struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX], bool negated)
{
	uint64_t left[ROW_WORDS_MAX];
	uint64_t taken[ROW_WORDS_MAX];
	memcpy(left, rows, sizeof(left));
	for (const struct condition *child = condition->children; child && any_row(left); child = child->next) {
		memcpy(taken, left, sizeof(taken));
		enum status status = match_rows(match, child, taken);
		if (status != STATUS_OK)
			return status;
		for (size_t word = 0; word < ROW_WORDS_MAX; word++)
			left[word] &= ~taken[word];
	}
	for (size_t word = 0; word < ROW_WORDS_MAX; word++)
		rows[word] &= negated ? left[word] : ~left[word];
	return STATUS_OK;
}

enum status match_rows(const struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
{
	switch (condition->type) {
	case CONDITION_ALL:
		return STATUS_OK;
	case CONDITION_AND:
		return match_and(match, condition, rows);
	case CONDITION_OR:
		return match_or(match, condition, rows, false);
	case CONDITION_NOT:
		return match_or(match, condition, rows, true);
	default:
		return any_row(rows) ? match_leaf(match, condition, rows) : STATUS_OK;
	}
}

/* --- summaries --- */

static bool summary_may_have_phrase(const struct summary *summary, const struct phrase *phrase, struct text tenant)
{
	for (size_t i = 0; i < phrase->count; i++)
		if (!phrase->words[i].glob && !summary_may_have_word(summary, phrase->words[i].text, tenant))
			return false;
	return phrase->count > 0;
}

static bool summary_may_have_time(const struct summary *summary, unsigned field, const struct wanted *value)
{
	struct time_range received = summary_recv_time(summary);
	const struct time_range *ranges = NULL;
	size_t count = field == FIELD_TIME ? summary_times(summary, &ranges) : 0;
	for (size_t i = 0; i < count; i++)
		if (value->first <= ranges[i].last && value->last >= ranges[i].first)
			return true;
	/* For FIELD_TIME, too: an event without a time has its receive time. */
	return value->first <= received.last && value->last >= received.first;
}

static bool summary_may_have_value(const struct summary *summary, const struct condition *condition, unsigned field,
	const struct wanted *value, struct text tenant)
{
	const struct field_info *info = field_info(field);
	if (value->ranged)
		return (field != FIELD_TIME && field != FIELD_RECV_TIME) ||
		       summary_may_have_time(summary, field, value);
	if (condition->path.len > 0)
		return value->glob || value->phrase.count == 0 ||
		       summary_may_have_phrase(summary, &value->phrase, tenant);
	if (info->type == FIELD_TYPE_PAYLOAD)
		return summary_may_have_phrase(summary, &value->phrase, tenant);
	if ((info->flags & (FIELD_IN_SET | FIELD_IN_FILTER)) == 0)
		return true;
	if (!value->glob)
		return summary_may_have(summary, field, value->text, tenant);
	const struct text *values = NULL;
	bool complete = false;
	size_t count = info->flags & FIELD_IN_SET ? summary_values(summary, field, &values, &complete) : 0;
	for (size_t i = 0; i < count; i++)
		if (glob_match(value->text, values[i]))
			return true;
	return !complete;
}

/* A field that no row has: its values are completely known, and there are none. */
static bool summary_may_have_field(const struct summary *summary, const struct condition *condition)
{
	for (size_t i = 0; i < condition->field_count; i++) {
		const struct text *values = NULL;
		bool complete = false;
		if (summary_values(summary, condition->fields[i], &values, &complete) > 0 || !complete ||
			condition->fields[i] == FIELD_SEQ || fallback_field(condition->fields[i]))
			return true;
	}
	return false;
}

static bool summary_may_have_leaf(const struct summary *summary, const struct condition *condition, struct text tenant)
{
	uint64_t seq = 0;
	if (condition->type == CONDITION_WORDS)
		return summary_may_have_phrase(summary, &condition->values[0].phrase, tenant);
	if (condition->type == CONDITION_EXISTS)
		return summary_may_have_field(summary, condition);
	for (size_t i = 0; i < condition->value_count; i++) {
		/* A made id is in no filter; whether it is of this block is asked of its rows. */
		if (condition->fields[0] == FIELD_ID &&
			match_id_seq(condition->values[i].text, (struct text){NULL, 0}, &seq) &&
			seq >= summary_first_seq(summary) && seq - summary_first_seq(summary) < summary_count(summary))
			return true;
		for (size_t field = 0; field < condition->field_count; field++)
			if (summary_may_have_value(
				    summary, condition, condition->fields[field], &condition->values[i], tenant))
				return true;
	}
	return false;
}

bool match_summary(const struct summary *summary, const struct condition *condition, struct text tenant)
{
	const struct condition *child = condition->children;
	switch (condition->type) {
	case CONDITION_ALL:
	case CONDITION_NOT:
		return true;
	case CONDITION_AND:
		while (child && match_summary(summary, child, tenant))
			child = child->next;
		return child == NULL;
	case CONDITION_OR:
		while (child && !match_summary(summary, child, tenant))
			child = child->next;
		return child != NULL;
	default:
		return summary_may_have_leaf(summary, condition, tenant);
	}
}

bool match_id_seq(struct text id, struct text store_id, uint64_t *seq)
{
	const char *dash = memrchr(id.at, '-', id.len);
	size_t start = dash ? (size_t)(dash - id.at) + 1 : 0;
	struct text prefix = {id.at, dash ? start - 1 : 0};
	if (dash && store_id.at && !text_equal(prefix, store_id))
		return false;
	if (dash && store_id.at == NULL && prefix.len == 0)
		return false;
	uint64_t sum = 0;
	size_t digits = id.len - start;
	if (digits == 0 || digits > 19)
		return false;
	for (size_t i = start; i < id.len; i++) {
		if (id.at[i] < '0' || id.at[i] > '9')
			return false;
		sum = sum * 10 + (uint64_t)(id.at[i] - '0');
	}
	*seq = sum;
	return true;
}
