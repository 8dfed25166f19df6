#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ledger.h"

enum { TEXT_BYTES_MAX = 4 * 1024 * 1024 };

static void notes_that_do_not_fit_are_taken_the_next_time(void **state)
{
	(void)state;
	struct ledger *ledger = NULL;
	struct buf small;
	struct buf large;
	buf_init(&small, 200);
	buf_init(&large, TEXT_BYTES_MAX);
	assert_int_equal(ledger_create(&ledger), STATUS_OK);
	ledger_note(ledger, "start", TEXT("{\"pid\":1}"));
	ledger_take(ledger, &small);
	assert_false(ledger_has_notes(ledger));
	size_t taken = small.len;
	assert_true(taken > 0);

	ledger_note(ledger, "prune", TEXT("{\"segments\":1}"));
	ledger_take(ledger, &small);
	assert_int_equal(buf_status(&small), STATUS_OK);
	assert_int_equal(small.len, taken);
	assert_true(ledger_has_notes(ledger));

	ledger_take(ledger, &large);
	assert_false(ledger_has_notes(ledger));
	buf_put_byte(&large, 0);
	assert_int_equal(buf_status(&large), STATUS_OK);
	assert_non_null(strstr(large.at, "\"op\":\"prune\""));
	assert_null(strstr(large.at, "\"op\":\"start\""));
	ledger_destroy(&ledger);
	buf_finish(&small);
	buf_finish(&large);
}

static void notes_beyond_the_limit_are_told(void **state)
{
	(void)state;
	struct ledger *ledger = NULL;
	struct buf small;
	struct buf large;
	char told[80];
	unsigned kept = 0;
	buf_init(&small, 1);
	buf_init(&large, TEXT_BYTES_MAX);
	assert_int_equal(ledger_create(&ledger), STATUS_OK);
	const unsigned noted = LEDGER_NOTES_BYTES_MAX / 100;
	for (unsigned i = 0; i < noted; i++)
		ledger_note(ledger, "stop", TEXT("{}"));
	ledger_take(ledger, &small); /* it has no room: nothing is forgotten */
	ledger_take(ledger, &large);
	buf_put_byte(&large, 0);
	assert_int_equal(buf_status(&large), STATUS_OK);
	for (const char *at = large.at; (at = strstr(at, "\"op\":\"stop\"")) != NULL; at++)
		kept++;
	assert_true(kept < noted);
	(void)snprintf(told, sizeof(told), "\"detail\":{\"what\":\"ledger notes\",\"count\":%u}", noted - kept);
	assert_non_null(strstr(large.at, told));
	ledger_destroy(&ledger);
	buf_finish(&small);
	buf_finish(&large);
}

static void a_lost_note_is_told_though_no_other_waits(void **state)
{
	(void)state;
	static char detail[LEDGER_NOTES_BYTES_MAX];
	struct ledger *ledger = NULL;
	struct buf out;
	buf_init(&out, TEXT_BYTES_MAX);
	assert_int_equal(ledger_create(&ledger), STATUS_OK);
	assert_false(ledger_has_notes(ledger));
	ledger_note(ledger, "prune", (struct text){memset(detail, ' ', sizeof(detail)), sizeof(detail)});
	assert_true(ledger_has_notes(ledger));
	ledger_take(ledger, &out);
	assert_false(ledger_has_notes(ledger));
	buf_put_byte(&out, 0);
	assert_int_equal(buf_status(&out), STATUS_OK);
	assert_non_null(strstr(out.at, "\"detail\":{\"what\":\"ledger notes\",\"count\":1}"));
	ledger_destroy(&ledger);
	buf_finish(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_that_do_not_fit_are_taken_the_next_time),
		cmocka_unit_test(notes_beyond_the_limit_are_told),
		cmocka_unit_test(a_lost_note_is_told_though_no_other_waits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
