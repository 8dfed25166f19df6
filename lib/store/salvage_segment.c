/*
 * Units are taken in the order of seq.  Where several hold an event: a block before a tail chunk, what is in a tree before
 * what was only found, and of the latter what was received last, since the other one was never committed.
 *
 * A block is taken as it is if each of its events can be made, payloads included; of any other unit the events that can
 * be made go into rows, and these into new blocks, as the sealer makes them.  What no unit has is lost, and told.
 */
#include "salvage_segment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"

enum { SUMMARY_BYTES_MAX = 16 << 20, STEP_BYTES = 64 << 20, PAYLOAD_BYTES_AT_ONCE = 64 << 20, SEALING_COMMITS = 2 };
#define MAP_BYTES (UINT64_C(1) << 38)

struct rebuild {
	struct salvage_job *job;
	struct salvage_found *found;
	struct env *env;
	struct env_txn *write;
	struct segment_head head;
	uint64_t step;              /* bytes since the last commit */
	size_t from[ENV_BLOCK + 1]; /* of tail chunks and blocks: the first value that may be taken yet */
	uint64_t fetched;           /* bytes of large payloads that the block in hand has in memory */
	struct rows *rows;
	uint64_t rows_first; /* seq of their first one */
	struct buf unit, payload, image, summary;
	struct event event;
};

static void tell_lost(struct rebuild *rebuild, uint64_t first, uint64_t last, const char *what)
{
	char name[SEGMENT_NAME_BYTES];
	const struct store_salvage_visitor *visitor = rebuild->job->visitor;
	segment_name(rebuild->job->first_seq, name);
	const struct store_fault fault = {name, 0, first, last, what};
	if (first) {
		rebuild->job->result->lost_events += last - first + 1;
		rebuild->head.salvaged = true;
	}
	visitor->lost(visitor->context, &fault);
}

/* --- writing --- */

static enum status commit_step(struct rebuild *rebuild)
{
	if (rebuild->step < STEP_BYTES)
		return env_txn_status(rebuild->write);
	rebuild->step = 0;
	enum status status = env_commit(&rebuild->write);
	return status == STATUS_OK ? env_begin(rebuild->env, true, &rebuild->write) : status;
}

static enum status put_block(struct rebuild *rebuild, struct segment_unit unit, struct text image, struct text summary)
{
	struct segment_head *head = &rebuild->head;
	segment_put_unit(rebuild->write, ENV_BLOCK, unit, 0, image);
	if (summary.at)
		segment_put_unit(rebuild->write, ENV_SUMMARY, unit, 0, summary);
	head->blocks++;
	head->block_bytes += image.len;
	head->summary_bytes += summary.len;
	rebuild->step += image.len + summary.len;
	rebuild->job->result->events += unit.count;
	return commit_step(rebuild);
}

static enum status put_payload(struct rebuild *rebuild, const uint8_t key[32], struct text stored)
{
	if (segment_has_payload(rebuild->write, key))
		return STATUS_OK;
	segment_put_payload(rebuild->write, key, stored);
	rebuild->head.payloads++;
	rebuild->head.payload_bytes += stored.len;
	rebuild->job->result->payloads++;
	rebuild->step += stored.len;
	return env_txn_status(rebuild->write);
}

static enum status encode_rows(struct rebuild *rebuild)
{
	buf_clear(&rebuild->image);
	buf_clear(&rebuild->summary);
	return block_encode(rebuild->rows, BLOCK_SEALED, rebuild->rows_first, rebuild->job->identity.filter_key,
		&rebuild->image, &rebuild->summary);
}

/* A block of the rows that were collected. */
static enum status flush(struct rebuild *rebuild)
{
	struct segment_unit unit = {rebuild->rows_first, rows_count(rebuild->rows)};
	if (unit.count == 0)
		return STATUS_OK;
	enum status status = encode_rows(rebuild);
	if (status == STATUS_OK)
		status = put_block(rebuild, unit, buf_text(&rebuild->image), buf_text(&rebuild->summary));
	rebuild->job->result->rebuilt_blocks++;
	rows_clear(rebuild->rows);
	return status;
}

