/*
 * query - the read engine as the daemon sees it: routes of the read API over a store.
 * Any query thread may run a handler; each opens its own reader.
 */
#ifndef MCPLEDGER_QUERY_H
#define MCPLEDGER_QUERY_H

#include "http_api.h"
#include "store.h"

struct query_api;
enum status query_api_create(struct query_api **api, struct store *store) MUST_CHECK;
void query_api_destroy(struct query_api **api);
struct query_limits {
	int64_t time_max_ns;
	uint64_t rows_max;  /* events looked at; 0: no limit */
	uint64_t bytes_max; /* of an answer; 0: no limit */
};
/* Of each query to come but exports. Any thread. */
void query_api_set_limits(struct query_api *api, const struct query_limits *limits);
/* Feeds those who follow events (http_server_options.feed); api: a struct query_api. */
void query_api_feed(void *api);
/* The routes, with `api` as the context of their handlers; returns how many. */
size_t query_api_routes(const struct http_route **routes);

#endif
