#include "timeline.h"

#include <stdlib.h>

#include "timestamp.h"

enum { ARENA_BYTES_MAX = 128 * 1024 * 1024, SCRATCH_BYTES_MAX = 64 * 1024 * 1024, BRIEF_TEXT_BYTES_MAX = 64 * 1024 };

#define IDLE_NS_MAX (30 * 60 * NS_PER_S)

/* --- collecting --- */

static struct text keep(struct timeline *timeline, struct text text)
{
	return text.len > 0 ? arena_copy(&timeline->arena, text) : (struct text){NULL, 0};
}

static struct text keep_field(struct timeline *timeline, const struct event *event, unsigned field)
{
	return keep(timeline, event_text(event, field));
}

static enum stage stage_of(const struct event *event)
{
	struct text stage = event_text(event, FIELD_STAGE);
	return text_equal(stage, TEXT("start")) ? STAGE_START
	       : text_equal(stage, TEXT("end")) ? STAGE_END
						: STAGE_SINGLE;
}

static void keep_fields(struct timeline *timeline, const struct event *event, struct moment *moment)
{
	const struct {
		unsigned field;
		struct text *text;
	} fields[] = {
		{FIELD_KIND, &moment->kind},
		{FIELD_OP, &moment->op},
		{FIELD_ACTION, &moment->action},
		{FIELD_TARGET_NAME, &moment->target},
		{FIELD_VERDICT, &moment->verdict},
		{FIELD_ID, &moment->id},
		{FIELD_SPAN_ID, &moment->span_id},
		{FIELD_PARENT_SPAN_ID, &moment->parent_span_id},
		{FIELD_TRACE_ID, &moment->trace_id},
		{FIELD_SESSION_ID, &moment->session_id},
		{FIELD_CONVERSATION_ID, &moment->conversation_id},
		{FIELD_TURN_ID, &moment->turn_id},
		{FIELD_USER_ID, &moment->user},
		{FIELD_MARKS_USER_TRUST, &moment->trust},
		{FIELD_OAUTH_CLIENT_ID, &moment->oauth_client},
		{FIELD_CLIENT_NAME, &moment->client},
		{FIELD_AGENT_NAME, &moment->agent},
		{FIELD_SERVER_NAME, &moment->server},
		{FIELD_OBSERVER_ROLE, &moment->observer_role},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i].text = keep_field(timeline, event, fields[i].field);
}

static struct text keep_brief(struct timeline *timeline)
{
	struct text text = keep(timeline, buf_text(&timeline->brief));
	buf_clear(&timeline->brief);
	return text;
}

static void keep_words(struct timeline *timeline, const struct event *event, struct moment *moment)
{
	enum { INTENT_BYTES_MAX = 1000 };
	struct buf *brief = &timeline->brief;
	buf_clear(brief);
	brief_what(brief, event);
	moment->what = keep_brief(timeline);
	brief_parameters(brief, event_text(event, FIELD_REQUEST), &timeline->scratch);
	moment->parameters = keep_brief(timeline);
	brief_result(brief, event_text(event, FIELD_RESPONSE), &timeline->scratch);
	moment->result = keep_brief(timeline);
	moment->tone = brief_outcome(brief, event, &timeline->scratch);
	moment->outcome = keep_brief(timeline);
	struct text intent = event_text(event, FIELD_INTENT);
	if (intent.len > INTENT_BYTES_MAX)
		intent.len = INTENT_BYTES_MAX;
	moment->intent = keep(timeline, intent);
	if (timeline->with_json) {
		struct buf json;
		buf_init(&json, ARENA_BYTES_MAX);
		event_put_json(&json, event, timeline->store_id);
		moment->json = keep(timeline, buf_text(&json));
		buf_finish(&json);
	}
}

static bool has_room(struct timeline *timeline)
{
	if (timeline->count < timeline->room)
		return true;
	size_t room = timeline->room ? timeline->room * 2 : 256;
	struct moment **moments = realloc(timeline->moments, room * sizeof(struct moment *));
	if (moments == NULL)
		return false;
	timeline->moments = moments;
	timeline->room = room;
	return true;
}

