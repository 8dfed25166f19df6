/*
 * plan - whether a sealed block can hold an event that a condition takes, as far as its summary knows.
 *
 * A summary knows the times, the values of fields that have few, filters of ids and of the words of all prose and
 * payloads, and which fields no event has.  Filters may err to one side: a block is read in vain, never passed over.
 * Any thread.
 */
#ifndef MCPLEDGER_QUERY_PLAN_H
#define MCPLEDGER_QUERY_PLAN_H

#include "block.h"
#include "filter.h"

/* Why a block is passed over. */
enum skip {
	SKIP_NOT,     /* it is not: it has to be read */
	SKIP_SEQ,     /* by its range of seq */
	SKIP_TIME,    /* by its ranges of time */
	SKIP_TENANT,  /* no event of these tenants */
	SKIP_FIELD,   /* no event has the field */
	SKIP_SET,     /* the field's values are known, and none is wanted */
	SKIP_FILTER,  /* the filter of ids says no */
	SKIP_WORDS,   /* the filter of words says no */
	SKIP_ALL,     /* every event is what must not be */
	SKIP_COUNTED, /* how many events are taken is known, and all that is asked */
	SKIP_COUNT
};

/* tenant: empty means any.  *why (may be NULL) gets the condition that ruled the block out. */
enum skip plan_block(
	struct summary *summary, const struct condition *condition, struct text tenant, const struct condition **why);
/* How many events of the block the condition takes; false: the rows have to be asked. */
bool plan_count(struct summary *summary, const struct condition *condition, uint32_t *count);

#endif
