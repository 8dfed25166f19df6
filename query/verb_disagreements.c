#include "cli.h"
#include "disagreements.h"

enum { DISAGREEMENTS_LIMIT = 50 };

enum exit_code verb_disagreements(struct cli *cli)
{
	struct scan scan = {0};
	struct filter filter;
	struct coverage coverage = {0};
	const struct option_limit *limit = &cli->options.limit;
	enum status status = filter_parse(cli->words, cli->now, &cli->arena, &filter, &cli->error);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	scan.filter = &filter;
	if (status == STATUS_OK)
		status = disagreements_put(&scan, limit->given ? limit->number : DISAGREEMENTS_LIMIT,
			cli->options.output, &cli->out, &coverage, &cli->error);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	return cli_cover(cli, &coverage);
}
