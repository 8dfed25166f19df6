/*
 * heap - how much freed memory a process keeps.
 *
 * A block takes a few megabytes and gives them back; where these go to the kernel each time, it clears them each time.
 */
#ifndef MCPLEDGER_HEAP_H
#define MCPLEDGER_HEAP_H

#include <stddef.h>

/*
 * Keeps up to so many bytes of each of malloc's arenas; a piece of half as many goes to the kernel as soon as it is freed.
 * What the environment says (MALLOC_TRIM_THRESHOLD_, MALLOC_MMAP_THRESHOLD_: mallopt(3)) goes before.  Call it first.
 */
void heap_keep(size_t bytes);

#endif
