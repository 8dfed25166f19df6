/*
 * The reader.  Columns are decoded when they are first asked for, into the block's arena.  Nothing in an image is
 * believed: every count and length is checked where it is read (image.c, decode.c), every code against its limit.
 */
#include "reader.h"
#include "rows.h"

enum { ARENA_BYTES_MAX = 512 * 1024 * 1024, RENDERED_BYTES_MAX = 2 * BLOCK_RAW_BYTES_MAX, WORD_BITS = 64 };
enum { PICKED_SHARE = 8 }; /* of a block's events, at most one in so many is made alone */

static enum status index_columns(struct block *block)
{
	unsigned last = 0;
	for (uint32_t i = 0; i < block->image.columns; i++) {
		unsigned field = block->image.entry[i].column.field;
		if (field < last)
			return STATUS_DAMAGED;
		if (field > last || i == 0)
			block->first_entry[field] = i + 1;
		last = field;
	}
	return STATUS_OK;
}

const struct image_entry *block_entry(const struct block *block, unsigned field, uint32_t sub)
{
	uint32_t first = block->first_entry[field];
	if (first == 0)
		return NULL;
	for (uint32_t i = first - 1; i < block->image.columns && block->image.entry[i].column.field == field; i++)
		if (block->image.entry[i].column.sub == sub)
			return &block->image.entry[i];
	return NULL;
}

static enum status open_image(struct text text, struct block **block)
{
	struct block *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	arena_init(&made->arena, ARENA_BYTES_MAX);
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		buf_init(&made->rendered[i], RENDERED_BYTES_MAX);
	enum status status = image_open(text, &made->arena, &made->image);
	if (status == STATUS_OK)
		status = index_columns(made);
	if (status != STATUS_OK) {
		block_close(&made);
		return status;
	}
	made->first_seq = made->image.first_seq;
	made->live = made->image.rows;
	*block = made;
	return STATUS_OK;
}

static enum status explain(enum status status, struct error *error)
{
	if (status == STATUS_UNSUPPORTED)
		return error_set(error, status, "the block was written by a newer version");
	if (status != STATUS_OK)
		return error_set(error, status, "the block cannot be read: %s", status_text(status));
	return status;
}

enum status block_open_columns(struct text image, struct block **block, struct error *error)
{
	return explain(open_image(image, block), error);
}

static enum status check_columns(const struct block *block)
{
	enum status status = STATUS_OK;
	for (uint32_t i = 0; i < block->image.columns && status == STATUS_OK; i++)
		status = image_check(&block->image.entry[i]);
	return status;
}

enum status block_open(struct text image, struct block **block, struct error *error)
{
	struct block *made = NULL;
	enum status status = open_image(image, &made);
	if (status == STATUS_OK)
		status = check_columns(made);
	if (status == STATUS_OK)
		*block = made;
	else
		block_close(&made);
	return explain(status, error);
}

/* dead is a bit per row of the image. */
static enum status leave_out_dead(struct block *block, const uint8_t *dead)
{
	uint32_t *rows = arena_alloc(&block->arena, ((size_t)block->image.rows + 1) * sizeof(*rows));
	if (rows == NULL)
		return STATUS_NO_MEMORY;
	block->live = 0;
	for (uint32_t i = 0; i < block->image.rows; i++)
		if (!(dead[i / 8] >> (i % 8) & 1))
			rows[block->live++] = i;
	if (block->live < block->image.rows)
		block->live_rows = rows;
	return STATUS_OK;
}

enum status block_open_part(const struct tail_part *part, struct block **block, struct error *error)
{
	struct block *made = NULL;
	enum status status = open_image(part->image, &made);
	if (status == STATUS_OK && made->image.rows != part->row_count)
		status = STATUS_DAMAGED;
	if (status == STATUS_OK)
		status = check_columns(made);
	if (status == STATUS_OK && part->dead)
		status = leave_out_dead(made, part->dead);
	if (status != STATUS_OK) {
		block_close(&made);
		return explain(status, error);
	}
	made->first_seq = part->first_seq;
	made->recv_time = part->recv_time;
	made->is_part = true;
	*block = made;
	return STATUS_OK;
}

void block_close(struct block **block)
{
	if (*block == NULL)
		return;
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		buf_finish(&(*block)->rendered[i]);
		if ((*block)->pick)
			buf_finish(&(*block)->pick->rendered[i]);
	}
	arena_finish(&(*block)->arena);
	free(*block);
	*block = NULL;
}

