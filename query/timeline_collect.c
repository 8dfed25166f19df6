#include "timeline_unit.h"

#include <stdlib.h>

#include "crypto.h"
#include "members.h"
#include "timestamp.h"

/*
 * Turns events into moments.  What many moments share (names, ids of the work) is kept once: a small table of the texts
 * kept last, in which a text may push out another, decides.
 */

enum { SHARED_BYTES_MAX = 256 };

static struct text keep(struct timeline *timeline, struct text text)
{
	return text.len > 0 ? arena_copy(&timeline->arena, text) : (struct text){NULL, 0};
}

static struct text keep_field(struct timeline *timeline, const struct event *event, unsigned field)
{
	struct text text = event_text(event, field);
	if (text.len == 0 || text.len > SHARED_BYTES_MAX)
		return keep(timeline, text);
	struct text *shared = &timeline->shared[siphash(timeline->hash_key, text.at, text.len) % SHARED_TEXTS];
	if (!text_equal(*shared, text))
		*shared = keep(timeline, text);
	return *shared;
}

/* 7 and "7" are the same request: one emitter writes it as it came, another as text. */
static struct text unquoted(struct text token)
{
	if (token.len >= 2 && token.at[0] == '"' && token.at[token.len - 1] == '"')
		return (struct text){token.at + 1, token.len - 2};
	return token;
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
		{FIELD_PHASE, &moment->phase},
		{FIELD_ACTION, &moment->action},
		{FIELD_TARGET_NAME, &moment->target},
		{FIELD_VERDICT, &moment->own.verdict},
		{FIELD_ID, &moment->id},
		{FIELD_SPAN_ID, &moment->span_id},
		{FIELD_PARENT_SPAN_ID, &moment->parent_span_id},
		{FIELD_TRACE_ID, &moment->trace_id},
		{FIELD_SESSION_ID, &moment->session_id},
		{FIELD_CONVERSATION_ID, &moment->conversation_id},
		{FIELD_TURN_ID, &moment->turn_id},
		{FIELD_TASK_ID, &moment->task_id},
		{FIELD_REQUEST_ID, &moment->request_id},
		{FIELD_STATE_DIGEST, &moment->state_digest},
		{FIELD_RETRY_OF, &moment->retry_of},
		{FIELD_BINDS_TO, &moment->refers_to},
		{FIELD_USER_ID, &moment->user},
		{FIELD_OAUTH_CLIENT_ID, &moment->oauth_client},
		{FIELD_CLIENT_NAME, &moment->client},
		{FIELD_AGENT_NAME, &moment->agent},
		{FIELD_SERVER_NAME, &moment->server},
		{FIELD_SERVER_INSTANCE, &moment->server_instance},
		{FIELD_DELEGATION, &moment->delegation},
		{FIELD_MARKS_EFFECT_SOURCE, &moment->effect_source},
		{FIELD_OBSERVER_ROLE, &moment->seen_role},
		{FIELD_OBSERVER_NAME, &moment->seen_name},
		{FIELD_OBSERVER_INSTANCE, &moment->seen_instance},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i].text = keep_field(timeline, event, fields[i].field);
	moment->request_id = unquoted(moment->request_id);
	if (moment->refers_to.len == 0)
		moment->refers_to = keep_field(timeline, event, FIELD_CAUSED_BY);
	moment->effect = keep(timeline, brief_effect(event));
	moment->tenant = keep(timeline, event_tenant(event));
}

/* --- digests --- */

/*
 * Who forwards a call may write its arguments anew.  So the digest of an object is the sum over its members, whose order
 * then does not matter, and that of a string is that of what it says, however it is escaped.
 */
static uint64_t digest_of_value(struct timeline *timeline, struct text json)
{
	struct members members;
	struct text name;
	struct text value;
	uint64_t sum = 0;
	if (!members_begin(json, &members))
		return text_hash(timeline, 1, leaf_text(json, &timeline->scratch));
	while (members_next(&members, &name, &value)) {
		uint64_t digest = digest_of_value(timeline, value); /* at most JSON_DEPTH_MAX deep */
		if (members.object)
			sum += text_hash(timeline, digest, json_string_decode(name, &timeline->scratch));
		else
			sum = text_hash(timeline, sum + digest, TEXT(""));
	}
	return text_hash(timeline, sum, members.object ? TEXT("{") : TEXT("["));
}

/* Never 0.  What is very long is compared as it was sent: nested deeply, it would be read again and again. */
static uint64_t digest_of(struct timeline *timeline, struct text request)
{
	enum { ANEW_BYTES_MAX = 64 * 1024 };
	struct members members;
	struct text name;
	struct text value;
	uint64_t sum = 0;
	if (request.len == 0)
		return 0;
	if (request.len > ANEW_BYTES_MAX || !members_begin(request, &members) || !members.object)
		return text_hash(timeline, 0, request) | 1;
	arena_clear(&timeline->scratch);
	while (members_next(&members, &name, &value))
		if (!text_equal(name, TEXT("_meta")))
			sum += text_hash(timeline, digest_of_value(timeline, value),
				json_string_decode(name, &timeline->scratch));
	return sum | 1;
}

