/*
 * A report is known by up to three keyed hashes: its span, its parent's span, and its request in its session.  A table
 * holds, for each hash, the highest rank of a report that has it; a report gives way where one of its own hashes has a
 * higher rank than itself.  Keyed with a secret, so that nobody can make another's calls vanish by choosing ids.
 */
#include "once.h"

#include <stdlib.h>

#include "columns.h"
#include "crypto.h"
#include "rank.h"

enum { SLOTS = 2 * ONCE_KEYS_MAX, RANK_BITS = 2, RANK_MASK = (1 << RANK_BITS) - 1 };
/* What a hash is of; an end of a call ranks above its start. */
enum sort { SORT_SPAN, SORT_REQUEST, SORT_STAGE };
enum { STAGE_RANK_END = RANK_SERVER + 1 };
_Static_assert((int)STAGE_RANK_END <= (int)RANK_MASK, "ranks fit into the low bits of a slot");

struct once {
	uint8_t hash_key[16];
	uint64_t *slots; /* hash, with the rank in its low bits; 0: free */
	size_t count;
	bool full;
};

/* Of one block. */
struct reports {
	struct column kind, stage, role, tenant, ingest_tenant, action, target, id, trace, span, parent, session,
		request;
};

static enum status read_reports(struct block *block, struct reports *reports)
{
	const struct {
		unsigned field;
		struct column *column;
	} columns[] = {
		{FIELD_KIND, &reports->kind},
		{FIELD_STAGE, &reports->stage},
		{FIELD_OBSERVER_ROLE, &reports->role},
		{FIELD_TENANT, &reports->tenant},
		{FIELD_INGEST_TENANT, &reports->ingest_tenant},
		{FIELD_ACTION, &reports->action},
		{FIELD_TARGET_NAME, &reports->target},
		{FIELD_ID, &reports->id},
		{FIELD_TRACE_ID, &reports->trace},
		{FIELD_SPAN_ID, &reports->span},
		{FIELD_PARENT_SPAN_ID, &reports->parent},
		{FIELD_SESSION_ID, &reports->session},
		{FIELD_REQUEST_ID, &reports->request},
	};
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		enum status status = column_read(block, columns[i].field, columns[i].column);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static struct text text_at(const struct column *column, uint32_t row)
{
	if (row >= column->rows || column->codes[row] == 0)
		return (struct text){NULL, 0};
	return column->entries[column->codes[row]];
}

static struct text tenant_at(const struct reports *reports, uint32_t row)
{
	struct text tenant = text_at(&reports->tenant, row);
	return tenant.at ? tenant : text_at(&reports->ingest_tenant, row);
}

/* --- hashes --- */

static uint64_t hash_texts(const struct once *once, enum sort sort, const struct text *texts, size_t count)
{
	uint64_t hashes[8] = {(uint64_t)sort};
	for (size_t i = 0; i < count; i++)
		hashes[i + 1] = siphash(once->hash_key, texts[i].at ? texts[i].at : "", texts[i].len);
	uint64_t hash = siphash(once->hash_key, hashes, (count + 1) * sizeof(hashes[0])) & ~(uint64_t)RANK_MASK;
	return hash ? hash : RANK_MASK + 1;
}

/* 0: the report has no such span. */
static uint64_t span_hash(
	const struct once *once, const struct reports *reports, uint32_t row, const struct column *span)
{
	const struct text texts[] = {tenant_at(reports, row), text_at(&reports->action, row),
		text_at(&reports->target, row), text_at(&reports->trace, row), text_at(span, row)};
	return texts[3].len && texts[4].len ? hash_texts(once, SORT_SPAN, texts, 5) : 0;
}

static uint64_t request_hash(const struct once *once, const struct reports *reports, uint32_t row)
{
	const struct text texts[] = {tenant_at(reports, row), text_at(&reports->action, row),
		text_at(&reports->target, row), text_at(&reports->session, row), text_at(&reports->request, row)};
	return texts[3].len && texts[4].len ? hash_texts(once, SORT_REQUEST, texts, 5) : 0;
}

static uint64_t stage_hash(const struct once *once, const struct reports *reports, uint32_t row)
{
	const struct text texts[] = {tenant_at(reports, row), text_at(&reports->id, row)};
	return texts[1].len ? hash_texts(once, SORT_STAGE, texts, 2) : 0;
}

static uint64_t *slot_of(const struct once *once, uint64_t hash)
{
	size_t at = (hash >> RANK_BITS) % SLOTS;
	while (once->slots[at] && (once->slots[at] & ~(uint64_t)RANK_MASK) != hash)
		at = (at + 1) % SLOTS;
	return &once->slots[at];
}

static void put(struct once *once, uint64_t hash, unsigned rank)
{
	if (hash == 0)
		return;
	uint64_t *slot = slot_of(once, hash);
	if (*slot == 0 && once->count == ONCE_KEYS_MAX) {
		once->full = true;
		return;
	}
	once->count += *slot == 0;
	if (*slot == 0 || (*slot & RANK_MASK) < rank)
		*slot = hash | rank;
}

static bool is_outranked(const struct once *once, uint64_t hash, unsigned rank)
{
	return hash && (*slot_of(once, hash) & RANK_MASK) > rank;
}

/* --- building --- */

static bool is_call(const struct reports *reports, uint32_t row)
{
	return text_equal(text_at(&reports->kind, row), TEXT("tool_call"));
}

/* The lowest rank outranks nobody, so it need not be kept. */
static enum status look_at_block(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	(void)place;
	struct once *once = context;
	struct reports reports;
	enum status status = read_reports(block, &reports);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++) {
		if (!is_call(&reports, row))
			continue;
		if (text_equal(text_at(&reports.stage, row), TEXT("end")))
			put(once, stage_hash(once, &reports, row), STAGE_RANK_END);
		enum rank rank = rank_of_role(text_at(&reports.role, row));
		if (rank == RANK_CLIENT)
			continue;
		put(once, span_hash(once, &reports, row, &reports.span), rank);
		put(once, span_hash(once, &reports, row, &reports.parent), rank);
		put(once, request_hash(once, &reports, row), rank);
	}
	return status;
}

