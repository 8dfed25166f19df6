#include "cli.h"
#include "timeline.h"

enum exit_code verb_timeline(struct cli *cli)
{
	struct scan scan = {0};
	struct timeline *timeline = NULL;
	enum output_format format = cli->options.output;
	if (cli->words.len == 0)
		return cli_misuse(cli, "timeline needs an id or a search such as user:alice@acme.io");
	if (format == OUTPUT_CSV || format == OUTPUT_NDJSON)
		return cli_misuse(cli, "timeline knows -o table and json");
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = timeline_build(&timeline, &scan, cli->words, format == OUTPUT_JSON, &cli->error);
	bool found = status == STATUS_OK;
	if (status == STATUS_NOT_FOUND && timeline)
		status = STATUS_OK;
	if (status == STATUS_OK && format == OUTPUT_JSON)
		status = timeline_put_json(timeline, &cli->out);
	else if (status == STATUS_OK)
		status = timeline_put_text(timeline, &cli->out);
	enum exit_code code = EXIT_FOUND;
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	else if (status == STATUS_OK)
		code = cli_cover(cli, timeline_coverage(timeline));
	timeline_destroy(&timeline);
	return code == EXIT_FOUND && !found ? EXIT_NOTHING : code;
}
