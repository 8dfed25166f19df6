#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <cmocka.h>

#include "budget.h"

enum { THREADS = 4, ROUNDS = 100000, BYTES_MAX = 1000 };

static void test_no_more_than_the_limit_can_be_taken(void **unused)
{
	(void)unused;
	struct budget budget;
	budget_init(&budget, BYTES_MAX);
	assert_true(budget_take(&budget, 600));
	assert_false(budget_take(&budget, 401));
	assert_false(budget_take(&budget, UINT64_MAX));
	assert_true(budget_take(&budget, 400));
	assert_false(budget_take(&budget, 1));
	budget_give(&budget, 1000);
	assert_int_equal(budget.bytes_used, 0);
	assert_int_equal(budget.refused, 3);
}

static void *take_and_give(void *context)
{
	struct budget *budget = context;
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t bytes = 1 + i % 700;
		if (budget_take(budget, bytes)) {
			assert_true(budget->bytes_used <= BYTES_MAX);
			budget_give(budget, bytes);
		}
	}
	return NULL;
}

static void test_what_threads_take_and_give_at_once_adds_up(void **unused)
{
	(void)unused;
	struct budget budget;
	budget_init(&budget, BYTES_MAX);
	pthread_t threads[THREADS];
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, &budget), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(budget.bytes_used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_more_than_the_limit_can_be_taken),
		cmocka_unit_test(test_what_threads_take_and_give_at_once_adds_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
