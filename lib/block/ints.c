#include "ints.h"

#include <math.h>
#include <stdlib.h>

#include "codec.h"
#include "planes.h"

enum { INTS_CONST, INTS_FIXED, INTS_PLANES };
enum { PLANE_CONST, PLANE_RAW, PLANE_PACKED };
enum { WORD_BYTES = 8, BYTE_VALUES = 256, SAMPLE_MAX = 512, PACK_MIN = 32 };

size_t varint_write(uint8_t *to, uint64_t number)
{
	size_t len = 0;
	while (number >= 0x80) {
		to[len++] = (uint8_t)(number | 0x80);
		number >>= 7;
	}
	to[len++] = (uint8_t)number;
	return len;
}

void varint_put(struct buf *out, uint64_t number)
{
	uint8_t bytes[VARINT_BYTES_MAX];
	buf_put(out, bytes, varint_write(bytes, number));
}

bool varint_get(struct text text, size_t *at, uint64_t *number)
{
	uint64_t value = 0;
	size_t next = *at;
	for (unsigned shift = 0; shift < 64 && next < text.len; shift += 7) {
		uint8_t byte = (uint8_t)text.at[next++];
		if (shift == 63 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			*number = value;
			*at = next;
			return true;
		}
	}
	return false;
}

static unsigned bytes_for(uint64_t range)
{
	return range ? (64 - (unsigned)__builtin_clzll(range) + 7) / 8 : 0;
}

static void put_const(struct buf *out, int64_t value)
{
	buf_put_byte(out, INTS_CONST);
	varint_put(out, zigzag(value));
}

/* Room for count words of `width` bytes, with slack so that each may be written as a whole word. */
static char *begin_fixed(struct buf *out, unsigned width, int64_t base, size_t count)
{
	buf_put_byte(out, INTS_FIXED);
	buf_put_byte(out, (uint8_t)width);
	varint_put(out, zigzag(base));
	return buf_reserve(out, count * width + WORD_BYTES);
}

void ints_put_fixed(struct buf *out, const int64_t *values, size_t count)
{
	if (count == 0)
		return;
	int64_t min = values[0];
	int64_t max = values[0];
	for (size_t i = 1; i < count; i++) {
		min = values[i] < min ? values[i] : min;
		max = values[i] > max ? values[i] : max;
	}
	unsigned width = bytes_for((uint64_t)max - (uint64_t)min);
	if (width == 0) {
		put_const(out, min);
		return;
	}
	char *to = begin_fixed(out, width, min, count);
	if (to == NULL)
		return;
	for (size_t i = 0; i < count; i++, to += width) {
		uint64_t word = (uint64_t)values[i] - (uint64_t)min;
		memcpy(to, &word, sizeof(word));
	}
	out->len += count * width;
}

void ints_put_codes_fixed(struct buf *out, const uint32_t *codes, size_t count)
{
	if (count == 0)
		return;
	uint32_t any = 0;
	bool same = true;
	for (size_t i = 0; i < count; i++) {
		any |= codes[i];
		same &= codes[i] == codes[0];
	}
	if (same) {
		put_const(out, codes[0]);
		return;
	}
	unsigned width = bytes_for(any);
	char *to = begin_fixed(out, width, 0, count);
	if (to == NULL)
		return;
	if (width == 1) {
		for (size_t i = 0; i < count; i++)
			to[i] = (char)codes[i];
	} else {
		for (size_t i = 0; i < count; i++, to += width)
			memcpy(to, &codes[i], sizeof(codes[i]));
	}
	out->len += count * width;
}

/* log2 with an error below 0.01, which is enough to compare. */
static double log2_of(uint32_t number)
{
	unsigned exponent = 31 - (unsigned)__builtin_clz(number);
	double fraction = (double)number / (double)(UINT32_C(1) << exponent) - 1;
	return exponent + fraction * (1.3465 - 0.3465 * fraction);
}

