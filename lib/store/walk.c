/*
 * Finding and reading units.
 *
 * A unit is found by seq alone, never by a place remembered: between two calls tail chunks may have become a block, a
 * segment may have been rolled or pruned, and the walk goes on at the next seq all the same.
 */
#include "reader.h"

#include <inttypes.h>

#include "files.h"

enum { UNLOCKED_ATTEMPTS_MAX = 16 };

#define STAYS_MAPPED_BYTES_MAX (UINT64_C(1) << 30)

enum want { WANT_SUMMARY, WANT_BYTES };

/* A place in the walk: which way, and what is asked for. */
struct walk {
	uint64_t seq;
	bool backward;
	enum want want;
};

static enum status find_unit(struct env_txn *txn, const struct walk *walk, struct segment_unit *found, bool *sealed)
{
	/* Blocks come before the tail: seen in the direction of the walk, look in the nearer one first. */
	enum env_db near = walk->backward ? ENV_TAIL : ENV_BLOCK;
	enum env_db far = walk->backward ? ENV_BLOCK : ENV_TAIL;
	enum status status = segment_find_unit(txn, near, walk->seq, walk->backward, found);
	*sealed = near == ENV_BLOCK;
	if (status == STATUS_NOT_FOUND) {
		status = segment_find_unit(txn, far, walk->seq, walk->backward, found);
		*sealed = far == ENV_BLOCK;
	}
	return status;
}

static struct store_unit events_of(const struct reader_segment *segment, uint64_t first_seq, uint64_t end)
{
	uint64_t count = end - first_seq;
	return (struct store_unit){
		.first_seq = first_seq,
		.count = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count,
		.segment = segment->name,
		.segment_number = segment->first_seq,
	};
}

/*
 * A segment has a unit for every event between its first and its next one: what the search for one passed over, or did
 * not find at all, is not there any more.  *missing: those events.
 */
static bool is_missing(const struct reader_segment *segment, const struct walk *walk, enum status status,
	const struct segment_unit *found, struct store_unit *missing)
{
	const struct segment_head *head = &segment->head;
	if (head->salvaged) /* then it is known what it lacks */
		return false;
	uint64_t first = walk->seq > head->first_seq ? walk->seq : head->first_seq;
	uint64_t last = walk->seq < head->next_seq ? walk->seq : head->next_seq - 1;
	uint64_t end = head->next_seq;
	if (walk->backward) {
		end = last + 1;
		first = status == STATUS_OK ? found->first_seq + found->count : head->first_seq;
	} else if (status == STATUS_OK && found->first_seq < end) {
		end = found->first_seq;
	}
	if (first >= end)
		return false;
	*missing = events_of(segment, first, end);
	return true;
}

/*
 * A daemon is asked again, and has its active segment mapped all the time: its pages are not let go after each question,
 * unless the segment is so large that they would stand for most of what a process seems to need.
 */
static bool stays_mapped(const struct store_reader *reader, const struct reader_segment *segment)
{
	return reader->store && !segment->settled && segment->head.block_bytes <= STAYS_MAPPED_BYTES_MAX;
}

