/*
 * The columns of a batch are made before the writer knows which of its events are duplicates, so these stay in the image
 * and are marked dead beside it.  An event whose id was used before for other bytes must carry a mark: it is dead as
 * well, and encoded once more, marked, in a part of its own behind its batch.  Both are rare.
 */
#include "group.h"

#include <assert.h>

enum {
	CHUNK_EVENTS_MAX = PART_ROWS_MAX,
	CHUNK_RAW_BYTES_MAX = 4 * 1024 * 1024, /* so that a chunk is always within a block */
	CHUNK_BYTES_MAX = 64 * 1024 * 1024,
	PREFETCH_ROWS = 16,
};

enum status group_init(struct group *group, struct store *store, const struct identity *identity, struct dedup *dedup)
{
	*group = (struct group){.store = store, .identity = identity, .dedup = dedup};
	buf_init(&group->chunk, CHUNK_BYTES_MAX);
	enum status status = rows_create(&group->rows);
	if (status == STATUS_OK)
		status = proof_create(&group->proof, store, identity);
	if (status != STATUS_OK)
		group_finish(group);
	return status;
}

void group_finish(struct group *group)
{
	rows_destroy(&group->rows);
	proof_destroy(&group->proof);
	buf_finish(&group->chunk);
}

void group_begin(struct group *group, struct store_txn *txn)
{
	group->txn = txn;
	group->failed = STATUS_OK;
	group->next_seq = store_next_seq(group->store);
	group->recv_time = store_last_recv_time(group->store);
	buf_clear(&group->chunk);
	group->chunk_events = 0;
	group->chunk_raw_bytes = 0;
	memset(group->counts, 0, sizeof(group->counts));
	group->conflicts = (struct conflicts){0};
}

static void fail(struct group *group, enum status status)
{
	if (group->failed == STATUS_OK)
		group->failed = status;
}

/* --- chunks --- */

static void end_chunk(struct group *group)
{
	if (group->chunk_events == 0)
		return;
	enum status status = buf_status(&group->chunk);
	if (status == STATUS_OK)
		store_put_tail(group->txn, group->chunk_first_seq, group->chunk_events, group->recv_time,
			buf_text(&group->chunk));
	else
		fail(group, status);
	buf_clear(&group->chunk);
	group->chunk_events = 0;
	group->chunk_raw_bytes = 0;
}

/* Adds a part with `live` events to the chunk, and gives these their seqs. */
static void put_part(struct group *group, struct tail_part *part, uint32_t live, size_t raw_bytes)
{
	if (group->chunk_events > 0 && (group->chunk_events + live > CHUNK_EVENTS_MAX ||
					       group->chunk_raw_bytes + raw_bytes > CHUNK_RAW_BYTES_MAX))
		end_chunk(group);
	if (group->chunk_events == 0)
		group->chunk_first_seq = group->next_seq;
	part->first_seq = group->next_seq;
	part->recv_time = group->recv_time;
	tail_put(&group->chunk, part);
	group->next_seq += live;
	group->chunk_events += live;
	group->chunk_raw_bytes += raw_bytes;
}

/* --- duplicates --- */

enum fate { FATE_NEW, FATE_DUPLICATE, FATE_CONFLICT };

/* An event stored before this process began: reads it, and keeps what was found so that it is read once only. */
static enum fate compare_stored(
	struct group *group, uint64_t fingerprint, struct dedup_proof known, struct dedup_proof proof)
{
	uint64_t digest = 0;
	enum status status = proof_read(group->proof, known.bits, &digest);
	if (status == STATUS_NOT_FOUND) {
		dedup_remove(group->dedup, fingerprint, known);
		return FATE_NEW;
	}
	/* It is whole and can be read later: who sent this shall send it again. */
	if (status == STATUS_NO_MEMORY)
		fail(group, status);
	if (status != STATUS_OK)
		return FATE_CONFLICT;
	struct dedup_proof stored = dedup_proof_of_digest(digest);
	dedup_remove(group->dedup, fingerprint, known);
	dedup_add(group->dedup, fingerprint, stored, group->recv_time);
	return stored.bits == proof.bits ? FATE_DUPLICATE : FATE_CONFLICT;
}

static enum fate find_fate(struct group *group, uint64_t fingerprint, uint64_t digest)
{
	if (fingerprint == 0)
		return FATE_NEW;
	struct dedup_proof proof = dedup_proof_of_digest(digest);
	struct dedup_proof known[DEDUP_SAME_MAX];
	unsigned count = dedup_find(group->dedup, fingerprint, known);
	enum fate fate = FATE_NEW;
	for (unsigned i = 0; i < count && fate != FATE_DUPLICATE; i++) {
		enum fate seen = FATE_CONFLICT;
		if (known[i].is_seq)
			seen = compare_stored(group, fingerprint, known[i], proof);
		else if (known[i].bits == proof.bits)
			seen = FATE_DUPLICATE;
		if (seen != FATE_NEW)
			fate = seen;
	}
	if (fate != FATE_DUPLICATE)
		dedup_add(group->dedup, fingerprint, proof, group->recv_time);
	return fate;
}

