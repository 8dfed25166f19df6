/*
 * habits - what an event does, as values that can be compared with what was done before: which tool, on which server, with
 * which effect and which arguments, in which folders and hosts, from where, at which hour, how it failed.
 */
#ifndef MCPLEDGER_QUERY_HABITS_H
#define MCPLEDGER_QUERY_HABITS_H

#include "event.h"

enum { HABIT_BYTES_MAX = 512 }; /* longer values are compared by their start */

/* HABIT(NAME, "name", "words"), what matters most first. */
#define HABITS(HABIT)                                                                                                  \
	HABIT(EFFECT, "effect", "effect")                                                                              \
	HABIT(SERVER, "server", "server")                                                                              \
	HABIT(TOOL, "tool", "tool")                                                                                    \
	HABIT(RESOURCE, "resource", "resource")                                                                        \
	HABIT(METHOD, "method", "method")                                                                              \
	HABIT(ADDRESS, "address", "address")                                                                           \
	HABIT(HOST, "host", "host")                                                                                    \
	HABIT(FOLDER, "folder", "folder")                                                                              \
	HABIT(FAILURE, "failure", "failure")                                                                           \
	HABIT(AUTH, "auth", "sign-in")                                                                                 \
	HABIT(SCOPE, "scope", "scope")                                                                                 \
	HABIT(USER, "user", "user")                                                                                    \
	HABIT(CLIENT, "client", "client")                                                                              \
	HABIT(AGENT, "agent", "agent")                                                                                 \
	HABIT(MODEL, "model", "model")                                                                                 \
	HABIT(PEER, "peer", "peer")                                                                                    \
	HABIT(ARGUMENTS, "arguments", "arguments")                                                                     \
	HABIT(HOUR, "hour", "hour (UTC)")

enum habit {
#define HABIT(name, text, words) HABIT_##name,
	HABITS(HABIT)
#undef HABIT
		HABIT_COUNT
};
const char *habit_name(enum habit habit);
const char *habit_words(enum habit habit);

/*
 * Calls take for each habit of an event; the same one may come again.  value lives for the call.  What take returns ends
 * the walk unless it is STATUS_OK.  scratch is cleared at will.
 */
typedef enum status habits_take(void *context, enum habit habit, struct text value);
enum status habits_walk(const struct event *event, habits_take *take, void *context, struct arena *scratch) MUST_CHECK;

#endif
