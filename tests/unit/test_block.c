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
#include "crypto.h"

enum { BUF_BYTES_MAX = 256 * 1024 * 1024, FIRST_SEQ = 1000, PART_ROWS = 150, PARTS = 6 };
static const uint8_t filter_key[16] = "sixteen bytes...";

static uint64_t seed;

struct stage {
	struct arena arena;
	struct sample sample;
	struct event *events[PARTS * PART_ROWS];
	size_t count;
	struct rows *rows;
	struct buf image;
	struct block *block;
};

static void stage_fill(struct stage *stage, size_t count, bool large_payloads)
{
	arena_init(&stage->arena, BUF_BYTES_MAX);
	stage->sample = (struct sample){.state = seed, .arena = &stage->arena, .large_payloads = large_payloads};
	for (stage->count = 0; stage->count < count; stage->count++)
		stage->events[stage->count] = sample_event(&stage->sample, stage->count);
	assert_int_equal(rows_create(&stage->rows), STATUS_OK);
	buf_init(&stage->image, BUF_BYTES_MAX);
	stage->block = NULL;
}

static void stage_open(struct stage *stage, size_t count)
{
	stage_fill(stage, count, false);
}

static void stage_close(struct stage *stage)
{
	block_close(&stage->block);
	buf_finish(&stage->image);
	rows_destroy(&stage->rows);
	arena_finish(&stage->arena);
}

static void append(struct rows *rows, struct event *const *events, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_int_equal(rows_append(rows, events[i]), STATUS_OK);
}

/* Lengths are found without the texts. */
static void assert_lengths(struct block *block, struct event *const *events, size_t count)
{
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++) {
		const uint64_t *lengths = NULL;
		enum status status = block_payload_lengths(block, (enum payload)payload, &lengths);
		assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(lengths ? lengths[i] : 0,
				event_text(events[i], payload_field((enum payload)payload)).len);
	}
}

static bool is_word_byte(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c < 0;
}

static struct text lower_case(struct text text, struct arena *arena)
{
	char *to = arena_alloc(arena, text.len + 1);
	assert_non_null(to);
	for (size_t i = 0; i < text.len; i++)
		to[i] = (char)tolower((unsigned char)text.at[i]);
	return (struct text){to, text.len};
}

/* The words of a text, lower case, in the arena; returns how many. */
static size_t cut_words(struct text text, struct arena *arena, struct text *words, size_t max)
{
	size_t count = 0;
	for (size_t at = 0; at < text.len && count < max;) {
		size_t end = at;
		while (end < text.len && is_word_byte(text.at[end]))
			end++;
		if (end > at)
			words[count++] = lower_case((struct text){text.at + at, end - at}, arena);
		at = end + 1;
	}
	return count;
}

static bool holds_phrase(void *context, struct text text)
{
	return phrase_found(context, text);
}

static bool is_found(struct block *block, enum payload payload, const struct phrase *phrase, size_t row)
{
	uint64_t rows[BLOCK_ROWS_MAX / 64];
	uint64_t found[BLOCK_ROWS_MAX / 64] = {0};
	const struct payload_search search = {.scalar = holds_phrase,
		.payload = holds_phrase,
		.phrase = phrase,
		.context = (void *)(uintptr_t)phrase};
	memset(rows, 0xff, sizeof(rows));
	assert_int_equal(block_search_payload(block, payload, &search, rows, found), STATUS_OK);
	return found[row / 64] >> (row % 64) & 1;
}

