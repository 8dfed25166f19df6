#include "query_store.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "members.h"
#include "timestamp.h"

enum { LEAVES_MAX = 64 };

#define MUST(call) must((call), #call)

/*
 * A filter says "perhaps" of one wrong word in 256: with keys drawn at random, a test that tells which blocks are read
 * would fail in one run of fifty.  This stands before the one of GnuTLS, and draws the same bytes in each run.
 */
int gnutls_rnd(unsigned level, void *bytes, size_t len);
int gnutls_rnd(unsigned level, void *bytes, size_t len)
{
	static uint8_t drawn;
	(void)level;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)bytes)[i] = (uint8_t)(++drawn * 151U);
	return 0;
}

static void must(enum status status, const char *call)
{
	if (status == STATUS_OK)
		return;
	(void)fprintf(stderr, "%s: %s\n", call, status_text(status));
	abort();
}

static enum status keep_bytes(void *context, const void *bytes, size_t len)
{
	buf_put(context, bytes, len);
	return buf_status(context);
}

void query_store_open(struct query_store *fixture)
{
	static const struct store_options options = {
		.segment_bytes_max = UINT64_C(1) << 30, .map_bytes = UINT64_C(1) << 30};
	struct error error = {0};
	*fixture = (struct query_store){.dir = "/tmp/mcpledger-query-XXXXXX"};
	if (mkdtemp(fixture->dir) == NULL)
		abort();
	MUST(store_open(&fixture->store, fixture->dir, &options, &error));
	MUST(store_reader_attach(&fixture->reader, fixture->store, &error));
	MUST(rows_create(&fixture->rows));
	arena_init(&fixture->arena, 64 << 20);
	buf_init(&fixture->written, 64 << 20);
	output_init(&fixture->out, keep_bytes, &fixture->written);
	fixture->out.utc = true;
	fixture->recv_time = INT64_C(1795168800) * NS_PER_S; /* 2026-11-20T10:00:00Z */
}

void query_store_close(struct query_store *fixture)
{
	char command[128];
	store_reader_close(&fixture->reader);
	store_close(&fixture->store, true);
	rows_destroy(&fixture->rows);
	output_finish(&fixture->out);
	buf_finish(&fixture->written);
	arena_finish(&fixture->arena);
	(void)snprintf(command, sizeof(command), "rm -r '%s'", fixture->dir);
	if (system(command) != 0)
		abort();
}

/* Where a payload's scalars stand, as decoding finds them; without them it is kept as one text. */
static struct payload_leaves find_leaves(struct text json, struct json_leaf leaves[LEAVES_MAX])
{
	uint32_t count = 0;
	struct text leaf;
	for (size_t at = 0; leaves_next(json, &at, &leaf); count++) {
		if (count == LEAVES_MAX)
			return (struct payload_leaves){NULL, 0};
		leaves[count] = (struct json_leaf){(uint32_t)(leaf.at - json.at), (uint32_t)leaf.len};
	}
	return (struct payload_leaves){leaves, count};
}

void query_store_add(struct query_store *fixture, ...)
{
	static struct json_leaf leaves[PAYLOAD_COUNT][LEAVES_MAX];
	static struct event event;
	va_list pairs;
	event_clear(&event);
	memset(event.payload, 0, sizeof(event.payload));
	va_start(pairs, fixture);
	for (const char *path = va_arg(pairs, const char *); path; path = va_arg(pairs, const char *)) {
		const char *value = va_arg(pairs, const char *);
		unsigned field = field_find(text_of(path));
		assert(field != 0);
		if (field_is_number(field_info(field)->type))
			event_set_number(&event, field, strtoll(value, NULL, 10));
		else
			event_set_text(&event, field, text_of(value));
		enum payload payload = payload_of(field);
		if (payload != PAYLOAD_COUNT)
			event.payload[payload] = find_leaves(text_of(value), leaves[payload]);
	}
	va_end(pairs);
	if (!event_has(&event, FIELD_KIND))
		event_set_text(&event, FIELD_KIND, TEXT("tool_call"));
	if (!event_has(&event, FIELD_TENANT))
		event_set_text(&event, FIELD_TENANT, TEXT("default"));
	MUST(rows_append(fixture->rows, &event));
}

static void add_chunk(struct rows *rows, struct text chunk)
{
	struct tail_part part;
	for (size_t at = 0; tail_next(chunk, &at, &part) == STATUS_OK;) {
		struct block *block = NULL;
		MUST(block_open_part(&part, &block, NULL));
		MUST(rows_append_block(rows, block));
		block_close(&block);
	}
}

void query_store_seal(struct query_store *fixture)
{
	struct rows *rows = NULL;
	struct store_reader *reader = NULL;
	struct store_txn *txn = NULL;
	struct store_unit unit;
	struct buf image;
	struct buf summary;
	uint64_t first_seq = 0;
	buf_init(&image, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&summary, BLOCK_IMAGE_BYTES_MAX);
	MUST(rows_create(&rows));
	MUST(store_reader_attach(&reader, fixture->store, NULL));
	for (uint64_t seq = store_reader_first_seq(reader);
		store_reader_unit(reader, seq, false, &unit, NULL) == STATUS_OK; seq = unit.first_seq + unit.count) {
		if (unit.sealed)
			continue;
		first_seq = first_seq ? first_seq : unit.first_seq;
		add_chunk(rows, unit.bytes);
	}
	store_reader_close(&reader);
	MUST(block_encode(rows, BLOCK_SEALED, first_seq, store_filter_key(fixture->store), &image, &summary));
	MUST(store_begin(fixture->store, &txn));
	store_put_block(txn, first_seq, rows_count(rows), buf_text(&image), buf_text(&summary));
	MUST(store_commit(&txn));
	rows_destroy(&rows);
	buf_finish(&image);
	buf_finish(&summary);
}

void query_store_commit(struct query_store *fixture, bool sealed)
{
	uint32_t count = rows_count(fixture->rows);
	uint64_t *fingerprints = calloc(count, sizeof(*fingerprints));
	struct buf image;
	struct buf chunk;
	struct store_txn *txn = NULL;
	buf_init(&image, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&chunk, BLOCK_IMAGE_BYTES_MAX);
	struct tail_part part = {.first_seq = store_next_seq(fixture->store),
		.recv_time = fixture->recv_time,
		.row_count = count,
		.fingerprints = fingerprints};
	MUST(block_encode(fixture->rows, BLOCK_TAIL, part.first_seq, store_filter_key(fixture->store), &image, NULL));
	part.image = buf_text(&image);
	tail_put(&chunk, &part);
	MUST(buf_status(&chunk));
	MUST(store_begin(fixture->store, &txn));
	const struct payload_ref *refs = NULL;
	size_t payloads = rows_payloads(fixture->rows, &refs);
	for (size_t i = 0; i < payloads; i++)
		store_put_payload(txn, &refs[i]);
	store_put_tail(txn, part.first_seq, count, part.recv_time, buf_text(&chunk));
	MUST(store_commit(&txn));
	if (sealed)
		query_store_seal(fixture);
	rows_clear(fixture->rows);
	free(fingerprints);
	buf_finish(&image);
	buf_finish(&chunk);
	MUST(store_reader_renew(fixture->reader, NULL));
}

const char *query_store_written(struct query_store *fixture)
{
	buf_put_byte(&fixture->written, 0);
	fixture->written.len = 0;
	return fixture->written.at;
}
