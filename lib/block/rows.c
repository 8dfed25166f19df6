#include "rows.h"

#include "codec.h"
#include "crypto.h"

enum { KEPT_BYTES_MAX = 8 * 1024 * 1024, PACKED_BYTES_MAX = 128 * 1024 * 1024, PACKED_HEAD_BYTES = 4 };

const uint8_t field_types[FIELD_LIMIT] = {
#define FIELD(number, name, path, type, limit, flags) [number] = FIELD_TYPE_##type,
#include "tbl/fields.h"
#undef FIELD
};

bool numbers_set(struct numbers *numbers, uint32_t place, int64_t value)
{
	size_t word = place / 64;
	if (!array_need(&numbers->values, &numbers->values_capacity, (size_t)place + 1) ||
		!array_need(&numbers->present, &numbers->present_capacity, word + 1))
		return false;
	size_t words = ((size_t)numbers->places + 63) / 64;
	if (word >= words)
		memset(numbers->present + words, 0, (word + 1 - words) * sizeof(*numbers->present));
	numbers->values[place] = value;
	numbers->present[word] |= UINT64_C(1) << (place % 64);
	numbers->places = place + 1;
	return true;
}

void numbers_cut(struct numbers *numbers, uint32_t places)
{
	while (numbers->places > places) {
		numbers->places--;
		numbers->present[numbers->places / 64] &= ~(UINT64_C(1) << (numbers->places % 64));
	}
}

static void numbers_finish(struct numbers *numbers)
{
	free(numbers->values);
	free(numbers->present);
	*numbers = (struct numbers){0};
}

enum status rows_create(struct rows **rows)
{
	struct rows *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	buf_init(&made->scratch, 2 * PAYLOAD_INLINE_BYTES_MAX);
	buf_init(&made->packed, PACKED_BYTES_MAX);
	*rows = made;
	return STATUS_OK;
}

static void release(struct rows *rows)
{
	for (unsigned field = 0; field < FIELD_LIMIT; field++) {
		numbers_finish(&rows->numbers[field]);
		texts_finish(&rows->texts[field]);
	}
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		payload_columns_finish(&rows->payload[payload]);
	buf_finish(&rows->scratch);
	buf_finish(&rows->packed);
	memset(rows->touched, 0, sizeof(rows->touched));
}

void rows_destroy(struct rows **rows)
{
	if (*rows == NULL)
		return;
	release(*rows);
	free((*rows)->stored);
	free((*rows)->stored_ends);
	free(*rows);
	*rows = NULL;
}

static size_t texts_memory(const struct texts *texts)
{
	return texts->binary_capacity + texts->bytes_capacity + texts->slot_count * sizeof(*texts->slots) +
	       (texts->ends_capacity + texts->odd_capacity + texts->codes_capacity) * sizeof(uint32_t);
}

static size_t memory_of(const struct rows *rows)
{
	size_t bytes = rows->packed.capacity + rows->scratch.capacity;
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++) {
		for (uint64_t bits = rows->touched[word]; bits; bits &= bits - 1) {
			unsigned field = word * 64 + (unsigned)__builtin_ctzll(bits);
			bytes += texts_memory(&rows->texts[field]);
			bytes += rows->numbers[field].values_capacity * sizeof(int64_t);
		}
	}
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++) {
		const struct payload_columns *columns = &rows->payload[payload];
		bytes += texts_memory(&columns->raw) + texts_memory(&columns->templates);
		for (uint32_t i = 0; i < columns->leaves_made; i++)
			bytes += texts_memory(&columns->leaves[i]);
	}
	return bytes;
}

void rows_clear(struct rows *rows)
{
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++) {
		for (uint64_t bits = rows->used[word]; bits; bits &= bits - 1) {
			unsigned field = word * 64 + (unsigned)__builtin_ctzll(bits);
			texts_clear(&rows->texts[field]);
			rows->numbers[field].places = 0;
		}
		rows->touched[word] |= rows->used[word];
		rows->used[word] = 0;
	}
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		payload_columns_clear(&rows->payload[payload]);
	buf_clear(&rows->packed);
	rows->count = rows->stored_count = 0;
	rows->bytes = 0;
	if (memory_of(rows) > KEPT_BYTES_MAX)
		release(rows);
}

void rows_pack_thoroughly(struct rows *rows, const atomic_bool *hurry)
{
	rows->hurry = hurry;
}

uint32_t rows_count(const struct rows *rows)
{
	return rows->count;
}

size_t rows_bytes(const struct rows *rows)
{
	return rows->bytes;
}

/* The payload's key holds the tenant, so that nobody learns from a digest what another tenant stored. */
static enum status reference_key(const struct event *event, struct text payload, uint8_t key[SHA256_BYTES])
{
	struct buf salted;
	struct text tenant = event_text(event, FIELD_TENANT);
	if (tenant.len == 0)
		tenant = event_text(event, FIELD_INGEST_TENANT);
	buf_init(&salted, tenant.len + 1 + payload.len);
	buf_put_text(&salted, tenant);
	buf_put_byte(&salted, 0);
	buf_put_text(&salted, payload);
	enum status status = buf_status(&salted);
	if (status == STATUS_OK)
		status = crypto_sha256(buf_text(&salted), key);
	buf_finish(&salted);
	return status;
}

