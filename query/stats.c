#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "timestamp.h"

/* --- stores --- */

static const struct sheet_column store_columns[] = {
	{"store_id", NULL, SHEET_TEXT, 0},
	{"events", NULL, SHEET_COUNT, 0},
	{"blocks", NULL, SHEET_COUNT, 0},
	{"tail_events", NULL, SHEET_COUNT, 0},
	{"segments", NULL, SHEET_COUNT, 0},
	{"payloads", NULL, SHEET_COUNT, 0},
	{"file_bytes", NULL, SHEET_BYTES, 0},
	{"block_bytes", NULL, SHEET_BYTES, 0},
	{"payload_bytes", NULL, SHEET_BYTES, 0},
	{"summary_bytes", NULL, SHEET_BYTES, 0},
	{"tail_bytes", NULL, SHEET_BYTES, 0},
	{"file_bytes_per_event", NULL, SHEET_SHARE, 0},
	{"oldest_recv_time", NULL, SHEET_TIME, 0},
	{"newest_recv_time", NULL, SHEET_TIME, 0},
};
enum { STORE_COLUMNS = sizeof(store_columns) / sizeof(store_columns[0]) };

static enum status put_figures_row(struct sheet *sheet, const char *store_id, const struct store_figures *figures)
{
	bool any = figures->events > 0;
	const struct cell cells[STORE_COLUMNS] = {cell_text(text_of(store_id)), cell_number((int64_t)figures->events),
		cell_number((int64_t)figures->blocks), cell_number((int64_t)figures->tail_events),
		cell_number((int64_t)figures->segments), cell_number((int64_t)figures->payloads),
		cell_number((int64_t)figures->file_bytes), cell_number((int64_t)figures->block_bytes),
		cell_number((int64_t)figures->payload_bytes), cell_number((int64_t)figures->summary_bytes),
		cell_number((int64_t)figures->tail_bytes),
		any ? cell_share((double)figures->file_bytes / (double)figures->events) : cell_none(),
		any ? cell_number(figures->oldest_recv_time) : cell_none(),
		any ? cell_number(figures->newest_recv_time) : cell_none()};
	return sheet_row(sheet, cells);
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

/* The JSON of one store is its object alone. */
static enum status put_stores(struct cli *cli, const struct coverage *coverage)
{
	struct sheet sheet;
	enum output_format format = cli->options.output;
	enum status status = STATUS_OK;
	if (format == OUTPUT_JSON && cli->reader_count == 1)
		format = OUTPUT_NDJSON;
	if (format != OUTPUT_TABLE)
		sheet_begin(&sheet, &cli->out, format, store_columns, STORE_COLUMNS);
	for (size_t i = 0; i < cli->reader_count && status == STATUS_OK; i++) {
		struct store_figures figures;
		const char *id = store_reader_id(cli->readers[i]);
		status = store_reader_figures(cli->readers[i], &figures);
		if (status != STATUS_OK)
			return error_set(
				&cli->error, status, "the store's figures can't be read: %s", status_text(status));
		if (format != OUTPUT_TABLE) {
			status = put_figures_row(&sheet, id, &figures);
			continue;
		}
		buf_put_string(&cli->out.text, i > 0 ? "\n" : "");
		put_figures_table(&cli->out, id, &figures);
	}
	if (status != STATUS_OK)
		return status;
	return format == OUTPUT_TABLE ? output_flush(&cli->out) : sheet_end(&sheet, coverage);
}

enum exit_code stats_run_stores(struct cli *cli)
{
	struct coverage coverage = {0};
	struct scan scan = {0};
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK && cli->reader_count > 1)
		status = coverage_collect(&scan, &coverage, &cli->error);
	for (size_t i = 0; status == STATUS_OK && i < scan.store_count; i++)
		coverage.events += scan.stores[i].seq_last + 1 - scan.stores[i].seq_first;
	if (status == STATUS_OK)
		status = put_stores(cli, &coverage);
	return status == STATUS_OK || status == STATUS_CANCELLED ? EXIT_FOUND : cli_fail(cli, status);
}

/* --- by fields --- */

