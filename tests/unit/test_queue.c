#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <cmocka.h>

#include "queue.h"
#include "timestamp.h"

enum { PRODUCERS = 4, ITEMS_EACH = 20000, LONG_NS_S = 30 };

struct item {
	struct queue_item item;
	unsigned producer, number;
};

static void test_items_come_out_in_order_and_no_more_than_weighs_the_limit(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	assert_int_equal(queue_create(&queue, 10), STATUS_OK);
	struct item items[5];
	for (unsigned i = 0; i < 5; i++) {
		items[i] = (struct item){{NULL, 10, 1}, 0, i};
		assert_int_equal(queue_push(queue, &items[i].item), STATUS_OK);
	}
	struct queue_item *taken = queue_take(queue, 25, 0);
	for (unsigned i = 0; i < 3; i++, taken = taken->next)
		assert_ptr_equal(taken, &items[i].item);
	assert_null(taken);
	taken = queue_take(queue, 1, 0);
	assert_ptr_equal(taken, &items[3].item);
	assert_null(taken->next);
	assert_ptr_equal(queue_take(queue, 1, 0), &items[4].item);
	assert_null(queue_take(queue, 1, 0));
	assert_int_equal(queue_push(queue, &items[0].item), STATUS_OK);
	assert_ptr_equal(queue_take(queue, 1, 0), &items[0].item);
	queue_destroy(&queue);
}

static void test_a_full_queue_says_busy_and_a_closed_one_cancelled(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	assert_int_equal(queue_create(&queue, 2), STATUS_OK);
	struct item items[3] = {0};
	assert_int_equal(queue_push(queue, &items[0].item), STATUS_OK);
	assert_int_equal(queue_push(queue, &items[1].item), STATUS_OK);
	assert_int_equal(queue_push(queue, &items[2].item), STATUS_BUSY);
	assert_false(queue_is_done(queue));
	queue_close(queue);
	assert_int_equal(queue_push(queue, &items[2].item), STATUS_CANCELLED);
	assert_false(queue_is_done(queue));
	assert_ptr_equal(queue_take(queue, 1000, LONG_NS_S * NS_PER_S), &items[0].item);
	assert_true(queue_is_done(queue));
	assert_null(queue_take(queue, 1000, LONG_NS_S * NS_PER_S));
	queue_destroy(&queue);
}

static void test_a_wake_ends_the_next_wait(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	assert_int_equal(queue_create(&queue, 2), STATUS_OK);
	queue_wake(queue);
	int64_t before = timestamp_elapsed();
	assert_null(queue_take(queue, 1, LONG_NS_S * NS_PER_S));
	assert_true(timestamp_elapsed() - before < LONG_NS_S * NS_PER_S);
	queue_destroy(&queue);
}

struct producer {
	struct queue *queue;
	struct item *items;
	unsigned count;
};

static void *produce(void *context)
{
	struct producer *producer = context;
	for (unsigned i = 0; i < producer->count; i++) {
		while (queue_push(producer->queue, &producer->items[i].item) == STATUS_BUSY)
			sched_yield();
	}
	return NULL;
}

static size_t length_of(const struct queue_item *item)
{
	size_t length = 0;
	for (; item; item = item->next)
		length++;
	return length;
}

static void test_who_gathers_gets_as_many_events_as_it_asked_for(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	assert_int_equal(queue_create(&queue, 10), STATUS_OK);
	/* Twice: what was taken counts no more. */
	for (unsigned round = 0; round < 2; round++) {
		struct item items[4];
		for (unsigned i = 0; i < 4; i++)
			items[i] = (struct item){{NULL, 1, 10}, 0, i};
		struct producer producer = {queue, items, 4};
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, produce, &producer), 0);
		queue_gather(queue, 40, LONG_NS_S * NS_PER_S);
		assert_int_equal(length_of(queue_take(queue, 1000, 0)), 4);
		pthread_join(thread, NULL);
	}
	queue_destroy(&queue);
}

static void test_gathering_ends_when_time_is_up_on_a_wake_and_on_a_close(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	struct item item = {{NULL, 1, 1}, 0, 0};
	assert_int_equal(queue_create(&queue, 10), STATUS_OK);
	assert_int_equal(queue_push(queue, &item.item), STATUS_OK);
	queue_gather(queue, 2, 1);
	queue_gather(queue, 2, -1);
	int64_t before = timestamp_elapsed();
	queue_wake(queue);
	queue_gather(queue, 2, LONG_NS_S * NS_PER_S);
	assert_ptr_equal(queue_take(queue, 1, 0), &item.item);
	queue_close(queue);
	queue_gather(queue, 2, LONG_NS_S * NS_PER_S);
	assert_true(timestamp_elapsed() - before < LONG_NS_S * NS_PER_S);
	queue_destroy(&queue);
}

static void test_every_item_of_every_producer_arrives_once_and_in_its_order(void **unused)
{
	(void)unused;
	struct queue *queue = NULL;
	assert_int_equal(queue_create(&queue, 64), STATUS_OK);
	struct producer producers[PRODUCERS];
	pthread_t threads[PRODUCERS];
	for (unsigned p = 0; p < PRODUCERS; p++) {
		producers[p] = (struct producer){queue, calloc(ITEMS_EACH, sizeof(struct item)), ITEMS_EACH};
		assert_non_null(producers[p].items);
		for (unsigned i = 0; i < ITEMS_EACH; i++)
			producers[p].items[i] = (struct item){{NULL, 1, 1}, p, i};
		assert_int_equal(pthread_create(&threads[p], NULL, produce, &producers[p]), 0);
	}
	unsigned next[PRODUCERS] = {0};
	for (unsigned total = 0; total < PRODUCERS * ITEMS_EACH;) {
		struct queue_item *taken = queue_take(queue, 1000, NS_PER_S);
		for (; taken; taken = taken->next, total++) {
			struct item *item = (struct item *)taken;
			assert_int_equal(item->number, next[item->producer]++);
		}
	}
	for (unsigned p = 0; p < PRODUCERS; p++) {
		pthread_join(threads[p], NULL);
		free(producers[p].items);
	}
	queue_destroy(&queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_items_come_out_in_order_and_no_more_than_weighs_the_limit),
		cmocka_unit_test(test_a_full_queue_says_busy_and_a_closed_one_cancelled),
		cmocka_unit_test(test_a_wake_ends_the_next_wait),
		cmocka_unit_test(test_who_gathers_gets_as_many_events_as_it_asked_for),
		cmocka_unit_test(test_gathering_ends_when_time_is_up_on_a_wake_and_on_a_close),
		cmocka_unit_test(test_every_item_of_every_producer_arrives_once_and_in_its_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
