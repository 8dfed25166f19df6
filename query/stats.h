/* stats - the verb's two answers: figures of the stores, and of events by fields (outcomes, durations, bytes). */
#ifndef MCPLEDGER_QUERY_STATS_H
#define MCPLEDGER_QUERY_STATS_H

#include "cli.h"

enum { STATS_FIELDS_MAX = 4 };

/* Events, blocks and bytes of each store. */
enum exit_code stats_run_stores(struct cli *cli);
/* The groups that --by names, of at most STATS_FIELDS_MAX fields, paths, or spans of time (minute, hour, day: UTC). */
enum exit_code stats_run_by(struct cli *cli);

#endif
