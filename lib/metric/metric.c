#include "series.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto.h"
#include "utf8.h"

enum { SLOTS_MIN = 16, LABEL_BYTES_MAX = 1024 * 1024 };

enum status metric_registry_create(struct metric_registry **registry, size_t series_max)
{
	struct metric_registry *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->series_max = series_max;
	/* Label values come from events: whoever sends them must not be able to aim at one slot. */
	enum status status = crypto_random(made->hash_key, sizeof(made->hash_key));
	if (status != STATUS_OK) {
		free(made);
		return status;
	}
	pthread_mutex_init(&made->lock, NULL);
	*registry = made;
	return STATUS_OK;
}

static void destroy_family(struct metric_family *family)
{
	for (size_t i = 0; i < family->slot_count; i++) {
		struct metric_series *series = family->slots[i];
		while (series) {
			struct metric_series *next = series->next;
			free(series);
			series = next;
		}
	}
	free(family->overflow);
	free(family->slots);
	free(family->bounds_ns);
	free(family);
}

void metric_registry_destroy(struct metric_registry **registry)
{
	struct metric_registry *gone = *registry;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < gone->family_count; i++)
		destroy_family(gone->families[i]);
	free(gone->families);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	*registry = NULL;
}

/* One allocation: the series, its label values, buckets and label bytes. values = NULL: the overflow series. */
static struct metric_series *series_create(struct metric_family *family, const struct text *values, uint64_t hash)
{
	size_t buckets = family->info.type == METRIC_HISTOGRAM ? family->info.bound_count + 1 : 0;
	size_t label_count = values ? family->info.label_count : 0;
	size_t label_bytes = 0;
	for (size_t i = 0; i < label_count; i++) {
		if (values[i].len > LABEL_BYTES_MAX)
			return NULL;
		label_bytes += values[i].len;
	}
	size_t fixed_bytes = label_count * sizeof(struct text) + buckets * sizeof(uint64_t);
	struct metric_series *series = calloc(1, sizeof(*series) + fixed_bytes + label_bytes);
	if (series == NULL)
		return NULL;
	series->family = family;
	series->hash = hash;
	series->values = values ? (struct text *)(series + 1) : NULL;
	series->buckets = (_Atomic uint64_t *)((struct text *)(series + 1) + label_count);
	char *to = (char *)(series + 1) + fixed_bytes;
	for (size_t i = 0; i < label_count; i++) {
		series->values[i] = (struct text){to, values[i].len};
		if (values[i].len)
			memcpy(to, values[i].at, values[i].len);
		to += values[i].len;
	}
	return series;
}

static void check_table(const struct metric_registry *registry, const struct metric_info *info)
{
	assert(info->label_count <= METRIC_LABELS_MAX);
	assert((info->type == METRIC_HISTOGRAM) == (info->bound_count > 0));
	for (size_t i = 0; i < registry->family_count; i++)
		assert(strcmp(registry->families[i]->info.name, info->name) != 0);
	for (size_t i = 1; i < info->bound_count; i++)
		assert(info->bounds[i - 1] < info->bounds[i]);
}

struct metric_family *metric_family_add(struct metric_registry *registry, const struct metric_info *info)
{
	struct metric_family *family = calloc(1, sizeof(*family));
	assert(family);
	*family = (struct metric_family){.registry = registry, .info = *info, .slot_count = SLOTS_MIN};
	family->slots = calloc(family->slot_count, sizeof(struct metric_series *));
	family->bounds_ns = calloc(info->bound_count + 1, sizeof(int64_t));
	family->overflow = series_create(family, NULL, 0);
	assert(family->slots && family->bounds_ns && family->overflow);
	for (size_t i = 0; i < info->bound_count; i++)
		family->bounds_ns[i] = (int64_t)(info->bounds[i] * 1e9 + 0.5);

	pthread_mutex_lock(&registry->lock);
	check_table(registry, info);
	if (registry->family_count == registry->family_capacity) {
		registry->family_capacity = registry->family_capacity ? registry->family_capacity * 2 : 32;
		registry->families =
			realloc(registry->families, registry->family_capacity * sizeof(struct metric_family *));
		assert(registry->families);
	}
	registry->families[registry->family_count++] = family;
	pthread_mutex_unlock(&registry->lock);
	return family;
}

static uint64_t hash_values(const struct metric_family *family, const struct text *values)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < family->info.label_count; i++) {
		uint64_t one = siphash(family->registry->hash_key, values[i].len ? values[i].at : "", values[i].len);
		hash = (hash ^ one) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash ^ hash >> 32;
}

