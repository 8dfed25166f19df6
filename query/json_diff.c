#include "json_diff.h"

#include <stdio.h>
#include <stdlib.h>

#include "members.h"

enum { DEPTH_MAX = 64 };

struct differ {
	struct arena *arena;
	struct json_changes *changes;
};

/* An item of an object or array. */
struct item {
	struct text name, value; /* name: of a member; of an array's element, what it is found by */
};

struct items {
	struct item *items; /* in order of name */
	size_t count;
};

static int compare(struct text a, struct text b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;
	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_name(const void *a, const void *b)
{
	return compare(((const struct item *)a)->name, ((const struct item *)b)->name);
}

static const struct item *find(const struct items *items, struct text name)
{
	struct item wanted = {.name = name};
	return items->count ? bsearch(&wanted, items->items, items->count, sizeof(wanted), by_name) : NULL;
}

static bool is_scalar(struct text value)
{
	return value.len == 0 || (value.at[0] != '{' && value.at[0] != '[');
}

/* What an array's elements are found by: themselves in a set, else their place. */
enum naming { NAMED_BY_MEMBER, NAMED_BY_VALUE, NAMED_BY_PLACE };

static enum status collect(struct differ *differ, struct text json, enum naming naming, struct items *items)
{
	struct members members;
	struct item item;
	size_t count = 0;
	if (!members_begin(json, &members))
		return STATUS_OK;
	while (members_next(&members, &item.name, &item.value))
		count++;
	items->items = arena_calloc(differ->arena, count + 1, sizeof(struct item));
	if (items->items == NULL)
		return STATUS_NO_MEMORY;
	(void)members_begin(json, &members);
	for (items->count = 0; items->count < count; items->count++) {
		(void)members_next(&members, &item.name, &item.value);
		char digits[24];
		if (naming == NAMED_BY_VALUE)
			item.name = item.value;
		else if (naming == NAMED_BY_PLACE)
			item.name = arena_copy(differ->arena,
				(struct text){digits, (size_t)snprintf(digits, sizeof(digits), "%08zu", items->count)});
		if (item.name.at == NULL)
			return STATUS_NO_MEMORY;
		items->items[items->count] = item;
	}
	if (items->count > 0)
		qsort(items->items, items->count, sizeof(struct item), by_name);
	return STATUS_OK;
}

static enum status add(struct differ *differ, struct text path, struct text before, struct text after)
{
	struct json_changes *changes = differ->changes;
	if (changes->count == JSON_CHANGES_MAX) {
		changes->more++;
		return STATUS_OK;
	}
	changes->items[changes->count++] = (struct json_change){path, before, after};
	return STATUS_OK;
}

static enum status join(struct differ *differ, struct text path, struct text name, struct text *joined)
{
	while (name.len > 1 && name.at[0] == '0') { /* of a place */
		name.at++;
		name.len--;
	}
	size_t dot = path.len > 0;
	char *at = arena_alloc(differ->arena, path.len + dot + name.len + 1);
	if (at == NULL)
		return STATUS_NO_MEMORY;
	if (path.len > 0)
		memcpy(at, path.at, path.len);
	if (dot)
		at[path.len] = '.';
	memcpy(at + path.len + dot, name.at, name.len);
	*joined = (struct text){at, path.len + dot + name.len};
	return STATUS_OK;
}

static enum status diff(struct differ *differ, struct text path, struct text before, struct text after, unsigned depth);

static enum status diff_items(
	struct differ *differ, struct text path, const struct items *items[2], enum naming naming, unsigned depth)
{
	enum status status = STATUS_OK;
	for (unsigned side = 0; side < 2; side++) {
		for (size_t i = 0; i < items[side]->count && status == STATUS_OK; i++) {
			const struct item *item = &items[side]->items[i];
			const struct item *other = find(items[1 - side], item->name);
			struct text inner = path;
			if (other && (side == 1 || text_equal(item->value, other->value)))
				continue;
			if (naming != NAMED_BY_VALUE)
				status = join(differ, path, item->name, &inner);
			if (status != STATUS_OK)
				break;
			struct text none = {NULL, 0};
			if (other)
				status = diff(differ, inner, item->value, other->value, depth - 1);
			else
				status = add(differ, inner, side ? none : item->value, side ? item->value : none);
		}
	}
	return status;
}

static bool all_scalars(struct text array)
{
	struct members members;
	struct text name;
	struct text value;
	if (!members_begin(array, &members) || members.object)
		return false;
	while (members_next(&members, &name, &value))
		if (!is_scalar(value))
			return false;
	return true;
}

static enum status diff(struct differ *differ, struct text path, struct text before, struct text after, unsigned depth)
{
	struct items items[2] = {{NULL, 0}, {NULL, 0}};
	if (text_equal(before, after))
		return STATUS_OK;
	if (depth == 0 || is_scalar(before) || is_scalar(after) || before.at[0] != after.at[0])
		return add(differ, path, before, after);
	enum naming naming = before.at[0] == '{'                         ? NAMED_BY_MEMBER
			     : all_scalars(before) && all_scalars(after) ? NAMED_BY_VALUE
									 : NAMED_BY_PLACE;
	enum status status = collect(differ, before, naming, &items[0]);
	if (status == STATUS_OK)
		status = collect(differ, after, naming, &items[1]);
	if (status == STATUS_OK)
		status = diff_items(differ, path, (const struct items *[2]){&items[0], &items[1]}, naming, depth);
	return status;
}

enum status json_diff(struct text before, struct text after, struct arena *arena, struct json_changes *changes)
{
	struct differ differ = {arena, changes};
	*changes = (struct json_changes){.count = 0};
	return diff(&differ, (struct text){NULL, 0}, before, after, DEPTH_MAX);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Whether no word goes on across a place. */
static bool is_between_words(struct text text, size_t at)
{
	return at == 0 || at >= text.len || is_space(text.at[at]) || is_space(text.at[at - 1]);
}

void text_diff(struct text before, struct text after, struct text *removed, struct text *added)
{
	size_t shorter = before.len < after.len ? before.len : after.len;
	size_t start = 0;
	size_t end = 0;
	while (start < shorter && before.at[start] == after.at[start])
		start++;
	while (!is_between_words(before, start) || !is_between_words(after, start))
		start--;
	while (end < shorter - start && before.at[before.len - 1 - end] == after.at[after.len - 1 - end])
		end++;
	while (!is_between_words(before, before.len - end) || !is_between_words(after, after.len - end))
		end--;
	*removed = (struct text){before.at + start, before.len - start - end};
	*added = (struct text){after.at + start, after.len - start - end};
}
