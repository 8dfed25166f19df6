/*
 * cli - one answer of mcpledger: a verb with its options, run by the command line or, with --url, by the daemon on its
 * behalf.  What goes to stderr is gathered in messages, so that both can pass it on.
 */
#ifndef MCPLEDGER_QUERY_CLI_H
#define MCPLEDGER_QUERY_CLI_H

#include "options.h"
#include "scan.h"

enum exit_code { EXIT_FOUND = 0, EXIT_NOTHING = 1, EXIT_USAGE = 2, EXIT_FAILED = 3 };

struct cli {
	struct options options;
	struct text words;          /* those after the verb, joined by spaces */
	const struct text *tenants; /* the only ones that may be seen; NULL: all */
	size_t tenant_count;
	struct output out;   /* stdout */
	struct buf messages; /* stderr: whole lines, safe to show */
	struct arena arena;
	struct store_reader *reader; /* NULL until cli_open */
	int64_t now, deadline;       /* see struct scan */
	bool (*gives_up)(const void *asker);
	const void *asker;
	struct error error;
};

void cli_init(struct cli *cli, const struct options *options, output_write *write, void *context);
void cli_finish(struct cli *cli);
/* Puts cli->error into messages and returns the exit code that fits the status. */
enum exit_code cli_fail(struct cli *cli, enum status status);
/* The same for a wrong use of a verb. */
enum exit_code cli_misuse(struct cli *cli, const char *text);
/* Opens the store that the options name, unless there is a reader. */
enum status cli_open(struct cli *cli) MUST_CHECK;
/* The scan that --since, --until, --time and --tenant describe, over the open store. */
enum status cli_scan(struct cli *cli, struct scan *scan) MUST_CHECK;
/* Puts the coverage into messages, unless -q; returns the exit code that it asks for. */
enum exit_code cli_cover(struct cli *cli, const struct coverage *coverage);

/* Verbs that read; anybody may run them. */
enum exit_code verb_show(struct cli *cli);
enum exit_code verb_search(struct cli *cli);
enum exit_code verb_timeline(struct cli *cli);
enum exit_code verb_stats(struct cli *cli);
enum exit_code verb_export(struct cli *cli);

/* Verbs of the command line alone. */
enum exit_code verb_import(struct cli *cli);
enum exit_code verb_demo(struct cli *cli);
enum exit_code verb_token(struct cli *cli);
/* Has the daemon at --url run a verb that reads, and passes its answer on. */
enum exit_code cli_ask(struct cli *cli, const char *verb);

#endif
