/* The thread that looks after what no event of a socket announces. */
#include "http_core.h"

#include <stdlib.h>
#include <time.h>

#include "timestamp.h"

enum { TICK_MS = 200, AUTH_RECORD_S = 10 };

struct http_watch {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t stop;
	bool stopping;
};

/* Failures are put on record together: whoever guesses tokens must not be able to fill the ledger. */
static void put_auth_failures_on_record(struct http_server *server)
{
	uint64_t count = atomic_exchange(&server->auth_failures, 0);
	if (count == 0)
		return;
	struct buf detail;
	buf_init(&detail, 256);
	buf_printf(&detail, "{\"listener\":\"http\",\"count\":%llu}", (unsigned long long)count);
	ingest_note(server->options.ingest, "auth_fail", buf_text(&detail));
	buf_finish(&detail);
}

static void tick(struct http_server *server)
{
	http_connections_cut(server->connections, timestamp_elapsed(), server->limits[HTTP_LIMIT_REQUEST_TIME]);
	http_queries_tick(server);
	http_tails_tick(server);
}

static void *watch(void *context)
{
	struct http_server *server = context;
	struct http_watch *self = server->watch;
	struct timespec next;
	int64_t recorded = timestamp_elapsed();
	(void)clock_gettime(CLOCK_MONOTONIC, &next);
	pthread_mutex_lock(&self->lock);
	while (!self->stopping) {
		next.tv_nsec += TICK_MS * NS_PER_MS;
		next.tv_sec += next.tv_nsec / NS_PER_S;
		next.tv_nsec %= NS_PER_S;
		while (!self->stopping && pthread_cond_timedwait(&self->stop, &self->lock, &next) == 0)
			;
		pthread_mutex_unlock(&self->lock);
		tick(server);
		if (timestamp_elapsed() - recorded >= AUTH_RECORD_S * NS_PER_S) {
			put_auth_failures_on_record(server);
			recorded = timestamp_elapsed();
		}
		pthread_mutex_lock(&self->lock);
	}
	pthread_mutex_unlock(&self->lock);
	put_auth_failures_on_record(server);
	return NULL;
}

enum status http_watch_create(struct http_server *server)
{
	struct http_watch *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&made->stop, &monotonic);
	pthread_condattr_destroy(&monotonic);
	pthread_mutex_init(&made->lock, NULL);
	server->watch = made;
	if (pthread_create(&made->thread, NULL, watch, server) == 0)
		return STATUS_OK;
	server->watch = NULL;
	pthread_cond_destroy(&made->stop);
	pthread_mutex_destroy(&made->lock);
	free(made);
	return STATUS_NO_MEMORY;
}

void http_watch_destroy(struct http_server *server)
{
	struct http_watch *gone = server->watch;
	if (gone == NULL)
		return;
	pthread_mutex_lock(&gone->lock);
	gone->stopping = true;
	pthread_cond_signal(&gone->stop);
	pthread_mutex_unlock(&gone->lock);
	pthread_join(gone->thread, NULL);
	pthread_cond_destroy(&gone->stop);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	server->watch = NULL;
}
