/*
 * A dictionary entry is cut into words once per tenant that has it: with one tenant (the usual case) the entries are
 * walked, not the rows.
 */
#include "keys.h"

#include "words.h"

enum { TENANTS_MASKED = 64, DECODE_BYTES_MAX = 4 * 1024 * 1024 };

static void add_key(struct keys *keys, uint64_t key)
{
	uint64_t *recent = &keys->recent[key % KEYS_RECENT];
	if (*recent == key)
		return;
	*recent = key;
	if (!array_need(&keys->at, &keys->capacity, keys->count + 1)) {
		keys->failed = true;
		return;
	}
	keys->at[keys->count++] = key;
}

/* --- tenants --- */

static struct text entry_text(const struct texts *texts, uint32_t code, char scratch[FORM_RENDERED_MAX])
{
	return code ? texts_entry(texts, code - 1, scratch) : (struct text){NULL, 0};
}

static uint32_t code_at(const struct texts *texts, uint32_t row)
{
	return row < texts->places ? texts->codes[row] : 0;
}

static bool tenant_of(
	const struct rows *rows, const uint8_t filter_key[16], uint32_t row, struct tenants *tenants, uint32_t *found)
{
	char scratch[FORM_RENDERED_MAX];
	const struct texts *sent = &rows->texts[FIELD_TENANT];
	const struct texts *given = &rows->texts[FIELD_INGEST_TENANT];
	struct text text = entry_text(sent, code_at(sent, row), scratch);
	if (text.len == 0)
		text = entry_text(given, code_at(given, row), scratch);
	uint64_t seed = tenant_seed(filter_key, text);
	for (*found = 0; *found < tenants->count; (*found)++)
		if (tenants->seeds[*found] == seed)
			return true;
	if (!array_need(&tenants->seeds, &tenants->seeds_capacity, (size_t)tenants->count + 1))
		return false;
	tenants->seeds[tenants->count++] = seed;
	return true;
}

enum status tenants_find(const struct rows *rows, const uint8_t filter_key[16], struct tenants *tenants)
{
	*tenants = (struct tenants){0};
	uint16_t *of_row = malloc((rows->count + 1) * sizeof(*of_row));
	if (of_row == NULL)
		return STATUS_NO_MEMORY;
	uint32_t last[2] = {UINT32_MAX, UINT32_MAX};
	uint32_t found = 0;
	for (uint32_t row = 0; row < rows->count; row++) {
		uint32_t sent = code_at(&rows->texts[FIELD_TENANT], row);
		uint32_t given = code_at(&rows->texts[FIELD_INGEST_TENANT], row);
		if ((sent != last[0] || given != last[1]) && !tenant_of(rows, filter_key, row, tenants, &found)) {
			free(of_row);
			tenants_finish(tenants);
			return STATUS_NO_MEMORY;
		}
		last[0] = sent;
		last[1] = given;
		of_row[row] = (uint16_t)found;
	}
	tenants->of_row = of_row;
	if (tenants->count <= 1) {
		free(of_row);
		tenants->of_row = NULL;
	}
	return STATUS_OK;
}

void tenants_finish(struct tenants *tenants)
{
	free(tenants->seeds);
	free(tenants->of_row);
	*tenants = (struct tenants){0};
}

/* --- what is made of an entry, for one tenant --- */

struct visit {
	struct keys *keys;
	const struct tenants *tenants;
	unsigned field;
	bool values;  /* the whole entry is a value; else it is cut into words */
	bool escaped; /* the text is JSON, or from between a JSON string's quotes */
};

static void add_words(struct keys *keys, uint64_t seed, struct text text)
{
	struct text word;
	for (size_t at = 0; word_next(text, &at, &word);) {
		uint64_t packed = word_packed(word);
		struct recent_word *recent = &keys->words[word_slot(packed, KEYS_WORD_BITS)];
		if (packed && recent->packed == packed && recent->seed == seed)
			continue;
		*recent = (struct recent_word){packed, seed};
		add_key(keys, word_key(seed, word));
	}
}

/* Whether a text's backslashes are escapes that can be decoded; rows may come from a damaged tail. */
static bool has_sound_escapes(struct text text)
{
	for (size_t at = 0; at < text.len; at++) {
		if (text.at[at] != '\\')
			continue;
		if (++at >= text.len || strchr("\"\\/bfnrtu", text.at[at]) == NULL || text.at[at] == 0)
			return false;
		if (text.at[at] != 'u')
			continue;
		for (unsigned digit = 1; digit <= 4; digit++) {
			char c = at + digit < text.len ? text.at[at + digit] : 0;
			if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
				return false;
		}
	}
	return true;
}

static void add_decoded(struct keys *keys, uint64_t seed, struct text text)
{
	struct arena arena;
	if (memchr(text.at, '\\', text.len) == NULL || !has_sound_escapes(text))
		return;
	arena_init(&arena, DECODE_BYTES_MAX);
	struct text decoded = json_string_decode(text, &arena);
	if (decoded.at)
		add_words(keys, seed, decoded);
	else
		keys->failed = true;
	arena_finish(&arena);
}

