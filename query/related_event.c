#include "related_event.h"

#include <stdlib.h>

#include "conditions.h"
#include "members.h"
#include "places.h"
#include "timestamp.h"

enum { PLAIN_BYTES_MAX = 1024 * 1024, BRIEF_BYTES = 64 * 1024 };

#define NEAR_NS (5 * 60 * NS_PER_S)

static const uint8_t field_id[] = {FIELD_ID};
static const uint8_t field_time[] = {FIELD_TIME};
static const uint8_t field_kind[] = {FIELD_KIND};
static const uint8_t field_request[] = {FIELD_REQUEST};
static const uint8_t field_trace[] = {FIELD_TRACE_ID};

/* Relations by an equal value: the event has it in one of `from`, others in one of `to`. */
static const struct link {
	enum relation relation;
	uint8_t from[4];
	uint8_t to[4];
	bool near;  /* only within NEAR_NS */
	bool trace; /* only within the same trace */
} links[] = {
	{RELATION_SAME_ID, {FIELD_ID}, {FIELD_ID}, false, false},
	{RELATION_NAMES, {FIELD_ID}, {FIELD_RETRY_OF, FIELD_CAUSED_BY, FIELD_BINDS_TO, FIELD_CANCELLED_BY}, false,
		false},
	{RELATION_NAMED, {FIELD_RETRY_OF, FIELD_CAUSED_BY, FIELD_BINDS_TO, FIELD_CANCELLED_BY}, {FIELD_ID}, false,
		false},
	{RELATION_CALLED, {FIELD_SPAN_ID}, {FIELD_PARENT_SPAN_ID}, false, true},
	{RELATION_CALLER, {FIELD_PARENT_SPAN_ID}, {FIELD_SPAN_ID}, false, true},
	{RELATION_STATE, {FIELD_STATE_DIGEST}, {FIELD_STATE_DIGEST}, false, false},
	{RELATION_TURN, {FIELD_TURN_ID}, {FIELD_TURN_ID}, false, false},
	{RELATION_TASK, {FIELD_TASK_ID}, {FIELD_TASK_ID}, false, false},
	{RELATION_CONVERSATION, {FIELD_CONVERSATION_ID}, {FIELD_CONVERSATION_ID}, false, false},
	{RELATION_SESSION, {FIELD_SESSION_ID}, {FIELD_SESSION_ID}, false, false},
	{RELATION_TRACE, {FIELD_TRACE_ID}, {FIELD_TRACE_ID}, false, false},
	{RELATION_TOKEN, {FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID}, {FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID},
		false, false},
	{RELATION_USER_NEAR, {FIELD_USER_ID}, {FIELD_USER_ID}, true, false},
	{RELATION_SERVER_NEAR, {FIELD_SERVER_NAME}, {FIELD_SERVER_NAME}, true, false},
};
enum { LINKS = sizeof(links) / sizeof(links[0]), LINK_FIELDS = 4 };

static size_t field_count(const uint8_t fields[LINK_FIELDS])
{
	size_t count = 0;
	while (count < LINK_FIELDS && fields[count] != 0)
		count++;
	return count;
}

/* --- the event --- */

static void keep_text(struct finder *finder, const struct event *event, unsigned field, struct text *text)
{
	if (text->len == 0 && event_text(event, field).len > 0)
		*text = arena_copy(&finder->related->arena, event_text(event, field));
}

static void keep_fields(struct finder *finder, const struct event *event, struct text store_id)
{
	struct seed *seed = &finder->seed;
	char buffer[96];
	for (size_t i = 0; i < LINKS; i++)
		for (size_t j = 0; j < field_count(links[i].from); j++)
			keep_text(finder, event, links[i].from[j], &seed->fields[links[i].from[j]]);
	keep_text(finder, event, FIELD_TARGET_NAME, &seed->fields[FIELD_TARGET_NAME]);
	keep_text(finder, event, FIELD_ACTION, &seed->fields[FIELD_ACTION]);
	keep_text(finder, event, FIELD_REQUEST, &seed->request);
	keep_text(finder, event, FIELD_RESPONSE, &seed->response);
	if (seed->fields[FIELD_ID].len == 0)
		seed->fields[FIELD_ID] = arena_copy(&finder->related->arena, event_id(event, store_id, buffer));
}

