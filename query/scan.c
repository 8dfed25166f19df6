#include "scan.h"

#include <pthread.h>
#include <stdlib.h>

#include "lanes.h"
#include "plan.h"
#include "timestamp.h"

enum {
	SCRATCH_BYTES_MAX = 96 * 1024 * 1024,
	TAIL_PARTS_MAX = 65536,
	BATCH_RAW_BYTES_MAX =
		24 * 1024 * 1024,    /* of blocks open at once, before encoding: no more are added beyond it */
	RENEW_NS = 10 * 1000 * 1000, /* blocks that are passed over need no newer view each */
};

struct run;

/* A block on its way: opened and matched on any thread, then visited in its turn. */
struct lane {
	struct run *run;
	struct store_unit unit;
	uint64_t seq_first, seq_last; /* what of the unit was not met before, and is asked for */
	struct block *block;
	unsigned thread; /* that works, or worked, on it */
	uint64_t rows[ROW_WORDS_MAX];
	bool all;       /* as the summary knows, all rows of the block are wanted */
	bool wanted;    /* some row is */
	uint32_t met;   /* rows that were looked at */
	uint32_t asked; /* rows; this and the times are for explain */
	int64_t match_ns, work_ns;
	enum status status;
	struct error error;
};

/* A scan under way. */
struct run {
	const struct scan *scan;
	struct scan_conditions asked;
	const struct scan_store *store;
	struct scan_place place;
	scan_visit *visit; /* or: */
	scan_work *work;
	scan_gather *gather; /* may be NULL */
	uint64_t *count;     /* or: of the wanted rows, where nothing else is asked */
	void *context;
	struct error *error;
	struct explain_pass *pass;   /* NULL: nobody asks */
	struct lanes *threads;       /* NULL until there is something to share */
	pthread_mutex_t reader_lock; /* for payloads, which lanes fetch while they run */
	struct lane lanes[SCAN_LANES_MAX];
	struct arena scratch[LANES_THREADS_MAX]; /* by thread */
	unsigned batch, batch_max;               /* blocks in hand, and how many there may be */
	size_t batch_bytes;
	int64_t renewed_at; /* 0: the reader's view must be renewed */
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

static void add_condition(struct scan_conditions *conditions, struct condition *condition)
{
	struct condition **link = &conditions->all.children;
	while (*link)
		link = &(*link)->next;
	*link = condition;
}

enum status scan_conditions_init(struct scan_conditions *conditions, const struct scan *scan)
{
	*conditions = (struct scan_conditions){.all = {.type = CONDITION_AND}};
	if (scan->tenants) {
		conditions->tenants = calloc(scan->tenant_count + 1, sizeof(*conditions->tenants));
		if (conditions->tenants == NULL)
			return STATUS_NO_MEMORY;
		for (size_t i = 0; i < scan->tenant_count; i++)
			conditions->tenants[i].text = scan->tenants[i];
		conditions->tenant = (struct condition){.type = CONDITION_FIELD,
			.fields = fields_tenant,
			.field_count = 2,
			.first_present = true,
			.values = conditions->tenants,
			.value_count = scan->tenant_count};
		add_condition(conditions, &conditions->tenant);
	}
	if (scan->since != INT64_MIN || scan->until != INT64_MAX) {
		conditions->time_range = (struct wanted){.ranged = true, .first = scan->since, .last = scan->until - 1};
		conditions->time = (struct condition){.type = CONDITION_FIELD,
			.field_count = 1,
			.fields = scan->by_recv_time ? &field_recv_time : &field_time,
			.values = &conditions->time_range,
			.value_count = 1};
		add_condition(conditions, &conditions->time);
	}
	if (scan->filter) {
		conditions->words = *scan->filter->root;
		conditions->words.next = NULL;
		add_condition(conditions, &conditions->words);
	}
	return STATUS_OK;
}

void scan_conditions_finish(struct scan_conditions *conditions)
{
	free(conditions->tenants);
	conditions->tenants = NULL;
}

static enum status run_init(struct run *run, const struct scan *scan)
{
	run->scan = scan;
	run->batch_max = 1;
	pthread_mutex_init(&run->reader_lock, NULL);
	for (unsigned i = 0; i < SCAN_LANES_MAX; i++)
		run->lanes[i].run = run;
	for (unsigned i = 0; i < LANES_THREADS_MAX; i++)
		arena_init(&run->scratch[i], SCRATCH_BYTES_MAX);
	return scan_conditions_init(&run->asked, scan);
}

static void run_finish(struct run *run)
{
	scan_conditions_finish(&run->asked);
	lanes_close(&run->threads);
	for (unsigned i = 0; i < LANES_THREADS_MAX; i++)
		arena_finish(&run->scratch[i]);
	pthread_mutex_destroy(&run->reader_lock);
}

/* --- is a block worth reading? --- */

/* Time is only looked at for those who ask. */
static int64_t clock_of(const struct run *run)
{
	return run->pass ? timestamp_elapsed() : 0;
}

/* For the first of the tenants that says so. */
static enum skip ask_summary(const struct run *run, struct summary *summary, const struct condition **why)
{
	const struct scan *scan = run->scan;
	enum skip skip =
		scan->tenants ? SKIP_TENANT : plan_block(summary, &run->asked.all, (struct text){NULL, 0}, why);
	for (size_t i = 0; scan->tenants && i < scan->tenant_count && skip != SKIP_NOT; i++)
		skip = plan_block(summary, &run->asked.all, scan->tenants[i], why);
	return skip;
}

/* Counts the events of a block, seen from seq on, where its summary knows all that is asked. */
static bool count_by_summary(struct run *run, uint64_t seq, struct summary *summary)
{
	const struct scan_store *store = run->store;
	uint64_t first = summary_first_seq(summary);
	uint64_t last = first + summary_count(summary) - 1;
	uint32_t count = 0;
	if (run->count == NULL || run->scan->backward || first < seq || last > store->seq_last ||
		!plan_count(summary, &run->asked.all, &count))
		return false;
	*run->count += count;
	return true;
}

/* What the summary of a block tells; *raw_bytes: before encoding, where that is known. */
static bool worth_reading(
	struct run *run, uint64_t seq, const struct store_unit *unit, size_t *raw_bytes, bool *takes_all)
{
	struct summary *summary = NULL;
	const struct condition *why = NULL;
	int64_t start = clock_of(run);
	enum skip skip = SKIP_NOT;
	uint32_t count = 0;
	if (summary_open(unit->summary, &summary) == STATUS_OK) {
		*raw_bytes = summary_bytes_raw(summary);
		skip = ask_summary(run, summary, &why);
		if (skip == SKIP_NOT && count_by_summary(run, seq, summary))
			skip = SKIP_COUNTED;
		*takes_all = skip == SKIP_NOT && plan_count(summary, &run->asked.all, &count) &&
			     count == summary_count(summary);
	}
	summary_close(&summary);
	if (run->pass) {
		explain_block(run->pass, unit->first_seq, unit->count, skip, why && skip != SKIP_NOT ? why->column : 0);
		run->pass->plan_ns += clock_of(run) - start;
	}
	return skip == SKIP_NOT;
}

/* --- one block --- */

/* Whether blocks, or what was made of them, are kept until it is their turn; else only those at work are open. */
static bool is_in_order(const struct run *run)
{
	return run->visit || run->gather;
}

/* Which lane it is to the work: where nothing is gathered, the thread. */
static unsigned number_of(const struct lane *lane)
{
	return lane->run->gather ? (unsigned)(lane - lane->run->lanes) : lane->thread;
}

/* Of a block that cannot be opened it stays so: nothing was met. */
static void begin_lane(struct lane *lane, unsigned thread)
{
	lane->thread = thread;
	lane->error.text[0] = 0;
	lane->wanted = false;
	lane->met = lane->asked = 0;
	lane->match_ns = lane->work_ns = 0;
}

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	struct lane *lane = context;
	struct run *run = lane->run;
	pthread_mutex_lock(&run->reader_lock);
	enum status status = store_reader_payload(run->store->reader, lane->unit.segment_number, key, arena, payload);
	pthread_mutex_unlock(&run->reader_lock);
	return status;
}

