/*
 * What a column of sentences costs is its words: the separators are the same again and again, and so are the words at
 * some places.  Cut out and put place by place, a word that never changes costs nothing, and those that do change stand
 * side by side with their like.
 */
#include "patterns.h"

#include "decode.h"
#include "ints.h"
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
	RENDERED_BYTES_MAX = 2 * BLOCK_RAW_BYTES_MAX,
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

static bool is_number(struct text word, int64_t *number)
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

static bool add_word(struct patterns *patterns, struct text word, char *hole)
{
	int64_t number = 0;
	uint32_t code = 0;
	if (is_number(word, &number)) {
		*hole = PATTERN_NUMBER;
		if (!array_need(&patterns->numbers, &patterns->numbers_capacity, patterns->number_count + 1))
			return false;
		patterns->numbers[patterns->number_count++] = number;
		return true;
	}
	*hole = PATTERN_WORD;
	if (!texts_code(&patterns->words, word, &code) ||
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

/* A pattern's holes and where the words and numbers of its texts are gathered. */
struct layout {
	uint32_t *texts;                     /* per pattern: how many texts */
	uint32_t *words, *numbers;           /* per pattern: how many holes */
	size_t *word_starts, *number_starts; /* per pattern: in the gathered arrays, hole by hole */
	size_t word_holes, number_holes;
};

static void layout_finish(struct layout *layout)
{
	free(layout->texts);
	free(layout->words);
	free(layout->numbers);
	free(layout->word_starts);
	free(layout->number_starts);
}

static bool layout_make(const struct text *patterns, uint32_t pattern_count, const uint32_t *pattern_of, uint32_t count,
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

/* --- reading --- */

struct reading {
	struct stream_cursor *cursor;
	const uint32_t *pattern_of;
	const struct text *patterns, *words;
	uint32_t pattern_count, word_count, count;
	struct layout layout;
	const uint32_t *fixed;       /* per word hole: 0, or the code it always has */
	const uint32_t **hole_words; /* per word hole: its texts' words, where they vary */
	const int64_t **hole_numbers;
};

static enum status get_hole_words(struct reading *reading)
{
	struct stream_cursor *cursor = reading->cursor;
	struct layout *layout = &reading->layout;
	size_t varying = 0;
	size_t hole = 0;
	reading->fixed = cursor_codes(cursor, layout->word_holes, reading->word_count);
	reading->hole_words = arena_calloc(cursor->arena, layout->word_holes + 1, sizeof(*reading->hole_words));
	if (reading->fixed == NULL || reading->hole_words == NULL)
		return cursor->status == STATUS_OK ? STATUS_NO_MEMORY : cursor->status;
	for (uint32_t p = 0; p < reading->pattern_count; p++)
		for (uint32_t k = 0; k < layout->words[p]; k++)
			varying += reading->fixed[hole++] ? 0 : layout->texts[p];
	if (varying && reading->word_count == 0)
		return STATUS_DAMAGED;
	const uint32_t *codes = cursor_codes(cursor, varying, reading->word_count ? reading->word_count - 1 : 0);
	if (codes == NULL)
		return cursor->status;
	hole = 0;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		for (uint32_t k = 0; k < layout->words[p]; k++, hole++) {
			if (reading->fixed[hole])
				continue;
			reading->hole_words[hole] = codes;
			codes += layout->texts[p];
		}
	}
	return STATUS_OK;
}

static enum status get_hole_numbers(struct reading *reading)
{
	struct stream_cursor *cursor = reading->cursor;
	struct layout *layout = &reading->layout;
	struct text bytes = cursor_bytes(cursor);
	size_t at = 0;
	size_t hole = 0;
	reading->hole_numbers = arena_calloc(cursor->arena, layout->number_holes + 1, sizeof(*reading->hole_numbers));
	if (cursor->status != STATUS_OK || reading->hole_numbers == NULL)
		return cursor->status == STATUS_OK ? STATUS_NO_MEMORY : cursor->status;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		for (uint32_t k = 0; k < layout->numbers[p]; k++) {
			uint64_t len = 0;
			if (!varint_get(bytes, &at, &len) || len > bytes.len - at)
				return STATUS_DAMAGED;
			int64_t *numbers =
				arena_alloc(cursor->arena, ((size_t)layout->texts[p] + 1) * sizeof(*numbers));
			if (numbers == NULL)
				return STATUS_NO_MEMORY;
			struct text one = {bytes.at + at, (size_t)len};
			enum status status = ints_get(one, cursor->arena, numbers, layout->texts[p]);
			if (status != STATUS_OK)
				return status;
			reading->hole_numbers[hole++] = numbers;
			at += (size_t)len;
		}
	}
	return at == bytes.len ? STATUS_OK : STATUS_DAMAGED;
}

/* Renders text number `turn` of its pattern. */
static void render(
	const struct reading *reading, uint32_t p, uint32_t turn, size_t word_hole, size_t number_hole, struct buf *out)
{
	struct text pattern = reading->patterns[p];
	for (size_t i = 0; i < pattern.len; i++) {
		char byte = pattern.at[i];
		if (byte == PATTERN_WORD) {
			uint32_t fixed = reading->fixed[word_hole];
			buf_put_text(out, reading->words[fixed ? fixed - 1 : reading->hole_words[word_hole][turn]]);
			word_hole++;
		} else if (byte == PATTERN_NUMBER) {
			buf_put_int(out, reading->hole_numbers[number_hole++][turn]);
		} else {
			buf_put_byte(out, (uint8_t)byte);
		}
	}
}

static enum status render_all(const struct reading *reading, struct text *texts)
{
	struct arena *arena = reading->cursor->arena;
	size_t holes = (size_t)reading->pattern_count + 1;
	size_t *word_holes = arena_calloc(arena, holes, sizeof(*word_holes));
	size_t *number_holes = arena_calloc(arena, holes, sizeof(*number_holes));
	uint32_t *turn = arena_calloc(arena, holes, sizeof(*turn));
	if (word_holes == NULL || number_holes == NULL || turn == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		word_holes[p + 1] = word_holes[p] + reading->layout.words[p];
		number_holes[p + 1] = number_holes[p] + reading->layout.numbers[p];
	}
	struct buf out;
	buf_init(&out, RENDERED_BYTES_MAX);
	for (uint32_t i = 0; i < reading->count; i++) {
		uint32_t p = reading->pattern_of[i];
		size_t start = out.len;
		render(reading, p, turn[p]++, word_holes[p], number_holes[p], &out);
		texts[i].len = out.len - start;
	}
	struct text all = {NULL, 0};
	enum status status = out.failed == STATUS_LIMIT ? STATUS_DAMAGED : buf_status(&out);
	if (status == STATUS_OK) {
		all = arena_copy(arena, buf_text(&out));
		status = all.at ? STATUS_OK : STATUS_NO_MEMORY;
	}
	buf_finish(&out);
	size_t start = 0;
	for (uint32_t i = 0; i < reading->count && status == STATUS_OK; i++) {
		texts[i].at = all.at + start;
		start += texts[i].len;
	}
	return status;
}

static const struct text *get_dictionary(struct stream_cursor *cursor, uint32_t *count)
{
	const int64_t *number = cursor_ints(cursor, 1);
	if (number == NULL)
		return NULL;
	if (*number < 0 || *number > IMAGE_PLACES_MAX) {
		cursor->status = STATUS_DAMAGED;
		return NULL;
	}
	*count = (uint32_t)*number;
	return decode_kept(cursor, *count);
}

static enum status read_streams(struct reading *reading)
{
	struct stream_cursor *cursor = reading->cursor;
	const uint32_t *pattern_of = cursor_codes(cursor, reading->count, IMAGE_PLACES_MAX);
	reading->patterns = get_dictionary(cursor, &reading->pattern_count);
	reading->words = get_dictionary(cursor, &reading->word_count);
	if (cursor->status != STATUS_OK || pattern_of == NULL || reading->patterns == NULL || reading->words == NULL)
		return cursor->status == STATUS_OK ? STATUS_NO_MEMORY : cursor->status;
	for (uint32_t i = 0; i < reading->count; i++)
		if (pattern_of[i] >= reading->pattern_count)
			return STATUS_DAMAGED;
	reading->pattern_of = pattern_of;
	if (!layout_make(reading->patterns, reading->pattern_count, pattern_of, reading->count, &reading->layout))
		return STATUS_NO_MEMORY;
	if (reading->layout.word_starts[reading->pattern_count] > RENDERED_BYTES_MAX ||
		reading->layout.number_starts[reading->pattern_count] > RENDERED_BYTES_MAX)
		return STATUS_DAMAGED;
	enum status status = get_hole_words(reading);
	return status == STATUS_OK ? get_hole_numbers(reading) : status;
}

const struct text *patterns_get(struct stream_cursor *cursor, uint32_t count)
{
	struct reading reading = {.cursor = cursor, .count = count};
	struct text *texts = arena_calloc(cursor->arena, (size_t)count + 1, sizeof(*texts));
	enum status status = texts ? read_streams(&reading) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = render_all(&reading, texts);
	layout_finish(&reading.layout);
	if (status == STATUS_OK)
		return texts;
	cursor->status = status;
	return NULL;
}

/* --- lengths --- */

/* Adds to each text of a pattern how long its words of one hole are. */
static void add_words(const struct reading *reading, size_t hole, uint32_t texts, uint32_t *sums)
{
	uint32_t fixed = reading->fixed[hole];
	for (uint32_t turn = 0; turn < texts; turn++)
		sums[turn] += (uint32_t)reading->words[fixed ? fixed - 1 : reading->hole_words[hole][turn]].len;
}

static void add_numbers(const struct reading *reading, size_t hole, uint32_t texts, uint32_t *sums)
{
	for (uint32_t turn = 0; turn < texts; turn++)
		sums[turn] += (uint32_t)form_int_length(reading->hole_numbers[hole][turn]);
}

/* sums: of all texts, pattern by pattern. */
static void sum_holes(const struct reading *reading, uint32_t *sums)
{
	size_t word_hole = 0;
	size_t number_hole = 0;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		uint32_t texts = reading->layout.texts[p];
		uint32_t holes = reading->layout.words[p] + reading->layout.numbers[p];
		for (uint32_t turn = 0; turn < texts; turn++)
			sums[turn] = (uint32_t)reading->patterns[p].len - holes;
		for (uint32_t k = 0; k < reading->layout.words[p]; k++)
			add_words(reading, word_hole++, texts, sums);
		for (uint32_t k = 0; k < reading->layout.numbers[p]; k++)
			add_numbers(reading, number_hole++, texts, sums);
		sums += texts;
	}
}

static enum status measure_all(const struct reading *reading, uint32_t *lengths)
{
	struct arena *arena = reading->cursor->arena;
	uint32_t *sums = arena_alloc(arena, ((size_t)reading->count + 1) * sizeof(*sums));
	const uint32_t **next = arena_calloc(arena, (size_t)reading->pattern_count + 1, sizeof(*next));
	if (sums == NULL || next == NULL)
		return STATUS_NO_MEMORY;
	sum_holes(reading, sums);
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		next[p] = sums;
		sums += reading->layout.texts[p];
	}
	for (uint32_t i = 0; i < reading->count; i++)
		lengths[i] = *next[reading->pattern_of[i]]++;
	return STATUS_OK;
}

const uint32_t *patterns_get_lengths(struct stream_cursor *cursor, uint32_t count)
{
	struct reading reading = {.cursor = cursor, .count = count};
	uint32_t *lengths = arena_alloc(cursor->arena, ((size_t)count + 1) * sizeof(*lengths));
	enum status status = lengths ? read_streams(&reading) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = measure_all(&reading, lengths);
	layout_finish(&reading.layout);
	if (status == STATUS_OK)
		return lengths;
	cursor->status = status;
	return NULL;
}
