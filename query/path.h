/*
 * path - the way to members inside a JSON value: path, user.name, items.0.id, "a name".x
 *
 * Steps are joined by dots.  A step that is not quoted may also be joined with its neighbours to one member's name
 * ("k8s.pod" is found as the member k8s.pod, and as pod in k8s).  At an array, a step of digits (not quoted) is the index
 * of an element, and [] any of them; otherwise any element will do.  So there is one way to each value, and a walk looks at each value once.
 * Plain data in its arena; any thread.
 */
#ifndef MCPLEDGER_QUERY_PATH_H
#define MCPLEDGER_QUERY_PATH_H

#include <stdbool.h>

#include "buf.h"

enum { PATH_STEPS_MAX = 64 };

struct path_step {
	struct text name;
	bool quoted; /* a member's whole name, dots and all */
	bool index;  /* name is digits, not quoted: `number` of an array's elements */
	uint64_t number;
	bool any; /* each element of an array */
};

struct path {
	const struct path_step *steps;
	size_t count; /* 0: the value itself */
};

/*
 * Calls visit with each value of json (minified) that the path leads to, until one call returns true.  Returns whether
 * one did.  The scratch arena is cleared between members.
 */
bool path_visit(struct text json, const struct path *path, struct arena *scratch,
	bool (*visit)(void *context, struct text value), void *context);

#endif
