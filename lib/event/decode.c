/*
 * From JSON text to views.  The envelope is read member by member; each name is looked up in its object and its value
 * taken by the field's type.  Texts without escapes stay where they are, in the text that was sent.
 *
 * Redaction: one pass over the whole text says whether any string without escapes may hold a secret (mostly none does);
 * strings with escapes are looked at decoded, and members of sensitive names are noticed as values are walked.  What an
 * `auth` event hides depends on its kind, so the kind is known before anything else is read.
 *
 * Most events look like one before them, and are taken by outline (outline.h): the same values go to the same functions,
 * without being looked for.
 */
#include "decoder.h"

#include <stdio.h>
#include <stdlib.h>

#include "outline.h"
#include "timestamp.h"

enum { ARENA_PER_BYTE = 24, ARENA_BYTES_MIN = 1 << 20, ARENA_BYTES_KEPT = 4 << 20, TEXT_BYTES_MAX = 1 << 30 };

static bool watch_member(void *context, struct text name, bool escaped)
{
	const struct event_decoder *decoder = context;
	enum redact_rule rule;
	return escaped || redact_member(name, decoder->in_auth_event, &rule);
}

enum status event_decoder_create(struct event_decoder **decoder)
{
	struct event_decoder *new = calloc(1, sizeof(*new));
	if (new == NULL)
		return STATUS_NO_MEMORY;
	arena_init(&new->arena, ARENA_BYTES_MIN);
	buf_init(&new->unknown, TEXT_BYTES_MAX);
	buf_init(&new->origin, TEXT_BYTES_MAX);
	buf_init(&new->text, TEXT_BYTES_MAX);
	if (json_reader_create(&new->reader) != STATUS_OK || json_reader_create(&new->again) != STATUS_OK) {
		event_decoder_destroy(&new);
		return STATUS_NO_MEMORY;
	}
	if (outline_create(&new->outline) != STATUS_OK) {
		event_decoder_destroy(&new);
		return STATUS_NO_MEMORY;
	}
	new->members = field_members();
	new->kind = field_member(NODE_ROOT, TEXT("kind"));
	json_reader_watch(new->reader, watch_member, new);
	json_reader_watch(new->again, watch_member, new);
	*decoder = new;
	return STATUS_OK;
}

void event_decoder_destroy(struct event_decoder **decoder)
{
	struct event_decoder *old = *decoder;
	if (old == NULL)
		return;
	json_reader_destroy(&old->reader);
	json_reader_destroy(&old->again);
	outline_destroy(&old->outline);
	arena_finish(&old->arena);
	buf_finish(&old->unknown);
	buf_finish(&old->origin);
	buf_finish(&old->text);
	free(old);
	*decoder = NULL;
}

enum status decode_refuse(struct event_decoder *decoder, enum reason reason, const char *what)
{
	struct reject *why = decoder->why;
	why->reason = reason;
	why->offset = json_position(decoder->reader);
	(void)snprintf(why->text, sizeof(why->text), "%s%s%s", what, *what ? ": " : "", reason_meaning(reason));
	return STATUS_INVALID;
}

enum status decode_refuse_json(struct event_decoder *decoder, enum status status)
{
	if (status != STATUS_INVALID)
		return status;
	switch (json_fault(decoder->reader)) {
	case JSON_FAULT_UTF8:
		return decode_refuse(decoder, REASON_INVALID_UTF8, "");
	case JSON_FAULT_DEPTH:
		return decode_refuse(decoder, REASON_TOO_DEEP, "");
	case JSON_FAULT_NONE:
	case JSON_FAULT_MALFORMED:
	case JSON_FAULT_MEMORY:
		break;
	}
	return decode_refuse(decoder, REASON_MALFORMED_JSON, "");
}

enum status decode_redact(struct event_decoder *decoder, bool escaped, struct text *text)
{
	bool changed;
	if (!escaped && !decoder->suspect)
		return STATUS_OK;
	enum status status =
		redact_decoded(*text, decoder->in_auth_event, &decoder->arena, &decoder->counts, text, &changed);
	return status == STATUS_OK ? status : decode_refuse(decoder, REASON_REDACTION_FAILED, "");
}

struct text decode_cut(struct text text, size_t max)
{
	if (text.len <= max)
		return text;
	while (max > 0 && ((unsigned char)text.at[max] & 0xc0) == 0x80)
		max--;
	return (struct text){text.at, max};
}

