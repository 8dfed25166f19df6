#include "timeline_unit.h"

#include <stdlib.h>

#include "conditions.h"
#include "crypto.h"
#include "timestamp.h"

/*
 * Finds the events of the pieces of work that are asked for.  Ids of another tenant never join: each tenant's events are
 * a piece of work of their own.
 */

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, SCRATCH_BYTES_MAX = 96 * 1024 * 1024, BRIEF_TEXT_BYTES_MAX = 64 * 1024 };

#define IDLE_NS_MAX (30 * 60 * NS_PER_S)

/* --- pieces of work --- */

static enum status add_unit(
	struct timeline *timeline, enum unit_type type, struct text id, struct moment **moments, size_t count)
{
	struct unit *unit = arena_calloc(&timeline->arena, 1, sizeof(*unit));
	if (unit == NULL)
		return STATUS_NO_MEMORY;
	unit->type = type;
	unit->id = id;
	unit->tenant = moments[0]->tenant;
	unit->moments = arena_alloc(&timeline->arena, count * sizeof(struct moment *));
	if (unit->moments == NULL)
		return STATUS_NO_MEMORY;
	memcpy(unit->moments, moments, count * sizeof(struct moment *));
	unit->count = count;
	enum status status = unit_arrange(timeline, unit);
	unit->next = timeline->units;
	timeline->units = unit;
	return status;
}

/* Units were added as they were found, newest first; they are shown by start. */
static int by_start(const void *a, const void *b)
{
	const struct unit *first = *(struct unit *const *)a;
	const struct unit *second = *(struct unit *const *)b;
	if (first->start != second->start)
		return first->start < second->start ? -1 : 1;
	return text_compare(first->tenant, second->tenant);
}

static enum status sort_units(struct timeline *timeline)
{
	size_t count = 0;
	for (const struct unit *unit = timeline->units; unit; unit = unit->next)
		count++;
	struct unit **units = arena_alloc(&timeline->arena, (count + 1) * sizeof(struct unit *));
	if (units == NULL)
		return STATUS_NO_MEMORY;
	count = 0;
	for (struct unit *unit = timeline->units; unit; unit = unit->next)
		units[count++] = unit;
	qsort(units, count, sizeof(struct unit *), by_start);
	for (size_t i = 0; i < count; i++)
		units[i]->next = i + 1 < count ? units[i + 1] : NULL;
	timeline->units = count ? units[0] : NULL;
	return STATUS_OK;
}

struct unit_key {
	enum unit_type type;
	struct text tenant;
	struct text parts[4];
};

static struct unit_key key_of(const struct moment *moment)
{
	struct unit_key key = {.tenant = moment->tenant};
	if (moment->conversation_id.len > 0) {
		key.type = UNIT_CONVERSATION;
		key.parts[0] = moment->conversation_id;
	} else if (moment->session_id.len > 0) {
		key.type = UNIT_SESSION;
		key.parts[0] = moment->session_id;
	} else if (moment->trace_id.len > 0) {
		key.type = UNIT_TRACE;
		key.parts[0] = moment->trace_id;
	} else {
		key.type = UNIT_INFERRED;
		key.parts[0] = moment->user;
		key.parts[1] = moment->oauth_client;
		key.parts[2] = moment->client;
		key.parts[3] = moment->server;
	}
	return key;
}

static int compare_keys(const struct moment *first, const struct moment *second)
{
	struct unit_key a = key_of(first);
	struct unit_key b = key_of(second);
	if (a.type != b.type)
		return a.type < b.type ? -1 : 1;
	int order = text_compare(a.tenant, b.tenant);
	for (size_t i = 0; i < 4 && order == 0; i++)
		order = text_compare(a.parts[i], b.parts[i]);
	return order;
}

/* Of moments that no clock was corrected for yet. */
static int by_key_and_time(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = compare_keys(first, second);
	if (order == 0 && first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return order ? order : moment_by_arrival(first, second);
}

/* Of moments in order of time, the run around the wanted one without an idle gap; returns its length. */
static size_t run_around(struct moment **moments, size_t count, const struct moment *wanted, size_t *start)
{
	size_t first = 0;
	bool found = false;
	int64_t busy_until = INT64_MIN;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && moments[i]->time > busy_until && moments[i]->time - busy_until > IDLE_NS_MAX) {
			if (found) {
				*start = first;
				return i - first;
			}
			first = i;
		}
		int64_t end = moment_end(moments[i]);
		busy_until = end > busy_until ? end : busy_until;
		found = found || (moments[i]->seq == wanted->seq && moments[i]->store == wanted->store);
	}
	*start = first;
	return count - first;
}

