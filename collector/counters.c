/*
 * The state `counters`, all numbers little-endian:
 *
 *   OFFSET  SIZE  MEANING
 *        0     4  version, 1
 *        4     4  sources in it, S; sources are in the order of tbl/sources.h
 *        8     4  reasons in it, R; reasons are in the order of tbl/reasons.h
 *       12     4  0
 *       16   ...  per source: received 8, stored 8, duplicate 8, then 8 * R each of
 *                 rejected, dropped, rejected_noted, dropped_noted
 */
#include "counters.h"

#include <assert.h>
#include <endian.h>

enum { VERSION = 1, HEAD_BYTES = 16 };

static_assert(sizeof(struct counts) == COUNTS_MEMBERS * sizeof(uint64_t), "a struct counts is an array of numbers");

void counters_init(struct counters *counters)
{
	memset(counters, 0, sizeof(*counters));
	pthread_mutex_init(&counters->lock, NULL);
}

void counters_add(struct counters *counters, enum source source, const struct counts *counts)
{
	const uint64_t *from = &counts->received;
	pthread_mutex_lock(&counters->lock);
	for (size_t i = 0; i < COUNTS_MEMBERS; i++) {
		if (from[i])
			atomic_fetch_add_explicit(&counters->totals[source][i], from[i], memory_order_relaxed);
	}
	atomic_fetch_add_explicit(&counters->changes, 1, memory_order_release);
	pthread_mutex_unlock(&counters->lock);
}

void counters_get(struct counters *counters, enum source source, struct counts *counts)
{
	uint64_t *to = &counts->received;
	pthread_mutex_lock(&counters->lock);
	for (size_t i = 0; i < COUNTS_MEMBERS; i++)
		to[i] = atomic_load_explicit(&counters->totals[source][i], memory_order_relaxed);
	pthread_mutex_unlock(&counters->lock);
}

static void put_number(struct buf *out, uint64_t number)
{
	number = htole64(number);
	buf_put(out, &number, sizeof(number));
}

static void put_head(struct buf *out)
{
	uint32_t head[4] = {htole32(VERSION), htole32(SOURCE_COUNT), htole32(REASON_COUNT), 0};
	buf_put(out, head, sizeof(head));
}

void counters_put(struct counters *counters, const struct counts more[SOURCE_COUNT], struct buf *out)
{
	put_head(out);
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		const uint64_t *added = more ? &more[source].received : NULL;
		struct counts counts;
		counters_get(counters, (enum source)source, &counts);
		const uint64_t *total = &counts.received;
		for (size_t i = 0; i < COUNTS_MEMBERS; i++)
			put_number(out, total[i] + (added ? added[i] : 0));
		for (size_t reason = 0; reason < REASON_COUNT; reason++)
			put_number(out, counters->rejected_noted[source][reason]);
		for (size_t reason = 0; reason < REASON_COUNT; reason++)
			put_number(out, counters->dropped_noted[source][reason]);
	}
}

static uint64_t read_number(const char **at)
{
	uint64_t number = 0;
	memcpy(&number, *at, sizeof(number));
	*at += sizeof(number);
	return le64toh(number);
}

/* Reads `reasons` numbers; those of reasons this version does not know are passed over. */
static void read_reasons(const char **at, uint32_t reasons, uint64_t numbers[REASON_COUNT])
{
	for (uint32_t i = 0; i < reasons; i++) {
		uint64_t number = read_number(at);
		if (i < REASON_COUNT)
			numbers[i] = number;
	}
}

enum status counters_load(struct counters *counters, struct text state)
{
	uint32_t head[4];
	if (state.len < HEAD_BYTES)
		return STATUS_DAMAGED;
	memcpy(head, state.at, sizeof(head));
	uint64_t sources = le32toh(head[1]);
	uint64_t reasons = le32toh(head[2]);
	if (le32toh(head[0]) != VERSION || sources > 1024 || reasons > 1024 ||
		state.len != HEAD_BYTES + sources * (3 + 4 * reasons) * sizeof(uint64_t))
		return STATUS_DAMAGED;

	const char *at = state.at + HEAD_BYTES;
	for (uint64_t source = 0; source < sources; source++) {
		struct counts counts = {0};
		uint64_t noted[2][REASON_COUNT] = {{0}};
		counts.received = read_number(&at);
		counts.stored = read_number(&at);
		counts.duplicate = read_number(&at);
		read_reasons(&at, (uint32_t)reasons, counts.rejected);
		read_reasons(&at, (uint32_t)reasons, counts.dropped);
		read_reasons(&at, (uint32_t)reasons, noted[0]);
		read_reasons(&at, (uint32_t)reasons, noted[1]);
		if (source >= SOURCE_COUNT)
			continue;
		counters_add(counters, (enum source)source, &counts);
		memcpy(counters->rejected_noted[source], noted[0], sizeof(noted[0]));
		memcpy(counters->dropped_noted[source], noted[1], sizeof(noted[1]));
	}
	return STATUS_OK;
}
