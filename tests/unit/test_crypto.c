#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "crypto.h"

static void sha256_matches_fips_180_vectors(void **state)
{
	(void)state;
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	assert_int_equal(crypto_sha256(TEXT("abc"), digest), STATUS_OK);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	assert_int_equal(crypto_sha256((struct text){NULL, 0}, digest), STATUS_OK);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_matches_rfc_4231_case_2(void **state)
{
	(void)state;
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	assert_int_equal(crypto_hmac_sha256(TEXT("Jefe"), TEXT("what do ya want for nothing?"), digest), STATUS_OK);
	hex_encode(digest, sizeof(digest), hex);
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

/* The vectors of the paper's reference code: key 00..0f, message 00..len-1. */
static void siphash_matches_the_reference_vectors(void **state)
{
	(void)state;
	uint8_t key[16];
	uint8_t message[64];
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 64; i++)
		message[i] = i;
	assert_int_equal(siphash(key, message, 0), UINT64_C(0x726fdb47dd0e0e31));
	assert_int_equal(siphash(key, message, 1), UINT64_C(0x74f839c593dc67fd));
	assert_int_equal(siphash(key, message, 8), UINT64_C(0x93f5f5799a932462));
	assert_int_equal(siphash(key, message, 15), UINT64_C(0xa129ca6149be45e5));
	assert_int_equal(siphash(key, message, 63), UINT64_C(0x958a324ceb064572));
}

static void siphash_reads_unaligned_bytes(void **state)
{
	(void)state;
	uint8_t key[16] = {1, 2, 3};
	char aligned[40] = "0123456789abcdefghijklmnopqrstuvwxyz";
	char shifted[41] = "#0123456789abcdefghijklmnopqrstuvwxyz";
	assert_int_equal(siphash(key, aligned, 36), siphash(key, shifted + 1, 36));
}

static void hex_decodes_what_it_encodes_and_refuses_the_rest(void **state)
{
	(void)state;
	uint8_t bytes[3] = {9, 9, 9};
	assert_int_equal(hex_decode(TEXT("00aBff"), bytes, 3), STATUS_OK);
	assert_memory_equal(bytes, ((uint8_t[]){0x00, 0xab, 0xff}), 3);
	assert_int_equal(hex_decode(TEXT("11223g"), bytes, 3), STATUS_INVALID);
	assert_int_equal(hex_decode(TEXT("11223"), bytes, 3), STATUS_INVALID);
	assert_int_equal(hex_decode(TEXT("1122334"), bytes, 3), STATUS_INVALID);
	assert_int_equal(hex_decode(TEXT("11223344"), bytes, 3), STATUS_INVALID);
	assert_memory_equal(bytes, ((uint8_t[]){0x00, 0xab, 0xff}), 3);
	assert_int_equal(hex_decode((struct text){NULL, 0}, bytes, 0), STATUS_OK);
}

static void random_bytes_differ(void **state)
{
	(void)state;
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};
	assert_int_equal(crypto_random(a, sizeof(a)), STATUS_OK);
	assert_int_equal(crypto_random(b, sizeof(b)), STATUS_OK);
	assert_false(crypto_equal(a, b, sizeof(a)));
}

static void equal_and_wipe_do_what_they_say(void **state)
{
	(void)state;
	char a[4] = "abc";
	assert_true(crypto_equal(a, "abc", 4));
	assert_false(crypto_equal(a, "abd", 4));
	assert_true(crypto_equal(NULL, NULL, 0));
	crypto_wipe(a, sizeof(a));
	assert_memory_equal(a, "\0\0\0\0", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_matches_fips_180_vectors),
		cmocka_unit_test(hmac_matches_rfc_4231_case_2),
		cmocka_unit_test(siphash_matches_the_reference_vectors),
		cmocka_unit_test(siphash_reads_unaligned_bytes),
		cmocka_unit_test(hex_decodes_what_it_encodes_and_refuses_the_rest),
		cmocka_unit_test(random_bytes_differ),
		cmocka_unit_test(equal_and_wipe_do_what_they_say),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
