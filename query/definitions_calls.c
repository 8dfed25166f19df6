#include <stdlib.h>

#include "columns.h"
#include "conditions.h"
#include "definitions.h"

/* Calls are counted column by column; the tool of a row is looked up once for each combination of codes in a row. */

enum { CACHE_SLOTS = 1024, NAMES_MAX = 256 };

struct calls {
	struct definitions *definitions;
	const struct filter *words;
	bool marking; /* only what calls that the words take saw is marked */
	struct error *error;
	struct {
		uint32_t codes[5];
		bool known;
		struct tool *tool; /* NULL: it is not told */
	} cache[CACHE_SLOTS];      /* of the block in hand */
};

static bool takes_all(const struct calls *calls)
{
	return calls->words->root->type == CONDITION_ALL;
}

struct call_columns {
	struct column tenant, ingest_tenant, server, target, action, stage, digest, verdict;
	struct column_times times;
};

static enum status read_columns(struct block *block, struct call_columns *columns)
{
	const struct {
		unsigned field;
		struct column *column;
	} fields[] = {
		{FIELD_TENANT, &columns->tenant},
		{FIELD_INGEST_TENANT, &columns->ingest_tenant},
		{FIELD_SERVER_NAME, &columns->server},
		{FIELD_TARGET_NAME, &columns->target},
		{FIELD_ACTION, &columns->action},
		{FIELD_STAGE, &columns->stage},
		{FIELD_TARGET_DEFINITION_DIGEST, &columns->digest},
		{FIELD_VERDICT, &columns->verdict},
	};
	enum status status = column_read_times(block, &columns->times);
	for (size_t i = 0; status == STATUS_OK && i < sizeof(fields) / sizeof(fields[0]); i++)
		status = column_read(block, fields[i].field, fields[i].column);
	return status;
}

/* An answer that a person would call a failure of the tool or of what it asks for. */
static bool is_failed(struct text verdict)
{
	enum verdict known = verdict_find(verdict);
	return known != VERDICT_COUNT && (verdict_is_error(known) || known == VERDICT_REJECTED);
}

struct seen_call {
	uint64_t seq;
	int64_t time;
	bool failed;
};

static struct unknown_digest *unknown_of(struct calls *calls, struct tool *tool, struct text digest)
{
	struct unknown_digest *unknown = tool->unknown;
	while (unknown < tool->unknown + tool->unknown_count && !text_equal(unknown->digest, digest))
		unknown++;
	if (unknown == tool->unknown + DEFINITION_UNKNOWN_MAX)
		return NULL;
	if (unknown == tool->unknown + tool->unknown_count) {
		*unknown = (struct unknown_digest){.digest = arena_copy(&calls->definitions->arena, digest),
			.first = INT64_MAX,
			.last = INT64_MIN};
		tool->unknown_count++;
	}
	return unknown;
}

static void count_unknown(struct calls *calls, struct tool *tool, struct text digest, const struct seen_call *call)
{
	struct unknown_digest *unknown = unknown_of(calls, tool, digest);
	if (unknown == NULL) {
		tool->unknown_more += !calls->marking;
		return;
	}
	unknown->taken = unknown->taken || calls->marking || takes_all(calls);
	if (calls->marking)
		return;
	if (call->time < unknown->first) {
		unknown->first = call->time;
		unknown->first_seq = call->seq;
	}
	unknown->last = call->time > unknown->last ? call->time : unknown->last;
	unknown->calls++;
	unknown->failed += call->failed;
}

static void count_call(struct calls *calls, struct tool *tool, struct text digest, const struct seen_call *call)
{
	size_t in_force = tool_version_at(tool, call->time);
	struct version *version = NULL;
	if (digest.len > 0)
		version = tool_version_by_digest(tool, digest, call->time);
	else if (in_force < tool->count)
		version = tool->versions[in_force];
	if (version == NULL && digest.len > 0)
		count_unknown(calls, tool, digest, call);
	else if (version == NULL)
		tool->undigested += !calls->marking;
	if (version == NULL)
		return;
	if (calls->marking) {
		version->taken = true;
		return;
	}
	version->calls++;
	version->failed += call->failed;
	version->late += in_force < tool->count && tool->versions[in_force]->time > version->time;
	if (call->failed && (version->first_failed_seq == 0 || call->time < version->first_failed)) {
		version->first_failed = call->time;
		version->first_failed_seq = call->seq;
	}
}

