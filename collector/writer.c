/*
 * The thread's loop: take what is queued; once a second look after the rest; commit; have the sealer begin where a block
 * is due.  Everything that must be durable together is in one transaction: tail chunks, payloads, the sealed block with
 * the deletion of its chunks, counters.
 */
#include "writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "group.h"
#include "json.h"
#include "log.h"
#include "outage.h"
#include "sealer.h"
#include "timestamp.h"
#include "upkeep.h"

enum {
	GROUP_BYTES_MAX = 16 * 1024 * 1024,       /* of batches in one commit */
	TAIL_BYTES_MAX = 8 * 1024 * 1024,         /* a block is due with more */
	FEW_EVENTS = 16,                          /* a commit with fewer waits for COMMIT_INTERVAL_MIN */
	HURRY_FROM_BLOCKS = 4,                    /* so much unsealed, and the sealer no longer takes its time */
	BACKLOG_EVENTS_MAX = 64 * BLOCK_ROWS_MAX, /* more unsealed events, and the writer waits for the sealer */
	OWN_TEXT_BYTES_MAX =
		2 * LEDGER_NOTES_BYTES_MAX + 4096, /* what waited, what came since, and a note on the lost */
	STATE_BYTES_MAX = 64 * 1024,
};

#define COMMIT_INTERVAL_MIN (2 * NS_PER_MS)
#define TICK_INTERVAL       NS_PER_S
#define RETRY_INTERVAL      (10 * NS_PER_S)
#define CLEAN_STATE         "clean"
#define OLDEST_STATE        "oldest" /* what retention has left, as far as the ledger tells */

struct writer {
	struct writer_options parts;
	pthread_t thread;
	pthread_mutex_t lock;
	struct writer_limits limits; /* under lock */
	struct writer_figures figures;
	/* all below: the writer's thread */
	struct group group;
	struct sealer *sealer;
	struct upkeep upkeep;
	struct conflicts conflicts;
	struct outage outage;
	struct ingest_worker *own_worker;
	struct buf own_text; /* ledger events that are not committed yet */
	struct buf state;
	uint64_t changes_stored;            /* of the counters */
	uint64_t oldest_put, oldest_stored; /* OLDEST_STATE: in the transaction, in the store */
	int64_t ticked_at, committed_at, seal_retry_at, roll_retry_at; /* elapsed */
	bool commit_was_shared;                                        /* by several batches */
	bool sealed_in_txn;
	bool own_in_commit;  /* own_text is in the batches of the commit at hand */
	bool marked_running; /* the store says that a process writes to it, and has not stopped */
	bool damaged;
	bool clean;
};

/* --- one commit --- */

static struct batch *batch_of(struct queue_item *item)
{
	return (struct batch *)item; /* the item is its first member */
}

static struct batch *next_of(const struct batch *batch)
{
	return batch_of(batch->item.next);
}

static enum reason reason_of(enum status status)
{
	return status == STATUS_NO_SPACE ? REASON_DISK_FULL : REASON_STORE_FAILED;
}

static void put_sealed(struct writer *writer, struct store_txn *txn)
{
	struct sealed sealed;
	struct error error;
	enum status status = sealer_get(writer->sealer, &sealed, &error);
	writer->sealed_in_txn = status == STATUS_OK;
	if (status == STATUS_OK) {
		store_put_block(txn, sealed.first_seq, sealed.count, sealed.image, sealed.summary);
	} else if (status != STATUS_NOT_FOUND) {
		writer->seal_retry_at = timestamp_elapsed() + RETRY_INTERVAL;
		log_line(LOG_LEVEL_ERROR, "sealing a block failed; its events stay in the tail", "reason", error.text,
			NULL);
	}
}

/* Whether the ledger's notes of what happened until now are in the transaction. */
static bool notes_are_in(const struct writer *writer, struct batch *batches)
{
	for (struct batch *batch = batches; batch; batch = next_of(batch))
		if (batch->source == SOURCE_LEDGER)
			return true;
	return writer->own_text.len == 0;
}

