#include "decode.h"

#include "patterns.h"

enum { WORD_BITS = 64, INT_CHARACTERS = 24, UUID_WORDS = 5 };
enum { ENTRIES_ASKED_MAX = 256 }; /* of a column, before its places are read */

static enum status failed(const struct stream_cursor *cursor)
{
	return cursor->status == STATUS_OK ? STATUS_NO_MEMORY : cursor->status;
}

const struct text *decode_kept(struct stream_cursor *cursor, uint32_t count)
{
	const int64_t *lengths = cursor_ints(cursor, count);
	struct text bytes = cursor_bytes(cursor);
	if (cursor->status != STATUS_OK)
		return NULL;
	struct text *kept = arena_alloc(cursor->arena, ((size_t)count + 1) * sizeof(*kept));
	if (kept == NULL)
		return NULL;
	size_t start = 0;
	for (uint32_t i = 0; i < count; i++) {
		if ((uint64_t)lengths[i] > bytes.len - start) {
			cursor->status = STATUS_DAMAGED;
			return NULL;
		}
		kept[i] = (struct text){bytes.at + start, (size_t)lengths[i]};
		start += (size_t)lengths[i];
	}
	if (start != bytes.len)
		cursor->status = STATUS_DAMAGED;
	return cursor->status == STATUS_OK ? kept : NULL;
}

/* Bits of a presence stream, aligned; bits beyond `places` are cleared. */
static const uint64_t *get_bits(struct stream_cursor *cursor, uint32_t places, uint32_t *count)
{
	size_t words = ((size_t)places + WORD_BITS - 1) / WORD_BITS;
	struct text bytes = cursor_bytes(cursor);
	if (cursor->status != STATUS_OK)
		return NULL;
	if (bytes.len != words * sizeof(uint64_t)) {
		cursor->status = STATUS_DAMAGED;
		return NULL;
	}
	uint64_t *bits = arena_alloc(cursor->arena, (words + 1) * sizeof(*bits));
	if (bits == NULL)
		return NULL;
	if (words)
		memcpy(bits, bytes.at, bytes.len);
	if (places % WORD_BITS)
		bits[words - 1] &= (UINT64_C(1) << places % WORD_BITS) - 1;
	*count = 0;
	for (size_t word = 0; word < words; word++)
		*count += (uint32_t)__builtin_popcountll(bits[word]);
	return bits;
}

static enum status get_map(struct stream_cursor *cursor, const struct image_column *column, const uint32_t **codes)
{
	*codes = NULL;
	if (column->map == MAP_ALL)
		return column->places == column->entries ? STATUS_OK : STATUS_DAMAGED;
	if (column->map == MAP_CODES) {
		*codes = cursor_codes(cursor, column->places, column->entries);
		return *codes ? STATUS_OK : failed(cursor);
	}
	uint32_t count = 0;
	const uint64_t *bits = get_bits(cursor, column->places, &count);
	if (bits == NULL)
		return failed(cursor);
	if (count != column->entries)
		return STATUS_DAMAGED;
	uint32_t *made = arena_alloc(cursor->arena, ((size_t)column->places + 1) * sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	uint32_t next = 0;
	for (uint32_t i = 0; i < column->places; i++) {
		uint32_t has = bits[i / WORD_BITS] >> (i % WORD_BITS) & 1;
		next += has;
		made[i] = has ? next : 0;
	}
	*codes = made;
	return STATUS_OK;
}

static bool is_ascending_below(const uint32_t *numbers, uint32_t count, uint32_t limit)
{
	for (uint32_t i = 0; i < count; i++)
		if (numbers[i] >= limit || (i && numbers[i] <= numbers[i - 1]))
			return false;
	return true;
}

static enum status get_odd(struct stream_cursor *cursor, const struct image_column *column, struct raw_texts *raw)
{
	if (!column->odd)
		return STATUS_OK;
	const int64_t *count = cursor_ints(cursor, 1);
	if (count == NULL)
		return failed(cursor);
	if (*count <= 0 || *count > column->entries)
		return STATUS_DAMAGED;
	raw->odd_count = (uint32_t)*count;
	raw->odd = cursor_codes(cursor, raw->odd_count, column->entries);
	if (raw->odd == NULL)
		return failed(cursor);
	if (!is_ascending_below(raw->odd, raw->odd_count, column->entries))
		return STATUS_DAMAGED;
	raw->kept = decode_kept(cursor, raw->odd_count);
	return raw->kept ? STATUS_OK : failed(cursor);
}

static bool is_width(enum form form, unsigned width)
{
	switch (form) {
	case FORM_UUID:
		return width == UUID_BYTES;
	case FORM_HEX:
		return width > 0 && width <= FORM_WIDTH_MAX && width % 4 == 0;
	case FORM_INT:
	case FORM_QUOTED:
		return width == sizeof(int64_t);
	default:
		return false;
	}
}

static enum status get_binary(struct stream_cursor *cursor, const struct image_column *column, struct raw_texts *raw)
{
	if (!is_width(raw->form, raw->width))
		return STATUS_DAMAGED;
	if (raw->form == FORM_INT || raw->form == FORM_QUOTED) {
		raw->binary = (const uint8_t *)cursor_ints(cursor, column->entries);
		return raw->binary ? STATUS_OK : failed(cursor);
	}
	struct text bytes = cursor_bytes(cursor);
	if (cursor->status != STATUS_OK)
		return cursor->status;
	if (bytes.len != (size_t)column->entries * column->width)
		return STATUS_DAMAGED;
	raw->binary = (const uint8_t *)bytes.at;
	return STATUS_OK;
}

static enum status at_end(const struct stream_cursor *cursor)
{
	return cursor->next == cursor->entry->stream_count ? STATUS_OK : STATUS_DAMAGED;
}

enum status decode_places(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena};
	*raw = (struct raw_texts){
		.form = (enum form)column->form,
		.width = column->width,
		.map = column->map,
		.places = column->places,
		.entries = column->entries,
	};
	enum status status = get_map(&cursor, column, &raw->codes);
	raw->streams_read = cursor.next;
	return status;
}

