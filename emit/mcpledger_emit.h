/*
 * mcpledger_emit - sends an MCP server's events to mcpledger over UDP and never slows the server down.
 *
 * Two files to copy into any C or C++ program; they need only POSIX.  Nothing here blocks, allocates per event, resolves
 * names or raises a signal: an event that the kernel does not take at once is dropped and counted.  UDP may also lose it
 * later, unseen by the sender; for events that must arrive, post them to /v1/events instead.
 */
#ifndef MCPLEDGER_EMIT_H
#define MCPLEDGER_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { MCPLEDGER_EMIT_BYTES_MAX = 65000 }; /* of one event; UDP carries no more */

struct mcpledger_emitter;

struct mcpledger_emit_counts {
	uint64_t sent;      /* taken by the kernel */
	uint64_t too_large; /* longer than MCPLEDGER_EMIT_BYTES_MAX */
	uint64_t full;      /* the kernel's send buffer was full */
	uint64_t failed;    /* any other reason; nobody listening is the usual one */
};

/*
 * address: "127.0.0.1:7373" or "[::1]:7373"; names are not resolved.  NULL with errno on failure (EINVAL: not such an
 * address).  That nobody listens there is not a failure.
 */
struct mcpledger_emitter *mcpledger_emitter_open(const char *address);
void mcpledger_emitter_close(struct mcpledger_emitter **emitter); /* sets NULL; accepts NULL */

/*
 * Sends one event: a JSON object of mcpledger's native form, len bytes, or several separated by newlines.  Returns
 * whether the kernel took it.  Any thread, also several at once.
 */
bool mcpledger_emit(struct mcpledger_emitter *emitter, const char *event, size_t len);

/* What became of the events so far. Any thread. */
struct mcpledger_emit_counts mcpledger_emitter_counts(const struct mcpledger_emitter *emitter);

#ifdef __cplusplus
}
#endif

#endif
