/* Payloads of an image, row by row in stored order. */
#include "reader.h"
#include "rows.h"

typedef enum status decode_one(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw);

static enum status open_with(struct block *block, enum payload payload, decode_one *decode, struct payload_walk *walk)
{
	unsigned field = payload_field(payload);
	const struct image_entry *entry = block_entry(block, field, SUB_FIELD);
	*walk = (struct payload_walk){0};
	if (entry == NULL)
		return STATUS_NOT_FOUND;
	enum status status = decode_shapes(entry, &block->arena, &walk->shapes);
	if (status != STATUS_OK)
		return status;
	if (walk->shapes.rows != block->image.rows || entry->column.order == ORDER_GROUP)
		return STATUS_DAMAGED;
	walk->order = entry->column.order;
	walk->raw_entry = block_entry(block, field, SUB_RAW);
	if (walk->raw_entry)
		status = decode(walk->raw_entry, &block->arena, &walk->raw);
	const struct image_entry *references = block_entry(block, field, SUB_REFERENCES);
	if (references && status == STATUS_OK) {
		struct stream_cursor cursor = {.entry = references, .arena = &block->arena};
		walk->reference_count = references->column.entries;
		walk->keys = cursor_bytes(&cursor);
		walk->sizes = cursor_ints(&cursor, walk->reference_count);
		status = cursor.status;
		if (status == STATUS_OK && walk->keys.len != (size_t)walk->reference_count * SHA256_BYTES)
			status = STATUS_DAMAGED;
	}
	uint32_t holes = walk->shapes.hole_starts[walk->shapes.shapes];
	for (uint32_t i = 0; i < holes; i++)
		if (walk->shapes.holes[i] >= walk->leaf_count)
			walk->leaf_count = walk->shapes.holes[i] + 1;
	walk->leaf = arena_calloc(&block->arena, (size_t)walk->leaf_count + 1, sizeof(*walk->leaf));
	if (walk->leaf == NULL)
		return STATUS_NO_MEMORY;
	uint32_t first = block->first_entry[field] - 1;
	for (uint32_t i = first; i < block->image.columns && status == STATUS_OK; i++) {
		const struct image_column *column = &block->image.entry[i].column;
		if (column->field != field)
			break;
		if (column->sub < SUB_LEAF_FIRST || column->sub - SUB_LEAF_FIRST >= walk->leaf_count)
			continue;
		struct leaf_walk *leaf = &walk->leaf[column->sub - SUB_LEAF_FIRST];
		status = decode(&block->image.entry[i], &block->arena, &leaf->texts);
		leaf->entry = &block->image.entry[i];
	}
	return status;
}

enum status payload_walk_open(struct block *block, enum payload payload, struct payload_walk *walk)
{
	return open_with(block, payload, decode_texts, walk);
}

enum status payload_walk_open_lengths(struct block *block, enum payload payload, struct payload_walk *walk)
{
	return open_with(block, payload, decode_lengths, walk);
}