void decode_add_cut(struct event_decoder *decoder, unsigned field, size_t size)
{
	if (decoder->cut_count == CUTS_MAX)
		return;
	decoder->cuts[decoder->cut_count].field = (uint8_t)field;
	decoder->cuts[decoder->cut_count++].size = size;
}

/* A text that was sent with a backslash, or in an event with a suspect string. */
static __attribute__((noinline)) enum status clean_text(
	struct event_decoder *decoder, const struct json_token *token, struct text *text)
{
	struct text clean = token->escaped ? json_string_decode(token->text, &decoder->arena) : token->text;
	if (clean.at == NULL)
		return STATUS_NO_MEMORY;
	enum status status = decode_redact(decoder, token->escaped, &clean);
	if (status == STATUS_OK)
		*text = clean;
	return status;
}

static enum status cut_text(struct event_decoder *decoder, unsigned field, struct text *text)
{
	const struct field_info *info = &field_infos[field];
	if (info->type != FIELD_TYPE_LONG)
		return decode_refuse(decoder, REASON_TOO_LONG, info->path);
	decode_add_cut(decoder, field, text->len);
	*text = decode_cut(*text, info->limit_bytes);
	return STATUS_OK;
}

static inline enum status take_text(struct event_decoder *decoder, unsigned field, const struct json_token *token)
{
	struct text text = token->text;
	enum status status = STATUS_OK;
	if (token->type != JSON_STRING)
		return decode_refuse(decoder, REASON_WRONG_TYPE, field_infos[field].path);
	if (token->escaped || decoder->suspect)
		status = clean_text(decoder, token, &text);
	if (status == STATUS_OK && text.len > field_infos[field].limit_bytes)
		status = cut_text(decoder, field, &text);
	if (status != STATUS_OK)
		return status;
	/* An empty id or tenant names nothing. */
	if (text.len || (field != FIELD_ID && field != FIELD_TENANT))
		event_set_text(decoder->event, field, text);
	if (field == FIELD_KIND)
		decoder->in_auth_event = text_equal(text, TEXT("auth"));
	return STATUS_OK;
}

static enum status take_integer(struct event_decoder *decoder, unsigned field, struct text token)
{
	int64_t number;
	enum status status = json_integer(token, &number);
	if (status != STATUS_OK)
		return decode_refuse(decoder, status == STATUS_LIMIT ? REASON_OUT_OF_RANGE : REASON_WRONG_TYPE,
			field_infos[field].path);
	event_set_number(decoder->event, field, number);
	return STATUS_OK;
}

static enum status take_time(struct event_decoder *decoder, unsigned field, const struct json_token *token)
{
	if (token->type == JSON_NUMBER)
		return take_integer(decoder, field, token->text);
	if (token->type != JSON_STRING)
		return decode_refuse(decoder, REASON_WRONG_TYPE, field_infos[field].path);
	struct text text = token->escaped ? json_string_decode(token->text, &decoder->arena) : token->text;
	int64_t ns;
	if (text.at == NULL)
		return STATUS_NO_MEMORY;
	if (timestamp_parse(text, &ns) != STATUS_OK)
		return decode_refuse(decoder, REASON_OUT_OF_RANGE, field_infos[field].path);
	event_set_number(decoder->event, field, ns);
	return STATUS_OK;
}

