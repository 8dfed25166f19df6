#include "lanes.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

struct lane_thread {
	struct lanes *lanes;
	unsigned number; /* the caller's is 0 */
	pthread_t thread;
};

struct lanes {
	struct lane_thread threads[LANES_THREADS_MAX];
	unsigned thread_count; /* without the caller's */
	pthread_mutex_t lock;  /* for all below */
	pthread_cond_t begun, ended;
	lanes_work *work;
	void *context;
	unsigned parts, next, left; /* of the job: all, the next to be taken, those not done */
	bool closing;
};

/* With the lock held: takes parts until none is left. */
static void take_parts(struct lanes *lanes, unsigned thread)
{
	while (lanes->next < lanes->parts) {
		unsigned part = lanes->next++;
		pthread_mutex_unlock(&lanes->lock);
		lanes->work(lanes->context, part, thread);
		pthread_mutex_lock(&lanes->lock);
		if (--lanes->left == 0)
			pthread_cond_signal(&lanes->ended);
	}
}

static void *lane_main(void *context)
{
	const struct lane_thread *self = context;
	struct lanes *lanes = self->lanes;
	pthread_mutex_lock(&lanes->lock);
	while (!lanes->closing) {
		take_parts(lanes, self->number);
		if (!lanes->closing)
			pthread_cond_wait(&lanes->begun, &lanes->lock);
	}
	pthread_mutex_unlock(&lanes->lock);
	return NULL;
}

/* Signals are for the threads that were there before. */
static void start_threads(struct lanes *lanes, unsigned count)
{
	sigset_t all;
	sigset_t before;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	while (lanes->thread_count < count) {
		struct lane_thread *next = &lanes->threads[lanes->thread_count];
		*next = (struct lane_thread){.lanes = lanes, .number = lanes->thread_count + 1};
		if (pthread_create(&next->thread, NULL, lane_main, next) != 0)
			break;
		lanes->thread_count++;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

enum status lanes_open(struct lanes **lanes, unsigned threads)
{
	struct lanes *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->begun, NULL);
	pthread_cond_init(&made->ended, NULL);
	threads = threads < LANES_THREADS_MAX ? threads : LANES_THREADS_MAX;
	start_threads(made, threads > 1 ? threads - 1 : 0);
	*lanes = made;
	return STATUS_OK;
}

void lanes_close(struct lanes **lanes_in_out)
{
	struct lanes *lanes = *lanes_in_out;
	if (lanes == NULL)
		return;
	pthread_mutex_lock(&lanes->lock);
	lanes->closing = true;
	pthread_cond_broadcast(&lanes->begun);
	pthread_mutex_unlock(&lanes->lock);
	for (unsigned i = 0; i < lanes->thread_count; i++)
		(void)pthread_join(lanes->threads[i].thread, NULL);
	pthread_cond_destroy(&lanes->ended);
	pthread_cond_destroy(&lanes->begun);
	pthread_mutex_destroy(&lanes->lock);
	free(lanes);
	*lanes_in_out = NULL;
}

void lanes_run(struct lanes *lanes, unsigned parts, lanes_work *work, void *context)
{
	pthread_mutex_lock(&lanes->lock);
	lanes->work = work;
	lanes->context = context;
	lanes->parts = lanes->left = parts;
	lanes->next = 0;
	if (parts > 1)
		pthread_cond_broadcast(&lanes->begun);
	take_parts(lanes, 0);
	while (lanes->left > 0)
		pthread_cond_wait(&lanes->ended, &lanes->lock);
	pthread_mutex_unlock(&lanes->lock);
}

unsigned lanes_processors(void)
{
	cpu_set_t usable;
	if (sched_getaffinity(0, sizeof(usable), &usable) != 0)
		return 1;
	int count = CPU_COUNT(&usable);
	return count < 1 ? 1 : count > LANES_THREADS_MAX ? LANES_THREADS_MAX : (unsigned)count;
}