static const uint64_t *fingerprints_of(const struct batch *batch)
{
	return (const uint64_t *)batch->fingerprints.at;
}

static const struct batch_row *rows_of(const struct batch *batch)
{
	return (const struct batch_row *)batch->rows.at;
}

/* Finds the dead rows of a part; appends their bits to batch->dead.  Returns how many rows live. */
static uint32_t mark_dead(struct group *group, struct batch *batch, const struct batch_part *part)
{
	size_t bytes = (part->row_count + 7) / 8;
	size_t at = batch->dead.len;
	char *room = buf_reserve(&batch->dead, bytes);
	if (room == NULL) {
		fail(group, buf_status(&batch->dead));
		return 0;
	}
	memset(room, 0, bytes);
	batch->dead.len += bytes;

	const uint64_t *fingerprints = fingerprints_of(batch) + part->row_first;
	const struct batch_row *rows = rows_of(batch) + part->row_first;
	uint32_t live = part->row_count;
	for (uint32_t row = 0; row < part->row_count; row++) {
		if (row + PREFETCH_ROWS < part->row_count)
			dedup_prefetch(group->dedup, fingerprints[row + PREFETCH_ROWS]);
		enum fate fate = find_fate(group, fingerprints[row], rows[row].digest);
		if (fate == FATE_NEW)
			continue;
		live--;
		batch->dead.at[at + row / 8] |= (char)(1 << row % 8);
		uint32_t row_of_batch = part->row_first + row;
		if (fate == FATE_CONFLICT)
			buf_put(&batch->conflicts, &row_of_batch, sizeof(row_of_batch));
		else
			batch->duplicates++;
	}
	return live;
}

/* --- events that carry a mark of the writer --- */

static enum status get_batch_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct batch *batch = context;
	const struct batch_payload *payloads = (const struct batch_payload *)batch->payloads.at;
	for (size_t i = 0; i < batch->payloads.len / sizeof(*payloads); i++) {
		if (memcmp(payloads[i].key, key, sizeof(payloads[i].key)) == 0) {
			struct text stored = {batch->payload_bytes.at + payloads[i].at, payloads[i].len};
			return payload_unpack(stored, arena, payload);
		}
	}
	return STATUS_NOT_FOUND;
}

static const struct batch_part *part_of_row(const struct batch *batch, uint32_t row)
{
	const struct batch_part *part = (const struct batch_part *)batch->parts.at;
	while (row >= part->row_first + part->row_count)
		part++;
	return part;
}

static struct text image_of(const struct batch *batch, const struct batch_part *part)
{
	return (struct text){batch->images.at + part->image_at, part->image_len};
}

/* Appends one row of a batch to group->rows, marked. */
static enum status append_marked(struct group *group, struct batch *batch, uint32_t row)
{
	const struct batch_part *part = part_of_row(batch, row);
	struct tail_part all = {.row_count = part->row_count, .image = image_of(batch, part)};
	all.fingerprints = fingerprints_of(batch) + part->row_first;
	struct block *block = NULL;
	enum status status = block_open_part(&all, &block, NULL);
	if (status != STATUS_OK)
		return status;
	block_set_payload_source(block, (struct payload_source){get_batch_payload, batch});
	struct event event;
	status = block_event(block, row - part->row_first, &event);
	if (status == STATUS_OK) {
		event_set_number(&event, FIELD_MARKS_ID_CONFLICT, 1);
		status = rows_append(group->rows, &event);
	}
	block_close(&block);
	return status;
}

static void put_payload(struct group *group, const uint8_t key[32], struct text stored)
{
	struct payload_ref ref = {.stored = stored};
	memcpy(ref.key, key, sizeof(ref.key));
	store_put_payload(group->txn, &ref);
}

/* Makes a part of `count` rows of group->rows. */
static enum status put_marked_part(struct group *group, const uint64_t *fingerprints, uint32_t count)
{
	struct buf image;
	buf_init(&image, CHUNK_BYTES_MAX);
	const uint8_t *filter_key = store_filter_key(group->store);
	enum status status = block_encode(group->rows, BLOCK_TAIL, 0, filter_key, &image, NULL);
	if (status == STATUS_OK) {
		const struct payload_ref *refs = NULL;
		size_t ref_count = rows_payloads(group->rows, &refs);
		for (size_t i = 0; i < ref_count; i++)
			put_payload(group, refs[i].key, refs[i].stored);
		struct tail_part part = {.row_count = count, .fingerprints = fingerprints, .image = buf_text(&image)};
		put_part(group, &part, count, rows_bytes(group->rows));
	}
	rows_clear(group->rows);
	buf_finish(&image);
	return status;
}

