#include "tails.h"

#include <pthread.h>
#include <stdlib.h>

#include "timestamp.h"

#define HEARTBEAT     (15 * NS_PER_S)
#define REOPEN        (60 * NS_PER_S)   /* a reader keeps old segments open: retention would wait for it */
#define CATCH_UP_TIME (100 * NS_PER_MS) /* of each round, for all that lag */
#define MATCH_TIME    NS_PER_S          /* of a filter, for one block */
enum { SLICE_SEQS = 64 * BLOCK_ROWS_MAX };

struct tails {
	struct store *store;
	pthread_mutex_t lock;
	struct tail *added; /* under lock */

	/* the feeding thread's */
	struct tail *list;
	struct tail *first_behind; /* who is first to catch up in this round */
	struct store_reader *reader;
	int64_t opened_at;
	uint64_t live_seq; /* of the next event for those that are live */
	struct tail_press press;
	struct arena scratch;
};

enum status tails_create(struct tails **tails, struct store *store)
{
	struct tails *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->store = store;
	pthread_mutex_init(&made->lock, NULL);
	arena_init(&made->scratch, 96 * 1024 * 1024);
	enum status status = tail_press_init(&made->press);
	if (status == STATUS_OK)
		*tails = made;
	else
		tails_destroy(&made);
	return status;
}

static void end_tail(struct tails *tails, struct tail **at)
{
	struct tail *tail = *at;
	struct http_account account = {.verb = "tail",
		.words = tail->asked.words,
		.match_bytes = tail->asked.indicators.len,
		.rows = tail->meter.rows};
	*at = tail->next;
	if (tails->first_behind == tail)
		tails->first_behind = NULL;
	http_tail_end(&tail->asked.response, &account);
	tail_destroy(&tail);
}

void tails_destroy(struct tails **tails)
{
	struct tails *gone = *tails;
	if (gone == NULL)
		return;
	store_reader_close(&gone->reader);
	tail_press_finish(&gone->press);
	arena_finish(&gone->scratch);
	pthread_mutex_destroy(&gone->lock);
	free(gone);
	*tails = NULL;
}

void tails_add(struct tails *tails, struct tail *tail)
{
	pthread_mutex_lock(&tails->lock);
	tail->next = tails->added;
	tails->added = tail;
	pthread_mutex_unlock(&tails->lock);
}

static void take_added(struct tails *tails)
{
	pthread_mutex_lock(&tails->lock);
	while (tails->added) {
		struct tail *tail = tails->added;
		tails->added = tail->next;
		tail->next = tails->list;
		tails->list = tail;
	}
	pthread_mutex_unlock(&tails->lock);
}

static void end_those_over(struct tails *tails)
{
	for (struct tail **at = &tails->list; *at;) {
		if (http_tail_is_over((*at)->asked.response))
			end_tail(tails, at);
		else
			at = &(*at)->next;
	}
}

/* --- the reader --- */

static enum status open_reader(struct tails *tails, struct error *error)
{
	int64_t now = timestamp_elapsed();
	if (tails->reader && now - tails->opened_at > REOPEN)
		store_reader_close(&tails->reader);
	if (tails->reader)
		return store_reader_renew(tails->reader, error);
	tails->opened_at = now;
	return store_reader_attach(&tails->reader, tails->store, error);
}

/* --- live --- */

/* Its filter failed on this block: a regular expression came to its limits, say. */
static void fail_tail(struct tails *tails, struct tail *tail, const struct error *error)
{
	for (struct tail **at = &tails->list; *at; at = &(*at)->next) {
		if (*at != tail)
			continue;
		tail_put_error(tail, &tails->press, error);
		end_tail(tails, at);
		return;
	}
}

