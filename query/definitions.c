#include "definitions.h"

#include <stdio.h>
#include <stdlib.h>

#include "conditions.h"
#include "crypto.h"
#include "places.h"

enum { ARENA_BYTES_MAX = 192 * 1024 * 1024, TEXTS_BYTES_MAX = 128 * 1024 * 1024, SAME_TEXT_WITHIN = 64 };

static const char removed[] = "removed";

/* --- tools --- */

static uint64_t slot_of(const struct definitions *definitions, const struct text key[3])
{
	uint64_t hash = 0;
	for (size_t i = 0; i < 3; i++)
		hash = hash * UINT64_C(0x9e3779b97f4a7c15) + siphash(definitions->hash_key, key[i].at, key[i].len);
	return hash % DEFINITION_SLOTS;
}

static bool grow(void **items, size_t *room, size_t count, size_t size)
{
	if (count < *room)
		return true;
	size_t wanted = *room ? *room * 2 : 8;
	void *grown = realloc(*items, wanted * size);
	if (grown == NULL)
		return false;
	*items = grown;
	*room = wanted;
	return true;
}

struct tool *definitions_tool(struct definitions *definitions, const struct text key[3], bool make, bool *full)
{
	struct tool **slot = &definitions->slots[slot_of(definitions, key)];
	*full = false;
	for (struct tool *tool = *slot; tool; tool = tool->next)
		if (text_equal(tool->tenant, key[0]) && text_equal(tool->server, key[1]) &&
			text_equal(tool->name, key[2]))
			return tool;
	if (!make)
		return NULL;
	struct tool *tool = NULL;
	if (definitions->tool_count < DEFINITION_TOOLS_MAX)
		tool = arena_calloc(&definitions->arena, 1, sizeof(*tool));
	*full = tool == NULL || !grow((void **)&definitions->tools, &definitions->tool_room, definitions->tool_count,
					sizeof(struct tool *));
	if (*full)
		return NULL;
	tool->tenant = arena_copy(&definitions->arena, key[0]);
	tool->server = arena_copy(&definitions->arena, key[1]);
	tool->name = arena_copy(&definitions->arena, key[2]);
	tool->next = *slot;
	*slot = tool;
	definitions->tools[definitions->tool_count++] = tool;
	return tool;
}

size_t tool_version_at(const struct tool *tool, int64_t time)
{
	size_t first = 0;
	size_t end = tool->count;
	while (first < end) { /* the first version after time */
		size_t middle = first + (end - first) / 2;
		if (tool->versions[middle]->time <= time)
			first = middle + 1;
		else
			end = middle;
	}
	return first > 0 ? first - 1 : tool->count;
}

/* --- versions --- */

