#include "listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

enum { BACKLOG = 1024, HOST_BYTES_MAX = 256, SOCKET_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK };

static enum status refuse(struct error *error, const struct listener_wish *wish, int code)
{
	enum status status = code == EADDRINUSE ? STATUS_BUSY : code == EACCES ? STATUS_DENIED : STATUS_IO;
	if (code == EADDRINUSE)
		return error_set(error, status, "%s: %s is in use by another program; choose another address or port",
			wish->setting, wish->text);
	return error_set(error, status, "%s: can't listen on %s: %s", wish->setting, wish->text, strerror(code));
}

/* A socket file that refuses connections was left behind by a process that is gone. */
static bool is_left_behind(const struct sockaddr_un *address, int type)
{
	struct stat info;
	if (lstat(address->sun_path, &info) != 0 || !S_ISSOCK(info.st_mode))
		return false;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	bool refused = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* Binds and, where the type knows it, listens.  On failure fd is closed, and errno tells why. */
static int bind_or_close(int fd, int type, const struct sockaddr *address, socklen_t len)
{
	if (bind(fd, address, len) == 0 && (type != SOCK_STREAM || listen(fd, BACKLOG) == 0))
		return fd;
	int code = errno;
	close(fd);
	errno = code;
	return -1;
}

static enum status open_unix(struct listener *listener, const struct listener_wish *wish, struct error *error)
{
	const char *path = wish->text + strlen(UNIX_PREFIX);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if (path[0] != '/' || len >= sizeof(address.sun_path))
		return error_set(error, STATUS_INVALID, "%s: unix: needs an absolute path of at most %zu bytes",
			wish->setting, sizeof(address.sun_path) - 1);
	memcpy(address.sun_path, path, len + 1);
	int fd = socket(AF_UNIX, wish->type | SOCKET_FLAGS, 0);
	if (fd < 0)
		return refuse(error, wish, errno);
	if (is_left_behind(&address, wish->type))
		(void)unlink(path);
	/* The mode of the socket becomes that of its file: nobody else can connect, not even for a moment. */
	(void)fchmod(fd, 0600);
	fd = bind_or_close(fd, wish->type, (const struct sockaddr *)&address, sizeof(address));
	if (fd < 0)
		return refuse(error, wish, errno);
	*listener = (struct listener){.fd = fd, .is_unix = true, .is_loopback = true};
	(void)snprintf(listener->address, sizeof(listener->address), UNIX_PREFIX "%s", path);
	return STATUS_OK;
}

/* "[::1]:80" -> ::1 and 80. false: not of that form. */
static bool split(const char *text, char host[HOST_BYTES_MAX], const char **port)
{
	const char *colon = strrchr(text, ':');
	if (colon == NULL || colon[1] == 0)
		return false;
	const char *from = text;
	size_t len = (size_t)(colon - text);
	if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
		from++;
		len -= 2;
	} else if (memchr(from, ':', len)) {
		return false;
	}
	if (len >= HOST_BYTES_MAX)
		return false;
	memcpy(host, from, len);
	host[len] = 0;
	*port = colon + 1;
	return true;
}

static bool is_loopback(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr) >> 24 == 127;
	return address->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
}

static void write_address(struct listener *listener)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char host[NI_MAXHOST] = "?";
	char port[NI_MAXSERV] = "?";
	if (getsockname(listener->fd, (struct sockaddr *)&address, &len) == 0)
		(void)getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV);
	bool brackets = strchr(host, ':') != NULL;
	(void)snprintf(listener->address, sizeof(listener->address), "%s%.60s%s:%.8s", brackets ? "[" : "", host,
		brackets ? "]" : "", port);
}

static int open_internet(const struct addrinfo *at)
{
	int on = 1;
	int fd = socket(at->ai_family, at->ai_socktype | SOCKET_FLAGS, 0);
	if (fd < 0)
		return -1;
	/* A port in TIME_WAIT can be used again; for datagrams this would let two processes share one. */
	if (at->ai_socktype == SOCK_STREAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	return bind_or_close(fd, at->ai_socktype, at->ai_addr, at->ai_addrlen);
}

enum status listener_open(struct listener *listener, const struct listener_wish *wish, struct error *error)
{
	if (strncmp(wish->text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
		return open_unix(listener, wish, error);
	char host[HOST_BYTES_MAX];
	const char *port = NULL;
	if (!split(wish->text, host, &port))
		return error_set(error, STATUS_INVALID,
			"%s: \"%s\" is not ADDRESS:PORT ([ADDRESS]:PORT for IPv6) or unix:/path", wish->setting,
			wish->text);
	struct addrinfo hints = {.ai_socktype = wish->type, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int code = getaddrinfo(host[0] ? host : NULL, port, &hints, &found);
	if (code != 0)
		return error_set(error, STATUS_INVALID, "%s: %s: %s", wish->setting, wish->text, gai_strerror(code));
	bool loopback = is_loopback(found->ai_addr);
	if (!loopback && !wish->beyond_loopback) {
		freeaddrinfo(found);
		return error_set(error, STATUS_INVALID,
			"%s: %s is reachable by other machines and needs %s; or listen on 127.0.0.1", wish->setting,
			wish->text, wish->needs);
	}
	int fd = open_internet(found);
	int failure = errno;
	freeaddrinfo(found);
	if (fd < 0)
		return refuse(error, wish, failure);
	*listener = (struct listener){.fd = fd, .is_loopback = loopback};
	write_address(listener);
	return STATUS_OK;
}

void listener_close(struct listener *listener)
{
	if (listener->fd < 0)
		return;
	close(listener->fd);
	listener->fd = -1;
	if (listener->is_unix)
		(void)unlink(listener->address + strlen(UNIX_PREFIX));
}
