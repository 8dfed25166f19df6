/*
 * queue - the bounded hand-over from the sources' threads to the writer: any number of producers, one consumer.
 *
 * An item is handed over whole, once per batch and never per event, so one mutex is enough.  The item's memory belongs to
 * the queue between push and take.  queue_push, queue_wake and queue_close: any thread; queue_gather and queue_take: one
 * thread.
 */
#ifndef MCPLEDGER_QUEUE_H
#define MCPLEDGER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* First member of what is handed over. */
struct queue_item {
	struct queue_item *next;
	size_t bytes;  /* weight of the item, for queue_take's limit; set before push, as is this: */
	size_t events; /* for queue_gather */
};

struct queue;

enum status queue_create(struct queue **queue, size_t items_max) MUST_CHECK;
void queue_destroy(struct queue **queue); /* must be empty */

/* STATUS_BUSY: items_max are in it; STATUS_CANCELLED: it is closed.  The item stays the caller's then. */
enum status queue_push(struct queue *queue, struct queue_item *item) MUST_CHECK;
/*
 * Waits until so many events are in it, queue_wake or queue_close is called, or timeout_ns have passed: for a consumer to
 * whom taking twice costs more than waiting.
 */
void queue_gather(struct queue *queue, size_t events, int64_t timeout_ns);
/*
 * Takes items in order of arrival, at least one if there is one, and no more once they weigh bytes_max.  With none,
 * waits until one comes, queue_wake or queue_close is called, or timeout_ns have passed.  Returns a list ended by NULL.
 */
struct queue_item *queue_take(struct queue *queue, size_t bytes_max, int64_t timeout_ns);
/* Makes the consumer's current or next wait end at once. */
void queue_wake(struct queue *queue);
/* No push succeeds any more; what is in it can still be taken. */
void queue_close(struct queue *queue);
/* It is closed, and all that was in it has been taken. */
bool queue_is_done(struct queue *queue);

#endif
