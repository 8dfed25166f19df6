/*
 * verbs - the verbs of mcpledger and what help says of each; cli_verbs.h is their table.  Static data.
 */
#ifndef MCPLEDGER_QUERY_VERBS_H
#define MCPLEDGER_QUERY_VERBS_H

#include <stdbool.h>

#include "buf.h"

struct verb {
	const char *name; /* NULL: no verb, but the heading of those that follow; it is the summary */
	bool reads;       /* events: with --url, the daemon is asked */
	const char *arguments;
	const char *summary;
	const char *help; /* see prose.h */
};

/* Verbs and headings, as help shows them; they are numbered from 0. */
size_t verbs_count(void);
const struct verb *verb_at(size_t number);
/* NULL: there is none of the name. */
const struct verb *verb_find(const char *name);
/* The name nearest to a mistyped one; NULL: none is near. */
const char *verb_nearest(const char *name);

#endif
