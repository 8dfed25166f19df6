#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <arpa/inet.h>
#include <cmocka.h>

#include "address.h"
#include "timestamp.h"

static bool found(const char *range, const char *text)
{
	struct address_range read;
	assert_int_equal(address_range_read(text_of(range), &read), STATUS_OK);
	return address_found(&read, text_of(text));
}

static void ranges_hold_their_addresses(void **state)
{
	(void)state;
	assert_true(found("10.0.0.0/8", "10.255.0.1"));
	assert_false(found("10.0.0.0/8", "11.0.0.0"));
	assert_true(found("10.1.2.3/8", "10.0.0.0"));
	assert_true(found("10.0.0.7", "10.0.0.7"));
	assert_false(found("10.0.0.7", "10.0.0.70"));
	assert_true(found("0.0.0.0/0", "255.255.255.255"));
	assert_true(found("2001:db8::/32", "2001:DB8:ffff::1"));
	assert_false(found("2001:db8::/32", "2001:db9::"));
	assert_true(found("fe80::/10", "fe80::1%eth0"));
	assert_false(found("::/0", "10.0.0.7"));
	assert_true(found("10.0.0.0/8", "::ffff:10.1.2.3"));
	assert_true(found("::ffff:10.0.0.0/104", "10.1.2.3"));
}

static void addresses_are_found_as_events_write_them(void **state)
{
	(void)state;
	assert_true(found("10.0.0.9", "10.0.0.9:51234"));
	assert_true(found("::1", "[::1]:8080"));
	assert_true(found("10.0.0.9", "203.0.113.4, 10.0.0.9"));
	assert_true(found("2001:db8::17", "for=\"[2001:db8::17]:4711\";proto=http;by=203.0.113.43"));
	assert_true(found("10.0.0.7", "http://10.0.0.7:8080/mcp"));
	assert_true(found("10.0.0.7", "no answer from 10.0.0.7: timed out"));
	assert_true(found("10.0.0.7", "it was 10.0.0.7."));
	assert_false(found("10.0.0.7", "10.0.0.7.example.org"));
	assert_false(found("10.0.0.7", "ip-10.0.0.7"));
	assert_false(found("10.0.0.7", "v10.0.0.7"));
	assert_false(found("10.0.0.7", "10.0.0.7.8"));
	assert_false(found("0.0.0.0/0", "1.2.3 unix:/run/x 300.1.1.1 1.2.3.04"));
	assert_false(found("::/0", "12:30 a:b : :"));
}

static void other_values_are_told(void **state)
{
	(void)state;
	struct address_range range;
	assert_int_equal(address_range_read(TEXT("10.0.0.0/33"), &range), STATUS_INVALID);
	assert_int_equal(address_range_read(TEXT("::/129"), &range), STATUS_INVALID);
	assert_int_equal(address_range_read(TEXT("10.0.0.0/"), &range), STATUS_NOT_FOUND);
	assert_int_equal(address_range_read(TEXT("10.0.0/8"), &range), STATUS_NOT_FOUND);
	assert_int_equal(address_range_read(TEXT("/etc/passwd"), &range), STATUS_NOT_FOUND);
	assert_int_equal(address_range_read(TEXT(""), &range), STATUS_NOT_FOUND);
}

/* The C library reads addresses, too: both must agree on whatever is made of an address's characters. */
static void the_c_library_reads_the_same(void **state)
{
	(void)state;
	static const char pieces[] = "0123456789abcdef:::...::f";
	uint64_t seed = (uint64_t)timestamp_now();
	unsigned read = 0;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 1000000; round++) {
		char text[24];
		size_t len = 0;
		seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		size_t wanted = 2 + (seed >> 40) % 14;
		while (len < wanted) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[len++] = pieces[(seed >> 33) % (sizeof(pieces) - 1)];
		}
		text[len] = 0;
		struct address address;
		struct in6_addr six;
		struct in_addr four;
		bool is_six = inet_pton(AF_INET6, text, &six) == 1;
		bool is_four = inet_pton(AF_INET, text, &four) == 1;
		bool is_read = address_read((struct text){text, len}, &address);
		if (is_read != (is_six || is_four))
			fail_msg("%s", text);
		if (is_read && is_six)
			assert_memory_equal(address.bytes, &six, sizeof(six));
		if (is_read && is_four)
			assert_memory_equal(address.bytes + 12, &four, sizeof(four));
		read += is_read;
	}
	assert_true(read > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_hold_their_addresses),
		cmocka_unit_test(addresses_are_found_as_events_write_them),
		cmocka_unit_test(other_values_are_told),
		cmocka_unit_test(the_c_library_reads_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
