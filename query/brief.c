#include "brief.h"

#include "members.h"

static const char *const signs[TONE_COUNT] = {
	[TONE_GOOD] = "✓",
	[TONE_BAD] = "✗",
	[TONE_REFUSED] = "⊘",
	[TONE_WAITING] = "…",
	[TONE_UNKNOWN] = "?",
	[TONE_NOTE] = "·",
};

const char *tone_sign(enum tone tone)
{
	return signs[tone];
}

/* --- what was done --- */

static const struct {
	const char *action;
	const char *words;
	bool names_target;
} actions[] = {
	{"initialize", "connects", false},
	{"notifications/initialized", "is ready", false},
	{"server/discover", "asks what the server offers", false},
	{"ping", "checks that the server answers", false},
	{"tools/list", "lists the tools", false},
	{"resources/list", "lists the resources", false},
	{"resources/templates/list", "lists the resource templates", false},
	{"resources/read", "reads resource", true},
	{"resources/subscribe", "subscribes to resource", true},
	{"resources/unsubscribe", "unsubscribes from resource", true},
	{"prompts/list", "lists the prompts", false},
	{"prompts/get", "gets prompt", true},
	{"completion/complete", "asks for completions", false},
	{"logging/setLevel", "sets the log level", false},
	{"sampling/createMessage", "server asks the model", false},
	{"elicitation/create", "server asks the person", false},
	{"roots/list", "server asks for the root folders", false},
	{"notifications/cancelled", "cancels a call", false},
	{"notifications/progress", "reports progress", false},
	{"notifications/message", "server logs a message", false},
	{"notifications/tools/list_changed", "server's tools changed", false},
	{"notifications/resources/list_changed", "server's resources changed", false},
	{"notifications/resources/updated", "server's resource changed", false},
	{"notifications/prompts/list_changed", "server's prompts changed", false},
	{"tasks/get", "asks for a task's state", false},
	{"tasks/result", "fetches a task's result", false},
	{"tasks/cancel", "cancels a task", false},
	{"tasks/list", "lists the tasks", false},
};

static void put_call(struct buf *out, const struct event *event)
{
	struct text action = event_text(event, FIELD_ACTION);
	struct text target = event_text(event, FIELD_TARGET_NAME);
	if (action.len == 0 || text_equal(action, TEXT("tools/call"))) {
		buf_put_text(out, target.len > 0 ? target : TEXT("a call"));
		return;
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!text_equal(action, text_of(actions[i].action)))
			continue;
		buf_put_string(out, actions[i].words);
		if (actions[i].names_target && target.len > 0) {
			buf_put_byte(out, ' ');
			buf_put_text(out, target);
		}
		return;
	}
	buf_put_text(out, action);
	if (target.len > 0) {
		buf_put_byte(out, ' ');
		buf_put_text(out, target);
	}
}

/* The first of a kind's fields that the event has, each after a space. */
static void put_fields(struct buf *out, const struct event *event, const uint8_t *fields, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!event_has(event, fields[i]) || field_is_number(field_info(fields[i])->type))
			continue;
		buf_put_byte(out, ' ');
		buf_put_text(out, event_text(event, fields[i]));
	}
}

static const struct {
	const char *kind;
	const char *words;
	uint8_t fields[4];
	uint8_t count;
} kinds[] = {
	{"auth", "sign-in:", {FIELD_STEP, FIELD_METHOD}, 2},
	{"error", "error:", {FIELD_CLASS, FIELD_ERROR_TYPE}, 2},
	{"connection", "connection:", {FIELD_PHASE}, 1},
	{"lifecycle", "server:", {FIELD_PHASE, FIELD_OP, FIELD_STATE, FIELD_VERSION}, 4},
	{"heartbeat", "sign of life", {0}, 0},
	{"resource_usage", "resource usage", {0}, 0},
	{"credential", "credential:", {FIELD_TYPE, FIELD_STATE, FIELD_CREDENTIAL_ID}, 3},
	{"dependency", "dependency:", {FIELD_DEPENDENCY_TYPE, FIELD_DEPENDENCY_NAME, FIELD_STATE}, 3},
	{"tool_definition", "tool definition", {FIELD_TARGET_NAME, FIELD_OP}, 2},
	{"approval", "approval:", {FIELD_RESULT, FIELD_MODE, FIELD_APPROVER_ID}, 3},
	{"ledger", "collector:", {FIELD_OP}, 1},
};

