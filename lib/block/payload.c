/*
 * Payloads as columns.  A template's holes get their leaf columns once, when its shape is first seen: the path of
 * member names down to the hole (array elements share `[]`) and the kind of hole name the column.  So equal members of
 * different shapes stand in one column, and no payload is parsed a second time.
 */
#include "rows.h"

enum { PATH_BYTES_MAX = 1000 };

void payload_columns_finish(struct payload_columns *columns)
{
	for (uint32_t i = 0; i < columns->leaves_made; i++)
		texts_finish(&columns->leaves[i]);
	texts_finish(&columns->templates);
	texts_finish(&columns->paths);
	texts_finish(&columns->raw);
	free(columns->codes);
	free(columns->shapes);
	free(columns->holes);
	free(columns->leaves);
	free(columns->references);
	*columns = (struct payload_columns){0};
}

void payload_columns_clear(struct payload_columns *columns)
{
	for (uint32_t i = 0; i < columns->paths.count; i++)
		texts_clear(&columns->leaves[i]);
	texts_clear(&columns->templates);
	texts_clear(&columns->paths);
	texts_clear(&columns->raw);
	columns->places = columns->hole_count = columns->reference_count = 0;
	if (columns->knows)
		memset(columns->known, 0, sizeof(columns->known));
	columns->knows = false;
}

enum status payload_set_code(struct payload_columns *columns, uint32_t row, uint32_t code)
{
	if (!array_need(&columns->codes, &columns->codes_capacity, (size_t)row + 1))
		return STATUS_NO_MEMORY;
	if (row > columns->places)
		memset(columns->codes + columns->places, 0, (row - columns->places) * sizeof(*columns->codes));
	columns->codes[row] = code;
	columns->places = row + 1;
	return STATUS_OK;
}

static void cut_leaves(struct payload_columns *columns, const struct shape *shape, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		columns->leaves[columns->holes[shape->first + i]].places--;
}

void payload_cut(struct payload_columns *columns, uint32_t places)
{
	while (columns->places > places) {
		uint32_t code = columns->codes[--columns->places];
		if (code == PAYLOAD_CODE_REFERENCE)
			columns->reference_count--;
		else if (code == PAYLOAD_CODE_RAW)
			columns->raw.places--;
		else if (code >= PAYLOAD_CODE_SHAPE) {
			const struct shape *shape = &columns->shapes[code - PAYLOAD_CODE_SHAPE];
			cut_leaves(columns, shape, shape->count);
		}
	}
}

/* Where a walk through a template is: the path, and how long it was at each depth. */
struct walk {
	char path[PATH_BYTES_MAX];
	size_t len;
	size_t outer[JSON_DEPTH_MAX + 1]; /* path length before each open bracket's part */
	unsigned depth;
};

static void walk_add(struct walk *walk, const char *bytes, size_t len)
{
	size_t room = sizeof(walk->path) - 2 - walk->len;
	len = len < room ? len : room; /* paths that long share a column: correct, only less well compressed */
	memcpy(walk->path + walk->len, bytes, len);
	walk->len += len;
}

static void walk_open(struct walk *walk, bool array)
{
	if (walk->depth < JSON_DEPTH_MAX)
		walk->outer[++walk->depth] = walk->len;
	if (array)
		walk_add(walk, "[]", 2);
}

static void walk_close(struct walk *walk)
{
	walk->len = walk->outer[walk->depth];
	if (walk->depth > 0)
		walk->depth--;
}

/* A member's name; returns the offset behind it. */
static size_t walk_name(struct walk *walk, struct text template, size_t at)
{
	size_t end = at + 1;
	while (end < template.len && template.at[end] != '"')
		end += template.at[end] == '\\' ? 2 : 1;
	if (end > template.len)
		end = template.len;
	walk->len = walk->outer[walk->depth];
	walk_add(walk, ".", 1);
	walk_add(walk, template.at + at + 1, end - at - 1);
	return end;
}

/* The leaf column of the hole the walk stands at. */
static enum status leaf_column(struct payload_columns *columns, struct walk *walk, char hole, uint16_t *column)
{
	uint32_t code = 0;
	walk->path[walk->len] = hole;
	/* Room first: a path that is known has a column. */
	if (!array_need(&columns->leaves, &columns->leaves_capacity, (size_t)columns->paths.count + 1))
		return STATUS_NO_MEMORY;
	if (!texts_code(&columns->paths, (struct text){walk->path, walk->len + 1}, &code))
		return STATUS_NO_MEMORY;
	if (code > columns->leaves_made) {
		columns->leaves[code - 1] = (struct texts){0};
		columns->leaves_made = code;
	}
	*column = (uint16_t)(code - 1);
	return STATUS_OK;
}

static enum status find_holes(struct payload_columns *columns, struct text template, struct shape *shape)
{
	struct walk walk;
	walk.len = walk.depth = 0;
	walk.outer[0] = 0;
	*shape = (struct shape){columns->hole_count, 0};
	for (size_t at = 0; at < template.len; at++) {
		char byte = template.at[at];
		if (byte == '{' || byte == '[') {
			walk_open(&walk, byte == '[');
		} else if (byte == '}' || byte == ']') {
			walk_close(&walk);
		} else if (byte == '"') {
			at = walk_name(&walk, template, at);
		} else if (byte == HOLE_RAW || byte == HOLE_STRING) {
			size_t end = (size_t)shape->first + shape->count + 1;
			if (!array_need(&columns->holes, &columns->holes_capacity, end))
				return STATUS_NO_MEMORY;
			enum status status = leaf_column(columns, &walk, byte, &columns->holes[end - 1]);
			if (status != STATUS_OK)
				return status;
			shape->count++;
		}
	}
	return shape->count <= SHAPE_LEAVES_MAX ? STATUS_OK : STATUS_LIMIT;
}

