/*
 * The Prometheus text format 0.0.4: families in the order of their tables, series sorted by their label values, so that
 * the same state always gives the same bytes.  The registry's lock is held only to copy pointers: a scrape of many
 * series must not stop the writer.
 */
#include "series.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define OVERFLOW_LABEL "otel_metric_overflow"

/* help: only backslash and newline are escaped; a label value also its quote. */
static void put_escaped(struct buf *out, struct text text, bool in_quotes)
{
	size_t plain = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c != '\\' && c != '\n' && !(in_quotes && c == '"'))
			continue;
		buf_put(out, text.at + plain, i - plain);
		buf_put_byte(out, '\\');
		buf_put_byte(out, c == '\n' ? 'n' : (uint8_t)c);
		plain = i + 1;
	}
	buf_put(out, text.at + plain, text.len - plain);
}

static void put_real(struct buf *out, double value)
{
	if (isnan(value)) {
		buf_put_string(out, "NaN");
	} else if (isinf(value)) {
		buf_put_string(out, value > 0 ? "+Inf" : "-Inf");
	} else {
		char digits[32];
		(void)snprintf(digits, sizeof(digits), "%.15g", value);
		if (strtod(digits, NULL) != value)
			(void)snprintf(digits, sizeof(digits), "%.17g", value);
		buf_put_string(out, digits);
	}
}

static void put_label(struct buf *out, bool *first, const char *name, struct text value)
{
	buf_put_byte(out, *first ? '{' : ',');
	*first = false;
	buf_put_string(out, name);
	buf_put_string(out, "=\"");
	put_escaped(out, value, true);
	buf_put_byte(out, '"');
}

/* Name, suffix and labels of one sample, up to the space before its value. */
static void put_sample(struct buf *out, const struct metric_series *series, const char *suffix, const char *le)
{
	const struct metric_family *family = series->family;
	bool first = true;
	buf_put_string(out, family->info.name);
	buf_put_string(out, suffix);
	if (series == family->overflow)
		put_label(out, &first, OVERFLOW_LABEL, TEXT("true"));
	else
		for (size_t i = 0; i < family->info.label_count; i++)
			if (series->values[i].len)
				put_label(out, &first, family->info.labels[i], series->values[i]);
	if (le)
		put_label(out, &first, "le", text_of(le));
	buf_put_string(out, first ? " " : "} ");
}

static void put_histogram(struct buf *out, const struct metric_series *series)
{
	const struct metric_family *family = series->family;
	uint64_t count = 0;
	for (size_t i = 0; i <= family->info.bound_count; i++) {
		char le[32] = "+Inf";
		if (i < family->info.bound_count)
			(void)snprintf(le, sizeof(le), "%.15g", family->info.bounds[i]);
		count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
		put_sample(out, series, "_bucket", le);
		buf_put_uint(out, count);
		buf_put_byte(out, '\n');
	}
	put_sample(out, series, "_sum", NULL);
	put_real(out, metric_real_load(&series->real));
	buf_put_byte(out, '\n');
	/* The count is what the buckets said, even if an observation came between: they must agree. */
	put_sample(out, series, "_count", NULL);
	buf_put_uint(out, count);
	buf_put_byte(out, '\n');
}

static void put_series(struct buf *out, const struct metric_series *series)
{
	if (series->family->info.type == METRIC_HISTOGRAM) {
		put_histogram(out, series);
		return;
	}
	put_sample(out, series, "", NULL);
	metric_compute *compute = atomic_load_explicit(&series->compute, memory_order_acquire);
	if (compute)
		put_real(out, compute(series->context));
	else if (series->family->info.type == METRIC_COUNTER)
		buf_put_uint(out, metric_count(series));
	else
		put_real(out, metric_real_load(&series->real));
	buf_put_byte(out, '\n');
}

static int compare_series(const void *a, const void *b)
{
	const struct metric_series *left = *(struct metric_series *const *)a;
	const struct metric_series *right = *(struct metric_series *const *)b;
	for (size_t i = 0; i < left->family->info.label_count; i++) {
		struct text x = left->values[i];
		struct text y = right->values[i];
		size_t len = x.len < y.len ? x.len : y.len;
		int order = len ? memcmp(x.at, y.at, len) : 0;
		if (order == 0 && x.len != y.len)
			order = x.len < y.len ? -1 : 1;
		if (order)
			return order;
	}
	return 0;
}

/* The family's series, sorted; an array to be freed, or NULL without memory. */
static struct metric_series **list_series(struct metric_family *family, size_t *count)
{
	pthread_mutex_lock(&family->registry->lock);
	struct metric_series **list = calloc(family->series_count + 1, sizeof(struct metric_series *));
	size_t n = 0;
	for (size_t i = 0; list && i < family->slot_count; i++)
		for (struct metric_series *series = family->slots[i]; series; series = series->next)
			list[n++] = series;
	pthread_mutex_unlock(&family->registry->lock);
	if (list)
		qsort(list, n, sizeof(struct metric_series *), compare_series);
	*count = n;
	return list;
}

static void put_family(struct buf *out, struct metric_family *family)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
	size_t count = 0;
	struct metric_series **list = list_series(family, &count);
	if (list == NULL) {
		out->failed = STATUS_NO_MEMORY;
		return;
	}
	bool overflowed = atomic_load_explicit(&family->overflow->used, memory_order_relaxed);
	if (count || overflowed) {
		buf_put_string(out, "# HELP ");
		buf_put_string(out, family->info.name);
		buf_put_byte(out, ' ');
		put_escaped(out, text_of(family->info.help), false);
		buf_put_string(out, "\n# TYPE ");
		buf_put_string(out, family->info.name);
		buf_put_byte(out, ' ');
		buf_put_string(out, types[family->info.type]);
		buf_put_byte(out, '\n');
	}
	for (size_t i = 0; i < count; i++)
		put_series(out, list[i]);
	if (overflowed)
		put_series(out, family->overflow);
	free(list);
}

void metric_expose(struct metric_registry *registry, struct buf *out)
{
	for (size_t i = 0;; i++) {
		pthread_mutex_lock(&registry->lock);
		struct metric_family *family = i < registry->family_count ? registry->families[i] : NULL;
		pthread_mutex_unlock(&registry->lock);
		if (family == NULL)
			return;
		put_family(out, family);
	}
}
