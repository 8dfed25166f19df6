#include "timeline_unit.h"

#include <inttypes.h>
#include <stdio.h>

#include "printable.h"
#include "timestamp.h"

/*
 * A timeline for people, below the head (timeline_head.c):
 *
 *   SEQ       AFTER      TOOK   WHAT  OUTCOME
 *    11       start    4.1 ms ✓ connects  ok
 *                              “find the config the user asked about”
 *    12     +120 ms   20.3 ms ✓ read_file path=/srv/app.yaml  ok: server: port: 8080 …
 *    13     +125 ms      9 ms └─ ✗ query sql="select 1"  tool error: no such table
 *                              ≠ client desktop: timed out after 5 s; server db: tool error after 9 ms
 *                            ·· nothing for 12 min ··
 *    14      +13 min     3 ms ✓ remove_user [deletes?] id=7  ok (2 attempts: timed out)
 *
 * SEQ is what `mcpledger show` takes.
 */

enum { SEQ_COLUMNS_MIN = 4, OFFSET_COLUMNS = 12, TOOK_COLUMNS = 10, SIGN_COLUMNS = 3, WORDS_BYTES_MAX = 64 * 1024 };
#define IDLE_SHOWN_NS (5 * 60 * NS_PER_S)

struct page {
	struct output *out;
	struct timeline *timeline;
	const struct unit *unit;
	bool many_servers;
	bool claims;        /* some effect was shown that is only claimed */
	size_t seq_columns; /* of the widest seq */
	struct text intent; /* last shown */
	struct text turn;
	bool many_turns;
	int64_t busy_until; /* ns */
	uint64_t last_seq;  /* highest shown, of the only store */
	uint64_t next_gap;  /* of the coverage's */
	size_t next_loss, next_hole, hole_count;
	struct hole *holes;
};

static const char *const colors[TONE_COUNT] = {
	[TONE_GOOD] = "\x1b[32m",
	[TONE_BAD] = "\x1b[31m",
	[TONE_REFUSED] = "\x1b[33m",
	[TONE_WAITING] = "\x1b[33m",
	[TONE_UNKNOWN] = "\x1b[35m",
	[TONE_NOTE] = "\x1b[2m",
};

static void put_color(struct output *out, const char *color)
{
	if (out->color)
		buf_put_string(&out->text, color);
}

static void put_spaces(struct buf *out, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_put_byte(out, ' ');
}

/* Where signs stand. */
static size_t left_columns(const struct page *page)
{
	return page->seq_columns + OFFSET_COLUMNS + TOOK_COLUMNS + 1;
}

/* What a line has for words behind the signs and so many columns more. */
static size_t columns_left(const struct page *page, size_t used)
{
	size_t fixed = left_columns(page) + used;
	return page->out->width > fixed + 30 ? page->out->width - fixed : 30;
}

static void put_right(struct buf *out, const char *text, size_t columns)
{
	size_t used = printable_columns(text_of(text));
	put_spaces(out, columns > used ? columns - used : 0);
	buf_put_string(out, text);
}

/* --- between the lines --- */

static void put_aside(const struct page *page, const char *text)
{
	struct output *out = page->out;
	put_spaces(&out->text, left_columns(page));
	put_color(out, "\x1b[2m");
	buf_printf(&out->text, "·· %s ··", text);
	put_color(out, "\x1b[0m");
	buf_put_byte(&out->text, '\n');
}

static void put_gap(struct page *page, const struct moment *moment)
{
	const struct coverage *coverage = &page->timeline->coverage;
	uint64_t shown = coverage->gaps < COVERAGE_SHOWN_MAX ? coverage->gaps : COVERAGE_SHOWN_MAX;
	for (; page->next_gap < shown && coverage->gap[page->next_gap].last < moment->seq; page->next_gap++) {
		const struct coverage_gap *gap = &coverage->gap[page->next_gap];
		char text[128];
		if (page->last_seq == 0 || page->last_seq > gap->first)
			continue;
		(void)snprintf(text, sizeof(text),
			"%" PRIu64 " events of the store are missing here (seq %" PRIu64 "-%" PRIu64 ")",
			gap->last - gap->first + 1, gap->first, gap->last);
		put_aside(page, text);
	}
}

