#include "metrics.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "timestamp.h"

static double read_counter(void *context)
{
	const _Atomic uint64_t *number = context;
	return (double)atomic_load_explicit(number, memory_order_relaxed);
}

static double sum(const _Atomic uint64_t *numbers, size_t count)
{
	double total = 0;
	for (size_t i = 0; i < count; i++)
		total += (double)atomic_load_explicit(&numbers[i], memory_order_relaxed);
	return total;
}

/* --- the loss equation --- */

enum { REJECTED_AT = 3, DROPPED_AT = REJECTED_AT + REASON_COUNT };

static double read_rejected(void *totals)
{
	return sum((const _Atomic uint64_t *)totals + REJECTED_AT, REASON_COUNT);
}

static double read_dropped(void *totals)
{
	return sum((const _Atomic uint64_t *)totals + DROPPED_AT, REASON_COUNT);
}

static void add_results(struct metric_family *events, struct text source, _Atomic uint64_t *totals)
{
	const struct {
		const char *result;
		double (*read)(void *context);
		_Atomic uint64_t *context;
	} results[] = {
		{"received", read_counter, totals},
		{"stored", read_counter, totals + 1},
		{"duplicate", read_counter, totals + 2},
		{"rejected", read_rejected, totals},
		{"dropped", read_dropped, totals},
	};
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
		struct text values[] = {source, text_of(results[i].result)};
		metric_series_compute(metric_series_get(events, values), results[i].read, results[i].context);
	}
}

static void add_losses(const struct metrics *metrics, struct metric_registry *registry)
{
	static const char *const result_labels[] = {"source", "result"};
	static const char *const reason_labels[] = {"source", "reason"};
	static const struct metric_info events_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_ingest_events_total",
		.help = "Events since the store was made: received = stored + duplicate + rejected + dropped.",
		.labels = result_labels,
		.label_count = 2,
	};
	struct metric_family *events = metric_family_add(registry, &events_info);
	static const struct metric_info rejected_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_ingest_rejected_total",
		.help = "Events refused for what they are, by reason.",
		.labels = reason_labels,
		.label_count = 2,
	};
	struct metric_family *rejected = metric_family_add(registry, &rejected_info);
	static const struct metric_info dropped_info = {
		.type = METRIC_COUNTER,
		.name = "mcpledger_ingest_dropped_total",
		.help = "Events lost or turned away for want of room, by reason.",
		.labels = reason_labels,
		.label_count = 2,
	};
	struct metric_family *dropped = metric_family_add(registry, &dropped_info);
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		/* The registry only reads. */
		_Atomic uint64_t *totals = (_Atomic uint64_t *)(uintptr_t)metrics->counters->totals[source];
		struct text name = text_of(source_name((enum source)source));
		add_results(events, name, totals);
		for (unsigned reason = REASON_NONE + 1; reason < REASON_COUNT; reason++) {
			struct text values[] = {name, text_of(reason_name((enum reason)reason))};
			metric_series_compute(
				metric_series_get(rejected, values), read_counter, totals + REJECTED_AT + reason);
			metric_series_compute(
				metric_series_get(dropped, values), read_counter, totals + DROPPED_AT + reason);
		}
	}
}

/* --- the process --- */

static double read_cpu(void *unused)
{
	(void)unused;
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

/* The n-th number of /proc/self/statm, in bytes. */
static double read_statm(unsigned n)
{
	unsigned long long numbers[2] = {0, 0};
	FILE *file = fopen("/proc/self/statm", "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%llu %llu", &numbers[0], &numbers[1]) != 2)
		numbers[n] = 0;
	(void)fclose(file);
	return (double)numbers[n] * (double)sysconf(_SC_PAGESIZE);
}

static double read_virtual_bytes(void *unused)
{
	(void)unused;
	return read_statm(0);
}

static double read_resident_bytes(void *unused)
{
	(void)unused;
	return read_statm(1);
}

static double read_open_fds(void *unused)
{
	(void)unused;
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return 0;
	double count = -3; /* ".", ".." and the directory itself */
	while (readdir(dir))
		count++;
	(void)closedir(dir);
	return count;
}

static double read_max_fds(void *unused)
{
	(void)unused;
	struct rlimit limit = {0};
	(void)getrlimit(RLIMIT_NOFILE, &limit);
	return (double)limit.rlim_cur;
}

/* --- the parts --- */

static double read_budget_max(void *context)
{
	const struct metrics *metrics = context;
	return (double)metrics->budget->bytes_max;
}

static double read_dedup_ids(void *context)
{
	const struct metrics *metrics = context;
	struct dedup_figures figures;
	dedup_get_figures(metrics->dedup, &figures);
	return (double)figures.ids;
}

static double read_dedup_oldest(void *context)
{
	const struct metrics *metrics = context;
	struct dedup_figures figures;
	dedup_get_figures(metrics->dedup, &figures);
	return (double)figures.oldest_recv_time / 1e9;
}

struct computed {
	enum metric_type type;
	const char *name, *help;
	double (*read)(void *context);
	void *context;
};

