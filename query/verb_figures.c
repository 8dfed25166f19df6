/* The verbs that are one table of figures each: tools, servers, principals, auth. */
#include "figures.h"

enum { FIGURES_LIMIT = 100 };

#define VALUE_EFFECT                                                                                                   \
	{                                                                                                              \
		.fields = { FIELD_MARKS_EFFECT, FIELD_EFFECT }                                                         \
	}
#define VALUE_FAILURE                                                                                                  \
	{                                                                                                              \
		.fields = { FIELD_ERROR_MESSAGE, FIELD_OUTCOME_REASON, FIELD_ERROR_TYPE }                              \
	}
#define VALUE_PEER                                                                                                     \
	{                                                                                                              \
		.fields = {FIELD_NET_PEER}, .host = true                                                               \
	}
/* The names of tools, of events about tools: a resource or a prompt has a name, too. */
#define VALUE_TOOL                                                                                                     \
	{                                                                                                              \
		.fields = {FIELD_TARGET_NAME}, .only = {                                                               \
			{.fields = {FIELD_TARGET_TYPE, FIELD_ACTION}, .words = {"tool", "tools/call"}}                 \
		}                                                                                                      \
	}

static const struct figure_column tool_columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},
	{{"server", "SERVER", SHEET_TEXT, 0}, FIGURE_KEY, 1},
	{{"tool", "TOOL", SHEET_TEXT, 0}, FIGURE_KEY, 2},
	{{"other", NULL, SHEET_BOOL, 0}, FIGURE_OTHER},
	{{"calls", "CALLS", SHEET_COUNT, 0}, FIGURE_CALLS},
	{{"errors", "ERRORS", SHEET_COUNT, 0}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 0}, FIGURE_REFUSED},
	{{"error_rate", "ERROR %", SHEET_SHARE, 0}, FIGURE_ERROR_RATE},
	{{"p50_ns", "P50", SHEET_DURATION, 0}, FIGURE_P50},
	{{"p95_ns", "P95", SHEET_DURATION, 0}, FIGURE_P95},
	{{"p99_ns", "P99", SHEET_DURATION, 0}, FIGURE_P99},
	{{"max_ns", NULL, SHEET_DURATION, 0}, FIGURE_MAX},
	{{"user_count", "USERS", SHEET_COUNT, 0}, FIGURE_SET_SIZE, 0},
	{{"users", NULL, SHEET_LIST, 0}, FIGURE_SET, 0},
	{{"effects", "EFFECT", SHEET_LIST, 8}, FIGURE_SET, 1},
	{{"effect_sources", NULL, SHEET_LIST, 0}, FIGURE_SET, 2},
	{{"versions", NULL, SHEET_LIST, 0}, FIGURE_SET, 3},
	{{"definition_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, 4},
	{{"definitions", NULL, SHEET_LIST, 0}, FIGURE_SET, 4},
	{{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", NULL, SHEET_TIME, 0}, FIGURE_LAST},
	{{"first_error", NULL, SHEET_TIME, 0}, FIGURE_FIRST_ERROR},
	{{"last_error", "LAST ERROR", SHEET_TIME, 0}, FIGURE_LAST_ERROR},
	{{"last_error_message", NULL, SHEET_TEXT, 0}, FIGURE_SAMPLE, 0},
};

static const struct figures tools = {
	.words = "kind:tool_call ( action:tools/call OR -action:* )",
	.spec = {.keys = {VALUE_TENANT, VALUE(FIELD_SERVER_NAME), VALUE(FIELD_TARGET_NAME)},
		.key_count = 3,
		.sets = {VALUE_PRINCIPAL, VALUE_EFFECT, VALUE(FIELD_MARKS_EFFECT_SOURCE), VALUE(FIELD_SERVER_VERSION),
			VALUE(FIELD_TARGET_DEFINITION_DIGEST)},
		.set_count = 5,
		.samples = {{VALUE_FAILURE, .errors = true}},
		.sample_count = 1,
		.durations = true,
		.times = true},
	.once = true,
	.columns = tool_columns,
	.column_count = COLUMN_COUNT(tool_columns),
	.sort = "calls",
	.limit = FIGURES_LIMIT,
};

enum exit_code verb_tools(struct cli *cli)
{
	return figures_run(cli, &tools);
}

static const struct figure_column server_columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},
	{{"server", "SERVER", SHEET_TEXT, 0}, FIGURE_KEY, 1},
	{{"versions", "VERSIONS", SHEET_LIST, 14}, FIGURE_SET, 0},
	{{"state", "STATE", SHEET_TEXT, 8}, FIGURE_SAMPLE, 1},
	{{"state_since", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, 1},
	{{"tool_count", "TOOLS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 1},
	{{"tools", NULL, SHEET_LIST, 0}, FIGURE_SET, 1},
	{{"calls", "CALLS", SHEET_COUNT, 0}, FIGURE_CALLS},
	{{"errors", "ERRORS", SHEET_COUNT, 0}, FIGURE_ERRORS},
	{{"refused", NULL, SHEET_COUNT, 0}, FIGURE_REFUSED},
	{{"error_rate", "ERROR %", SHEET_SHARE, 0}, FIGURE_ERROR_RATE},
	{{"p50_ns", NULL, SHEET_DURATION, 0}, FIGURE_P50},
	{{"p95_ns", NULL, SHEET_DURATION, 0}, FIGURE_P95},
	{{"p99_ns", "P99", SHEET_DURATION, 0}, FIGURE_P99},
	{{"user_count", "USERS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 2},
	{{"transports", "TRANSPORT", SHEET_LIST, 10}, FIGURE_SET, 3},
	{{"protocol_versions", NULL, SHEET_LIST, 0}, FIGURE_SET, 4},
	{{"instance_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, 5},
	{{"instances", NULL, SHEET_LIST, 0}, FIGURE_SET, 5},
	{{"addresses", NULL, SHEET_LIST, 0}, FIGURE_SET, 6},
	{{"observers", NULL, SHEET_LIST, 0}, FIGURE_SET, 7},
	{{"events", NULL, SHEET_COUNT, 0}, FIGURE_EVENTS},
	{{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", "LAST SEEN", SHEET_TIME, 0}, FIGURE_LAST},
	{{"first_error", NULL, SHEET_TIME, 0}, FIGURE_FIRST_ERROR},
	{{"last_error", NULL, SHEET_TIME, 0}, FIGURE_LAST_ERROR},
	{{"last_error_message", NULL, SHEET_TEXT, 0}, FIGURE_SAMPLE, 0},
};

static const struct figures servers = {
	.words = "server:*",
	.spec = {.keys = {VALUE_TENANT, VALUE(FIELD_SERVER_NAME)},
		.key_count = 2,
		.sets = {{.fields = {FIELD_SERVER_VERSION, FIELD_VERSION}}, VALUE_TOOL, VALUE_PRINCIPAL,
			VALUE(FIELD_NET_TRANSPORT), VALUE(FIELD_NET_PROTOCOL_VERSION), VALUE(FIELD_SERVER_INSTANCE),
			VALUE(FIELD_SERVER_ADDRESS), VALUE(FIELD_OBSERVER_ROLE)},
		.set_count = 8,
		.samples = {{VALUE_FAILURE, .errors = true},
			{{.fields = {FIELD_PHASE}, .only = {{.fields = {FIELD_KIND}, .words = {"lifecycle"}}}}}},
		.sample_count = 2,
		.durations = true,
		.times = true,
		.calls_alone = true},
	.once = true,
	.columns = server_columns,
	.column_count = COLUMN_COUNT(server_columns),
	.sort = "calls",
	.limit = FIGURES_LIMIT,
};

enum exit_code verb_servers(struct cli *cli)
{
	return figures_run(cli, &servers);
}

static const struct figure_column principal_columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},
	{{"principal", "PRINCIPAL", SHEET_TEXT, 0}, FIGURE_KEY, 1},
	{{"identified_by", NULL, SHEET_TEXT, 0}, FIGURE_KEY_FIELD, 1},
	{{"kinds", NULL, SHEET_LIST, 0}, FIGURE_SET, 0},
	{{"trust", "TRUST", SHEET_TEXT, 8}, FIGURE_OWN},
	{{"teams", NULL, SHEET_LIST, 0}, FIGURE_SET, 1},
	{{"calls", "CALLS", SHEET_COUNT, 0}, FIGURE_CALLS},
	{{"errors", "FAILED", SHEET_COUNT, 0}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 0}, FIGURE_REFUSED},
	{{"denied", NULL, SHEET_COUNT, 0}, FIGURE_VERDICT, VERDICT_DENIED},
	{{"destructive", "DELETES", SHEET_COUNT, 0}, FIGURE_SET_COUNT, 2, "delete"},
	{{"effects", NULL, SHEET_LIST, 0}, FIGURE_SET, 2},
	{{"tool_count", "TOOLS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 3},
	{{"tools", NULL, SHEET_LIST, 0}, FIGURE_SET, 3},
	{{"server_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, 4},
	{{"servers", NULL, SHEET_LIST, 0}, FIGURE_SET, 4},
	{{"agents", "AGENTS", SHEET_LIST, 0}, FIGURE_SET, 5},
	{{"clients", NULL, SHEET_LIST, 0}, FIGURE_SET, 6},
	{{"token_count", "TOKENS", SHEET_COUNT, 6}, FIGURE_SET_SIZE, 7},
	{{"tokens", NULL, SHEET_LIST, 0}, FIGURE_SET, 7},
	{{"peers", NULL, SHEET_LIST, 0}, FIGURE_SET, 8},
	{{"delegations", NULL, SHEET_LIST, 0}, FIGURE_SET, 9},
	{{"events", NULL, SHEET_COUNT, 0}, FIGURE_EVENTS},
	{{"first_seen", NULL, SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", "LAST SEEN", SHEET_TIME, 0}, FIGURE_LAST},
};
enum { PRINCIPAL_TRUST = 10, PRINCIPAL_IDENTITY };

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column)
{
	(void)context;
	(void)column;
	return figures_trust(&group->sets[PRINCIPAL_TRUST], &group->sets[PRINCIPAL_IDENTITY]);
}

static const struct figures principals = {
	.words = "user:* OR workload.id:* OR oauth.client_id:*",
	.spec = {.keys = {VALUE_TENANT,
			 {.fields = {FIELD_USER_ID, FIELD_WORKLOAD_ID, FIELD_OAUTH_CLIENT_ID}, .by_field = true}},
		.key_count = 2,
		.sets = {VALUE(FIELD_USER_KIND), VALUE(FIELD_USER_TEAM), VALUE_EFFECT, VALUE_TOOL,
			VALUE(FIELD_SERVER_NAME), VALUE(FIELD_AGENT_NAME), VALUE(FIELD_CLIENT_NAME),
			{.fields = {FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID}}, VALUE_PEER, VALUE(FIELD_DELEGATION),
			VALUE(FIELD_MARKS_USER_TRUST), VALUE_PRINCIPAL},
		.set_count = 12,
		.times = true,
		.calls_alone = true},
	.once = true,
	.columns = principal_columns,
	.column_count = COLUMN_COUNT(principal_columns),
	.sort = "calls",
	.limit = FIGURES_LIMIT,
	.own = own_cell,
};

enum exit_code verb_principals(struct cli *cli)
{
	return figures_run(cli, &principals);
}

static const struct figure_column auth_columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, 0},
	{{"principal", "PRINCIPAL", SHEET_TEXT, 0}, FIGURE_KEY, 1},
	{{"client", "CLIENT", SHEET_TEXT, 0}, FIGURE_KEY, 2},
	{{"step", "STEP", SHEET_TEXT, 14}, FIGURE_KEY, 3},
	{{"method", "METHOD", SHEET_TEXT, 8}, FIGURE_KEY, 4},
	{{"result", "RESULT", SHEET_TEXT, 8}, FIGURE_KEY, 5},
	{{"reason", "REASON", SHEET_TEXT, 0}, FIGURE_KEY, 6},
	{{"count", "COUNT", SHEET_COUNT, 6}, FIGURE_EVENTS},
	{{"denied", NULL, SHEET_COUNT, 0}, FIGURE_VERDICT, VERDICT_DENIED},
	{{"servers", "SERVERS", SHEET_LIST, 0}, FIGURE_SET, 0},
	{{"tools", NULL, SHEET_LIST, 0}, FIGURE_SET, 1},
	{{"tokens", NULL, SHEET_LIST, 0}, FIGURE_SET, 2},
	{{"peers", NULL, SHEET_LIST, 0}, FIGURE_SET, 3},
	{{"www_errors", NULL, SHEET_LIST, 0}, FIGURE_SET, 4},
	{{"scopes_required", NULL, SHEET_LIST, 0}, FIGURE_SET, 5},
	{{"http_statuses", NULL, SHEET_LIST, 0}, FIGURE_SET, 6},
	{{"first_seen", "FIRST", SHEET_TIME, 0}, FIGURE_FIRST},
	{{"last_seen", "LAST", SHEET_TIME, 0}, FIGURE_LAST},
};

/* A call that was denied has no step of its own: its decision, or its verdict, is the result. */
static const struct figures auth = {
	.words = "kind:auth OR ( kind:tool_call verdict:denied )",
	.spec = {.keys = {VALUE_TENANT, VALUE_PRINCIPAL, VALUE(FIELD_CLIENT_NAME),
			 {.fields = {FIELD_STEP, FIELD_ACTION}}, VALUE(FIELD_METHOD),
			 {.fields = {FIELD_RESULT, FIELD_OUTCOME_DECISION, FIELD_VERDICT}},
			 {.fields = {FIELD_REASON, FIELD_OUTCOME_REASON, FIELD_WWW_ERROR, FIELD_ERROR_TYPE}}},
		.key_count = 7,
		.sets = {VALUE(FIELD_SERVER_NAME), VALUE_TOOL, VALUE(FIELD_OAUTH_TOKEN_ID), VALUE_PEER,
			VALUE(FIELD_WWW_ERROR), VALUE(FIELD_SCOPES_REQUIRED),
			{.fields = {FIELD_HTTP_STATUS, FIELD_OUTCOME_HTTP_STATUS}}},
		.set_count = 7,
		.times = true},
	.keeps_reports_apart = true,
	.columns = auth_columns,
	.column_count = COLUMN_COUNT(auth_columns),
	.sort = "denied",
	.limit = FIGURES_LIMIT,
};

enum exit_code verb_auth(struct cli *cli)
{
	return figures_run(cli, &auth);
}
