#include "search.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "brief.h"
#include "largest.h"
#include "printable.h"
#include "timestamp.h"

enum { SCRATCH_BYTES_MAX = 64 * 1024 * 1024, SHORT_BYTES_MAX = 64 * 1024, MERGED_EVENTS_MAX = 100000 };

/* --- the newest N --- */

/* One event that may be among the newest. */
struct place_of_event {
	int64_t recv_time;
	uint64_t seq;
	size_t store;
};

struct newest {
	uint64_t limit, met; /* of the store in hand */
	uint64_t first_seq;  /* of the last one met */
	bool more;
	bool merges; /* several stores: the newest of each are compared */
	size_t store, count, room;
	struct place_of_event *places; /* owned */
};

static enum status note_place(struct newest *newest, int64_t recv_time)
{
	if (!newest->merges)
		return STATUS_OK;
	if (newest->count == newest->room) {
		size_t room = newest->room ? newest->room * 2 : 1024;
		struct place_of_event *places = realloc(newest->places, room * sizeof(*places));
		if (places == NULL)
			return STATUS_NO_MEMORY;
		newest->places = places;
		newest->room = room;
	}
	newest->places[newest->count++] = (struct place_of_event){recv_time, newest->first_seq, newest->store};
	return STATUS_OK;
}

static enum status count_back(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct newest *newest = context;
	struct column received = {.rows = 0};
	(void)place;
	enum status status = block_column(block, FIELD_RECV_TIME, &received);
	uint32_t row = BLOCK_ROWS_MAX - 1;
	while (status == STATUS_OK && row_previous(rows, &row)) {
		if (newest->met++ == newest->limit) {
			newest->more = true;
			return STATUS_LIMIT;
		}
		newest->first_seq = block_first_seq(block) + row;
		status = note_place(newest, row < received.rows ? received.numbers[row] : 0);
		if (row-- == 0)
			break;
	}
	return status;
}

static int newest_first(const void *a, const void *b)
{
	const struct place_of_event *first = a;
	const struct place_of_event *second = b;
	if (first->recv_time != second->recv_time)
		return first->recv_time > second->recv_time ? -1 : 1;
	if (first->store != second->store)
		return first->store > second->store ? -1 : 1;
	return first->seq > second->seq ? -1 : first->seq < second->seq;
}

/* Of what the stores have, the newest by the time of receipt; within a store it never steps back. */
static void keep_newest(struct scan *scan, struct newest *newest, uint64_t limit)
{
	if (newest->count > 1)
		qsort(newest->places, newest->count, sizeof(*newest->places), newest_first);
	newest->more = newest->more || newest->count > limit;
	for (size_t i = 0; i < scan->store_count; i++)
		scan->stores[i].seq_first = UINT64_MAX; /* nothing, unless one of its events is kept */
	for (size_t i = 0; i < newest->count && i < limit; i++)
		scan->stores[newest->places[i].store].seq_first = newest->places[i].seq;
}

enum status search_narrow(struct scan *scan, uint64_t limit, struct error *error)
{
	struct newest newest = {.limit = limit, .merges = scan->store_count > 1};
	if (limit == 0)
		return STATUS_OK;
	if (newest.merges && limit > MERGED_EVENTS_MAX)
		return error_set(error, STATUS_INVALID, "--limit may be at most %d with several stores, or 0",
			MERGED_EVENTS_MAX);
	struct coverage ignored = {0}; /* damage is told by the scan that follows */
	enum status status = STATUS_OK;
	for (size_t i = 0; i < scan->store_count && status == STATUS_OK; i++) {
		struct scan back = *scan;
		back.purpose = "the newest";
		back.stores[0] = scan->stores[i];
		back.store_count = 1;
		back.backward = true;
		back.coverage = &ignored;
		newest.met = 0;
		newest.store = i;
		status = scan_run(&back, count_back, &newest, error);
	}
	if (status == STATUS_OK && newest.merges)
		keep_newest(scan, &newest, limit);
	else if (status == STATUS_OK && newest.more)
		scan->stores[0].seq_first = newest.first_seq;
	if (status == STATUS_OK && newest.more && scan->coverage)
		scan->coverage->more = true;
	free(newest.places);
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
	unsigned sort;        /* a field: the events with its largest values, largest first; 0: as they are met */
	bool merges;          /* events of several stores go out in order of receipt, once all are there */
	struct piece *pieces; /* owned */
	size_t piece_room;
	size_t start; /* of the first piece, in the output's text */
};

