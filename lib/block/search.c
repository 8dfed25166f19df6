/*
 * Searching payloads in place.  What a scalar is worth is found out once for each entry of its column; only where some
 * entry is wanted are the rows walked, in stored order, with the columns' places counted along.  Payloads that are not
 * taken apart (raw texts, references) are asked for as a whole.
 */
#include "reader.h"
#include "rows.h"

enum { WORD_BITS = 64, ROW_NONE = UINT32_MAX };

/* A leaf column that counts. */
struct leaf {
	bool counts; /* some hole of it does */
	bool quoted;
	const uint8_t *wanted; /* by entry; NULL: none is */
	const uint32_t *codes; /* by place; NULL: place i has entry i */
	uint32_t places, next;
};

struct search {
	struct block *block;
	unsigned field;
	const struct payload_search *ask;
	struct raw_shapes shapes;
	enum order order;
	const uint8_t *hole_counts; /* by hole; NULL: all do */
	const bool *whole;          /* by shape: all its payloads are wanted */
	const bool *none;           /* by shape: none is, and no leaf has to be passed */
	struct leaf *leaves;
	uint32_t leaf_count;
	const uint32_t *stored_rows; /* NULL: arrival order */
	const uint32_t *live_of;     /* by row of the image; NULL: itself */
	struct raw_texts raw;
	struct text *raw_entries;
	uint32_t raw_next;
	struct text keys;
	uint32_t reference_next;
	struct buf token;
};

static bool is_row(const uint64_t *rows, uint32_t row)
{
	return rows[row / WORD_BITS] >> (row % WORD_BITS) & 1;
}

static void set_row(uint64_t *rows, uint32_t row)
{
	rows[row / WORD_BITS] |= UINT64_C(1) << (row % WORD_BITS);
}

/* --- what counts --- */

static bool is_hole(char byte)
{
	return byte == HOLE_RAW || byte == HOLE_STRING;
}

static enum status choose_holes(struct search *search)
{
	struct arena *arena = &search->block->arena;
	const struct raw_shapes *shapes = &search->shapes;
	uint8_t *counts = arena_calloc(arena, (size_t)shapes->hole_starts[shapes->shapes] + 1, 1);
	bool *whole = arena_calloc(arena, (size_t)shapes->shapes + 1, sizeof(*whole));
	if (counts == NULL || whole == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t shape = 0; shape < shapes->shapes; shape++) {
		struct text template = shapes->templates[shape];
		uint32_t hole = shapes->hole_starts[shape];
		whole[shape] = search->ask->template && search->ask->template(search->ask->context, template);
		for (size_t at = 0; at < template.len && search->ask->scalar; at++) {
			if (!is_hole(template.at[at]))
				continue;
			struct leaf *leaf = &search->leaves[shapes->holes[hole]];
			counts[hole] =
				search->ask->place == NULL || search->ask->place(search->ask->context, template, at);
			leaf->counts = leaf->counts || counts[hole];
			leaf->quoted = template.at[at] == HOLE_STRING;
			hole++;
		}
	}
	search->hole_counts = counts;
	search->whole = whole;
	return STATUS_OK;
}

static enum status make_leaves(struct search *search)
{
	const struct raw_shapes *shapes = &search->shapes;
	for (uint32_t i = 0; i < shapes->hole_starts[shapes->shapes]; i++)
		if (shapes->holes[i] >= search->leaf_count)
			search->leaf_count = shapes->holes[i] + 1;
	search->leaves = arena_calloc(&search->block->arena, (size_t)search->leaf_count + 1, sizeof(*search->leaves));
	return search->leaves ? STATUS_OK : STATUS_NO_MEMORY;
}

/* --- what the scalars are worth --- */

static bool ask_scalar(struct search *search, bool quoted, struct text text)
{
	if (!quoted)
		return search->ask->scalar(search->ask->context, text);
	buf_clear(&search->token);
	buf_put_byte(&search->token, '"');
	buf_put_text(&search->token, text);
	buf_put_byte(&search->token, '"');
	return search->ask->scalar(search->ask->context, buf_text(&search->token));
}

