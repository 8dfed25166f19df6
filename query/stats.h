/*
 * stats - figures of the store, and of events by field: outcomes, error rate, durations, bytes.
 * The end of a call that was sent in two stages counts, its start does not.
 */
#ifndef MCPLEDGER_QUERY_STATS_H
#define MCPLEDGER_QUERY_STATS_H

#include "output.h"
#include "tally.h"

enum { STATS_FIELDS_MAX = 4 };

enum status stats_put_store(
	struct store_reader *reader, enum output_format format, struct output *out, struct error *error) MUST_CHECK;

/* Which fields "server,tool" names. STATUS_INVALID: error names the field. */
struct stats_by {
	struct tally_value values[STATS_FIELDS_MAX];
	const char *names[STATS_FIELDS_MAX];
	size_t count;
};
enum status stats_by_parse(struct text text, struct stats_by *by, struct error *error) MUST_CHECK;
/* Beyond TALLY_GROUPS_MAX groups, the rest is one group "(other)".  scan->coverage gets the number of events. */
enum status stats_put_by(const struct scan *scan, const struct stats_by *by, enum output_format format,
	struct output *out, struct error *error) MUST_CHECK;

#endif