/* Segments go before the note of it is committed: with the note goes this, and a start tells what was not noted. */
static void put_oldest(struct writer *writer, struct store_txn *txn, struct batch *batches)
{
	char digits[24];
	uint64_t oldest = store_first_seq(writer->parts.store);
	writer->oldest_put = writer->oldest_stored;
	if (oldest == writer->oldest_stored || !notes_are_in(writer, batches))
		return;
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, oldest);
	store_put_state(txn, OLDEST_STATE, (struct text){digits, (size_t)len});
	writer->oldest_put = oldest;
}

static enum status fill_txn(struct writer *writer, struct store_txn *txn, struct batch *batches)
{
	struct group *group = &writer->group;
	group_begin(group, txn);
	for (struct batch *batch = batches; batch; batch = next_of(batch))
		group_add(group, batch);
	enum status status = group_end(group);
	if (status != STATUS_OK)
		return status;
	put_sealed(writer, txn);
	put_oldest(writer, txn, batches);
	buf_clear(&writer->state);
	counters_put(writer->parts.counters, group->counts, &writer->state);
	status = buf_status(&writer->state);
	if (status == STATUS_OK)
		store_put_state(txn, COUNTERS_STATE, buf_text(&writer->state));
	if (!writer->marked_running)
		store_put_state(txn, CLEAN_STATE, TEXT("0"));
	return status;
}

static enum status write_txn(struct writer *writer, struct batch *batches)
{
	struct store_txn *txn = NULL;
	uint64_t changes = atomic_load(&writer->parts.counters->changes);
	int64_t began = timestamp_elapsed();
	enum status status = store_begin(writer->parts.store, &txn);
	if (status != STATUS_OK)
		return status;
	status = fill_txn(writer, txn, batches);
	if (status == STATUS_OK)
		status = store_commit(&txn);
	else
		store_abort(&txn);
	metric_observe(writer->parts.commit_duration, timestamp_elapsed() - began);
	if (status == STATUS_OK) {
		writer->changes_stored = changes;
		writer->marked_running = true;
		writer->oldest_stored = writer->oldest_put;
	}
	return status;
}

static void add_conflicts(struct conflicts *to, const struct conflicts *from)
{
	for (uint64_t i = 0; i < from->count && i < GROUP_CONFLICTS_LISTED_MAX; i++) {
		if (to->count + i < GROUP_CONFLICTS_LISTED_MAX)
			to->seqs[to->count + i] = from->seqs[i];
	}
	to->count += from->count;
}

/* After a commit: the totals take over what the transaction has. */
static void settle(struct writer *writer, struct batch *batches)
{
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		if (writer->group.counts[source].received) {
			counters_add(writer->parts.counters, (enum source)source, &writer->group.counts[source]);
			writer->changes_stored++;
		}
	}
	for (struct batch *batch = batches; batch; batch = next_of(batch))
		group_observe(batch);
	add_conflicts(&writer->conflicts, &writer->group.conflicts);
	if (writer->sealed_in_txn)
		sealer_release(writer->sealer);
	struct store_tail_info tail;
	store_tail_info(writer->parts.store, &tail);
	atomic_store(&writer->figures.tail_events, tail.events);
}

/* After a failed commit: nothing of it is stored. */
static void undo(struct writer *writer, struct batch *batches, enum status status)
{
	metric_add(writer->parts.commit_failures, 1);
	for (struct batch *batch = batches; batch; batch = next_of(batch)) {
		group_undo(&writer->group, batch);
		if (batch->source == SOURCE_LEDGER)
			continue; /* its text is kept and tried again */
		struct counts counts = {.received = batch->received};
		for (size_t i = 0; i < REASON_COUNT; i++)
			counts.rejected[i] = batch->rejected[i];
		counts.dropped[reason_of(status)] = batch->received - batch->rejected_total;
		counters_add(writer->parts.counters, batch->source, &counts);
	}
}