static enum status render_entries(struct block *block, const struct raw_texts *raw, struct text **entries)
{
	struct text *made = arena_alloc(&block->arena, ((size_t)raw->entries + 1) * sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	*entries = made;
	return decode_entries(raw, &block->arena, made);
}

enum status payload_walk_render(struct block *block, struct payload_walk *walk)
{
	enum status status = STATUS_OK;
	if (walk->raw.places)
		status = render_entries(block, &walk->raw, &walk->raw_entries);
	for (uint32_t i = 0; i < walk->leaf_count && status == STATUS_OK; i++)
		if (walk->leaf[i].entry)
			status = render_entries(block, &walk->leaf[i].texts, &walk->leaf[i].entries);
	return status;
}

/* One more than the entry at a column's next place; 0: there is none. */
static uint32_t next_code(const struct raw_texts *texts, uint32_t *next)
{
	if (*next >= texts->places)
		return 0;
	uint32_t place = (*next)++;
	return texts->codes ? texts->codes[place] : place + 1;
}

/* --- some rows only --- */

enum status payload_walk_open_places(struct block *block, enum payload payload, struct payload_walk *walk)
{
	enum status status = open_with(block, payload, decode_places, walk);
	if (status != STATUS_OK)
		return status;
	bool made = texts_want_none(&walk->raw, &block->arena);
	for (uint32_t i = 0; i < walk->leaf_count; i++)
		made = made && texts_want_none(&walk->leaf[i].texts, &block->arena);
	return made ? STATUS_OK : STATUS_NO_MEMORY;
}

static bool pass(struct raw_texts *texts, uint32_t *next, bool wanted)
{
	uint32_t code = next_code(texts, next);
	if (code > 0 && wanted)
		texts_want(texts, code - 1);
	return code > 0;
}

enum status payload_walk_pass(struct payload_walk *walk, uint32_t code, bool wanted)
{
	bool whole = true;
	if (code == PAYLOAD_CODE_REFERENCE)
		return walk->reference_next++ < walk->reference_count ? STATUS_OK : STATUS_DAMAGED;
	if (code == PAYLOAD_CODE_RAW)
		return pass(&walk->raw, &walk->raw_next, wanted) ? STATUS_OK : STATUS_DAMAGED;
	if (code < PAYLOAD_CODE_SHAPE)
		return STATUS_OK;
	uint32_t shape = code - PAYLOAD_CODE_SHAPE;
	for (uint32_t k = walk->shapes.hole_starts[shape]; k < walk->shapes.hole_starts[shape + 1] && whole; k++) {
		struct leaf_walk *leaf = &walk->leaf[walk->shapes.holes[k]];
		whole = pass(&leaf->texts, &leaf->next, wanted);
	}
	return whole ? STATUS_OK : STATUS_DAMAGED;
}

enum status payload_walk_again(struct block *block, struct payload_walk *walk)
{
	enum status status = STATUS_OK;
	walk->reference_next = walk->raw_next = 0;
	if (walk->raw_entry)
		status = decode_values(walk->raw_entry, &block->arena, &walk->raw);
	for (uint32_t i = 0; i < walk->leaf_count && status == STATUS_OK; i++) {
		struct leaf_walk *leaf = &walk->leaf[i];
		leaf->next = 0;
		if (leaf->entry && texts_are_wanted(&leaf->texts))
			status = decode_values(leaf->entry, &block->arena, &leaf->texts);
		else
			leaf->entry = NULL;
	}
	return status == STATUS_OK ? payload_walk_render(block, walk) : status;
}

/* The entry at a column's next place. */
static bool take(const struct raw_texts *texts, const struct text *entries, uint32_t *next, struct text *text)
{
	uint32_t code = entries ? next_code(texts, next) : 0;
	if (code == 0)
		return false;
	*text = entries[code - 1];
	return true;
}

static enum status put_shape(
	struct payload_walk *walk, uint32_t shape, struct buf *out, struct json_leaf *leaves, uint32_t *leaf_count)
{
	struct text template = walk->shapes.templates[shape];
	const uint32_t *hole = walk->shapes.holes + walk->shapes.hole_starts[shape];
	uint32_t count = walk->shapes.hole_starts[shape + 1] - walk->shapes.hole_starts[shape];
	size_t start = out->len;
	size_t from = 0;
	if (leaves && count > SHAPE_LEAVES_MAX)
		return STATUS_DAMAGED;
	for (uint32_t k = 0; k < count; k++) {
		size_t at = from;
		while (template.at[at] != HOLE_RAW && template.at[at] != HOLE_STRING)
			at++;
		bool quoted = template.at[at] == HOLE_STRING;
		struct leaf_walk *leaf = &walk->leaf[hole[k]];
		struct text text;
		if (!take(&leaf->texts, leaf->entries, &leaf->next, &text))
			return STATUS_DAMAGED;
		buf_put(out, template.at + from, at - from);
		size_t leaf_start = out->len - start;
		if (quoted)
			buf_put_byte(out, '"');
		buf_put_text(out, text);
		if (quoted)
			buf_put_byte(out, '"');
		if (leaves)
			leaves[k] = (struct json_leaf){(uint32_t)leaf_start, (uint32_t)(out->len - start - leaf_start)};
		from = at + 1;
	}
	buf_put(out, template.at + from, template.len - from);
	if (leaf_count)
		*leaf_count = count;
	return STATUS_OK;
}

enum status payload_walk_put(
	struct payload_walk *walk, uint32_t code, struct buf *out, struct json_leaf *leaves, uint32_t *leaf_count)
{
	struct text text;
	enum status status = STATUS_OK;
	if (code == PAYLOAD_CODE_REFERENCE) {
		if (walk->reference_next >= walk->reference_count)
			return STATUS_DAMAGED;
		walk->reference_next++;
	} else if (code == PAYLOAD_CODE_RAW) {
		if (!take(&walk->raw, walk->raw_entries, &walk->raw_next, &text))
			return STATUS_DAMAGED;
		buf_put_text(out, text);
	} else if (code >= PAYLOAD_CODE_SHAPE) {
		status = put_shape(walk, code - PAYLOAD_CODE_SHAPE, out, leaves, leaf_count);
	}
	if (status == STATUS_OK && buf_status(out) != STATUS_OK)
		status = buf_status(out) == STATUS_LIMIT ? STATUS_DAMAGED : STATUS_NO_MEMORY;
	return status;
}

/* --- lengths --- */

const struct shape_length *payload_walk_shapes(const struct payload_walk *walk, struct arena *arena)
{
	const struct raw_shapes *shapes = &walk->shapes;
	struct shape_length *lengths = arena_calloc(arena, (size_t)shapes->shapes + 1, sizeof(*lengths));
	uint32_t *seen = arena_calloc(arena, (size_t)walk->leaf_count + 1, sizeof(*seen)); /* 1 + the shape it is in */
	if (lengths == NULL || seen == NULL)
		return NULL;
	for (uint32_t shape = 0; shape < shapes->shapes; shape++) {
		struct text template = shapes->templates[shape];
		for (size_t i = 0; i < template.len; i++)
			lengths[shape].own += template.at[i] == HOLE_STRING ? 2 : template.at[i] != HOLE_RAW;
		for (uint32_t k = shapes->hole_starts[shape]; k < shapes->hole_starts[shape + 1]; k++) {
			lengths[shape].repeats |= seen[shapes->holes[k]] == shape + 1;
			seen[shapes->holes[k]] = shape + 1;
		}
	}
	return lengths;
}

/* Adds the lengths of the entries at a column's next places. */
static bool add_lengths(const struct raw_texts *texts, uint32_t *next, uint64_t *lengths, uint32_t count)
{
	if (texts->lengths == NULL || count > texts->places - *next)
		return false;
	const uint32_t *entries = texts->lengths;
	uint32_t first = *next;
	*next += count;
	if (texts->codes == NULL) {
		for (uint32_t i = 0; i < count; i++)
			lengths[i] += entries[first + i];
		return true;
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t code = texts->codes[first + i];
		if (code == 0)
			return false;
		lengths[i] += entries[code - 1];
	}
	return true;
}

static bool add_references(struct payload_walk *walk, uint64_t *lengths, uint32_t count)
{
	if (count > walk->reference_count - walk->reference_next)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		int64_t size = walk->sizes[walk->reference_next++];
		if (size < 0)
			return false;
		lengths[i] = (uint64_t)size;
	}
	return true;
}

