/*
 * auth - how an authorisation was decided, and why, as words of ours: what emitters write is free text.  Any thread.
 */
#ifndef MCPLEDGER_AUTH_H
#define MCPLEDGER_AUTH_H

#include "event.h"

enum auth_decision { AUTH_ALLOW, AUTH_DENY, AUTH_UNKNOWN };
const char *auth_decision_name(enum auth_decision decision);
/* By its verdict, which must be set; where that says neither, by the results `success` and `failure`. */
enum auth_decision auth_decision_of(const struct event *event);

enum auth_reason {
#define AUTH_REASON(name, text, meaning) AUTH_REASON_##name,
#include "tbl/auth_reasons.h"
#undef AUTH_REASON
	AUTH_REASON_COUNT
};
const char *auth_reason_name(enum auth_reason reason);
/* AUTH_REASON_NONE unless it was denied. */
enum auth_reason auth_reason_of(const struct event *event, enum auth_decision decision);

#endif
