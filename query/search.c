#include "search.h"

#include <inttypes.h>
#include <stdio.h>

#include "brief.h"
#include "printable.h"
#include "timestamp.h"

enum { SCRATCH_BYTES_MAX = 64 * 1024 * 1024, SHORT_BYTES_MAX = 64 * 1024 };

/* --- the newest N --- */

struct newest {
	uint64_t limit, met, first_seq;
};

static enum status count_back(void *context, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct newest *newest = context;
	uint32_t row = BLOCK_ROWS_MAX - 1;
	while (row_previous(rows, &row)) {
		if (newest->met++ == newest->limit)
			return STATUS_LIMIT;
		newest->first_seq = block_first_seq(block) + row;
		if (row-- == 0)
			break;
	}
	return STATUS_OK;
}

enum status search_narrow(struct scan *scan, uint64_t limit, struct error *error)
{
	if (limit == 0)
		return STATUS_OK;
	struct newest newest = {.limit = limit, .first_seq = scan->seq_first};
	struct coverage ignored = {0}; /* damage is told by the scan that follows */
	struct scan back = *scan;
	back.backward = true;
	back.coverage = &ignored;
	enum status status = scan_run(&back, count_back, &newest, error);
	if (status == STATUS_OK && newest.met > limit) {
		scan->seq_first = newest.first_seq;
		if (scan->coverage)
			scan->coverage->more = true;
	}
	return status;
}

/* --- formats --- */

struct listing {
	const struct scan *scan;
	enum output_format format;
	struct output *out;
	struct text store_id;
	struct arena scratch;
	struct buf brief; /* texts before they are shortened */
	uint64_t count;
	uint64_t limit;
	uint64_t next;
};

static void put_padded(struct output *out, struct text text, size_t columns)
{
	size_t used = printable_put_columns(&out->text, text, columns);
	for (; used < columns + 1; used++)
		buf_put_byte(&out->text, ' ');
}

enum { SEQ_COLUMNS = 8, TIME_COLUMNS = 23, USER_COLUMNS = 16, DURATION_COLUMNS = 9 };

static size_t flexible_columns(const struct output *out)
{
	size_t fixed = SEQ_COLUMNS + TIME_COLUMNS + USER_COLUMNS + DURATION_COLUMNS + 7;
	return out->width > fixed + 30 ? out->width - fixed : 30;
}

static void put_table_head(struct output *out)
{
	size_t flexible = flexible_columns(out);
	put_padded(out, TEXT("SEQ"), SEQ_COLUMNS);
	put_padded(out, TEXT("TIME"), TIME_COLUMNS);
	put_padded(out, TEXT("USER"), USER_COLUMNS);
	put_padded(out, TEXT("WHAT"), flexible * 2 / 5);
	put_padded(out, TEXT("DURATION"), DURATION_COLUMNS);
	put_padded(out, TEXT("OUTCOME"), flexible * 3 / 10);
	buf_put_string(&out->text, "PARAMETERS\n");
}

static const char *tone_color(enum tone tone)
{
	switch (tone) {
	case TONE_GOOD:
		return "\x1b[32m";
	case TONE_BAD:
		return "\x1b[31m";
	case TONE_REFUSED:
	case TONE_WAITING:
		return "\x1b[33m";
	default:
		return "\x1b[2m";
	}
}

static void put_table_outcome(struct listing *listing, const struct event *event, size_t columns)
{
	struct output *out = listing->out;
	buf_clear(&listing->brief);
	enum tone tone = brief_outcome(&listing->brief, event, &listing->scratch);
	if (out->color)
		buf_put_string(&out->text, tone_color(tone));
	buf_put_string(&out->text, tone_sign(tone));
	buf_put_byte(&out->text, ' ');
	put_padded(out, buf_text(&listing->brief), columns - 2);
	if (out->color)
		buf_put_string(&out->text, "\x1b[0m");
}

static void put_table_row(struct listing *listing, const struct event *event)
{
	struct output *out = listing->out;
	struct buf *brief = &listing->brief;
	char text[TIMESTAMP_TEXT_BYTES];
	size_t flexible = flexible_columns(out);
	int len = snprintf(text, sizeof(text), "%" PRId64, event->value[FIELD_SEQ].number);
	put_padded(out, (struct text){text, (size_t)len}, SEQ_COLUMNS > len ? SEQ_COLUMNS : (size_t)len);
	put_padded(out, (struct text){text, timestamp_format_table(event_time(event), out->utc, text)}, TIME_COLUMNS);
	put_padded(out, event_text(event, FIELD_USER_ID), USER_COLUMNS);
	buf_clear(brief);
	if (event_text(event, FIELD_SERVER_NAME).len > 0) {
		buf_put_text(brief, event_text(event, FIELD_SERVER_NAME));
		buf_put_string(brief, " · ");
	}
	brief_what(brief, event);
	put_padded(out, buf_text(brief), flexible * 2 / 5);
	text[0] = 0;
	if (event_has(event, FIELD_DURATION_NS))
		(void)duration_format(event->value[FIELD_DURATION_NS].number, text);
	put_padded(out, text_of(text), DURATION_COLUMNS);
	put_table_outcome(listing, event, flexible * 3 / 10);
	buf_clear(brief);
	brief_parameters(brief, event_text(event, FIELD_REQUEST), &listing->scratch);
	size_t parameters = flexible - flexible * 2 / 5 - flexible * 3 / 10;
	(void)printable_put_columns(&out->text, buf_text(brief), parameters);
	buf_put_byte(&out->text, '\n');
}