/* The rows of a block whose seq is asked for, and was not met before (in tail chunks that were sealed meanwhile). */
static uint32_t rows_in_range(const struct lane *lane, const struct block *block, uint64_t rows[ROW_WORDS_MAX])
{
	uint64_t first = block_first_seq(block);
	uint64_t count = block_count(block) < BLOCK_ROWS_MAX ? block_count(block) : BLOCK_ROWS_MAX;
	uint64_t from = lane->seq_first > first ? lane->seq_first - first : 0;
	uint64_t to = lane->seq_last < first ? 0 : lane->seq_last - first < count ? lane->seq_last - first + 1 : count;
	memset(rows, 0, ROW_WORDS_MAX * sizeof(rows[0]));
	for (uint64_t row = from; row < to;) {
		uint64_t bits = to - row < 64 - row % 64 ? to - row : 64 - row % 64;
		rows[row / 64] |= UINT64_MAX >> (64 - bits) << row % 64;
		row += bits;
	}
	return from < to ? (uint32_t)(to - from) : 0;
}

/* Finds the wanted rows of the lane's block and, where the visit is divided, works on them. */
static enum status work_on_block(struct lane *lane)
{
	struct run *run = lane->run;
	uint32_t row = 0;
	lane->met = rows_in_range(lane, lane->block, lane->rows);
	if (lane->met == 0)
		return STATUS_OK;
	block_set_payload_source(lane->block, (struct payload_source){get_payload, lane});
	struct match match = {.block = lane->block,
		.store_id = run->place.store_id,
		.scratch = &run->scratch[lane->thread],
		.deadline = run->scan->deadline,
		.error = &lane->error};
	int64_t start = clock_of(run);
	lane->asked = run->pass ? row_count(lane->rows) : 0;
	enum status status = lane->all ? STATUS_OK : match_rows(&match, &run->asked.all, lane->rows);
	int64_t matched = clock_of(run);
	lane->wanted = status == STATUS_OK && row_next(lane->rows, &row);
	if (lane->wanted && run->work)
		status = run->work(run->context, number_of(lane), &run->place, lane->block, lane->rows);
	lane->match_ns = matched - start;
	lane->work_ns = clock_of(run) - matched;
	return status;
}

