#include "filter.h"

/* The names a person may write before the colon.  Paths of fields and of payload members come on top. */

static const struct short_name {
	const char *name;
	bool first_present;
	uint8_t count;
	uint8_t fields[4];
} short_names[] = {
	{"kind", false, 1, {FIELD_KIND}},
	{"id", false, 1, {FIELD_ID}},
	{"session", false, 1, {FIELD_SESSION_ID}},
	{"conversation", false, 1, {FIELD_CONVERSATION_ID}},
	{"trace", false, 1, {FIELD_TRACE_ID}},
	{"request", false, 2, {FIELD_REQUEST_ID, FIELD_REQUEST}},
	{"user", false, 1, {FIELD_USER_ID}},
	{"team", false, 1, {FIELD_USER_TEAM}},
	{"token", false, 2, {FIELD_OAUTH_TOKEN_ID, FIELD_CREDENTIAL_ID}},
	{"client", false, 2, {FIELD_CLIENT_NAME, FIELD_OAUTH_CLIENT_ID}},
	{"agent", false, 2, {FIELD_AGENT_NAME, FIELD_AGENT_ID}},
	{"server", false, 1, {FIELD_SERVER_NAME}},
	{"tool", false, 1, {FIELD_TARGET_NAME}},
	{"action", false, 1, {FIELD_ACTION}},
	{"verdict", false, 1, {FIELD_VERDICT}},
	{"effect", true, 2, {FIELD_MARKS_EFFECT, FIELD_EFFECT}},
	{"error", false, 3, {FIELD_ERROR_TYPE, FIELD_CLASS, FIELD_ERROR_MESSAGE}},
	{"source", false, 1, {FIELD_INGEST_SOURCE}},
	{"tenant", true, 2, {FIELD_TENANT, FIELD_INGEST_TENANT}},
	{"duration", false, 1, {FIELD_DURATION_NS}},
	{"after", false, 1, {FIELD_TIME}},
	{"before", false, 1, {FIELD_TIME}},
};
enum { SHORT_NAMES = sizeof(short_names) / sizeof(short_names[0]), NAME_MAX_BYTES = 64 };

/* Not `detail` of the collector's own events: a search over HTTP is on record there, and the next one would find it. */
const uint8_t filter_text_fields[] = {FIELD_REQUEST, FIELD_RESPONSE, FIELD_ERROR_MESSAGE, FIELD_INTENT, FIELD_ATTRS,
	FIELD_OUTCOME_REASON, FIELD_REASON, FIELD_ERROR_STACK, FIELD_STACK, FIELD_DEFINITION};
const size_t filter_text_field_count = sizeof(filter_text_fields);

/* Every field number, so that a path's one field can be pointed to like the lists above. */
static const uint8_t numbers[] = {
#define FIELD(number, name, path, type, limit, flags) [number] = (number),
#include "tbl/fields.h"
#undef FIELD
};

/* A path into a field that holds JSON: request.path, detail.filter, ingest.origin.seq. */
static struct field_name find_inner_path(struct text name)
{
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++) {
		const struct field_info *info = field_info(order[i]);
		struct text path = text_of(info->path);
		if (info->type != FIELD_TYPE_PAYLOAD && info->type != FIELD_TYPE_JSON)
			continue;
		if (name.len > path.len + 1 && memcmp(name.at, path.at, path.len) == 0 && name.at[path.len] == '.')
			return (struct field_name){
				&numbers[order[i]], 1, false, {name.at + path.len + 1, name.len - path.len - 1}};
	}
	return (struct field_name){NULL, 0, false, {NULL, 0}};
}

struct field_name field_name_find(struct text name)
{
	for (size_t i = 0; i < SHORT_NAMES; i++)
		if (text_equal(name, text_of(short_names[i].name)))
			return (struct field_name){
				short_names[i].fields, short_names[i].count, short_names[i].first_present, {NULL, 0}};
	unsigned field = field_find(name);
	if (field != 0)
		return (struct field_name){&numbers[field], 1, false, {NULL, 0}};
	return find_inner_path(name);
}

/* Edits (insert, delete, replace) between two names of at most NAME_MAX_BYTES. */
static size_t distance(struct text a, struct text b)
{
	size_t row[NAME_MAX_BYTES + 1];
	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t replaced = diagonal + (a.at[i - 1] != b.at[j - 1]);
			size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
			diagonal = row[j];
			row[j] = replaced < least ? replaced : least;
		}
	}
	return row[b.len];
}

static void try_name(struct text name, const char *known, const char **best, size_t *best_distance)
{
	struct text other = text_of(known);
	if (other.len > NAME_MAX_BYTES)
		return;
	size_t edits = distance(name, other);
	if (edits < *best_distance) {
		*best_distance = edits;
		*best = known;
	}
}

const char *field_name_nearest(struct text name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES)
		return NULL;
	const char *best = NULL;
	size_t best_distance = name.len / 3 + 2;
	for (size_t i = 0; i < SHORT_NAMES; i++)
		try_name(name, short_names[i].name, &best, &best_distance);
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++)
		try_name(name, field_info(order[i])->path, &best, &best_distance);
	return best;
}
