/*
 * The summary of a block.  Version 1.  All integers little-endian.
 *
 * OFFSET  SIZE  MEANING
 *      0     8  magic "mcpldgSM"
 *      8     2  format version: 1
 *     10     2  number of time ranges, at most 17
 *     12     4  length of the whole summary
 *     16     8  seq of row 0
 *     24     4  rows
 *     28     2  number of sets
 *     30     2  flags: bit 0 = payloads stored beside the block, whose words are not in the filter
 *     32     8  size of the rows before encoding
 *     40    16  receive times: first and last, ns
 *     56    32  a bit per field: 1 = some row has it
 *     88    16  filter key
 *    104     8  XXH3-64 of all from 112 on, with the seed XXH3-64 of bytes 0..103
 *    112  16*n  time ranges: first and last, ns
 *      -     -  sets, by field number: field (1), 1 = complete (1), varint number of values; per value a varint
 *               length and its bytes.  A field whose values are too many has an incomplete set without values, and
 *               its values are in the filter.
 *      -     -  the filter (fuse.h) of values and words; how they become keys is told in words.h
 *
 * A time range is of events' times, those within an hour of their receive time in the first one, the others in at most
 * 16 more: neighbours are joined over the smallest gaps.  An event without a time counts with its receive time.
 */
#include "summary.h"

#include <assert.h>

#include "fuse.h"
#include "ints.h"
#include "keys.h"
#include "timestamp.h"
#include "words.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { OUTLIER_RANGES_MAX = 16, RANGES_MAX = OUTLIER_RANGES_MAX + 1, SET_VALUES_MAX = 256, SET_BYTES_MAX = 8192 };
enum { FLAG_PAYLOADS_BESIDE = 1 };
enum { HEADER_BYTES = 112, CHECKSUM_AT = 104, SUMMARY_BYTES_MAX = 32 * 1024 * 1024, TENANTS_ASKED_MAX = 16 };
#define NEAR_NS (INT64_C(3600) * NS_PER_S)

static const char magic[8] = {'m', 'c', 'p', 'l', 'd', 'g', 'S', 'M'};

struct header {
	char magic[8];
	uint16_t version;
	uint16_t range_count;
	uint32_t len;
	uint64_t first_seq;
	uint32_t rows;
	uint16_t set_count;
	uint16_t flags;
	uint64_t bytes_raw;
	struct time_range recv_time;
	uint64_t present[FIELD_LIMIT / 64];
	uint8_t filter_key[16];
	uint64_t checksum;
};
static_assert(sizeof(struct header) == HEADER_BYTES, "it is written as it is");

static uint64_t checksum_of(const char *bytes, size_t len)
{
	return XXH3_64bits_withSeed(bytes + HEADER_BYTES, len - HEADER_BYTES, XXH3_64bits(bytes, CHECKSUM_AT));
}

/* --- writing: times --- */

static void widen(struct time_range *range, int64_t time)
{
	range->first = time < range->first ? time : range->first;
	range->last = time > range->last ? time : range->last;
}

static int compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* The least of the OUTLIER_RANGES_MAX - 1 widest gaps between sorted times, which are more than that. */
static uint64_t find_cut(const int64_t *times, uint32_t count)
{
	uint64_t widest[OUTLIER_RANGES_MAX - 1] = {0}; /* widest first */
	for (uint32_t i = 1; i < count; i++) {
		uint64_t gap = (uint64_t)times[i] - (uint64_t)times[i - 1];
		unsigned at = OUTLIER_RANGES_MAX - 1;
		if (gap <= widest[at - 1])
			continue;
		for (at--; at > 0 && widest[at - 1] < gap; at--)
			widest[at] = widest[at - 1];
		widest[at] = gap;
	}
	return widest[OUTLIER_RANGES_MAX - 2];
}

/* Sorted times to at most OUTLIER_RANGES_MAX ranges, cut at the widest gaps. */
static size_t cut_ranges(const int64_t *times, uint32_t count, struct time_range *ranges)
{
	uint64_t cut_from = count > OUTLIER_RANGES_MAX ? find_cut(times, count) : 1;
	if (cut_from == 0)
		cut_from = 1;
	size_t found = 0;
	ranges[0] = (struct time_range){times[0], times[0]};
	for (uint32_t i = 1; i < count; i++) {
		bool cut = (uint64_t)times[i] - (uint64_t)times[i - 1] >= cut_from && found + 1 < OUTLIER_RANGES_MAX;
		if (cut)
			ranges[++found] = (struct time_range){times[i], times[i]};
		else
			ranges[found].last = times[i];
	}
	return found + 1;
}