static void note_conflict(struct conflicts *conflicts, uint64_t seq)
{
	if (conflicts->count < GROUP_CONFLICTS_LISTED_MAX)
		conflicts->seqs[conflicts->count] = seq;
	conflicts->count++;
}

static enum status put_conflicts(struct group *group, struct batch *batch)
{
	const uint32_t *rows = (const uint32_t *)batch->conflicts.at;
	size_t count = batch->conflicts.len / sizeof(*rows);
	uint64_t fingerprints[64];
	enum { PER_PART = sizeof(fingerprints) / sizeof(fingerprints[0]) };
	uint32_t in_part = 0;
	enum status status = buf_status(&batch->conflicts);
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		status = append_marked(group, batch, rows[i]);
		if (status != STATUS_OK)
			break;
		note_conflict(&group->conflicts, group->next_seq + in_part);
		fingerprints[in_part++] = fingerprints_of(batch)[rows[i]];
		if (in_part == PER_PART || i + 1 == count || rows_bytes(group->rows) >= PART_RAW_BYTES_MAX) {
			status = put_marked_part(group, fingerprints, in_part);
			in_part = 0;
		}
	}
	rows_clear(group->rows);
	return status;
}

/* --- the commit --- */

static void count_batch(struct group *group, const struct batch *batch)
{
	struct counts *counts = &group->counts[batch->source];
	counts->received += batch->received;
	counts->duplicate += batch->duplicates;
	counts->stored += batch_row_count(batch) - batch->duplicates;
	for (size_t i = 0; i < REASON_COUNT; i++)
		counts->rejected[i] += batch->rejected[i];
}

void group_add(struct group *group, struct batch *batch)
{
	if (batch->now > group->recv_time)
		group->recv_time = batch->now;
	const struct batch_part *parts = (const struct batch_part *)batch->parts.at;
	size_t count = batch->parts.len / sizeof(*parts);
	for (size_t i = 0; i < count; i++) {
		size_t dead_at = batch->dead.len;
		uint32_t live = mark_dead(group, batch, &parts[i]);
		if (live == 0)
			continue;
		struct tail_part part = {
			.row_count = parts[i].row_count,
			.fingerprints = fingerprints_of(batch) + parts[i].row_first,
			.image = image_of(batch, &parts[i]),
		};
		if (live < parts[i].row_count)
			part.dead = (const uint8_t *)batch->dead.at + dead_at;
		put_part(group, &part, live, parts[i].raw_bytes);
	}
	const struct batch_payload *payloads = (const struct batch_payload *)batch->payloads.at;
	for (size_t i = 0; i < batch->payloads.len / sizeof(*payloads); i++)
		put_payload(group, payloads[i].key,
			(struct text){batch->payload_bytes.at + payloads[i].at, payloads[i].len});
	if (batch->conflicts.len > 0) {
		enum status status = put_conflicts(group, batch);
		if (status != STATUS_OK)
			fail(group, status);
	}
	count_batch(group, batch);
}

enum status group_end(struct group *group)
{
	end_chunk(group);
	proof_end(group->proof);
	group->txn = NULL;
	return group->failed;
}

typedef void row_visit(void *context, const struct batch *batch, uint32_t row);

/* Visits every row that was stored, as it stands or marked. */
static void visit_stored(const struct batch *batch, row_visit *visit, void *context)
{
	const struct batch_part *parts = (const struct batch_part *)batch->parts.at;
	const uint8_t *dead = (const uint8_t *)batch->dead.at;
	size_t dead_bytes = batch->dead.len;
	for (size_t i = 0; i < batch->parts.len / sizeof(*parts); i++) {
		size_t bytes = (parts[i].row_count + 7) / 8;
		if (bytes > dead_bytes)
			break;
		for (uint32_t row = 0; row < parts[i].row_count; row++) {
			if (!(dead[row / 8] >> row % 8 & 1))
				visit(context, batch, parts[i].row_first + row);
		}
		dead += bytes;
		dead_bytes -= bytes;
	}
	const uint32_t *conflicts = (const uint32_t *)batch->conflicts.at;
	for (size_t i = 0; i < batch->conflicts.len / sizeof(*conflicts); i++)
		visit(context, batch, conflicts[i]);
}

static void undo_row(void *context, const struct batch *batch, uint32_t row)
{
	struct dedup *dedup = context;
	uint64_t fingerprint = fingerprints_of(batch)[row];
	if (fingerprint)
		dedup_remove(dedup, fingerprint, dedup_proof_of_digest(rows_of(batch)[row].digest));
}

void group_undo(struct group *group, const struct batch *batch)
{
	visit_stored(batch, undo_row, group->dedup);
}

static void observe_row(void *context, const struct batch *batch, uint32_t row)
{
	(void)context;
	observation_add(&rows_of(batch)[row].observation, batch->now);
}

void group_observe(const struct batch *batch)
{
	visit_stored(batch, observe_row, NULL);
}
