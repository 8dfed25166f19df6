#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>

#include "priority.h"

static void *tell_nice(void *context)
{
	*(int *)context = getpriority(PRIO_PROCESS, 0);
	return NULL;
}

struct seen {
	int self, started;
};

static void *give_way(void *context)
{
	struct seen *seen = context;
	pthread_t started;
	priority_give_way();
	seen->self = getpriority(PRIO_PROCESS, 0);
	if (pthread_create(&started, NULL, tell_nice, &seen->started) == 0)
		pthread_join(started, NULL);
	return NULL;
}

static void a_thread_that_gives_way_takes_its_threads_along_and_nobody_else(void **state)
{
	pthread_t thread;
	struct seen seen = {0, 0};
	int before = getpriority(PRIO_PROCESS, 0);
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, give_way, &seen), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen.self, before < 10 ? 10 : before);
	assert_int_equal(seen.started, seen.self);
	assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_gives_way_takes_its_threads_along_and_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
