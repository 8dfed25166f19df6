/*
 * series - how lib/metric keeps families and series; private to this folder.
 *
 * Families and series are only ever added, and a series' labels never change: once a pointer was read under the lock,
 * what it points to may be read without it.  Values are atomics.
 */
#ifndef MCPLEDGER_METRIC_SERIES_H
#define MCPLEDGER_METRIC_SERIES_H

#include <pthread.h>
#include <stdatomic.h>

#include "metric.h"

typedef double metric_compute(void *context);

struct metric_series {
	struct metric_family *family;
	struct metric_series *next; /* with the same hash slot */
	uint64_t hash;
	_Atomic(metric_compute *) compute; /* NULL: number or real */
	void *context;                     /* set before compute */
	_Atomic uint64_t number;           /* counter */
	_Atomic uint64_t real;             /* gauge: bits of a double; histogram: of the sum in seconds */
	_Atomic bool used;                 /* the overflow series is shown once it was needed */
	struct text *values;               /* one per label of the family; NULL in the overflow series */
	_Atomic uint64_t *buckets;         /* histogram: bound_count + 1, each counts its own range only */
};

struct metric_family {
	struct metric_registry *registry;
	struct metric_info info;
	int64_t *bounds_ns;
	struct metric_series **slots; /* hash table; slot_count is a power of two */
	size_t slot_count;
	size_t series_count; /* without the overflow series */
	struct metric_series *overflow;
};

struct metric_registry {
	pthread_mutex_t lock; /* guards families, slots and the counts */
	struct metric_family **families;
	size_t family_count;
	size_t family_capacity;
	size_t series_max;
	uint8_t hash_key[16];
};

double metric_real_load(const _Atomic uint64_t *real);

#endif
