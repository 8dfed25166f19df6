#include "timeline_unit.h"

#include "members.h"
#include "printable.h"
#include "timestamp.h"

/*
 * What stands above a piece of work, one line each:
 *
 *   Session      92c19ee4-850d-4447-af89-a3c5547ceeeb
 *   Who          alice@acme.io (as claimed, not verified); agent triage-bot; with the program claude-desktop
 *   On behalf of svc-ci (service)
 *   Servers      filesystem, database
 *   When         2026-11-20 10:00:00.000 to 10:00:02.500, 2.5 s
 *   Calls        3: 2 ok, 1 failed
 *   Seen by      client claude-desktop, gateway gw-1; 2 calls were seen by more than one, 1 of them told differently
 *   Clocks       times of gateway gw-1 corrected by +3.2 s
 */

enum { SHOWN_NAMES_MAX = 8 };

static void put_label(struct output *out, const char *label)
{
	buf_put_string(&out->text, out->color ? "\x1b[1m" : "");
	buf_printf(&out->text, "%-12s", label);
	buf_put_string(&out->text, out->color ? "\x1b[0m " : " ");
}

static void put_names(struct buf *out, const struct text *names, size_t count, const char *before)
{
	for (size_t i = 0; i < count; i++) {
		buf_put_string(out, i ? ", " : before);
		(void)printable_put_columns(out, names[i], 60);
	}
}

/* --- who --- */

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

static struct text name_delegation(const struct moment *moment)
{
	return moment->delegation;
}

/* The first different names of a unit's moments and their reports; returns how many. */
static size_t gather(const struct unit *unit, moment_name *name_of, struct text names[SHOWN_NAMES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < unit->count; i++) {
		for (const struct moment *moment = unit->moments[i]->outermost; moment; moment = moment->next_report) {
			struct text name = name_of(moment);
			bool known = name.len == 0;
			for (size_t j = 0; j < count && !known; j++)
				known = text_equal(names[j], name);
			if (!known && count < SHOWN_NAMES_MAX)
				names[count++] = name;
		}
	}
	return count;
}

static bool all_verified(const struct unit *unit)
{
	for (size_t i = 0; i < unit->count; i++)
		for (const struct moment *moment = unit->moments[i]->outermost; moment; moment = moment->next_report)
			if (moment->user.len > 0 && !moment->verified)
				return false;
	return true;
}

static void put_who(struct output *out, const struct unit *unit)
{
	struct text names[SHOWN_NAMES_MAX] = {{NULL, 0}};
	size_t start = out->text.len;
	put_label(out, "Who");
	size_t label = out->text.len;
	size_t users = gather(unit, name_user, names);
	put_names(&out->text, names, users, "");
	if (users > 0)
		buf_put_string(&out->text, all_verified(unit) ? " (verified)" : " (as claimed, not verified)");
	size_t agents = gather(unit, name_agent, names);
	put_names(&out->text, names, agents, users > 0 ? "; agent " : "agent ");
	size_t clients = gather(unit, name_client, names);
	put_names(&out->text, names, clients, users + agents > 0 ? "; with the program " : "the program ");
	if (out->text.len == label && out->text.failed == STATUS_OK)
		out->text.len = start;
	else
		buf_put_byte(&out->text, '\n');
}

static struct text member_text(struct text json, struct text wanted, struct arena *scratch)
{
	struct members members;
	struct text name;
	struct text value;
	if (members_begin(json, &members) && members.object)
		while (members_next(&members, &name, &value))
			if (text_equal(name, wanted))
				return leaf_text(value, scratch);
	return (struct text){NULL, 0};
}

/* One chain: [{"sub":"svc-ci","kind":"service"},…], the nearest first. */
static void put_chain(struct buf *out, struct text chain, struct arena *scratch)
{
	struct members links;
	struct text name;
	struct text link;
	bool any = false;
	if (!members_begin(chain, &links))
		return;
	while (members_next(&links, &name, &link)) {
		struct text sub = member_text(link, TEXT("sub"), scratch);
		struct text kind = member_text(link, TEXT("kind"), scratch);
		buf_put_string(out, any ? ", for " : "");
		any = true;
		(void)printable_put_columns(out, sub.len > 0 ? sub : link, 60);
		if (kind.len > 0) {
			buf_put_string(out, " (");
			(void)printable_put_columns(out, kind, 20);
			buf_put_byte(out, ')');
		}
	}
}

static void put_delegation(struct output *out, const struct unit *unit, struct arena *scratch)
{
	struct text chains[SHOWN_NAMES_MAX];
	size_t count = gather(unit, name_delegation, chains);
	if (count == 0)
		return;
	put_label(out, "On behalf of");
	for (size_t i = 0; i < count; i++) {
		arena_clear(scratch);
		buf_put_string(&out->text, i ? "; " : "");
		put_chain(&out->text, chains[i], scratch);
	}
	buf_put_byte(&out->text, '\n');
}

