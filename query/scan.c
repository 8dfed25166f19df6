#include "scan.h"

#include <stdlib.h>

#include "plan.h"
#include "timestamp.h"

enum { SCRATCH_BYTES_MAX = 96 * 1024 * 1024, TAIL_PARTS_MAX = 65536 };

/* A scan under way. tenants, time and filter are one condition, so that rows and summaries meet them alike. */
struct run {
	const struct scan *scan;
	struct condition all, time, tenant, words;
	struct wanted time_range;
	struct wanted *tenants; /* owned */
	const struct scan_store *store;
	struct scan_place place;
	struct arena scratch;
	scan_visit *visit;
	void *context;
	struct error *error;
	uint64_t segment_number;   /* of the unit in hand */
	uint64_t first, last;      /* the seqs that are asked for and were not met yet */
	struct explain_pass *pass; /* NULL: nobody asks */
};

struct scan scan_all(struct store_reader *reader)
{
	struct scan scan = {.since = INT64_MIN, .until = INT64_MAX};
	(void)!scan_add_store(&scan, reader);
	return scan;
}

enum status scan_add_store(struct scan *scan, struct store_reader *reader)
{
	if (scan->store_count == SCAN_STORES_MAX)
		return STATUS_LIMIT;
	scan->stores[scan->store_count++] =
		(struct scan_store){reader, store_reader_first_seq(reader), store_reader_next_seq(reader) - 1};
	return STATUS_OK;
}

static void narrow(struct scan_store *store, uint64_t first, uint64_t last)
{
	store->seq_first = first > store->seq_first ? first : store->seq_first;
	store->seq_last = last < store->seq_last ? last : store->seq_last;
}

void scan_narrow(struct scan *scan, uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < scan->store_count; i++)
		narrow(&scan->stores[i], first, last);
}

bool scan_narrow_to_id(struct scan *scan, struct text id)
{
	bool any = false;
	for (size_t i = 0; i < scan->store_count; i++) {
		struct scan_store *store = &scan->stores[i];
		uint64_t seq = 0;
		bool names = match_id_seq(id, text_of(store_reader_id(store->reader)), &seq);
		narrow(store, names ? seq : 1, names ? seq : 0);
		any = any || names;
	}
	return any;
}

static const uint8_t field_time = FIELD_TIME;
static const uint8_t field_recv_time = FIELD_RECV_TIME;
static const uint8_t fields_tenant[] = {
	FIELD_TENANT, FIELD_INGEST_TENANT}; /* the first that an event has, as in event_tenant */

static void add_condition(struct run *run, struct condition *condition)
{
	struct condition **link = &run->all.children;
	while (*link)
		link = &(*link)->next;
	*link = condition;
}

static enum status run_init(struct run *run, const struct scan *scan)
{
	*run = (struct run){.scan = scan};
	run->all.type = CONDITION_AND;
	arena_init(&run->scratch, SCRATCH_BYTES_MAX);
	if (scan->tenants) {
		run->tenants = calloc(scan->tenant_count + 1, sizeof(*run->tenants));
		if (run->tenants == NULL)
			return STATUS_NO_MEMORY;
		for (size_t i = 0; i < scan->tenant_count; i++)
			run->tenants[i].text = scan->tenants[i];
		run->tenant = (struct condition){.type = CONDITION_FIELD,
			.fields = fields_tenant,
			.field_count = 2,
			.first_present = true,
			.values = run->tenants,
			.value_count = scan->tenant_count};
		add_condition(run, &run->tenant);
	}
	if (scan->since != INT64_MIN || scan->until != INT64_MAX) {
		run->time_range = (struct wanted){.ranged = true, .first = scan->since, .last = scan->until - 1};
		run->time = (struct condition){.type = CONDITION_FIELD,
			.field_count = 1,
			.fields = scan->by_recv_time ? &field_recv_time : &field_time,
			.values = &run->time_range,
			.value_count = 1};
		add_condition(run, &run->time);
	}
	if (scan->filter) {
		run->words = *scan->filter->root;
		run->words.next = NULL;
		add_condition(run, &run->words);
	}
	return STATUS_OK;
}

static void run_finish(struct run *run)
{
	free(run->tenants);
	arena_finish(&run->scratch);
}

/* --- is a block worth reading? --- */

/* Time is only looked at for those who ask. */
static int64_t clock_of(const struct run *run)
{
	return run->pass ? timestamp_elapsed() : 0;
}

/* For the first of the tenants that says so. */
static enum skip ask_summary(const struct run *run, const struct summary *summary, const struct condition **why)
{
	const struct scan *scan = run->scan;
	enum skip skip = scan->tenants ? SKIP_TENANT : plan_block(summary, &run->all, (struct text){NULL, 0}, why);
	for (size_t i = 0; scan->tenants && i < scan->tenant_count && skip != SKIP_NOT; i++)
		skip = plan_block(summary, &run->all, scan->tenants[i], why);
	return skip;
}

