/*
 * largest - of the events that a scan finds, those with the largest values of a field that holds numbers.
 * Events without the field are left out.
 */
#ifndef MCPLEDGER_QUERY_LARGEST_H
#define MCPLEDGER_QUERY_LARGEST_H

#include "scan.h"

enum { LARGEST_MAX = 10000 };

struct largest_event {
	int64_t value;
	uint64_t seq;
	size_t store; /* of the scan's */
};

struct largest {
	struct largest_event *events; /* owned; largest first, the older one of equals first */
	size_t count;
	bool more; /* the scan found others, too */
};

/* limit: 1 to LARGEST_MAX.  What scan_run returns. */
enum status largest_find(
	struct largest *largest, const struct scan *scan, unsigned field, size_t limit, struct error *error) MUST_CHECK;
void largest_finish(struct largest *largest);

#endif
