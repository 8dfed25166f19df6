#include "match.h"

#include <stdlib.h>

#include "match_text.h"

static bool any_row(const uint64_t *rows)
{
	for (size_t i = 0; i < ROW_WORDS_MAX; i++)
		if (rows[i])
			return true;
	return false;
}

uint32_t row_count(const uint64_t rows[ROW_WORDS_MAX])
{
	uint32_t count = 0;
	for (size_t i = 0; i < ROW_WORDS_MAX; i++)
		count += (uint32_t)__builtin_popcountll(rows[i]);
	return count;
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

/* Which of the 64 rows of a word have a code. */
static uint64_t rows_with_code(const struct column *column, size_t word)
{
	uint64_t has = 0;
	uint32_t first = (uint32_t)word * 64;
	uint32_t end = column->rows - first < 64 ? column->rows - first : 64;
	for (uint32_t i = 0; i < end; i++)
		has |= (uint64_t)(column->codes[first + i] != 0) << i;
	return has;
}

/* The scratch arena is cleared for each entry, so what is known of the entries lies elsewhere. */
static enum status match_texts(struct match *match, const struct condition *condition, unsigned field,
	const struct column *column, const uint64_t *candidates, struct hits *hits)
{
	uint8_t *entries = calloc((size_t)column->entry_count + 1, 1);
	if (entries == NULL)
		return STATUS_NO_MEMORY;
	for (size_t word = 0; word * 64 < column->rows && match->failed == STATUS_OK; word++) {
		uint64_t left = candidates[word] ? candidates[word] & rows_with_code(column, word) : 0;
		hits->have[word] |= left;
		for (; left; left &= left - 1) {
			uint32_t row = (uint32_t)word * 64 + (uint32_t)__builtin_ctzll(left);
			uint32_t code = column->codes[row];
			if (entries[code] == ENTRY_NOT_ASKED)
				entries[code] = match_text(match, condition, field, column->entries[code]) ? ENTRY_YES
													   : ENTRY_NO;
			if (entries[code] == ENTRY_YES)
				set_row(hits->found, row);
		}
	}
	free(entries);
	return match->failed;
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

/* Whether only texts that are equal to one of the values, as they stand, are wanted, and no row need be known to have one. */
static bool is_exact(const struct condition *condition, unsigned field)
{
	enum field_type type = field_info(field)->type;
	bool exact = condition->type == CONDITION_FIELD && !condition->first_present &&
		     (type == FIELD_TYPE_TEXT || type == FIELD_TYPE_ID);
	for (size_t i = 0; i < condition->value_count && exact; i++) {
		const struct wanted *value = &condition->values[i];
		exact = !value->glob && !value->ranged && value->addresses == NULL && value->regex == NULL;
	}
	return exact;
}

/* The one phrase that is looked for in prose, or NULL. */
static const struct phrase *phrase_in_prose(const struct condition *condition, unsigned field)
{
	const struct wanted *value = condition->values;
	if (condition->type != CONDITION_WORDS || condition->value_count != 1 || condition->first_present ||
		field_info(field)->type != FIELD_TYPE_LONG || value->regex || value->addresses)
		return NULL;
	return &value->phrase;
}

/*
 * Asked before the rows are: few blocks whose summary does not rule an id out have it, and the words of a phrase are
 * mostly found elsewhere.
 */
static enum status is_possible(
	const struct match *match, const struct condition *condition, unsigned field, bool *possible)
{
	enum status status = STATUS_OK;
	const struct phrase *phrase = phrase_in_prose(condition, field);
	if (phrase)
		return block_may_hold(match->block, field, phrase, possible);
	*possible = !is_exact(condition, field);
	for (size_t i = 0; i < condition->value_count && !*possible && status == STATUS_OK; i++)
		status = block_may_have_text(match->block, field, condition->values[i].text, possible);
	return status;
}

static enum status match_field(struct match *match, const struct condition *condition, unsigned field,
	const uint64_t *candidates, struct hits *hits)
{
	struct column column;
	bool possible = true;
	if (payload_of(field) != PAYLOAD_COUNT)
		return match_payload(match, condition, payload_of(field), candidates, hits->found);
	enum status status = is_possible(match, condition, field, &possible);
	if (status == STATUS_OK && !possible)
		return STATUS_OK;
	if (status == STATUS_OK)
		status = block_column(match->block, field, &column);
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
static void match_seqs(struct match *match, const struct condition *condition, uint64_t *found)
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

static enum status match_leaf(struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
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

static enum status match_and(struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
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
	struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX], bool negated)
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

enum status match_rows(struct match *match, const struct condition *condition, uint64_t rows[ROW_WORDS_MAX])
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