static enum status add_inferred_runs(struct timeline *timeline, struct moment **moments, size_t count)
{
	enum status status = STATUS_OK;
	while (status == STATUS_OK && count > 0) {
		size_t start = 0;
		size_t length = run_around(moments, count, moments[0], &start);
		status = add_unit(timeline, UNIT_INFERRED, (struct text){NULL, 0}, moments, length);
		moments += length;
		count -= length;
	}
	return status;
}

/* Moments of the same keys are one piece of work; those that only a guess joins, one for each run without idle gap. */
static enum status add_units(struct timeline *timeline, struct moment **moments, size_t count)
{
	enum status status = STATUS_OK;
	qsort(moments, count, sizeof(struct moment *), by_key_and_time);
	for (size_t i = 0, end = 0; i < count && status == STATUS_OK; i = end) {
		for (end = i; end < count && compare_keys(moments[i], moments[end]) == 0;)
			end++;
		struct unit_key key = key_of(moments[i]);
		if (key.type == UNIT_INFERRED)
			status = add_inferred_runs(timeline, moments + i, end - i);
		else
			status = add_unit(timeline, key.type, key.parts[0], moments + i, end - i);
	}
	return status;
}

static int by_tenant(const void *a, const void *b)
{
	const struct moment *first = *(struct moment *const *)a;
	const struct moment *second = *(struct moment *const *)b;
	int order = text_compare(first->tenant, second->tenant);
	return order ? order : moment_by_arrival(first, second);
}

/* All that was collected is of one id; tenants that have the same one have nothing to do with each other. */
static enum status add_tenants(struct timeline *timeline, enum unit_type type, struct text id)
{
	enum status status = STATUS_OK;
	struct moment **moments = timeline->moments;
	qsort(moments, timeline->count, sizeof(struct moment *), by_tenant);
	for (size_t i = 0, end = 0; i < timeline->count && status == STATUS_OK; i = end) {
		for (end = i; end < timeline->count && text_equal(moments[i]->tenant, moments[end]->tenant);)
			end++;
		status = add_unit(timeline, type, id, moments + i, end - i);
	}
	return status;
}

/* --- what to look for --- */

static enum status collect_any(struct timeline *timeline, const struct scan *scan, const uint8_t *fields,
	size_t field_count, struct text value, struct error *error)
{
	struct filter filter = {.root = condition_exact(&timeline->arena, fields, field_count, value)};
	timeline->count = 0;
	return filter.root ? timeline_collect(timeline, scan, &filter, error) : STATUS_NO_MEMORY;
}

/* The same user, OAuth client, client program and server as a call, where it has them. */
static enum status make_who_filter(struct timeline *timeline, const struct moment *moment, struct filter *filter)
{
	static const uint8_t fields[] = {FIELD_USER_ID, FIELD_OAUTH_CLIENT_ID, FIELD_CLIENT_NAME, FIELD_SERVER_NAME};
	const struct text values[] = {moment->user, moment->oauth_client, moment->client, moment->server};
	struct arena *arena = &timeline->arena;
	struct condition *all = condition_group(arena, CONDITION_AND);
	for (size_t i = 0; i < sizeof(fields); i++)
		if (values[i].len > 0)
			all = condition_add(all, condition_exact(arena, &fields[i], 1, values[i]));
	*filter = (struct filter){.root = all};
	return all ? STATUS_OK : STATUS_NO_MEMORY;
}

/* --- the other observers of a conversation --- */

enum { SHARED_IDS_MAX = 256 };

#define MEANWHILE_NS (10 * 60 * NS_PER_S) /* how much later or earlier others' reports of the same may be received */

/* The different values of one text of the moments; no more than fit. */
static size_t distinct(struct timeline *timeline, size_t offset, struct text values[SHARED_IDS_MAX], bool *more)
{
	size_t count = 0;
	struct text last = {NULL, 0};
	for (size_t i = 0; i < timeline->count; i++) {
		struct text text;
		memcpy(&text, (const char *)timeline->moments[i] + offset, sizeof(text));
		bool known = text.len == 0 || text_equal(text, last);
		for (size_t j = 0; j < count && !known; j++)
			known = text_equal(values[j], text);
		last = text;
		if (!known && count == SHARED_IDS_MAX)
			*more = true;
		else if (!known)
			values[count++] = text;
	}
	return count;
}

