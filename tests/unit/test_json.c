#include <setjmp.h>
#include <stdarg.h>
#include <dirent.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "json.h"
#include "shared_data.h"

static struct json_reader *reader;
static struct arena arena;

static int setup(void **state)
{
	(void)state;
	arena_init(&arena, (size_t)64 << 20);
	return json_reader_create(&reader) == STATUS_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	json_reader_destroy(&reader);
	arena_finish(&arena);
	return 0;
}

static enum status read_whole(struct text text, struct json_value *value)
{
	arena_clear(&arena);
	enum status status = json_begin(reader, text);
	if (status == STATUS_OK)
		status = json_value(reader, &arena, 4096, value);
	return status == STATUS_OK ? json_end(reader) : status;
}

/* The same grammar by the pull calls. */
static enum status pull_value(unsigned depth);

static enum status pull_rest(const struct json_token *token, unsigned depth)
{
	bool more = token->type == JSON_OBJECT || token->type == JSON_ARRAY;
	while (more) {
		struct json_token key;
		enum status status =
			token->type == JSON_OBJECT ? json_member(reader, &key, &more) : json_element(reader, &more);
		if (status == STATUS_OK && more)
			status = pull_value(depth + 1);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status pull_value(unsigned depth)
{
	struct json_token token;
	enum status status = json_next(reader, &token);
	return status == STATUS_OK ? pull_rest(&token, depth) : status;
}

static enum status pull_whole(struct text text)
{
	enum status status = json_begin(reader, text);
	if (status == STATUS_OK)
		status = pull_value(0);
	return status == STATUS_OK ? json_end(reader) : status;
}

static bool accepted(const char *string)
{
	struct json_value value;
	bool by_value = read_whole(text_of(string), &value) == STATUS_OK;
	bool by_pull = pull_whole(text_of(string)) == STATUS_OK;
	assert_int_equal(by_value, by_pull);
	return by_value;
}

static void valid_texts_are_accepted(void **state)
{
	(void)state;
	static const char *const texts[] = {"0", "-0", "-1.5e+10", "1E400", "true", " null ", "\"\"",
		"\"a\\u00e9\\ud800\"", "[]", "{}", "[1,2 , 3]", "{\"a\":{\"b\":[{}]}}", "12345678901234567890123",
		"\"\\\\\"", "[\"\\\"\"]"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!accepted(texts[i]))
			fail_msg("refused: %s", texts[i]);
}

static void broken_texts_are_refused(void **state)
{
	(void)state;
	static const char *const texts[] = {"", " ", "1\"a\"", "\"a\"b", "\"a\"\"b\"", "[1 2]", "[1,]", "[,1]",
		"{\"a\":1,}", "{\"a\" 1}", "{a:1}", "{1:1}", "{\"a\":}", "[1}", "{]", "[", "tru", "truee", "nul", "01",
		"1.", ".5", "-", "1e", "+1", "1x", "\"\\x\"", "\"\\u12g4\"", "\"\\u123\"", "\"a", "\"a\nb\"", "1 2",
		"{} {}", "[]]", "\xef\xbb\xbf{}", "\"\xff\"", "\"\xed\xa0\x80\"", "[1\x0c]", "[1\0322]",
		"{\"a\":1 \"b\":2}", "{\"a\"", "{\"a\":1", "\"\\\"", "{\"a\":1,,\"b\":2}", "[1:2]", "{\"a\",1}", "'a'"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (accepted(texts[i]))
			fail_msg("accepted: %s", texts[i]);
	struct json_value value;
	assert_int_equal(read_whole(TEXT("1\0"), &value), STATUS_INVALID);
	assert_int_equal(read_whole(TEXT("{\"a\0\":1}"), &value), STATUS_INVALID);
}

static void faults_say_what_and_where(void **state)
{
	(void)state;
	struct json_value value;
	assert_int_equal(read_whole(TEXT("[1, tru]"), &value), STATUS_INVALID);
	assert_int_equal(json_fault(reader), JSON_FAULT_MALFORMED);
	assert_int_equal(json_position(reader), 4);
	assert_int_equal(read_whole(TEXT("[\"ab\xc3\"]"), &value), STATUS_INVALID);
	assert_int_equal(json_fault(reader), JSON_FAULT_UTF8);
	assert_int_equal(json_position(reader), 4);
	assert_int_equal(read_whole(TEXT("[\"a\\\"b\", \"c"), &value), STATUS_INVALID);
	assert_int_equal(json_position(reader), 9);
	assert_int_equal(read_whole(TEXT("[\"a\tb\"]"), &value), STATUS_INVALID);
	assert_int_equal(json_position(reader), 3);
}

static void depth_is_limited(void **state)
{
	(void)state;
	char text[2 * (JSON_DEPTH_MAX + 1) + 1] = {0};
	for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(text, '[', depth);
		memset(text + depth, ']', depth);
		assert_int_equal(accepted(text), depth == JSON_DEPTH_MAX);
	}
	assert_int_equal(json_fault(reader), JSON_FAULT_DEPTH);
	json_reader_limit(reader, 2);
	assert_true(accepted("[{}]"));
	assert_false(accepted("[{\"a\":[]}]"));
	json_reader_limit(reader, JSON_DEPTH_MAX);
}

static void value_without_white_space_is_not_copied(void **state)
{
	(void)state;
	struct text text = TEXT("{\"a\":[1,\"x\"],\"b\":null}");
	struct json_value value;
	assert_int_equal(read_whole(text, &value), STATUS_OK);
	assert_ptr_equal(value.text.at, text.at);
	assert_int_equal(value.text.len, text.len);
	assert_int_equal(value.leaf_count, 3);
	assert_memory_equal(value.text.at + value.leaves[1].at, "\"x\"", value.leaves[1].len);
	assert_memory_equal(value.text.at + value.leaves[2].at, "null", value.leaves[2].len);
}

static void value_loses_white_space_between_tokens_only(void **state)
{
	(void)state;
	struct json_value value;
	assert_int_equal(
		read_whole(TEXT(" { \"a b\" :\n[ 1.50 ,\t\"x  \\u0041\" ] , \"c\": { } } "), &value), STATUS_OK);
	assert_true(text_equal(value.text, TEXT("{\"a b\":[1.50,\"x  \\u0041\"],\"c\":{}}")));
	assert_int_equal(value.leaf_count, 2);
	assert_memory_equal(value.text.at + value.leaves[0].at, "1.50", 4);
	assert_memory_equal(value.text.at + value.leaves[1].at, "\"x  \\u0041\"", value.leaves[1].len);
	assert_true(value.escaped);
}

static void too_many_leaves_are_counted_not_kept(void **state)
{
	(void)state;
	struct json_value value;
	assert_int_equal(json_begin(reader, TEXT("[1,2,3]")), STATUS_OK);
	assert_int_equal(json_value(reader, &arena, 2, &value), STATUS_OK);
	assert_null(value.leaves);
	assert_int_equal(value.leaf_count, 3);
}

static void duplicate_members_are_found(void **state)
{
	(void)state;
	struct json_value value;
	static const struct {
		const char *text;
		bool inside, outer;
	} cases[] = {
		{"{\"a\":1,\"b\":2}", false, false},
		{"{\"a\":1,\"a\":2}", true, true},
		{"{\"a\":1,\"\\u0061\":2}", true, true},
		{"{\"a\":{\"b\":1,\"c\":{},\"b\":2}}", true, false},
		{"[{\"a\":1},{\"a\":1}]", false, false},
		{"{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", false, false},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(read_whole(text_of(cases[i].text), &value), STATUS_OK);
		assert_int_equal(value.duplicate_members, cases[i].inside);
		assert_int_equal(value.duplicate_outer, cases[i].outer);
	}
}

static void duplicate_members_are_found_in_large_objects(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, 1 << 20);
	for (int duplicate = 0; duplicate < 2; duplicate++) {
		buf_clear(&text);
		for (int i = 0; i < 5000; i++)
			buf_printf(&text, "%s\"name%d\":%d", i ? "," : "{", i, i);
		buf_put_string(&text, duplicate ? ",\"name4321\":0}" : "}");
		struct json_value value;
		assert_int_equal(read_whole(buf_text(&text), &value), STATUS_OK);
		assert_int_equal(value.duplicate_members, duplicate);
	}
	buf_finish(&text);
}

static bool watch_b(void *context, struct text name, bool escaped)
{
	(void)escaped;
	++*(int *)context;
	return text_equal(name, TEXT("b"));
}

static void watched_names_are_told(void **state)
{
	(void)state;
	int calls = 0;
	struct json_value value;
	json_reader_watch(reader, watch_b, &calls);
	assert_int_equal(read_whole(TEXT("{\"a\":[{\"c\":\"b\"}]}"), &value), STATUS_OK);
	assert_false(value.watched);
	assert_int_equal(read_whole(TEXT("{\"a\":[{\"b\":\"c\"}]}"), &value), STATUS_OK);
	assert_true(value.watched);
	assert_int_equal(calls, 4);
	json_reader_watch(reader, NULL, NULL);
}

static void strings_are_decoded_and_written_again(void **state)
{
	(void)state;
	static const struct {
		const char *sent, *decoded, *again;
	} cases[] = {
		{"plain", "plain", "\"plain\""},
		{"\\u0041\\/\\n", "A/\n", "\"A/\\n\""},
		{"\\ud83d\\ude00", "\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
		{"a\\ud800b\\udc00",
			"a\xed\xa0\x80"
			"b\xed\xb0\x80",
			"\"a\\ud800b\\udc00\""},
		{"\\u0001\\u001f\\b\\f\\r\\t\\\"\\\\", "\x01\x1f\b\f\r\t\"\\",
			"\"\\u0001\\u001f\\b\\f\\r\\t\\\"\\\\\""},
		{"\\ud800\\u0041",
			"\xed\xa0\x80"
			"A",
			"\"\\ud800A\""},
		{"\xed\x95\x9c\xea\xb5\xad Hangul and a long plain tail",
			"\xed\x95\x9c\xea\xb5\xad Hangul and a long plain tail",
			"\"\xed\x95\x9c\xea\xb5\xad Hangul and a long plain tail\""},
	};
	struct buf out;
	buf_init(&out, 4096);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct text decoded = json_string_decode(text_of(cases[i].sent), &arena);
		assert_true(text_equal(decoded, text_of(cases[i].decoded)));
		buf_clear(&out);
		json_put_string(&out, decoded);
		assert_int_equal(buf_status(&out), STATUS_OK);
		assert_true(text_equal(buf_text(&out), text_of(cases[i].again)));
	}
	buf_finish(&out);
}

static void integers_are_exact_or_refused(void **state)
{
	(void)state;
	static const struct {
		const char *token;
		enum status status;
		int64_t number;
	} cases[] = {
		{"0", STATUS_OK, 0},
		{"-0", STATUS_OK, 0},
		{"-0.000e5", STATUS_OK, 0},
		{"9223372036854775807", STATUS_OK, INT64_MAX},
		{"-9223372036854775808", STATUS_OK, INT64_MIN},
		{"9223372036854775808", STATUS_LIMIT, 0},
		{"-9223372036854775809", STATUS_LIMIT, 0},
		{"2e3", STATUS_OK, 2000},
		{"2.0", STATUS_OK, 2},
		{"2000e-3", STATUS_OK, 2},
		{"1.5e1", STATUS_OK, 15},
		{"1.5", STATUS_INVALID, 0},
		{"1e-1", STATUS_INVALID, 0},
		{"1e30", STATUS_LIMIT, 0},
		{"1e999999999999999999", STATUS_LIMIT, 0},
		{"1e-999999999999999999", STATUS_INVALID, 0},
		{"1795231253754695918", STATUS_OK, 1795231253754695918},
		{"100000000000000000000000e-20", STATUS_OK, 1000},
		{"0e99999", STATUS_OK, 0},
		{"", STATUS_INVALID, 0},
		{"1x", STATUS_INVALID, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t number = 0;
		if (json_integer(text_of(cases[i].token), &number) != cases[i].status || number != cases[i].number)
			fail_msg("%s", cases[i].token);
	}
}

/* Texts that end where the next page must not be read: the index needs no padding. */
/* Reads {"a":1,"name":2} in several writings: json_expect passes what json_member would, or nothing. */
static void expected_names_are_passed_only_as_they_are_written(void **state)
{
	static const struct {
		const char *text;
		bool expected;
	} cases[] = {
		{"{\"a\":1,\"name\":2,\"last\":false}", true},
		{"{\"a\":1 , \"name\": 2 ,\"last\":false}", true},
		{"{\"a\":1,\"name\" :2,\"last\":false}", false},
		{"{\"a\":1,\"nam\\u0065\":2,\"last\":0}", false},
		{"{\"a\":111111111,\"name\":2}", false}, /* too near to the end of the text */
		{"{\"a\":1,\"names\":2,\"last\":0}", false},
		{"{\"a\":1,\"nam\":2,\"last\":true}", false},
	};
	struct json_name first = json_name_of(TEXT("\"a\":"));
	struct json_name name = json_name_of(TEXT("\"name\":"));
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json_token token;
		bool more = false;
		assert_int_equal(json_begin(reader, text_of(cases[i].text)), STATUS_OK);
		assert_int_equal(json_next(reader, &token), STATUS_OK);
		assert_false(json_expect(reader, &name));
		assert_true(json_expect(reader, &first));
		assert_int_equal(json_next(reader, &token), STATUS_OK);
		assert_int_equal(*token.text.at, '1');
		assert_false(json_expect(reader, &first));
		if (json_expect(reader, &name) != cases[i].expected)
			fail_msg("%s", cases[i].text);
		if (!cases[i].expected)
			assert_int_equal(json_member(reader, &token, &more), STATUS_OK);
		assert_int_equal(json_next(reader, &token), STATUS_OK);
		assert_int_equal(*token.text.at, '2');
	}
}

static void long_expected_names_are_compared_whole(void **state)
{
	struct json_name name = json_name_of(TEXT("\"a_name_of_more_than_16_bytes\":"));
	struct json_token token;
	(void)state;
	assert_int_equal(json_begin(reader, TEXT("{\"a_name_of_more_than_16_bytez\":1}")), STATUS_OK);
	assert_int_equal(json_next(reader, &token), STATUS_OK);
	assert_false(json_expect(reader, &name));
	assert_int_equal(json_begin(reader, TEXT("{\"a_name_of_more_than_16_bytes\":1}")), STATUS_OK);
	assert_int_equal(json_next(reader, &token), STATUS_OK);
	assert_true(json_expect(reader, &name));
}

static void nothing_is_expected_where_a_comma_is_missing(void **state)
{
	struct json_name name = json_name_of(TEXT("\"a\":"));
	struct json_token token;
	bool more;
	(void)state;
	assert_int_equal(json_begin(reader, TEXT("{\"a\":1 \"a\":2,\"last\":false}")), STATUS_OK);
	assert_int_equal(json_next(reader, &token), STATUS_OK);
	assert_true(json_expect(reader, &name));
	assert_int_equal(json_next(reader, &token), STATUS_OK);
	assert_false(json_expect(reader, &name));
	assert_int_equal(json_member(reader, &token, &more), STATUS_INVALID);
	assert_int_equal(json_position(reader), 7);
	assert_int_equal(json_begin(reader, TEXT("{,\"a\":2,\"last\":false}")), STATUS_OK);
	assert_int_equal(json_next(reader, &token), STATUS_OK);
	assert_false(json_expect(reader, &name));
}

static void nothing_is_read_behind_the_text(void **state)
{
	(void)state;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(mprotect(pages + page, page, PROT_NONE), 0);
	for (size_t len = 2; len < 200; len++) {
		char *text = pages + page - len;
		memset(text, 'x', len);
		text[0] = text[len - 1] = '"';
		struct json_value value;
		assert_int_equal(read_whole((struct text){text, len}, &value), STATUS_OK);
		assert_int_equal(value.text.len, len);
	}
	assert_int_equal(munmap(pages, 2 * page), 0);
}

static bool read_file(const char *path, char *bytes, size_t size, size_t *len)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return false;
	*len = fread(bytes, 1, size, file);
	(void)fclose(file);
	return true;
}

