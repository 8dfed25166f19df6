#include "timeline.h"

#include <inttypes.h>
#include <stdio.h>

#include "printable.h"
#include "timestamp.h"

/*
 * A timeline for people:
 *
 *   Session  92c19ee4-850d-4447-af89-a3c5547ceeeb
 *   Who      alice@acme.io (claimed), agent triage-bot, program claude-desktop
 *   Servers  filesystem
 *   When     2026-11-20 10:00:00.000 to 10:00:02.500, 2.5 s
 *   Calls    3: 2 ok, 1 failed
 *
 *      +0 ms    4.1 ms  ✓ connects  ok
 *               "find the config the user asked about"
 *    +120 ms   20.3 ms  ✓ read_file path=/srv/app.yaml  ok: server: port: 8080 …
 *                       └─ ✗ query sql="select 1"  tool error: no such table
 *            ·· nothing for 12 min ··
 */

enum { OFFSET_COLUMNS = 12, TOOK_COLUMNS = 9, SHOWN_NAMES_MAX = 8 };
#define IDLE_SHOWN_NS (5 * 60 * NS_PER_S)

struct page {
	struct output *out;
	const struct timeline *timeline;
	const struct unit *unit;
	bool many_servers;
	struct text intent; /* last shown */
	int64_t busy_until; /* ns */
	uint64_t last_seq;  /* highest shown */
	uint64_t next_gap;  /* of the coverage's */
	size_t next_loss;
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

static void put_right(struct buf *out, const char *text, size_t columns)
{
	size_t used = printable_columns(text_of(text));
	put_spaces(out, columns > used ? columns - used : 0);
	buf_put_string(out, text);
}

/* --- the head --- */

typedef struct text moment_name(const struct moment *moment);

static struct text name_user(const struct moment *moment)
{
	return moment->user;
}

static struct text name_agent(const struct moment *moment)
{
	return moment->agent;
}

static struct text name_client(const struct moment *moment)
{
	return moment->client;
}

static struct text name_server(const struct moment *moment)
{
	return moment->server;
}

/* Gathers the different names of a unit's moments, depth first; returns how many there are (names: the first ones). */
static size_t gather(const struct moment *moment, moment_name *name_of, struct text *names, size_t count)
{
	for (; moment; moment = moment->next) {
		struct text name = name_of(moment);
		bool known = name.len == 0;
		for (size_t i = 0; i < count && !known; i++)
			known = i < SHOWN_NAMES_MAX && text_equal(names[i], name);
		if (!known && count < SHOWN_NAMES_MAX)
			names[count++] = name;
		else if (!known)
			count = SHOWN_NAMES_MAX;
		count = gather(moment->children, name_of, names, count);
	}
	return count;
}

static void put_label(struct output *out, const char *label)
{
	put_color(out, "\x1b[1m");
	buf_printf(&out->text, "%-12s", label);
	put_color(out, "\x1b[0m");
	buf_put_byte(&out->text, ' ');
}

static void put_names(struct buf *out, const struct text *names, size_t count, const char *before)
{
	for (size_t i = 0; i < count; i++) {
		buf_put_string(out, i ? ", " : before);
		(void)printable_put_columns(out, names[i], 60);
	}
}

static bool all_verified(const struct moment *moment)
{
	for (; moment; moment = moment->next)
		if ((moment->user.len > 0 && !text_equal(moment->trust, TEXT("verified"))) ||
			!all_verified(moment->children))
			return false;
	return true;
}

static void put_who(struct output *out, const struct unit *unit)
{
	struct text names[SHOWN_NAMES_MAX];
	size_t start = out->text.len;
	put_label(out, "Who");
	size_t label = out->text.len;
	size_t users = gather(unit->first, name_user, names, 0);
	put_names(&out->text, names, users, "");
	if (users > 0)
		buf_put_string(&out->text, all_verified(unit->first) ? " (verified)" : " (as claimed, not verified)");
	size_t agents = gather(unit->first, name_agent, names, 0);
	put_names(&out->text, names, agents, users > 0 ? "; agent " : "agent ");
	size_t clients = gather(unit->first, name_client, names, 0);
	put_names(&out->text, names, clients, users + agents > 0 ? "; with the program " : "the program ");
	if (out->text.len == label && out->text.failed == STATUS_OK)
		out->text.len = start;
	else
		buf_put_byte(&out->text, '\n');
}

static void put_when(struct output *out, const struct unit *unit)
{
	char first[TIMESTAMP_TEXT_BYTES];
	char last[TIMESTAMP_TEXT_BYTES];
	char took[TIMESTAMP_TEXT_BYTES];
	enum { DATE_BYTES = 11 };
	(void)timestamp_format_table(unit->start, out->utc, first);
	(void)timestamp_format_table(unit->end, out->utc, last);
	(void)duration_format(unit->end - unit->start, took);
	bool same_day = memcmp(first, last, DATE_BYTES) == 0;
	put_label(out, "When");
	buf_printf(&out->text, "%s to %s%s, %s\n", first, same_day ? last + DATE_BYTES : last, out->utc ? " UTC" : "",
		took);
}

static void put_calls(struct output *out, const struct unit *unit)
{
	unsigned good = unit->calls - unit->failed - unit->refused - unit->unknown;
	put_label(out, "Calls");
	buf_printf(&out->text, "%u", unit->calls);
	const struct {
		unsigned count;
		const char *words;
	} parts[] = {{good, "ok"}, {unit->failed, "failed"}, {unit->refused, "denied or refused"},
		{unit->unknown, "with unknown outcome"}};
	const char *before = ": ";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		buf_printf(&out->text, "%s%u %s", before, parts[i].count, parts[i].words);
		before = ", ";
	}
	buf_put_byte(&out->text, '\n');
}

