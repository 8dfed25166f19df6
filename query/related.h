/*
 * related - what has to do with an event, or with a text, and why.
 *
 * The event's relations (below) become one scan.  What it meets is kept as place and reasons, the strongest and nearest
 * first, and only what is shown is read whole.  An event of another tenant is never related.
 */
#ifndef MCPLEDGER_QUERY_RELATED_H
#define MCPLEDGER_QUERY_RELATED_H

#include "brief.h"
#include "scan.h"

enum { RELATED_VALUES_MAX = 64, RELATED_MET_MAX = 100000, RELATED_SHOWN_MAX = 20000 };

/*
 * RELATION(NAME, "name", weight, "why"), the strongest first.  The weights of an event's relations are added: a value
 * that was passed on outweighs a shared session, and both together the nearness in time.
 */
#define RELATIONS(RELATION)                                                                                            \
	RELATION(ITSELF, "itself", 1000000, "the event itself")                                                        \
	RELATION(NAMES, "names", 400, "names it")                                                                      \
	RELATION(NAMED, "named", 400, "is named by it")                                                                \
	RELATION(SAME_ID, "same_id", 300, "same id")                                                                   \
	RELATION(CALLED, "called", 200, "called by it")                                                                \
	RELATION(CALLER, "caller", 200, "calls it")                                                                    \
	RELATION(PASSED_ON, "passed_on", 150, "gets from its result")                                                  \
	RELATION(CAME_FROM, "came_from", 150, "has the source of its parameters")                                      \
	RELATION(ARGUMENTS, "arguments", 100, "same arguments")                                                        \
	RELATION(STATE, "state", 100, "same request state")                                                            \
	RELATION(TURN, "turn", 60, "same turn")                                                                        \
	RELATION(TASK, "task", 60, "same task")                                                                        \
	RELATION(CONVERSATION, "conversation", 50, "same conversation")                                                \
	RELATION(SESSION, "session", 50, "same session")                                                               \
	RELATION(TRACE, "trace", 50, "same trace")                                                                     \
	RELATION(PARAMETER, "parameter", 40, "in the parameters, too")                                                 \
	RELATION(RESULT, "result", 40, "in the result, too")                                                           \
	RELATION(TOKEN, "token", 30, "same token")                                                                     \
	RELATION(USER_NEAR, "user_near", 10, "user ±5 min")                                                            \
	RELATION(SERVER_NEAR, "server_near", 5, "server ±5 min")                                                       \
	/* of a text */                                                                                                \
	RELATION(HELD, "held", 0, "in the result")                                                                     \
	RELATION(GIVEN, "given", 0, "in the parameters")                                                               \
	RELATION(GIVEN_ON, "given_on", 0, "passed on as a parameter")                                                  \
	RELATION(MENTIONED, "mentioned", 0, "in another of its texts")

enum relation {
#define RELATION(name, text, weight, why) RELATION_##name,
	RELATIONS(RELATION)
#undef RELATION
		RELATION_COUNT
};
const char *relation_name(enum relation relation);
const char *relation_why(enum relation relation);

/* An event that was met. */
struct relative {
	size_t store;
	uint64_t seq;
	int64_t time;       /* ns */
	int64_t distance;   /* ns from the event it is related to; negative: before */
	uint32_t relations; /* bit per relation */
	uint64_t values;    /* bit per value that it shares */
	unsigned strength;
	/* Of those that are shown. */
	struct text id, user, server, what, verdict, outcome, parameters;
	enum tone tone;
};

struct related {
	struct arena arena;
	struct text values[RELATED_VALUES_MAX]; /* distinctive ones of the event's parameters and result */
	size_t value_count;
	uint64_t values_left_out;   /* of its result: only looked for in its own session and the like */
	struct relative *relatives; /* owned; in order: strongest and nearest first (of a text: by time) */
	size_t count, room;
	bool of_text; /* no event has the id: a text was looked for */
	struct coverage coverage;
};

/*
 * words: an id or seq of an event, else a text to look for in parameters and results.  scan says range and scope.
 * limit: at most so many are given (0: RELATED_SHOWN_MAX); coverage.more says that there are others.
 * STATUS_OK also where nothing is related; coverage.events has how many are, the event itself not counted.
 */
enum status related_find(struct related **related, const struct scan *scan, struct text words, uint64_t limit,
	struct error *error) MUST_CHECK;
void related_destroy(struct related **related);

#endif
