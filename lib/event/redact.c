/* Sensitive names, and the replacing of what was found. */
#include "redact_scan.h"

#include "json.h"

enum { SPANS_MIN = 8, NAME_MAX_BYTES = 19 };

#define REPLACEMENT_BEGIN "[redacted:"

struct sensitive {
	const char *name; /* lower case, - as _ */
	uint8_t len;
	enum redact_rule rule;
	bool in_auth_only;
};

#define SENSITIVE(name, rule, in_auth_only)                                                                            \
	{                                                                                                              \
		name, sizeof(name) - 1, REDACT_##rule, in_auth_only                                                    \
	}

static const struct sensitive sensitive[] = {
	SENSITIVE("access_token", MEMBER, false),
	SENSITIVE("refresh_token", MEMBER, false),
	SENSITIVE("id_token", MEMBER, false),
	SENSITIVE("password", MEMBER, false),
	SENSITIVE("passwd", MEMBER, false),
	SENSITIVE("secret", MEMBER, false),
	SENSITIVE("token", MEMBER, false),
	SENSITIVE("api_key", MEMBER, false),
	SENSITIVE("client_secret", MEMBER, false),
	SENSITIVE("private_key", MEMBER, false),
	SENSITIVE("connection_string", MEMBER, false),
	SENSITIVE("authorization", HEADER, false),
	SENSITIVE("proxy_authorization", HEADER, false),
	SENSITIVE("cookie", HEADER, false),
	SENSITIVE("set_cookie", HEADER, false),
	SENSITIVE("state", OAUTH, true),
	SENSITIVE("code", OAUTH, true),
	SENSITIVE("code_verifier", OAUTH, true),
};

enum { MCP_PARAM_LEN = 10 }; /* "mcp_param_", and a name behind it */

/* Lengths that a sensitive name has, a bit each. */
static const uint32_t sensitive_lengths = 1U << 4 | 1U << 5 | 1U << 6 | 1U << 7 | 1U << 8 | 1U << 10 | 1U << 11 |
					  1U << 12 | 1U << 13 | 1U << 17 | 1U << 19;