/* Names that only stand for a way to group. */
static const struct bucket_name {
	const char *name;
	int64_t bucket_ns;
} buckets[] = {{"minute", 60 * NS_PER_S}, {"hour", 3600 * NS_PER_S}, {"day", NS_PER_DAY}};

struct by {
	struct cli *cli;
	struct figures figures;
	struct figure_column columns[FIGURES_COLUMNS_MAX];
	struct text rest; /* of --by */
	bool names_kind;
};

static enum status add_key(struct by *by, struct tally_value value, const char *name, enum sheet_type type)
{
	struct figures *figures = &by->figures;
	if (figures->spec.key_count == STATS_FIELDS_MAX)
		return error_set(&by->cli->error, STATUS_INVALID, "--by takes %d fields", STATS_FIELDS_MAX);
	by->columns[figures->column_count++] = (struct figure_column){
		.sheet = {.name = name, .head = name, .type = type, .object = "by"},
		.figure = FIGURE_KEY,
		.index = (unsigned)figures->spec.key_count,
	};
	by->names_kind = by->names_kind || value.fields[0] == FIELD_KIND;
	figures->keeps_reports_apart = figures->keeps_reports_apart || value.fields[0] == FIELD_OBSERVER_ROLE;
	figures->spec.keys[figures->spec.key_count++] = value;
	return STATUS_OK;
}

static enum status refuse_name(struct by *by, struct text name)
{
	const char *nearest = field_name_nearest(name);
	(void)error_set(&by->cli->error, STATUS_INVALID, "--by: there is no field \"%.*s\"%s%s%s",
		(int)(name.len < 60 ? name.len : 60), name.at, nearest ? "; did you mean \"" : "",
		nearest ? nearest : "", nearest ? "\"?" : "");
	by->cli->error.nearest = nearest;
	return STATUS_INVALID;
}

/* A path is read as a search for the member would read it. */
static enum status add_path(struct by *by, struct text name)
{
	struct arena *arena = &by->cli->arena;
	struct filter filter;
	struct buf search;
	buf_init(&search, FILTER_BYTES_MAX);
	buf_put_text(&search, name);
	buf_put_string(&search, ":*");
	enum status status = buf_status(&search);
	if (status == STATUS_OK)
		status = filter_parse(buf_text(&search), by->cli->now, arena, &filter, &by->cli->error);
	buf_finish(&search);
	if (status != STATUS_OK)
		return status;
	const struct condition *condition = filter.root;
	while (condition && condition->path.count == 0)
		condition = condition->children;
	struct text copy = arena_copy(arena, name);
	if (condition == NULL)
		return refuse_name(by, name);
	if (copy.at == NULL)
		return STATUS_NO_MEMORY;
	struct tally_value value = {.fields = {condition->fields[0]}, .path = condition->path};
	return add_key(by, value, copy.at, SHEET_TEXT);
}

/* Spans of time stand in their order. */
static enum status add_bucket(struct by *by, const struct bucket_name *bucket)
{
	by->figures.sort = bucket->name;
	by->figures.newest_last = true;
	struct tally_value value = {.fields = {FIELD_TIME, FIELD_RECV_TIME}, .bucket_ns = bucket->bucket_ns};
	return add_key(by, value, bucket->name, SHEET_TIME);
}

static enum status add_name(struct by *by, struct text name)
{
	for (size_t i = 0; i < sizeof(buckets) / sizeof(buckets[0]); i++)
		if (text_equal(name, text_of(buckets[i].name)))
			return add_bucket(by, &buckets[i]);
	struct field_name found = field_name_find(name);
	if (found.count == 0)
		return refuse_name(by, name);
	if (found.path.len > 0)
		return add_path(by, name);
	struct tally_value value = {.fields = {found.fields[0]}};
	if (found.first_present)
		memcpy(value.fields, found.fields, found.count);
	const struct field_info *info = field_info(found.fields[0]);
	return add_key(by, value, info->path, info->type == FIELD_TYPE_TIME ? SHEET_TIME : SHEET_TEXT);
}

static enum status add_names(struct by *by, struct text text)
{
	for (size_t at = 0; at <= text.len;) {
		const char *comma = at < text.len ? memchr(text.at + at, ',', text.len - at) : NULL;
		size_t end = comma ? (size_t)(comma - text.at) : text.len;
		enum status status = add_name(by, (struct text){text.at + at, end - at});
		if (status != STATUS_OK)
			return status;
		at = end + 1;
	}
	return STATUS_OK;
}

