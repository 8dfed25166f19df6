/*
 * What a column of sentences costs is its words: the separators are the same again and again, and so are the words at
 * some places.  Cut out and put place by place, a word that never changes costs nothing, and those that do change stand
 * side by side with their like.
 */
#include "patterns.h"

#include "ints.h"
#include "patterns_inner.h"
#include "words.h"

enum {
	TEXTS_MIN = 64,
	BYTES_MIN = 1024,
	SAMPLE = 128,
	SAMPLE_PATTERNS_SHARE = 4, /* more patterns than a quarter of the texts: no gain */
	SAMPLE_WORDS_SHARE = 2,    /* more different words than half of all words */
	PATTERNS_MAX = 1024,
	HOLES_MAX = 4096, /* of a pattern */
	DIGITS_MAX = 18,
};

void patterns_finish(struct patterns *patterns)
{
	texts_finish(&patterns->patterns);
	texts_finish(&patterns->words);
	free(patterns->pattern_of);
	free(patterns->word_codes);
	free(patterns->numbers);
	buf_finish(&patterns->scratch);
}

/* --- cutting --- */

bool pattern_number(struct text word, int64_t *number)
{
	char first = word.at[0];
	if (word.len > DIGITS_MAX || first < '0' || first > '9' || (first == '0' && word.len > 1))
		return false;
	int64_t value = 0;
	for (size_t i = 0; i < word.len; i++) {
		if (word.at[i] < '0' || word.at[i] > '9')
			return false;
		value = value * 10 + (word.at[i] - '0');
	}
	*number = value;
	return true;
}

/* The code of a word; most are short, and were met lately. */
static inline bool word_code(struct patterns *patterns, struct text word, uint32_t *code)
{
	uint64_t packed = word_packed(word);
	struct known_word *known = &patterns->known[word_slot(packed, PATTERNS_WORD_BITS)];
	if (packed && known->packed == packed) {
		*code = known->code;
		return true;
	}
	if (!texts_code(&patterns->words, word, code))
		return false;
	*known = (struct known_word){packed, *code};
	return true;
}

static bool add_word(struct patterns *patterns, struct text word, char *hole)
{
	int64_t number = 0;
	uint32_t code = 0;
	if (pattern_number(word, &number)) {
		*hole = PATTERN_NUMBER;
		if (!array_need(&patterns->numbers, &patterns->numbers_capacity, patterns->number_count + 1))
			return false;
		patterns->numbers[patterns->number_count++] = number;
		return true;
	}
	*hole = PATTERN_WORD;
	if (!word_code(patterns, word, &code) ||
		!array_need(&patterns->word_codes, &patterns->word_codes_capacity, patterns->word_count + 1))
		return false;
	patterns->word_codes[patterns->word_count++] = code;
	return true;
}

static bool add_text(struct patterns *patterns, struct text text)
{
	buf_clear(&patterns->scratch);
	char *to = buf_reserve(&patterns->scratch, text.len + 1);
	if (to == NULL)
		return false;
	char *pattern = to;
	uint32_t code = 0;
	for (size_t at = 0; at < text.len;) {
		size_t end = at;
		while (end < text.len && word_bytes[(uint8_t)text.at[end]])
			end++;
		if (end > at) {
			if (!add_word(patterns, (struct text){text.at + at, end - at}, to++))
				return false;
			at = end;
			continue;
		}
		if (text.at[at] == PATTERN_WORD || text.at[at] == PATTERN_NUMBER)
			return false;
		*to++ = text.at[at++];
	}
	if (!texts_code(&patterns->patterns, (struct text){pattern, (size_t)(to - pattern)}, &code) ||
		!array_need(&patterns->pattern_of, &patterns->pattern_of_capacity, (size_t)patterns->count + 1))
		return false;
	patterns->pattern_of[patterns->count++] = code - 1;
	return patterns->patterns.count <= PATTERNS_MAX;
}

