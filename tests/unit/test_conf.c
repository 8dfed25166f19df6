#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf.h"
#include "nearest.h"

struct loaded {
	struct conf conf;
	struct buf warnings;
	struct error error;
	enum status status;
};

static char path[] = "/tmp/mcpledger-conf-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	return fd < 0 || close(fd) != 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static struct loaded load_bytes(const char *yaml, size_t len, char *const *environment)
{
	struct loaded loaded = {0};
	if (yaml) {
		FILE *file = fopen(path, "w");
		assert_non_null(file);
		assert_int_equal(fwrite(yaml, 1, len, file), len);
		assert_int_equal(fclose(file), 0);
	}
	buf_init(&loaded.warnings, 4096);
	loaded.status = conf_load(&loaded.conf, yaml ? path : NULL, environment, &loaded.warnings, &loaded.error);
	buf_put_byte(&loaded.warnings, 0);
	return loaded;
}

static struct loaded load(const char *yaml, char *const *environment)
{
	return load_bytes(yaml, yaml ? strlen(yaml) : 0, environment);
}

static void finish(struct loaded *loaded)
{
	conf_finish(&loaded->conf);
	buf_finish(&loaded->warnings);
}

/* The file is refused at line and column with a text that holds `words`, and conf is left alone. */
static void assert_refused(const char *yaml, unsigned line, unsigned column, const char *words)
{
	struct loaded loaded = load(yaml, NULL);
	char start[80];
	(void)snprintf(start, sizeof(start), "%s:%u:%u: ", path, line, column);
	if (loaded.status != STATUS_INVALID || strncmp(loaded.error.text, start, strlen(start)) != 0 ||
		strstr(loaded.error.text, words) == NULL)
		fail_msg("wanted \"%s\" at %s, got %s (%s) for:\n%s", words, start, loaded.error.text,
			status_text(loaded.status), yaml);
	assert_int_equal(loaded.error.line, line);
	assert_int_equal(loaded.error.column, column);
	assert_null(loaded.conf.http_listen);
	finish(&loaded);
}

static void without_a_file_every_setting_has_its_default(void **state)
{
	(void)state;
	struct loaded loaded = load(NULL, NULL);
	assert_int_equal(loaded.status, STATUS_OK);
	assert_string_equal(loaded.conf.http_listen, "127.0.0.1:7373");
	assert_int_equal(loaded.conf.store_segment_bytes_max, UINT64_C(8) << 30);
	assert_int_equal(loaded.conf.store_retention_age, INT64_C(90) * 86400 * 1000000000);
	assert_int_equal(loaded.conf.store_retention_bytes, 0);
	assert_int_equal(loaded.conf.http_hosts.count, 0);
	assert_false(loaded.conf.udp_allow_unauthenticated);
	finish(&loaded);
}

static void an_empty_file_or_section_changes_nothing(void **state)
{
	(void)state;
	static const char *const files[] = {"", "# nothing\n", "---\n", "http:\nudp:\n", "{}"};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct loaded loaded = load(files[i], NULL);
		assert_int_equal(loaded.status, STATUS_OK);
		assert_string_equal(loaded.conf.udp_listen, "127.0.0.1:7373");
		finish(&loaded);
	}
}

static void the_file_sets_every_type(void **state)
{
	(void)state;
	struct loaded loaded = load("http:\n"
				    "  listen: \"\"\n"
				    "  threads: 7\n"
				    "  request_time_max: 1500ms\n"
				    "  hosts: [ledger.example, 'b.example']\n"
				    "store: {segment_bytes_max: 16 MiB, dir: '/var/tmp/x'}\n"
				    "udp:\n"
				    "  allow_unauthenticated: true\n"
				    "  receive_buffer_bytes: 1MB\n",
		NULL);
	assert_int_equal(loaded.status, STATUS_OK);
	assert_string_equal(loaded.conf.http_listen, "");
	assert_int_equal(loaded.conf.http_threads, 7);
	assert_int_equal(loaded.conf.http_request_time_max, INT64_C(1500000000));
	assert_int_equal(loaded.conf.http_hosts.count, 2);
	assert_string_equal(loaded.conf.http_hosts.items[1], "b.example");
	assert_int_equal(loaded.conf.store_segment_bytes_max, 16 << 20);
	assert_string_equal(loaded.conf.store_dir, "/var/tmp/x");
	assert_true(loaded.conf.udp_allow_unauthenticated);
	assert_int_equal(loaded.conf.udp_receive_buffer_bytes, 1000000);
	finish(&loaded);
}

