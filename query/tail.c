#include "tail.h"

#include <inttypes.h>
#include <stdlib.h>

#include "timestamp.h"

enum {
	RETRY_MS = 2000,
	ARENA_BYTES_MAX = 64 * 1024 * 1024,
	FRAME_BYTES_MAX = 256 * 1024 * 1024,
	KEPT_BYTES = 1024 * 1024
};

static enum status write_nowhere(void *context, const void *bytes, size_t len)
{
	(void)context;
	(void)bytes;
	(void)len;
	return STATUS_OK;
}

enum status tail_press_init(struct tail_press *press)
{
	enum status status = STATUS_OK;
	*press = (struct tail_press){.lines = {NULL}};
	output_init(&press->line, write_nowhere, NULL);
	press->line.utc = true;
	buf_init(&press->frame, FRAME_BYTES_MAX);
	for (size_t i = 0; i <= OUTPUT_CSV && status == STATUS_OK; i++)
		status = search_lines_create(&press->lines[i], (enum output_format)i);
	return status;
}

void tail_press_finish(struct tail_press *press)
{
	for (size_t i = 0; i <= OUTPUT_CSV; i++)
		search_lines_destroy(&press->lines[i]);
	output_finish(&press->line);
	buf_finish(&press->frame);
}

/* --- its life --- */

static enum status copy_tenants(struct tail *tail)
{
	const struct tail_question *asked = &tail->asked;
	if (asked->tenants == NULL)
		return STATUS_OK;
	struct text *copies = arena_calloc(&tail->arena, asked->tenant_count + 1, sizeof(*copies));
	if (copies == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < asked->tenant_count; i++) {
		copies[i] = arena_copy(&tail->arena, asked->tenants[i]);
		if (copies[i].at == NULL)
			return STATUS_NO_MEMORY;
	}
	tail->asked.tenants = copies;
	return STATUS_OK;
}

enum status tail_create(struct tail **tail, const struct tail_question *question, struct error *error)
{
	struct tail *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->asked = *question;
	made->cursor = question->cursor;
	made->put_at = timestamp_elapsed();
	arena_init(&made->arena, ARENA_BYTES_MAX);
	enum status status = copy_tenants(made);
	if (status == STATUS_OK)
		status = filter_parse(question->words, made->cursor.now, &made->arena, &made->filter, error);
	if (status == STATUS_OK && question->indicators.len > 0)
		status = filter_add_indicators(question->indicators, &made->arena, &made->filter, error);
	made->scan = (struct scan){
		.store_count = 1,
		.filter = &made->filter,
		.tenants = made->asked.tenants,
		.tenant_count = made->asked.tenant_count,
		.since = made->cursor.since,
		.until = made->cursor.until,
		.by_recv_time = question->by_recv_time,
		.meter = &made->meter,
	};
	if (status == STATUS_OK)
		status = scan_conditions_init(&made->conditions, &made->scan);
	if (status == STATUS_OK)
		*tail = made;
	else
		tail_destroy(&made);
	return status;
}

void tail_destroy(struct tail **tail)
{
	if (*tail == NULL)
		return;
	scan_conditions_finish(&(*tail)->conditions);
	arena_finish(&(*tail)->arena);
	free(*tail);
	*tail = NULL;
}

/* --- what it is written --- */

/* What a giant event took is given back. */
static void clear(struct buf *buf)
{
	if (buf->capacity <= KEPT_BYTES) {
		buf_clear(buf);
		return;
	}
	size_t max = buf->max;
	buf_finish(buf);
	buf_init(buf, max);
}

static void begin_frame(const struct tail *tail, struct tail_press *press, uint64_t next_seq, const char *event)
{
	char text[CURSOR_TEXT_BYTES];
	struct cursor cursor = tail->cursor;
	cursor.seq = next_seq;
	cursor_format(&cursor, &tail->asked.key, text);
	clear(&press->frame);
	buf_printf(&press->frame, "id: %s\n", text);
	if (event)
		buf_printf(&press->frame, "event: %s\ndata: ", event);
}

static enum status put_frame(struct tail *tail, struct tail_press *press)
{
	buf_put_byte(&press->frame, '\n');
	enum status status = buf_status(&press->frame);
	if (status == STATUS_LIMIT)
		status = STATUS_TOO_LARGE;
	if (status == STATUS_OK)
		status = http_tail_put(tail->asked.response, buf_text(&press->frame));
	if (status == STATUS_OK)
		tail->put_at = timestamp_elapsed();
	if (status == STATUS_BUSY)
		tail->need = press->frame.len;
	return status;
}

enum status tail_put_start(struct tail *tail, struct tail_press *press)
{
	begin_frame(tail, press, tail->cursor.seq, NULL);
	buf_printf(&press->frame, "retry: %d\n", RETRY_MS);
	return put_frame(tail, press);
}

