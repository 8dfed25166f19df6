#include "gaps.h"

#include <inttypes.h>
#include <stdlib.h>

#include "columns.h"
#include "conditions.h"
#include "crypto.h"
#include "timestamp.h"

/*
 * One pass over all events of the range, which also meets every damaged block: signs of life that stopped, calls that
 * began and did not end, sources that send a sample.  Holes in what emitters counted come from emitter_gaps.
 *
 * Heartbeats come each 30 s; three that are missing are a silence.  A silence at the end is measured against the newest
 * event, since recorded data has its own clock, and is none after the server's stop.
 */

#define SILENCE_NS (90 * NS_PER_S)

enum { TABLE_SLOTS = 4096, SOURCES_MAX = 20000, OPEN_SLOTS = 1 << 16, OPEN_MAX = 1 << 20, SCRATCH_BYTES_MAX = 1 << 20 };

/* Somebody who sends. */
struct source {
	uint64_t fingerprint;
	struct text name;  /* "gateway recorder/rates" */
	int64_t heartbeat; /* time of the last one; INT64_MIN: none */
	int64_t stopped;   /* a stop or crash of its server; INT64_MIN: none */
	uint64_t sampled;  /* events */
	int64_t sampled_first, sampled_last;
	struct text rate;
	/* of its calls without an end */
	uint64_t open;
	int64_t open_first, open_last;
	uint64_t open_seq;
	struct source *next;
};

/* A call whose end has not come. */
struct open_call {
	uint64_t fingerprint;
	int64_t time;
	uint64_t seq;
	struct source *source;
	struct open_call *next;
};

struct look {
	struct gaps *gaps;
	uint8_t key[16];
	struct source *sources[TABLE_SLOTS];
	struct source *list;
	size_t source_count;
	struct open_call *open[OPEN_SLOTS];
	struct open_call *free;
	size_t open_count;
	int64_t newest;
	bool more;
};

struct columns {
	struct column kind, stage, id, tenant, ingest_tenant, role, name, instance, server, phase, sampled, rate;
	struct column_times times;
};

static enum status read_columns(struct block *block, struct columns *columns)
{
	const struct {
		unsigned field;
		struct column *column;
	} fields[] = {
		{FIELD_KIND, &columns->kind},
		{FIELD_STAGE, &columns->stage},
		{FIELD_ID, &columns->id},
		{FIELD_TENANT, &columns->tenant},
		{FIELD_INGEST_TENANT, &columns->ingest_tenant},
		{FIELD_OBSERVER_ROLE, &columns->role},
		{FIELD_OBSERVER_NAME, &columns->name},
		{FIELD_OBSERVER_INSTANCE, &columns->instance},
		{FIELD_SERVER_NAME, &columns->server},
		{FIELD_PHASE, &columns->phase},
		{FIELD_MARKS_SAMPLED, &columns->sampled},
		{FIELD_SAMPLING_RATE, &columns->rate},
	};
	enum status status = column_read_times(block, &columns->times);
	for (size_t i = 0; status == STATUS_OK && i < sizeof(fields) / sizeof(fields[0]); i++)
		status = column_read(block, fields[i].field, fields[i].column);
	return status;
}

static struct text tenant_of(const struct columns *columns, uint32_t row)
{
	struct text tenant = column_text(&columns->tenant, row);
	return tenant.len > 0 ? tenant : column_text(&columns->ingest_tenant, row);
}

static uint64_t mix(uint64_t hash, const struct look *look, struct text text)
{
	return (hash ^ siphash(look->key, text.at, text.len)) * UINT64_C(0x9e3779b97f4a7c15);
}

/* --- sources --- */

static struct source *source_of(struct look *look, const struct columns *columns, uint32_t row)
{
	const struct text parts[] = {tenant_of(columns, row), column_text(&columns->role, row),
		column_text(&columns->name, row), column_text(&columns->instance, row),
		column_text(&columns->server, row)};
	uint64_t fingerprint = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		fingerprint = mix(fingerprint, look, parts[i]);
	struct source **slot = &look->sources[fingerprint % TABLE_SLOTS];
	for (struct source *source = *slot; source; source = source->next)
		if (source->fingerprint == fingerprint)
			return source;
	struct source *source =
		look->source_count < SOURCES_MAX ? arena_calloc(&look->gaps->arena, 1, sizeof(*source)) : NULL;
	look->more = look->more || source == NULL;
	if (source == NULL)
		return NULL;
	struct buf name;
	buf_init(&name, 4096);
	for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++) {
		static const char *const before[] = {"", "", " ", "/", " of "};
		buf_put_string(&name, parts[i].len > 0 && name.len > 0 ? before[i] : "");
		buf_put_text(&name, parts[i]);
	}
	*source = (struct source){.fingerprint = fingerprint,
		.name = arena_copy(&look->gaps->arena, buf_text(&name)),
		.heartbeat = INT64_MIN,
		.stopped = INT64_MIN,
		.sampled_first = INT64_MAX,
		.open_first = INT64_MAX,
		.next = *slot};
	buf_finish(&name);
	*slot = source;
	look->source_count++;
	return source;
}

