/*
 * sealer - the thread that makes tail chunks into sealed blocks.
 *
 * The writer asks for one job at a time: the block that begins with the tail's first event.  The sealer reads the chunks
 * through a reader of its own and encodes them; the writer takes the result and puts it in its next commit.
 * All functions but the thread's own: the writer's thread.
 */
#ifndef MCPLEDGER_SEALER_H
#define MCPLEDGER_SEALER_H

#include "store.h"

struct sealer;

struct sealed {
	uint64_t first_seq;
	uint32_t count; /* events; whole chunks */
	struct text image, summary;
};

/* ready is called on the sealer's thread when a job is done; it must not block. */
enum status sealer_create(
	struct sealer **sealer, struct store *store, void (*ready)(void *context), void *context) MUST_CHECK;
void sealer_destroy(struct sealer **sealer); /* waits for the running job */

/* Begins a job if none is running and no result waits.  It takes its time over much text: seconds for some MiB. */
void sealer_begin(struct sealer *sealer, uint64_t first_seq);
/* Lets the running job end soon, at the cost of a larger block. */
void sealer_hurry(struct sealer *sealer);
/* Waits until no job is running. */
void sealer_wait(struct sealer *sealer);
/* Whether a job is running or a result waits. */
bool sealer_is_busy(struct sealer *sealer);
/* Whether sealer_get has something to say. */
bool sealer_is_done(struct sealer *sealer);
/*
 * The result of the last job.  STATUS_OK: *sealed is valid until sealer_release; STATUS_NOT_FOUND: there is none, or the
 * job is running; else the job failed (error says why) and is forgotten.
 */
enum status sealer_get(struct sealer *sealer, struct sealed *sealed, struct error *error) MUST_CHECK;
void sealer_release(struct sealer *sealer);

#endif
