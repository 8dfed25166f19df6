/*
 * cli_stdout - the command line's standard output, which may stall: a pager, a slow pipe, a stopped terminal.
 *
 * While a write does not end, a thread of its own parks the readers of the command line, so that a `less` left open over
 * a weekend does not keep the collector from using its pages anew.
 */
#ifndef MCPLEDGER_QUERY_CLI_STDOUT_H
#define MCPLEDGER_QUERY_CLI_STDOUT_H

#include "cli.h"

struct cli_stdout;

/* cli is borrowed; it may be initialised later, but before the first write. */
enum status cli_stdout_open(struct cli_stdout **out, struct cli *cli) MUST_CHECK;
void cli_stdout_close(struct cli_stdout **out);
/* An output_write; context: the struct cli_stdout. */
enum status cli_stdout_write(void *context, const void *bytes, size_t len);

#endif
