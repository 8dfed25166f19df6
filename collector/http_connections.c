/*
 * The list is walked as a whole to find late ones: a thousand entries a few times a second cost less than keeping them
 * in order at every request would.
 */
#include "http_connections.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
	ADDRESS_SLOTS = 1024,
	/* An address beyond its limit is told so on this many connections; more are closed without a word. */
	ADDRESS_CROWD_MAX = 16,
};

struct http_address {
	struct http_address *next;
	unsigned count;
	uint8_t bytes[16]; /* IPv4: mapped to IPv6 */
};

struct http_connections {
	pthread_mutex_t lock;
	struct http_connection *first;
	unsigned count, count_max, per_address_max;
	struct http_address *slots[ADDRESS_SLOTS];
};

enum status http_connections_create(struct http_connections **connections, unsigned count_max, unsigned per_address_max)
{
	struct http_connections *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&made->lock, NULL);
	made->count_max = count_max;
	made->per_address_max = per_address_max;
	*connections = made;
	return STATUS_OK;
}

void http_connections_destroy(struct http_connections **connections)
{
	if (*connections == NULL)
		return;
	pthread_mutex_destroy(&(*connections)->lock);
	free(*connections);
	*connections = NULL;
}

/* Addresses are few and can't be chosen freely: a plain hash does. */
static struct http_address **find_address(struct http_connections *connections, const uint8_t bytes[16])
{
	uint32_t hash = 2166136261U;
	for (size_t i = 0; i < 16; i++)
		hash = (hash ^ bytes[i]) * 16777619U;
	struct http_address **at = &connections->slots[hash % ADDRESS_SLOTS];
	while (*at && memcmp((*at)->bytes, bytes, 16) != 0)
		at = &(*at)->next;
	return at;
}

static bool address_bytes(const struct sockaddr *address, uint8_t bytes[16], char peer[INET6_ADDRSTRLEN])
{
	memset(bytes, 0, 16);
	if (address && address->sa_family == AF_INET) {
		const struct in_addr *v4 = &((const struct sockaddr_in *)(const void *)address)->sin_addr;
		bytes[10] = bytes[11] = 0xff;
		memcpy(bytes + 12, v4, 4);
		return inet_ntop(AF_INET, v4, peer, INET6_ADDRSTRLEN) != NULL;
	}
	if (address && address->sa_family == AF_INET6) {
		const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
		memcpy(bytes, v6, 16);
		return inet_ntop(AF_INET6, v6, peer, INET6_ADDRSTRLEN) != NULL;
	}
	memcpy(peer, "unix", sizeof("unix"));
	return false;
}

/* With the lock held: counts the address. */
static enum http_room enter_address(
	struct http_connections *connections, struct http_connection *connection, const uint8_t bytes[16])
{
	struct http_address **at = find_address(connections, bytes);
	if (*at == NULL) {
		*at = calloc(1, sizeof(**at));
		if (*at == NULL)
			return HTTP_ROOM_NONE;
		memcpy((*at)->bytes, bytes, 16);
	}
	if ((*at)->count >= connections->per_address_max + ADDRESS_CROWD_MAX)
		return HTTP_ROOM_NONE;
	connection->address = *at;
	return ++(*at)->count > connections->per_address_max ? HTTP_ROOM_ADDRESS_CROWDED : HTTP_ROOM;
}

enum http_room http_connection_open(struct http_connections *connections, struct http_connection *connection, int fd,
	const struct sockaddr *address)
{
	uint8_t bytes[16];
	enum http_room room = HTTP_ROOM;
	connection->fd = fd;
	bool has_address = address_bytes(address, bytes, connection->peer);
	pthread_mutex_lock(&connections->lock);
	if (has_address)
		room = enter_address(connections, connection, bytes);
	if (room != HTTP_ROOM_NONE) {
		connection->next = connections->first;
		if (connection->next)
			connection->next->previous = connection;
		connections->first = connection;
		if (++connections->count > connections->count_max && room == HTTP_ROOM)
			room = HTTP_ROOM_CROWDED;
	}
	pthread_mutex_unlock(&connections->lock);
	connection->crowded = room != HTTP_ROOM;
	return room;
}

static void leave_address(struct http_connections *connections, struct http_address *address)
{
	if (--address->count > 0)
		return;
	struct http_address **at = find_address(connections, address->bytes);
	*at = address->next;
	free(address);
}

void http_connection_close(struct http_connections *connections, struct http_connection *connection)
{
	pthread_mutex_lock(&connections->lock);
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		connections->first = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	connections->count--;
	if (connection->address)
		leave_address(connections, connection->address);
	pthread_mutex_unlock(&connections->lock);
}

/*
 * Data and end that arrive together are one event of epoll, and the library misses the end (see http_server.c).  It must
 * be seen twice: the library may have taken the last bytes from the socket just now and be about to look at them.
 */
static bool has_ended(struct http_connection *connection)
{
	char byte = 0;
	bool ended = recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
	bool twice = ended && connection->ended;
	connection->ended = ended;
	return twice;
}

void http_connections_cut(struct http_connections *connections, int64_t now, struct metric_series *cuts)
{
	pthread_mutex_lock(&connections->lock);
	/* The owner closes fd only after it has left this list, so fd is still that connection. */
	for (struct http_connection *at = connections->first; at; at = at->next) {
		int64_t deadline = atomic_load_explicit(&at->deadline, memory_order_relaxed);
		if (deadline == 0)
			continue;
		if (deadline <= now) {
			atomic_store_explicit(&at->deadline, 0, memory_order_relaxed);
			metric_add(cuts, 1);
			(void)shutdown(at->fd, SHUT_RDWR);
		} else if (has_ended(at)) {
			(void)shutdown(at->fd, SHUT_RD);
		}
	}
	pthread_mutex_unlock(&connections->lock);
}

unsigned http_connections_count(struct http_connections *connections)
{
	pthread_mutex_lock(&connections->lock);
	unsigned count = connections->count;
	pthread_mutex_unlock(&connections->lock);
	return count;
}