static void unknown_names_are_refused_with_line_and_nearest_name(void **state)
{
	(void)state;
	assert_refused(
		"http:\n  threads: 2\n  lisen: \"\"\n", 3, 3, "unknown key http.lisen; did you mean http.listen?");
	assert_refused("\nhtttp:\n  threads: 2\n", 2, 1, "unknown section \"htttp\"; did you mean http?");
	assert_refused("http:\n  payload_bytes_max: 1MiB\n", 2, 3, "did you mean ingest.payload_bytes_max?");
	assert_refused("http:\n  zzzzzzzzzzzzzzzzzz: 1\n", 2, 3, "unknown key http.zzzzzzzzzzzzzzzzzz");
}

static void wrong_values_are_refused_at_their_place(void **state)
{
	(void)state;
	assert_refused(
		"http:\n  threads: 8x\n", 2, 12, "http.threads: \"8x\" is not understood; wanted is a whole number");
	assert_refused("http:\n  threads: -1\n", 2, 12, "not understood");
	assert_refused("http:\n  threads: 0\n", 2, 12, "0 is outside 1 to 64");
	assert_refused("http:\n  threads: 65\n", 2, 12, "65 is outside 1 to 64");
	assert_refused("http:\n  threads: 99999999999999999999999\n", 2, 12, "outside");
	assert_refused("http:\n  body_bytes_max: 64 megs\n", 2, 19, "wanted is a size");
	assert_refused("http:\n  body_bytes_max: 16777216TiB\n", 2, 19, "outside");
	assert_refused("http:\n  request_time_max: 30\n", 2, 21, "wanted is a duration");
	assert_refused("udp:\n  allow_unauthenticated: yes\n", 2, 26, "true or false");
	assert_refused("log:\n  level: loud\n", 2, 10, "error|warning|info|debug");
	assert_refused("log:\n  level: warn\n", 2, 10, "error|warning|info|debug");
	assert_refused("http:\n  threads:\n", 2, 11, "not understood");
	assert_refused("http:\n  listen: ~\n", 2, 11, "null is not taken");
	assert_refused("http:\n  listen: \"a\\0b\"\n", 2, 11, "control character");
	assert_refused("http:\n  hosts: [a, \"\"]\n", 2, 14, "empty");
}

static void wrong_shapes_are_refused_at_their_place(void **state)
{
	(void)state;
	assert_refused("http: 3\n", 1, 7, "holds keys");
	assert_refused("- http\n", 1, 1, "holds sections");
	assert_refused("http:\n  listen: [a]\n", 2, 11, "wanted is one value");
	assert_refused("http:\n  listen: {a: b}\n", 2, 11, "wanted is one value");
	assert_refused("http:\n  hosts: [[a]]\n", 2, 11, "a list holds only texts");
	assert_refused("http:\n  [a]: b\n", 2, 3, "a key is a word");
	assert_refused("{[a]: b}\n", 1, 2, "a section's name is a word");
	assert_refused("http:\n  threads: 2\n  threads: 3\n", 3, 3, "http.threads stands twice (first in line 2)");
	assert_refused("http:\nudp:\nhttp:\n", 3, 1, "section http stands twice");
	assert_refused("http: &x\n  threads: 2\n", 1, 7, "anchors");
	assert_refused("http:\n  listen: *x\n", 2, 11, "aliases");
	assert_refused("http:\n  threads: !!int 2\n", 2, 12, "tags");
	assert_refused("http:\n---\nudp:\n", 2, 1, "second document");
	assert_refused("%TAG ! tag:example,2000:\n---\nhttp:\n", 1, 1, "%TAG");
	assert_refused("http:\n\tthreads: 2\n", 2, 1, "not YAML");
}