enum status decode_values(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena, .next = raw->streams_read};
	enum status status = STATUS_OK;
	if (column->form == FORM_TEXT || column->form == FORM_PATTERNS) {
		raw->form = FORM_TEXT;
		raw->kept = column->form == FORM_TEXT ? decode_kept(&cursor, column->entries)
						      : patterns_get(&cursor, column->entries, raw->wanted);
		status = raw->kept ? STATUS_OK : failed(&cursor);
	} else {
		status = get_binary(&cursor, column, raw);
		if (status == STATUS_OK)
			status = get_odd(&cursor, column, raw);
	}
	return status == STATUS_OK ? at_end(&cursor) : status;
}

enum status decode_may_have(const struct image_entry *entry, struct text text, struct arena *arena, bool *may)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena, .next = column->map == MAP_ALL ? 0 : 1};
	struct raw_texts raw = {.form = (enum form)column->form, .width = column->width};
	uint8_t wanted[FORM_WIDTH_MAX];
	*may = true;
	if (column->odd || column->form == FORM_TEXT || column->form == FORM_PATTERNS)
		return STATUS_OK;
	enum status status = get_binary(&cursor, column, &raw);
	if (status != STATUS_OK)
		return status;
	*may = false;
	if (!form_parse(raw.form, raw.width, text, wanted))
		return STATUS_OK;
	for (uint32_t i = 0; i < column->entries && !*may; i++)
		*may = memcmp(raw.binary + (size_t)i * raw.width, wanted, raw.width) == 0;
	return STATUS_OK;
}

enum status decode_texts(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw)
{
	enum status status = decode_places(entry, arena, raw);
	return status == STATUS_OK ? decode_values(entry, arena, raw) : status;
}