uint64_t block_first_seq(const struct block *block)
{
	return block->first_seq;
}

uint32_t block_count(const struct block *block)
{
	return block->live;
}

void block_set_payload_source(struct block *block, struct payload_source source)
{
	block->source = source;
}

static enum status load_groups(struct block *block)
{
	const struct image_entry *entry = block_entry(block, GROUPS_FIELD, SUB_FIELD);
	if (block->groups)
		return STATUS_OK;
	if (entry == NULL || entry->column.form != FORM_GROUPS || entry->column.map != MAP_CODES ||
		entry->column.places != block->image.rows)
		return STATUS_DAMAGED;
	struct stream_cursor cursor = {.entry = entry, .arena = &block->arena};
	const uint32_t *groups = cursor_codes(&cursor, block->image.rows, entry->column.entries);
	if (groups == NULL)
		return cursor.status;
	for (uint32_t i = 0; i < block->image.rows; i++)
		if (groups[i] == 0)
			return STATUS_DAMAGED;
	block->groups = groups;
	block->group_count = entry->column.entries;
	return STATUS_OK;
}

enum status block_groups(struct block *block, struct block_groups *groups)
{
	const struct image_entry *entry = block_entry(block, GROUPS_FIELD, SUB_FIELD);
	if (entry == NULL)
		return STATUS_NOT_FOUND;
	enum status status = load_groups(block);
	if (status != STATUS_OK)
		return status;
	struct stream_cursor cursor = {.entry = entry, .arena = &block->arena, .next = 1};
	*groups = (struct block_groups){.count = block->group_count, .of_row = block->groups};
	groups->request_bytes = cursor_ints(&cursor, block->group_count);
	groups->response_bytes = cursor_ints(&cursor, block->group_count);
	return cursor.status;
}

enum status block_stored_rows(struct block *block, enum order order, const uint32_t **rows)
{
	*rows = NULL;
	if (order == ORDER_ARRIVAL)
		return STATUS_OK;
	enum status status = load_groups(block);
	if (status != STATUS_OK)
		return status;
	if (block->stored_rows == NULL) {
		uint32_t *next = arena_calloc(&block->arena, (size_t)block->group_count + 2, sizeof(*next));
		uint32_t *made = arena_alloc(&block->arena, ((size_t)block->image.rows + 1) * sizeof(*made));
		uint32_t *places = arena_alloc(&block->arena, ((size_t)block->image.rows + 1) * sizeof(*places));
		if (next == NULL || made == NULL || places == NULL)
			return STATUS_NO_MEMORY;
		for (uint32_t i = 0; i < block->image.rows; i++)
			next[block->groups[i] + 1]++;
		for (uint32_t group = 1; group <= block->group_count; group++)
			next[group + 1] += next[group];
		for (uint32_t i = 0; i < block->image.rows; i++) {
			places[i] = next[block->groups[i]]++;
			made[places[i]] = i;
		}
		block->stored_rows = made;
		block->stored_places = places;
	}
	*rows = block->stored_rows;
	return STATUS_OK;
}

/* What places_in needs: what all rows of a group share is spread without the order of rows. */
static enum status load_order(struct block *block, enum order order)
{
	const uint32_t *stored_rows = NULL;
	return order == ORDER_GROUP ? load_groups(block) : block_stored_rows(block, order, &stored_rows);
}

static struct row_list rows_of(const struct block *block, const struct pick *pick)
{
	return pick ? pick->rows : (struct row_list){block->live_rows, block->live};
}

static uint32_t row_at(struct row_list rows, uint32_t i)
{
	return rows.list ? rows.list[i] : i;
}

/* Where rows of the image stand in a column: row r at of[r] - first; of = NULL: at r. */
struct row_places {
	const uint32_t *of;
	uint32_t first;
};

static struct row_places places_in(const struct block *block, enum order order)
{
	return order == ORDER_ARRIVAL ? (struct row_places){NULL, 0}
	       : order == ORDER_GROUP ? (struct row_places){block->groups, 1}
				      : (struct row_places){block->stored_places, 0};
}

static uint32_t place_at(struct row_places places, uint32_t row)
{
	return places.of ? places.of[row] - places.first : row;
}

static bool are_same(const uint32_t *codes, uint32_t count)
{
	uint32_t any = 0;
	for (uint32_t i = 1; i < count; i++)
		any |= codes[i] ^ codes[0];
	return count > 0 && any == 0;
}

