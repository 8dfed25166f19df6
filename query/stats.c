#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sheet.h"
#include "tally.h"
#include "timestamp.h"

/* --- the store --- */

static void put_time_member(struct buf *out, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(ns, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static void put_figures_json(struct buf *out, const char *store_id, const struct store_figures *figures)
{
	buf_printf(out,
		"{\"store_id\":\"%s\",\"events\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"tail_events\":%" PRIu64
		",\"segments\":%" PRIu64 ",\"payloads\":%" PRIu64 ",\"file_bytes\":%" PRIu64 ",\"block_bytes\":%" PRIu64
		",\"payload_bytes\":%" PRIu64 ",\"summary_bytes\":%" PRIu64 ",\"tail_bytes\":%" PRIu64,
		store_id, figures->events, figures->blocks, figures->tail_events, figures->segments, figures->payloads,
		figures->file_bytes, figures->block_bytes, figures->payload_bytes, figures->summary_bytes,
		figures->tail_bytes);
	if (figures->events > 0) {
		buf_printf(
			out, ",\"file_bytes_per_event\":%.1f", (double)figures->file_bytes / (double)figures->events);
		put_time_member(out, "oldest_recv_time", figures->oldest_recv_time);
		put_time_member(out, "newest_recv_time", figures->newest_recv_time);
	}
	buf_put_string(out, "}\n");
}

static void put_figures_table(struct output *out, const char *store_id, const struct store_figures *figures)
{
	struct buf *text = &out->text;
	char time[TIMESTAMP_TEXT_BYTES];
	buf_printf(text, "Store       %s\n", store_id);
	buf_printf(text, "Events      %" PRIu64 " (%" PRIu64 " of them not yet in a block)\n", figures->events,
		figures->tail_events);
	buf_printf(text, "Blocks      %" PRIu64 " in %" PRIu64 " segment%s\n", figures->blocks, figures->segments,
		figures->segments == 1 ? "" : "s");
	buf_put_string(text, "On disk     ");
	sheet_put_bytes(text, figures->file_bytes);
	if (figures->events > 0)
		buf_printf(text, ", %.1f bytes an event", (double)figures->file_bytes / (double)figures->events);
	buf_put_string(text, "\n            blocks ");
	sheet_put_bytes(text, figures->block_bytes);
	buf_put_string(text, ", large payloads ");
	sheet_put_bytes(text, figures->payload_bytes);
	buf_printf(text, " (%" PRIu64 "), summaries ", figures->payloads);
	sheet_put_bytes(text, figures->summary_bytes);
	buf_put_string(text, ", tail ");
	sheet_put_bytes(text, figures->tail_bytes);
	buf_put_byte(text, '\n');
	if (figures->events == 0)
		return;
	buf_put_string(text, "Oldest      ");
	buf_put(text, time, timestamp_format_table(figures->oldest_recv_time, out->utc, time));
	buf_put_string(text, "\nNewest      ");
	buf_put(text, time, timestamp_format_table(figures->newest_recv_time, out->utc, time));
	buf_put_byte(text, '\n');
}

enum status stats_put_store(
	struct store_reader *reader, enum output_format format, struct output *out, struct error *error)
{
	struct store_figures figures;
	enum status status = store_reader_figures(reader, &figures);
	if (status != STATUS_OK)
		return error_set(error, status, "the store's figures can't be read: %s", status_text(status));
	if (format == OUTPUT_TABLE)
		put_figures_table(out, store_reader_id(reader), &figures);
	else
		put_figures_json(&out->text, store_reader_id(reader), &figures);
	return output_flush(out);
}

/* --- by fields --- */

static enum status parse_field(struct text name, struct stats_by *by, struct error *error)
{
	struct field_name found = field_name_find(name);
	if (found.count == 0 || found.path.len > 0) {
		const char *nearest = field_name_nearest(name);
		return error_set(error, STATUS_INVALID, "--by: there is no field \"%.*s\"%s%s%s",
			(int)(name.len < 60 ? name.len : 60), name.at, nearest ? "; did you mean \"" : "",
			nearest ? nearest : "", nearest ? "\"?" : "");
	}
	if (by->count == STATS_FIELDS_MAX)
		return error_set(error, STATUS_INVALID, "--by takes %d fields", STATS_FIELDS_MAX);
	struct tally_value *value = &by->values[by->count];
	*value = (struct tally_value){.field_count = found.first_present ? found.count : 1};
	memcpy(value->fields, found.fields, value->field_count);
	by->names[by->count++] = field_info(found.fields[0])->path;
	return STATUS_OK;
}

enum status stats_by_parse(struct text text, struct stats_by *by, struct error *error)
{
	struct stats_by parsed = {.count = 0};
	for (size_t at = 0; at <= text.len;) {
		const char *comma = at < text.len ? memchr(text.at + at, ',', text.len - at) : NULL;
		size_t end = comma ? (size_t)(comma - text.at) : text.len;
		enum status status = parse_field((struct text){text.at + at, end - at}, &parsed, error);
		if (status != STATUS_OK)
			return status;
		at = end + 1;
	}
	*by = parsed;
	return STATUS_OK;
}

/* --- rows --- */

enum { STATS_COLUMNS = 22, STATS_COLUMNS_MAX = STATS_FIELDS_MAX + STATS_COLUMNS + VERDICT_COUNT };

static const struct sheet_column count_columns[] = {
	{"other", NULL, SHEET_BOOL, 0},
	{"count", "COUNT", SHEET_COUNT, 0},
	{"ok", "OK", SHEET_COUNT, 0},
	{"errors", "ERRORS", SHEET_COUNT, 0},
	{"refused", "REFUSED", SHEET_COUNT, 0},
	{"error_rate", "ERROR %", SHEET_SHARE, 0},
};
static const struct sheet_column figure_columns[] = {
	{"durations", NULL, SHEET_COUNT, 0},
	{"p50_ns", "P50", SHEET_DURATION, 0},
	{"p95_ns", "P95", SHEET_DURATION, 0},
	{"p99_ns", "P99", SHEET_DURATION, 0},
	{"max_ns", "MAX", SHEET_DURATION, 0},
	{"bytes", "BYTES", SHEET_BYTES, 0},
	{"request_bytes", NULL, SHEET_BYTES, 0},
	{"response_bytes", NULL, SHEET_BYTES, 0},
	{"first_seen", NULL, SHEET_TIME, 0},
	{"last_seen", NULL, SHEET_TIME, 0},
	{"first_error", NULL, SHEET_TIME, 0},
	{"last_error", NULL, SHEET_TIME, 0},
};
enum {
	COUNT_COLUMNS = sizeof(count_columns) / sizeof(count_columns[0]),
	FIGURE_COLUMNS = sizeof(figure_columns) / sizeof(figure_columns[0]),
};
_Static_assert(COUNT_COLUMNS + FIGURE_COLUMNS <= STATS_COLUMNS, "a row has room for all");

static size_t make_columns(const struct stats_by *by, struct sheet_column columns[STATS_COLUMNS_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < by->count; i++)
		columns[count++] = (struct sheet_column){
			.name = by->names[i], .head = by->names[i], .type = SHEET_TEXT, .object = "by"};
	for (size_t i = 0; i < COUNT_COLUMNS; i++)
		columns[count++] = count_columns[i];
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		columns[count++] = (struct sheet_column){
			.name = verdict_name((enum verdict)verdict), .type = SHEET_COUNT, .object = "verdicts"};
	for (size_t i = 0; i < FIGURE_COLUMNS; i++)
		columns[count++] = figure_columns[i];
	return count;
}

static struct cell cell_moment(const struct tally_moment *moment)
{
	return moment->known ? cell_number(moment->time) : cell_none();
}

static struct cell cell_percentile(struct durations *durations, double share)
{
	return durations->count > 0 ? cell_number(durations_percentile(durations, share)) : cell_none();
}

static enum status put_group(struct sheet *sheet, const struct stats_by *by, struct tally_group *group, bool other)
{
	struct cell cells[STATS_COLUMNS_MAX];
	size_t count = 0;
	uint64_t errors = tally_errors(group);
	struct durations *durations = &group->durations;
	for (size_t i = 0; i < by->count; i++) {
		cells[count] = cell_text(other ? TEXT("(other)") : group->parts[i].text);
		cells[count++].present = other || group->parts[i].field != 0;
	}
	const struct cell counts[COUNT_COLUMNS] = {cell_number(other), cell_number((int64_t)group->events),
		cell_number((int64_t)group->verdicts[VERDICT_OK]), cell_number((int64_t)errors),
		cell_number((int64_t)tally_refused(group)), cell_share((double)errors / (double)group->events)};
	memcpy(cells + count, counts, sizeof(counts));
	count += COUNT_COLUMNS;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		cells[count++] = cell_number((int64_t)group->verdicts[verdict]);
	const struct cell figures[FIGURE_COLUMNS] = {cell_number((int64_t)durations->count),
		cell_percentile(durations, 0.50), cell_percentile(durations, 0.95), cell_percentile(durations, 0.99),
		durations->count > 0 ? cell_number(durations->max) : cell_none(),
		cell_number((int64_t)(group->request_bytes + group->response_bytes)),
		cell_number((int64_t)group->request_bytes), cell_number((int64_t)group->response_bytes),
		cell_moment(&group->first), cell_moment(&group->last), cell_moment(&group->first_error),
		cell_moment(&group->last_error)};
	memcpy(cells + count, figures, sizeof(figures));
	return sheet_row(sheet, cells);
}

static int by_count(const void *a, const void *b)
{
	const struct tally_group *first = *(struct tally_group *const *)a;
	const struct tally_group *second = *(struct tally_group *const *)b;
	if (first->events != second->events)
		return first->events > second->events ? -1 : 1;
	for (size_t i = 0; i < TALLY_KEYS_MAX; i++) {
		int order = text_compare(first->parts[i].text, second->parts[i].text);
		if (order != 0)
			return order;
	}
	return 0;
}

static enum status put_groups(struct tally *tally, const struct scan *scan, const struct stats_by *by,
	enum output_format format, struct output *out)
{
	struct sheet_column columns[STATS_COLUMNS_MAX];
	struct sheet sheet;
	size_t count = 0;
	struct tally_group **groups = tally_groups(tally, &count);
	if (count > 0)
		qsort(groups, count, sizeof(struct tally_group *), by_count);
	sheet_begin(&sheet, out, format, columns, make_columns(by, columns));
	enum status status = STATUS_OK;
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = put_group(&sheet, by, groups[i], false);
	if (tally_other(tally)->events > 0 && status == STATUS_OK)
		status = put_group(&sheet, by, tally_other(tally), true);
	return status == STATUS_OK ? sheet_end(&sheet, scan->coverage) : status;
}

/* Without a word about kinds, only tool calls are meant: heartbeats have no errors and no durations. */
static enum status count_groups(
	const struct scan *scan, const struct tally_spec *spec, struct tally **tally, struct error *error)
{
	static const uint8_t field_kind = FIELD_KIND;
	static const struct wanted tool_call = {.text = {"tool_call", 9}};
	struct condition kind = {.type = CONDITION_FIELD,
		.fields = &field_kind,
		.field_count = 1,
		.values = &tool_call,
		.value_count = 1};
	struct condition words = {.type = CONDITION_ALL};
	struct condition both = {.type = CONDITION_AND, .children = &kind};
	struct scan calls = *scan;
	bool names_kind = scan->filter && filter_names(scan->filter, FIELD_KIND);
	for (size_t i = 0; i < spec->key_count; i++)
		names_kind = names_kind || spec->keys[i].fields[0] == FIELD_KIND;
	if (scan->filter)
		words = *scan->filter->root;
	words.next = NULL;
	kind.next = &words;
	struct filter filter = {.root = &both, .asks_texts = scan->filter && scan->filter->asks_texts};
	if (!names_kind)
		calls.filter = &filter;
	enum status status = tally_scan(&calls, spec, tally, error);
	return status == STATUS_OK ? coverage_collect(&calls, scan->coverage, error) : status;
}

enum status stats_put_by(const struct scan *scan, const struct stats_by *by, enum output_format format,
	struct output *out, struct error *error)
{
	struct tally *tally = NULL;
	struct tally_spec spec = {.key_count = by->count, .durations = true, .bytes = true, .times = true};
	memcpy(spec.keys, by->values, sizeof(by->values));
	enum status status = count_groups(scan, &spec, &tally, error);
	if (status == STATUS_OK)
		status = put_groups(tally, scan, by, format, out);
	tally_destroy(&tally);
	return status;
}
