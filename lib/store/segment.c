/* Reads and writes what segment.h describes.  Values may be damaged: every size is checked before it is used. */
#include "segment.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "checksum.h"
#include "little_endian.h"

enum {
	UNIT_KEY_BYTES = 14,
	CHECKSUM_BYTES = 8,
	BLOCK_VALUE_BYTES_MIN = 4096 - 16,
	NAME_DIGITS = 20,
	STATE_NAME_MAX = 64,
	STATE_HEADER_BYTES = 16,
};
enum { HEAD_SEALED = 1, HEAD_SALVAGED = 2 };

static const char magics[ENV_DB_COUNT][5] = {
	[ENV_TAIL] = "mlT1",
	[ENV_BLOCK] = "mlB1",
	[ENV_SUMMARY] = "mlS1",
	[ENV_PAYLOAD] = "mlP1",
};

struct part {
	uint16_t number, parts;
	uint64_t first_seq;
	uint32_t count;
	uint64_t bytes_whole;
	int64_t recv_time;
	struct text bytes;
	bool copied; /* bytes are the caller's, else they lie in the map or where they were fetched to */
	uint64_t checksum;
	uint64_t seed; /* of the checksum */
};

static void put_be(uint8_t *at, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[size - 1 - i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_be(const uint8_t *at, unsigned size)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < size; i++)
		number = number << 8 | at[i];
	return number;
}

static struct text text_at(const void *at, size_t len)
{
	return (struct text){at, len};
}

void segment_name(uint64_t first_seq, char name[SEGMENT_NAME_BYTES])
{
	(void)snprintf(name, SEGMENT_NAME_BYTES, "seg-%020" PRIu64 ".mdb", first_seq);
}

bool segment_name_parse(const char *name, uint64_t *first_seq)
{
	uint64_t number = 0;
	if (strncmp(name, "seg-", 4) != 0)
		return false;
	for (unsigned i = 0; i < NAME_DIGITS; i++) {
		char digit = name[4 + i];
		if (digit < '0' || digit > '9' || __builtin_mul_overflow(number, UINT64_C(10), &number) ||
			__builtin_add_overflow(number, (uint64_t)(digit - '0'), &number))
			return false;
	}
	if (strcmp(name + 4 + NAME_DIGITS, ".mdb") != 0)
		return false;
	*first_seq = number;
	return true;
}

/* --- head, identity, state --- */

void segment_put_head(struct env_txn *txn, struct segment_head *head)
{
	head->commit = env_txn_id(txn);
	uint8_t bytes[SEGMENT_HEAD_BYTES] = {0};
	const uint64_t numbers[] = {
		head->commit,
		head->first_seq,
		head->next_seq,
		head->tail_first_seq,
		head->tail_chunks,
		head->tail_bytes,
		head->block_bytes,
		head->summary_bytes,
		head->payload_bytes,
		head->blocks,
		head->payloads,
		(uint64_t)head->oldest_recv_time,
		(uint64_t)head->last_recv_time,
		(uint64_t)head->tail_oldest_recv_time,
	};
	static_assert(8 + sizeof(numbers) + CHECKSUM_BYTES == SEGMENT_HEAD_BYTES, "the table in segment.h");
	put_le(bytes, STORE_FORMAT_VERSION, 4);
	put_le(bytes + 4, (head->sealed ? HEAD_SEALED : 0) | (head->salvaged ? HEAD_SALVAGED : 0), 4);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		put_le(bytes + 8 + 8 * (size_t)i, numbers[i], 8);
	put_le(bytes + SEGMENT_HEAD_BYTES - CHECKSUM_BYTES,
		checksum(text_at(bytes, SEGMENT_HEAD_BYTES - CHECKSUM_BYTES), 0), CHECKSUM_BYTES);
	env_put(txn, ENV_META, TEXT("head"), text_at(bytes, sizeof(bytes)));
}

/*
 * Version first: a newer one may have other sizes.  One whose checksum is that of our version is not newer: a bit of its
 * version has changed.
 */