static enum status take_seed(void *context, const struct scan_place *place, const struct event *event)
{
	struct finder *finder = context;
	struct seed *seed = &finder->seed;
	int64_t time = event_time(event);
	int64_t end = time;
	if (event_has(event, FIELD_DURATION_NS) &&
		__builtin_add_overflow(time, event->value[FIELD_DURATION_NS].number, &end))
		end = time;
	if (seed->count == SEEDS_MAX)
		return STATUS_LIMIT;
	if (seed->count > 0 && !text_equal(seed->tenant, event_tenant(event)))
		return STATUS_OK;
	if (seed->count == 0) {
		seed->tenant = arena_copy(&finder->related->arena, event_tenant(event));
		seed->time = time;
		seed->end = end;
	}
	seed->end = end > seed->end ? end : seed->end;
	seed->places[seed->count].store = place->store;
	seed->places[seed->count++].seq = (uint64_t)event->value[FIELD_SEQ].number;
	keep_fields(finder, event, place->store_id);
	return STATUS_OK;
}

enum status seed_find(struct finder *finder, const struct scan *scan, struct text words)
{
	struct scan one = *scan;
	enum status status = STATUS_OK;
	if (scan_narrow_to_id(&one, words))
		status = scan_events(&one, take_seed, finder, finder->error);
	if (status != STATUS_OK || finder->seed.count > 0)
		return status;
	one = *scan;
	finder->filter.root = condition_exact(&finder->related->arena, field_id, 1, words);
	one.filter = &finder->filter;
	status = finder->filter.root ? scan_events(&one, take_seed, finder, finder->error) : STATUS_NO_MEMORY;
	return status == STATUS_OK && finder->seed.count == 0 ? STATUS_NOT_FOUND : status;
}

/* --- what is asked because of it --- */

static int64_t add_time(int64_t time, int64_t more)
{
	int64_t sum = 0;
	if (!__builtin_add_overflow(time, more, &sum))
		return sum;
	return more < 0 ? INT64_MIN : INT64_MAX;
}

/* Signs of life and samples say nothing about one call. */
static struct condition *not_periodic(struct arena *arena)
{
	struct condition *not = condition_group(arena, CONDITION_NOT);
	not = condition_add(not, condition_exact(arena, field_kind, 1, TEXT("heartbeat")));
	return condition_add(not, condition_exact(arena, field_kind, 1, TEXT("resource_usage")));
}

/*
 * A block whose summary does not know a field's values at all would have to be read for it; that the field is there is
 * asked first, which a summary knows of every field.
 */
static struct condition *make_equal(struct finder *finder, const struct link *link, struct text value)
{
	struct arena *arena = &finder->related->arena;
	struct condition *all = condition_group(arena, CONDITION_AND);
	all = condition_add(all, condition_exists(arena, link->to, field_count(link->to)));
	if (link->trace)
		all = condition_add(all, condition_exact(arena, field_trace, 1, finder->seed.fields[FIELD_TRACE_ID]));
	if (link->near) {
		all = condition_add(all, condition_between(arena, field_time, add_time(finder->seed.time, -NEAR_NS),
						 add_time(finder->seed.end, NEAR_NS)));
		all = condition_add(all, not_periodic(arena));
	}
	return condition_add(all, condition_exact(arena, link->to, field_count(link->to), value));
}

static enum status ask_link(struct finder *finder, const struct link *link)
{
	struct arena *arena = &finder->related->arena;
	struct condition **condition = &finder->conditions[link->relation];
	if (link->trace && finder->seed.fields[FIELD_TRACE_ID].len == 0)
		return STATUS_OK;
	for (size_t i = 0; i < field_count(link->from); i++) {
		struct text value = finder->seed.fields[link->from[i]];
		if (value.len == 0)
			continue;
		if (*condition == NULL)
			*condition = condition_group(arena, CONDITION_OR);
		*condition = condition_add(*condition, make_equal(finder, link, value));
		if (*condition == NULL)
			return STATUS_NO_MEMORY;
	}
	return STATUS_OK;
}

