/*
 * fuse - a binary fuse filter of 8 bits (Graf and Lemire, "Binary Fuse Filters", 2022), with four places a key.
 *
 * It says for a 64-bit key "not in the set" or "perhaps" (wrong for one in 256), and takes about 9.4 bits a key.
 * Keys must be hashes already.  A filter is its shape and segments * segment length fingerprints; a key's four, one in
 * each of four neighbouring segments, xor to its own.
 */
#ifndef MCPLEDGER_BLOCK_FUSE_H
#define MCPLEDGER_BLOCK_FUSE_H

#include <stdbool.h>

#include "buf.h"

enum { FUSE_PLACES = 4 };

/* As it is stored, little-endian.  All zero: the filter of no keys, which has no fingerprints. */
struct fuse_shape {
	uint32_t segment; /* length: a power of two */
	uint32_t segments;
	uint64_t seed;
};

/* Where the fingerprints of a key are, and what they xor to if it is in the filter. */
struct fuse_probe {
	uint32_t places[FUSE_PLACES];
	uint8_t print;
};

/* Appends the fingerprints of the keys, which are put in order and made unique in place. */
enum status fuse_put(uint64_t *keys, size_t count, struct fuse_shape *shape, struct buf *out) MUST_CHECK;
/* Whether a filter of this shape can have so many fingerprints. */
bool fuse_is_sound(const struct fuse_shape *shape, size_t prints);
/* The shape must be sound, and not that of no keys; places are below the number of its fingerprints. */
struct fuse_probe fuse_find(const struct fuse_shape *shape, uint64_t key);
/* false: the key is not in the filter. */
static inline bool fuse_fits(const struct fuse_probe *probe, const uint8_t *prints)
{
	uint8_t print = probe->print;
	for (unsigned k = 0; k < FUSE_PLACES; k++)
		print ^= prints[probe->places[k]];
	return print == 0;
}

#endif
