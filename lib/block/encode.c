/* Rows to an image: each column says what it is, then puts its streams. */
#include "crypto.h"
#include "groups.h"
#include "patterns.h"
#include "rows.h"
#include "summary.h"

enum { WORD_BITS = 64 };

/* The bit of each place that has an entry. */
static void put_presence(struct image_writer *writer, const uint32_t *codes, uint32_t count, uint32_t places)
{
	size_t words = ((size_t)places + WORD_BITS - 1) / WORD_BITS;
	uint64_t *bits = (uint64_t *)image_scratch(writer, words);
	if (bits == NULL)
		return;
	memset(bits, 0, words * sizeof(*bits));
	for (uint32_t i = 0; i < count; i++)
		bits[i / WORD_BITS] |= (uint64_t)(codes[i] != 0) << (i % WORD_BITS);
	image_put_bytes(writer, bits, words * sizeof(*bits));
}

static enum map find_map(const struct texts *texts, uint32_t places)
{
	uint32_t next = 0;
	bool absent = texts->places < places;
	for (uint32_t i = 0; i < texts->places; i++) {
		uint32_t code = texts->codes[i];
		absent |= code == 0;
		if (code != 0 && code != ++next)
			return MAP_CODES;
	}
	if (next != texts->count)
		return MAP_CODES;
	return absent ? MAP_PRESENCE : MAP_ALL;
}

static void put_lengths(struct image_writer *writer, const uint32_t *ends, uint32_t count)
{
	int64_t *lengths = image_scratch(writer, count);
	if (lengths == NULL)
		return;
	uint32_t start = 0;
	for (uint32_t i = 0; i < count; i++) {
		lengths[i] = ends[i] - start;
		start = ends[i];
	}
	image_put_ints(writer, lengths, count);
}

static void put_kept(struct image_writer *writer, const struct texts *texts, uint32_t count)
{
	put_lengths(writer, texts->ends, count);
	image_put_prose(writer, texts->bytes, count ? texts->ends[count - 1] : 0);
}

static void put_entries(struct image_writer *writer, const struct texts *texts)
{
	if (texts->form == FORM_TEXT) {
		put_kept(writer, texts, texts->count);
		return;
	}
	if (texts->form == FORM_INT || texts->form == FORM_QUOTED)
		image_put_ints(writer, (const int64_t *)(const void *)texts->binary, texts->count);
	else
		image_put_bytes(writer, texts->binary, (size_t)texts->count * texts->width);
	if (texts->odd_count) {
		image_put_codes(writer, &texts->odd_count, 1);
		image_put_codes(writer, texts->odd, texts->odd_count);
		put_kept(writer, texts, texts->odd_count);
	}
}

/* A stream of codes for all places, where the last ones may be missing (absent). */
static void put_codes(struct image_writer *writer, const uint32_t *codes, uint32_t count, uint32_t places)
{
	if (count == places) {
		image_put_codes(writer, codes, places);
		return;
	}
	int64_t *values = image_scratch(writer, places);
	if (values == NULL)
		return;
	for (uint32_t i = 0; i < places; i++)
		values[i] = i < count ? codes[i] : 0;
	image_put_ints(writer, values, places);
}

static void put_texts(struct image_writer *writer, const struct texts *texts, unsigned field, uint32_t sub,
	uint32_t places, enum order order)
{
	struct image_column column = {
		.field = (uint8_t)field,
		.sub = sub,
		.order = order,
		.form = (uint8_t)texts->form,
		.width = (uint8_t)texts->width,
		.map = find_map(texts, places),
		.odd = texts->odd_count != 0,
		.places = places,
		.entries = texts->count,
	};
	struct patterns patterns;
	bool cut = writer->level == BLOCK_SEALED && patterns_make(texts, &patterns);
	if (cut)
		column.form = FORM_PATTERNS;
	image_put_column(writer, &column);
	if (column.map == MAP_PRESENCE)
		put_presence(writer, texts->codes, texts->places, places);
	else if (column.map == MAP_CODES)
		put_codes(writer, texts->codes, texts->places, places);
	if (cut) {
		patterns_put(writer, &patterns);
		patterns_finish(&patterns);
	} else {
		put_entries(writer, texts);
	}
}

static void put_numbers(struct image_writer *writer, const struct numbers *numbers, unsigned field, uint32_t rows)
{
	size_t words = ((size_t)numbers->places + WORD_BITS - 1) / WORD_BITS;
	uint32_t count = 0;
	for (size_t word = 0; word < words; word++)
		count += (uint32_t)__builtin_popcountll(numbers->present[word]);
	struct image_column column = {
		.field = (uint8_t)field,
		.form = FORM_NUMBERS,
		.map = count == rows ? MAP_ALL : MAP_PRESENCE,
		.places = rows,
		.entries = count,
	};
	image_put_column(writer, &column);
	if (count == rows) {
		image_put_ints(writer, numbers->values, count);
		return;
	}
	size_t row_words = ((size_t)rows + WORD_BITS - 1) / WORD_BITS;
	int64_t *scratch = image_scratch(writer, row_words > count ? row_words : count);
	if (scratch == NULL)
		return;
	memset(scratch, 0, row_words * sizeof(*scratch));
	memcpy(scratch, numbers->present, words * sizeof(*scratch));
	image_put_bytes(writer, scratch, row_words * sizeof(*scratch));
	uint32_t next = 0;
	for (size_t word = 0; word < words; word++)
		for (uint64_t bits = numbers->present[word]; bits; bits &= bits - 1)
			scratch[next++] = numbers->values[word * WORD_BITS + (unsigned)__builtin_ctzll(bits)];
	image_put_ints(writer, scratch, count);
}

