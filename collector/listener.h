/* listener - opens the socket that a setting such as http.listen or udp.listen names. */
#ifndef MCPLEDGER_LISTENER_H
#define MCPLEDGER_LISTENER_H

#include <stdbool.h>

#include "status.h"

enum { LISTENER_ADDRESS_BYTES = 128 };

struct listener {
	int fd; /* -1: closed; never blocks */
	bool is_unix;
	bool is_loopback;                     /* also unix */
	char address[LISTENER_ADDRESS_BYTES]; /* "127.0.0.1:7373", "[::1]:7373", "unix:/path" */
};

struct listener_wish {
	int type;             /* SOCK_STREAM or SOCK_DGRAM */
	const char *setting;  /* where text stands, for errors */
	const char *text;     /* ADDRESS:PORT (127.0.0.1:7373, [::1]:0, localhost:7373, :7373) or unix:/path */
	bool beyond_loopback; /* whether other addresses may be used */
	const char *needs;    /* what to set for that, for the error */
};

/*
 * Opens it.  A socket file is made with mode 0600; one that nobody listens on any more is replaced.
 * STATUS_INVALID: text is wrong, or goes beyond loopback; STATUS_BUSY: in use; STATUS_DENIED, STATUS_IO.
 */
enum status listener_open(struct listener *listener, const struct listener_wish *wish, struct error *error) MUST_CHECK;
/* Closes the socket and removes its file; does nothing when it is closed. */
void listener_close(struct listener *listener);

#endif