static bool worth_reading(struct run *run, const struct store_unit *unit)
{
	struct summary *summary = NULL;
	const struct condition *why = NULL;
	int64_t start = clock_of(run);
	enum skip skip = SKIP_NOT;
	if (summary_open(unit->summary, &summary) == STATUS_OK)
		skip = ask_summary(run, summary, &why);
	summary_close(&summary);
	if (run->pass) {
		explain_block(run->pass, unit->first_seq, unit->count, skip, why && skip != SKIP_NOT ? why->column : 0);
		run->pass->plan_ns += clock_of(run) - start;
	}
	return skip == SKIP_NOT;
}

/* --- one block --- */

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct run *run = context;
	return store_reader_payload(run->store->reader, run->segment_number, key, arena, payload);
}

/* The rows of a block whose seq is asked for, and was not met before (in tail chunks that were sealed meanwhile). */
static bool rows_in_range(const struct run *run, const struct block *block, uint64_t rows[ROW_WORDS_MAX])
{
	uint64_t first = block_first_seq(block);
	uint32_t count = block_count(block);
	bool any = false;
	memset(rows, 0, ROW_WORDS_MAX * sizeof(rows[0]));
	for (uint32_t row = 0; row < count && row < BLOCK_ROWS_MAX; row++) {
		if (first + row >= run->first && first + row <= run->last) {
			rows[row / 64] |= UINT64_C(1) << (row % 64);
			any = true;
		}
	}
	return any;
}

static enum status visit_block(struct run *run, struct block *block)
{
	uint64_t rows[ROW_WORDS_MAX];
	if (!rows_in_range(run, block, rows))
		return STATUS_OK;
	block_set_payload_source(block, (struct payload_source){get_payload, run});
	struct match match = {.block = block,
		.store_id = run->place.store_id,
		.scratch = &run->scratch,
		.deadline = run->scan->deadline,
		.error = run->error};
	int64_t start = clock_of(run);
	if (run->pass)
		run->pass->rows += row_count(rows);
	enum status status = match_rows(&match, &run->all, rows);
	int64_t matched = clock_of(run);
	uint32_t row = 0;
	if (status == STATUS_OK && row_next(rows, &row))
		status = run->visit(run->context, &run->place, block, rows);
	if (run->pass) {
		run->pass->found += row_count(rows);
		run->pass->match_ns += matched - start;
		run->pass->answer_ns += clock_of(run) - matched;
	}
	return status;
}

static enum status visit_sealed(struct run *run, const struct store_unit *unit)
{
	struct block *block = NULL;
	enum status status = block_open(unit->bytes, &block, run->error);
	if (status == STATUS_OK)
		status = visit_block(run, block);
	block_close(&block);
	return status;
}

static enum status visit_part(struct run *run, const struct tail_part *part)
{
	struct block *block = NULL;
	enum status status = block_open_part(part, &block, run->error);
	if (run->pass)
		run->pass->parts++;
	if (status == STATUS_OK)
		status = visit_block(run, block);
	block_close(&block);
	return status;
}

static enum status visit_tail_backward(struct run *run, const struct store_unit *unit)
{
	struct tail_part *parts = NULL;
	size_t count = 0;
	size_t at = 0;
	enum status status = STATUS_OK;
	while (status == STATUS_OK && count < TAIL_PARTS_MAX) {
		struct tail_part part;
		status = tail_next(unit->bytes, &at, &part);
		struct tail_part *grown = status == STATUS_OK ? realloc(parts, (count + 1) * sizeof(*parts)) : NULL;
		if (status == STATUS_OK && grown == NULL)
			status = STATUS_NO_MEMORY;
		if (status == STATUS_OK) {
			parts = grown;
			parts[count++] = part;
		}
	}
	status = status == STATUS_NOT_FOUND ? STATUS_OK : status;
	while (status == STATUS_OK && count > 0)
		status = visit_part(run, &parts[--count]);
	free(parts);
	return status;
}

static enum status visit_tail(struct run *run, const struct store_unit *unit)
{
	if (run->scan->backward)
		return visit_tail_backward(run, unit);
	for (size_t at = 0;;) {
		struct tail_part part;
		enum status status = tail_next(unit->bytes, &at, &part);
		if (status == STATUS_OK)
			status = visit_part(run, &part);
		if (status != STATUS_OK)
			return status == STATUS_NOT_FOUND ? STATUS_OK : status;
	}
}

