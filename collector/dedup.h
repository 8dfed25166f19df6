/*
 * dedup - the window of event ids seen lately.
 *
 * An entry is the 64-bit fingerprint of an event's key (identity.h) and what tells whether two events of one key have the
 * same bytes: the digest of their contents or, for an event that was stored before this process began, its seq, with
 * which the writer reads it.  A fingerprint may stand in it up to DEDUP_SAME_MAX times (events of one id, other bytes).
 *
 * 14 bytes a slot, 19 slots for 16 ids.  Entries belong to one of 16 slices of the window; when ids_max or age_max is
 * reached the oldest slice goes as a whole, so between 15/16 of the window and all of it is remembered.
 * The writer's thread; dedup_figures: any thread.
 */
#ifndef MCPLEDGER_DEDUP_H
#define MCPLEDGER_DEDUP_H

#include <stdbool.h>
#include <stdint.h>

#include "status.h"

enum { DEDUP_SAME_MAX = 8 };

struct dedup;

/* What is known of a stored event: 41 bits of a digest of its contents, or of its seq. */
struct dedup_proof {
	bool is_seq;
	uint64_t bits;
};
struct dedup_proof dedup_proof_of_digest(uint64_t digest);
struct dedup_proof dedup_proof_of_seq(uint64_t seq);

enum status dedup_create(struct dedup **dedup, uint64_t ids_max, int64_t age_ns_max) MUST_CHECK;
void dedup_destroy(struct dedup **dedup);

/* Begins to load the table line of a fingerprint: call it some tens of events before dedup_find. */
void dedup_prefetch(const struct dedup *dedup, uint64_t fingerprint);
/* All entries of a fingerprint (never 0); returns how many. */
unsigned dedup_find(const struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proofs[DEDUP_SAME_MAX]);
/* Adds an entry received at `recv_time` (which never steps back). */
void dedup_add(struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proof, int64_t recv_time);
/* Takes an entry out again: its commit failed, or a better proof takes its place. */
void dedup_remove(struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proof);
/* Lets go of what is older than age_max. */
void dedup_expire(struct dedup *dedup, int64_t now);

/* Prepares an empty window for so many. */
void dedup_expect(struct dedup *dedup, uint64_t ids);
/*
 * Fills an empty window from the store: newest events first, until it returns false (the window is full, or recv_time is
 * too old); then dedup_add may begin.
 */
bool dedup_load(struct dedup *dedup, uint64_t fingerprint, uint64_t seq, int64_t recv_time, int64_t now);

struct dedup_figures {
	uint64_t ids;
	int64_t oldest_recv_time; /* everything received since is remembered; 0: all that is stored */
};
void dedup_get_figures(const struct dedup *dedup, struct dedup_figures *figures);

#endif
