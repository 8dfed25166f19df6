#include "series.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto.h"

enum { SLOTS_MIN = 16, FAMILIES_MIN = 32 };

static void destroy_family(struct metric_family *family)
{
	if (family == NULL)
		return;
	for (size_t i = 0; family->slots && i < family->slot_count; i++) {
		struct metric_series *series = family->slots[i];
		while (series) {
			struct metric_series *next = series->next;
			free(series);
			series = next;
		}
	}
	free(family->overflow);
	free(family->overflowed);
	free(family->slots);
	free(family->bounds_ns);
	free(family);
}

/* OpenMetrics knows a family by its name without the suffix that its samples have. */
static size_t name_len(const struct metric_info *info)
{
	static const char *const suffixes[] = {
		[METRIC_COUNTER] = "_total", [METRIC_INFO] = "_info", [METRIC_HISTOGRAM] = ""};
	size_t len = strlen(info->name);
	const char *suffix = info->type == METRIC_GAUGE ? "" : suffixes[info->type];
	size_t suffix_len = strlen(suffix);
	assert(len > suffix_len && memcmp(info->name + len - suffix_len, suffix, suffix_len) == 0);
	return len - suffix_len;
}

static void check_table(const struct metric_registry *registry, const struct metric_family *family)
{
	const struct metric_info *info = &family->info;
	assert(info->label_count <= METRIC_LABELS_MAX);
	assert(info->bound_count <= METRIC_BOUNDS_MAX);
	assert((info->type == METRIC_HISTOGRAM) == (info->bound_count > 0));
	assert(!info->has_exemplars || info->type == METRIC_COUNTER || info->type == METRIC_HISTOGRAM);
	for (size_t i = 0; i < registry->family_count; i++) {
		const struct metric_family *other = registry->families[i];
		assert(other->name_len != family->name_len ||
			memcmp(other->info.name, info->name, family->name_len) != 0);
	}
	for (size_t i = 1; i < info->bound_count; i++)
		assert(info->bounds[i - 1] < info->bounds[i]);
}

static struct metric_family *create_family(struct metric_registry *registry, const struct metric_info *info)
{
	struct metric_family *family = calloc(1, sizeof(*family));
	if (family == NULL)
		return NULL;
	*family = (struct metric_family){.registry = registry,
		.info = *info,
		.name_len = name_len(info),
		.places = {.max = registry->series_max},
		.idle_since = INT64_MAX};
	family->slots = calloc(SLOTS_MIN, sizeof(struct metric_series *));
	family->slot_count = family->slots ? SLOTS_MIN : 0;
	family->bounds_ns = calloc(info->bound_count + 1, sizeof(int64_t));
	family->overflow = series_create(family, NULL, 0);
	if (family->slots && family->bounds_ns && family->overflow)
		return family;
	destroy_family(family);
	return NULL;
}

static enum status keep_family(struct metric_registry *registry, struct metric_family *family)
{
	if (registry->family_count == registry->family_capacity) {
		size_t capacity = registry->family_capacity ? registry->family_capacity * 2 : FAMILIES_MIN;
		struct metric_family **grown = realloc(registry->families, capacity * sizeof(struct metric_family *));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		registry->families = grown;
		registry->family_capacity = capacity;
	}
	registry->families[registry->family_count++] = family;
	return STATUS_OK;
}

enum status metric_registry_create(struct metric_registry **registry, size_t series_max)
{
	/* Whatever is counted in it, there is room. */
	static const struct metric_info spare = {
		.type = METRIC_HISTOGRAM, .name = "spare", .bound_count = METRIC_BOUNDS_MAX, .has_exemplars = true};
	struct metric_registry *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->series_max = series_max;
	made->spare = create_family(made, &spare);
	/* Label values come from events: whoever sends them must not be able to aim at one slot. */
	enum status status = made->spare ? crypto_random(made->hash_key, sizeof(made->hash_key)) : STATUS_NO_MEMORY;
	if (status != STATUS_OK) {
		destroy_family(made->spare);
		free(made);
		return status;
	}
	pthread_mutex_init(&made->lock, NULL);
	pthread_mutex_init(&made->exposing_lock, NULL);
	label_sets_add_families(made);
	*registry = made;
	return STATUS_OK;
}

enum status metric_registry_status(struct metric_registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	enum status status = registry->status;
	pthread_mutex_unlock(&registry->lock);
	return status;
}