/* --- signs of life --- */

static enum status add_silence(struct look *look, const struct source *source, int64_t until)
{
	return gaps_add(look->gaps, (struct gap){.kind = GAP_SILENT,
					    .since = source->heartbeat,
					    .until = until,
					    .events = GAP_UNKNOWN,
					    .source = source->name,
					    .why = TEXT("its heartbeats stopped")});
}

static enum status note_heartbeat(struct look *look, struct source *source, int64_t time)
{
	enum status status = STATUS_OK;
	bool late = source->heartbeat != INT64_MIN && time - SILENCE_NS > source->heartbeat;
	if (late && source->stopped < source->heartbeat)
		status = add_silence(look, source, time);
	if (time > source->heartbeat)
		source->heartbeat = time;
	return status;
}

static void note_phase(struct source *source, struct text phase, int64_t time)
{
	bool ends = text_equal(phase, TEXT("stop")) || text_equal(phase, TEXT("crash"));
	if (ends && time > source->stopped)
		source->stopped = time;
}

/* --- calls in two stages --- */

static struct open_call **find_open(struct look *look, uint64_t fingerprint)
{
	struct open_call **link = &look->open[fingerprint % OPEN_SLOTS];
	while (*link && (*link)->fingerprint != fingerprint)
		link = &(*link)->next;
	return link;
}

static enum status note_stage(
	struct look *look, const struct columns *columns, uint32_t row, uint64_t seq, struct source *source)
{
	struct text stage = column_text(&columns->stage, row);
	struct text id = column_text(&columns->id, row);
	bool starts = text_equal(stage, TEXT("start"));
	if (id.len == 0 || (!starts && !text_equal(stage, TEXT("end"))))
		return STATUS_OK;
	struct open_call **link = find_open(look, mix(mix(0, look, tenant_of(columns, row)), look, id));
	if (!starts) {
		struct open_call *call = *link;
		if (call == NULL)
			return STATUS_OK;
		*link = call->next;
		call->next = look->free;
		look->free = call;
		look->open_count--;
		return STATUS_OK;
	}
	if (*link)
		return STATUS_OK;
	struct open_call *call = look->free;
	if (look->open_count == OPEN_MAX) {
		look->more = true;
		return STATUS_OK;
	}
	if (call)
		look->free = call->next;
	else
		call = arena_alloc(&look->gaps->arena, sizeof(*call));
	if (call == NULL)
		return STATUS_NO_MEMORY;
	*call = (struct open_call){.fingerprint = mix(mix(0, look, tenant_of(columns, row)), look, id),
		.time = column_time(&columns->times, row),
		.seq = seq,
		.source = source};
	*link = call;
	look->open_count++;
	return STATUS_OK;
}

/* --- rows --- */

static void note_sampled(struct look *look, struct source *source, const struct columns *columns, uint32_t row)
{
	int64_t time = column_time(&columns->times, row);
	if (source->sampled++ == 0)
		source->rate = arena_copy(&look->gaps->arena, column_text(&columns->rate, row));
	source->sampled_first = time < source->sampled_first ? time : source->sampled_first;
	source->sampled_last = time > source->sampled_last ? time : source->sampled_last;
}

static enum status look_at_row(struct look *look, const struct columns *columns, uint32_t row, uint64_t seq)
{
	struct text kind = column_text(&columns->kind, row);
	int64_t time = column_time(&columns->times, row);
	bool heartbeat = text_equal(kind, TEXT("heartbeat"));
	bool phase = text_equal(kind, TEXT("lifecycle"));
	bool staged = column_code(&columns->stage, row) != 0;
	bool sampled = column_has_number(&columns->sampled, row) && columns->sampled.numbers[row];
	if (!text_equal(kind, TEXT("ledger")) && time > look->newest)
		look->newest = time;
	if (!heartbeat && !phase && !staged && !sampled)
		return STATUS_OK;
	struct source *source = source_of(look, columns, row);
	if (source == NULL)
		return STATUS_OK;
	if (sampled)
		note_sampled(look, source, columns, row);
	if (phase)
		note_phase(source, column_text(&columns->phase, row), time);
	enum status status = heartbeat ? note_heartbeat(look, source, time) : STATUS_OK;
	return status == STATUS_OK && staged ? note_stage(look, columns, row, seq, source) : status;
}