void brief_what(struct buf *out, const struct event *event)
{
	struct text kind = event_text(event, FIELD_KIND);
	if (kind.len == 0 || text_equal(kind, TEXT("tool_call"))) {
		put_call(out, event);
		return;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (text_equal(kind, text_of(kinds[i].kind))) {
			buf_put_string(out, kinds[i].words);
			put_fields(out, event, kinds[i].fields, kinds[i].count);
			return;
		}
	}
	buf_put_text(out, kind);
}

/* --- parameters and results --- */

/* Puts text up to the limit, runs of white space as one space; a cut ends with "…". */
static void put_cut(struct buf *out, struct text text, size_t end)
{
	bool space = false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
			space = true;
			continue;
		}
		bool starts_character = ((unsigned char)c & 0xc0) != 0x80;
		if (out->len >= end && starts_character) {
			buf_put_string(out, "…");
			return;
		}
		if (space && out->len > 0)
			buf_put_byte(out, ' ');
		space = false;
		buf_put_byte(out, (uint8_t)c);
	}
}

static void put_json_value(struct buf *out, struct text value, size_t end, struct arena *scratch)
{
	if (value.at[0] != '"') {
		put_cut(out, value, end);
		return;
	}
	arena_clear(scratch);
	struct text text = leaf_text(value, scratch);
	bool quoted = text.len == 0 || (text.at && (memchr(text.at, ' ', text.len) || memchr(text.at, '\n', text.len)));
	if (quoted)
		buf_put_byte(out, '"');
	put_cut(out, text.at ? text : value, end);
	if (quoted)
		buf_put_byte(out, '"');
}

void brief_parameters(struct buf *out, struct text request, struct arena *scratch)
{
	enum { VALUE_BYTES_MAX = 120 };
	size_t start = out->len;
	struct members members;
	struct text name;
	struct text value;
	if (request.len == 0)
		return;
	if (!members_begin(request, &members)) {
		put_json_value(out, request, start + BRIEF_BYTES_MAX, scratch);
		return;
	}
	while (members_next(&members, &name, &value) && out->len < start + BRIEF_BYTES_MAX) {
		if (text_equal(name, TEXT("_meta")))
			continue;
		if (out->len > start)
			buf_put_byte(out, ' ');
		if (members.object) {
			arena_clear(scratch);
			name = json_string_decode(name, scratch);
			put_cut(out, name, out->len + VALUE_BYTES_MAX);
			buf_put_byte(out, '=');
		}
		put_json_value(out, value, out->len + VALUE_BYTES_MAX, scratch);
	}
}

static bool member_of(struct text json, struct text wanted, struct text *value)
{
	struct members members;
	struct text name;
	if (!members_begin(json, &members) || !members.object)
		return false;
	while (members_next(&members, &name, value))
		if (text_equal(name, wanted))
			return true;
	return false;
}

/* MCP results hold their text in content[].text, errors in error.message or message. */
static struct text result_text(struct text response)
{
	struct text found;
	struct text content;
	if (member_of(response, TEXT("content"), &content)) {
		struct members items;
		struct text name;
		struct text item;
		if (!members_begin(content, &items))
			return content;
		while (members_next(&items, &name, &item))
			if (member_of(item, TEXT("text"), &found))
				return found;
	}
	if (member_of(response, TEXT("error"), &found))
		response = found;
	if (member_of(response, TEXT("message"), &found) || member_of(response, TEXT("structuredContent"), &found))
		return found;
	return response;
}

void brief_result(struct buf *out, struct text response, struct arena *scratch)
{
	if (response.len == 0)
		return;
	struct text text = result_text(response);
	arena_clear(scratch);
	struct text decoded = text.len > 0 && text.at[0] == '"' ? leaf_text(text, scratch) : text;
	put_cut(out, decoded.at ? decoded : text, out->len + BRIEF_BYTES_MAX);
}

/* --- how it ended --- */