static void answer(struct writer *writer, struct batch *batch, enum status status)
{
	struct ingest_result result = {
		.status = status,
		.reason = status == STATUS_OK ? REASON_NONE : reason_of(status),
		.accepted = status == STATUS_OK ? batch_row_count(batch) - batch->duplicates : 0,
		.duplicates = status == STATUS_OK ? batch->duplicates : 0,
		.rejected_total = batch->rejected_total,
		.reject_count = (uint32_t)(batch->rejects.len / sizeof(struct ingest_reject)),
		.rejects = (const struct ingest_reject *)batch->rejects.at,
	};
	budget_give(writer->parts.budget, batch->budget_bytes); /* first: who is answered may send the next body */
	if (batch->done)
		batch->done(batch->context, &result);
	batch_release(writer->parts.pool, batch);
}

/* The ledger's notes as a batch behind the others. */
static struct batch *append_own(struct writer *writer, struct batch *batches)
{
	if (writer->own_in_commit)
		return batches;
	/* In a long outage the rest waits in the ledger, which counts what it has no room for. */
	if (ledger_has_notes(writer->parts.ledger) && writer->own_text.len <= LEDGER_NOTES_BYTES_MAX)
		ledger_take(writer->parts.ledger, &writer->own_text);
	if (writer->own_text.len == 0)
		return batches;
	struct batch *own = ingest_make_own(writer->own_worker, buf_text(&writer->own_text));
	if (own == NULL)
		return batches;
	own->item.next = NULL;
	struct queue_item **end = NULL;
	struct queue_item *first = batches ? &batches->item : NULL;
	for (end = &first; *end; end = &(*end)->next)
		;
	*end = &own->item;
	writer->own_in_commit = true;
	return batch_of(first);
}

static void forget_findings(struct batch *batches)
{
	for (struct batch *batch = batches; batch; batch = next_of(batch)) {
		buf_clear(&batch->dead);
		buf_clear(&batch->conflicts);
		batch->duplicates = 0;
	}
}

/* The file is not what was acknowledged: going on would hide it. */
static void stop_for_damage(struct writer *writer)
{
	if (writer->damaged)
		return;
	writer->damaged = true;
	log_line(LOG_LEVEL_ERROR, "the store is damaged: stopping", NULL);
	(void)kill(getpid(), SIGTERM);
}

static void roll_if_due(struct writer *writer);

static enum status commit(struct writer *writer, struct batch *batches)
{
	bool is_inner = writer->own_in_commit; /* of a roll-over within a commit */
	batches = append_own(writer, batches);
	enum status status = write_txn(writer, batches);
	if (status == STATUS_LIMIT && batches) {
		/* The segment's map is full: the next segment takes them. */
		for (struct batch *batch = batches; batch; batch = next_of(batch))
			group_undo(&writer->group, batch);
		forget_findings(batches);
		roll_if_due(writer);
		status = write_txn(writer, batches);
	}
	if (status == STATUS_OK) {
		settle(writer, batches);
		if (writer->own_in_commit && !is_inner)
			buf_clear(&writer->own_text);
	} else {
		undo(writer, batches, status);
	}
	if (status == STATUS_DAMAGED)
		stop_for_damage(writer);
	writer->own_in_commit = is_inner;
	while (batches) {
		struct batch *next = next_of(batches);
		answer(writer, batches, status);
		batches = next;
	}
	return status;
}

/* --- a store that cannot write --- */

static struct writer_limits limits_of(struct writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	struct writer_limits limits = writer->limits;
	pthread_mutex_unlock(&writer->lock);
	return limits;
}

static bool is_in_outage(const struct writer *writer)
{
	return outage_reason(&writer->outage) != REASON_NONE;
}

static void begin_outage(struct writer *writer, enum reason reason)
{
	const struct writer_options *parts = &writer->parts;
	if (is_in_outage(writer))
		return;
	ingest_refuse(parts->ingest, reason == REASON_DISK_FULL ? STATUS_NO_SPACE : STATUS_IO, reason);
	outage_begin(&writer->outage, reason, parts->store, parts->counters, parts->ledger);
	/* If even this fails it is tried again when there is space. */
	(void)!commit(writer, NULL);
}

