/*
 * search - the events that a scan finds, as a table, JSON, NDJSON or CSV.
 */
#ifndef MCPLEDGER_QUERY_SEARCH_H
#define MCPLEDGER_QUERY_SEARCH_H

#include "output.h"
#include "scan.h"

/*
 * Narrows scan to its newest `limit` events (0: no limit), which it then meets oldest first.  Sets coverage->more where
 * there were others.
 */
enum status search_narrow(struct scan *scan, uint64_t limit, struct error *error) MUST_CHECK;

/*
 * Writes the events and counts them in scan->coverage.  OUTPUT_JSON writes {"items":[…],"coverage":{…}}.  Events of several
 * stores follow each other by the time of receipt where merges says so (the scan was narrowed: all are held in memory),
 * else store by store.
 */
enum status search_put(const struct scan *scan, bool merges, enum output_format format, struct output *out,
	struct error *error) MUST_CHECK;

/* The events with the largest values of a field (which holds numbers), largest first; limit: 1 to LARGEST_MAX. */
struct search_sort {
	unsigned field;
	uint64_t limit;
};
enum status search_put_largest(const struct scan *scan, struct search_sort sort, enum output_format format,
	struct output *out, struct error *error) MUST_CHECK;

/*
 * One page of the API: at most `limit` events in scan order, as items; *next is the seq after the last one (0: none
 * left).
 */
enum status search_put_page(
	const struct scan *scan, uint64_t limit, struct output *out, uint64_t *next, struct error *error) MUST_CHECK;

/* The same lines one at a time (OUTPUT_JSON: without a newline), for who gets events in other ways.  Nothing is flushed. */
struct search_lines;
enum status search_lines_create(struct search_lines **lines, enum output_format format) MUST_CHECK;
void search_lines_destroy(struct search_lines **lines);
void search_lines_put_head(struct search_lines *lines, struct output *out);
void search_lines_put(struct search_lines *lines, const struct event *event, struct text store_id, struct output *out);

#endif