/* Brings codes from stored order to that of rows. */
static enum status arrange_codes(struct block *block, enum order order, const struct raw_texts *raw,
	struct row_list rows, const uint32_t **codes)
{
	enum status status = load_order(block, order);
	if (status != STATUS_OK)
		return status;
	if (raw->places != (order == ORDER_GROUP ? block->group_count : block->image.rows))
		return STATUS_DAMAGED;
	*codes = raw->codes;
	if (order == ORDER_ARRIVAL && rows.list == NULL && raw->codes)
		return STATUS_OK;
	struct row_places places = places_in(block, order);
	uint32_t *made = arena_alloc(&block->arena, ((size_t)rows.count + 1) * sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	*codes = made;
	if (places.of && raw->codes && rows.list == NULL) { /* as most are */
		const uint32_t *from = raw->codes;
		bool same = order == ORDER_GROUP && are_same(from, raw->places);
		for (uint32_t i = 0; i < rows.count && same; i++)
			made[i] = from[0];
		for (uint32_t i = 0; i < rows.count && !same; i++)
			made[i] = from[places.of[i] - places.first];
		return STATUS_OK;
	}
	for (uint32_t i = 0; i < rows.count; i++) {
		uint32_t place = place_at(places, row_at(rows, i));
		made[i] = raw->codes ? raw->codes[place] : place + 1;
	}
	return STATUS_OK;
}

/* pick (may be NULL): only its entries are made. */
static enum status read_texts(
	struct block *block, const struct image_entry *entry, const struct pick *pick, struct column *column)
{
	struct raw_texts raw;
	struct row_list rows = rows_of(block, pick);
	enum status status = decode_places(entry, &block->arena, &raw);
	if (status == STATUS_OK)
		status = arrange_codes(block, entry->column.order, &raw, rows, &column->codes);
	if (status != STATUS_OK)
		return status;
	if (pick && !texts_want_none(&raw, &block->arena))
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < rows.count && pick; i++)
		if (column->codes[i] > 0)
			texts_want(&raw, column->codes[i] - 1);
	status = decode_values(entry, &block->arena, &raw);
	struct text *entries = arena_alloc(&block->arena, ((size_t)raw.entries + 1) * sizeof(*entries));
	if (status != STATUS_OK || entries == NULL)
		return status == STATUS_OK ? STATUS_NO_MEMORY : status;
	entries[0] = (struct text){NULL, 0};
	status = decode_entries(&raw, &block->arena, entries + 1);
	column->entries = entries;
	column->entry_count = raw.entries + 1;
	return status;
}

static uint64_t *new_bits(struct block *block, uint32_t rows)
{
	return arena_calloc(&block->arena, (size_t)rows / WORD_BITS + 1, sizeof(uint64_t));
}

static void set_bits(uint64_t *bits, uint32_t count)
{
	memset(bits, 0xff, count / WORD_BITS * sizeof(*bits));
	if (count % WORD_BITS)
		bits[count / WORD_BITS] = (UINT64_C(1) << count % WORD_BITS) - 1;
}

/* Brings numbers from stored order to that of rows. */
static enum status arrange_numbers(struct block *block, enum order order, const struct raw_numbers *raw,
	struct row_list rows, struct column *column, uint64_t *present)
{
	struct row_places places = places_in(block, order);
	int64_t *values = arena_alloc(&block->arena, ((size_t)rows.count + 1) * sizeof(*values));
	if (values == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < rows.count; i++) {
		uint32_t place = place_at(places, row_at(rows, i));
		values[i] = raw->values[place];
		uint64_t has = raw->present ? raw->present[place / WORD_BITS] >> (place % WORD_BITS) & 1 : 1;
		present[i / WORD_BITS] |= has << (i % WORD_BITS);
	}
	column->numbers = values;
	return STATUS_OK;
}

static enum status read_numbers(
	struct block *block, const struct image_entry *entry, struct row_list rows, struct column *column)
{
	struct raw_numbers raw;
	enum order order = entry->column.order;
	enum status status = decode_numbers(entry, &block->arena, &raw);
	if (status == STATUS_OK)
		status = load_order(block, order);
	if (status != STATUS_OK)
		return status;
	if (raw.places != (order == ORDER_GROUP ? block->group_count : block->image.rows))
		return STATUS_DAMAGED;
	uint64_t *present = new_bits(block, rows.count);
	column->numbers = raw.values;
	column->present = present;
	if (present == NULL)
		return STATUS_NO_MEMORY;
	if (order != ORDER_ARRIVAL || rows.list)
		return arrange_numbers(block, order, &raw, rows, column, present);
	if (raw.present)
		memcpy(present, raw.present, ((size_t)raw.places + WORD_BITS - 1) / WORD_BITS * sizeof(*present));
	else
		set_bits(present, rows.count);
	return STATUS_OK;
}

