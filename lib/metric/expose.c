/*
 * Families in the order of their tables, series sorted by their label values, so that the same state always gives the
 * same bytes.  The registry's lock is held only to copy pointers: a scrape of many series must not stop the writer.
 *
 * What OpenMetrics has otherwise than the text format 0.0.4 (samples have the same names in both):
 *   a family's name is without the suffix _total or _info; info is a type; quotes are escaped in help texts as well
 *   # UNIT where the name ends in one; le is a float ("1.0"); exemplars; # EOF at the end
 */
#include "series.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "timestamp.h"

#define OVERFLOW_LABEL "otel_metric_overflow"

enum { LABELS_BYTES_MAX = METRIC_LABELS_MAX * (2 * METRIC_LABEL_BYTES_MAX + 256) };

struct exposition {
	struct buf *out;
	enum metric_format format;
	/* of the series at hand: its labels; of the family: the bounds of its buckets */
	struct buf labels;
	char bounds[METRIC_BOUNDS_MAX + 1][32];
};

static void put_escaped(struct buf *out, struct text text, bool quotes)
{
	size_t plain = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c != '\\' && c != '\n' && !(quotes && c == '"'))
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

static void put_label(struct buf *labels, const char *name, struct text value)
{
	if (labels->len)
		buf_put_byte(labels, ',');
	buf_put_string(labels, name);
	buf_put_string(labels, "=\"");
	put_escaped(labels, value, true);
	buf_put_byte(labels, '"');
}

/* A histogram shows the labels of a series in each of its samples: they are rendered once. */
static void render_labels(struct exposition *to, const struct metric_series *series)
{
	const struct metric_family *family = series->family;
	buf_clear(&to->labels);
	if (series == family->overflow)
		put_label(&to->labels, OVERFLOW_LABEL, TEXT("true"));
	else
		for (size_t i = 0; i < family->info.label_count; i++)
			if (series->values[i].len)
				put_label(&to->labels, family->info.labels[i], series->values[i]);
	if (to->labels.failed != STATUS_OK)
		to->out->failed = to->labels.failed;
}

/* Name, suffix and labels of one sample, up to the space before its value. */
static void put_sample(
	const struct exposition *to, const struct metric_series *series, const char *suffix, const char *le)
{
	buf_put_string(to->out, series->family->info.name);
	buf_put_string(to->out, suffix);
	if (to->labels.len || le) {
		buf_put_byte(to->out, '{');
		buf_put_text(to->out, buf_text(&to->labels));
		if (le) {
			buf_put_string(to->out, to->labels.len ? ",le=\"" : "le=\"");
			buf_put_string(to->out, le);
			buf_put_byte(to->out, '"');
		}
		buf_put_byte(to->out, '}');
	}
	buf_put_byte(to->out, ' ');
}

static void put_exemplar(const struct exposition *to, const struct metric_series *series, size_t bucket)
{
	struct exemplar_view view;
	char trace_id[2 * sizeof(view.trace_id) + 1];
	if (to->format != METRIC_OPENMETRICS || series->exemplars == NULL ||
		exemplar_get(&series->exemplars[bucket], &view) != STATUS_OK)
		return;
	hex_encode(view.trace_id, sizeof(view.trace_id), trace_id);
	buf_printf(to->out, " # {trace_id=\"%s\"} ", trace_id);
	put_real(to->out, view.value);
	buf_printf(to->out, " %" PRId64 ".%03d", view.time / NS_PER_S, (int)(view.time % NS_PER_S / NS_PER_MS));
}

static void render_bounds(struct exposition *to, const struct metric_info *info)
{
	for (size_t i = 0; i < info->bound_count; i++) {
		char digits[24];
		(void)snprintf(digits, sizeof(digits), "%.15g", info->bounds[i]);
		bool is_float = to->format == METRIC_TEXT || strpbrk(digits, ".e") != NULL;
		(void)snprintf(to->bounds[i], sizeof(to->bounds[i]), "%s%s", digits, is_float ? "" : ".0");
	}
	memcpy(to->bounds[info->bound_count], "+Inf", sizeof("+Inf"));
}

