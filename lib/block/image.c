#include "image.h"

#include <assert.h>

#include "array.h"
#include "checksum.h"
#include "codec.h"
#include "ints.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are written as memory is");

static const char magic[8] = {'m', 'c', 'p', 'l', 'd', 'g', 'B', 'K'};

enum {
	AT_VERSION = 8,
	AT_LEVEL = 10,
	AT_LENGTH = 12,
	AT_FIRST_SEQ = 16,
	AT_ROWS = 24,
	AT_FIELDS_VERSION = 28,
	AT_COLUMNS = 30,
	AT_DIRECTORY_LENGTH = 32,
	AT_RAW_BYTES = 36,
	AT_CHECKSUM = 40,
};
enum { MAP_BITS = 3, ORDER_SHIFT = 2, ORDER_BITS = 3, FLAG_ODD = 16, FLAGS_KNOWN = 31 };
enum {
	INFLATE_TIMES_MAX = 1100, /* deflate makes no text more than 1032 times smaller */
	PACK_MIN_BYTES = 64,
	SMALL_FROM_BYTES = 32 * 1024,
	ZSTD_FROM_BYTES = 256,
	TAIL_ZSTD_FROM_BYTES = 256 * 1024, /* less is sooner written than packed */
};

static uint64_t checksum_of(const char *image, size_t directory_len)
{
	return checksum((struct text){image + IMAGE_HEADER_BYTES, directory_len},
		checksum((struct text){image, AT_CHECKSUM}, 0));
}

static uint32_t check_of(struct text streams, uint32_t place)
{
	return (uint32_t)checksum(streams, place);
}

void image_writer_init(struct image_writer *writer, enum block_level level, const atomic_bool *hurry)
{
	*writer = (struct image_writer){.level = level, .hurry = hurry};
	buf_init(&writer->directory, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&writer->streams, BLOCK_IMAGE_BYTES_MAX);
}

void image_writer_finish(struct image_writer *writer)
{
	buf_finish(&writer->directory);
	buf_finish(&writer->streams);
	free(writer->scratch);
	writer->scratch = NULL;
}

int64_t *image_scratch(struct image_writer *writer, size_t count)
{
	if (array_need(&writer->scratch, &writer->scratch_capacity, count + 1))
		return writer->scratch;
	writer->streams.failed = STATUS_NO_MEMORY;
	return NULL;
}

static void end_column(struct image_writer *writer)
{
	const struct buf *streams = &writer->streams;
	if (writer->columns == 0 || streams->failed != STATUS_OK)
		return;
	struct text text = {"", 0};
	if (streams->len > writer->column_start)
		text = (struct text){streams->at + writer->column_start, streams->len - writer->column_start};
	uint32_t check = check_of(text, writer->columns - 1);
	buf_put(&writer->directory, &check, sizeof(check));
}

void image_put_column(struct image_writer *writer, const struct image_column *column)
{
	end_column(writer);
	uint8_t bytes[5 + 3 * VARINT_BYTES_MAX];
	size_t len = 0;
	bytes[len++] = column->field;
	len += varint_write(bytes + len, column->sub);
	bytes[len++] = column->form;
	bytes[len++] = column->width;
	bytes[len++] = (uint8_t)((unsigned)column->map | (unsigned)column->order << ORDER_SHIFT |
				 (column->odd ? FLAG_ODD : 0));
	len += varint_write(bytes + len, column->places);
	len += varint_write(bytes + len, column->entries);
	writer->stream_count_at = writer->directory.len + len;
	bytes[len++] = 0;
	buf_put(&writer->directory, bytes, len);
	writer->column_start = writer->streams.len;
	writer->columns++;
}

static void put_stream(struct image_writer *writer, enum stream_packing packing, size_t stored, size_t raw)
{
	uint8_t bytes[1 + 2 * VARINT_BYTES_MAX] = {(uint8_t)packing};
	size_t len = 1;
	len += varint_write(bytes + len, stored);
	len += varint_write(bytes + len, raw);
	buf_put(&writer->directory, bytes, len);
	if (writer->directory.failed == STATUS_OK)
		writer->directory.at[writer->stream_count_at]++;
}

static void put_as_is(struct image_writer *writer, struct text plain)
{
	buf_put_text(&writer->streams, plain);
	put_stream(writer, STREAM_AS_IS, plain.len, plain.len);
}