/* Which rows each live tail wants; *any: their union. */
static void match_live(struct tails *tails, const struct scan_place *place, struct block *block, const uint64_t *rows,
	uint64_t any[ROW_WORDS_MAX])
{
	memset(any, 0, ROW_WORDS_MAX * sizeof(any[0]));
	for (struct tail *tail = tails->list, *next = NULL; tail; tail = next) {
		struct error error = {.text = ""};
		next = tail->next;
		if (!tail->live)
			continue;
		memcpy(tail->rows, rows, sizeof(tail->rows));
		struct match match = {.block = block,
			.store_id = place->store_id,
			.scratch = &tails->scratch,
			.deadline = timestamp_elapsed() + MATCH_TIME,
			.error = &error};
		enum status status = match_rows(&match, &tail->conditions.all, tail->rows);
		if (status != STATUS_OK && error.text[0] == 0)
			(void)error_set(&error, status, "%s", status_text(status));
		if (status != STATUS_OK) {
			fail_tail(tails, tail, &error);
			continue;
		}
		tail->meter.rows += block_count(block);
		for (size_t i = 0; i < ROW_WORDS_MAX; i++)
			any[i] |= tail->rows[i];
	}
}

static bool wants_row(const struct tail *tail, uint32_t row)
{
	return tail->live && row_is_set(tail->rows, row);
}

/* One event to all that want it; most want the same text. */
static void give_event(struct tails *tails, const struct scan_place *place, const struct event *event, uint32_t row)
{
	uint64_t seq = (uint64_t)event->value[FIELD_SEQ].number;
	bool is_json = false; /* what was rendered last */
	for (struct tail *tail = tails->list; tail; tail = tail->next) {
		if (!wants_row(tail, row))
			continue;
		bool json = tail->asked.format == OUTPUT_NDJSON;
		if (!json || !is_json)
			tail_render(tail, &tails->press, event, place->store_id);
		is_json = json;
		if (tail_put_event(tail, &tails->press, seq) == STATUS_OK)
			continue;
		tail->live = false;
		tail->cursor.seq = seq;
	}
}

static enum status visit_live(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct tails *tails = context;
	struct event event;
	uint64_t any[ROW_WORDS_MAX];
	enum status status = STATUS_OK;
	match_live(tails, place, block, rows, any);
	for (uint32_t row = 0; status == STATUS_OK && row < BLOCK_ROWS_MAX && row_next(any, &row); row++) {
		status = block_event(block, row, &event);
		if (status == STATUS_OK)
			give_event(tails, place, &event, row);
	}
	return status;
}

static void tell_coverage(struct tails *tails, struct tail *tail, const struct coverage *coverage)
{
	bool first = !tail->told && tail->cursor.seq >= tails->live_seq;
	if (tail->asked.quiet || (!first && !coverage_has_losses(coverage)))
		return;
	tail->pending = *coverage;
	tail->pending.events = 0;
	tail->pending.more = false;
	tail->has_pending = true;
	if (tail_put_pending(tail, &tails->press) != STATUS_OK)
		tail->live = false;
}

static struct scan scan_between(const struct tails *tails, const struct scan *asked, uint64_t first, uint64_t last)
{
	struct scan scan = *asked;
	scan.store_count = 1;
	scan.stores[0] = (struct scan_store){tails->reader, first, last};
	return scan;
}

static uint64_t slice_end(uint64_t first, uint64_t end)
{
	return end - first > SLICE_SEQS ? first + SLICE_SEQS : end;
}

static void feed_live(struct tails *tails, uint64_t end)
{
	static const struct scan everything = {.since = INT64_MIN, .until = INT64_MAX};
	struct error error = {.text = ""};
	struct coverage coverage = {0};
	uint64_t first = tails->live_seq;
	uint64_t to = slice_end(first, end);
	struct scan scan = scan_between(tails, &everything, first, to - 1);
	scan.coverage = &coverage;
	if (first == to)
		return;
	enum status status = scan_run(&scan, visit_live, tails, &error);
	if (status == STATUS_OK)
		status = coverage_collect(&scan, &coverage, &error);
	/* What failed on the way is met again by each, from where it was. */
	for (struct tail *tail = tails->list; tail; tail = tail->next)
		if (tail->live && status != STATUS_OK)
			tail->live = false;
		else if (tail->live)
			tail->cursor.seq = to;
	tails->live_seq = to;
	for (struct tail *tail = tails->list; tail; tail = tail->next)
		if (tail->live)
			tell_coverage(tails, tail, &coverage);
}

/* --- catching up --- */

struct catching_up {
	struct tails *tails;
	struct tail *tail;
	enum status status; /* of the put that ended it */
};