static enum status visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	(void)place;
	struct look *look = context;
	struct columns columns;
	enum status status = read_columns(block, &columns);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		status = look_at_row(look, &columns, row, block_first_seq(block) + row);
	return status;
}

/* --- the results --- */

static void sum_open_calls(struct look *look)
{
	for (size_t i = 0; i < OPEN_SLOTS; i++) {
		for (const struct open_call *call = look->open[i]; call; call = call->next) {
			struct source *source = call->source;
			source->open++;
			if (call->time < source->open_first) {
				source->open_first = call->time;
				source->open_seq = call->seq;
			}
			source->open_last = call->time > source->open_last ? call->time : source->open_last;
		}
	}
}

static enum status add_source(struct look *look, const struct source *source)
{
	enum status status = STATUS_OK;
	struct gaps *gaps = look->gaps;
	if (source->heartbeat != INT64_MIN && source->stopped < source->heartbeat &&
		look->newest - SILENCE_NS > source->heartbeat)
		status = add_silence(look, source, INT64_MAX);
	if (status == STATUS_OK && source->sampled > 0)
		status = gaps_add(gaps,
			(struct gap){.kind = GAP_SAMPLED,
				.since = source->sampled_first,
				.until = source->sampled_last,
				.events = GAP_UNKNOWN,
				.source = source->name,
				.why = gaps_text(gaps, "%" PRIu64 " events of a sample, rate %.*s", source->sampled,
					source->rate.len ? (int)(source->rate.len < 40 ? source->rate.len : 40) : 7,
					source->rate.len ? source->rate.at : "unknown")});
	if (status == STATUS_OK && source->open > 0)
		status = gaps_add(
			gaps, (struct gap){.kind = GAP_NO_END,
				      .since = source->open_first,
				      .until = source->open_last,
				      .events = source->open,
				      .first_seq = source->open_seq,
				      .source = source->name,
				      .why = gaps_text(gaps, "the first of them is seq %" PRIu64, source->open_seq)});
	return status;
}

static enum status look_at_events(struct look *look, const struct scan *scan, struct error *error)
{
	look->newest = INT64_MIN;
	enum status status = crypto_random(look->key, sizeof(look->key));
	if (status == STATUS_OK)
		status = scan_run(scan, visit, look, error);
	sum_open_calls(look);
	for (size_t i = 0; i < TABLE_SLOTS && status == STATUS_OK; i++)
		for (const struct source *source = look->sources[i]; source && status == STATUS_OK;
			source = source->next)
			status = add_source(look, source);
	look->gaps->coverage.more = look->gaps->coverage.more || look->more;
	return status;
}

/* What emitters counted. */
static enum status look_at_numbers(struct gaps *gaps, const struct scan *scan, struct error *error)
{
	static const uint8_t numbers[] = {FIELD_OBSERVER_SEQ, FIELD_LAST_SEQ};
	struct emitter_gaps found = {0};
	struct coverage ignored = {0};
	struct scan counted = *scan;
	struct filter filter = {.root = condition_exists(&gaps->arena, numbers, sizeof(numbers))};
	counted.filter = &filter;
	counted.coverage = &ignored;
	enum status status = filter.root ? emitter_gaps_find(&counted, &gaps->arena, &found, error) : STATUS_NO_MEMORY;
	for (size_t i = 0; i < found.count && status == STATUS_OK; i++) {
		const struct emitter_gap *gap = &found.gaps[i];
		status = gaps_add(gaps,
			(struct gap){.kind = GAP_EMITTER,
				.since = gap->after,
				.until = gap->before,
				.events = (uint64_t)gap->last - (uint64_t)gap->first + 1,
				.source = gaps_text(gaps, "%.*s %.*s/%.*s", (int)gap->role.len, gap->role.at,
					(int)gap->name.len, gap->name.at, (int)gap->instance.len, gap->instance.at),
				.why = gaps_text(gaps, "its numbers %" PRId64 " to %" PRId64 " of epoch %.*s",
					gap->first, gap->last, (int)(gap->epoch.len < 64 ? gap->epoch.len : 64),
					gap->epoch.at)});
	}
	gaps->coverage.more = gaps->coverage.more || found.more;
	return status;
}

enum status gaps_of_emitters(struct gaps *gaps, const struct scan *scan, struct error *error)
{
	struct look *look = calloc(1, sizeof(*look));
	if (look == NULL)
		return STATUS_NO_MEMORY;
	look->gaps = gaps;
	enum status status = look_at_events(look, scan, error);
	free(look);
	return status == STATUS_OK ? look_at_numbers(gaps, scan, error) : status;
}
