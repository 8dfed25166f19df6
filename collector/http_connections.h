/*
 * http_connections - which connections are open, how many one address has, and until when each must have sent its
 * request.  Connections open and close on the library's threads; one other thread cuts those past their deadline.
 */
#ifndef MCPLEDGER_HTTP_CONNECTIONS_H
#define MCPLEDGER_HTTP_CONNECTIONS_H

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "metric.h"

struct sockaddr;
struct http_connections;

struct http_connection {
	struct http_connection *previous, *next;
	struct http_address *address; /* NULL: a unix socket */
	int fd;
	_Atomic int64_t deadline; /* timestamp_elapsed(), ns; 0: none */
	bool ended;               /* its client said that no more comes, when last looked at */
	char peer[INET6_ADDRSTRLEN];
	bool crowded; /* beyond a limit: its request is to be refused */
};

enum http_room { HTTP_ROOM, HTTP_ROOM_CROWDED, HTTP_ROOM_ADDRESS_CROWDED, HTTP_ROOM_NONE };

enum status http_connections_create(
	struct http_connections **connections, unsigned count_max, unsigned per_address_max) MUST_CHECK;
void http_connections_destroy(struct http_connections **connections);

/* Fills and adds a connection of the caller.  HTTP_ROOM_NONE: not added, close it; crowded is set beyond a limit. */
enum http_room http_connection_open(struct http_connections *connections, struct http_connection *connection, int fd,
	const struct sockaddr *address) MUST_CHECK;
/* Must be called before fd is closed. */
void http_connection_close(struct http_connections *connections, struct http_connection *connection);
/*
 * Ends those whose deadline is not after now, each counted before its client can know; and, of those that have a
 * deadline, those whose client ended.  Called a few times a second.
 */
void http_connections_cut(struct http_connections *connections, int64_t now, struct metric_series *cuts);
unsigned http_connections_count(struct http_connections *connections);

#endif