/* What was packed from `start` on; as it is where that failed, or saved less than a tenth. */
static void end_packed(
	struct image_writer *writer, enum status status, struct text plain, size_t start, enum stream_packing packing)
{
	struct buf *out = &writer->streams;
	if (status == STATUS_OK && out->len - start < plain.len - plain.len / 10) {
		put_stream(writer, packing, out->len - start, plain.len);
		return;
	}
	out->len = start;
	put_as_is(writer, plain);
}

void image_put_bytes(struct image_writer *writer, const void *bytes, size_t len)
{
	struct text plain = {bytes, len};
	size_t start = writer->streams.len;
	if (writer->level == BLOCK_TAIL || len < PACK_MIN_BYTES) {
		put_as_is(writer, plain);
		return;
	}
	enum codec_effort effort = len < SMALL_FROM_BYTES ? CODEC_FAST : CODEC_SMALL;
	end_packed(writer, codec_pack(plain, CODEC_ZLIB, effort, &writer->streams), plain, start, STREAM_ZLIB);
}

void image_put_prose(struct image_writer *writer, const char *bytes, size_t len)
{
	struct text plain = {bytes, len};
	size_t start = writer->streams.len;
	bool is_tail = writer->level == BLOCK_TAIL;
	enum status status = STATUS_OK;
	if (len < (is_tail ? TAIL_ZSTD_FROM_BYTES : ZSTD_FROM_BYTES)) {
		image_put_bytes(writer, bytes, len);
		return;
	}
	if (is_tail || writer->hurry == NULL)
		status = codec_pack(plain, CODEC_ZSTD, is_tail ? CODEC_FAST : CODEC_SMALL, &writer->streams);
	else
		status = codec_pack_thoroughly(plain, writer->hurry, &writer->streams);
	end_packed(writer, status, plain, start, STREAM_ZSTD);
}

void image_put_ints(struct image_writer *writer, const int64_t *values, size_t count)
{
	size_t start = writer->streams.len;
	if (writer->level == BLOCK_SEALED)
		ints_put_planes(&writer->streams, values, count);
	else
		ints_put_fixed(&writer->streams, values, count);
	put_stream(writer, STREAM_AS_IS, writer->streams.len - start, writer->streams.len - start);
}

void image_put_codes(struct image_writer *writer, const uint32_t *codes, size_t count)
{
	size_t start = writer->streams.len;
	if (writer->level == BLOCK_SEALED) {
		int64_t *values = image_scratch(writer, count);
		if (values == NULL)
			return;
		for (size_t i = 0; i < count; i++)
			values[i] = codes[i];
		ints_put_planes(&writer->streams, values, count);
	} else {
		ints_put_codes_fixed(&writer->streams, codes, count);
	}
	put_stream(writer, STREAM_AS_IS, writer->streams.len - start, writer->streams.len - start);
}

static void store(char *image, size_t at, uint64_t number, size_t size)
{
	memcpy(image + at, &number, size);
}

enum status image_put(struct image_writer *writer, uint64_t first_seq, uint32_t rows, size_t raw_bytes, struct buf *out)
{
	const struct buf *directory = &writer->directory;
	const struct buf *streams = &writer->streams;
	end_column(writer);
	if (directory->failed != STATUS_OK || streams->failed != STATUS_OK)
		return directory->failed != STATUS_OK ? directory->failed : streams->failed;
	size_t len = IMAGE_HEADER_BYTES + directory->len + streams->len;
	if (len > BLOCK_IMAGE_BYTES_MAX || writer->columns > IMAGE_COLUMNS_MAX)
		return STATUS_LIMIT;
	char *image = buf_reserve(out, len);
	if (image == NULL)
		return buf_status(out);
	memset(image, 0, IMAGE_HEADER_BYTES);
	memcpy(image, magic, sizeof(magic));
	store(image, AT_VERSION, BLOCK_FORMAT_VERSION, 2);
	store(image, AT_LEVEL, writer->level, 1);
	store(image, AT_LENGTH, len, 4);
	store(image, AT_FIRST_SEQ, first_seq, 8);
	store(image, AT_ROWS, rows, 4);
	store(image, AT_FIELDS_VERSION, FIELDS_VERSION, 2);
	store(image, AT_COLUMNS, writer->columns, 2);
	store(image, AT_DIRECTORY_LENGTH, directory->len, 4);
	store(image, AT_RAW_BYTES, raw_bytes < UINT32_MAX ? raw_bytes : UINT32_MAX, 4);
	if (directory->len)
		memcpy(image + IMAGE_HEADER_BYTES, directory->at, directory->len);
	if (streams->len)
		memcpy(image + IMAGE_HEADER_BYTES + directory->len, streams->at, streams->len);
	store(image, AT_CHECKSUM, checksum_of(image, directory->len), 8);
	out->len += len;
	return STATUS_OK;
}