/* What one plane would take, from the frequencies of its bytes. */
static double plane_bits(const uint32_t counts[BYTE_VALUES], size_t count)
{
	double all = log2_of((uint32_t)count);
	double bits = 0;
	for (unsigned value = 0; value < BYTE_VALUES; value++)
		if (counts[value])
			bits += counts[value] * (all - log2_of(counts[value]));
	return bits;
}

static void count_plane(const uint64_t *words, size_t count, unsigned plane, uint32_t counts[BYTE_VALUES])
{
	memset(counts, 0, BYTE_VALUES * sizeof(*counts));
	for (size_t i = 0; i < count; i++)
		counts[words[i] >> plane * 8 & 0xff]++;
}

/* Takes differences in place (wrapping) `order` times; the first `order` words stay as the starts. */
static void take_differences(uint64_t *words, size_t count, unsigned order)
{
	for (unsigned d = 0; d < order; d++)
		for (size_t i = count - 1; i > d; i--)
			words[i] -= words[i - 1];
}

/* Subtracts the smallest (as signed) and returns it. */
static int64_t take_base(uint64_t *words, size_t count, uint64_t *range)
{
	int64_t min = (int64_t)words[0];
	int64_t max = min;
	for (size_t i = 1; i < count; i++) {
		int64_t word = (int64_t)words[i];
		min = word < min ? word : min;
		max = word > max ? word : max;
	}
	for (size_t i = 0; i < count; i++)
		words[i] -= (uint64_t)min;
	*range = (uint64_t)max - (uint64_t)min;
	return min;
}

/* The order of differences that takes fewest bits in a sample from the middle. */
static unsigned best_order(const int64_t *values, size_t count)
{
	uint64_t words[SAMPLE_MAX];
	uint32_t counts[BYTE_VALUES];
	size_t sample = count < SAMPLE_MAX ? count : SAMPLE_MAX;
	const int64_t *from = values + (count - sample) / 2;
	unsigned best = 0;
	double best_bits = INFINITY;
	for (unsigned order = 0; order <= PLANES_ORDER_MAX && order + 1 < sample; order++) {
		memcpy(words, from, sample * sizeof(*words));
		take_differences(words, sample, order);
		uint64_t range = 0;
		(void)take_base(words + order, sample - order, &range);
		double bits = 0;
		for (unsigned plane = 0; plane < bytes_for(range); plane++) {
			count_plane(words + order, sample - order, plane, counts);
			bits += plane_bits(counts, sample - order);
		}
		if (bits < best_bits * 0.98) {
			best = order;
			best_bits = bits;
		}
	}
	return best;
}

/*
 * Deflates a plane that should take `bits`; false: that does not save a tenth.  Where repeats did not help, they may
 * have hurt: a repeat of a few random codes costs more than the codes.
 */
static bool pack_plane(struct text plain, double bits, struct buf *packed)
{
	if (codec_pack(plain, CODEC_ZLIB, CODEC_FAST, packed) != STATUS_OK)
		return false;
	if ((double)packed->len * 8 > bits * 1.1) {
		struct buf symbols;
		buf_init(&symbols, SIZE_MAX / 4);
		if (codec_pack(plain, CODEC_ZLIB, CODEC_SYMBOLS, &symbols) == STATUS_OK && symbols.len < packed->len) {
			struct buf worse = *packed;
			*packed = symbols;
			symbols = worse;
		}
		buf_finish(&symbols);
	}
	return packed->len <= plain.len - plain.len / 10;
}

