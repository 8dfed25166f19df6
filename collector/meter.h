/*
 * meter - all that events add to the metrics: calls, authorisations, sessions, presence, usage and lag.
 *
 * What counts stored events (calls, authorisations, durations of sessions) is found on the source's thread, travels
 * with the batch as an observation, and is added by the writer after the commit.  What tells of now (presence, usage,
 * lag) is taken from the event when it is received.  struct meter: any thread; struct meter_worker: one thread.
 */
#ifndef MCPLEDGER_METER_H
#define MCPLEDGER_METER_H

#include "ingest.h"
#include "observation.h"

struct meter;
struct meter_worker;

enum status meter_create(struct meter **meter, struct metric_registry *registry, size_t tracked_max) MUST_CHECK;
void meter_destroy(struct meter **meter);
enum status meter_worker_create(struct meter_worker **worker, struct meter *meter) MUST_CHECK;
void meter_worker_destroy(struct meter_worker **worker);

/* A batch begins: its source and receive time, ns since 1970. */
void meter_begin(struct meter_worker *worker, enum source source, int64_t now);
/* The events to come are from here: name of the credential (borrowed until meter_end), and the owner, see share.h. */
void meter_set_sender(struct meter_worker *worker, struct text emitter, uint64_t owner);
struct observation meter_see(struct meter_worker *worker, const struct event *event);
/* The batch has ended: what was summed up over it is added. */
void meter_end(struct meter_worker *worker);

/* Lets go what was not heard of for too long: about each second.  Any thread. */
void meter_expire(struct meter *meter);

#endif
