/* One pass, 64 bytes a step: eight bytes at a time, or 32 where the processor has AVX2. */
#include "json_quotes.h"

#include <stdlib.h>

#include "index.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { STEP_BYTES = 64, KEPT_WORDS_MAX = 1 << 17 };

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* What was found in all steps so far. */
struct found {
	bool other; /* a backslash or a control character */
	bool wide;  /* a byte beyond ASCII */
};

/* 0x80 in each byte that is 0. */
static inline uint64_t zero_bytes(uint64_t bytes)
{
	return ~(((bytes & EACH_BYTE(0x7f)) + EACH_BYTE(0x7f)) | bytes | EACH_BYTE(0x7f));
}

static void look(const char *at, size_t steps, uint64_t *quotes, struct found *found)
{
	uint64_t other = 0, wide = 0;
	for (size_t step = 0; step < steps; step++) {
		quotes[step] = 0;
		for (unsigned i = 0; i < STEP_BYTES; i += 8) {
			uint64_t bytes;
			memcpy(&bytes, at + step * STEP_BYTES + i, sizeof(bytes));
			/* Bytes below a space have none of the three upper bits. */
			other |= zero_bytes(bytes & EACH_BYTE(0xe0)) | zero_bytes(bytes ^ EACH_BYTE('\\'));
			wide |= bytes & EACH_BYTE(0x80);
			uint64_t quote = zero_bytes(bytes ^ EACH_BYTE('"')) >> 7;
			quotes[step] |= (quote * UINT64_C(0x0102040810204080) >> 56) << i;
		}
	}
	found->other |= other != 0;
	found->wide |= wide != 0;
}

#if defined(__x86_64__)
static __attribute__((target("avx2"))) void look_avx2(
	const char *at, size_t steps, uint64_t *quotes, struct found *found)
{
	const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\'), space = _mm256_set1_epi8(' ');
	__m256i fine = _mm256_set1_epi8(-1), wide = _mm256_setzero_si256();
	for (size_t step = 0; step < steps; step++, at += STEP_BYTES) {
		__m256i a = _mm256_loadu_si256((const __m256i *)(const void *)at);
		__m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(at + STEP_BYTES / 2));
		__m256i least = _mm256_min_epu8(a, b);
		fine = _mm256_and_si256(fine, _mm256_cmpeq_epi8(_mm256_max_epu8(least, space), least));
		wide = _mm256_or_si256(wide, _mm256_or_si256(a, b));
		__m256i escape = _mm256_or_si256(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash));
		fine = _mm256_andnot_si256(escape, fine);
		uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, quote));
		uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, quote));
		quotes[step] = low | (uint64_t)high << 32;
	}
	found->other |= _mm256_movemask_epi8(fine) != -1;
	found->wide |= _mm256_movemask_epi8(wide) != 0;
}
#endif

static void look_at(const char *at, size_t steps, uint64_t *quotes, struct found *found)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2")) {
		look_avx2(at, steps, quotes, found);
		return;
	}
#endif
	look(at, steps, quotes, found);
}

static bool reserve(struct json_quotes *quotes, size_t words)
{
	bool is_huge = quotes->capacity > KEPT_WORDS_MAX && words < KEPT_WORDS_MAX / 2;
	if (words <= quotes->capacity && !is_huge)
		return true;
	json_quotes_finish(quotes);
	size_t capacity = 64;
	while (capacity < words)
		capacity *= 2;
	quotes->words = malloc(capacity * sizeof(*quotes->words));
	if (quotes->words == NULL)
		return false;
	quotes->capacity = capacity;
	return true;
}

void json_quotes_finish(struct json_quotes *quotes)
{
	free(quotes->words);
	*quotes = (struct json_quotes){NULL, 0};
}

bool json_quotes_find(struct json_quotes *quotes, struct text text)
{
	struct found found = {false, false};
	size_t steps = text.len / STEP_BYTES;
	size_t left = text.len % STEP_BYTES;
	if (!reserve(quotes, steps + 2))
		return false;
	look_at(text.at, steps, quotes->words, &found);
	char rest[STEP_BYTES];
	memset(rest, ' ', sizeof(rest));
	if (left)
		memcpy(rest, text.at + steps * STEP_BYTES, left);
	look_at(rest, 1, quotes->words + steps, &found);
	quotes->words[steps + 1] = UINT64_MAX;
	return !found.other && (!found.wide || json_index_is_utf8(text.at, text.len));
}
