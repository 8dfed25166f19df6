/*
 * address - IP addresses and ranges of them, as a person writes them, and in the texts that events hold: with ports, in
 * brackets, in lists, in URLs and in Forwarded headers.  Any thread.
 *
 * An IPv4 address and the IPv6 address that stands for it (::ffff:10.0.0.1) are the same; zones (%eth0) do not count.
 */
#ifndef MCPLEDGER_QUERY_ADDRESS_H
#define MCPLEDGER_QUERY_ADDRESS_H

#include <stdbool.h>

#include "buf.h"

enum { ADDRESS_BYTES = 16 };

/* Network order; IPv4 in its IPv6 form. */
struct address {
	uint8_t bytes[ADDRESS_BYTES];
};

struct address_range {
	struct address first, last; /* inclusive, both of one family */
};

/* All of text is an address, without a port. */
bool address_read(struct text text, struct address *address);
bool address_is_v4(const struct address *address);
/*
 * An address, or one with a prefix: 10.0.0.0/8, 2001:db8::/32; bits behind the prefix do not count.
 * STATUS_NOT_FOUND: it does not look like one; STATUS_INVALID: it does, but the prefix is too long.
 */
enum status address_range_read(struct text text, struct address_range *range) MUST_CHECK;
bool address_in_range(const struct address_range *range, const struct address *address);

/* The next address that stands in text from *at on; false: there is none. */
bool address_next(struct text text, size_t *at, struct address *address);
/* Whether one that stands in text is of the range. */
bool address_found(const struct address_range *range, struct text text);

#endif
