#include "summary.h"

static const char magic[8] = {'m', 'c', 'p', 'l', 'd', 'g', 'S', 'M'};

struct head {
	char magic[8];
	uint64_t first_seq;
	uint64_t bytes_raw;
	struct time_range recv_time;
	struct time_range time;
	uint32_t count;
	uint32_t range_count;
};

struct summary {
	struct head head;
};

static struct time_range range_of(const struct rows *rows, unsigned field, bool *any)
{
	const struct numbers *numbers = &rows->numbers[field];
	struct time_range range = {INT64_MAX, INT64_MIN};
	*any = false;
	for (uint32_t i = 0; i < rows->count; i++) {
		if (!numbers_has(numbers, i))
			continue;
		int64_t value = numbers->values[i];
		range.first = value < range.first ? value : range.first;
		range.last = value > range.last ? value : range.last;
		*any = true;
	}
	return range;
}

enum status summary_put(const struct rows *rows, uint64_t first_seq, const uint8_t filter_key[16], struct buf *out)
{
	struct head head = {.first_seq = first_seq, .bytes_raw = rows->bytes, .count = rows->count};
	bool any = false;
	(void)filter_key;
	memcpy(head.magic, magic, sizeof(magic));
	head.recv_time = range_of(rows, FIELD_RECV_TIME, &any);
	if (!any)
		head.recv_time = (struct time_range){0, 0};
	head.time = range_of(rows, FIELD_TIME, &any);
	head.range_count = any;
	buf_put(out, &head, sizeof(head));
	return buf_status(out);
}

enum status summary_open(struct text bytes, struct summary **summary)
{
	if (bytes.len != sizeof(struct head) || memcmp(bytes.at, magic, sizeof(magic)) != 0)
		return STATUS_DAMAGED;
	struct summary *made = malloc(sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	memcpy(&made->head, bytes.at, sizeof(made->head));
	*summary = made;
	return STATUS_OK;
}

void summary_close(struct summary **summary)
{
	free(*summary);
	*summary = NULL;
}

uint64_t summary_first_seq(const struct summary *summary)
{
	return summary->head.first_seq;
}

uint32_t summary_count(const struct summary *summary)
{
	return summary->head.count;
}

struct time_range summary_recv_time(const struct summary *summary)
{
	return summary->head.recv_time;
}

size_t summary_times(const struct summary *summary, const struct time_range **ranges)
{
	*ranges = &summary->head.time;
	return summary->head.range_count;
}

size_t summary_bytes_raw(const struct summary *summary)
{
	return summary->head.bytes_raw;
}

bool summary_may_have(const struct summary *summary, unsigned field, struct text value, struct text tenant)
{
	(void)summary, (void)field, (void)value, (void)tenant;
	return true;
}

bool summary_may_have_word(const struct summary *summary, struct text word, struct text tenant)
{
	(void)summary, (void)word, (void)tenant;
	return true;
}

size_t summary_values(const struct summary *summary, unsigned field, const struct text **values, bool *complete)
{
	(void)summary, (void)field;
	*values = NULL;
	*complete = false;
	return 0;
}
