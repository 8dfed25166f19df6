#include "cli.h"
#include "gaps.h"
#include "sheet.h"

static const struct sheet_column columns[] = {
	{"since", "FROM", SHEET_TIME, 0},
	{"until", "TO", SHEET_TIME, 0},
	{"gap", "WHAT", SHEET_TEXT, 10},
	{"events", "EVENTS", SHEET_COUNT, 8},
	{"source", "SOURCE", SHEET_TEXT, 24},
	{"first_seq", NULL, SHEET_COUNT, 0},
	{"last_seq", NULL, SHEET_COUNT, 0},
	{"why", "WHY", SHEET_TEXT, 0},
	{"means", "WHAT IT MEANS", SHEET_TEXT, 0},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static struct cell cell_end(int64_t time)
{
	return time == INT64_MIN || time == INT64_MAX ? cell_none() : cell_number(time);
}

static struct cell cell_seq(uint64_t seq)
{
	return seq ? cell_number((int64_t)seq) : cell_none();
}

static enum status put_gap(struct sheet *sheet, const struct gap *gap)
{
	return sheet_row(sheet, (struct cell[COLUMNS]){
					cell_end(gap->since),
					cell_end(gap->until),
					cell_text(text_of(gap_name(gap->kind))),
					gap->events == GAP_UNKNOWN ? cell_none() : cell_number((int64_t)gap->events),
					cell_text(gap->source),
					cell_seq(gap->first_seq),
					cell_seq(gap->last_seq),
					cell_text(gap->why),
					cell_text(text_of(gap_means(gap->kind))),
				});
}

static enum status put_gaps(struct cli *cli, struct gaps *gaps)
{
	struct sheet sheet;
	const struct option_limit *limit = &cli->options.limit;
	size_t first = limit->given && limit->number > 0 && limit->number < gaps->count
			       ? gaps->count - (size_t)limit->number
			       : 0;
	enum status status = STATUS_OK;
	gaps->coverage.more = gaps->coverage.more || first > 0;
	gaps->coverage.events = gaps->count - first;
	sheet_begin(&sheet, &cli->out, cli->options.output, columns, COLUMNS);
	for (size_t i = first; i < gaps->count && status == STATUS_OK; i++)
		status = put_gap(&sheet, &gaps->items[i]);
	return status == STATUS_OK ? sheet_end(&sheet, &gaps->coverage) : status;
}

enum exit_code verb_gaps(struct cli *cli)
{
	struct scan scan = {0};
	struct gaps *gaps = NULL;
	if (cli->words.len > 0)
		return cli_misuse(cli, "gaps takes no words; --since, --until and --tenant narrow it");
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = gaps_find(&gaps, &scan, &cli->error);
	if (status == STATUS_OK)
		status = put_gaps(cli, gaps);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &gaps->coverage);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	gaps_destroy(&gaps);
	return code;
}
