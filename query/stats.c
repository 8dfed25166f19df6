#include "stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "durations.h"
#include "printable.h"
#include "sheet.h"
#include "timestamp.h"

enum { TABLE_SLOTS = 32768, CACHE_SLOTS = 1024, KEYS_BYTES_MAX = 64 * 1024 * 1024, VALUE_BYTES_MAX = 1024 };

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

enum status stats_by_parse(struct text text, struct stats_by *by, struct error *error)
{
	struct stats_by parsed = {.count = 0};
	for (size_t at = 0; at <= text.len;) {
		const char *comma = at < text.len ? memchr(text.at + at, ',', text.len - at) : NULL;
		size_t end = comma ? (size_t)(comma - text.at) : text.len;
		struct text name = {text.at + at, end - at};
		struct field_name found = field_name_find(name);
		if (found.count == 0 || found.path.len > 0) {
			const char *nearest = field_name_nearest(name);
			return error_set(error, STATUS_INVALID, "--by: there is no field \"%.*s\"%s%s%s",
				(int)(name.len < 60 ? name.len : 60), name.at, nearest ? "; did you mean \"" : "",
				nearest ? nearest : "", nearest ? "\"?" : "");
		}
		if (parsed.count == STATS_FIELDS_MAX)
			return error_set(error, STATUS_INVALID, "--by takes %d fields", STATS_FIELDS_MAX);
		parsed.fields[parsed.count++] = found.fields[0];
		at = end + 1;
	}
	*by = parsed;
	return STATUS_OK;
}

struct group {
	struct text values[STATS_FIELDS_MAX];
	uint64_t count, bytes;
	uint64_t verdicts[VERDICT_COUNT];
	struct durations durations;
	struct group *next; /* in its slot */
};

/* What a row's by-fields are, as codes of its block or as numbers. */
struct row_key {
	int64_t parts[STATS_FIELDS_MAX];
};

struct table {
	const struct stats_by *by;
	struct arena arena;
	uint8_t hash_key[16];
	struct group *slots[TABLE_SLOTS];
	struct group *groups[STATS_GROUPS_MAX + 1];
	size_t count;
	struct group other;
	struct {
		struct row_key key;
		struct group *group;
	} cache[CACHE_SLOTS]; /* of the block in hand */
};

struct block_columns {
	struct column by[STATS_FIELDS_MAX], stage, verdict, duration, request, response;
};

static enum status read_column(struct block *block, unsigned field, struct column *column)
{
	*column = (struct column){.rows = 0};
	enum status status = block_column(block, field, column);
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static struct text column_text(const struct column *column, uint32_t row)
{
	if (row >= column->rows || column->is_number || column->codes[row] == 0)
		return (struct text){NULL, 0};
	return column->entries[column->codes[row]];
}

static int64_t row_part(const struct column *column, uint32_t row)
{
	if (row >= column->rows)
		return INT64_MIN;
	if (column->is_number)
		return row_is_set(column->present, row) ? column->numbers[row] : INT64_MIN;
	return column->codes[row];
}

static struct text part_text(const struct column *column, uint32_t row, char buffer[24])
{
	if (!column->is_number) {
		struct text text = column_text(column, row);
		text.len = text.len < VALUE_BYTES_MAX ? text.len : VALUE_BYTES_MAX;
		return text;
	}
	if (row >= column->rows || !row_is_set(column->present, row))
		return (struct text){NULL, 0};
	return (struct text){buffer, (size_t)snprintf(buffer, 24, "%" PRId64, column->numbers[row])};
}

static bool group_is(const struct group *group, const struct text *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!text_equal(group->values[i], values[i]))
			return false;
	return true;
}