static enum status append(struct rebuild *rebuild, uint64_t seq)
{
	if (seq != rebuild->rows_first + rows_count(rebuild->rows)) {
		enum status status = flush(rebuild);
		if (status != STATUS_OK)
			return status;
	}
	if (rows_count(rebuild->rows) == 0)
		rebuild->rows_first = seq;
	enum status status = rows_append(rebuild->rows, &rebuild->event);
	if (status != STATUS_LIMIT || rows_count(rebuild->rows) == 0)
		return status;
	status = flush(rebuild);
	rebuild->rows_first = seq;
	return status == STATUS_OK ? rows_append(rebuild->rows, &rebuild->event) : status;
}

/* --- events --- */

/* What an event asks for goes into the new segment: nothing else is worth keeping. */
static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	struct rebuild *rebuild = context;
	enum status status = salvage_load_payload(rebuild->found, key, &rebuild->payload);
	if (status == STATUS_OK)
		status = payload_unpack(buf_text(&rebuild->payload), arena, payload);
	if (status == STATUS_NOT_FOUND || status == STATUS_DAMAGED)
		return STATUS_DAMAGED;
	if (status == STATUS_OK) {
		rebuild->fetched += payload->len;
		status = put_payload(rebuild, key, buf_text(&rebuild->payload));
	}
	return status;
}

/* A block of rows: a whole one, or a part of a tail chunk. */
struct source {
	struct text image;            /* whole */
	const struct tail_part *part; /* or this */
};

static enum status open_source(struct rebuild *rebuild, const struct source *source, struct block **block)
{
	enum status status =
		source->part ? block_open_part(source->part, block, NULL) : block_open(source->image, block, NULL);
	if (status == STATUS_OK)
		block_set_payload_source(*block, (struct payload_source){get_payload, rebuild});
	rebuild->fetched = 0;
	return status;
}

static int64_t recv_time_of(const struct event *event)
{
	return event_has(event, FIELD_RECV_TIME) ? event->value[FIELD_RECV_TIME].number : 0;
}

static void note_recv_time(struct rebuild *rebuild)
{
	struct segment_head *head = &rebuild->head;
	int64_t time = recv_time_of(&rebuild->event);
	if (head->oldest_recv_time == 0)
		head->oldest_recv_time = time;
	if (time > head->last_recv_time)
		head->last_recv_time = time;
}

/*
 * Makes each event from a row on.  keep: into rows, without those that cannot be made; else only counts how many can.
 * Payloads that were fetched stay in memory as long as a block is open, so it is opened anew now and then.
 */
static enum status visit_events(struct rebuild *rebuild, const struct source *source, bool keep, uint32_t *whole)
{
	struct block *block = NULL;
	enum status status = open_source(rebuild, source, &block);
	uint32_t count = status == STATUS_OK ? block_count(block) : 0;
	uint64_t first_seq = status == STATUS_OK ? block_first_seq(block) : 0;
	for (uint32_t row = 0; row < count && status == STATUS_OK; row++) {
		if (rebuild->fetched > PAYLOAD_BYTES_AT_ONCE) {
			block_close(&block);
			status = open_source(rebuild, source, &block);
			if (status != STATUS_OK)
				break;
		}
		status = block_event(block, row, &rebuild->event);
		if (status == STATUS_OK) {
			*whole += 1;
			note_recv_time(rebuild);
			status = keep ? append(rebuild, first_seq + row) : STATUS_OK;
		} else if (status == STATUS_DAMAGED) {
			status = STATUS_OK;
			if (keep)
				tell_lost(rebuild, first_seq + row, first_seq + row,
					"this event cannot be made: it, or a large payload of it, is damaged");
		}
	}
	block_close(&block);
	return status;
}

/* --- units --- */

static const struct salvage_value *find_summary(const struct rebuild *rebuild, struct segment_unit unit)
{
	const struct salvage_found *found = rebuild->found;
	size_t low = 0;
	size_t high = found->value_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct salvage_value *value = &found->values[middle];
		if (value->db < ENV_SUMMARY || (value->db == ENV_SUMMARY && value->unit.first_seq < unit.first_seq))
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < found->value_count; low++) {
		const struct salvage_value *value = &found->values[low];
		if (value->db != ENV_SUMMARY || value->unit.first_seq != unit.first_seq)
			break;
		if (value->unit.count == unit.count)
			return value;
	}
	return NULL;
}

