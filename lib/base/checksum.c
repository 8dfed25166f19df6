#include "checksum.h"

#ifdef HAVE_XXH3_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

uint64_t checksum(struct text bytes, uint64_t seed)
{
#ifdef HAVE_XXH3_DISPATCH
	return XXH3_64bits_withSeed_dispatch(bytes.at, bytes.len, seed);
#else
	return XXH3_64bits_withSeed(bytes.at, bytes.len, seed);
#endif
}