static void put_references(struct image_writer *writer, const struct payload_columns *columns, unsigned field)
{
	uint32_t count = columns->reference_count;
	struct image_column column = {.field = (uint8_t)field,
		.sub = SUB_REFERENCES,
		.form = FORM_REFERENCE,
		.places = count,
		.entries = count};
	image_put_column(writer, &column);
	uint8_t(*keys)[SHA256_BYTES] = malloc((size_t)count * sizeof(*keys));
	int64_t *sizes = image_scratch(writer, count);
	if (keys && sizes) {
		for (uint32_t i = 0; i < count; i++) {
			memcpy(keys[i], columns->references[i].key, sizeof(keys[i]));
			sizes[i] = columns->references[i].size;
		}
		image_put_bytes(writer, keys, count * sizeof(*keys));
		image_put_ints(writer, sizes, count);
	} else {
		writer->streams.failed = STATUS_NO_MEMORY;
	}
	free(keys);
}

/* Shapes that were refused (too many, or too large) are put as empty templates: no row has them. */
static void put_shapes(struct image_writer *writer, const struct payload_columns *columns)
{
	uint32_t count = columns->templates.count;
	struct buf templates;
	int64_t *lengths = image_scratch(writer, count);
	if (lengths == NULL)
		return;
	buf_init(&templates, BLOCK_IMAGE_BYTES_MAX);
	for (uint32_t i = 0; i < count; i++) {
		struct text template = texts_kept(&columns->templates, i);
		if (columns->shapes[i].count > SHAPE_LEAVES_MAX)
			template.len = 0;
		lengths[i] = (int64_t) template.len;
		buf_put_text(&templates, template);
	}
	if (templates.failed != STATUS_OK)
		writer->streams.failed = templates.failed;
	image_put_ints(writer, lengths, count);
	image_put_prose(writer, templates.at, templates.len);
	buf_finish(&templates);
	int64_t *holes = image_scratch(writer, columns->hole_count);
	if (holes == NULL)
		return;
	for (uint32_t i = 0; i < columns->hole_count; i++)
		holes[i] = columns->holes[i];
	image_put_ints(writer, holes, columns->hole_count);
}

static void put_payload(struct image_writer *writer, const struct payload_columns *columns, unsigned field,
	uint32_t rows, enum order order)
{
	struct image_column column = {
		.field = (uint8_t)field,
		.form = FORM_PAYLOAD,
		.map = MAP_CODES,
		.order = order,
		.places = rows,
		.entries = columns->templates.count,
	};
	image_put_column(writer, &column);
	put_codes(writer, columns->codes, columns->places, rows);
	put_shapes(writer, columns);
	if (columns->reference_count)
		put_references(writer, columns, field);
	if (columns->raw.places)
		put_texts(writer, &columns->raw, field, SUB_RAW, columns->raw.places, order);
	for (uint32_t i = 0; i < columns->paths.count; i++)
		if (columns->leaves[i].places)
			put_texts(writer, &columns->leaves[i], field, SUB_LEAF_FIRST + i, columns->leaves[i].places,
				order);
}

static void check(struct image_writer *writer, enum status status)
{
	if (status != STATUS_OK && writer->streams.failed == STATUS_OK)
		writer->streams.failed = status;
}

/* How many bytes the payloads of each group have, as they were sent. */
static void put_sizes(struct image_writer *writer, const struct rows *rows, const struct groups *groups,
	enum payload payload, const struct numbers *sent)
{
	uint64_t *lengths = malloc(((size_t)rows->count + 1) * sizeof(*lengths));
	int64_t *sums = image_scratch(writer, groups->count);
	if (lengths == NULL || sums == NULL || !payload_lengths(&rows->payload[payload], rows->count, lengths)) {
		check(writer, STATUS_NO_MEMORY);
	} else {
		memset(sums, 0, groups->count * sizeof(*sums));
		for (uint32_t row = 0; row < rows->count; row++) {
			uint64_t size = numbers_has(sent, row) ? (uint64_t)sent->values[row] : lengths[row];
			sums[groups->of_row[row]] = (int64_t)((uint64_t)sums[groups->of_row[row]] + size);
		}
		image_put_ints(writer, sums, groups->count);
	}
	free(lengths);
}