/*
 * The filter for what has one of the sessions or traces, and no conversation of its own; *traces is the part of it that
 * asks for these (NULL: there are none).  root NULL: there is nothing to look for.
 */
static enum status make_others_filter(struct timeline *timeline, struct filter *filter, const struct condition **traces)
{
	static const uint8_t field_conversation = FIELD_CONVERSATION_ID;
	static const uint8_t fields[] = {FIELD_TRACE_ID, FIELD_SESSION_ID};
	static const size_t offsets[] = {offsetof(struct moment, trace_id), offsetof(struct moment, session_id)};
	struct arena *arena = &timeline->arena;
	struct text *values = arena_alloc(arena, SHARED_IDS_MAX * sizeof(*values));
	struct condition *any = condition_group(arena, CONDITION_OR);
	struct condition *none = condition_group(arena, CONDITION_NOT);
	struct condition *all = condition_group(arena, CONDITION_AND);
	bool wanted = false;
	if (values == NULL)
		return STATUS_NO_MEMORY;
	*traces = NULL;
	for (size_t i = 0; i < 2; i++) {
		size_t count = distinct(timeline, offsets[i], values, &timeline->more_ids);
		if (count == 0)
			continue;
		struct condition *condition = condition_any(arena, &fields[i], 1, values, count);
		*traces = i == 0 ? condition : *traces;
		any = condition_add(any, condition);
		wanted = true;
	}
	none = condition_add(none, condition_exists(arena, &field_conversation, 1));
	all = condition_add(condition_add(all, any), none);
	*filter = (struct filter){.root = wanted ? all : NULL};
	return all ? STATUS_OK : STATUS_NO_MEMORY;
}

static bool is_one_of(const struct condition *condition, struct text value)
{
	for (size_t i = 0; condition && i < condition->value_count; i++)
		if (text_equal(condition->values[i].text, value))
			return true;
	return false;
}

/* Keeps, of what was collected from `first` on, what lies in the range that was asked for. */
static void keep_in_range(
	struct timeline *timeline, const struct scan *scan, const struct condition *traces, size_t first)
{
	size_t kept = first;
	for (size_t i = first; i < timeline->count; i++) {
		struct moment *moment = timeline->moments[i];
		int64_t time = scan->by_recv_time ? moment->recv_time : moment->time;
		moment->borrowed = !is_one_of(traces, moment->trace_id);
		if (time >= scan->since && time < scan->until)
			timeline->moments[kept++] = moment;
	}
	timeline->count = kept;
}

/*
 * A gateway or a server does not know the conversation that a call is made for; their reports of it carry its trace or
 * its session.  Those that turn out to be no report of the conversation's calls, and have none of its traces, are
 * left out again (see unit_arrange): a session may serve several conversations.
 */
static enum status collect_others(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct filter filter;
	struct scan meanwhile = *scan;
	size_t before = timeline->count;
	const struct condition *traces = NULL;
	enum status status = make_others_filter(timeline, &filter, &traces);
	if (status != STATUS_OK || filter.root == NULL)
		return status;
	meanwhile.by_recv_time = true;
	meanwhile.since = INT64_MAX;
	meanwhile.until = INT64_MIN;
	for (size_t i = 0; i < before; i++) {
		int64_t time = timeline->moments[i]->recv_time;
		meanwhile.since = time < meanwhile.since ? time : meanwhile.since;
		meanwhile.until = time > meanwhile.until ? time : meanwhile.until;
	}
	if (__builtin_sub_overflow(meanwhile.since, MEANWHILE_NS, &meanwhile.since))
		meanwhile.since = INT64_MIN;
	if (__builtin_add_overflow(meanwhile.until, MEANWHILE_NS, &meanwhile.until))
		meanwhile.until = INT64_MAX;
	status = timeline_collect_more(timeline, &meanwhile, &filter, error);
	keep_in_range(timeline, scan, traces, before);
	return status;
}

/* --- what is asked for --- */

static bool is_plain_id(struct text words)
{
	for (size_t i = 0; i < words.len; i++)
		if (words.at[i] == ' ' || words.at[i] == '"' || words.at[i] == '(')
			return false;
	const char *colon = memchr(words.at, ':', words.len);
	struct text name = {words.at, colon ? (size_t)(colon - words.at) : 0};
	return words.len > 0 && words.at[0] != '-' && (colon == NULL || field_name_find(name).count == 0);
}

