/*
 * The prefilter.  Every secret redact_scan can find holds one of these (any case where the scan takes any case):
 *
 *   yJ              JWT ("eyJ")                  h?_ behind g    GitHub tokens ("ghp_")
 *   rer             bearer                       x?x             Slack tokens ("xoxb-")
 *   -B              PEM ("-----BEGIN")           sk-             API keys
 *   IA              AWS keys ("AKIA", "ASIA")    :/              scheme://user:password@
 *   oki riz p-p     cookie, authorization, Mcp-Param
 *   LETTER =        parameters                   LETTER '        members in text (in decoded text also LETTER " and \)
 *
 * All are tested at 32 places at once, by vectors of the compiler's own; nothing branches on a single byte.
 */
#include "redact_scan.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { LANES = 32, AHEAD = 3 };

typedef uint8_t lanes __attribute__((vector_size(LANES)));

#define IS(lane, byte) ((lanes)((lane) == (uint8_t)(byte)))

/* Adds the places where a secret may begin; reads LANES + AHEAD bytes. */
static inline __attribute__((always_inline)) void find_lanes(const char *at, bool raw, lanes *found)
{
	lanes a, b, c, d;
	memcpy(&a, at, LANES);
	memcpy(&b, at + 1, LANES);
	memcpy(&c, at + 2, LANES);
	memcpy(&d, at + 3, LANES);
	lanes lower_a = a | 0x20;
	lanes lower_b = b | 0x20;
	lanes lower_c = c | 0x20;
	lanes letter = (lanes)((lower_a - (uint8_t)'a') < 26);
	lanes after_letter = IS(b, '=') | IS(b, '\'');
	if (!raw)
		after_letter |= IS(b, '"') | IS(b, '\\');
	*found |= letter & after_letter;
	*found |= IS(a, 'y') & IS(b, 'J');
	*found |= IS(lower_a, 'r') & ((IS(lower_b, 'e') & IS(lower_c, 'r')) | (IS(lower_b, 'i') & IS(lower_c, 'z')));
	*found |= IS(a, '-') & IS(b, 'B');
	*found |= IS(a, 'I') & IS(b, 'A');
	*found |= IS(a, 'g') & IS(b, 'h') & IS(d, '_');
	*found |= IS(a, 'x') & IS(c, 'x');
	*found |= IS(a, 's') & IS(b, 'k') & IS(c, '-');
	*found |= IS(a, ':') & IS(b, '/');
	*found |= IS(lower_a, 'o') & IS(lower_b, 'k') & IS(lower_c, 'i');
	*found |= IS(lower_a, 'p') & IS(b, '-') & IS(lower_c, 'p');
}

static inline __attribute__((always_inline)) bool find_block(const char *at, bool raw)
{
	lanes found = {0};
	uint64_t words[LANES / 8];
	find_lanes(at, raw, &found);
	memcpy(words, &found, LANES);
	return (words[0] | words[1] | words[2] | words[3]) != 0;
}

/* Reads AHEAD bytes more than its blocks of LANES bytes. */
static bool find_blocks(const char *at, size_t blocks, bool raw)
{
	for (; blocks > 0; blocks--, at += LANES)
		if (raw ? find_block(at, true) : find_block(at, false))
			return true;
	return false;
}

#if defined(__x86_64__)
/*
 * Most blocks hold none of it, which AVX2 tells with a fifth of the instructions: every pattern has a bit, a byte's bits
 * are those of its low AND its high half (a table of 16 each, looked up by one shuffle), and the bits of three bytes in
 * a row are ANDed.  That takes in a few texts more (half of one byte and half of another, patterns that share a bit), so
 * a block with a bit left is searched as above: the answer is the same.
 */
enum {
	EQUALS = 1, /* LETTER =, in decoded text LETTER \ */
	QUOTED = 2, /* LETTER ', in decoded text LETTER " */
	yJ_B = 4,   /* yJ -B */
	URL_IA = 8, /* :/ IA */
	GH = 16,    /* gh?_ */
	PxP = 32,   /* p-p x?x */
	RER = 64,   /* rer riz */
	OKI = 128,  /* oki sk- */
	LETTER = EQUALS | QUOTED,
	TWO = EQUALS | QUOTED | yJ_B | URL_IA | GH, /* whatever the third byte is */
};

struct halves {
	uint8_t low[16], high[16];
};

