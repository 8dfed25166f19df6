/*
 * One pass from left to right; the byte at hand says which matchers may begin there.  What is found is passed whole, so
 * the outermost secret wins: in "Authorization: Bearer eyJ…" the header.  Matchers look ahead over what they then pass,
 * or over runs that the next try of the same matcher cannot begin in.
 */
#include "redact_scan.h"

#include <stdio.h>

enum {
	NAME_BYTES_MAX = 128,
	JWT_HEADER_MIN = 10,
	JWT_REST_MIN = 4,
	GITHUB_BYTES_MIN = 36,
	AWS_BYTES = 16,
	SLACK_BYTES_MIN = 10,
	SK_BYTES_MIN = 20,
	PEM_LABEL_MAX = 64,
	USERINFO_MAX = 512, /* how far the @ of a password with a / in it is looked for */
	BACKSLASHES_MAX = 15,
};

struct scan {
	struct text text;
	struct redact_spans *spans;
	bool in_auth_event;
	size_t run_end;    /* of the last run of a URL or form body that was looked at; 0: none */
	bool run_is_oauth; /* it carries redirect_uri, client_id or grant_type */
};

/* A secret found: what is replaced.  to = 0: nothing found. */
struct match {
	size_t from, to;
	enum redact_rule rule;
};

static const struct match no_match = {0};

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_alnum(char byte)
{
	return is_digit(byte) || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
}

static bool is_word(char byte)
{
	return is_alnum(byte) || byte == '_';
}

static bool is_name(char byte)
{
	return is_word(byte) || byte == '-';
}

static bool is_space(char byte)
{
	return (unsigned char)byte <= ' ' || byte == 0x7f;
}

static bool is_quote(char byte)
{
	return byte == '"' || byte == '\'' || byte == '`';
}

/* What no URL and no form body holds. */
static bool ends_run(char byte)
{
	return is_space(byte) || is_quote(byte) || byte == '<' || byte == '>' || byte == '\\';
}

static char byte_at(struct text text, size_t at)
{
	return at < text.len ? text.at[at] : 0;
}

