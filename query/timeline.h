/*
 * timeline - what happened in a piece of work, in order, nested as it was called.
 *
 * The piece of work of an event is the first that it has of: conversation, its turn's conversation, session, trace;
 * else the same user, OAuth client, client program and server with at most 30 idle minutes in between (inferred).
 * Everything lies in the timeline's arena, which is bounded: a timeline of too many events says so.
 */
#ifndef MCPLEDGER_QUERY_TIMELINE_H
#define MCPLEDGER_QUERY_TIMELINE_H

#include "brief.h"
#include "output.h"
#include "scan.h"

struct timeline;

/*
 * Builds the timeline that words (an id, or a search) ask for.  scan says range and scope; it has no filter.
 * STATUS_NOT_FOUND: nothing; timeline is made nevertheless, for its coverage.
 */
enum status timeline_build(struct timeline **timeline, const struct scan *scan, struct text words, bool with_json,
	struct error *error) MUST_CHECK;
void timeline_destroy(struct timeline **timeline);
/* Leaves out all but the last `limit` moments (0: none), and says so in the coverage. */
void timeline_limit(struct timeline *timeline, uint64_t limit);
/* Writes it; JSON and NDJSON need the events' JSON (with_json). Once for each timeline. */
enum status timeline_put(struct timeline *timeline, enum output_format format, struct output *out) MUST_CHECK;
const struct coverage *timeline_coverage(const struct timeline *timeline);

#endif
