#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdlib.h>
#include <cmocka.h>

#include "exemplar.h"

enum { READS = 2000000 };

struct race {
	struct exemplar exemplar;
	_Atomic bool done;
};

static void set_numbered(struct exemplar *exemplar, uint64_t number)
{
	struct metric_exemplar latest = {.time = (int64_t)number};
	for (size_t i = 0; i < 2; i++)
		memcpy(latest.trace_id + 8 * i, &number, sizeof(number));
	exemplar_set(exemplar, &latest, (double)number);
}

static void *set_on(void *context)
{
	struct race *race = context;
	for (uint64_t i = 1; !atomic_load_explicit(&race->done, memory_order_relaxed); i++)
		set_numbered(&race->exemplar, i);
	return NULL;
}

static void assert_whole(const struct exemplar_view *view)
{
	uint64_t numbers[2];
	memcpy(numbers, view->trace_id, sizeof(numbers));
	assert_int_equal(numbers[0], numbers[1]);
	assert_int_equal(numbers[0], view->time);
	assert_true(view->value == (double)view->time);
}

static void an_exemplar_is_never_read_half(void **state)
{
	(void)state;
	static struct race race;
	pthread_t writers[2];
	struct exemplar_view view;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, set_on, &race), 0);
	unsigned read = 0;
	/* A writer may be kept from running while it writes: then there is nothing to read for all that time. */
	for (unsigned i = 0; i < READS || read == 0; i++) {
		if (exemplar_get(&race.exemplar, &view) != STATUS_OK)
			continue;
		assert_whole(&view);
		read++;
	}
	atomic_store(&race.done, true);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	assert_true(read > 0);
}

static void there_is_none_before_the_first_and_then_the_latest(void **state)
{
	(void)state;
	struct exemplar exemplar = {.version = 0};
	struct exemplar_view view;
	assert_int_equal(exemplar_get(&exemplar, &view), STATUS_NOT_FOUND);
	for (uint64_t i = 1; i <= 3; i++) {
		set_numbered(&exemplar, i);
		assert_int_equal(exemplar_get(&exemplar, &view), STATUS_OK);
		assert_int_equal(view.time, i);
		assert_whole(&view);
	}
}

static void one_that_is_being_written_is_left_alone(void **state)
{
	(void)state;
	struct exemplar exemplar = {.version = 0};
	struct exemplar_view view;
	set_numbered(&exemplar, 1);
	atomic_fetch_add(&exemplar.version, 1);
	set_numbered(&exemplar, 2);
	assert_int_equal(exemplar_get(&exemplar, &view), STATUS_NOT_FOUND);
	atomic_fetch_add(&exemplar.version, 1);
	assert_int_equal(exemplar_get(&exemplar, &view), STATUS_OK);
	assert_int_equal(view.time, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_is_none_before_the_first_and_then_the_latest),
		cmocka_unit_test(one_that_is_being_written_is_left_alone),
		cmocka_unit_test(an_exemplar_is_never_read_half),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
