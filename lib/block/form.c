#include "form.h"

#include <assert.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { HEX_STEP = 8, HEX_WIDTH_MIN = 4, DIGITS_MAX = 18 };

static uint64_t load(const char *at)
{
	uint64_t word = 0;
	memcpy(&word, at, sizeof(word));
	return word;
}

/* Eight digits at once: the nibbles are guessed, rendered again and compared, which is the whole check. */
static bool parse_hex8(const char *text, uint8_t binary[4])
{
	uint64_t word = load(text);
	uint64_t letters = word >> 6 & EACH_BYTE(1);
	uint64_t nibbles = (word & EACH_BYTE(0x0f)) + letters * 9;
	uint64_t ten = (nibbles + EACH_BYTE(6)) >> 4 & EACH_BYTE(1);
	uint64_t again = nibbles + EACH_BYTE('0') + ten * ('a' - '0' - 10);
	if (again != word || (nibbles & EACH_BYTE(0xf0)))
		return false;
	uint64_t pairs = (nibbles << 4 | nibbles >> 8) & UINT64_C(0x00ff00ff00ff00ff);
	pairs = (pairs | pairs >> 8) & UINT64_C(0x0000ffff0000ffff);
	uint32_t packed = (uint32_t)(pairs | pairs >> 16);
	memcpy(binary, &packed, sizeof(packed));
	return true;
}

static void render_hex8(const uint8_t binary[4], char *text)
{
	uint32_t packed = 0;
	memcpy(&packed, binary, sizeof(packed));
	uint64_t pairs = (packed | (uint64_t)packed << 16) & UINT64_C(0x0000ffff0000ffff);
	pairs = (pairs | pairs << 8) & UINT64_C(0x00ff00ff00ff00ff);
	uint64_t nibbles = (pairs >> 4 & EACH_BYTE(0x0f) & UINT64_C(0x00ff00ff00ff00ff)) |
			   (pairs & UINT64_C(0x000f000f000f000f)) << 8;
	uint64_t ten = (nibbles + EACH_BYTE(6)) >> 4 & EACH_BYTE(1);
	uint64_t word = nibbles + EACH_BYTE('0') + ten * ('a' - '0' - 10);
	memcpy(text, &word, sizeof(word));
}

#if defined(__x86_64__)
#define AVX2 __attribute__((target("avx2")))

/* 32 digits at once: each is `0` and something below 10, or `a` and something below 6. */
static inline AVX2 bool parse_vector(__m256i text, uint8_t binary[UUID_BYTES])
{
	__m256i digit = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
	__m256i letter = _mm256_sub_epi8(text, _mm256_set1_epi8('a'));
	__m256i is_digit = _mm256_cmpeq_epi8(_mm256_min_epu8(digit, _mm256_set1_epi8(9)), digit);
	__m256i is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(letter, _mm256_set1_epi8(5)), letter);
	if (_mm256_movemask_epi8(_mm256_or_si256(is_digit, is_letter)) != -1)
		return false;
	__m256i nibbles = _mm256_blendv_epi8(_mm256_add_epi8(letter, _mm256_set1_epi8(10)), digit, is_digit);
	__m256i bytes = _mm256_maddubs_epi16(nibbles, _mm256_set1_epi16(0x0110));
	__m128i packed = _mm_packus_epi16(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
	_mm_storeu_si128((__m128i *)(void *)binary, packed);
	return true;
}

static AVX2 bool parse_hex32_avx2(const char *text, uint8_t binary[UUID_BYTES])
{
	return parse_vector(_mm256_loadu_si256((const __m256i *)(const void *)text), binary);
}

/* The hyphens are left out by a shuffle of each half; the digits that it does not reach are put in. */
static AVX2 bool parse_uuid_avx2(const char *text, uint8_t binary[UUID_BYTES])
{
	const __m128i first = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, -1, -1);
	const __m128i second = _mm_setr_epi8(-1, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
	uint16_t between;
	memcpy(&between, text + 16, sizeof(between));
	__m128i low = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)text), first);
	__m128i high = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(text + 20)), second);
	low = _mm_insert_epi16(low, between, 7);
	high = _mm_insert_epi8(high, text[19], 0);
	return parse_vector(_mm256_set_m128i(high, low), binary);
}
#undef AVX2
#endif

static bool parse_hex(const char *text, unsigned width, uint8_t *binary)
{
	unsigned done = 0;
#if defined(__x86_64__)
	for (; width - done >= UUID_BYTES && __builtin_cpu_supports("avx2"); done += UUID_BYTES)
		if (!parse_hex32_avx2(text + (size_t)done * 2, binary + done))
			return false;
#endif
	for (; done < width; done += 4)
		if (!parse_hex8(text + (size_t)done * 2, binary + done))
			return false;
	return true;
}

