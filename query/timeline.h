/*
 * timeline - what happened in a piece of work, in order, nested as it was called.
 *
 * The piece of work of an event is the first that it has of: conversation, its turn's conversation, session, trace;
 * else the same user, OAuth client, client program and server with at most 30 idle minutes in between (inferred).
 * Everything lies in the timeline's arena, which is bounded: a timeline of too many events says so in its coverage.
 */
#ifndef MCPLEDGER_QUERY_TIMELINE_H
#define MCPLEDGER_QUERY_TIMELINE_H

#include "brief.h"
#include "output.h"
#include "scan.h"

enum { TIMELINE_MOMENTS_MAX = 20000, TIMELINE_DEPTH_MAX = 64 };

enum unit_type { UNIT_CONVERSATION, UNIT_SESSION, UNIT_TRACE, UNIT_INFERRED };

enum stage { STAGE_SINGLE, STAGE_START, STAGE_END };

/* One call or other event; the two stages of a call are one moment. */
struct moment {
	uint64_t seq;
	int64_t time; /* ns */
	int64_t duration_ns;
	bool has_duration;
	bool is_call; /* counted: kind tool_call, and no repeat */
	bool repeat;  /* the parent call, as another observer saw it */
	bool folded;  /* the end of a call: its start tells everything */
	bool is_loss; /* the collector says that it lost events; no part of the work itself */
	enum stage stage;
	enum tone tone;
	struct text tenant, kind, op, action, target, verdict;
	struct text id, span_id, parent_span_id, trace_id, session_id, conversation_id, turn_id;
	struct text user, trust, oauth_client, client, agent, server, observer_role;
	struct text what, parameters, result, outcome, intent; /* raw words, see brief.h */
	struct text json, end_json;                            /* where asked for */
	/* of the tree */
	struct moment *parent, *children, *last_child, *next;
};

struct unit {
	enum unit_type type;
	struct text id;       /* of the conversation, session or trace */
	struct moment *first; /* the roots, linked by next */
	int64_t start, end;   /* ns */
	unsigned calls, failed, refused, unknown;
	struct unit *next;
};

struct timeline {
	struct arena arena;
	struct arena scratch;
	struct buf brief;
	struct text store_id;
	bool with_json;
	struct moment **moments; /* owned */
	size_t count, room;
	struct unit *units;     /* in order of time */
	struct moment **losses; /* in moments; what the collector lost meanwhile, in order of time */
	size_t loss_count;
	struct filter *filter; /* of the last scan: what the coverage is about */
	struct coverage coverage;
};

/*
 * Builds the timeline that words (an id, or a search) ask for.  scan says range and scope; it has no filter.
 * STATUS_NOT_FOUND: nothing; timeline is made nevertheless, for its coverage.
 */
enum status timeline_build(struct timeline **timeline, const struct scan *scan, struct text words, bool with_json,
	struct error *error) MUST_CHECK;
void timeline_destroy(struct timeline **timeline);
enum status timeline_put_text(struct timeline *timeline, struct output *out) MUST_CHECK;
enum status timeline_put_json(struct timeline *timeline, struct output *out) MUST_CHECK;

/* For timeline_build: folds, nests and orders the moments of one unit, and counts them. */
enum status unit_arrange(
	struct timeline *timeline, struct unit *unit, struct moment **moments, size_t count) MUST_CHECK;

int64_t moment_end(const struct moment *moment);
/* Order of pointers to moments, for qsort: time, then seq. */
int moment_by_time(const void *a, const void *b);
int text_compare(struct text a, struct text b);

#endif