/* Hole by hole over all of them; a leaf column that the shape has twice gives its places payload by payload. */
static bool add_shapes(
	struct payload_walk *walk, const struct shape_length *length, uint32_t shape, uint64_t *lengths, uint32_t count)
{
	uint32_t step = length->repeats ? 1 : count;
	bool whole = true;
	for (uint32_t i = 0; i < count; i++)
		lengths[i] = length->own;
	for (uint32_t i = 0; i < count && whole; i += step)
		for (uint32_t k = walk->shapes.hole_starts[shape]; k < walk->shapes.hole_starts[shape + 1] && whole;
			k++) {
			struct leaf_walk *leaf = &walk->leaf[walk->shapes.holes[k]];
			whole = add_lengths(&leaf->texts, &leaf->next, lengths + i, step);
		}
	return whole;
}

enum status payload_walk_measure(
	struct payload_walk *walk, const struct shape_length *shapes, uint32_t first, uint32_t count, uint64_t *lengths)
{
	uint32_t code = walk->shapes.codes[first];
	bool whole = true;
	memset(lengths, 0, count * sizeof(*lengths));
	if (code == PAYLOAD_CODE_REFERENCE)
		whole = add_references(walk, lengths, count);
	else if (code == PAYLOAD_CODE_RAW)
		whole = add_lengths(&walk->raw, &walk->raw_next, lengths, count);
	else if (code >= PAYLOAD_CODE_SHAPE)
		whole = add_shapes(walk, &shapes[code - PAYLOAD_CODE_SHAPE], code - PAYLOAD_CODE_SHAPE, lengths, count);
	return whole ? STATUS_OK : STATUS_DAMAGED;
}