static enum status find_group(struct table *table, const struct text *values, struct group **found)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < table->by->count; i++)
		hash = hash * UINT64_C(0x9e3779b97f4a7c15) + siphash(table->hash_key, values[i].at, values[i].len);
	struct group **slot = &table->slots[hash % TABLE_SLOTS];
	for (struct group *group = *slot; group; group = group->next) {
		if (group_is(group, values, table->by->count)) {
			*found = group;
			return STATUS_OK;
		}
	}
	*found = &table->other;
	if (table->count == STATS_GROUPS_MAX)
		return STATUS_OK;
	struct group *group = arena_calloc(&table->arena, 1, sizeof(*group));
	if (group == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < table->by->count; i++)
		group->values[i] = arena_copy(&table->arena, values[i]);
	group->next = *slot;
	*slot = group;
	table->groups[table->count++] = group;
	*found = group;
	return STATUS_OK;
}

static enum status group_of_row(
	struct table *table, const struct block_columns *columns, uint32_t row, struct group **group)
{
	struct row_key key = {{0}};
	uint64_t hash = 0;
	for (size_t i = 0; i < table->by->count; i++) {
		key.parts[i] = row_part(&columns->by[i], row);
		hash = (hash ^ (uint64_t)key.parts[i]) * UINT64_C(0x9e3779b97f4a7c15);
	}
	size_t slot = (hash >> 32) % CACHE_SLOTS;
	if (table->cache[slot].group && memcmp(&table->cache[slot].key, &key, sizeof(key)) == 0) {
		*group = table->cache[slot].group;
		return STATUS_OK;
	}
	struct text values[STATS_FIELDS_MAX] = {{NULL, 0}};
	char buffers[STATS_FIELDS_MAX][24];
	for (size_t i = 0; i < table->by->count; i++)
		values[i] = part_text(&columns->by[i], row, buffers[i]);
	enum status status = find_group(table, values, group);
	if (status == STATUS_OK) {
		table->cache[slot].key = key;
		table->cache[slot].group = *group;
	}
	return status;
}

static enum verdict verdict_of(struct text text)
{
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		if (text_equal(text, text_of(verdict_name((enum verdict)verdict))))
			return (enum verdict)verdict;
	return VERDICT_UNKNOWN;
}

static enum status count_row(struct table *table, const struct block_columns *columns, uint32_t row)
{
	struct group *group = NULL;
	if (text_equal(column_text(&columns->stage, row), TEXT("start")))
		return STATUS_OK;
	enum status status = group_of_row(table, columns, row, &group);
	if (status != STATUS_OK)
		return status;
	group->count++;
	group->verdicts[verdict_of(column_text(&columns->verdict, row))]++;
	group->bytes += column_text(&columns->request, row).len + column_text(&columns->response, row).len;
	if (row < columns->duration.rows && row_is_set(columns->duration.present, row))
		status = durations_add(&group->durations, columns->duration.numbers[row]);
	return status;
}

static enum status count_block(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	(void)place;
	struct table *table = context;
	struct block_columns columns;
	memset(table->cache, 0, sizeof(table->cache));
	enum status status = read_column(block, FIELD_STAGE, &columns.stage);
	for (size_t i = 0; status == STATUS_OK && i < table->by->count; i++)
		status = read_column(block, table->by->fields[i], &columns.by[i]);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_VERDICT, &columns.verdict);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_DURATION_NS, &columns.duration);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_REQUEST, &columns.request);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_RESPONSE, &columns.response);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		status = count_row(table, &columns, row);
	return status;
}

/* --- showing groups --- */

static uint64_t errors_of(const struct group *group)
{
	uint64_t sum = 0;
#define VERDICT(name, text, counts, error) sum += (error) ? group->verdicts[VERDICT_##name] : 0;
#include "tbl/verdicts.h"
#undef VERDICT
	return sum;
}

static uint64_t refused_of(const struct group *group)
{
	return group->verdicts[VERDICT_DENIED] + group->verdicts[VERDICT_THROTTLED] +
	       group->verdicts[VERDICT_REJECTED] + group->verdicts[VERDICT_CANCELLED];
}

static int by_count(const void *a, const void *b)
{
	const struct group *first = *(struct group *const *)a;
	const struct group *second = *(struct group *const *)b;
	return first->count > second->count ? -1 : first->count < second->count;
}

enum { NUMBER_COLUMNS = 8, DURATION_COLUMNS = 9, NUMBERS = 5, DURATIONS = 3 };