static enum status visit_unit(struct run *run, uint64_t seq, struct store_unit *unit)
{
	if (unit->sealed && !worth_reading(run, unit))
		return STATUS_OK;
	enum status status = store_reader_unit(run->store->reader, seq, run->scan->backward, unit, run->error);
	if (status != STATUS_OK)
		return status;
	run->segment_number = unit->segment_number;
	if (run->pass)
		run->pass->bytes += unit->sealed ? unit->bytes.len : 0;
	status = unit->sealed ? visit_sealed(run, unit) : visit_tail(run, unit);
	if (status == STATUS_DAMAGED && run->scan->coverage) {
		coverage_add_damage(run->scan->coverage, unit->segment, unit->first_seq, unit->count);
		return STATUS_OK;
	}
	return status;
}

/* --- the walk --- */

static void note_gap(const struct scan *scan, uint64_t first, uint64_t end)
{
	if (scan->coverage && first < end)
		coverage_add_gap(scan->coverage, first, end - 1);
}

static enum status step(struct run *run, uint64_t *seq, bool *done)
{
	const struct scan *scan = run->scan;
	const struct scan_store *store = run->store;
	struct store_unit unit;
	if (scan->deadline && timestamp_elapsed() > scan->deadline)
		return error_set(run->error, STATUS_TIMEOUT, "the time limit for a query was reached");
	if (scan->gives_up && scan->gives_up(scan->asker))
		return STATUS_CANCELLED;
	enum status status = store_reader_renew(store->reader, run->error);
	if (status == STATUS_OK)
		status = store_reader_peek(store->reader, *seq, scan->backward, &unit, run->error);
	*done = status == STATUS_NOT_FOUND;
	if (*done)
		note_gap(scan, scan->backward ? store->seq_first : *seq, (scan->backward ? *seq : store->seq_last) + 1);
	if (status != STATUS_OK)
		return *done ? STATUS_OK : status;
	uint64_t last = unit.first_seq + unit.count - 1;
	if (scan->backward)
		note_gap(scan, last + 1 > store->seq_first ? last + 1 : store->seq_first, *seq + 1);
	else
		note_gap(scan, *seq, unit.first_seq < store->seq_last + 1 ? unit.first_seq : store->seq_last + 1);
	if (unit.first_seq > store->seq_last || last < store->seq_first) {
		*done = true;
		return STATUS_OK;
	}
	run->first = scan->backward ? store->seq_first : *seq;
	run->last = scan->backward ? *seq : store->seq_last;
	status = visit_unit(run, *seq, &unit);
	*done = scan->backward ? unit.first_seq <= store->seq_first : last >= store->seq_last;
	*seq = scan->backward ? unit.first_seq - 1 : last + 1;
	return status;
}

static enum status walk_store(struct run *run, size_t index)
{
	const struct scan_store *store = &run->scan->stores[index];
	if (store->seq_first > store->seq_last)
		return STATUS_OK;
	run->store = store;
	run->place = (struct scan_place){index, text_of(store_reader_id(store->reader))};
	run->pass = explain_begin(
		run->scan->explain, run->scan->purpose ? run->scan->purpose : "the answer", run->place.store_id);
	uint64_t seq = run->scan->backward ? store->seq_last : store->seq_first;
	enum status status = STATUS_OK;
	for (bool done = false; status == STATUS_OK && !done;)
		status = step(run, &seq, &done);
	return status;
}

enum status scan_run(const struct scan *scan, scan_visit *visit, void *context, struct error *error)
{
	struct run run;
	enum status status = run_init(&run, scan);
	run.visit = visit;
	run.context = context;
	run.error = error;
	if (error)
		error->text[0] = 0;
	for (size_t i = 0; status == STATUS_OK && i < scan->store_count; i++)
		status = walk_store(&run, scan->backward ? scan->store_count - 1 - i : i);
	run_finish(&run);
	if (status == STATUS_LIMIT)
		return STATUS_OK;
	if (status != STATUS_OK && error && error->text[0] == 0)
		return error_set(error, status, "%s", status_text(status));
	return status;
}

struct event_visit {
	const struct scan *scan;
	scan_visit_event *visit;
	void *context;
	struct event event;
};

static enum status visit_events(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct event_visit *each = context;
	bool backward = each->scan->backward;
	uint32_t row = backward ? BLOCK_ROWS_MAX - 1 : 0;
	while (backward ? row_previous(rows, &row) : row_next(rows, &row)) {
		enum status status = block_event(block, row, &each->event);
		if (status == STATUS_OK)
			status = each->visit(each->context, place, &each->event);
		if (status != STATUS_OK)
			return status;
		if (backward ? row == 0 : row == BLOCK_ROWS_MAX - 1)
			break;
		row = backward ? row - 1 : row + 1;
	}
	return STATUS_OK;
}

enum status scan_events(const struct scan *scan, scan_visit_event *visit, void *context, struct error *error)
{
	struct event_visit *each = calloc(1, sizeof(*each));
	if (each == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	each->scan = scan;
	each->visit = visit;
	each->context = context;
	enum status status = scan_run(scan, visit_events, each, error);
	free(each);
	return status;
}
