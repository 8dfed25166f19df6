#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sheet.h"

static struct buf written;

static enum status write_bytes(void *context, const void *bytes, size_t len)
{
	buf_put(context, bytes, len);
	return buf_status(context);
}

static const struct sheet_column columns[] = {
	{"name", "NAME", SHEET_TEXT, 0},
	{"calls", "CALLS", SHEET_COUNT, 0},
	{"error_rate", "ERROR %", SHEET_SHARE, 0, "figures"},
	{"p99_ns", "P99", SHEET_DURATION, 0, "figures"},
	{"last", "LAST", SHEET_TIME, 0, "seen"},
	{"users", "USERS", SHEET_LIST, 20},
	{"schema", NULL, SHEET_JSON, 0},
	{"removed", NULL, SHEET_BOOL, 0},
	{"bytes", NULL, SHEET_BYTES, 0},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static const char *shown(enum output_format format)
{
	static const struct text users[] = {{"=ana", 4}, {"bo\x1b[2J", 6}};
	struct output out;
	struct sheet sheet;
	struct coverage coverage = {.events = 2};
	buf_finish(&written);
	buf_init(&written, 1 << 20);
	output_init(&out, write_bytes, &written);
	out.utc = true;
	sheet_begin(&sheet, &out, format, columns, COLUMNS);
	assert_int_equal(sheet_row(&sheet, (struct cell[]){cell_text(TEXT("read, \"file\"")), cell_number(1234567),
						   cell_share(0.125), cell_number(2500000000),
						   cell_number(INT64_C(1795200000000000000)), cell_list(users, 2, 3),
						   cell_text(TEXT("{\"a\":[1]}")), cell_number(1), cell_number(2048)}),
		STATUS_OK);
	struct cell nothing[COLUMNS] = {{.present = false}};
	assert_int_equal(sheet_row(&sheet, nothing), STATUS_OK);
	assert_int_equal(sheet_end(&sheet, &coverage), STATUS_OK);
	output_finish(&out);
	buf_put_byte(&written, 0);
	return written.at;
}

static void json_is_exact_and_has_the_coverage(void **state)
{
	(void)state;
	const char *text = shown(OUTPUT_JSON);
	static const char items[] =
		"{\"items\":[{\"name\":\"read, \\\"file\\\"\",\"calls\":1234567,\"figures\":{\"error_rate\":0.125000,"
		"\"p99_ns\":2500000000},\"seen\":{\"last\":\"2026-11-20T18:40:00Z\"},\"users\":[\"=ana\",\"bo\\u001b["
		"2J\"],"
		"\"users_more\":3,\"schema\":{\"a\":[1]},\"removed\":true,\"bytes\":2048},\n"
		"{\"name\":null,\"calls\":null,\"figures\":{\"error_rate\":null,\"p99_ns\":null},\"seen\":{\"last\":"
		"null},\"users\":null,"
		"\"schema\":null,\"removed\":null,\"bytes\":null}],\"coverage\":{\"complete\":true,";
	assert_true(strlen(text) > sizeof(items));
	assert_memory_equal(text, items, sizeof(items) - 1);
}

static void ndjson_is_a_line_for_each_row(void **state)
{
	(void)state;
	const char *text = shown(OUTPUT_NDJSON);
	const char *newline = strchr(text, '\n');
	assert_non_null(newline);
	assert_memory_equal(newline - 1, "}\n{\"name\":null,", 15);
	assert_null(strstr(text, "coverage"));
}

static void tables_align_and_show_hostile_text_safely(void **state)
{
	(void)state;
	const char *text = shown(OUTPUT_TABLE);
	assert_null(strchr(text, 0x1b));
	const char *first = strchr(text, '\n');
	assert_non_null(first);
	const char *second = strchr(first + 1, '\n');
	assert_non_null(second);
	static const char numbers[] = " 1234567 12.50 %     2.5 s 2026-11-20 18:40:00.000 =ana, bo\\x1b[2J, 3 …\n";
	assert_non_null(strstr(first, numbers));
	/* The head stands over its column, numbers at the right. */
	assert_int_equal(strstr(text, "CALLS") + 5 - text, strstr(first, "1234567") + 7 - (first + 1));
	assert_int_equal(second[1], '-');
	assert_null(strstr(text, "schema"));
}

static void csv_is_quoted_and_neutralised(void **state)
{
	(void)state;
	const char *text = shown(OUTPUT_CSV);
	assert_string_equal(text, "name,calls,error_rate,p99_ns,last,users,schema,removed,bytes\r\n"
				  "\"read, \"\"file\"\"\",1234567,0.125000,2500000000,2026-11-20T18:40:00Z,"
				  "\"'=ana, bo\\x1b[2J, 3 more\",\"{\"\"a\"\":[1]}\",true,2048\r\n"
				  ",,,,,,,,\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_is_exact_and_has_the_coverage),
		cmocka_unit_test(ndjson_is_a_line_for_each_row),
		cmocka_unit_test(tables_align_and_show_hostile_text_safely),
		cmocka_unit_test(csv_is_quoted_and_neutralised),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
