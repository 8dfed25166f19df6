/*
 * planes - integers whose bytes stand apart (INTS_PLANES in image.h), added up by the widest vectors that the processor
 * has.  Any thread.
 */
#ifndef MCPLEDGER_BLOCK_PLANES_H
#define MCPLEDGER_BLOCK_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PLANES_MAX = 8, PLANES_ORDER_MAX = 2 };

/* All of them found and inflated; what is the same in all integers is part of the base. */
struct planes {
	unsigned order;                    /* of the differences that the planes hold; below the count of integers */
	uint64_t starts[PLANES_ORDER_MAX]; /* the first integer, and its difference from the second */
	uint64_t base;
	unsigned count;                   /* of the planes that differ */
	const uint8_t *bytes[PLANES_MAX]; /* of each of them, one for each integer but the first `order` */
	unsigned shift[PLANES_MAX];       /* ascending */
};

void planes_merge(const struct planes *planes, uint64_t *words, size_t count);
/* Whether the integers, and all that is met on the way to them, fit into 32 bits as codes mostly do. */
bool planes_are_small(const struct planes *planes, uint64_t limit);
/* Of small ones.  false: some are beyond the limit. */
bool planes_merge_codes(const struct planes *planes, uint32_t *codes, size_t count, uint32_t limit);

#endif