static void put_plane(struct buf *out, const uint64_t *words, size_t count, unsigned plane, char *bytes)
{
	uint32_t counts[BYTE_VALUES];
	count_plane(words, count, plane, counts);
	uint8_t first = (uint8_t)(words[0] >> plane * 8);
	if (counts[first] == count) {
		buf_put_byte(out, PLANE_CONST);
		buf_put_byte(out, first);
		return;
	}
	for (size_t i = 0; i < count; i++)
		bytes[i] = (char)(words[i] >> plane * 8);
	double bits = plane_bits(counts, count);
	struct buf packed;
	buf_init(&packed, SIZE_MAX / 4);
	if (count >= PACK_MIN && bits < 8.0 * 0.95 * (double)count &&
		pack_plane((struct text){bytes, count}, bits, &packed)) {
		buf_put_byte(out, PLANE_PACKED);
		varint_put(out, packed.len);
		buf_put_text(out, buf_text(&packed));
	} else {
		buf_put_byte(out, PLANE_RAW);
		buf_put(out, bytes, count);
	}
	buf_finish(&packed);
}

void ints_put_planes(struct buf *out, const int64_t *values, size_t count)
{
	if (count == 0)
		return;
	size_t same = 1;
	while (same < count && values[same] == values[0])
		same++;
	if (same == count) {
		put_const(out, values[0]);
		return;
	}
	uint64_t *words = malloc(count * (sizeof(*words) + 1));
	if (words == NULL) {
		out->failed = STATUS_NO_MEMORY;
		return;
	}
	memcpy(words, values, count * sizeof(*words));
	unsigned order = best_order(values, count);
	take_differences(words, count, order);
	buf_put_byte(out, INTS_PLANES);
	buf_put_byte(out, (uint8_t)order);
	for (unsigned i = 0; i < order; i++)
		varint_put(out, zigzag((int64_t)words[i]));
	uint64_t range = 0;
	int64_t base = take_base(words + order, count - order, &range);
	varint_put(out, zigzag(base));
	buf_put_byte(out, (uint8_t)bytes_for(range));
	for (unsigned plane = 0; plane < bytes_for(range); plane++)
		put_plane(out, words + order, count - order, plane, (char *)(words + count));
	free(words);
}

static enum status get_fixed(struct text text, size_t at, int64_t *values, size_t count)
{
	uint64_t base = 0;
	if (at >= text.len)
		return STATUS_DAMAGED;
	unsigned width = (uint8_t)text.at[at++];
	if (width == 0 || width > WORD_BYTES || !varint_get(text, &at, &base) || (text.len - at) / width != count ||
		(text.len - at) % width != 0)
		return STATUS_DAMAGED;
	uint64_t low = (uint64_t)unzigzag(base);
	const char *from = text.at + at;
	const char *whole_end = text.at + text.len - WORD_BYTES;
	uint64_t mask = width == WORD_BYTES ? UINT64_MAX : (UINT64_C(1) << width * 8) - 1;
	for (size_t i = 0; i < count; i++, from += width) {
		uint64_t word = 0;
		if (text.len >= WORD_BYTES && from <= whole_end)
			memcpy(&word, from, sizeof(word));
		else
			memcpy(&word, from, width);
		values[i] = (int64_t)((word & mask) + low);
	}
	return STATUS_OK;
}

static enum status get_plane(
	struct text text, size_t *at, unsigned plane, struct arena *arena, size_t count, struct planes *planes)
{
	if (*at >= text.len)
		return STATUS_DAMAGED;
	uint8_t how = (uint8_t)text.at[(*at)++];
	size_t left = text.len - *at;
	const uint8_t *from = (const uint8_t *)text.at + *at;
	uint64_t len = 0;
	if (how == PLANE_CONST && left > 0) {
		planes->base += (uint64_t)*from << plane * 8;
		(*at)++;
		return STATUS_OK;
	}
	if (how == PLANE_RAW && left >= count) {
		*at += count;
	} else if (how == PLANE_PACKED && varint_get(text, at, &len) && len <= text.len - *at) {
		uint8_t *bytes = arena_alloc(arena, count);
		if (bytes == NULL)
			return STATUS_NO_MEMORY;
		enum status status =
			codec_unpack_exact((struct text){text.at + *at, (size_t)len}, CODEC_ZLIB, bytes, count);
		if (status != STATUS_OK)
			return status == STATUS_INVALID ? STATUS_DAMAGED : status;
		from = bytes;
		*at += (size_t)len;
	} else {
		return STATUS_DAMAGED;
	}
	planes->bytes[planes->count] = from;
	planes->shift[planes->count++] = plane * 8;
	return STATUS_OK;
}