/* The same tool with the same parameters, byte for byte; whoever looks at the rows compares them. */
static enum status ask_arguments(struct finder *finder)
{
	static const uint8_t target[] = {FIELD_TARGET_NAME};
	static const uint8_t action[] = {FIELD_ACTION};
	struct arena *arena = &finder->related->arena;
	const struct seed *seed = &finder->seed;
	if (seed->request.len <= 2 || seed->fields[FIELD_TARGET_NAME].len == 0)
		return STATUS_OK;
	struct condition *all = condition_group(arena, CONDITION_AND);
	all = condition_add(all, condition_exact(arena, target, 1, seed->fields[FIELD_TARGET_NAME]));
	if (seed->fields[FIELD_ACTION].len > 0)
		all = condition_add(all, condition_exact(arena, action, 1, seed->fields[FIELD_ACTION]));
	all = condition_add(all, condition_exists(arena, field_request, 1));
	if (finder->wanted_count > 0 && finder->value_given[finder->wanted[0].value])
		all = condition_add(all,
			condition_phrase(arena, field_request, 1, finder->related->values[finder->wanted[0].value]));
	finder->conditions[RELATION_ARGUMENTS] = all;
	return all ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The strings of the result, to look for values of others in. */
static enum status make_plain(struct finder *finder)
{
	struct seed *seed = &finder->seed;
	struct buf plain;
	struct text leaf;
	buf_init(&plain, PLAIN_BYTES_MAX);
	for (size_t at = 0; leaves_next(seed->response, &at, &leaf);) {
		arena_clear(&finder->scratch_inside);
		struct text text = leaf_text(leaf, &finder->scratch_inside);
		if (text.at == NULL || plain.len + text.len + 1 > PLAIN_BYTES_MAX)
			break;
		buf_put_text(&plain, text);
		buf_put_byte(&plain, '\n');
	}
	enum status status = buf_status(&plain);
	seed->response_plain = arena_copy(&finder->related->arena, buf_text(&plain));
	buf_finish(&plain);
	return status;
}

enum status seed_ask(struct finder *finder)
{
	enum status status = make_plain(finder);
	if (status == STATUS_OK)
		status = values_choose(finder);
	for (size_t i = 0; i < LINKS && status == STATUS_OK; i++)
		status = ask_link(finder, &links[i]);
	return status == STATUS_OK ? ask_arguments(finder) : status;
}

/* --- what is shown of the relatives --- */

struct reading {
	struct finder *finder;
	struct buf brief;
};

static struct text keep_brief(struct reading *reading)
{
	struct text text = arena_copy(&reading->finder->related->arena, buf_text(&reading->brief));
	buf_clear(&reading->brief);
	return text;
}

static enum status read_relative(
	void *context, const struct place *place, struct text store_id, const struct event *event)
{
	struct reading *reading = context;
	struct relative *relative = place->item;
	struct arena *arena = &reading->finder->related->arena;
	struct arena *scratch = &reading->finder->scratch;
	char buffer[96];
	relative->id = arena_copy(arena, event_id(event, store_id, buffer));
	relative->user = arena_copy(arena, event_text(event, FIELD_USER_ID));
	relative->server = arena_copy(arena, event_text(event, FIELD_SERVER_NAME));
	relative->verdict = arena_copy(arena, event_text(event, FIELD_VERDICT));
	buf_clear(&reading->brief);
	brief_what(&reading->brief, event);
	relative->what = keep_brief(reading);
	relative->tone = brief_outcome(&reading->brief, event, scratch);
	relative->outcome = keep_brief(reading);
	brief_parameters(&reading->brief, event_text(event, FIELD_REQUEST), scratch);
	relative->parameters = keep_brief(reading);
	return STATUS_OK;
}

enum status related_read(struct finder *finder, const struct scan *scan)
{
	struct related *related = finder->related;
	struct reading reading = {.finder = finder};
	struct place *places = calloc(related->count + 1, sizeof(*places));
	if (places == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < related->count; i++)
		places[i] =
			(struct place){related->relatives[i].store, related->relatives[i].seq, &related->relatives[i]};
	buf_init(&reading.brief, BRIEF_BYTES);
	enum status status = places_read(scan, places, related->count, read_relative, &reading, finder->error);
	buf_finish(&reading.brief);
	free(places);
	return status;
}
