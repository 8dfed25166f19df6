/*
 * recvmmsg takes up to DATAGRAMS_MAX datagrams at once, which become one batch.  Buffers are a page-aligned arena of
 * which small datagrams touch the first page each.
 *
 * The kernel counts what it drops for want of room in one 32-bit number per socket.  SO_RXQ_OVFL tells it with each
 * datagram, but only with the next one that arrives; SO_MEMINFO tells it when asked: each second, and at the stop.
 */
#include "udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"
#include "log.h"
#include "timestamp.h"

enum {
	DATAGRAMS_MAX = 128,
	DATAGRAM_BYTES_MAX = 65536, /* no UDP datagram is longer; one of a unix socket may be */
	CONTROL_BYTES = CMSG_SPACE(sizeof(uint32_t)),
	PEER_BYTES = INET6_ADDRSTRLEN,
	DRAIN_ROUNDS_MAX = 10000,
};

struct udp {
	struct listener listener;
	int stop_fd;
	pthread_t thread;
	struct ingest *ingest;
	struct ingest_worker *worker;
	char *buffers;         /* DATAGRAMS_MAX * DATAGRAM_BYTES_MAX */
	uint32_t kernel_drops; /* as last seen */
	int64_t asked_at;
	struct mmsghdr messages[DATAGRAMS_MAX];
	struct iovec vectors[DATAGRAMS_MAX];
	struct sockaddr_storage addresses[DATAGRAMS_MAX];
	_Alignas(struct cmsghdr) char controls[DATAGRAMS_MAX][CONTROL_BYTES];
	char peers[DATAGRAMS_MAX][PEER_BYTES];
	struct ingest_request requests[DATAGRAMS_MAX];
};

/* --- what the kernel lost --- */

static void see_kernel_drops(struct udp *udp, uint32_t drops)
{
	uint32_t more = drops - udp->kernel_drops;
	if (more == 0 || more > INT32_MAX) /* an older reading */
		return;
	udp->kernel_drops = drops;
	ingest_count_drop(udp->ingest, SOURCE_UDP, REASON_SOCKET_OVERFLOW, more);
}

static void ask_kernel_drops(struct udp *udp)
{
	uint32_t info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);
	if (getsockopt(udp->listener.fd, SOL_SOCKET, SO_MEMINFO, info, &len) == 0 &&
		len > SK_MEMINFO_DROPS * sizeof(info[0]))
		see_kernel_drops(udp, info[SK_MEMINFO_DROPS]);
	udp->asked_at = timestamp_elapsed();
}

static void read_control(struct udp *udp, struct msghdr *message)
{
	for (struct cmsghdr *at = CMSG_FIRSTHDR(message); at; at = CMSG_NXTHDR(message, at)) {
		if (at->cmsg_level == SOL_SOCKET && at->cmsg_type == SO_RXQ_OVFL) {
			uint32_t drops = 0;
			memcpy(&drops, CMSG_DATA(at), sizeof(drops));
			see_kernel_drops(udp, drops);
		}
	}
}

/* --- datagrams to one batch --- */

static struct text peer_of(const struct sockaddr_storage *address, char peer[PEER_BYTES])
{
	const void *bytes = NULL;
	if (address->ss_family == AF_INET)
		bytes = &((const struct sockaddr_in *)address)->sin_addr;
	else if (address->ss_family == AF_INET6)
		bytes = &((const struct sockaddr_in6 *)address)->sin6_addr;
	if (bytes == NULL || inet_ntop(address->ss_family, bytes, peer, PEER_BYTES) == NULL)
		return TEXT("unix");
	/* A dual-stack socket shows IPv4 peers as mapped addresses. */
	static const char mapped[] = "::ffff:";
	bool is_mapped = strncmp(peer, mapped, sizeof(mapped) - 1) == 0 && strchr(peer, '.');
	return text_of(is_mapped ? peer + sizeof(mapped) - 1 : peer);
}

static bool same_peer(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	if (a->ss_family == AF_INET6)
		return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			       &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
	return true;
}

static void done(void *context, const struct ingest_result *result)
{
	(void)context; /* nobody is answered, and the funnel has counted */
	(void)result;
}

static void take_in(struct udp *udp, unsigned count)
{
	size_t bodies = 0;
	const struct sockaddr_storage *last = NULL;
	struct text peer = {NULL, 0};
	for (unsigned i = 0; i < count; i++) {
		struct msghdr *message = &udp->messages[i].msg_hdr;
		read_control(udp, message);
		if (message->msg_flags & MSG_TRUNC) {
			ingest_count_drop(udp->ingest, SOURCE_UDP, REASON_TRUNCATED, 1);
			continue;
		}
		if (last == NULL || !same_peer(last, &udp->addresses[i]))
			peer = peer_of(&udp->addresses[i], udp->peers[i]);
		last = &udp->addresses[i];
		udp->requests[bodies++] = (struct ingest_request){
			.source = SOURCE_UDP,
			.body = {udp->vectors[i].iov_base, udp->messages[i].msg_len},
			.auth = TEXT("none"),
			.peer = peer,
		};
	}
	if (bodies > 0)
		ingest_submit_all(udp->worker, udp->requests, bodies, done, NULL);
}

