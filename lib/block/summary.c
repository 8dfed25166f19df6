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
 *    104    16  shape of the filter (fuse.h): length of a segment (4), number of segments (4), seed (8)
 *    120     4  length of the head: all up to the checks
 *    124     4  0
 *    128     8  XXH3-64 of the head from 136 on, with the seed XXH3-64 of bytes 0..127
 *    136  16*n  time ranges: first and last, ns
 *      -     -  sets, by field number: field (1), 1 = complete (1), length of what follows of it (2), varint number of
 *               values; per value a varint length, its bytes, and a varint number of rows that have it.  A field whose
 *               values are too many has an incomplete set without values, and its values are in the filter.
 *      -   4*n  checks, one for each slice of 512 bytes of the fingerprints (the last one may be shorter): the low half
 *               of XXH3-64 of the slice, with the seed checksum of the head + number of the slice, from 0
 *      -     -  the fingerprints of the filter (fuse.h) of values and words; how they become keys is told in words.h
 *
 * A question looks at the head, and at a few neighbouring fingerprints: only their slices are checked, and fetched.  A
 * slice that is damaged rules nothing out.
 *
 * A time range is of events' times, those within an hour of their receive time in the first one, the others in at most
 * 16 more: neighbours are joined over the smallest gaps.  An event without a time counts with its receive time.
 */
#include "summary.h"

#include <assert.h>

#include "checksum.h"
#include "fuse.h"
#include "ints.h"
#include "keys.h"
#include "timestamp.h"
#include "words.h"

enum { OUTLIER_RANGES_MAX = 16, RANGES_MAX = OUTLIER_RANGES_MAX + 1, SET_VALUES_MAX = 256, SET_BYTES_MAX = 8192 };
enum { FLAG_PAYLOADS_BESIDE = 1 };
enum { HEADER_BYTES = 136, CHECKSUM_AT = 128, SUMMARY_BYTES_MAX = 32 * 1024 * 1024, TENANTS_ASKED_MAX = 16 };
enum { SLICE_BYTES = 512, CHECK_BYTES = 4, SET_HEADER_BYTES = 4 };
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
	struct fuse_shape filter;
	uint32_t head_len;
	uint32_t zero;
	uint64_t checksum;
};
static_assert(sizeof(struct header) == HEADER_BYTES, "it is written as it is");
static_assert(SET_BYTES_MAX + 2 * VARINT_BYTES_MAX * (SET_VALUES_MAX + 1) <= UINT16_MAX, "a set says its length");

static uint64_t checksum_of(const char *head, size_t len)
{
	return checksum(
		(struct text){head + HEADER_BYTES, len - HEADER_BYTES}, checksum((struct text){head, CHECKSUM_AT}, 0));
}

