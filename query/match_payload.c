#include "match_text.h"

/* Payloads are asked where they are stored: each different scalar once, and paths once for each template. */

struct asking {
	struct match *match;
	const struct condition *condition;
	unsigned field;
	const char *place; /* of a template */
};

static bool take_any(void *context, struct text value)
{
	(void)context;
	(void)value;
	return true;
}

static bool take_place(void *context, struct text value)
{
	const struct asking *asking = context;
	return asking->place >= value.at && asking->place < value.at + value.len;
}

static bool template_wanted(void *context, struct text template)
{
	const struct asking *asking = context;
	return path_visit(template, &asking->condition->path, asking->match->scratch, take_any, NULL);
}

static bool place_counts(void *context, struct text template, size_t at)
{
	struct asking *asking = context;
	asking->place = template.at + at;
	return path_visit(template, &asking->condition->path, asking->match->scratch, take_place, asking);
}

static bool scalar_wanted(void *context, struct text token)
{
	const struct asking *asking = context;
	return match_scalar(asking->match, asking->condition, token);
}

static bool payload_wanted(void *context, struct text json)
{
	const struct asking *asking = context;
	return asking->match->failed == STATUS_OK && match_text(asking->match, asking->condition, asking->field, json);
}

/* The one phrase that is asked for and nothing else, or NULL.  A scalar that is equal to it holds it, too. */
static const struct phrase *only_phrase(const struct condition *condition)
{
	const struct wanted *value = &condition->values[0];
	if (condition->value_count != 1 || value->regex || value->addresses)
		return NULL;
	if (condition->path.count > 0 && (!value->quoted || value->ranged || value->decimals))
		return NULL;
	return value->phrase.count > 0 ? &value->phrase : NULL;
}

enum status match_payload(struct match *match, const struct condition *condition, enum payload payload,
	const uint64_t *rows, uint64_t *found)
{
	struct asking asking = {.match = match, .condition = condition, .field = payload_field(payload)};
	bool exists = condition->type == CONDITION_EXISTS;
	const struct payload_search search = {
		.template = exists ? template_wanted : NULL,
		.place = condition->path.count > 0 ? place_counts : NULL,
		.scalar = exists ? NULL : scalar_wanted,
		.payload = payload_wanted,
		.phrase = exists ? NULL : only_phrase(condition),
		.context = &asking,
	};
	enum status status = block_search_payload(match->block, payload, &search, rows, found);
	if (status == STATUS_NOT_FOUND)
		return STATUS_OK;
	return status == STATUS_OK ? match->failed : status;
}
