/*
 * The verdict: the first rule of `rules` that matches, in the order of tbl/verdicts.h.  How each is told:
 *
 *   timeout          error.type says timeout, timed out or deadline; HTTP 408, 504; JSON-RPC -32001 (request timeout of
 *                    the MCP SDKs); an approval's result `timeout`
 *   cancelled        cancelled_by; error.type says cancel; HTTP 499; JSON-RPC -32800; result_type or an approval's result
 *                    cancel, cancelled
 *   denied           HTTP 401, 403; decision or result deny, denied, block, blocked, decline, declined
 *   throttled        HTTP 429; decision throttle; outcome.reason, reason or error.type says rate limit, too many requests
 *                    or throttle
 *   rejected         JSON-RPC -32700, -32600…-32602, -32002; validation fail, failed, invalid
 *   transport_error  any other HTTP status from 400 on; class transport; error.type says connect, transport, socket,
 *                    network, broken pipe or DNS
 *   rpc_error        any other JSON-RPC code; an `error` event of any other class
 *   tool_error       tool_error true; any other error
 *   pending          result_type input_required
 *   ok               what came back says so: HTTP below 400, tool_error false, a result type, a response; decision or
 *                    result allow, accept, auto
 *   unknown          nothing was said; a start, whose end will say it
 *
 * "says": the words stand in it in any case, with or without a space, - or _ between them.
 */
#include "event.h"

static char lower(char byte)
{
	return byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
}

/* The words at the start of text; a space in words stands for none or one of space, - and _. */
static bool begins_with(struct text text, const char *words)
{
	size_t at = 0;
	for (; *words; words++) {
		if (*words == ' ') {
			at += at < text.len && (text.at[at] == ' ' || text.at[at] == '-' || text.at[at] == '_');
			continue;
		}
		if (at == text.len || lower(text.at[at++]) != *words)
			return false;
	}
	return true;
}

static bool says(struct text text, const char *const *words)
{
	for (size_t i = 0; i < text.len; i++)
		for (size_t j = 0; words[j]; j++)
			if (begins_with((struct text){text.at + i, text.len - i}, words[j]))
				return true;
	return false;
}

static bool is(const struct event *event, unsigned field, const char *const *names)
{
	struct text text = event_text(event, field);
	for (size_t i = 0; text.len && names[i]; i++)
		if (text.len == strlen(names[i]) && begins_with(text, names[i]))
			return true;
	return false;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static bool error_says(const struct event *event, const char *const *words)
{
	return event_has(event, FIELD_ERROR_TYPE) && says(event->value[FIELD_ERROR_TYPE].text, words);
}

/* 0: none. */
static int64_t http_status(const struct event *event)
{
	if (event_has(event, FIELD_OUTCOME_HTTP_STATUS))
		return event->value[FIELD_OUTCOME_HTTP_STATUS].number;
	return event_has(event, FIELD_HTTP_STATUS) ? event->value[FIELD_HTTP_STATUS].number : 0;
}

/* 0: none. */
static int64_t rpc_code(const struct event *event)
{
	return event_has(event, FIELD_OUTCOME_RPC_CODE) ? event->value[FIELD_OUTCOME_RPC_CODE].number : 0;
}

/* Decisions are `outcome.decision` and the `result` of auth and approval events. */
static bool decided(const struct event *event, const char *const *names)
{
	return is(event, FIELD_OUTCOME_DECISION, names) || is(event, FIELD_RESULT, names);
}

static bool is_timeout(const struct event *event)
{
	int64_t http = http_status(event);
	return http == 408 || http == 504 || rpc_code(event) == -32001 || is(event, FIELD_RESULT, WORDS("timeout")) ||
	       error_says(event, WORDS("time out", "timed out", "deadline"));
}

static bool is_cancelled(const struct event *event)
{
	const char *const *names = WORDS("cancel", "cancelled", "canceled");
	return event_has(event, FIELD_CANCELLED_BY) || http_status(event) == 499 || rpc_code(event) == -32800 ||
	       is(event, FIELD_OUTCOME_RESULT_TYPE, names) || decided(event, names) ||
	       error_says(event, WORDS("cancel"));
}

static bool is_denied(const struct event *event)
{
	int64_t http = http_status(event);
	return http == 401 || http == 403 ||
	       decided(event, WORDS("deny", "denied", "block", "blocked", "decline", "declined"));
}

static bool is_throttled(const struct event *event)
{
	const char *const *words = WORDS("rate limit", "too many requests", "throttl");
	return http_status(event) == 429 || decided(event, WORDS("throttle", "throttled")) ||
	       says(event_text(event, FIELD_OUTCOME_REASON), words) || says(event_text(event, FIELD_REASON), words) ||
	       error_says(event, words);
}

static bool is_rejected(const struct event *event)
{
	int64_t code = rpc_code(event);
	return code == -32700 || (code >= -32602 && code <= -32600) || code == -32002 ||
	       is(event, FIELD_OUTCOME_VALIDATION, WORDS("fail", "failed", "invalid"));
}

static bool is_transport_error(const struct event *event)
{
	return http_status(event) >= 400 || is(event, FIELD_CLASS, WORDS("transport")) ||
	       error_says(event, WORDS("connect", "econn", "transport", "socket", "network", "broken pipe", "dns"));
}

static bool is_rpc_error(const struct event *event)
{
	return rpc_code(event) != 0 || kind_find(event_text(event, FIELD_KIND)) == KIND_ERROR;
}

static bool is_tool_error(const struct event *event)
{
	return (event_has(event, FIELD_OUTCOME_TOOL_ERROR) && event->value[FIELD_OUTCOME_TOOL_ERROR].number) ||
	       event_has(event, FIELD_ERROR_TYPE) || event_has(event, FIELD_ERROR_MESSAGE) ||
	       event_has(event, FIELD_ERROR_STACK);
}

static bool is_pending(const struct event *event)
{
	return is(event, FIELD_OUTCOME_RESULT_TYPE, WORDS("input_required"));
}

static bool is_ok(const struct event *event)
{
	if (is(event, FIELD_STAGE, WORDS("start")))
		return false;
	return http_status(event) > 0 || event_has(event, FIELD_OUTCOME_TOOL_ERROR) ||
	       event_has(event, FIELD_OUTCOME_RESULT_TYPE) || event_has(event, FIELD_RESPONSE) ||
	       decided(event, WORDS("allow", "allowed", "accept", "accepted", "auto"));
}

enum verdict event_verdict(const struct event *event)
{
	static bool (*const rules[VERDICT_UNKNOWN])(const struct event *) = {
		[VERDICT_TIMEOUT] = is_timeout,
		[VERDICT_CANCELLED] = is_cancelled,
		[VERDICT_DENIED] = is_denied,
		[VERDICT_THROTTLED] = is_throttled,
		[VERDICT_REJECTED] = is_rejected,
		[VERDICT_TRANSPORT_ERROR] = is_transport_error,
		[VERDICT_RPC_ERROR] = is_rpc_error,
		[VERDICT_TOOL_ERROR] = is_tool_error,
		[VERDICT_PENDING] = is_pending,
		[VERDICT_OK] = is_ok,
	};
	unsigned verdict = 0;
	while (verdict < VERDICT_UNKNOWN && !rules[verdict](event))
		verdict++;
	return (enum verdict)verdict;
}
