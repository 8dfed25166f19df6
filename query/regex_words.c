#include "regex_words.h"

#include "phrase.h"

/*
 * Blocks are skipped by the words they lack, so a word may only be named where it stands whole in every text that
 * matches: a run of word bytes, each exactly once, between two things that are surely no word byte.  The pattern is read
 * item by item; whatever is not plainly a byte, an anchor or white space ends a run without an edge, and what could
 * change the meaning of the rest (alternatives, options, quoting) gives no words at all.
 *
 * \b and \W are no edges: to PCRE2 a letter beyond ASCII is not of a word, to the filter it is.  Nor are words taken
 * from patterns of any case, where k stands for the Kelvin sign, too.
 */

enum item_type { ITEM_WORD, ITEM_EDGE, ITEM_UNKNOWN };

struct item {
	enum item_type type;
	char byte; /* ITEM_WORD */
	size_t end;
};

static bool holds(struct text text, const char *part)
{
	return memmem(text.at, text.len, part, strlen(part)) != NULL;
}

static bool is_quantifier(struct text pattern, size_t at)
{
	return at < pattern.len && strchr("?*+{", pattern.at[at]) != NULL && pattern.at[at] != 0;
}

/* Behind the bracket or parenthesis that closes the one at `at`. */
static size_t passed(struct text pattern, size_t at)
{
	size_t depth = 0;
	bool class = false;
	for (; at < pattern.len; at++) {
		char c = pattern.at[at];
		if (c == '\\')
			at++;
		else if (class)
			class = c != ']';
		else if (c == '[')
			class = true;
		else if (c == '(')
			depth++;
		else if (c == ')')
			depth -= depth > 0;
		if (depth == 0 && !class)
			return at + 1;
	}
	return pattern.len;
}

static struct item escaped(struct text pattern, size_t at)
{
	static const char edges[] = "stnrf";
	static const char unknown[] = "wWdDSbBAzZhHvVR";
	char c = at + 1 < pattern.len ? pattern.at[at + 1] : 0;
	bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
	if (letter && strchr(edges, c) == NULL) /* others, such as \g<1>, have more behind them */
		return (struct item){ITEM_UNKNOWN, 0, strchr(unknown, c) ? at + 2 : pattern.len};
	return (struct item){(unsigned char)c < 0x80 && c != '_' && c != 0 ? ITEM_EDGE : ITEM_UNKNOWN, 0, at + 2};
}

static struct item read_item(struct text pattern, size_t at)
{
	char c = pattern.at[at];
	size_t word_at = at;
	struct text word;
	if (c == '\\')
		return escaped(pattern, at);
	if (c == '[' || c == '(')
		return (struct item){ITEM_UNKNOWN, 0, passed(pattern, at)};
	if (c == '.')
		return (struct item){ITEM_UNKNOWN, 0, at + 1};
	bool of_word = words_next((struct text){pattern.at, at + 1}, &word_at, &word);
	return (struct item){of_word ? ITEM_WORD : ITEM_EDGE, c, at + 1};
}

/* Alternatives and options at any depth, quoting, comments, verbs: the rest may mean anything. */
static bool is_plain(struct text pattern)
{
	return !holds(pattern, "|") && !holds(pattern, "(?") && !holds(pattern, "(*") && !holds(pattern, "\\Q") &&
	       !holds(pattern, "\\E") && !holds(pattern, "[[") && !holds(pattern, "[:") && !holds(pattern, "[]") &&
	       !holds(pattern, "[^]");
}

static enum status add(struct text run, struct arena *arena, struct text words[REGEX_WORDS_MAX], size_t *count)
{
	if (run.len == 0 || *count == REGEX_WORDS_MAX)
		return STATUS_OK;
	words[*count] = arena_copy(arena, run);
	if (words[*count].at == NULL)
		return STATUS_NO_MEMORY;
	(*count)++;
	return STATUS_OK;
}

enum status regex_words_find(
	struct text pattern, bool any_case, struct arena *arena, struct text words[REGEX_WORDS_MAX], size_t *count)
{
	char run[REGEX_BYTES_MAX];
	size_t len = 0;
	bool edge = false; /* the run began at one */
	*count = 0;
	if (any_case || !is_plain(pattern) || pattern.len > sizeof(run))
		return STATUS_OK;
	for (size_t at = 0; at < pattern.len;) {
		struct item item = read_item(pattern, at);
		bool repeated = is_quantifier(pattern, item.end);
		if (repeated && pattern.at[item.end] != '+')
			item.type = ITEM_UNKNOWN;
		if (repeated && item.type == ITEM_WORD)
			item.type = ITEM_UNKNOWN;
		if (item.type == ITEM_WORD) {
			run[len++] = item.byte;
		} else {
			if (item.type == ITEM_EDGE && edge) {
				enum status status = add((struct text){run, len}, arena, words, count);
				if (status != STATUS_OK)
					return status;
			}
			edge = item.type == ITEM_EDGE;
			len = 0;
		}
		at = item.end;
		while (is_quantifier(pattern, at)) /* and what makes it lazy or possessive */
			at = pattern.at[at] == '{' ? pattern.len : at + 1;
	}
	return STATUS_OK;
}