static bool is_promising(const struct patterns *patterns)
{
	return patterns->patterns.count * SAMPLE_PATTERNS_SHARE <= patterns->count &&
	       patterns->words.count * SAMPLE_WORDS_SHARE <= patterns->word_count + patterns->number_count;
}

bool patterns_make(const struct texts *texts, struct patterns *patterns)
{
	if (texts->form != FORM_TEXT || texts->count < TEXTS_MIN || texts->ends[texts->count - 1] < BYTES_MIN)
		return false;
	*patterns = (struct patterns){0};
	/* Texts of their own form would not be shared: they must stay texts. */
	patterns->patterns.always_shared = patterns->words.always_shared = true;
	buf_init(&patterns->scratch, BLOCK_RAW_BYTES_MAX + 1);
	bool made = true;
	for (uint32_t i = 0; i < texts->count && made; i++) {
		made = add_text(patterns, texts_kept(texts, i));
		if (patterns->count == SAMPLE)
			made = made && is_promising(patterns);
	}
	made = made && is_promising(patterns);
	if (!made)
		patterns_finish(patterns);
	return made;
}

/* --- writing --- */

void layout_finish(struct layout *layout)
{
	free(layout->texts);
	free(layout->words);
	free(layout->numbers);
	free(layout->word_starts);
	free(layout->number_starts);
}

bool layout_make(const struct text *patterns, uint32_t pattern_count, const uint32_t *pattern_of, uint32_t count,
	struct layout *layout)
{
	size_t items = (size_t)pattern_count + 1;
	*layout = (struct layout){
		.texts = calloc(items, sizeof(*layout->texts)),
		.words = calloc(items, sizeof(*layout->words)),
		.numbers = calloc(items, sizeof(*layout->numbers)),
		.word_starts = calloc(items, sizeof(*layout->word_starts)),
		.number_starts = calloc(items, sizeof(*layout->number_starts)),
	};
	if (!layout->texts || !layout->words || !layout->numbers || !layout->word_starts || !layout->number_starts)
		return false;
	for (uint32_t i = 0; i < count; i++)
		layout->texts[pattern_of[i]]++;
	size_t words = 0;
	size_t numbers = 0;
	for (uint32_t p = 0; p < pattern_count; p++) {
		for (size_t i = 0; i < patterns[p].len; i++) {
			layout->words[p] += patterns[p].at[i] == PATTERN_WORD;
			layout->numbers[p] += patterns[p].at[i] == PATTERN_NUMBER;
		}
		layout->word_starts[p] = words;
		layout->number_starts[p] = numbers;
		words += (size_t)layout->words[p] * layout->texts[p];
		numbers += (size_t)layout->numbers[p] * layout->texts[p];
		layout->word_holes += layout->words[p];
		layout->number_holes += layout->numbers[p];
	}
	layout->word_starts[pattern_count] = words;
	layout->number_starts[pattern_count] = numbers;
	return true;
}

/* Brings words and numbers from text by text to hole by hole. */
static void gather(
	const struct patterns *patterns, const struct layout *layout, uint32_t *words, int64_t *numbers, uint32_t *turn)
{
	const uint32_t *word = patterns->word_codes;
	const int64_t *number = patterns->numbers;
	for (uint32_t i = 0; i < patterns->count; i++) {
		uint32_t p = patterns->pattern_of[i];
		uint32_t texts = layout->texts[p];
		size_t at = layout->word_starts[p] + turn[p];
		for (uint32_t k = 0; k < layout->words[p]; k++, at += texts)
			words[at] = *word++;
		at = layout->number_starts[p] + turn[p];
		for (uint32_t k = 0; k < layout->numbers[p]; k++, at += texts)
			numbers[at] = *number++;
		turn[p]++;
	}
}

static bool all_same(const uint32_t *codes, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (codes[i] != codes[0])
			return false;
	return true;
}

