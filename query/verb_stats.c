#include "cli.h"
#include "stats.h"

enum exit_code verb_stats(struct cli *cli)
{
	const struct options *options = &cli->options;
	if (options->by)
		return stats_run_by(cli);
	if (cli->words.len > 0 || options->sort)
		return cli_misuse(cli, "stats of a search need --by FIELD, such as --by server,tool");
	return stats_run_stores(cli);
}