/* A number every row has: seq, or the receive time of a part.  step: from an event to the next. */
static enum status make_numbers(
	struct block *block, int64_t first, int64_t step, struct row_list rows, struct column *column)
{
	int64_t *values = arena_alloc(&block->arena, ((size_t)rows.count + 1) * sizeof(*values));
	uint64_t *present = new_bits(block, rows.count);
	if (values == NULL || present == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < rows.count; i++) {
		uint32_t event = block->live_rows ? i : row_at(rows, i);
		values[i] = first + step * (int64_t)event;
		present[i / WORD_BITS] |= UINT64_C(1) << (i % WORD_BITS);
	}
	column->numbers = values;
	column->present = present;
	return STATUS_OK;
}

static enum status fetch_payload(struct block *block, const uint8_t *key, struct text *text)
{
	if (block->source.get == NULL)
		return STATUS_NOT_FOUND;
	return block->source.get(block->source.context, key, &block->arena, text);
}

/* Where the payload of each row (of a pick: of its rows) is: in the rendered bytes, or (reference != NULL) elsewhere. */
struct place {
	size_t start, end;
	const char *reference;
};

/* rows: see block_stored_rows. */
static enum status open_walk(struct block *block, enum payload payload, const struct pick *pick,
	struct payload_walk *walk, const uint32_t **rows)
{
	enum status status =
		pick ? payload_walk_open_places(block, payload, walk) : payload_walk_open(block, payload, walk);
	if (status == STATUS_OK)
		status = block_stored_rows(block, walk->order, rows);
	if (pick == NULL)
		return status == STATUS_OK ? payload_walk_render(block, walk) : status;
	for (uint32_t i = 0; i < block->image.rows && status == STATUS_OK; i++)
		status = payload_walk_pass(walk, walk->shapes.codes[i], pick->rank[*rows ? (*rows)[i] : i] > 0);
	return status == STATUS_OK ? payload_walk_again(block, walk) : status;
}

static enum status render_rows(
	struct block *block, enum payload payload, const struct pick *pick, struct buf *out, struct place *places)
{
	struct payload_walk walk;
	const uint32_t *stored_rows = NULL;
	enum status status = open_walk(block, payload, pick, &walk, &stored_rows);
	for (uint32_t i = 0; i < block->image.rows && status == STATUS_OK; i++) {
		uint32_t row = stored_rows ? stored_rows[i] : i;
		if (pick && pick->rank[row] == 0) {
			status = payload_walk_pass(&walk, walk.shapes.codes[i], false);
			continue;
		}
		struct place place = {out->len, 0, NULL};
		uint32_t code = walk.shapes.codes[i];
		if (code == PAYLOAD_CODE_REFERENCE && walk.reference_next < walk.reference_count)
			place.reference = walk.keys.at + (size_t)walk.reference_next * SHA256_BYTES;
		status = payload_walk_put(&walk, code, out, NULL, NULL);
		place.end = out->len;
		places[pick ? pick->rank[row] - 1 : row] = place;
	}
	return status;
}

/* Payloads that are kept elsewhere are fetched for all rows only when the whole column is asked for. */
static enum status read_payload(struct block *block, enum payload payload, struct pick *pick, struct column *column)
{
	struct buf *out = pick ? &pick->rendered[payload] : &block->rendered[payload];
	struct row_list rows = rows_of(block, pick);
	uint32_t place_count = pick ? rows.count : block->image.rows;
	struct place *places = arena_calloc(&block->arena, (size_t)place_count + 1, sizeof(*places));
	struct text *entries = arena_calloc(&block->arena, (size_t)rows.count + 1, sizeof(*entries));
	uint32_t *codes = arena_calloc(&block->arena, (size_t)rows.count + 1, sizeof(*codes));
	if (places == NULL || entries == NULL || codes == NULL)
		return STATUS_NO_MEMORY;
	enum status status = render_rows(block, payload, pick, out, places);
	uint32_t count = 0;
	for (uint32_t i = 0; i < rows.count && status == STATUS_OK; i++) {
		const struct place *place = &places[pick ? i : row_at(rows, i)];
		struct text text = {out->at + place->start, place->end - place->start};
		if (place->reference)
			text = (struct text){place->reference, 0};
		else if (text.len == 0)
			continue;
		entries[++count] = text;
		codes[i] = count;
	}
	column->codes = codes;
	column->entries = entries;
	column->entry_count = count + 1;
	return status;
}