/* The block's summary, as it was. */
static enum status load_summary(struct rebuild *rebuild, struct segment_unit unit)
{
	struct summary *summary = NULL;
	const struct salvage_value *value = rebuild->job->key_is_new ? NULL : find_summary(rebuild, unit);
	enum status status = value ? salvage_load(rebuild->found, value, &rebuild->summary) : STATUS_DAMAGED;
	if (status == STATUS_OK)
		status = summary_open(buf_text(&rebuild->summary), &summary);
	if (status == STATUS_OK &&
		(summary_first_seq(summary) != unit.first_seq || summary_count(summary) != unit.count))
		status = STATUS_DAMAGED;
	summary_close(&summary);
	return status;
}

static enum status make_summary(struct rebuild *rebuild, const struct source *source, struct segment_unit unit)
{
	uint32_t whole = 0;
	uint64_t blocks = rebuild->head.blocks;
	enum status status = visit_events(rebuild, source, true, &whole);
	/* Rows that did not fit, and went into a block already: it takes the place of this one. */
	if (status == STATUS_OK && (rebuild->head.blocks != blocks || rows_count(rebuild->rows) != unit.count))
		return STATUS_LIMIT;
	if (status == STATUS_OK)
		status = encode_rows(rebuild);
	if (status == STATUS_OK)
		rows_clear(rebuild->rows);
	rebuild->job->result->rebuilt_summaries += status == STATUS_OK;
	return status;
}

/* STATUS_DAMAGED: it is none, or not of this unit; nothing was taken of it. */
static enum status take_block(struct rebuild *rebuild, const struct salvage_value *value)
{
	struct block *block = NULL;
	struct source source = {.image = buf_text(&rebuild->unit)};
	struct segment_unit unit = value->unit;
	uint32_t whole = 0;
	enum status status = open_source(rebuild, &source, &block);
	if (status == STATUS_OK && (block_first_seq(block) != unit.first_seq || block_count(block) != unit.count))
		status = STATUS_DAMAGED;
	block_close(&block);
	if (status == STATUS_OK)
		status = flush(rebuild);
	if (status == STATUS_OK)
		status = visit_events(rebuild, &source, false, &whole);
	if (status == STATUS_OK && whole == 0)
		status = STATUS_DAMAGED;
	if (status == STATUS_OK && whole < unit.count)
		return visit_events(rebuild, &source, true, &whole);
	if (status == STATUS_OK)
		status = load_summary(rebuild, unit);
	if (status == STATUS_DAMAGED && whole == unit.count) {
		status = make_summary(rebuild, &source, unit);
		if (status == STATUS_LIMIT)
			return STATUS_OK;
	}
	if (status != STATUS_OK)
		return status;
	rebuild->job->result->blocks++;
	return put_block(rebuild, unit, source.image, buf_text(&rebuild->summary));
}

/* Whether a chunk is whole and holds the events that its key says. */
static enum status check_chunk(struct segment_unit unit, struct text chunk)
{
	struct tail_part part;
	uint64_t seq = unit.first_seq;
	size_t at = 0;
	enum status status = tail_next(chunk, &at, &part);
	for (; status == STATUS_OK; status = tail_next(chunk, &at, &part)) {
		struct block *block = NULL;
		status = block_open_part(&part, &block, NULL);
		if (status == STATUS_OK && block_first_seq(block) != seq)
			status = STATUS_DAMAGED;
		if (status == STATUS_OK)
			seq += block_count(block);
		block_close(&block);
		if (status != STATUS_OK)
			return status;
	}
	return status == STATUS_NOT_FOUND && seq == unit.first_seq + unit.count ? STATUS_OK : STATUS_DAMAGED;
}

