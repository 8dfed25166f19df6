#include "first_seen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "brief.h"
#include "columns.h"
#include "crypto.h"
#include "places.h"

enum {
	ARENA_BYTES_MAX = 128 * 1024 * 1024,
	SCRATCH_BYTES_MAX = 64 * 1024 * 1024,
	EXAMPLE_BYTES_MAX = 16 * 1024,
	TOLD_MAX = 20000,
	CACHE_SLOTS = 1024,
	TABLE_SLOTS = 2 * FIRST_SEEN_VALUES_MAX, /* a power of two */
};

/* A value of a sort. */
struct entry {
	uint64_t fingerprint;
	int64_t first, last;
	uint64_t events, seq;
	uint32_t store, sort;
};

/* What a row has of a sort: of each part which field, and its code in the block or its number. */
struct row_key {
	int64_t parts[FIRST_SEEN_FIELDS_MAX];
	uint32_t fields[FIRST_SEEN_FIELDS_MAX];
};

struct look {
	struct first_seen *seen;
	const struct sort *sorts;
	size_t sort_count;
	bool by_recv_time;
	uint8_t key[16];
	struct entry *entries; /* owned */
	size_t count, room;
	uint32_t *slots; /* owned; 1 + index of an entry */
	struct {
		struct row_key key;
		uint32_t entry;                     /* 1 + index; 0: the slot is free */
	} cache[FIRST_SEEN_SORTS_MAX][CACHE_SLOTS]; /* of the block in hand */
	struct column columns[FIRST_SEEN_SORTS_MAX][FIRST_SEEN_FIELDS_MAX][FIRST_SEEN_FIELDS_MAX];
};

enum status sort_parse(struct text text, struct sort *sort)
{
	struct sort parsed = {.count = 0};
	for (size_t at = 0; at <= text.len;) {
		const char *comma = at < text.len ? memchr(text.at + at, ',', text.len - at) : NULL;
		size_t end = comma ? (size_t)(comma - text.at) : text.len;
		struct text name = {text.at + at, end - at};
		struct field_name found = field_name_find(name);
		if (found.count == 0 || found.path.len > 0 || parsed.count == FIRST_SEEN_FIELDS_MAX)
			return STATUS_NOT_FOUND;
		if (found.count > FIRST_SEEN_FIELDS_MAX)
			found.count = FIRST_SEEN_FIELDS_MAX;
		parsed.names[parsed.count] = name;
		parsed.fields[parsed.count++] = found;
		at = end + 1;
	}
	*sort = parsed;
	return STATUS_OK;
}

/* --- the table --- */

static enum status find_entry(struct look *look, uint64_t fingerprint, uint32_t sort, uint32_t *index)
{
	size_t slot = fingerprint % TABLE_SLOTS;
	for (; look->slots[slot]; slot = (slot + 1) % TABLE_SLOTS) {
		const struct entry *entry = &look->entries[look->slots[slot] - 1];
		if (entry->fingerprint == fingerprint && entry->sort == sort) {
			*index = look->slots[slot];
			return STATUS_OK;
		}
	}
	if (look->count == FIRST_SEEN_VALUES_MAX)
		return STATUS_TOO_LARGE;
	if (look->count == look->room) {
		size_t room = look->room ? look->room * 2 : 4096;
		struct entry *grown = realloc(look->entries, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		look->entries = grown;
		look->room = room;
	}
	look->entries[look->count++] =
		(struct entry){.fingerprint = fingerprint, .first = INT64_MAX, .last = INT64_MIN, .sort = sort};
	look->slots[slot] = (uint32_t)look->count;
	*index = (uint32_t)look->count;
	return STATUS_OK;
}

/* --- rows --- */

/* false: the row lacks a part. */
static bool read_key(const struct look *look, size_t sort, uint32_t row, struct row_key *key)
{
	const struct sort *asked = &look->sorts[sort];
	*key = (struct row_key){{0}, {0}};
	for (size_t part = 0; part < asked->count; part++) {
		bool has = false;
		for (size_t field = 0; field < asked->fields[part].count && !has; field++) {
			const struct column *column = &look->columns[sort][part][field];
			has = column->is_number ? column_has_number(column, row) : column_code(column, row) != 0;
			if (has)
				key->parts[part] = column->is_number ? column->numbers[row] : column->codes[row];
			key->fields[part] = (uint32_t)field;
		}
		if (!has)
			return false;
	}
	return true;
}

static uint64_t fingerprint_of(const struct look *look, size_t sort, const struct row_key *key, uint32_t row)
{
	uint64_t hash = sort + 1;
	for (size_t part = 0; part < look->sorts[sort].count; part++) {
		const struct column *column = &look->columns[sort][part][key->fields[part]];
		struct text text = column_text(column, row);
		const int64_t *number = &key->parts[part];
		hash = (hash ^ (column->is_number ? siphash(look->key, number, sizeof(*number))
						  : siphash(look->key, text.at, text.len))) *
		       UINT64_C(0x9e3779b97f4a7c15);
	}
	return hash;
}

static enum status entry_of_row(
	struct look *look, size_t sort, const struct row_key *key, uint32_t row, uint32_t *index)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < FIRST_SEEN_FIELDS_MAX; i++)
		hash = (hash ^ (uint64_t)key->parts[i] ^ (uint64_t)key->fields[i] << 56) * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (hash >> 32) % CACHE_SLOTS;
	if (look->cache[sort][slot].entry && memcmp(&look->cache[sort][slot].key, key, sizeof(*key)) == 0) {
		*index = look->cache[sort][slot].entry;
		return STATUS_OK;
	}
	enum status status = find_entry(look, fingerprint_of(look, sort, key, row), (uint32_t)sort, index);
	if (status == STATUS_OK) {
		look->cache[sort][slot].key = *key;
		look->cache[sort][slot].entry = *index;
	}
	return status;
}

