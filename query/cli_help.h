/*
 * cli_help - what mcpledger says of itself: its verbs, a verb, a topic.  The texts stand in cli_verbs.h, cli_options.h and
 * cli_exits.h; the manual pages are made of the same ones.
 */
#ifndef MCPLEDGER_QUERY_CLI_HELP_H
#define MCPLEDGER_QUERY_CLI_HELP_H

#include "cli.h"

/* The list of verbs and of the options that all reading verbs have, at most `width` columns wide. */
void help_put_usage(struct buf *out, unsigned width);
/* A verb or a topic by its name; false: there is none, and error says which was meant. */
bool help_put_topic(struct buf *out, const char *name, unsigned width, struct error *error);
/* Says that there is no such verb, and which is near. */
enum status help_refuse_verb(const char *name, struct error *error);

#endif
