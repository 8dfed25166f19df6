/*
 * identity - who a store is, and its keys.
 *
 * DIR/store.json says format and id.  DIR/keys/ holds what must not travel with a copy of the store: "dedup" (16 bytes,
 * for the fingerprints of event ids) and "digest" (a key id and 32 bytes, for payload digests), as lines of hex.
 * Neither is needed for reading.  The key of the filters is needed for reading and stands in each segment.
 */
#ifndef MCPLEDGER_STORE_IDENTITY_H
#define MCPLEDGER_STORE_IDENTITY_H

#include "segment.h"

enum { DEDUP_KEY_BYTES = 16, DIGEST_KEY_BYTES = 32, DIGEST_KEY_ID_BYTES = 4 };

struct store_keys {
	uint8_t dedup[DEDUP_KEY_BYTES];
	uint8_t digest[DIGEST_KEY_BYTES];
	char digest_id[2 * DIGEST_KEY_ID_BYTES + 1];
};

/* A new, random one. */
enum status identity_make(struct segment_identity *identity, struct error *error) MUST_CHECK;
/* Reads or writes DIR/store.json.  Reading: STATUS_NOT_FOUND, STATUS_UNSUPPORTED, STATUS_DAMAGED. */
enum status identity_load(const char *dir, char id[SEGMENT_ID_BYTES + 1], struct error *error) MUST_CHECK;
enum status identity_save(const char *dir, const struct segment_identity *identity, struct error *error) MUST_CHECK;
/* Reads DIR/keys/, and makes those that are missing. */
enum status identity_load_keys(const char *dir, struct store_keys *keys, struct error *error) MUST_CHECK;

#endif
