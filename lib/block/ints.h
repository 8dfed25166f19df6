/* ints - streams of integers; their format is told in image.h. */
#ifndef MCPLEDGER_BLOCK_INTS_H
#define MCPLEDGER_BLOCK_INTS_H

#include <stdbool.h>

#include "buf.h"

static inline uint64_t zigzag(int64_t number)
{
	return (uint64_t)number << 1 ^ (uint64_t)(number >> 63);
}
static inline int64_t unzigzag(uint64_t number)
{
	return (int64_t)(number >> 1 ^ (0 - (number & 1)));
}

enum { VARINT_BYTES_MAX = 10 };

/* Writes one to memory with room for VARINT_BYTES_MAX; returns its length. */
size_t varint_write(uint8_t *to, uint64_t number);
void varint_put(struct buf *out, uint64_t number); /* 7 bits a byte, lowest first, at most 10 bytes */
/* Reads one at *at and moves past it. false: it ends too early, or is not of 64 bits. */
bool varint_get(struct text text, size_t *at, uint64_t *number);

void ints_put_fixed(struct buf *out, const int64_t *values, size_t count);
void ints_put_codes_fixed(struct buf *out, const uint32_t *codes, size_t count);
/* The small form: differences and byte planes, deflated where that helps. */
void ints_put_planes(struct buf *out, const int64_t *values, size_t count);

/* Reads `count` integers; the stream must hold exactly them. STATUS_DAMAGED, STATUS_NO_MEMORY. */
enum status ints_get(struct text text, struct arena *arena, int64_t *values, size_t count) MUST_CHECK;
/* The same of integers from 0 to limit, into the halves of words that they need.  STATUS_DAMAGED also for any other. */
enum status ints_get_codes(
	struct text text, struct arena *arena, uint32_t *codes, size_t count, uint64_t limit) MUST_CHECK;

#endif
