/* little_endian - integers as they stand in files, at any place.  Any thread. */
#ifndef MCPLEDGER_STORE_LITTLE_ENDIAN_H
#define MCPLEDGER_STORE_LITTLE_ENDIAN_H

#include <stdint.h>

/* size: bytes, up to eight. */
static inline void put_le(uint8_t *at, uint64_t number, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		at[i] = (uint8_t)(number >> (8 * i));
}

static inline uint64_t get_le(const uint8_t *at, unsigned size)
{
	uint64_t number = 0;
	for (unsigned i = 0; i < size; i++)
		number |= (uint64_t)at[i] << (8 * i);
	return number;
}

#endif