/* Any two or three words of a scalar that stand side by side are found, and others are not. */
static void assert_phrases(struct block *block, struct event *const *events, size_t count)
{
	static const struct phrase_word nowhere[] = {{{"nowhere", 7}, false}, {{"to", 2}, false}};
	const struct phrase none = {nowhere, 2};
	struct arena arena;
	struct text texts[64];
	arena_init(&arena, BUF_BYTES_MAX);
	for (size_t i = 0; i < count; i += 5) {
		unsigned payload = (unsigned)(i % PAYLOAD_COUNT);
		struct text text = event_text(events[i], payload_field((enum payload)payload));
		struct payload_leaves leaves = events[i]->payload[payload];
		if (text.len == 0 || leaves.leaves == NULL || text.len > PAYLOAD_INLINE_BYTES_MAX)
			continue;
		for (uint32_t k = 0; k < leaves.count; k++) {
			struct text leaf = {text.at + leaves.leaves[k].at, leaves.leaves[k].len};
			size_t found = cut_words(leaf, &arena, texts, 64);
			size_t start = found ? (i + k) % found : 0;
			size_t len = found - start < 3 ? found - start : 3;
			struct phrase_word words[3];
			for (size_t word = 0; word < len; word++)
				words[word] = (struct phrase_word){texts[start + word], false};
			if (len > 0)
				assert_true(is_found(block, (enum payload)payload, &(struct phrase){words, len}, i));
			if (len > 1)
				words[1] = (struct phrase_word){{"*", 1}, true};
			if (len > 1)
				assert_true(is_found(block, (enum payload)payload, &(struct phrase){words, len}, i));
		}
		assert_false(is_found(block, (enum payload)payload, &none, i));
	}
	arena_finish(&arena);
}

static void assert_events(struct block *block, struct event *const *events, size_t count)
{
	struct event *event = malloc(sizeof(*event));
	assert_non_null(event);
	assert_int_equal(block_count(block), count);
	assert_lengths(block, events, count);
	assert_phrases(block, events, count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(block_event(block, (uint32_t)i, event), STATUS_OK);
		assert_int_equal(event->value[FIELD_SEQ].number, block_first_seq(block) + i);
		assert_string_equal(sample_difference(events[i], event), "");
	}
	free(event);
}

/* Few events are made alone, and all can be asked for still. */
static void assert_expected_events(struct stage *stage, const struct payload_source *source)
{
	uint64_t rows[BLOCK_ROWS_MAX / 64] = {0};
	struct event *event = malloc(sizeof(*event));
	assert_non_null(event);
	assert_int_equal(block_open(buf_text(&stage->image), &stage->block, NULL), STATUS_OK);
	if (source)
		block_set_payload_source(stage->block, *source);
	for (unsigned i = 0; i < stage->count / 20; i++) {
		size_t row = sample_below(&stage->sample, stage->count);
		rows[row / 64] |= UINT64_C(1) << row % 64;
	}
	block_expect(stage->block, rows);
	for (int expected = 1; expected >= 0; expected--) {
		for (size_t i = 0; i < stage->count; i++) {
			if ((int)(rows[i / 64] >> i % 64 & 1) != expected)
				continue;
			assert_int_equal(block_event(stage->block, (uint32_t)i, event), STATUS_OK);
			assert_int_equal(event->value[FIELD_SEQ].number, FIRST_SEQ + i);
			assert_string_equal(sample_difference(stage->events[i], event), "");
		}
	}
	block_close(&stage->block);
	free(event);
}

/* No text that some event has is said to be nowhere, and an id that none has is. */
static void assert_texts_are_possible(struct stage *stage)
{
	bool may = false;
	assert_int_equal(block_open(buf_text(&stage->image), &stage->block, NULL), STATUS_OK);
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		for (size_t i = 0; i < stage->count && !field_is_number(field_info(field)->type); i++) {
			if (!event_has(stage->events[i], field) || payload_of(field) != PAYLOAD_COUNT)
				continue;
			struct text text = event_text(stage->events[i], field);
			assert_int_equal(block_may_have_text(stage->block, field, text, &may), STATUS_OK);
			assert_true(may);
		}
	}
	block_close(&stage->block);
}