static enum status build_by(
	struct timeline *timeline, const struct scan *scan, enum unit_type type, struct text id, struct error *error)
{
	static const uint8_t fields[] = {[UNIT_CONVERSATION] = FIELD_CONVERSATION_ID,
		[UNIT_SESSION] = FIELD_SESSION_ID,
		[UNIT_TRACE] = FIELD_TRACE_ID};
	enum status status = collect_any(timeline, scan, &fields[type], 1, id, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	if (status == STATUS_OK && type == UNIT_CONVERSATION)
		status = collect_others(timeline, scan, error);
	timeline->coverage.events = timeline->count;
	return status == STATUS_OK ? add_tenants(timeline, type, id) : status;
}

static enum status add_inferred(
	struct timeline *timeline, const struct scan *scan, const struct moment *call, struct error *error)
{
	struct filter filter;
	struct scan around = *scan;
	int64_t since = call->time - NS_PER_DAY;
	int64_t until = moment_end(call) + NS_PER_DAY;
	around.since = since > scan->since ? since : scan->since;
	around.until = until < scan->until ? until : scan->until;
	around.by_recv_time = false;
	enum status status = make_who_filter(timeline, call, &filter);
	timeline->count = 0;
	if (status == STATUS_OK)
		status = timeline_collect(timeline, &around, &filter, error);
	if (status != STATUS_OK)
		return status;
	size_t kept = 0;
	for (size_t i = 0; i < timeline->count; i++)
		if (compare_keys(timeline->moments[i], call) == 0)
			timeline->moments[kept++] = timeline->moments[i];
	timeline->count = kept;
	if (kept == 0)
		return STATUS_NOT_FOUND;
	qsort(timeline->moments, kept, sizeof(struct moment *), by_key_and_time);
	size_t start = 0;
	size_t length = run_around(timeline->moments, kept, call, &start);
	timeline->coverage.events = length;
	return add_unit(timeline, UNIT_INFERRED, (struct text){NULL, 0}, timeline->moments + start, length);
}

/* The conversation of a turn, from any event of the turn (and tenant) that names it. */
static enum status conversation_of_turn(struct timeline *timeline, const struct scan *scan, const struct moment *call,
	struct text *conversation_id, struct error *error)
{
	static const uint8_t field = FIELD_TURN_ID;
	enum status status = collect_any(timeline, scan, &field, 1, call->turn_id, error);
	for (size_t i = 0; status == STATUS_OK && i < timeline->count && conversation_id->len == 0; i++)
		if (text_equal(timeline->moments[i]->tenant, call->tenant))
			*conversation_id = timeline->moments[i]->conversation_id;
	return status;
}

/* The piece of work of a call, within its tenant. */
static enum status build_around(
	struct timeline *timeline, const struct scan *scan, const struct moment *call, struct error *error)
{
	struct scan own = *scan;
	struct text conversation_id = call->conversation_id;
	enum status status = STATUS_OK;
	if (call->tenant.len > 0) {
		own.tenants = &call->tenant;
		own.tenant_count = 1;
	}
	if (conversation_id.len == 0 && call->turn_id.len > 0)
		status = conversation_of_turn(timeline, &own, call, &conversation_id, error);
	if (status != STATUS_OK)
		return status;
	if (conversation_id.len > 0)
		return build_by(timeline, &own, UNIT_CONVERSATION, conversation_id, error);
	if (call->session_id.len > 0)
		return build_by(timeline, &own, UNIT_SESSION, call->session_id, error);
	if (call->trace_id.len > 0)
		return build_by(timeline, &own, UNIT_TRACE, call->trace_id, error);
	return add_inferred(timeline, &own, call, error);
}

/* Keeps what has the id as its own of this kind; returns how many. */
static size_t keep_of(struct timeline *timeline, size_t offset, struct text id)
{
	size_t kept = 0;
	for (size_t i = 0; i < timeline->count; i++) {
		struct text text;
		memcpy(&text, (const char *)timeline->moments[i] + offset, sizeof(text));
		if (text_equal(text, id)) {
			struct moment *found = timeline->moments[i];
			timeline->moments[i] = timeline->moments[kept];
			timeline->moments[kept++] = found;
		}
	}
	return kept;
}

/* The piece of work that an id of it names; STATUS_NOT_FOUND: no moment that was collected has it. */
static enum status build_named(struct timeline *timeline, const struct scan *scan, enum unit_type type, size_t offset,
	struct text id, struct error *error)
{
	enum status status = STATUS_OK;
	size_t kept = keep_of(timeline, offset, id);
	if (kept == 0)
		return STATUS_NOT_FOUND;
	timeline->count = kept;
	if (type == UNIT_CONVERSATION)
		status = collect_others(timeline, scan, error);
	timeline->coverage.events = timeline->count;
	return status == STATUS_OK ? add_tenants(timeline, type, id) : status;
}

/*
 * A session's id is believed before a conversation's, a trace's and a call's.  Sessions are looked for alone, for they
 * are asked for most and each further field is a column to be read; the others in one scan.
 */
static enum status build_id(struct timeline *timeline, const struct scan *scan, struct text id, struct error *error)
{
	static const uint8_t others[] = {FIELD_CONVERSATION_ID, FIELD_TRACE_ID, FIELD_ID};
	static const struct {
		enum unit_type type;
		size_t offset;
	} order[] = {{UNIT_CONVERSATION, offsetof(struct moment, conversation_id)},
		{UNIT_TRACE, offsetof(struct moment, trace_id)}};
	struct scan one = *scan;
	enum status status = build_by(timeline, scan, UNIT_SESSION, id, error);
	if (status != STATUS_NOT_FOUND)
		return status;
	status = collect_any(timeline, scan, others, sizeof(others), id, error);
	for (size_t i = 0; status == STATUS_OK && i < sizeof(order) / sizeof(order[0]); i++) {
		status = build_named(timeline, scan, order[i].type, order[i].offset, id, error);
		if (status != STATUS_NOT_FOUND)
			return status;
		status = STATUS_OK;
	}
	if (status == STATUS_OK && timeline->count == 0 && scan_narrow_to_id(&one, id))
		status = timeline_collect(timeline, &one, NULL, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	return status == STATUS_OK ? build_around(timeline, scan, timeline->moments[0], error) : status;
}

/* --- a search: every match in its own piece of work --- */

typedef int moment_order(const void *a, const void *b);

static int by_turn(const void *a, const void *b)
{
	return text_compare((*(struct moment *const *)a)->turn_id, (*(struct moment *const *)b)->turn_id);
}

static int by_trace(const void *a, const void *b)
{
	return text_compare((*(struct moment *const *)a)->trace_id, (*(struct moment *const *)b)->trace_id);
}

/* Gives the moments of a turn, or of a trace, the one conversation that some of them name. */
static void spread_conversations(struct timeline *timeline, moment_order *order, size_t offset)
{
	struct moment **moments = timeline->moments;
	qsort(moments, timeline->count, sizeof(struct moment *), order);
	for (size_t i = 0, end = 0; i < timeline->count; i = end) {
		const struct moment *named = NULL;
		bool one = true;
		struct text id;
		memcpy(&id, (const char *)moments[i] + offset, sizeof(id));
		for (end = i; end < timeline->count && order(&moments[i], &moments[end]) == 0; end++) {
			if (moments[end]->conversation_id.len == 0)
				continue;
			one = one &&
			      (named == NULL || (text_equal(named->conversation_id, moments[end]->conversation_id) &&
							text_equal(named->tenant, moments[end]->tenant)));
			named = moments[end];
		}
		for (size_t j = i; j < end && id.len > 0 && one && named; j++)
			if (moments[j]->conversation_id.len == 0 && text_equal(moments[j]->tenant, named->tenant))
				moments[j]->conversation_id = named->conversation_id;
	}
}

static int by_session(const void *a, const void *b)
{
	return text_compare((*(struct moment *const *)a)->session_id, (*(struct moment *const *)b)->session_id);
}

enum status timeline_group(struct timeline *timeline, bool sessions)
{
	if (timeline->count == 0)
		return STATUS_OK;
	spread_conversations(timeline, by_turn, offsetof(struct moment, turn_id));
	spread_conversations(timeline, by_trace, offsetof(struct moment, trace_id));
	if (sessions)
		spread_conversations(timeline, by_session, offsetof(struct moment, session_id));
	return add_units(timeline, timeline->moments, timeline->count);
}

static enum status build_search(
	struct timeline *timeline, const struct scan *scan, struct text words, struct error *error)
{
	struct filter filter;
	enum status status = filter_parse(words, timestamp_now(), &timeline->arena, &filter, error);
	timeline->searched = true;
	if (status == STATUS_OK)
		status = timeline_collect(timeline, scan, &filter, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	if (status != STATUS_OK)
		return status;
	return timeline_group(timeline, false);
}

/* --- what the collector lost meanwhile --- */

/* Losses are told within seconds: so many events later at the most, in a store that is written as fast as can be. */
enum { LOSS_TOLD_SEQS = 1 << 18 };

static enum status collect_losses(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct filter filter;
	struct scan losses = *scan;
	size_t before = timeline->count;
	int64_t end = INT64_MIN;
	losses.since = INT64_MAX;
	for (const struct unit *unit = timeline->units; unit; unit = unit->next) {
		losses.since = unit->start < losses.since ? unit->start : losses.since;
		end = unit->end > end ? unit->end : end;
	}
	losses.until = end < INT64_MAX ? end + 1 : end;
	losses.by_recv_time = false;
	losses.tenants = NULL; /* a loss concerns every tenant, and holds no tenant's data */
	enum status status = filter_parse(
		TEXT("kind:ledger op:drop,gap,full,start,clock_jump"), 0, &timeline->arena, &filter, error);
	scan_narrow_to_moments(timeline, &losses, 0, LOSS_TOLD_SEQS);
	if (status == STATUS_OK && losses.since < losses.until)
		status = timeline_collect_more(timeline, &losses, &filter, error);
	timeline->losses = timeline->moments ? timeline->moments + before : NULL;
	timeline->loss_count = timeline->count - before;
	if (timeline->losses)
		qsort(timeline->losses, timeline->loss_count, sizeof(struct moment *), by_key_and_time);
	return status;
}

static enum status finish(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct scan shown = *scan;
	if (timeline->coverage.events > 0)
		scan_narrow_to_moments(timeline, &shown, 0, 0);
	enum status status = ends_explain(timeline, scan, error);
	if (status == STATUS_OK)
		status = timeline_find_gaps(timeline, scan, error);
	if (status == STATUS_OK)
		status = collect_losses(timeline, scan, error);
	shown.filter = timeline->filter;
	return status == STATUS_OK ? coverage_collect(&shown, &timeline->coverage, error) : status;
}

/* --- the whole --- */

enum status timeline_create(struct timeline **timeline, bool with_json)
{
	struct timeline *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	arena_init(&made->arena, ARENA_BYTES_MAX);
	arena_init(&made->scratch, SCRATCH_BYTES_MAX);
	buf_init(&made->brief, BRIEF_TEXT_BYTES_MAX);
	buf_init(&made->json, TIMELINE_JSON_BYTES_MAX);
	made->with_json = with_json;
	made->moments_max = TIMELINE_MOMENTS_MAX;
	enum status status = crypto_random(made->hash_key, sizeof(made->hash_key));
	if (status != STATUS_OK)
		timeline_destroy(&made);
	else
		*timeline = made;
	return status;
}

enum status timeline_build(
	struct timeline **timeline, const struct scan *scan, struct text words, bool with_json, struct error *error)
{
	struct timeline *made = NULL;
	enum status status = timeline_create(&made, with_json);
	if (status != STATUS_OK)
		return error_set(error, status, "%s", status_text(status));
	made->many_stores = scan->store_count > 1;
	status = is_plain_id(words) ? build_id(made, scan, words, error) : build_search(made, scan, words, error);
	enum status finished = status;
	if (status == STATUS_OK)
		finished = sort_units(made);
	if (finished == STATUS_OK || finished == STATUS_NOT_FOUND)
		finished = finish(made, scan, error);
	if (finished != STATUS_OK) {
		timeline_destroy(&made);
		return finished;
	}
	*timeline = made;
	return status;
}

void timeline_destroy(struct timeline **timeline)
{
	if (*timeline == NULL)
		return;
	free((*timeline)->moments);
	buf_finish(&(*timeline)->json);
	buf_finish(&(*timeline)->brief);
	arena_finish(&(*timeline)->scratch);
	arena_finish(&(*timeline)->arena);
	free(*timeline);
	*timeline = NULL;
}

const struct coverage *timeline_coverage(const struct timeline *timeline)
{
	return &timeline->coverage;
}
