/*
 * http_guard - what a request must be before anything is done for it.  Any thread; looks at its arguments only.
 */
#ifndef MCPLEDGER_HTTP_GUARD_H
#define MCPLEDGER_HTTP_GUARD_H

#include "conf.h"
#include "http_head.h"

struct http_framing {
	bool has_length;
	uint64_t length; /* of the body, where announced */
	bool chunked;
	bool expects_continue;
};

/*
 * Whether it is certain where the request ends: libmicrohttpd is lenient, and what two parties read differently can
 * hide a second request.  Returns NULL and fills *framing, or why not; the connection must be closed then.
 */
const char *http_guard_framing(const struct http_head *head, struct http_framing *framing);
/*
 * Whether a listener without authentication may believe this Host: a loopback name or address, or one of `hosts`
 * (with or without port).  Against DNS rebinding: a page of evil.example whose name now resolves to 127.0.0.1.
 */
bool http_guard_host(struct text host, const struct conf_list *hosts);
/* Whether a request comes from no page, or from a page of this server: its Origin, if any, names its Host. */
bool http_guard_origin(const struct http_head *head);

#endif
