/* array - memory that grows by doubling: at, its capacity in items, and what is needed.  false: no memory, unchanged. */
#ifndef MCPLEDGER_BLOCK_ARRAY_H
#define MCPLEDGER_BLOCK_ARRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum { ARRAY_ITEMS_MIN = 16 };

static inline bool array_grow_slow(void *at_pointer, size_t *capacity, size_t need, size_t item_bytes)
{
	void **at = at_pointer;
	size_t wanted = *capacity ? *capacity : ARRAY_ITEMS_MIN;
	while (wanted < need)
		wanted *= 2;
	void *grown = realloc(*at, wanted * item_bytes);
	if (grown == NULL)
		return false;
	*at = grown;
	*capacity = wanted;
	return true;
}

/* array_need(&at, &capacity, need): makes room for `need` items in all. */
#define array_need(at, capacity, need)                                                                                 \
	((need) <= *(capacity) || array_grow_slow((void *)(at), (capacity), (need), sizeof(**(at))))

#endif
