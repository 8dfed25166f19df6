/*
 * roster - who was heard of lately: entries of one size by key, which leave when they have not been heard of for a while.
 *
 * Bounded: beyond the limit, or its owner's share of it (share.h), a newcomer is turned away, and who is in stays.
 * Not safe for two threads at once.
 */
#ifndef MCPLEDGER_ROSTER_H
#define MCPLEDGER_ROSTER_H

#include "metric.h"

struct roster;

/* What the rosters of the daemon have in common. */
struct roster_limits {
	size_t entries_max;
	struct metric_family *turned_away; /* counts newcomers that were; one label, the roster's name */
};
struct metric_family *roster_add_family(struct metric_registry *registry);

struct roster_options {
	const char *name;
	size_t entry_bytes;
	int64_t age_max; /* since it was last heard of, in the unit of `now` */
	/* Told of each entry that leaves or expires, before its place is free; not when the roster is destroyed. */
	void (*leave)(void *context, void *entry, int64_t now);
	void *context;
};

enum status roster_create(
	struct roster **roster, const struct roster_options *options, const struct roster_limits *limits) MUST_CHECK;
void roster_destroy(struct roster **roster);
/* The entry, heard of now; NULL: there is none.  Valid until the next call. */
void *roster_find(struct roster *roster, uint64_t key, int64_t now);
/* The same, made where there is none: zeroed, with *is_new = true.  NULL: turned away. */
void *roster_enter(struct roster *roster, uint64_t key, uint64_t owner, int64_t now, bool *is_new);
void roster_leave(struct roster *roster, uint64_t key, int64_t now);
/* Has those leave that have not been heard of for age_max. */
void roster_expire(struct roster *roster, int64_t now);

#endif
