/* related_event - what the parts of related share: the event asked for, and what is looked for because of it. */
#ifndef MCPLEDGER_QUERY_RELATED_EVENT_H
#define MCPLEDGER_QUERY_RELATED_EVENT_H

#include "related.h"

enum { SEEDS_MAX = 8, WANTED_VALUES_MAX = 12 };

#define RELATION_BIT(name) (UINT32_C(1) << RELATION_##name)

/* The event asked for; its stages, or several of one id, are taken together. Texts lie in the arena of the answer. */
struct seed {
	struct {
		size_t store;
		uint64_t seq;
	} places[SEEDS_MAX];
	size_t count;
	int64_t time, end; /* ns */
	struct text tenant;
	struct text fields[FIELD_LIMIT]; /* those that relations ask for */
	struct text request, response;
	struct text response_plain; /* its strings, one a line */
};

/* A value that is looked for in all the range. */
struct wanted_value {
	size_t value; /* of related->values */
	bool in_response;
	struct condition *condition;
};

struct finder {
	struct related *related;
	struct error *error;
	int64_t deadline;            /* see struct scan */
	struct arena scratch;        /* of a match */
	struct arena scratch_inside; /* of what is looked at meanwhile */
	struct seed seed;
	struct condition *conditions[RELATION_COUNT]; /* NULL: the event has no such relation */
	bool value_given[RELATED_VALUES_MAX],
		value_held[RELATED_VALUES_MAX]; /* by the event's parameters, its result */
	struct wanted_value wanted[4 * WANTED_VALUES_MAX];
	size_t wanted_count;
	uint64_t value_met[RELATED_VALUES_MAX];
	struct filter filter;
	/* Of the rows of the block in hand. */
	uint32_t relations[BLOCK_ROWS_MAX];
	uint64_t values[BLOCK_ROWS_MAX];
	int64_t times[BLOCK_ROWS_MAX];
};

/* Finds the event that words name. STATUS_NOT_FOUND: no event has this id. */
enum status seed_find(struct finder *finder, const struct scan *scan, struct text words) MUST_CHECK;
/* Makes the conditions of its relations. */
enum status seed_ask(struct finder *finder) MUST_CHECK;
/* Adds the relations that values make to the rows. */
enum status values_mark_rows(struct finder *finder, struct match *match, const uint64_t *rows) MUST_CHECK;
/* Chooses the values of the event that are looked for. */
enum status values_choose(struct finder *finder) MUST_CHECK;
/* Reads what is shown of each relative. */
enum status related_read(struct finder *finder, const struct scan *scan) MUST_CHECK;

#endif
