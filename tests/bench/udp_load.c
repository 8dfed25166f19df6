/*
 * udp_load - sends COUNT lines of FILE (again and again, see lines.h) as one datagram each, RATE a second, with the
 * emitter library.  Usage: udp_load ADDRESS:PORT FILE COUNT RATE.  Prints {"sent":…,"unsent":…,"seconds":…}; unsent are
 * those that the kernel did not take.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lines.h"
#include "mcpledger_emit.h"

enum { STEPS_PER_S = 1000, NS_PER_S = 1000000000 };

static int64_t now(void)
{
	struct timespec time;
	(void)clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

static void wait_until(int64_t when)
{
	struct timespec time = {.tv_sec = when / NS_PER_S, .tv_nsec = when % NS_PER_S};
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* In steps of a millisecond; one that comes late is made up for by the next ones. */
static void send_lines(struct mcpledger_emitter *emitter, struct lines *lines, uint64_t rate)
{
	uint64_t given = 0;
	int64_t begin = now();
	for (uint64_t step = 1;; step++) {
		for (uint64_t due = step * rate / STEPS_PER_S; given < due; given++) {
			size_t len = lines_next(lines);
			if (len == 0)
				return;
			(void)mcpledger_emit(emitter, lines->line, len);
		}
		wait_until(begin + (int64_t)step * (NS_PER_S / STEPS_PER_S));
	}
}

int main(int argc, char **argv)
{
	struct lines lines;
	if (argc != 5) {
		(void)fprintf(stderr, "usage: udp_load ADDRESS:PORT FILE COUNT RATE\n");
		return 2;
	}
	struct mcpledger_emitter *emitter = mcpledger_emitter_open(argv[1]);
	if (emitter == NULL || lines_open(&lines, argv[2], strtoull(argv[3], NULL, 10), 0) != 0) {
		perror(emitter ? argv[2] : argv[1]);
		return 1;
	}
	int64_t begin = now();
	send_lines(emitter, &lines, strtoull(argv[4], NULL, 10));
	double seconds = (double)(now() - begin) / NS_PER_S;
	struct mcpledger_emit_counts counts = mcpledger_emitter_counts(emitter);
	printf("{\"sent\":%" PRIu64 ",\"unsent\":%" PRIu64 ",\"seconds\":%.3f}\n", counts.sent,
		counts.too_large + counts.full + counts.failed, seconds);
	mcpledger_emitter_close(&emitter);
	lines_close(&lines);
	return 0;
}