static enum status get_planes(struct text text, size_t at, struct arena *arena, size_t count, struct planes *planes)
{
	uint64_t number = 0;
	*planes = (struct planes){.order = 0};
	if (at >= text.len)
		return STATUS_DAMAGED;
	planes->order = (uint8_t)text.at[at++];
	if (planes->order > PLANES_ORDER_MAX || planes->order >= count)
		return STATUS_DAMAGED;
	for (unsigned i = 0; i < planes->order; i++) {
		if (!varint_get(text, &at, &number))
			return STATUS_DAMAGED;
		planes->starts[i] = (uint64_t)unzigzag(number);
	}
	if (!varint_get(text, &at, &number) || at >= text.len)
		return STATUS_DAMAGED;
	planes->base = (uint64_t)unzigzag(number);
	unsigned plane_count = (uint8_t)text.at[at++];
	if (plane_count > PLANES_MAX)
		return STATUS_DAMAGED;
	for (unsigned plane = 0; plane < plane_count; plane++) {
		enum status status = get_plane(text, &at, plane, arena, count - planes->order, planes);
		if (status != STATUS_OK)
			return status;
	}
	return at == text.len ? STATUS_OK : STATUS_DAMAGED;
}

enum status ints_get(struct text text, struct arena *arena, int64_t *values, size_t count)
{
	if (count == 0)
		return text.len == 0 ? STATUS_OK : STATUS_DAMAGED;
	if (text.len == 0)
		return STATUS_DAMAGED;
	size_t at = 1;
	uint64_t number = 0;
	struct planes planes;
	enum status status = STATUS_OK;
	switch (text.at[0]) {
	case INTS_CONST:
		if (!varint_get(text, &at, &number) || at != text.len)
			return STATUS_DAMAGED;
		for (size_t i = 0; i < count; i++)
			values[i] = unzigzag(number);
		return STATUS_OK;
	case INTS_FIXED:
		return get_fixed(text, at, values, count);
	case INTS_PLANES:
		status = get_planes(text, at, arena, count, &planes);
		if (status == STATUS_OK)
			planes_merge(&planes, (uint64_t *)values, count);
		return status;
	default:
		return STATUS_DAMAGED;
	}
}

static bool narrow(const int64_t *values, uint32_t *codes, size_t count, uint64_t limit)
{
	uint64_t any = 0;
	for (size_t i = 0; i < count; i++) {
		uint64_t value = (uint64_t)values[i];
		any |= value > limit;
		codes[i] = (uint32_t)value;
	}
	return !any;
}

enum status ints_get_codes(struct text text, struct arena *arena, uint32_t *codes, size_t count, uint64_t limit)
{
	struct planes planes = {.count = 0};
	enum status status = STATUS_OK;
	bool in_planes = count > 0 && text.len > 0 && text.at[0] == INTS_PLANES;
	if (in_planes)
		status = get_planes(text, 1, arena, count, &planes);
	if (status != STATUS_OK)
		return status;
	if (planes_are_small(&planes, limit))
		return planes_merge_codes(&planes, codes, count, (uint32_t)limit) ? STATUS_OK : STATUS_DAMAGED;
	int64_t *values = arena_alloc(arena, (count + 1) * sizeof(*values));
	if (values == NULL)
		return STATUS_NO_MEMORY;
	if (in_planes)
		planes_merge(&planes, (uint64_t *)values, count);
	else
		status = ints_get(text, arena, values, count);
	if (status != STATUS_OK)
		return status;
	return narrow(values, codes, count, limit) ? STATUS_OK : STATUS_DAMAGED;
}
