#include "places.h"

#include <stdlib.h>

static int in_order(const void *a, const void *b)
{
	const struct place *first = a;
	const struct place *second = b;
	if (first->store != second->store)
		return first->store < second->store ? -1 : 1;
	return first->seq < second->seq ? -1 : first->seq > second->seq;
}

struct reading {
	const struct place *places;
	size_t count, at;
	places_take *take;
	void *context;
	struct event event;
};

/* Only these events of the block are made. */
static void expect(const struct reading *reading, const struct scan_place *scan_place, struct block *block)
{
	uint64_t rows[ROW_WORDS_MAX] = {0};
	uint64_t first = block_first_seq(block);
	for (size_t i = reading->at; i < reading->count; i++) {
		const struct place *place = &reading->places[i];
		if (place->store != scan_place->store || place->seq >= first + block_count(block))
			break;
		if (place->seq >= first)
			rows[(place->seq - first) / 64] |= UINT64_C(1) << ((place->seq - first) % 64);
	}
	block_expect(block, rows);
}

static enum status read_block(
	void *context, const struct scan_place *scan_place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct reading *reading = context;
	uint64_t first = block_first_seq(block);
	expect(reading, scan_place, block);
	for (; reading->at < reading->count; reading->at++) {
		const struct place *place = &reading->places[reading->at];
		if (place->store != scan_place->store || place->seq >= first + block_count(block))
			break;
		if (place->seq < first || !row_is_set(rows, (uint32_t)(place->seq - first)))
			continue;
		enum status status = block_event(block, (uint32_t)(place->seq - first), &reading->event);
		if (status == STATUS_OK)
			status = reading->take(reading->context, place, scan_place->store_id, &reading->event);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* A run of places that are no more than a block apart is one scan. */
static enum status read_run(struct reading *reading, const struct scan *scan, size_t end, struct error *error)
{
	struct scan part = *scan;
	struct coverage ignored = {0};
	const struct place *first = &reading->places[reading->at];
	part.coverage = &ignored;
	part.filter = NULL;
	part.since = INT64_MIN;
	part.until = INT64_MAX;
	part.backward = false;
	for (size_t i = 0; i < part.store_count; i++)
		if (i != first->store)
			part.stores[i].seq_first = UINT64_MAX;
	scan_narrow(&part, first->seq, reading->places[end - 1].seq);
	enum status status = scan_run(&part, read_block, reading, error);
	reading->at = end;
	return status;
}

enum status places_read(const struct scan *scan, struct place *places, size_t count, places_take *take, void *context,
	struct error *error)
{
	struct reading *reading = calloc(1, sizeof(*reading));
	enum status status = STATUS_OK;
	if (reading == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	*reading = (struct reading){.places = places, .count = count, .take = take, .context = context};
	if (count > 1)
		qsort(places, count, sizeof(*places), in_order);
	while (status == STATUS_OK && reading->at < count) {
		size_t end = reading->at + 1;
		while (end < count && places[end].store == places[end - 1].store &&
			places[end].seq - places[end - 1].seq < BLOCK_ROWS_MAX)
			end++;
		status = read_run(reading, scan, end, error);
	}
	free(reading);
	return status;
}
