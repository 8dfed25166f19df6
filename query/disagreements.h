/*
 * disagreements - calls that their observers (client, gateway, server) tell differently, or that one does not tell of.
 *
 * Calls are gathered in windows of receive time, small enough to be held in memory, which overlap so that the reports of
 * a call fall into one; see timeline_link.c for what makes them one call and timeline_differ.c for what differs.
 */
#ifndef MCPLEDGER_QUERY_DISAGREEMENTS_H
#define MCPLEDGER_QUERY_DISAGREEMENTS_H

#include "output.h"
#include "scan.h"

/*
 * Writes the disagreements of the calls that the scan's filter takes, by time: the newest `limit`, or all (0).
 * *found: how many.  coverage gets `more` where there are others, and all that coverage_collect fills.
 */
enum status disagreements_put(const struct scan *scan, uint64_t limit, enum output_format format, struct output *out,
	struct coverage *coverage, struct error *error) MUST_CHECK;

#endif