static enum status give_one(void *context, const struct scan_place *place, const struct event *event)
{
	struct catching_up *one = context;
	tail_render(one->tail, &one->tails->press, event, place->store_id);
	one->status = tail_put_event(one->tail, &one->tails->press, (uint64_t)event->value[FIELD_SEQ].number);
	if (one->status == STATUS_OK)
		return STATUS_OK;
	one->tail->cursor.seq = (uint64_t)event->value[FIELD_SEQ].number;
	return STATUS_LIMIT;
}

/* What lies before the oldest event is not there any more. */
static void note_pruned(struct tails *tails, struct tail *tail, struct coverage *coverage)
{
	uint64_t oldest = store_reader_first_seq(tails->reader);
	if (tail->cursor.seq >= oldest)
		return;
	coverage_add_gap(coverage, tail->cursor.seq, oldest - 1);
	tail->cursor.seq = oldest;
}

static void catch_up(struct tails *tails, struct tail *tail)
{
	struct error error = {.text = ""};
	struct coverage coverage = {0};
	struct catching_up one = {.tails = tails, .tail = tail};
	note_pruned(tails, tail, &coverage);
	uint64_t first = tail->cursor.seq;
	uint64_t to = first < tails->live_seq ? slice_end(first, tails->live_seq) : first;
	struct scan scan = scan_between(tails, &tail->scan, first, to - 1);
	scan.coverage = &coverage;
	scan.deadline = timestamp_elapsed() + SLICE_SEQS / BLOCK_ROWS_MAX * MATCH_TIME;
	enum status status = first < to ? scan_events(&scan, give_one, &one, &error) : STATUS_OK;
	if (status == STATUS_OK && one.status == STATUS_OK)
		tail->cursor.seq = to;
	scan.stores[0].seq_last = tail->cursor.seq - 1;
	if (status == STATUS_OK && first < tail->cursor.seq)
		status = coverage_collect(&scan, &coverage, &error);
	if (status == STATUS_BUSY)
		return; /* the store is being opened anew */
	if (status != STATUS_OK) {
		fail_tail(tails, tail, &error);
		return;
	}
	tail->live = one.status == STATUS_OK && tail->cursor.seq == tails->live_seq;
	tell_coverage(tails, tail, &coverage);
}

/* Whether there is room for what it could not take, and nothing else to be told before. */
static bool can_catch_up(struct tails *tails, struct tail *tail)
{
	if (tail->live || !http_tail_takes(tail->asked.response, tail->need))
		return false;
	if (!tail->started && tail_put_start(tail, &tails->press) != STATUS_OK)
		return false;
	tail->started = true;
	return !tail->has_pending || tail_put_pending(tail, &tails->press) == STATUS_OK;
}

static void feed_behind(struct tails *tails)
{
	int64_t end = timestamp_elapsed() + CATCH_UP_TIME;
	size_t left = 0;
	for (struct tail *tail = tails->list; tail; tail = tail->next)
		left++;
	struct tail *tail = tails->first_behind ? tails->first_behind : tails->list;
	for (; left > 0 && timestamp_elapsed() < end; left--) {
		struct tail *next = tail->next ? tail->next : tails->list;
		if (can_catch_up(tails, tail))
			catch_up(tails, tail); /* which may end it */
		if (tails->list == NULL)
			break;
		tail = next;
	}
	tails->first_behind = tails->list ? tail : NULL;
}

/* --- a round --- */

static void keep_alive(struct tails *tails)
{
	int64_t now = timestamp_elapsed();
	for (struct tail *tail = tails->list; tail; tail = tail->next)
		if (now - tail->put_at >= HEARTBEAT && tail_put_heartbeat(tail, &tails->press) != STATUS_OK)
			tail->put_at = now; /* no room: it does not need one */
}

void tails_feed(struct tails *tails)
{
	struct error error = {.text = ""};
	take_added(tails);
	end_those_over(tails);
	if (tails->list == NULL) {
		store_reader_close(&tails->reader);
		tails->live_seq = 0;
		return;
	}
	if (open_reader(tails, &error) != STATUS_OK)
		return;
	uint64_t end = store_reader_next_seq(tails->reader);
	if (tails->live_seq == 0)
		tails->live_seq = end;
	feed_live(tails, end);
	if (tails->list)
		feed_behind(tails);
	keep_alive(tails);
}
