#include "calls.h"

#include "crypto.h"
#include "labels.h"

/* Labels are the OpenTelemetry names for MCP with dots as underscores; verdict and tenant are ours. */
enum {
	LABEL_METHOD,
	LABEL_TOOL,
	LABEL_SERVER,
	LABEL_SERVER_VERSION,
	LABEL_ERROR_TYPE,
	LABEL_VERDICT,
	LABEL_TRANSPORT,
	LABEL_PROTOCOL_VERSION,
	LABEL_TENANT,
	LABEL_COUNT
};
static const char *const labels[LABEL_COUNT] = {
	[LABEL_METHOD] = "mcp_method_name",
	[LABEL_TOOL] = "gen_ai_tool_name",
	[LABEL_SERVER] = "mcp_server_name",
	[LABEL_SERVER_VERSION] = "mcp_server_version",
	[LABEL_ERROR_TYPE] = "error_type",
	[LABEL_VERDICT] = "verdict",
	[LABEL_TRANSPORT] = "network_transport",
	[LABEL_PROTOCOL_VERSION] = "mcp_protocol_version",
	[LABEL_TENANT] = "tenant",
};
static const double bounds[] = {LABELS_MCP_BOUNDS};

static struct metric_family *add_duration(struct metric_registry *registry, const char *name, const char *help)
{
	const struct metric_info info = {
		.type = METRIC_HISTOGRAM,
		.name = name,
		.help = help,
		.labels = labels,
		.label_count = LABEL_COUNT,
		.bounds = bounds,
		.bound_count = sizeof(bounds) / sizeof(bounds[0]),
		.from_events = true,
		.has_exemplars = true,
	};
	return metric_family_add(registry, &info);
}

void calls_init(struct calls *calls, struct metric_registry *registry)
{
	calls->duration_server = add_duration(registry, "mcp_server_operation_duration_seconds",
		"Duration of MCP requests as servers and gateways saw them.");
	calls->duration_client = add_duration(
		registry, "mcp_client_operation_duration_seconds", "Duration of MCP requests as clients saw them.");
	static const struct metric_info total = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_calls_total",
		.help = "MCP requests stored since the daemon started, by verdict.",
		.labels = labels,
		.label_count = LABEL_COUNT,
		.from_events = true,
		.has_exemplars = true,
	};
	calls->total = metric_family_add(registry, &total);
}

static void fill_labels(const struct event *event, char code[24], struct text values[LABEL_COUNT])
{
	values[LABEL_METHOD] = event_text(event, FIELD_ACTION);
	values[LABEL_TOOL] = (struct text){NULL, 0};
	if (text_equal(values[LABEL_METHOD], TEXT("tools/call")) ||
		text_equal(event_text(event, FIELD_TARGET_TYPE), TEXT("tool")))
		values[LABEL_TOOL] = event_text(event, FIELD_TARGET_NAME);
	values[LABEL_SERVER] = event_text(event, FIELD_SERVER_NAME);
	values[LABEL_SERVER_VERSION] = event_text(event, FIELD_SERVER_VERSION);
	values[LABEL_ERROR_TYPE] = label_error_type(event, code);
	values[LABEL_VERDICT] = text_of(verdict_name(event->verdict));
	values[LABEL_TRANSPORT] = label_transport(event);
	values[LABEL_PROTOCOL_VERSION] = event_text(event, FIELD_NET_PROTOCOL_VERSION);
	values[LABEL_TENANT] = event_tenant(event);
}

/* Only what W3C Trace Context calls a trace id can be looked up: 32 hex digits, not all of them 0. */
static void find_trace(const struct event *event, uint8_t trace_id[16])
{
	struct text trace = event_text(event, FIELD_TRACE_ID);
	if (trace.len != 32 || hex_decode(trace, trace_id, 16) != STATUS_OK)
		memset(trace_id, 0, 16);
}

void calls_find(const struct calls *calls, struct series_cache *cache, const struct event *event, uint64_t owner,
	struct observation *observation)
{
	char code[24];
	struct text values[LABEL_COUNT];
	if (text_equal(event_text(event, FIELD_STAGE), TEXT("start")))
		return;
	fill_labels(event, code, values);
	const struct label_set set = {
		.first = calls->total,
		.second = label_is_client_side(event) ? calls->duration_client : calls->duration_server,
		.values = values,
		.count = LABEL_COUNT,
		.owner = owner,
	};
	struct series_pair series = series_cache_get(cache, &set);
	observation->total = series.first;
	find_trace(event, observation->trace_id);
	if (event_has(event, FIELD_DURATION_NS) && !event_has(event, FIELD_MARKS_TIME_SUSPECT)) {
		observation->duration = series.second;
		observation->duration_ns = event->value[FIELD_DURATION_NS].number;
	}
}
