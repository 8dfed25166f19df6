#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "block.h"
#include "block_sample.h"
#include "timestamp.h"

enum { EVENTS = 1500, BUF_BYTES_MAX = 256 * 1024 * 1024, FIRST_SEQ = 12345, ABSENT = 4000 };
static const uint8_t filter_key[16] = "sixteen bytes...";
static uint64_t seed;

struct stage {
	struct arena arena;
	struct sample sample;
	struct event *events[EVENTS];
	size_t count;
	struct buf bytes;
	struct summary *summary;
};

static void stage_begin(struct stage *stage)
{
	arena_init(&stage->arena, BUF_BYTES_MAX);
	buf_init(&stage->bytes, BUF_BYTES_MAX);
	stage->sample = (struct sample){.state = seed, .arena = &stage->arena};
	stage->count = 0;
}

static void stage_seal(struct stage *stage)
{
	struct rows *rows = NULL;
	struct buf image;
	buf_init(&image, BUF_BYTES_MAX);
	assert_int_equal(rows_create(&rows), STATUS_OK);
	for (size_t i = 0; i < stage->count; i++)
		assert_int_equal(rows_append(rows, stage->events[i]), STATUS_OK);
	assert_int_equal(block_encode(rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &image, &stage->bytes), STATUS_OK);
	assert_int_equal(summary_open(buf_text(&stage->bytes), &stage->summary), STATUS_OK);
	buf_finish(&image);
	rows_destroy(&rows);
}

static void stage_open(struct stage *stage)
{
	stage_begin(stage);
	while (stage->count < EVENTS) {
		stage->events[stage->count] = sample_event(&stage->sample, stage->count);
		stage->count++;
	}
	stage_seal(stage);
}

static void stage_close(struct stage *stage)
{
	summary_close(&stage->summary);
	buf_finish(&stage->bytes);
	arena_finish(&stage->arena);
}

static struct text tenant_of(const struct event *event)
{
	struct text tenant = event_text(event, FIELD_TENANT);
	return tenant.len ? tenant : event_text(event, FIELD_INGEST_TENANT);
}

static void no_value_that_is_there_is_denied(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	assert_int_equal(summary_first_seq(stage.summary), FIRST_SEQ);
	assert_int_equal(summary_count(stage.summary), EVENTS);
	for (size_t i = 0; i < stage.count; i++) {
		const struct event *event = stage.events[i];
		for (unsigned field = 1; field < FIELD_LIMIT; field++) {
			enum field_type type = field_info(field)->type;
			if (!event_has(event, field) || type == FIELD_TYPE_NONE || field_is_number(type))
				continue;
			struct text value = event_text(event, field);
			assert_true(summary_may_have(stage.summary, field, value, tenant_of(event)));
			assert_true(summary_may_have(stage.summary, field, value, TEXT("")));
		}
	}
	stage_close(&stage);
}

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (c & 0x80);
}

static size_t assert_words(struct summary *summary, struct text text, struct text tenant)
{
	size_t count = 0;
	for (size_t at = 0; at < text.len;) {
		size_t end = at;
		while (end < text.len && is_word_byte(text.at[end]))
			end++;
		if (end > at) {
			struct text word = {text.at + at, end - at};
			assert_true(summary_may_have_word(summary, word, tenant));
			assert_true(summary_may_have_word(summary, word, TEXT("")));
			count++;
		}
		at = end + 1;
	}
	return count;
}

static void no_word_that_is_there_is_denied(void **state)
{
	(void)state;
	struct stage stage;
	struct arena scratch;
	size_t count = 0;
	arena_init(&scratch, BUF_BYTES_MAX);
	stage_open(&stage);
	for (size_t i = 0; i < stage.count; i++) {
		const struct event *event = stage.events[i];
		struct text tenant = tenant_of(event);
		for (unsigned field = 1; field < FIELD_LIMIT; field++) {
			if (!event_has(event, field))
				continue;
			if (field_info(field)->type == FIELD_TYPE_LONG || field == FIELD_USER_ID)
				count += assert_words(stage.summary, event_text(event, field), tenant);
			if (payload_of(field) == PAYLOAD_COUNT)
				continue;
			const struct payload_leaves *leaves = &event->payload[payload_of(field)];
			for (uint32_t k = 0; leaves->leaves && k < leaves->count; k++) {
				struct text leaf = {
					event->value[field].text.at + leaves->leaves[k].at, leaves->leaves[k].len};
				arena_clear(&scratch);
				count += assert_words(stage.summary, json_string_decode(leaf, &scratch), tenant);
			}
		}
	}
	assert_true(count > EVENTS);
	assert_true(summary_may_have_word(stage.summary, TEXT("SELECT"), TEXT("acme")));
	assert_true(summary_may_have_word(stage.summary, TEXT("Where"), TEXT("acme")));
	arena_finish(&scratch);
	stage_close(&stage);
}

