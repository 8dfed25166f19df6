/*
 * session_pairs - of pieces of work that have events of one search, those that have events of a second one, too:
 * anywhere in them (--and), or after the first event of the first (--then).
 *
 * An inferred piece of work has no id: it goes with one of the same user, program and server, if no idle gap lies between
 * them.  One thread.
 */
#ifndef MCPLEDGER_QUERY_SESSION_PAIRS_H
#define MCPLEDGER_QUERY_SESSION_PAIRS_H

#include "session_units.h"

struct session_pairs {
	struct counting second;        /* of the second search */
	struct tally_group **inferred; /* owned; of second, in order of who and start */
	size_t inferred_count;
	bool in_order;
};

/* Counts the pieces of work that have events which words find. */
enum status session_pairs_count(struct session_pairs *pairs, struct cli *cli, const struct figures *figures,
	const char *words, bool in_order) MUST_CHECK;
void session_pairs_finish(struct session_pairs *pairs);
/* The piece of work of the second search that goes with this one; NULL: there is none. */
struct tally_group *session_pairs_find(const struct session_pairs *pairs, const struct tally_group *unit);
/* Leaves, of what counting has, only what goes with one of the second search. */
enum status session_pairs_keep(const struct session_pairs *pairs, struct counting *counting) MUST_CHECK;

#endif