static enum status check_fixed(struct text value, size_t size)
{
	uint8_t bytes[SEGMENT_HEAD_BYTES]; /* as our version would have it */
	const uint8_t *at = (const uint8_t *)value.at;
	assert(size <= sizeof(bytes));
	if (value.len < 4)
		return STATUS_DAMAGED;
	uint64_t version = get_le(at, 4);
	bool is_newer = version > STORE_FORMAT_VERSION;
	bool fits = value.len == size;
	if (fits) {
		memcpy(bytes, at, size);
		put_le(bytes, is_newer ? STORE_FORMAT_VERSION : version, 4);
		fits = get_le(at + size - CHECKSUM_BYTES, CHECKSUM_BYTES) ==
		       checksum(text_at(bytes, size - CHECKSUM_BYTES), 0);
	}
	if (is_newer && !fits)
		return STATUS_UNSUPPORTED;
	return is_newer || !fits ? STATUS_DAMAGED : STATUS_OK;
}

/* Its first commit gives a segment these, and only then it gets its name. */
static enum status get_record(struct env_txn *txn, const char *name, struct text *value)
{
	enum status status = env_get(txn, ENV_META, text_of(name), value);
	return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
}

enum status segment_read_head(struct env_txn *txn, struct segment_head *head)
{
	struct text value;
	enum status status = get_record(txn, "head", &value);
	if (status == STATUS_OK)
		status = segment_parse_head(value, head);
	if (status == STATUS_OK && !env_txn_writes(txn) && head->commit != env_txn_id(txn))
		status = STATUS_DAMAGED;
	return status;
}

enum status segment_parse_head(struct text value, struct segment_head *head)
{
	enum status status = check_fixed(value, SEGMENT_HEAD_BYTES);
	if (status != STATUS_OK)
		return status;
	const uint8_t *at = (const uint8_t *)value.at;
	struct segment_head read = {.sealed = at[4] & HEAD_SEALED, .salvaged = at[4] & HEAD_SALVAGED};
	uint64_t *const numbers[] = {
		&read.commit,
		&read.first_seq,
		&read.next_seq,
		&read.tail_first_seq,
		&read.tail_chunks,
		&read.tail_bytes,
		&read.block_bytes,
		&read.summary_bytes,
		&read.payload_bytes,
		&read.blocks,
		&read.payloads,
	};
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		*numbers[i] = get_le(at + 8 + 8 * (size_t)i, 8);
	read.oldest_recv_time = (int64_t)get_le(at + 96, 8);
	read.last_recv_time = (int64_t)get_le(at + 104, 8);
	read.tail_oldest_recv_time = (int64_t)get_le(at + 112, 8);
	if (read.first_seq > read.tail_first_seq || read.tail_first_seq > read.next_seq)
		return STATUS_DAMAGED;
	*head = read;
	return STATUS_OK;
}

void segment_put_identity(struct env_txn *txn, const struct segment_identity *identity)
{
	uint8_t bytes[SEGMENT_IDENTITY_BYTES] = {0};
	put_le(bytes, STORE_FORMAT_VERSION, 4);
	memcpy(bytes + 8, identity->id, SEGMENT_ID_BYTES);
	memcpy(bytes + 24, identity->filter_key, SEGMENT_FILTER_KEY_BYTES);
	put_le(bytes + 40, (uint64_t)identity->made_at, 8);
	put_le(bytes + 48, checksum(text_at(bytes, SEGMENT_IDENTITY_BYTES - CHECKSUM_BYTES), 0), CHECKSUM_BYTES);
	env_put(txn, ENV_META, TEXT("store"), text_at(bytes, sizeof(bytes)));
}

enum status segment_read_identity(struct env_txn *txn, struct segment_identity *identity)
{
	struct text value;
	enum status status = get_record(txn, "store", &value);
	return status == STATUS_OK ? segment_parse_identity(value, identity) : status;
}

enum status segment_parse_identity(struct text value, struct segment_identity *identity)
{
	enum status status = check_fixed(value, SEGMENT_IDENTITY_BYTES);
	if (status != STATUS_OK)
		return status;
	const uint8_t *at = (const uint8_t *)value.at;
	memset(identity, 0, sizeof(*identity));
	memcpy(identity->id, at + 8, SEGMENT_ID_BYTES);
	memcpy(identity->filter_key, at + 24, SEGMENT_FILTER_KEY_BYTES);
	identity->made_at = (int64_t)get_le(at + 40, 8);
	return STATUS_OK;
}

