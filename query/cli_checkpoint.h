/*
 * cli_checkpoint - the file of --checkpoint: where the next run goes on.
 *
 * It is locked while it is in use, so that two runs cannot pass on the same events, and takes the new position only when
 * all of the answer was written: a run that fails anywhere is repeated by the next one.
 */
#ifndef MCPLEDGER_QUERY_CLI_CHECKPOINT_H
#define MCPLEDGER_QUERY_CLI_CHECKPOINT_H

#include "cli.h"

struct checkpoint {
	int fd; /* holds the lock; -1: there is no checkpoint */
};

/*
 * Reads the file that the options name, if they do, and sets options.position; a file that is not there is made.
 * STATUS_INVALID: it is no checkpoint, or damaged; STATUS_HELD: another run uses it; STATUS_IO, STATUS_DENIED.
 */
enum status checkpoint_open(struct checkpoint *checkpoint, struct cli *cli) MUST_CHECK;
/* After the verb: saves the position that it gave, and lets go of the file. Returns code, or that of the failure. */
enum exit_code checkpoint_close(struct checkpoint *checkpoint, struct cli *cli, enum exit_code code);

#endif
