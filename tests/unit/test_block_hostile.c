/* Images, chunks and blocks that somebody changed, with a checksum that fits: readers may refuse them, never crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>

#include "block.h"
#include "block_checks.h"
#include "block_sample.h"

enum {
	EVENTS = 24,
	BUF_BYTES_MAX = 64 * 1024 * 1024,
	HEADER_BYTES = 48,
	AT_LENGTH = 12,
	AT_DIRECTORY_LENGTH = 32,
	AT_CHECKSUM = 40
};
static const uint8_t filter_key[16] = "sixteen bytes...";
static uint64_t seed;

static void make_image(enum block_level level, struct buf *image)
{
	struct arena arena;
	struct rows *rows = NULL;
	arena_init(&arena, BUF_BYTES_MAX);
	struct sample sample = {.state = seed, .arena = &arena};
	assert_int_equal(rows_create(&rows), STATUS_OK);
	for (uint64_t i = 0; i < EVENTS; i++)
		assert_int_equal(rows_append(rows, sample_event(&sample, i)), STATUS_OK);
	buf_init(image, BUF_BYTES_MAX);
	assert_int_equal(block_encode(rows, level, 5, filter_key, image, NULL), STATUS_OK);
	rows_destroy(&rows);
	arena_finish(&arena);
}

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	(void)context, (void)key, (void)arena;
	*payload = TEXT("\"fetched\"");
	return STATUS_OK;
}

/* Sums all bytes a column points to, so that a sanitizer sees each pointer used. */
static unsigned read_all(struct block *block)
{
	unsigned sum = 0;
	for (unsigned field = 0; field < FIELD_LIMIT; field++) {
		struct column column;
		if (block_column(block, field, &column) != STATUS_OK)
			continue;
		for (uint32_t row = 0; row < column.rows; row++) {
			if (column.is_number) {
				sum += (unsigned)column.numbers[row] + (unsigned)column.present[row / 64];
				continue;
			}
			assert_true(column.codes[row] < column.entry_count);
			struct text text = column.codes[row] ? column.entries[column.codes[row]] : TEXT("");
			for (size_t i = 0; i < text.len; i++)
				sum += (unsigned char)text.at[i];
		}
	}
	struct event *event = malloc(sizeof(*event));
	assert_non_null(event);
	for (uint32_t row = 0; row < block_count(block); row += 7)
		sum += block_event(block, row, event) == STATUS_OK;
	free(event);
	return sum;
}

static unsigned try_image(struct text image, bool merge)
{
	struct block *block = NULL;
	struct tail_part part = {.first_seq = 1, .row_count = EVENTS, .image = image};
	enum status status = merge ? block_open_part(&part, &block, NULL) : block_open(image, &block, NULL);
	if (status != STATUS_OK)
		return 0;
	block_set_payload_source(block, (struct payload_source){get_payload, NULL});
	unsigned sum = read_all(block);
	if (merge) {
		struct rows *rows = NULL;
		struct buf sealed;
		buf_init(&sealed, BUF_BYTES_MAX);
		assert_int_equal(rows_create(&rows), STATUS_OK);
		if (rows_append_block(rows, block) == STATUS_OK)
			(void)!block_encode(rows, BLOCK_SEALED, 1, filter_key, &sealed, NULL);
		else
			assert_int_equal(rows_count(rows), 0);
		rows_destroy(&rows);
		buf_finish(&sealed);
	}
	block_close(&block);
	return sum | 1;
}

static void flip_bytes(enum block_level level)
{
	struct buf image;
	make_image(level, &image);
	assert_int_not_equal(try_image(buf_text(&image), level == BLOCK_TAIL), 0);
	char *changed = malloc(image.len);
	assert_non_null(changed);
	unsigned opened = 0;
	unsigned tried = 0;
	/* Every byte of the header and the directory, one in three of the streams. */
	uint32_t directory = 0;
	memcpy(&directory, image.at + AT_DIRECTORY_LENGTH, sizeof(directory));
	for (size_t i = 0; i < image.len; i += i < HEADER_BYTES + directory ? 1 : 3) {
		static const uint8_t masks[] = {0x01, 0x80, 0xff};
		if (i >= AT_CHECKSUM && i < HEADER_BYTES)
			continue;
		memcpy(changed, image.at, image.len);
		changed[i] = (char)(changed[i] ^ masks[i / 3 % 3]);
		assert_int_equal(try_image((struct text){changed, image.len}, false), 0); /* the checksum tells */
		checks_fit(changed, image.len);
		opened += try_image((struct text){changed, image.len}, level == BLOCK_TAIL) != 0;
		tried++;
	}
	/* What only a checksum would tell is taken for what it says: most of the streams. */
	assert_true(opened > tried / 4);
	free(changed);
	buf_finish(&image);
}