static enum status ask_entries(struct search *search, const struct image_entry *entry, struct leaf *leaf)
{
	struct arena *arena = &search->block->arena;
	struct raw_texts raw;
	enum status status = decode_texts(entry, arena, &raw);
	if (status != STATUS_OK)
		return status;
	struct text *texts = arena_alloc(arena, ((size_t)raw.entries + 1) * sizeof(*texts));
	uint8_t *wanted = arena_calloc(arena, (size_t)raw.entries + 1, 1);
	if (texts == NULL || wanted == NULL)
		return STATUS_NO_MEMORY;
	status = decode_entries(&raw, arena, texts);
	bool any = false;
	for (uint32_t i = 0; i < raw.entries && status == STATUS_OK; i++) {
		wanted[i] = ask_scalar(search, leaf->quoted, texts[i]);
		any = any || wanted[i];
	}
	leaf->wanted = any ? wanted : NULL;
	leaf->codes = raw.codes;
	leaf->places = raw.places;
	return status == STATUS_OK ? buf_status(&search->token) : status;
}

static enum status ask_leaf(struct search *search, const struct image_entry *entry, struct leaf *leaf)
{
	struct arena *arena = &search->block->arena;
	struct raw_texts places;
	if (search->ask->phrase == NULL)
		return ask_entries(search, entry, leaf);
	enum status status = decode_phrase(entry, search->ask->phrase, arena, &leaf->wanted);
	if (status == STATUS_UNSUPPORTED)
		return ask_entries(search, entry, leaf);
	if (status != STATUS_OK || leaf->wanted == NULL)
		return status;
	status = decode_places(entry, arena, &places);
	leaf->codes = places.codes;
	leaf->places = places.places;
	return status;
}

/* *any: the rows have to be walked. */
static enum status ask_leaves(struct search *search, bool *any)
{
	struct block *block = search->block;
	enum status status = STATUS_OK;
	for (uint32_t i = block->first_entry[search->field] - 1; i < block->image.columns && status == STATUS_OK; i++) {
		const struct image_column *column = &block->image.entry[i].column;
		uint32_t number = column->sub - SUB_LEAF_FIRST;
		if (column->field != search->field)
			break;
		if (column->sub < SUB_LEAF_FIRST || number >= search->leaf_count || !search->leaves[number].counts)
			continue;
		status = ask_leaf(search, &block->image.entry[i], &search->leaves[number]);
		*any = *any || search->leaves[number].wanted;
	}
	for (uint32_t shape = 0; shape < search->shapes.shapes; shape++)
		*any = *any || search->whole[shape];
	return status;
}

/* --- the rows --- */

static enum status open_others(struct search *search, bool *any)
{
	struct block *block = search->block;
	const struct image_entry *raw = block_entry(block, search->field, SUB_RAW);
	const struct image_entry *references = block_entry(block, search->field, SUB_REFERENCES);
	enum status status = STATUS_OK;
	*any = *any || raw || references;
	if (raw) {
		status = decode_texts(raw, &block->arena, &search->raw);
		search->raw_entries =
			arena_alloc(&block->arena, ((size_t)search->raw.entries + 1) * sizeof(struct text));
		if (search->raw_entries == NULL)
			return STATUS_NO_MEMORY;
		if (status == STATUS_OK)
			status = decode_entries(&search->raw, &block->arena, search->raw_entries);
	}
	if (references && status == STATUS_OK) {
		struct stream_cursor cursor = {.entry = references, .arena = &block->arena};
		search->keys = cursor_bytes(&cursor);
		status = cursor.status;
	}
	return status;
}

static enum status make_live(struct search *search)
{
	struct block *block = search->block;
	if (block->live_rows == NULL)
		return STATUS_OK;
	uint32_t *live_of = arena_alloc(&block->arena, ((size_t)block->image.rows + 1) * sizeof(*live_of));
	if (live_of == NULL)
		return STATUS_NO_MEMORY;
	memset(live_of, 0xff, ((size_t)block->image.rows + 1) * sizeof(*live_of)); /* ROW_NONE */
	for (uint32_t i = 0; i < block->live; i++)
		live_of[block->live_rows[i]] = i;
	search->live_of = live_of;
	return STATUS_OK;
}

/* Most payloads of other tools have nothing that is looked for. */
static enum status find_none(struct search *search)
{
	const struct raw_shapes *shapes = &search->shapes;
	bool *none = arena_alloc(&search->block->arena, ((size_t)shapes->shapes + 1) * sizeof(*none));
	if (none == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t shape = 0; shape < shapes->shapes; shape++) {
		none[shape] = !search->whole[shape];
		for (uint32_t hole = shapes->hole_starts[shape]; hole < shapes->hole_starts[shape + 1]; hole++)
			none[shape] = none[shape] && search->leaves[shapes->holes[hole]].wanted == NULL;
	}
	search->none = none;
	return STATUS_OK;
}

