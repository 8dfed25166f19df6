/*
 * proof - reads a stored event again, to tell whether an event that came now has the same bytes.
 *
 * Asked only about events stored before this process began (dedup.h), and once for each.  The reader and the last block
 * are kept until proof_end, so a body sent twice costs one block.  The writer's thread.
 */
#ifndef MCPLEDGER_PROOF_H
#define MCPLEDGER_PROOF_H

#include "identity.h"
#include "store.h"

struct proof;

enum status proof_create(struct proof **proof, struct store *store, const struct identity *identity) MUST_CHECK;
void proof_destroy(struct proof **proof);
/* The identity_digest of a stored event. STATUS_NOT_FOUND: it is not there any more; STATUS_DAMAGED, IO, NO_MEMORY. */
enum status proof_read(struct proof *proof, uint64_t seq, uint64_t *digest) MUST_CHECK;
/* Lets go of reader and block: before the store may roll or prune, and so that pages can be used again. */
void proof_end(struct proof *proof);

#endif