/* --- state --- */

static const struct text state_prefix = {"state.", 6};

static struct text state_key(struct text name, char key[STATE_NAME_MAX + 8])
{
	assert(name.len > 0 && name.len <= STATE_NAME_MAX);
	memcpy(key, state_prefix.at, state_prefix.len);
	memcpy(key + state_prefix.len, name.at, name.len);
	return text_at(key, state_prefix.len + name.len);
}

/* Of the bytes, of their name and of the commit, so that none of them can be another one's. */
static uint64_t state_checksum(struct text name, uint64_t commit, struct text bytes)
{
	return checksum(bytes, checksum(name, commit));
}

static void put_state(struct env_txn *txn, struct text name, struct text bytes)
{
	char key[STATE_NAME_MAX + 8];
	uint64_t commit = env_txn_id(txn);
	uint8_t *at = env_reserve(txn, ENV_META, state_key(name, key), STATE_HEADER_BYTES + bytes.len);
	if (at == NULL)
		return;
	put_le(at, commit, 8);
	put_le(at + 8, state_checksum(name, commit, bytes), 8);
	if (bytes.len)
		memcpy(at + STATE_HEADER_BYTES, bytes.at, bytes.len);
}

void segment_put_state(struct env_txn *txn, const char *name, struct text bytes)
{
	put_state(txn, text_of(name), bytes);
}

enum status segment_parse_state(struct text key, struct text value, struct segment_state *state)
{
	const uint8_t *at = (const uint8_t *)value.at;
	if (key.len <= state_prefix.len || memcmp(key.at, state_prefix.at, state_prefix.len) != 0)
		return STATUS_NOT_FOUND;
	if (key.len > state_prefix.len + STATE_NAME_MAX || value.len < STATE_HEADER_BYTES)
		return STATUS_DAMAGED;
	const struct segment_state read = {
		.name = text_at(key.at + state_prefix.len, key.len - state_prefix.len),
		.bytes = text_at(at + STATE_HEADER_BYTES, value.len - STATE_HEADER_BYTES),
		.commit = get_le(at, 8),
	};
	if (state_checksum(read.name, read.commit, read.bytes) != get_le(at + 8, 8))
		return STATUS_DAMAGED;
	*state = read;
	return STATUS_OK;
}

enum status segment_get_state(struct env_txn *txn, const char *name, struct text *bytes)
{
	char key[STATE_NAME_MAX + 8];
	struct segment_state state;
	struct text value;
	struct text key_text = state_key(text_of(name), key);
	enum status status = env_get(txn, ENV_META, key_text, &value);
	if (status == STATUS_OK)
		status = segment_parse_state(key_text, value, &state);
	if (status == STATUS_OK)
		*bytes = state.bytes;
	return status;
}

void segment_carry_state(struct env_txn *from, struct env_txn *to)
{
	char after[STATE_NAME_MAX + 8];
	size_t after_len = state_prefix.len;
	struct text key, value;
	struct segment_state state;
	memcpy(after, state_prefix.at, state_prefix.len);
	while (env_get_at_or_after(from, ENV_META, text_at(after, after_len), &key, &value) == STATUS_OK) {
		enum status status = segment_parse_state(key, value, &state);
		if (status == STATUS_NOT_FOUND)
			return;
		if (status != STATUS_OK) {
			env_txn_fail(to, status);
			return;
		}
		put_state(to, state.name, state.bytes);
		memcpy(after, key.at, key.len);
		after[key.len] = 0; /* the least key behind this one */
		after_len = key.len + 1;
	}
}

/* --- values in parts --- */

static size_t part_bytes_max(enum env_db db)
{
	return db == ENV_TAIL ? SEGMENT_TAIL_PART_BYTES_MAX : SEGMENT_PART_BYTES_MAX;
}

static size_t parts_of(enum env_db db, size_t bytes)
{
	return bytes == 0 ? 1 : (bytes + part_bytes_max(db) - 1) / part_bytes_max(db);
}

