/*
 * golden_test DIR [--regenerate]: reads what a released version wrote, and finds the same events in it.
 *
 * DIR holds   tail.bin         a tail chunk of two parts, one with dead rows
 *             block.bin        the sealed block of its live rows
 *             summary.bin      the block's summary
 *             payloads.bin     the payloads kept outside: per payload 32 bytes of key, 4 of length, the stored bytes
 *             canonical.ndjson the canonical bytes of the block's events
 *             fields.txt       all their fields: "row number value" a line, as written by print_field
 * In the last two, text that is long is told by its length and its SHA-256.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "block.h"
#include "block_sample.h"
#include "crypto.h"

enum {
	EVENTS = 170,
	FIRST_PART = 100,
	FIRST_SEQ = 1000,
	FILE_BYTES_MAX = 16 * 1024 * 1024,
	KEY_BYTES = 32,
	WHOLE_BYTES_MAX = 64 * 1024
};
static const uint8_t filter_key[16] = "sixteen bytes...";
static const char *directory;
static struct buf chunk, image, summary, payloads, canonical, fields;

static struct {
	const char *name;
	struct buf *bytes;
} files[] = {
	{"tail.bin", &chunk},
	{"block.bin", &image},
	{"summary.bin", &summary},
	{"payloads.bin", &payloads},
	{"canonical.ndjson", &canonical},
	{"fields.txt", &fields},
};

static FILE *open_file(const char *name, const char *mode)
{
	char path[4096];
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, mode);
	if (file == NULL)
		fail_msg("%s cannot be opened", path);
	return file;
}

static void read_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = open_file(files[i].name, "rb");
		char bytes[4096];
		size_t len = 0;
		buf_clear(files[i].bytes);
		while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
			buf_put(files[i].bytes, bytes, len);
		assert_int_equal(fclose(file), 0);
	}
}

static void write_files(void)
{
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		FILE *file = open_file(files[i].name, "wb");
		assert_int_equal(fwrite(files[i].bytes->at, 1, files[i].bytes->len, file), files[i].bytes->len);
		assert_int_equal(fclose(file), 0);
	}
}

/* --- what a block holds, as text --- */

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct buf *stored = context;
	for (size_t at = 0; at < stored->len;) {
		uint32_t len = 0;
		memcpy(&len, stored->at + at + KEY_BYTES, sizeof(len));
		struct text text = {stored->at + at + KEY_BYTES + sizeof(len), len};
		if (memcmp(stored->at + at, key, KEY_BYTES) == 0)
			return payload_unpack(text, arena, payload);
		at += KEY_BYTES + sizeof(len) + len;
	}
	return STATUS_NOT_FOUND;
}

/* A text that is long, told by its length and its digest; false: it is not, and nothing was put. */
static bool put_long(struct buf *out, struct text text)
{
	uint8_t digest[SHA256_BYTES];
	if (text.len <= WHOLE_BYTES_MAX)
		return false;
	assert_int_equal(crypto_sha256(text, digest), STATUS_OK);
	buf_printf(out, "%zu bytes, sha256 ", text.len);
	for (size_t i = 0; i < sizeof(digest); i++)
		buf_printf(out, "%02x", digest[i]);
	return true;
}

static void print_field(struct buf *out, uint32_t row, const struct event *event, unsigned field)
{
	buf_printf(out, "%u %u ", row, field);
	if (field_is_number(field_info(field)->type))
		buf_put_int(out, event->value[field].number);
	else if (!put_long(out, event_text(event, field)))
		json_put_string(out, event_text(event, field));
	buf_put_byte(out, '\n');
}

