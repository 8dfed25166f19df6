#include "cli.h"
#include "printable.h"
#include "timeline.h"

/* A word alone is taken for an id: whoever meant to search for it is told how. */
static void tell_search(struct cli *cli)
{
	if (cli->options.quiet || memchr(cli->words.at, '"', cli->words.len) ||
		memchr(cli->words.at, ' ', cli->words.len))
		return;
	buf_put_string(&cli->messages, "Nothing has this id.  To look for it as a word: mcpledger timeline '\"");
	printable_put(&cli->messages, cli->words);
	buf_put_string(&cli->messages, "\"'\n");
}

enum exit_code verb_timeline(struct cli *cli)
{
	struct scan scan = {0};
	struct timeline *timeline = NULL;
	enum output_format format = cli->options.output;
	bool with_json = format == OUTPUT_JSON || format == OUTPUT_NDJSON;
	if (cli->words.len == 0)
		return cli_misuse(cli, "timeline needs an id or a search such as user:alice@acme.io");
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = timeline_build(&timeline, &scan, cli->words, with_json, &cli->error);
	bool found = status == STATUS_OK;
	if (status == STATUS_NOT_FOUND && timeline)
		status = STATUS_OK;
	if (status == STATUS_OK) {
		timeline_limit(timeline, cli->options.limit.number);
		status = timeline_put(timeline, format, &cli->out);
	}
	enum exit_code code = EXIT_FOUND;
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	else if (status == STATUS_OK)
		code = cli_cover(cli, timeline_coverage(timeline));
	if (status == STATUS_OK && !found && memchr(cli->words.at, ':', cli->words.len) == NULL)
		tell_search(cli);
	timeline_destroy(&timeline);
	return code == EXIT_FOUND && !found ? EXIT_NOTHING : code;
}
