/*
 * budget - the one limit on bytes held for events that are not yet committed: request bodies, inflated data, queued
 * batches (setting ingest.queue_bytes_max).  Lock-free; any thread.  Who takes bytes gives the same number back.
 */
#ifndef MCPLEDGER_BUDGET_H
#define MCPLEDGER_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	uint64_t bytes_max;
	_Atomic uint64_t bytes_used;
	_Atomic uint64_t refused; /* times that take said no */
};

void budget_init(struct budget *budget, uint64_t bytes_max);
bool budget_take(struct budget *budget, uint64_t bytes); /* false: over the limit, nothing taken */
void budget_give(struct budget *budget, uint64_t bytes);

#endif