enum status once_build(const struct scan *scan, struct once **once, struct error *error)
{
	struct scan calls = *scan;
	struct coverage ignored = {0};
	struct once *made = calloc(1, sizeof(*made));
	if (made)
		made->slots = calloc(SLOTS, sizeof(made->slots[0]));
	if (made == NULL || made->slots == NULL) {
		once_destroy(&made);
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	}
	calls.coverage = &ignored;
	calls.purpose = "reports of the same calls";
	enum status status = crypto_random(made->hash_key, sizeof(made->hash_key));
	if (status == STATUS_OK)
		status = scan_run(&calls, look_at_block, made, error);
	if (status != STATUS_OK) {
		once_destroy(&made);
		return status;
	}
	*once = made;
	return STATUS_OK;
}

void once_destroy(struct once **once)
{
	if (*once)
		free((*once)->slots);
	free(*once);
	*once = NULL;
}

bool once_is_whole(const struct once *once)
{
	return !once->full;
}

/* --- asking --- */

static bool gives_way(const struct once *once, const struct reports *reports, uint32_t row)
{
	enum rank rank = rank_of_role(text_at(&reports->role, row));
	if (text_equal(text_at(&reports->stage, row), TEXT("start")) &&
		is_outranked(once, stage_hash(once, reports, row), RANK_SERVER))
		return true;
	return rank != RANK_SERVER && (is_outranked(once, span_hash(once, reports, row, &reports->span), rank) ||
					      is_outranked(once, request_hash(once, reports, row), rank));
}

enum status once_drop(const struct once *once, struct block *block, uint64_t rows[ROW_WORDS_MAX])
{
	struct reports reports;
	enum status status = read_reports(block, &reports);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++)
		if (is_call(&reports, row) && gives_way(once, &reports, row))
			rows[row / 64] &= ~(UINT64_C(1) << (row % 64));
	return status;
}
