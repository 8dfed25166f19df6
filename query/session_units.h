/*
 * session_units - pieces of work, as a tally of events shows them.
 *
 * What holds an event to its piece of work is the first of conversation, turn's conversation, session and trace that it
 * has; where it has none, the same user, OAuth client, client program and server within an idle gap.  One thread.
 */
#ifndef MCPLEDGER_QUERY_SESSION_UNITS_H
#define MCPLEDGER_QUERY_SESSION_UNITS_H

#include "figures.h"
#include "timestamp.h"

#define SESSION_IDLE_NS_MAX (30 * 60 * NS_PER_S)

/* The keys of the tally that the units are made of. */
enum {
	SESSION_KEY_TENANT,
	SESSION_KEY_CONVERSATION,
	SESSION_KEY_TURN,
	SESSION_KEY_SESSION,
	SESSION_KEY_TRACE,
	SESSION_KEY_USER,
	SESSION_KEY_OAUTH_CLIENT,
	SESSION_KEY_CLIENT,
	SESSION_KEY_SERVER,
	SESSION_KEY_HALF_HOUR,
	SESSION_KEYS
};

/* Turns the counts into those of pieces of work: see the head of session_units.c. */
enum status session_units_join(struct counting *counting) MUST_CHECK;
/* Which of the keys says what a piece of work is; SESSION_KEY_HALF_HOUR: it is inferred. */
unsigned session_unit_key(const struct tally_group *group);
/* Order by tenant, user, OAuth client, client program and server. */
int session_compare_who(const struct tally_group *a, const struct tally_group *b);
/* The same, then by start; of pointers to groups, for qsort. */
int session_by_who_and_start(const void *a, const void *b);

#endif
