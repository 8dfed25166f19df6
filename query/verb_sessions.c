/*
 * sessions: pieces of work.  What holds an event to its piece of work is the first of conversation, turn's conversation,
 * session and trace that it has; where it has none, the same user, OAuth client, client program and server within an
 * idle gap.
 *
 * Events are counted by all of these at once, those of no id also by half hours.  Then the counts are put together: a
 * turn's go to the conversation that any event of the turn names, and half hours are joined while the next one begins
 * before the gap is over.  No two events of one half hour are farther apart than the gap, so nothing is joined wrongly.
 */
#include <stdlib.h>

#include "figures.h"
#include "timestamp.h"

#define IDLE_NS_MAX (30 * 60 * NS_PER_S)

enum { SESSIONS_LIMIT = 50 };
enum {
	KEY_TENANT,
	KEY_CONVERSATION,
	KEY_TURN,
	KEY_SESSION,
	KEY_TRACE,
	KEY_USER,
	KEY_OAUTH_CLIENT,
	KEY_CLIENT,
	KEY_SERVER,
	KEY_HALF_HOUR,
	KEYS
};
enum { SET_PRINCIPALS, SET_TRUST, SET_AGENTS, SET_CLIENTS, SET_SERVERS, SET_TOOLS, SET_EFFECTS, SETS };
enum { SAMPLE_INTENT, SAMPLE_CLOSE, SAMPLES };
enum { OWN_ID, OWN_TYPE, OWN_WHO, OWN_TRUST, OWN_FIRST_SEQ, OWN_INFERRED };

