#include "members.h"

#include <stdlib.h>

#include "crypto.h"

enum { MEMBERS_MIN = 64, PAIRWISE_MAX = 12 };

enum status members_init(struct members *members)
{
	*members = (struct members){0};
	return crypto_random(members->key, sizeof(members->key));
}

void members_finish(struct members *members)
{
	free(members->at);
	free(members->slots);
	*members = (struct members){0};
}

enum status members_grow(struct members *members)
{
	size_t capacity = members->capacity ? members->capacity * 2 : MEMBERS_MIN;
	struct member *at = reallocarray(members->at, capacity, sizeof(*at));
	if (at == NULL)
		return STATUS_NO_MEMORY;
	members->at = at;
	members->capacity = capacity;
	return STATUS_OK;
}

static bool find_pairwise(const struct member *at, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t j = 0; j < i; j++)
			if (at[i].name.len == at[j].name.len &&
				memcmp(at[i].name.at, at[j].name.at, at[i].name.len) == 0)
				return true;
	return false;
}

static enum status find_hashed(struct members *members, size_t first, bool *found)
{
	size_t count = members->count - first;
	size_t slots = 64;
	while (slots < count * 2)
		slots *= 2;
	if (slots > members->slot_capacity) {
		uint32_t *at = reallocarray(members->slots, slots, sizeof(*at));
		if (at == NULL)
			return STATUS_NO_MEMORY;
		members->slots = at;
		members->slot_capacity = slots;
	}
	memset(members->slots, 0, slots * sizeof(*members->slots));
	const struct member *at = members->at + first;
	*found = false;
	for (size_t i = 0; i < count && !*found; i++) {
		size_t slot = siphash(members->key, at[i].name.at, at[i].name.len) & (slots - 1);
		while (members->slots[slot] && !text_equal(at[members->slots[slot] - 1].name, at[i].name))
			slot = (slot + 1) & (slots - 1);
		*found = members->slots[slot] != 0;
		members->slots[slot] = (uint32_t)i + 1;
	}
	return STATUS_OK;
}

enum status members_find_duplicate(struct members *members, size_t first, struct arena *arena, bool *found)
{
	for (size_t i = first; i < members->count; i++) {
		struct member *member = &members->at[i];
		if (!member->escaped)
			continue;
		member->name = json_string_decode(member->name, arena);
		member->escaped = false;
		if (member->name.at == NULL)
			return STATUS_NO_MEMORY;
	}
	if (members->count - first > PAIRWISE_MAX)
		return find_hashed(members, first, found);
	*found = find_pairwise(members->at + first, members->count - first);
	return STATUS_OK;
}
