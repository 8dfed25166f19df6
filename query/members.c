#include "members.h"

#include "json.h"

/* The end of the string whose opening quote is at `at`: behind its closing quote. */
static size_t string_end(struct text json, size_t at)
{
	for (at++; at < json.len; at++) {
		if (json.at[at] == '"')
			return at + 1;
		if (json.at[at] == '\\')
			at++;
	}
	return json.len;
}

static bool ends_scalar(char c)
{
	return c == ',' || c == '}' || c == ']' || c == ':';
}

static size_t scalar_end(struct text json, size_t at)
{
	if (json.at[at] == '"')
		return string_end(json, at);
	while (at < json.len && !ends_scalar(json.at[at]))
		at++;
	return at;
}

static size_t value_end(struct text json, size_t at)
{
	size_t depth = 0;
	while (at < json.len) {
		char c = json.at[at];
		if (c == '{' || c == '[') {
			depth++;
			at++;
		} else if (c == '}' || c == ']') {
			at++;
			if (depth <= 1)
				return at;
			depth--;
		} else if (c == ',' || c == ':') {
			at++;
		} else {
			at = scalar_end(json, at);
			if (depth == 0)
				return at;
		}
	}
	return at;
}

bool members_begin(struct text json, struct members *members)
{
	if (json.len < 2 || (json.at[0] != '{' && json.at[0] != '['))
		return false;
	*members = (struct members){.json = json, .at = 1, .object = json.at[0] == '{'};
	return true;
}

bool members_next(struct members *members, struct text *name, struct text *value)
{
	struct text json = members->json;
	size_t at = members->at;
	if (at < json.len && json.at[at] == ',')
		at++;
	if (at >= json.len || json.at[at] == '}' || json.at[at] == ']')
		return false;
	*name = (struct text){NULL, 0};
	if (members->object) {
		size_t end = json.at[at] == '"' ? string_end(json, at) : json.len;
		if (end >= json.len || json.at[end] != ':' || end < at + 2)
			return false;
		*name = (struct text){json.at + at + 1, end - at - 2};
		at = end + 1;
	}
	members->at = value_end(json, at);
	*value = (struct text){json.at + at, members->at - at};
	return value->len > 0;
}

bool leaves_next(struct text json, size_t *at, struct text *leaf)
{
	while (*at < json.len) {
		char c = json.at[*at];
		if (c == '{' || c == '[' || ends_scalar(c)) {
			(*at)++;
			continue;
		}
		size_t start = *at;
		*at = scalar_end(json, start);
		if (c == '"' && *at < json.len && json.at[*at] == ':')
			continue;
		*leaf = (struct text){json.at + start, *at - start};
		return true;
	}
	return false;
}

struct text leaf_text(struct text token, struct arena *arena)
{
	if (token.len < 2 || token.at[0] != '"' || token.at[token.len - 1] != '"')
		return token;
	return json_string_decode((struct text){token.at + 1, token.len - 2}, arena);
}