static size_t value_columns(const struct output *out, size_t fields)
{
	size_t fixed = NUMBERS * (NUMBER_COLUMNS + 1) + DURATIONS * (DURATION_COLUMNS + 1) + 11;
	size_t left = out->width > fixed + 12 * fields ? out->width - fixed : 12 * fields;
	return left / fields - 1;
}

static void put_cell(struct buf *out, struct text text, size_t columns)
{
	for (size_t used = printable_put_columns(out, text, columns); used < columns + 1; used++)
		buf_put_byte(out, ' ');
}

static void put_duration(struct buf *out, struct durations *durations, double share)
{
	char text[TIMESTAMP_TEXT_BYTES] = "-";
	if (durations->count > 0)
		(void)duration_format(durations_percentile(durations, share), text);
	size_t used = printable_columns(text_of(text));
	for (; used < DURATION_COLUMNS + 1; used++)
		buf_put_byte(out, ' ');
	buf_put_string(out, text);
}

static void put_table_head(const struct table *table, struct output *out)
{
	for (size_t i = 0; i < table->by->count; i++)
		put_cell(&out->text, text_of(field_info(table->by->fields[i])->path),
			value_columns(out, table->by->count));
	buf_printf(&out->text, "%8s %8s %8s %8s %8s %9s %9s %9s %11s\n", "COUNT", "OK", "ERRORS", "REFUSED", "ERROR %",
		"P50", "P95", "P99", "BYTES");
}

static void put_table_group(const struct table *table, struct group *group, struct output *out)
{
	for (size_t i = 0; i < table->by->count; i++)
		put_cell(&out->text, group->values[i].len > 0 ? group->values[i] : TEXT("-"),
			value_columns(out, table->by->count));
	buf_printf(&out->text, "%8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8.2f", group->count,
		group->verdicts[VERDICT_OK], errors_of(group), refused_of(group),
		100.0 * (double)errors_of(group) / (double)group->count);
	put_duration(&out->text, &group->durations, 0.50);
	put_duration(&out->text, &group->durations, 0.95);
	put_duration(&out->text, &group->durations, 0.99);
	buf_printf(&out->text, " %11" PRIu64 "\n", group->bytes);
}

static void put_json_group(const struct table *table, struct group *group, struct output *out)
{
	struct buf *text = &out->text;
	buf_put_string(text, "{\"by\":{");
	for (size_t i = 0; i < table->by->count; i++) {
		buf_printf(text, "%s\"%s\":", i ? "," : "", field_info(table->by->fields[i])->path);
		if (group->values[i].len > 0)
			json_put_string(text, group->values[i]);
		else
			buf_put_string(text, "null");
	}
	buf_printf(text, "},\"count\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"error_rate\":%.6f,\"verdicts\":{",
		group->count, errors_of(group), (double)errors_of(group) / (double)group->count);
	const char *comma = "";
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++) {
		if (group->verdicts[verdict] == 0)
			continue;
		buf_printf(text, "%s\"%s\":%" PRIu64, comma, verdict_name((enum verdict)verdict),
			group->verdicts[verdict]);
		comma = ",";
	}
	buf_printf(text,
		"},\"durations\":%" PRIu64 ",\"p50_ns\":%" PRId64 ",\"p95_ns\":%" PRId64 ",\"p99_ns\":%" PRId64
		",\"max_ns\":%" PRId64 ",\"bytes\":%" PRIu64 "}",
		group->durations.count, durations_percentile(&group->durations, 0.50),
		durations_percentile(&group->durations, 0.95), durations_percentile(&group->durations, 0.99),
		group->durations.count ? group->durations.max : 0, group->bytes);
}

static void put_csv_head(const struct table *table, struct output *out)
{
	for (size_t i = 0; i < table->by->count; i++)
		buf_printf(&out->text, "%s,", field_info(table->by->fields[i])->path);
	buf_put_string(&out->text, "count,errors");
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		buf_printf(&out->text, ",%s", verdict_name((enum verdict)verdict));
	buf_put_string(&out->text, ",p50_ns,p95_ns,p99_ns,max_ns,bytes\r\n");
}