static void put_histogram(const struct exposition *to, const struct metric_series *series)
{
	const struct metric_family *family = series->family;
	uint64_t count = 0;
	for (size_t i = 0; i <= family->info.bound_count; i++) {
		count += atomic_load_explicit(&series->buckets[i], memory_order_relaxed);
		put_sample(to, series, "_bucket", to->bounds[i]);
		buf_put_uint(to->out, count);
		put_exemplar(to, series, i);
		buf_put_byte(to->out, '\n');
	}
	put_sample(to, series, "_sum", NULL);
	put_real(to->out, metric_real_load(&series->real));
	buf_put_byte(to->out, '\n');
	/* The count is what the buckets said, even if an observation came between: they must agree. */
	put_sample(to, series, "_count", NULL);
	buf_put_uint(to->out, count);
	buf_put_byte(to->out, '\n');
}

static void put_series(struct exposition *to, const struct metric_series *series)
{
	render_labels(to, series);
	if (series->family->info.type == METRIC_HISTOGRAM) {
		put_histogram(to, series);
		return;
	}
	put_sample(to, series, "", NULL);
	metric_compute *compute = atomic_load_explicit(&series->compute, memory_order_acquire);
	if (compute)
		put_real(to->out, compute(series->context));
	else if (series->family->info.counts_ns)
		put_real(to->out, (double)metric_count(series) / 1e9);
	else if (series->family->info.type == METRIC_COUNTER)
		buf_put_uint(to->out, metric_count(series));
	else
		put_real(to->out, metric_real_load(&series->real));
	if (series->family->info.type == METRIC_COUNTER)
		put_exemplar(to, series, 0);
	buf_put_byte(to->out, '\n');
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

/* The unit that the family's name ends in, or NULL. */
static const char *unit_of(struct text name)
{
	static const char *const units[] = {"seconds", "bytes"};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i]);
		if (name.len > len && name.at[name.len - len - 1] == '_' &&
			memcmp(name.at + name.len - len, units[i], len) == 0)
			return units[i];
	}
	return NULL;
}

static void put_meta(struct buf *out, const char *what, struct text name, const char *value)
{
	buf_printf(out, "# %s %.*s %s\n", what, (int)name.len, name.at, value);
}

static void put_head(const struct exposition *to, const struct metric_family *family)
{
	static const char *const types[][2] = {
		[METRIC_COUNTER] = {"counter", "counter"},
		[METRIC_GAUGE] = {"gauge", "gauge"},
		[METRIC_INFO] = {"gauge", "info"},
		[METRIC_HISTOGRAM] = {"histogram", "histogram"},
	};
	const struct metric_info *info = &family->info;
	bool is_open = to->format == METRIC_OPENMETRICS;
	struct text name = {info->name, is_open ? family->name_len : strlen(info->name)};
	buf_printf(to->out, "# HELP %.*s ", (int)name.len, name.at);
	put_escaped(to->out, text_of(info->help), is_open);
	buf_put_byte(to->out, '\n');
	put_meta(to->out, "TYPE", name, types[info->type][is_open]);
	if (is_open && unit_of(name))
		put_meta(to->out, "UNIT", name, unit_of(name));
}

static void put_family(struct exposition *to, struct metric_family *family)
{
	size_t count = 0;
	struct metric_series **list = list_series(family, &count);
	if (list == NULL) {
		to->out->failed = STATUS_NO_MEMORY;
		return;
	}
	bool overflowed = atomic_load_explicit(&family->overflow->used, memory_order_relaxed);
	if (count || overflowed)
		put_head(to, family);
	render_bounds(to, &family->info);
	for (size_t i = 0; i < count; i++)
		put_series(to, list[i]);
	if (overflowed)
		put_series(to, family->overflow);
	free(list);
}

static struct metric_family *family_at(struct metric_registry *registry, size_t i)
{
	pthread_mutex_lock(&registry->lock);
	struct metric_family *family = i < registry->family_count ? registry->families[i] : NULL;
	pthread_mutex_unlock(&registry->lock);
	return family;
}

void metric_expose(struct metric_registry *registry, enum metric_format format, struct buf *out)
{
	struct exposition to = {.out = out, .format = format};
	struct metric_family *family = NULL;
	buf_init(&to.labels, LABELS_BYTES_MAX);
	pthread_mutex_lock(&registry->exposing_lock);
	for (size_t i = 0; (family = family_at(registry, i)) != NULL; i++)
		put_family(&to, family);
	series_free_dropped(registry);
	pthread_mutex_unlock(&registry->exposing_lock);
	buf_finish(&to.labels);
	if (format == METRIC_OPENMETRICS)
		buf_put_string(out, "# EOF\n");
}