static enum status take_chunk(struct rebuild *rebuild, const struct salvage_value *value)
{
	struct tail_part part;
	struct text chunk = buf_text(&rebuild->unit);
	size_t at = 0;
	enum status status = check_chunk(value->unit, chunk);
	while (status == STATUS_OK && (status = tail_next(chunk, &at, &part)) == STATUS_OK) {
		const struct source source = {.part = &part};
		uint32_t whole = 0;
		status = visit_events(rebuild, &source, true, &whole);
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* STATUS_DAMAGED: nothing was taken. */
static enum status take(struct rebuild *rebuild, const struct salvage_value *value)
{
	enum status status = salvage_load(rebuild->found, value, &rebuild->unit);
	if (status == STATUS_OK)
		status = value->db == ENV_BLOCK ? take_block(rebuild, value) : take_chunk(rebuild, value);
	return status;
}

/* --- the walk --- */

static bool is_better(const struct salvage_value *one, const struct salvage_value *other)
{
	if (other == NULL || one->unit.first_seq != other->unit.first_seq)
		return other == NULL || one->unit.first_seq < other->unit.first_seq;
	if (one->by_tree != other->by_tree)
		return one->by_tree;
	if (one->db != other->db)
		return one->db == ENV_BLOCK;
	return one->recv_time > other->recv_time;
}

/* The next value of one database at or behind seq, that ends before `end`; is_sure: in a tree.  Its values ascend. */
static struct salvage_value *next_of(struct rebuild *rebuild, enum env_db db, uint64_t seq, uint64_t end, bool is_sure)
{
	struct salvage_found *found = rebuild->found;
	struct salvage_value *best = NULL;
	while (rebuild->from[db] < found->value_count &&
		(found->values[rebuild->from[db]].db < db ||
			(found->values[rebuild->from[db]].db == db &&
				found->values[rebuild->from[db]].unit.first_seq < seq)))
		rebuild->from[db]++;
	for (size_t i = rebuild->from[db]; i < found->value_count && found->values[i].db == db; i++) {
		struct salvage_value *value = &found->values[i];
		if (value->unit.first_seq >= end || (best && value->unit.first_seq > best->unit.first_seq))
			break;
		bool fits = !value->is_useless && value->unit.count <= end - value->unit.first_seq;
		if (fits && value->by_tree == is_sure && is_better(value, best))
			best = value;
	}
	return best;
}

static struct salvage_value *next_of_both(struct rebuild *rebuild, uint64_t seq, uint64_t end, bool is_sure)
{
	struct salvage_value *block = next_of(rebuild, ENV_BLOCK, seq, end, is_sure);
	struct salvage_value *chunk = next_of(rebuild, ENV_TAIL, seq, end, is_sure);
	return chunk && is_better(chunk, block) ? chunk : block;
}

/* The next unit at or behind seq.  What is in no tree gives way to what is: it must not reach into it. */
static struct salvage_value *next_unit(struct rebuild *rebuild, uint64_t seq, uint64_t end)
{
	struct salvage_value *sure = next_of_both(rebuild, seq, end, true);
	struct salvage_value *other = next_of_both(rebuild, seq, sure ? sure->unit.first_seq : end, false);
	return other ? other : sure;
}

static enum status take_units(struct rebuild *rebuild, uint64_t end, uint64_t *next)
{
	enum status status = STATUS_OK;
	uint64_t seq = rebuild->job->first_seq;
	struct salvage_value *value = NULL;
	while (status == STATUS_OK && (value = next_unit(rebuild, seq, end)) != NULL) {
		status = take(rebuild, value);
		value->is_useless = true;
		if (status == STATUS_DAMAGED) {
			status = STATUS_OK;
			continue;
		}
		if (value->unit.first_seq > seq)
			tell_lost(rebuild, seq, value->unit.first_seq - 1, "no whole copy of these events was found");
		seq = value->unit.first_seq + value->unit.count;
	}
	*next = seq;
	return status == STATUS_OK ? flush(rebuild) : status;
}

/* Up to which seq there may be events; the last one but this may be a guess. */
static uint64_t find_end(const struct rebuild *rebuild)
{
	const struct salvage_found *found = rebuild->found;
	if (found->has_head && found->is_newest)
		return found->head.next_seq;
	return rebuild->job->end ? rebuild->job->end : UINT64_MAX;
}

/* Which events there were, of a segment that does not say so for sure. */
static void end_head(struct rebuild *rebuild, uint64_t end, uint64_t next)
{
	struct segment_head *head = &rebuild->head;
	const struct salvage_found *found = rebuild->found;
	head->next_seq = end;
	if (end == UINT64_MAX) {
		head->next_seq = found->has_head && found->head.next_seq > next ? found->head.next_seq : next;
		if (head->next_seq > next)
			tell_lost(rebuild, next, head->next_seq - 1, "no whole copy of these events was found");
		head->next_seq++;
		head->salvaged = true;
		rebuild->job->result->end_is_unknown = true;
		tell_lost(rebuild, 0, 0, "what the newest commit held is not known: events behind these may be lost");
	} else if (next < end) {
		tell_lost(rebuild, next, end - 1, "no whole copy of these events was found");
	}
	head->tail_first_seq = head->next_seq;
	rebuild->job->result->next_seq = head->next_seq;
	if (head->last_recv_time < rebuild->job->recv_time)
		head->last_recv_time = rebuild->job->recv_time;
	rebuild->job->recv_time = head->last_recv_time;
}

static void put_states(struct rebuild *rebuild)
{
	const struct salvage_found *found = rebuild->found;
	for (size_t i = 0; i < found->state_count; i++) {
		const struct salvage_state *state = &found->states[i];
		segment_put_state(rebuild->write, state->name, buf_text(&state->bytes));
	}
	/* Older segments' states are not asked for. */
	if (rebuild->job->end == 0 && (found->was_scanned || found->state_count == 0))
		tell_lost(rebuild, 0, 0,
			found->state_count
				? "the collector's counters are the newest that were found: they may be older"
				: "the collector's counters were not found: it will count anew");
}

static enum status fill(struct rebuild *rebuild)
{
	uint64_t end = find_end(rebuild);
	uint64_t next = 0;
	enum status status = env_begin(rebuild->env, true, &rebuild->write);
	if (status == STATUS_OK)
		status = take_units(rebuild, end, &next);
	if (status != STATUS_OK)
		return status;
	end_head(rebuild, end, next);
	put_states(rebuild);
	segment_put_identity(rebuild->write, &rebuild->job->identity);
	/* Twice, so that both meta pages lead to all of it.  The newest one is not sealed: the collector goes on in it. */
	for (int commit = 0; commit < SEALING_COMMITS && status == STATUS_OK; commit++) {
		if (commit > 0)
			status = env_begin(rebuild->env, true, &rebuild->write);
		if (status == STATUS_OK) {
			segment_put_head(rebuild->write, &rebuild->head);
			status = env_commit(&rebuild->write);
		}
	}
	return status == STATUS_OK ? env_sync_file(rebuild->env) : status;
}

static enum status make(struct rebuild *rebuild, const char *temporary, const char *path)
{
	struct salvage_job *job = rebuild->job;
	enum status status = env_open(&rebuild->env, temporary, ENV_CREATE, MAP_BYTES, job->error);
	if (status == STATUS_OK)
		status = fill(rebuild);
	env_abort(&rebuild->write);
	env_close(&rebuild->env);
	if (status == STATUS_OK && rename(temporary, path) != 0)
		status = STATUS_IO;
	if (status == STATUS_OK)
		status = files_sync_directory(job->to);
	if (status != STATUS_OK)
		(void)unlink(temporary);
	return status;
}

enum status salvage_segment(struct salvage_job *job, struct salvage_found *found)
{
	char name[SEGMENT_NAME_BYTES];
	char temporary_name[SEGMENT_NAME_BYTES];
	char path[PATH_MAX];
	char temporary[PATH_MAX];
	struct rebuild *rebuild = calloc(1, sizeof(*rebuild));
	segment_name(job->first_seq, name);
	(void)snprintf(temporary_name, sizeof(temporary_name), "seg-%020" PRIu64 ".tmp", job->first_seq);
	enum status status = rebuild ? files_path(job->to, name, path) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = files_path(job->to, temporary_name, temporary);
	if (status != STATUS_OK) {
		free(rebuild);
		return status;
	}
	rebuild->job = job;
	rebuild->found = found;
	rebuild->head = (struct segment_head){.sealed = job->end > 0, .first_seq = job->first_seq};
	buf_init(&rebuild->unit, SEGMENT_VALUE_BYTES_MAX + (size_t)SEGMENT_PART_HEADER_BYTES);
	buf_init(&rebuild->payload, SEGMENT_VALUE_BYTES_MAX + (size_t)SEGMENT_PART_HEADER_BYTES);
	buf_init(&rebuild->image, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&rebuild->summary, SUMMARY_BYTES_MAX);
	status = rows_create(&rebuild->rows);
	if (status == STATUS_OK)
		status = make(rebuild, temporary, path);
	rows_destroy(&rebuild->rows);
	buf_finish(&rebuild->unit);
	buf_finish(&rebuild->payload);
	buf_finish(&rebuild->image);
	buf_finish(&rebuild->summary);
	free(rebuild);
	return status;
}