static bool is_near(int64_t a, int64_t b)
{
	uint64_t distance = a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
	return distance <= (uint64_t)NEAR_NS;
}

static enum status find_times(const struct rows *rows, struct header *header, struct time_range ranges[RANGES_MAX])
{
	const struct numbers *sent = &rows->numbers[FIELD_TIME];
	const struct numbers *received = &rows->numbers[FIELD_RECV_TIME];
	int64_t *far = malloc(((size_t)rows->count + 1) * sizeof(*far));
	if (far == NULL)
		return STATUS_NO_MEMORY;
	struct time_range near = {INT64_MAX, INT64_MIN};
	struct time_range recv = {INT64_MAX, INT64_MIN};
	uint32_t far_count = 0;
	for (uint32_t row = 0; row < rows->count; row++) {
		int64_t recv_time = numbers_has(received, row) ? received->values[row] : 0;
		int64_t time = numbers_has(sent, row) ? sent->values[row] : recv_time;
		widen(&recv, recv_time);
		if (is_near(time, recv_time))
			widen(&near, time);
		else
			far[far_count++] = time;
	}
	header->range_count = 0;
	if (near.first <= near.last)
		ranges[header->range_count++] = near;
	if (far_count) {
		qsort(far, far_count, sizeof(*far), compare_times);
		header->range_count += (uint16_t)cut_ranges(far, far_count, ranges + header->range_count);
	}
	header->recv_time = rows->count ? recv : (struct time_range){0, 0};
	free(far);
	return STATUS_OK;
}

/* --- writing: sets --- */

/* Which entries some row has: entries that were left over by a failed row are not values. */
static uint32_t mark_used(const struct texts *texts, uint8_t *used, size_t *bytes)
{
	char scratch[FORM_RENDERED_MAX];
	uint32_t count = 0;
	*bytes = 0;
	for (uint32_t place = 0; place < texts->places; place++) {
		uint32_t code = texts->codes[place];
		if (code == 0 || used[code])
			continue;
		used[code] = 1;
		count++;
		*bytes += texts_entry(texts, code - 1, scratch).len;
	}
	return count;
}

static bool put_set(const struct texts *texts, unsigned field, struct buf *out)
{
	char scratch[FORM_RENDERED_MAX];
	size_t bytes = 0;
	uint8_t *used = calloc((size_t)texts->count + 1, 1);
	if (used == NULL) {
		out->failed = STATUS_NO_MEMORY;
		return false;
	}
	uint32_t count = mark_used(texts, used, &bytes);
	bool complete = count <= SET_VALUES_MAX && bytes <= SET_BYTES_MAX;
	buf_put_byte(out, (uint8_t)field);
	buf_put_byte(out, complete);
	varint_put(out, complete ? count : 0);
	for (uint32_t code = 1; code <= texts->count && complete; code++) {
		if (!used[code])
			continue;
		struct text text = texts_entry(texts, code - 1, scratch);
		varint_put(out, text.len);
		buf_put_text(out, text);
	}
	free(used);
	return complete;
}

/* --- writing: all --- */

static void put_sets(const struct rows *rows, const struct tenants *tenants, struct header *header, struct keys *keys,
	struct buf *out)
{
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		const struct field_info *info = field_info(field);
		const struct texts *texts = &rows->texts[field];
		if (rows->numbers[field].places || texts->places ||
			(info->type == FIELD_TYPE_PAYLOAD && rows->payload[payload_of(field)].places))
			header->present[field / 64] |= UINT64_C(1) << field % 64;
		if (texts->places == 0)
			continue;
		bool listed = false;
		if (info->flags & FIELD_IN_SET) {
			listed = put_set(texts, field, out);
			header->set_count++;
		}
		if (!listed && (info->flags & (FIELD_IN_SET | FIELD_IN_FILTER)))
			keys_add_values(keys, rows, field, tenants);
	}
}