/* What is left to do in order; closes the block. */
static enum status end_block(struct lane *lane)
{
	struct run *run = lane->run;
	enum status status = lane->status;
	int64_t start = clock_of(run);
	if (lane->wanted && run->gather) {
		enum status gathered = run->gather(run->context, number_of(lane));
		status = gathered == STATUS_OK ? status : gathered;
	} else if (lane->wanted && run->visit && status == STATUS_OK) {
		status = run->visit(run->context, &run->place, lane->block, lane->rows);
	} else if (lane->wanted && run->count && status == STATUS_OK) {
		*run->count += row_count(lane->rows);
	}
	if (lane->status != STATUS_OK && run->error)
		*run->error = lane->error;
	if (run->pass) {
		run->pass->rows += lane->asked;
		run->pass->found += lane->asked ? row_count(lane->rows) : 0;
		run->pass->match_ns += lane->match_ns;
		run->pass->answer_ns += lane->work_ns + clock_of(run) - start;
	}
	if (run->scan->meter)
		run->scan->meter->rows += lane->met;
	block_close(&lane->block);
	return status;
}

static void work_on_sealed(void *context, unsigned part, unsigned thread)
{
	struct run *run = context;
	struct lane *lane = &run->lanes[part];
	begin_lane(lane, thread);
	lane->status = block_open_columns(lane->unit.bytes, &lane->block, &lane->error);
	if (lane->status == STATUS_OK)
		lane->status = work_on_block(lane);
	if (!is_in_order(run))
		block_close(&lane->block);
}

static enum status note_damage(const struct run *run, const struct store_unit *unit, enum status status)
{
	if (status != STATUS_DAMAGED || run->scan->coverage == NULL)
		return status;
	coverage_add_damage(run->scan->coverage, unit->segment, unit->first_seq, unit->count);
	return STATUS_OK;
}

static unsigned most_in_hand(const struct run *run)
{
	unsigned threads = run->scan->threads;
	if (threads <= 1)
		return 1;
	return is_in_order(run) && 2 * threads < SCAN_LANES_MAX ? 2 * threads : SCAN_LANES_MAX;
}

