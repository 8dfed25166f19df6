/* Which label sets have a series: finding, making and dropping them, and the limits of families that events fill. */
#include "series.h"

#include <assert.h>
#include <stdlib.h>

#include "crypto.h"
#include "utf8.h"

enum {
	CLEAN_BYTES_MAX = METRIC_LABELS_MAX * (3 * METRIC_LABEL_BYTES_MAX + 3),
	OVERFLOWED_SLOTS = 2 * METRIC_OVERFLOWED_MAX
};

struct metric_series *series_create(struct metric_family *family, const struct text *values, uint64_t hash)
{
	const struct metric_info *info = &family->info;
	size_t buckets = info->type == METRIC_HISTOGRAM ? info->bound_count + 1 : 0;
	size_t exemplars = !info->has_exemplars ? 0 : buckets ? buckets : 1;
	size_t label_count = values ? info->label_count : 0;
	size_t label_bytes = 0;
	for (size_t i = 0; i < label_count; i++)
		label_bytes += values[i].len;
	size_t fixed_bytes =
		label_count * sizeof(struct text) + buckets * sizeof(uint64_t) + exemplars * sizeof(struct exemplar);
	struct metric_series *series = calloc(1, sizeof(*series) + fixed_bytes + label_bytes);
	if (series == NULL)
		return NULL;
	series->family = family;
	series->hash = hash;
	series->weight = 1 + label_bytes / METRIC_LABEL_SET_BYTES;
	void *to_values = series + 1;
	void *to_buckets = (struct text *)to_values + label_count;
	void *to_exemplars = (uint64_t *)to_buckets + buckets;
	series->values = values ? to_values : NULL;
	series->buckets = to_buckets;
	series->exemplars = exemplars ? to_exemplars : NULL;
	char *to = (char *)(series + 1) + fixed_bytes;
	for (size_t i = 0; i < label_count; i++) {
		series->values[i] = (struct text){to, values[i].len};
		if (values[i].len)
			memcpy(to, values[i].at, values[i].len);
		to += values[i].len;
	}
	return series;
}

/* --- finding --- */

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

/* --- making --- */

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

/* false: there is no place for it. */
static bool take_place(struct metric_family *family, struct metric_series *series, uint64_t owner)
{
	series->owner = owner;
	return !family->info.from_events || share_take(&family->places, owner, series->weight);
}

/* Keeps the hash, so that a label set counts once however often it comes. */
static void note_overflow(struct metric_family *family, uint64_t hash)
{
	atomic_store_explicit(&family->overflow->used, true, memory_order_relaxed);
	if (family->overflowed == NULL)
		family->overflowed = calloc(OVERFLOWED_SLOTS, sizeof(uint64_t));
	if (family->overflowed == NULL || family->overflowed_count == METRIC_OVERFLOWED_MAX)
		return;
	hash = hash ? hash : 1; /* 0 is a free slot */
	size_t at = hash % OVERFLOWED_SLOTS;
	while (family->overflowed[at] && family->overflowed[at] != hash)
		at = (at + 1) % OVERFLOWED_SLOTS;
	family->overflowed_count += family->overflowed[at] == 0;
	family->overflowed[at] = hash;
}

