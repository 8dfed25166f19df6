#include "show.h"

#include "brief.h"
#include "members.h"
#include "printable.h"
#include "timestamp.h"

enum { LABEL_COLUMNS = 22, LINE_TEXT_COLUMNS = 72, DEPTH_MAX = 64 };

static const struct {
	uint8_t field;
	const char *label;
} labels[] = {
	{FIELD_KIND, "Kind"},
	{FIELD_STAGE, "Stage"},
	{FIELD_ACTION, "MCP method"},
	{FIELD_DIRECTION, "Direction"},
	{FIELD_ID, "Id"},
	{FIELD_TIME, "Time"},
	{FIELD_DURATION_NS, "Duration"},
	{FIELD_TENANT, "Tenant"},
	{FIELD_OBSERVER_ROLE, "Seen by"},
	{FIELD_OBSERVER_NAME, "Seen by (name)"},
	{FIELD_OBSERVER_INSTANCE, "Seen by (instance)"},
	{FIELD_OBSERVER_VERSION, "Seen by (version)"},
	{FIELD_OBSERVER_EPOCH, "Seen by (run)"},
	{FIELD_OBSERVER_SEQ, "Seen by (count)"},
	{FIELD_HOST_NAME, "Host"},
	{FIELD_HOST_CONTAINER, "Container"},
	{FIELD_HOST_PID, "Process"},
	{FIELD_SERVER_NAME, "Server"},
	{FIELD_SERVER_VERSION, "Server version"},
	{FIELD_SERVER_INSTANCE, "Server instance"},
	{FIELD_SERVER_ADDRESS, "Server address"},
	{FIELD_CLIENT_NAME, "Client program"},
	{FIELD_CLIENT_VERSION, "Client version"},
	{FIELD_USER_ID, "User"},
	{FIELD_USER_KIND, "User's kind"},
	{FIELD_USER_TEAM, "Team"},
	{FIELD_USER_GROUPS, "Groups"},
	{FIELD_USER_TRUST_CLAIMED, "Identity, it says"},
	{FIELD_OAUTH_CLIENT_ID, "OAuth client"},
	{FIELD_OAUTH_ISSUER, "Token issuer"},
	{FIELD_OAUTH_AUDIENCE, "Token audience"},
	{FIELD_OAUTH_SCOPES, "OAuth scopes"},
	{FIELD_OAUTH_EXPIRES_AT, "Token expires"},
	{FIELD_OAUTH_TOKEN_ID, "Token"},
	{FIELD_AGENT_NAME, "Agent"},
	{FIELD_AGENT_VERSION, "Agent version"},
	{FIELD_AGENT_MODEL, "Model"},
	{FIELD_DELEGATION, "Acting for"},
	{FIELD_TRACE_ID, "Trace"},
	{FIELD_SPAN_ID, "Span"},
	{FIELD_PARENT_SPAN_ID, "Parent span"},
	{FIELD_REQUEST_ID, "Request id"},
	{FIELD_SESSION_ID, "Session"},
	{FIELD_CONVERSATION_ID, "Conversation"},
	{FIELD_TURN_ID, "Turn"},
	{FIELD_TASK_ID, "Task"},
	{FIELD_TARGET_TYPE, "Target type"},
	{FIELD_TARGET_NAME, "Target"},
	{FIELD_TARGET_DEFINITION_DIGEST, "Tool definition"},
	{FIELD_TARGET_HINTS_DESTRUCTIVE, "Hint: destructive"},
	{FIELD_TARGET_HINTS_READ_ONLY, "Hint: only reads"},
	{FIELD_EFFECT, "Effect (claimed)"},
	{FIELD_OUTCOME_HTTP_STATUS, "HTTP status"},
	{FIELD_OUTCOME_RPC_CODE, "JSON-RPC code"},
	{FIELD_OUTCOME_TOOL_ERROR, "Tool said error"},
	{FIELD_OUTCOME_RESULT_TYPE, "Result type"},
	{FIELD_OUTCOME_DECISION, "Decision"},
	{FIELD_OUTCOME_REASON, "Reason"},
	{FIELD_ERROR_TYPE, "Error type"},
	{FIELD_ERROR_MESSAGE, "Error"},
	{FIELD_ERROR_STACK, "Stack"},
	{FIELD_SAMPLING_RATE, "Sampling rate"},
	{FIELD_INTENT, "Intent"},
	{FIELD_REQUEST, "Parameters"},
	{FIELD_RESPONSE, "Result"},
	{FIELD_ATTRS, "Other attributes"},
	{FIELD_NET_TRANSPORT, "Transport"},
	{FIELD_NET_PROTOCOL_VERSION, "Protocol version"},
	{FIELD_NET_PEER, "Network peer"},
	{FIELD_NET_USER_AGENT, "User agent"},
	{FIELD_NET_FORWARDED_FOR, "Forwarded for"},
	{FIELD_SEQ, "Sequence number"},
	{FIELD_RECV_TIME, "Received"},
	{FIELD_INGEST_SOURCE, "Came in by"},
	{FIELD_INGEST_EMITTER, "Sent by (credential)"},
	{FIELD_INGEST_AUTH, "Sender authenticated"},
	{FIELD_INGEST_PEER, "Sent from"},
	{FIELD_INGEST_ORIGIN, "Imported from"},
	{FIELD_VERDICT, "Verdict"},
	{FIELD_REQUEST_SIZE, "Parameters' size"},
	{FIELD_RESPONSE_SIZE, "Result's size"},
	{FIELD_MARKS_EFFECT, "Effect"},
};