enum status payload_shape(struct payload_columns *columns, struct text template, uint32_t *shape)
{
	uint32_t code = 0;
	uint32_t before = columns->templates.count;
	columns->paths.always_shared = true;
	if (!texts_code(&columns->templates, template, &code))
		return STATUS_NO_MEMORY;
	*shape = code - 1;
	if (columns->templates.count == before)
		return columns->shapes[code - 1].count <= SHAPE_LEAVES_MAX ? STATUS_OK : STATUS_LIMIT;
	/* A shape that fails stays, as one that is never used: its template is found again. */
	enum status status = STATUS_LIMIT;
	struct shape found = {0, SHAPE_LEAVES_MAX + 1};
	if (!array_need(&columns->shapes, &columns->shapes_capacity, code)) {
		columns->templates.count = before;
		return STATUS_NO_MEMORY;
	}
	columns->shapes[code - 1] = found;
	if (code <= SHAPES_MAX && columns->paths.count < LEAF_COLUMNS_MAX)
		status = find_holes(columns, template, &found);
	if (status == STATUS_OK) {
		columns->shapes[code - 1] = found;
		columns->hole_count += found.count;
	}
	return status;
}

enum status payload_append_raw(struct payload_columns *columns, uint32_t row, struct text text)
{
	if (!texts_append(&columns->raw, columns->raw.places, text))
		return STATUS_NO_MEMORY;
	enum status status = payload_set_code(columns, row, PAYLOAD_CODE_RAW);
	if (status != STATUS_OK)
		columns->raw.places--;
	return status;
}

enum status payload_append_reference(struct payload_columns *columns, uint32_t row, const struct reference *reference)
{
	if (!array_need(&columns->references, &columns->references_capacity, (size_t)columns->reference_count + 1))
		return STATUS_NO_MEMORY;
	enum status status = payload_set_code(columns, row, PAYLOAD_CODE_REFERENCE);
	if (status == STATUS_OK)
		columns->references[columns->reference_count++] = *reference;
	return status;
}

static bool is_string(struct text text, const struct json_leaf *leaf)
{
	return leaf->len >= 2 && text.at[leaf->at] == '"';
}

static struct text cut_template(struct text text, struct payload_leaves leaves, struct buf *scratch)
{
	buf_clear(scratch);
	char *to = buf_reserve(scratch, text.len + leaves.count);
	if (to == NULL)
		return (struct text){NULL, 0};
	char *start = to;
	uint32_t from = 0;
	for (uint32_t i = 0; i < leaves.count; i++) {
		const struct json_leaf *leaf = &leaves.leaves[i];
		memcpy(to, text.at + from, leaf->at - from);
		to += leaf->at - from;
		*to++ = is_string(text, leaf) ? HOLE_STRING : HOLE_RAW;
		from = leaf->at + leaf->len;
	}
	memcpy(to, text.at + from, text.len - from);
	return (struct text){start, (size_t)(to - start) + text.len - from};
}

static enum status append_leaves(struct payload_columns *columns, uint32_t row, struct text text,
	struct payload_leaves leaves, uint32_t shape_index)
{
	const struct shape *shape = &columns->shapes[shape_index];
	for (uint32_t i = 0; i < shape->count; i++) {
		struct texts *column = &columns->leaves[columns->holes[shape->first + i]];
		const struct json_leaf *leaf = &leaves.leaves[i];
		unsigned quote = is_string(text, leaf);
		struct text value = {text.at + leaf->at + quote, leaf->len - 2 * quote};
		if (!texts_append(column, column->places, value)) {
			cut_leaves(columns, shape, i);
			return STATUS_NO_MEMORY;
		}
	}
	enum status status = payload_set_code(columns, row, PAYLOAD_CODE_SHAPE + shape_index);
	if (status != STATUS_OK)
		cut_leaves(columns, shape, shape->count);
	return status;
}

enum status payload_append(struct payload_columns *columns, uint32_t row, struct text text,
	struct payload_leaves leaves, struct buf *scratch)
{
	uint32_t shape = 0;
	struct known_template *known = &columns->known[leaves.template % KNOWN_TEMPLATES];
	if (leaves.template && known->number == leaves.template)
		return append_leaves(columns, row, text, leaves, known->shape);
	if (leaves.leaves == NULL || leaves.count > SHAPE_LEAVES_MAX || columns->templates.count > SHAPES_MAX)
		return payload_append_raw(columns, row, text);
	struct text template = cut_template(text, leaves, scratch);
	if (template.at == NULL)
		return STATUS_NO_MEMORY;
	enum status status = payload_shape(columns, template, &shape);
	if (status == STATUS_LIMIT || (status == STATUS_OK && columns->shapes[shape].count != leaves.count))
		return payload_append_raw(columns, row, text);
	if (status != STATUS_OK)
		return status;
	if (leaves.template) {
		*known = (struct known_template){leaves.template, shape};
		columns->knows = true;
	}
	return append_leaves(columns, row, text, leaves, shape);
}
