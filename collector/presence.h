/*
 * presence - who is there: MCP sessions, connections and clients, and emitters with the skew of their clocks.
 *
 *   session      has an id; there from its first event of any kind until its close, or SESSION_AGE_MAX without an event
 *   connection   opened by a `connection` event of phase open or initialize, until its close, or as a session; known by
 *                its session, else its peer, else its emitter's epoch
 *   client       what sends requests: name and version, user, OAuth client, workload; there for CLIENT_AGE_MAX
 *   emitter      what reports to us: credential, observer's role, name (else the server's) and instance; kept for
 *                EMITTER_AGE_MAX
 *
 * It tells of now.  Events are looked at when they are received, stored or not; imported ones and ones with a suspect
 * time are not, and ones that are late by more than SESSION_AGE_MAX tell of their emitter only.  After a restart
 * everything is unknown until it is heard of again; what was not heard of is not exposed, rather than 0.  A closed
 * session stays closed: events that come late do not open it again.
 *
 * Each is bounded by metrics.tracked_max and by a share for each owner; who finds no place is counted.  Any thread.
 */
#ifndef MCPLEDGER_PRESENCE_H
#define MCPLEDGER_PRESENCE_H

#include "roster.h"
#include "sighting.h"
#include "timestamp.h"

#define SESSION_AGE_MAX (30 * 60 * NS_PER_S)
#define CLIENT_AGE_MAX  (5 * 60 * NS_PER_S)
#define EMITTER_AGE_MAX NS_PER_DAY

struct presence;
struct presence_worker;
enum status presence_create(
	struct presence **presence, struct metric_registry *registry, const struct roster_limits *limits) MUST_CHECK;
void presence_destroy(struct presence **presence);
/* One thread's way to it: what it has told a moment ago it need not tell again, so that most events take no lock. */
enum status presence_worker_create(struct presence_worker **worker, struct presence *presence) MUST_CHECK;
void presence_worker_destroy(struct presence_worker **worker);
void presence_see(struct presence_worker *worker, const struct sighting *sighting);
/* When the session of this event was opened, ns since 1970 by its emitter; 0: that was not seen. */
int64_t presence_opened_at(struct presence *presence, const struct event *event, int64_t elapsed);
/* Lets go what was not heard of for too long.  elapsed: as in sightings; called about each second. */
void presence_expire(struct presence *presence, int64_t elapsed);

#endif