/* Each second of an outage: is it over? */
static void probe(struct writer *writer, uint64_t reserve)
{
	const struct writer_options *parts = &writer->parts;
	if (!outage_has_space_again(parts->store, reserve))
		return;
	/* What the ledger has to tell, such as the beginning, and the counters. */
	if (commit(writer, NULL) != STATUS_OK) {
		store_ballast_release(parts->store);
		return;
	}
	ingest_refuse(parts->ingest, STATUS_OK, REASON_NONE);
	/* Last: who asks whether the writer is ready may submit at once. */
	outage_end(&writer->outage, parts->counters, parts->ledger);
}

static void check_space(struct writer *writer, const struct writer_limits *limits)
{
	uint64_t reserve = outage_reserve(writer->parts.store_dir, limits->free_bytes_min);
	uint64_t free_bytes = 0;
	if (is_in_outage(writer)) {
		probe(writer, reserve);
	} else if (store_space(writer->parts.store, &free_bytes) == STATUS_OK) {
		atomic_store(&writer->figures.free_bytes, free_bytes);
		if (free_bytes < reserve)
			begin_outage(writer, REASON_DISK_FULL);
	}
}

static void commit_or_begin_outage(struct writer *writer, struct batch *batches)
{
	enum status status = commit(writer, batches);
	if (status != STATUS_OK)
		begin_outage(writer, reason_of(status));
}

/* --- sealing and rolling over --- */

static bool is_behind(const struct store_tail_info *tail)
{
	return tail->events >= HURRY_FROM_BLOCKS * BLOCK_ROWS_MAX || tail->bytes >= HURRY_FROM_BLOCKS * TAIL_BYTES_MAX;
}

static void begin_seal_if_due(struct writer *writer, int64_t block_age_max)
{
	struct store_tail_info tail;
	store_tail_info(writer->parts.store, &tail);
	bool is_due = tail.events >= BLOCK_ROWS_MAX || tail.bytes >= TAIL_BYTES_MAX ||
		      (tail.events > 0 && timestamp_now() - tail.oldest_recv_time >= block_age_max);
	if (!is_due || is_in_outage(writer) || timestamp_elapsed() < writer->seal_retry_at)
		return;
	sealer_begin(writer->sealer, tail.first_seq);
	if (is_behind(&tail))
		sealer_hurry(writer->sealer);
	if (tail.events > BACKLOG_EVENTS_MAX)
		sealer_wait(writer->sealer);
}

/* Seals all of the tail, and commits it; soon, as somebody waits for the writer meanwhile. */
static enum status seal_all(struct writer *writer)
{
	struct store_tail_info tail;
	for (;;) {
		sealer_hurry(writer->sealer);
		sealer_wait(writer->sealer);
		if (sealer_is_busy(writer->sealer)) {
			enum status status = commit(writer, NULL);
			if (status != STATUS_OK)
				return status;
			if (!writer->sealed_in_txn)
				return STATUS_DAMAGED; /* told by put_sealed */
		}
		store_tail_info(writer->parts.store, &tail);
		if (tail.events == 0)
			return STATUS_OK;
		sealer_begin(writer->sealer, tail.first_seq);
	}
}

static void roll_if_due(struct writer *writer)
{
	struct store *store = writer->parts.store;
	int64_t recv_time = timestamp_now();
	if (recv_time < store_last_recv_time(store))
		recv_time = store_last_recv_time(store);
	if (!store_roll_due(store, recv_time) || timestamp_elapsed() < writer->roll_retry_at)
		return;
	struct error error = {.text = "the tail could not be sealed"};
	enum status status = seal_all(writer);
	if (status == STATUS_OK)
		status = store_roll(store, &error);
	if (status == STATUS_OK)
		return;
	writer->roll_retry_at = timestamp_elapsed() + RETRY_INTERVAL;
	log_line(LOG_LEVEL_ERROR, "beginning a new segment failed; the old one is used on", "reason", error.text, NULL);
}

/* --- the thread --- */

static void tick(struct writer *writer, const struct writer_limits *limits)
{
	upkeep_check_clock(&writer->upkeep, writer->parts.ledger);
	upkeep_note_losses(&writer->upkeep, writer->parts.counters, writer->parts.ledger, false);
	upkeep_note_conflicts(&writer->conflicts, writer->parts.ledger);
	upkeep_prune(&writer->upkeep, writer->parts.store, limits, writer->parts.ledger);
	upkeep_look_at_store(&writer->upkeep, writer->parts.store, &writer->figures);
	dedup_expire(writer->parts.dedup, timestamp_now());
	meter_expire(writer->parts.meter);
	check_space(writer, limits);
}

