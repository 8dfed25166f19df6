#include "emitter_gaps.h"

#include <stdlib.h>

/* One number that came. */
struct counted {
	uint32_t emitter;
	int64_t number;
	int64_t time;
};

struct emitter {
	struct text tenant, role, name, instance, epoch;
	int64_t told_last; /* by a heartbeat; INT64_MIN: none */
	int64_t told_at;
};

struct search {
	struct arena *arena;
	struct emitter *emitters;
	size_t emitter_count;
	struct counted *counted; /* owned */
	size_t count, room;
	bool more;
};

/* The columns of a block that tell of an emitter. */
enum {
	COLUMN_TENANT,
	COLUMN_INGEST_TENANT,
	COLUMN_ROLE,
	COLUMN_NAME,
	COLUMN_INSTANCE,
	COLUMN_EPOCH,
	COLUMN_OWN_EPOCH,
	COLUMN_TEXTS
};
static const uint8_t text_fields[COLUMN_TEXTS] = {FIELD_TENANT, FIELD_INGEST_TENANT, FIELD_OBSERVER_ROLE,
	FIELD_OBSERVER_NAME, FIELD_OBSERVER_INSTANCE, FIELD_OBSERVER_EPOCH, FIELD_EPOCH};
enum { COLUMN_NUMBER, COLUMN_LAST, COLUMN_TIME, COLUMN_RECV_TIME, COLUMN_NUMBERS };
static const uint8_t number_fields[COLUMN_NUMBERS] = {FIELD_OBSERVER_SEQ, FIELD_LAST_SEQ, FIELD_TIME, FIELD_RECV_TIME};

struct columns {
	struct column texts[COLUMN_TEXTS];
	struct column numbers[COLUMN_NUMBERS];
};

static enum status read_columns(struct block *block, struct columns *columns)
{
	*columns = (struct columns){0};
	for (size_t i = 0; i < COLUMN_TEXTS + COLUMN_NUMBERS; i++) {
		bool text = i < COLUMN_TEXTS;
		unsigned field = text ? text_fields[i] : number_fields[i - COLUMN_TEXTS];
		struct column *column = text ? &columns->texts[i] : &columns->numbers[i - COLUMN_TEXTS];
		enum status status = block_column(block, field, column);
		if (status != STATUS_OK && status != STATUS_NOT_FOUND)
			return status;
		if (status == STATUS_NOT_FOUND)
			*column = (struct column){0};
	}
	return STATUS_OK;
}

static struct text text_at(const struct columns *columns, size_t which, uint32_t row)
{
	const struct column *column = &columns->texts[which];
	uint32_t code = row < column->rows ? column->codes[row] : 0;
	return code ? column->entries[code] : (struct text){NULL, 0};
}

static bool number_at(const struct columns *columns, size_t which, uint32_t row, int64_t *number)
{
	const struct column *column = &columns->numbers[which];
	if (row >= column->rows || !row_is_set(column->present, row))
		return false;
	*number = column->numbers[row];
	return true;
}

static struct emitter emitter_at(const struct columns *columns, uint32_t row)
{
	struct text tenant = text_at(columns, COLUMN_TENANT, row);
	struct text epoch = text_at(columns, COLUMN_EPOCH, row);
	return (struct emitter){
		.tenant = tenant.len > 0 ? tenant : text_at(columns, COLUMN_INGEST_TENANT, row),
		.role = text_at(columns, COLUMN_ROLE, row),
		.name = text_at(columns, COLUMN_NAME, row),
		.instance = text_at(columns, COLUMN_INSTANCE, row),
		.epoch = epoch.len > 0 ? epoch : text_at(columns, COLUMN_OWN_EPOCH, row),
		.told_last = INT64_MIN,
	};
}

static bool is_same(const struct emitter *a, const struct emitter *b)
{
	return text_equal(a->epoch, b->epoch) && text_equal(a->instance, b->instance) && text_equal(a->name, b->name) &&
	       text_equal(a->role, b->role) && text_equal(a->tenant, b->tenant);
}

/* The emitter's place in the table, which it gets when it is new; EMITTERS_MAX: the table is full. */
static enum status find_emitter(struct search *search, const struct emitter *wanted, uint32_t *found)
{
	size_t at = *found; /* most often the one before */
	struct text *texts[5];
	if (at < search->emitter_count && is_same(&search->emitters[at], wanted))
		return STATUS_OK;
	for (at = 0; at < search->emitter_count && !is_same(&search->emitters[at], wanted);)
		at++;
	*found = (uint32_t)at;
	if (at < search->emitter_count || at == EMITTERS_MAX)
		return STATUS_OK;
	struct emitter *emitter = &search->emitters[search->emitter_count++];
	*emitter = *wanted;
	texts[0] = &emitter->tenant;
	texts[1] = &emitter->role;
	texts[2] = &emitter->name;
	texts[3] = &emitter->instance;
	texts[4] = &emitter->epoch;
	for (size_t i = 0; i < 5; i++) {
		*texts[i] = arena_copy(search->arena, *texts[i]);
		if (texts[i]->at == NULL)
			return STATUS_NO_MEMORY;
	}
	return STATUS_OK;
}