static void check_suite(const char *folder, unsigned counts[3])
{
	static char bytes[1 << 20];
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	const struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		char path[PATH_MAX];
		size_t len = 0;
		const char *kinds = "nyi";
		const char *kind = entry->d_name[0] ? strchr(kinds, entry->d_name[0]) : NULL;
		if (kind == NULL || entry->d_name[1] != '_')
			continue;
		assert_true(snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path));
		assert_true(read_file(path, bytes, sizeof(bytes), &len));
		struct json_value value;
		bool ok = read_whole((struct text){bytes, len}, &value) == STATUS_OK;
		assert_int_equal(pull_whole((struct text){bytes, len}) == STATUS_OK, ok);
		counts[kind - kinds]++;
		if ((*kind == 'n' && ok) || (*kind == 'y' && !ok))
			fail_msg("%s", entry->d_name);
	}
	(void)closedir(dir);
}

static void json_test_suite_is_told_right(void **state)
{
	(void)state;
	char archive[PATH_MAX];
	if (!shared_data_find("jsontestsuite.tar.zst", archive))
		skip();
	char folder[] = "/tmp/mcpledger-json-XXXXXX";
	assert_non_null(mkdtemp(folder));
	char command[2 * PATH_MAX];
	assert_true(snprintf(command, sizeof(command),
			    "zstd -qdc '%s' | tar -x -C %s && find %s -name '[nyi]_*' -exec mv {} %s \\;", archive,
			    folder, folder, folder) > 0);
	assert_int_equal(system(command), 0);
	unsigned counts[3] = {0};
	check_suite(folder, counts);
	assert_int_equal(counts[0], 188);
	assert_int_equal(counts[1], 95);
	assert_true(counts[2] > 0);
	assert_true(snprintf(command, sizeof(command), "rm -r %s", folder) > 0);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts_are_accepted),
		cmocka_unit_test(broken_texts_are_refused),
		cmocka_unit_test(faults_say_what_and_where),
		cmocka_unit_test(depth_is_limited),
		cmocka_unit_test(value_without_white_space_is_not_copied),
		cmocka_unit_test(value_loses_white_space_between_tokens_only),
		cmocka_unit_test(too_many_leaves_are_counted_not_kept),
		cmocka_unit_test(duplicate_members_are_found),
		cmocka_unit_test(duplicate_members_are_found_in_large_objects),
		cmocka_unit_test(watched_names_are_told),
		cmocka_unit_test(strings_are_decoded_and_written_again),
		cmocka_unit_test(integers_are_exact_or_refused),
		cmocka_unit_test(expected_names_are_passed_only_as_they_are_written),
		cmocka_unit_test(long_expected_names_are_compared_whole),
		cmocka_unit_test(nothing_is_expected_where_a_comma_is_missing),
		cmocka_unit_test(nothing_is_read_behind_the_text),
		cmocka_unit_test(json_test_suite_is_told_right),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
