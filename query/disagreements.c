#include "disagreements.h"

#include <stdlib.h>

#include "conditions.h"
#include "sheet.h"
#include "timeline_unit.h"
#include "timestamp.h"

/*
 * A window is [start, end) of receive time; what is collected for it reaches OVERLAP further on both sides.  A call is
 * told in the window in which its first report was received, so that it is told once.  Windows grow while they hold few
 * calls and shrink when they hold too many; one of the least size that is still too large is told as it is, with `more`.
 * The newest ones are looked for backwards, so that a large store answers as fast as a small one.
 */

#define WINDOW_NS_FIRST (10 * 60 * NS_PER_S)
#define WINDOW_NS_MIN   NS_PER_S
#define WINDOW_NS_MAX   NS_PER_DAY
#define OVERLAP_NS      (2 * 60 * NS_PER_S)

enum { WINDOW_MOMENTS_MAX = 50000, WINDOW_MOMENTS_FEW = 10000, SAYS_BYTES_MAX = 400, ROWS_MAX = 100000 };

/* One disagreement; texts live in the search's arena. */
struct told {
	int64_t at;
	const char *about;
	uint64_t seq[2]; /* of the caller's side and the server's; 0: it tells nothing */
	struct text id, tenant, server, what, observer[2], says[2];
};

struct search {
	const struct scan *scan;
	struct filter filter; /* calls with an observer, within the scan's own filter and range */
	struct output *out;
	struct sheet sheet;
	struct coverage *coverage;
	struct error *error;
	struct arena arena; /* of the filter */
	struct arena texts; /* of what is told */
	struct buf words;
	uint64_t limit; /* 0: none; what is found is written at once */
	struct told *told;
	size_t count, room;
	uint64_t found;
	int64_t first, last; /* receive time of the stores' oldest and newest event, ns */
};

/* --- rows --- */

static const struct sheet_column columns[] = {
	{"time", "TIME", SHEET_TIME, 0},
	{"about", "ABOUT", SHEET_TEXT, 10},
	{"tenant", NULL, SHEET_TEXT, 0},
	{"server", "SERVER", SHEET_TEXT, 14},
	{"what", "WHAT", SHEET_TEXT, 0},
	{"id", NULL, SHEET_TEXT, 0},
	{"outer_seq", "SEQ", SHEET_COUNT, 8},
	{"outer_observer", "ONE", SHEET_TEXT, 18},
	{"outer_says", "SAYS", SHEET_TEXT, 0},
	{"inner_seq", "SEQ", SHEET_COUNT, 8},
	{"inner_observer", "ANOTHER", SHEET_TEXT, 18},
	{"inner_says", "SAYS", SHEET_TEXT, 0},
};

static enum status put_told(struct search *search, const struct told *told)
{
	const struct cell cells[sizeof(columns) / sizeof(columns[0])] = {
		cell_number(told->at),
		cell_text(text_of(told->about)),
		cell_text(told->tenant),
		cell_text(told->server),
		cell_text(told->what),
		cell_text(told->id),
		told->seq[0] ? cell_number((int64_t)told->seq[0]) : cell_none(),
		cell_text(told->observer[0]),
		cell_text(told->says[0]),
		told->seq[1] ? cell_number((int64_t)told->seq[1]) : cell_none(),
		cell_text(told->observer[1]),
		cell_text(told->says[1]),
	};
	return sheet_row(&search->sheet, cells);
}

static struct text keep(struct search *search, struct text text)
{
	if (text.len > SAYS_BYTES_MAX)
		text.len = SAYS_BYTES_MAX;
	return text.len > 0 ? arena_copy(&search->texts, text) : (struct text){NULL, 0};
}

static struct told make_told(struct search *search, const struct moment *leader, const struct difference *difference)
{
	const struct moment *sides[] = {difference->outer, difference->inner};
	struct buf *words = &search->words;
	struct told told = {.at = leader->call.at,
		.about = difference_about(difference->type),
		.id = keep(search, leader->id),
		.tenant = keep(search, leader->tenant),
		.server = keep(search, leader->server),
		.what = keep(search, leader->what)};
	for (size_t i = 0; i < 2; i++) {
		told.seq[i] = sides[i] ? sides[i]->seq : 0;
		buf_clear(words);
		observer_put(words, difference_observer(difference, i == 1));
		told.observer[i] = keep(search, buf_text(words));
		buf_clear(words);
		difference_put_says(words, difference->type, sides[i]);
		told.says[i] = keep(search, buf_text(words));
	}
	return told;
}

