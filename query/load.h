/*
 * load - sends lines of events to a daemon's /v1/import, in bodies of bounded size, and sums up its answers.
 * What was sent twice is a duplicate there, so a load that broke off can be run again.
 */
#ifndef MCPLEDGER_QUERY_LOAD_H
#define MCPLEDGER_QUERY_LOAD_H

#include "fetch.h"

struct load {
	struct fetch *fetch;
	struct buf lines; /* not yet sent */
	struct fetch_answer answer;
	struct arena arena;
	uint64_t line; /* of the input, the first one in lines; from 1 */
	uint64_t accepted, duplicates, rejected;
	struct buf messages;                       /* a line for each of the first rejected events */
	void (*progress)(const struct load *load); /* after each body; may be NULL */
};

void load_init(struct load *load, struct fetch *fetch);
void load_finish(struct load *load);
/* Takes bytes of NDJSON, cut anywhere; whole lines are sent when there are enough. */
enum status load_put(struct load *load, struct text bytes, struct error *error) MUST_CHECK;
/* Sends what is left. */
enum status load_flush(struct load *load, struct error *error) MUST_CHECK;

#endif