static bool comes_before(const struct entry *entry, int64_t time, size_t store, uint64_t seq)
{
	if (time != entry->first)
		return time < entry->first;
	return store != entry->store ? store < entry->store : seq < entry->seq;
}

static enum status look_at_row(
	struct look *look, const struct scan_place *place, uint64_t seq, uint32_t row, int64_t time)
{
	enum status status = STATUS_OK;
	look->seen->record = time < look->seen->record ? time : look->seen->record;
	for (size_t sort = 0; sort < look->sort_count && status == STATUS_OK; sort++) {
		struct row_key key;
		uint32_t index = 0;
		if (!read_key(look, sort, row, &key))
			continue;
		status = entry_of_row(look, sort, &key, row, &index);
		if (status != STATUS_OK)
			break;
		struct entry *entry = &look->entries[index - 1];
		entry->events++;
		if (comes_before(entry, time, place->store, seq)) {
			entry->first = time;
			entry->store = (uint32_t)place->store;
			entry->seq = seq;
		}
		entry->last = time > entry->last ? time : entry->last;
	}
	return status;
}

static enum status visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct look *look = context;
	struct column_times times;
	memset(look->cache, 0, sizeof(look->cache));
	enum status status = column_read_times(block, &times);
	if (look->by_recv_time)
		times.own.rows = 0;
	for (size_t sort = 0; sort < look->sort_count; sort++)
		for (size_t part = 0; part < look->sorts[sort].count; part++)
			for (size_t i = 0; i < look->sorts[sort].fields[part].count && status == STATUS_OK; i++)
				status = column_read(
					block, look->sorts[sort].fields[part].fields[i], &look->columns[sort][part][i]);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		status = look_at_row(look, place, block_first_seq(block) + row, row, column_time(&times, row));
	return status;
}

/* --- what is told --- */

static int newest_first(const void *a, const void *b)
{
	const struct sighting *first = *(struct sighting *const *)a;
	const struct sighting *second = *(struct sighting *const *)b;
	if (first->first != second->first)
		return first->first > second->first ? -1 : 1;
	if (first->store != second->store)
		return first->store < second->store ? -1 : 1;
	if (first->seq != second->seq)
		return first->seq > second->seq ? -1 : 1;
	return (first->sort > second->sort) - (first->sort < second->sort);
}

static int entry_newest_first(const void *a, const void *b)
{
	const struct entry *first = a;
	const struct entry *second = b;
	const struct sighting one = {
		.first = first->first, .store = first->store, .seq = first->seq, .sort = first->sort};
	const struct sighting other = {
		.first = second->first, .store = second->store, .seq = second->seq, .sort = second->sort};
	const struct sighting *pointers[] = {&one, &other};
	return newest_first(&pointers[0], &pointers[1]);
}

static enum status choose(struct look *look, int64_t since, uint64_t limit)
{
	struct first_seen *seen = look->seen;
	if (look->count > 1)
		qsort(look->entries, look->count, sizeof(struct entry), entry_newest_first);
	size_t fresh = 0;
	while (fresh < look->count && look->entries[fresh].first >= since)
		fresh++;
	seen->known = look->count - fresh;
	seen->count = fresh < limit ? fresh : (size_t)limit;
	seen->coverage.more = seen->count < fresh;
	seen->items = calloc(seen->count + 1, sizeof(struct sighting *));
	struct sighting *sightings = arena_calloc(&seen->arena, seen->count + 1, sizeof(*sightings));
	if (seen->items == NULL || sightings == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < seen->count; i++) {
		const struct entry *entry = &look->entries[i];
		sightings[i] = (struct sighting){.sort = entry->sort,
			.first = entry->first,
			.last = entry->last,
			.events = entry->events,
			.store = entry->store,
			.seq = entry->seq,
			.fingerprint = entry->fingerprint};
		seen->items[i] = &sightings[i];
	}
	return STATUS_OK;
}