/* A word of `len` bytes that tells its length: letters, digits, _ and bytes of UTF-8. */
static struct text make_word(char *to, size_t len)
{
	static const char bytes[] = "aZ\xc3\x81_@bY9\xc3\xa1zA0[";
	for (size_t i = 0; i < len; i++) {
		char byte = bytes[(i * 7 + len) % (sizeof(bytes) - 1)];
		to[i] = (char)(byte == '@' || byte == '[' ? 'k' : byte);
	}
	return (struct text){to, len};
}

static void words_are_equal_but_for_the_case_of_ascii_letters(void **state)
{
	enum { LEN_MAX = 150 };
	(void)state;
	struct stage stage;
	struct buf message;
	char word[LEN_MAX];
	buf_init(&message, BUF_BYTES_MAX);
	for (size_t len = 4; len <= LEN_MAX; len++) {
		buf_put_text(&message, make_word(word, len));
		buf_put_byte(&message, ' ');
	}
	stage_begin(&stage);
	struct event *event = sample_event(&stage.sample, stage.count);
	event_set_text(event, FIELD_ERROR_MESSAGE, buf_text(&message));
	stage.events[stage.count++] = event;
	stage_seal(&stage);
	unsigned others = 0;
	struct text tenant = tenant_of(event);
	for (size_t len = 4; len <= LEN_MAX; len++) {
		(void)make_word(word, len);
		for (size_t i = 0; i < len; i++) {
			bool is_letter = isalpha((unsigned char)word[i]) != 0;
			word[i] ^= 0x20;
			bool found = summary_may_have_word(stage.summary, (struct text){word, len}, tenant);
			assert_true(!is_letter || found);
			others += !is_letter && found;
			if (!is_letter)
				word[i] ^= 0x20;
		}
	}
	assert_true(others < LEN_MAX);
	buf_finish(&message);
	stage_close(&stage);
}

static void what_is_absent_is_mostly_denied(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	unsigned wrong = 0;
	for (unsigned i = 0; i < ABSENT; i++) {
		char text[64];
		struct text value = {text, (size_t)snprintf(text, sizeof(text), "no-such-value-%u", i)};
		wrong += summary_may_have(stage.summary, FIELD_TRACE_ID, value, TEXT("acme"));
		struct text word = {text, (size_t)snprintf(text, sizeof(text), "nosuchword%u", i)};
		wrong += summary_may_have_word(stage.summary, word, TEXT("acme"));
	}
	assert_true(wrong < ABSENT / 50);
	assert_false(summary_may_have(stage.summary, FIELD_SERVER_NAME, TEXT("no such server"), TEXT("acme")));
	stage_close(&stage);
}

static void another_tenants_values_are_denied(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	unsigned seen = 0;
	for (size_t i = 0; i < stage.count; i++)
		seen += summary_may_have(
			stage.summary, FIELD_TRACE_ID, event_text(stage.events[i], FIELD_TRACE_ID), TEXT("other"));
	assert_true(seen < EVENTS / 50);
	stage_close(&stage);
}

static void a_hostile_time_does_not_widen_the_range(void **state)
{
	(void)state;
	const int64_t base = 1795230845 * NS_PER_S;
	struct stage stage;
	stage_begin(&stage);
	for (; stage.count < 200; stage.count++) {
		struct event *event = sample_event(&stage.sample, stage.count);
		int64_t time = base + (int64_t)stage.count * NS_PER_S;
		event_set_number(event, FIELD_RECV_TIME, time);
		/* Every fifth is somewhere else, and the later ones further apart. */
		int64_t far = (int64_t)(stage.count * stage.count) * NS_PER_DAY;
		event_set_number(event, FIELD_TIME, stage.count % 5 ? time - NS_PER_S : far);
		stage.events[stage.count] = event;
	}
	stage_seal(&stage);
	const struct time_range *ranges = NULL;
	size_t count = summary_times(stage.summary, &ranges);
	assert_int_equal(count, 17);
	assert_int_equal(ranges[0].first, base);
	assert_int_equal(ranges[0].last, base + 198 * NS_PER_S);
	assert_int_equal(ranges[1].first, 0);
	assert_int_equal(ranges[1].last, 120 * 120 * NS_PER_DAY); /* the 15 widest gaps are behind it */
	assert_int_equal(summary_recv_time(stage.summary).last, base + 199 * NS_PER_S);
	for (size_t i = 0; i < stage.count; i++) {
		int64_t time = stage.events[i]->value[FIELD_TIME].number;
		bool covered = false;
		for (size_t k = 0; k < count; k++)
			covered |= time >= ranges[k].first && time <= ranges[k].last;
		assert_true(covered);
	}
	stage_close(&stage);
}

