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
/* Longest time a query may take, ns. Any thread. */
void query_api_set_time_max(struct query_api *api, int64_t time_max_ns);
/* The routes, with `api` as the context of their handlers; returns how many. */
size_t query_api_routes(const struct http_route **routes);

#endif