static struct metric_series *find(const struct metric_family *family, const struct text *values, uint64_t hash)
{
	struct metric_series *series = family->slots[hash & (family->slot_count - 1)];
	for (; series; series = series->next) {
		if (series->hash != hash)
			continue;
		size_t i = 0;
		while (i < family->info.label_count && text_equal(series->values[i], values[i]))
			i++;
		if (i == family->info.label_count)
			return series;
	}
	return NULL;
}

/* Without memory the table stays as it is: slower, not wrong. */
static void grow(struct metric_family *family)
{
	size_t slot_count = family->slot_count * 2;
	struct metric_series **slots = calloc(slot_count, sizeof(struct metric_series *));
	if (slots == NULL)
		return;
	for (size_t i = 0; i < family->slot_count; i++) {
		struct metric_series *series = family->slots[i];
		while (series) {
			struct metric_series *next = series->next;
			struct metric_series **slot = &slots[series->hash & (slot_count - 1)];
			series->next = *slot;
			*slot = series;
			series = next;
		}
	}
	free(family->slots);
	family->slots = slots;
	family->slot_count = slot_count;
}

static struct metric_series *find_or_add(struct metric_family *family, const struct text *values, uint64_t hash)
{
	struct metric_series *series = find(family, values, hash);
	if (series)
		return series;
	if (family->info.label_count == 0 || family->series_count < family->registry->series_max)
		series = series_create(family, values, hash);
	if (series == NULL) {
		atomic_store_explicit(&family->overflow->used, true, memory_order_relaxed);
		return family->overflow;
	}
	if (family->series_count >= family->slot_count)
		grow(family);
	struct metric_series **slot = &family->slots[hash & (family->slot_count - 1)];
	series->next = *slot;
	*slot = series;
	family->series_count++;
	return series;
}

/*
 * Label values are kept as they are exposed, so that two values which differ only in bytes that are no UTF-8 are one
 * series: the same line twice would make Prometheus refuse the whole scrape.
 */
static struct metric_series *add_clean(struct metric_family *family, const struct text *values)
{
	struct text clean[METRIC_LABELS_MAX];
	struct buf bytes;
	buf_init(&bytes, LABEL_BYTES_MAX);
	size_t ends[METRIC_LABELS_MAX] = {0};
	for (size_t i = 0; i < family->info.label_count; i++) {
		utf8_put_clean(&bytes, values[i]);
		ends[i] = bytes.len;
	}
	bool whole = buf_status(&bytes) == STATUS_OK;
	for (size_t i = 0; i < family->info.label_count; i++) {
		size_t start = i ? ends[i - 1] : 0;
		clean[i] = whole ? (struct text){bytes.at + start, ends[i] - start} : (struct text){NULL, 0};
	}
	uint64_t hash = hash_values(family, clean);
	pthread_mutex_lock(&family->registry->lock);
	struct metric_series *series = find_or_add(family, clean, hash);
	pthread_mutex_unlock(&family->registry->lock);
	buf_finish(&bytes);
	return series;
}

struct metric_series *metric_series_get(struct metric_family *family, const struct text *values)
{
	uint64_t hash = hash_values(family, values);
	pthread_mutex_lock(&family->registry->lock);
	struct metric_series *series = find(family, values, hash);
	pthread_mutex_unlock(&family->registry->lock);
	return series ? series : add_clean(family, values);
}

void metric_add(struct metric_series *series, uint64_t by)
{
	atomic_fetch_add_explicit(&series->number, by, memory_order_relaxed);
}

double metric_real_load(const _Atomic uint64_t *real)
{
	uint64_t bits = atomic_load_explicit(real, memory_order_relaxed);
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

void metric_set(struct metric_series *series, double value)
{
	atomic_store_explicit(&series->real, bits_of(value), memory_order_relaxed);
}

void metric_observe(struct metric_series *series, int64_t ns)
{
	const struct metric_family *family = series->family;
	int64_t elapsed_ns = ns < 0 ? 0 : ns;
	size_t bucket = 0;
	while (bucket < family->info.bound_count && elapsed_ns > family->bounds_ns[bucket])
		bucket++;
	atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
	/* The sum is a double: an integer could be made to wrap by one hostile duration. */
	uint64_t old = atomic_load_explicit(&series->real, memory_order_relaxed);
	uint64_t sum = 0;
	do {
		double seconds = 0;
		memcpy(&seconds, &old, sizeof(seconds));
		sum = bits_of(seconds + (double)elapsed_ns / 1e9);
	} while (!atomic_compare_exchange_weak_explicit(
		&series->real, &old, sum, memory_order_relaxed, memory_order_relaxed));
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