static void visit_entry(const struct visit *visit, const struct texts *texts, uint32_t entry, uint32_t tenant)
{
	char scratch[FORM_RENDERED_MAX];
	uint64_t seed = visit->tenants->seeds[tenant];
	bool binary = texts->form == FORM_UUID || texts->form == FORM_HEX;
	if (visit->values && binary && texts->odd_count == 0) {
		const uint8_t *at = texts->binary + (size_t)entry * texts->width;
		add_key(visit->keys, binary_key(seed, visit->field, texts->form, at, texts->width));
		return;
	}
	struct text text = texts_entry(texts, entry, scratch);
	if (visit->values) {
		add_key(visit->keys, value_key(seed, visit->field, text));
		return;
	}
	add_words(visit->keys, seed, text);
	if (visit->escaped && text.len)
		add_decoded(visit->keys, seed, text);
}

/* tenant_at: the tenant of each place; NULL: tenant 0. */
static void visit_texts(const struct visit *visit, const struct texts *texts, const uint16_t *tenant_at)
{
	if (visit->tenants->count == 0)
		return;
	if (tenant_at == NULL) {
		for (uint32_t entry = 0; entry < texts->count; entry++)
			visit_entry(visit, texts, entry, 0);
		return;
	}
	uint64_t *seen = calloc((size_t)texts->count + 1, sizeof(*seen)); /* by which tenants, of the first 64 */
	if (seen == NULL) {
		visit->keys->failed = true;
		return;
	}
	for (uint32_t place = 0; place < texts->places; place++) {
		uint32_t code = texts->codes[place];
		uint32_t tenant = tenant_at[place];
		uint64_t bit = tenant < TENANTS_MASKED ? UINT64_C(1) << tenant : 0;
		if (code == 0 || (seen[code] & bit))
			continue;
		seen[code] |= bit;
		visit_entry(visit, texts, code - 1, tenant);
	}
	free(seen);
}

void keys_add_values(struct keys *keys, const struct rows *rows, unsigned field, const struct tenants *tenants)
{
	struct visit visit = {.keys = keys, .tenants = tenants, .field = field, .values = true};
	visit_texts(&visit, &rows->texts[field], tenants->of_row);
}

/* --- words of payloads --- */

/* Tenants of the places of raw texts and leaf columns, which stand in the order of rows. */
struct places {
	uint16_t **leaves; /* per leaf column */
	uint16_t *raw;
	uint32_t count;
};

static void places_finish(struct places *places)
{
	for (uint32_t i = 0; places->leaves && i < places->count; i++)
		free(places->leaves[i]);
	free(places->leaves);
	free(places->raw);
}

static bool places_make(const struct payload_columns *columns, struct places *places)
{
	*places = (struct places){.count = columns->paths.count};
	places->leaves = calloc((size_t)places->count + 1, sizeof(*places->leaves));
	places->raw = malloc(((size_t)columns->raw.places + 1) * sizeof(*places->raw));
	bool made = places->leaves && places->raw;
	for (uint32_t i = 0; i < places->count && made; i++) {
		places->leaves[i] = malloc(((size_t)columns->leaves[i].places + 1) * sizeof(**places->leaves));
		made = places->leaves[i] != NULL;
	}
	return made;
}

static bool places_fill(const struct payload_columns *columns, const uint16_t *of_row, struct places *places)
{
	uint32_t *next = calloc((size_t)places->count + 1, sizeof(*next));
	uint32_t raw_next = 0;
	if (next == NULL)
		return false;
	for (uint32_t row = 0; row < columns->places; row++) {
		uint32_t code = columns->codes[row];
		if (code == PAYLOAD_CODE_RAW)
			places->raw[raw_next++] = of_row[row];
		if (code < PAYLOAD_CODE_SHAPE)
			continue;
		const struct shape *shape = &columns->shapes[code - PAYLOAD_CODE_SHAPE];
		for (uint32_t k = 0; k < shape->count; k++) {
			uint32_t leaf = columns->holes[shape->first + k];
			places->leaves[leaf][next[leaf]++] = of_row[row];
		}
	}
	free(next);
	return true;
}

static void add_payload(const struct visit *visit, const struct payload_columns *columns)
{
	struct places places = {0};
	const uint16_t *of_row = visit->tenants->of_row;
	if (columns->places == 0)
		return;
	if (of_row && !(places_make(columns, &places) && places_fill(columns, of_row, &places)))
		visit->keys->failed = true;
	for (uint32_t i = 0; i < columns->paths.count && !visit->keys->failed; i++)
		visit_texts(visit, &columns->leaves[i], of_row ? places.leaves[i] : NULL);
	if (!visit->keys->failed)
		visit_texts(visit, &columns->raw, of_row ? places.raw : NULL);
	places_finish(&places);
}

void keys_add_words(struct keys *keys, const struct rows *rows, const struct tenants *tenants)
{
	struct visit visit = {.keys = keys, .tenants = tenants};
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		enum field_type type = (enum field_type)field_types[field];
		visit.escaped = type == FIELD_TYPE_JSON;
		if (type == FIELD_TYPE_LONG || type == FIELD_TYPE_JSON || field == FIELD_USER_ID)
			visit_texts(&visit, &rows->texts[field], tenants->of_row);
	}
	visit.escaped = true;
	for (unsigned payload = 0; payload < PAYLOAD_COUNT; payload++)
		add_payload(&visit, &rows->payload[payload]);
}
