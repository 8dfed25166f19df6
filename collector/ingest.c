/*
 * The source's side of the funnel.  A worker decodes each event into its decoder's memory, appends it to rows, and
 * notes per row what the writer must know; whenever the rows make a tail part, they are encoded.  What is handed over is
 * images, not events: the writer never parses.
 */
#include "funnel.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "crypto.h"
#include "json_split.h"
#include "timestamp.h"

enum { TENANT_BYTES_MAX = 128, DIGEST_SCRATCH_BYTES_MAX = 8 * 1024 * 1024 };

/* What a reload may change; workers copy it when its version has risen. */
struct limits {
	size_t event_bytes_max, payload_bytes_max;
	unsigned depth_max;
	char tenant[TENANT_BYTES_MAX + 1];
};

struct ingest {
	struct ingest_options parts;
	pthread_mutex_t lock;
	struct limits limits; /* under lock */
	_Atomic unsigned limits_version;
	_Atomic unsigned refusal; /* status << 8 | reason; 0: events are taken */
};

struct ingest_worker {
	struct ingest *ingest;
	struct event_decoder *decoder;
	struct rows *rows;
	struct meter_worker *meter;
	struct buf digest_scratch;
	struct limits limits;
	unsigned limits_version;
	struct event event;
};

static const char *const source_names[SOURCE_COUNT] = {
#define SOURCE(name, text) [SOURCE_##name] = (text),
#include "tbl/sources.h"
#undef SOURCE
};

const char *source_name(enum source source)
{
	assert((unsigned)source < SOURCE_COUNT);
	return source_names[source];
}

enum status ingest_check_limits(const struct conf *conf)
{
	return strlen(conf->ingest_default_tenant) > TENANT_BYTES_MAX ? STATUS_INVALID : STATUS_OK;
}

enum status ingest_set_limits(struct ingest *ingest, const struct conf *conf)
{
	enum status status = ingest_check_limits(conf);
	if (status != STATUS_OK)
		return status;
	pthread_mutex_lock(&ingest->lock);
	ingest->limits.event_bytes_max = conf->ingest_event_bytes_max;
	ingest->limits.payload_bytes_max = conf->ingest_payload_bytes_max;
	ingest->limits.depth_max = (unsigned)conf->ingest_depth_max;
	memcpy(ingest->limits.tenant, conf->ingest_default_tenant, strlen(conf->ingest_default_tenant) + 1);
	atomic_fetch_add(&ingest->limits_version, 1);
	pthread_mutex_unlock(&ingest->lock);
	return STATUS_OK;
}

static void refresh_limits(struct ingest_worker *worker)
{
	struct ingest *ingest = worker->ingest;
	if (worker->limits_version == atomic_load(&ingest->limits_version))
		return;
	pthread_mutex_lock(&ingest->lock);
	worker->limits = ingest->limits;
	worker->limits_version = atomic_load(&ingest->limits_version);
	pthread_mutex_unlock(&ingest->lock);
}

enum status ingest_create(struct ingest **ingest, const struct ingest_options *options, const struct conf *conf)
{
	struct ingest *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->parts = *options;
	pthread_mutex_init(&made->lock, NULL);
	enum status status = ingest_set_limits(made, conf);
	if (status != STATUS_OK)
		ingest_destroy(&made);
	else
		*ingest = made;
	return status;
}

void ingest_destroy(struct ingest **ingest)
{
	if (*ingest == NULL)
		return;
	pthread_mutex_destroy(&(*ingest)->lock);
	free(*ingest);
	*ingest = NULL;
}

enum status ingest_worker_create(struct ingest_worker **worker, struct ingest *ingest)
{
	struct ingest_worker *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->ingest = ingest;
	buf_init(&made->digest_scratch, DIGEST_SCRATCH_BYTES_MAX);
	enum status status = event_decoder_create(&made->decoder);
	if (status == STATUS_OK)
		status = rows_create(&made->rows);
	if (status == STATUS_OK)
		status = meter_worker_create(&made->meter, ingest->parts.meter);
	if (status != STATUS_OK)
		ingest_worker_destroy(&made);
	else
		*worker = made;
	return status;
}

