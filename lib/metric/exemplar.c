#include "exemplar.h"

#include <assert.h>

enum { READ_TRIES = 8 };

static_assert(sizeof(struct exemplar_view) == EXEMPLAR_WORDS * sizeof(uint64_t), "a view is made of words");

void exemplar_set(struct exemplar *exemplar, const struct metric_exemplar *latest, double value)
{
	uint64_t version = atomic_load_explicit(&exemplar->version, memory_order_relaxed);
	if (version & 1 || !atomic_compare_exchange_strong_explicit(&exemplar->version, &version, version + 1,
				   memory_order_acquire, memory_order_relaxed))
		return;
	struct exemplar_view view = {.value = value, .time = latest->time};
	memcpy(view.trace_id, latest->trace_id, sizeof(view.trace_id));
	uint64_t words[EXEMPLAR_WORDS];
	memcpy(words, &view, sizeof(words));
	for (size_t i = 0; i < EXEMPLAR_WORDS; i++)
		atomic_store_explicit(&exemplar->words[i], words[i], memory_order_release);
	atomic_store_explicit(&exemplar->version, version + 2, memory_order_release);
}

enum status exemplar_get(const struct exemplar *exemplar, struct exemplar_view *view)
{
	for (unsigned i = 0; i < READ_TRIES; i++) {
		uint64_t words[EXEMPLAR_WORDS];
		uint64_t version = atomic_load_explicit(&exemplar->version, memory_order_acquire);
		if (version == 0)
			return STATUS_NOT_FOUND;
		for (size_t j = 0; j < EXEMPLAR_WORDS; j++)
			words[j] = atomic_load_explicit(&exemplar->words[j], memory_order_acquire);
		if (version & 1 || atomic_load_explicit(&exemplar->version, memory_order_relaxed) != version)
			continue;
		memcpy(view, words, sizeof(*view));
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}