/* --- when and what --- */

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
	unsigned good = unit->calls - unit->failed - unit->refused - unit->waiting - unit->unknown;
	put_label(out, "Calls");
	buf_printf(&out->text, "%u", unit->calls);
	const struct {
		unsigned count;
		const char *words;
	} parts[] = {{good, "ok"}, {unit->failed, "failed"}, {unit->refused, "denied or refused"},
		{unit->waiting, "waiting for input"}, {unit->unknown, "with unknown outcome"}};
	const char *before = ": ";
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].count == 0)
			continue;
		buf_printf(&out->text, "%s%u %s", before, parts[i].count, parts[i].words);
		before = ", ";
	}
	if (unit->attempts > 0)
		buf_printf(&out->text, "; %u more %s", unit->attempts, unit->attempts == 1 ? "attempt" : "attempts");
	buf_put_byte(&out->text, '\n');
}

/* --- the observers --- */

static void put_observer(struct output *out, const struct observer *observer)
{
	struct buf name;
	buf_init(&name, 4096);
	observer_put(&name, observer);
	(void)printable_put_columns(&out->text, buf_text(&name), 60);
	buf_finish(&name);
}

static void put_observers(struct output *out, const struct unit *unit)
{
	size_t shown = 0;
	bool roles = false;
	for (size_t i = 1; i < unit->observer_count; i++)
		roles = roles || !text_equal(unit->observers[i].role, unit->observers[0].role);
	if (!roles && unit->shared == 0)
		return;
	put_label(out, "Seen by");
	for (enum rank rank = RANK_CLIENT; rank < RANK_COUNT; rank++) {
		for (size_t i = 0; i < unit->observer_count && shown < SHOWN_NAMES_MAX; i++) {
			if (unit->observers[i].rank != rank)
				continue;
			buf_put_string(&out->text, shown++ ? ", " : "");
			put_observer(out, &unit->observers[i]);
		}
	}
	if (shown < unit->observer_count)
		buf_printf(&out->text, " and %zu more", unit->observer_count - shown);
	if (unit->shared > 0)
		buf_printf(&out->text, "; %u %s seen by more than one", unit->shared,
			unit->shared == 1 ? "call was" : "calls were");
	if (unit->disagreements > 0)
		buf_printf(&out->text, ", %u told differently", unit->disagreements);
	buf_put_byte(&out->text, '\n');
}

static void put_clocks(struct output *out, const struct unit *unit)
{
	char off[TIMESTAMP_TEXT_BYTES];
	bool any = false;
	for (size_t i = 0; i < unit->observer_count; i++) {
		const struct observer *observer = &unit->observers[i];
		if (observer->offset_ns == 0)
			continue;
		if (any)
			buf_put_string(&out->text, "; ");
		else
			put_label(out, "Clocks");
		any = true;
		(void)duration_format(observer->offset_ns < 0 ? -observer->offset_ns : observer->offset_ns, off);
		buf_put_string(&out->text, "times of ");
		put_observer(out, observer);
		buf_printf(&out->text, " corrected by %c%s", observer->offset_ns < 0 ? '-' : '+', off);
	}
	if (any)
		buf_put_byte(&out->text, '\n');
}

static void put_sampled(struct output *out, const struct unit *unit)
{
	bool any = false;
	for (size_t i = 0; i < unit->observer_count; i++) {
		if (!unit->observers[i].sampled)
			continue;
		if (any)
			buf_put_string(&out->text, ", ");
		else
			put_label(out, "Sampled");
		any = true;
		put_observer(out, &unit->observers[i]);
	}
	if (any)
		buf_put_string(&out->text, ": only a sample is sent, other calls may be missing\n");
}

/* --- the whole --- */

static void put_name(struct output *out, const struct timeline *timeline, const struct unit *unit)
{
	static const char *const names[] = {[UNIT_CONVERSATION] = "Conversation",
		[UNIT_SESSION] = "Session",
		[UNIT_TRACE] = "Trace",
		[UNIT_INFERRED] = "Inferred"};
	put_label(out, names[unit->type]);
	if (unit->type == UNIT_INFERRED)
		buf_put_string(
			&out->text, "same user, program and server, without a pause of 30 minutes; no id joins these");
	else
		printable_put(&out->text, unit->id);
	buf_put_byte(&out->text, '\n');
	bool tenants = false;
	for (const struct unit *other = timeline->units; other && !tenants; other = other->next)
		tenants = !text_equal(other->tenant, unit->tenant);
	if (tenants) {
		put_label(out, "Tenant");
		printable_put(&out->text, unit->tenant);
		buf_put_byte(&out->text, '\n');
	}
}

size_t unit_put_head(struct timeline *timeline, const struct unit *unit, struct output *out)
{
	struct text servers[SHOWN_NAMES_MAX];
	put_name(out, timeline, unit);
	put_who(out, unit);
	put_delegation(out, unit, &timeline->scratch);
	size_t count = gather(unit, name_server, servers);
	if (count > 0) {
		put_label(out, count > 1 ? "Servers" : "Server");
		put_names(&out->text, servers, count, "");
		buf_put_byte(&out->text, '\n');
	}
	put_when(out, unit);
	put_calls(out, unit);
	put_observers(out, unit);
	put_clocks(out, unit);
	put_sampled(out, unit);
	buf_put_byte(&out->text, '\n');
	return count;
}