enum status decode_keep_text(struct event_decoder *decoder, unsigned field)
{
	if (buf_status(&decoder->text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct text text = arena_copy(&decoder->arena, buf_text(&decoder->text));
	if (text.at == NULL)
		return STATUS_NO_MEMORY;
	event_set_text(decoder->event, field, text);
	return STATUS_OK;
}

/* Redacts a value that is kept as it was sent, and sets the field to it. */
static enum status set_redacted(struct event_decoder *decoder, unsigned field, struct json_value *value)
{
	bool changed;
	enum status status = payload_redact(decoder, value, &changed);
	if (status != STATUS_OK)
		return status;
	if (value->text.len > field_infos[field].limit_bytes)
		return decode_refuse(decoder, REASON_TOO_LONG, field_infos[field].path);
	event_set_text(decoder->event, field, value->text);
	return STATUS_OK;
}

/* Notes where a value stands, for the outline. */
static void note_value(struct event_decoder *decoder, const struct seen_value *seen, struct text text)
{
	const char *start = decoder->json.at;
	if (decoder->seen_value_count == SEEN_VALUES_MAX || text.at < start ||
		text.at + text.len > start + decoder->json.len) {
		decoder->is_plain = false;
		return;
	}
	struct seen_value *to = &decoder->seen_values[decoder->seen_value_count++];
	*to = *seen;
	to->from = (uint32_t)(text.at - start);
	to->to = to->from + (uint32_t)text.len;
	to->objects = decoder->seen_objects;
}

/* A string or number that is kept as it was sent. */
static enum status take_token(struct event_decoder *decoder, unsigned field, const struct json_token *token)
{
	if (token->type != JSON_STRING && token->type != JSON_NUMBER)
		return decode_refuse(decoder, REASON_WRONG_TYPE, field_infos[field].path);
	struct json_value value = {.text = token->text, .escaped = token->escaped};
	if (token->type == JSON_STRING)
		value.text = (struct text){token->text.at - 1, token->text.len + 2};
	return set_redacted(decoder, field, &value);
}

/* `request` and `response` may be null, which says something; other payloads are absent then. */
static enum status take_payload(struct event_decoder *decoder, unsigned field, const struct json_value *value)
{
	if (*value->text.at == 'n' && field != FIELD_REQUEST && field != FIELD_RESPONSE)
		return STATUS_OK;
	if (field != FIELD_ATTRS)
		return payload_set(decoder, field, value);
	bool is_cut = decoder->rules->from_export && *value->text.at == '"';
	if (*value->text.at != '{' && !is_cut)
		return decode_refuse(decoder, REASON_WRONG_TYPE, "attrs");
	decoder->attrs = *value;
	decoder->has_attrs = true;
	return STATUS_OK;
}

enum status decode_whole(struct event_decoder *decoder, unsigned field, struct json_value *value)
{
	if (field_infos[field].type == FIELD_TYPE_PAYLOAD)
		return take_payload(decoder, field, value);
	return *value->text.at == 'n' ? STATUS_OK : set_redacted(decoder, field, value);
}

/* Reads a value that is kept whole, and takes it. */
static enum status take_whole(struct event_decoder *decoder, unsigned field)
{
	struct json_value value;
	enum status status = payload_read(decoder, true, &value);
	if (status != STATUS_OK)
		return status;
	decoder->is_plain &= !value.watched && value.leaves != NULL;
	struct seen_value seen = {
		.field = (uint8_t)field, .whole = true, .leaves = value.leaves, .leaf_count = value.leaf_count};
	note_value(decoder, &seen, value.text);
	return decode_whole(decoder, field, &value);
}

enum status decode_scalar(struct event_decoder *decoder, unsigned field, const struct json_token *token)
{
	if (token->type == JSON_NULL)
		return STATUS_OK;
	switch (field_infos[field].type) {
	case FIELD_TYPE_TEXT:
	case FIELD_TYPE_ID:
	case FIELD_TYPE_LONG:
		return take_text(decoder, field, token);
	case FIELD_TYPE_INT:
		if (token->type == JSON_NUMBER)
			return take_integer(decoder, field, token->text);
		break;
	case FIELD_TYPE_BOOL:
		if (token->type != JSON_TRUE && token->type != JSON_FALSE)
			break;
		event_set_number(decoder->event, field, token->type == JSON_TRUE);
		return STATUS_OK;
	case FIELD_TYPE_TIME:
		return take_time(decoder, field, token);
	case FIELD_TYPE_TOKEN:
		return take_token(decoder, field, token);
	case FIELD_TYPE_NONE:
	case FIELD_TYPE_JSON:
	case FIELD_TYPE_PAYLOAD:
		break;
	}
	return decode_refuse(decoder, REASON_WRONG_TYPE, field_infos[field].path);
}

static enum status take_scalar(struct event_decoder *decoder, unsigned field)
{
	struct json_token token;
	enum status status = json_next(decoder->reader, &token);
	if (status != STATUS_OK)
		return decode_refuse_json(decoder, status);
	struct seen_value seen = {.field = (uint8_t)field};
	note_value(decoder, &seen, token.text);
	return decode_scalar(decoder, field, &token);
}

enum status decode_see(struct event_decoder *decoder, unsigned field)
{
	uint64_t bit = UINT64_C(1) << (field % 64);
	if (decoder->seen[field / 64] & bit)
		return decode_refuse(decoder, REASON_DUPLICATE_MEMBER, field_infos[field].path);
	decoder->seen[field / 64] |= bit;
	return STATUS_OK;
}

static enum status take_field(struct event_decoder *decoder, unsigned field)
{
	enum status status = decode_see(decoder, field);
	if (status != STATUS_OK)
		return status;
	enum field_type type = field_infos[field].type;
	bool whole = type == FIELD_TYPE_JSON || type == FIELD_TYPE_PAYLOAD;
	return whole ? take_whole(decoder, field) : take_scalar(decoder, field);
}

/* Walks over the value of a member of a sensitive name; *kept is the text that takes its place. */
static enum status pass_sensitive(struct event_decoder *decoder, enum redact_rule rule, struct text *kept)
{
	struct json_value value;
	enum status status = payload_read(decoder, false, &value);
	if (status != STATUS_OK)
		return status;
	struct text inside = {value.text.at + 1, value.text.len - 2};
	if (*value.text.at == '"' && redact_is_done(inside)) {
		*kept = inside;
		return STATUS_OK;
	}
	decoder->counts.rule[rule]++;
	decoder->counts.total++;
	buf_clear(&decoder->text);
	buf_printf(&decoder->text, "[redacted:%s]", redact_rule_name(rule));
	if (buf_status(&decoder->text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	*kept = arena_copy(&decoder->arena, buf_text(&decoder->text));
	return kept->at ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status take_sensitive_field(struct event_decoder *decoder, unsigned field, enum redact_rule rule)
{
	struct text kept;
	enum status status = decode_see(decoder, field);
	decoder->is_plain = false;
	if (status == STATUS_OK)
		status = pass_sensitive(decoder, rule, &kept);
	if (status == STATUS_OK)
		event_set_text(decoder->event, field, kept);
	return status;
}

/* Keeps a member nobody knows under its dotted path; its name stays as sent. */
static enum status take_unknown(
	struct event_decoder *decoder, unsigned node, const struct json_token *key, struct text name)
{
	struct buf *unknown = &decoder->unknown;
	struct text path = field_nodes()[node].path;
	enum redact_rule rule;
	struct text kept;
	struct json_value value;
	bool sensitive = redact_member(name, decoder->in_auth_event, &rule);
	enum status status = sensitive ? pass_sensitive(decoder, rule, &kept) : payload_read(decoder, false, &value);
	if (status != STATUS_OK)
		return status;
	buf_put_byte(unknown, '"');
	buf_put_text(unknown, path);
	if (path.len)
		buf_put_byte(unknown, '.');
	buf_put_text(unknown, key->text);
	buf_put(unknown, "\":", 2);
	if (sensitive)
		json_put_string(unknown, kept);
	else
		buf_put_text(unknown, value.text);
	buf_put_byte(unknown, ',');
	return buf_status(unknown) == STATUS_OK ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The effective tenant of an exported line stands in its collector member `ingest`. */
static enum status find_origin_tenant(struct event_decoder *decoder, struct text ingest)
{
	struct json_token token;
	bool more = true;
	if (json_begin(decoder->again, ingest) != STATUS_OK || json_next(decoder->again, &token) != STATUS_OK ||
		token.type != JSON_OBJECT)
		return decode_refuse(decoder, REASON_WRONG_TYPE, "ingest");
	while (json_member(decoder->again, &token, &more) == STATUS_OK && more) {
		bool is_tenant = text_equal(token.text, TEXT("tenant"));
		struct json_value value;
		if (json_value(decoder->again, &decoder->arena, 0, &value) != STATUS_OK)
			break;
		if (is_tenant && *value.text.at == '"')
			decoder->origin_tenant = json_string_decode(
				(struct text){value.text.at + 1, value.text.len - 2}, &decoder->arena);
	}
	if (decoder->origin_tenant.len > field_info(FIELD_INGEST_TENANT)->limit_bytes)
		return decode_refuse(decoder, REASON_TOO_LONG, "ingest.tenant");
	return STATUS_OK;
}

/* A collector member of an exported line becomes part of `ingest.origin`. */
static enum status take_origin(struct event_decoder *decoder, struct text name)
{
	struct buf *origin = &decoder->origin;
	struct json_value value;
	bool changed;
	enum status status = payload_read(decoder, false, &value);
	if (status == STATUS_OK)
		status = payload_redact(decoder, &value, &changed);
	if (status != STATUS_OK)
		return status;
	json_put_string(origin, name);
	buf_put_byte(origin, ':');
	buf_put_text(origin, value.text);
	buf_put_byte(origin, ',');
	if (buf_status(origin) != STATUS_OK)
		return STATUS_NO_MEMORY;
	return text_equal(name, TEXT("ingest")) ? find_origin_tenant(decoder, value.text) : STATUS_OK;
}

/* Looks for `kind` where it is not the first member: an `auth` event hides more. Faults are told by the main pass. */
static enum status find_kind(struct event_decoder *decoder, struct text json)
{
	struct json_token token;
	bool more = true;
	if (json_begin(decoder->again, json) != STATUS_OK || json_next(decoder->again, &token) != STATUS_OK)
		return STATUS_OK;
	while (json_member(decoder->again, &token, &more) == STATUS_OK && more) {
		struct text name = json_string_decode(token.text, &decoder->arena);
		struct json_value value;
		if (json_value(decoder->again, &decoder->arena, 0, &value) != STATUS_OK)
			break;
		if (!text_equal(name, TEXT("kind")) || *value.text.at != '"')
			continue;
		struct text kind = {value.text.at + 1, value.text.len - 2};
		decoder->in_auth_event = text_equal(json_string_decode(kind, &decoder->arena), TEXT("auth"));
		break;
	}
	return json_fault(decoder->again) == JSON_FAULT_MEMORY ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status take_members(struct event_decoder *decoder, unsigned node);

static enum status refuse_object(struct event_decoder *decoder, enum reason reason, unsigned node)
{
	char path[EVENT_NAME_MAX];
	struct text text = field_nodes()[node].path;
	(void)snprintf(path, sizeof(path), "%.*s", (int)text.len, text.at);
	return decode_refuse(decoder, reason, path);
}

static enum status take_object(struct event_decoder *decoder, unsigned node)
{
	struct json_token token;
	if (decoder->seen_objects >> node & 1)
		return refuse_object(decoder, REASON_DUPLICATE_MEMBER, node);
	decoder->seen_objects |= UINT64_C(1) << node;
	enum status status = json_next(decoder->reader, &token);
	if (status != STATUS_OK)
		return decode_refuse_json(decoder, status);
	if (token.type == JSON_NULL)
		return STATUS_OK;
	if (token.type != JSON_OBJECT)
		return refuse_object(decoder, REASON_WRONG_TYPE, node);
	return take_members(decoder, node);
}

/* key: as sent; name: decoded. */
static inline enum status take_member(struct event_decoder *decoder, const struct field_member *member, unsigned node,
	const struct json_token *key, struct text name)
{
	enum redact_rule rule;
	bool exported = decoder->rules->from_export;
	decoder->is_plain &= member->use == MEMBER_OBJECT || member->use == MEMBER_FIELD;
	switch ((enum member_use)member->use) {
	case MEMBER_OBJECT:
		return take_object(decoder, member->target);
	case MEMBER_EXPORTED:
		if (!exported)
			break;
		return take_field(decoder, member->target);
	case MEMBER_FIELD:
		if (decoder->in_auth_event && redact_member(name, true, &rule))
			return take_sensitive_field(decoder, member->target, rule);
		return take_field(decoder, member->target);
	case MEMBER_COLLECTOR:
		if (!exported)
			break;
		return take_origin(decoder, name);
	case MEMBER_UNKNOWN:
		break;
	}
	return take_unknown(decoder, node, key, name);
}

static enum status take_other_member(struct event_decoder *decoder, unsigned node, bool *more)
{
	struct json_token key;
	enum status status = json_member(decoder->reader, &key, more);
	if (status != STATUS_OK)
		return decode_refuse_json(decoder, status);
	if (!*more)
		return STATUS_OK;
	struct text name = key.escaped ? json_string_decode(key.text, &decoder->arena) : key.text;
	if (name.at == NULL)
		return STATUS_NO_MEMORY;
	unsigned number = field_member(node, name);
	decoder->follows[decoder->member] = (uint16_t)number;
	decoder->member = number;
	return take_member(decoder, &decoder->members[number], node, &key, name);
}

/*
 * Emitters send the same members in the same order again and again: the one that followed the last time is expected.  If
 * it comes, its name need neither be read nor looked up.
 */
static enum status take_members(struct event_decoder *decoder, unsigned node)
{
	bool more = true;
	while (more) {
		unsigned number = decoder->follows[decoder->member];
		const struct field_member *member = &decoder->members[number];
		enum status status;
		if (member->node == node && json_expect(decoder->reader, &member->name)) {
			struct text name = {member->name.written.at + 1, member->name.written.len - 3};
			struct json_token key = {JSON_STRING, false, name};
			decoder->member = number;
			status = take_member(decoder, member, node, &key, name);
		} else {
			status = take_other_member(decoder, node, &more);
		}
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* Takes the kind where it is the first member, else looks for it. */
static enum status take_kind(struct event_decoder *decoder, struct text json)
{
	if (!json_expect(decoder->reader, &decoder->members[decoder->kind].name))
		return find_kind(decoder, json);
	decoder->member = decoder->kind;
	return take_field(decoder, FIELD_KIND);
}

/* Memory of one event is used for the next, but what a huge one took is given back. */
static void reuse(struct buf *buf)
{
	if (buf->capacity > ARENA_BYTES_KEPT)
		buf_finish(buf);
	buf_clear(buf);
}

static void begin_event(struct event_decoder *decoder)
{
	event_clear(decoder->event);
	if (decoder->arena.total > ARENA_BYTES_KEPT)
		arena_finish(&decoder->arena);
	arena_clear(&decoder->arena);
	decoder->arena.max = ARENA_BYTES_MIN + decoder->json.len * ARENA_PER_BYTE;
	reuse(&decoder->unknown);
	reuse(&decoder->origin);
	reuse(&decoder->text);
	decoder->counts = (struct redact_counts){0};
	decoder->seen_objects = 0;
	memset(decoder->seen, 0, sizeof(decoder->seen));
	decoder->has_attrs = false;
	decoder->member = 0;
	decoder->in_auth_event = false;
	decoder->duplicates = false;
	decoder->origin_tenant = (struct text){NULL, 0};
	decoder->cut_count = 0;
	decoder->seen_value_count = 0;
	decoder->is_plain = true;
	/* Unknown members of the outermost level stand one level deeper in an exported line. */
	json_reader_limit(decoder->reader, decoder->rules->depth_max + decoder->rules->from_export);
}

static enum status read_members(struct event_decoder *decoder, struct text json)
{
	struct json_token token;
	enum status status = json_begin(decoder->reader, json);
	if (status == STATUS_OK)
		status = json_next(decoder->reader, &token);
	if (status != STATUS_OK)
		return decode_refuse_json(decoder, status);
	if (token.type != JSON_OBJECT)
		return decode_refuse(decoder, REASON_NOT_AN_OBJECT, "");
	status = take_kind(decoder, json);
	if (status == STATUS_OK)
		status = take_members(decoder, NODE_ROOT);
	if (status != STATUS_OK)
		return status;
	status = json_end(decoder->reader);
	return status == STATUS_OK ? status : decode_refuse_json(decoder, status);
}

/* What is left to do once the members were read. */
static enum status end_event(struct event_decoder *decoder)
{
	if (decoder->has_attrs && *decoder->attrs.text.at != '{' && decoder->unknown.len)
		return decode_refuse(decoder, REASON_WRONG_TYPE, "attrs");
	enum status status = payload_set_attrs(decoder, decoder->has_attrs ? &decoder->attrs : NULL);
	return status == STATUS_OK ? judge_event(decoder) : status;
}

enum status event_decode(struct event_decoder *decoder, struct text json, const struct event_rules *rules,
	struct event *event, struct reject *why)
{
	decoder->rules = rules;
	decoder->event = event;
	decoder->why = why;
	decoder->json = json;
	*why = (struct reject){.reason = REASON_NONE};
	begin_event(decoder);
	if (json.len > rules->event_bytes_max) {
		*why = (struct reject){.reason = REASON_EVENT_TOO_LARGE};
		(void)snprintf(why->text, sizeof(why->text), "%s", reason_meaning(why->reason));
		return STATUS_INVALID;
	}
	decoder->suspect = redact_suspect(json, true);
	bool may_follow = !decoder->suspect && !rules->from_export;
	/* What is refused is read again, as the reader knows where. */
	if (may_follow && outline_follow(decoder->outline, decoder, json) && end_event(decoder) == STATUS_OK)
		return STATUS_OK;
	*why = (struct reject){.reason = REASON_NONE};
	begin_event(decoder);
	enum status status = read_members(decoder, json);
	if (status == STATUS_OK)
		status = end_event(decoder);
	if (status == STATUS_OK && may_follow && decoder->is_plain)
		outline_learn(decoder->outline, decoder, json);
	return status;
}
