/*
 * Reading a column of patterns: its texts, or only how long they are, or only which of them hold a phrase.  All
 * but the texts themselves is found hole by hole, over all texts of a pattern at once.
 */
#include "decode.h"
#include "ints.h"
#include "patterns_inner.h"

enum { RENDERED_BYTES_MAX = 2 * BLOCK_RAW_BYTES_MAX };

struct reading {
	struct stream_cursor *cursor;
	const uint32_t *pattern_of;
	const struct text *patterns, *words;
	uint32_t pattern_count, word_count, count;
	const uint64_t *wanted; /* see struct raw_texts */
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
		if (is_wanted(reading->wanted, i))
			render(reading, p, turn[p], word_holes[p], number_holes[p], &out);
		turn[p]++;
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

static enum status read_dictionaries(struct reading *reading)
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
	return STATUS_OK;
}

static enum status read_holes(struct reading *reading)
{
	enum status status = get_hole_words(reading);
	return status == STATUS_OK ? get_hole_numbers(reading) : status;
}

static enum status read_streams(struct reading *reading)
{
	enum status status = read_dictionaries(reading);
	return status == STATUS_OK ? read_holes(reading) : status;
}

const struct text *patterns_get(struct stream_cursor *cursor, uint32_t count, const uint64_t *wanted)
{
	struct reading reading = {.cursor = cursor, .count = count, .wanted = wanted};
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
static void add_words(uint32_t *sums, uint32_t texts, const uint32_t *words, const uint32_t *word_lengths)
{
	for (uint32_t turn = 0; turn < texts; turn++)
		sums[turn] += word_lengths[words[turn]];
}

static void add_numbers(uint32_t *sums, uint32_t texts, const int64_t *numbers)
{
	for (uint32_t turn = 0; turn < texts; turn++)
		sums[turn] += (uint32_t)form_int_length(numbers[turn]);
}

/* sums: of all texts, pattern by pattern. */
static void sum_holes(const struct reading *reading, const uint32_t *word_lengths, uint32_t *sums)
{
	size_t word_hole = 0;
	size_t number_hole = 0;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		uint32_t texts = reading->layout.texts[p];
		uint32_t same =
			(uint32_t)reading->patterns[p].len - reading->layout.words[p] - reading->layout.numbers[p];
		for (uint32_t k = 0; k < reading->layout.words[p]; k++)
			if (reading->fixed[word_hole + k])
				same += word_lengths[reading->fixed[word_hole + k] - 1];
		for (uint32_t turn = 0; turn < texts; turn++)
			sums[turn] = same;
		for (uint32_t k = 0; k < reading->layout.words[p]; k++, word_hole++)
			if (reading->fixed[word_hole] == 0)
				add_words(sums, texts, reading->hole_words[word_hole], word_lengths);
		for (uint32_t k = 0; k < reading->layout.numbers[p]; k++)
			add_numbers(sums, texts, reading->hole_numbers[number_hole++]);
		sums += texts;
	}
}

/* NULL: no memory. */
static const uint32_t *measure_all(const struct reading *reading)
{
	struct arena *arena = reading->cursor->arena;
	uint32_t *word_lengths = arena_alloc(arena, ((size_t)reading->word_count + 1) * sizeof(*word_lengths));
	uint32_t *sums = arena_alloc(arena, ((size_t)reading->count + 1) * sizeof(*sums));
	const uint32_t **next = arena_calloc(arena, (size_t)reading->pattern_count + 1, sizeof(*next));
	if (word_lengths == NULL || sums == NULL || next == NULL)
		return NULL;
	for (uint32_t word = 0; word < reading->word_count; word++)
		word_lengths[word] = (uint32_t)reading->words[word].len;
	sum_holes(reading, word_lengths, sums);
	if (reading->pattern_count == 1)
		return sums;
	uint32_t *lengths = arena_alloc(arena, ((size_t)reading->count + 1) * sizeof(*lengths));
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		next[p] = sums;
		sums += reading->layout.texts[p];
	}
	for (uint32_t i = 0; i < reading->count && lengths; i++)
		lengths[i] = *next[reading->pattern_of[i]]++;
	return lengths;
}

const uint32_t *patterns_get_lengths(struct stream_cursor *cursor, uint32_t count)
{
	struct reading reading = {.cursor = cursor, .count = count};
	enum status status = read_streams(&reading);
	const uint32_t *lengths = status == STATUS_OK ? measure_all(&reading) : NULL;
	layout_finish(&reading.layout);
	if (lengths == NULL)
		cursor->status = status == STATUS_OK ? STATUS_NO_MEMORY : status;
	return lengths;
}

/* --- phrases --- */

/*
 * All words of the texts are holes, so a phrase is looked for among the holes' words: the dictionary tells which words
 * fit which word of the phrase, and where one fits nowhere, no hole need be read.
 */

enum { PHRASE_WORDS_MAX = 8 };

struct finding {
	const struct reading *reading;
	const struct phrase *phrase;
	const uint8_t *fits;    /* by word of the dictionary: a bit for each word of the phrase that it fits */
	uint8_t numbers;        /* words of the phrase that a number may be */
	const uint32_t **words; /* by hole of the pattern in hand: its words; NULL: it has a fixed one, or numbers */
	const int64_t **number;
	uint8_t *fixed; /* what the hole's fixed word fits */
};

static bool number_fits(const struct phrase *phrase, uint32_t k, int64_t number)
{
	char text[FORM_RENDERED_MAX];
	size_t len = form_render(FORM_INT, sizeof(number), &number, text);
	return phrase_word_fits(&phrase->words[k], (struct text){text, len});
}

