/*
 * udp_load - sends the first COUNT lines of FILE as one datagram each, RATE a second, with the emitter library.
 * Usage: udp_load ADDRESS:PORT FILE COUNT RATE.  Prints {"sent":…,"unsent":…}.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mcpledger_emit.h"

enum { STEPS_PER_S = 1000 };

static void wait_until(struct timespec *next)
{
	next->tv_nsec += 1000000000 / STEPS_PER_S;
	if (next->tv_nsec >= 1000000000) {
		next->tv_nsec -= 1000000000;
		next->tv_sec++;
	}
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, next, NULL);
}

static void send_lines(struct mcpledger_emitter *emitter, FILE *file, uint64_t count, uint64_t rate)
{
	char *line = NULL;
	size_t capacity = 0;
	uint64_t left = count;
	uint64_t per_step = rate < STEPS_PER_S ? 1 : rate / STEPS_PER_S;
	struct timespec next;
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	while (left) {
		for (uint64_t i = 0; i < per_step && left; i++) {
			ssize_t len = getline(&line, &capacity, file);
			if (len <= 0) {
				left = 0;
				break;
			}
			(void)mcpledger_emit(emitter, line, (size_t)len);
			left--;
		}
		wait_until(&next);
	}
	free(line);
}

int main(int argc, char **argv)
{
	if (argc != 5) {
		(void)fprintf(stderr, "usage: udp_load ADDRESS:PORT FILE COUNT RATE\n");
		return 2;
	}
	struct mcpledger_emitter *emitter = mcpledger_emitter_open(argv[1]);
	FILE *file = fopen(argv[2], "re");
	if (emitter == NULL || file == NULL) {
		perror(emitter ? argv[2] : argv[1]);
		return 1;
	}
	send_lines(emitter, file, strtoull(argv[3], NULL, 10), strtoull(argv[4], NULL, 10));
	struct mcpledger_emit_counts counts = mcpledger_emitter_counts(emitter);
	printf("{\"sent\":%" PRIu64 ",\"unsent\":%" PRIu64 "}\n", counts.sent,
		counts.too_large + counts.full + counts.failed);
	mcpledger_emitter_close(&emitter);
	return fclose(file);
}