static void add_computed(struct metric_registry *registry, const struct computed *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct metric_info family_info = {
			.type = rows[i].type,
			.name = rows[i].name,
			.help = rows[i].help,
		};
		struct metric_family *family = metric_family_add(registry, &family_info);
		metric_series_compute(metric_series_get(family, NULL), rows[i].read, rows[i].context);
	}
}

static struct metric_series *add_one(
	struct metric_registry *registry, enum metric_type type, const char *name, const char *help)
{
	const struct metric_info info = {
		.type = type,
		.name = name,
		.help = help,
	};
	return metric_series_get(metric_family_add(registry, &info), NULL);
}

void metrics_add(struct metrics *metrics, struct metric_registry *registry)
{
	static const double commit_bounds[] = {.0002, .0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5};
	static const char *const version_label[] = {"version"};
	static const struct metric_info commit_info = {
		.type = METRIC_HISTOGRAM,
		.name = "mcpledger_commit_duration_seconds",
		.help = "Duration of a commit, from its first batch to the end of fsync.",
		.bounds = commit_bounds,
		.bound_count = sizeof(commit_bounds) / sizeof(commit_bounds[0]),
	};
	struct metric_family *commit = metric_family_add(registry, &commit_info);
	metrics->commit_duration = metric_series_get(commit, NULL);
	metrics->commit_failures = add_one(registry, METRIC_COUNTER, "mcpledger_commit_failures_total",
		"Commits that failed: nothing of them is stored.");
	metrics->reload_successful = add_one(registry, METRIC_GAUGE, "mcpledger_config_last_reload_successful",
		"1 if the last reading of the configuration succeeded.");
	metrics->reload_time = add_one(registry, METRIC_GAUGE, "mcpledger_config_last_reload_success_timestamp_seconds",
		"When the configuration was last read successfully.");
	static const struct metric_info build_info = {
		.type = METRIC_INFO,
		.name = "mcpledger_build_info",
		.help = "Always 1; the version is a label.",
		.labels = version_label,
		.label_count = 1,
	};
	struct metric_family *build = metric_family_add(registry, &build_info);
	metric_set(metric_series_get(build, &TEXT(MCPLEDGER_VERSION)), 1);
	metric_set(add_one(registry, METRIC_GAUGE, "process_start_time_seconds", "When the process began."),
		(double)timestamp_now() / 1e9);

	static const struct computed process[] = {
		{METRIC_COUNTER, "process_cpu_seconds_total", "CPU time used, user and system.", read_cpu, NULL},
		{METRIC_GAUGE, "process_resident_memory_bytes", "Resident memory.", read_resident_bytes, NULL},
		{METRIC_GAUGE, "process_virtual_memory_bytes", "Address space.", read_virtual_bytes, NULL},
		{METRIC_GAUGE, "process_open_fds", "Open file descriptors.", read_open_fds, NULL},
		{METRIC_GAUGE, "process_max_fds", "File descriptors it may open.", read_max_fds, NULL},
	};
	add_computed(registry, process, sizeof(process) / sizeof(process[0]));
}

static void *atomic_of(const _Atomic uint64_t *number)
{
	return (void *)(uintptr_t)number; /* read_counter only reads */
}

void metrics_add_parts(struct metrics *metrics, struct metric_registry *registry)
{
	add_losses(metrics, registry);
	const struct writer_figures *figures = metrics->figures;
	const struct budget *budget = metrics->budget;
	const struct computed rows[] = {
		{METRIC_GAUGE, "mcpledger_store_bytes", "Disk space of all segments.", read_counter,
			atomic_of(&figures->store_bytes)},
		{METRIC_GAUGE, "mcpledger_store_events", "Events in the store.", read_counter,
			atomic_of(&figures->store_events)},
		{METRIC_GAUGE, "mcpledger_store_blocks", "Sealed blocks in the store.", read_counter,
			atomic_of(&figures->blocks)},
		{METRIC_GAUGE, "mcpledger_store_segments", "Segments of the store.", read_counter,
			atomic_of(&figures->segments)},
		{METRIC_GAUGE, "mcpledger_store_tail_events", "Events that are not in a sealed block yet.",
			read_counter, atomic_of(&figures->tail_events)},
		{METRIC_GAUGE, "mcpledger_store_free_bytes", "Free space of the store's file system.", read_counter,
			atomic_of(&figures->free_bytes)},
		{METRIC_GAUGE, "mcpledger_queue_bytes", "Bytes of bodies and batches that are not committed yet.",
			read_counter, atomic_of(&budget->bytes_used)},
		{METRIC_GAUGE, "mcpledger_queue_bytes_max", "Their limit, ingest.queue_bytes_max.", read_budget_max,
			metrics},
		{METRIC_COUNTER, "mcpledger_queue_refused_total", "Times this limit turned something away.",
			read_counter, atomic_of(&budget->refused)},
		{METRIC_GAUGE, "mcpledger_dedup_ids", "Event ids remembered for finding duplicates.", read_dedup_ids,
			metrics},
		{METRIC_GAUGE, "mcpledger_dedup_oldest_timestamp_seconds",
			"Duplicates of all events received since are found; 0: of all that are stored.",
			read_dedup_oldest, metrics},
	};
	add_computed(registry, rows, sizeof(rows) / sizeof(rows[0]));
}