static const struct figure_column columns[] = {
	{{"tenant", "TENANT", SHEET_TEXT, 10}, FIGURE_TENANT, KEY_TENANT},
	{{"started", "STARTED", SHEET_TIME, 0}, FIGURE_FIRST},
	{{"type", "TYPE", SHEET_TEXT, 12}, FIGURE_OWN, OWN_TYPE},
	{{"id", "ID", SHEET_TEXT, 36}, FIGURE_OWN, OWN_ID},
	{{"inferred", NULL, SHEET_BOOL, 0}, FIGURE_OWN, OWN_INFERRED},
	{{"first_seq", NULL, SHEET_COUNT, 0}, FIGURE_OWN, OWN_FIRST_SEQ},
	{{"who", "WHO", SHEET_TEXT, 0}, FIGURE_OWN, OWN_WHO},
	{{"users", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_PRINCIPALS},
	{{"trust", NULL, SHEET_TEXT, 0}, FIGURE_OWN, OWN_TRUST},
	{{"agents", "AGENT", SHEET_LIST, 0}, FIGURE_SET, SET_AGENTS},
	{{"clients", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_CLIENTS},
	{{"servers", "SERVERS", SHEET_LIST, 0}, FIGURE_SET, SET_SERVERS},
	{{"tool_count", NULL, SHEET_COUNT, 0}, FIGURE_SET_SIZE, SET_TOOLS},
	{{"tools", NULL, SHEET_LIST, 0}, FIGURE_SET, SET_TOOLS},
	{{"calls", "CALLS", SHEET_COUNT, 6}, FIGURE_CALLS},
	{{"errors", "FAILED", SHEET_COUNT, 6}, FIGURE_ERRORS},
	{{"refused", "REFUSED", SHEET_COUNT, 7}, FIGURE_REFUSED},
	{{"destructive", NULL, SHEET_COUNT, 0}, FIGURE_SET_COUNT, SET_EFFECTS, "delete"},
	{{"events", NULL, SHEET_COUNT, 0}, FIGURE_EVENTS},
	{{"last_seen", NULL, SHEET_TIME, 0}, FIGURE_LAST},
	{{"ended", NULL, SHEET_TIME, 0}, FIGURE_SAMPLE_TIME, SAMPLE_CLOSE},
	{{"duration_ns", "LASTED", SHEET_DURATION, 0}, FIGURE_SPAN},
	{{"intent", "INTENT", SHEET_TEXT, 0}, FIGURE_SAMPLE, SAMPLE_INTENT},
};

#define UNLESS_ID (1 << KEY_CONVERSATION | 1 << KEY_SESSION | 1 << KEY_TRACE)

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column);

static const struct figures sessions = {
	.words = "-kind:ledger,heartbeat,lifecycle,resource_usage,credential,dependency",
	.spec = {.keys = {[KEY_TENANT] = {.fields = {FIELD_TENANT, FIELD_INGEST_TENANT}},
			 [KEY_CONVERSATION] = {.fields = {FIELD_CONVERSATION_ID}},
			 [KEY_TURN] = {.fields = {FIELD_TURN_ID}, .unless = 1 << KEY_CONVERSATION},
			 [KEY_SESSION] = {.fields = {FIELD_SESSION_ID}, .unless = 1 << KEY_CONVERSATION},
			 [KEY_TRACE] = {.fields = {FIELD_TRACE_ID}, .unless = 1 << KEY_CONVERSATION | 1 << KEY_SESSION},
			 [KEY_USER] = {.fields = {FIELD_USER_ID}, .unless = UNLESS_ID},
			 [KEY_OAUTH_CLIENT] = {.fields = {FIELD_OAUTH_CLIENT_ID}, .unless = UNLESS_ID},
			 [KEY_CLIENT] = {.fields = {FIELD_CLIENT_NAME}, .unless = UNLESS_ID},
			 [KEY_SERVER] = {.fields = {FIELD_SERVER_NAME}, .unless = UNLESS_ID},
			 [KEY_HALF_HOUR] = {.fields = {FIELD_TIME, FIELD_RECV_TIME},
				 .bucket_ns = IDLE_NS_MAX,
				 .unless = UNLESS_ID}},
		.key_count = KEYS,
		.sets = {[SET_PRINCIPALS] = {.fields = {FIELD_USER_ID, FIELD_WORKLOAD_ID, FIELD_OAUTH_CLIENT_ID}},
			[SET_TRUST] = {.fields = {FIELD_MARKS_USER_TRUST}},
			[SET_AGENTS] = {.fields = {FIELD_AGENT_NAME, FIELD_AGENT_ID}},
			[SET_CLIENTS] = {.fields = {FIELD_CLIENT_NAME}},
			[SET_SERVERS] = {.fields = {FIELD_SERVER_NAME}},
			[SET_TOOLS] = {.fields = {FIELD_TARGET_NAME},
				.only = {{.fields = {FIELD_TARGET_TYPE, FIELD_ACTION},
					.words = {"tool", "tools/call"}}}},
			[SET_EFFECTS] = {.fields = {FIELD_MARKS_EFFECT, FIELD_EFFECT}}},
		.set_count = SETS,
		.samples = {[SAMPLE_INTENT] = {{.fields = {FIELD_INTENT}}, .earliest = true},
			[SAMPLE_CLOSE] = {{.fields = {FIELD_PHASE},
				.only = {{.fields = {FIELD_KIND}, .words = {"connection"}},
					{.fields = {FIELD_PHASE}, .words = {"close"}}}}}},
		.sample_count = SAMPLES,
		.times = true,
		.calls_alone = true},
	.columns = columns,
	.column_count = sizeof(columns) / sizeof(columns[0]),
	.sort = "started",
	.newest_last = true,
	.limit = SESSIONS_LIMIT,
	.own = own_cell,
};

/* Which of the keys says what a piece of work is. */
static unsigned key_of(const struct tally_group *group)
{
	static const unsigned keys[] = {KEY_CONVERSATION, KEY_SESSION, KEY_TRACE};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (group->parts[keys[i]].field)
			return keys[i];
	return KEY_HALF_HOUR;
}

/* An inferred one has no id: its first event's seq finds its timeline. */
static struct cell id_of(struct counting *counting, const struct tally_group *group)
{
	char digits[24];
	unsigned key = key_of(group);
	if (key != KEY_HALF_HOUR)
		return cell_text(group->parts[key].text);
	if (counting->cli->options.output != OUTPUT_TABLE || !group->first.known)
		return cell_none();
	struct buf text;
	buf_init(&text, sizeof(digits));
	buf_put_uint(&text, group->first.seq);
	struct text copy = arena_copy(&counting->cli->arena, buf_text(&text));
	buf_finish(&text);
	return cell_text(copy);
}

static struct cell type_of(const struct tally_group *group)
{
	switch (key_of(group)) {
	case KEY_CONVERSATION:
		return cell_text(TEXT("conversation"));
	case KEY_SESSION:
		return cell_text(TEXT("session"));
	case KEY_TRACE:
		return cell_text(TEXT("trace"));
	default:
		return cell_text(TEXT("inferred"));
	}
}

static struct cell own_cell(void *context, struct tally_group *group, const struct figure_column *column)
{
	struct counting *counting = context;
	struct tally_set *set = &group->sets[group->sets[SET_PRINCIPALS].count > 0 ? SET_PRINCIPALS : SET_CLIENTS];
	if (group == tally_other(counting->tally))
		return cell_none();
	switch (column->index) {
	case OWN_ID:
		return id_of(counting, group);
	case OWN_TYPE:
		return type_of(group);
	case OWN_INFERRED:
		return cell_number(key_of(group) == KEY_HALF_HOUR);
	case OWN_TRUST:
		return figures_trust(&group->sets[SET_TRUST], &group->sets[SET_PRINCIPALS]);
	case OWN_FIRST_SEQ:
		return group->first.known ? cell_number((int64_t)group->first.seq) : cell_none();
	default:
		return set->count > 0 ? cell_text(tally_set_sort(set)[0].text) : cell_none();
	}
}

/* --- putting together --- */

/* The conversations that turns belong to, by tenant and turn. */
static const struct tally_spec turns_spec = {
	.keys = {{.fields = {FIELD_TENANT, FIELD_INGEST_TENANT}}, {.fields = {FIELD_TURN_ID}}},
	.key_count = 2,
	.sets = {{.fields = {FIELD_CONVERSATION_ID}}},
	.set_count = 1,
};

static enum status count_turns(struct counting *counting, struct tally **turns)
{
	struct scan all = counting->scan;
	struct coverage ignored = {0};
	struct filter filter;
	size_t count = 0;
	struct tally_group **groups = tally_groups(counting->tally, &count);
	bool asked = false;
	for (size_t i = 0; i < count && !asked; i++)
		asked = groups[i]->parts[KEY_TURN].field != 0;
	if (!asked)
		return STATUS_OK;
	struct cli *cli = counting->cli;
	enum status status =
		filter_parse(TEXT("turn_id:* conversation_id:*"), cli->now, &cli->arena, &filter, &cli->error);
	all.filter = &filter;
	all.coverage = &ignored;
	all.purpose = "conversations of turns";
	return status == STATUS_OK ? tally_scan(&all, &turns_spec, turns, &cli->error) : status;
}

static bool conversation_of(const struct tally *turns, const struct tally_group *group, struct tally_part *conversation)
{
	const struct tally_part parts[TALLY_KEYS_MAX] = {group->parts[KEY_TENANT], group->parts[KEY_TURN]};
	struct tally_group *turn = turns && parts[1].field ? tally_lookup(turns, parts) : NULL;
	if (turn == NULL || turn->sets[0].count == 0)
		return false;
	*conversation =
		(struct tally_part){.text = tally_set_sort(&turn->sets[0])[0].text, .field = FIELD_CONVERSATION_ID};
	return true;
}

/* The parts of the piece of work that has an id; false: the group's has none. */
static bool parts_by_id(const struct tally *turns, const struct tally_group *group, struct tally_part *parts)
{
	unsigned key = key_of(group);
	parts[KEY_TENANT] = group->parts[KEY_TENANT];
	if (key != KEY_CONVERSATION && conversation_of(turns, group, &parts[KEY_CONVERSATION]))
		return true;
	if (key != KEY_HALF_HOUR)
		parts[key] = group->parts[key];
	return key != KEY_HALF_HOUR;
}

static int compare_who(const struct tally_group *a, const struct tally_group *b)
{
	int order = text_compare(a->parts[KEY_TENANT].text, b->parts[KEY_TENANT].text);
	for (unsigned key = KEY_USER; order == 0 && key <= KEY_SERVER; key++)
		order = text_compare(a->parts[key].text, b->parts[key].text);
	return order;
}

static int by_who_and_start(const void *a, const void *b)
{
	const struct tally_group *first = *(struct tally_group *const *)a;
	const struct tally_group *second = *(struct tally_group *const *)b;
	int order = compare_who(first, second);
	if (order != 0)
		return order;
	return tally_moment_before(&first->first, &second->first) ? -1
								  : tally_moment_before(&second->first, &first->first);
}

/* Joins groups without an id, in order of who and start. */
static enum status join_half_hours(struct tally *units, struct tally_group **groups, size_t count)
{
	enum status status = STATUS_OK;
	const struct tally_group *start = NULL;
	int64_t busy_until = 0;
	if (count > 0)
		qsort(groups, count, sizeof(struct tally_group *), by_who_and_start);
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		int64_t idle = 0;
		bool joins = start && compare_who(start, groups[i]) == 0 &&
			     (groups[i]->first.time <= busy_until ||
				     (!__builtin_sub_overflow(groups[i]->first.time, busy_until, &idle) &&
					     idle <= IDLE_NS_MAX));
		if (!joins) {
			start = groups[i];
			busy_until = groups[i]->busy_until;
		}
		busy_until = groups[i]->busy_until > busy_until ? groups[i]->busy_until : busy_until;
		struct tally_part parts[TALLY_KEYS_MAX] = {[KEY_TENANT] = start->parts[KEY_TENANT]};
		memcpy(parts + KEY_USER, start->parts + KEY_USER, (KEYS - KEY_USER) * sizeof(parts[0]));
		status = tally_add_group(units, groups[i], parts);
	}
	return status;
}

