#include "calls.h"

#include <stdlib.h>
#include <xxhash.h>

#include "crypto.h"

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
static const double bounds[] = {.01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 30, 60, 120, 300};

enum { CACHE_SLOTS = 2048, KEY_BYTES_MAX = 8192 };

struct calls {
	struct metric_family *duration_server, *duration_client, *total;
};

struct slot {
	uint64_t hash; /* of side and label values */
	struct metric_series *total, *duration;
};

struct calls_cache {
	struct calls *calls;
	struct buf key;
	struct slot slots[CACHE_SLOTS];
};

enum status calls_create(struct calls **calls, struct metric_registry *registry)
{
	struct calls *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	static const struct metric_info duration_server_info = {
		.type = METRIC_HISTOGRAM,
		.name = "mcp_server_operation_duration_seconds",
		.help = "Duration of MCP requests as servers and gateways saw them.",
		.labels = labels,
		.label_count = LABEL_COUNT,
		.bounds = bounds,
		.bound_count = sizeof(bounds) / sizeof(bounds[0]),
		.from_events = true,
		.has_exemplars = true,
	};
	made->duration_server = metric_family_add(registry, &duration_server_info);
	static const struct metric_info duration_client_info = {
		.type = METRIC_HISTOGRAM,
		.name = "mcp_client_operation_duration_seconds",
		.help = "Duration of MCP requests as clients saw them.",
		.labels = labels,
		.label_count = LABEL_COUNT,
		.bounds = bounds,
		.bound_count = sizeof(bounds) / sizeof(bounds[0]),
		.from_events = true,
		.has_exemplars = true,
	};
	made->duration_client = metric_family_add(registry, &duration_client_info);
	static const struct metric_info total_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_calls_total",
		.help = "MCP requests stored since the daemon started, by verdict.",
		.labels = labels,
		.label_count = LABEL_COUNT,
		.from_events = true,
		.has_exemplars = true,
	};
	made->total = metric_family_add(registry, &total_info);
	*calls = made;
	return STATUS_OK;
}

void calls_destroy(struct calls **calls)
{
	free(*calls);
	*calls = NULL;
}

enum status calls_cache_create(struct calls_cache **cache, struct calls *calls)
{
	struct calls_cache *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->calls = calls;
	buf_init(&made->key, KEY_BYTES_MAX);
	*cache = made;
	return STATUS_OK;
}

void calls_cache_destroy(struct calls_cache **cache)
{
	if (*cache == NULL)
		return;
	buf_finish(&(*cache)->key);
	free(*cache);
	*cache = NULL;
}

/* The OpenTelemetry values: pipe, tcp, quic; what is neither has no label. */
static struct text transport_of(struct text transport)
{
	static const struct {
		struct text sent, label;
	} transports[] = {
		{TEXT("stdio"), TEXT("pipe")},
		{TEXT("pipe"), TEXT("pipe")},
		{TEXT("http"), TEXT("tcp")},
		{TEXT("https"), TEXT("tcp")},
		{TEXT("streamable_http"), TEXT("tcp")},
		{TEXT("streamable-http"), TEXT("tcp")},
		{TEXT("sse"), TEXT("tcp")},
		{TEXT("websocket"), TEXT("tcp")},
		{TEXT("tcp"), TEXT("tcp")},
		{TEXT("quic"), TEXT("quic")},
	};
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
		if (text_equal(transport, transports[i].sent))
			return transports[i].label;
	}
	return (struct text){NULL, 0};
}

/* As the convention for MCP has it: what the emitter says, else `tool_error`, else the JSON-RPC code. */
static struct text error_type_of(const struct event *event, char code[24])
{
	struct text type = event_text(event, FIELD_ERROR_TYPE);
	if (type.len)
		return type;
	if (event->verdict == VERDICT_TOOL_ERROR)
		return TEXT("tool_error");
	if (event->verdict == VERDICT_OK || !event_has(event, FIELD_OUTCOME_RPC_CODE))
		return type;
	struct buf text = {.at = code, .capacity = 24, .max = 24};
	buf_put_int(&text, event->value[FIELD_OUTCOME_RPC_CODE].number);
	return buf_text(&text);
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
	values[LABEL_ERROR_TYPE] = error_type_of(event, code);
	values[LABEL_VERDICT] = text_of(verdict_name(event->verdict));
	values[LABEL_TRANSPORT] = transport_of(event_text(event, FIELD_NET_TRANSPORT));
	values[LABEL_PROTOCOL_VERSION] = event_text(event, FIELD_NET_PROTOCOL_VERSION);
	values[LABEL_TENANT] = event_tenant(event);
}

static uint64_t hash_labels(struct buf *key, bool is_client, const struct text values[LABEL_COUNT])
{
	size_t bytes = 1;
	for (size_t i = 0; i < LABEL_COUNT; i++)
		bytes += sizeof(uint32_t) + values[i].len;
	buf_clear(key);
	char *to = buf_reserve(key, bytes);
	if (to == NULL)
		return 0; /* which marks a free slot: what does not fit is not cached */
	char *at = to;
	*at++ = (char)is_client;
	for (size_t i = 0; i < LABEL_COUNT; i++) {
		uint32_t len = (uint32_t)values[i].len;
		memcpy(at, &len, sizeof(len));
		at += sizeof(len);
		if (len)
			memcpy(at, values[i].at, len);
		at += len;
	}
	return XXH3_64bits(to, bytes);
}

/* Only what W3C Trace Context calls a trace id can be looked up: 32 hex digits, not all of them 0. */
static void find_trace(const struct event *event, uint8_t trace_id[16])
{
	struct text trace = event_text(event, FIELD_TRACE_ID);
	if (trace.len != 32 || hex_decode(trace, trace_id, 16) != STATUS_OK)
		memset(trace_id, 0, 16);
}

struct call calls_find(struct calls_cache *cache, const struct event *event, uint64_t owner)
{
	struct call call = {NULL, NULL, 0, {0}};
	if (event->kind != KIND_TOOL_CALL || text_equal(event_text(event, FIELD_STAGE), TEXT("start")))
		return call;
	char code[24];
	struct text values[LABEL_COUNT];
	fill_labels(event, code, values);
	bool is_client = text_equal(event_text(event, FIELD_OBSERVER_ROLE), TEXT("client"));
	uint64_t hash = hash_labels(&cache->key, is_client, values);
	struct slot *slot = &cache->slots[hash % CACHE_SLOTS];
	if (hash == 0 || slot->hash != hash) {
		struct calls *calls = cache->calls;
		struct metric_family *duration = is_client ? calls->duration_client : calls->duration_server;
		slot->hash = hash;
		slot->total = metric_series_get_for(calls->total, owner, values);
		slot->duration = metric_series_get_for(duration, owner, values);
	}
	call.total = slot->total;
	find_trace(event, call.trace_id);
	if (event_has(event, FIELD_DURATION_NS) && !event_has(event, FIELD_MARKS_TIME_SUSPECT)) {
		call.duration = slot->duration;
		call.duration_ns = event->value[FIELD_DURATION_NS].number;
	}
	return call;
}

void calls_observe(const struct call *call, int64_t now)
{
	static const uint8_t none[16];
	struct metric_exemplar exemplar = {.time = now};
	memcpy(exemplar.trace_id, call->trace_id, sizeof(exemplar.trace_id));
	bool is_traced = memcmp(call->trace_id, none, sizeof(none)) != 0;
	if (call->total)
		metric_add_traced(call->total, 1, is_traced ? &exemplar : NULL);
	if (call->duration)
		metric_observe_traced(call->duration, call->duration_ns, is_traced ? &exemplar : NULL);
}
