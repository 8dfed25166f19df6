#include "usage.h"

#include <pthread.h>
#include <stdlib.h>
#include <xxhash.h>

#include "crypto.h"

#define REORDER_MAX (5 * 60 * NS_PER_S) /* an older report than the last one by more is a clock that was set back */
#define VALUE_MAX   (INT64_C(1) << 53)  /* up to which sums of doubles are exact */

enum { COUNTER_CPU, COUNTER_RECEIVED, COUNTER_SENT, COUNTER_COUNT };
static const unsigned counter_fields[COUNTER_COUNT] = {FIELD_CPU_NS, FIELD_NET_RX_BYTES, FIELD_NET_TX_BYTES};

struct process {
	struct metric_series *counters[COUNTER_COUNT], *resident; /* NULL: nothing reported yet */
	int64_t last[COUNTER_COUNT];
	int64_t resident_bytes;
	int64_t time; /* of the last report, by its emitter; 0: none yet */
};

struct usage {
	pthread_mutex_t lock;
	struct roster *processes;
	uint64_t seed;
	struct metric_family *counters[COUNTER_COUNT], *resident;
};

static void add_families(struct usage *usage, struct metric_registry *registry)
{
	static const char *const labels[] = {"mcp_server_name", "mcp_server_instance", "tenant"};
	static const struct {
		const char *name, *help;
	} counters[COUNTER_COUNT] = {
		[COUNTER_CPU] = {"mcp_server_process_cpu_seconds_total",
			"CPU time that the processes of an MCP server were seen to use."},
		[COUNTER_RECEIVED] = {"mcp_server_process_network_receive_bytes_total",
			"Bytes that the processes of an MCP server were seen to receive."},
		[COUNTER_SENT] = {"mcp_server_process_network_transmit_bytes_total",
			"Bytes that the processes of an MCP server were seen to send."},
	};
	struct metric_info info = {.labels = labels, .label_count = 3, .from_events = true};
	for (size_t i = 0; i < COUNTER_COUNT; i++) {
		info.type = METRIC_COUNTER;
		info.name = counters[i].name;
		info.help = counters[i].help;
		info.counts_ns = i == COUNTER_CPU;
		usage->counters[i] = metric_family_add(registry, &info);
	}
	info.type = METRIC_GAUGE;
	info.name = "mcp_server_process_resident_memory_bytes";
	info.help = "Resident memory of the processes of an MCP server that reported in the last 5 minutes.";
	info.counts_ns = false;
	usage->resident = metric_family_add(registry, &info);
}

static void leave(void *context, void *entry, int64_t now)
{
	struct process *process = entry;
	(void)context;
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		if (process->counters[i])
			metric_series_release(process->counters[i], now);
	if (process->resident == NULL)
		return;
	metric_change(process->resident, -(double)process->resident_bytes);
	metric_series_release(process->resident, now);
}

enum status usage_create(struct usage **usage, struct metric_registry *registry, const struct roster_limits *limits)
{
	struct usage *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	static const struct roster_options processes = {
		"processes", sizeof(struct process), PROCESS_AGE_MAX, leave, NULL};
	pthread_mutex_init(&made->lock, NULL);
	enum status status = crypto_random(&made->seed, sizeof(made->seed));
	if (status == STATUS_OK)
		status = roster_create(&made->processes, &processes, limits);
	if (status != STATUS_OK) {
		usage_destroy(&made);
		return status;
	}
	add_families(made, registry);
	*usage = made;
	return STATUS_OK;
}

void usage_destroy(struct usage **usage)
{
	if (*usage == NULL)
		return;
	roster_destroy(&(*usage)->processes);
	pthread_mutex_destroy(&(*usage)->lock);
	free(*usage);
	*usage = NULL;
}

static struct text server_of(const struct event *event)
{
	struct text name = event_text(event, FIELD_SERVER_NAME);
	return name.len ? name : event_text(event, FIELD_OBSERVER_NAME);
}

/*
 * Of a process, or of its start: that is reported before the server has told its name, so the start is an entry of its
 * own, known without the server.
 */
