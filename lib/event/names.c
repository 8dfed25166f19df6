/* Names of the closed sets of an event: verdicts, kinds, reasons, redaction rules. */
#include "event.h"
#include "redact.h"

static const struct {
	const char *name;
	size_t len;
	bool counts;
	bool error;
} verdicts[VERDICT_COUNT] = {
#define VERDICT(name, text, counts, error) [VERDICT_##name] = {text, sizeof(text) - 1, counts, error},
#include "tbl/verdicts.h"
#undef VERDICT
};

const char *verdict_name(enum verdict verdict)
{
	return verdicts[verdict < VERDICT_COUNT ? verdict : VERDICT_UNKNOWN].name;
}

bool verdict_is_error(enum verdict verdict)
{
	return verdict < VERDICT_COUNT && verdicts[verdict].error;
}

bool verdict_counts_against_server(enum verdict verdict)
{
	return verdict < VERDICT_COUNT && verdicts[verdict].counts;
}

enum verdict verdict_find(struct text name)
{
	unsigned verdict = 0;
	while (verdict < VERDICT_COUNT &&
		!text_equal(name, (struct text){verdicts[verdict].name, verdicts[verdict].len}))
		verdict++;
	return (enum verdict)verdict;
}

static const struct text kinds[KIND_COUNT] = {
#define KIND(name, text) [KIND_##name] = {text, sizeof(text) - 1},
#include "tbl/kinds.h"
#undef KIND
};

enum kind kind_find(struct text name)
{
	for (unsigned kind = KIND_OTHER + 1; kind < KIND_COUNT; kind++)
		if (text_equal(name, kinds[kind]))
			return (enum kind)kind;
	return KIND_OTHER;
}

static const struct {
	const char *name;
	const char *meaning;
} reasons[REASON_COUNT] = {
#define REASON(name, text, meaning) [REASON_##name] = {text, meaning},
#include "tbl/reasons.h"
#undef REASON
};

const char *reason_name(enum reason reason)
{
	return reasons[reason < REASON_COUNT ? reason : REASON_NONE].name;
}

const char *reason_meaning(enum reason reason)
{
	return reasons[reason < REASON_COUNT ? reason : REASON_NONE].meaning;
}

static const char *const redact_rules[REDACT_RULE_COUNT] = {
#define REDACT_RULE(name, text, meaning) [REDACT_##name] = text,
#include "tbl/redact_rules.h"
#undef REDACT_RULE
};

const char *redact_rule_name(enum redact_rule rule)
{
	return rule < REDACT_RULE_COUNT ? redact_rules[rule] : "";
}
