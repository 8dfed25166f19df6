/*
 * Images of blocks, damaged so that their checksum is right: what an attacker who can write the store would leave.
 *
 * The first byte says which image (0: tail, 1: sealed; 2: the rest of the input is the image, 3: is a tail chunk); else
 * each 3 bytes are a change: where (2, little-endian, from the image's start), and the byte that stands there then.
 */
#include <assert.h>
#include <stdlib.h>

#include "block.h"
#include "block_checks.h"
#include "block_sample.h"
#include "fuzz.h"

enum { EVENTS = 60, IMAGE_BYTES_MAX = 1 << 20, CHANGE_BYTES = 3 };
static const uint8_t filter_key[16] = "sixteen bytes...";
static struct buf images[2], summaries[2];

static void make_images(void)
{
	struct arena arena;
	struct rows *rows = NULL;
	arena_init(&arena, SIZE_MAX);
	struct sample sample = {.state = 7, .arena = &arena};
	assert(rows_create(&rows) == STATUS_OK);
	for (uint64_t i = 0; i < EVENTS; i++)
		assert(rows_append(rows, sample_event(&sample, i)) == STATUS_OK);
	for (int level = BLOCK_TAIL; level <= BLOCK_SEALED; level++) {
		buf_init(&images[level], IMAGE_BYTES_MAX);
		buf_init(&summaries[level], IMAGE_BYTES_MAX);
		assert(block_encode(rows, (enum block_level)level, 1, filter_key, &images[level],
			       level == BLOCK_SEALED ? &summaries[level] : NULL) == STATUS_OK);
	}
	rows_destroy(&rows);
	arena_finish(&arena);
}

static void change(char *image, size_t len, const uint8_t *changes, size_t changes_len)
{
	for (; changes_len >= CHANGE_BYTES; changes += CHANGE_BYTES, changes_len -= CHANGE_BYTES)
		image[(changes[0] | (size_t)changes[1] << 8) % len] = (char)changes[2];
	checks_fit(image, len);
}

static bool holds_phrase(void *context, struct text text)
{
	return phrase_found(context, text);
}

static void read_block(struct block *block)
{
	struct event *event = malloc(sizeof(*event));
	assert(event);
	for (unsigned field = 0; field < FIELD_LIMIT; field++) {
		struct column column;
		uint64_t sum = 0;
		if (block_column(block, field, &column) != STATUS_OK || column.is_number)
			continue;
		for (uint32_t row = 0; row < column.rows; row++) {
			assert(column.codes[row] < column.entry_count);
			struct text text = column.codes[row] ? column.entries[column.codes[row]] : TEXT("");
			sum += text.len ? (unsigned char)text.at[0] + (unsigned char)text.at[text.len - 1] : 0;
		}
		assert(sum < UINT64_MAX);
	}
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++) {
		const uint64_t *lengths = NULL;
		uint64_t sum = 0;
		if (block_payload_lengths(block, (enum payload)payload, &lengths) == STATUS_OK)
			for (uint32_t row = 0; row < block_count(block); row++)
				sum += lengths[row] & 1;
		assert(sum <= block_count(block));
		static const struct phrase_word words[] = {{{"select", 6}, false}, {{"*", 1}, true}};
		const struct phrase phrase = {words, 1 + (payload & 1)};
		const struct payload_search search = {.scalar = holds_phrase,
			.payload = holds_phrase,
			.phrase = &phrase,
			.context = (void *)(uintptr_t)&phrase};
		uint64_t rows[BLOCK_ROWS_MAX / 64];
		uint64_t found[BLOCK_ROWS_MAX / 64] = {0};
		memset(rows, 0xff, sizeof(rows));
		enum status status = block_search_payload(block, (enum payload)payload, &search, rows, found);
		assert(status != STATUS_INVALID);
	}
	for (uint32_t row = 0; row < block_count(block); row++) {
		if (block_event(block, row, event) != STATUS_OK)
			break;
	}
	free(event);
}

static void read_image(struct text image)
{
	struct block *block = NULL;
	if (block_open(image, &block, NULL) == STATUS_OK)
		read_block(block);
	block_close(&block);
}

/* What the sealer does with a part. */
static void seal_block(struct block *block)
{
	struct rows *rows = NULL;
	struct buf image;
	struct buf summary;
	buf_init(&image, IMAGE_BYTES_MAX);
	buf_init(&summary, IMAGE_BYTES_MAX);
	assert(rows_create(&rows) == STATUS_OK);
	if (rows_append_block(rows, block) == STATUS_OK)
		(void)!block_encode(rows, BLOCK_SEALED, 1, filter_key, &image, &summary);
	else
		assert(rows_count(rows) == 0);
	rows_destroy(&rows);
	buf_finish(&summary);
	buf_finish(&image);
}

static void read_part(const struct tail_part *part)
{
	struct block *block = NULL;
	if (block_open_part(part, &block, NULL) == STATUS_OK) {
		read_block(block);
		seal_block(block);
	}
	block_close(&block);
}

static void read_chunk(struct text chunk)
{
	struct tail_part part;
	size_t at = 0;
	while (tail_next(chunk, &at, &part) == STATUS_OK)
		read_part(&part);
}

static void read_changed(enum block_level level, const uint8_t *changes, size_t changes_len)
{
	size_t len = images[level].len;
	char *image = malloc(len);
	assert(image);
	memcpy(image, images[level].at, len);
	change(image, len, changes, changes_len);
	struct text text = {image, len};
	if (level == BLOCK_SEALED)
		read_image(text);
	else
		read_part(&(struct tail_part){.first_seq = 1, .recv_time = 1, .row_count = EVENTS, .image = text});
	free(image);
}

static void read_summary(const uint8_t *bytes, size_t len)
{
	struct summary *summary = NULL;
	const struct time_range *times = NULL;
	const struct summary_value *values = NULL;
	bool complete = false;
	if (summary_open((struct text){(const char *)bytes, len}, &summary) == STATUS_OK) {
		(void)summary_times(summary, &times);
		(void)summary_may_have_word(summary, TEXT("word"), TEXT("t"));
		for (unsigned field = 0; field < FIELD_LIMIT; field++) {
			if (field_info(field)->flags & FIELD_IN_SET)
				(void)summary_values(summary, field, &values, &complete);
			(void)summary_may_have(summary, field, TEXT("x"), TEXT("t"));
		}
	}
	summary_close(&summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	if (images[BLOCK_SEALED].at == NULL)
		make_images();
	if (len == 0)
		return 0;
	struct text rest = {(const char *)bytes + 1, len - 1};
	switch (bytes[0] % 5) {
	case 0:
		read_changed(BLOCK_TAIL, bytes + 1, len - 1);
		break;
	case 1:
		read_changed(BLOCK_SEALED, bytes + 1, len - 1);
		break;
	case 2:
		read_image(rest);
		break;
	case 3:
		read_chunk(rest);
		break;
	default:
		read_summary(bytes + 1, len - 1);
		break;
	}
	return 0;
}