static enum status collect_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct timeline *timeline = context;
	timeline->store_id = place->store_id;
	struct arena *arena = &timeline->arena;
	if (timeline->count == TIMELINE_MOMENTS_MAX || arena->total > arena->max / 2) {
		timeline->coverage.more = true;
		return STATUS_LIMIT;
	}
	struct moment *moment = arena_calloc(arena, 1, sizeof(*moment));
	if (moment == NULL || !has_room(timeline))
		return STATUS_NO_MEMORY;
	moment->seq = (uint64_t)event->value[FIELD_SEQ].number;
	moment->time = event_time(event);
	moment->has_duration = event_has(event, FIELD_DURATION_NS);
	if (moment->has_duration)
		moment->duration_ns = event->value[FIELD_DURATION_NS].number;
	moment->stage = stage_of(event);
	moment->tenant = keep(timeline, event_tenant(event));
	keep_fields(timeline, event, moment);
	keep_words(timeline, event, moment);
	moment->is_call = text_equal(moment->kind, TEXT("tool_call"));
	timeline->moments[timeline->count++] = moment;
	return STATUS_OK;
}

static const struct condition every_event = {.type = CONDITION_ALL};

static enum status collect(
	struct timeline *timeline, const struct scan *scan, const struct filter *filter, struct error *error)
{
	struct scan filtered = *scan;
	struct coverage *coverage = &timeline->coverage;
	*coverage = (struct coverage){0};
	filtered.filter = filter;
	filtered.coverage = coverage;
	timeline->filter = arena_alloc(&timeline->arena, sizeof(*filter));
	if (timeline->filter == NULL)
		return STATUS_NO_MEMORY;
	*timeline->filter = filter ? *filter : (struct filter){.root = &every_event};
	enum status status = scan_events(&filtered, collect_event, timeline, error);
	coverage->events = timeline->count;
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

static enum status add_unit(
	struct timeline *timeline, enum unit_type type, struct text id, struct moment **moments, size_t count)
{
	struct unit *unit = arena_calloc(&timeline->arena, 1, sizeof(*unit));
	if (unit == NULL)
		return STATUS_NO_MEMORY;
	unit->type = type;
	unit->id = id;
	enum status status = unit_arrange(timeline, unit, moments, count);
	struct unit **link = &timeline->units;
	while (*link && (*link)->start <= unit->start)
		link = &(*link)->next;
	unit->next = *link;
	*link = unit;
	return status;
}

static enum status collect_exact(
	struct timeline *timeline, const struct scan *scan, unsigned field, struct text value, struct error *error)
{
	struct filter filter;
	enum status status = filter_exact(field, value, &timeline->arena, &filter);
	return status == STATUS_OK ? collect(timeline, scan, &filter, error) : status;
}

/* The same user, OAuth client, client program and server as a call, where it has them. */
static enum status make_who_filter(struct timeline *timeline, const struct moment *moment, struct filter *filter)
{
	const struct {
		unsigned field;
		struct text value;
	} parts[] = {{FIELD_USER_ID, moment->user}, {FIELD_OAUTH_CLIENT_ID, moment->oauth_client},
		{FIELD_CLIENT_NAME, moment->client}, {FIELD_SERVER_NAME, moment->server}};
	struct condition *all = arena_calloc(&timeline->arena, 1, sizeof(*all));
	if (all == NULL)
		return STATUS_NO_MEMORY;
	all->type = CONDITION_AND;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct filter part;
		if (parts[i].value.len == 0)
			continue;
		enum status status = filter_exact(parts[i].field, parts[i].value, &timeline->arena, &part);
		if (status != STATUS_OK)
			return status;
		struct condition *condition = arena_alloc(&timeline->arena, sizeof(*condition));
		if (condition == NULL)
			return STATUS_NO_MEMORY;
		*condition = *part.root;
		condition->next = all->children;
		all->children = condition;
	}
	*filter = (struct filter){.root = all};
	return STATUS_OK;
}

/* Whether nothing but the guess joins a moment to others. */
static bool stands_alone(const struct moment *moment)
{
	return moment->conversation_id.len == 0 && moment->session_id.len == 0 && moment->trace_id.len == 0;
}

