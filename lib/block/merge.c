/*
 * Rows of a part appended to the rows of a block, column by column: dictionaries are mapped entry by entry, then codes
 * are translated; nothing is looked up per row.  Payloads go shape by shape in the same way, and row by row only where
 * rows are dead, or where the block has no room for another shape.
 */
#include "reader.h"
#include "rows.h"

enum { WORD_BITS = 64 };

/* The codes of raw's entries in texts: base + code where they were added in turn, else map[code]. */
struct mapping {
	const uint32_t *map; /* [0] = 0; NULL: in turn from base */
	uint32_t base;
};

static bool can_add_in_turn(const struct texts *texts, const struct raw_texts *raw)
{
	if (raw->form == FORM_TEXT || raw->odd_count)
		return false;
	if (texts->count && (texts->form != raw->form || texts->width != raw->width))
		return false;
	return raw->form == FORM_INT || raw->form == FORM_QUOTED || (texts->unique && raw->map != MAP_CODES);
}

static enum status map_entries(
	struct texts *texts, const struct raw_texts *raw, struct arena *arena, struct mapping *mapping)
{
	*mapping = (struct mapping){NULL, texts->count};
	if (can_add_in_turn(texts, raw))
		return texts_add_binary(texts, raw->form, raw->width, raw->binary, raw->entries) ? STATUS_OK
												 : STATUS_NO_MEMORY;
	if (raw->map == MAP_CODES) /* a dictionary holds each text once: that says nothing about the column */
		texts->hits++;
	uint32_t *map = arena_alloc(arena, ((size_t)raw->entries + 1) * sizeof(*map));
	struct text *entries = arena_alloc(arena, ((size_t)raw->entries + 1) * sizeof(*entries));
	if (map == NULL || entries == NULL)
		return STATUS_NO_MEMORY;
	enum status status = decode_entries(raw, arena, entries);
	map[0] = 0;
	for (uint32_t i = 0; i < raw->entries && status == STATUS_OK; i++)
		if (!texts_code(texts, entries[i], &map[i + 1]))
			status = STATUS_NO_MEMORY;
	mapping->map = map;
	return status;
}

/* Translates the places given by rows (NULL: all) and puts them from place `start` on. */
static enum status append_codes(struct texts *texts, const struct raw_texts *raw, const struct mapping *mapping,
	const uint32_t *rows, uint32_t count, uint32_t start)
{
	if (count == 0)
		return STATUS_OK;
	if (!array_need(&texts->codes, &texts->codes_capacity, (size_t)start + count))
		return STATUS_NO_MEMORY;
	if (start > texts->places)
		memset(texts->codes + texts->places, 0, (start - texts->places) * sizeof(*texts->codes));
	uint32_t *to = texts->codes + start;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t place = rows ? rows[i] : i;
		uint32_t code = raw->codes ? raw->codes[place] : place + 1;
		to[i] = mapping->map ? mapping->map[code] : code ? code + mapping->base : 0;
	}
	texts->places = start + count;
	return STATUS_OK;
}

static enum status append_texts(struct rows *rows, struct block *block, unsigned field)
{
	struct texts *texts = &rows->texts[field];
	const struct image_entry *entry = block_entry(block, field, SUB_FIELD);
	struct raw_texts raw;
	struct mapping mapping;
	enum status status = decode_texts(entry, &block->arena, &raw);
	if (status != STATUS_OK)
		return status;
	if (raw.places != block->image.rows || entry->column.order != ORDER_ARRIVAL)
		return STATUS_DAMAGED;
	status = map_entries(texts, &raw, &block->arena, &mapping);
	if (status != STATUS_OK)
		return status;
	return append_codes(texts, &raw, &mapping, block->live_rows, block->live, rows->count);
}