/* The tool of a row, where it is told; digest: the row has one, so that a tool without any definition may be. */
static struct tool *tool_of_row(struct calls *calls, const struct call_columns *columns, uint32_t row, bool digest)
{
	const struct column *tenant = column_code(&columns->tenant, row) ? &columns->tenant : &columns->ingest_tenant;
	const uint32_t codes[5] = {column_code(tenant, row), column_code(&columns->server, row),
		column_code(&columns->target, row), tenant == &columns->tenant, digest};
	uint64_t hash = 0;
	for (size_t i = 0; i < 5; i++)
		hash = (hash ^ codes[i]) * UINT64_C(0x9e3779b97f4a7c15);
	size_t slot = (hash >> 32) % CACHE_SLOTS;
	if (calls->cache[slot].known && memcmp(calls->cache[slot].codes, codes, sizeof(codes)) == 0)
		return calls->cache[slot].tool;
	const struct text key[3] = {
		column_text(tenant, row), column_text(&columns->server, row), column_text(&columns->target, row)};
	bool full = false;
	bool all = calls->marking || takes_all(calls);
	struct tool *tool = definitions_tool(calls->definitions, key, digest && all, &full);
	calls->definitions->coverage.more = calls->definitions->coverage.more || full;
	if (tool && all)
		tool->taken = true;
	else if (tool && !tool->taken)
		tool = NULL;
	memcpy(calls->cache[slot].codes, codes, sizeof(codes));
	calls->cache[slot].known = true;
	calls->cache[slot].tool = tool;
	return tool;
}

static enum status count_block(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct calls *calls = context;
	struct call_columns columns;
	(void)place;
	memset(calls->cache, 0, sizeof(calls->cache));
	enum status status = read_columns(block, &columns);
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++) {
		struct text action = column_text(&columns.action, row);
		struct text digest = column_text(&columns.digest, row);
		if ((action.len > 0 && !text_equal(action, TEXT("tools/call"))) ||
			text_equal(column_text(&columns.stage, row), TEXT("start")))
			continue;
		struct tool *tool = tool_of_row(calls, &columns, row, digest.len > 0);
		const struct seen_call call = {block_first_seq(block) + row, column_time(&columns.times, row),
			is_failed(column_text(&columns.verdict, row))};
		if (tool)
			count_call(calls, tool, digest, &call);
	}
	return status;
}

/* Which calls are looked at: those that the words take, or those of the tools, where these are few enough to be named. */
static struct condition *make_condition(struct calls *calls)
{
	static const uint8_t kind[] = {FIELD_KIND};
	static const uint8_t target[] = {FIELD_TARGET_NAME};
	struct definitions *definitions = calls->definitions;
	struct arena *arena = &definitions->arena;
	struct condition *all = condition_group(arena, CONDITION_AND);
	size_t named = 0;
	all = condition_add(all, condition_exact(arena, kind, 1, TEXT("tool_call")));
	all = condition_add(all, condition_exists(arena, target, 1));
	if (calls->marking)
		return condition_add(all, condition_copy(arena, calls->words->root));
	for (size_t i = 0; i < definitions->tool_count; i++)
		named += definitions->tools[i]->taken;
	if (named > NAMES_MAX || takes_all(calls))
		return all;
	struct condition *any = condition_group(arena, CONDITION_OR);
	for (size_t i = 0; i < definitions->tool_count; i++)
		if (definitions->tools[i]->taken)
			any = condition_add(any, condition_exact(arena, target, 1, definitions->tools[i]->name));
	return named > 0 ? condition_add(all, any) : all;
}

static enum status scan_calls(struct calls *calls, const struct scan *scan, bool marking)
{
	calls->marking = marking;
	struct filter filter = {.root = make_condition(calls), .asks_texts = calls->words->asks_texts};
	struct coverage *coverage = &calls->definitions->coverage;
	struct coverage met = {0};
	struct scan range = *scan;
	range.filter = &filter;
	range.coverage = &met;
	enum status status = filter.root ? scan_run(&range, count_block, calls, calls->error) : STATUS_NO_MEMORY;
	if (status != STATUS_OK || marking)
		return status;
	coverage_join(coverage, &met);
	coverage->events = calls->definitions->version_count;
	return coverage_collect(&range, coverage, calls->error);
}

enum status definitions_add_calls(
	struct definitions *definitions, const struct scan *scan, const struct filter *words, struct error *error)
{
	struct calls *calls = calloc(1, sizeof(*calls));
	if (calls == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	calls->definitions = definitions;
	calls->words = words;
	calls->error = error;
	enum status status = takes_all(calls) ? STATUS_OK : scan_calls(calls, scan, true);
	if (status == STATUS_OK)
		status = scan_calls(calls, scan, false);
	free(calls);
	return status;
}