/* A unit's part has its key in its header; a payload's part has it in its checksum. */
static uint64_t seed_of(enum env_db db, const uint8_t *key)
{
	return db == ENV_PAYLOAD ? checksum(text_at(key, SEGMENT_PAYLOAD_DIGEST_BYTES), 0) : 0;
}

static void write_part(uint8_t *at, size_t size, enum env_db db, const struct part *part)
{
	memcpy(at, magics[db], 4);
	put_le(at + 4, part->number, 2);
	put_le(at + 6, part->parts, 2);
	put_le(at + 8, part->first_seq, 8);
	put_le(at + 16, part->count, 4);
	put_le(at + 20, part->bytes.len, 4);
	put_le(at + 24, part->bytes_whole, 8);
	put_le(at + 32, (uint64_t)part->recv_time, 8);
	put_le(at + 40, checksum(part->bytes, part->seed), 8);
	if (part->bytes.len)
		memcpy(at + SEGMENT_PART_HEADER_BYTES, part->bytes.at, part->bytes.len);
	size_t used = SEGMENT_PART_HEADER_BYTES + part->bytes.len;
	memset(at + used, 0, size - used);
}

/* Of the parts of a value. */
struct part_key {
	enum env_db db;
	uint8_t bytes[SEGMENT_PAYLOAD_KEY_BYTES]; /* the longer one */
};

static struct part_key unit_key(enum env_db db, struct segment_unit unit)
{
	struct part_key key = {.db = db};
	put_be(key.bytes, unit.first_seq, 8);
	put_be(key.bytes + 10, unit.count, 4);
	return key;
}

static struct part_key payload_key(const uint8_t digest[SEGMENT_PAYLOAD_DIGEST_BYTES])
{
	struct part_key key = {.db = ENV_PAYLOAD};
	memcpy(key.bytes, digest, SEGMENT_PAYLOAD_DIGEST_BYTES);
	return key;
}

static struct text key_of_part(struct part_key *key, size_t number)
{
	bool is_payload = key->db == ENV_PAYLOAD;
	put_be(key->bytes + (is_payload ? SEGMENT_PAYLOAD_DIGEST_BYTES : 8), number, 2);
	return text_at(key->bytes, is_payload ? SEGMENT_PAYLOAD_KEY_BYTES : UNIT_KEY_BYTES);
}

static void put_parts(struct env_txn *txn, struct part_key *key, struct part part)
{
	enum env_db db = key->db;
	struct text whole = part.bytes;
	size_t parts = parts_of(db, whole.len);
	if (whole.len > SEGMENT_VALUE_BYTES_MAX) {
		env_txn_fail(txn, STATUS_TOO_LARGE);
		return;
	}
	part.parts = (uint16_t)parts;
	part.bytes_whole = whole.len;
	for (size_t number = 0; number < parts; number++) {
		size_t from = number * part_bytes_max(db);
		size_t len = whole.len - from < part_bytes_max(db) ? whole.len - from : part_bytes_max(db);
		size_t size = SEGMENT_PART_HEADER_BYTES + len;
		if (db == ENV_BLOCK && size < BLOCK_VALUE_BYTES_MIN)
			size = BLOCK_VALUE_BYTES_MIN;
		part.number = (uint16_t)number;
		part.seed = seed_of(db, key->bytes);
		part.bytes = text_at(whole.at + from, len);
		struct text key_text = key_of_part(key, number);
		uint8_t *at =
			db == ENV_PAYLOAD ? env_reserve(txn, db, key_text, size) : env_append(txn, db, key_text, size);
		if (at == NULL)
			return;
		write_part(at, size, db, &part);
	}
}

