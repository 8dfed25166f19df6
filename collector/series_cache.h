/*
 * series_cache - series by label values, without the registry's lock and hashing as long as the same label sets come
 * again.  One thread; the families' label sets must be for the registry's life.
 */
#ifndef MCPLEDGER_SERIES_CACHE_H
#define MCPLEDGER_SERIES_CACHE_H

#include "metric.h"

struct series_cache;
enum status series_cache_create(struct series_cache **cache) MUST_CHECK;
void series_cache_destroy(struct series_cache **cache);

/* Label values that one or two families have in common. */
struct label_set {
	struct metric_family *first, *second; /* second may be NULL */
	const struct text *values;
	size_t count;
	uint64_t owner; /* whose share, see metric.h */
};
struct series_pair {
	struct metric_series *first, *second;
};
struct series_pair series_cache_get(struct series_cache *cache, const struct label_set *labels);

#endif