/* The text of one event, in a buffer of all of them. */
struct piece {
	int64_t recv_time;
	size_t order; /* in which it was met */
	size_t at, len;
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

static void put_head(struct listing *listing)
{
	if (listing->format == OUTPUT_TABLE)
		put_table_head(listing->out);
	else if (listing->format == OUTPUT_CSV)
		put_csv_head(listing->out);
}

static void put_event(struct listing *listing, const struct event *event)
{
	struct buf *text = &listing->out->text;
	switch (listing->format) {
	case OUTPUT_TABLE:
		put_table_row(listing, event);
		break;
	case OUTPUT_CSV:
		put_csv_row(listing, event);
		break;
	case OUTPUT_JSON:
		event_put_json(text, event, listing->store_id);
		break;
	case OUTPUT_NDJSON:
		event_put_json(text, event, listing->store_id);
		buf_put_byte(text, '\n');
		break;
	}
}

static enum status note_piece(struct listing *listing, const struct event *event, size_t at)
{
	if (listing->count == listing->piece_room) {
		size_t room = listing->piece_room ? listing->piece_room * 2 : 256;
		struct piece *pieces = realloc(listing->pieces, room * sizeof(*pieces));
		if (pieces == NULL)
			return STATUS_NO_MEMORY;
		listing->pieces = pieces;
		listing->piece_room = room;
	}
	int64_t recv_time = event_has(event, FIELD_RECV_TIME) ? event->value[FIELD_RECV_TIME].number : 0;
	listing->pieces[listing->count] = (struct piece){recv_time, listing->count, at, listing->out->text.len - at};
	listing->count++;
	return buf_status(&listing->out->text);
}

static enum status list_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct listing *listing = context;
	struct buf *text = &listing->out->text;
	if (listing->limit > 0 && listing->count == listing->limit) {
		listing->next = (uint64_t)event->value[FIELD_SEQ].number;
		return STATUS_LIMIT;
	}
	listing->store_id = place->store_id;
	if (listing->merges) {
		size_t at = text->len;
		put_event(listing, event);
		return note_piece(listing, event, at);
	}
	if (listing->count == 0)
		put_head(listing);
	else if (listing->format == OUTPUT_JSON)
		buf_put_string(text, ",\n");
	put_event(listing, event);
	listing->count++;
	return output_step(listing->out);
}

static int by_receipt(const void *a, const void *b)
{
	const struct piece *first = a;
	const struct piece *second = b;
	if (first->recv_time != second->recv_time)
		return first->recv_time < second->recv_time ? -1 : 1;
	return first->order < second->order ? -1 : first->order > second->order;
}

static enum status put_pieces(struct listing *listing)
{
	struct output *out = listing->out;
	struct buf all = out->text;
	enum status status = STATUS_OK;
	buf_init(&out->text, all.max);
	buf_put(&out->text, all.at, listing->start);
	if (listing->count > 0) {
		qsort(listing->pieces, listing->count, sizeof(*listing->pieces), by_receipt);
		put_head(listing);
	}
	for (size_t i = 0; i < listing->count && status == STATUS_OK; i++) {
		if (i > 0 && listing->format == OUTPUT_JSON)
			buf_put_string(&out->text, ",\n");
		buf_put(&out->text, all.at + listing->pieces[i].at, listing->pieces[i].len);
		status = output_step(out);
	}
	buf_finish(&all);
	return status;
}

