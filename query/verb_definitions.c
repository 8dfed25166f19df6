#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "definitions_changes.h"
#include "members.h"
#include "printable.h"
#include "sheet.h"
#include "show.h"
#include "timestamp.h"
#include "when.h"

enum {
	ROWS_LIMIT = 50,
	DIGEST_COLUMNS = 8,
	HINTS_MAX = 8,
	SCRATCH_BYTES_MAX = 64 * 1024 * 1024,
};

/* A row: a version of a tool, or a digest that nobody announced. */
struct row {
	const struct tool *tool;
	const struct version *version, *before; /* NULL: there is none */
	const struct unknown_digest *unknown;
	int64_t until; /* INT64_MAX: it is in force */
};

struct rows_of {
	struct row *items; /* owned */
	size_t count, room;
	bool more;
	uint64_t limit;
};

/* --- which rows --- */

static enum status add_row(struct rows_of *rows, struct row row)
{
	if (rows->count == rows->limit) {
		rows->more = true;
		return STATUS_OK;
	}
	if (rows->count == rows->room) {
		size_t room = rows->room ? rows->room * 2 : 64;
		struct row *grown = realloc(rows->items, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		rows->items = grown;
		rows->room = room;
	}
	rows->items[rows->count++] = row;
	return STATUS_OK;
}

static enum status add_history(struct rows_of *rows, const struct tool *tool, int64_t since)
{
	enum status status = STATUS_OK;
	for (size_t i = 0; i < tool->count && status == STATUS_OK; i++) {
		int64_t until = i + 1 < tool->count ? tool->versions[i + 1]->time : INT64_MAX;
		if (tool->versions[i]->taken && (until > since || tool->versions[i]->calls > 0))
			status = add_row(rows, (struct row){.tool = tool,
						       .version = tool->versions[i],
						       .before = i > 0 ? tool->versions[i - 1] : NULL,
						       .until = until});
	}
	bool announced = false;
	for (size_t i = 0; i < tool->count; i++)
		announced = announced || tool->versions[i]->taken;
	for (size_t i = 0; i < tool->unknown_count && status == STATUS_OK; i++)
		if (announced || tool->unknown[i].taken)
			status = add_row(
				rows, (struct row){.tool = tool, .unknown = &tool->unknown[i], .until = INT64_MAX});
	return status;
}

static enum status add_in_force(struct rows_of *rows, const struct tool *tool, int64_t as_of)
{
	size_t at = tool_version_at(tool, as_of);
	if (at == tool->count || !tool->versions[at]->taken || version_is_removal(tool->versions[at]))
		return STATUS_OK;
	return add_row(rows, (struct row){.tool = tool,
				     .version = tool->versions[at],
				     .before = at > 0 ? tool->versions[at - 1] : NULL,
				     .until = INT64_MAX});
}

static int compare(struct text a, struct text b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* When the tool last became another one; INT64_MIN: never. */
static int64_t changed_at(const struct tool *tool)
{
	int64_t time = tool->count > 1 ? tool->versions[tool->count - 1]->time : INT64_MIN;
	for (size_t i = 0; i < tool->unknown_count; i++)
		time = tool->unknown[i].first > time ? tool->unknown[i].first : time;
	return time;
}

static int by_name(const void *a, const void *b)
{
	const struct tool *first = *(struct tool *const *)a;
	const struct tool *second = *(struct tool *const *)b;
	int order = compare(first->tenant, second->tenant);
	order = order ? order : compare(first->server, second->server);
	return order ? order : compare(first->name, second->name);
}

static int changed_first(const void *a, const void *b)
{
	int64_t first = changed_at(*(struct tool *const *)a);
	int64_t second = changed_at(*(struct tool *const *)b);
	if (first != second)
		return first > second ? -1 : 1;
	return by_name(a, b);
}

/* --- rows --- */

struct writer {
	struct cli *cli;
	struct arena scratch;
	struct sheet sheet;
	struct version_changes changes;
	bool as_of;
};

static const struct sheet_column table_columns[] = {
	{"tool", "TOOL", SHEET_TEXT, 0},
	{"server", "SERVER", SHEET_TEXT, 0},
	{"time", "SINCE", SHEET_TIME, 0},
	{"what", "WHAT", SHEET_TEXT, 11},
	{"calls", "CALLS", SHEET_COUNT, 7},
	{"failed", "FAILED", SHEET_COUNT, 7},
	{"failed_share", "FAILED %", SHEET_SHARE, 8},
	{"before_failed_share", "BEFORE %", SHEET_SHARE, 8},
	{"digest", "DIGEST", SHEET_TEXT, DIGEST_COLUMNS},
};
static const struct sheet_column as_of_columns[] = {
	{"tool", "TOOL", SHEET_TEXT, 0},
	{"server", "SERVER", SHEET_TEXT, 0},
	{"time", "SINCE", SHEET_TIME, 0},
	{"digest", "DIGEST", SHEET_TEXT, DIGEST_COLUMNS},
	{"hints", "IT SAYS IT IS", SHEET_LIST, 24},
	{"description", "DESCRIPTION", SHEET_TEXT, 0},
};
static const struct sheet_column data_columns[] = {
	{"tenant", NULL, SHEET_TEXT, 0},
	{"server", NULL, SHEET_TEXT, 0},
	{"tool", NULL, SHEET_TEXT, 0},
	{"op", NULL, SHEET_TEXT, 0},
	{"time", NULL, SHEET_TIME, 0},
	{"until", NULL, SHEET_TIME, 0},
	{"seq", NULL, SHEET_COUNT, 0},
	{"id", NULL, SHEET_TEXT, 0},
	{"digest", NULL, SHEET_TEXT, 0},
	{"digest_computed", NULL, SHEET_BOOL, 0},
	{"old_digest", NULL, SHEET_TEXT, 0},
	{"server_version", NULL, SHEET_TEXT, 0},
	{"server_instance", NULL, SHEET_TEXT, 0},
	{"caused_by", NULL, SHEET_TEXT, 0},
	{"announced_again", NULL, SHEET_COUNT, 0},
	{"calls", NULL, SHEET_COUNT, 0},
	{"failed", NULL, SHEET_COUNT, 0},
	{"failed_share", NULL, SHEET_SHARE, 0},
	{"before_calls", NULL, SHEET_COUNT, 0},
	{"before_failed_share", NULL, SHEET_SHARE, 0},
	{"late_calls", NULL, SHEET_COUNT, 0},
	{"first_failed", NULL, SHEET_TIME, 0},
	{"first_failed_seq", NULL, SHEET_COUNT, 0},
	{"changed", NULL, SHEET_LIST, 0},
	{"changes", NULL, SHEET_LIST, 0},
	{"definition", NULL, SHEET_JSON, 0},
};
enum {
	TABLE_COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]),
	AS_OF_COLUMNS = sizeof(as_of_columns) / sizeof(as_of_columns[0]),
	DATA_COLUMNS = sizeof(data_columns) / sizeof(data_columns[0]),
};

