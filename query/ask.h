/* ask - how the command line has a daemon run a verb: the path, and what ends the answer.  See cli_ask.c. */
#ifndef MCPLEDGER_QUERY_ASK_H
#define MCPLEDGER_QUERY_ASK_H

#define ASK_PATH "/api/v1/answer"
enum { ASK_END = 0x1e };

#endif
