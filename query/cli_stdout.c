#include "cli_stdout.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "timestamp.h"

#define STALL_NS (500 * INT64_C(1000000))

struct cli_stdout {
	struct cli *cli;
	pthread_mutex_t lock; /* guards what follows, and the readers while a write is under way */
	pthread_cond_t wake;
	int64_t writing_since; /* timestamp_elapsed(); 0: no write is under way */
	bool parked;           /* for this write */
	bool ends;
	bool watched;
	pthread_t watcher;
};

static void park_if_stalled(struct cli_stdout *out)
{
	if (out->writing_since == 0 || out->parked || timestamp_elapsed() - out->writing_since < STALL_NS)
		return;
	for (size_t i = 0; i < out->cli->reader_count; i++)
		store_reader_park(out->cli->readers[i]);
	out->parked = true;
}

static void *watch(void *context)
{
	struct cli_stdout *out = context;
	pthread_mutex_lock(&out->lock);
	while (!out->ends) {
		struct timespec until;
		(void)clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += STALL_NS;
		until.tv_sec += until.tv_nsec / NS_PER_S;
		until.tv_nsec %= NS_PER_S;
		(void)pthread_cond_timedwait(&out->wake, &out->lock, &until);
		park_if_stalled(out);
	}
	pthread_mutex_unlock(&out->lock);
	return NULL;
}

enum status cli_stdout_open(struct cli_stdout **out, struct cli *cli)
{
	struct cli_stdout *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->cli = cli;
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->wake, NULL);
	*out = made;
	return STATUS_OK;
}

void cli_stdout_close(struct cli_stdout **out)
{
	struct cli_stdout *gone = *out;
	if (gone == NULL)
		return;
	if (gone->watched) {
		pthread_mutex_lock(&gone->lock);
		gone->ends = true;
		pthread_cond_signal(&gone->wake);
		pthread_mutex_unlock(&gone->lock);
		pthread_join(gone->watcher, NULL);
	}
	pthread_cond_destroy(&gone->wake);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	*out = NULL;
}

enum status cli_stdout_write(void *context, const void *bytes, size_t len)
{
	struct cli_stdout *out = context;
	int fd = STDOUT_FILENO;
	/* Without the thread a stall only costs the collector pages. */
	if (!out->watched && out->cli->reader_count > 0)
		out->watched = pthread_create(&out->watcher, NULL, watch, out) == 0;
	pthread_mutex_lock(&out->lock);
	out->writing_since = timestamp_elapsed();
	out->parked = false;
	pthread_mutex_unlock(&out->lock);
	enum status status = output_write_fd(&fd, bytes, len);
	pthread_mutex_lock(&out->lock);
	out->writing_since = 0;
	pthread_mutex_unlock(&out->lock);
	return status;
}