/* Of a form whose texts are made from binary; odd ones are not. */
static const uint32_t *get_binary_lengths(struct stream_cursor *cursor, const struct image_column *column)
{
	enum form form = (enum form)column->form;
	uint32_t *lengths = arena_alloc(cursor->arena, ((size_t)column->entries + 1) * sizeof(*lengths));
	struct raw_texts raw = {.form = form, .width = column->width};
	bool is_int = form == FORM_INT || form == FORM_QUOTED;
	if (!is_width(form, column->width)) {
		cursor->status = STATUS_DAMAGED;
		return NULL;
	}
	const int64_t *numbers = is_int ? cursor_ints(cursor, column->entries) : NULL;
	if (!is_int)
		cursor->next++;
	if (lengths == NULL || cursor->status != STATUS_OK)
		return NULL;
	for (uint32_t i = 0; i < column->entries; i++)
		lengths[i] = (uint32_t)(is_int ? form_int_length(numbers[i]) + (form == FORM_QUOTED ? 2 : 0)
					       : form_length(form, column->width));
	enum status status = get_odd(cursor, column, &raw);
	for (uint32_t k = 0; k < raw.odd_count && status == STATUS_OK; k++)
		lengths[raw.odd[k]] = (uint32_t)raw.kept[k].len;
	if (status != STATUS_OK)
		cursor->status = status;
	return status == STATUS_OK ? lengths : NULL;
}

enum status decode_lengths(const struct image_entry *entry, struct arena *arena, struct raw_texts *raw)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena};
	*raw = (struct raw_texts){.places = column->places, .entries = column->entries};
	enum status status = get_map(&cursor, column, &raw->codes);
	if (status != STATUS_OK)
		return status;
	if (column->form == FORM_TEXT) {
		raw->lengths = cursor_codes(&cursor, column->entries, BLOCK_IMAGE_BYTES_MAX);
		cursor.next++; /* the bytes */
	} else if (column->form == FORM_PATTERNS) {
		raw->lengths = patterns_get_lengths(&cursor, column->entries);
	} else {
		raw->lengths = get_binary_lengths(&cursor, column);
	}
	return raw->lengths ? at_end(&cursor) : failed(&cursor);
}

/* Whether a text that is made from binary may hold a phrase: most are one word of few letters. */
static bool may_hold(enum form form, const struct phrase *phrase)
{
	const char *letters = form == FORM_INT || form == FORM_QUOTED ? "0123456789" : "0123456789abcdef";
	if (phrase->count > (form == FORM_UUID ? UUID_WORDS : 1U))
		return false;
	for (size_t k = 0; k < phrase->count; k++)
		for (size_t i = 0; i < phrase->words[k].text.len && !phrase->words[k].glob; i++)
			if (phrase->words[k].text.at[i] == 0 || strchr(letters, phrase->words[k].text.at[i]) == NULL)
				return false;
	return true;
}

enum status decode_phrase(
	const struct image_entry *entry, const struct phrase *phrase, struct arena *arena, const uint8_t **found)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena, .next = column->map == MAP_ALL ? 0 : 1};
	bool can_tell = false;
	*found = NULL;
	if (column->form == FORM_TEXT)
		return STATUS_UNSUPPORTED;
	if (column->form != FORM_PATTERNS)
		return column->odd || may_hold((enum form)column->form, phrase) ? STATUS_UNSUPPORTED : STATUS_OK;
	*found = patterns_find(&cursor, column->entries, phrase, &can_tell);
	if (cursor.status != STATUS_OK)
		return cursor.status;
	return can_tell ? STATUS_OK : STATUS_UNSUPPORTED;
}

enum status decode_may_hold(
	const struct image_entry *entry, const struct phrase *phrase, struct arena *arena, bool *may)
{
	const struct image_column *column = &entry->column;
	const uint8_t *found = NULL;
	struct stream_cursor cursor = {.entry = entry, .arena = arena, .next = column->map == MAP_ALL ? 0 : 1};
	*may = true;
	if (column->form != FORM_TEXT) {
		enum status status = decode_phrase(entry, phrase, arena, &found);
		*may = status == STATUS_UNSUPPORTED || found != NULL;
		return status == STATUS_UNSUPPORTED ? STATUS_OK : status;
	}
	if (column->entries > ENTRIES_ASKED_MAX)
		return STATUS_OK;
	const struct text *kept = decode_kept(&cursor, column->entries);
	if (kept == NULL)
		return failed(&cursor);
	*may = false;
	for (uint32_t i = 0; i < column->entries && !*may; i++)
		*may = phrase_found(phrase, kept[i]);
	return STATUS_OK;
}