static void a_set_with_too_many_values_says_so_and_still_denies(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage);
	for (; stage.count < 600; stage.count++) {
		struct event *event = sample_event(&stage.sample, stage.count);
		char name[32];
		struct text text = {name, (size_t)snprintf(name, sizeof(name), "tool-%zu", stage.count)};
		event_set_text(event, FIELD_TARGET_NAME, arena_copy(&stage.arena, text));
		stage.events[stage.count] = event;
	}
	stage_seal(&stage);
	const struct summary_value *values = NULL;
	bool complete = true;
	(void)summary_values(stage.summary, FIELD_TARGET_NAME, &values, &complete);
	assert_false(complete);
	struct text tenant = tenant_of(stage.events[7]);
	assert_true(summary_may_have(stage.summary, FIELD_TARGET_NAME, TEXT("tool-7"), tenant));
	unsigned wrong = 0;
	for (unsigned i = 0; i < 200; i++) {
		char name[32];
		struct text text = {name, (size_t)snprintf(name, sizeof(name), "other-%u", i)};
		wrong += summary_may_have(stage.summary, FIELD_TARGET_NAME, text, tenant);
	}
	assert_true(wrong < 20);
	size_t count = summary_values(stage.summary, FIELD_SERVER_NAME, &values, &complete);
	assert_true(complete);
	assert_int_equal(count, 3);
	stage_close(&stage);
}

static void a_damaged_summary_is_refused(void **state)
{
	(void)state;
	struct stage stage;
	stage_begin(&stage);
	for (; stage.count < 20; stage.count++)
		stage.events[stage.count] = sample_event(&stage.sample, stage.count);
	stage_seal(&stage);
	struct summary *summary = NULL;
	for (size_t len = 0; len < stage.bytes.len; len++)
		assert_int_not_equal(summary_open((struct text){stage.bytes.at, len}, &summary), STATUS_OK);
	size_t opened = 0;
	for (size_t i = 0; i < stage.bytes.len; i++) {
		stage.bytes.at[i] ^= 0x20;
		if (summary_open(buf_text(&stage.bytes), &summary) == STATUS_OK) {
			assert_int_equal(summary_check(summary), STATUS_DAMAGED);
			opened++;
		}
		summary_close(&summary);
		stage.bytes.at[i] ^= 0x20;
	}
	assert_true(opened > 0 && opened < stage.bytes.len); /* where only the filter is damaged */
	assert_int_equal(summary_check(stage.summary), STATUS_OK);
	stage_close(&stage);
}

static void a_damaged_filter_denies_nothing_that_is_there(void **state)
{
	enum { STEP = 37 };
	(void)state;
	struct stage stage;
	stage_open(&stage);
	for (size_t at = seed % STEP; at < stage.bytes.len; at += STEP) {
		struct summary *summary = NULL;
		stage.bytes.at[at] ^= 1 << seed % 8;
		for (size_t i = 0; summary_open(buf_text(&stage.bytes), &summary) == STATUS_OK && i < stage.count;
			i++) {
			const struct event *event = stage.events[i];
			assert_true(
				summary_may_have(summary, FIELD_TRACE_ID, event_text(event, FIELD_TRACE_ID), TEXT("")));
			summary_close(&summary);
		}
		summary_close(&summary);
		stage.bytes.at[at] ^= 1 << seed % 8;
	}
	stage_close(&stage);
}

static void values_tell_how_many_events_have_them(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage);
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		const struct summary_value *values = NULL;
		bool complete = false;
		size_t count = summary_values(stage.summary, field, &values, &complete);
		for (size_t k = 0; k < count; k++) {
			uint32_t told = 0; /* a number and a text that look alike are two values */
			uint32_t rows = 0;
			for (size_t other = 0; other < count; other++)
				told += text_equal(values[other].text, values[k].text) ? values[other].rows : 0;
			for (size_t i = 0; i < stage.count; i++)
				rows += event_has(stage.events[i], field) &&
					text_equal(event_text(stage.events[i], field), values[k].text);
			assert_int_equal(told, rows);
		}
	}
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_value_that_is_there_is_denied),
		cmocka_unit_test(no_word_that_is_there_is_denied),
		cmocka_unit_test(words_are_equal_but_for_the_case_of_ascii_letters),
		cmocka_unit_test(what_is_absent_is_mostly_denied),
		cmocka_unit_test(another_tenants_values_are_denied),
		cmocka_unit_test(a_hostile_time_does_not_widen_the_range),
		cmocka_unit_test(a_set_with_too_many_values_says_so_and_still_denies),
		cmocka_unit_test(values_tell_how_many_events_have_them),
		cmocka_unit_test(a_damaged_summary_is_refused),
		cmocka_unit_test(a_damaged_filter_denies_nothing_that_is_there),
	};
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