static enum status put_all(const struct rows *rows, struct header *header, struct keys *keys, struct buf *out)
{
	struct time_range ranges[RANGES_MAX];
	struct tenants tenants;
	size_t start = out->len;
	enum status status = find_times(rows, header, ranges);
	if (status == STATUS_OK)
		status = tenants_find(rows, header->filter_key, &tenants);
	if (status != STATUS_OK)
		return status;
	buf_put(out, header, sizeof(*header));
	buf_put(out, ranges, header->range_count * sizeof(*ranges));
	put_sets(rows, &tenants, header, keys, out);
	keys_add_words(keys, rows, &tenants);
	tenants_finish(&tenants);
	status = keys->failed ? STATUS_NO_MEMORY : fuse_put(keys->at, keys->count, out);
	if (status == STATUS_OK)
		status = buf_status(out);
	if (status != STATUS_OK)
		return status;
	header->len = (uint32_t)(out->len - start);
	memcpy(out->at + start, header, sizeof(*header));
	header->checksum = checksum_of(out->at + start, header->len);
	memcpy(out->at + start, header, sizeof(*header));
	return STATUS_OK;
}

enum status summary_put(const struct rows *rows, uint64_t first_seq, const uint8_t filter_key[16], struct buf *out)
{
	struct header header = {
		.version = BLOCK_FORMAT_VERSION,
		.first_seq = first_seq,
		.rows = rows->count,
		.bytes_raw = rows->bytes,
	};
	memcpy(header.magic, magic, sizeof(magic));
	memcpy(header.filter_key, filter_key, sizeof(header.filter_key));
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		if (rows->payload[payload].reference_count > 0)
			header.flags = FLAG_PAYLOADS_BESIDE;
	struct keys *keys = calloc(1, sizeof(*keys));
	if (keys == NULL)
		return STATUS_NO_MEMORY;
	enum status status = put_all(rows, &header, keys, out);
	free(keys->at);
	free(keys);
	return status;
}

/* --- reading --- */

struct set {
	const struct text *values;
	size_t count;
	bool here, complete;
};

struct summary {
	struct header header;
	struct arena arena;
	struct time_range ranges[RANGES_MAX];
	struct set sets[FIELD_LIMIT];
	struct text filter;
};

static bool read_set(struct summary *summary, struct text bytes, size_t *at)
{
	uint64_t count = 0;
	if (bytes.len - *at < 2)
		return false;
	struct set *set = &summary->sets[(uint8_t)bytes.at[*at]];
	bool complete = bytes.at[*at + 1] == 1;
	*at += 2;
	if (set->here || !varint_get(bytes, at, &count) || count > SET_VALUES_MAX)
		return false;
	struct text *values = arena_calloc(&summary->arena, count + 1, sizeof(*values));
	if (values == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t len = 0;
		if (!varint_get(bytes, at, &len) || len > bytes.len - *at)
			return false;
		values[i] = (struct text){bytes.at + *at, (size_t)len};
		*at += (size_t)len;
	}
	*set = (struct set){values, (size_t)count, true, complete};
	return true;
}

static enum status read_all(struct summary *summary, struct text bytes)
{
	struct header *header = &summary->header;
	if (bytes.len < HEADER_BYTES)
		return STATUS_DAMAGED;
	memcpy(header, bytes.at, HEADER_BYTES);
	if (memcmp(header->magic, magic, sizeof(magic)) != 0)
		return STATUS_DAMAGED;
	if (header->version != BLOCK_FORMAT_VERSION)
		return STATUS_UNSUPPORTED;
	if (header->len != bytes.len || header->rows > BLOCK_ROWS_MAX || header->range_count > RANGES_MAX ||
		header->set_count >= FIELD_LIMIT || checksum_of(bytes.at, bytes.len) != header->checksum)
		return STATUS_DAMAGED;
	size_t at = HEADER_BYTES;
	size_t ranges = header->range_count * sizeof(*summary->ranges);
	if (bytes.len - at < ranges)
		return STATUS_DAMAGED;
	memcpy(summary->ranges, bytes.at + at, ranges);
	at += ranges;
	for (unsigned i = 0; i < header->set_count; i++)
		if (!read_set(summary, bytes, &at))
			return STATUS_DAMAGED;
	summary->filter = (struct text){bytes.at + at, bytes.len - at};
	return fuse_is_sound(summary->filter) ? STATUS_OK : STATUS_DAMAGED;
}