/* Of moments in order of time, the run around `seq` without an idle gap; returns its length. */
static size_t run_around(struct moment **moments, size_t count, uint64_t seq, size_t *start)
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
		found = found || moments[i]->seq == seq;
	}
	*start = first;
	return count - first;
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
		status = collect(timeline, &around, &filter, error);
	if (status != STATUS_OK)
		return status;
	size_t kept = 0;
	for (size_t i = 0; i < timeline->count; i++)
		if (stands_alone(timeline->moments[i]))
			timeline->moments[kept++] = timeline->moments[i];
	qsort(timeline->moments, kept, sizeof(struct moment *), moment_by_time);
	size_t start = 0;
	size_t length = run_around(timeline->moments, kept, call->seq, &start);
	timeline->coverage.events = length;
	return add_unit(timeline, UNIT_INFERRED, (struct text){NULL, 0}, timeline->moments + start, length);
}

static enum status build_by(
	struct timeline *timeline, const struct scan *scan, enum unit_type type, struct text id, struct error *error)
{
	static const unsigned fields[] = {[UNIT_CONVERSATION] = FIELD_CONVERSATION_ID,
		[UNIT_SESSION] = FIELD_SESSION_ID,
		[UNIT_TRACE] = FIELD_TRACE_ID};
	timeline->count = 0;
	enum status status = collect_exact(timeline, scan, fields[type], id, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	return status == STATUS_OK ? add_unit(timeline, type, id, timeline->moments, timeline->count) : status;
}

/* The conversation of a turn, from any event of the turn that names it. */
static enum status conversation_of_turn(struct timeline *timeline, const struct scan *scan, struct text turn_id,
	struct text *conversation_id, struct error *error)
{
	timeline->count = 0;
	enum status status = collect_exact(timeline, scan, FIELD_TURN_ID, turn_id, error);
	for (size_t i = 0; status == STATUS_OK && i < timeline->count && conversation_id->len == 0; i++)
		*conversation_id = timeline->moments[i]->conversation_id;
	return status;
}

static enum status build_around_call(
	struct timeline *timeline, const struct scan *scan, struct text id, struct error *error)
{
	struct scan one = *scan;
	enum status status = STATUS_OK;
	timeline->count = 0;
	if (scan_narrow_to_id(&one, id))
		status = collect(timeline, &one, NULL, error);
	if (status == STATUS_OK && timeline->count == 0)
		status = collect_exact(timeline, scan, FIELD_ID, id, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	if (status != STATUS_OK)
		return status;
	const struct moment *call = timeline->moments[0];
	struct text conversation_id = call->conversation_id;
	if (conversation_id.len == 0 && call->turn_id.len > 0)
		status = conversation_of_turn(timeline, scan, call->turn_id, &conversation_id, error);
	if (status != STATUS_OK)
		return status;
	if (conversation_id.len > 0)
		return build_by(timeline, scan, UNIT_CONVERSATION, conversation_id, error);
	if (call->session_id.len > 0)
		return build_by(timeline, scan, UNIT_SESSION, call->session_id, error);
	if (call->trace_id.len > 0)
		return build_by(timeline, scan, UNIT_TRACE, call->trace_id, error);
	return add_inferred(timeline, scan, call, error);
}

static enum status build_id(struct timeline *timeline, const struct scan *scan, struct text id, struct error *error)
{
	static const enum unit_type order[] = {UNIT_SESSION, UNIT_CONVERSATION, UNIT_TRACE};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		enum status status = build_by(timeline, scan, order[i], id, error);
		if (status != STATUS_NOT_FOUND)
			return status;
	}
	return build_around_call(timeline, scan, id, error);
}

/* --- a search: every match in its own piece of work --- */

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

static int by_key_and_time(const void *a, const void *b)
{
	int order = compare_keys(*(struct moment *const *)a, *(struct moment *const *)b);
	return order ? order : moment_by_time(a, b);
}

static int by_turn(const void *a, const void *b)
{
	return text_compare((*(struct moment *const *)a)->turn_id, (*(struct moment *const *)b)->turn_id);
}

/* Gives the moments of a turn the conversation that one of them names. */
static void spread_conversations(struct timeline *timeline)
{
	struct moment **moments = timeline->moments;
	qsort(moments, timeline->count, sizeof(struct moment *), by_turn);
	for (size_t i = 0, end = 0; i < timeline->count; i = end) {
		struct text conversation_id = {NULL, 0};
		for (end = i; end < timeline->count && text_equal(moments[i]->turn_id, moments[end]->turn_id); end++)
			if (moments[end]->conversation_id.len > 0)
				conversation_id = moments[end]->conversation_id;
		for (size_t j = i; j < end && moments[i]->turn_id.len > 0; j++)
			if (moments[j]->conversation_id.len == 0)
				moments[j]->conversation_id = conversation_id;
	}
}

static enum status add_inferred_runs(struct timeline *timeline, struct moment **moments, size_t count)
{
	enum status status = STATUS_OK;
	while (status == STATUS_OK && count > 0) {
		size_t start = 0;
		size_t length = run_around(moments, count, moments[0]->seq, &start);
		status = add_unit(timeline, UNIT_INFERRED, (struct text){NULL, 0}, moments, length);
		moments += length;
		count -= length;
	}
	return status;
}

static enum status build_search(
	struct timeline *timeline, const struct scan *scan, struct text words, struct error *error)
{
	struct filter filter;
	enum status status = filter_parse(words, timestamp_now(), &timeline->arena, &filter, error);
	if (status == STATUS_OK)
		status = collect(timeline, scan, &filter, error);
	if (status == STATUS_OK && timeline->count == 0)
		return STATUS_NOT_FOUND;
	if (status != STATUS_OK)
		return status;
	spread_conversations(timeline);
	struct moment **moments = timeline->moments;
	qsort(moments, timeline->count, sizeof(struct moment *), by_key_and_time);
	for (size_t i = 0, end = 0; i < timeline->count && status == STATUS_OK; i = end) {
		for (end = i; end < timeline->count && compare_keys(moments[i], moments[end]) == 0;)
			end++;
		struct unit_key key = key_of(moments[i]);
		if (key.type == UNIT_INFERRED)
			status = add_inferred_runs(timeline, moments + i, end - i);
		else
			status = add_unit(timeline, key.type, key.parts[0], moments + i, end - i);
	}
	return status;
}

/* --- what the collector lost meanwhile --- */

static enum status collect_losses(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct filter filter;
	struct scan losses = *scan;
	struct coverage ignored = {0};
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
	losses.filter = &filter;
	losses.coverage = &ignored;
	enum status status =
		filter_parse(TEXT("kind:ledger op:drop,gap,full,start"), 0, &timeline->arena, &filter, error);
	if (status == STATUS_OK && losses.since < losses.until)
		status = scan_events(&losses, collect_event, timeline, error);
	for (size_t i = before; i < timeline->count; i++)
		timeline->moments[i]->is_loss = true;
	timeline->losses = timeline->moments ? timeline->moments + before : NULL;
	timeline->loss_count = timeline->count - before;
	if (timeline->losses)
		qsort(timeline->losses, timeline->loss_count, sizeof(struct moment *), moment_by_time);
	return status;
}

static enum status finish(struct timeline *timeline, const struct scan *scan, struct error *error)
{
	struct scan shown = *scan;
	uint64_t first_seq = UINT64_MAX;
	uint64_t last_seq = 0;
	for (size_t i = 0; i < timeline->count; i++) {
		uint64_t seq = timeline->moments[i]->seq;
		first_seq = seq < first_seq ? seq : first_seq;
		last_seq = seq > last_seq ? seq : last_seq;
	}
	enum status status = collect_losses(timeline, scan, error);
	if (timeline->coverage.events > 0) {
		scan_narrow(&shown, first_seq, last_seq);
	}
	shown.filter = timeline->filter;
	return status == STATUS_OK ? coverage_collect(&shown, &timeline->coverage, error) : status;
}

/* --- the whole --- */

enum status timeline_build(
	struct timeline **timeline, const struct scan *scan, struct text words, bool with_json, struct error *error)
{
	struct timeline *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	arena_init(&made->arena, ARENA_BYTES_MAX);
	arena_init(&made->scratch, SCRATCH_BYTES_MAX);
	buf_init(&made->brief, BRIEF_TEXT_BYTES_MAX);
	made->with_json = with_json;
	enum status status =
		is_plain_id(words) ? build_id(made, scan, words, error) : build_search(made, scan, words, error);
	enum status finished = status == STATUS_OK || status == STATUS_NOT_FOUND ? finish(made, scan, error) : status;
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
	buf_finish(&(*timeline)->brief);
	arena_finish(&(*timeline)->scratch);
	arena_finish(&(*timeline)->arena);
	free(*timeline);
	*timeline = NULL;
}
