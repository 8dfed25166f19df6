/*
 * block_sample - events made by code for the tests of blocks: varied on purpose, the same for the same seed.
 * An event's texts and leaves live in the arena.
 */
#ifndef MCPLEDGER_TESTS_BLOCK_SAMPLE_H
#define MCPLEDGER_TESTS_BLOCK_SAMPLE_H

#include "event.h"

struct sample {
	uint64_t state; /* of the random numbers */
	struct arena *arena;
	bool large_payloads; /* now and then one that is kept outside of the block */
};

uint64_t sample_random(struct sample *sample);
uint64_t sample_below(struct sample *sample, uint64_t limit);
/* The event with this number. */
struct event *sample_event(struct sample *sample, uint64_t number);
/* Sets a payload with its leaves; json is minified. */
void sample_payload(struct sample *sample, struct event *event, unsigned field, struct text json);
/* "" when a and b have the same fields with the same values, else what differs. */
const char *sample_difference(const struct event *a, const struct event *b);

#endif
