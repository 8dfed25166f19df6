/*
 * lanes - a few threads that share out the parts of one job, again and again.
 *
 * The caller works on parts, too, and goes on when all are done: nothing runs between two jobs.  Parts are taken in
 * order by whoever is free.  One job at a time; threads live from lanes_open to lanes_close.
 */
#ifndef MCPLEDGER_QUERY_LANES_H
#define MCPLEDGER_QUERY_LANES_H

#include "status.h"

enum { LANES_THREADS_MAX = 8 };

struct lanes;
/* threads: with the caller's.  Fewer, down to the caller alone, where no more can be started. STATUS_NO_MEMORY. */
enum status lanes_open(struct lanes **lanes, unsigned threads) MUST_CHECK;
void lanes_close(struct lanes **lanes);

/* thread: from 0 to the number of threads - 1, of two calls at once never the same. */
typedef void lanes_work(void *context, unsigned part, unsigned thread);
/* Calls work for each part from 0 to parts - 1, on any of the threads. */
void lanes_run(struct lanes *lanes, unsigned parts, lanes_work *work, void *context);

/* How many threads may run at once on the processors that this process may use, at most LANES_THREADS_MAX. */
unsigned lanes_processors(void);

#endif