static void put_losses(struct page *page, int64_t until)
{
	const struct timeline *timeline = page->timeline;
	for (; page->next_loss < timeline->loss_count; page->next_loss++) {
		const struct moment *loss = timeline->losses[page->next_loss];
		if (loss->time > until)
			return;
		if (loss->time < page->unit->start)
			continue;
		struct buf text;
		buf_init(&text, 4096);
		printable_put(&text, loss->what);
		if (loss->own.outcome.len > 0) {
			buf_put_string(&text, ": ");
			(void)printable_put_columns(&text, loss->own.outcome, 100);
		}
		buf_put_byte(&text, 0);
		if (buf_status(&text) == STATUS_OK)
			put_aside(page, text.at);
		buf_finish(&text);
	}
}

static void put_emitter_gaps(struct page *page, int64_t until)
{
	for (; page->next_hole < page->hole_count && page->holes[page->next_hole].at < until; page->next_hole++) {
		const struct emitter_gap *gap = page->holes[page->next_hole].gap;
		struct buf text;
		buf_init(&text, WORDS_BYTES_MAX);
		(void)printable_put_columns(&text, gap->role.len > 0 ? gap->role : TEXT("observer"), 20);
		buf_put_byte(&text, ' ');
		(void)printable_put_columns(&text, gap->name, 40);
		buf_printf(&text, " sent %" PRIu64 " that never came (its numbers %" PRId64 " to %" PRId64 ")",
			(uint64_t)gap->last - (uint64_t)gap->first + 1, gap->first, gap->last);
		buf_put_byte(&text, 0);
		if (buf_status(&text) == STATUS_OK)
			put_aside(page, text.at);
		buf_finish(&text);
	}
}

static void put_idle(struct page *page, const struct moment *moment)
{
	char took[TIMESTAMP_TEXT_BYTES];
	char text[TIMESTAMP_TEXT_BYTES + 32];
	if (page->busy_until == INT64_MIN || moment->call.at <= page->busy_until ||
		moment->call.at - page->busy_until < IDLE_SHOWN_NS)
		return;
	(void)duration_format(moment->call.at - page->busy_until, took);
	(void)snprintf(text, sizeof(text), "nothing for %s", took);
	put_aside(page, text);
}

static void put_intent(struct page *page, const struct moment *moment)
{
	struct output *out = page->out;
	if (moment->intent.len == 0 || text_equal(moment->intent, page->intent))
		return;
	page->intent = moment->intent;
	put_spaces(&out->text, left_columns(page));
	put_color(out, "\x1b[3m");
	buf_put_string(&out->text, "“");
	(void)printable_put_columns(&out->text, moment->intent, columns_left(page, 2));
	buf_put_string(&out->text, "”");
	put_color(out, "\x1b[0m");
	buf_put_byte(&out->text, '\n');
}

/* --- one line a moment --- */

/* The lines of the tree: depth 1 and more; rails bit d is set where the level d goes on below. */
static size_t put_branches(struct buf *out, unsigned depth, uint64_t rails, bool last)
{
	if (depth == 0)
		return 0;
	for (unsigned level = 1; level < depth; level++)
		buf_put_string(out, rails >> (level % 64) & 1 ? "│  " : "   ");
	buf_put_string(out, last ? "└─ " : "├─ ");
	return (size_t)depth * 3;
}

static void put_times(struct page *page, const struct moment *moment)
{
	char text[TIMESTAMP_TEXT_BYTES + 1];
	struct buf *out = &page->out->text;
	(void)snprintf(text, sizeof(text), "%" PRIu64, moment->seq);
	put_right(out, text, page->seq_columns);
	(void)snprintf(text, sizeof(text), "+");
	int64_t offset = moment->call.at - page->unit->start;
	if (offset == 0)
		(void)snprintf(text, sizeof(text), "start");
	else
		(void)duration_format(offset, text + (offset > 0));
	put_right(out, text, OFFSET_COLUMNS);
	text[0] = 0;
	if (moment->call.has_duration)
		(void)duration_format(moment->call.duration_ns, text);
	put_right(out, text, TOOK_COLUMNS);
	put_spaces(out, 1);
}