enum status decode_numbers(const struct image_entry *entry, struct arena *arena, struct raw_numbers *raw)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena};
	*raw = (struct raw_numbers){.places = column->places};
	if (column->form != FORM_NUMBERS || column->map == MAP_CODES)
		return STATUS_DAMAGED;
	uint32_t count = column->places;
	if (column->map == MAP_PRESENCE) {
		raw->present = get_bits(&cursor, column->places, &count);
		if (raw->present == NULL)
			return failed(&cursor);
	}
	if (count != column->entries)
		return STATUS_DAMAGED;
	const int64_t *values = cursor_ints(&cursor, count);
	if (values == NULL)
		return failed(&cursor);
	raw->values = values;
	if (count != column->places) {
		int64_t *spread = arena_calloc(arena, column->places, sizeof(*spread));
		if (spread == NULL)
			return STATUS_NO_MEMORY;
		uint32_t next = 0;
		for (uint32_t i = 0; i < column->places; i++)
			if (raw->present[i / WORD_BITS] >> (i % WORD_BITS) & 1)
				spread[i] = values[next++];
		raw->values = spread;
	}
	return at_end(&cursor);
}

static uint32_t count_holes(struct text template)
{
	uint32_t holes = 0;
	for (size_t i = 0; i < template.len; i++)
		holes += template.at[i] == HOLE_RAW || template.at[i] == HOLE_STRING;
	return holes;
}

enum status decode_shapes(const struct image_entry *entry, struct arena *arena, struct raw_shapes *raw)
{
	const struct image_column *column = &entry->column;
	struct stream_cursor cursor = {.entry = entry, .arena = arena};
	*raw = (struct raw_shapes){.rows = column->places, .shapes = column->entries};
	if (column->form != FORM_PAYLOAD || column->map != MAP_CODES)
		return STATUS_DAMAGED;
	raw->codes = cursor_codes(&cursor, column->places, (uint64_t)column->entries + PAYLOAD_CODE_SHAPE - 1);
	raw->templates = decode_kept(&cursor, column->entries);
	if (raw->codes == NULL || raw->templates == NULL)
		return failed(&cursor);
	uint32_t *starts = arena_alloc(arena, ((size_t)column->entries + 1) * sizeof(*starts));
	if (starts == NULL)
		return STATUS_NO_MEMORY;
	starts[0] = 0;
	for (uint32_t i = 0; i < column->entries; i++)
		starts[i + 1] = starts[i] + count_holes(raw->templates[i]);
	raw->hole_starts = starts;
	raw->holes = cursor_codes(&cursor, starts[column->entries], IMAGE_COLUMNS_MAX);
	return raw->holes ? at_end(&cursor) : failed(&cursor);
}

bool texts_want_none(struct raw_texts *raw, struct arena *arena)
{
	raw->wanted = arena_calloc(arena, (size_t)raw->entries / WORD_BITS + 1, sizeof(*raw->wanted));
	return raw->wanted != NULL;
}

void texts_want(struct raw_texts *raw, uint32_t entry)
{
	if (entry < raw->entries)
		raw->wanted[entry / WORD_BITS] |= UINT64_C(1) << (entry % WORD_BITS);
}

static size_t count_wanted(const struct raw_texts *raw)
{
	size_t count = 0;
	if (raw->wanted == NULL)
		return raw->entries;
	for (uint32_t i = 0; i < raw->entries; i += WORD_BITS)
		count += (size_t)__builtin_popcountll(raw->wanted[i / WORD_BITS]);
	return count;
}

bool texts_are_wanted(const struct raw_texts *raw)
{
	return count_wanted(raw) > 0;
}

enum status decode_entries(const struct raw_texts *raw, struct arena *arena, struct text *texts)
{
	if (raw->form == FORM_TEXT) {
		if (raw->entries)
			memcpy(texts, raw->kept, raw->entries * sizeof(*texts));
		return STATUS_OK;
	}
	size_t length = form_length(raw->form, raw->width);
	size_t room = length ? length : INT_CHARACTERS;
	char *to = arena_alloc(arena, count_wanted(raw) * room + 1);
	if (to == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < raw->entries; i++) {
		if (!is_wanted(raw->wanted, i)) {
			texts[i] = (struct text){NULL, 0};
			continue;
		}
		size_t len = form_render(raw->form, raw->width, raw->binary + (size_t)i * raw->width, to);
		texts[i] = (struct text){to, len};
		to += len;
	}
	for (uint32_t k = 0; k < raw->odd_count; k++)
		texts[raw->odd[k]] = raw->kept[k];
	return STATUS_OK;
}