static bool parse_uuid(const char *text, uint8_t binary[UUID_BYTES])
{
	char digits[2 * UUID_BYTES];
	if (text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-')
		return false;
#if defined(__x86_64__)
	if (__builtin_cpu_supports("avx2"))
		return parse_uuid_avx2(text, binary);
#endif
	memcpy(digits, text, 8);
	memcpy(digits + 8, text + 9, 4);
	memcpy(digits + 12, text + 14, 4);
	memcpy(digits + 16, text + 19, 4);
	memcpy(digits + 20, text + 24, 12);
	return parse_hex(digits, UUID_BYTES, binary);
}

static void render_uuid(const uint8_t binary[UUID_BYTES], char *text)
{
	char digits[2 * UUID_BYTES];
	for (unsigned i = 0; i < UUID_BYTES; i += 4)
		render_hex8(binary + i, digits + (size_t)i * 2);
	memcpy(text, digits, 8);
	memcpy(text + 9, digits + 8, 4);
	memcpy(text + 14, digits + 12, 4);
	memcpy(text + 19, digits + 16, 4);
	memcpy(text + 24, digits + 20, 12);
	text[8] = text[13] = text[18] = text[23] = '-';
}

static bool parse_int(const char *text, size_t len, int64_t *number)
{
	bool negative = len > 0 && text[0] == '-';
	const char *digit = text + negative;
	size_t count = len - negative;
	if (count == 0 || count > DIGITS_MAX || (digit[0] == '0' && (count > 1 || negative)))
		return false;
	int64_t value = 0;
	for (size_t i = 0; i < count; i++) {
		if (digit[i] < '0' || digit[i] > '9')
			return false;
		value = value * 10 + (digit[i] - '0');
	}
	*number = negative ? -value : value;
	return true;
}

static size_t render_int(int64_t number, char *text)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	do {
		digits[--at] = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		*text++ = '-';
	memcpy(text, digits + at, sizeof(digits) - at);
	return sizeof(digits) - at + (number < 0);
}

enum form form_of(struct text text, unsigned *width)
{
	uint8_t binary[FORM_WIDTH_MAX];
	*width = 0;
	if (text.len == UUID_CHARACTERS && parse_uuid(text.at, binary)) {
		*width = UUID_BYTES;
		return FORM_UUID;
	}
	if (text.len >= 16 && text.len <= FORM_RENDERED_MAX && text.len % HEX_STEP == 0 &&
		parse_hex(text.at, (unsigned)text.len / 2, binary)) {
		*width = (unsigned)text.len / 2;
		return FORM_HEX;
	}
	*width = sizeof(int64_t);
	if (form_parse(FORM_INT, *width, text, binary))
		return FORM_INT;
	if (form_parse(FORM_QUOTED, *width, text, binary))
		return FORM_QUOTED;
	*width = 0;
	return FORM_TEXT;
}

bool form_parse(enum form form, unsigned width, struct text text, void *binary)
{
	int64_t number = 0;
	switch (form) {
	case FORM_UUID:
		return text.len == UUID_CHARACTERS && parse_uuid(text.at, binary);
	case FORM_HEX:
		return text.len == (size_t)width * 2 && parse_hex(text.at, width, binary);
	case FORM_INT:
		if (!parse_int(text.at, text.len, &number))
			return false;
		break;
	case FORM_QUOTED:
		if (text.len < 3 || text.at[0] != '"' || text.at[text.len - 1] != '"' ||
			!parse_int(text.at + 1, text.len - 2, &number))
			return false;
		break;
	default:
		return false;
	}
	memcpy(binary, &number, sizeof(number));
	return true;
}

size_t form_render(enum form form, unsigned width, const void *binary, char *text)
{
	int64_t number = 0;
	size_t len = 0;
	switch (form) {
	case FORM_UUID:
		render_uuid(binary, text);
		return UUID_CHARACTERS;
	case FORM_HEX:
		for (unsigned i = 0; i < width; i += 4)
			render_hex8((const uint8_t *)binary + i, text + (size_t)i * 2);
		return (size_t)width * 2;
	case FORM_INT:
		memcpy(&number, binary, sizeof(number));
		return render_int(number, text);
	default:
		assert(form == FORM_QUOTED);
		memcpy(&number, binary, sizeof(number));
		text[0] = '"';
		len = render_int(number, text + 1);
		text[len + 1] = '"';
		return len + 2;
	}
}

size_t form_length(enum form form, unsigned width)
{
	return form == FORM_UUID ? UUID_CHARACTERS : form == FORM_HEX ? (size_t)width * 2 : 0;
}

size_t form_int_length(int64_t number)
{
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
	size_t len = number < 0 ? 2 : 1;
	for (; left >= 10000; left /= 10000)
		len += 4;
	return len + (left >= 10) + (left >= 100) + (left >= 1000);
}