struct telling {
	struct look *look;
	struct arena scratch;
	struct buf example;
};

static struct text value_of(struct arena *arena, const struct event *event, const struct field_name *name)
{
	for (size_t i = 0; i < name->count; i++) {
		unsigned field = name->fields[i];
		char digits[24];
		if (!event_has(event, field))
			continue;
		if (!field_is_number(field_info(field)->type))
			return arena_copy(arena, event_text(event, field));
		int len = snprintf(digits, sizeof(digits), "%" PRId64, event->value[field].number);
		return arena_copy(arena, (struct text){digits, (size_t)len});
	}
	return (struct text){NULL, 0};
}

static enum status tell(void *context, const struct place *place, struct text store_id, const struct event *event)
{
	struct telling *telling = context;
	struct sighting *sighting = place->item;
	const struct sort *sort = &telling->look->sorts[sighting->sort];
	struct arena *arena = &telling->look->seen->arena;
	char buffer[96];
	for (size_t i = 0; i < sort->count; i++)
		sighting->values[i] = value_of(arena, event, &sort->fields[i]);
	sighting->id = arena_copy(arena, event_id(event, store_id, buffer));
	sighting->user = arena_copy(arena, event_text(event, FIELD_USER_ID));
	buf_clear(&telling->example);
	if (event_text(event, FIELD_SERVER_NAME).len > 0) {
		buf_put_text(&telling->example, event_text(event, FIELD_SERVER_NAME));
		buf_put_string(&telling->example, " · ");
	}
	brief_what(&telling->example, event);
	buf_put_byte(&telling->example, ' ');
	brief_parameters(&telling->example, event_text(event, FIELD_REQUEST), &telling->scratch);
	sighting->example = arena_copy(arena, buf_text(&telling->example));
	return STATUS_OK;
}

static enum status read_sightings(struct look *look, const struct scan *scan, struct error *error)
{
	struct first_seen *seen = look->seen;
	struct telling telling = {.look = look};
	struct place *places = calloc(seen->count + 1, sizeof(*places));
	if (places == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < seen->count; i++)
		places[i] = (struct place){seen->items[i]->store, seen->items[i]->seq, seen->items[i]};
	arena_init(&telling.scratch, SCRATCH_BYTES_MAX);
	buf_init(&telling.example, EXAMPLE_BYTES_MAX);
	enum status status = places_read(scan, places, seen->count, tell, &telling, error);
	buf_finish(&telling.example);
	arena_finish(&telling.scratch);
	free(places);
	return status;
}

/* --- the whole --- */

static enum status find(
	struct look *look, const struct scan *scan, const struct first_seen_question *question, struct error *error)
{
	struct first_seen *seen = look->seen;
	struct scan all = *scan;
	all.coverage = &seen->coverage;
	look->by_recv_time = scan->by_recv_time;
	look->slots = calloc(TABLE_SLOTS, sizeof(*look->slots));
	enum status status = look->slots ? crypto_random(look->key, sizeof(look->key)) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = scan_run(&all, visit, look, error);
	if (status == STATUS_TOO_LARGE)
		return error_set(error, STATUS_LIMIT,
			"there are more than %d different values: ask for fewer fields or events",
			FIRST_SEEN_VALUES_MAX);
	if (status == STATUS_OK)
		status = choose(look, question->since,
			question->limit > 0 && question->limit < TOLD_MAX ? question->limit : TOLD_MAX);
	if (status == STATUS_OK)
		status = read_sightings(look, scan, error);
	seen->coverage.events = seen->count;
	return status == STATUS_OK ? coverage_collect(&all, &seen->coverage, error) : status;
}

enum status first_seen_find(struct first_seen **seen, const struct scan *scan,
	const struct first_seen_question *question, struct error *error)
{
	struct first_seen *made = calloc(1, sizeof(*made));
	struct look *look = calloc(1, sizeof(*look));
	enum status status = STATUS_NO_MEMORY;
	if (made && look) {
		made->record = INT64_MAX;
		arena_init(&made->arena, ARENA_BYTES_MAX);
		look->seen = made;
		look->sorts = question->sorts;
		look->sort_count = question->sort_count;
		status = find(look, scan, question, error);
		free(look->entries);
		free(look->slots);
	}
	free(look);
	if (status != STATUS_OK) {
		first_seen_destroy(&made);
		return status;
	}
	*seen = made;
	return STATUS_OK;
}

void first_seen_destroy(struct first_seen **seen)
{
	if (*seen == NULL)
		return;
	free((*seen)->items);
	arena_finish(&(*seen)->arena);
	free(*seen);
	*seen = NULL;
}