/* clang-format off */
static const struct halves first_byte = {
	{LETTER | PxP, LETTER, LETTER | RER, LETTER | OKI, LETTER, LETTER, LETTER, LETTER | GH, LETTER | PxP,
	 LETTER | yJ_B | URL_IA, LETTER | URL_IA, LETTER, LETTER, LETTER | yJ_B, LETTER, LETTER | OKI},
	{0, 0, yJ_B, URL_IA, LETTER | URL_IA | OKI, LETTER | PxP | RER, LETTER | OKI | GH,
	 LETTER | yJ_B | PxP | RER | OKI, 0, 0, 0, 0, 0, 0, 0, 0}};
static const struct halves second_byte_raw = {
	{PxP, PxP | URL_IA, PxP | yJ_B, PxP, PxP, PxP | RER, PxP, PxP | QUOTED, PxP | GH, PxP | RER, PxP | yJ_B,
	 PxP | OKI, PxP, PxP | EQUALS, PxP, PxP | URL_IA},
	{PxP, PxP, PxP | QUOTED | URL_IA, PxP | EQUALS, PxP | yJ_B | URL_IA | RER | OKI, PxP,
	 PxP | RER | OKI | GH, PxP, PxP, PxP, PxP, PxP, PxP, PxP, PxP, PxP}};
static const struct halves second_byte_decoded = {
	{PxP, PxP | URL_IA, PxP | yJ_B | QUOTED, PxP, PxP, PxP | RER, PxP, PxP | QUOTED, PxP | GH, PxP | RER,
	 PxP | yJ_B, PxP | OKI, PxP | EQUALS, PxP | EQUALS, PxP, PxP | URL_IA},
	{PxP, PxP, PxP | QUOTED | URL_IA, PxP | EQUALS, PxP | yJ_B | URL_IA | RER | OKI, PxP | EQUALS,
	 PxP | RER | OKI | GH, PxP, PxP, PxP, PxP, PxP, PxP, PxP, PxP, PxP}};
static const struct halves third_byte = {
	{TWO | PxP, TWO, TWO | RER, TWO, TWO, TWO, TWO, TWO, TWO | PxP, TWO | OKI, TWO | RER, TWO, TWO,
	 TWO | OKI, TWO, TWO},
	{TWO, TWO, TWO | OKI, TWO, TWO | OKI, TWO | PxP | RER, TWO | OKI, TWO | PxP | RER, TWO, TWO, TWO, TWO,
	 TWO, TWO, TWO, TWO}};
/* clang-format on */

#define AVX2 __attribute__((target("avx2")))

static inline AVX2 __m256i load_table(const uint8_t table[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)table));
}

struct tables {
	__m256i low, high;
};

static inline AVX2 struct tables load_halves(const struct halves *halves)
{
	return (struct tables){load_table(halves->low), load_table(halves->high)};
}

/* The bits of LANES bytes. */
static inline AVX2 __m256i bits_of(const char *at, struct tables tables)
{
	__m256i half = _mm256_set1_epi8(0x0f);
	__m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
	__m256i low = _mm256_and_si256(bytes, half);
	__m256i high = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
	return _mm256_and_si256(_mm256_shuffle_epi8(tables.low, low), _mm256_shuffle_epi8(tables.high, high));
}

static AVX2 bool find_blocks_avx2(const char *at, size_t blocks, bool raw)
{
	struct tables first = load_halves(&first_byte);
	struct tables second = load_halves(raw ? &second_byte_raw : &second_byte_decoded);
	struct tables third = load_halves(&third_byte);
	for (; blocks > 0; blocks--, at += LANES) {
		__m256i bits = _mm256_and_si256(bits_of(at, first), bits_of(at + 1, second));
		if (!_mm256_testz_si256(bits, bits_of(at + 2, third)) &&
			(raw ? find_block(at, true) : find_block(at, false)))
			return true;
	}
	return false;
}
#endif

static inline bool find(const char *at, size_t blocks, bool raw)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return find_blocks_avx2(at, blocks, raw);
#endif
	return find_blocks(at, blocks, raw);
}

bool redact_suspect(struct text text, bool raw)
{
	size_t blocks = text.len > AHEAD ? (text.len - AHEAD) / LANES : 0;
	size_t left = text.len - blocks * LANES;
	char tail[2 * LANES + AHEAD] = {0};
	if (left)
		memcpy(tail, text.at + blocks * LANES, left);
	return find(text.at, blocks, raw) || find(tail, left > LANES ? 2 : 1, raw);
}
