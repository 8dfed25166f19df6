/* sighting - an event as presence and usage look at it: who sent it, and when it came.  Borrowed while they do. */
#ifndef MCPLEDGER_SIGHTING_H
#define MCPLEDGER_SIGHTING_H

#include "event.h"

struct sighting {
	const struct event *event;
	struct text emitter; /* name of the credential; empty without authentication */
	uint64_t owner;      /* whose share of the places it takes, see share.h */
	int64_t now;         /* receive time, ns since 1970 */
	int64_t elapsed;     /* the same, ns of a clock that never steps */
	bool has_offset;
	int64_t offset; /* ns from the event's end on its emitter's clock to its receipt on ours */
};

#endif
