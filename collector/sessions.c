#include "sessions.h"

#include "labels.h"

enum {
	LABEL_SERVER,
	LABEL_SERVER_VERSION,
	LABEL_ERROR_TYPE,
	LABEL_TRANSPORT,
	LABEL_PROTOCOL_VERSION,
	LABEL_TENANT,
	LABEL_COUNT
};
static const char *const labels[LABEL_COUNT] = {
	[LABEL_SERVER] = "mcp_server_name",
	[LABEL_SERVER_VERSION] = "mcp_server_version",
	[LABEL_ERROR_TYPE] = "error_type",
	[LABEL_TRANSPORT] = "network_transport",
	[LABEL_PROTOCOL_VERSION] = "mcp_protocol_version",
	[LABEL_TENANT] = "tenant",
};
static const double bounds[] = {LABELS_MCP_BOUNDS};

/* Protocol versions are dates: they sort as text. */
#define FIRST_STATELESS_VERSION "2026-07-28"

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
	};
	return metric_family_add(registry, &info);
}

void sessions_init(struct sessions *sessions, struct metric_registry *registry)
{
	sessions->duration_server = add_duration(registry, "mcp_server_session_duration_seconds",
		"Duration of MCP sessions that were closed, as servers and gateways saw them.");
	sessions->duration_client = add_duration(registry, "mcp_client_session_duration_seconds",
		"Duration of MCP sessions that were closed, as clients saw them.");
}

static bool is_session(const struct event *event)
{
	if (event_text(event, FIELD_SESSION_ID).len)
		return true;
	struct text version = event_text(event, FIELD_NET_PROTOCOL_VERSION);
	bool is_stateless = version.len == strlen(FIRST_STATELESS_VERSION) &&
			    memcmp(version.at, FIRST_STATELESS_VERSION, version.len) >= 0;
	return text_equal(label_transport(event), TEXT("pipe")) && !is_stateless;
}

static bool find_duration(const struct event *event, int64_t opened_at, int64_t *duration)
{
	if (event_has(event, FIELD_DURATION_NS)) {
		*duration = event->value[FIELD_DURATION_NS].number;
		return true;
	}
	return opened_at && event_has(event, FIELD_TIME) &&
	       !__builtin_sub_overflow(event->value[FIELD_TIME].number, opened_at, duration) && *duration >= 0;
}

void sessions_find(const struct sessions *sessions, struct series_cache *cache, const struct event *event,
	int64_t opened_at, uint64_t owner, struct observation *observation)
{
	char code[24];
	int64_t duration_ns = 0;
	if (!text_equal(event_text(event, FIELD_PHASE), TEXT("close")) || event_has(event, FIELD_MARKS_TIME_SUSPECT) ||
		!is_session(event) || !find_duration(event, opened_at, &duration_ns))
		return;
	const struct text values[LABEL_COUNT] = {
		[LABEL_SERVER] = event_text(event, FIELD_SERVER_NAME),
		[LABEL_SERVER_VERSION] = event_text(event, FIELD_SERVER_VERSION),
		[LABEL_ERROR_TYPE] = label_error_type(event, code),
		[LABEL_TRANSPORT] = label_transport(event),
		[LABEL_PROTOCOL_VERSION] = event_text(event, FIELD_NET_PROTOCOL_VERSION),
		[LABEL_TENANT] = event_tenant(event),
	};
	const struct label_set set = {
		.first = label_is_client_side(event) ? sessions->duration_client : sessions->duration_server,
		.values = values,
		.count = LABEL_COUNT,
		.owner = owner,
	};
	observation->duration = series_cache_get(cache, &set).first;
	observation->duration_ns = duration_ns;
}
