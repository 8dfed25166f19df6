#include "indicators.h"

#include <stdlib.h>
#include <strings.h>

#include "address.h"
#include "phrase.h"

/*
 * A hash table of all beginnings of all indicators, word by word: at each word of a text the walk goes on as long as what
 * it has read is the beginning of one.  A beginning that is a whole indicator leads to its words, which are compared, so
 * that equal hashes of different words find nothing; hashes of beginnings only cost time.
 *
 * Ranges of addresses are sorted and joined, so that one search among them tells.
 */

#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

struct beginning {
	uint64_t hash; /* 0: the slot is free */
	uint32_t item; /* 1 + the first item that ends here; 0: none does */
};

struct item {
	struct text text; /* as written */
	uint32_t next;    /* 1 + another item of the same hash; 0: none */
};

/* Most words of a text begin no indicator, which a bit that the cache holds tells without the table. */
enum { FIRST_BITS = 1 << 20 };

struct indicators {
	uint64_t *firsts; /* FIRST_BITS, by the hash of a first word */
	struct beginning *slots;
	size_t slot_count; /* a power of two */
	struct item *items;
	uint32_t item_count;
	struct address_range *ranges; /* by their first address, apart from each other */
	size_t range_count;
};

/* --- reading --- */

struct reading {
	struct indicators *made;
	struct arena *arena;
	struct error *error;
	unsigned line;
	size_t words; /* of all items */
};

static uint64_t hash_word(uint64_t hash, struct text word)
{
	for (size_t i = 0; i < word.len; i++) {
		unsigned char c = (unsigned char)word.at[i];
		hash = (hash ^ (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c)) * HASH_PRIME;
	}
	hash = (hash ^ ' ') * HASH_PRIME; /* no byte of a word */
	hash ^= hash >> 29;
	return hash ? hash : 1;
}

