#include "share.h"

bool share_take(struct share *share, uint64_t owner, size_t weight)
{
	size_t left = share->used < share->max ? share->max - share->used : 0;
	size_t *own = &share->owners[owner % SHARE_OWNERS];
	if (weight > left || (owner && *own + weight > left))
		return false;
	share->used += weight;
	if (owner)
		*own += weight;
	return true;
}

void share_give(struct share *share, uint64_t owner, size_t weight)
{
	share->used -= weight;
	if (owner)
		share->owners[owner % SHARE_OWNERS] -= weight;
}