static void print_block(struct block *block, uint32_t first_row, struct buf *lines, struct buf *values)
{
	struct event *event = malloc(sizeof(*event));
	struct buf line;
	assert_non_null(event);
	buf_init(&line, FILE_BYTES_MAX);
	for (uint32_t row = 0; row < block_count(block); row++) {
		assert_int_equal(block_event(block, row, event), STATUS_OK);
		buf_clear(&line);
		event_put_canonical(&line, event);
		assert_int_equal(buf_status(&line), STATUS_OK);
		if (!put_long(lines, buf_text(&line)))
			buf_put_text(lines, buf_text(&line));
		buf_put_byte(lines, '\n');
		for (unsigned field = 1; field < FIELD_LIMIT; field++)
			if (event_has(event, field))
				print_field(values, first_row + row, event, field);
	}
	buf_finish(&line);
	free(event);
}

static void print_image(const struct buf *stored, struct buf *lines, struct buf *values)
{
	struct block *block = NULL;
	assert_int_equal(block_open(buf_text(stored), &block, NULL), STATUS_OK);
	block_set_payload_source(block, (struct payload_source){get_payload, &payloads});
	print_block(block, 0, lines, values);
	block_close(&block);
}

static void print_chunk(const struct buf *stored, struct buf *lines, struct buf *values)
{
	struct tail_part part;
	size_t at = 0;
	uint32_t row = 0;
	while (tail_next(buf_text(stored), &at, &part) == STATUS_OK) {
		struct block *block = NULL;
		assert_int_equal(block_open_part(&part, &block, NULL), STATUS_OK);
		assert_int_equal(block_first_seq(block), FIRST_SEQ + row);
		block_set_payload_source(block, (struct payload_source){get_payload, &payloads});
		print_block(block, row, lines, values);
		row += block_count(block);
		block_close(&block);
	}
	assert_int_equal(at, stored->len);
}

/* --- writing the files --- */

static void keep_payloads(const struct rows *rows)
{
	const struct payload_ref *refs = NULL;
	size_t count = rows_payloads(rows, &refs);
	for (size_t i = 0; i < count; i++) {
		uint32_t len = (uint32_t)refs[i].stored.len;
		buf_put(&payloads, refs[i].key, sizeof(refs[i].key));
		buf_put(&payloads, &len, sizeof(len));
		buf_put_text(&payloads, refs[i].stored);
	}
}

static void put_part(struct sample *sample, uint64_t start, uint64_t end, bool some_dead, uint64_t *seq)
{
	uint8_t dead[EVENTS / 8 + 1] = {0};
	uint64_t prints[EVENTS];
	struct rows *rows = NULL;
	struct buf part_image;
	uint64_t live = 0;
	buf_init(&part_image, FILE_BYTES_MAX);
	assert_int_equal(rows_create(&rows), STATUS_OK);
	for (uint64_t i = start; i < end; i++) {
		prints[i - start] = i;
		if (some_dead && i % 10 == 3)
			dead[(i - start) / 8] |= (uint8_t)(1U << (i - start) % 8);
		else
			live++;
		struct event *event = sample_event(sample, i);
		event->present[FIELD_RECV_TIME / 64] &= ~(UINT64_C(1) << FIELD_RECV_TIME % 64);
		assert_int_equal(rows_append(rows, event), STATUS_OK);
	}
	assert_int_equal(block_encode(rows, BLOCK_TAIL, 0, filter_key, &part_image, NULL), STATUS_OK);
	keep_payloads(rows);
	struct tail_part part = {.first_seq = *seq,
		.recv_time = INT64_C(1795230845000000000) + (int64_t)start,
		.row_count = (uint32_t)(end - start),
		.dead = some_dead ? dead : NULL,
		.fingerprints = prints,
		.image = buf_text(&part_image)};
	tail_put(&chunk, &part);
	*seq += live;
	rows_destroy(&rows);
	buf_finish(&part_image);
}