static bool has_notes(const struct writer *writer)
{
	return ledger_has_notes(writer->parts.ledger) || writer->own_text.len > 0;
}

/* Whether there is anything to commit beside batches. */
static bool has_changes(const struct writer *writer)
{
	return has_notes(writer) || sealer_is_done(writer->sealer);
}

/*
 * Where several wait for each commit, and bring little, commits follow each other no faster than each 2 ms: one flushes
 * the disk twice, however little is in it.  Who waits alone, as an emitter does that sends one event after the other,
 * waits for nothing else.
 */
static void gather(struct writer *writer)
{
	int64_t left = writer->committed_at + COMMIT_INTERVAL_MIN - timestamp_elapsed();
	if (writer->commit_was_shared && left > 0)
		queue_gather(writer->parts.queue, FEW_EVENTS, left);
}

static void run_once(struct writer *writer)
{
	gather(writer);
	struct writer_limits limits = limits_of(writer);
	int64_t wait = writer->ticked_at + TICK_INTERVAL - timestamp_elapsed();
	struct batch *batches = batch_of(queue_take(writer->parts.queue, GROUP_BYTES_MAX, wait));
	bool is_tick = timestamp_elapsed() - writer->ticked_at >= TICK_INTERVAL;
	if (is_tick) {
		writer->ticked_at = timestamp_elapsed();
		tick(writer, &limits);
	}
	bool counted = is_tick && atomic_load(&writer->parts.counters->changes) != writer->changes_stored;
	if (batches || (!is_in_outage(writer) && (counted || has_changes(writer)))) {
		roll_if_due(writer);
		writer->committed_at = timestamp_elapsed();
		writer->commit_was_shared = batches && batches->item.next;
		commit_or_begin_outage(writer, batches);
	}
	begin_seal_if_due(writer, limits.block_age_ns_max);
}

static enum status put_clean(struct writer *writer)
{
	struct store_txn *txn = NULL;
	enum status status = store_begin(writer->parts.store, &txn);
	if (status != STATUS_OK)
		return status;
	store_put_state(txn, CLEAN_STATE, TEXT("1"));
	return store_commit(&txn);
}

/* Segments that the last process removed, and was ended before that was on record. */
static void note_untold_prune(struct writer *writer)
{
	int64_t told;
	buf_clear(&writer->state);
	if (store_get_state(writer->parts.store, OLDEST_STATE, &writer->state) != STATUS_OK ||
		json_integer(buf_text(&writer->state), &told) != STATUS_OK)
		return;
	writer->oldest_stored = (uint64_t)told;
	uint64_t oldest = store_first_seq(writer->parts.store);
	if (oldest <= writer->oldest_stored)
		return;
	char detail[200];
	int len = snprintf(detail, sizeof(detail),
		"{\"events\":%" PRIu64 ",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 ",\"found\":\"at start\"}",
		oldest - writer->oldest_stored, writer->oldest_stored, oldest - 1);
	ledger_note(writer->parts.ledger, "prune", (struct text){detail, (size_t)len});
}

/* What was, when this process began: after anything but a clean stop, events may be missing since then. */
static void note_start(struct writer *writer)
{
	buf_clear(&writer->state);
	enum status status = store_get_state(writer->parts.store, CLEAN_STATE, &writer->state);
	int64_t last = store_last_recv_time(writer->parts.store);
	bool is_first = status == STATUS_NOT_FOUND;
	bool was_clean = status == STATUS_OK && text_equal(buf_text(&writer->state), TEXT("1"));
	char detail[200];
	int len = snprintf(detail, sizeof(detail),
		"{\"pid\":%d,\"previous_stop\":\"%s\",\"last_recv_time\":%" PRId64 "}", (int)getpid(),
		is_first    ? "none"
		: was_clean ? "clean"
			    : "not clean",
		last);
	ledger_note(writer->parts.ledger, "start", (struct text){detail, (size_t)len});
	if (!is_first && !was_clean) {
		len = snprintf(detail, sizeof(detail), "{\"from\":%" PRId64 ",\"until\":%" PRId64 ",\"reason\":\"%s\"}",
			last, timestamp_now(), "the collector did not stop cleanly");
		ledger_note(writer->parts.ledger, "gap", (struct text){detail, (size_t)len});
	}
	note_untold_prune(writer);
}

