#include "http_accept.h"

enum { WEIGHT_MAX = 1000 };

/* How closely a member of the list names an offer; a closer one decides, whatever its weight. */
enum closeness { CLOSENESS_NONE, CLOSENESS_ANY, CLOSENESS_TYPE, CLOSENESS_NAME, CLOSENESS_VERSION };

struct member {
	struct text name, version;
	unsigned weight; /* of WEIGHT_MAX */
};

struct offer {
	struct text name, any_of_type, version;
};

struct weighed {
	enum closeness closeness;
	unsigned weight;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static struct text trim(struct text text)
{
	while (text.len && is_space(text.at[0])) {
		text.at++;
		text.len--;
	}
	while (text.len && is_space(text.at[text.len - 1]))
		text.len--;
	return text;
}

/* Takes what stands before the next separator that is not in quotes. */
static struct text take_until(struct text *rest, char separator)
{
	bool quoted = false;
	size_t len = 0;
	for (; len < rest->len && (quoted || rest->at[len] != separator); len++) {
		if (rest->at[len] == '"')
			quoted = !quoted;
		else if (rest->at[len] == '\\' && quoted && len + 1 < rest->len)
			len++;
	}
	struct text taken = {rest->at, len};
	size_t passed = len < rest->len ? len + 1 : len;
	rest->at += passed;
	rest->len -= passed;
	return trim(taken);
}

/* qvalue: 0 or 1 with up to three decimals.  What is none weighs nothing. */
static unsigned read_weight(struct text text)
{
	if (text.len == 0 || text.len > 5 || text.at[0] < '0' || text.at[0] > '1' ||
		(text.len > 1 && text.at[1] != '.'))
		return 0;
	unsigned weight = (unsigned)(text.at[0] - '0') * WEIGHT_MAX;
	unsigned digit_worth = WEIGHT_MAX / 10;
	for (size_t i = 2; i < text.len; i++, digit_worth /= 10) {
		if (text.at[i] < '0' || text.at[i] > '9')
			return 0;
		weight += (unsigned)(text.at[i] - '0') * digit_worth;
	}
	return weight <= WEIGHT_MAX ? weight : 0;
}

static struct member read_member(struct text text)
{
	struct member member = {.name = take_until(&text, ';'), .weight = WEIGHT_MAX};
	while (text.len) {
		struct text value = take_until(&text, ';');
		struct text name = take_until(&value, '=');
		value = trim(value);
		if (value.len >= 2 && value.at[0] == '"' && value.at[value.len - 1] == '"')
			value = (struct text){value.at + 1, value.len - 2};
		if (http_text_same(name, TEXT("q")))
			member.weight = read_weight(value);
		else if (http_text_same(name, TEXT("version")))
			member.version = value;
	}
	return member;
}

static enum closeness closeness_of(const struct member *member, const struct offer *offer)
{
	if (http_text_same(member->name, offer->name)) {
		if (member->version.len == 0)
			return CLOSENESS_NAME;
		return text_equal(member->version, offer->version) ? CLOSENESS_VERSION : CLOSENESS_NONE;
	}
	if (offer->any_of_type.len && http_text_same(member->name, offer->any_of_type))
		return CLOSENESS_TYPE;
	bool is_any = text_equal(member->name, TEXT("*/*")) || text_equal(member->name, TEXT("*"));
	return is_any ? CLOSENESS_ANY : CLOSENESS_NONE;
}

static struct weighed weigh(const struct http_head *head, const char *field, const struct offer *offer)
{
	struct weighed weighed = {CLOSENESS_NONE, 0};
	for (size_t i = 0; i < head->field_count; i++) {
		if (!http_text_same(head->fields[i].name, text_of(field)))
			continue;
		struct text rest = head->fields[i].value;
		while (rest.len) {
			struct member member = read_member(take_until(&rest, ','));
			enum closeness closeness = closeness_of(&member, offer);
			if (closeness > weighed.closeness)
				weighed = (struct weighed){closeness, member.weight};
		}
	}
	return weighed;
}

enum metric_format http_accept_metrics(const struct http_head *head)
{
	static const struct offer text = {TEXT("text/plain"), TEXT("text/*"), TEXT("0.0.4")};
	static const struct offer open = {TEXT("application/openmetrics-text"), TEXT("application/*"), TEXT("1.0.0")};
	struct weighed wants_text = weigh(head, "Accept", &text);
	struct weighed wants_open = weigh(head, "Accept", &open);
	bool names_open = wants_open.closeness >= CLOSENESS_NAME && wants_open.weight > 0;
	return names_open && wants_open.weight >= wants_text.weight ? METRIC_OPENMETRICS : METRIC_TEXT;
}

bool http_accept_gzip(const struct http_head *head)
{
	static const struct offer gzip = {.name = TEXT("gzip")};
	return weigh(head, "Accept-Encoding", &gzip).weight > 0;
}
