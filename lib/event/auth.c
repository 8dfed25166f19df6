#include "auth.h"

enum { REASON_BYTES_READ = 512 };

static const char *const decision_names[] = {[AUTH_ALLOW] = "allow", [AUTH_DENY] = "deny", [AUTH_UNKNOWN] = "unknown"};

static const char *const reason_names[AUTH_REASON_COUNT] = {
#define AUTH_REASON(name, text, meaning) [AUTH_REASON_##name] = (text),
#include "tbl/auth_reasons.h"
#undef AUTH_REASON
};

static const struct {
	enum auth_reason reason;
	struct text word;
} words[] = {
#define AUTH_WORD(name, word) {AUTH_REASON_##name, TEXT(word)},
#include "tbl/auth_reasons.h"
#undef AUTH_WORD
};

const char *auth_decision_name(enum auth_decision decision)
{
	return decision_names[decision];
}

const char *auth_reason_name(enum auth_reason reason)
{
	return reason_names[reason];
}

static int64_t http_status(const struct event *event)
{
	unsigned field = event_has(event, FIELD_HTTP_STATUS) ? FIELD_HTTP_STATUS : FIELD_OUTCOME_HTTP_STATUS;
	return event_has(event, field) ? event->value[field].number : 0;
}

enum auth_decision auth_decision_of(const struct event *event)
{
	struct text result = event_text(event, FIELD_RESULT);
	switch (event->verdict) {
	case VERDICT_OK:
		return AUTH_ALLOW;
	case VERDICT_DENIED:
	case VERDICT_THROTTLED:
	case VERDICT_REJECTED:
		return AUTH_DENY;
	default:
		return text_equal(result, TEXT("success"))   ? AUTH_ALLOW
		       : text_equal(result, TEXT("failure")) ? AUTH_DENY
							     : AUTH_UNKNOWN;
	}
}

static char plain(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c + ('a' - 'A'));
	return c == ' ' || c == '-' ? '_' : c;
}

static enum auth_reason find_words(struct text text)
{
	char read[REASON_BYTES_READ];
	size_t len = text.len < sizeof(read) ? text.len : sizeof(read);
	for (size_t i = 0; i < len; i++)
		read[i] = plain(text.at[i]);
	for (size_t i = 0; len && i < sizeof(words) / sizeof(words[0]); i++)
		if (memmem(read, len, words[i].word.at, words[i].word.len))
			return words[i].reason;
	return AUTH_REASON_OTHER;
}

static enum auth_reason reason_of_status(const struct event *event, bool is_stated)
{
	if (event_has(event, FIELD_OUTCOME_POLICY_ID))
		return AUTH_REASON_POLICY;
	switch (http_status(event)) {
	case 401:
		return AUTH_REASON_UNAUTHENTICATED;
	case 403:
		return AUTH_REASON_FORBIDDEN;
	case 429:
		return AUTH_REASON_RATE_LIMITED;
	default:
		return is_stated ? AUTH_REASON_OTHER : AUTH_REASON_UNSTATED;
	}
}

enum auth_reason auth_reason_of(const struct event *event, enum auth_decision decision)
{
	static const unsigned fields[] = {
		FIELD_WWW_ERROR, FIELD_REASON, FIELD_OUTCOME_REASON, FIELD_ERROR_TYPE, FIELD_ERROR_MESSAGE};
	bool is_stated = false;
	if (decision != AUTH_DENY)
		return AUTH_REASON_NONE;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct text text = event_text(event, fields[i]);
		enum auth_reason reason = find_words(text);
		if (reason != AUTH_REASON_OTHER)
			return reason;
		is_stated = is_stated || text.len > 0;
	}
	return reason_of_status(event, is_stated);
}