/* In stored order. */
static enum status measure_rows(struct block *block, struct payload_walk *walk, uint64_t *lengths)
{
	const struct shape_length *shapes = payload_walk_shapes(walk, &block->arena);
	const uint32_t *codes = walk->shapes.codes;
	uint32_t rows = block->image.rows;
	enum status status = shapes ? STATUS_OK : STATUS_NO_MEMORY;
	for (uint32_t first = 0, end = 0; first < rows && status == STATUS_OK; first = end) {
		for (end = first + 1; end < rows && codes[end] == codes[first];)
			end++;
		status = payload_walk_measure(walk, shapes, first, end - first, lengths + first);
	}
	return status;
}

enum status block_payload_lengths(struct block *block, enum payload payload, const uint64_t **lengths)
{
	struct payload_walk walk;
	const uint32_t *stored_rows = NULL;
	enum status status = payload_walk_open_lengths(block, payload, &walk);
	if (status == STATUS_OK)
		status = block_stored_rows(block, walk.order, &stored_rows);
	if (status != STATUS_OK)
		return status;
	uint32_t rows = block->image.rows;
	uint64_t *stored = arena_alloc(&block->arena, ((size_t)rows + 1) * sizeof(*stored));
	uint64_t *made = stored_rows ? arena_alloc(&block->arena, ((size_t)rows + 1) * sizeof(*made)) : stored;
	if (stored == NULL || made == NULL)
		return STATUS_NO_MEMORY;
	status = measure_rows(block, &walk, stored);
	if (status != STATUS_OK)
		return status;
	for (uint32_t i = 0; i < rows && stored_rows; i++)
		made[stored_rows[i]] = stored[i];
	for (uint32_t i = 0; i < block->live && block->live_rows; i++)
		made[i] = made[block->live_rows[i]];
	*lengths = made;
	return STATUS_OK;
}

static enum status load_column(struct block *block, unsigned field, struct pick *pick, struct column *column)
{
	enum field_type type = (enum field_type)field_types[field];
	const struct image_entry *entry = block_entry(block, field, SUB_FIELD);
	struct row_list rows = rows_of(block, pick);
	column->rows = rows.count;
	column->is_number = field_is_number(type);
	if (field == FIELD_SEQ)
		return make_numbers(block, (int64_t)block->first_seq, 1, rows, column);
	if (entry == NULL)
		return field == FIELD_RECV_TIME && block->is_part
			       ? make_numbers(block, block->recv_time, 0, rows, column)
			       : STATUS_NOT_FOUND;
	if (type == FIELD_TYPE_NONE)
		return STATUS_NOT_FOUND; /* a field of a newer table */
	if (type == FIELD_TYPE_PAYLOAD)
		return read_payload(block, payload_of(field), pick, column);
	return column->is_number ? read_numbers(block, entry, rows, column) : read_texts(block, entry, pick, column);
}

/* The column with references not yet fetched (texts of length 0 that point to a key). */
static enum status ask_column(struct block *block, unsigned field, const struct column **column)
{
	if (field >= FIELD_LIMIT)
		return STATUS_NOT_FOUND;
	if (block->state[field] == COLUMN_UNKNOWN) {
		struct column made = {0};
		enum status status = load_column(block, field, NULL, &made);
		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			return status;
		block->column[field] = made;
		block->state[field] = status == STATUS_OK ? COLUMN_HERE : COLUMN_ABSENT;
	}
	*column = &block->column[field];
	return block->state[field] == COLUMN_HERE ? STATUS_OK : STATUS_NOT_FOUND;
}

static enum status fetch_entry(struct block *block, const struct column *column, uint32_t code)
{
	struct text *text = (struct text *)(uintptr_t)&column->entries[code];
	if (text->len > 0)
		return STATUS_OK;
	enum status status = fetch_payload(block, (const uint8_t *)text->at, text);
	return status == STATUS_OK && text->len == 0 ? STATUS_DAMAGED : status;
}

enum status block_may_have_text(struct block *block, unsigned field, struct text text, bool *may)
{
	const struct image_entry *entry = block_entry(block, field, SUB_FIELD);
	enum field_type type = (enum field_type)field_types[field];
	*may = entry != NULL;
	if (entry == NULL || block->state[field] != COLUMN_UNKNOWN || type == FIELD_TYPE_NONE ||
		type == FIELD_TYPE_PAYLOAD || field_is_number(type))
		return STATUS_OK;
	return decode_may_have(entry, text, &block->arena, may);
}

