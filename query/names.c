#include "filter.h"

#include "nearest.h"

/* The names a person may write before the colon.  Paths of fields and of payload members come on top. */

static const struct short_name {
	const char *name;
	bool first_present;
	uint8_t count;
	uint8_t fields[5];
} short_names[] = {
#define ANY                          false
#define FIRST                        true
#define NAME(name, which, help, ...) {name, which, sizeof((uint8_t[]){__VA_ARGS__}), {__VA_ARGS__}},
#include "query_names.h"
#undef NAME
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

/* A path into a field that holds JSON: request.path, detail.filter, ingest.origin.seq, delegation[0].sub. */
static struct field_name find_inner_path(struct text name)
{
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++) {
		const struct field_info *info = field_info(order[i]);
		struct text path = text_of(info->path);
		if (info->type != FIELD_TYPE_PAYLOAD && info->type != FIELD_TYPE_JSON)
			continue;
		if (name.len <= path.len + 1 || memcmp(name.at, path.at, path.len) != 0)
			continue;
		size_t inner = path.len + (name.at[path.len] == '.'); /* or a bracket: request[0] */
		if (name.at[path.len] == '.' || name.at[path.len] == '[')
			return (struct field_name){&numbers[order[i]], 1, false, {name.at + inner, name.len - inner}};
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

bool field_holds_addresses(unsigned field)
{
	struct field_name ip = field_name_find(TEXT("ip"));
	return field != 0 && memchr(ip.fields, (int)field, ip.count) != NULL;
}

const char *field_name_nearest(struct text name)
{
	struct nearest nearest;
	char lower[64]; /* names are written small; a longer one is near none */
	if (name.len > sizeof(lower))
		return NULL;
	for (size_t i = 0; i < name.len; i++)
		lower[i] = (char)(name.at[i] >= 'A' && name.at[i] <= 'Z' ? name.at[i] + ('a' - 'A') : name.at[i]);
	nearest_init(&nearest, (struct text){lower, name.len});
	for (size_t i = 0; i < SHORT_NAMES; i++)
		nearest_offer(&nearest, short_names[i].name);
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++)
		nearest_offer(&nearest, field_info(order[i])->path);
	return nearest.name;
}