static const struct figure_column by_columns[] = {
	{{"other", NULL, SHEET_BOOL, 0}, FIGURE_OTHER},
	{{"count", "COUNT", SHEET_COUNT, 0}, FIGURE_EVENTS},
	{{"ok", "OK", SHEET_COUNT, 0}, FIGURE_VERDICT, VERDICT_OK},
	{{"errors", "ERRORS", SHEET_COUNT, 0}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 0}, FIGURE_REFUSED},
	{{"error_rate", "ERROR %", SHEET_SHARE, 0}, FIGURE_ERROR_RATE},
#define VERDICT(name, text, counts, error) {{text, NULL, SHEET_COUNT, 0, "verdicts"}, FIGURE_VERDICT, VERDICT_##name},
#include "tbl/verdicts.h"
#undef VERDICT
	{{"tool_error_rate", NULL, SHEET_SHARE, 0}, FIGURE_VERDICT_RATE, VERDICT_TOOL_ERROR},
	{{"rpc_error_rate", NULL, SHEET_SHARE, 0}, FIGURE_VERDICT_RATE, VERDICT_RPC_ERROR},
	{{"transport_error_rate", NULL, SHEET_SHARE, 0}, FIGURE_VERDICT_RATE, VERDICT_TRANSPORT_ERROR},
	{{"timeout_rate", NULL, SHEET_SHARE, 0}, FIGURE_VERDICT_RATE, VERDICT_TIMEOUT},
	{{"durations", NULL, SHEET_COUNT, 0}, FIGURE_DURATIONS},
	{{"p50_ns", "P50", SHEET_DURATION, 0}, FIGURE_P50},
	{{"p95_ns", "P95", SHEET_DURATION, 0}, FIGURE_P95},
	{{"p99_ns", "P99", SHEET_DURATION, 0}, FIGURE_P99},
	{{"max_ns", "MAX", SHEET_DURATION, 0}, FIGURE_MAX},
	{{"bytes", "BYTES", SHEET_BYTES, 0}, FIGURE_BYTES},
	{{"request_bytes", NULL, SHEET_BYTES, 0}, FIGURE_REQUEST_BYTES},
	{{"response_bytes", NULL, SHEET_BYTES, 0}, FIGURE_RESPONSE_BYTES},
	{{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", NULL, SHEET_TIME, 0}, FIGURE_LAST},
	{{"first_error", NULL, SHEET_TIME, 0}, FIGURE_FIRST_ERROR},
	{{"last_error", NULL, SHEET_TIME, 0}, FIGURE_LAST_ERROR},
};
_Static_assert(STATS_FIELDS_MAX + sizeof(by_columns) / sizeof(by_columns[0]) <= FIGURES_COLUMNS_MAX, "a row has room");

static enum status read_by(struct cli *cli, struct by *by)
{
	struct filter filter;
	*by = (struct by){.cli = cli};
	enum status status = add_names(by, text_of(cli->options.by));
	if (status == STATUS_OK)
		status = filter_parse(cli->words, cli->now, &cli->arena, &filter, &cli->error);
	if (status != STATUS_OK)
		return status;
	struct figures *figures = &by->figures;
	memcpy(by->columns + figures->column_count, by_columns, sizeof(by_columns));
	figures->column_count += sizeof(by_columns) / sizeof(by_columns[0]);
	figures->columns = by->columns;
	figures->spec.durations = figures->spec.bytes = figures->spec.times = true;
	figures->sort = figures->sort ? figures->sort : "count";
	figures->folds = true;
	/* Without a word about kinds, only calls are meant: heartbeats have no errors and no durations. */
	figures->words = by->names_kind || filter_names(&filter, FIELD_KIND) ? NULL : "kind:tool_call";
	return STATUS_OK;
}

enum exit_code stats_run_by(struct cli *cli)
{
	struct by *by = arena_alloc(&cli->arena, sizeof(*by));
	enum status status = by ? read_by(cli, by) : STATUS_NO_MEMORY;
	return status == STATUS_OK ? figures_run(cli, &by->figures) : cli_fail(cli, status);
}