static void put_groups(struct image_writer *writer, const struct groups *groups, const struct rows *all)
{
	uint32_t rows = all->count;
	struct image_column column = {
		.field = GROUPS_FIELD,
		.form = FORM_GROUPS,
		.map = MAP_CODES,
		.places = rows,
		.entries = groups->count,
	};
	image_put_column(writer, &column);
	int64_t *codes = image_scratch(writer, rows);
	if (codes == NULL)
		return;
	for (uint32_t i = 0; i < rows; i++)
		codes[i] = (int64_t)groups->of_row[i] + 1;
	image_put_ints(writer, codes, rows);
	put_sizes(writer, all, groups, PAYLOAD_REQUEST, &all->numbers[FIELD_REQUEST_SIZE]);
	put_sizes(writer, all, groups, PAYLOAD_RESPONSE, &all->numbers[FIELD_RESPONSE_SIZE]);
}

static void put_grouped_payload(
	struct image_writer *writer, const struct rows *rows, const struct groups *groups, unsigned field)
{
	const struct payload_columns *columns = &rows->payload[payload_of(field)];
	struct payload_columns arranged;
	enum status status = payload_arrange(columns, groups, rows->count, &arranged);
	check(writer, status);
	if (status != STATUS_OK)
		return;
	put_payload(writer, &arranged, field, rows->count, ORDER_GROUPED);
	payload_arranged_finish(&arranged);
}

/* One place per group where its rows agree; prose by groups, so that like stands beside like; else by arrival. */
static void put_grouped_texts(
	struct image_writer *writer, const struct rows *rows, const struct groups *groups, unsigned field)
{
	const struct texts *texts = &rows->texts[field];
	bool prose = field_types[field] == FIELD_TYPE_LONG || field_types[field] == FIELD_TYPE_JSON;
	struct texts arranged;
	uint32_t *codes = malloc(((size_t)groups->count + 1) * sizeof(*codes));
	if (codes == NULL) {
		check(writer, STATUS_NO_MEMORY);
	} else if (groups_share_code(groups, rows, texts, codes)) {
		arranged = *texts;
		arranged.codes = codes;
		arranged.places = groups->count;
		put_texts(writer, &arranged, field, SUB_FIELD, groups->count, ORDER_GROUP);
	} else if (prose) {
		enum status status = texts_arrange(texts, groups->rows, rows->count, &arranged);
		check(writer, status);
		if (status == STATUS_OK) {
			put_texts(writer, &arranged, field, SUB_FIELD, rows->count, ORDER_GROUPED);
			texts_finish(&arranged);
		}
	} else {
		put_texts(writer, texts, field, SUB_FIELD, rows->count, ORDER_ARRIVAL);
	}
	free(codes);
}

/* groups: NULL where rows stand as they came. */
static void put_field(struct image_writer *writer, const struct rows *rows, const struct groups *groups, unsigned field)
{
	if (field_types[field] == FIELD_TYPE_PAYLOAD) {
		const struct payload_columns *columns = &rows->payload[payload_of(field)];
		if (columns->places == 0)
			return;
		if (groups)
			put_grouped_payload(writer, rows, groups, field);
		else
			put_payload(writer, columns, field, rows->count, ORDER_ARRIVAL);
	} else if (field_is_number((enum field_type)field_types[field])) {
		if (rows->numbers[field].places)
			put_numbers(writer, &rows->numbers[field], field, rows->count);
	} else if (rows->texts[field].places) {
		if (groups)
			put_grouped_texts(writer, rows, groups, field);
		else
			put_texts(writer, &rows->texts[field], field, SUB_FIELD, rows->count, ORDER_ARRIVAL);
	}
}

static enum status put_image(const struct rows *rows, enum block_level level, uint64_t first_seq,
	const struct groups *groups, struct buf *image)
{
	struct image_writer writer;
	image_writer_init(&writer, level, rows->hurry);
	if (groups)
		put_groups(&writer, groups, rows);
	if (groups && groups->count <= 1)
		groups = NULL; /* as they came is as they stand */
	for (unsigned word = 0; word < FIELD_LIMIT / WORD_BITS; word++)
		for (uint64_t bits = rows->used[word]; bits; bits &= bits - 1)
			put_field(&writer, rows, groups, word * WORD_BITS + (unsigned)__builtin_ctzll(bits));
	enum status status = image_put(&writer, first_seq, rows->count, rows->bytes, image);
	image_writer_finish(&writer);
	return status;
}

enum status block_encode(const struct rows *rows, enum block_level level, uint64_t first_seq,
	const uint8_t filter_key[16], struct buf *image, struct buf *summary)
{
	struct groups groups = {0};
	enum status status = STATUS_OK;
	if (level == BLOCK_SEALED)
		status = groups_make(rows, &groups);
	if (status == STATUS_OK)
		status = put_image(rows, level, first_seq, level == BLOCK_SEALED ? &groups : NULL, image);
	groups_finish(&groups);
	if (status == STATUS_OK && summary)
		status = summary_put(rows, first_seq, filter_key, summary);
	return status;
}