/* at: the header of the value, or a copy of it. */
static enum status read_header(const uint8_t *at, struct text value, enum env_db db, unsigned number, struct part *part)
{
	if (memcmp(at, magics[db], 4) != 0)
		return STATUS_DAMAGED;
	*part = (struct part){
		.number = (uint16_t)get_le(at + 4, 2),
		.parts = (uint16_t)get_le(at + 6, 2),
		.first_seq = get_le(at + 8, 8),
		.count = (uint32_t)get_le(at + 16, 4),
		.bytes_whole = get_le(at + 24, 8),
		.recv_time = (int64_t)get_le(at + 32, 8),
		.bytes = {value.at + SEGMENT_PART_HEADER_BYTES, get_le(at + 20, 4)},
		.checksum = get_le(at + 40, 8),
	};
	if (part->number != number || part->bytes.len > value.len - SEGMENT_PART_HEADER_BYTES ||
		part->bytes_whole > SEGMENT_VALUE_BYTES_MAX || part->parts != parts_of(db, part->bytes_whole))
		return STATUS_DAMAGED;
	size_t from = (size_t)number * part_bytes_max(db);
	size_t left = part->bytes_whole - from;
	if (number >= part->parts || part->bytes.len != (left < part_bytes_max(db) ? left : part_bytes_max(db)))
		return STATUS_DAMAGED;
	return STATUS_OK;
}

static enum status read_part(struct text value, enum env_db db, unsigned number, struct part *part)
{
	if (value.len < SEGMENT_PART_HEADER_BYTES)
		return STATUS_DAMAGED;
	return read_header((const uint8_t *)value.at, value, db, number, part);
}

/* The header is read from the file, and the map not touched; false: it has to be asked. */
static bool fetch_part(struct env_txn *txn, struct text value, enum env_db db, unsigned number, struct part *part)
{
	uint8_t header[SEGMENT_PART_HEADER_BYTES];
	return value.len >= sizeof(header) &&
	       env_read_value(txn, (struct text){value.at, sizeof(header)}, (char *)header) == STATUS_OK &&
	       read_header(header, value, db, number, part) == STATUS_OK;
}

static enum status get_part(
	struct env_txn *txn, struct part_key *key, unsigned number, bool from_file, struct part *part)
{
	struct text value;
	enum env_db db = key->db;
	enum status status = env_get(txn, db, key_of_part(key, number), &value);
	if (status == STATUS_NOT_FOUND && number > 0)
		return STATUS_DAMAGED;
	if (status == STATUS_OK && !(from_file && fetch_part(txn, value, db, number, part)))
		status = read_part(value, db, number, part);
	part->seed = seed_of(db, key->bytes);
	if (status == STATUS_OK && db != ENV_PAYLOAD &&
		(part->first_seq != get_be(key->bytes, 8) || part->count != get_be(key->bytes + 10, 4)))
		status = STATUS_DAMAGED;
	return status;
}

/* Part 0 of a unit, from the file; false: the map has to be asked. */
static bool fetch_first(struct env_txn *txn, struct part_key *key, struct buf *fetched, struct part *part)
{
	struct text value;
	if (env_get(txn, key->db, key_of_part(key, 0), &value) != STATUS_OK)
		return false;
	buf_clear(fetched);
	char *to = buf_reserve(fetched, value.len);
	return to && env_read_value(txn, value, to) == STATUS_OK &&
	       read_part((struct text){to, value.len}, key->db, 0, part) == STATUS_OK &&
	       part->first_seq == get_be(key->bytes, 8);
}

static bool part_is_whole(const struct part *part)
{
	return checksum(part->bytes, part->seed) == part->checksum;
}

static enum status read_unit_key(struct text key, struct segment_unit *unit)
{
	const uint8_t *at = (const uint8_t *)key.at;
	if (key.len != UNIT_KEY_BYTES)
		return STATUS_DAMAGED;
	*unit = (struct segment_unit){.first_seq = get_be(at, 8), .count = (uint32_t)get_be(at + 10, 4)};
	return unit->count > 0 && unit->first_seq <= UINT64_MAX - unit->count ? STATUS_OK : STATUS_DAMAGED;
}

