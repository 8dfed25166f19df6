/*
 * series - how lib/metric keeps families and series; private to this folder.
 *
 * A series' labels never change, and only metric_family_expire takes a series away: once a pointer was read under the
 * lock, what it points to may be read without it, by whoever holds the series or exposing_lock.  Values are atomics.
 */
#ifndef MCPLEDGER_METRIC_SERIES_H
#define MCPLEDGER_METRIC_SERIES_H

#include <pthread.h>
#include <stdatomic.h>

#include "exemplar.h"
#include "metric.h"
#include "share.h"

typedef double metric_compute(void *context);

struct metric_series {
	struct metric_family *family;
	struct metric_series *next; /* with the same hash slot; or of those dropped */
	uint64_t hash;
	_Atomic(metric_compute *) compute; /* NULL: number or real */
	void *context;                     /* set before compute */
	_Atomic uint64_t number;           /* counter */
	_Atomic uint64_t real;             /* gauge: bits of a double; histogram: of the sum in seconds */
	_Atomic bool used;                 /* the overflow series is shown once it was needed */
	struct text *values;               /* one per label of the family; NULL in the overflow series */
	_Atomic uint64_t *buckets;         /* histogram: bound_count + 1, each counts its own range only */
	struct exemplar *exemplars;        /* counter: 1, histogram: one per bucket; NULL: the family has none */
	/* under the registry's lock */
	unsigned holders;
	int64_t released_at;
	uint64_t owner;
	size_t weight; /* of the places */
};

struct metric_family {
	struct metric_registry *registry;
	struct metric_info info;
	size_t name_len; /* of the name OpenMetrics knows the family by: without _total, _info */
	int64_t *bounds_ns;
	struct metric_series *overflow;
	/* under the registry's lock */
	struct metric_series **slots; /* hash table; slot_count is a power of two */
	size_t slot_count;
	int64_t idle_since;   /* no series that nobody holds was released before this */
	size_t series_count;  /* without the overflow series */
	struct share places;  /* only where labels come from events */
	uint64_t *overflowed; /* hashes of label sets without a place; NULL: none yet */
	size_t overflowed_count;
};

struct metric_registry {
	pthread_mutex_t exposing_lock; /* held during an exposition; taken before lock */
	pthread_mutex_t lock;          /* guards families and what is marked above */
	struct metric_family **families;
	size_t family_count;
	size_t family_capacity;
	struct metric_series *dropped; /* while an exposition may still read them */
	size_t series_max;
	uint8_t hash_key[16];
	struct metric_family *label_sets, *label_sets_overflowed;
	struct metric_family *spare; /* stands for those that could not be made; never exposed */
	enum status status;          /* under lock */
};

double metric_real_load(const _Atomic uint64_t *real);

/* --- label_sets.c --- */

/* One allocation: the series, its label values, buckets and exemplars. values = NULL: the overflow series. */
struct metric_series *series_create(struct metric_family *family, const struct text *values, uint64_t hash);
/* Frees what expire dropped.  With exposing_lock. */
void series_free_dropped(struct metric_registry *registry);
/* Adds the two families that tell how many label sets there are. */
void label_sets_add_families(struct metric_registry *registry);
/* Has them tell of this family too. */
void label_sets_watch(struct metric_family *family);

#endif