static void keep_fields(struct definitions *definitions, const struct event *event, struct version *version)
{
	const struct {
		unsigned field;
		struct text *text;
	} fields[] = {
		{FIELD_OP, &version->op},
		{FIELD_NEW_DIGEST, &version->digest},
		{FIELD_OLD_DIGEST, &version->old_digest},
		{FIELD_FIELD_DIGESTS, &version->field_digests},
		{FIELD_SERVER_VERSION, &version->server_version},
		{FIELD_CAUSED_BY, &version->caused_by},
		{FIELD_OBSERVER_NAME, &version->observer},
		{FIELD_SERVER_INSTANCE, &version->instance},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		*fields[i].text = arena_copy(&definitions->arena, event_text(event, fields[i].field));
}

/* A digest for those who sent none, so that equal definitions are one version. */
static void compute_digest(struct definitions *definitions, struct version *version, struct text definition)
{
	uint8_t digest[SHA256_BYTES];
	char text[8 + 2 * SHA256_BYTES] = "sha256:";
	if (version->digest.len > 0 || definition.len == 0 || crypto_sha256(definition, digest) != STATUS_OK)
		return;
	hex_encode(digest, sizeof(digest), text + 7);
	version->digest = arena_copy(&definitions->arena, (struct text){text, sizeof(text) - 1});
	version->computed = true;
}

/* The same text is kept once for each tool, since servers announce it at each start. */
static struct text keep_definition(struct definitions *definitions, const struct tool *tool, struct text definition)
{
	for (size_t i = tool->count; i-- > 0 && tool->count - i <= SAME_TEXT_WITHIN;)
		if (text_equal(tool->versions[i]->definition, definition))
			return tool->versions[i]->definition;
	if (definitions->arena.total + definition.len > TEXTS_BYTES_MAX)
		return (struct text){NULL, 0}; /* told as one that is not in the record */
	return arena_copy(&definitions->arena, definition);
}

/* Announcements that the words take, in the order of the scans. */
struct announcing {
	struct definitions *definitions;
	bool all;
	struct place *places; /* owned */
	size_t count, room, next;
};

/* Whether the announcement that is met now is among them. */
static bool take(struct announcing *announcing, size_t store, uint64_t seq)
{
	if (announcing->all || announcing->next == announcing->count)
		return announcing->all;
	const struct place *next = &announcing->places[announcing->next];
	bool met = next->store == store && next->seq == seq;
	announcing->next += met;
	return met;
}

static enum status note_taken(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct announcing *announcing = context;
	for (uint32_t row = 0; row_next(rows, &row); row++) {
		if (!grow((void **)&announcing->places, &announcing->room, announcing->count, sizeof(struct place)))
			return STATUS_NO_MEMORY;
		announcing->places[announcing->count++] =
			(struct place){.store = place->store, .seq = block_first_seq(block) + row};
	}
	return STATUS_OK;
}

/* Servers announce the same at each start: that is noted at once, and takes no room. */
static bool is_known(struct tool *tool, const struct event *event, bool taken)
{
	struct version *last = tool->count > 0 ? tool->versions[tool->count - 1] : NULL;
	struct text digest = event_text(event, FIELD_NEW_DIGEST);
	if (last == NULL || digest.len == 0 || event_time(event) < last->last || last->definition.len == 0 ||
		!text_equal(last->digest, digest) || text_equal(last->op, text_of(removed)) ||
		text_equal(event_text(event, FIELD_OP), text_of(removed)))
		return false;
	last->again++;
	last->last = event_time(event);
	last->taken = last->taken || taken;
	return true;
}

static enum status add_version(void *context, const struct scan_place *place, const struct event *event)
{
	struct announcing *announcing = context;
	struct definitions *definitions = announcing->definitions;
	bool taken = take(announcing, place->store, (uint64_t)event->value[FIELD_SEQ].number);
	const struct text key[3] = {
		event_tenant(event), event_text(event, FIELD_SERVER_NAME), event_text(event, FIELD_TARGET_NAME)};
	bool crowded = definitions->version_count == DEFINITION_VERSIONS_MAX;
	bool full = false;
	struct tool *tool = definitions_tool(definitions, key, !crowded, &full);
	if (tool)
		tool->taken = tool->taken || taken;
	if (tool && is_known(tool, event, taken))
		return STATUS_OK;
	struct version *version = tool && !crowded ? arena_calloc(&definitions->arena, 1, sizeof(*version)) : NULL;
	if (version == NULL || !grow((void **)&tool->versions, &tool->room, tool->count, sizeof(struct version *))) {
		definitions->coverage.more = true;
		return full || crowded ? STATUS_LIMIT : STATUS_NO_MEMORY;
	}
	char buffer[96];
	version->seq = (uint64_t)event->value[FIELD_SEQ].number;
	version->time = event_time(event);
	version->last = version->time;
	version->taken = taken;
	version->id = arena_copy(&definitions->arena, event_id(event, place->store_id, buffer));
	keep_fields(definitions, event, version);
	compute_digest(definitions, version, event_text(event, FIELD_DEFINITION));
	version->definition = keep_definition(definitions, tool, event_text(event, FIELD_DEFINITION));
	tool->versions[tool->count++] = version;
	definitions->version_count++;
	return STATUS_OK;
}

static int by_time(const void *a, const void *b)
{
	const struct version *first = *(struct version *const *)a;
	const struct version *second = *(struct version *const *)b;
	if (first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return first->seq < second->seq ? -1 : first->seq > second->seq;
}

static bool is_same(const struct version *first, const struct version *second)
{
	bool gone[2] = {text_equal(first->op, text_of(removed)), text_equal(second->op, text_of(removed))};
	return gone[0] == gone[1] && (gone[0] || text_equal(first->digest, second->digest));
}

static int by_digest(const void *a, const void *b)
{
	struct text first = (*(struct version *const *)a)->digest;
	struct text second = (*(struct version *const *)b)->digest;
	size_t len = first.len < second.len ? first.len : second.len;
	int order = len > 0 ? memcmp(first.at, second.at, len) : 0;
	order = order ? order : (first.len > second.len) - (first.len < second.len);
	return order ? order : by_time(a, b);
}

/* Orders the versions of a tool; one that was announced again is one. */
static enum status fold_versions(struct definitions *definitions, struct tool *tool)
{
	size_t kept = 0;
	if (tool->count > 1)
		qsort(tool->versions, tool->count, sizeof(struct version *), by_time);
	for (size_t i = 0; i < tool->count; i++) {
		struct version *version = tool->versions[i];
		struct version *before = kept > 0 ? tool->versions[kept - 1] : NULL;
		if (before && is_same(before, version)) {
			before->again += version->again + 1;
			before->last = version->last;
			before->taken = before->taken || version->taken;
			if (before->definition.len == 0)
				before->definition = version->definition;
		} else {
			tool->versions[kept++] = version;
		}
	}
	tool->count = kept;
	tool->by_digest = arena_alloc(&definitions->arena, (kept + 1) * sizeof(struct version *));
	if (tool->by_digest == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < kept; i++)
		tool->by_digest[i] = tool->versions[i];
	if (kept > 1)
		qsort(tool->by_digest, kept, sizeof(struct version *), by_digest);
	return STATUS_OK;
}

struct version *tool_version_by_digest(const struct tool *tool, struct text digest, int64_t time)
{
	struct version wanted = {.digest = digest, .time = time, .seq = UINT64_MAX};
	const struct version *key = &wanted;
	size_t first = 0;
	size_t end = tool->count;
	while (first < end) { /* the first version behind the wanted place */
		size_t middle = first + (end - first) / 2;
		if (by_digest(&tool->by_digest[middle], &key) <= 0)
			first = middle + 1;
		else
			end = middle;
	}
	if (first > 0 && text_equal(tool->by_digest[first - 1]->digest, digest))
		return tool->by_digest[first - 1];
	if (first < tool->count && text_equal(tool->by_digest[first]->digest, digest))
		return tool->by_digest[first];
	return NULL;
}

/* --- the whole --- */

static enum status scan_versions(
	struct definitions *definitions, const struct scan *scan, const struct filter *words, struct error *error)
{
	static const uint8_t kind[] = {FIELD_KIND};
	struct arena *arena = &definitions->arena;
	struct condition *announced = condition_exact(arena, kind, 1, TEXT("tool_definition"));
	struct condition *both = condition_add(condition_group(arena, CONDITION_AND), condition_copy(arena, announced));
	both = condition_add(both, condition_copy(arena, words->root));
	if (both == NULL)
		return STATUS_NO_MEMORY;
	struct announcing announcing = {.definitions = definitions, .all = words->root->type == CONDITION_ALL};
	struct filter filter = {.root = both};
	struct coverage ignored = {0};
	struct scan versions = *scan;
	versions.since = INT64_MIN; /* what was in force then was announced before */
	versions.filter = &filter;
	versions.coverage = &ignored;
	enum status status = announcing.all ? STATUS_OK : scan_run(&versions, note_taken, &announcing, error);
	filter.root = announced;
	versions.coverage = &definitions->coverage;
	if (status == STATUS_OK)
		status = scan_events(&versions, add_version, &announcing, error);
	free(announcing.places);
	return status;
}

enum status definitions_collect(
	struct definitions **definitions, const struct scan *scan, const struct filter *words, struct error *error)
{
	struct definitions *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	arena_init(&made->arena, ARENA_BYTES_MAX);
	enum status status = crypto_random(made->hash_key, sizeof(made->hash_key));
	if (status == STATUS_OK)
		status = scan_versions(made, scan, words, error);
	for (size_t i = 0; i < made->tool_count && status == STATUS_OK; i++)
		status = fold_versions(made, made->tools[i]);
	if (status == STATUS_OK)
		status = definitions_add_calls(made, scan, words, error);
	if (status != STATUS_OK) {
		definitions_destroy(&made);
		return status;
	}
	*definitions = made;
	return STATUS_OK;
}

void definitions_destroy(struct definitions **definitions)
{
	if (*definitions == NULL)
		return;
	for (size_t i = 0; i < (*definitions)->tool_count; i++)
		free((*definitions)->tools[i]->versions);
	free((*definitions)->tools);
	arena_finish(&(*definitions)->arena);
	free(*definitions);
	*definitions = NULL;
}
