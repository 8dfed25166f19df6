#include "budget.h"

#include <assert.h>

void budget_init(struct budget *budget, uint64_t bytes_max)
{
	budget->bytes_max = bytes_max;
	atomic_init(&budget->bytes_used, 0);
	atomic_init(&budget->refused, 0);
}

bool budget_take(struct budget *budget, uint64_t bytes)
{
	uint64_t used = atomic_load_explicit(&budget->bytes_used, memory_order_relaxed);
	do {
		if (bytes > budget->bytes_max - used) {
			atomic_fetch_add_explicit(&budget->refused, 1, memory_order_relaxed);
			return false;
		}
	} while (!atomic_compare_exchange_weak_explicit(
		&budget->bytes_used, &used, used + bytes, memory_order_relaxed, memory_order_relaxed));
	return true;
}

void budget_give(struct budget *budget, uint64_t bytes)
{
	uint64_t used = atomic_fetch_sub_explicit(&budget->bytes_used, bytes, memory_order_relaxed);
	assert(used >= bytes);
	(void)used;
}