static void put_gap(struct buf *frame, uint64_t first_seq, uint64_t last_seq, const char *reason)
{
	buf_printf(frame, "{\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 ",\"reason\":\"%s\"}\n", first_seq,
		last_seq, reason);
}

void tail_render(const struct tail *tail, struct tail_press *press, const struct event *event, struct text store_id)
{
	clear(&press->line.text);
	press->line.width = tail->asked.width;
	press->line.color = tail->asked.color;
	search_lines_put(press->lines[tail->asked.format], event, store_id, &press->line);
}

enum status tail_put_event(struct tail *tail, struct tail_press *press, uint64_t seq)
{
	struct text line = buf_text(&press->line.text);
	enum status status = buf_status(&press->line.text);
	while (line.len > 0 && (line.at[line.len - 1] == '\n' || line.at[line.len - 1] == '\r'))
		line.len--;
	begin_frame(tail, press, seq + 1, "event");
	buf_put_text(&press->frame, line);
	buf_put_byte(&press->frame, '\n');
	if (status == STATUS_OK)
		status = put_frame(tail, press);
	if (status == STATUS_TOO_LARGE || status == STATUS_LIMIT) {
		begin_frame(tail, press, seq + 1, "gap");
		put_gap(&press->frame, seq, seq, "too_large");
		status = put_frame(tail, press);
	}
	if (status == STATUS_OK)
		tail->cursor.seq = seq + 1;
	return status;
}

/* Each line for people is a data line of its own. */
static void put_coverage_lines(struct buf *frame, const struct coverage *coverage)
{
	struct buf text;
	buf_init(&text, KEPT_BYTES);
	coverage_put_text(&text, coverage);
	for (size_t at = 0; at < text.len;) {
		const char *end = memchr(text.at + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.at) - at : text.len - at;
		buf_put_string(frame, at > 0 ? "data: " : "");
		buf_put(frame, text.at + at, len);
		buf_put_byte(frame, '\n');
		at += len + 1;
	}
	buf_finish(&text);
}

/* Gaps first, each in a frame of its own; all of them are written or none. */
static void put_gaps(struct tail *tail, struct tail_press *press, struct buf *all)
{
	const struct coverage *coverage = &tail->pending;
	for (size_t i = 0; i < coverage->gaps && i < COVERAGE_SHOWN_MAX; i++) {
		begin_frame(tail, press, tail->cursor.seq, "gap");
		put_gap(&press->frame, coverage->gap[i].first, coverage->gap[i].last, "missing");
		buf_put_text(all, buf_text(&press->frame));
		buf_put_byte(all, '\n');
	}
	for (size_t i = 0; i < coverage->damages && i < COVERAGE_SHOWN_MAX; i++) {
		const struct coverage_damage *damage = &coverage->damage[i];
		begin_frame(tail, press, tail->cursor.seq, "gap");
		put_gap(&press->frame, damage->first_seq, damage->first_seq + damage->count - (damage->count > 0),
			"damaged");
		buf_put_text(all, buf_text(&press->frame));
		buf_put_byte(all, '\n');
	}
}

enum status tail_put_pending(struct tail *tail, struct tail_press *press)
{
	struct buf all;
	buf_init(&all, KEPT_BYTES);
	if (!tail->asked.tells_text)
		put_gaps(tail, press, &all);
	begin_frame(tail, press, tail->cursor.seq, "coverage");
	if (tail->asked.tells_text) {
		put_coverage_lines(&press->frame, &tail->pending);
	} else {
		coverage_put_json(&press->frame, &tail->pending);
		buf_put_byte(&press->frame, '\n');
	}
	buf_put_text(&all, buf_text(&press->frame));
	clear(&press->frame);
	buf_put_text(&press->frame, buf_text(&all));
	buf_finish(&all);
	enum status status = put_frame(tail, press);
	if (status == STATUS_OK) {
		tail->told = true;
		tail->has_pending = false;
	}
	return status;
}

enum status tail_put_heartbeat(struct tail *tail, struct tail_press *press)
{
	begin_frame(tail, press, tail->cursor.seq, NULL);
	buf_put_string(&press->frame, ":\n");
	return put_frame(tail, press);
}

void tail_put_error(struct tail *tail, struct tail_press *press, const struct error *error)
{
	begin_frame(tail, press, tail->cursor.seq, "error");
	buf_put_string(&press->frame, "{\"detail\":");
	json_put_string(&press->frame, text_of(error->text));
	buf_put_string(&press->frame, "}\n");
	enum status status = put_frame(tail, press);
	(void)status; /* it ends in any case */
}
