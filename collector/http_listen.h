/* http_listen - opens the socket that a setting such as http.listen names. */
#ifndef MCPLEDGER_HTTP_LISTEN_H
#define MCPLEDGER_HTTP_LISTEN_H

#include <stdbool.h>

#include "status.h"

enum { LISTEN_ADDRESS_BYTES = 128 };

struct http_listener {
	int fd; /* -1: closed */
	bool is_unix;
	bool is_loopback;                   /* also unix */
	char address[LISTEN_ADDRESS_BYTES]; /* "127.0.0.1:7373", "[::1]:7373", "unix:/path" */
};

/*
 * text: "ADDRESS:PORT" (127.0.0.1:7373, [::1]:0, localhost:7373, :7373) or "unix:/path".  A socket file is made with
 * mode 0600; one that nobody listens on any more is replaced.  beyond_loopback: whether other addresses may be used;
 * if not, error says what `setting` lacks.  STATUS_INVALID, STATUS_BUSY, STATUS_DENIED, STATUS_IO.
 */
enum status http_listen_open(struct http_listener *listener, const char *setting, const char *text,
	bool beyond_loopback, struct error *error) MUST_CHECK;
/* Closes the socket and removes its file; does nothing when it is closed. */
void http_listen_close(struct http_listener *listener);

#endif