/* Parameters get half of what is left (a third, where it failed), and what the outcome does not need. */
static size_t parameter_columns(const struct moment *moment, size_t left, size_t outcome)
{
	bool bad = moment->call.tone == TONE_BAD || moment->call.tone == TONE_REFUSED;
	size_t least = bad ? left / 3 : left / 2;
	return outcome + least < left ? left - outcome : least;
}

/* What a call does to the world, where that is more than to read: a claim unless an operator or a definition says so. */
static size_t put_effect(struct page *page, const struct moment *moment)
{
	enum { WORD_DELETES };
	static const struct {
		struct text effect;
		const char *word;
	} words[] = {[WORD_DELETES] = {TEXT("delete"), "deletes"},
		{TEXT("create"), "creates"},
		{TEXT("update"), "changes"},
		{TEXT("execute"), "executes"}};
	struct buf *text = &page->out->text;
	size_t start = text->len;
	bool known = text_equal(moment->effect_source, TEXT("operator")) ||
		     text_equal(moment->effect_source, TEXT("definition"));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!text_equal(moment->effect, words[i].effect) || !moment->is_call)
			continue;
		/* A hint says no more than that it destroys something. */
		bool hint = i == WORD_DELETES && text_equal(moment->effect_source, TEXT("hints"));
		buf_printf(text, " [%s%s]", hint ? "destructive" : words[i].word, known ? "" : "?");
		page->claims = page->claims || !known;
	}
	return text->len - start;
}

/* "3 attempts: timed out ×2, then ok": what became of each. */
static void put_attempts(struct buf *out, const struct moment *first)
{
	enum { SHOWN_MAX = 4 };
	unsigned shown = 0;
	const struct moment *attempt = first;
	if (first->attempts == 1)
		return;
	buf_printf(out, "%u attempts: ", first->attempts);
	while (attempt != first->last_attempt && shown++ < SHOWN_MAX) {
		const struct moment *same = attempt;
		unsigned times = 0;
		for (; attempt != first->last_attempt && text_equal(attempt->own.verdict, same->own.verdict);
			attempt = attempt->next_attempt)
			times++;
		bool waits = same->own.tone == TONE_WAITING;
		buf_put_string(out, shown > 1 ? ", " : "");
		buf_put_string(out, waits ? "asked for input" : verdict_words(same->own.verdict));
		if (times > 1)
			buf_printf(out, " ×%u", times);
	}
	buf_put_string(out, attempt != first->last_attempt ? ", …, then " : ", then ");
}

static size_t put_what(struct page *page, const struct moment *moment, size_t columns)
{
	struct output *out = page->out;
	size_t used = 0;
	if (page->many_servers && moment->server.len > 0) {
		used += printable_put_columns(&out->text, moment->server, columns / 5);
		used += printable_put_columns(&out->text, TEXT(" · "), 3);
	}
	bool alone = moment->parameters.len == 0 && moment->call.outcome.len == 0;
	put_color(out, "\x1b[1m");
	used += printable_put_columns(&out->text, moment->what, alone ? columns - used : columns * 2 / 5);
	put_color(out, "\x1b[0m");
	put_color(out, "\x1b[33m");
	used += put_effect(page, moment);
	put_color(out, "\x1b[0m");
	return used;
}