/* On STATUS_DAMAGED unit tells which one it is. */
static enum status read_unit(
	struct store_reader *reader, struct reader_segment *segment, const struct walk *walk, struct store_unit *unit)
{
	struct segment_unit found = {0};
	struct segment_value value;
	/* A summary has a checksum of its own, and is asked for of every block. */
	struct segment_reading reading = {
		.arena = &reader->joined, .check = segment->unlocked, .copy = segment->unlocked};
	/* A process that lives for a question sees most summaries once; the daemon has them mapped. */
	if (walk->want == WANT_SUMMARY && reader->store == NULL)
		reading.fetched = &reader->peeked;
	bool sealed = false;
	enum status status = find_unit(segment->txn, walk, &found, &sealed);
	if (status == STATUS_DAMAGED) {
		/* The keys themselves: nothing more can be found in this segment. */
		*unit = events_of(segment, segment->first_seq, segment->head.next_seq);
		return status;
	}
	if ((status == STATUS_OK || status == STATUS_NOT_FOUND) && is_missing(segment, walk, status, &found, unit))
		return STATUS_DAMAGED;
	if (status != STATUS_OK)
		return status;
	*unit = (struct store_unit){
		.first_seq = found.first_seq,
		.count = found.count,
		.sealed = sealed,
		.segment = segment->name,
		.segment_number = segment->first_seq,
	};
	if (sealed) {
		status = segment_get_unit(segment->txn, ENV_SUMMARY, found, reading, &value);
		if (status == STATUS_OK)
			unit->summary = value.bytes;
		else if (status != STATUS_NOT_FOUND && status != STATUS_DAMAGED)
			return status;
		/* Without its summary a block can still be read: it only cannot be passed over. */
	}
	if (walk->want == WANT_SUMMARY)
		return STATUS_OK;
	/* Only the columns that are wanted should be read from disk; block_open and the columns have their own checks. */
	reading.check = !sealed || segment->unlocked;
	/*
	 * A segment that is written to gives copies of what its pages may be used anew for: its snapshot may be parked
	 * while they are in use.
	 */
	reading.copy = reading.from_file = !segment->settled;
	reading.stays = sealed && !segment->unlocked;
	status = segment_get_unit(segment->txn, sealed ? ENV_BLOCK : ENV_TAIL, found, reading, &value);
	if (status == STATUS_NOT_FOUND)
		return STATUS_DAMAGED;
	if (status != STATUS_OK)
		return status;
	unit->bytes = value.bytes;
	if (sealed && !value.copied && !stays_mapped(reader, segment))
		reader_note_mapped(reader, value.bytes);
	return STATUS_OK;
}

/* Without a slot in the lock file, what we read may have been overwritten if two commits came meanwhile. */
static enum status read_unit_unlocked(
	struct store_reader *reader, struct reader_segment *segment, const struct walk *walk, struct store_unit *unit)
{
	enum status status = STATUS_BUSY;
	for (int attempt = 0; attempt < UNLOCKED_ATTEMPTS_MAX; attempt++) {
		status = env_renew(segment->txn);
		if (status != STATUS_OK)
			return status;
		uint64_t txnid = env_txn_id(segment->txn);
		status = read_unit(reader, segment, walk, unit);
		if (env_last_txnid(segment->env) <= txnid + 1)
			return status;
		status = STATUS_BUSY;
	}
	return status;
}

static enum status read_segment(
	struct store_reader *reader, size_t at, const struct walk *walk, struct store_unit *unit, struct error *error)
{
	struct reader_segment *segment = reader->live.items[at];
	bool newest = at + 1 == reader->live.count;
	enum status status = reader_open_segment(reader, segment, newest, error);
	if (status == STATUS_DAMAGED) {
		uint64_t end = newest ? segment->first_seq : reader->live.items[at + 1]->first_seq;
		*unit = events_of(segment, segment->first_seq, end);
	}
	if (status != STATUS_OK)
		return status;
	status = segment->unlocked ? read_unit_unlocked(reader, segment, walk, unit)
				   : read_unit(reader, segment, walk, unit);
	if (status == STATUS_DAMAGED) {
		uint64_t last = unit->first_seq + unit->count - 1;
		return error_set(error, status, "%s/%s: events %" PRIu64 " to %" PRIu64 " are damaged", reader->dir,
			segment->name, unit->first_seq, last);
	}
	if (status != STATUS_OK && status != STATUS_NOT_FOUND)
		return error_set(error, status, "%s/%s: %s", reader->dir, segment->name, status_text(status));
	return status;
}

