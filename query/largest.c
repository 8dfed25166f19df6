#include "largest.h"

#include <assert.h>
#include <stdlib.h>

/* A heap with the smallest one on top: whatever is larger takes its place. */
struct heap {
	struct largest_event *events;
	size_t count, limit;
	unsigned field;
	bool more;
};

/* Negative: a stands behind b. */
static int compare(const struct largest_event *a, const struct largest_event *b)
{
	if (a->value != b->value)
		return a->value < b->value ? -1 : 1;
	if (a->store != b->store)
		return a->store > b->store ? -1 : 1;
	return a->seq > b->seq ? -1 : a->seq < b->seq;
}

static void swap(struct largest_event *a, struct largest_event *b)
{
	struct largest_event kept = *a;
	*a = *b;
	*b = kept;
}

static void sift_up(struct heap *heap, size_t at)
{
	for (; at > 0 && compare(&heap->events[at], &heap->events[(at - 1) / 2]) < 0; at = (at - 1) / 2)
		swap(&heap->events[at], &heap->events[(at - 1) / 2]);
}

static void sift_down(struct heap *heap, size_t at)
{
	for (;;) {
		size_t least = at;
		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < heap->count; child++)
			if (compare(&heap->events[child], &heap->events[least]) < 0)
				least = child;
		if (least == at)
			return;
		swap(&heap->events[at], &heap->events[least]);
		at = least;
	}
}

static void offer(struct heap *heap, struct largest_event event)
{
	if (heap->count < heap->limit) {
		heap->events[heap->count] = event;
		sift_up(heap, heap->count++);
		return;
	}
	heap->more = true;
	if (compare(&event, &heap->events[0]) <= 0)
		return;
	heap->events[0] = event;
	sift_down(heap, 0);
}

static enum status offer_rows(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct heap *heap = context;
	struct column column;
	enum status status = block_column(block, heap->field, &column);
	if (status != STATUS_OK)
		return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	for (uint32_t row = 0; row_next(rows, &row) && row < column.rows; row++)
		if (row_is_set(column.present, row))
			offer(heap, (struct largest_event){
					    column.numbers[row], block_first_seq(block) + row, place->store});
	return STATUS_OK;
}

static int largest_first(const void *a, const void *b)
{
	return compare(b, a);
}

enum status largest_find(
	struct largest *largest, const struct scan *scan, unsigned field, size_t limit, struct error *error)
{
	assert(limit > 0 && limit <= LARGEST_MAX && field_is_number(field_info(field)->type));
	struct heap heap = {.limit = limit, .field = field, .events = calloc(limit, sizeof(*heap.events))};
	if (heap.events == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	enum status status = scan_run(scan, offer_rows, &heap, error);
	if (status != STATUS_OK) {
		free(heap.events);
		return status;
	}
	qsort(heap.events, heap.count, sizeof(*heap.events), largest_first);
	*largest = (struct largest){heap.events, heap.count, heap.more};
	return STATUS_OK;
}

void largest_finish(struct largest *largest)
{
	free(largest->events);
	*largest = (struct largest){NULL, 0, false};
}