static void normalise(const char *from, size_t len, char *to)
{
	for (size_t i = 0; i < len; i++) {
		char byte = from[i];
		to[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte == '-' ? '_' : byte;
	}
}

bool redact_member(struct text name, bool in_auth_event, enum redact_rule *rule)
{
	char plain[NAME_MAX_BYTES + 1];
	if (name.len > MCP_PARAM_LEN && (name.at[0] | 0x20) == 'm') {
		normalise(name.at, MCP_PARAM_LEN, plain);
		if (memcmp(plain, "mcp_param_", MCP_PARAM_LEN) == 0) {
			*rule = REDACT_HEADER;
			return true;
		}
	}
	if (name.len > NAME_MAX_BYTES || !(sensitive_lengths >> name.len & 1))
		return false;
	normalise(name.at, name.len, plain);
	for (size_t i = 0; i < sizeof(sensitive) / sizeof(*sensitive); i++) {
		const struct sensitive *one = &sensitive[i];
		if (one->len != name.len || memcmp(plain, one->name, name.len) != 0)
			continue;
		if (one->in_auth_only && !in_auth_event)
			return false;
		*rule = one->rule;
		return true;
	}
	return false;
}

bool redact_is_done(struct text text)
{
	size_t begin = sizeof(REPLACEMENT_BEGIN) - 1;
	if (text.len <= begin || memcmp(text.at, REPLACEMENT_BEGIN, begin) != 0 || text.at[text.len - 1] != ']')
		return false;
	struct text name = {text.at + begin, text.len - begin - 1};
	for (unsigned rule = 0; rule < REDACT_RULE_COUNT; rule++)
		if (text_equal(name, text_of(redact_rule_name((enum redact_rule)rule))))
			return true;
	return false;
}

enum status redact_spans_add(struct redact_spans *spans, struct redact_span span)
{
	if (spans->count == spans->capacity) {
		size_t capacity = spans->capacity ? spans->capacity * 2 : SPANS_MIN;
		struct redact_span *at = arena_calloc(spans->arena, capacity, sizeof(*at));
		if (at == NULL)
			return STATUS_NO_MEMORY;
		if (spans->count)
			memcpy(at, spans->at, spans->count * sizeof(*at));
		spans->at = at;
		spans->capacity = capacity;
	}
	spans->at[spans->count++] = span;
	return STATUS_OK;
}

static char *put(char *to, const char *bytes, size_t len)
{
	if (len)
		memcpy(to, bytes, len);
	return to + len;
}

static char *put_replacement(char *to, const struct redact_span *span)
{
	const char *name = redact_rule_name(span->rule);
	if (span->whole_value)
		*to++ = '"';
	to = put(to, REPLACEMENT_BEGIN, sizeof(REPLACEMENT_BEGIN) - 1);
	to = put(to, name, strlen(name));
	*to++ = ']';
	if (span->whole_value)
		*to++ = '"';
	return to;
}

/* Writes the text with the spans replaced, and counts them. */
static enum status replace(
	struct text text, const struct redact_spans *spans, struct redact_counts *counts, struct text *out)
{
	size_t bytes = text.len;
	for (size_t i = 0; i < spans->count; i++)
		bytes += sizeof(REPLACEMENT_BEGIN) + 3 + strlen(redact_rule_name(spans->at[i].rule));
	char *at = arena_alloc(spans->arena, bytes);
	if (at == NULL)
		return STATUS_NO_MEMORY;
	char *to = at;
	size_t passed = 0;
	for (size_t i = 0; i < spans->count; i++) {
		const struct redact_span *span = &spans->at[i];
		to = put(to, text.at + passed, span->from - passed);
		to = put_replacement(to, span);
		passed = span->to;
		counts->rule[span->rule]++;
		counts->total++;
	}
	to = put(to, text.at + passed, text.len - passed);
	*out = (struct text){at, (size_t)(to - at)};
	return STATUS_OK;
}

enum status redact_decoded(struct text text, bool in_auth_event, struct arena *arena, struct redact_counts *counts,
	struct text *out, bool *changed)
{
	struct redact_spans spans = {.arena = arena};
	enum status status = STATUS_OK;
	if (redact_suspect(text, false))
		status = redact_scan(text, in_auth_event, &spans);
	struct text redacted = text;
	if (status == STATUS_OK && spans.count)
		status = replace(text, &spans, counts, &redacted);
	if (status != STATUS_OK)
		return status;
	*out = redacted;
	*changed = spans.count > 0;
	return STATUS_OK;
}

enum status redact_text(
	struct text text, struct arena *arena, struct redact_counts *counts, struct text *out, bool *changed)
{
	return redact_decoded(text, false, arena, counts, out, changed);
}

/* --- minified JSON --- */

struct json_redaction {
	struct text json;
	bool in_auth_event;
	struct arena *arena;
	struct redact_spans spans; /* in json */
};

/* The offset of the closing quote of the string that begins at `at`. */
static size_t closing_quote(struct text json, size_t at, bool *escaped)
{
	*escaped = false;
	for (at++; json.at[at] != '"'; at++) {
		if (json.at[at] == '\\') {
			*escaped = true;
			at++;
		}
	}
	return at;
}

/* Behind the value that begins at `at`. */
static size_t value_end(struct text json, size_t at)
{
	size_t depth = 0;
	bool escaped;
	do {
		char byte = json.at[at];
		if (byte == '"')
			at = closing_quote(json, at, &escaped);
		else if (byte == '{' || byte == '[')
			depth++;
		else if (byte == '}' || byte == ']')
			depth--;
		else if (depth == 0)
			while (at + 1 < json.len && !strchr(",]}", json.at[at + 1]))
				at++;
		at++;
	} while (depth > 0);
	return at;
}

/* A place in a string as sent, and the same place in the decoded text. */
struct place {
	size_t sent, decoded;
};

static void move_to(struct text sent, struct place *place, size_t decoded)
{
	while (place->decoded < decoded) {
		char bytes[4];
		char *to = bytes;
		if (sent.at[place->sent] == '\\') {
			struct text left = {sent.at + place->sent, sent.len - place->sent};
			place->sent += json_escape_decode(left, &to);
			place->decoded += (size_t)(to - bytes);
		} else {
			place->sent++;
			place->decoded++;
		}
	}
}

/* Moves spans of a string's decoded text to where they stand in the string as sent (from `start` in json). */
static enum status add_mapped(
	struct json_redaction *redaction, struct text sent, size_t start, const struct redact_spans *found)
{
	struct place place = {0, 0};
	enum status status = STATUS_OK;
	for (size_t i = 0; i < found->count && status == STATUS_OK; i++) {
		struct redact_span span = found->at[i];
		move_to(sent, &place, span.from);
		span.from = start + place.sent;
		move_to(sent, &place, span.to);
		span.to = start + place.sent;
		status = redact_spans_add(&redaction->spans, span);
	}
	return status;
}

static enum status redact_string(struct json_redaction *redaction, size_t from, size_t to, bool escaped)
{
	struct text sent = {redaction->json.at + from, to - from};
	struct text decoded = escaped ? json_string_decode(sent, redaction->arena) : sent;
	if (decoded.at == NULL)
		return STATUS_NO_MEMORY;
	if (!redact_suspect(decoded, false))
		return STATUS_OK;
	struct redact_spans found = {.arena = redaction->arena};
	enum status status = redact_scan(decoded, redaction->in_auth_event, &found);
	return status == STATUS_OK ? add_mapped(redaction, sent, from, &found) : status;
}

/* The value of a sensitive member, from its first byte on. */
static enum status redact_value(struct json_redaction *redaction, size_t from, enum redact_rule rule, size_t *end)
{
	*end = value_end(redaction->json, from);
	struct text value = {redaction->json.at + from, *end - from};
	if (value.at[0] == '"' && redact_is_done((struct text){value.at + 1, value.len - 2}))
		return STATUS_OK;
	return redact_spans_add(&redaction->spans, (struct redact_span){from, *end, rule, true});
}

/* Handles the string at *at and, where it names a sensitive member, its value; *at is moved behind them. */
static enum status redact_token(struct json_redaction *redaction, size_t *at)
{
	struct text json = redaction->json;
	bool escaped;
	size_t from = *at + 1;
	size_t to = closing_quote(json, *at, &escaped);
	*at = to + 1;
	enum status status = redact_string(redaction, from, to, escaped);
	if (status != STATUS_OK || *at == json.len || json.at[*at] != ':')
		return status;
	struct text name = {json.at + from, to - from};
	if (escaped)
		name = json_string_decode(name, redaction->arena);
	if (name.at == NULL)
		return STATUS_NO_MEMORY;
	enum redact_rule rule;
	if (!redact_member(name, redaction->in_auth_event, &rule))
		return STATUS_OK;
	return redact_value(redaction, *at + 1, rule, at);
}

enum status redact_json(struct text json, bool in_auth_event, struct arena *arena, struct redact_counts *counts,
	struct text *out, bool *changed)
{
	struct json_redaction redaction = {json, in_auth_event, arena, {.arena = arena}};
	size_t at = 0;
	while (at < json.len) {
		const char *quote = memchr(json.at + at, '"', json.len - at);
		if (quote == NULL)
			break;
		at = (size_t)(quote - json.at);
		enum status status = redact_token(&redaction, &at);
		if (status != STATUS_OK)
			return status;
	}
	struct text redacted = json;
	if (redaction.spans.count) {
		enum status status = replace(json, &redaction.spans, counts, &redacted);
		if (status != STATUS_OK)
			return status;
	}
	*out = redacted;
	*changed = redaction.spans.count > 0;
	return STATUS_OK;
}
