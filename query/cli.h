/*
 * cli - one answer of mcpledger: a verb with its options, run by the command line or, with --url, by the daemon on its
 * behalf.  What goes to stderr is gathered in messages, so that both can pass it on.
 */
#ifndef MCPLEDGER_QUERY_CLI_H
#define MCPLEDGER_QUERY_CLI_H

#include "options.h"
#include "scan.h"

enum exit_code {
#define EXIT(name, word, meaning) EXIT_##name,
#include "cli_exits.h"
#undef EXIT
};

struct cli {
	struct options options;
	struct text words;          /* those after the verb, joined by spaces */
	struct text indicators;     /* what --match-file holds; empty: it was not given */
	const struct text *tenants; /* the only ones that may be seen; NULL: all */
	size_t tenant_count;
	struct text asked_tenants[OPTION_LIST_MAX]; /* those of --tenant */
	struct output out;                          /* stdout */
	struct buf position;                        /* behind what the answer told; see position.h */
	struct buf messages;                        /* stderr: whole lines, safe to show */
	struct arena arena;
	struct store_reader *readers[SCAN_STORES_MAX]; /* those of cli_open */
	size_t reader_count;
	struct explain explain;
	enum status failed;    /* what cli_fail was given */
	int64_t now, deadline; /* see struct scan */
	struct scan_meter meter;
	bool (*gives_up)(const void *asker);
	const void *asker;
	unsigned threads; /* see struct scan */
	struct error error;
	void (*tell)(struct cli *cli); /* passes messages on at once; NULL: nobody sees them before the end */
};

void cli_init(struct cli *cli, const struct options *options, output_write *write, void *context);
void cli_finish(struct cli *cli);
/* Puts cli->error into messages and returns the exit code that fits the status. */
enum exit_code cli_fail(struct cli *cli, enum status status);
/* The same for a wrong use of a verb. */
enum exit_code cli_misuse(struct cli *cli, const char *text);
/* Opens the stores that the options name, unless there is a reader. */
enum status cli_open(struct cli *cli) MUST_CHECK;
/* The filter that the words and --match-file describe. */
enum status cli_filter(struct cli *cli, struct filter *filter) MUST_CHECK;
/* Where the store is when no --data says so. */
const char *cli_default_dir(struct cli *cli);
/* The scan that --since, --until, --time and --tenant describe, over the open stores. */
enum status cli_scan(struct cli *cli, struct scan *scan) MUST_CHECK;
/* Puts into messages what --explain asks for, once the verb has run. */
void cli_explain(struct cli *cli);
/* Puts the coverage into messages, unless -q; returns the exit code that it asks for. */
enum exit_code cli_cover(struct cli *cli, const struct coverage *coverage);

/* The verbs: those that read, which anybody may run, and those of the command line alone. */
#define VERB(id, name, what, arguments, summary, help) enum exit_code verb_##id(struct cli *cli);
#include "cli_verbs.h"
#undef VERB

/* One that reads, by its name; NULL: there is none. */
typedef enum exit_code verb_run(struct cli *cli);
verb_run *verb_find_reading(struct text name);
const char *verb_name_reading(struct text name); /* the name itself, for good */

/* Appends a file to out. STATUS_NOT_FOUND, STATUS_IO; STATUS_LIMIT: it is larger than out may be. */
enum status cli_read_file(const char *path, struct buf *out) MUST_CHECK;
/* Reads --match-file into cli->indicators, where it was given; error says why not. */
enum status cli_read_indicators(struct cli *cli) MUST_CHECK;
/* Has the daemon at --url run a verb that reads, and passes its answer on. */
enum exit_code cli_ask(struct cli *cli, const char *verb);

#endif
