/*
 * The values of a block's rows as codes.  A text column has them already; numbers get them from a table; where the first
 * of several fields counts, their codes stand behind one another.
 */
#include <inttypes.h>
#include <stdio.h>

#include "tally_inner.h"

enum { NUMBER_SLOTS = 2 * BLOCK_ROWS_MAX };

static int64_t round_down(int64_t number, int64_t bucket)
{
	if (bucket == 0)
		return number;
	int64_t rest = number % bucket;
	rest = rest < 0 ? rest + bucket : rest;
	return number < INT64_MIN + rest ? INT64_MIN : number - rest;
}

/* Equal numbers mostly stand one behind another, or are few. */
static enum status code_numbers(const struct column *column, int64_t bucket, struct arena *arena,
	struct tally_coded_field *field, uint32_t **codes, uint32_t *limit)
{
	struct {
		int64_t number;
		uint32_t code;
	} *slots = arena_calloc(arena, NUMBER_SLOTS, sizeof(*slots));
	int64_t *numbers = arena_alloc(arena, ((size_t)column->rows + 1) * sizeof(*numbers));
	uint32_t *made = arena_calloc(arena, (size_t)column->rows + 1, sizeof(*made));
	uint32_t last = 0;
	uint32_t count = 0;
	if (slots == NULL || numbers == NULL || made == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t row = 0; row < column->rows; row++) {
		if (!row_is_set(column->present, row))
			continue;
		int64_t number = round_down(column->numbers[row], bucket);
		if (last == 0 || numbers[last] != number) {
			size_t at = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 50;
			while (slots[at].code && slots[at].number != number)
				at = (at + 1) % NUMBER_SLOTS;
			if (slots[at].code == 0) {
				slots[at].number = numbers[++count] = number;
				slots[at].code = count;
			}
			last = slots[at].code;
		}
		made[row] = last;
	}
	field->numbers = numbers;
	*codes = made;
	*limit = count + 1;
	return STATUS_OK;
}
_Static_assert(NUMBER_SLOTS == 1 << 14, "the hash above is shifted to its size");

/* Adds a field's codes for rows that have none so far. */
static void add_codes(uint32_t *into, uint32_t base, const uint32_t *codes, uint32_t rows)
{
	for (uint32_t row = 0; row < rows; row++)
		if (into[row] == 0 && codes[row])
			into[row] = base + codes[row];
}

static enum status read_field(const struct tally_value *value, struct block *block, struct arena *arena,
	struct tally_coded_field *field, const uint32_t **codes, uint32_t *limit)
{
	struct column column;
	enum status status = block_column(block, field->field, &column);
	if (status != STATUS_OK)
		return status;
	if (column.is_number) {
		uint32_t *made = NULL;
		status = code_numbers(&column, value->bucket_ns, arena, field, &made, limit);
		*codes = made;
		return status;
	}
	field->texts = column.entries;
	*codes = column.codes;
	*limit = column.entry_count;
	return STATUS_OK;
}

enum status tally_read_codes(
	const struct tally_value *value, struct block *block, struct arena *arena, struct tally_codes *codes)
{
	uint32_t rows = block_count(block);
	uint32_t *joined = NULL;
	*codes = (struct tally_codes){.limit = 1};
	for (size_t i = 0; i < value->field_count; i++) {
		struct tally_coded_field field = {.field = value->fields[i], .base = codes->limit - 1};
		const uint32_t *found = NULL;
		uint32_t limit = 0;
		enum status status = read_field(value, block, arena, &field, &found, &limit);
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status != STATUS_OK)
			return status;
		if (codes->codes && joined == NULL) {
			joined = arena_alloc(arena, ((size_t)rows + 1) * sizeof(*joined));
			if (joined == NULL)
				return STATUS_NO_MEMORY;
			memcpy(joined, codes->codes, rows * sizeof(*joined));
		}
		if (joined)
			add_codes(joined, field.base, found, rows);
		codes->codes = joined ? joined : found;
		codes->limit += limit - 1;
		codes->fields[codes->field_count++] = field;
	}
	return STATUS_OK;
}

struct tally_part tally_decode(const struct tally_codes *codes, uint32_t code, char digits[24])
{
	size_t i = 0;
	if (code == 0)
		return (struct tally_part){.field = 0};
	while (i + 1 < codes->field_count && code > codes->fields[i + 1].base)
		i++;
	const struct tally_coded_field *field = &codes->fields[i];
	struct tally_part part = {.field = field->field};
	if (field->numbers) {
		part.number = field->numbers[code - field->base];
		part.text = (struct text){digits, (size_t)snprintf(digits, 24, "%" PRId64, part.number)};
	} else {
		part.text = field->texts[code - field->base];
		if (part.text.at == NULL)
			part.text.at = "";
	}
	return part;
}