static void regenerate(void **state)
{
	(void)state;
	struct arena arena;
	struct rows *rows = NULL;
	struct tail_part part;
	size_t at = 0;
	uint64_t seq = FIRST_SEQ;
	arena_init(&arena, SIZE_MAX);
	struct sample sample = {.state = 1, .arena = &arena, .large_payloads = true};
	put_part(&sample, 0, FIRST_PART, false, &seq);
	put_part(&sample, FIRST_PART, EVENTS, true, &seq);
	assert_int_equal(rows_create(&rows), STATUS_OK);
	while (tail_next(buf_text(&chunk), &at, &part) == STATUS_OK) {
		struct block *block = NULL;
		assert_int_equal(block_open_part(&part, &block, NULL), STATUS_OK);
		assert_int_equal(rows_append_block(rows, block), STATUS_OK);
		block_close(&block);
	}
	assert_int_equal(block_encode(rows, BLOCK_SEALED, FIRST_SEQ, filter_key, &image, &summary), STATUS_OK);
	print_image(&image, &canonical, &fields);
	write_files();
	rows_destroy(&rows);
	arena_finish(&arena);
}

/* --- reading them --- */

static void assert_same(void (*print)(const struct buf *, struct buf *, struct buf *), const struct buf *stored)
{
	struct buf lines;
	struct buf values;
	buf_init(&lines, FILE_BYTES_MAX);
	buf_init(&values, FILE_BYTES_MAX);
	print(stored, &lines, &values);
	assert_int_equal(buf_status(&lines), STATUS_OK);
	assert_true(text_equal(buf_text(&lines), buf_text(&canonical)));
	assert_true(text_equal(buf_text(&values), buf_text(&fields)));
	buf_finish(&lines);
	buf_finish(&values);
}

static void the_block_holds_its_events(void **state)
{
	(void)state;
	assert_same(print_image, &image);
}

static void the_tail_chunk_holds_the_same_events(void **state)
{
	(void)state;
	assert_same(print_chunk, &chunk);
}

static void the_summary_knows_the_blocks_values_and_words(void **state)
{
	(void)state;
	struct summary *opened = NULL;
	struct block *block = NULL;
	struct column ids;
	struct column tenants;
	const struct time_range *times = NULL;
	assert_int_equal(summary_open(buf_text(&summary), &opened), STATUS_OK);
	assert_int_equal(block_open(buf_text(&image), &block, NULL), STATUS_OK);
	assert_int_equal(summary_first_seq(opened), FIRST_SEQ);
	assert_int_equal(summary_count(opened), block_count(block));
	assert_true(summary_times(opened, &times) > 0);
	assert_int_equal(block_column(block, FIELD_TRACE_ID, &ids), STATUS_OK);
	assert_int_equal(block_column(block, FIELD_TENANT, &tenants), STATUS_OK);
	for (uint32_t row = 0; row < ids.rows; row++)
		assert_true(summary_may_have(
			opened, FIELD_TRACE_ID, ids.entries[ids.codes[row]], tenants.entries[tenants.codes[row]]));
	assert_true(summary_may_have_word(opened, TEXT("SELECT"), TEXT("acme")));
	assert_true(summary_may_have_word(opened, TEXT("orders"), TEXT("globex")));
	unsigned wrong = 0;
	for (unsigned i = 0; i < 1000; i++) {
		char id[40];
		struct text text = {id, (size_t)snprintf(id, sizeof(id), "no-such-id-%u", i)};
		wrong += summary_may_have(opened, FIELD_TRACE_ID, text, TEXT("acme"));
	}
	assert_true(wrong < 20);
	block_close(&block);
	summary_close(&opened);
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	directory = argv[1];
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		buf_init(files[i].bytes, FILE_BYTES_MAX);
	int failed = 0;
	if (argc > 2) {
		const struct CMUnitTest tests[] = {cmocka_unit_test(regenerate)};
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	} else {
		const struct CMUnitTest tests[] = {
			cmocka_unit_test(the_block_holds_its_events),
			cmocka_unit_test(the_tail_chunk_holds_the_same_events),
			cmocka_unit_test(the_summary_knows_the_blocks_values_and_words),
		};
		read_files();
		failed = cmocka_run_group_tests(tests, NULL, NULL);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		buf_finish(files[i].bytes);
	return failed;
}
