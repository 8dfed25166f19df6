#include "phrase.h"

#include "words.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static bool next_run(struct text text, bool stars, size_t *at, struct text *word)
{
	size_t start = *at;
	while (start < text.len && !word_bytes[(uint8_t)text.at[start]] && !(stars && text.at[start] == '*'))
		start++;
	size_t end = start;
	while (end < text.len && (word_bytes[(uint8_t)text.at[end]] || (stars && text.at[end] == '*')))
		end++;
	*at = end;
	*word = (struct text){text.at + start, end - start};
	return end > start;
}

bool words_next(struct text text, size_t *at, struct text *word)
{
	return word_next(text, at, word);
}

static bool only_stars(struct text word)
{
	for (size_t i = 0; i < word.len; i++)
		if (word.at[i] != '*')
			return false;
	return true;
}

enum status phrase_make(struct text text, bool globs, struct arena *arena, struct phrase *phrase)
{
	size_t count = 0;
	struct text word;
	for (size_t at = 0; next_run(text, globs, &at, &word);)
		count += !only_stars(word);
	struct phrase_word *words = arena_calloc(arena, count + 1, sizeof(*words));
	if (words == NULL)
		return STATUS_NO_MEMORY;
	count = 0;
	for (size_t at = 0; next_run(text, globs, &at, &word);) {
		if (only_stars(word))
			continue;
		char *copy = arena_alloc(arena, word.len);
		if (copy == NULL)
			return STATUS_NO_MEMORY;
		for (size_t i = 0; i < word.len; i++)
			copy[i] = lower(word.at[i]);
		words[count].text = (struct text){copy, word.len};
		words[count++].glob = memchr(copy, '*', word.len) != NULL;
	}
	*phrase = (struct phrase){words, count};
	return STATUS_OK;
}

/* fold: text's ASCII letters are taken as lower case. */
static bool glob_fits(struct text pattern, struct text text, bool fold)
{
	size_t p = 0;
	size_t t = 0;
	size_t star = SIZE_MAX; /* the last * passed, and where its match began */
	size_t star_text = 0;
	while (t < text.len) {
		char c = fold ? lower(text.at[t]) : text.at[t];
		if (p < pattern.len && pattern.at[p] == '*') {
			star = p++;
			star_text = t;
		} else if (p < pattern.len && pattern.at[p] == c) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++star_text;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.at[p] == '*')
		p++;
	return p == pattern.len;
}

bool glob_match(struct text pattern, struct text text)
{
	return glob_fits(pattern, text, false);
}

bool phrase_word_fits(const struct phrase_word *wanted, struct text word)
{
	if (wanted->glob)
		return glob_fits(wanted->text, word, true);
	if (wanted->text.len != word.len)
		return false;
	for (size_t i = 0; i < word.len; i++)
		if (lower(word.at[i]) != wanted->text.at[i])
			return false;
	return true;
}

bool phrase_found(const struct phrase *phrase, struct text text)
{
	struct text word;
	for (size_t at = 0; phrase->count > 0 && words_next(text, &at, &word);) {
		size_t matched = 0;
		size_t ahead = at;
		while (phrase_word_fits(&phrase->words[matched], word)) {
			if (++matched == phrase->count)
				return true;
			if (!words_next(text, &ahead, &word))
				return false;
		}
	}
	return false;
}
