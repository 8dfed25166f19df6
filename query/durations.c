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

static enum status count_value(struct durations *durations, int64_t ns)
{
	uint64_t value = ns < 0 ? 0 : (uint64_t)ns;
	unsigned octave = octave_of(value);
	if (durations->octaves[octave] == NULL)
		durations->octaves[octave] = calloc(DURATIONS_BUCKETS, sizeof(durations->octaves[0][0]));
	if (durations->octaves[octave] == NULL)
		return STATUS_NO_MEMORY;
	durations->octaves[octave][bucket_of(value, octave)]++;
	return STATUS_OK;
}

static enum status make_histogram(struct durations *durations)
{
	durations->octaves = calloc(DURATIONS_OCTAVES, sizeof(uint64_t *));
	enum status status = durations->octaves ? STATUS_OK : STATUS_NO_MEMORY;
	for (uint64_t i = 0; i < durations->count && status == STATUS_OK; i++)
		status = count_value(durations, durations->values[i]);
	free(durations->values);
	durations->values = NULL;
	return status;
}

static enum status make_room(struct durations *durations)
{
	uint64_t room = durations->room ? durations->room * 2 : 8;
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
	if (durations->octaves == NULL && durations->count == DURATIONS_EXACT_MAX)
		status = make_histogram(durations);
	else if (durations->octaves == NULL && durations->count == durations->room)
		status = make_room(durations);
	if (status == STATUS_OK && durations->octaves)
		status = count_value(durations, ns);
	if (status != STATUS_OK)
		return status;
	if (durations->values)
		durations->values[durations->count] = ns;
	durations->max = durations->count == 0 || ns > durations->max ? ns : durations->max;
	durations->count++;
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
	if (from->octaves == NULL) {
		for (uint64_t i = 0; i < from->count && status == STATUS_OK; i++)
			status = durations_add(into, from->values[i]);
		return status;
	}
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