static enum status append_numbers(struct rows *rows, struct block *block, unsigned field)
{
	struct numbers *numbers = &rows->numbers[field];
	struct column column;
	enum status status = block_column(block, field, &column);
	if (status != STATUS_OK || block->live == 0)
		return status;
	uint32_t last = rows->count + block->live - 1;
	/* One setting makes room for all. */
	if (!numbers_set(numbers, last, 0))
		return STATUS_NO_MEMORY;
	numbers->present[last / WORD_BITS] &= ~(UINT64_C(1) << last % WORD_BITS);
	memcpy(numbers->values + rows->count, column.numbers, block->live * sizeof(*numbers->values));
	for (uint32_t i = 0; i < block->live; i++) {
		uint32_t place = rows->count + i;
		uint64_t has = column.present[i / WORD_BITS] >> (i % WORD_BITS) & 1;
		numbers->present[place / WORD_BITS] |= has << (place % WORD_BITS);
	}
	return STATUS_OK;
}

/* What shapes and leaf columns of the part are in the block. */
struct shape_map {
	uint32_t *shape; /* per shape: its code in the block */
	uint32_t *leaf;  /* per leaf column: 1 + that of the block; 0: not used */
};

/* Whether every leaf column goes to one leaf column, and no two to the same. */
static bool match_holes(const struct payload_columns *columns, const struct payload_walk *walk, uint32_t from,
	uint32_t to, struct shape_map *map, uint8_t *taken)
{
	const uint32_t *holes = walk->shapes.holes + walk->shapes.hole_starts[from];
	uint32_t count = walk->shapes.hole_starts[from + 1] - walk->shapes.hole_starts[from];
	const struct shape *shape = &columns->shapes[to];
	if (shape->count != count)
		return false;
	for (uint32_t k = 0; k < count; k++) {
		uint32_t column = columns->holes[shape->first + k];
		if (map->leaf[holes[k]] == column + 1)
			continue;
		if (map->leaf[holes[k]] != 0 || taken[column])
			return false;
		map->leaf[holes[k]] = column + 1;
		taken[column] = 1;
	}
	return true;
}

/* STATUS_LIMIT: it must be done row by row. */
static enum status map_shapes(
	struct payload_columns *columns, const struct payload_walk *walk, struct arena *arena, struct shape_map *map)
{
	map->shape = arena_calloc(arena, (size_t)walk->shapes.shapes + 1, sizeof(*map->shape));
	map->leaf = arena_calloc(arena, (size_t)walk->leaf_count + 1, sizeof(*map->leaf));
	uint8_t *taken = arena_calloc(arena, LEAF_COLUMNS_MAX + SHAPE_LEAVES_MAX + 1, 1);
	if (map->shape == NULL || map->leaf == NULL || taken == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < walk->shapes.shapes; i++) {
		uint32_t shape = 0;
		if (walk->shapes.templates[i].len == 0)
			continue;
		enum status status = payload_shape(columns, walk->shapes.templates[i], &shape);
		if (status != STATUS_OK)
			return status;
		if (!match_holes(columns, walk, i, shape, map, taken))
			return STATUS_LIMIT;
		map->shape[i] = shape + PAYLOAD_CODE_SHAPE;
	}
	return STATUS_OK;
}

/* Whether the leaf columns have just the places that the rows' shapes ask for. */
static enum status check_places(const struct payload_walk *walk, const struct shape_map *map, struct arena *arena)
{
	uint32_t *expected = arena_calloc(arena, (size_t)walk->leaf_count + 1, sizeof(*expected));
	uint32_t *rows_of = arena_calloc(arena, (size_t)walk->shapes.shapes + PAYLOAD_CODE_SHAPE + 1, sizeof(*rows_of));
	if (expected == NULL || rows_of == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < walk->shapes.rows; i++)
		rows_of[walk->shapes.codes[i]]++;
	for (uint32_t i = 0; i < walk->shapes.shapes; i++) {
		uint32_t count = rows_of[PAYLOAD_CODE_SHAPE + i];
		if (count && map->shape[i] == 0)
			return STATUS_DAMAGED;
		for (uint32_t k = walk->shapes.hole_starts[i]; k < walk->shapes.hole_starts[i + 1]; k++)
			expected[walk->shapes.holes[k]] += count;
	}
	for (uint32_t i = 0; i < walk->leaf_count; i++)
		if (expected[i] != (walk->leaf[i].entry ? walk->leaf[i].texts.places : 0))
			return STATUS_DAMAGED;
	if (rows_of[PAYLOAD_CODE_RAW] != walk->raw.places || rows_of[PAYLOAD_CODE_REFERENCE] != walk->reference_count)
		return STATUS_DAMAGED;
	return STATUS_OK;
}