static bool hole_fits(const struct finding *finding, uint32_t hole, uint32_t turn, uint32_t k)
{
	if (finding->words[hole])
		return finding->fits[finding->words[hole][turn]] >> k & 1;
	if (finding->number[hole])
		return (finding->numbers >> k & 1) && number_fits(finding->phrase, k, finding->number[hole][turn]);
	return finding->fixed[hole] >> k & 1;
}

/* Marks the texts of a pattern with so many holes. */
static bool find_in_pattern(const struct finding *finding, uint32_t holes, uint32_t texts, uint8_t *found)
{
	uint32_t count = (uint32_t)finding->phrase->count;
	bool any = false;
	for (uint32_t first = 0; first + count <= holes; first++) {
		const uint32_t *words = finding->words[first];
		if (words == NULL && finding->number[first] == NULL && !(finding->fixed[first] & 1))
			continue;
		for (uint32_t turn = 0; turn < texts; turn++) {
			if (words && !(finding->fits[words[turn]] & 1)) /* as nearly all */
				continue;
			uint32_t k = 0;
			while (k < count && hole_fits(finding, first + k, turn, k))
				k++;
			found[turn] |= k == count;
			any = any || k == count;
		}
	}
	return any;
}

static bool may_be_number(const struct phrase_word *word)
{
	int64_t number = 0;
	return word->glob || pattern_number(word->text, &number);
}

/* fits of each word of the dictionary; false: some word of the phrase is nowhere. */
static bool find_words(struct finding *finding, uint8_t *fits)
{
	const struct reading *reading = finding->reading;
	uint8_t wanted = (uint8_t)((1U << finding->phrase->count) - 1);
	uint8_t there = 0;
	for (uint32_t k = 0; k < finding->phrase->count; k++)
		if (reading->layout.number_holes > 0 && may_be_number(&finding->phrase->words[k]))
			finding->numbers |= (uint8_t)(1U << k);
	for (uint32_t word = 0; word < reading->word_count; word++) {
		for (uint32_t k = 0; k < finding->phrase->count; k++)
			if (phrase_word_fits(&finding->phrase->words[k], reading->words[word]))
				fits[word] |= (uint8_t)(1U << k);
		there |= fits[word];
	}
	finding->fits = fits;
	return (there | finding->numbers) == wanted;
}

/* found: of all texts, pattern by pattern. */
static bool find_in_patterns(struct finding *finding, uint8_t *found)
{
	const struct reading *reading = finding->reading;
	size_t word_hole = 0;
	size_t number_hole = 0;
	bool any = false;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		uint32_t holes = 0;
		struct text pattern = reading->patterns[p];
		for (size_t i = 0; i < pattern.len; i++) {
			bool is_number = pattern.at[i] == PATTERN_NUMBER;
			if (!is_number && pattern.at[i] != PATTERN_WORD)
				continue;
			uint32_t fixed = is_number ? 0 : reading->fixed[word_hole];
			finding->number[holes] = is_number ? reading->hole_numbers[number_hole++] : NULL;
			finding->fixed[holes] = fixed ? finding->fits[fixed - 1] : 0;
			finding->words[holes++] = is_number ? NULL : reading->hole_words[word_hole++];
		}
		any = find_in_pattern(finding, holes, reading->layout.texts[p], found) || any;
		found += reading->layout.texts[p];
	}
	return any;
}

/* From pattern by pattern to text by text. */
static enum status arrange(const struct reading *reading, const uint8_t *found, const uint8_t **arranged)
{
	struct arena *arena = reading->cursor->arena;
	uint8_t *made = arena_alloc(arena, (size_t)reading->count + 1);
	const uint8_t **next = arena_alloc(arena, ((size_t)reading->pattern_count + 1) * sizeof(*next));
	if (made == NULL || next == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		next[p] = found;
		found += reading->layout.texts[p];
	}
	for (uint32_t i = 0; i < reading->count; i++)
		made[i] = *next[reading->pattern_of[i]]++;
	*arranged = made;
	return STATUS_OK;
}

static enum status find_phrase(struct reading *reading, struct finding *finding, const uint8_t **found)
{
	struct arena *arena = reading->cursor->arena;
	size_t holes = reading->layout.word_holes + reading->layout.number_holes + 1;
	uint8_t *fits = arena_calloc(arena, (size_t)reading->word_count + 1, 1);
	uint8_t *marks = arena_calloc(arena, (size_t)reading->count + 1, 1);
	finding->words = arena_alloc(arena, holes * sizeof(*finding->words));
	finding->number = arena_alloc(arena, holes * sizeof(*finding->number));
	finding->fixed = arena_alloc(arena, holes);
	if (!fits || !marks || !finding->words || !finding->number || !finding->fixed)
		return STATUS_NO_MEMORY;
	if (!find_words(finding, fits))
		return STATUS_OK;
	enum status status = read_holes(reading);
	if (status == STATUS_OK && find_in_patterns(finding, marks))
		status = arrange(reading, marks, found);
	return status;
}

const uint8_t *patterns_find(struct stream_cursor *cursor, uint32_t count, const struct phrase *phrase, bool *can_tell)
{
	struct reading reading = {.cursor = cursor, .count = count};
	struct finding finding = {.reading = &reading, .phrase = phrase};
	const uint8_t *found = NULL;
	enum status status = read_dictionaries(&reading);
	*can_tell = phrase->count <= PHRASE_WORDS_MAX;
	for (uint32_t p = 0; status == STATUS_OK && p < reading.pattern_count && *can_tell; p++)
		*can_tell = memchr(reading.patterns[p].at, '\\', reading.patterns[p].len) == NULL;
	if (status == STATUS_OK && *can_tell)
		status = find_phrase(&reading, &finding, &found);
	layout_finish(&reading.layout);
	if (status != STATUS_OK)
		cursor->status = status;
	return status == STATUS_OK ? found : NULL;
}
