#include "session_units.h"

#include <stdlib.h>

/*
 * Events are counted by all keys at once, those of no id also by half hours.  Then the counts are put together: a
 * turn's go to the conversation that any event of the turn names, and half hours are joined while the next one begins
 * before the gap is over.  No two events of one half hour are farther apart than the gap, so nothing is joined wrongly.
 */

unsigned session_unit_key(const struct tally_group *group)
{
	static const unsigned keys[] = {SESSION_KEY_CONVERSATION, SESSION_KEY_SESSION, SESSION_KEY_TRACE};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (group->parts[keys[i]].field)
			return keys[i];
	return SESSION_KEY_HALF_HOUR;
}

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
		asked = groups[i]->parts[SESSION_KEY_TURN].field != 0;
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
	const struct tally_part parts[TALLY_KEYS_MAX] = {
		group->parts[SESSION_KEY_TENANT], group->parts[SESSION_KEY_TURN]};
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
	unsigned key = session_unit_key(group);
	parts[SESSION_KEY_TENANT] = group->parts[SESSION_KEY_TENANT];
	if (key != SESSION_KEY_CONVERSATION && conversation_of(turns, group, &parts[SESSION_KEY_CONVERSATION]))
		return true;
	if (key != SESSION_KEY_HALF_HOUR)
		parts[key] = group->parts[key];
	return key != SESSION_KEY_HALF_HOUR;
}

int session_compare_who(const struct tally_group *a, const struct tally_group *b)
{
	int order = text_compare(a->parts[SESSION_KEY_TENANT].text, b->parts[SESSION_KEY_TENANT].text);
	for (unsigned key = SESSION_KEY_USER; order == 0 && key <= SESSION_KEY_SERVER; key++)
		order = text_compare(a->parts[key].text, b->parts[key].text);
	return order;
}

int session_by_who_and_start(const void *a, const void *b)
{
	const struct tally_group *first = *(struct tally_group *const *)a;
	const struct tally_group *second = *(struct tally_group *const *)b;
	int order = session_compare_who(first, second);
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
		qsort(groups, count, sizeof(struct tally_group *), session_by_who_and_start);
	for (size_t i = 0; i < count && status == STATUS_OK; i++) {
		int64_t idle = 0;
		bool joins = start && session_compare_who(start, groups[i]) == 0 &&
			     (groups[i]->first.time <= busy_until ||
				     (!__builtin_sub_overflow(groups[i]->first.time, busy_until, &idle) &&
					     idle <= SESSION_IDLE_NS_MAX));
		if (!joins) {
			start = groups[i];
			busy_until = groups[i]->busy_until;
		}
		busy_until = groups[i]->busy_until > busy_until ? groups[i]->busy_until : busy_until;
		struct tally_part parts[TALLY_KEYS_MAX] = {[SESSION_KEY_TENANT] = start->parts[SESSION_KEY_TENANT]};
		memcpy(parts + SESSION_KEY_USER, start->parts + SESSION_KEY_USER,
			(SESSION_KEYS - SESSION_KEY_USER) * sizeof(parts[0]));
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

enum status session_units_join(struct counting *counting)
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