/* Works on the blocks in hand and visits them in order.  The next time there may be more: few scans end early. */
static enum status finish_batch(struct run *run)
{
	unsigned count = run->batch;
	enum status status = STATUS_OK;
	run->batch = 0;
	run->batch_bytes = 0;
	if (count > 1 && run->threads == NULL)
		status = lanes_open(&run->threads, run->scan->threads);
	if (status != STATUS_OK)
		return status;
	store_reader_park(run->store->reader); /* what was read stays, and the work may take long */
	if (count > 1)
		lanes_run(run->threads, count, work_on_sealed, run);
	else if (count == 1)
		work_on_sealed(run, 0, 0);
	for (unsigned i = 0; i < count; i++) {
		if (status == STATUS_OK)
			status = note_damage(run, &run->lanes[i].unit, end_block(&run->lanes[i]));
		else
			block_close(&run->lanes[i].block);
	}
	unsigned most = most_in_hand(run);
	run->batch_max = 2 * run->batch_max < most ? 2 * run->batch_max : most;
	return status;
}

static enum status visit_part(struct run *run, const struct tail_part *part)
{
	struct lane *lane = &run->lanes[0];
	begin_lane(lane, 0);
	lane->status = block_open_part(part, &lane->block, &lane->error);
	if (run->pass)
		run->pass->parts++;
	if (lane->status == STATUS_OK)
		lane->status = work_on_block(lane);
	return end_block(lane);
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

/* unit: as peeked; as read, where it was: tail chunks may have become a block meanwhile. */
static enum status visit_unit(struct run *run, uint64_t seq, struct store_unit *unit)
{
	struct lane *lane = &run->lanes[run->batch];
	const struct scan_store *store = run->store;
	bool backward = run->scan->backward;
	size_t raw_bytes = BATCH_RAW_BYTES_MAX; /* where it is not known, more than is read together with others */
	lane->all = false;
	if (unit->sealed && !worth_reading(run, seq, unit, &raw_bytes, &lane->all))
		return STATUS_OK;
	run->renewed_at = 0;
	enum status status = store_reader_unit(store->reader, seq, backward, unit, run->error);
	if (status != STATUS_OK)
		return note_damage(run, unit, status);
	lane->unit = *unit;
	lane->seq_first = backward ? store->seq_first : seq;
	lane->seq_last = backward ? seq : store->seq_last;
	lane->all = lane->all && unit->sealed;
	if (!unit->sealed) {
		store_reader_park(store->reader);
		return note_damage(run, unit, visit_tail(run, unit));
	}
	if (run->pass)
		run->pass->bytes += unit->bytes.len;
	run->batch++;
	run->batch_bytes += raw_bytes;
	bool is_full = is_in_order(run) && run->batch_bytes >= BATCH_RAW_BYTES_MAX;
	return run->batch < run->batch_max && !is_full ? STATUS_OK : finish_batch(run);
}

/* --- the walk --- */

static void note_gap(const struct scan *scan, uint64_t first, uint64_t end)
{
	if (scan->coverage && first < end)
		coverage_add_gap(scan->coverage, first, end - 1);
}

/* Blocks in hand point into the reader's view: it stays until they are visited. */
static enum status renew(struct run *run)
{
	int64_t now = timestamp_elapsed();
	if (run->batch > 0 || (run->renewed_at && now - run->renewed_at < RENEW_NS))
		return STATUS_OK;
	enum status status = store_reader_renew(run->store->reader, run->error);
	run->renewed_at = status == STATUS_OK ? now : 0;
	return status;
}

static enum status may_go_on(const struct run *run)
{
	const struct scan *scan = run->scan;
	if (scan->deadline && timestamp_elapsed() > scan->deadline)
		return error_set(run->error, STATUS_TIMEOUT, "the time limit for a query was reached");
	if (scan->meter && scan->meter->rows_max > 0 && scan->meter->rows > scan->meter->rows_max)
		return error_set(run->error, STATUS_TOO_LARGE, "more than %llu events would have to be looked at",
			(unsigned long long)scan->meter->rows_max);
	return scan->gives_up && scan->gives_up(scan->asker) ? STATUS_CANCELLED : STATUS_OK;
}

static enum status step(struct run *run, uint64_t *seq, bool *done)
{
	const struct scan *scan = run->scan;
	const struct scan_store *store = run->store;
	struct store_unit unit = {0};
	enum status status = may_go_on(run);
	if (status == STATUS_OK)
		status = renew(run);
	if (status == STATUS_OK)
		status = store_reader_peek(store->reader, *seq, scan->backward, &unit, run->error);
	*done = status == STATUS_NOT_FOUND;
	if (*done)
		note_gap(scan, scan->backward ? store->seq_first : *seq, (scan->backward ? *seq : store->seq_last) + 1);
	bool damaged = status == STATUS_DAMAGED; /* the segment, or its keys: the unit is all of it */
	if (status != STATUS_OK && !damaged)
		return *done ? STATUS_OK : status;
	if (!unit.sealed && run->batch > 0)
		return finish_batch(run); /* then it is asked for again */
	if (damaged && unit.count == 0) { /* the newest one, and how much it held is not known */
		*done = !scan->backward || unit.first_seq <= store->seq_first;
		*seq = unit.first_seq - 1;
		return note_damage(run, &unit, status);
	}
	uint64_t last = unit.first_seq + unit.count - 1;
	if (scan->backward)
		note_gap(scan, last + 1 > store->seq_first ? last + 1 : store->seq_first, *seq + 1);
	else
		note_gap(scan, *seq, unit.first_seq < store->seq_last + 1 ? unit.first_seq : store->seq_last + 1);
	if (unit.first_seq > store->seq_last || last < store->seq_first) {
		*done = true;
		return STATUS_OK;
	}
	status = damaged ? note_damage(run, &unit, status) : visit_unit(run, *seq, &unit);
	last = unit.first_seq + unit.count - 1;
	*done = scan->backward ? unit.first_seq <= store->seq_first : last >= store->seq_last;
	*seq = scan->backward ? unit.first_seq - 1 : last + 1;
	return status;
}

/* The newest segment, when it can't be read, lies behind all that is known of the store. */
static enum status look_behind(struct run *run)
{
	const struct scan_store *store = run->store;
	struct store_unit unit = {0};
	if (run->scan->coverage == NULL || store->seq_last + 1 != store_reader_next_seq(store->reader))
		return STATUS_OK;
	enum status status = store_reader_renew(store->reader, run->error);
	if (status == STATUS_OK)
		status = store_reader_peek(store->reader, store->seq_last + 1, false, &unit, run->error);
	if (status == STATUS_DAMAGED && unit.count == 0)
		return note_damage(run, &unit, status);
	return STATUS_OK;
}

static enum status walk_store(struct run *run, size_t index)
{
	const struct scan_store *store = &run->scan->stores[index];
	if (store->seq_first > store->seq_last)
		return STATUS_OK;
	run->store = store;
	run->place = (struct scan_place){index, text_of(store_reader_id(store->reader))};
	run->renewed_at = 0;
	run->pass = explain_begin(
		run->scan->explain, run->scan->purpose ? run->scan->purpose : "the answer", run->place.store_id);
	uint64_t seq = run->scan->backward ? store->seq_last : store->seq_first;
	enum status status = STATUS_OK;
	for (bool done = false; status == STATUS_OK && !done;)
		status = step(run, &seq, &done);
	enum status finished = status == STATUS_LIMIT ? STATUS_OK : finish_batch(run);
	if (status == STATUS_OK && finished == STATUS_OK)
		finished = look_behind(run);
	return status == STATUS_OK ? finished : status;
}

static enum status walk(struct run *run, const struct scan *scan, void *context, struct error *error)
{
	enum status status = run_init(run, scan);
	run->context = context;
	run->error = error;
	if (error)
		error->text[0] = 0;
	for (size_t i = 0; status == STATUS_OK && i < scan->store_count; i++)
		status = walk_store(run, scan->backward ? scan->store_count - 1 - i : i);
	run_finish(run);
	if (status == STATUS_LIMIT)
		return STATUS_OK;
	if (status != STATUS_OK && error && error->text[0] == 0)
		return error_set(error, status, "%s", status_text(status));
	return status;
}

enum status scan_run(const struct scan *scan, scan_visit *visit, void *context, struct error *error)
{
	struct run run = {.visit = visit};
	return walk(&run, scan, context, error);
}

enum status scan_run_lanes(
	const struct scan *scan, scan_work *work, scan_gather *gather, void *context, struct error *error)
{
	struct run run = {.work = work, .gather = gather};
	return walk(&run, scan, context, error);
}

enum status scan_count(const struct scan *scan, uint64_t *count, struct error *error)
{
	uint64_t found = 0;
	struct run run = {.count = &found};
	enum status status = walk(&run, scan, NULL, error);
	if (status == STATUS_OK)
		*count = found;
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
	block_expect(block, rows);
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