static void put_head(struct page *page)
{
	static const char *const names[] = {[UNIT_CONVERSATION] = "Conversation",
		[UNIT_SESSION] = "Session",
		[UNIT_TRACE] = "Trace",
		[UNIT_INFERRED] = "Inferred"};
	struct output *out = page->out;
	struct text servers[SHOWN_NAMES_MAX];
	put_label(out, names[page->unit->type]);
	if (page->unit->type == UNIT_INFERRED)
		buf_put_string(
			&out->text, "same user, program and server, without a pause of 30 minutes; no id joins these");
	else
		printable_put(&out->text, page->unit->id);
	buf_put_byte(&out->text, '\n');
	put_who(out, page->unit);
	size_t count = gather(page->unit->first, name_server, servers, 0);
	page->many_servers = count > 1;
	if (count > 0) {
		put_label(out, count > 1 ? "Servers" : "Server");
		put_names(&out->text, servers, count, "");
		buf_put_byte(&out->text, '\n');
	}
	put_when(out, page->unit);
	put_calls(out, page->unit);
	buf_put_byte(&out->text, '\n');
}

/* --- between the lines --- */

static void put_aside(struct output *out, const char *text)
{
	put_spaces(&out->text, OFFSET_COLUMNS + TOOK_COLUMNS + 2);
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
		put_aside(page->out, text);
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
		if (loss->outcome.len > 0) {
			buf_put_string(&text, ": ");
			(void)printable_put_columns(&text, loss->outcome, 100);
		}
		buf_put_byte(&text, 0);
		if (buf_status(&text) == STATUS_OK)
			put_aside(page->out, text.at);
		buf_finish(&text);
	}
}

static void put_idle(struct page *page, const struct moment *moment)
{
	char took[TIMESTAMP_TEXT_BYTES];
	char text[TIMESTAMP_TEXT_BYTES + 32];
	if (page->busy_until == INT64_MIN || moment->time <= page->busy_until ||
		moment->time - page->busy_until < IDLE_SHOWN_NS)
		return;
	(void)duration_format(moment->time - page->busy_until, took);
	(void)snprintf(text, sizeof(text), "nothing for %s", took);
	put_aside(page->out, text);
}

static void put_intent(struct page *page, const struct moment *moment)
{
	struct output *out = page->out;
	if (moment->intent.len == 0 || text_equal(moment->intent, page->intent))
		return;
	page->intent = moment->intent;
	put_spaces(&out->text, OFFSET_COLUMNS + TOOK_COLUMNS + 2);
	put_color(out, "\x1b[3m");
	buf_put_string(&out->text, "“");
	(void)printable_put_columns(&out->text, moment->intent, out->width - OFFSET_COLUMNS - TOOK_COLUMNS - 5);
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
	char text[TIMESTAMP_TEXT_BYTES + 1] = "+";
	struct buf *out = &page->out->text;
	int64_t offset = moment->time - page->unit->start;
	if (offset == 0)
		(void)snprintf(text, sizeof(text), "start");
	else
		(void)duration_format(offset, text + (offset > 0));
	put_right(out, text, OFFSET_COLUMNS);
	text[0] = 0;
	if (moment->has_duration)
		(void)duration_format(moment->duration_ns, text);
	put_right(out, text, TOOK_COLUMNS + 1);
	put_spaces(out, 1);
}

