/*
 * json_diff - what differs between two JSON values, member by member.  Arrays of scalars are sets: what was added and what
 * is gone; other arrays are compared place by place.  The order of members is no difference.  The values are minified JSON of a store, as members.h reads it.
 */
#ifndef MCPLEDGER_QUERY_JSON_DIFF_H
#define MCPLEDGER_QUERY_JSON_DIFF_H

#include "buf.h"

enum { JSON_CHANGES_MAX = 100 };

struct json_change {
	struct text path;          /* names and indexes, joined by dots; empty: the whole value */
	struct text before, after; /* JSON; empty: there is none */
};

struct json_changes {
	struct json_change items[JSON_CHANGES_MAX];
	size_t count;
	uint64_t more; /* that are not listed */
};

/* Paths lie in the arena, the rest in the values. STATUS_NO_MEMORY. */
enum status json_diff(
	struct text before, struct text after, struct arena *arena, struct json_changes *changes) MUST_CHECK;

/*
 * Of two texts, the parts that differ: what stands between their longest equal start and end, cut where words begin.
 * Both empty: they are equal.
 */
void text_diff(struct text before, struct text after, struct text *removed, struct text *added);

#endif