static const char unannounced[] = "unannounced";

static struct cell share_of(uint64_t failed, uint64_t calls)
{
	return calls > 0 ? cell_share((double)failed / (double)calls) : cell_none();
}

static struct text op_of(const struct row *row)
{
	return row->unknown ? text_of(unannounced) : row->version->op;
}

/* "first seen" */
static struct text put_words(struct cli *cli, struct text op)
{
	char *words = arena_alloc(&cli->arena, op.len + 1);
	for (size_t i = 0; words && i < op.len; i++)
		words[i] = op.at[i] == '_' ? ' ' : op.at[i];
	return words ? (struct text){words, op.len} : op;
}

/* Its kind is all the same: what tells one from another comes behind the colon. */
static struct text short_digest(struct text digest)
{
	const char *colon = memchr(digest.at, ':', digest.len);
	size_t skip = colon ? (size_t)(colon - digest.at) + 1 : 0;
	struct text rest = {digest.at + skip, digest.len - skip};
	rest.len = rest.len < DIGEST_COLUMNS ? rest.len : DIGEST_COLUMNS;
	return rest;
}

static enum status put_data(struct writer *writer, const struct row *row)
{
	static const struct version none = {.first_failed_seq = 0};
	const struct version *version = row->version ? row->version : &none;
	const struct unknown_digest *unknown = row->unknown;
	const struct version *before = row->before;
	const struct version_changes *found = &writer->changes;
	uint64_t calls = unknown ? unknown->calls : version->calls;
	uint64_t failed = unknown ? unknown->failed : version->failed;
	return sheet_row(&writer->sheet,
		(struct cell[DATA_COLUMNS]){
			cell_text(row->tool->tenant),
			cell_text(row->tool->server),
			cell_text(row->tool->name),
			cell_text(op_of(row)),
			cell_number(unknown ? unknown->first : version->time),
			unknown                  ? cell_number(unknown->last)
			: row->until < INT64_MAX ? cell_number(row->until)
						 : cell_none(),
			cell_number((int64_t)(unknown ? unknown->first_seq : version->seq)),
			cell_text(version->id),
			cell_text(unknown ? unknown->digest : version->digest),
			cell_number(version->computed),
			cell_text(version->old_digest),
			cell_text(version->server_version),
			cell_text(version->instance),
			cell_text(version->caused_by),
			cell_number((int64_t)version->again),
			cell_number((int64_t)calls),
			cell_number((int64_t)failed),
			share_of(failed, calls),
			before ? cell_number((int64_t)before->calls) : cell_none(),
			before ? share_of(before->failed, before->calls) : cell_none(),
			cell_number((int64_t)version->late),
			version->first_failed_seq ? cell_number(version->first_failed) : cell_none(),
			version->first_failed_seq ? cell_number((int64_t)version->first_failed_seq) : cell_none(),
			cell_list(found->paths, found->path_count, found->more),
			cell_list(found->lines, found->line_count, found->more),
			cell_text(version->definition),
		});
}