/* Groups hold each row once, and add up to what the events sent. */
static void assert_groups(struct stage *stage)
{
	struct block_groups groups;
	uint64_t request[BLOCK_ROWS_MAX] = {0};
	uint64_t response[BLOCK_ROWS_MAX] = {0};
	assert_int_equal(block_open(buf_text(&stage->image), &stage->block, NULL), STATUS_OK);
	assert_int_equal(block_groups(stage->block, &groups), STATUS_OK);
	for (size_t i = 0; i < stage->count; i++) {
		const struct event *event = stage->events[i];
		uint32_t group = groups.of_row[i] - 1;
		assert_true(group < groups.count);
		request[group] += event_has(event, FIELD_REQUEST_SIZE)
					  ? (uint64_t)event->value[FIELD_REQUEST_SIZE].number
					  : event_text(event, FIELD_REQUEST).len;
		response[group] += event_has(event, FIELD_RESPONSE_SIZE)
					   ? (uint64_t)event->value[FIELD_RESPONSE_SIZE].number
					   : event_text(event, FIELD_RESPONSE).len;
	}
	for (uint32_t group = 0; group < groups.count; group++) {
		assert_int_equal(groups.request_bytes[group], request[group]);
		assert_int_equal(groups.response_bytes[group], response[group]);
	}
	block_close(&stage->block);
}

/* A byte of a column that is wrong is met by who reads the column, and by who asks for all. */
static void a_damaged_column_is_told_when_it_is_read(void **state)
{
	enum { STEP = 101 };
	(void)state;
	struct stage stage;
	size_t told = 0;
	stage_open(&stage, PART_ROWS);
	append(stage.rows, stage.events, stage.count);
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	for (size_t at = seed % STEP; at < stage.image.len; at += STEP) {
		struct block *block = NULL;
		stage.image.at[at] ^= 4;
		bool is_version = at == 8 || at == 9;
		assert_int_equal(block_open(buf_text(&stage.image), &block, NULL),
			is_version ? STATUS_UNSUPPORTED : STATUS_DAMAGED);
		if (block_open_columns(buf_text(&stage.image), &block, NULL) == STATUS_OK) {
			size_t damaged = 0;
			struct block_groups groups;
			for (unsigned field = 1; field < FIELD_LIMIT; field++) {
				struct column column;
				damaged += block_column(block, field, &column) == STATUS_DAMAGED;
			}
			assert_true(damaged > 0 || block_groups(block, &groups) == STATUS_DAMAGED);
			told++;
		}
		block_close(&block);
		stage.image.at[at] ^= 4;
	}
	assert_true(told > 0);
	stage_close(&stage);
}

static void an_id_that_no_event_has_is_ruled_out_without_its_texts(void **state)
{
	(void)state;
	struct stage stage;
	bool may = true;
	char id[] = "00000000-0000-4000-8000-000000000000";
	stage_fill(&stage, 0, false);
	struct event *event = sample_event(&stage.sample, 0);
	event->present[FIELD_TASK_ID / 64] &= ~(UINT64_C(1) << FIELD_TASK_ID % 64); /* which some samples have */
	for (int digit = 0; digit < 9; digit++) {
		id[0] = (char)('0' + digit);
		event_set_text(event, FIELD_ID, (struct text){id, sizeof(id) - 1});
		assert_int_equal(rows_append(stage.rows, event), STATUS_OK);
	}
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	const struct {
		const char *text;
		bool may;
	} asked[] = {{"80000000-0000-4000-8000-000000000000", true}, {"90000000-0000-4000-8000-000000000000", false},
		{"80000000-0000-4000-8000-00000000000", false}, {"8", false}, {"", false}};
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		struct text text = {asked[i].text, strlen(asked[i].text)};
		assert_int_equal(block_may_have_text(stage.block, FIELD_ID, text, &may), STATUS_OK);
		assert_int_equal(may, asked[i].may);
	}
	assert_int_equal(block_may_have_text(stage.block, FIELD_TASK_ID, TEXT("x"), &may), STATUS_OK);
	assert_false(may);
	stage_close(&stage);
}

