#include "mcpledger_emit.h"

#include <errno.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ADDRESS_BYTES_MAX = 128 };

struct mcpledger_emitter {
	int socket;
	_Atomic uint64_t sent;
	_Atomic uint64_t too_large;
	_Atomic uint64_t full;
	_Atomic uint64_t failed;
};

/* Cuts "host:port" or "[host]:port" in two, in place. */
static bool split_address(char *address, char **host, char **port)
{
	char *colon = strrchr(address, ':');
	if (colon == NULL || colon == address || colon[1] == 0)
		return false;
	*colon = 0;
	*port = colon + 1;
	*host = address;
	size_t len = strlen(address);
	if (address[0] == '[' && address[len - 1] == ']') {
		address[len - 1] = 0;
		*host = address + 1;
	}
	return true;
}

static int connect_datagrams(const char *address)
{
	char copy[ADDRESS_BYTES_MAX];
	char *host = NULL;
	char *port = NULL;
	struct addrinfo *found = NULL;
	const struct addrinfo hints = {
		.ai_socktype = SOCK_DGRAM,
		.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
	};
	errno = EINVAL;
	if (strlen(address) >= sizeof(copy))
		return -1;
	memcpy(copy, address, strlen(address) + 1);
	if (!split_address(copy, &host, &port) || getaddrinfo(host, port, &hints, &found) != 0) {
		errno = EINVAL;
		return -1;
	}
	int fd = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		int why = errno;
		(void)close(fd);
		errno = why;
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

struct mcpledger_emitter *mcpledger_emitter_open(const char *address)
{
	struct mcpledger_emitter *emitter = calloc(1, sizeof(*emitter));
	if (emitter == NULL)
		return NULL;
	emitter->socket = connect_datagrams(address);
	if (emitter->socket < 0) {
		free(emitter);
		return NULL;
	}
	return emitter;
}

void mcpledger_emitter_close(struct mcpledger_emitter **emitter)
{
	if (*emitter == NULL)
		return;
	(void)close((*emitter)->socket);
	free(*emitter);
	*emitter = NULL;
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

bool mcpledger_emit(struct mcpledger_emitter *emitter, const char *event, size_t len)
{
	if (len > MCPLEDGER_EMIT_BYTES_MAX) {
		count(&emitter->too_large);
		return false;
	}
	int before = errno;
	ssize_t taken = send(emitter->socket, event, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	/*
	 * "Refused" speaks of an earlier datagram, counted as sent, and clears itself: that one moves to `failed`, and this
	 * one gets a try of its own.
	 */
	if (taken < 0 && errno == ECONNREFUSED) {
		atomic_fetch_sub_explicit(&emitter->sent, 1, memory_order_relaxed);
		count(&emitter->failed);
		taken = send(emitter->socket, event, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (taken >= 0)
		count(&emitter->sent);
	else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
		count(&emitter->full);
	else
		count(&emitter->failed);
	errno = before;
	return taken >= 0;
}

struct mcpledger_emit_counts mcpledger_emitter_counts(const struct mcpledger_emitter *emitter)
{
	return (struct mcpledger_emit_counts){
		.sent = atomic_load_explicit(&emitter->sent, memory_order_relaxed),
		.too_large = atomic_load_explicit(&emitter->too_large, memory_order_relaxed),
		.full = atomic_load_explicit(&emitter->full, memory_order_relaxed),
		.failed = atomic_load_explicit(&emitter->failed, memory_order_relaxed),
	};
}