/* Passes the leaves of a payload; whether one is wanted. */
static enum status pass_shape(struct search *search, uint32_t shape, bool *wanted)
{
	*wanted = search->whole[shape];
	for (uint32_t hole = search->shapes.hole_starts[shape]; hole < search->shapes.hole_starts[shape + 1]; hole++) {
		struct leaf *leaf = &search->leaves[search->shapes.holes[hole]];
		if (leaf->wanted == NULL)
			continue;
		if (leaf->next >= leaf->places)
			return STATUS_DAMAGED;
		uint32_t place = leaf->next++;
		uint32_t code = leaf->codes ? leaf->codes[place] : place + 1;
		*wanted = *wanted || (code > 0 && search->hole_counts[hole] && leaf->wanted[code - 1]);
	}
	return STATUS_OK;
}

static enum status pass_raw(struct search *search, bool asked, bool *wanted)
{
	if (search->raw_next >= search->raw.places)
		return STATUS_DAMAGED;
	uint32_t place = search->raw_next++;
	uint32_t code = search->raw.codes ? search->raw.codes[place] : place + 1;
	*wanted = asked && code > 0 && search->ask->payload(search->ask->context, search->raw_entries[code - 1]);
	return STATUS_OK;
}

static enum status pass_reference(struct search *search, bool asked, bool *wanted)
{
	size_t at = (size_t)search->reference_next++ * SHA256_BYTES;
	struct text json = {NULL, 0};
	const struct payload_source *source = &search->block->source;
	if (at + SHA256_BYTES > search->keys.len)
		return STATUS_DAMAGED;
	*wanted = false;
	if (!asked)
		return STATUS_OK;
	enum status status = STATUS_NOT_FOUND;
	if (source->get)
		status = source->get(
			source->context, (const uint8_t *)search->keys.at + at, &search->block->arena, &json);
	if (status == STATUS_OK)
		*wanted = search->ask->payload(search->ask->context, json);
	return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
}

static enum status walk_rows(struct search *search, const uint64_t *rows, uint64_t *found)
{
	for (uint32_t i = 0; i < search->block->image.rows; i++) {
		uint32_t code = search->shapes.codes[i];
		if (code >= PAYLOAD_CODE_SHAPE && search->none[code - PAYLOAD_CODE_SHAPE])
			continue;
		uint32_t row = search->stored_rows ? search->stored_rows[i] : i;
		enum status status = STATUS_OK;
		bool wanted = false;
		row = search->live_of ? search->live_of[row] : row;
		bool asked = row != ROW_NONE && is_row(rows, row);
		if (code >= PAYLOAD_CODE_SHAPE)
			status = pass_shape(search, code - PAYLOAD_CODE_SHAPE, &wanted);
		else if (code == PAYLOAD_CODE_RAW)
			status = pass_raw(search, asked, &wanted);
		else if (code == PAYLOAD_CODE_REFERENCE)
			status = pass_reference(search, asked, &wanted);
		if (status != STATUS_OK)
			return status;
		if (wanted && row != ROW_NONE)
			set_row(found, row);
	}
	return STATUS_OK;
}

static enum status search_all(struct search *search, const uint64_t *rows, uint64_t *found)
{
	struct block *block = search->block;
	bool any = false;
	enum status status = make_leaves(search);
	if (status == STATUS_OK)
		status = choose_holes(search);
	if (status == STATUS_OK)
		status = ask_leaves(search, &any);
	if (status == STATUS_OK)
		status = open_others(search, &any);
	if (status != STATUS_OK || !any)
		return status;
	status = make_live(search);
	if (status == STATUS_OK)
		status = find_none(search);
	if (status == STATUS_OK)
		status = block_stored_rows(block, search->order, &search->stored_rows);
	return status == STATUS_OK ? walk_rows(search, rows, found) : status;
}

enum status block_search_payload(struct block *block, enum payload payload, const struct payload_search *ask,
	const uint64_t *rows, uint64_t *found)
{
	struct search search = {.block = block, .field = payload_field(payload), .ask = ask};
	const struct image_entry *entry = block_entry(block, search.field, SUB_FIELD);
	if (entry == NULL)
		return STATUS_NOT_FOUND;
	enum status status = decode_shapes(entry, &block->arena, &search.shapes);
	if (status != STATUS_OK)
		return status;
	search.order = entry->column.order;
	if (search.shapes.rows != block->image.rows || search.order == ORDER_GROUP)
		return STATUS_DAMAGED;
	buf_init(&search.token, BLOCK_RAW_BYTES_MAX + 2);
	status = search_all(&search, rows, found);
	buf_finish(&search.token);
	return status;
}