/* The last segment that begins at or before seq, plus one. */
static size_t segments_up_to(const struct reader_list *list, uint64_t seq)
{
	size_t low = 0, high = list->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (list->items[middle]->first_seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static enum status walk_segments(
	struct store_reader *reader, const struct walk *walk, struct store_unit *unit, struct error *error)
{
	size_t up_to = segments_up_to(&reader->live, walk->seq);
	struct store_unit found = {0};
	enum status status = STATUS_NOT_FOUND;
	if (walk->backward) {
		for (size_t at = up_to; at-- > 0 && status == STATUS_NOT_FOUND;)
			status = read_segment(reader, at, walk, &found, error);
	} else {
		for (size_t at = up_to ? up_to - 1 : 0; at < reader->live.count && status == STATUS_NOT_FOUND; at++)
			status = read_segment(reader, at, walk, &found, error);
	}
	if (status == STATUS_OK || status == STATUS_DAMAGED)
		*unit = found;
	return status;
}

enum status store_reader_unit(
	struct store_reader *reader, uint64_t seq, bool backward, struct store_unit *unit, struct error *error)
{
	const struct walk walk = {.seq = seq, .backward = backward, .want = WANT_BYTES};
	return walk_segments(reader, &walk, unit, error);
}

enum status store_reader_peek(
	struct store_reader *reader, uint64_t seq, bool backward, struct store_unit *unit, struct error *error)
{
	const struct walk walk = {.seq = seq, .backward = backward, .want = WANT_SUMMARY};
	return walk_segments(reader, &walk, unit, error);
}

enum status store_reader_state(struct store_reader *reader, const char *name, struct buf *out)
{
	if (reader->live.count == 0)
		return STATUS_NOT_FOUND;
	struct reader_segment *segment = reader->live.items[reader->live.count - 1];
	struct text bytes;
	enum status status = reader_open_segment(reader, segment, true, NULL);
	for (int attempt = 0; status == STATUS_OK && attempt < UNLOCKED_ATTEMPTS_MAX; attempt++) {
		size_t before = out->len;
		if (segment->unlocked)
			status = env_renew(segment->txn);
		if (status == STATUS_OK)
			status = segment_get_state(segment->txn, name, &bytes);
		if (status != STATUS_OK)
			return status;
		uint64_t txnid = env_txn_id(segment->txn);
		buf_put_text(out, bytes);
		if (!segment->unlocked || env_last_txnid(segment->env) <= txnid + 1)
			return buf_status(out);
		out->len = before;
	}
	return status == STATUS_OK ? STATUS_BUSY : status;
}

enum status store_reader_payload(struct store_reader *reader, uint64_t segment_number, const uint8_t key[32],
	struct arena *arena, struct text *payload)
{
	size_t at = segments_up_to(&reader->live, segment_number);
	if (at == 0 || reader->live.items[at - 1]->first_seq != segment_number)
		return STATUS_NOT_FOUND;
	struct reader_segment *segment = reader->live.items[at - 1];
	struct text stored;
	enum status status = reader_open_segment(reader, segment, at == reader->live.count, NULL);
	for (int attempt = 0; status == STATUS_OK && attempt < UNLOCKED_ATTEMPTS_MAX; attempt++) {
		const struct segment_reading reading = {.arena = arena, .check = true, .copy = segment->unlocked};
		if (segment->unlocked)
			status = env_renew(segment->txn);
		if (status != STATUS_OK)
			return status;
		uint64_t txnid = env_txn_id(segment->txn);
		status = segment_get_payload(segment->txn, key, reading, &stored);
		if (segment->unlocked && env_last_txnid(segment->env) > txnid + 1) {
			status = STATUS_OK; /* what it says is not to be believed: try again */
			continue;
		}
		if (status == STATUS_NOT_FOUND) /* an event has it, and the segment should have both */
			status = STATUS_DAMAGED;
		return status == STATUS_OK ? payload_unpack(stored, arena, payload) : status;
	}
	return status == STATUS_OK ? STATUS_BUSY : status;
}

enum status store_reader_figures(struct store_reader *reader, struct store_figures *figures)
{
	struct store_figures sum = {0};
	for (size_t i = 0; i < reader->live.count; i++) {
		struct reader_segment *segment = reader->live.items[i];
		bool newest = i + 1 == reader->live.count;
		/* The head of a settled segment is known once and for all; damaged ones only count as files. */
		enum status status = segment->head_known && segment->settled
					     ? STATUS_OK
					     : reader_open_segment(reader, segment, newest, NULL);
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status != STATUS_OK && status != STATUS_DAMAGED)
			return status;
		sum.segments++;
		sum.file_bytes += files_disk_bytes(reader->dir, segment->name);
		if (status == STATUS_DAMAGED)
			continue;
		const struct segment_head *head = &segment->head;
		sum.events += head->next_seq - head->first_seq;
		sum.tail_events += head->next_seq - head->tail_first_seq;
		sum.blocks += head->blocks;
		sum.payloads += head->payloads;
		sum.block_bytes += head->block_bytes;
		sum.payload_bytes += head->payload_bytes;
		sum.summary_bytes += head->summary_bytes;
		sum.tail_bytes += head->tail_bytes;
		if (head->next_seq == head->first_seq)
			continue;
		if (sum.oldest_recv_time == 0)
			sum.oldest_recv_time = head->oldest_recv_time;
		sum.newest_recv_time = head->last_recv_time;
	}
	*figures = sum;
	return STATUS_OK;
}