static void sealed_round_trip(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage, PARTS * PART_ROWS);
	append(stage.rows, stage.events, stage.count);
	assert_int_equal(rows_count(stage.rows), stage.count);
	struct buf summary;
	buf_init(&summary, BUF_BYTES_MAX);
	assert_int_equal(
		block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, &summary), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	assert_int_equal(block_first_seq(stage.block), FIRST_SEQ);
	assert_events(stage.block, stage.events, stage.count);
	block_close(&stage.block);
	assert_expected_events(&stage, NULL);
	assert_texts_are_possible(&stage);
	assert_groups(&stage);
	buf_finish(&summary);
	stage_close(&stage);
}

/* Appends a part with every third event dead to the chunk, the others to live. */
static void put_part(struct buf *chunk, struct event *const *events, size_t count, bool some_dead, uint64_t first_seq)
{
	struct rows *rows = NULL;
	struct buf image;
	uint8_t dead[(PART_ROWS + 7) / 8] = {0};
	uint64_t prints[PART_ROWS] = {0};
	assert_int_equal(rows_create(&rows), STATUS_OK);
	append(rows, events, count);
	buf_init(&image, BUF_BYTES_MAX);
	assert_int_equal(block_encode(rows, BLOCK_TAIL, 0, filter_key, &image, NULL), STATUS_OK);
	for (size_t i = 0; i < count; i++) {
		prints[i] = i * 7;
		if (i % 3 == 2)
			dead[i / 8] |= (uint8_t)(1U << i % 8);
	}
	struct tail_part part = {.first_seq = first_seq,
		.recv_time = 77,
		.row_count = (uint32_t)count,
		.dead = some_dead ? dead : NULL,
		.fingerprints = prints,
		.image = buf_text(&image)};
	tail_put(chunk, &part);
	assert_int_equal(buf_status(chunk), STATUS_OK);
	buf_finish(&image);
	rows_destroy(&rows);
}

static size_t leave_out(struct event **events, size_t start, size_t count, struct event **live)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (i % 3 != 2)
			live[kept++] = events[start + i];
	return kept;
}

static void parts_go_through_the_tail_into_a_block(void **state)
{
	(void)state;
	struct stage stage;
	struct event *live[PARTS * PART_ROWS];
	size_t live_count = 0;
	struct buf chunk;
	stage_open(&stage, PARTS * PART_ROWS);
	buf_init(&chunk, BUF_BYTES_MAX);
	for (size_t i = 0; i < PARTS; i++) {
		bool some_dead = i % 2;
		put_part(&chunk, stage.events + i * PART_ROWS, PART_ROWS, some_dead, FIRST_SEQ + live_count);
		if (some_dead) {
			live_count += leave_out(stage.events, i * PART_ROWS, PART_ROWS, live + live_count);
		} else {
			memcpy(live + live_count, stage.events + i * PART_ROWS, PART_ROWS * sizeof(*live));
			live_count += PART_ROWS;
		}
	}
	size_t at = 0;
	size_t seen = 0;
	struct tail_part part;
	enum status status = STATUS_OK;
	while ((status = tail_next(buf_text(&chunk), &at, &part)) == STATUS_OK) {
		struct block *block = NULL;
		assert_int_equal(part.row_count, PART_ROWS);
		uint64_t print = 0;
		memcpy(&print, part.fingerprints + 3, sizeof(print));
		assert_int_equal(print, 21);
		assert_int_equal(block_open_part(&part, &block, NULL), STATUS_OK);
		assert_int_equal(block_first_seq(block), FIRST_SEQ + seen);
		assert_events(block, live + seen, block_count(block));
		assert_int_equal(rows_append_block(stage.rows, block), STATUS_OK);
		seen += block_count(block);
		block_close(&block);
	}
	assert_int_equal(status, STATUS_NOT_FOUND);
	assert_int_equal(seen, live_count);
	assert_int_equal(rows_count(stage.rows), live_count);
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	assert_events(stage.block, live, live_count);
	buf_finish(&chunk);
	stage_close(&stage);
}

