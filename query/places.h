/* places - reads events whose places are known, a block at a time where they lie close. */
#ifndef MCPLEDGER_QUERY_PLACES_H
#define MCPLEDGER_QUERY_PLACES_H

#include "scan.h"

struct place {
	size_t store; /* of the scan */
	uint64_t seq;
	void *item; /* for the caller */
};

/* event lives for the call. */
typedef enum status places_take(
	void *context, const struct place *place, struct text store_id, const struct event *event);

/*
 * Calls take for each place whose event can still be read, in order of store and seq, in which places are put.  scan says
 * the stores and the scope; its range and filter are not looked at.
 */
enum status places_read(const struct scan *scan, struct place *places, size_t count, places_take *take, void *context,
	struct error *error) MUST_CHECK;

#endif
