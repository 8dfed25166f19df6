#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "printable.h"

static struct buf out;

static void assert_shown(struct text text, const char *wanted)
{
	buf_clear(&out);
	printable_put(&out, text);
	buf_put_byte(&out, 0);
	assert_int_equal(buf_status(&out), STATUS_OK);
	assert_string_equal(out.at, wanted);
}

static void test_plain_text_is_unchanged(void **state)
{
	(void)state;
	assert_shown(TEXT("read /etc/hosts? \"yes\" = 100%"), "read /etc/hosts? \"yes\" = 100%");
	assert_shown(TEXT("Grüße, 東京, 🙂, e\xcc\x81"), "Grüße, 東京, 🙂, e\xcc\x81");
	assert_shown(TEXT(""), "");
}

static void test_controls_are_escaped(void **state)
{
	(void)state;
	assert_shown(TEXT("a\nb\r\tc"), "a\\nb\\r\\tc");
	assert_shown(TEXT("\x1b[31mred\x1b]0;title\x07"), "\\x1b[31mred\\x1b]0;title\\x07");
	assert_shown(TEXT("nul\0del\x7f"), "nul\\x00del\\x7f");
	assert_shown(TEXT("c1 \xc2\x9b"), "c1 \\x9b");
	assert_shown(TEXT("back\\slash"), "back\\\\slash");
}

static void test_what_deceives_the_eye_is_escaped(void **state)
{
	(void)state;
	assert_shown(TEXT("exe\xe2\x80\xaegnp.txt"), "exe\\u202egnp.txt");
	assert_shown(TEXT("a\xe2\x80\x8b\x62"), "a\\u200bb");
	assert_shown(TEXT("\xef\xbb\xbf"), "\\ufeff");
	assert_shown(TEXT("hi\xf3\xa0\x81\x81"), "hi\\U000e0041");
	assert_shown(TEXT("\xe2\x80\xa8\xe2\x80\xa9"), "\\u2028\\u2029");
	assert_shown(TEXT("\xef\xb8\x8f\xe2\x81\xa6"), "\\ufe0f\\u2066");
}

static void test_bytes_that_are_not_utf8_are_escaped(void **state)
{
	(void)state;
	assert_shown(TEXT("\xff\xfe"), "\\xff\\xfe");
	assert_shown(TEXT("\xc0\xaf"), "\\xc0\\xaf");
	assert_shown(TEXT("\xe2\x82"), "\\xe2\\x82");
	assert_shown(TEXT("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
	assert_shown(TEXT("\xed\xa0\x80"), "\\ud800");
	assert_shown(TEXT("\xe0\x80\x8a"), "\\xe0\\x80\\x8a");
}

static void test_a_pile_of_marks_is_cut(void **state)
{
	(void)state;
	assert_shown(TEXT("e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\xcc\x81"
			  "f"),
		"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81\\u0301f");
}

static void assert_shortened(struct text text, size_t columns, const char *wanted, size_t used)
{
	buf_clear(&out);
	buf_put_string(&out, "|");
	assert_int_equal(printable_put_columns(&out, text, columns), used);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at + 1, wanted);
}

static void test_shortening_counts_columns(void **state)
{
	(void)state;
	assert_shortened(TEXT("abcdef"), 6, "abcdef", 6);
	assert_shortened(TEXT("abcdefg"), 6, "abcde…", 6);
	assert_shortened(TEXT("東京都"), 6, "東京都", 6);
	assert_shortened(TEXT("東京都"), 5, "東京…", 5);
	assert_shortened(TEXT("東京都"), 4, "東…", 3);
	assert_shortened(TEXT("東"), 1, "…", 1);
	assert_shortened(TEXT("ab"), 0, "", 0);
	assert_shortened(TEXT("e\xcc\x81"
			      "bc"),
		2, "e\xcc\x81…", 2);
}

static void test_shortening_never_splits_an_escape(void **state)
{
	(void)state;
	assert_shortened(TEXT("ab\x1b[31m"), 8, "ab\\x1b[…", 8);
	assert_shortened(TEXT("ab\x1b[31m"), 6, "ab…", 3);
	assert_shortened(TEXT("ab\x1b[31m"), 5, "ab…", 3);
}

static void test_columns_of_text(void **state)
{
	(void)state;
	assert_int_equal(printable_columns(TEXT("a東\n🙂e\xcc\x81")), 1 + 2 + 2 + 2 + 1);
}

static void assert_logfmt(struct text text, const char *wanted)
{
	buf_clear(&out);
	printable_put_logfmt(&out, text);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at, wanted);
}

