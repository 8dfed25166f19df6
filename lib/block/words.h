/*
 * words - how text is cut into words, and how words and values become keys of a filter.  Part of format version 1.
 *
 * A word is a longest run of the bytes [A-Za-z0-9_] and of bytes >= 0x80.  Words are equal when they are after ASCII
 * letters have been made lower case.  A value's key depends on the field and the tenant, a word's on the tenant only:
 *   seed of a tenant   SipHash(filter key, tenant)
 *   word               XXH3-64(lower case, seed)
 *   value              XXH3-64(bytes, seed + field * 0x9e3779b97f4a7c15 + form), where the bytes of a FORM_UUID or
 *                      FORM_HEX text (form.h) are its binary form, and form is 0 for other texts
 */
#ifndef MCPLEDGER_BLOCK_WORDS_H
#define MCPLEDGER_BLOCK_WORDS_H

#include "form.h"

/* Which bytes are part of a word. */
extern const uint8_t word_bytes[256];

/* The next word from *at on; *at moves behind it. */
static inline bool word_next(struct text text, size_t *at, struct text *word)
{
	size_t start = *at;
	while (start < text.len && !word_bytes[(uint8_t)text.at[start]])
		start++;
	size_t end = start;
	while (end < text.len && word_bytes[(uint8_t)text.at[end]])
		end++;
	*at = end;
	*word = (struct text){text.at + start, end - start};
	return end > start;
}

/* The bytes of a word of up to eight: equal where the words are, as no word has a byte 0.  0: it is longer. */
static inline uint64_t word_packed(struct text word)
{
	uint64_t packed = 0;
	uint32_t half[2];
	const uint8_t *at = (const uint8_t *)word.at;
	if (word.len > sizeof(packed))
		return 0;
	if (word.len == sizeof(packed)) {
		memcpy(&packed, at, sizeof(packed));
		return packed;
	}
	if (word.len < sizeof(half[0]))
		return word.len == 0 ? 0
				     : (uint64_t)at[0] | (uint64_t)at[word.len / 2] << 8 * (word.len / 2) |
					       (uint64_t)at[word.len - 1] << 8 * (word.len - 1);
	memcpy(&half[0], at, sizeof(half[0]));
	memcpy(&half[1], at + word.len - sizeof(half[1]), sizeof(half[1]));
	return half[0] | (uint64_t)half[1] << 8 * (word.len - sizeof(half[1]));
}
/* A place for a packed word in a table of 2^bits of those met lately. */
static inline size_t word_slot(uint64_t packed, unsigned bits)
{
	return (size_t)(packed * UINT64_C(0x9e3779b97f4a7c15) >> (64 - bits));
}

uint64_t tenant_seed(const uint8_t filter_key[16], struct text tenant);
uint64_t word_key(uint64_t seed, struct text word);
uint64_t value_key(uint64_t seed, unsigned field, struct text value);
/* The same for a value that is at hand in its binary form. */
uint64_t binary_key(uint64_t seed, unsigned field, enum form form, const void *binary, unsigned width);

#endif
