#include "auths.h"

#include "auth.h"

enum { LABEL_DECISION, LABEL_REASON, LABEL_STEP, LABEL_SERVER, LABEL_TENANT, LABEL_COUNT };
static const char *const labels[LABEL_COUNT] = {
	[LABEL_DECISION] = "decision",
	[LABEL_REASON] = "reason",
	[LABEL_STEP] = "step",
	[LABEL_SERVER] = "mcp_server_name",
	[LABEL_TENANT] = "tenant",
};

void auths_init(struct auths *auths, struct metric_registry *registry)
{
	static const struct metric_info info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_auth_total",
		.help = "Authorisations stored since the daemon started, by decision, reason (\"other\": words that "
			"are "
			"not in the table) and step; step \"call\" are denied MCP requests, which may have come with "
			"an "
			"authorisation of their own.",
		.labels = labels,
		.label_count = LABEL_COUNT,
		.from_events = true,
	};
	auths->total = metric_family_add(registry, &info);
}

/* The steps there are; others are one, so that emitters' words do not become label values. */
static struct text step_of(const struct event *event)
{
	static const struct text steps[] = {TEXT("authn"), TEXT("token_validate"), TEXT("authz"),
		TEXT("scope_challenge"), TEXT("token_exchange"), TEXT("refresh"), TEXT("logout")};
	struct text step = event_text(event, FIELD_STEP);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (text_equal(step, steps[i]))
			return step;
	return TEXT("other");
}

void auths_find(const struct auths *auths, struct series_cache *cache, const struct event *event, uint64_t owner,
	struct observation *observation)
{
	bool is_call = event->kind == KIND_TOOL_CALL;
	if (text_equal(event_text(event, FIELD_STAGE), TEXT("start")) || (is_call && event->verdict != VERDICT_DENIED))
		return;
	enum auth_decision decision = is_call ? AUTH_DENY : auth_decision_of(event);
	const struct text values[LABEL_COUNT] = {
		[LABEL_DECISION] = text_of(auth_decision_name(decision)),
		[LABEL_REASON] = text_of(auth_reason_name(auth_reason_of(event, decision))),
		[LABEL_STEP] = is_call ? TEXT("call") : step_of(event),
		[LABEL_SERVER] = event_text(event, FIELD_SERVER_NAME),
		[LABEL_TENANT] = event_tenant(event),
	};
	const struct label_set set = {
		.first = auths->total,
		.values = values,
		.count = LABEL_COUNT,
		.owner = owner,
	};
	observation->auth = series_cache_get(cache, &set).first;
}
