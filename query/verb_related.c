#include <inttypes.h>
#include <stdio.h>

#include "cli.h"
#include "related.h"
#include "sheet.h"
#include "timestamp.h"

enum { RELATED_LIMIT = 50, LINE_BYTES = 2048 };

static const struct sheet_column table_columns[] = {
	{"seq", "SEQ", SHEET_COUNT, 8},
	{"time", "TIME", SHEET_TIME, 0},
	{"away", "AWAY", SHEET_TEXT, 10},
	{"user", "USER", SHEET_TEXT, 16},
	{"what", "WHAT", SHEET_TEXT, 0},
	{"outcome", "OUTCOME", SHEET_TEXT, 14},
	{"why", "WHY", SHEET_LIST, 0},
};
static const struct sheet_column data_columns[] = {
	{"seq", NULL, SHEET_COUNT, 0},
	{"id", NULL, SHEET_TEXT, 0},
	{"time", NULL, SHEET_TIME, 0},
	{"distance_ns", NULL, SHEET_COUNT, 0},
	{"user", NULL, SHEET_TEXT, 0},
	{"server", NULL, SHEET_TEXT, 0},
	{"what", NULL, SHEET_TEXT, 0},
	{"verdict", NULL, SHEET_TEXT, 0},
	{"outcome", NULL, SHEET_TEXT, 0},
	{"parameters", NULL, SHEET_TEXT, 0},
	{"strength", NULL, SHEET_COUNT, 0},
	{"relations", NULL, SHEET_LIST, 0},
	{"values", NULL, SHEET_LIST, 0},
	{"why", NULL, SHEET_LIST, 0},
};
enum {
	TABLE_COLUMNS = sizeof(table_columns) / sizeof(table_columns[0]),
	DATA_COLUMNS = sizeof(data_columns) / sizeof(data_columns[0]),
	SHOWN_VALUES = 3,
	SHOWN_VALUE_BYTES = 48
};

/* "+3.2 s" */
static struct text put_distance(int64_t distance, char text[TIMESTAMP_TEXT_BYTES + 2])
{
	text[0] = distance < 0 ? '-' : '+';
	int64_t size = distance < 0 ? (distance == INT64_MIN ? INT64_MAX : -distance) : distance;
	return (struct text){text, 1 + duration_format(size, text + 1)};
}

/* Which values a relation is about: `gets from its result: a@b.c, /srv/x`. */
static bool has_values(enum relation relation)
{
	return relation == RELATION_PASSED_ON || relation == RELATION_CAME_FROM || relation == RELATION_PARAMETER ||
	       relation == RELATION_RESULT;
}

struct reasons {
	struct text names[RELATION_COUNT], why[RELATION_COUNT], values[RELATED_VALUES_MAX];
	size_t count, value_count;
};

/* A value, shortened where it is long and a character ends. */
static void put_value(struct buf *out, struct text value)
{
	size_t len = value.len;
	if (len > SHOWN_VALUE_BYTES)
		for (len = SHOWN_VALUE_BYTES; len > 0 && ((unsigned char)value.at[len] & 0xc0) == 0x80;)
			len--;
	buf_put(out, value.at, len);
	buf_put_string(out, len < value.len ? "…" : "");
}

static struct text put_why(struct cli *cli, enum relation relation, const struct reasons *reasons)
{
	struct buf why;
	buf_init(&why, LINE_BYTES);
	buf_put_string(&why, relation_why(relation));
	for (size_t i = 0; i < reasons->value_count && i < SHOWN_VALUES; i++) {
		buf_put_string(&why, i ? ", " : ": ");
		put_value(&why, reasons->values[i]);
	}
	buf_put_string(&why, reasons->value_count > SHOWN_VALUES ? ", …" : "");
	struct text kept = arena_copy(&cli->arena, buf_text(&why));
	buf_finish(&why);
	return kept;
}