enum status segment_parse_part(enum env_db db, struct text key, struct text value, struct segment_part *part)
{
	const uint8_t *at = (const uint8_t *)key.at;
	bool is_unit = db != ENV_PAYLOAD;
	struct part read;
	*part = (struct segment_part){.db = db};
	if (key.len != (is_unit ? UNIT_KEY_BYTES : SEGMENT_PAYLOAD_KEY_BYTES) ||
		(is_unit && read_unit_key(key, &part->unit) != STATUS_OK))
		return STATUS_DAMAGED;
	part->has_key = true;
	part->number = (unsigned)get_be(at + (is_unit ? 8 : SEGMENT_PAYLOAD_DIGEST_BYTES), 2);
	enum status status = read_part(value, db, part->number, &read);
	if (status != STATUS_OK)
		return status;
	if (is_unit && (read.first_seq != part->unit.first_seq || read.count != part->unit.count))
		return STATUS_DAMAGED;
	part->parts = read.parts;
	part->bytes_whole = read.bytes_whole;
	part->recv_time = read.recv_time;
	part->bytes = read.bytes;
	read.seed = seed_of(db, at);
	return part_is_whole(&read) ? STATUS_OK : STATUS_DAMAGED;
}

static enum status parse_alone(struct text value, struct part *read, struct segment_part *part, size_t *len)
{
	enum env_db db = ENV_TAIL;
	if (value.len < SEGMENT_PART_HEADER_BYTES)
		return STATUS_NOT_FOUND;
	while (db < ENV_DB_COUNT && memcmp(value.at, magics[db], 4) != 0)
		db++;
	if (db == ENV_DB_COUNT ||
		read_part(value, db, (unsigned)get_le((const uint8_t *)value.at + 4, 2), read) != STATUS_OK)
		return STATUS_NOT_FOUND;
	bool is_unit = db != ENV_PAYLOAD;
	if (is_unit && (read->count == 0 || read->first_seq == 0 || read->first_seq > UINT64_MAX - read->count))
		return STATUS_NOT_FOUND;
	*part = (struct segment_part){
		.db = db,
		.has_key = is_unit,
		.unit = {read->first_seq, read->count},
		.number = read->number,
		.parts = read->parts,
		.bytes_whole = read->bytes_whole,
		.recv_time = read->recv_time,
		.bytes = read->bytes,
	};
	*len = SEGMENT_PART_HEADER_BYTES + read->bytes.len;
	return STATUS_OK;
}

enum status segment_parse_header(struct text header, struct segment_part *part, size_t *len)
{
	struct part read;
	struct text longest = {header.at, SEGMENT_PART_HEADER_BYTES + (size_t)SEGMENT_PART_BYTES_MAX};
	if (header.len < SEGMENT_PART_HEADER_BYTES)
		return STATUS_NOT_FOUND;
	enum status status = parse_alone(longest, &read, part, len);
	part->bytes = (struct text){NULL, 0};
	return status;
}

enum status segment_parse_alone(struct text value, const uint8_t digest[32], struct segment_part *part, size_t *len)
{
	struct part read;
	enum status status = parse_alone(value, &read, part, len);
	if (status != STATUS_OK || (part->db == ENV_PAYLOAD && digest == NULL))
		return status;
	read.seed = seed_of(part->db, digest);
	return part_is_whole(&read) ? STATUS_OK : STATUS_NOT_FOUND;
}

static void copy_part(struct env_txn *txn, const struct part *part, bool from_file, char *to)
{
	if (!from_file || env_read_value(txn, part->bytes, to) != STATUS_OK)
		memcpy(to, part->bytes.at, part->bytes.len);
}

static enum status get_parts(
	struct env_txn *txn, struct part_key *key, struct segment_reading reading, struct part *first)
{
	enum status status = STATUS_OK;
	bool fetched = reading.fetched && fetch_first(txn, key, reading.fetched, first);
	if (!fetched)
		status = get_part(txn, key, 0, reading.from_file, first);
	if (status != STATUS_OK)
		return status;
	bool stays = reading.stays && first->bytes_whole >= SEGMENT_STAYS_BYTES_MIN;
	bool copy = (reading.copy && !stays) || first->parts > 1;
	char *to = copy ? arena_alloc(reading.arena, first->bytes_whole) : NULL;
	if (copy && to == NULL)
		return STATUS_NO_MEMORY;
	struct part part = *first;
	for (unsigned number = 0;;) {
		if (copy) {
			char *at = to + (size_t)number * part_bytes_max(key->db);
			copy_part(txn, &part, reading.from_file && !(fetched && number == 0), at);
			part.bytes.at = at; /* the checksum is of what the caller gets */
		}
		if (reading.check && !part_is_whole(&part))
			return STATUS_DAMAGED;
		if (++number == first->parts)
			break;
		status = get_part(txn, key, number, reading.from_file, &part);
		if (status != STATUS_OK)
			return status;
		if (part.bytes_whole != first->bytes_whole)
			return STATUS_DAMAGED;
	}
	first->copied = copy;
	if (copy)
		first->bytes = text_at(to, first->bytes_whole);
	return STATUS_OK;
}

