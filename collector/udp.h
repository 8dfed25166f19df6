/*
 * udp - the source of native events in datagrams: one thread, which never waits for the writer.
 *
 * A datagram holds one event, several lines of them, or an array.  Nobody is answered: what is lost is counted, by the
 * kernel's own counter too.  Who sent a datagram cannot be known, so all its claims stay claims.
 */
#ifndef MCPLEDGER_UDP_H
#define MCPLEDGER_UDP_H

#include "conf.h"
#include "ingest.h"

struct udp;

/*
 * Opens udp.listen and starts the thread; *udp = NULL where the setting is empty.  STATUS_INVALID (also: beyond loopback
 * without udp.allow_unauthenticated), STATUS_BUSY: the address is in use; error names the setting.
 */
enum status udp_start(struct udp **udp, struct ingest *ingest, const struct conf *conf, struct error *error) MUST_CHECK;
/* "127.0.0.1:7373" (the real port), "[::1]:7373" or "unix:/path"; lives with udp. */
const char *udp_address(const struct udp *udp);
/* Takes in what the kernel has still queued, counts what it lost, and stops. */
void udp_stop(struct udp **udp);

#endif
