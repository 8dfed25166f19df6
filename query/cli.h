/* cli - one run of mcpledger: what its verbs share. */
#ifndef MCPLEDGER_QUERY_CLI_H
#define MCPLEDGER_QUERY_CLI_H

#include "options.h"
#include "scan.h"

enum exit_code { EXIT_FOUND = 0, EXIT_NOTHING = 1, EXIT_USAGE = 2, EXIT_FAILED = 3 };

struct cli {
	struct options options;
	struct output out; /* stdout */
	struct arena arena;
	struct store_reader *reader; /* NULL until cli_open */
	int64_t now;
	struct error error;
};

/* Prints "mcpledger: text" on stderr, made safe to show, and returns the exit code that fits the status. */
enum exit_code cli_fail(enum status status, const struct error *error);
/* Opens the store that the options name. */
enum status cli_open(struct cli *cli) MUST_CHECK;
/* The scan that --since, --until, --time and --tenant describe, over the open store. */
enum status cli_scan(struct cli *cli, struct scan *scan) MUST_CHECK;
/* The words after the verb, joined by spaces. */
struct text cli_words(struct cli *cli);
/* Coverage to stderr, unless -q or quiet output; returns the exit code that it asks for. */
enum exit_code cli_cover(struct cli *cli, const struct coverage *coverage);

enum exit_code verb_show(struct cli *cli);
enum exit_code verb_search(struct cli *cli);
enum exit_code verb_timeline(struct cli *cli);
enum exit_code verb_stats(struct cli *cli);
enum exit_code verb_export(struct cli *cli);
enum exit_code verb_import(struct cli *cli);
enum exit_code verb_demo(struct cli *cli);
enum exit_code verb_token(struct cli *cli);

#endif
