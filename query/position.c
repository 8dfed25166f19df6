#include "position.h"

#include <inttypes.h>

enum { DIGITS_MAX = 19 };

static bool read_seq(struct text digits, uint64_t *seq)
{
	*seq = 0;
	if (digits.len == 0 || digits.len > DIGITS_MAX)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		*seq = *seq * 10 + (uint64_t)(digits.at[i] - '0');
	}
	return *seq > 0;
}

static enum status apply_one(struct text id, uint64_t seq, struct scan *scan, struct error *error)
{
	for (size_t i = 0; i < scan->store_count; i++) {
		struct scan_store *store = &scan->stores[i];
		if (!text_equal(id, text_of(store_reader_id(store->reader))))
			continue;
		if (seq > store->seq_last + 1)
			return error_set(error, STATUS_INVALID,
				"the checkpoint is ahead of store %.*s: it goes on with seq %" PRIu64
				", and the store ends at %" PRIu64 "; is this an older copy?",
				(int)id.len, id.at, seq, store->seq_last);
		store->seq_first = seq;
		return STATUS_OK;
	}
	return error_set(error, STATUS_INVALID,
		"the checkpoint goes on in store %.*s, which is not asked here; use a checkpoint file of its own for "
		"each store",
		(int)(id.len < 40 ? id.len : 40), id.at);
}

enum status position_apply(struct text position, struct scan *scan, struct error *error)
{
	struct scan narrowed = *scan;
	if (text_equal(position, TEXT("start")))
		return STATUS_OK;
	for (size_t at = 0; at <= position.len;) {
		const char *comma = at < position.len ? memchr(position.at + at, ',', position.len - at) : NULL;
		size_t end = comma ? (size_t)(comma - position.at) : position.len;
		const char *colon = end > at ? memchr(position.at + at, ':', end - at) : NULL;
		uint64_t seq = 0;
		if (colon == NULL || !read_seq((struct text){colon + 1, (size_t)(position.at + end - colon - 1)}, &seq))
			return error_set(error, STATUS_INVALID, "this is no position that an answer gave");
		enum status status = apply_one(
			(struct text){position.at + at, (size_t)(colon - position.at) - at}, seq, &narrowed, error);
		if (status != STATUS_OK)
			return status;
		at = end + 1;
	}
	*scan = narrowed;
	return STATUS_OK;
}

void position_put(struct buf *out, const struct scan *scan)
{
	for (size_t i = 0; i < scan->store_count; i++)
		buf_printf(out, "%s%s:%" PRIu64, i ? "," : "", store_reader_id(scan->stores[i].reader),
			scan->stores[i].seq_last + 1);
}
