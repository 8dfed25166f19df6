#include "durations.h"

#include <math.h>
#include <stdlib.h>

enum { SUB_BITS = 6, SUB_BUCKETS = 1 << SUB_BITS };

/* Values below 128 have buckets of their own; above, 64 buckets span each power of two. */
static size_t bucket_of(int64_t ns)
{
	uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
	if (value < 2 * SUB_BUCKETS)
		return value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - SUB_BITS;
	return shift * SUB_BUCKETS + (size_t)(value >> shift);
}

static int64_t middle_of(size_t bucket)
{
	if (bucket < 2 * SUB_BUCKETS)
		return (int64_t)bucket;
	unsigned shift = (unsigned)(bucket / SUB_BUCKETS) - 1;
	uint64_t low = (uint64_t)(bucket - (size_t)shift * SUB_BUCKETS) << shift;
	return (int64_t)(low + ((UINT64_C(1) << shift) >> 1));
}

static enum status make_buckets(struct durations *durations)
{
	durations->buckets = calloc(DURATIONS_BUCKETS, sizeof(durations->buckets[0]));
	if (durations->buckets == NULL)
		return STATUS_NO_MEMORY;
	for (uint64_t i = 0; i < durations->count; i++)
		durations->buckets[bucket_of(durations->values[i])]++;
	free(durations->values);
	durations->values = NULL;
	return STATUS_OK;
}

static enum status make_room(struct durations *durations)
{
	uint64_t room = durations->room ? durations->room * 2 : 64;
	int64_t *values = realloc(durations->values, room * sizeof(*values));
	if (values == NULL)
		return STATUS_NO_MEMORY;
	durations->values = values;
	durations->room = room;
	return STATUS_OK;
}

enum status durations_add(struct durations *durations, int64_t ns)
{
	enum status status = STATUS_OK;
	if (durations->buckets == NULL && durations->count == DURATIONS_EXACT_MAX)
		status = make_buckets(durations);
	else if (durations->buckets == NULL && durations->count == durations->room)
		status = make_room(durations);
	if (status != STATUS_OK)
		return status;
	if (durations->buckets)
		durations->buckets[bucket_of(ns)]++;
	else
		durations->values[durations->count] = ns;
	durations->max = durations->count == 0 || ns > durations->max ? ns : durations->max;
	durations->count++;
	durations->sorted = false;
	return STATUS_OK;
}

enum status durations_merge(struct durations *into, const struct durations *from)
{
	enum status status = STATUS_OK;
	if (from->buckets == NULL) {
		for (uint64_t i = 0; i < from->count && status == STATUS_OK; i++)
			status = durations_add(into, from->values[i]);
		return status;
	}
	if (into->buckets == NULL)
		status = make_buckets(into);
	if (status != STATUS_OK)
		return status;
	for (size_t i = 0; i < DURATIONS_BUCKETS; i++)
		into->buckets[i] += from->buckets[i];
	into->max = into->count == 0 || from->max > into->max ? from->max : into->max;
	into->count += from->count;
	return STATUS_OK;
}

static int by_value(const void *a, const void *b)
{
	int64_t first = *(const int64_t *)a;
	int64_t second = *(const int64_t *)b;
	return first < second ? -1 : first > second;
}

int64_t durations_percentile(struct durations *durations, double share)
{
	if (durations->count == 0)
		return 0;
	uint64_t rank = (uint64_t)ceil(share * (double)durations->count);
	rank = rank < 1 ? 1 : rank > durations->count ? durations->count : rank;
	if (durations->buckets == NULL) {
		if (!durations->sorted)
			qsort(durations->values, durations->count, sizeof(durations->values[0]), by_value);
		durations->sorted = true;
		return durations->values[rank - 1];
	}
	size_t bucket = 0;
	for (uint64_t passed = durations->buckets[0]; passed < rank; passed += durations->buckets[bucket])
		bucket++;
	int64_t middle = middle_of(bucket);
	return middle < durations->max ? middle : durations->max;
}

void durations_finish(struct durations *durations)
{
	free(durations->values);
	free(durations->buckets);
	*durations = (struct durations){0};
}
