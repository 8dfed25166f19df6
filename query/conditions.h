/*
 * conditions - conditions that a verb makes itself, where a person would write a search.
 *
 * All of them lie in an arena and borrow nothing but field lists.  Each maker takes NULL for a part that could not be made
 * and returns NULL then, or without memory: only the last one needs to be looked at.
 */
#ifndef MCPLEDGER_QUERY_CONDITIONS_H
#define MCPLEDGER_QUERY_CONDITIONS_H

#include "filter.h"

/* One of the fields (a static list) has exactly this text. */
struct condition *condition_exact(struct arena *arena, const uint8_t *fields, size_t field_count, struct text value);
/* One of the fields has exactly one of these texts. */
struct condition *condition_any(
	struct arena *arena, const uint8_t *fields, size_t field_count, const struct text *values, size_t value_count);
/* One of the fields is there. */
struct condition *condition_exists(struct arena *arena, const uint8_t *fields, size_t field_count);
/* The number of a field lies in first..last. */
struct condition *condition_between(struct arena *arena, const uint8_t *field, int64_t first, int64_t last);
/* The words of a text stand in one of the payloads; NULL also where the text has none. */
struct condition *condition_phrase(struct arena *arena, const uint8_t *fields, size_t field_count, struct text value);
/* All of them (AND), or any of them (OR): what is added to an empty one.  A condition is added to one other at most. */
struct condition *condition_group(struct arena *arena, enum condition_type type);
struct condition *condition_add(struct condition *group, struct condition *child);
/* A copy that can be added to another group. */
struct condition *condition_copy(struct arena *arena, const struct condition *condition);

#endif