static bool stands_at(struct text text, size_t at, const char *lower_case)
{
	for (; *lower_case; lower_case++, at++) {
		char byte = byte_at(text, at);
		if ((byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != *lower_case)
			return false;
	}
	return true;
}

static bool is_exactly(struct text text, size_t at, const char *string)
{
	size_t len = strlen(string);
	return at <= text.len && len <= text.len - at && memcmp(text.at + at, string, len) == 0;
}

static size_t skip_names(struct text text, size_t at)
{
	while (at < text.len && is_name(text.at[at]))
		at++;
	return at;
}

static size_t skip_alnum(struct text text, size_t at)
{
	while (at < text.len && is_alnum(text.at[at]))
		at++;
	return at;
}

static size_t skip_blanks(struct text text, size_t at)
{
	while (at < text.len && (text.at[at] == ' ' || text.at[at] == '\t'))
		at++;
	return at;
}

static struct text slice(struct text text, size_t from, size_t to)
{
	return (struct text){text.at + from, to - from};
}

/* A cut payload may end in the middle of a replacement, or of the quote behind it. */
static bool is_cut_replacement(struct text value)
{
	while (value.len && value.at[value.len - 1] == '\\')
		value.len--;
	if (redact_is_done(value))
		return true;
	for (unsigned rule = 0; rule < REDACT_RULE_COUNT; rule++) {
		char replacement[32];
		int len = snprintf(
			replacement, sizeof(replacement), "[redacted:%s]", redact_rule_name((enum redact_rule)rule));
		if (value.len < (size_t)len && memcmp(value.at, replacement, value.len) == 0)
			return true;
	}
	return false;
}

/* The value [from, to) of something named by a sensitive name; nothing is left to do where it is empty or done. */
static struct match match_value(struct text text, size_t from, size_t to, enum redact_rule rule)
{
	if (from >= to || redact_is_done(slice(text, from, to)))
		return no_match;
	if (to == text.len && is_cut_replacement(slice(text, from, to)))
		return no_match;
	return (struct match){from, to, rule};
}

/* header.payload[.signature], five parts where it is encrypted; base64url each. */
static struct match match_jwt(struct text text, size_t at)
{
	if (!is_exactly(text, at, "eyJ") || (at > 0 && is_name(text.at[at - 1])))
		return no_match;
	size_t end = skip_names(text, at);
	if (end - at < JWT_HEADER_MIN || byte_at(text, end) != '.')
		return no_match;
	bool nested = is_exactly(text, end + 1, "eyJ");
	size_t header = end;
	unsigned dots = 0;
	while (dots < 4 && byte_at(text, end) == '.') {
		dots++;
		end = skip_names(text, end + 1);
	}
	while (text.at[end - 1] == '.')
		end--;
	if ((dots < 2 && !nested) || end < header + JWT_REST_MIN)
		return no_match;
	return (struct match){at, end, REDACT_JWT};
}

static struct match match_github(struct text text, size_t at)
{
	char kind = byte_at(text, at + 2);
	if (byte_at(text, at + 1) != 'h' || byte_at(text, at + 3) != '_' || kind == 0 || !strchr("pousr", kind))
		return no_match;
	size_t end = skip_alnum(text, at + 4);
	return end - at - 4 >= GITHUB_BYTES_MIN ? (struct match){at, end, REDACT_KEY} : no_match;
}

static struct match match_aws(struct text text, size_t at)
{
	char kind = byte_at(text, at + 1);
	if ((kind != 'K' && kind != 'S') || byte_at(text, at + 2) != 'I' || byte_at(text, at + 3) != 'A')
		return no_match;
	size_t end = at + 4;
	while (end < text.len && (is_digit(text.at[end]) || (text.at[end] >= 'A' && text.at[end] <= 'Z')))
		end++;
	if (end - at - 4 != AWS_BYTES || is_word(byte_at(text, end)))
		return no_match;
	return (struct match){at, end, REDACT_KEY};
}

static struct match match_slack(struct text text, size_t at)
{
	char kind = byte_at(text, at + 3);
	if (byte_at(text, at + 1) != 'o' || byte_at(text, at + 2) != 'x' || kind == 0 || !strchr("abprs", kind) ||
		byte_at(text, at + 4) != '-')
		return no_match;
	size_t end = skip_names(text, at + 5);
	return end - at - 5 >= SLACK_BYTES_MIN ? (struct match){at, end, REDACT_KEY} : no_match;
}

/* sk-…; words joined by hyphens, without a digit or capital, are no key. */
static struct match match_sk(struct text text, size_t at)
{
	if (byte_at(text, at + 1) != 'k' || byte_at(text, at + 2) != '-')
		return no_match;
	size_t end = skip_names(text, at + 3);
	if (end - at - 3 < SK_BYTES_MIN)
		return no_match;
	bool hyphen = false;
	for (size_t i = at + 3; i < end; i++) {
		if (is_digit(text.at[i]) || (text.at[i] >= 'A' && text.at[i] <= 'Z'))
			return (struct match){at, end, REDACT_KEY};
		hyphen |= text.at[i] == '-';
	}
	return hyphen ? no_match : (struct match){at, end, REDACT_KEY};
}

/* Words that follow "bearer" in prose. Anything else that may be a token is taken for one. */
static bool is_prose(struct text word)
{
	static const char *const words[] = {"a", "an", "and", "as", "auth", "authentication", "authorization",
		"challenge", "credential", "credentials", "error", "for", "format", "from", "header", "headers", "in",
		"is", "it", "method", "methods", "not", "of", "only", "or", "realm", "required", "scheme", "schemes",
		"that", "the", "this", "to", "token", "tokens", "type", "was", "with"};
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (word.len == strlen(words[i]) && stands_at(word, 0, words[i]))
			return true;
	return false;
}

static struct match match_bearer(struct text text, size_t at)
{
	if (!stands_at(text, at, "bearer"))
		return no_match;
	size_t from = skip_blanks(text, at + 6);
	if (stands_at(text, from, "%20"))
		from += 3;
	else if (byte_at(text, from) == '+')
		from++;
	if (from == at + 6)
		return no_match;
	size_t end = from;
	while (end < text.len && (is_name(text.at[end]) || strchr(".~+/=", text.at[end])) && text.at[end])
		end++;
	while (end > from && text.at[end - 1] == '.')
		end--;
	if (is_prose(slice(text, from, end)))
		return no_match;
	return match_value(text, from, end, REDACT_BEARER);
}

static const char *find(struct text text, size_t from, const char *what)
{
	return from < text.len ? memmem(text.at + from, text.len - from, what, strlen(what)) : NULL;
}

static struct match match_pem(struct text text, size_t at)
{
	if (!is_exactly(text, at, "-----BEGIN "))
		return no_match;
	size_t window = text.len - at < PEM_LABEL_MAX ? text.len : at + PEM_LABEL_MAX;
	const char *label_end = find((struct text){text.at, window}, at + 11, "-----");
	size_t label = label_end ? (size_t)(label_end - text.at) : window;
	if (memmem(text.at + at, label - at, "PRIVATE KEY", 11) == NULL)
		return no_match;
	const char *end = find(text, label, "-----END ");
	const char *last = end ? find(text, (size_t)(end - text.at) + 9, "-----") : NULL;
	return (struct match){at, last ? (size_t)(last - text.at) + 5 : text.len, REDACT_PEM};
}

/* The last @ before the end of the authority; 0: none. A password may hold what ends it: then the next @ of the run. */
static size_t find_password_end(struct text text, size_t from)
{
	size_t end = 0;
	size_t at = from;
	for (; at < text.len && !ends_run(text.at[at]) && !strchr("/?#", text.at[at]); at++)
		if (text.at[at] == '@')
			end = at;
	if (end || at == from || is_digit(text.at[from]))
		return end;
	size_t limit = text.len - at < USERINFO_MAX ? text.len : at + USERINFO_MAX;
	for (; at < limit && !ends_run(text.at[at]); at++) {
		if (text.at[at] == '@')
			return at;
		if (text.at[at] == ':')
			return 0; /* the next URL, which has its own */
	}
	return 0;
}

static struct match match_url(struct text text, size_t at)
{
	if (byte_at(text, at + 1) != '/' || byte_at(text, at + 2) != '/' || at == 0 || !is_alnum(text.at[at - 1]))
		return no_match;
	size_t from = at + 3;
	while (from < text.len && !ends_run(text.at[from]) && !strchr(":/?#@", text.at[from]))
		from++;
	if (byte_at(text, from) != ':')
		return no_match;
	return match_value(text, from + 1, find_password_end(text, from + 1), REDACT_URL_USER);
}

/* `Name: value` up to the end of the line, or to the quote it began with. */
static struct match match_header(struct text text, size_t at)
{
	if (at > 0 && is_name(text.at[at - 1]))
		return no_match;
	size_t end = skip_names(text, at);
	enum redact_rule rule;
	char behind = byte_at(text, end);
	if ((behind != ':' && behind != ' ' && behind != '\t') || end - at > NAME_BYTES_MAX ||
		!redact_member(slice(text, at, end), false, &rule) || rule != REDACT_HEADER)
		return no_match;
	size_t from = skip_blanks(text, end);
	if (byte_at(text, from) != ':')
		return no_match;
	from = skip_blanks(text, from + 1);
	char quote = at > 0 && is_quote(text.at[at - 1]) ? text.at[at - 1] : '\n';
	size_t to = from;
	while (to < text.len && text.at[to] != quote && text.at[to] != '\n' && text.at[to] != '\r' &&
		!(text.at[to] == '\\' && strchr("nr", byte_at(text, to + 1))))
		to++;
	return match_value(text, from, to, REDACT_HEADER);
}

/* The name that ends at `end`, e.g. of a parameter, without leading hyphens. */
static struct text name_before(struct text text, size_t end)
{
	size_t from = end;
	while (from > 0 && end - from < NAME_BYTES_MAX && is_name(text.at[from - 1]))
		from--;
	while (from < end && text.at[from] == '-')
		from++;
	return slice(text, from, end);
}

/* Whether the URL or form body around `at` carries a parameter that only OAuth has. */
static bool is_oauth(struct scan *scan, size_t at)
{
	if (at < scan->run_end)
		return scan->run_is_oauth;
	struct text text = scan->text;
	size_t from = at;
	while (from > 0 && !ends_run(text.at[from - 1]))
		from--;
	scan->run_is_oauth = false;
	for (scan->run_end = from; scan->run_end < text.len && !ends_run(text.at[scan->run_end]); scan->run_end++) {
		if (text.at[scan->run_end] != '=')
			continue;
		struct text name = name_before(text, scan->run_end);
		scan->run_is_oauth |= (name.len == 12 && stands_at(name, 0, "redirect_uri")) ||
				      (name.len == 9 && stands_at(name, 0, "client_id")) ||
				      (name.len == 10 && stands_at(name, 0, "grant_type"));
	}
	return scan->run_is_oauth;
}

/* `name=value` in a URL, a form body, a command line or a connection string. */
static struct match match_parameter(struct scan *scan, size_t at)
{
	struct text text = scan->text;
	struct text name = name_before(text, at);
	enum redact_rule rule;
	if (!redact_member(name, true, &rule) || (rule == REDACT_OAUTH && !scan->in_auth_event && !is_oauth(scan, at)))
		return no_match;
	size_t from = at + 1;
	size_t to = from;
	if (is_quote(byte_at(text, from))) {
		const char *quote = memchr(text.at + from + 1, text.at[from], text.len - from - 1);
		to = quote ? (size_t)(quote - text.at) : text.len;
		return match_value(text, from + 1, to, rule);
	}
	while (to < text.len && !ends_run(text.at[to]) && text.at[to] != '&' && text.at[to] != ';')
		to++;
	return match_value(text, from, to, rule);
}

static size_t backslashes_before(struct text text, size_t at, size_t from)
{
	size_t count = 0;
	while (at - count > from && text.at[at - count - 1] == '\\')
		count++;
	return count;
}

/* Where the string from `from` ends, whose quotes stand behind `level` backslashes; its escapes have more. */
static size_t string_end(struct text text, size_t from, char quote, size_t level)
{
	for (size_t at = from; at < text.len; at++) {
		const char *next = memchr(text.at + at, quote, text.len - at);
		if (next == NULL)
			break;
		at = (size_t)(next - text.at);
		size_t backslashes = backslashes_before(text, at, from);
		if (level == 0 ? backslashes % 2 == 0 : backslashes <= level)
			return level == 0 ? at : at - backslashes;
	}
	return text.len;
}

/* Where a number, word, array or object in text ends. */
static size_t plain_value_end(struct text text, size_t from)
{
	size_t depth = 0;
	size_t at = from;
	for (; at < text.len; at++) {
		char byte = text.at[at];
		if (byte == '"') {
			at = string_end(text, at + 1, '"', backslashes_before(text, at, from));
			while (byte_at(text, at) == '\\')
				at++; /* string_end gives what stands before its quote */
		} else if (byte == '{' || byte == '[') {
			depth++;
		} else if (byte == '}' || byte == ']') {
			if (depth == 0 || --depth == 0)
				return depth == 0 && at > from && (text.at[from] == '{' || text.at[from] == '[')
					       ? at + 1
					       : at;
		} else if (depth == 0 && (byte == ',' || is_space(byte))) {
			return at;
		}
	}
	return text.len;
}

/* `"name":value` of JSON inside a string, at any depth of escaping, and of the literals of scripting languages. */
static struct match match_member(struct scan *scan, size_t at)
{
	struct text text = scan->text;
	char quote = text.at[at];
	size_t end = skip_names(text, at + 1);
	enum redact_rule rule;
	if ((byte_at(text, end) != quote && byte_at(text, end) != '\\') || end - at - 1 > NAME_BYTES_MAX ||
		!redact_member(slice(text, at + 1, end), scan->in_auth_event, &rule))
		return no_match;
	size_t level = backslashes_before(text, at, at > BACKSLASHES_MAX ? at - BACKSLASHES_MAX : 0);
	for (size_t i = 0; i < level; i++, end++)
		if (byte_at(text, end) != '\\')
			return no_match;
	if (byte_at(text, end) != quote)
		return no_match;
	end++;
	while (end < text.len && is_space(text.at[end]))
		end++;
	if (byte_at(text, end) != ':')
		return no_match;
	size_t from = end + 1;
	while (from < text.len && is_space(text.at[from]))
		from++;
	size_t value = from;
	while (value < from + level && byte_at(text, value) == '\\')
		value++;
	if (value < text.len && is_quote(text.at[value]))
		return match_value(text, value + 1, string_end(text, value + 1, text.at[value], level), rule);
	return match_value(text, from, plain_value_end(text, from), rule);
}

/* What may begin at a byte: anywhere, or at a word's start; a header's name too; and whether it is part of a word. */
enum { ANYWHERE = 1, AT_WORD = 2, HEADER = 4, WORD = 8 };

static const uint8_t classes[256] = {
	['"'] = ANYWHERE,
	['\''] = ANYWHERE,
	['='] = ANYWHERE,
	[':'] = ANYWHERE,
	['-'] = ANYWHERE,
	['0' ... '9'] = WORD,
	['_'] = WORD,
	['D' ... 'L'] = WORD,
	['N'] = WORD,
	['O'] = WORD,
	['Q'] = WORD,
	['R'] = WORD,
	['T' ... 'Z'] = WORD,
	['d'] = WORD,
	['f'] = WORD,
	['h' ... 'l'] = WORD,
	['n'] = WORD,
	['o'] = WORD,
	['q'] = WORD,
	['r'] = WORD,
	['t' ... 'w'] = WORD,
	['y'] = WORD,
	['z'] = WORD,
	['e'] = WORD | AT_WORD,
	['g'] = WORD | AT_WORD,
	['x'] = WORD | AT_WORD,
	['b'] = WORD | AT_WORD,
	['B'] = WORD | AT_WORD,
	['a'] = WORD | AT_WORD | HEADER,
	['A'] = WORD | AT_WORD | HEADER,
	['c'] = WORD | AT_WORD | HEADER,
	['C'] = WORD | AT_WORD | HEADER,
	['m'] = WORD | AT_WORD | HEADER,
	['M'] = WORD | AT_WORD | HEADER,
	['p'] = WORD | AT_WORD | HEADER,
	['P'] = WORD | AT_WORD | HEADER,
	['s'] = WORD | AT_WORD | HEADER,
	['S'] = WORD | AT_WORD | HEADER,
};

static inline unsigned class_of(char byte)
{
	return classes[(unsigned char)byte];
}

/* The next byte where something may begin. */
static size_t next_begin(struct text text, size_t at)
{
	unsigned before = at > 0 ? class_of(text.at[at - 1]) : 0;
	for (; at < text.len; at++) {
		unsigned class = class_of(text.at[at]);
		if (class & ANYWHERE || (class & AT_WORD && !(before & WORD)))
			break;
		before = class;
	}
	return at;
}

static struct match match_word(struct text text, size_t at)
{
	struct match match = no_match;
	switch (text.at[at]) {
	case 'e':
		return match_jwt(text, at);
	case 'g':
		return match_github(text, at);
	case 'x':
		return match_slack(text, at);
	case 'b':
	case 'B':
		return match_bearer(text, at);
	case 'A':
		match = match_aws(text, at);
		break;
	case 's':
		match = match_sk(text, at);
		break;
	default:
		break;
	}
	return match.to == 0 && class_of(text.at[at]) & HEADER ? match_header(text, at) : match;
}

static struct match match_at(struct scan *scan, size_t at)
{
	switch (scan->text.at[at]) {
	case '"':
	case '\'':
		return match_member(scan, at);
	case '=':
		return match_parameter(scan, at);
	case ':':
		return match_url(scan->text, at);
	case '-':
		return match_pem(scan->text, at);
	default:
		return match_word(scan->text, at);
	}
}

enum status redact_scan(struct text text, bool in_auth_event, struct redact_spans *spans)
{
	struct scan scan = {.text = text, .spans = spans, .in_auth_event = in_auth_event};
	size_t at = next_begin(text, 0);
	while (at < text.len) {
		struct match match = match_at(&scan, at);
		if (match.to <= at) {
			at = next_begin(text, at + 1);
			continue;
		}
		enum status status =
			redact_spans_add(spans, (struct redact_span){match.from, match.to, match.rule, false});
		if (status != STATUS_OK)
			return status;
		at = next_begin(text, match.to);
	}
	return STATUS_OK;
}