static enum status refuse(const struct reading *reading, const char *why)
{
	if (reading->error)
		reading->error->line = reading->line;
	return error_set(reading->error, STATUS_INVALID, "line %u of the indicators: %s", reading->line, why);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct text trim(struct text text)
{
	while (text.len > 0 && is_blank(text.at[0]))
		text = (struct text){text.at + 1, text.len - 1};
	while (text.len > 0 && is_blank(text.at[text.len - 1]))
		text.len--;
	if (text.len >= 2 && text.at[0] == '"' && text.at[text.len - 1] == '"')
		return (struct text){text.at + 1, text.len - 2};
	return text;
}

/* The next line that counts; false: there is none. */
static bool next_line(struct text lines, size_t *at, unsigned *number, struct text *line)
{
	while (*at < lines.len) {
		const char *start = lines.at + *at;
		const char *end = memchr(start, '\n', lines.len - *at);
		size_t len = end ? (size_t)(end - start) : lines.len - *at;
		*at += len + 1;
		(*number)++;
		*line = trim((struct text){start, len});
		if (line->len > 0 && line->at[0] != '#')
			return true;
	}
	return false;
}

static struct beginning *find_slot(const struct indicators *indicators, uint64_t hash)
{
	size_t slot = hash & (indicators->slot_count - 1);
	while (indicators->slots[slot].hash != 0 && indicators->slots[slot].hash != hash)
		slot = (slot + 1) & (indicators->slot_count - 1);
	return &indicators->slots[slot];
}

/* hxxp stands for http, so that nobody opens the address by mistake. */
static enum status read_meant(const struct reading *reading, struct text line, struct text *meant)
{
	*meant = line;
	if (line.len < 4 || memcmp(line.at, "hxxp", 4) != 0)
		return STATUS_OK;
	struct text copy = arena_copy(reading->arena, line);
	if (copy.at == NULL)
		return STATUS_NO_MEMORY;
	memcpy((char *)(uintptr_t)copy.at, "http", 4);
	*meant = copy;
	return STATUS_OK;
}

static enum status add_words(struct reading *reading, struct text line)
{
	struct indicators *made = reading->made;
	struct text word;
	uint64_t hash = HASH_START;
	struct beginning *slot = NULL;
	size_t count = 0;
	for (size_t at = 0; words_next(line, &at, &word); count++) {
		if (count == INDICATOR_WORDS_MAX || reading->words == INDICATORS_WORDS_MAX)
			return refuse(reading, count == INDICATOR_WORDS_MAX ? "it has more than 256 words"
									    : "there are more than 1048576 words");
		hash = hash_word(hash, word);
		if (count == 0)
			made->firsts[hash % FIRST_BITS / 64] |= UINT64_C(1) << (hash % 64);
		slot = find_slot(made, hash);
		slot->hash = hash;
		reading->words++;
	}
	if (slot == NULL)
		return refuse(reading, "there is no letter or digit to search for");
	made->items[made->item_count] = (struct item){line, slot->item};
	slot->item = ++made->item_count;
	return STATUS_OK;
}

static enum status add_line(struct reading *reading, struct text line)
{
	struct address_range range;
	enum status status = address_range_read(line, &range);
	if (status == STATUS_OK) {
		reading->made->ranges[reading->made->range_count++] = range;
		return STATUS_OK;
	}
	if (status == STATUS_INVALID)
		return refuse(reading, "the prefix is too long");
	status = read_meant(reading, line, &line);
	return status == STATUS_OK ? add_words(reading, line) : status;
}

/* IPv6 before IPv4, which is mapped into it but no part of its ranges. */
static int compare_addresses(const struct address *a, const struct address *b)
{
	int families = address_is_v4(a) - address_is_v4(b);
	return families ? families : memcmp(a->bytes, b->bytes, ADDRESS_BYTES);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct address_range *one = a;
	const struct address_range *other = b;
	int first = compare_addresses(&one->first, &other->first);
	return first ? first : compare_addresses(&other->last, &one->last);
}

/* A range that begins within another one lies in it: both are prefixes. */
static void join_ranges(struct indicators *made)
{
	size_t kept = 0;
	if (made->range_count > 0)
		qsort(made->ranges, made->range_count, sizeof(*made->ranges), compare_ranges);
	for (size_t i = 0; i < made->range_count; i++) {
		struct address_range *last = kept > 0 ? &made->ranges[kept - 1] : NULL;
		bool inside = last && compare_addresses(&made->ranges[i].last, &last->last) <= 0;
		if (!inside)
			made->ranges[kept++] = made->ranges[i];
	}
	made->range_count = kept;
}

static enum status make_room(struct indicators *made, struct text lines, struct arena *arena)
{
	struct text line;
	struct text word;
	size_t count = 0;
	size_t words = 0;
	unsigned number = 0;
	for (size_t at = 0; next_line(lines, &at, &number, &line); count++)
		for (size_t in = 0; words < INDICATORS_WORDS_MAX && words_next(line, &in, &word);)
			words++;
	for (made->slot_count = 16; made->slot_count < words * 2;)
		made->slot_count *= 2;
	made->slots = arena_calloc(arena, made->slot_count, sizeof(*made->slots));
	made->firsts = arena_calloc(arena, FIRST_BITS / 64, sizeof(*made->firsts));
	made->items = arena_calloc(arena, count + 1, sizeof(*made->items));
	made->ranges = arena_calloc(arena, count + 1, sizeof(*made->ranges));
	return made->firsts && made->slots && made->items && made->ranges ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status indicators_read(struct text lines, struct arena *arena, struct indicators **indicators, struct error *error)
{
	static const struct text mark = {"\xef\xbb\xbf", 3}; /* of UTF-8, as some editors write it */
	struct reading reading = {.arena = arena, .error = error, .made = arena_calloc(arena, 1, sizeof(**indicators))};
	if (lines.len > INDICATORS_BYTES_MAX)
		return error_set(error, STATUS_INVALID, "indicators may have %d bytes", INDICATORS_BYTES_MAX);
	if (lines.len >= mark.len && memcmp(lines.at, mark.at, mark.len) == 0)
		lines = (struct text){lines.at + mark.len, lines.len - mark.len};
	struct text copy = arena_copy(arena, lines);
	if (reading.made == NULL || copy.at == NULL)
		return STATUS_NO_MEMORY;
	enum status status = make_room(reading.made, copy, arena);
	struct text line;
	for (size_t at = 0; status == STATUS_OK && next_line(copy, &at, &reading.line, &line);)
		status = add_line(&reading, line);
	if (status != STATUS_OK)
		return status;
	if (reading.made->item_count == 0 && reading.made->range_count == 0)
		return error_set(error, STATUS_INVALID, "there is no indicator: one a line, lines with # do not count");
	join_ranges(reading.made);
	*indicators = reading.made;
	return STATUS_OK;
}

/* --- asking --- */

static bool is_same_word(struct text a, struct text b)
{
	return a.len == b.len && strncasecmp(a.at, b.at, a.len) == 0;
}

/* Whether the words of item stand in text from *at on. */
static bool stands_here(struct text item, struct text text, size_t at)
{
	struct text wanted;
	struct text word;
	for (size_t in = 0; words_next(item, &in, &wanted);)
		if (!words_next(text, &at, &word) || !is_same_word(wanted, word))
			return false;
	return true;
}

/* An indicator that begins with the word at start, which is first. */
static bool found_at(const struct indicators *indicators, struct text text, size_t start, struct text first)
{
	struct text word;
	uint64_t hash = hash_word(HASH_START, first);
	if (!(indicators->firsts[hash % FIRST_BITS / 64] >> (hash % 64) & 1))
		return false;
	hash = HASH_START;
	for (size_t at = start; words_next(text, &at, &word);) {
		hash = hash_word(hash, word);
		const struct beginning *slot = find_slot(indicators, hash);
		if (slot->hash == 0)
			return false;
		for (uint32_t item = slot->item; item != 0; item = indicators->items[item - 1].next)
			if (stands_here(indicators->items[item - 1].text, text, start))
				return true;
	}
	return false;
}

static bool is_in_ranges(const struct indicators *indicators, const struct address *address)
{
	size_t low = 0;
	size_t high = indicators->range_count;
	while (low < high) { /* the last one that begins at or before the address */
		size_t middle = low + (high - low) / 2;
		if (compare_addresses(&indicators->ranges[middle].first, address) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && address_in_range(&indicators->ranges[low - 1], address);
}

bool indicators_found(const struct indicators *indicators, struct text text)
{
	struct text word;
	struct address address;
	for (size_t at = 0; indicators->item_count > 0 && words_next(text, &at, &word);)
		if (found_at(indicators, text, (size_t)(word.at - text.at), word))
			return true;
	for (size_t at = 0; indicators->range_count > 0 && address_next(text, &at, &address);)
		if (is_in_ranges(indicators, &address))
			return true;
	return false;
}
