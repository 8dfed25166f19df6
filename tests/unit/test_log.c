#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"

/* Calls write with stderr in a file, and gives what was written, NUL-terminated. */
static void capture(void (*write)(void), char *out, size_t size)
{
	FILE *file = tmpfile();
	assert_non_null(file);
	int saved = dup(STDERR_FILENO);
	assert_true(saved >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
	write();
	assert_true(dup2(saved, STDERR_FILENO) >= 0);
	close(saved);
	rewind(file);
	size_t len = fread(out, 1, size - 1, file);
	out[len] = 0;
	(void)fclose(file);
}

static void write_hostile(void)
{
	log_line(LOG_LEVEL_ERROR, "bad input", "value", "a\nlevel=error \x1b[31m", "plain", "x", NULL);
}

static void test_a_value_cannot_begin_a_line_or_colour_the_terminal(void **unused)
{
	(void)unused;
	unsetenv("JOURNAL_STREAM");
	log_start(LOG_LEVEL_INFO);
	char out[1000];
	capture(write_hostile, out, sizeof(out));
	assert_int_equal(strncmp(out, "time=2", 6), 0);
	assert_non_null(strstr(out, " level=error msg=\"bad input\" value=\"a\\"));
	assert_non_null(strstr(out, " plain=x\n"));
	assert_null(strchr(out, '\x1b'));
	assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void write_levels(void)
{
	log_line(LOG_LEVEL_ERROR, "one", NULL);
	log_line(LOG_LEVEL_WARNING, "two", NULL);
	log_line(LOG_LEVEL_INFO, "three", NULL);
}

static void test_the_journal_gets_priorities_and_no_time(void **unused)
{
	(void)unused;
	setenv("JOURNAL_STREAM", "8:1", 1);
	log_start(LOG_LEVEL_WARNING);
	char out[1000];
	capture(write_levels, out, sizeof(out));
	assert_string_equal(out, "<3>level=error msg=one\n<4>level=warning msg=two\n");
	unsetenv("JOURNAL_STREAM");
}

static char long_value[5000];

static void write_long(void)
{
	log_line(LOG_LEVEL_ERROR, "long", "value", long_value, "next", "y", NULL);
}

static void test_a_long_value_is_cut(void **unused)
{
	(void)unused;
	log_start(LOG_LEVEL_INFO);
	memset(long_value, 'v', sizeof(long_value) - 1);
	char out[8000];
	capture(write_long, out, sizeof(out));
	assert_true(strlen(out) < 1300);
	assert_non_null(strstr(out, "v next=y\n"));
}

static void test_levels_are_found_by_name(void **unused)
{
	(void)unused;
	enum log_level level = LOG_LEVEL_ERROR;
	assert_int_equal(log_level_find("debug", &level), STATUS_OK);
	assert_int_equal(level, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_find("loud", &level), STATUS_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_value_cannot_begin_a_line_or_colour_the_terminal),
		cmocka_unit_test(test_the_journal_gets_priorities_and_no_time),
		cmocka_unit_test(test_a_long_value_is_cut),
		cmocka_unit_test(test_levels_are_found_by_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
