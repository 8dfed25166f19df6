/*
 * redact - the redaction that is always on (secrets by member name, header name, key shape), and a place for more.
 *
 * Used by event_decode for every string an emitter sends, and by whoever writes an emitter's words into a log or an
 * error answer.  It fails closed: a status other than STATUS_OK means that nothing of the text may be kept.
 * A redactor belongs to one thread at a time.
 */
#ifndef MCPLEDGER_REDACT_H
#define MCPLEDGER_REDACT_H

#include <stdbool.h>

#include "buf.h"

enum { REDACT_VERSION = 1 };

enum redact_rule {
#define REDACT_RULE(name, text, meaning) REDACT_##name,
#include "tbl/redact_rules.h"
#undef REDACT_RULE
	REDACT_RULE_COUNT
};
const char *redact_rule_name(enum redact_rule rule);

/* How often each rule hit since redact_counts_clear. */
struct redact_counts {
	uint32_t rule[REDACT_RULE_COUNT];
	uint32_t total;
};

/*
 * Redacts one decoded text.  *changed = false: *out is text itself; else it is in the arena, each secret replaced by
 * "[redacted:RULE]", the rest unchanged.
 */
enum status redact_text(struct text text, struct arena *arena, struct redact_counts *counts, struct text *out,
	bool *changed) MUST_CHECK;
/* Whether a member of this name (as sent, decoded) has its whole value redacted, and by which rule. */
bool redact_member(struct text name, bool in_auth_event, enum redact_rule *rule);

#endif
