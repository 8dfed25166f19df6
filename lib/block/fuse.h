/*
 * fuse - a binary fuse filter of 8 bits (Graf and Lemire, "Binary Fuse Filters", 2022), with four places a key.
 *
 * It says for a 64-bit key "not in the set" or "perhaps" (wrong for one in 256), and takes about 9.4 bits a key.
 * Keys must be hashes already.  Bytes of a filter:
 *
 * OFFSET  SIZE  MEANING
 *      0     4  length of a segment: a power of two
 *      4     4  number of segments
 *      8     8  seed
 *     16     -  segments * segment length fingerprints; a key's four xor to its own
 */
#ifndef MCPLEDGER_BLOCK_FUSE_H
#define MCPLEDGER_BLOCK_FUSE_H

#include <stdbool.h>

#include "buf.h"

/* Appends the filter of the keys, which are put in order and made unique in place. No keys: nothing is appended. */
enum status fuse_put(uint64_t *keys, size_t count, struct buf *out) MUST_CHECK;
/* Whether the bytes have the form of a filter (empty: of no keys). */
bool fuse_is_sound(struct text filter);
/* false: the key is not in the filter, which must be sound. */
bool fuse_may_have(struct text filter, uint64_t key);

#endif