void ingest_worker_destroy(struct ingest_worker **worker)
{
	struct ingest_worker *old = *worker;
	if (old == NULL)
		return;
	event_decoder_destroy(&old->decoder);
	rows_destroy(&old->rows);
	meter_worker_destroy(&old->meter);
	buf_finish(&old->digest_scratch);
	free(old);
	*worker = NULL;
}

void ingest_refuse(struct ingest *ingest, enum status status, enum reason reason)
{
	atomic_store(&ingest->refusal, status == STATUS_OK ? 0 : (unsigned)status << 8 | (unsigned)reason);
}

void ingest_count_drop(struct ingest *ingest, enum source source, enum reason reason, uint64_t n)
{
	struct counts counts = {.received = n};
	counts.dropped[reason] = n;
	counters_add(ingest->parts.counters, source, &counts);
}

void ingest_note(struct ingest *ingest, const char *op, struct text detail)
{
	ledger_note(ingest->parts.ledger, op, detail);
	queue_wake(ingest->parts.queue);
}

/* --- events to columns --- */

static struct event_rules rules_of(
	const struct ingest_worker *worker, const struct ingest_request *request, int64_t now)
{
	const struct store *store = worker->ingest->parts.store;
	return (struct event_rules){
		.tenant = text_of(worker->limits.tenant),
		.tenants = request->tenants,
		.tenant_count = request->tenant_count,
		.may_assert_identity = request->may_assert_identity,
		.may_write_ledger = request->source == SOURCE_LEDGER,
		.from_export = request->from_export,
		.own_clock = request->from_export,
		.event_bytes_max = worker->limits.event_bytes_max,
		.payload_bytes_max = worker->limits.payload_bytes_max,
		.depth_max = worker->limits.depth_max,
		.digest_key = store_digest_key(store),
		.digest_key_id = text_of(store_digest_key_id(store)),
		.now_ns = now,
	};
}

static void set_ingest_fields(struct event *event, const struct ingest_request *request)
{
	event_set_text(event, FIELD_INGEST_SOURCE, text_of(source_name(request->source)));
	if (request->emitter.len)
		event_set_text(event, FIELD_INGEST_EMITTER, request->emitter);
	if (request->auth.len)
		event_set_text(event, FIELD_INGEST_AUTH, request->auth);
	if (request->peer.len)
		event_set_text(event, FIELD_INGEST_PEER, request->peer);
}

static enum status keep_payloads(struct batch *batch, const struct rows *rows)
{
	const struct payload_ref *refs = NULL;
	size_t count = rows_payloads(rows, &refs);
	for (size_t i = 0; i < count; i++) {
		struct batch_payload payload = {.at = batch->payload_bytes.len, .len = refs[i].stored.len};
		memcpy(payload.key, refs[i].key, sizeof(payload.key));
		buf_put_text(&batch->payload_bytes, refs[i].stored);
		buf_put(&batch->payloads, &payload, sizeof(payload));
	}
	enum status status = buf_status(&batch->payload_bytes);
	return status == STATUS_OK ? buf_status(&batch->payloads) : status;
}

/* Makes a part of the rows there are. */
static enum status end_part(struct ingest_worker *worker, struct batch *batch)
{
	uint32_t count = rows_count(worker->rows);
	if (count == 0)
		return STATUS_OK;
	struct batch_part part = {
		.image_at = batch->images.len,
		.raw_bytes = rows_bytes(worker->rows),
		.row_first = batch_row_count(batch) - count,
		.row_count = count,
	};
	const uint8_t *filter_key = store_filter_key(worker->ingest->parts.store);
	enum status status = block_encode(worker->rows, BLOCK_TAIL, 0, filter_key, &batch->images, NULL);
	if (status == STATUS_OK)
		status = keep_payloads(batch, worker->rows);
	rows_clear(worker->rows);
	if (status != STATUS_OK)
		return status;
	part.image_len = batch->images.len - part.image_at;
	buf_put(&batch->parts, &part, sizeof(part));
	return buf_status(&batch->parts);
}