static const char *label_of(unsigned field)
{
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
		if (labels[i].field == field)
			return labels[i].label;
	return field_info(field)->path;
}

static void put_label(struct buf *out, const char *label)
{
	size_t used = printable_put_columns(out, text_of(label), LABEL_COLUMNS);
	for (; used < LABEL_COLUMNS + 1; used++)
		buf_put_byte(out, ' ');
}

static void put_spaces(struct buf *out, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		buf_put_byte(out, ' ');
}

/* --- payloads --- */

/* A long text of several lines stands under its name, each line behind a bar. */
static void put_lines(struct buf *out, struct text text, unsigned indent)
{
	while (text.len > 0) {
		const char *newline = memchr(text.at, '\n', text.len);
		size_t len = newline ? (size_t)(newline - text.at) : text.len;
		buf_put_byte(out, '\n');
		put_spaces(out, indent);
		buf_put_string(out, "| ");
		printable_put(out, (struct text){text.at, len});
		size_t passed = newline ? len + 1 : len;
		text = (struct text){text.at + passed, text.len - passed};
	}
}

static void put_string(struct buf *out, struct text token, unsigned indent, struct arena *scratch)
{
	arena_clear(scratch);
	struct text text = leaf_text(token, scratch);
	if (text.at == NULL)
		text = token;
	if (text.len > LINE_TEXT_COLUMNS && memchr(text.at, '\n', text.len)) {
		put_lines(out, text, indent + 2);
		return;
	}
	buf_put_byte(out, '"');
	printable_put(out, text);
	buf_put_byte(out, '"');
}

static void put_value(struct buf *out, struct text json, unsigned indent, unsigned depth, struct arena *scratch)
{
	struct members members;
	struct text name;
	struct text value;
	if (depth == 0 || !members_begin(json, &members)) {
		if (json.len > 0 && json.at[0] == '"')
			put_string(out, json, indent, scratch);
		else
			printable_put(out, json);
		return;
	}
	bool any = false;
	while (members_next(&members, &name, &value)) {
		any = true;
		buf_put_byte(out, '\n');
		put_spaces(out, indent);
		if (members.object) {
			arena_clear(scratch);
			printable_put(out, json_string_decode(name, scratch));
			buf_put_string(out, ": ");
		} else {
			buf_put_string(out, "- ");
		}
		put_value(out, value, indent + 2, depth - 1, scratch);
	}
	if (!any)
		buf_put_string(out, members.object ? "{}" : "[]");
}