static enum status join_groups(struct tally *counted, const struct tally *turns, struct tally *units)
{
	size_t count = 0;
	size_t without_id = 0;
	struct tally_group **groups = tally_groups(counted, &count);
	struct tally_group **others = calloc(count + 1, sizeof(struct tally_group *));
	if (others == NULL)
		return STATUS_NO_MEMORY;
	enum status status = tally_add_other(units, tally_other(counted));
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		struct tally_part parts[TALLY_KEYS_MAX] = {{.field = 0}};
		if (parts_by_id(turns, groups[i], parts))
			status = tally_add_group(units, groups[i], parts);
		else
			others[without_id++] = groups[i];
	}
	if (status == STATUS_OK)
		status = join_half_hours(units, others, without_id);
	free(others);
	return status;
}

static enum status put_together(struct counting *counting)
{
	struct tally *turns = NULL;
	struct tally *units = NULL;
	enum status status = count_turns(counting, &turns);
	if (status == STATUS_OK)
		status = tally_sibling(counting->tally, &units);
	if (status == STATUS_OK)
		status = join_groups(counting->tally, turns, units);
	tally_destroy(&turns);
	if (status != STATUS_OK) {
		tally_destroy(&units);
		return status;
	}
	tally_destroy(&counting->tally);
	counting->tally = units;
	return STATUS_OK;
}

enum exit_code verb_sessions(struct cli *cli)
{
	struct counting counting;
	struct figures figures = sessions;
	figures.context = &counting;
	enum status status = figures_open(cli, &figures, &counting);
	counting.scan.backward = true; /* so that it is the newest that are listed, where there are too many */
	if (status == STATUS_OK)
		status = figures_count(&counting);
	if (status == STATUS_OK)
		status = put_together(&counting);
	if (status == STATUS_OK)
		status = figures_put(&counting);
	return figures_close(&counting, status);
}
