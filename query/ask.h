/*
 * ask - how the command line has a daemon run a verb: the path, what ends the answer, and the question as parameters.
 * See cli_ask.c.
 */
#ifndef MCPLEDGER_QUERY_ASK_H
#define MCPLEDGER_QUERY_ASK_H

#include "cli.h"
#include "fetch.h"

#define ASK_PATH    "/api/v1/answer"
#define FOLLOW_PATH "/api/v1/tail"
enum { ASK_END = 0x1e };

/* Appends &name=value for each option that is part of the question, and the indicators. */
void ask_put_options(struct buf *out, const struct cli *cli);
/* Sends PATH?PARAMETERS (with a NUL behind them); what is too long for that goes as a form. As fetch_get. */
enum status ask_send(struct fetch *fetch, const struct buf *question, fetch_take *answer, void *context,
	unsigned *http_status, struct error *error) MUST_CHECK;
/* Sets cli->error to what a problem document says. */
void ask_set_problem(struct cli *cli, unsigned http_status, struct text problem);

/* tail -f over HTTP: goes on by itself where it was when the connection was lost.  See cli_follow.c. */
enum exit_code cli_follow(struct cli *cli);

#endif
