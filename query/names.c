#include "filter.h"

#include "nearest.h"

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
enum { SHORT_NAMES = sizeof(short_names) / sizeof(short_names[0]) };

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

const char *field_name_nearest(struct text name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < SHORT_NAMES; i++)
		nearest_offer(&nearest, short_names[i].name);
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, field_info(order[i])->path);
	return nearest.name;
}