/* times: how many events of the same kind the line stands for. */
static void put_words(struct page *page, const struct moment *moment, size_t columns, unsigned times)
{
	struct output *out = page->out;
	struct buf *text = &out->text;
	struct buf outcome;
	size_t used = put_what(page, moment, columns);
	size_t left = columns > used + 1 ? columns - used - 1 : 0;
	buf_init(&outcome, WORDS_BYTES_MAX);
	put_attempts(&outcome, moment);
	buf_put_text(&outcome, moment->call.outcome);
	if (times > 1)
		buf_printf(&outcome, " (%u times)", times);
	size_t wanted = 2 + printable_columns(buf_text(&outcome));
	if (moment->call.tone == TONE_GOOD && moment->call.result.len > 0)
		wanted += 2 + printable_columns(moment->call.result);
	if (moment->parameters.len > 0 && left > 8) {
		put_spaces(text, 1);
		left -= printable_put_columns(text, moment->parameters, parameter_columns(moment, left, wanted));
	}
	if (outcome.len > 0 && left >= 6) {
		put_spaces(text, 2);
		put_color(out, colors[moment->call.tone]);
		left -= 2 + printable_put_columns(text, buf_text(&outcome), left - 2);
		put_color(out, "\x1b[0m");
		if (moment->call.tone == TONE_GOOD && moment->call.result.len > 0 && left > 6) {
			buf_put_string(text, ": ");
			(void)printable_put_columns(text, moment->call.result, left - 2);
		}
	}
	buf_finish(&outcome);
}

/* Definitions that a server gave for the first time, one after the other: only how many, and which. */
static bool starts_definitions(const struct moment *moment)
{
	return text_equal(moment->kind, TEXT("tool_definition")) && text_equal(moment->op, TEXT("first_seen")) &&
	       moment->children == NULL;
}

static const struct moment *put_definitions(struct page *page, const struct moment *moment, size_t columns)
{
	struct buf names;
	unsigned count = 0;
	buf_init(&names, columns * 8 + 64 * 1024);
	for (;; moment = moment->next) {
		buf_put_string(&names, count++ ? ", " : "");
		buf_put_text(&names, moment->target);
		if (moment->next == NULL || !starts_definitions(moment->next))
			break;
	}
	size_t start = page->out->text.len;
	buf_printf(&page->out->text, "%u tool definition%s seen for the first time: ", count, count == 1 ? "" : "s");
	size_t used = page->out->text.len - start;
	(void)printable_put_columns(&page->out->text, buf_text(&names), columns > used ? columns - used : 1);
	buf_finish(&names);
	return moment;
}

/* Questions about a task, one after the other, are one line: the first one, and how many there were. */
static bool repeats(const struct moment *moment, const struct moment *next)
{
	return next && moment->relation == RELATION_TASK && next->relation == RELATION_TASK &&
	       text_equal(moment->action, next->action) && moment->call.tone == next->call.tone &&
	       moment->children == NULL && next->children == NULL;
}

static const struct moment *put_repeats(struct page *page, const struct moment *moment, size_t columns)
{
	const struct moment *last = moment;
	unsigned times = 1;
	for (; repeats(moment, last->next); last = last->next)
		times++;
	put_words(page, moment, columns, times);
	return last;
}

/* --- below a line --- */

/* Begins a line under a moment: where its words stand. */
static size_t put_under(struct page *page, unsigned depth, uint64_t rails, const struct moment *moment)
{
	struct buf *text = &page->out->text;
	put_spaces(text, left_columns(page));
	for (unsigned level = 1; level <= depth; level++)
		buf_put_string(text, rails >> (level % 64) & 1 ? "│  " : "   ");
	buf_put_string(text, moment->children ? "│ " : "  ");
	return columns_left(page, (size_t)depth * 3 + 2);
}

static void put_note(struct page *page, size_t columns, const struct buf *words)
{
	put_color(page->out, "\x1b[35m");
	(void)printable_put_columns(&page->out->text, buf_text(words), columns);
	put_color(page->out, "\x1b[0m");
	buf_put_byte(&page->out->text, '\n');
}