static uint32_t check_of(const uint8_t *prints, size_t len, size_t slice, uint64_t seed)
{
	size_t at = slice * SLICE_BYTES;
	size_t bytes = len - at < SLICE_BYTES ? len - at : SLICE_BYTES;
	return (uint32_t)checksum((struct text){(const char *)prints + at, bytes}, seed + slice);
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

/* How many rows have an entry: those that were left over by a failed row are not values. */
static uint32_t count_rows(const struct texts *texts, uint32_t *rows, size_t *bytes)
{
	char scratch[FORM_RENDERED_MAX];
	uint32_t values = 0;
	*bytes = 0;
	for (uint32_t place = 0; place < texts->places; place++) {
		uint32_t code = texts->codes[place];
		if (code == 0 || rows[code]++ > 0)
			continue;
		values++;
		*bytes += texts_entry(texts, code - 1, scratch).len;
	}
	return values;
}

static void put_values(const struct texts *texts, const uint32_t *rows, struct buf *out)
{
	char scratch[FORM_RENDERED_MAX];
	for (uint32_t code = 1; code <= texts->count; code++) {
		if (rows[code] == 0)
			continue;
		struct text text = texts_entry(texts, code - 1, scratch);
		varint_put(out, text.len);
		buf_put_text(out, text);
		varint_put(out, rows[code]);
	}
}

static bool put_set(const struct texts *texts, unsigned field, struct buf *out)
{
	size_t bytes = 0;
	size_t start = out->len + SET_HEADER_BYTES;
	uint32_t *rows = calloc((size_t)texts->count + 1, sizeof(*rows));
	if (rows == NULL) {
		out->failed = STATUS_NO_MEMORY;
		return false;
	}
	uint32_t values = count_rows(texts, rows, &bytes);
	bool complete = values <= SET_VALUES_MAX && bytes <= SET_BYTES_MAX;
	const uint8_t set_header[SET_HEADER_BYTES] = {(uint8_t)field, complete};
	buf_put(out, set_header, sizeof(set_header));
	varint_put(out, complete ? values : 0);
	if (complete)
		put_values(texts, rows, out);
	if (buf_status(out) == STATUS_OK) {
		uint16_t len = (uint16_t)(out->len - start);
		memcpy(out->at + start - sizeof(len), &len, sizeof(len));
	}
	free(rows);
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

/* The checks of the filter's slices, and its fingerprints. */
static void put_filter(const struct header *header, const struct buf *prints, struct buf *out)
{
	for (size_t slice = 0; slice * SLICE_BYTES < prints->len; slice++) {
		uint32_t check = check_of((const uint8_t *)prints->at, prints->len, slice, header->checksum);
		buf_put(out, &check, sizeof(check));
	}
	buf_put_text(out, buf_text(prints));
}

static enum status put_head(const struct rows *rows, struct header *header, struct keys *keys, struct buf *out)
{
	struct time_range ranges[RANGES_MAX];
	struct tenants tenants;
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
	return keys->failed ? STATUS_NO_MEMORY : buf_status(out);
}

static enum status put_all(const struct rows *rows, struct header *header, struct keys *keys, struct buf *out)
{
	struct buf prints;
	size_t start = out->len;
	enum status status = put_head(rows, header, keys, out);
	buf_init(&prints, SUMMARY_BYTES_MAX);
	if (status == STATUS_OK)
		status = fuse_put(keys->at, keys->count, &header->filter, &prints);
	if (status == STATUS_OK) {
		size_t slices = (prints.len + SLICE_BYTES - 1) / SLICE_BYTES;
		header->head_len = (uint32_t)(out->len - start);
		header->len = (uint32_t)(header->head_len + slices * CHECK_BYTES + prints.len);
		memcpy(out->at + start, header, sizeof(*header));
		header->checksum = checksum_of(out->at + start, header->head_len);
		memcpy(out->at + start, header, sizeof(*header));
		put_filter(header, &prints, out);
		status = buf_status(out);
	}
	buf_finish(&prints);
	return status;
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
	uint8_t field;
	bool complete;
	struct text bytes;                  /* what follows its header */
	const struct summary_value *values; /* NULL: not yet read */
	size_t count;
};

struct summary {
	struct header header;
	struct arena arena;
	const struct time_range *ranges;
	struct set *sets;
	const char *checks;
	const uint8_t *prints;
	size_t print_count;
};

/* Only where the sets are is read; what they hold is when they are asked for. */
static bool read_sets(struct summary *summary, struct text head, size_t at)
{
	summary->sets = arena_calloc(&summary->arena, (size_t)summary->header.set_count + 1, sizeof(*summary->sets));
	for (unsigned i = 0; i < summary->header.set_count && summary->sets; i++) {
		uint16_t len = 0;
		if (head.len - at < SET_HEADER_BYTES)
			return false;
		memcpy(&len, head.at + at + 2, sizeof(len));
		struct set set = {.field = (uint8_t)head.at[at], .complete = head.at[at + 1] == 1};
		at += SET_HEADER_BYTES;
		if (len > head.len - at)
			return false;
		set.bytes = (struct text){head.at + at, len};
		summary->sets[i] = set;
		at += len;
	}
	return summary->sets && at == head.len;
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
	size_t at = HEADER_BYTES + header->range_count * sizeof(*summary->ranges);
	if (header->len != bytes.len || header->rows > BLOCK_ROWS_MAX || header->range_count > RANGES_MAX ||
		header->set_count >= FIELD_LIMIT || header->head_len > bytes.len || header->head_len < at ||
		checksum_of(bytes.at, header->head_len) != header->checksum)
		return STATUS_DAMAGED;
	struct time_range *ranges = arena_alloc(&summary->arena, RANGES_MAX * sizeof(*ranges));
	if (ranges == NULL)
		return STATUS_NO_MEMORY;
	memcpy(ranges, bytes.at + HEADER_BYTES, header->range_count * sizeof(*ranges));
	summary->ranges = ranges;
	if (!read_sets(summary, (struct text){bytes.at, header->head_len}, at))
		return STATUS_DAMAGED;
	/* Each whole slice takes its check and its bytes, so what is left over is the last one. */
	size_t rest = bytes.len - header->head_len;
	size_t slices = (rest + SLICE_BYTES + CHECK_BYTES - 1) / (SLICE_BYTES + CHECK_BYTES);
	summary->checks = bytes.at + header->head_len;
	summary->prints = (const uint8_t *)summary->checks + slices * CHECK_BYTES;
	summary->print_count = rest < slices * CHECK_BYTES ? 0 : rest - slices * CHECK_BYTES;
	return rest >= slices * CHECK_BYTES && fuse_is_sound(&header->filter, summary->print_count) ? STATUS_OK
												    : STATUS_DAMAGED;
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

static bool slice_is_whole(const struct summary *summary, size_t slice)
{
	uint32_t check = 0;
	memcpy(&check, summary->checks + slice * CHECK_BYTES, sizeof(check));
	return check == check_of(summary->prints, summary->print_count, slice, summary->header.checksum);
}

enum status summary_check(const struct summary *summary)
{
	for (size_t slice = 0; slice * SLICE_BYTES < summary->print_count; slice++)
		if (!slice_is_whole(summary, slice))
			return STATUS_DAMAGED;
	return STATUS_OK;
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

static bool read_values(struct summary *summary, struct set *set)
{
	size_t at = 0;
	uint64_t count = 0;
	if (!varint_get(set->bytes, &at, &count) || count > SET_VALUES_MAX)
		return false;
	struct summary_value *values = arena_calloc(&summary->arena, count + 1, sizeof(*values));
	if (values == NULL)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t len = 0;
		uint64_t rows = 0;
		if (!varint_get(set->bytes, &at, &len) || len > set->bytes.len - at)
			return false;
		values[i].text = (struct text){set->bytes.at + at, (size_t)len};
		at += (size_t)len;
		if (!varint_get(set->bytes, &at, &rows) || rows > summary->header.rows)
			return false;
		values[i].rows = (uint32_t)rows;
	}
	set->values = values;
	set->count = (size_t)count;
	return true;
}

/* NULL: the field has none.  One that cannot be read is not complete. */
static const struct set *find_set(struct summary *summary, unsigned field)
{
	struct set *found = NULL;
	for (unsigned i = 0; i < summary->header.set_count && found == NULL; i++)
		if (summary->sets[i].field == field)
			found = &summary->sets[i];
	if (found && found->values == NULL && !read_values(summary, found))
		found->complete = false;
	return found;
}

/* The key of a value (field != 0) or a word, asked for one tenant. */
static bool ask_filter(const struct summary *summary, unsigned field, struct text text, struct text tenant)
{
	uint64_t seed = tenant_seed(summary->header.filter_key, tenant);
	uint64_t key = field ? value_key(seed, field, text) : word_key(seed, text);
	if (summary->print_count == 0)
		return false;
	struct fuse_probe probe = fuse_find(&summary->header.filter, key);
	if (fuse_fits(&probe, summary->prints))
		return true;
	for (unsigned k = 0; k < FUSE_PLACES; k++) {
		size_t slice = probe.places[k] / SLICE_BYTES;
		bool checked = k > 0 && slice == probe.places[k - 1] / SLICE_BYTES;
		if (!checked && !slice_is_whole(summary, slice))
			return true;
	}
	return false;
}

/* Whether each event was sent with a tenant: then it is of no other. */
static bool all_sent_tenant(const struct summary *summary, const struct set *sent)
{
	uint32_t rows = 0;
	for (size_t i = 0; sent && i < sent->count; i++)
		rows += sent->values[i].text.len > 0 ? sent->values[i].rows : 0;
	return rows == summary->header.rows;
}

/* Without a tenant the filter is asked for each one the block has, where those are few and known. */
static bool ask_any(struct summary *summary, unsigned field, struct text text, struct text tenant)
{
	static const unsigned tenant_fields[] = {FIELD_TENANT, FIELD_INGEST_TENANT};
	const struct set *sets[2] = {NULL, NULL};
	if (tenant.len)
		return ask_filter(summary, field, text, tenant);
	size_t known = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (!is_present(summary, tenant_fields[i]))
			continue;
		sets[i] = find_set(summary, tenant_fields[i]);
		if (sets[i] == NULL || !sets[i]->complete)
			return true;
		known += sets[i]->count;
	}
	bool all_sent = all_sent_tenant(summary, sets[0]);
	if (known > TENANTS_ASKED_MAX || (!all_sent && ask_filter(summary, field, text, TEXT(""))))
		return true;
	for (unsigned i = 0; i < (all_sent ? 1 : 2); i++)
		for (size_t k = 0; sets[i] && k < sets[i]->count; k++)
			if (ask_filter(summary, field, text, sets[i]->values[k].text))
				return true;
	return false;
}

bool summary_may_have(struct summary *summary, unsigned field, struct text value, struct text tenant)
{
	if (field >= FIELD_LIMIT || field == FIELD_SEQ)
		return true;
	/* A tenant may have been given by the credential instead: both are the event's tenant. */
	if (field == FIELD_TENANT && is_present(summary, FIELD_INGEST_TENANT) &&
		summary_may_have(summary, FIELD_INGEST_TENANT, value, tenant))
		return true;
	if (!is_present(summary, field))
		return false;
	const struct set *set = find_set(summary, field);
	if (set && set->complete) {
		for (size_t i = 0; i < set->count; i++)
			if (text_equal(set->values[i].text, value))
				return true;
		return false;
	}
	if (set || field_info(field)->flags & FIELD_IN_FILTER)
		return ask_any(summary, field, value, tenant);
	return true;
}

bool summary_may_have_word(struct summary *summary, struct text word, struct text tenant)
{
	return summary->header.flags & FLAG_PAYLOADS_BESIDE || ask_any(summary, 0, word, tenant);
}

size_t summary_values(struct summary *summary, unsigned field, const struct summary_value **values, bool *complete)
{
	*values = NULL;
	*complete = field < FIELD_LIMIT && !is_present(summary, field);
	const struct set *set = field < FIELD_LIMIT ? find_set(summary, field) : NULL;
	if (set == NULL)
		return 0;
	*values = set->values;
	*complete = set->complete;
	return set->complete ? set->count : 0;
}