void show_put_payload(struct buf *out, struct text json, unsigned indent, struct arena *scratch)
{
	put_value(out, json, indent, DEPTH_MAX, scratch);
	buf_put_byte(out, '\n');
}

/* --- fields --- */

static bool is_size(unsigned field)
{
	struct text path = text_of(field_info(field)->path);
	return path.len > 5 &&
	       (memcmp(path.at + path.len - 5, "_size", 5) == 0 || memcmp(path.at + path.len - 5, "bytes", 5) == 0);
}

static bool is_duration(unsigned field)
{
	struct text path = text_of(field_info(field)->path);
	return path.len > 3 && memcmp(path.at + path.len - 3, "_ns", 3) == 0;
}

static void put_number(struct output *out, unsigned field, int64_t number)
{
	char text[TIMESTAMP_TEXT_BYTES];
	struct buf *buf = &out->text;
	if (field_info(field)->type == FIELD_TYPE_BOOL) {
		buf_put_string(buf, number ? "yes" : "no");
	} else if (field_info(field)->type == FIELD_TYPE_TIME) {
		buf_put(buf, text, timestamp_format_table(number, out->utc, text));
		if (out->utc)
			buf_put_string(buf, " UTC");
	} else if (is_duration(field)) {
		buf_put(buf, text, duration_format(number, text));
	} else {
		buf_put_int(buf, number);
		if (is_size(field))
			buf_put_string(buf, " bytes");
	}
}

static void put_field(struct output *out, const struct event *event, unsigned field, struct arena *scratch)
{
	struct buf *buf = &out->text;
	enum field_type type = field_info(field)->type;
	put_label(buf, label_of(field));
	if (field_is_number(type)) {
		put_number(out, field, event->value[field].number);
	} else if (type == FIELD_TYPE_PAYLOAD || type == FIELD_TYPE_JSON) {
		show_put_payload(buf, event->value[field].text, 2, scratch);
		return;
	} else if (type == FIELD_TYPE_LONG && memchr(event->value[field].text.at, '\n', event->value[field].text.len)) {
		put_lines(buf, event->value[field].text, 2);
	} else {
		printable_put(buf, event->value[field].text);
	}
	buf_put_byte(buf, '\n');
}

/* --- marks, in words --- */

static const struct {
	uint8_t field;
	const char *words;
} mark_words[] = {
	{FIELD_MARKS_ID_ASSIGNED, "It came without an id; the collector made one."},
	{FIELD_MARKS_ID_CONFLICT, "Another event with the same id but other contents was there before."},
	{FIELD_MARKS_TIME_SUSPECT, "Its time is more than a day off the time it was received."},
	{FIELD_MARKS_KIND_UNKNOWN, "Its kind is none that this version knows; it was kept as it came."},
	{FIELD_MARKS_DUPLICATE_MEMBERS, "An object in a payload has the same member twice; it was kept as it came."},
	{FIELD_MARKS_SAMPLED, "It comes from a source that sends only a sample: other events may be missing."},
};

static void put_note(struct buf *out, const char *label)
{
	put_label(out, label);
}

static void put_effect_note(struct buf *out, const struct event *event)
{
	if (!event_has(event, FIELD_MARKS_EFFECT))
		return;
	put_note(out, label_of(FIELD_MARKS_EFFECT));
	printable_put(out, event_text(event, FIELD_MARKS_EFFECT));
	if (event_has(event, FIELD_MARKS_EFFECT_SOURCE)) {
		buf_put_string(out, " (judged by ");
		printable_put(out, event_text(event, FIELD_MARKS_EFFECT_SOURCE));
		buf_put_byte(out, ')');
	}
	buf_put_byte(out, '\n');
}

static void put_trust_note(struct buf *out, const struct event *event)
{
	if (!event_has(event, FIELD_USER_ID))
		return;
	put_note(out, "Identity");
	if (text_equal(event_text(event, FIELD_MARKS_USER_TRUST), TEXT("verified")))
		buf_put_string(out, "verified by the sender, whose credential may assert it\n");
	else
		buf_put_string(out, "claimed by the sender, not verified\n");
}