static void test_logfmt_quotes_where_needed(void **state)
{
	(void)state;
	assert_logfmt(TEXT("plain"), "plain");
	assert_logfmt(TEXT(""), "\"\"");
	assert_logfmt(TEXT("two words"), "\"two words\"");
	assert_logfmt(TEXT("a=\"b\""), "\"a=\\\"b\\\"\"");
	assert_logfmt(TEXT("x\nlevel=error"), "\"x\\nlevel=error\"");
	assert_logfmt(TEXT("c:\\x"), "c:\\\\x");
}

static void assert_csv(struct text text, const char *wanted)
{
	buf_clear(&out);
	printable_put_csv(&out, text);
	buf_put_byte(&out, 0);
	assert_string_equal(out.at, wanted);
}

static void test_csv_neutralises_formulas(void **state)
{
	(void)state;
	assert_csv(TEXT("plain"), "plain");
	assert_csv(TEXT("a,b"), "\"a,b\"");
	assert_csv(TEXT("say \"hi\""), "\"say \"\"hi\"\"\"");
	assert_csv(TEXT("=1+1"), "'=1+1");
	assert_csv(TEXT("+1"), "'+1");
	assert_csv(TEXT("-1"), "'-1");
	assert_csv(TEXT("@x"), "'@x");
	assert_csv(TEXT("\t=1"), "'\\t=1");
	assert_csv(TEXT(" =1"), "\"' =1\"");
	assert_csv(TEXT("＝1"), "'＝1");
	assert_csv(TEXT("=HYPERLINK(\"http://x\",\"y\")"), "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
	assert_csv(TEXT("two\nlines"), "\"two\\nlines\"");
}

static void test_any_bytes_give_one_safe_line(void **state)
{
	(void)state;
	uint64_t seed = 20261120;
	print_message("seed %llu\n", (unsigned long long)seed);
	for (int round = 0; round < 5000; round++) {
		char bytes[24];
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			bytes[i] = (char)(seed >> 56);
		}
		struct text text = {bytes, sizeof(bytes)};
		buf_clear(&out);
		size_t used = printable_put_columns(&out, text, 1000);
		assert_int_equal(used, printable_columns(text));
		for (size_t i = 0; i < out.len; i++)
			assert_true((unsigned char)out.at[i] >= ' ' && out.at[i] != 0x7f);
		buf_clear(&out);
		assert_true(printable_put_columns(&out, text, 11) <= 11);
	}
}

static void test_utf8_is_told_from_what_is_not(void **state)
{
	static const char *const good[] = {
		"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\xff", "\xc3", "a\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
		"\xf0\x80\x80\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xe2\x82"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(printable_is_utf8(text_of(good[i])));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(printable_is_utf8(text_of(bad[i])));
}

int main(void)
{
	buf_init(&out, 1 << 20);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_text_is_unchanged),
		cmocka_unit_test(test_controls_are_escaped),
		cmocka_unit_test(test_what_deceives_the_eye_is_escaped),
		cmocka_unit_test(test_bytes_that_are_not_utf8_are_escaped),
		cmocka_unit_test(test_a_pile_of_marks_is_cut),
		cmocka_unit_test(test_shortening_counts_columns),
		cmocka_unit_test(test_shortening_never_splits_an_escape),
		cmocka_unit_test(test_columns_of_text),
		cmocka_unit_test(test_logfmt_quotes_where_needed),
		cmocka_unit_test(test_csv_neutralises_formulas),
		cmocka_unit_test(test_any_bytes_give_one_safe_line),
		cmocka_unit_test(test_utf8_is_told_from_what_is_not),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	buf_finish(&out);
	return failed;
}