static void finish(struct writer *writer)
{
	upkeep_note_losses(&writer->upkeep, writer->parts.counters, writer->parts.ledger, true);
	upkeep_note_conflicts(&writer->conflicts, writer->parts.ledger);
	ledger_note(writer->parts.ledger, "stop", TEXT("{}"));
	/* Twice at most: what an outage kept back, and what waited behind it. */
	enum status status = commit(writer, NULL);
	if (status == STATUS_OK && has_notes(writer))
		status = commit(writer, NULL);
	if (status == STATUS_OK && has_notes(writer))
		status = STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = seal_all(writer);
	if (status == STATUS_OK)
		status = put_clean(writer);
	writer->clean = status == STATUS_OK;
}

static void *writer_main(void *context)
{
	struct writer *writer = context;
	(void)pthread_setname_np(pthread_self(), "writer");
	note_start(writer);
	roll_if_due(writer);
	commit_or_begin_outage(writer, NULL); /* before any event: who reads tells by it what came before a stop */
	while (!queue_is_done(writer->parts.queue))
		run_once(writer);
	finish(writer);
	return NULL;
}

static void wake(void *context)
{
	struct writer *writer = context;
	queue_wake(writer->parts.queue);
}

static void destroy(struct writer *writer)
{
	sealer_destroy(&writer->sealer);
	group_finish(&writer->group);
	ingest_worker_destroy(&writer->own_worker);
	buf_finish(&writer->own_text);
	buf_finish(&writer->state);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

enum status writer_start(
	struct writer **writer, const struct writer_options *options, const struct writer_limits *limits)
{
	struct writer *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->parts = *options;
	made->limits = *limits;
	pthread_mutex_init(&made->lock, NULL);
	buf_init(&made->own_text, OWN_TEXT_BYTES_MAX);
	buf_init(&made->state, STATE_BYTES_MAX);
	upkeep_init(&made->upkeep, store_last_recv_time(options->store));
	enum status status = group_init(&made->group, options->store, options->identity, options->dedup);
	if (status == STATUS_OK)
		status = ingest_worker_create(&made->own_worker, options->ingest);
	if (status == STATUS_OK)
		status = sealer_create(&made->sealer, options->store, wake, made);
	if (status == STATUS_OK && pthread_create(&made->thread, NULL, writer_main, made) != 0)
		status = STATUS_NO_MEMORY;
	if (status != STATUS_OK)
		destroy(made);
	else
		*writer = made;
	return status;
}

void writer_stop(struct writer **writer, bool *clean)
{
	struct writer *old = *writer;
	if (old == NULL)
		return;
	queue_close(old->parts.queue);
	pthread_join(old->thread, NULL);
	*clean = old->clean;
	destroy(old);
	*writer = NULL;
}

struct writer_limits writer_limits_of(const struct conf *conf)
{
	return (struct writer_limits){
		.block_age_ns_max = conf->store_block_age_max,
		.free_bytes_min = conf->store_free_bytes_min,
		.retention_age_ns = conf->store_retention_age,
		.retention_bytes = conf->store_retention_bytes,
	};
}

void writer_set_limits(struct writer *writer, const struct writer_limits *limits)
{
	pthread_mutex_lock(&writer->lock);
	writer->limits = *limits;
	pthread_mutex_unlock(&writer->lock);
}

bool writer_is_ready(struct writer *writer, char reason[200])
{
	enum reason outage = outage_reason(&writer->outage);
	if (outage == REASON_NONE)
		return true;
	(void)snprintf(reason, 200, "events are refused: %s", reason_meaning(outage));
	return false;
}

const struct writer_figures *writer_get_figures(const struct writer *writer)
{
	return &writer->figures;
}
