#include "heap.h"

#include <malloc.h>
#include <stdlib.h>

void heap_keep(size_t bytes)
{
	if (getenv("MALLOC_TRIM_THRESHOLD_") == NULL)
		(void)mallopt(M_TRIM_THRESHOLD, (int)bytes);
	if (getenv("MALLOC_MMAP_THRESHOLD_") == NULL)
		(void)mallopt(M_MMAP_THRESHOLD, (int)(bytes / 2));
}