static enum status put_row(struct ingest_worker *worker, const struct ingest_request *request, struct batch *batch)
{
	const struct event *event = &worker->event;
	const struct identity *identity = worker->ingest->parts.identity;
	struct identity_key key = {
		.tenant = event_tenant(event),
		.emitter = request->emitter,
		.id = event_text(event, FIELD_ID),
		.stage = event_text(event, FIELD_STAGE),
	};
	uint64_t fingerprint = identity_fingerprint(identity, &key);
	struct batch_row row = {.observation = meter_see(worker->meter, event)};
	if (fingerprint) {
		enum status status = identity_digest(identity, event, &worker->digest_scratch, &row.digest);
		if (status != STATUS_OK)
			return status;
	}
	enum status status = rows_append(worker->rows, event);
	if (status == STATUS_LIMIT && rows_count(worker->rows) > 0) {
		status = end_part(worker, batch);
		if (status == STATUS_OK)
			status = rows_append(worker->rows, event);
	}
	if (status != STATUS_OK)
		return status;
	buf_put(&batch->fingerprints, &fingerprint, sizeof(fingerprint));
	buf_put(&batch->rows, &row, sizeof(row));
	status = buf_status(&batch->fingerprints);
	return status == STATUS_OK ? buf_status(&batch->rows) : status;
}

static void put_reject(struct batch *batch, const struct json_piece *piece, const struct reject *why)
{
	batch->rejected[why->reason]++;
	if (batch->rejected_total++ >= INGEST_REJECTS_MAX)
		return;
	struct ingest_reject reject = {.index = piece->index, .line = piece->line, .reject = *why};
	buf_put(&batch->rejects, &reject, sizeof(reject));
}

/* Who sends: the credential, or without one the address; over UDP anybody can claim any, so there all are one. */
static uint64_t owner_of(const struct ingest_worker *worker, const struct ingest_request *request)
{
	struct text name = request->emitter.len            ? request->emitter
			   : request->source == SOURCE_UDP ? text_of(source_name(SOURCE_UDP))
							   : request->peer;
	uint64_t hash = siphash(worker->ingest->parts.identity->key, name.len ? name.at : "", name.len);
	return hash ? hash : 1;
}

