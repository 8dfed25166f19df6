#include "queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "timestamp.h"

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* all below: under lock */
	struct queue_item *first;
	struct queue_item **last; /* where the next item is linked */
	size_t count, items_max, events;
	size_t wanted; /* events the consumer waits for */
	bool woken, closed, waiting;
};

enum status queue_create(struct queue **queue, size_t items_max)
{
	struct queue *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->last = &made->first;
	made->items_max = items_max;
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&made->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&made->lock, NULL);
	*queue = made;
	return STATUS_OK;
}

void queue_destroy(struct queue **queue)
{
	if (*queue == NULL)
		return;
	assert((*queue)->first == NULL);
	pthread_cond_destroy(&(*queue)->changed);
	pthread_mutex_destroy(&(*queue)->lock);
	free(*queue);
	*queue = NULL;
}

/* Under lock.  A consumer that is at work looks again before it waits, so it need not be signalled. */
static void signal_consumer(struct queue *queue)
{
	if (queue->waiting)
		pthread_cond_signal(&queue->changed);
}

enum status queue_push(struct queue *queue, struct queue_item *item)
{
	enum status status = STATUS_OK;
	pthread_mutex_lock(&queue->lock);
	if (queue->closed) {
		status = STATUS_CANCELLED;
	} else if (queue->count >= queue->items_max) {
		status = STATUS_BUSY;
	} else {
		item->next = NULL;
		*queue->last = item;
		queue->last = &item->next;
		queue->count++;
		queue->events += item->events;
		if (queue->events >= queue->wanted)
			signal_consumer(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return status;
}

static struct timespec deadline_of(int64_t timeout_ns)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	int64_t ns = at.tv_nsec + timeout_ns % NS_PER_S;
	at.tv_sec += (time_t)(timeout_ns / NS_PER_S + ns / NS_PER_S);
	at.tv_nsec = (long)(ns % NS_PER_S);
	return at;
}

/* Under lock: waits for an item, and for so many events. */
static void wait_for(struct queue *queue, size_t events, int64_t timeout_ns)
{
	struct timespec deadline = deadline_of(timeout_ns > 0 ? timeout_ns : 0);
	queue->waiting = true;
	queue->wanted = events;
	int expired = 0;
	while ((queue->first == NULL || queue->events < events) && !queue->woken && !queue->closed && !expired)
		expired = pthread_cond_timedwait(&queue->changed, &queue->lock, &deadline);
	queue->waiting = false;
}

void queue_gather(struct queue *queue, size_t events, int64_t timeout_ns)
{
	pthread_mutex_lock(&queue->lock);
	wait_for(queue, events, timeout_ns);
	pthread_mutex_unlock(&queue->lock);
}

struct queue_item *queue_take(struct queue *queue, size_t bytes_max, int64_t timeout_ns)
{
	pthread_mutex_lock(&queue->lock);
	wait_for(queue, 0, timeout_ns);
	queue->woken = false;

	struct queue_item *taken = queue->first;
	struct queue_item **end = &taken;
	size_t bytes = 0;
	while (*end && (end == &taken || bytes < bytes_max)) {
		bytes += (*end)->bytes;
		queue->events -= (*end)->events;
		end = &(*end)->next;
		queue->count--;
	}
	queue->first = *end;
	if (queue->first == NULL)
		queue->last = &queue->first;
	*end = NULL;
	pthread_mutex_unlock(&queue->lock);
	return taken;
}

void queue_wake(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->woken = true;
	signal_consumer(queue);
	pthread_mutex_unlock(&queue->lock);
}

void queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	signal_consumer(queue);
	pthread_mutex_unlock(&queue->lock);
}

bool queue_is_done(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool is_done = queue->closed && queue->first == NULL;
	pthread_mutex_unlock(&queue->lock);
	return is_done;
}