static enum status add_counted(struct search *search, struct counted counted)
{
	if (search->count == search->room) {
		size_t room = search->room ? search->room * 2 : 4096;
		struct counted *grown = realloc(search->counted, room * sizeof(*grown));
		if (grown == NULL)
			return STATUS_NO_MEMORY;
		search->counted = grown;
		search->room = room;
	}
	search->counted[search->count++] = counted;
	return STATUS_OK;
}

static enum status add_row(struct search *search, const struct columns *columns, uint32_t row, uint32_t *last)
{
	int64_t number = 0;
	int64_t told = 0;
	int64_t time = 0;
	bool counts = number_at(columns, COLUMN_NUMBER, row, &number);
	bool tells = number_at(columns, COLUMN_LAST, row, &told);
	struct emitter emitter = emitter_at(columns, row);
	enum status status = STATUS_OK;
	if (counts || tells)
		status = find_emitter(search, &emitter, last);
	if (status != STATUS_OK || (!counts && !tells))
		return status;
	if (*last == EMITTERS_MAX) {
		search->more = true;
		return STATUS_OK;
	}
	if (!number_at(columns, COLUMN_TIME, row, &time))
		(void)number_at(columns, COLUMN_RECV_TIME, row, &time);
	struct emitter *known = &search->emitters[*last];
	if (tells && told > known->told_last) {
		known->told_last = told;
		known->told_at = time;
	}
	return counts ? add_counted(search, (struct counted){*last, number, time}) : STATUS_OK;
}

static enum status visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct search *search = context;
	struct columns columns;
	uint32_t last = EMITTERS_MAX;
	enum status status = read_columns(block, &columns);
	(void)place;
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row) && row < BLOCK_ROWS_MAX; row++) {
		if (search->count == EMITTER_EVENTS_MAX) {
			search->more = true;
			return STATUS_LIMIT;
		}
		status = add_row(search, &columns, row, &last);
	}
	return status;
}

/* --- holes --- */

static int by_emitter_and_number(const void *a, const void *b)
{
	const struct counted *first = a;
	const struct counted *second = b;
	if (first->emitter != second->emitter)
		return first->emitter < second->emitter ? -1 : 1;
	return first->number < second->number ? -1 : first->number > second->number;
}

static int by_after(const void *a, const void *b)
{
	const struct emitter_gap *first = a;
	const struct emitter_gap *second = b;
	return first->after < second->after ? -1 : first->after > second->after;
}

static void add_gap(const struct search *search, const struct counted *before, int64_t last, int64_t behind,
	struct emitter_gaps *found)
{
	const struct emitter *emitter = &search->emitters[before->emitter];
	if (found->count == EMITTER_GAPS_MAX) {
		found->more = true;
		return;
	}
	found->gaps[found->count++] = (struct emitter_gap){.tenant = emitter->tenant,
		.role = emitter->role,
		.name = emitter->name,
		.instance = emitter->instance,
		.epoch = emitter->epoch,
		.first = before->number + 1,
		.last = last,
		.after = before->time,
		.before = behind};
}

static void find_holes(struct search *search, struct emitter_gaps *found)
{
	const struct counted *counted = search->counted;
	for (size_t i = 0; i < search->count; i++) {
		const struct counted *next = i + 1 < search->count ? &counted[i + 1] : NULL;
		const struct emitter *emitter = &search->emitters[counted[i].emitter];
		if (counted[i].number == INT64_MAX)
			continue;
		if (next && next->emitter == counted[i].emitter) {
			if (next->number > counted[i].number + 1)
				add_gap(search, &counted[i], next->number - 1, next->time, found);
		} else if (emitter->told_last > counted[i].number) {
			add_gap(search, &counted[i], emitter->told_last, emitter->told_at, found);
		}
	}
}

enum status emitter_gaps_find(
	const struct scan *scan, struct arena *arena, struct emitter_gaps *found, struct error *error)
{
	struct search search = {.arena = arena};
	struct emitter_gaps made = {0};
	search.emitters = arena_alloc(arena, EMITTERS_MAX * sizeof(*search.emitters));
	made.gaps = arena_alloc(arena, EMITTER_GAPS_MAX * sizeof(*made.gaps));
	if (search.emitters == NULL || made.gaps == NULL)
		return STATUS_NO_MEMORY;
	enum status status = scan_run(scan, visit, &search, error);
	if (status == STATUS_OK) {
		if (search.count > 1)
			qsort(search.counted, search.count, sizeof(search.counted[0]), by_emitter_and_number);
		find_holes(&search, &made);
		qsort(made.gaps, made.count, sizeof(made.gaps[0]), by_after);
		made.more = made.more || search.more;
		*found = made;
	}
	free(search.counted);
	return status;
}
