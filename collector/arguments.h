/* arguments - what mcpledgerd was told on its command line; tbl/daemon_options.h is the table. */
#ifndef MCPLEDGER_COLLECTOR_ARGUMENTS_H
#define MCPLEDGER_COLLECTOR_ARGUMENTS_H

#include <stdbool.h>

enum { EXIT_OK = 0, EXIT_USE = 2, EXIT_FAILED = 3 };

struct arguments {
#define ARGUMENT_TEXT                                               const char *
#define ARGUMENT_FLAG                                               bool
#define DAEMON_OPTION(member, name, short_name, type, value, help_) ARGUMENT_##type member;
#include "tbl/daemon_options.h"
#undef DAEMON_OPTION
};

/*
 * Fills arguments, borrowed from argv.  Returns -1 to go on, else the exit status: what was asked for (help, version) or
 * is wrong has been said then.
 */
int arguments_parse(int argc, char **argv, struct arguments *arguments);

#endif
