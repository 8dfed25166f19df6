/* One event as an emitter sends it: what is taken renders to whole JSON and fits into columns; a refusal is printable. */
#include <assert.h>
#include <stdlib.h>

#include "block.h"
#include "fuzz.h"

enum { OUT_BYTES_MAX = 64 << 20, EVENT_BYTES_MAX = 1 << 20, PAYLOAD_BYTES_MAX = 2048, NOW_S = 1790000000 };

static void assert_json(struct json_reader *reader, struct text text)
{
	struct arena arena;
	struct json_value value;
	arena_init(&arena, OUT_BYTES_MAX);
	json_reader_limit(reader, JSON_DEPTH_MAX);
	assert(json_begin(reader, text) == STATUS_OK);
	assert(json_value(reader, &arena, 0, &value) == STATUS_OK);
	assert(json_end(reader) == STATUS_OK);
	arena_finish(&arena);
}

static void render(struct event *event)
{
	struct json_reader *reader = NULL;
	struct buf out;
	buf_init(&out, OUT_BYTES_MAX);
	assert(json_reader_create(&reader) == STATUS_OK);
	event_put_canonical(&out, event);
	assert(buf_status(&out) == STATUS_OK);
	assert_json(reader, buf_text(&out));
	buf_clear(&out);
	event_set_number(event, FIELD_SEQ, 7);
	event_set_number(event, FIELD_RECV_TIME, NOW_S * INT64_C(1000000000));
	event_put_json(&out, event, TEXT("0123456789abcdef"));
	assert(buf_status(&out) == STATUS_OK);
	assert_json(reader, buf_text(&out));
	buf_finish(&out);
	json_reader_destroy(&reader);
}

static void keep(const struct event *event)
{
	struct rows *rows = NULL;
	struct buf image;
	buf_init(&image, OUT_BYTES_MAX);
	assert(rows_create(&rows) == STATUS_OK);
	assert(rows_append(rows, event) == STATUS_OK);
	assert(block_encode(rows, BLOCK_TAIL, 1, (const uint8_t *)"sixteen bytes...", &image, NULL) == STATUS_OK);
	buf_finish(&image);
	rows_destroy(&rows);
}

/* The second time an event is read by outline, if it can be: nothing may be different. */
static void assert_same_again(
	struct event_decoder *decoder, struct text json, const struct event_rules *rules, struct event *event)
{
	struct buf first, second;
	struct reject why;
	buf_init(&first, OUT_BYTES_MAX);
	buf_init(&second, OUT_BYTES_MAX);
	event_put_json(&first, event, TEXT("0123456789abcdef"));
	assert(event_decode(decoder, json, rules, event, &why) == STATUS_OK);
	event_put_json(&second, event, TEXT("0123456789abcdef"));
	assert(text_equal(buf_text(&first), buf_text(&second)));
	keep(event);
	buf_finish(&first);
	buf_finish(&second);
}

static void assert_printable(const char *text)
{
	assert(text[0]);
	for (; *text; text++)
		assert((unsigned char)*text >= 0x20 && *text != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct event_decoder *decoder = NULL;
	struct reject why = {0};
	struct event *event = malloc(sizeof(*event));
	const struct event_rules rules = {
		.tenant = TEXT("default"),
		.may_assert_identity = true,
		.event_bytes_max = EVENT_BYTES_MAX,
		.payload_bytes_max = PAYLOAD_BYTES_MAX,
		.depth_max = 64,
		.digest_key = TEXT("0123456789abcdef0123456789abcdef"),
		.digest_key_id = TEXT("k1"),
		.now_ns = NOW_S * INT64_C(1000000000),
	};
	assert(event && event_decoder_create(&decoder) == STATUS_OK);
	struct text json = {(const char *)bytes, len};
	enum status status = event_decode(decoder, json, &rules, event, &why);
	if (status == STATUS_OK) {
		assert(event->verdict < VERDICT_COUNT);
		keep(event);
		assert_same_again(decoder, json, &rules, event);
		render(event);
	} else {
		assert(status == STATUS_INVALID && why.reason != REASON_NONE && why.reason < REASON_COUNT);
		assert_printable(why.text);
	}
	event_decoder_destroy(&decoder);
	free(event);
	return 0;
}
