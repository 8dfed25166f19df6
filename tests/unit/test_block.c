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

static void stage_open(struct stage *stage, size_t count)
{
	arena_init(&stage->arena, BUF_BYTES_MAX);
	stage->sample = (struct sample){.state = seed, .arena = &stage->arena};
	for (stage->count = 0; stage->count < count; stage->count++)
		stage->events[stage->count] = sample_event(&stage->sample, stage->count);
	assert_int_equal(rows_create(&stage->rows), STATUS_OK);
	buf_init(&stage->image, BUF_BYTES_MAX);
	stage->block = NULL;
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

static void assert_events(struct block *block, struct event *const *events, size_t count)
{
	struct event *event = malloc(sizeof(*event));
	assert_non_null(event);
	assert_int_equal(block_count(block), count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(block_event(block, (uint32_t)i, event), STATUS_OK);
		assert_int_equal(event->value[FIELD_SEQ].number, block_first_seq(block) + i);
		assert_string_equal(sample_difference(events[i], event), "");
	}
	free(event);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sealed_round_trip),
		cmocka_unit_test(parts_go_through_the_tail_into_a_block),
		cmocka_unit_test(rows_can_be_used_again_after_clear),
	};
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
