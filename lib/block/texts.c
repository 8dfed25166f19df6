#include "texts.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	SLOTS_MIN = 32,
	PROBES_MAX = 16,      /* an emitter that makes hashes collide only loses the sharing */
	UNIQUE_AFTER = 512,   /* so many different texts in a row: the column is not searched any more */
	UNIQUE_MIN = 128,     /* so many are needed to call a column unique when it is cleared */
	UNIQUE_RUNS_MIN = 2,  /* unique so often: it is not searched at all, */
	UNIQUE_RUNS_ASK = 16, /* but for every so many-th time */
	ODD_MIN = 16,
	ODD_SHARE = 4, /* more than one in four odd: give the form up */
	BYTES_MIN = 1024,
};

void texts_finish(struct texts *texts)
{
	free(texts->binary);
	free(texts->bytes);
	free(texts->ends);
	free(texts->odd);
	free(texts->codes);
	free(texts->slots);
	*texts = (struct texts){0};
}

void texts_clear(struct texts *texts)
{
	bool was_unique = texts->count >= UNIQUE_MIN && texts->hits == 0;
	texts->unique_runs = was_unique ? texts->unique_runs + 1 : 0;
	texts->count = texts->last = texts->odd_count = texts->places = texts->hits = 0;
	texts->unique = texts->unique_runs >= UNIQUE_RUNS_MIN && texts->unique_runs % UNIQUE_RUNS_ASK != 0 &&
			!texts->always_shared;
	if (texts->slots && texts->slot_used)
		memset(texts->slots, 0, texts->slot_count * sizeof(*texts->slots));
	texts->slot_used = 0;
}

static bool is_odd(const struct texts *texts, uint32_t entry, uint32_t *k)
{
	uint32_t low = 0;
	uint32_t high = texts->odd_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (texts->odd[middle] < entry)
			low = middle + 1;
		else
			high = middle;
	}
	*k = low;
	return low < texts->odd_count && texts->odd[low] == entry;
}

struct text texts_entry(const struct texts *texts, uint32_t entry, char scratch[FORM_RENDERED_MAX])
{
	uint32_t k = entry;
	if (texts->form == FORM_TEXT || (texts->odd_count && is_odd(texts, entry, &k)))
		return texts_kept(texts, k);
	size_t len = form_render(texts->form, texts->width, texts->binary + (size_t)entry * texts->width, scratch);
	return (struct text){scratch, len};
}

/* A text as the column would keep it: its binary form, or itself when it is odd. */
struct key {
	struct text text;
	uint64_t hash;
	bool odd;
	uint8_t binary[FORM_WIDTH_MAX];
};

/* Whether an entry of a column of a form is the key's. */
static bool entry_is(const struct texts *texts, uint32_t entry, const struct key *key)
{
	uint32_t k = entry;
	bool odd = texts->odd_count && is_odd(texts, entry, &k);
	if (odd != key->odd)
		return false;
	return odd ? text_equal(texts_kept(texts, k), key->text)
		   : memcmp(texts->binary + (size_t)entry * texts->width, key->binary, texts->width) == 0;
}

static uint64_t hash_of(const struct texts *texts, const struct key *key)
{
	if (key->odd || texts->form == FORM_TEXT)
		return XXH3_64bits(key->text.at, key->text.len);
	return XXH3_64bits(key->binary, texts->width);
}

static void slot_put(struct texts *texts, uint64_t hash, uint32_t code)
{
	size_t mask = texts->slot_count - 1;
	size_t at = hash & mask;
	for (unsigned probe = 0; probe < PROBES_MAX; probe++, at = (at + 1) & mask) {
		if (texts->slots[at].code == 0) {
			texts->slots[at] = (struct texts_slot){(uint32_t)(hash >> 32), code};
			texts->slot_used++;
			return;
		}
	}
}

static void key_of_entry(const struct texts *texts, uint32_t entry, struct key *key)
{
	uint32_t k = entry;
	key->odd = texts->form != FORM_TEXT && texts->odd_count && is_odd(texts, entry, &k);
	if (key->odd || texts->form == FORM_TEXT)
		key->text = texts_kept(texts, k);
	else
		memcpy(key->binary, texts->binary + (size_t)entry * texts->width, texts->width);
	key->hash = hash_of(texts, key);
}

