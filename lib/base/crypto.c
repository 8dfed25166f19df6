#include "crypto.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

enum status crypto_sha256(struct text text, uint8_t digest[SHA256_BYTES])
{
	uint8_t whole[SHA256_BYTES];
	if (gnutls_hash_fast(GNUTLS_DIG_SHA256, text.len ? text.at : "", text.len, whole) < 0)
		return STATUS_NO_MEMORY;
	memcpy(digest, whole, sizeof(whole));
	return STATUS_OK;
}

enum status crypto_hmac_sha256(struct text key, struct text text, uint8_t digest[SHA256_BYTES])
{
	uint8_t whole[SHA256_BYTES];
	if (gnutls_hmac_fast(
		    GNUTLS_MAC_SHA256, key.len ? key.at : "", key.len, text.len ? text.at : "", text.len, whole) < 0)
		return STATUS_NO_MEMORY;
	memcpy(digest, whole, sizeof(whole));
	return STATUS_OK;
}

enum status crypto_random(void *bytes, size_t len)
{
	return gnutls_rnd(GNUTLS_RND_KEY, bytes, len) < 0 ? STATUS_IO : STATUS_OK;
}

bool crypto_equal(const void *a, const void *b, size_t len)
{
	return len == 0 || gnutls_memcmp(a, b, len) == 0;
}

void crypto_wipe(void *bytes, size_t len)
{
	if (len)
		gnutls_memset(bytes, 0, len);
}

void hex_encode(const void *bytes, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;
	for (size_t i = 0; i < len; i++) {
		text[2 * i] = digits[from[i] >> 4];
		text[2 * i + 1] = digits[from[i] & 15];
	}
	text[2 * len] = 0;
}

/* A digit's value and 1 above it, so that what is no digit has 0 there. */
static const uint8_t hex_digits[256] = {
	['0'] = 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, ['A'] = 26, 27, 28, 29, 30, 31, ['a'] = 26, 27, 28, 29, 30, 31};

enum status hex_decode(struct text text, void *bytes, size_t len)
{
	if (text.len / 2 != len || text.len % 2 != 0)
		return STATUS_INVALID;
	const uint8_t *from = (const uint8_t *)text.at;
	unsigned all = 16;
	for (size_t i = 0; i < text.len; i++)
		all &= hex_digits[from[i]];
	if (all != 16)
		return STATUS_INVALID;
	uint8_t *to = bytes;
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(hex_digits[from[2 * i]] << 4 | (hex_digits[from[2 * i + 1]] & 15));
	return STATUS_OK;
}

static uint64_t load_le64(const uint8_t *at)
{
	uint64_t word = 0;
	memcpy(&word, at, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_rounds(uint64_t v[4], unsigned rounds)
{
	while (rounds--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

/* Words are read by memcpy: bytes need not be aligned. */
uint64_t siphash(const uint8_t key[16], const void *bytes, size_t len)
{
	const uint8_t *at = bytes;
	uint64_t k0 = load_le64(key);
	uint64_t k1 = load_le64(key + 8);
	uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
	uint64_t last = (uint64_t)len << 56;

	for (size_t left = len; left >= 8; left -= 8, at += 8) {
		uint64_t word = load_le64(at);
		v[3] ^= word;
		sip_rounds(v, 2);
		v[0] ^= word;
	}
	for (size_t i = 0; i < len % 8; i++)
		last |= (uint64_t)at[i] << (8 * i);
	v[3] ^= last;
	sip_rounds(v, 2);
	v[0] ^= last;
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