static void rows_can_be_used_again_after_clear(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage, 100);
	append(stage.rows, stage.events, 60);
	rows_clear(stage.rows);
	assert_int_equal(rows_count(stage.rows), 0);
	append(stage.rows, stage.events + 60, 40);
	assert_int_equal(block_encode(stage.rows, BLOCK_TAIL, 0, filter_key, &stage.image, NULL), STATUS_OK);
	struct tail_part part = {.first_seq = 1, .row_count = 40, .image = buf_text(&stage.image)};
	assert_int_equal(block_open_part(&part, &stage.block, NULL), STATUS_OK);
	assert_events(stage.block, stage.events + 60, 40);
	stage_close(&stage);
}

struct store_of_payloads {
	const struct payload_ref *refs;
	size_t count;
	unsigned asked;
};

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	struct store_of_payloads *store = context;
	store->asked++;
	for (size_t i = 0; i < store->count; i++)
		if (memcmp(store->refs[i].key, key, sizeof(store->refs[i].key)) == 0)
			return payload_unpack(store->refs[i].stored, arena, payload);
	return STATUS_NOT_FOUND;
}

static void large_payloads_are_kept_outside_once(void **state)
{
	(void)state;
	struct stage stage;
	stage_fill(&stage, 300, true);
	append(stage.rows, stage.events, stage.count);
	struct store_of_payloads store = {0};
	store.count = rows_payloads(stage.rows, &store.refs);
	/* 3 lengths of 4 letters for each of two tenants, whatever the number of events */
	assert_true(store.count > 0 && store.count <= 24);
	for (size_t i = 0; i < store.count; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(store.refs[i].key, store.refs[k].key, sizeof(store.refs[i].key));
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	block_set_payload_source(stage.block, (struct payload_source){get_payload, &store});
	assert_events(stage.block, stage.events, stage.count);
	assert_true(store.asked > 0);
	block_close(&stage.block);
	assert_expected_events(&stage, &(struct payload_source){get_payload, &store});
	stage_close(&stage);
}

static void the_key_of_a_payload_is_salted_with_the_tenant(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage, 1);
	size_t len = PAYLOAD_INLINE_BYTES_MAX + 1;
	char *bytes = arena_alloc(&stage.arena, len);
	assert_non_null(bytes);
	memset(bytes, '7', len);
	struct event *event = stage.events[0];
	event_set_text(event, FIELD_TENANT, TEXT("acme"));
	event_set_text(event, FIELD_REQUEST, (struct text){bytes, len});
	append(stage.rows, &event, 1);
	const struct payload_ref *refs = NULL;
	assert_int_equal(rows_payloads(stage.rows, &refs), 1);
	struct buf salted;
	uint8_t key[SHA256_BYTES];
	buf_init(&salted, BUF_BYTES_MAX);
	buf_put(&salted, "acme", sizeof("acme"));
	buf_put(&salted, bytes, len);
	assert_int_equal(crypto_sha256(buf_text(&salted), key), STATUS_OK);
	assert_memory_equal(refs[0].key, key, sizeof(key));
	buf_finish(&salted);
	stage_close(&stage);
}

