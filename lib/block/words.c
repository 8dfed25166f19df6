#include "words.h"

#include "crypto.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { LOWER_BYTES = 64 };

const uint8_t word_bytes[256] = {
	['0' ... '9'] = 1,
	['A' ... 'Z'] = 1,
	['a' ... 'z'] = 1,
	['_'] = 1,
	[0x80 ... 0xff] = 1,
};

uint64_t tenant_seed(const uint8_t filter_key[16], struct text tenant)
{
	return siphash(filter_key, tenant.at, tenant.len);
}

/* Eight bytes with their ASCII letters made lower case: bit 5 is set where a byte is from 'A' to 'Z'. */
static uint64_t lower_eight(uint64_t bytes)
{
	uint64_t low = bytes & EACH_BYTE(0x7f);
	uint64_t from_a = low + EACH_BYTE(0x80 - 'A'); /* bit 7: 'A' or more, */
	uint64_t past_z = low + EACH_BYTE(0x7f - 'Z'); /* and past 'Z' */
	return bytes | ((from_a & ~past_z & ~bytes & EACH_BYTE(0x80)) >> 2);
}

/* to: at least eight bytes, even where there are fewer. */
static void lower(const char *from, size_t len, char *to)
{
	uint64_t bytes = 0;
	if (len < sizeof(bytes)) {
		bytes = lower_eight(word_packed((struct text){from, len}));
		memcpy(to, &bytes, sizeof(bytes));
		return;
	}
	for (size_t at = 0; at < len; at += sizeof(bytes)) {
		size_t here = at < len - sizeof(bytes) ? at : len - sizeof(bytes); /* the last eight overlap */
		memcpy(&bytes, from + here, sizeof(bytes));
		bytes = lower_eight(bytes);
		memcpy(to + here, &bytes, sizeof(bytes));
	}
}

uint64_t word_key(uint64_t seed, struct text word)
{
	char lowered[LOWER_BYTES];
	if (word.len <= sizeof(lowered)) {
		lower(word.at, word.len, lowered);
		return XXH3_64bits_withSeed(lowered, word.len, seed);
	}
	XXH3_state_t state = {.seed = 0};
	XXH3_64bits_reset_withSeed(&state, seed);
	for (size_t at = 0; at < word.len; at += sizeof(lowered)) {
		size_t len = word.len - at < sizeof(lowered) ? word.len - at : sizeof(lowered);
		lower(word.at + at, len, lowered);
		XXH3_64bits_update(&state, lowered, len);
	}
	return XXH3_64bits_digest(&state);
}

static uint64_t field_seed(uint64_t seed, unsigned field, enum form form)
{
	bool binary = form == FORM_UUID || form == FORM_HEX;
	return seed + field * UINT64_C(0x9e3779b97f4a7c15) + (binary ? (uint64_t)form : 0);
}

uint64_t binary_key(uint64_t seed, unsigned field, enum form form, const void *binary, unsigned width)
{
	return XXH3_64bits_withSeed(binary, width, field_seed(seed, field, form));
}

uint64_t value_key(uint64_t seed, unsigned field, struct text value)
{
	uint8_t binary[FORM_WIDTH_MAX];
	unsigned width = 0;
	enum form form = form_of(value, &width);
	if ((form == FORM_UUID || form == FORM_HEX) && form_parse(form, width, value, binary))
		return binary_key(seed, field, form, binary, width);
	return XXH3_64bits_withSeed(value.at, value.len, field_seed(seed, field, FORM_TEXT));
}