static enum status append_leaves(
	struct payload_columns *columns, struct payload_walk *walk, struct shape_map *map, struct arena *arena)
{
	for (uint32_t i = 0; i < walk->leaf_count; i++) {
		struct raw_texts *raw = &walk->leaf[i].texts;
		if (!walk->leaf[i].entry || raw->places == 0)
			continue;
		struct texts *texts = &columns->leaves[map->leaf[i] - 1];
		struct mapping mapping;
		enum status status = map_entries(texts, raw, arena, &mapping);
		if (status == STATUS_OK)
			status = append_codes(texts, raw, &mapping, NULL, raw->places, texts->places);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status append_raw(struct payload_columns *columns, struct payload_walk *walk, struct arena *arena)
{
	struct mapping mapping;
	if (walk->raw.places == 0)
		return STATUS_OK;
	enum status status = map_entries(&columns->raw, &walk->raw, arena, &mapping);
	if (status != STATUS_OK)
		return status;
	return append_codes(&columns->raw, &walk->raw, &mapping, NULL, walk->raw.places, columns->raw.places);
}

static enum status append_references(struct payload_columns *columns, const struct payload_walk *walk)
{
	uint32_t count = walk->reference_count;
	if (!array_need(&columns->references, &columns->references_capacity, (size_t)columns->reference_count + count))
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < count; i++) {
		struct reference *reference = &columns->references[columns->reference_count + i];
		memcpy(reference->key, walk->keys.at + (size_t)i * sizeof(reference->key), sizeof(reference->key));
		reference->size = walk->sizes[i];
	}
	columns->reference_count += count;
	return STATUS_OK;
}

/* Where all places of a payload stood, to take back what was added. */
struct payload_mark {
	uint32_t raw, references;
	uint32_t leaf_columns;
	uint32_t *leaves;
};

static enum status mark(const struct payload_columns *columns, struct arena *arena, struct payload_mark *mark)
{
	mark->raw = columns->raw.places;
	mark->references = columns->reference_count;
	mark->leaf_columns = columns->paths.count;
	mark->leaves = arena_alloc(arena, ((size_t)mark->leaf_columns + 1) * sizeof(*mark->leaves));
	if (mark->leaves == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < mark->leaf_columns; i++)
		mark->leaves[i] = columns->leaves[i].places;
	return STATUS_OK;
}

static void take_back(struct payload_columns *columns, const struct payload_mark *mark)
{
	columns->raw.places = mark->raw;
	columns->reference_count = mark->references;
	for (uint32_t i = 0; i < columns->paths.count; i++)
		columns->leaves[i].places = i < mark->leaf_columns ? mark->leaves[i] : 0;
}

/* All rows at once; only for rows that are all live. STATUS_LIMIT: not possible, nothing was done. */
static enum status append_whole(
	struct rows *rows, struct block *block, struct payload_columns *columns, struct payload_walk *walk)
{
	struct shape_map map;
	struct payload_mark before;
	uint32_t count = walk->shapes.rows;
	if (block->live_rows || walk->order != ORDER_ARRIVAL || count == 0)
		return STATUS_LIMIT;
	enum status status = map_shapes(columns, walk, &block->arena, &map);
	if (status == STATUS_OK)
		status = check_places(walk, &map, &block->arena);
	if (status == STATUS_OK)
		status = mark(columns, &block->arena, &before);
	if (status != STATUS_OK)
		return status;
	status = append_leaves(columns, walk, &map, &block->arena);
	if (status == STATUS_OK)
		status = append_raw(columns, walk, &block->arena);
	if (status == STATUS_OK)
		status = append_references(columns, walk);
	if (status == STATUS_OK && !array_need(&columns->codes, &columns->codes_capacity, (size_t)rows->count + count))
		status = STATUS_NO_MEMORY;
	if (status != STATUS_OK) {
		take_back(columns, &before);
		return status;
	}
	memset(columns->codes + columns->places, 0, (rows->count - columns->places) * sizeof(*columns->codes));
	for (uint32_t i = 0; i < count; i++) {
		uint32_t code = walk->shapes.codes[i];
		columns->codes[rows->count + i] =
			code < PAYLOAD_CODE_SHAPE ? code : map.shape[code - PAYLOAD_CODE_SHAPE];
	}
	columns->places = rows->count + count;
	return STATUS_OK;
}

static enum status append_one(
	struct rows *rows, struct payload_columns *columns, struct payload_walk *walk, uint32_t code, uint32_t row)
{
	struct json_leaf leaves[SHAPE_LEAVES_MAX];
	struct payload_leaves found = {code >= PAYLOAD_CODE_SHAPE ? leaves : NULL, 0};
	struct buf out;
	buf_init(&out, BLOCK_RAW_BYTES_MAX);
	uint32_t reference = walk->reference_next;
	enum status status = payload_walk_put(walk, code, &out, leaves, &found.count);
	if (status == STATUS_OK && row != UINT32_MAX) {
		if (code == PAYLOAD_CODE_REFERENCE) {
			struct reference entry = {.size = walk->sizes[reference]};
			memcpy(entry.key, walk->keys.at + (size_t)reference * sizeof(entry.key), sizeof(entry.key));
			status = payload_append_reference(columns, row, &entry);
		} else if (out.len > PAYLOAD_INLINE_BYTES_MAX) {
			status = STATUS_DAMAGED;
		} else if (code) {
			status = payload_append(columns, row, buf_text(&out), found, &rows->scratch);
		}
	}
	buf_finish(&out);
	return status;
}

static enum status append_by_row(
	struct rows *rows, struct block *block, struct payload_columns *columns, struct payload_walk *walk)
{
	uint32_t live = 0;
	if (walk->order != ORDER_ARRIVAL)
		return STATUS_UNSUPPORTED;
	enum status status = payload_walk_render(block, walk);
	for (uint32_t i = 0; i < block->image.rows && status == STATUS_OK; i++) {
		bool is_live = block->live_rows == NULL || (live < block->live && block->live_rows[live] == i);
		status = append_one(
			rows, columns, walk, walk->shapes.codes[i], is_live ? rows->count + live : UINT32_MAX);
		live += is_live;
	}
	return status;
}

static enum status append_payload(struct rows *rows, struct block *block, enum payload payload)
{
	struct payload_columns *columns = &rows->payload[payload];
	struct payload_walk walk;
	enum status status = payload_walk_open(block, payload, &walk);
	if (status != STATUS_OK)
		return status;
	status = append_whole(rows, block, columns, &walk);
	return status == STATUS_LIMIT ? append_by_row(rows, block, columns, &walk) : status;
}

static enum status append_field(struct rows *rows, struct block *block, unsigned field)
{
	enum field_type type = (enum field_type)field_types[field];
	rows->used[field / WORD_BITS] |= UINT64_C(1) << field % WORD_BITS;
	if (type == FIELD_TYPE_PAYLOAD)
		return append_payload(rows, block, payload_of(field));
	return field_is_number(type) ? append_numbers(rows, block, field) : append_texts(rows, block, field);
}

enum status rows_append_block(struct rows *rows, struct block *block)
{
	if (block->image.level != BLOCK_TAIL)
		return STATUS_UNSUPPORTED;
	if (block->live > BLOCK_ROWS_MAX - rows->count)
		return STATUS_LIMIT;
	if (rows->count && rows->bytes + block->image.raw_bytes > BLOCK_RAW_BYTES_MAX)
		return STATUS_LIMIT;
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		bool here = block_entry(block, field, SUB_FIELD) || (field == FIELD_RECV_TIME && block->is_part);
		if (!here || field == FIELD_SEQ || field_types[field] == FIELD_TYPE_NONE)
			continue;
		enum status status = append_field(rows, block, field);
		if (status != STATUS_OK) {
			rows_cut(rows);
			return status;
		}
	}
	rows->count += block->live;
	rows->bytes += block->image.raw_bytes;
	return STATUS_OK;
}