/* Makes the table of `slot_count` slots from the entries. */
static bool slots_make(struct texts *texts, size_t slot_count)
{
	struct texts_slot *slots = calloc(slot_count, sizeof(*slots));
	if (slots == NULL)
		return false;
	free(texts->slots);
	texts->slots = slots;
	texts->slot_count = slot_count;
	texts->slot_used = 0;
	for (uint32_t entry = 0; entry < texts->count; entry++) {
		struct key key;
		key_of_entry(texts, entry, &key);
		slot_put(texts, key.hash, entry + 1);
	}
	return true;
}

static bool bytes_add(struct texts *texts, uint32_t k, struct text text)
{
	uint32_t start = k ? texts->ends[k - 1] : 0;
	if (text.len > UINT32_MAX / 2 - start || !array_need(&texts->ends, &texts->ends_capacity, (size_t)k + 1) ||
		!array_need(&texts->bytes, &texts->bytes_capacity, start + text.len + BYTES_MIN))
		return false;
	if (text.len)
		memcpy(texts->bytes + start, text.at, text.len);
	texts->ends[k] = start + (uint32_t)text.len;
	return true;
}

/* Gives the form up: every entry becomes a text. */
static bool become_texts(struct texts *texts)
{
	struct texts plain = {.form = FORM_TEXT};
	char scratch[FORM_RENDERED_MAX];
	for (uint32_t entry = 0; entry < texts->count; entry++) {
		if (!bytes_add(&plain, entry, texts_entry(texts, entry, scratch))) {
			free(plain.bytes);
			free(plain.ends);
			return false;
		}
	}
	free(texts->bytes);
	free(texts->ends);
	texts->bytes = plain.bytes;
	texts->bytes_capacity = plain.bytes_capacity;
	texts->ends = plain.ends;
	texts->ends_capacity = plain.ends_capacity;
	texts->form = FORM_TEXT;
	texts->width = 0;
	texts->odd_count = 0;
	texts->last = 0;
	if (texts->slot_count && !texts->unique && !slots_make(texts, texts->slot_count))
		texts->unique = true; /* without memory for the table the texts are only not shared */
	return true;
}

/* Adds an entry to a column of a form. */
static bool entry_add(struct texts *texts, const struct key *key)
{
	size_t end = ((size_t)texts->count + 1) * texts->width;
	if (!array_need(&texts->binary, &texts->binary_capacity, end))
		return false;
	uint8_t *to = texts->binary + end - texts->width;
	if (key->odd) {
		if (!array_need(&texts->odd, &texts->odd_capacity, (size_t)texts->odd_count + 1) ||
			!bytes_add(texts, texts->odd_count, key->text))
			return false;
		texts->odd[texts->odd_count++] = texts->count;
		memset(to, 0, texts->width);
	} else {
		memcpy(to, key->binary, texts->width);
	}
	texts->count++;
	return true;
}

/* Numbers are cheaper as they are than through a dictionary. */
static bool is_searched(const struct texts *texts)
{
	return !texts->unique && texts->form != FORM_INT && texts->form != FORM_QUOTED;
}

static uint32_t find(const struct texts *texts, const struct key *key)
{
	size_t mask = texts->slot_count - 1;
	size_t at = key->hash & mask;
	uint32_t tag = (uint32_t)(key->hash >> 32);
	for (unsigned probe = 0; probe < PROBES_MAX; probe++, at = (at + 1) & mask) {
		struct texts_slot slot = texts->slots[at];
		if (slot.code == 0)
			return 0;
		if (slot.tag == tag && entry_is(texts, slot.code - 1, key))
			return slot.code;
	}
	return 0;
}

/* The usual case of identifiers: another one of the column's form, and no search. */
static inline bool add_parsed(struct texts *texts, struct text text, uint32_t *code)
{
	size_t end = ((size_t)texts->count + 1) * texts->width;
	if (!array_need(&texts->binary, &texts->binary_capacity, end) ||
		!form_parse(texts->form, texts->width, text, texts->binary + end - texts->width))
		return false;
	texts->last = *code = ++texts->count;
	return true;
}

static inline void remember(struct texts *texts, uint32_t code, struct text kept)
{
	texts->last = code;
	texts->last_start = (uint32_t)(kept.at - texts->bytes);
	texts->last_len = (uint32_t)kept.len;
}

static inline bool add_text(struct texts *texts, struct text text)
{
	if (!bytes_add(texts, texts->count, text))
		return false;
	texts->count++;
	remember(texts, texts->count, texts_kept(texts, texts->count - 1));
	return true;
}