static enum status put_body(struct ingest_worker *worker, const struct ingest_request *request, struct batch *batch)
{
	struct event_rules rules = rules_of(worker, request, batch->now);
	struct json_split split;
	struct json_piece piece;
	meter_set_sender(worker->meter, request->emitter, owner_of(worker, request));
	json_split_begin(&split, request->body);
	while (json_split_next(&split, &piece)) {
		batch->received++;
		struct reject why;
		enum status status = event_decode(worker->decoder, piece.text, &rules, &worker->event, &why);
		if (status == STATUS_INVALID) {
			put_reject(batch, &piece, &why);
			continue;
		}
		if (status != STATUS_OK)
			return status;
		set_ingest_fields(&worker->event, request);
		status = put_row(worker, request, batch);
		if (status == STATUS_OK &&
			(rows_count(worker->rows) >= PART_ROWS_MAX || rows_bytes(worker->rows) >= PART_RAW_BYTES_MAX))
			status = end_part(worker, batch);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* On failure the batch is of no use but for its count of events received. */
static enum status fill(
	struct ingest_worker *worker, const struct ingest_request *requests, size_t count, struct batch *batch)
{
	refresh_limits(worker);
	rows_clear(worker->rows);
	batch->source = requests[0].source;
	batch->now = timestamp_now();
	meter_begin(worker->meter, batch->source, batch->now);
	enum status status = STATUS_OK;
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = put_body(worker, &requests[i], batch);
	meter_end(worker->meter);
	if (status == STATUS_OK)
		status = end_part(worker, batch);
	batch->unreadable = batch->received == 0;
	return status;
}

/* --- handing over --- */

static void count_rejects(struct counters *counters, const struct batch *batch)
{
	struct counts counts = {.received = batch->rejected_total};
	for (size_t i = 0; i < REASON_COUNT; i++)
		counts.rejected[i] = batch->rejected[i];
	if (batch->rejected_total)
		counters_add(counters, batch->source, &counts);
}

/* Answers for a batch that does not go to the writer, and lets it go. */
static void finish(struct ingest *ingest, struct batch *batch, enum status status, enum reason reason)
{
	count_rejects(ingest->parts.counters, batch);
	if (status != STATUS_OK && batch->received > batch->rejected_total)
		ingest_count_drop(ingest, batch->source, reason, batch->received - batch->rejected_total);
	struct ingest_result result = {
		.status = status,
		.reason = reason,
		.unreadable = batch->unreadable,
		.rejected_total = batch->rejected_total,
		.reject_count = (uint32_t)(batch->rejects.len / sizeof(struct ingest_reject)),
		.rejects = (const struct ingest_reject *)batch->rejects.at,
	};
	budget_give(ingest->parts.budget, batch->budget_bytes); /* first: who is answered may send the next body */
	if (batch->done)
		batch->done(batch->context, &result);
	batch_release(ingest->parts.pool, batch);
}

/* How many events a body holds that is refused unread: lines that begin an object; at least one. */
static uint64_t guess_events(struct text body)
{
	uint64_t events = 0;
	const char *at = body.at;
	const char *end = body.at + body.len;
	while (at && at < end) {
		events += *at == '{';
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return events ? events : 1;
}

static void refuse_unread(struct ingest *ingest, const struct ingest_request *requests, size_t count,
	const struct ingest_result *result, ingest_done *done, void *context)
{
	uint64_t events = 0;
	for (size_t i = 0; i < count; i++)
		events += guess_events(requests[i].body);
	ingest_count_drop(ingest, requests[0].source, result->reason, events);
	done(context, result);
}

/* What the batch really weighs now takes the place of what was taken for it before it was made. */
static void settle_budget(struct budget *budget, struct batch *batch)
{
	uint64_t bytes = batch_bytes(batch);
	if (bytes < BATCH_BYTES_MIN)
		bytes = BATCH_BYTES_MIN;
	if (bytes < batch->budget_bytes) {
		budget_give(budget, batch->budget_bytes - bytes);
		batch->budget_bytes = bytes;
	} else if (budget_take(budget, bytes - batch->budget_bytes)) {
		batch->budget_bytes = bytes;
	}
	batch->item.bytes = bytes;
	batch->item.events = batch_row_count(batch);
}

void ingest_submit_all(struct ingest_worker *worker, const struct ingest_request *requests, size_t count,
	ingest_done *done, void *context)
{
	struct ingest *ingest = worker->ingest;
	uint64_t bytes = BATCH_BYTES_MIN;
	for (size_t i = 0; i < count; i++)
		bytes += requests[i].body.len;

	struct ingest_result refused = {.status = STATUS_BUSY, .reason = REASON_QUEUE_FULL};
	unsigned refusal = atomic_load(&ingest->refusal);
	if (refusal) {
		refused = (struct ingest_result){.status = refusal >> 8, .reason = refusal & 0xff};
		refuse_unread(ingest, requests, count, &refused, done, context);
		return;
	}
	bool taken = budget_take(ingest->parts.budget, bytes);
	struct batch *batch = taken ? batch_take(ingest->parts.pool) : NULL;
	if (batch == NULL) {
		budget_give(ingest->parts.budget, taken ? bytes : 0);
		refuse_unread(ingest, requests, count, &refused, done, context);
		return;
	}
	batch->budget_bytes = bytes;
	batch->done = done;
	batch->context = context;
	if (fill(worker, requests, count, batch) != STATUS_OK) {
		finish(ingest, batch, STATUS_BUSY, REASON_QUEUE_FULL);
		return;
	}
	if (batch_row_count(batch) == 0) {
		finish(ingest, batch, STATUS_OK, REASON_NONE);
		return;
	}
	settle_budget(ingest->parts.budget, batch);
	enum status status = queue_push(ingest->parts.queue, &batch->item);
	if (status != STATUS_OK)
		finish(ingest, batch, STATUS_BUSY, status == STATUS_CANCELLED ? REASON_SHUTDOWN : REASON_QUEUE_FULL);
}

void ingest_submit(struct ingest_worker *worker, const struct ingest_request *request, ingest_done *done, void *context)
{
	ingest_submit_all(worker, request, 1, done, context);
}

struct batch *ingest_make_own(struct ingest_worker *worker, struct text body)
{
	struct batch_pool *pool = worker->ingest->parts.pool;
	struct batch *batch = batch_take(pool);
	if (batch == NULL)
		return NULL;
	struct ingest_request request = {.source = SOURCE_LEDGER, .body = body};
	if (fill(worker, &request, 1, batch) != STATUS_OK) {
		batch_release(pool, batch);
		return NULL;
	}
	return batch;
}
