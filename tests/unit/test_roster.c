#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "roster.h"

enum { KEYS = 4000, ENTRIES_MAX = 2000, AGE_MAX = 50, ROUNDS = 400000 };

/* What a roster should hold, the simple way: when each key was heard of; -1: it is not in. */
struct model {
	int64_t heard[KEYS];
	unsigned count, left;
};

static uint32_t next_random(uint32_t *random)
{
	*random = *random * 1664525 + 1013904223;
	return *random >> 8;
}

static void note_leave(void *context, void *entry, int64_t now)
{
	struct model *model = context;
	uint64_t key = *(uint64_t *)entry;
	(void)now;
	assert_true(model->heard[key] >= 0);
	model->heard[key] = -1;
	model->count--;
	model->left++;
}

static void enter(struct roster *roster, struct model *model, uint64_t key, int64_t now)
{
	bool is_new = false;
	uint64_t *entry = roster_enter(roster, key, 0, now, &is_new);
	bool was_in = model->heard[key] >= 0;
	assert_int_equal(entry != NULL, was_in || model->count < ENTRIES_MAX);
	assert_int_equal(is_new, !was_in);
	if (entry == NULL)
		return;
	assert_int_equal(*entry, was_in ? key : 0);
	*entry = key;
	model->count += !was_in;
	model->heard[key] = now;
}

static void find(struct roster *roster, struct model *model, uint64_t key, int64_t now)
{
	const uint64_t *entry = roster_find(roster, key, now);
	assert_int_equal(entry != NULL, model->heard[key] >= 0);
	if (entry == NULL)
		return;
	assert_int_equal(*entry, key);
	model->heard[key] = now;
}

static void assert_expired(const struct model *model, int64_t now)
{
	for (size_t i = 0; i < KEYS; i++)
		assert_true(model->heard[i] < 0 || now - model->heard[i] < AGE_MAX);
}

static void a_roster_holds_what_a_simple_model_holds(void **state)
{
	(void)state;
	static struct model model;
	struct metric_registry *registry = NULL;
	struct roster *roster = NULL;
	assert_int_equal(metric_registry_create(&registry, 100), STATUS_OK);
	const struct roster_limits limits = {ENTRIES_MAX, roster_add_family(registry)};
	const struct roster_options options = {"keys", sizeof(uint64_t), AGE_MAX, note_leave, &model};
	assert_int_equal(roster_create(&roster, &options, &limits), STATUS_OK);
	memset(model.heard, 0xff, sizeof(model.heard));
	uint32_t random = 7;
	unsigned most = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		int64_t now = round / 100;
		/* Busy and quiet times, so that it fills up and empties. */
		uint64_t key = next_random(&random) % (round / 50000 % 2 ? 100 : KEYS);
		unsigned what = next_random(&random) % 10;
		if (what < 6)
			enter(roster, &model, key, now);
		else if (what < 9)
			find(roster, &model, key, now);
		else
			roster_leave(roster, key, now);
		if (round % 1000 == 0) {
			roster_expire(roster, now);
			assert_expired(&model, now);
		}
		most = model.count > most ? model.count : most;
	}
	assert_int_equal(most, ENTRIES_MAX);
	roster_expire(roster, ROUNDS);
	assert_int_equal(model.count, 0);
	assert_true(model.left > 10000);
	roster_destroy(&roster);
	metric_registry_destroy(&registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_roster_holds_what_a_simple_model_holds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
