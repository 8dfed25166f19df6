#include "series_cache.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { CACHE_SLOTS = 2048, KEY_BYTES_MAX = 16384 };

struct slot {
	uint64_t hash; /* of families and label values */
	struct series_pair series;
};

struct series_cache {
	struct buf key;
	struct slot slots[CACHE_SLOTS];
};

enum status series_cache_create(struct series_cache **cache)
{
	struct series_cache *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	buf_init(&made->key, KEY_BYTES_MAX);
	*cache = made;
	return STATUS_OK;
}

void series_cache_destroy(struct series_cache **cache)
{
	if (*cache == NULL)
		return;
	buf_finish(&(*cache)->key);
	free(*cache);
	*cache = NULL;
}

static char *put(char *at, const void *bytes, size_t len)
{
	if (len)
		memcpy(at, bytes, len);
	return at + len;
}

static uint64_t hash_labels(struct buf *key, const struct label_set *labels)
{
	const void *families[] = {labels->first, labels->second};
	size_t bytes = sizeof(families);
	for (size_t i = 0; i < labels->count; i++)
		bytes += sizeof(uint32_t) + labels->values[i].len;
	buf_clear(key);
	char *to = buf_reserve(key, bytes);
	if (to == NULL)
		return 0; /* which marks a free slot: what does not fit is not cached */
	char *at = put(to, families, sizeof(families));
	for (size_t i = 0; i < labels->count; i++) {
		uint32_t len = (uint32_t)labels->values[i].len;
		at = put(at, &len, sizeof(len));
		at = put(at, labels->values[i].at, len);
	}
	return XXH3_64bits(to, bytes);
}

struct series_pair series_cache_get(struct series_cache *cache, const struct label_set *labels)
{
	uint64_t hash = hash_labels(&cache->key, labels);
	struct slot *slot = &cache->slots[hash % CACHE_SLOTS];
	if (hash == 0 || slot->hash != hash) {
		slot->series.first = metric_series_get_for(labels->first, labels->owner, labels->values);
		if (labels->second)
			slot->series.second = metric_series_get_for(labels->second, labels->owner, labels->values);
		slot->hash = hash;
	}
	return slot->series;
}
