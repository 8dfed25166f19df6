/*
 * checksum - XXH3-64 (xxHash's doc/xxhash_spec.md) of what may be long, by the widest vectors that the processor has.
 * Any thread.  Of short keys the inlined functions of <xxhash.h> are faster, and give the same.
 */
#ifndef MCPLEDGER_CHECKSUM_H
#define MCPLEDGER_CHECKSUM_H

#include "buf.h"

uint64_t checksum(struct text bytes, uint64_t seed);

#endif