void metric_registry_destroy(struct metric_registry **registry)
{
	struct metric_registry *gone = *registry;
	if (gone == NULL)
		return;
	series_free_dropped(gone);
	for (size_t i = 0; i < gone->family_count; i++)
		destroy_family(gone->families[i]);
	destroy_family(gone->spare);
	free(gone->families);
	pthread_mutex_destroy(&gone->lock);
	pthread_mutex_destroy(&gone->exposing_lock);
	free(gone);
	*registry = NULL;
}

struct metric_family *metric_family_add(struct metric_registry *registry, const struct metric_info *info)
{
	struct metric_family *family = create_family(registry, info);
	for (size_t i = 0; family && i < info->bound_count; i++)
		family->bounds_ns[i] = (int64_t)(info->bounds[i] * 1e9 + 0.5);

	pthread_mutex_lock(&registry->lock);
	if (family)
		check_table(registry, family);
	if (family == NULL || keep_family(registry, family) != STATUS_OK) {
		destroy_family(family);
		family = NULL;
		registry->status = STATUS_NO_MEMORY;
	}
	pthread_mutex_unlock(&registry->lock);
	if (family == NULL)
		return registry->spare;
	if (info->from_events)
		label_sets_watch(family);
	return family;
}

/* --- values --- */

void metric_add(struct metric_series *series, uint64_t by)
{
	atomic_fetch_add_explicit(&series->number, by, memory_order_relaxed);
}

void metric_add_traced(struct metric_series *series, uint64_t by, const struct metric_exemplar *exemplar)
{
	metric_add(series, by);
	if (exemplar && series->exemplars)
		exemplar_set(series->exemplars, exemplar, (double)by);
}

static double real_of(uint64_t bits)
{
	double value = 0;
	memcpy(&value, &bits, sizeof(value));
	return value;
}

static uint64_t bits_of(double value)
{
	uint64_t bits = 0;
	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

double metric_real_load(const _Atomic uint64_t *real)
{
	return real_of(atomic_load_explicit(real, memory_order_relaxed));
}

void metric_set(struct metric_series *series, double value)
{
	atomic_store_explicit(&series->real, bits_of(value), memory_order_relaxed);
}

void metric_change(struct metric_series *series, double by)
{
	uint64_t old = atomic_load_explicit(&series->real, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(
		&series->real, &old, bits_of(real_of(old) + by), memory_order_relaxed, memory_order_relaxed))
		;
}

static size_t bucket_of(const struct metric_family *family, int64_t ns)
{
	size_t bucket = 0;
	while (bucket < family->info.bound_count && ns > family->bounds_ns[bucket])
		bucket++;
	return bucket;
}

void metric_observe_traced(struct metric_series *series, int64_t ns, const struct metric_exemplar *exemplar)
{
	int64_t elapsed_ns = ns < 0 ? 0 : ns;
	size_t bucket = bucket_of(series->family, elapsed_ns);
	atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
	/* The sum is a double: an integer could be made to wrap by one hostile duration. */
	metric_change(series, (double)elapsed_ns / 1e9);
	if (exemplar && series->exemplars)
		exemplar_set(&series->exemplars[bucket], exemplar, (double)elapsed_ns / 1e9);
}

void metric_observe(struct metric_series *series, int64_t ns)
{
	metric_observe_traced(series, ns, NULL);
}

void metric_tally_observe(struct metric_tally *tally, const struct metric_series *series, int64_t ns)
{
	int64_t elapsed_ns = ns < 0 ? 0 : ns;
	tally->buckets[bucket_of(series->family, elapsed_ns)]++;
	tally->sum += (double)elapsed_ns / 1e9;
	tally->any = true;
}

void metric_add_tally(struct metric_series *series, const struct metric_tally *tally)
{
	if (!tally->any)
		return;
	for (size_t i = 0; i <= series->family->info.bound_count; i++)
		if (tally->buckets[i])
			atomic_fetch_add_explicit(&series->buckets[i], tally->buckets[i], memory_order_relaxed);
	metric_change(series, tally->sum);
}

uint64_t metric_count(const struct metric_series *series)
{
	return atomic_load_explicit(&series->number, memory_order_relaxed);
}

void metric_series_compute(struct metric_series *series, double (*value)(void *context), void *context)
{
	series->context = context;
	atomic_store_explicit(&series->compute, value, memory_order_release);
}