static void put_difference(struct buf *words, const struct difference *difference)
{
	const struct moment *reports[] = {difference->outer, difference->inner};
	buf_put_string(words, "≠ ");
	if (difference->type == DIFFERENCE_UNSEEN) {
		observer_put(words, difference->missing);
		buf_put_string(words, " does not tell of this call, only ");
		observer_put(words, difference->outer->observer);
		return;
	}
	bool tried = difference->outer->observer == difference->inner->observer;
	if (difference->type > DIFFERENCE_DURATION)
		buf_printf(words, "%s: ", difference_about(difference->type));
	for (size_t i = 0; i < 2; i++) {
		buf_put_string(words, i ? "; " : "");
		if (tried)
			buf_put_string(words, i ? "then " : "tried twice by ");
		if (!tried || i == 0) {
			observer_put(words, reports[i]->observer);
			buf_put_string(words, ": ");
		}
		difference_put_says(words, difference->type, reports[i]);
	}
}

static void put_differences(
	struct page *page, const struct moment *leader, unsigned depth, uint64_t rails, const struct moment *shown)
{
	struct difference found[DIFFERENCES_MAX];
	struct buf words;
	size_t count = differences_find(page->unit, leader, found);
	buf_init(&words, WORDS_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		buf_clear(&words);
		put_difference(&words, &found[i]);
		put_note(page, put_under(page, depth, rails, shown), &words);
	}
	buf_finish(&words);
}

static void put_time_notes(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	struct buf words;
	char time[TIMESTAMP_TEXT_BYTES];
	buf_init(&words, WORDS_BYTES_MAX);
	(void)timestamp_format_table(moment->time, page->out->utc, time);
	if (moment->suspect)
		buf_printf(&words, "it says that it was at %s, a day or more off; shown when it was received", time);
	else if (moment->lacks_start)
		buf_put_string(&words, "its start was never seen; shown at its end");
	if (words.len > 0)
		put_note(page, put_under(page, depth, rails, moment), &words);
	buf_finish(&words);
}

static void put_below(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	for (const struct moment *attempt = moment; attempt; attempt = attempt->next_attempt)
		put_differences(page, attempt, depth, rails, moment);
	put_time_notes(page, moment, depth, rails);
}

static void put_turn(struct page *page, const struct moment *moment)
{
	enum { TURN_COLUMNS = 40 };
	struct buf text;
	if (!page->many_turns || moment->turn_id.len == 0 || text_equal(moment->turn_id, page->turn))
		return;
	page->turn = moment->turn_id;
	buf_init(&text, WORDS_BYTES_MAX);
	buf_put_string(&text, "turn ");
	(void)printable_put_columns(&text, moment->turn_id, TURN_COLUMNS);
	buf_put_byte(&text, 0);
	if (buf_status(&text) == STATUS_OK)
		put_aside(page, text.at);
	buf_finish(&text);
}

static void put_between(struct page *page, const struct moment *moment)
{
	put_losses(page, moment->call.at);
	put_emitter_gaps(page, moment->call.at);
	if (!page->timeline->many_stores)
		put_gap(page, moment);
	put_idle(page, moment);
	put_turn(page, moment);
}

/* Writes a moment, or a run that one line tells; returns the last one that was written. */
static const struct moment *put_moment(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	struct output *out = page->out;
	const struct moment *last = moment;
	put_intent(page, moment);
	put_times(page, moment);
	size_t branches = put_branches(&out->text, depth, rails, moment->next == NULL);
	put_color(out, colors[moment->call.tone]);
	buf_put_string(&out->text, tone_sign(moment->call.tone));
	put_color(out, "\x1b[0m");
	put_spaces(&out->text, 1);
	size_t columns = columns_left(page, branches + SIGN_COLUMNS);
	if (starts_definitions(moment))
		last = put_definitions(page, moment, columns);
	else
		last = put_repeats(page, moment, columns);
	buf_put_byte(&out->text, '\n');
	uint64_t below = depth > 0 && moment->next == NULL ? rails & ~(UINT64_C(1) << (depth % 64))
							   : rails | (depth > 0 ? UINT64_C(1) << (depth % 64) : 0);
	put_below(page, moment, depth, below);
	int64_t end = telling_end(&last->call);
	page->last_seq = last->seq > page->last_seq ? last->seq : page->last_seq;
	page->busy_until = end > page->busy_until ? end : page->busy_until;
	return last;
}

