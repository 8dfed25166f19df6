/*
 * bench_block FILE [BATCH [hurry]]: what columns, tail parts and blocks cost per event, and where a block's bytes go.
 * FILE holds events as NDJSON.  Blocks are packed as the collector does it when it has the time, or in a hurry.
 */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "block.h"
#include "image.h"

enum { BUF_BYTES_MAX = 1 << 30, BATCH_DEFAULT = 500, BLOCK_JSON_BYTES_MAX = 6 << 20 };

static struct text lines[BLOCK_ROWS_MAX];
static size_t event_count;
static struct event event;
static struct event_decoder *decoder;
static const uint8_t filter_key[16] = "a key for tests.";

static struct {
	double decode_json, append, tail, merge, seal, decode;
	size_t tail_bytes, image_bytes, summary_bytes, events;
	double by_column[FIELD_LIMIT];
} sum;

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		enum status status_ = (call);                                                                          \
		if (status_ != STATUS_OK) {                                                                            \
			fprintf(stderr, "%s: %s\n", #call, status_text(status_));                                      \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static FILE *file;
static struct arena arena;

static size_t load(void)
{
	static char *line;
	static size_t line_size;
	size_t bytes = 0;
	arena_clear(&arena);
	for (event_count = 0; event_count < BLOCK_ROWS_MAX && bytes < BLOCK_JSON_BYTES_MAX; event_count++) {
		ssize_t len = getline(&line, &line_size, file);
		if (len < 0)
			break;
		lines[event_count] = arena_copy(&arena, (struct text){line, (size_t)len});
		bytes += (size_t)len;
	}
	return event_count;
}

/* What event_decode makes of a line, and what the collector adds. */
static const struct event *view(size_t k)
{
	static const struct event_rules rules = {.own_clock = true,
		.event_bytes_max = 1 << 24,
		.payload_bytes_max = 1 << 24,
		.depth_max = JSON_DEPTH_MAX};
	struct reject why;
	if (event_decode(decoder, lines[k], &rules, &event, &why) != STATUS_OK) {
		fprintf(stderr, "event %zu: %s\n", k, why.text);
		exit(1);
	}
	event_set_text(&event, FIELD_INGEST_SOURCE, TEXT("http"));
	event_set_text(&event, FIELD_INGEST_AUTH, TEXT("none"));
	event_set_text(&event, FIELD_INGEST_PEER, TEXT("127.0.0.1"));
	return &event;
}

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void count_columns(struct text image)
{
	struct arena memory;
	struct image opened;
	arena_init(&memory, BUF_BYTES_MAX);
	MUST(image_open(image, &memory, &opened));
	for (uint32_t i = 0; i < opened.columns; i++)
		for (unsigned k = 0; k < opened.entry[i].stream_count; k++) {
			sum.by_column[opened.entry[i].column.field] += (double)opened.entry[i].stream[k].stored.len;
			if (getenv("STREAMS"))
				printf("  %s sub %u form %u map %u places %u entries %u stream %u: %zu -> %zu\n",
					field_info(opened.entry[i].column.field)->path, opened.entry[i].column.sub,
					opened.entry[i].column.form, opened.entry[i].column.map,
					opened.entry[i].column.places, opened.entry[i].column.entries, k,
					opened.entry[i].stream[k].raw_len, opened.entry[i].stream[k].stored.len);
		}
	arena_finish(&memory);
}

static void fill_tail(struct rows *rows, size_t batch, struct buf *chunk)
{
	static uint64_t prints[BLOCK_ROWS_MAX];
	struct buf image;
	buf_init(&image, BUF_BYTES_MAX);
	for (size_t at = 0; at < event_count; at += batch) {
		size_t count = event_count - at < batch ? event_count - at : batch;
		double start = now();
		rows_clear(rows);
		for (size_t i = 0; i < count; i++)
			(void)view(at + i);
		double viewed = now();
		for (size_t i = 0; i < count; i++)
			MUST(rows_append(rows, view(at + i)));
		double appended = now();
		buf_clear(&image);
		MUST(block_encode(rows, BLOCK_TAIL, 0, filter_key, &image, NULL));
		double encoded = now();
		sum.decode_json += viewed - start;
		sum.append += (appended - viewed) - (viewed - start);
		sum.tail += encoded - appended;
		sum.tail_bytes += image.len;
		struct tail_part part = {.first_seq = 1 + at,
			.recv_time = view(at)->value[FIELD_TIME].number,
			.row_count = (uint32_t)count,
			.fingerprints = prints,
			.image = buf_text(&image)};
		tail_put(chunk, &part);
	}
	MUST(buf_status(chunk));
	buf_finish(&image);
}

static void merge(struct rows *rows, struct text chunk)
{
	size_t at = 0;
	struct tail_part part;
	double start = now();
	rows_clear(rows);
	while (tail_next(chunk, &at, &part) == STATUS_OK) {
		struct block *block = NULL;
		MUST(block_open_part(&part, &block, NULL));
		MUST(rows_append_block(rows, block));
		block_close(&block);
	}
	sum.merge += now() - start;
}

static void decode(struct text image)
{
	struct block *block = NULL;
	struct column column;
	double start = now();
	MUST(block_open(image, &block, NULL));
	for (unsigned field = 0; field < FIELD_LIMIT; field++)
		if (block_column(block, field, &column) == STATUS_DAMAGED)
			fprintf(stderr, "field %u is damaged\n", field);
	block_close(&block);
	sum.decode += now() - start;
}

int main(int argc, char **argv)
{
	assert(argc > 1);
	size_t batch = argc > 2 ? strtoul(argv[2], NULL, 10) : BATCH_DEFAULT;
	atomic_bool hurry = argc > 3 && strcmp(argv[3], "hurry") == 0;
	file = fopen(argv[1], "r");
	assert(file);
	arena_init(&arena, BUF_BYTES_MAX);
	struct rows *small = NULL;
	struct rows *large = NULL;
	struct buf chunk;
	struct buf image;
	struct buf summary;
	MUST(event_decoder_create(&decoder));
	MUST(rows_create(&small));
	MUST(rows_create(&large));
	rows_pack_thoroughly(large, &hurry);
	buf_init(&chunk, BUF_BYTES_MAX);
	buf_init(&image, BUF_BYTES_MAX);
	buf_init(&summary, BUF_BYTES_MAX);
	while (load()) {
		buf_clear(&chunk);
		buf_clear(&image);
		buf_clear(&summary);
		fill_tail(small, batch, &chunk);
		merge(large, buf_text(&chunk));
		double start = now();
		MUST(block_encode(large, BLOCK_SEALED, 1 + sum.events, filter_key, &image, &summary));
		sum.seal += now() - start;
		decode(buf_text(&image));
		sum.image_bytes += image.len;
		sum.summary_bytes += summary.len;
		sum.events += event_count;
		count_columns(buf_text(&image));
	}
	double n = (double)sum.events;
	printf("ns per event: decode JSON %.0f, append %.0f, tail %.0f, merge %.0f, seal %.0f, decode all %.0f\n",
		sum.decode_json / n, sum.append / n, sum.tail / n, sum.merge / n, sum.seal / n, sum.decode / n);
	printf("bytes per event: tail %.1f, block %.2f, summary %.2f, both %.2f\n", (double)sum.tail_bytes / n,
		(double)sum.image_bytes / n, (double)sum.summary_bytes / n,
		(double)(sum.image_bytes + sum.summary_bytes) / n);
	for (unsigned field = 0; field < FIELD_LIMIT; field++)
		if (sum.by_column[field] > 0)
			printf("  %6.3f %s\n", sum.by_column[field] / n, field ? field_info(field)->path : "groups");
	return 0;
}
