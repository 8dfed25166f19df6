/*
 * An array's elements end at a comma or the closing bracket at depth 1; what follows the array, and an array that is
 * not closed, is given as one more (bad) text.  Strings are passed by memchr, as their quotes cannot be told from text
 * otherwise.  Of lines only line ends matter: RFC 8259 allows no raw line end in a string.
 */
#include "json_split.h"

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static size_t skip_space(struct text body, size_t at)
{
	while (at < body.len && is_space(body.at[at]))
		at++;
	return at;
}

/* From behind an opening quote to behind the closing one; the end of the body if there is none. */
static size_t skip_string(struct text body, size_t at)
{
	size_t from = at;
	while (at < body.len) {
		const char *quote = memchr(body.at + at, '"', body.len - at);
		if (quote == NULL)
			break;
		at = (size_t)(quote - body.at);
		size_t backslashes = 0;
		while (at - backslashes > from && body.at[at - backslashes - 1] == '\\')
			backslashes++;
		at++;
		if (backslashes % 2 == 0)
			return at;
	}
	return body.len;
}

/*
 * From a value's first byte to the first of , ] } outside its brackets and strings, or to the end of the body.
 * *whole: all brackets were closed.
 */
static size_t skip_value(struct text body, size_t at, bool *whole)
{
	size_t depth = 0;
	while (at < body.len) {
		switch (body.at[at++]) {
		case '"':
			at = skip_string(body, at);
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0 && body.at[at - 1] == ']')
				return at - 1;
			depth -= depth > 0;
			break;
		case ',':
			if (depth == 0)
				return at - 1;
			break;
		default:
			break;
		}
	}
	*whole = depth == 0;
	return at;
}

/* Where the object that begins at `at` ends (behind its brace); 0: it does not. */
static size_t object_end(struct text body, size_t at)
{
	size_t depth = 0;
	while (at < body.len) {
		char byte = body.at[at++];
		if (byte == '"')
			at = skip_string(body, at);
		else if (byte == '{' || byte == '[')
			depth++;
		else if ((byte == '}' || byte == ']') && --depth == 0)
			return at;
	}
	return 0;
}

/* One object over several lines, or lines? Only the former goes on behind its first line, and ends with the body. */
static enum json_body object_or_lines(struct text body, size_t at)
{
	const char *newline = memchr(body.at + at, '\n', body.len - at);
	if (newline == NULL)
		return JSON_BODY_LINES;
	size_t second = (size_t)(newline - body.at);
	if (skip_space(body, second) == body.len)
		return JSON_BODY_LINES;
	size_t end = object_end((struct text){body.at, second}, at);
	if (end != 0)
		return JSON_BODY_LINES;
	end = object_end(body, at);
	return end != 0 && skip_space(body, end) == body.len ? JSON_BODY_OBJECT : JSON_BODY_LINES;
}

void json_split_begin(struct json_split *split, struct text body)
{
	*split = (struct json_split){.body = body, .line = 1};
	split->at = skip_space(body, 0);
	if (split->at == body.len)
		split->form = JSON_BODY_EMPTY;
	else if (body.at[split->at] == '[')
		split->form = JSON_BODY_ARRAY;
	else if (body.at[split->at] == '{')
		split->form = object_or_lines(body, split->at);
	else
		split->form = JSON_BODY_LINES;
	if (split->form == JSON_BODY_ARRAY)
		split->at++;
}

/* Gives body[from, end) less the white space at its end. */
static bool give(struct json_split *split, size_t from, size_t end, struct json_piece *piece)
{
	const char *at = split->body.at;
	while (split->counted < from) {
		const char *newline = memchr(at + split->counted, '\n', from - split->counted);
		if (newline == NULL)
			break;
		split->line++;
		split->counted = (size_t)(newline - at) + 1;
	}
	if (split->counted < from)
		split->counted = from;
	while (end > from && is_space(at[end - 1]))
		end--;
	*piece = (struct json_piece){{at + from, end - from}, split->index++, split->line};
	return true;
}

static bool next_line(struct json_split *split, struct json_piece *piece)
{
	size_t from = skip_space(split->body, split->at);
	if (from == split->body.len)
		return false;
	const char *newline = memchr(split->body.at + from, '\n', split->body.len - from);
	size_t end = newline ? (size_t)(newline - split->body.at) : split->body.len;
	split->at = end;
	return give(split, from, end, piece);
}

static bool next_element(struct json_split *split, struct json_piece *piece)
{
	struct text body = split->body;
	size_t from = skip_space(body, split->at);
	if (split->finished) {
		split->at = body.len;
		return from < body.len && give(split, from, body.len, piece);
	}
	if (split->index == 0 && from < body.len && body.at[from] == ']') {
		split->finished = true;
		split->at = from + 1;
		return next_element(split, piece);
	}
	bool whole = true;
	size_t end = skip_value(body, from, &whole);
	if (end < body.len) {
		split->finished = body.at[end] == ']';
		split->at = end + 1;
		return give(split, from, end, piece);
	}
	/* The array is not closed: an element that is whole by itself is given, then an empty text tells of the damage. */
	split->finished = !(whole && from < body.len);
	split->at = body.len;
	return give(split, from, end, piece);
}

bool json_split_next(struct json_split *split, struct json_piece *piece)
{
	switch (split->form) {
	case JSON_BODY_OBJECT: {
		size_t from = split->at;
		split->at = split->body.len;
		return from < split->body.len && give(split, from, split->body.len, piece);
	}
	case JSON_BODY_ARRAY:
		return next_element(split, piece);
	case JSON_BODY_LINES:
		return next_line(split, piece);
	case JSON_BODY_EMPTY:
		break;
	}
	return false;
}