static void give_reasons(
	struct cli *cli, const struct related *related, const struct relative *relative, struct reasons *reasons)
{
	*reasons = (struct reasons){.count = 0};
	for (size_t i = 0; i < related->value_count; i++)
		if (relative->values >> i & 1)
			reasons->values[reasons->value_count++] = related->values[i];
	bool told = false;
	for (unsigned i = 0; i < RELATION_COUNT; i++) {
		if ((relative->relations >> i & 1) == 0)
			continue;
		enum relation relation = (enum relation)i;
		bool with_values = has_values(relation) && !told;
		told = told || with_values;
		reasons->names[reasons->count] = text_of(relation_name(relation));
		reasons->why[reasons->count++] =
			with_values ? put_why(cli, relation, reasons) : text_of(relation_why(relation));
	}
}

static struct text keep(struct cli *cli, struct buf *text)
{
	struct text kept = arena_copy(&cli->arena, buf_text(text));
	buf_finish(text);
	return kept;
}

static enum status put_table_row(
	struct cli *cli, struct sheet *sheet, const struct relative *relative, const struct reasons *reasons)
{
	char away[TIMESTAMP_TEXT_BYTES + 2];
	struct buf what;
	struct buf outcome;
	buf_init(&what, LINE_BYTES);
	buf_init(&outcome, LINE_BYTES);
	buf_put_text(&what, relative->server);
	buf_put_string(&what, relative->server.len > 0 ? " · " : "");
	buf_put_text(&what, relative->what);
	buf_printf(&outcome, "%s ", tone_sign(relative->tone));
	buf_put_text(&outcome, relative->outcome);
	bool apart = relative->strength > 0;
	return sheet_row(sheet, (struct cell[TABLE_COLUMNS]){
					cell_number((int64_t)relative->seq),
					cell_number(relative->time),
					apart ? cell_text(put_distance(relative->distance, away)) : cell_none(),
					cell_text(relative->user),
					cell_text(keep(cli, &what)),
					cell_text(keep(cli, &outcome)),
					cell_list(reasons->why, reasons->count, 0),
				});
}

static enum status put_data_row(struct sheet *sheet, const struct relative *relative, const struct reasons *reasons)
{
	bool apart = relative->strength > 0;
	return sheet_row(sheet, (struct cell[DATA_COLUMNS]){
					cell_number((int64_t)relative->seq),
					cell_text(relative->id),
					cell_number(relative->time),
					apart ? cell_number(relative->distance) : cell_none(),
					cell_text(relative->user),
					cell_text(relative->server),
					cell_text(relative->what),
					cell_text(relative->verdict),
					cell_text(relative->outcome),
					cell_text(relative->parameters),
					apart ? cell_number(relative->strength) : cell_none(),
					cell_list(reasons->names, reasons->count, 0),
					cell_list(reasons->values, reasons->value_count, 0),
					cell_list(reasons->why, reasons->count, 0),
				});
}

static enum status put_related(struct cli *cli, const struct related *related)
{
	struct sheet sheet;
	struct reasons reasons;
	bool table = cli->options.output == OUTPUT_TABLE;
	sheet_begin(&sheet, &cli->out, cli->options.output, table ? table_columns : data_columns,
		table ? TABLE_COLUMNS : DATA_COLUMNS);
	enum status status = STATUS_OK;
	for (size_t i = 0; i < related->count && status == STATUS_OK; i++) {
		const struct relative *relative = &related->relatives[i];
		give_reasons(cli, related, relative, &reasons);
		status = table ? put_table_row(cli, &sheet, relative, &reasons)
			       : put_data_row(&sheet, relative, &reasons);
	}
	if (status == STATUS_OK)
		status = sheet_end(&sheet, &related->coverage);
	if (related->values_left_out > 0 && !cli->options.quiet)
		buf_printf(&cli->messages,
			"The result holds %" PRIu64
			" more distinctive values; those were looked for among the related events only.\n",
			related->values_left_out);
	return status;
}

enum exit_code verb_related(struct cli *cli)
{
	struct scan scan = {0};
	struct related *related = NULL;
	uint64_t limit = cli->options.limit.given ? cli->options.limit.number : RELATED_LIMIT;
	if (cli->words.len == 0)
		return cli_misuse(cli, "related needs the id of an event, or a text that was passed on");
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = related_find(&related, &scan, cli->words, limit, &cli->error);
	if (status == STATUS_OK)
		status = put_related(cli, related);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &related->coverage);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	related_destroy(&related);
	return code;
}