static bool is_stored(const struct rows *rows, const uint8_t key[32])
{
	for (uint32_t i = 0; i < rows->stored_count; i++)
		if (memcmp(rows->stored[i].key, key, sizeof(rows->stored[i].key)) == 0)
			return true;
	return false;
}

/*
 * A stored payload: OFFSET 0 SIZE 4 its length, 4 - a zstd frame.
 */
static enum status store_payload(struct rows *rows, const uint8_t key[32], struct text payload)
{
	size_t start = rows->packed.len;
	uint32_t len = (uint32_t)payload.len;
	if (is_stored(rows, key))
		return STATUS_OK;
	if (!array_need(&rows->stored, &rows->stored_capacity, (size_t)rows->stored_count + 1) ||
		!array_need(&rows->stored_ends, &rows->stored_ends_capacity, (size_t)rows->stored_count + 1))
		return STATUS_NO_MEMORY;
	buf_put(&rows->packed, &len, sizeof(len));
	enum status status = codec_pack(payload, CODEC_ZSTD, CODEC_FAST, &rows->packed);
	if (status != STATUS_OK) {
		rows->packed.len = start;
		rows->packed.failed = STATUS_OK;
		return status;
	}
	memcpy(rows->stored[rows->stored_count].key, key, sizeof(rows->stored->key));
	rows->stored_ends[rows->stored_count++] = rows->packed.len;
	return STATUS_OK;
}

static enum status append_payload(struct rows *rows, const struct event *event, unsigned field)
{
	enum payload payload = payload_of(field);
	struct payload_columns *columns = &rows->payload[payload];
	struct text text = event->value[field].text;
	if (text.len <= PAYLOAD_INLINE_BYTES_MAX)
		return payload_append(columns, rows->count, text, event->payload[payload], &rows->scratch);
	struct reference reference = {.size = (int64_t)text.len};
	enum status status = text.len > UINT32_MAX / 2 ? STATUS_LIMIT : reference_key(event, text, reference.key);
	if (status == STATUS_OK)
		status = store_payload(rows, reference.key, text);
	return status == STATUS_OK ? payload_append_reference(columns, rows->count, &reference) : status;
}

static enum status append_field(struct rows *rows, const struct event *event, unsigned field)
{
	const struct value *value = &event->value[field];
	switch ((enum field_type)field_types[field]) {
	case FIELD_TYPE_NONE:
		return STATUS_OK;
	case FIELD_TYPE_INT:
	case FIELD_TYPE_BOOL:
	case FIELD_TYPE_TIME:
		rows->bytes += sizeof(int64_t);
		return numbers_set(&rows->numbers[field], rows->count, value->number) ? STATUS_OK : STATUS_NO_MEMORY;
	case FIELD_TYPE_PAYLOAD:
		rows->bytes += value->text.len;
		return append_payload(rows, event, field);
	default:
		rows->bytes += value->text.len;
		return texts_append(&rows->texts[field], rows->count, value->text) ? STATUS_OK : STATUS_NO_MEMORY;
	}
}

void rows_cut(struct rows *rows)
{
	for (unsigned field = 0; field < FIELD_LIMIT; field++) {
		numbers_cut(&rows->numbers[field], rows->count);
		texts_cut(&rows->texts[field], rows->count);
	}
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		payload_cut(&rows->payload[payload], rows->count);
}

enum status rows_append(struct rows *rows, const struct event *event)
{
	if (rows->count >= BLOCK_ROWS_MAX || rows->bytes >= BLOCK_RAW_BYTES_MAX)
		return STATUS_LIMIT;
	size_t bytes = rows->bytes;
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++) {
		uint64_t present = event->present[word];
		if (word == FIELD_SEQ / 64)
			present &= ~(UINT64_C(1) << FIELD_SEQ % 64);
		rows->used[word] |= present;
		for (; present; present &= present - 1) {
			enum status status = append_field(rows, event, word * 64 + (unsigned)__builtin_ctzll(present));
			if (status != STATUS_OK) {
				rows->bytes = bytes;
				rows_cut(rows);
				return status;
			}
		}
	}
	rows->count++;
	return STATUS_OK;
}

size_t rows_payloads(const struct rows *rows, const struct payload_ref **refs)
{
	size_t start = 0;
	for (uint32_t i = 0; i < rows->stored_count; i++) {
		rows->stored[i].stored = (struct text){rows->packed.at + start, rows->stored_ends[i] - start};
		start = rows->stored_ends[i];
	}
	*refs = rows->stored;
	return rows->stored_count;
}

enum status payload_unpack(struct text stored, struct arena *arena, struct text *payload)
{
	uint32_t len = 0;
	if (stored.len <= PACKED_HEAD_BYTES)
		return STATUS_DAMAGED;
	memcpy(&len, stored.at, sizeof(len));
	if (len > BLOCK_IMAGE_BYTES_MAX)
		return STATUS_DAMAGED;
	char *bytes = arena_alloc(arena, len);
	if (bytes == NULL)
		return STATUS_NO_MEMORY;
	struct text packed = {stored.at + PACKED_HEAD_BYTES, stored.len - PACKED_HEAD_BYTES};
	enum status status = codec_unpack_exact(packed, CODEC_ZSTD, bytes, len);
	if (status != STATUS_OK)
		return status == STATUS_INVALID ? STATUS_DAMAGED : status;
	*payload = (struct text){bytes, len};
	return STATUS_OK;
}
