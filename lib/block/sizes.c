/*
 * How long the payloads of rows are, from their columns alone: what of a shape is the same in all its payloads, and the
 * lengths of its leaves.
 */
#include "rows.h"

static uint32_t length_of(const struct texts *texts, uint32_t entry)
{
	char scratch[FORM_RENDERED_MAX];
	if (texts->form == FORM_TEXT)
		return (uint32_t)texts_kept(texts, entry).len;
	size_t length = texts->odd_count == 0 ? form_length(texts->form, texts->width) : 0;
	return (uint32_t)(length ? length : texts_entry(texts, entry, scratch).len);
}

static uint32_t code_at(const struct texts *texts, uint32_t place)
{
	return place < texts->places ? texts->codes[place] : 0;
}

/* Of a template without its holes, but with the quotes of strings. */
static uint32_t own_length(struct text template)
{
	uint32_t length = 0;
	for (size_t i = 0; i < template.len; i++)
		length += template.at[i] == HOLE_STRING ? 2 : template.at[i] != HOLE_RAW;
	return length;
}

struct measure {
	const struct payload_columns *columns;
	uint32_t *own;  /* per shape */
	uint32_t *next; /* per leaf column: its next place */
	uint32_t raw, reference;
};

static uint64_t next_length(struct measure *measure, uint32_t code)
{
	const struct payload_columns *columns = measure->columns;
	if (code == 0)
		return 0;
	if (code == PAYLOAD_CODE_REFERENCE)
		return (uint64_t)columns->references[measure->reference++].size;
	if (code == PAYLOAD_CODE_RAW) {
		uint32_t entry = code_at(&columns->raw, measure->raw++);
		return entry ? length_of(&columns->raw, entry - 1) : 0;
	}
	const struct shape *shape = &columns->shapes[code - PAYLOAD_CODE_SHAPE];
	uint64_t length = measure->own[code - PAYLOAD_CODE_SHAPE];
	for (uint32_t k = 0; k < shape->count; k++) {
		uint32_t leaf = columns->holes[shape->first + k];
		uint32_t entry = code_at(&columns->leaves[leaf], measure->next[leaf]++);
		length += entry ? length_of(&columns->leaves[leaf], entry - 1) : 0;
	}
	return length;
}

bool payload_lengths(const struct payload_columns *columns, uint32_t rows, uint64_t *lengths)
{
	struct measure measure = {
		.columns = columns,
		.own = calloc((size_t)columns->templates.count + 1, sizeof(*measure.own)),
		.next = calloc((size_t)columns->paths.count + 1, sizeof(*measure.next)),
	};
	bool ready = measure.own && measure.next;
	for (uint32_t i = 0; i < columns->templates.count && ready; i++)
		measure.own[i] = own_length(texts_kept(&columns->templates, i));
	for (uint32_t row = 0; row < rows && ready; row++)
		lengths[row] = next_length(&measure, row < columns->places ? columns->codes[row] : 0);
	free(measure.own);
	free(measure.next);
	return ready;
}
