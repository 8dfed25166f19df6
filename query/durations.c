#include "durations.h"

#include <math.h>
#include <stdlib.h>

enum { SUB_BITS = 6 };
_Static_assert(1 << SUB_BITS == DURATIONS_BUCKETS, "buckets of an octave");

/* Octave 0 has a bucket for each value below 64, octave n those from 2^(n+5) to 2^(n+6), negative ones count as 0. */
static unsigned octave_of(uint64_t value)
{
	return value < DURATIONS_BUCKETS ? 0 : 63U - (unsigned)__builtin_clzll(value) - SUB_BITS + 1;
}

static unsigned bucket_of(uint64_t value, unsigned octave)
{
	return (unsigned)(octave ? value >> (octave - 1) : value) % DURATIONS_BUCKETS;
}

static int64_t middle_of(unsigned octave, unsigned bucket)
{
	if (octave == 0)
		return (int64_t)bucket;
	uint64_t low = (uint64_t)(DURATIONS_BUCKETS + bucket) << (octave - 1);
	return (int64_t)(low + ((UINT64_C(1) << (octave - 1)) >> 1));
}

static enum status count_values(struct durations *durations, const int64_t *values, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		uint64_t value = values[i] < 0 ? 0 : (uint64_t)values[i];
		unsigned octave = octave_of(value);
		uint64_t *buckets = durations->octaves[octave];
		if (buckets == NULL)
			buckets = durations->octaves[octave] = calloc(DURATIONS_BUCKETS, sizeof(*buckets));
		if (buckets == NULL)
			return STATUS_NO_MEMORY;
		buckets[bucket_of(value, octave)]++;
	}
	return STATUS_OK;
}

static enum status make_histogram(struct durations *durations)
{
	durations->octaves = calloc(DURATIONS_OCTAVES, sizeof(uint64_t *));
	enum status status = durations->octaves ? STATUS_OK : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = count_values(durations, durations->values, durations->count);
	free(durations->values);
	durations->values = NULL;
	return status;
}

static enum status keep_values(struct durations *durations, const int64_t *values, uint64_t count)
{
	uint64_t room = durations->room ? durations->room : 8;
	while (room < durations->count + count)
		room *= 2;
	if (room > durations->room) {
		int64_t *kept = realloc(durations->values, room * sizeof(*kept));
		if (kept == NULL)
			return STATUS_NO_MEMORY;
		durations->values = kept;
		durations->room = room;
	}
	memcpy(durations->values + durations->count, values, count * sizeof(*values));
	return STATUS_OK;
}

enum status durations_add(struct durations *durations, const int64_t *values, uint64_t count)
{
	enum status status = STATUS_OK;
	if (count == 0)
		return STATUS_OK;
	if (durations->octaves == NULL && count > DURATIONS_EXACT_MAX - durations->count)
		status = make_histogram(durations);
	if (status == STATUS_OK)
		status = durations->octaves ? count_values(durations, values, count)
					    : keep_values(durations, values, count);
	if (status != STATUS_OK)
		return status;
	int64_t max = durations->count == 0 ? values[0] : durations->max;
	for (uint64_t i = 0; i < count; i++)
		max = values[i] > max ? values[i] : max;
	durations->max = max;
	durations->count += count;
	durations->sorted = false;
	return STATUS_OK;
}

enum status durations_limit(struct durations *durations, uint64_t exact_max)
{
	return durations->octaves == NULL && durations->count > exact_max ? make_histogram(durations) : STATUS_OK;
}

static enum status add_octave(struct durations *into, unsigned octave, const uint64_t *counts)
{
	if (into->octaves[octave] == NULL)
		into->octaves[octave] = calloc(DURATIONS_BUCKETS, sizeof(*counts));
	if (into->octaves[octave] == NULL)
		return STATUS_NO_MEMORY;
	for (unsigned i = 0; i < DURATIONS_BUCKETS; i++)
		into->octaves[octave][i] += counts[i];
	return STATUS_OK;
}

enum status durations_merge(struct durations *into, const struct durations *from)
{
	enum status status = STATUS_OK;
	if (from->octaves == NULL)
		return durations_add(into, from->values, from->count);
	if (into->octaves == NULL)
		status = make_histogram(into);
	for (unsigned octave = 0; octave < DURATIONS_OCTAVES && status == STATUS_OK; octave++)
		if (from->octaves[octave])
			status = add_octave(into, octave, from->octaves[octave]);
	if (status != STATUS_OK)
		return status;
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

/* The middle of the bucket that holds the value of a rank. */
static int64_t value_of_rank(const struct durations *durations, uint64_t rank)
{
	uint64_t passed = 0;
	for (unsigned octave = 0; octave < DURATIONS_OCTAVES; octave++) {
		for (unsigned i = 0; durations->octaves[octave] && i < DURATIONS_BUCKETS; i++) {
			passed += durations->octaves[octave][i];
			if (passed >= rank)
				return middle_of(octave, i);
		}
	}
	return durations->max;
}

int64_t durations_percentile(struct durations *durations, double share)
{
	if (durations->count == 0)
		return 0;
	uint64_t rank = (uint64_t)ceil(share * (double)durations->count);
	rank = rank < 1 ? 1 : rank > durations->count ? durations->count : rank;
	if (durations->octaves == NULL) {
		if (!durations->sorted)
			qsort(durations->values, durations->count, sizeof(durations->values[0]), by_value);
		durations->sorted = true;
		return durations->values[rank - 1];
	}
	int64_t middle = value_of_rank(durations, rank);
	return middle < durations->max ? middle : durations->max;
}

void durations_finish(struct durations *durations)
{
	free(durations->values);
	for (unsigned octave = 0; durations->octaves && octave < DURATIONS_OCTAVES; octave++)
		free(durations->octaves[octave]);
	free(durations->octaves);
	*durations = (struct durations){0};
}
