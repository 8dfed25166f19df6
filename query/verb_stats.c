#include "cli.h"
#include "stats.h"

static enum status stats_of_events(struct cli *cli, struct coverage *coverage)
{
	struct scan scan = {0};
	struct filter filter;
	struct stats_by by;
	enum status status = stats_by_parse(text_of(cli->options.by), &by, &cli->error);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = filter_parse(cli->words, cli->now, &cli->arena, &filter, &cli->error);
	scan.filter = &filter;
	scan.coverage = coverage;
	return status == STATUS_OK ? stats_put_by(&scan, &by, cli->options.output, &cli->out, &cli->error) : status;
}

enum exit_code verb_stats(struct cli *cli)
{
	struct coverage coverage = {0};
	const struct options *options = &cli->options;
	if (options->by == NULL && cli->words.len > 0)
		return cli_misuse(cli, "stats of a search need --by FIELD, such as --by server,tool");
	enum status status = cli_open(cli);
	if (status == STATUS_OK && options->by == NULL)
		status = stats_put_store(cli->readers[0], options->output, &cli->out, &cli->error);
	else if (status == STATUS_OK)
		status = stats_of_events(cli, &coverage);
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		return cli_fail(cli, status);
	return options->by ? cli_cover(cli, &coverage) : EXIT_FOUND;
}