enum status summary_open(struct text bytes, struct summary **summary)
{
	struct summary *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	arena_init(&made->arena, SUMMARY_BYTES_MAX);
	enum status status = read_all(made, bytes);
	if (status == STATUS_OK)
		*summary = made;
	else
		summary_close(&made);
	return status;
}

void summary_close(struct summary **summary)
{
	if (*summary == NULL)
		return;
	arena_finish(&(*summary)->arena);
	free(*summary);
	*summary = NULL;
}

uint64_t summary_first_seq(const struct summary *summary)
{
	return summary->header.first_seq;
}

uint32_t summary_count(const struct summary *summary)
{
	return summary->header.rows;
}

struct time_range summary_recv_time(const struct summary *summary)
{
	return summary->header.recv_time;
}

size_t summary_times(const struct summary *summary, const struct time_range **ranges)
{
	*ranges = summary->ranges;
	return summary->header.range_count;
}

size_t summary_bytes_raw(const struct summary *summary)
{
	return summary->header.bytes_raw;
}

static bool is_present(const struct summary *summary, unsigned field)
{
	return field < FIELD_LIMIT && summary->header.present[field / 64] >> (field % 64) & 1;
}

/* The key of a value (field != 0) or a word, asked for one tenant. */
static bool ask_filter(const struct summary *summary, unsigned field, struct text text, struct text tenant)
{
	uint64_t seed = tenant_seed(summary->header.filter_key, tenant);
	uint64_t key = field ? value_key(seed, field, text) : word_key(seed, text);
	return fuse_may_have(summary->filter, key);
}

/* Without a tenant the filter is asked for each one the block has, where those are few and known. */
static bool ask_any(const struct summary *summary, unsigned field, struct text text, struct text tenant)
{
	static const unsigned tenant_fields[] = {FIELD_TENANT, FIELD_INGEST_TENANT};
	if (tenant.len)
		return ask_filter(summary, field, text, tenant);
	size_t known = 0;
	for (unsigned i = 0; i < 2; i++) {
		const struct set *set = &summary->sets[tenant_fields[i]];
		if (is_present(summary, tenant_fields[i]) && !(set->here && set->complete))
			return true;
		known += set->count;
	}
	if (known > TENANTS_ASKED_MAX || ask_filter(summary, field, text, TEXT("")))
		return true;
	for (unsigned i = 0; i < 2; i++) {
		const struct set *set = &summary->sets[tenant_fields[i]];
		for (size_t k = 0; k < set->count; k++)
			if (ask_filter(summary, field, text, set->values[k]))
				return true;
	}
	return false;
}

bool summary_may_have(const struct summary *summary, unsigned field, struct text value, struct text tenant)
{
	if (field >= FIELD_LIMIT || field == FIELD_SEQ)
		return true;
	/* A tenant may have been given by the credential instead: both are the event's tenant. */
	if (field == FIELD_TENANT && is_present(summary, FIELD_INGEST_TENANT) &&
		summary_may_have(summary, FIELD_INGEST_TENANT, value, tenant))
		return true;
	if (!is_present(summary, field))
		return false;
	const struct set *set = &summary->sets[field];
	if (set->here && set->complete) {
		for (size_t i = 0; i < set->count; i++)
			if (text_equal(set->values[i], value))
				return true;
		return false;
	}
	if (set->here || field_info(field)->flags & FIELD_IN_FILTER)
		return ask_any(summary, field, value, tenant);
	return true;
}

bool summary_may_have_word(const struct summary *summary, struct text word, struct text tenant)
{
	return summary->header.flags & FLAG_PAYLOADS_BESIDE || ask_any(summary, 0, word, tenant);
}

size_t summary_values(const struct summary *summary, unsigned field, const struct text **values, bool *complete)
{
	*values = NULL;
	*complete = field < FIELD_LIMIT && !is_present(summary, field);
	if (field >= FIELD_LIMIT || !summary->sets[field].here)
		return 0;
	*values = summary->sets[field].values;
	*complete = summary->sets[field].complete;
	return summary->sets[field].count;
}