/* Takes in what there is, without waiting; returns how many datagrams. */
static unsigned receive(struct udp *udp)
{
	for (unsigned i = 0; i < DATAGRAMS_MAX; i++) {
		struct msghdr *message = &udp->messages[i].msg_hdr;
		message->msg_namelen = sizeof(udp->addresses[i]);
		message->msg_controllen = CONTROL_BYTES;
		message->msg_flags = 0;
		udp->addresses[i].ss_family = AF_UNIX; /* an unnamed unix peer sets nothing */
	}
	int count = recvmmsg(udp->listener.fd, udp->messages, DATAGRAMS_MAX, MSG_DONTWAIT, NULL);
	if (count <= 0)
		return 0;
	take_in(udp, (unsigned)count);
	return (unsigned)count;
}

static void *udp_main(void *context)
{
	struct udp *udp = context;
	(void)pthread_setname_np(pthread_self(), "udp");
	struct pollfd fds[] = {{.fd = udp->listener.fd, .events = POLLIN}, {.fd = udp->stop_fd, .events = POLLIN}};
	while (!(fds[1].revents & POLLIN)) {
		if (poll(fds, 2, 1000) < 0 && errno != EINTR) {
			log_line(LOG_LEVEL_ERROR, "receiving datagrams ended", "reason", strerror(errno), NULL);
			break;
		}
		if (fds[0].revents)
			(void)receive(udp);
		if (timestamp_elapsed() - udp->asked_at >= NS_PER_S)
			ask_kernel_drops(udp);
	}
	/* What had arrived before the stop is taken in; a sender that goes on cannot keep us. */
	for (unsigned i = 0; i < DRAIN_ROUNDS_MAX && receive(udp) > 0; i++)
		;
	ask_kernel_drops(udp);
	return NULL;
}

/* --- life --- */

static void ask_for_buffer(const struct udp *udp, uint64_t bytes)
{
	int wanted = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
	if (setsockopt(udp->listener.fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) != 0)
		(void)setsockopt(udp->listener.fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
	int given = 0;
	socklen_t len = sizeof(given);
	(void)getsockopt(udp->listener.fd, SOL_SOCKET, SO_RCVBUF, &given, &len);
	if (given / 2 >= wanted) /* the kernel doubles what is asked for, for its own use */
		return;
	char texts[2][24];
	(void)snprintf(texts[0], sizeof(texts[0]), "%d", wanted);
	(void)snprintf(texts[1], sizeof(texts[1]), "%d", given / 2);
	log_line(LOG_LEVEL_WARNING, "the receive buffer for datagrams is small: raise the sysctl net.core.rmem_max",
		"wanted", texts[0], "given", texts[1], NULL);
}

static void link_messages(struct udp *udp)
{
	for (size_t i = 0; i < DATAGRAMS_MAX; i++) {
		udp->vectors[i] = (struct iovec){udp->buffers + i * DATAGRAM_BYTES_MAX, DATAGRAM_BYTES_MAX};
		udp->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &udp->addresses[i],
			.msg_iov = &udp->vectors[i],
			.msg_iovlen = 1,
			.msg_control = udp->controls[i],
		};
	}
}

static void destroy(struct udp *udp)
{
	listener_close(&udp->listener);
	if (udp->stop_fd >= 0)
		close(udp->stop_fd);
	if (udp->buffers)
		munmap(udp->buffers, (size_t)DATAGRAMS_MAX * DATAGRAM_BYTES_MAX);
	ingest_worker_destroy(&udp->worker);
	free(udp);
}

static enum status prepare(struct udp *udp, const struct conf *conf)
{
	void *buffers = mmap(NULL, (size_t)DATAGRAMS_MAX * DATAGRAM_BYTES_MAX, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffers == MAP_FAILED)
		return STATUS_NO_MEMORY;
	udp->buffers = buffers;
	link_messages(udp);
	ask_for_buffer(udp, conf->udp_receive_buffer_bytes);
	int on = 1;
	(void)setsockopt(udp->listener.fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
	udp->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (udp->stop_fd < 0)
		return STATUS_IO;
	return ingest_worker_create(&udp->worker, udp->ingest);
}

enum status udp_start(struct udp **udp, struct ingest *ingest, const struct conf *conf, struct error *error)
{
	if (conf->udp_listen[0] == 0) {
		*udp = NULL;
		return STATUS_OK;
	}
	struct udp *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "udp.listen: out of memory");
	made->ingest = ingest;
	made->listener.fd = made->stop_fd = -1;
	struct listener_wish wish = {
		.type = SOCK_DGRAM,
		.setting = "udp.listen",
		.text = conf->udp_listen,
		.beyond_loopback = conf->udp_allow_unauthenticated,
		.needs = "udp.allow_unauthenticated: true, since UDP can't authenticate",
	};
	enum status status = listener_open(&made->listener, &wish, error);
	if (status != STATUS_OK) {
		free(made);
		return status;
	}
	status = prepare(made, conf);
	if (status == STATUS_OK && pthread_create(&made->thread, NULL, udp_main, made) != 0)
		status = STATUS_NO_MEMORY;
	if (status != STATUS_OK) {
		destroy(made);
		return error_set(error, status, "udp.listen: %s", status_text(status));
	}
	*udp = made;
	return STATUS_OK;
}

const char *udp_address(const struct udp *udp)
{
	return udp->listener.address;
}

void udp_stop(struct udp **udp)
{
	if (*udp == NULL)
		return;
	uint64_t one = 1;
	(void)!write((*udp)->stop_fd, &one, sizeof(one));
	pthread_join((*udp)->thread, NULL);
	destroy(*udp);
	*udp = NULL;
}
