#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "priority.h"

/* struct sched_attr, sched_setattr(2), in its first version: its header can't be read beside pthread.h everywhere. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct priority {
	int nice;
	uint64_t slice; /* ns; 0: this Linux does not tell */
};

struct seen {
	struct priority self, started;
};

static struct priority priority_now(void)
{
	struct attributes attributes = {.size = sizeof(attributes)};
	(void)syscall(SYS_sched_getattr, 0, &attributes, sizeof(attributes), 0);
	return (struct priority){getpriority(PRIO_PROCESS, 0), attributes.runtime};
}

static void *tell(void *context)
{
	*(struct priority *)context = priority_now();
	return NULL;
}

static void *give_way(void *context)
{
	struct seen *seen = context;
	pthread_t started;
	priority_give_way();
	seen->self = priority_now();
	if (pthread_create(&started, NULL, tell, &seen->started) == 0)
		pthread_join(started, NULL);
	return NULL;
}

static void a_thread_that_gives_way_takes_its_threads_along_and_nobody_else(void **state)
{
	pthread_t thread;
	struct seen seen = {0};
	struct priority before = priority_now();
	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, give_way, &seen), 0);
	pthread_join(thread, NULL);
	assert_int_equal(seen.self.nice, before.nice < 10 ? 10 : before.nice);
	assert_int_equal(seen.started.nice, seen.self.nice);
	if (before.slice > 0)
		assert_true(seen.self.slice > before.slice);
	assert_int_equal(seen.started.slice, seen.self.slice);
	struct priority after = priority_now();
	assert_int_equal(after.nice, before.nice);
	assert_int_equal(after.slice, before.slice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_that_gives_way_takes_its_threads_along_and_nobody_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