/* The digest of the state that a result asks to be sent back with the input, as emitters write it; empty: none. */
static struct text state_of(struct timeline *timeline, struct text response)
{
	static const char prefix[] = "sha256:";
	struct members members;
	struct text name;
	struct text value;
	uint8_t digest[SHA256_BYTES];
	char text[sizeof(prefix) + 2 * SHA256_BYTES];
	if (!members_begin(response, &members) || !members.object)
		return (struct text){NULL, 0};
	while (members_next(&members, &name, &value)) {
		if (!text_equal(name, TEXT("requestState")) || crypto_sha256(value, digest) != STATUS_OK)
			continue;
		memcpy(text, prefix, sizeof(prefix) - 1);
		hex_encode(digest, sizeof(digest), text + sizeof(prefix) - 1);
		return keep(timeline, (struct text){text, sizeof(text) - 1});
	}
	return (struct text){NULL, 0};
}

/* --- words --- */

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
	moment->own.result = keep_brief(timeline);
	moment->own.tone = brief_outcome(brief, event, &timeline->scratch);
	moment->own.outcome = keep_brief(timeline);
	struct text intent = event_text(event, FIELD_INTENT);
	if (intent.len > INTENT_BYTES_MAX)
		intent.len = INTENT_BYTES_MAX;
	moment->intent = keep(timeline, intent);
	if (timeline->with_json) {
		buf_clear(&timeline->json);
		event_put_json(&timeline->json, event, timeline->store_id);
		moment->json = keep(timeline, buf_text(&timeline->json));
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

static struct moment *make_moment(struct timeline *timeline, const struct event *event)
{
	struct moment *moment = arena_calloc(&timeline->arena, 1, sizeof(*moment));
	if (moment == NULL)
		return NULL;
	moment->seq = (uint64_t)event->value[FIELD_SEQ].number;
	moment->time = event_time(event);
	moment->recv_time = event_has(event, FIELD_RECV_TIME) ? event->value[FIELD_RECV_TIME].number : moment->time;
	moment->timed = event_has(event, FIELD_TIME);
	moment->counted = event_has(event, FIELD_OBSERVER_SEQ);
	moment->own.has_duration = event_has(event, FIELD_DURATION_NS) && event->value[FIELD_DURATION_NS].number >= 0;
	if (moment->own.has_duration)
		moment->own.duration_ns = event->value[FIELD_DURATION_NS].number;
	moment->suspect = event_has(event, FIELD_MARKS_TIME_SUSPECT);
	moment->sampled = event_has(event, FIELD_MARKS_SAMPLED);
	moment->imported = event_has(event, FIELD_INGEST_ORIGIN);
	moment->verified = text_equal(event_text(event, FIELD_MARKS_USER_TRUST), TEXT("verified"));
	moment->stage = stage_of(event);
	keep_fields(timeline, event, moment);
	keep_words(timeline, event, moment);
	moment->is_call = text_equal(moment->kind, TEXT("tool_call"));
	moment->arguments = moment->is_call ? digest_of(timeline, event_text(event, FIELD_REQUEST)) : 0;
	if (moment->own.tone == TONE_WAITING)
		moment->result_state = state_of(timeline, event_text(event, FIELD_RESPONSE));
	return moment;
}

static enum status collect_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct timeline *timeline = context;
	timeline->store_id = place->store_id;
	const struct arena *arena = &timeline->arena;
	if (timeline->count >= timeline->moments_max || arena->total > arena->max / 2) {
		timeline->truncated = true;
		return STATUS_LIMIT;
	}
	if (!has_room(timeline))
		return STATUS_NO_MEMORY;
	struct moment *moment = make_moment(timeline, event);
	if (moment == NULL)
		return STATUS_NO_MEMORY;
	moment->store = place->store;
	timeline->moments[timeline->count++] = moment;
	return STATUS_OK;
}

static const struct condition every_event = {.type = CONDITION_ALL};

enum status timeline_collect(
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
	coverage->more = timeline->truncated;
	return status;
}

enum status timeline_collect_more(
	struct timeline *timeline, const struct scan *scan, const struct filter *filter, struct error *error)
{
	struct coverage met = {0};
	struct scan filtered = *scan;
	filtered.filter = filter;
	filtered.coverage = &met;
	enum status status = scan_events(&filtered, collect_event, timeline, error);
	for (uint64_t i = 0; i < met.damages && i < COVERAGE_SHOWN_MAX; i++)
		coverage_add_damage(
			&timeline->coverage, met.damage[i].segment, met.damage[i].first_seq, met.damage[i].count);
	timeline->coverage.more = timeline->coverage.more || timeline->truncated;
	return status;
}