static void put_redaction_note(struct buf *out, const struct event *event)
{
	if (!event_has(event, FIELD_REDACTION_COUNT))
		return;
	int64_t count = event->value[FIELD_REDACTION_COUNT].number;
	put_note(out, "Redacted");
	buf_printf(out, "%lld secret%s removed before anything was stored", (long long)count,
		count == 1 ? " was" : "s were");
	if (event_has(event, FIELD_REDACTION_RULES)) {
		buf_put_string(out, "; rules: ");
		printable_put(out, event_text(event, FIELD_REDACTION_RULES));
	}
	buf_put_byte(out, '\n');
}

static void put_time_note(struct buf *out, const struct event *event)
{
	struct text source = event_text(event, FIELD_MARKS_TIME_SOURCE);
	if (source.len == 0 || text_equal(source, TEXT("emitter")))
		return;
	put_note(out, "Time source");
	if (text_equal(source, TEXT("receive")))
		buf_put_string(out, "it came without a time; the time it was received stands for it");
	else
		printable_put(out, source);
	buf_put_byte(out, '\n');
}

static void put_notes(struct buf *out, const struct event *event)
{
	put_effect_note(out, event);
	put_trust_note(out, event);
	put_redaction_note(out, event);
	put_time_note(out, event);
	if (event_has(event, FIELD_MARKS_CUT)) {
		put_note(out, "Cut");
		buf_put_string(out, "too long to be kept whole: ");
		printable_put(out, event_text(event, FIELD_MARKS_CUT));
		buf_put_byte(out, '\n');
	}
	for (size_t i = 0; i < sizeof(mark_words) / sizeof(mark_words[0]); i++) {
		if (!event_has(event, mark_words[i].field) || event->value[mark_words[i].field].number == 0)
			continue;
		put_note(out, "Note");
		buf_put_string(out, mark_words[i].words);
		buf_put_byte(out, '\n');
	}
}

/* Fields that the head or the notes tell already. */
static bool is_told(unsigned field)
{
	return field == FIELD_ID || field == FIELD_VERDICT ||
	       (field >= FIELD_REDACTION_RULES && field <= FIELD_REDACTION_VERSION) ||
	       (field >= FIELD_MARKS_ID_ASSIGNED && field <= FIELD_MARKS_SAMPLED);
}

static void put_outcome(struct output *out, const struct event *event, struct arena *scratch)
{
	struct buf outcome;
	buf_init(&outcome, 16 * 1024);
	enum tone tone = brief_outcome(&outcome, event, scratch);
	if (outcome.len > 0) {
		put_label(&out->text, "Outcome");
		buf_put_string(&out->text, tone_sign(tone));
		buf_put_byte(&out->text, ' ');
		printable_put(&out->text, buf_text(&outcome));
		buf_put_byte(&out->text, '\n');
	}
	buf_finish(&outcome);
}

void show_put(struct output *out, const struct event *event, struct text store_id, struct arena *scratch)
{
	char buffer[96];
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	put_label(&out->text, label_of(FIELD_ID));
	printable_put(&out->text, event_id(event, store_id, buffer));
	buf_put_byte(&out->text, '\n');
	put_outcome(out, event, scratch);
	for (size_t i = 0; i < count; i++)
		if (event_has(event, order[i]) && !is_told(order[i]))
			put_field(out, event, order[i], scratch);
	put_notes(&out->text, event);
}

void show_put_json(struct buf *out, uint64_t before, const struct event *event, struct text store_id)
{
	if (before == 1 && out->len > 0)
		out->len--; /* the first one's closing brace */
	if (before > 0)
		buf_put_string(out, before == 1 ? ",\"others\":[" : ",");
	event_put_json(out, event, store_id);
}

void show_end_json(struct buf *out, uint64_t count)
{
	buf_put_string(out, count > 1 ? "]}\n" : "\n");
}