/* --- units --- */

void segment_put_unit(
	struct env_txn *txn, enum env_db db, struct segment_unit unit, int64_t recv_time, struct text bytes)
{
	struct part_key key = unit_key(db, unit);
	put_parts(txn, &key,
		(struct part){
			.first_seq = unit.first_seq, .count = unit.count, .recv_time = recv_time, .bytes = bytes});
}

enum status segment_find_unit(
	struct env_txn *txn, enum env_db db, uint64_t seq, bool backward, struct segment_unit *unit)
{
	uint8_t key[8];
	struct segment_unit found;
	struct text found_key, value;
	if (seq == UINT64_MAX)
		seq--;
	put_be(key, seq + 1, 8);
	enum status status = env_get_before(txn, db, text_at(key, sizeof(key)), &found_key, &value);
	if (status == STATUS_OK)
		status = read_unit_key(found_key, &found);
	if (status == STATUS_OK && (backward || found.first_seq + found.count > seq)) {
		*unit = found;
		return STATUS_OK;
	}
	if (backward || (status != STATUS_OK && status != STATUS_NOT_FOUND))
		return status;
	status = env_get_at_or_after(txn, db, text_at(key, sizeof(key)), &found_key, &value);
	if (status == STATUS_OK)
		status = read_unit_key(found_key, &found);
	if (status == STATUS_OK)
		*unit = found;
	return status;
}

enum status segment_get_unit(struct env_txn *txn, enum env_db db, struct segment_unit unit,
	struct segment_reading reading, struct segment_value *value)
{
	struct part_key key = unit_key(db, unit);
	struct part part;
	enum status status = get_parts(txn, &key, reading, &part);
	if (status != STATUS_OK)
		return status;
	if (part.first_seq != unit.first_seq || part.count != unit.count)
		return STATUS_DAMAGED;
	*value = (struct segment_value){.bytes = part.bytes, .copied = part.copied, .recv_time = part.recv_time};
	return STATUS_OK;
}

enum status segment_tail_recv_time(struct env_txn *txn, struct segment_unit unit, int64_t *recv_time)
{
	struct part_key key = unit_key(ENV_TAIL, unit);
	struct part part;
	enum status status = get_part(txn, &key, 0, false, &part);
	if (status == STATUS_OK)
		*recv_time = part.recv_time;
	return status;
}

void segment_delete_tail(struct env_txn *txn, struct segment_unit unit, uint64_t *bytes)
{
	struct part_key key = unit_key(ENV_TAIL, unit);
	struct part part;
	enum status status = get_part(txn, &key, 0, false, &part);
	if (status != STATUS_OK) {
		env_txn_fail(txn, status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status);
		return;
	}
	*bytes = part.bytes_whole;
	for (unsigned number = 0; number < part.parts; number++)
		env_delete(txn, ENV_TAIL, key_of_part(&key, number));
}

/* --- payloads --- */

bool segment_has_payload(struct env_txn *txn, const uint8_t digest[32])
{
	struct part_key key = payload_key(digest);
	struct text value;
	return env_get(txn, ENV_PAYLOAD, key_of_part(&key, 0), &value) == STATUS_OK;
}

void segment_put_payload(struct env_txn *txn, const uint8_t digest[32], struct text bytes)
{
	struct part_key key = payload_key(digest);
	put_parts(txn, &key, (struct part){.bytes = bytes});
}

enum status segment_get_payload(
	struct env_txn *txn, const uint8_t digest[32], struct segment_reading reading, struct text *bytes)
{
	struct part_key key = payload_key(digest);
	struct part part;
	enum status status = get_parts(txn, &key, reading, &part);
	if (status == STATUS_OK)
		*bytes = part.bytes;
	return status;
}
