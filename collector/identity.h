/*
 * identity - when are two events the same?  Their key (tenant, authenticated emitter, id, stage) says which event is
 * meant, their contents whether it has the same bytes.
 *
 * Both are hashed under keys nobody outside sees: the key by SipHash under the store's key, so fingerprints mean the same
 * after a restart; the contents by XXH3 under a secret of this process, for comparing within it.  Any thread.
 */
#ifndef MCPLEDGER_IDENTITY_H
#define MCPLEDGER_IDENTITY_H

#include "event.h"

enum { IDENTITY_SECRET_BYTES = 192 };

struct identity {
	uint8_t key[16];
	uint8_t secret[IDENTITY_SECRET_BYTES];
};

struct identity_key {
	struct text tenant, emitter, id, stage; /* no stage is stage "single" */
};

enum status identity_init(struct identity *identity, const uint8_t key[16]) MUST_CHECK;
/* Never 0; but 0 for an event without an id. */
uint64_t identity_fingerprint(const struct identity *identity, const struct identity_key *key);
/*
 * The digest of what canonical bytes are made of: all fields of the emitter.  scratch is the caller's, its contents are
 * lost; STATUS_LIMIT or NO_MEMORY where it cannot grow.
 */
enum status identity_digest(
	const struct identity *identity, const struct event *event, struct buf *scratch, uint64_t *digest) MUST_CHECK;

#endif
