#include "groups.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { KEY_FIELDS = 4 };
static const uint8_t key_fields[KEY_FIELDS] = {FIELD_TENANT, FIELD_INGEST_TENANT, FIELD_SERVER_NAME, FIELD_TARGET_NAME};

/* The codes of a group's key fields. */
struct key {
	uint32_t codes[KEY_FIELDS];
	uint32_t number; /* as found */
};

static uint32_t code_at(const struct texts *texts, uint32_t row)
{
	return row < texts->places ? texts->codes[row] : 0;
}

/* Numbers groups as they are met. */
static uint32_t find_groups(
	const struct rows *rows, struct key *keys, uint32_t *slots, uint32_t slot_count, uint32_t *of_row)
{
	uint32_t count = 0;
	for (uint32_t row = 0; row < rows->count; row++) {
		struct key key;
		for (unsigned i = 0; i < KEY_FIELDS; i++)
			key.codes[i] = code_at(&rows->texts[key_fields[i]], row);
		uint32_t at = (uint32_t)XXH3_64bits(key.codes, sizeof(key.codes)) & (slot_count - 1);
		while (slots[at] && memcmp(keys[slots[at] - 1].codes, key.codes, sizeof(key.codes)) != 0)
			at = (at + 1) & (slot_count - 1);
		if (slots[at] == 0) {
			key.number = count;
			keys[count++] = key;
			slots[at] = count;
		}
		of_row[row] = slots[at] - 1;
	}
	return count;
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;
	for (unsigned i = 0; i < KEY_FIELDS; i++)
		if (x->codes[i] != y->codes[i])
			return x->codes[i] < y->codes[i] ? -1 : 1;
	return 0;
}

/* Rows in the order of groups: counted, then laid out. */
static void lay_out(const struct groups *groups, uint32_t row_count, uint32_t *next)
{
	memset(next, 0, ((size_t)groups->count + 1) * sizeof(*next));
	for (uint32_t row = 0; row < row_count; row++)
		next[groups->of_row[row] + 1]++;
	for (uint32_t group = 0; group < groups->count; group++)
		next[group + 1] += next[group];
	for (uint32_t row = 0; row < row_count; row++)
		groups->rows[next[groups->of_row[row]]++] = row;
}

enum status groups_make(const struct rows *rows, struct groups *groups)
{
	uint32_t slot_count = 64;
	while (slot_count < rows->count * 2)
		slot_count *= 2;
	size_t items = (size_t)rows->count + 2;
	struct key *keys = malloc(items * sizeof(*keys));
	uint32_t *slots = calloc(slot_count, sizeof(*slots));
	uint32_t *scratch = malloc(items * sizeof(*scratch));
	struct groups made = {0, malloc(items * sizeof(uint32_t)), malloc(items * sizeof(uint32_t))};
	bool ready = keys && slots && scratch && made.of_row && made.rows;
	if (ready) {
		made.count = find_groups(rows, keys, slots, slot_count, made.of_row);
		qsort(keys, made.count, sizeof(*keys), compare_keys);
		for (uint32_t group = 0; group < made.count; group++)
			scratch[keys[group].number] = group;
		for (uint32_t row = 0; row < rows->count; row++)
			made.of_row[row] = scratch[made.of_row[row]];
		lay_out(&made, rows->count, scratch);
		*groups = made;
	} else {
		groups_finish(&made);
	}
	free(scratch);
	free(slots);
	free(keys);
	return ready ? STATUS_OK : STATUS_NO_MEMORY;
}

void groups_finish(struct groups *groups)
{
	free(groups->of_row);
	free(groups->rows);
	*groups = (struct groups){0};
}

bool groups_share_code(const struct groups *groups, const struct rows *rows, const struct texts *texts, uint32_t *codes)
{
	uint32_t place = 0;
	while (place < rows->count) {
		uint32_t group = groups->of_row[groups->rows[place]];
		uint32_t code = code_at(texts, groups->rows[place]);
		codes[group] = code;
		for (place++; place < rows->count && groups->of_row[groups->rows[place]] == group; place++)
			if (code_at(texts, groups->rows[place]) != code)
				return false;
	}
	return true;
}

/* Copies an entry to the end of a column of the same form. */
static bool copy_entry(const struct texts *from, uint32_t entry, struct texts *to)
{
	char scratch[FORM_RENDERED_MAX];
	if (from->form == FORM_TEXT)
		return texts_add_kept(to, texts_kept(from, entry));
	if (from->odd_count == 0)
		return texts_add_binary(to, from->form, from->width, from->binary + (size_t)entry * from->width, 1);
	uint32_t code = 0;
	to->unique = true;
	return texts_code(to, texts_entry(from, entry, scratch), &code);
}

enum status texts_arrange(const struct texts *from, const uint32_t *order, uint32_t count, struct texts *to)
{
	struct texts made = {.form = from->form, .width = from->width, .form_is_fixed = true};
	uint32_t *map = calloc((size_t)from->count + 1, sizeof(*map));
	bool ready = map && array_need(&made.codes, &made.codes_capacity, (size_t)count + 1);
	for (uint32_t i = 0; i < count && ready; i++) {
		uint32_t code = code_at(from, order[i]);
		if (code && map[code] == 0) {
			ready = copy_entry(from, code - 1, &made);
			map[code] = made.count;
		}
		made.codes[i] = map[code];
	}
	free(map);
	if (!ready) {
		texts_finish(&made);
		return STATUS_NO_MEMORY;
	}
	made.places = count;
	*to = made;
	return STATUS_OK;
}