static void put_csv_group(const struct table *table, struct group *group, struct output *out)
{
	for (size_t i = 0; i < table->by->count; i++) {
		printable_put_csv(&out->text, group->values[i]);
		buf_put_byte(&out->text, ',');
	}
	buf_printf(&out->text, "%" PRIu64 ",%" PRIu64, group->count, errors_of(group));
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		buf_printf(&out->text, ",%" PRIu64, group->verdicts[verdict]);
	buf_printf(&out->text, ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRIu64 "\r\n",
		durations_percentile(&group->durations, 0.50), durations_percentile(&group->durations, 0.95),
		durations_percentile(&group->durations, 0.99), group->durations.count ? group->durations.max : 0,
		group->bytes);
}

static void put_group(const struct table *table, size_t at, enum output_format format, struct output *out)
{
	struct group *group = table->groups[at];
	switch (format) {
	case OUTPUT_TABLE:
		if (at == 0)
			put_table_head(table, out);
		put_table_group(table, group, out);
		break;
	case OUTPUT_CSV:
		if (at == 0)
			put_csv_head(table, out);
		put_csv_group(table, group, out);
		break;
	case OUTPUT_JSON:
		buf_put_string(&out->text, at ? ",\n" : "");
		put_json_group(table, group, out);
		break;
	case OUTPUT_NDJSON:
		put_json_group(table, group, out);
		buf_put_byte(&out->text, '\n');
		break;
	}
}

static enum status put_groups(
	struct table *table, const struct scan *scan, enum output_format format, struct output *out)
{
	enum status status = STATUS_OK;
	qsort(table->groups, table->count, sizeof(struct group *), by_count);
	if (table->other.count > 0) {
		for (size_t i = 0; i < table->by->count; i++)
			table->other.values[i] = TEXT("(other)");
		table->groups[table->count++] = &table->other;
	}
	if (format == OUTPUT_JSON)
		buf_put_string(&out->text, "{\"items\":[");
	for (size_t i = 0; status == STATUS_OK && i < table->count; i++) {
		put_group(table, i, format, out);
		status = output_step(out);
	}
	if (format == OUTPUT_JSON) {
		buf_put_string(&out->text, "],\"coverage\":");
		coverage_put_json(&out->text, scan->coverage);
		buf_put_string(&out->text, "}\n");
	}
	return status == STATUS_OK ? output_flush(out) : status;
}

/* Without a word about kinds, only tool calls are meant: heartbeats have no errors and no durations. */
static enum status count_groups(struct table *table, const struct scan *scan, struct error *error)
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
	for (size_t i = 0; i < table->by->count; i++)
		names_kind = names_kind || table->by->fields[i] == FIELD_KIND;
	if (scan->filter)
		words = *scan->filter->root;
	words.next = NULL;
	kind.next = &words;
	struct filter filter = {.root = &both, .asks_texts = scan->filter && scan->filter->asks_texts};
	if (!names_kind)
		calls.filter = &filter;
	enum status status = scan_run(&calls, count_block, table, error);
	scan->coverage->events = table->other.count;
	for (size_t i = 0; i < table->count; i++)
		scan->coverage->events += table->groups[i]->count;
	return status == STATUS_OK ? coverage_collect(&calls, scan->coverage, error) : status;
}

enum status stats_put_by(const struct scan *scan, const struct stats_by *by, enum output_format format,
	struct output *out, struct error *error)
{
	struct table *table = calloc(1, sizeof(*table));
	if (table == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	table->by = by;
	arena_init(&table->arena, KEYS_BYTES_MAX);
	enum status status = crypto_random(table->hash_key, sizeof(table->hash_key));
	if (status == STATUS_OK)
		status = count_groups(table, scan, error);
	if (status == STATUS_OK)
		status = put_groups(table, scan, format, out);
	for (size_t i = 0; i < table->count; i++)
		durations_finish(&table->groups[i]->durations);
	if (table->count == 0 || table->groups[table->count - 1] != &table->other)
		durations_finish(&table->other.durations);
	arena_finish(&table->arena);
	free(table);
	return status;
}
