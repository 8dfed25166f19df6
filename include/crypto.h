/* crypto - the few primitives, from GnuTLS, behind a C header.  Any thread. */
#ifndef MCPLEDGER_CRYPTO_H
#define MCPLEDGER_CRYPTO_H

#include <stdbool.h>

#include "buf.h"

enum { SHA256_BYTES = 32 };

enum status crypto_sha256(struct text text, uint8_t digest[SHA256_BYTES]) MUST_CHECK;
enum status crypto_hmac_sha256(
	struct text key, struct text text, uint8_t digest[SHA256_BYTES]) MUST_CHECK; /* RFC 2104 */
enum status crypto_random(void *bytes, size_t len) MUST_CHECK;
bool crypto_equal(const void *a, const void *b, size_t len); /* in a time that does not depend on the contents */
void crypto_wipe(void *bytes, size_t len);
void hex_encode(const void *bytes, size_t len, char *text);                   /* 2 * len lower-case digits and a NUL */
enum status hex_decode(struct text text, void *bytes, size_t len) MUST_CHECK; /* exactly 2 * len digits, any case */
/* SipHash-2-4 (Aumasson, Bernstein 2012) with a 16-byte key: for tables whose keys an attacker may choose. */
uint64_t siphash(const uint8_t key[16], const void *bytes, size_t len);

#endif
