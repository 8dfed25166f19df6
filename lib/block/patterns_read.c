/*
 * Reading a column of patterns: its texts, or only how long they are, or only which of them may hold some words.  All
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

/* --- which may hold some words --- */

/* What is asked of one pattern's texts. */
struct finding {
	const struct reading *reading;
	const struct words_asked *asked;
	const uint8_t **fits; /* by asked word: by code of the dictionary, whether it is that word */
	uint8_t *found;       /* of the pattern's texts */
};

/* The holes of a pattern in order: word holes as they are numbered, number holes with HOLE_IS_NUMBER. */
static const size_t HOLE_IS_NUMBER = SIZE_MAX / 2 + 1;

static enum status list_words(struct finding *finding)
{
	const struct reading *reading = finding->reading;
	struct arena *arena = reading->cursor->arena;
	finding->fits = arena_calloc(arena, finding->asked->count, sizeof(*finding->fits));
	if (finding->fits == NULL)
		return STATUS_NO_MEMORY;
	for (size_t k = 0; k < finding->asked->count; k++) {
		uint8_t *fits = arena_alloc(arena, (size_t)reading->word_count + 1);
		if (fits == NULL)
			return STATUS_NO_MEMORY;
		for (uint32_t code = 0; code < reading->word_count; code++)
			fits[code] = words_asked_is(&finding->asked->words[k], reading->words[code]);
		finding->fits[k] = fits;
	}
	return STATUS_OK;
}

/* Leaves of the texts in `may` those that have asked word k at a hole; false: none is left. */
static bool keep_hole(const struct finding *finding, size_t k, size_t hole, uint32_t texts, uint8_t *may)
{
	const struct reading *reading = finding->reading;
	bool any = false;
	if (hole >= HOLE_IS_NUMBER) {
		const int64_t *numbers = reading->hole_numbers[hole - HOLE_IS_NUMBER];
		for (uint32_t turn = 0; turn < texts; turn++) {
			may[turn] = may[turn] && words_asked_is_number(&finding->asked->words[k], numbers[turn]);
			any = any || may[turn];
		}
		return any;
	}
	if (reading->fixed[hole])
		return finding->fits[k][reading->fixed[hole] - 1];
	const uint32_t *codes = reading->hole_words[hole];
	for (uint32_t turn = 0; turn < texts; turn++) {
		may[turn] &= finding->fits[k][codes[turn]];
		any |= may[turn];
	}
	return any;
}

static void find_in_pattern(
	const struct finding *finding, const size_t *holes, size_t hole_count, uint32_t texts, uint8_t *may)
{
	size_t count = finding->asked->count;
	for (size_t start = 0; start + count <= hole_count; start++) {
		size_t k = 0;
		memset(may, 1, texts);
		while (k < count && keep_hole(finding, k, holes[start + k], texts, may))
			k++;
		for (uint32_t turn = 0; k == count && turn < texts; turn++)
			finding->found[turn] |= may[turn];
	}
}

static enum status find_all(struct finding *finding, uint8_t *may)
{
	const struct reading *reading = finding->reading;
	struct arena *arena = reading->cursor->arena;
	size_t *holes =
		arena_alloc(arena, (reading->layout.word_holes + reading->layout.number_holes + 1) * sizeof(*holes));
	uint8_t *found = arena_calloc(arena, (size_t)reading->count + 1, 1);
	uint8_t *scratch = arena_alloc(arena, (size_t)reading->count + 1);
	const uint8_t **next = arena_calloc(arena, (size_t)reading->pattern_count + 1, sizeof(*next));
	size_t word_hole = 0;
	size_t number_hole = HOLE_IS_NUMBER;
	if (holes == NULL || found == NULL || scratch == NULL || next == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t p = 0; p < reading->pattern_count; p++) {
		struct text pattern = reading->patterns[p];
		uint32_t texts = reading->layout.texts[p];
		size_t count = 0;
		for (size_t i = 0; i < pattern.len; i++) {
			if (pattern.at[i] == PATTERN_WORD)
				holes[count++] = word_hole++;
			else if (pattern.at[i] == PATTERN_NUMBER)
				holes[count++] = number_hole++;
		}
		finding->found = found;
		if (pattern.len && memchr(pattern.at, '\\', pattern.len))
			memset(found, 1, texts); /* escapes: its words are others once it is decoded */
		else
			find_in_pattern(finding, holes, count, texts, scratch);
		next[p] = found;
		found += texts;
	}
	for (uint32_t i = 0; i < reading->count; i++)
		may[i] = *next[reading->pattern_of[i]]++;
	return STATUS_OK;
}

const uint8_t *patterns_get_holders(struct stream_cursor *cursor, uint32_t count, const struct words_asked *asked)
{
	struct reading reading = {.cursor = cursor, .count = count};
	struct finding finding = {.reading = &reading, .asked = asked};
	uint8_t *may = arena_alloc(cursor->arena, (size_t)count + 1);
	enum status status = may ? read_streams(&reading) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = list_words(&finding);
	if (status == STATUS_OK)
		status = find_all(&finding, may);
	layout_finish(&reading.layout);
	if (status == STATUS_OK)
		return may;
	cursor->status = status;
	return NULL;
}
