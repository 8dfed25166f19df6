/*
 * members - the names of the members of objects that are being read, to find those that stand twice.
 * Memory is kept and only grows.  One thread at a time.
 */
#ifndef MCPLEDGER_JSON_MEMBERS_H
#define MCPLEDGER_JSON_MEMBERS_H

#include "json.h"

struct member {
	struct text name; /* between its quotes, as sent */
	bool escaped;
};

struct members {
	struct member *at; /* owned: a stack, the innermost object's last */
	size_t count, capacity;
	uint32_t *slots; /* owned: hash table for large objects; index + 1 */
	size_t slot_capacity;
	uint8_t key[16]; /* of the hash: an attacker chooses the names */
};

enum status members_init(struct members *members) MUST_CHECK;
void members_finish(struct members *members);
enum status members_grow(struct members *members) MUST_CHECK;
/* Whether any two names from `first` on are the same once decoded. Escaped names are decoded into the arena. */
enum status members_find_duplicate(struct members *members, size_t first, struct arena *arena, bool *found) MUST_CHECK;

static inline enum status members_push(struct members *members, struct text name, bool escaped)
{
	if (members->count == members->capacity) {
		enum status status = members_grow(members);
		if (status != STATUS_OK)
			return status;
	}
	members->at[members->count++] = (struct member){name, escaped};
	return STATUS_OK;
}

#endif
