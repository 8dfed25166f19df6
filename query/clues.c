#include "clues.h"

#include "members.h"

/*
 * A string of a payload is prose, data, or a whole document, so it is cut into tokens: runs without white space, quotes
 * and brackets, less the punctuation around them.  What a token looks like decides.
 */

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
	return is_letter(c) || is_digit(c) || c == '_';
}

static bool ends_token(char c)
{
	return (unsigned char)c <= ' ' || strchr("\"'`<>()[]{}|,;=", c) != NULL;
}

static bool is_punctuation(char c)
{
	return c != 0 && strchr(".:!?*", c) != NULL;
}

/* What a token is made of. */
struct makeup {
	size_t letters, digits, slashes, dots, dashes, underscores, ats;
	size_t last_dot;
};

static struct makeup makeup_of(struct text token)
{
	struct makeup makeup = {0};
	for (size_t i = 0; i < token.len; i++) {
		char c = token.at[i];
		makeup.letters += is_letter(c);
		makeup.digits += is_digit(c);
		makeup.slashes += c == '/' || c == '\\';
		makeup.dots += c == '.';
		makeup.dashes += c == '-';
		makeup.underscores += c == '_';
		makeup.ats += c == '@';
		if (c == '.')
			makeup.last_dot = i;
	}
	return makeup;
}

static bool begins_with(struct text text, const char *start)
{
	size_t len = strlen(start);
	return text.len >= len && memcmp(text.at, start, len) == 0;
}

static bool is_media_type(struct text token, const struct makeup *makeup)
{
	static const char *const types[] = {"text/", "application/", "image/", "audio/", "video/", "multipart/"};
	for (size_t i = 0; makeup->slashes == 1 && i < sizeof(types) / sizeof(types[0]); i++)
		if (begins_with(token, types[i]))
			return true;
	return false;
}

/* 2026-11-20, 2026-11-20T10:00:00Z */
static bool is_date(struct text token)
{
	return token.len >= 10 && is_digit(token.at[0]) && is_digit(token.at[1]) && is_digit(token.at[2]) &&
	       is_digit(token.at[3]) && token.at[4] == '-' && is_digit(token.at[5]) && is_digit(token.at[6]) &&
	       token.at[7] == '-' && is_digit(token.at[8]) && is_digit(token.at[9]) &&
	       (token.len == 10 || token.at[10] == 'T');
}

/* app.log, example.com: a short ending of letters behind the last dot. */
static bool has_ending(struct text token, const struct makeup *makeup)
{
	size_t ending = token.len - makeup->last_dot - 1;
	return makeup->dots > 0 && makeup->last_dot > 0 && ending >= 2 && ending <= 5 &&
	       is_letter(token.at[token.len - 1]) && is_word(token.at[makeup->last_dot - 1]);
}

static bool is_distinctive(struct text token)
{
	if (token.len < CLUE_BYTES_MIN || token.len > CLUE_BYTES_MAX || is_date(token))
		return false;
	struct makeup makeup = makeup_of(token);
	if (is_media_type(token, &makeup))
		return false;
	if (makeup.letters == 0) /* an account, an address */
		return makeup.digits >= (makeup.dots == 3 ? 4 : 6) && (makeup.dots == 0 || makeup.dots == 3) &&
		       makeup.digits + makeup.dots + makeup.dashes == token.len;
	return makeup.digits > 0 || makeup.slashes > 0 || makeup.ats > 0 || makeup.underscores > 0 ||
	       has_ending(token, &makeup);
}

static bool next_token(struct text text, size_t *at, struct text *token)
{
	size_t start = *at;
	while (start < text.len && (ends_token(text.at[start]) || is_punctuation(text.at[start])))
		start++;
	size_t end = start;
	while (end < text.len && !ends_token(text.at[end]))
		end++;
	if (memmem(text.at + start, end - start, "://", 3)) /* parameters and all */
		while (end < text.len && (!ends_token(text.at[end]) || text.at[end] == '=' || text.at[end] == ',' ||
						 text.at[end] == ';'))
			end++;
	*at = end;
	while (end > start && is_punctuation(text.at[end - 1]))
		end--;
	*token = (struct text){text.at + start, end - start};
	return start < text.len;
}

/* A string that is a line of several words as a whole: a title, a name, a command. */
static bool is_line(struct text text)
{
	return text.len >= 8 && text.len <= CLUE_BYTES_MAX && memchr(text.at, ' ', text.len) &&
	       !memchr(text.at, '\n', text.len);
}

enum status clues_walk(struct text json, clues_take *take, void *context, struct arena *scratch)
{
	struct text leaf;
	for (size_t at = 0; leaves_next(json, &at, &leaf);) {
		struct text token;
		arena_clear(scratch);
		struct text text = leaf_text(leaf, scratch);
		if (text.at == NULL)
			return STATUS_NO_MEMORY;
		enum status status = leaf.at[0] == '"' && is_line(text) ? take(context, text) : STATUS_OK;
		for (size_t inside = 0; status == STATUS_OK && next_token(text, &inside, &token);)
			if (is_distinctive(token))
				status = take(context, token);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

bool clue_stands_in(struct text value, struct text text)
{
	if (value.len == 0)
		return false;
	for (const char *at = text.at, *end = text.at + text.len; at < end;) {
		const char *found = memmem(at, (size_t)(end - at), value.at, value.len);
		if (found == NULL)
			return false;
		bool whole_start = found == text.at || !is_word(found[-1]) || !is_word(value.at[0]);
		bool whole_end =
			found + value.len == end || !is_word(found[value.len]) || !is_word(value.at[value.len - 1]);
		if (whole_start && whole_end)
			return true;
		at = found + 1;
	}
	return false;
}

bool clue_in_payload(struct text value, struct text json, struct arena *scratch)
{
	struct text leaf;
	for (size_t at = 0; leaves_next(json, &at, &leaf);) {
		arena_clear(scratch);
		struct text text = leaf_text(leaf, scratch);
		if (text.at && clue_stands_in(value, text))
			return true;
	}
	return false;
}