static const uint8_t csv_fields[] = {FIELD_KIND, FIELD_USER_ID, FIELD_CLIENT_NAME, FIELD_AGENT_NAME, FIELD_SERVER_NAME,
	FIELD_ACTION, FIELD_TARGET_NAME, FIELD_VERDICT, FIELD_DURATION_NS, FIELD_ERROR_TYPE, FIELD_ERROR_MESSAGE,
	FIELD_SESSION_ID, FIELD_CONVERSATION_ID, FIELD_TRACE_ID, FIELD_TENANT, FIELD_INTENT, FIELD_REQUEST,
	FIELD_RESPONSE};

static void put_csv_head(struct output *out)
{
	buf_put_string(&out->text, "seq,id,time");
	for (size_t i = 0; i < sizeof(csv_fields); i++) {
		buf_put_byte(&out->text, ',');
		buf_put_string(&out->text, field_info(csv_fields[i])->path);
	}
	buf_put_string(&out->text, "\r\n");
}

static void put_csv_row(struct listing *listing, const struct event *event)
{
	struct buf *text = &listing->out->text;
	char buffer[96];
	char time[TIMESTAMP_TEXT_BYTES];
	buf_put_int(text, event->value[FIELD_SEQ].number);
	buf_put_byte(text, ',');
	printable_put_csv(text, event_id(event, listing->store_id, buffer));
	buf_put_byte(text, ',');
	buf_put(text, time, timestamp_format(event_time(event), time));
	for (size_t i = 0; i < sizeof(csv_fields); i++) {
		buf_put_byte(text, ',');
		if (!event_has(event, csv_fields[i]))
			continue;
		if (field_is_number(field_info(csv_fields[i])->type))
			buf_put_int(text, event->value[csv_fields[i]].number);
		else
			printable_put_csv(text, event->value[csv_fields[i]].text);
	}
	buf_put_string(text, "\r\n");
}

static enum status list_event(void *context, const struct event *event)
{
	struct listing *listing = context;
	struct buf *text = &listing->out->text;
	if (listing->limit > 0 && listing->count == listing->limit) {
		listing->next = (uint64_t)event->value[FIELD_SEQ].number;
		return STATUS_LIMIT;
	}
	switch (listing->format) {
	case OUTPUT_TABLE:
		if (listing->count == 0)
			put_table_head(listing->out);
		put_table_row(listing, event);
		break;
	case OUTPUT_CSV:
		if (listing->count == 0)
			put_csv_head(listing->out);
		put_csv_row(listing, event);
		break;
	case OUTPUT_JSON:
		buf_put_string(text, listing->count ? ",\n" : "");
		event_put_json(text, event, listing->store_id);
		break;
	case OUTPUT_NDJSON:
		event_put_json(text, event, listing->store_id);
		buf_put_byte(text, '\n');
		break;
	}
	listing->count++;
	return output_step(listing->out);
}

static enum status list(struct listing *listing, struct error *error)
{
	listing->store_id = text_of(store_reader_id(listing->scan->reader));
	arena_init(&listing->scratch, SCRATCH_BYTES_MAX);
	buf_init(&listing->brief, SHORT_BYTES_MAX);
	enum status status = scan_events(listing->scan, list_event, listing, error);
	buf_finish(&listing->brief);
	arena_finish(&listing->scratch);
	if (listing->scan->coverage)
		listing->scan->coverage->events = listing->count;
	return status;
}

enum status search_put(const struct scan *scan, enum output_format format, struct output *out, struct error *error)
{
	struct listing listing = {.scan = scan, .format = format, .out = out};
	if (format == OUTPUT_JSON)
		buf_put_string(&out->text, "{\"items\":[");
	enum status status = list(&listing, error);
	if (status == STATUS_OK && scan->coverage)
		status = coverage_collect(scan, scan->coverage, error);
	if (status == STATUS_OK && format == OUTPUT_JSON) {
		buf_put_string(&out->text, "],\"coverage\":");
		if (scan->coverage)
			coverage_put_json(&out->text, scan->coverage);
		buf_put_string(&out->text, "}\n");
	}
	return status == STATUS_OK ? output_flush(out) : status;
}

enum status search_put_page(
	const struct scan *scan, uint64_t limit, struct output *out, uint64_t *next, struct error *error)
{
	struct listing listing = {.scan = scan, .format = OUTPUT_JSON, .out = out, .limit = limit};
	enum status status = list(&listing, error);
	if (status == STATUS_OK)
		*next = listing.next;
	return status;
}

enum status export_put(const struct scan *scan, struct output *out, struct error *error)
{
	struct listing listing = {.scan = scan, .format = OUTPUT_NDJSON, .out = out};
	enum status status = list(&listing, error);
	return status == STATUS_OK ? output_flush(out) : status;
}