static enum status put_moments(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	uint64_t bit = UINT64_C(1) << (depth % 64);
	for (; moment; moment = moment->next) {
		enum status status = STATUS_OK;
		if (!timeline_skips(page->timeline)) {
			if (depth == 0)
				put_between(page, moment);
			moment = put_moment(page, moment, depth, rails);
			status = output_step(page->out);
		}
		if (status == STATUS_OK)
			status = put_moments(page, moment->children, depth + 1,
				moment->next && depth > 0 ? rails | bit : rails & ~bit);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* --- the whole --- */

static enum status look_over(struct page *page)
{
	const struct unit *unit = page->unit;
	uint64_t highest = 0;
	char digits[TIMESTAMP_TEXT_BYTES];
	struct text turn = {NULL, 0};
	for (size_t i = 0; i < unit->count; i++) {
		const struct moment *moment = unit->moments[i];
		highest = moment->seq > highest ? moment->seq : highest;
		page->many_turns = page->many_turns ||
				   (turn.len > 0 && moment->turn_id.len > 0 && !text_equal(turn, moment->turn_id));
		turn = moment->turn_id.len > 0 ? moment->turn_id : turn;
	}
	size_t columns = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, highest);
	page->seq_columns = columns > SEQ_COLUMNS_MIN ? columns : SEQ_COLUMNS_MIN;
	return unit_find_holes(page->timeline, unit, &page->holes, &page->hole_count);
}

static void put_columns_head(const struct page *page)
{
	struct output *out = page->out;
	put_color(out, "\x1b[2m");
	put_right(&out->text, "SEQ", page->seq_columns);
	put_right(&out->text, "AFTER", OFFSET_COLUMNS);
	put_right(&out->text, "TOOK", TOOK_COLUMNS);
	buf_put_string(&out->text, "   WHAT, WITH WHAT, OUTCOME\n");
	put_color(out, "\x1b[0m");
}

static void put_foot(const struct timeline *timeline, struct output *out, bool claims)
{
	if (claims)
		buf_put_string(&out->text, "[…?]: so the tool's name, its hints or the sender claim.\n");
	if (timeline->truncated)
		buf_printf(&out->text, "Only the first %d events are shown: narrow it down with --since and --until.\n",
			TIMELINE_MOMENTS_MAX);
	if (timeline->more_ids)
		buf_put_string(&out->text, "There are too many sessions and traces to look for all that others "
					   "reported of these calls.\n");
	if (timeline->units && timeline->searched)
		buf_put_string(
			&out->text, "Only what matches is shown; mcpledger timeline ID shows the whole of it.\n");
	if (timeline->units)
		buf_put_string(&out->text, "All about a line: mcpledger show SEQ\n");
}

enum status timeline_put_text(struct timeline *timeline, struct output *out)
{
	bool claims = false;
	bool any = false;
	if (timeline->skipped > 0)
		buf_printf(&out->text, "%" PRIu64 " earlier events and calls are left out.\n\n", timeline->skipped);
	for (const struct unit *unit = timeline->units; unit; unit = unit->next) {
		struct page page = {.out = out, .timeline = timeline, .unit = unit, .busy_until = INT64_MIN};
		if (timeline_skips_unit(timeline, unit))
			continue;
		buf_put_string(&out->text, any ? "\n" : "");
		any = true;
		page.many_servers = unit_put_head(timeline, unit, out) > 1;
		enum status status = look_over(&page);
		put_columns_head(&page);
		if (status == STATUS_OK)
			status = put_moments(&page, unit->first, 0, 0);
		if (status != STATUS_OK)
			return status;
		put_losses(&page, unit->end);
		put_emitter_gaps(&page, INT64_MAX);
		claims = claims || page.claims;
	}
	put_foot(timeline, out, claims);
	return output_flush(out);
}
