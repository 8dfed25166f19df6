/*
 * redact_scan - finds secrets in text.  All matchers are written by hand and take time linear in the text.  Any thread.
 */
#ifndef MCPLEDGER_EVENT_REDACT_SCAN_H
#define MCPLEDGER_EVENT_REDACT_SCAN_H

#include "redact.h"

/* What is taken out of a text, in its order; spans never overlap. */
struct redact_span {
	size_t from, to;
	enum redact_rule rule;
	bool whole_value; /* of a JSON member: the replacement is a JSON string */
};

struct redact_spans {
	struct redact_span *at; /* in the arena */
	size_t count, capacity;
	struct arena *arena;
};

enum status redact_spans_add(struct redact_spans *spans, struct redact_span span) MUST_CHECK;

/*
 * One fast pass: false means that redact_scan finds nothing.  raw: the text is JSON as sent; then false says so of all of
 * its strings without a backslash, and nothing of the others and of member names.
 */
bool redact_suspect(struct text text, bool raw);
/* Adds the secrets of a decoded text. */
enum status redact_scan(struct text text, bool in_auth_event, struct redact_spans *spans) MUST_CHECK;
/* Whether text is exactly what a redaction leaves: "[redacted:RULE]". */
bool redact_is_done(struct text text);

/*
 * Redacts minified JSON: whole values of sensitive members, secrets in strings and names; all other bytes stay as they
 * are.  *changed = false: *out is json itself, else it is in the arena.
 */
enum status redact_json(struct text json, bool in_auth_event, struct arena *arena, struct redact_counts *counts,
	struct text *out, bool *changed) MUST_CHECK;
/* redact_text for a text of an auth event too. */
enum status redact_decoded(struct text text, bool in_auth_event, struct arena *arena, struct redact_counts *counts,
	struct text *out, bool *changed) MUST_CHECK;

#endif
