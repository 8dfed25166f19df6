/*
 * share - so many places for all, fairly: an owner may have no more than are still free.
 *
 * The rule is that of shared packet buffers (Choudhury and Hahne, 1998): one owner alone gets half, a second one then
 * half of the rest; some places always stay for who comes later.  Owners are known by a hash, and those that meet in
 * one of SHARE_OWNERS slots have a share together.  Not safe for two threads at once.
 */
#ifndef MCPLEDGER_SHARE_H
#define MCPLEDGER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHARE_OWNERS = 64 };

struct share {
	size_t max, used;
	size_t owners[SHARE_OWNERS];
};

/* Takes `weight` places; owner 0: of no share.  false: there are none for it. */
bool share_take(struct share *share, uint64_t owner, size_t weight);
/* Gives back what was taken so. */
void share_give(struct share *share, uint64_t owner, size_t weight);

#endif