static const struct {
	const char *verdict;
	const char *words;
	enum tone tone;
} outcomes[] = {
	{"ok", "ok", TONE_GOOD},
	{"tool_error", "tool error", TONE_BAD},
	{"rpc_error", "protocol error", TONE_BAD},
	{"transport_error", "connection failed", TONE_BAD},
	{"timeout", "timed out", TONE_BAD},
	{"denied", "denied", TONE_REFUSED},
	{"throttled", "refused: too many requests", TONE_REFUSED},
	{"rejected", "refused: invalid request", TONE_REFUSED},
	{"cancelled", "cancelled", TONE_REFUSED},
	{"pending", "waits for input", TONE_WAITING},
	{"unknown", "outcome unknown", TONE_UNKNOWN},
};

const char *verdict_words(struct text verdict)
{
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (text_equal(verdict, text_of(outcomes[i].verdict)))
			return outcomes[i].words;
	return "outcome unknown";
}

/* What the event itself says about why. */
static struct text reason_of(const struct event *event)
{
	static const uint8_t fields[] = {
		FIELD_ERROR_MESSAGE, FIELD_OUTCOME_REASON, FIELD_REASON, FIELD_WWW_ERROR, FIELD_ERROR_TYPE};
	for (size_t i = 0; i < sizeof(fields); i++)
		if (event_text(event, fields[i]).len > 0)
			return event_text(event, fields[i]);
	return (struct text){NULL, 0};
}

/* Of events that are no calls and can't fail. */
static enum tone put_note(struct buf *out, const struct event *event, struct arena *scratch)
{
	if (event_has(event, FIELD_DETAIL))
		brief_parameters(out, event_text(event, FIELD_DETAIL), scratch);
	else
		put_cut(out, reason_of(event), out->len + BRIEF_BYTES_MAX);
	return text_equal(event_text(event, FIELD_KIND), TEXT("error")) ? TONE_BAD : TONE_NOTE;
}

static void put_reason(struct buf *out, const struct event *event, enum tone tone, struct arena *scratch)
{
	struct text reason = reason_of(event);
	if (reason.len > 0) {
		buf_put_string(out, ": ");
		put_cut(out, reason, out->len + BRIEF_BYTES_MAX);
	} else if (tone == TONE_BAD && event_text(event, FIELD_RESPONSE).len > 0) {
		buf_put_string(out, ": ");
		brief_result(out, event_text(event, FIELD_RESPONSE), scratch);
	}
}

static enum tone put_auth_outcome(struct buf *out, const struct event *event, struct arena *scratch)
{
	bool denied = text_equal(event_text(event, FIELD_RESULT), TEXT("deny"));
	enum tone tone = denied ? TONE_REFUSED : TONE_GOOD;
	buf_put_string(out, denied ? "denied" : "allowed");
	if (denied)
		put_reason(out, event, tone, scratch);
	return tone;
}

enum tone brief_outcome(struct buf *out, const struct event *event, struct arena *scratch)
{
	struct text kind = event_text(event, FIELD_KIND);
	struct text verdict = event_text(event, FIELD_VERDICT);
	bool call = kind.len == 0 || text_equal(kind, TEXT("tool_call"));
	if (text_equal(kind, TEXT("auth")) && event_has(event, FIELD_RESULT))
		return put_auth_outcome(out, event, scratch);
	if (!call && (verdict.len == 0 || text_equal(verdict, TEXT("unknown")) || text_equal(verdict, TEXT("ok"))))
		return put_note(out, event, scratch);
	enum tone tone = TONE_UNKNOWN;
	for (size_t i = 0; i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
		if (text_equal(verdict, text_of(outcomes[i].verdict)))
			tone = outcomes[i].tone;
	buf_put_string(out, verdict_words(verdict));
	if (text_equal(verdict, TEXT("rpc_error")) && event_has(event, FIELD_OUTCOME_RPC_CODE)) {
		buf_put_byte(out, ' ');
		buf_put_int(out, event->value[FIELD_OUTCOME_RPC_CODE].number);
	}
	if (tone == TONE_BAD || tone == TONE_REFUSED)
		put_reason(out, event, tone, scratch);
	return tone;
}

struct text brief_effect(const struct event *event)
{
	return event_text(event, event_has(event, FIELD_MARKS_EFFECT) ? FIELD_MARKS_EFFECT : FIELD_EFFECT);
}