static uint64_t key_of(const struct usage *usage, const struct event *event, bool of_start)
{
	static const struct text none = {"", 0};
	int64_t pid = event_has(event, FIELD_PID) ? event->value[FIELD_PID].number : 0;
	const struct text parts[] = {event_tenant(event), event_text(event, FIELD_OBSERVER_INSTANCE),
		event_text(event, FIELD_HOST_NAME), {(const char *)&pid, sizeof(pid)},
		of_start ? none : server_of(event), of_start ? none : event_text(event, FIELD_SERVER_INSTANCE)};
	uint64_t key = usage->seed + of_start;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		key = XXH3_64bits_withSeed(parts[i].len ? parts[i].at : "", parts[i].len, key);
	return key;
}

static struct metric_series *hold(struct metric_family *family, const struct sighting *sighting)
{
	const struct event *event = sighting->event;
	const struct text values[] = {server_of(event), event_text(event, FIELD_SERVER_INSTANCE), event_tenant(event)};
	return metric_series_hold(family, sighting->owner, values);
}

/* false: it was not reported, or is no amount. */
static bool read_amount(const struct event *event, unsigned field, int64_t *amount)
{
	if (!event_has(event, field) || event->value[field].number < 0)
		return false;
	*amount = event->value[field].number < VALUE_MAX ? event->value[field].number : VALUE_MAX;
	return true;
}

static void add_growth(
	struct usage *usage, struct process *process, size_t i, bool start_seen, const struct sighting *sighting)
{
	int64_t amount = 0;
	if (!read_amount(sighting->event, counter_fields[i], &amount))
		return;
	int64_t before = process->last[i];
	if (process->counters[i] == NULL) {
		process->counters[i] = hold(usage->counters[i], sighting);
		before = start_seen ? 0 : amount;
	}
	metric_add(process->counters[i], (uint64_t)(amount >= before ? amount - before : amount));
	process->last[i] = amount;
}

static void set_resident(struct usage *usage, struct process *process, const struct sighting *sighting)
{
	int64_t amount = 0;
	if (!read_amount(sighting->event, FIELD_RSS_BYTES, &amount))
		return;
	if (process->resident == NULL)
		process->resident = hold(usage->resident, sighting);
	metric_change(process->resident, (double)amount - (double)process->resident_bytes);
	process->resident_bytes = amount;
}

static void take_report(struct usage *usage, struct process *process, bool start_seen, const struct sighting *sighting)
{
	const struct event *event = sighting->event;
	int64_t time = event_has(event, FIELD_TIME) ? event->value[FIELD_TIME].number : sighting->now;
	if (time < process->time && process->time - time < REORDER_MAX)
		return;
	process->time = time;
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		add_growth(usage, process, i, start_seen, sighting);
	set_resident(usage, process, sighting);
}

void usage_see(struct usage *usage, const struct sighting *sighting)
{
	const struct event *event = sighting->event;
	struct text phase = event_text(event, FIELD_PHASE);
	int64_t now = sighting->elapsed;
	uint64_t start_key = key_of(usage, event, true);
	uint64_t key = key_of(usage, event, false);
	bool is_new = false;
	pthread_mutex_lock(&usage->lock);
	if (event->kind == KIND_RESOURCE_USAGE) {
		bool start_seen = roster_find(usage->processes, start_key, now) != NULL;
		struct process *process = roster_enter(usage->processes, key, sighting->owner, now, &is_new);
		if (process)
			take_report(usage, process, start_seen, sighting);
	} else if (text_equal(phase, TEXT("start"))) {
		(void)roster_enter(usage->processes, start_key, sighting->owner, now, &is_new);
	} else if (text_equal(phase, TEXT("stop")) || text_equal(phase, TEXT("crash"))) {
		roster_leave(usage->processes, start_key, now);
		roster_leave(usage->processes, key, now);
	}
	pthread_mutex_unlock(&usage->lock);
}

void usage_expire(struct usage *usage, int64_t elapsed)
{
	pthread_mutex_lock(&usage->lock);
	roster_expire(usage->processes, elapsed);
	pthread_mutex_unlock(&usage->lock);
	metric_family_expire(usage->resident, elapsed + 1);
	for (size_t i = 0; i < COUNTER_COUNT; i++)
		metric_family_expire(usage->counters[i], elapsed - USAGE_LABELS_AGE_MAX);
}