static uint64_t fetch(struct text image, size_t at, size_t size)
{
	uint64_t number = 0;
	memcpy(&number, image.at + at, size);
	return number;
}

static bool get_small(struct text text, size_t *at, uint64_t limit, uint32_t *number)
{
	uint64_t value = 0;
	if (!varint_get(text, at, &value) || value > limit)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool get_stream(struct text directory, size_t *at, struct text *streams, struct image_stream *stream)
{
	uint32_t stored = 0;
	uint32_t raw = 0;
	if (*at >= directory.len)
		return false;
	uint8_t packing = (uint8_t)directory.at[(*at)++];
	if (packing > STREAM_ZSTD || !get_small(directory, at, streams->len, &stored) ||
		!get_small(directory, at, BLOCK_IMAGE_BYTES_MAX, &raw))
		return false;
	if ((packing == STREAM_AS_IS && raw != stored) || (packing == STREAM_ZLIB && raw / INFLATE_TIMES_MAX > stored))
		return false;
	*stream = (struct image_stream){(enum stream_packing)packing, {streams->at, stored}, raw};
	streams->at += stored;
	streams->len -= stored;
	return true;
}

static bool get_entry(struct text directory, size_t *at, struct text *streams, struct image_entry *entry)
{
	struct image_column *column = &entry->column;
	if (directory.len - *at < 1)
		return false;
	column->field = (uint8_t)directory.at[(*at)++];
	if (!get_small(directory, at, IMAGE_COLUMNS_MAX, &column->sub) || directory.len - *at < 3)
		return false;
	column->form = (uint8_t)directory.at[(*at)++];
	column->width = (uint8_t)directory.at[(*at)++];
	uint8_t flags = (uint8_t)directory.at[(*at)++];
	column->map = flags & MAP_BITS;
	column->order = flags >> ORDER_SHIFT & ORDER_BITS;
	column->odd = flags & FLAG_ODD;
	if ((flags & ~FLAGS_KNOWN) || column->map > MAP_CODES || column->order > ORDER_GROUP ||
		!get_small(directory, at, IMAGE_PLACES_MAX, &column->places) ||
		!get_small(directory, at, IMAGE_PLACES_MAX, &column->entries) || *at >= directory.len)
		return false;
	entry->stream_count = (uint8_t)directory.at[(*at)++];
	if (entry->stream_count > IMAGE_STREAMS_MAX)
		return false;
	const char *start = streams->at;
	for (unsigned i = 0; i < entry->stream_count; i++)
		if (!get_stream(directory, at, streams, &entry->stream[i]))
			return false;
	entry->streams = (struct text){start, (size_t)(streams->at - start)};
	if (directory.len - *at < sizeof(entry->check))
		return false;
	memcpy(&entry->check, directory.at + *at, sizeof(entry->check));
	*at += sizeof(entry->check);
	return true;
}

enum status image_check(const struct image_entry *entry)
{
	if (!*entry->checked)
		*entry->checked = check_of(entry->streams, entry->place) == entry->check;
	return *entry->checked ? STATUS_OK : STATUS_DAMAGED;
}

enum status image_open(struct text text, struct arena *arena, struct image *image)
{
	if (text.len < IMAGE_HEADER_BYTES || memcmp(text.at, magic, sizeof(magic)) != 0)
		return STATUS_DAMAGED;
	if (fetch(text, AT_VERSION, 2) != BLOCK_FORMAT_VERSION)
		return STATUS_UNSUPPORTED;
	size_t len = fetch(text, AT_LENGTH, 4);
	size_t directory_len = fetch(text, AT_DIRECTORY_LENGTH, 4);
	struct image found = {
		.level = (enum block_level)fetch(text, AT_LEVEL, 1),
		.first_seq = fetch(text, AT_FIRST_SEQ, 8),
		.rows = (uint32_t)fetch(text, AT_ROWS, 4),
		.fields_version = (unsigned)fetch(text, AT_FIELDS_VERSION, 2),
		.columns = (uint32_t)fetch(text, AT_COLUMNS, 2),
		.raw_bytes = fetch(text, AT_RAW_BYTES, 4),
	};
	if (len != text.len || len > BLOCK_IMAGE_BYTES_MAX || directory_len > len - IMAGE_HEADER_BYTES ||
		found.level > BLOCK_SEALED || found.rows > BLOCK_ROWS_MAX || found.columns > IMAGE_COLUMNS_MAX ||
		checksum_of(text.at, directory_len) != fetch(text, AT_CHECKSUM, 8))
		return STATUS_DAMAGED;
	found.entry = arena_calloc(arena, found.columns + 1, sizeof(*found.entry));
	bool *checked = arena_calloc(arena, found.columns + 1, sizeof(*checked));
	if (found.entry == NULL || checked == NULL)
		return STATUS_NO_MEMORY;
	struct text directory = {text.at + IMAGE_HEADER_BYTES, directory_len};
	struct text streams = {directory.at + directory_len, len - IMAGE_HEADER_BYTES - directory_len};
	size_t at = 0;
	for (uint32_t i = 0; i < found.columns; i++) {
		if (!get_entry(directory, &at, &streams, &found.entry[i]))
			return STATUS_DAMAGED;
		found.entry[i].place = i;
		found.entry[i].checked = &checked[i];
	}
	if (at != directory.len || streams.len != 0)
		return STATUS_DAMAGED;
	*image = found;
	return STATUS_OK;
}

static struct text fail(struct stream_cursor *cursor, enum status status)
{
	if (cursor->status == STATUS_OK)
		cursor->status = status;
	return (struct text){NULL, 0};
}

struct text cursor_bytes(struct stream_cursor *cursor)
{
	if (cursor->status != STATUS_OK)
		return (struct text){NULL, 0};
	if (cursor->next >= cursor->entry->stream_count || image_check(cursor->entry) != STATUS_OK)
		return fail(cursor, STATUS_DAMAGED);
	const struct image_stream *stream = &cursor->entry->stream[cursor->next++];
	if (stream->packing == STREAM_AS_IS)
		return stream->stored;
	char *bytes = arena_alloc(cursor->arena, stream->raw_len);
	if (bytes == NULL)
		return fail(cursor, STATUS_NO_MEMORY);
	enum codec_format format = stream->packing == STREAM_ZLIB ? CODEC_ZLIB : CODEC_ZSTD;
	enum status status = codec_unpack_exact(stream->stored, format, bytes, stream->raw_len);
	if (status != STATUS_OK)
		return fail(cursor, status == STATUS_INVALID ? STATUS_DAMAGED : status);
	return (struct text){bytes, stream->raw_len};
}

const int64_t *cursor_ints(struct stream_cursor *cursor, size_t count)
{
	struct text bytes = cursor_bytes(cursor);
	if (cursor->status != STATUS_OK)
		return NULL;
	int64_t *values = arena_alloc(cursor->arena, (count + 1) * sizeof(*values));
	if (values == NULL) {
		(void)fail(cursor, STATUS_NO_MEMORY);
		return NULL;
	}
	enum status status = ints_get(bytes, cursor->arena, values, count);
	if (status != STATUS_OK) {
		(void)fail(cursor, status);
		return NULL;
	}
	return values;
}

const uint32_t *cursor_codes(struct stream_cursor *cursor, size_t count, uint64_t limit)
{
	struct text bytes = cursor_bytes(cursor);
	if (cursor->status != STATUS_OK)
		return NULL;
	uint32_t *codes = arena_alloc(cursor->arena, (count + 1) * sizeof(*codes));
	enum status status = codes ? ints_get_codes(bytes, cursor->arena, codes, count, limit) : STATUS_NO_MEMORY;
	if (status != STATUS_OK) {
		(void)fail(cursor, status);
		return NULL;
	}
	return codes;
}
