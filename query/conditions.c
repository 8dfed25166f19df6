#include "conditions.h"

static struct condition *make(struct arena *arena, enum condition_type type, const uint8_t *fields, size_t field_count)
{
	struct condition *condition = arena_calloc(arena, 1, sizeof(*condition));
	if (condition == NULL)
		return NULL;
	condition->type = type;
	condition->fields = fields;
	condition->field_count = field_count;
	return condition;
}

static struct condition *make_wanted(
	struct arena *arena, const uint8_t *fields, size_t field_count, struct wanted wanted)
{
	struct condition *condition = make(arena, CONDITION_FIELD, fields, field_count);
	struct wanted *value = arena_alloc(arena, sizeof(*value));
	if (condition == NULL || value == NULL)
		return NULL;
	*value = wanted;
	condition->values = value;
	condition->value_count = 1;
	return condition;
}

struct condition *condition_exact(struct arena *arena, const uint8_t *fields, size_t field_count, struct text value)
{
	return condition_any(arena, fields, field_count, &value, 1);
}

struct condition *condition_any(
	struct arena *arena, const uint8_t *fields, size_t field_count, const struct text *values, size_t value_count)
{
	struct condition *condition = make(arena, CONDITION_FIELD, fields, field_count);
	struct wanted *wanted = arena_calloc(arena, value_count, sizeof(*wanted));
	if (condition == NULL || wanted == NULL)
		return NULL;
	for (size_t i = 0; i < value_count; i++) {
		wanted[i].text = arena_copy(arena, values[i]);
		if (wanted[i].text.at == NULL)
			return NULL;
	}
	condition->values = wanted;
	condition->value_count = value_count;
	return condition;
}

struct condition *condition_exists(struct arena *arena, const uint8_t *fields, size_t field_count)
{
	return make(arena, CONDITION_EXISTS, fields, field_count);
}

struct condition *condition_between(struct arena *arena, const uint8_t *field, int64_t first, int64_t last)
{
	return make_wanted(arena, field, 1, (struct wanted){.ranged = true, .first = first, .last = last});
}

struct condition *condition_phrase(struct arena *arena, const uint8_t *fields, size_t field_count, struct text value)
{
	struct wanted wanted = {.text = arena_copy(arena, value), .quoted = true};
	if (wanted.text.at == NULL || phrase_make(wanted.text, false, arena, &wanted.phrase) != STATUS_OK ||
		wanted.phrase.count == 0)
		return NULL;
	return make_wanted(arena, fields, field_count, wanted);
}

struct condition *condition_group(struct arena *arena, enum condition_type type)
{
	return make(arena, type, NULL, 0);
}

struct condition *condition_add(struct condition *group, struct condition *child)
{
	if (group == NULL || child == NULL)
		return NULL;
	struct condition **link = &group->children;
	while (*link)
		link = &(*link)->next;
	*link = child;
	return group;
}

struct condition *condition_copy(struct arena *arena, const struct condition *condition)
{
	struct condition *copy = condition ? arena_alloc(arena, sizeof(*copy)) : NULL;
	if (copy) {
		*copy = *condition;
		copy->next = NULL;
	}
	return copy;
}