enum status block_may_hold(struct block *block, unsigned field, const struct phrase *phrase, bool *may)
{
	const struct image_entry *entry = block_entry(block, field, SUB_FIELD);
	*may = entry != NULL;
	if (entry == NULL || block->state[field] != COLUMN_UNKNOWN || field_types[field] != FIELD_TYPE_LONG)
		return STATUS_OK;
	return decode_may_hold(entry, phrase, &block->arena, may);
}

enum status block_column(struct block *block, unsigned field, struct column *column)
{
	const struct column *found = NULL;
	enum status status = ask_column(block, field, &found);
	if (status != STATUS_OK)
		return status;
	if (field_types[field] == FIELD_TYPE_PAYLOAD)
		for (uint32_t code = 1; code < found->entry_count && status == STATUS_OK; code++)
			status = fetch_entry(block, found, code);
	if (status == STATUS_OK)
		*column = *found;
	return status;
}

/* Asks for the columns of whole events, once. */
static enum status list_fields(struct block *block, bool picked)
{
	block->field_count = 0;
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		const struct column *column = NULL;
		if (block->first_entry[field] == 0 && field != FIELD_SEQ && field != FIELD_RECV_TIME)
			continue;
		enum status status = picked ? load_column(block, field, block->pick, &block->pick->column[field])
					    : ask_column(block, field, &column);
		if (status == STATUS_OK)
			block->fields[block->field_count++] = (uint8_t)field;
		else if (status != STATUS_NOT_FOUND)
			return status;
	}
	*(picked ? &block->pick->listed : &block->listed) = true;
	return STATUS_OK;
}

void block_expect(struct block *block, const uint64_t *rows)
{
	uint32_t count = 0;
	if (block->listed || block->pick || block->live_rows)
		return;
	for (uint32_t i = 0; i < block->live; i++)
		count += is_wanted(rows, i);
	if (count > block->live / PICKED_SHARE)
		return;
	struct pick *pick = arena_calloc(&block->arena, 1, sizeof(*pick));
	uint32_t *rank = arena_calloc(&block->arena, (size_t)block->live + 1, sizeof(*rank));
	uint32_t *list = arena_alloc(&block->arena, ((size_t)count + 1) * sizeof(*list));
	if (pick == NULL || rank == NULL || list == NULL)
		return; /* then all are made */
	for (uint32_t i = 0, next = 0; i < block->live; i++) {
		if (!is_wanted(rows, i))
			continue;
		list[next++] = i;
		rank[i] = next;
	}
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		buf_init(&pick->rendered[i], RENDERED_BYTES_MAX);
	pick->rows = (struct row_list){list, count};
	pick->rank = rank;
	block->pick = pick;
}

static enum status fill_field(
	struct block *block, const struct column *column, uint32_t row, unsigned field, struct event *event)
{
	if (column->is_number) {
		if (column->present[row / WORD_BITS] >> (row % WORD_BITS) & 1)
			event_set_number(event, field, column->numbers[row]);
		return STATUS_OK;
	}
	uint32_t code = column->codes[row];
	if (code == 0)
		return STATUS_OK;
	enum status status = STATUS_OK;
	if (field_types[field] == FIELD_TYPE_PAYLOAD)
		status = fetch_entry(block, column, code);
	if (status == STATUS_OK)
		event_set_text(event, field, column->entries[code]);
	return status;
}

enum status block_event(struct block *block, uint32_t row, struct event *event)
{
	if (row >= block->live)
		return STATUS_NOT_FOUND;
	event_clear(event);
	memset(event->payload, 0, sizeof(event->payload));
	bool picked = block->pick && block->pick->rank[row] > 0;
	const struct column *columns = picked ? block->pick->column : block->column;
	uint32_t at = picked ? block->pick->rank[row] - 1 : row;
	bool listed = picked ? block->pick->listed : block->listed;
	enum status status = listed ? STATUS_OK : list_fields(block, picked);
	for (uint32_t i = 0; i < block->field_count && status == STATUS_OK; i++)
		status = fill_field(block, &columns[block->fields[i]], at, block->fields[i], event);
	if (status != STATUS_OK)
		return status;
	event->kind = kind_find(event_text(event, FIELD_KIND));
	event->verdict = verdict_find(event_text(event, FIELD_VERDICT));
	return STATUS_OK;
}
