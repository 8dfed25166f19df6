/*
 * Loops over bytes, in steps of a fixed size, of which compilers make vectors.  They are compiled twice, for any processor
 * and for those with AVX2.
 */
#include "planes.h"

enum { STEP = 16, PIECE = 1024 }; /* integers; a piece stays in the nearest cache until all planes are added */
enum { SMALL_SHIFT_MAX = 16, SMALL_LIMIT_MAX = INT32_MAX >> 1 };

#define IN_BOTH static inline __attribute__((always_inline))

#define IN_STEPS(count, statement)                                                                                     \
	do {                                                                                                           \
		size_t i = 0;                                                                                          \
		for (size_t left_ = (count) / STEP; left_ > 0; left_--)                                                \
			for (unsigned k_ = 0; k_ < STEP; k_++, i++)                                                    \
				statement;                                                                             \
		for (; i < (count); i++)                                                                               \
			statement;                                                                                     \
	} while (0)

/* The first plane also sets the integers, so that they need not be cleared before. */
IN_BOTH void set_words(
	uint64_t *restrict words, size_t count, const uint8_t *restrict bytes, unsigned shift, uint64_t base)
{
	IN_STEPS(count, words[i] = base + ((uint64_t)bytes[i] << shift));
}

IN_BOTH void add_to_words(uint64_t *restrict words, size_t count, const uint8_t *restrict bytes, unsigned shift)
{
	IN_STEPS(count, words[i] += (uint64_t)bytes[i] << shift);
}

IN_BOTH void add_planes(const struct planes *planes, size_t from, uint64_t *words, size_t count)
{
	if (planes->count > 0)
		set_words(words, count, planes->bytes[0] + from, planes->shift[0], planes->base);
	for (size_t i = 0; i < count && planes->count == 0; i++)
		words[i] = planes->base;
	for (unsigned plane = 1; plane < planes->count; plane++)
		add_to_words(words, count, planes->bytes[plane] + from, planes->shift[plane]);
}

/* Differences become what they are differences of; *sum: the one before. */
IN_BOTH void add_up(uint64_t *words, size_t count, uint64_t *sum)
{
	uint64_t last = *sum;
	for (size_t i = 0; i < count; i++)
		words[i] = last += words[i];
	*sum = last;
}

IN_BOTH void merge(const struct planes *planes, uint64_t *words, size_t count)
{
	unsigned order = planes->order;
	uint64_t last = order > 0 ? planes->starts[0] : 0;
	uint64_t difference = order > 1 ? planes->starts[1] : 0;
	if (order > 0)
		words[0] = last;
	if (order > 1)
		words[1] = last += difference;
	for (size_t at = order; at < count;) {
		size_t piece = count - at < PIECE ? count - at : PIECE;
		add_planes(planes, at - order, words + at, piece);
		if (order > 1)
			add_up(words + at, piece, &difference);
		if (order > 0)
			add_up(words + at, piece, &last);
		at += piece;
	}
}

IN_BOTH void set_codes(
	uint32_t *restrict codes, size_t count, const uint8_t *restrict bytes, unsigned shift, uint32_t base)
{
	IN_STEPS(count, codes[i] = base + ((uint32_t)bytes[i] << shift));
}

IN_BOTH void add_to_codes(uint32_t *restrict codes, size_t count, const uint8_t *restrict bytes, unsigned shift)
{
	IN_STEPS(count, codes[i] += (uint32_t)bytes[i] << shift);
}

/* Neither the codes nor the limit have the highest bit: one that is too large sets it in the difference. */
IN_BOTH uint32_t beyond(const uint32_t *codes, size_t count, uint32_t limit)
{
	uint32_t any = 0;
	IN_STEPS(count, any |= limit - codes[i]);
	return any >> 31;
}

IN_BOTH bool merge_codes(const struct planes *planes, uint32_t *codes, size_t count, uint32_t limit)
{
	uint32_t any = 0;
	for (size_t at = 0; at < count;) {
		size_t piece = count - at < PIECE ? count - at : PIECE;
		set_codes(codes + at, piece, planes->bytes[0] + at, planes->shift[0], (uint32_t)planes->base);
		for (unsigned plane = 1; plane < planes->count; plane++)
			add_to_codes(codes + at, piece, planes->bytes[plane] + at, planes->shift[plane]);
		any |= beyond(codes + at, piece, limit);
		at += piece;
	}
	return any == 0;
}

bool planes_are_small(const struct planes *planes, uint64_t limit)
{
	return planes->order == 0 && planes->count > 0 && planes->shift[planes->count - 1] <= SMALL_SHIFT_MAX &&
	       limit <= SMALL_LIMIT_MAX && planes->base <= limit;
}

#if defined(__x86_64__) && !defined(PLANES_PLAIN) /* which a test defines */
#define AVX2 __attribute__((target("avx2")))

static AVX2 void merge_avx2(const struct planes *planes, uint64_t *words, size_t count)
{
	merge(planes, words, count);
}

static AVX2 bool merge_codes_avx2(const struct planes *planes, uint32_t *codes, size_t count, uint32_t limit)
{
	return merge_codes(planes, codes, count, limit);
}
#endif

void planes_merge(const struct planes *planes, uint64_t *words, size_t count)
{
#ifdef AVX2
	if (__builtin_cpu_supports("avx2")) {
		merge_avx2(planes, words, count);
		return;
	}
#endif
	merge(planes, words, count);
}

bool planes_merge_codes(const struct planes *planes, uint32_t *codes, size_t count, uint32_t limit)
{
#ifdef AVX2
	if (__builtin_cpu_supports("avx2"))
		return merge_codes_avx2(planes, codes, count, limit);
#endif
	return merge_codes(planes, codes, count, limit);
}
