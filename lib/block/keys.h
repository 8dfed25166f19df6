/* keys - the keys of a block's filter, gathered from its rows. */
#ifndef MCPLEDGER_BLOCK_KEYS_H
#define MCPLEDGER_BLOCK_KEYS_H

#include "rows.h"

enum { KEYS_RECENT = 2048, KEYS_WORD_BITS = 10 };

/* A short word whose key was added lately. */
struct recent_word {
	uint64_t packed; /* word_packed; 0: none */
	uint64_t seed;   /* of the tenant */
};

struct keys {
	uint64_t *at; /* owned; not yet unique */
	size_t capacity;
	size_t count;
	bool failed; /* no memory */
	uint64_t recent[KEYS_RECENT];
	struct recent_word words[1 << KEYS_WORD_BITS];
};

/* The tenant of each row: FIELD_TENANT, else FIELD_INGEST_TENANT, else the empty one. */
struct tenants {
	uint64_t *seeds; /* owned; one per tenant */
	size_t seeds_capacity;
	uint32_t count;
	uint16_t *of_row; /* owned; NULL where all rows have tenant 0 */
};

enum status tenants_find(const struct rows *rows, const uint8_t filter_key[16], struct tenants *tenants) MUST_CHECK;
void tenants_finish(struct tenants *tenants);

/* Adds every value of a text field. */
void keys_add_values(struct keys *keys, const struct rows *rows, unsigned field, const struct tenants *tenants);
/* Adds every word that a search for text looks at: in payloads, LONG and JSON fields, and user.id. */
void keys_add_words(struct keys *keys, const struct rows *rows, const struct tenants *tenants);

#endif