static enum status add_told(struct search *search, struct told told)
{
	if (search->count == search->room) {
		size_t room = search->room ? search->room * 2 : 256;
		struct told *grown = realloc(search->told, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		search->told = grown;
		search->room = room;
	}
	search->told[search->count++] = told;
	return STATUS_OK;
}

static int by_time(const void *a, const void *b)
{
	const struct told *first = a;
	const struct told *second = b;
	if (first->at != second->at)
		return first->at < second->at ? -1 : 1;
	uint64_t one = first->seq[0] ? first->seq[0] : first->seq[1];
	uint64_t other = second->seq[0] ? second->seq[0] : second->seq[1];
	if (one != other)
		return one < other ? -1 : 1;
	return strcmp(first->about, second->about);
}

/* Writes, of what is gathered, all but the first ones. */
static enum status write_told(struct search *search, size_t skipped)
{
	enum status status = STATUS_OK;
	if (search->count > 0)
		qsort(search->told, search->count, sizeof(search->told[0]), by_time);
	for (size_t i = skipped; i < search->count && status == STATUS_OK; i++, search->found++)
		status = put_told(search, &search->told[i]);
	search->count = 0;
	arena_clear(&search->texts);
	return status;
}

/* --- one window --- */

static int64_t first_receipt(const struct moment *leader)
{
	int64_t first = leader->outermost->recv_time;
	for (const struct moment *report = leader->outermost; report; report = report->next_report)
		first = report->recv_time < first ? report->recv_time : first;
	return first;
}

static enum status tell_call(
	struct search *search, const struct unit *unit, const struct moment *leader, int64_t start, int64_t end)
{
	struct difference found[DIFFERENCES_MAX];
	int64_t receipt = first_receipt(leader);
	enum status status = STATUS_OK;
	if (receipt < start || receipt >= end)
		return STATUS_OK;
	size_t count = differences_find(unit, leader, found);
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = add_told(search, make_told(search, leader, &found[i]));
	return status;
}

static enum status tell_units(struct search *search, const struct timeline *timeline, int64_t start, int64_t end)
{
	enum status status = STATUS_OK;
	for (const struct unit *unit = timeline->units; unit; unit = unit->next)
		for (size_t i = 0; i < unit->count; i++)
			for (const struct moment *call = unit->moments[i]; call && status == STATUS_OK;
				call = call->next_attempt)
				status = tell_call(search, unit, call, start, end);
	return status;
}

static int64_t shifted(int64_t ns, int64_t by)
{
	int64_t sum = 0;
	if (__builtin_add_overflow(ns, by, &sum))
		return by < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* *calls: how many events it held; *full: not all of them were read. */
static enum status tell_window(struct search *search, int64_t start, int64_t end, size_t *calls, bool *full)
{
	struct timeline *timeline = NULL;
	struct scan scan = *search->scan;
	int64_t overlap = end - start < OVERLAP_NS ? end - start : OVERLAP_NS;
	enum status status = timeline_create(&timeline, false);
	if (status != STATUS_OK)
		return status;
	timeline->moments_max = WINDOW_MOMENTS_MAX;
	scan.by_recv_time = true;
	scan.since = shifted(start, -overlap);
	scan.until = shifted(end, overlap);
	status = timeline_collect_more(timeline, &scan, &search->filter, search->error);
	const struct coverage *met = &timeline->coverage;
	for (uint64_t i = 0; i < met->damages && i < COVERAGE_SHOWN_MAX; i++)
		coverage_add_damage(
			search->coverage, met->damage[i].segment, met->damage[i].first_seq, met->damage[i].count);
	*calls = timeline->count;
	*full = timeline->truncated;
	if (status == STATUS_OK && (!*full || end - start <= WINDOW_NS_MIN)) {
		search->coverage->more = search->coverage->more || *full;
		status = timeline_group(timeline, true);
		if (status == STATUS_OK)
			status = tell_units(search, timeline, start, end);
		*full = false;
	}
	timeline_destroy(&timeline);
	return status;
}

/* --- all windows --- */

/* Tells the window that begins at *at, or (backwards) ends there, and goes on; *width adapts to what it holds. */
static enum status step(struct search *search, bool backward, int64_t *at, int64_t *width)
{
	size_t calls = 0;
	bool full = false;
	int64_t start = backward ? shifted(*at, -*width) : *at;
	int64_t end = backward ? *at : shifted(*at, *width);
	enum status status = tell_window(search, start, end, &calls, &full);
	if (status != STATUS_OK)
		return status;
	if (full) {
		*width = *width / 2 > WINDOW_NS_MIN ? *width / 2 : WINDOW_NS_MIN;
		return STATUS_OK;
	}
	*at = backward ? start : end;
	if (calls < WINDOW_MOMENTS_FEW && *width < WINDOW_NS_MAX)
		*width *= 2;
	return STATUS_OK;
}

static enum status tell_newest(struct search *search)
{
	enum status status = STATUS_OK;
	int64_t width = WINDOW_NS_FIRST;
	int64_t end = shifted(search->last, 1);
	while (status == STATUS_OK && end > search->first && search->count < search->limit)
		status = step(search, true, &end, &width);
	size_t skipped = search->count > search->limit ? search->count - search->limit : 0;
	if (skipped > 0 || end > search->first)
		search->coverage->more = true;
	return status == STATUS_OK ? write_told(search, skipped) : status;
}

static enum status tell_all(struct search *search)
{
	enum status status = STATUS_OK;
	int64_t width = WINDOW_NS_FIRST;
	int64_t start = search->first;
	while (status == STATUS_OK && start <= search->last) {
		status = step(search, false, &start, &width);
		if (status == STATUS_OK)
			status = write_told(search, 0);
	}
	return status;
}

static enum status make_filter(struct search *search)
{
	static const uint8_t field_kind = FIELD_KIND;
	static const uint8_t field_time = FIELD_TIME;
	static const uint8_t observer[] = {FIELD_OBSERVER_ROLE, FIELD_OBSERVER_NAME, FIELD_OBSERVER_INSTANCE};
	const struct scan *scan = search->scan;
	struct arena *arena = &search->arena;
	struct condition *all = condition_group(arena, CONDITION_AND);
	all = condition_add(all, condition_exact(arena, &field_kind, 1, TEXT("tool_call")));
	all = condition_add(all, condition_exists(arena, observer, sizeof(observer)));
	if (!scan->by_recv_time && (scan->since != INT64_MIN || scan->until != INT64_MAX))
		all = condition_add(all, condition_between(arena, &field_time, scan->since, scan->until - 1));
	if (scan->filter)
		all = condition_add(all, condition_copy(arena, scan->filter->root));
	search->filter = (struct filter){.root = all, .asks_texts = scan->filter && scan->filter->asks_texts};
	return all ? STATUS_OK : STATUS_NO_MEMORY;
}

/*
 * When events were received that may be asked for.  An event whose own time is in the range was received after it, but
 * for a clock that was ahead; those that are a day or more off are found where they are received.
 */
static enum status find_range(struct search *search)
{
	const struct scan *scan = search->scan;
	search->first = INT64_MAX;
	search->last = INT64_MIN;
	for (size_t i = 0; i < scan->store_count; i++) {
		struct store_figures figures;
		enum status status = store_reader_figures(scan->stores[i].reader, &figures);
		if (status != STATUS_OK)
			return status;
		if (figures.events == 0)
			continue;
		if (figures.oldest_recv_time < search->first)
			search->first = figures.oldest_recv_time;
		if (figures.newest_recv_time > search->last)
			search->last = figures.newest_recv_time;
	}
	int64_t since =
		scan->by_recv_time || scan->since == INT64_MIN ? scan->since : shifted(scan->since, -NS_PER_DAY);
	search->first = since > search->first ? since : search->first;
	if (scan->by_recv_time && scan->until <= search->last)
		search->last = scan->until - 1;
	return STATUS_OK;
}

enum status disagreements_put(const struct scan *scan, uint64_t limit, enum output_format format, struct output *out,
	struct coverage *coverage, struct error *error)
{
	enum { ARENA_BYTES_MAX = 16 * 1024 * 1024, TEXT_BYTES_MAX = 256 * 1024 * 1024 };
	struct search search = {.scan = scan, .out = out, .coverage = coverage, .error = error, .limit = limit};
	if (limit > ROWS_MAX)
		return error_set(error, STATUS_INVALID, "-n is at most %d here, or 0: all", ROWS_MAX);
	arena_init(&search.arena, ARENA_BYTES_MAX);
	arena_init(&search.texts, TEXT_BYTES_MAX);
	buf_init(&search.words, BLOCK_RAW_BYTES_MAX);
	sheet_begin(&search.sheet, out, format, columns, sizeof(columns) / sizeof(columns[0]));
	enum status status = make_filter(&search);
	if (status == STATUS_OK)
		status = find_range(&search);
	if (status == STATUS_OK)
		status = limit > 0 ? tell_newest(&search) : tell_all(&search);
	coverage->events = search.found;
	if (status == STATUS_OK)
		status = coverage_collect(scan, coverage, error);
	if (status == STATUS_OK)
		status = sheet_end(&search.sheet, coverage);
	free(search.told);
	buf_finish(&search.words);
	arena_finish(&search.texts);
	arena_finish(&search.arena);
	return status;
}
