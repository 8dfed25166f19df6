/*
 * durations - percentiles of durations in bounded memory: exact while the values are kept, then from a histogram of 64
 * buckets a power of two, whose answers are at most 0.8 % off.  One thread.
 */
#ifndef MCPLEDGER_QUERY_DURATIONS_H
#define MCPLEDGER_QUERY_DURATIONS_H

#include <stdbool.h>

#include "buf.h"

enum { DURATIONS_EXACT_MAX = 65536, DURATIONS_OCTAVES = 58, DURATIONS_BUCKETS = 64 };

struct durations {
	int64_t *values;    /* owned; NULL once there is a histogram */
	uint64_t **octaves; /* owned, each made when first needed */
	uint64_t count, room;
	int64_t max;
	bool sorted;
};

/* Adds `count` values.  On failure some of them may be counted. */
enum status durations_add(struct durations *durations, const int64_t *values, uint64_t count) MUST_CHECK;
/* Adds all values of another one, which stays. */
enum status durations_merge(struct durations *into, const struct durations *from) MUST_CHECK;
/* Where there are more than exact_max, from now on a histogram. */
enum status durations_limit(struct durations *durations, uint64_t exact_max) MUST_CHECK;
/* The smallest value that `share` (0..1) of all values do not exceed; 0 without values. */
int64_t durations_percentile(struct durations *durations, double share);
void durations_finish(struct durations *durations);

#endif