/* Parameters get half of what is left (a third, where it failed), and what the outcome does not need. */
static size_t parameter_columns(const struct moment *moment, size_t left)
{
	size_t outcome = 2 + printable_columns(moment->outcome);
	if (moment->tone == TONE_GOOD && moment->result.len > 0)
		outcome += 2 + printable_columns(moment->result);
	bool bad = moment->tone == TONE_BAD || moment->tone == TONE_REFUSED;
	size_t least = bad ? left / 3 : left / 2;
	return outcome + least < left ? left - outcome : least;
}

static void put_words(struct page *page, const struct moment *moment, size_t columns)
{
	struct output *out = page->out;
	struct buf *text = &out->text;
	size_t used = 0;
	if (moment->repeat) {
		used += printable_put_columns(text, TEXT("the same, seen by "), columns);
		used += printable_put_columns(
			text, moment->observer_role.len > 0 ? moment->observer_role : moment->server, columns - used);
	} else {
		if (page->many_servers && moment->server.len > 0) {
			used += printable_put_columns(text, moment->server, columns / 5);
			used += printable_put_columns(text, TEXT(" · "), 3);
		}
		bool alone = moment->parameters.len == 0 && moment->outcome.len == 0;
		put_color(out, "\x1b[1m");
		used += printable_put_columns(text, moment->what, alone ? columns - used : columns * 2 / 5);
		put_color(out, "\x1b[0m");
	}
	size_t left = columns > used + 1 ? columns - used - 1 : 0;
	if (moment->parameters.len > 0 && left > 8) {
		put_spaces(text, 1);
		left -= printable_put_columns(text, moment->parameters, parameter_columns(moment, left));
	}
	if (moment->outcome.len == 0 || left < 6)
		return;
	put_spaces(text, 2);
	left -= 2;
	put_color(out, colors[moment->tone]);
	left -= printable_put_columns(text, moment->outcome, left);
	put_color(out, "\x1b[0m");
	if (moment->tone == TONE_GOOD && moment->result.len > 0 && left > 6) {
		buf_put_string(text, ": ");
		(void)printable_put_columns(text, moment->result, left - 2);
	}
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

static void put_between(struct page *page, const struct moment *moment)
{
	put_losses(page, moment->time);
	put_gap(page, moment);
	put_idle(page, moment);
}

/* Writes a moment, or a run of definitions; returns the last one that was written. */
static const struct moment *put_moment(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	struct output *out = page->out;
	put_intent(page, moment);
	put_times(page, moment);
	size_t branches = put_branches(&out->text, depth, rails, moment->next == NULL);
	put_color(out, colors[moment->tone]);
	buf_put_string(&out->text, tone_sign(moment->tone));
	put_color(out, "\x1b[0m");
	put_spaces(&out->text, 1);
	size_t fixed = OFFSET_COLUMNS + TOOK_COLUMNS + 4 + branches;
	size_t columns = out->width > fixed + 30 ? out->width - fixed : 30;
	if (starts_definitions(moment))
		moment = put_definitions(page, moment, columns);
	else
		put_words(page, moment, columns);
	buf_put_byte(&out->text, '\n');
	page->last_seq = moment->seq > page->last_seq ? moment->seq : page->last_seq;
	page->busy_until = moment_end(moment) > page->busy_until ? moment_end(moment) : page->busy_until;
	return moment;
}

static enum status put_moments(struct page *page, const struct moment *moment, unsigned depth, uint64_t rails)
{
	uint64_t bit = UINT64_C(1) << (depth % 64);
	for (; moment; moment = moment->next) {
		if (depth == 0)
			put_between(page, moment);
		moment = put_moment(page, moment, depth, rails);
		enum status status = output_step(page->out);
		if (status == STATUS_OK)
			status = put_moments(page, moment->children, depth + 1,
				moment->next && depth > 0 ? rails | bit : rails & ~bit);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

enum status timeline_put_text(struct timeline *timeline, struct output *out)
{
	for (const struct unit *unit = timeline->units; unit; unit = unit->next) {
		struct page page = {.out = out, .timeline = timeline, .unit = unit, .busy_until = INT64_MIN};
		if (unit != timeline->units)
			buf_put_byte(&out->text, '\n');
		put_head(&page);
		enum status status = put_moments(&page, unit->first, 0, 0);
		if (status != STATUS_OK)
			return status;
		put_losses(&page, unit->end);
	}
	return output_flush(out);
}