static struct metric_series *find_or_add(
	struct metric_family *family, uint64_t owner, const struct text *values, uint64_t hash)
{
	struct metric_series *series = find(family, values, hash);
	if (series)
		return series;
	series = series_create(family, values, hash);
	if (series == NULL || !take_place(family, series, owner)) {
		free(series);
		note_overflow(family, hash);
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

/* As it is exposed: UTF-8, and no longer than the limit. */
static void put_clean(struct buf *out, struct text value)
{
	enum { KEPT = METRIC_LABEL_BYTES_MAX - 3 /* and "…" */ };
	size_t start = out->len;
	bool is_long = value.len > METRIC_LABEL_BYTES_MAX;
	utf8_put_clean(out, is_long ? (struct text){value.at, METRIC_LABEL_BYTES_MAX} : value);
	is_long = is_long || out->len - start > METRIC_LABEL_BYTES_MAX;
	if (!is_long || buf_status(out) != STATUS_OK)
		return;
	out->len = start + KEPT;
	while (((uint8_t)out->at[out->len] & 0xc0) == 0x80) /* begins in mid-sequence: not that one */
		out->len--;
	buf_put_string(out, "\xe2\x80\xa6");
}

/*
 * Label values are kept as they are exposed, so that two values which differ only in bytes that are no UTF-8 are one
 * series: the same line twice would make Prometheus refuse the whole scrape.
 */
static struct metric_series *get_clean(
	struct metric_family *family, uint64_t owner, const struct text *values, unsigned holds)
{
	struct text clean[METRIC_LABELS_MAX];
	struct buf bytes;
	buf_init(&bytes, CLEAN_BYTES_MAX);
	size_t ends[METRIC_LABELS_MAX] = {0};
	for (size_t i = 0; i < family->info.label_count; i++) {
		put_clean(&bytes, values[i]);
		ends[i] = bytes.len;
	}
	bool whole = buf_status(&bytes) == STATUS_OK;
	for (size_t i = 0; i < family->info.label_count; i++) {
		size_t start = i ? ends[i - 1] : 0;
		clean[i] = whole ? (struct text){bytes.at + start, ends[i] - start} : (struct text){NULL, 0};
	}
	uint64_t hash = hash_values(family, clean);
	pthread_mutex_lock(&family->registry->lock);
	struct metric_series *series = find_or_add(family, owner, clean, hash);
	series->holders += holds;
	pthread_mutex_unlock(&family->registry->lock);
	buf_finish(&bytes);
	return series;
}

static struct metric_series *get(
	struct metric_family *family, uint64_t owner, const struct text *values, unsigned holds)
{
	uint64_t hash = hash_values(family, values);
	pthread_mutex_lock(&family->registry->lock);
	struct metric_series *series = find(family, values, hash);
	if (series)
		series->holders += holds;
	pthread_mutex_unlock(&family->registry->lock);
	return series ? series : get_clean(family, owner, values, holds);
}

struct metric_series *metric_series_get(struct metric_family *family, const struct text *values)
{
	return get(family, 0, values, 0);
}

struct metric_series *metric_series_get_for(struct metric_family *family, uint64_t owner, const struct text *values)
{
	return get(family, owner, values, 0);
}

/* --- series that come and go --- */

struct metric_series *metric_series_hold(struct metric_family *family, uint64_t owner, const struct text *values)
{
	return get(family, owner, values, 1);
}

void metric_series_release(struct metric_series *series, int64_t now)
{
	struct metric_registry *registry = series->family->registry;
	pthread_mutex_lock(&registry->lock);
	assert(series->holders > 0);
	series->holders--;
	series->released_at = now;
	if (series->holders == 0 && now < series->family->idle_since)
		series->family->idle_since = now;
	pthread_mutex_unlock(&registry->lock);
}

static void drop(struct metric_family *family, struct metric_series **at)
{
	struct metric_series *series = *at;
	*at = series->next;
	family->series_count--;
	if (family->info.from_events)
		share_give(&family->places, series->owner, series->weight);
	series->next = family->registry->dropped;
	family->registry->dropped = series;
}

void series_free_dropped(struct metric_registry *registry)
{
	pthread_mutex_lock(&registry->lock);
	struct metric_series *series = registry->dropped;
	registry->dropped = NULL;
	pthread_mutex_unlock(&registry->lock);
	while (series) {
		struct metric_series *next = series->next;
		free(series);
		series = next;
	}
}

static void drop_idle(struct metric_family *family, int64_t before)
{
	family->idle_since = INT64_MAX;
	for (size_t i = 0; i < family->slot_count; i++) {
		struct metric_series **at = &family->slots[i];
		while (*at) {
			bool is_idle = (*at)->holders == 0;
			if (is_idle && (*at)->released_at < before) {
				drop(family, at);
				continue;
			}
			if (is_idle && (*at)->released_at < family->idle_since)
				family->idle_since = (*at)->released_at;
			at = &(*at)->next;
		}
	}
}

void metric_family_expire(struct metric_family *family, int64_t before)
{
	struct metric_registry *registry = family->registry;
	pthread_mutex_lock(&registry->lock);
	bool any = family->idle_since < before;
	if (any)
		drop_idle(family, before);
	pthread_mutex_unlock(&registry->lock);
	/* An exposition that runs now frees them at its end. */
	if (any && pthread_mutex_trylock(&registry->exposing_lock) == 0) {
		series_free_dropped(registry);
		pthread_mutex_unlock(&registry->exposing_lock);
	}
}

/* --- how many there are --- */

static double read_label_sets(void *context)
{
	struct metric_family *family = context;
	pthread_mutex_lock(&family->registry->lock);
	size_t count = family->series_count;
	pthread_mutex_unlock(&family->registry->lock);
	return (double)count;
}

static double read_overflowed(void *context)
{
	struct metric_family *family = context;
	pthread_mutex_lock(&family->registry->lock);
	size_t count = family->overflowed_count;
	pthread_mutex_unlock(&family->registry->lock);
	return (double)count;
}

void label_sets_add_families(struct metric_registry *registry)
{
	static const char *const labels[] = {"family"};
	static const struct metric_info kept = {
		.type = METRIC_GAUGE,
		.name = "mcpledger_metric_label_sets",
		.help = "Label sets that have a series of their own, in families whose labels come from events; the "
			"limit is metrics.series_max.",
		.labels = labels,
		.label_count = 1,
	};
	registry->label_sets = metric_family_add(registry, &kept);
	static const struct metric_info overflowed = {
		.type = METRIC_GAUGE,
		.name = "mcpledger_metric_label_sets_overflowed",
		.help = "Label sets that found no place since the start and share the series with "
			"otel_metric_overflow=\"true\"; 4096: so many or more.",
		.labels = labels,
		.label_count = 1,
	};
	registry->label_sets_overflowed = metric_family_add(registry, &overflowed);
}

void label_sets_watch(struct metric_family *family)
{
	struct metric_registry *registry = family->registry;
	const struct text values[METRIC_LABELS_MAX] = {text_of(family->info.name)};
	metric_series_compute(metric_series_get(registry->label_sets, values), read_label_sets, family);
	metric_series_compute(metric_series_get(registry->label_sets_overflowed, values), read_overflowed, family);
}