static void full_rows_refuse_and_stay_as_they_are(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage, 3);
	for (size_t i = 0; i < BLOCK_ROWS_MAX; i++)
		append(stage.rows, &stage.events[i % 2], 1);
	assert_int_equal(rows_append(stage.rows, stage.events[2]), STATUS_LIMIT);
	assert_int_equal(rows_count(stage.rows), BLOCK_ROWS_MAX);
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	struct event *last = malloc(sizeof(*last));
	assert_non_null(last);
	assert_int_equal(block_event(stage.block, BLOCK_ROWS_MAX - 1, last), STATUS_OK);
	assert_string_equal(sample_difference(stage.events[1], last), "");
	assert_int_equal(block_event(stage.block, BLOCK_ROWS_MAX, last), STATUS_NOT_FOUND);
	assert_int_equal(rows_append_block(stage.rows, stage.block), STATUS_UNSUPPORTED);
	buf_clear(&stage.image);
	assert_int_equal(block_encode(stage.rows, BLOCK_TAIL, 0, filter_key, &stage.image, NULL), STATUS_OK);
	block_close(&stage.block);
	struct tail_part part = {.first_seq = 1, .row_count = BLOCK_ROWS_MAX, .image = buf_text(&stage.image)};
	assert_int_equal(block_open_part(&part, &stage.block, NULL), STATUS_OK);
	assert_int_equal(rows_append_block(stage.rows, stage.block), STATUS_LIMIT);
	assert_int_equal(rows_count(stage.rows), BLOCK_ROWS_MAX);
	free(last);
	stage_close(&stage);
}

static void payloads_of_any_number_of_shapes_are_kept(void **state)
{
	(void)state;
	struct stage stage;
	stage_open(&stage, PARTS * PART_ROWS);
	for (size_t i = 0; i < stage.count; i++) {
		char json[64];
		int len = snprintf(json, sizeof(json), "{\"member%zu\":[%zu,\"x\"]}", i, i);
		struct text text = arena_copy(&stage.arena, (struct text){json, (size_t)len});
		sample_payload(&stage.sample, stage.events[i], FIELD_ATTRS, text);
	}
	append(stage.rows, stage.events, stage.count);
	assert_int_equal(block_encode(stage.rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &stage.image, NULL), STATUS_OK);
	assert_int_equal(block_open(buf_text(&stage.image), &stage.block, NULL), STATUS_OK);
	assert_events(stage.block, stage.events, stage.count);
	stage_close(&stage);
}

static void a_part_has_its_own_seq_and_receive_time(void **state)
{
	(void)state;
	struct stage stage;
	struct column column;
	stage_open(&stage, 10);
	for (size_t i = 0; i < stage.count; i++)
		stage.events[i]->present[FIELD_RECV_TIME / 64] &= ~(UINT64_C(1) << FIELD_RECV_TIME % 64);
	append(stage.rows, stage.events, stage.count);
	assert_int_equal(block_encode(stage.rows, BLOCK_TAIL, 0, filter_key, &stage.image, NULL), STATUS_OK);
	const uint8_t dead[2] = {0x03, 0};
	struct tail_part part = {
		.first_seq = 50, .recv_time = 99, .row_count = 10, .dead = dead, .image = buf_text(&stage.image)};
	assert_int_equal(block_open_part(&part, &stage.block, NULL), STATUS_OK);
	assert_int_equal(block_column(stage.block, FIELD_RECV_TIME, &column), STATUS_OK);
	assert_int_equal(column.rows, 8);
	assert_int_equal(column.numbers[7], 99);
	assert_int_equal(block_column(stage.block, FIELD_SEQ, &column), STATUS_OK);
	assert_int_equal(column.numbers[0], 50);
	assert_int_equal(column.numbers[7], 57);
	assert_int_equal(block_column(stage.block, FIELD_COLLECTOR_FIRST - 1, &column), STATUS_NOT_FOUND);
	stage_close(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_round_trip),
		cmocka_unit_test(a_damaged_column_is_told_when_it_is_read),
		cmocka_unit_test(an_id_that_no_event_has_is_ruled_out_without_its_texts),
		cmocka_unit_test(parts_go_through_the_tail_into_a_block),
		cmocka_unit_test(rows_can_be_used_again_after_clear),
		cmocka_unit_test(large_payloads_are_kept_outside_once),
		cmocka_unit_test(the_key_of_a_payload_is_salted_with_the_tenant),
		cmocka_unit_test(full_rows_refuse_and_stay_as_they_are),
		cmocka_unit_test(payloads_of_any_number_of_shapes_are_kept),
		cmocka_unit_test(a_part_has_its_own_seq_and_receive_time),
	};
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
