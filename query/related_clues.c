#include "related_event.h"

#include "columns.h"
#include "conditions.h"
#include "members.h"
#include "clues.h"

/*
 * Values go two ways.  The event's own, the most telling ones, are looked for in all the range: they are phrases that
 * summaries know of.  And every value of the parameters of what is related anyhow is looked for in the event's result, so
 * that within a session nothing of a long result is passed over.
 */

enum { CHOSEN_FROM_MAX = 1024 };

static const uint8_t field_request[] = {FIELD_REQUEST};
static const uint8_t field_response[] = {FIELD_RESPONSE};

/* What is likely to be met by accident comes last. */
static unsigned rank_of(struct text value)
{
	bool digit = false;
	bool slash = false;
	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] == '@')
			return 3;
		digit = digit || (value.at[i] >= '0' && value.at[i] <= '9');
		slash = slash || value.at[i] == '/';
	}
	return slash || digit ? 2 : 1;
}

struct choice {
	struct text items[CHOSEN_FROM_MAX];
	size_t count;
	uint64_t left_out;
	struct arena *arena;
};

static enum status note_value(void *context, struct text value)
{
	struct choice *choice = context;
	size_t at = 0;
	struct text word;
	if (!words_next(value, &at, &word))
		return STATUS_OK;
	for (size_t i = 0; i < choice->count; i++)
		if (text_equal(choice->items[i], value))
			return STATUS_OK;
	if (choice->count == CHOSEN_FROM_MAX) {
		choice->left_out++;
		return STATUS_OK;
	}
	struct text copy = arena_copy(choice->arena, value);
	if (copy.at == NULL)
		return STATUS_NO_MEMORY;
	choice->items[choice->count++] = copy;
	return STATUS_OK;
}

/* The number of a value of the answer; RELATED_VALUES_MAX: there is no room for it. */
static size_t value_number(struct related *related, struct text value)
{
	size_t at = 0;
	while (at < related->value_count && !text_equal(related->values[at], value))
		at++;
	if (at < related->value_count || at == RELATED_VALUES_MAX)
		return at;
	struct text copy = arena_copy(&related->arena, value);
	if (copy.at == NULL)
		return RELATED_VALUES_MAX;
	related->values[related->value_count] = copy;
	return related->value_count++;
}

static enum status want(struct finder *finder, size_t value, bool in_response)
{
	struct related *related = finder->related;
	struct condition *condition = condition_phrase(
		&related->arena, in_response ? field_response : field_request, 1, related->values[value]);
	if (condition == NULL)
		return STATUS_NO_MEMORY;
	finder->wanted[finder->wanted_count++] = (struct wanted_value){value, in_response, condition};
	return STATUS_OK;
}

static enum status choose_of(struct finder *finder, struct text payload, bool result)
{
	struct related *related = finder->related;
	struct choice *choice = arena_calloc(&related->arena, 1, sizeof(*choice));
	if (choice == NULL)
		return STATUS_NO_MEMORY;
	choice->arena = &related->arena;
	enum status status = clues_walk(payload, note_value, choice, &finder->scratch_inside);
	size_t chosen = 0;
	for (unsigned rank = 3; rank > 0; rank--) {
		for (size_t i = 0; i < choice->count && status == STATUS_OK && chosen < WANTED_VALUES_MAX; i++) {
			if (rank_of(choice->items[i]) != rank)
				continue;
			size_t before = related->value_count;
			size_t value = value_number(related, choice->items[i]);
			*(result ? &finder->value_held[value] : &finder->value_given[value]) = true;
			chosen++;
			if (value < before) /* of the parameters, too: asked for already */
				continue;
			status = want(finder, value, false);
			if (status == STATUS_OK)
				status = want(finder, value, true);
		}
	}
	if (result)
		related->values_left_out = choice->left_out + choice->count - chosen;
	return status;
}

enum status values_choose(struct finder *finder)
{
	enum status status = choose_of(finder, finder->seed.request, false);
	return status == STATUS_OK ? choose_of(finder, finder->seed.response, true) : status;
}

/* --- rows --- */

struct row_texts {
	struct column request, response;
};

/* What a value in the row's parameters or result means. */
static uint32_t meaning(const struct finder *finder, size_t value, bool in_response, bool in_both, int64_t time)
{
	bool given = finder->value_given[value];
	bool held = finder->value_held[value];
	if (!in_response && held && !given && time >= finder->seed.time)
		return RELATION_BIT(PASSED_ON);
	if (in_response && given && !in_both && time <= finder->seed.time)
		return RELATION_BIT(CAME_FROM);
	return in_response ? RELATION_BIT(RESULT) : RELATION_BIT(PARAMETER);
}

static enum status mark_wanted(struct finder *finder, struct match *match, const uint64_t *rows,
	const struct wanted_value *wanted, const struct row_texts *texts)
{
	uint64_t taken[ROW_WORDS_MAX];
	struct text value = finder->related->values[wanted->value];
	memcpy(taken, rows, sizeof(taken));
	enum status status = match_rows(match, wanted->condition, taken);
	for (uint32_t row = 0; status == STATUS_OK && row_next(taken, &row); row++) {
		struct text request = column_text(&texts->request, row);
		struct text own = wanted->in_response ? column_text(&texts->response, row) : request;
		if (!clue_in_payload(value, own, &finder->scratch_inside))
			continue;
		bool in_both = wanted->in_response && clue_in_payload(value, request, &finder->scratch_inside);
		finder->values[row] |= UINT64_C(1) << wanted->value;
		finder->relations[row] |=
			meaning(finder, wanted->value, wanted->in_response, in_both, finder->times[row]);
	}
	return status;
}

struct row_values {
	struct finder *finder;
	uint32_t row;
};

/* A value of a row's parameters that the event's result holds, and its parameters do not. */
static enum status note_passed_on(void *context, struct text value)
{
	const struct row_values *row_values = context;
	struct finder *finder = row_values->finder;
	if (!clue_stands_in(value, finder->seed.response_plain) ||
		clue_in_payload(value, finder->seed.request, &finder->scratch))
		return STATUS_OK;
	size_t number = value_number(finder->related, value);
	finder->relations[row_values->row] |= RELATION_BIT(PASSED_ON);
	if (number < RELATED_VALUES_MAX) {
		finder->value_held[number] = true;
		finder->values[row_values->row] |= UINT64_C(1) << number;
	}
	return STATUS_OK;
}

static enum status mark_near(struct finder *finder, const struct row_texts *texts, uint32_t row)
{
	struct row_values row_values = {finder, row};
	struct text request = column_text(&texts->request, row);
	if (finder->relations[row] == 0 || request.len == 0 || finder->times[row] < finder->seed.time)
		return STATUS_OK;
	return clues_walk(request, note_passed_on, &row_values, &finder->scratch_inside);
}

enum status values_mark_rows(struct finder *finder, struct match *match, const uint64_t *rows)
{
	struct row_texts texts;
	enum status status = column_read(match->block, FIELD_REQUEST, &texts.request);
	if (status == STATUS_OK)
		status = column_read(match->block, FIELD_RESPONSE, &texts.response);
	for (size_t i = 0; i < finder->wanted_count && status == STATUS_OK; i++)
		status = mark_wanted(finder, match, rows, &finder->wanted[i], &texts);
	if (finder->seed.response_plain.len == 0)
		return status;
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		status = mark_near(finder, &texts, row);
	return status;
}