static void changed_bytes_of_a_sealed_image_are_survived(void **state)
{
	(void)state;
	flip_bytes(BLOCK_SEALED);
}

static void changed_bytes_of_a_tail_image_are_survived(void **state)
{
	(void)state;
	flip_bytes(BLOCK_TAIL);
}

static void an_image_cut_at_any_length_is_refused(void **state)
{
	(void)state;
	for (int level = BLOCK_TAIL; level <= BLOCK_SEALED; level++) {
		struct buf image;
		make_image((enum block_level)level, &image);
		for (size_t len = 0; len < image.len; len++) {
			/* In memory of its own, so that a sanitizer sees a read beyond the cut. */
			char *cut = malloc(len ? len : 1);
			assert_non_null(cut);
			memcpy(cut, image.at, len);
			assert_int_equal(try_image((struct text){cut, len}, false), 0);
			if (len > HEADER_BYTES) {
				uint32_t stated = (uint32_t)len;
				memcpy(cut + AT_LENGTH, &stated, sizeof(stated));
				checks_fit(cut, len);
				assert_int_equal(try_image((struct text){cut, len}, false), 0);
			}
			free(cut);
		}
		buf_finish(&image);
	}
}

static void a_chunk_changed_or_cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct buf image;
	struct buf chunk;
	uint64_t prints[EVENTS] = {1, 2, 3};
	uint8_t dead[(EVENTS + 7) / 8] = {2};
	make_image(BLOCK_TAIL, &image);
	buf_init(&chunk, BUF_BYTES_MAX);
	struct tail_part part = {.first_seq = 9,
		.recv_time = 4,
		.row_count = EVENTS,
		.dead = dead,
		.fingerprints = prints,
		.image = buf_text(&image)};
	tail_put(&chunk, &part);
	size_t head = chunk.len - image.len;
	for (size_t i = 0; i < head; i++) {
		size_t at = 0;
		chunk.at[i] ^= 0x10;
		assert_int_equal(tail_next(buf_text(&chunk), &at, &part), STATUS_DAMAGED);
		assert_int_equal(at, 0);
		chunk.at[i] ^= 0x10;
	}
	for (size_t len = 1; len < chunk.len; len++) {
		size_t at = 0;
		assert_int_equal(tail_next((struct text){chunk.at, len}, &at, &part), STATUS_DAMAGED);
	}
	size_t at = 0;
	assert_int_equal(tail_next(buf_text(&chunk), &at, &part), STATUS_OK);
	assert_int_equal(tail_next(buf_text(&chunk), &at, &part), STATUS_NOT_FOUND);
	buf_finish(&chunk);
	buf_finish(&image);
}

static void a_newer_version_is_named_as_such(void **state)
{
	(void)state;
	struct buf image;
	struct error error;
	struct block *block = NULL;
	make_image(BLOCK_SEALED, &image);
	image.at[8] = 2;
	assert_int_equal(block_open(buf_text(&image), &block, &error), STATUS_UNSUPPORTED);
	assert_null(block);
	buf_finish(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changed_bytes_of_a_sealed_image_are_survived),
		cmocka_unit_test(changed_bytes_of_a_tail_image_are_survived),
		cmocka_unit_test(an_image_cut_at_any_length_is_refused),
		cmocka_unit_test(a_chunk_changed_or_cut_anywhere_is_refused),
		cmocka_unit_test(a_newer_version_is_named_as_such),
	};
	const char *given = getenv("SEED");
	seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	printf("SEED=%llu\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