/* --- payloads --- */

/* The places of raw texts, references and leaves in the order of groups. */
struct arrangement {
	uint32_t *first;   /* per row: where its occurrences start in taken; of a raw text or reference its place */
	uint32_t *taken;   /* per hole of each row in turn: the place in its leaf column */
	uint32_t **leaves; /* per leaf column: its places, arranged */
	uint32_t *next;    /* per leaf column */
	uint32_t *raw;
	uint32_t leaf_count;
};

static void arrangement_finish(struct arrangement *arrangement)
{
	for (uint32_t i = 0; arrangement->leaves && i < arrangement->leaf_count; i++)
		free(arrangement->leaves[i]);
	free(arrangement->leaves);
	free(arrangement->first);
	free(arrangement->taken);
	free(arrangement->next);
	free(arrangement->raw);
}

static bool arrangement_open(const struct payload_columns *from, uint32_t rows, struct arrangement *made)
{
	size_t occurrences = 0;
	*made = (struct arrangement){.leaf_count = from->paths.count};
	for (uint32_t i = 0; i < made->leaf_count; i++)
		occurrences += from->leaves[i].places;
	made->leaves = calloc((size_t)made->leaf_count + 1, sizeof(*made->leaves));
	made->next = calloc((size_t)made->leaf_count + 1, sizeof(*made->next));
	made->first = malloc(((size_t)rows + 1) * sizeof(*made->first));
	made->taken = malloc((occurrences + 1) * sizeof(*made->taken));
	made->raw = malloc(((size_t)from->raw.places + 1) * sizeof(*made->raw));
	bool ready = made->leaves && made->next && made->first && made->taken && made->raw;
	for (uint32_t i = 0; i < made->leaf_count && ready; i++) {
		made->leaves[i] = malloc(((size_t)from->leaves[i].places + 1) * sizeof(**made->leaves));
		ready = made->leaves[i] != NULL;
	}
	return ready;
}

static void find_places(const struct payload_columns *from, struct arrangement *made)
{
	uint32_t taken = 0;
	uint32_t raw = 0;
	uint32_t reference = 0;
	for (uint32_t row = 0; row < from->places; row++) {
		uint32_t code = from->codes[row];
		made->first[row] = code == PAYLOAD_CODE_RAW         ? raw++
				   : code == PAYLOAD_CODE_REFERENCE ? reference++
								    : taken;
		if (code < PAYLOAD_CODE_SHAPE)
			continue;
		const struct shape *shape = &from->shapes[code - PAYLOAD_CODE_SHAPE];
		for (uint32_t k = 0; k < shape->count; k++)
			made->taken[taken++] = made->next[from->holes[shape->first + k]]++;
	}
	memset(made->next, 0, made->leaf_count * sizeof(*made->next));
}

static enum status walk_groups(const struct payload_columns *from, const struct groups *groups, uint32_t rows,
	struct arrangement *made, struct payload_columns *to)
{
	uint32_t raw = 0;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = groups->rows[i];
		uint32_t code = row < from->places ? from->codes[row] : 0;
		to->codes[i] = code;
		if (code == PAYLOAD_CODE_REFERENCE)
			to->references[to->reference_count++] = from->references[made->first[row]];
		else if (code == PAYLOAD_CODE_RAW)
			made->raw[raw++] = made->first[row];
		if (code < PAYLOAD_CODE_SHAPE)
			continue;
		const struct shape *shape = &from->shapes[code - PAYLOAD_CODE_SHAPE];
		const uint32_t *taken = made->taken + made->first[row];
		for (uint32_t k = 0; k < shape->count; k++) {
			uint32_t leaf = from->holes[shape->first + k];
			made->leaves[leaf][made->next[leaf]++] = taken[k];
		}
	}
	enum status status = texts_arrange(&from->raw, made->raw, raw, &to->raw);
	for (uint32_t i = 0; i < made->leaf_count && status == STATUS_OK; i++)
		status = texts_arrange(&from->leaves[i], made->leaves[i], made->next[i], &to->leaves[i]);
	return status;
}

enum status payload_arrange(
	const struct payload_columns *from, const struct groups *groups, uint32_t rows, struct payload_columns *to)
{
	struct arrangement made = {0};
	struct payload_columns arranged = *from; /* templates, shapes, holes and paths are borrowed */
	arranged.codes = malloc(((size_t)rows + 1) * sizeof(*arranged.codes));
	arranged.references = malloc(((size_t)from->reference_count + 1) * sizeof(*arranged.references));
	arranged.leaves = calloc((size_t)from->paths.count + 1, sizeof(*arranged.leaves));
	arranged.raw = (struct texts){0};
	arranged.reference_count = 0;
	arranged.places = rows;
	enum status status = STATUS_NO_MEMORY;
	if (arranged.codes && arranged.references && arranged.leaves && arrangement_open(from, rows, &made)) {
		find_places(from, &made);
		status = walk_groups(from, groups, rows, &made, &arranged);
	}
	arrangement_finish(&made);
	if (status == STATUS_OK)
		*to = arranged;
	else
		payload_arranged_finish(&arranged);
	return status;
}

void payload_arranged_finish(struct payload_columns *columns)
{
	for (uint32_t i = 0; columns->leaves && i < columns->paths.count; i++)
		texts_finish(&columns->leaves[i]);
	free(columns->leaves);
	free(columns->codes);
	free(columns->references);
	texts_finish(&columns->raw);
}