/* Puts which holes always have one word, then the words of the others. */
static void put_words(struct image_writer *writer, const struct layout *layout, uint32_t pattern_count, uint32_t *words)
{
	int64_t *fixed = image_scratch(writer, layout->word_holes);
	if (fixed == NULL)
		return;
	size_t hole = 0;
	size_t kept = 0;
	for (uint32_t p = 0; p < pattern_count; p++) {
		uint32_t texts = layout->texts[p];
		for (uint32_t k = 0; k < layout->words[p]; k++) {
			const uint32_t *codes = words + layout->word_starts[p] + (size_t)k * texts;
			bool same = texts > 0 && all_same(codes, texts);
			fixed[hole++] = same ? codes[0] : 0;
			if (same || texts == 0)
				continue;
			memmove(words + kept, codes, texts * sizeof(*words));
			kept += texts;
		}
	}
	image_put_ints(writer, fixed, hole);
	for (size_t i = 0; i < kept; i++)
		words[i]--;
	image_put_codes(writer, words, kept);
}

static void put_numbers(
	struct image_writer *writer, const struct layout *layout, uint32_t pattern_count, const int64_t *numbers)
{
	struct buf all;
	struct buf one;
	buf_init(&all, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&one, BLOCK_IMAGE_BYTES_MAX);
	for (uint32_t p = 0; p < pattern_count; p++) {
		uint32_t texts = layout->texts[p];
		for (uint32_t k = 0; k < layout->numbers[p]; k++) {
			buf_clear(&one);
			ints_put_planes(&one, numbers + layout->number_starts[p] + (size_t)k * texts, texts);
			varint_put(&all, one.len);
			buf_put_text(&all, buf_text(&one));
		}
	}
	if (all.failed != STATUS_OK || one.failed != STATUS_OK)
		writer->streams.failed = STATUS_NO_MEMORY;
	image_put_bytes(writer, all.at, all.len);
	buf_finish(&one);
	buf_finish(&all);
}

static void put_dictionary(struct image_writer *writer, const struct texts *texts)
{
	image_put_codes(writer, &texts->count, 1);
	int64_t *lengths = image_scratch(writer, texts->count);
	struct buf bytes;
	char scratch[FORM_RENDERED_MAX];
	buf_init(&bytes, BLOCK_IMAGE_BYTES_MAX);
	for (uint32_t i = 0; i < texts->count && lengths; i++) {
		struct text text = texts_entry(texts, i, scratch);
		lengths[i] = (int64_t)text.len;
		buf_put_text(&bytes, text);
	}
	if (bytes.failed != STATUS_OK)
		writer->streams.failed = bytes.failed;
	if (lengths)
		image_put_ints(writer, lengths, texts->count);
	image_put_bytes(writer, bytes.at, bytes.len);
	buf_finish(&bytes);
}

void patterns_put(struct image_writer *writer, const struct patterns *patterns)
{
	struct layout layout = {0};
	uint32_t pattern_count = patterns->patterns.count;
	struct text *texts = malloc(((size_t)pattern_count + 1) * sizeof(*texts));
	uint32_t *words = malloc((patterns->word_count + 1) * sizeof(*words));
	int64_t *numbers = malloc((patterns->number_count + 1) * sizeof(*numbers));
	uint32_t *turn = calloc((size_t)pattern_count + 1, sizeof(*turn));
	bool ready = texts && words && numbers && turn;
	for (uint32_t p = 0; p < pattern_count && ready; p++)
		texts[p] = texts_kept(&patterns->patterns, p);
	ready = ready && layout_make(texts, pattern_count, patterns->pattern_of, patterns->count, &layout);
	if (ready) {
		gather(patterns, &layout, words, numbers, turn);
		image_put_codes(writer, patterns->pattern_of, patterns->count);
		put_dictionary(writer, &patterns->patterns);
		put_dictionary(writer, &patterns->words);
		put_words(writer, &layout, pattern_count, words);
		put_numbers(writer, &layout, pattern_count, numbers);
	} else {
		writer->streams.failed = STATUS_NO_MEMORY;
	}
	layout_finish(&layout);
	free(turn);
	free(numbers);
	free(words);
	free(texts);
}