static void put_below(struct buf *out, struct text line)
{
	buf_put_string(out, "    ");
	printable_put(out, line);
	buf_put_byte(out, '\n');
}

/* What stands below a row: the differences, and what calls tell. */
static void put_notes(struct writer *writer, const struct row *row)
{
	struct buf *out = &writer->cli->out.text;
	const struct version_changes *found = &writer->changes;
	const struct version *version = row->version;
	char text[TIMESTAMP_TEXT_BYTES];
	for (size_t i = 0; i < found->line_count; i++)
		put_below(out, found->lines[i]);
	if (found->more > 0)
		buf_printf(out, "    and %" PRIu64 " more differences\n", found->more);
	if (row->unknown)
		buf_printf(out, "    calls name it, first seq %" PRIu64 "; nobody announced it\n",
			row->unknown->first_seq);
	if (version && row->before && version->first_failed_seq > 0 && version->first_failed >= version->time) {
		(void)duration_format(version->first_failed - version->time, text);
		buf_printf(out, "    first failure %s after it: seq %" PRIu64 "\n", text, version->first_failed_seq);
	}
	if (version && version->late > 0)
		buf_printf(out, "    %" PRIu64 " call%s saw it although the next one was announced\n", version->late,
			version->late == 1 ? "" : "s");
}

static enum status put_table(struct writer *writer, const struct row *row)
{
	const struct version *version = row->version;
	const struct unknown_digest *unknown = row->unknown;
	uint64_t calls = unknown ? unknown->calls : version->calls;
	uint64_t failed = unknown ? unknown->failed : version->failed;
	enum status status = sheet_row(
		&writer->sheet, (struct cell[TABLE_COLUMNS]){
					cell_text(row->tool->name),
					cell_text(row->tool->server),
					cell_number(unknown ? unknown->first : version->time),
					cell_text(put_words(writer->cli, op_of(row))),
					cell_number((int64_t)calls),
					cell_number((int64_t)failed),
					share_of(failed, calls),
					row->before ? share_of(row->before->failed, row->before->calls) : cell_none(),
					cell_text(short_digest(unknown ? unknown->digest : version->digest)),
				});
	if (status == STATUS_OK)
		put_notes(writer, row);
	return status;
}

/* --- in force at a time --- */

static bool member(struct text json, const char *wanted, struct text *value)
{
	struct members members;
	struct text name;
	if (members_begin(json, &members) && members.object)
		while (members_next(&members, &name, value))
			if (text_equal(name, text_of(wanted)))
				return true;
	return false;
}

/* An absent hint is unknown, never safe. */
static size_t put_hints(struct text definition, struct text hints[HINTS_MAX])
{
	static const struct {
		const char *name, *yes, *no;
	} known[] = {
		{"readOnlyHint", "read only", "writing"},
		{"destructiveHint", "destructive", "not destructive"},
		{"idempotentHint", "idempotent", "not idempotent"},
		{"openWorldHint", "open world", "closed world"},
	};
	struct text annotations;
	struct text value;
	size_t count = 0;
	if (!member(definition, "annotations", &annotations))
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (member(annotations, known[i].name, &value))
			hints[count++] = text_of(text_equal(value, TEXT("true")) ? known[i].yes : known[i].no);
	return count;
}

static enum status put_in_force(struct writer *writer, const struct row *row)
{
	struct text hints[HINTS_MAX];
	struct text description = {NULL, 0};
	assert(row->version); /* what nobody announced is never in force */
	size_t count = put_hints(row->version->definition, hints);
	arena_clear(&writer->scratch);
	if (member(row->version->definition, "description", &description))
		description = leaf_text(description, &writer->scratch);
	return sheet_row(&writer->sheet, (struct cell[AS_OF_COLUMNS]){
						 cell_text(row->tool->name),
						 cell_text(row->tool->server),
						 cell_number(row->version->time),
						 cell_text(short_digest(row->version->digest)),
						 count > 0 ? cell_list(hints, count, 0) : cell_none(),
						 cell_text(description),
					 });
}

/* --- the whole --- */