static void any_cut_of_a_file_is_read_or_refused_without_harm(void **state)
{
	(void)state;
	static const char whole[] =
		"http:\n  hosts: [\"a\", 'b']\n  threads: 3\nlog: {level: \"in\\u0066o\"}\nudp:\n  listen: ''\n";
	for (size_t len = 0; len < sizeof(whole); len++) {
		for (int byte = -1; byte < 256; byte += 37) {
			char text[sizeof(whole)];
			memcpy(text, whole, sizeof(whole));
			if (byte >= 0)
				text[len] = (char)byte;
			struct loaded loaded = load_bytes(text, byte < 0 ? len : sizeof(whole), NULL);
			assert_true(loaded.status == STATUS_OK || loaded.error.text[0]);
			finish(&loaded);
		}
	}
}

static void variables_override_the_file(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MCPLEDGER_HTTP_LISTEN=127.0.0.1:0"}, (char[]){"MCPLEDGER_UDP_LISTEN="},
		(char[]){"PATH=/bin"}, (char[]){"MCPLEDGER_HTTP_HOSTS=a.example, b.example"}, NULL};
	struct loaded loaded = load("http:\n  listen: 127.0.0.1:1\n  hosts: [x, y, z]\n", environment);
	assert_int_equal(loaded.status, STATUS_OK);
	assert_string_equal(loaded.conf.http_listen, "127.0.0.1:0");
	assert_string_equal(loaded.conf.udp_listen, "");
	assert_int_equal(loaded.conf.http_hosts.count, 2);
	assert_string_equal(loaded.conf.http_hosts.items[1], "b.example");
	assert_string_equal(loaded.warnings.at, "");
	finish(&loaded);
}

static void a_wrong_variable_is_refused_by_its_name(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MCPLEDGER_HTTP_THREADS=many"}, NULL};
	struct loaded loaded = load(NULL, environment);
	assert_int_equal(loaded.status, STATUS_INVALID);
	assert_memory_equal(loaded.error.text, "MCPLEDGER_HTTP_THREADS: ", 24);
	finish(&loaded);
}

static void an_unknown_variable_warns_but_not_one_of_tests(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MCPLEDGER_HTP_LISTEN=x"}, (char[]){"MCPLEDGER_TEST_DATA=/x"},
		(char[]){"MCPLEDGER_QQQQQQQQ=1"}, NULL};
	struct loaded loaded = load(NULL, environment);
	assert_int_equal(loaded.status, STATUS_OK);
	assert_string_equal(loaded.warnings.at, "MCPLEDGER_HTP_LISTEN is not a setting; did you mean "
						"MCPLEDGER_HTTP_LISTEN?\nMCPLEDGER_QQQQQQQQ is not a setting\n");
	finish(&loaded);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
	(void)state;
	struct loaded loaded = {0};
	buf_init(&loaded.warnings, 100);
	assert_int_equal(
		conf_load(&loaded.conf, "/nonexistent.yaml", NULL, &loaded.warnings, &loaded.error), STATUS_NOT_FOUND);
	assert_non_null(strstr(loaded.error.text, "/nonexistent.yaml: No such file"));
	assert_int_equal(conf_load(&loaded.conf, "/", NULL, &loaded.warnings, &loaded.error), STATUS_IO);
	assert_int_equal(conf_load(&loaded.conf, "/dev/zero", NULL, &loaded.warnings, &loaded.error), STATUS_TOO_LARGE);
	finish(&loaded);
}

static void the_printed_file_reads_back_as_itself(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MCPLEDGER_STORE_DIR=a\"b\\c: #\xc3\xa9"}, (char[]){"MCPLEDGER_HTTP_HOSTS=a,b"},
		(char[]){"MCPLEDGER_STORE_RETENTION_AGE=5400s"}, (char[]){"MCPLEDGER_INGEST_PAYLOAD_BYTES_MAX=1025"},
		NULL};
	struct loaded first = load(NULL, environment);
	assert_int_equal(first.status, STATUS_OK);
	struct buf printed;
	buf_init(&printed, SIZE_MAX);
	conf_print(&printed, &first.conf);
	assert_int_equal(buf_status(&printed), STATUS_OK);
	struct loaded second = load_bytes(printed.at, printed.len, NULL);
	if (second.status != STATUS_OK)
		fail_msg("%s", second.error.text);
	assert_string_equal(second.conf.store_dir, first.conf.store_dir);
	struct buf again;
	buf_init(&again, SIZE_MAX);
	conf_print(&again, &second.conf);
	assert_true(text_equal(buf_text(&printed), buf_text(&again)));
	assert_int_equal(second.conf.store_retention_age, INT64_C(5400000000000));
	assert_int_equal(second.conf.ingest_payload_bytes_max, 1025);
	buf_finish(&printed);
	buf_finish(&again);
	finish(&first);
	finish(&second);
}