static inline bool make_room(struct texts *texts)
{
	return texts->slot_used * 2 < texts->slot_count ||
	       slots_make(texts, texts->slot_count ? texts->slot_count * 2 : SLOTS_MIN);
}

static inline void end_add(struct texts *texts, uint64_t hash)
{
	slot_put(texts, hash, texts->count);
	texts->unique = texts->hits == 0 && texts->count >= UNIQUE_AFTER && !texts->always_shared;
}

/* The code of a text in a column of FORM_TEXT that is searched. */
static __attribute__((noinline)) bool search_text(struct texts *texts, struct text text)
{
	if (!make_room(texts))
		return false;
	uint64_t hash = XXH3_64bits(text.at, text.len);
	size_t mask = texts->slot_count - 1;
	for (unsigned probe = 0; probe < PROBES_MAX; probe++) {
		struct texts_slot slot = texts->slots[(hash + probe) & mask];
		if (slot.code == 0)
			break;
		if (slot.tag != (uint32_t)(hash >> 32))
			continue;
		struct text kept = texts_kept(texts, slot.code - 1);
		if (kept.len == text.len && texts_bytes_equal(kept.at, text.at, kept.len)) {
			texts->hits++;
			remember(texts, slot.code, kept);
			return true;
		}
	}
	if (!add_text(texts, text))
		return false;
	end_add(texts, hash);
	return true;
}

static bool give_up_form(struct texts *texts, struct key *key)
{
	if (!key->odd || texts->odd_count < ODD_MIN || texts->odd_count * ODD_SHARE <= texts->count)
		return true;
	key->odd = false;
	return become_texts(texts);
}

/* The code of a text in a column of a form that is searched, or whose form it does not have. */
static __attribute__((noinline)) bool form_code(struct texts *texts, struct text text, uint32_t *code)
{
	struct key key;
	key.odd = !form_parse(texts->form, texts->width, text, key.binary);
	key.text = text;
	if (!give_up_form(texts, &key))
		return false;
	if (texts->form == FORM_TEXT)
		return texts_code(texts, text, code);
	bool searched = is_searched(texts);
	if (searched) {
		if (!make_room(texts))
			return false;
		key.hash = hash_of(texts, &key);
		uint32_t found = find(texts, &key);
		if (found) {
			texts->hits++;
			texts->last = *code = found;
			return true;
		}
	}
	if (!entry_add(texts, &key))
		return false;
	texts->last = *code = texts->count;
	if (searched)
		end_add(texts, key.hash);
	return true;
}

bool texts_code(struct texts *texts, struct text text, uint32_t *code)
{
	if (texts->count == 0 && !texts->form_is_fixed)
		texts->form = form_of(text, &texts->width);
	if (texts->form != FORM_TEXT)
		return (!is_searched(texts) && add_parsed(texts, text, code)) || form_code(texts, text, code);
	if (texts->unique) {
		if (!add_text(texts, text))
			return false;
	} else if (texts_is_last(texts, text)) {
		texts->hits++;
	} else if (!search_text(texts, text)) {
		return false;
	}
	*code = texts->last;
	return true;
}

bool texts_append_other(struct texts *texts, uint32_t place, struct text text)
{
	uint32_t code = 0;
	return texts_code(texts, text, &code) && texts_set(texts, place, code);
}

bool texts_set(struct texts *texts, uint32_t place, uint32_t code)
{
	if (!array_need(&texts->codes, &texts->codes_capacity, (size_t)place + 1))
		return false;
	if (place > texts->places)
		memset(texts->codes + texts->places, 0, (place - texts->places) * sizeof(*texts->codes));
	texts->codes[place] = code;
	texts->places = place + 1;
	return true;
}

void texts_cut(struct texts *texts, uint32_t places)
{
	if (texts->places > places)
		texts->places = places;
}

bool texts_add_kept(struct texts *texts, struct text text)
{
	texts->form = FORM_TEXT;
	return add_text(texts, text);
}

bool texts_add_binary(struct texts *texts, enum form form, unsigned width, const void *binary, uint32_t count)
{
	if (texts->count == 0) {
		texts->form = form;
		texts->width = width;
	}
	size_t start = (size_t)texts->count * width;
	if (!array_need(&texts->binary, &texts->binary_capacity, start + (size_t)count * width))
		return false;
	memcpy(texts->binary + start, binary, (size_t)count * width);
	texts->count += count;
	texts->last = 0;
	return true;
}