static enum status list_scan(struct listing *listing, struct error *error)
{
	enum status status = scan_events(listing->scan, list_event, listing, error);
	return status == STATUS_OK && listing->merges ? put_pieces(listing) : status;
}

/* Each stands in a block of its own, or not: at most LARGEST_MAX of them are read. */
static enum status list_largest(struct listing *listing, struct error *error)
{
	struct largest largest = {NULL, 0, false};
	const struct scan *scan = listing->scan;
	enum status status = largest_find(&largest, scan, listing->sort, (size_t)listing->limit, error);
	listing->limit = 0;
	for (size_t i = 0; i < largest.count && status == STATUS_OK; i++) {
		struct scan one = *scan;
		one.stores[0] = scan->stores[largest.events[i].store];
		one.store_count = 1;
		one.coverage = NULL;
		scan_narrow(&one, largest.events[i].seq, largest.events[i].seq);
		status = scan_events(&one, list_event, listing, error);
	}
	if (scan->coverage)
		scan->coverage->more = largest.more;
	largest_finish(&largest);
	return status;
}

static enum status list(struct listing *listing, struct error *error)
{
	arena_init(&listing->scratch, SCRATCH_BYTES_MAX);
	buf_init(&listing->brief, SHORT_BYTES_MAX);
	listing->start = listing->out->text.len;
	enum status status = listing->sort ? list_largest(listing, error) : list_scan(listing, error);
	free(listing->pieces);
	buf_finish(&listing->brief);
	arena_finish(&listing->scratch);
	if (listing->scan->coverage)
		listing->scan->coverage->events = listing->count;
	return status;
}

static enum status put_listing(struct listing *listing, struct error *error)
{
	const struct scan *scan = listing->scan;
	struct output *out = listing->out;
	if (listing->format == OUTPUT_JSON)
		buf_put_string(&out->text, "{\"items\":[");
	enum status status = list(listing, error);
	if (status == STATUS_OK && scan->coverage)
		status = coverage_collect(scan, scan->coverage, error);
	if (status == STATUS_OK && listing->format == OUTPUT_JSON) {
		buf_put_string(&out->text, "],\"coverage\":");
		if (scan->coverage)
			coverage_put_json(&out->text, scan->coverage);
		buf_put_string(&out->text, "}\n");
	}
	return status == STATUS_OK ? output_flush(out) : status;
}

enum status search_put(
	const struct scan *scan, bool merges, enum output_format format, struct output *out, struct error *error)
{
	struct listing listing = {.scan = scan, .format = format, .out = out, .merges = merges};
	return put_listing(&listing, error);
}

enum status search_put_largest(const struct scan *scan, struct search_sort sort, enum output_format format,
	struct output *out, struct error *error)
{
	struct listing listing = {.scan = scan, .format = format, .out = out, .sort = sort.field, .limit = sort.limit};
	return put_listing(&listing, error);
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

/* --- one at a time --- */

struct search_lines {
	struct listing listing;
};

enum status search_lines_create(struct search_lines **lines, enum output_format format)
{
	struct search_lines *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->listing.format = format;
	arena_init(&made->listing.scratch, SCRATCH_BYTES_MAX);
	buf_init(&made->listing.brief, SHORT_BYTES_MAX);
	*lines = made;
	return STATUS_OK;
}

void search_lines_destroy(struct search_lines **lines)
{
	if (*lines == NULL)
		return;
	buf_finish(&(*lines)->listing.brief);
	arena_finish(&(*lines)->listing.scratch);
	free(*lines);
	*lines = NULL;
}

void search_lines_put_head(struct search_lines *lines, struct output *out)
{
	lines->listing.out = out;
	put_head(&lines->listing);
}

void search_lines_put(struct search_lines *lines, const struct event *event, struct text store_id, struct output *out)
{
	lines->listing.out = out;
	lines->listing.store_id = store_id;
	put_event(&lines->listing, event);
	arena_clear(&lines->listing.scratch);
}