/* So that the table, the printed file and what people read in the documentation spell a default alike. */
static void defaults_are_printed_as_the_table_spells_them(void **state)
{
	(void)state;
	static const struct {
		const char *key, *initial;
		enum setting_type type;
	} rows[] = {
#define SETTING(section, key, type, initial, ...) {#key, initial, SETTING_##type},
#include "tbl/settings.h"
#undef SETTING
	};
	struct buf printed;
	buf_init(&printed, SIZE_MAX);
	conf_print(&printed, NULL);
	buf_put_byte(&printed, 0);
	const char *at = printed.at;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char line[200];
		const char *around = rows[i].type == SETTING_TEXT ? "\"\"" : rows[i].type == SETTING_LIST ? "[]" : "";
		(void)snprintf(line, sizeof(line), "\n  %s: %.1s%s%s\n", rows[i].key, around, rows[i].initial,
			around[0] ? around + 1 : "");
		at = strstr(at, line);
		if (at == NULL)
			fail_msg("not printed in this order: %s", line);
	}
	buf_finish(&printed);
}

static void only_settings_that_need_a_restart_are_named(void **state)
{
	(void)state;
	char *environment[] = {(char[]){"MCPLEDGER_HTTP_THREADS=9"}, (char[]){"MCPLEDGER_LOG_LEVEL=debug"},
		(char[]){"MCPLEDGER_UDP_LISTEN="}, NULL};
	struct loaded running = load(NULL, NULL);
	struct loaded wanted = load(NULL, environment);
	struct buf names;
	buf_init(&names, 1000);
	conf_restart_needed(&names, &running.conf, &wanted.conf);
	buf_put_byte(&names, 0);
	assert_string_equal(names.at, "http.threads\nudp.listen\n");
	buf_finish(&names);
	finish(&running);
	finish(&wanted);
}

static void nearest_prefers_the_fewest_edits_and_knows_when_to_be_silent(void **state)
{
	(void)state;
	static const struct {
		const char *typed, *nearest;
	} cases[] = {{"listn", "listen"}, {"thread", "threads"}, {"theards", "threads"}, {"l", NULL}, {"x", NULL},
		{"", NULL}, {"listen", "listen"}, {"something", NULL}};
	static const char *const names[] = {"listen", "threads", "hosts"};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nearest nearest;
		nearest_init(&nearest, text_of(cases[i].typed));
		for (size_t j = 0; j < sizeof(names) / sizeof(names[0]); j++)
			nearest_offer(&nearest, names[j]);
		if (cases[i].nearest == NULL)
			assert_null(nearest.name);
		else
			assert_string_equal(nearest.name, cases[i].nearest);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_file_every_setting_has_its_default),
		cmocka_unit_test(an_empty_file_or_section_changes_nothing),
		cmocka_unit_test(the_file_sets_every_type),
		cmocka_unit_test(unknown_names_are_refused_with_line_and_nearest_name),
		cmocka_unit_test(wrong_values_are_refused_at_their_place),
		cmocka_unit_test(wrong_shapes_are_refused_at_their_place),
		cmocka_unit_test(any_cut_of_a_file_is_read_or_refused_without_harm),
		cmocka_unit_test(variables_override_the_file),
		cmocka_unit_test(a_wrong_variable_is_refused_by_its_name),
		cmocka_unit_test(an_unknown_variable_warns_but_not_one_of_tests),
		cmocka_unit_test(a_file_that_cannot_be_read_says_why),
		cmocka_unit_test(the_printed_file_reads_back_as_itself),
		cmocka_unit_test(defaults_are_printed_as_the_table_spells_them),
		cmocka_unit_test(only_settings_that_need_a_restart_are_named),
		cmocka_unit_test(nearest_prefers_the_fewest_edits_and_knows_when_to_be_silent),
	};
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
