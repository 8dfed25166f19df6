#include "cli.h"
#include "sheet.h"

static const struct sheet_column columns[] = {{"count", "COUNT", SHEET_COUNT, 0}};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

static enum status put_count(struct cli *cli, uint64_t count, const struct coverage *coverage)
{
	struct sheet sheet;
	sheet_begin(&sheet, &cli->out, cli->options.output, columns, COLUMNS);
	enum status status = sheet_row(&sheet, (struct cell[COLUMNS]){cell_number((int64_t)count)});
	return status == STATUS_OK ? sheet_end(&sheet, coverage) : status;
}

enum exit_code verb_count(struct cli *cli)
{
	struct filter filter;
	struct scan scan = {0};
	struct coverage coverage = {0};
	enum status status = cli_filter(cli, &filter);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	scan.filter = &filter;
	scan.coverage = &coverage;
	if (status == STATUS_OK)
		status = scan_count(&scan, &coverage.events, &cli->error);
	if (status == STATUS_OK)
		status = coverage_collect(&scan, &coverage, &cli->error);
	if (status == STATUS_OK)
		status = put_count(cli, coverage.events, &coverage);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	return status == STATUS_OK ? cli_cover(cli, &coverage) : cli_fail(cli, status);
}