static enum status put_rows(struct writer *writer, const struct rows_of *rows, const struct coverage *coverage)
{
	struct cli *cli = writer->cli;
	bool table = cli->options.output == OUTPUT_TABLE;
	const struct sheet_column *columns = !table ? data_columns : writer->as_of ? as_of_columns : table_columns;
	size_t count = !table ? DATA_COLUMNS : writer->as_of ? AS_OF_COLUMNS : TABLE_COLUMNS;
	enum status status = STATUS_OK;
	sheet_begin(&writer->sheet, &cli->out, cli->options.output, columns, count);
	for (size_t i = 0; i < rows->count && status == STATUS_OK; i++) {
		const struct row *row = &rows->items[i];
		writer->changes = (struct version_changes){.path_count = 0};
		if (row->version)
			status = version_changes_find(
				&writer->changes, row->tool, row->before, row->version, &cli->arena, &writer->scratch);
		if (status != STATUS_OK)
			break;
		status = !table          ? put_data(writer, row)
			 : writer->as_of ? put_in_force(writer, row)
					 : put_table(writer, row);
	}
	if (table && writer->as_of && rows->count == 1 && rows->items[0].version && status == STATUS_OK)
		show_put_payload(&cli->out.text, rows->items[0].version->definition, 2, &writer->scratch);
	return status == STATUS_OK ? sheet_end(&writer->sheet, coverage) : status;
}

static enum status choose_rows(
	struct cli *cli, struct definitions *definitions, const struct scan *scan, bool as_of, struct rows_of *rows)
{
	enum status status = STATUS_OK;
	rows->limit = !cli->options.limit.given   ? ROWS_LIMIT
		      : cli->options.limit.number ? cli->options.limit.number
						  : UINT64_MAX;
	if (definitions->tool_count > 1)
		qsort(definitions->tools, definitions->tool_count, sizeof(struct tool *),
			as_of ? by_name : changed_first);
	for (size_t i = 0; i < definitions->tool_count && status == STATUS_OK; i++)
		status = as_of ? add_in_force(rows, definitions->tools[i], scan->until - 1)
			       : add_history(rows, definitions->tools[i], scan->since);
	definitions->coverage.events = rows->count;
	definitions->coverage.more = definitions->coverage.more || rows->more;
	return status;
}

/* A single word without a colon is the name of a tool. */
static enum status read_words(struct cli *cli, struct filter *filter)
{
	struct text words = cli->words;
	bool plain = words.len > 0;
	for (size_t i = 0; i < words.len; i++)
		plain = plain && strchr(" :\"()/", words.at[i]) == NULL;
	struct buf term;
	buf_init(&term, FILTER_BYTES_MAX);
	buf_put_string(&term, plain ? "tool:" : "");
	buf_put_text(&term, words);
	enum status status = buf_status(&term);
	cli->words = arena_copy(&cli->arena, buf_text(&term));
	if (status == STATUS_OK)
		status = cli_filter(cli, filter);
	buf_finish(&term);
	return status;
}

static enum status read_as_of(struct cli *cli, struct scan *scan)
{
	int64_t time = 0;
	if (cli->options.as_of == NULL)
		return STATUS_OK;
	if (cli->options.since || cli->options.until)
		return error_set(&cli->error, STATUS_INVALID, "as-of stands instead of since and until");
	enum status status =
		when_read(text_of(cli->options.as_of), "as-of", cli->now, scan, &cli->arena, &time, &cli->error);
	if (status == STATUS_OK && time < INT64_MAX)
		scan->until = time + 1;
	return status;
}

static enum status answer(struct cli *cli, struct definitions **definitions)
{
	struct scan scan = {0};
	struct filter filter;
	struct rows_of rows = {.items = NULL};
	bool as_of = cli->options.as_of != NULL;
	struct writer *writer = calloc(1, sizeof(*writer));
	enum status status = writer ? read_words(cli, &filter) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = read_as_of(cli, &scan);
	if (status == STATUS_OK)
		status = definitions_collect(definitions, &scan, &filter, &cli->error);
	if (status == STATUS_OK)
		status = choose_rows(cli, *definitions, &scan, as_of, &rows);
	if (status == STATUS_OK) {
		writer->cli = cli;
		writer->as_of = as_of;
		arena_init(&writer->scratch, SCRATCH_BYTES_MAX);
		status = put_rows(writer, &rows, &(*definitions)->coverage);
		arena_finish(&writer->scratch);
	}
	free(rows.items);
	free(writer);
	return status;
}

enum exit_code verb_definitions(struct cli *cli)
{
	struct definitions *definitions = NULL;
	enum status status = answer(cli, &definitions);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &definitions->coverage);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	definitions_destroy(&definitions);
	return code;
}
