/*
 * Canonical bytes (format version = FIELDS_VERSION): `{`, then each present field in the order of field_order() as
 * "name":value, fields of one object together inside `"object":{…}`, nothing between tokens, `}`.
 *
 *   INT, TIME           decimal
 *   BOOL                true, false
 *   TEXT, ID, LONG      a string, minimally escaped (json_put_string)
 *   TOKEN, JSON, PAYLOAD  as kept: the emitter's bytes without white space between tokens
 */
#include "fields.h"

struct rendering {
	struct buf *out;
	const struct event *event;
	const struct field_node *nodes;
	const struct field_place *places;
	unsigned node; /* the object that is open */
	bool comma;    /* something was written into it */
};

static void begin_member(struct rendering *rendering, struct text key)
{
	if (rendering->comma)
		buf_put_byte(rendering->out, ',');
	buf_put_text(rendering->out, key);
	rendering->comma = true;
}

static void open_node(struct rendering *rendering, unsigned node)
{
	unsigned parent = rendering->nodes[node].parent;
	if (parent != rendering->node)
		open_node(rendering, parent);
	begin_member(rendering, rendering->nodes[node].key);
	buf_put_byte(rendering->out, '{');
	rendering->comma = false;
	rendering->node = node;
}

/* Closes and opens objects until `node` is the open one. */
static void move_to_node(struct rendering *rendering, unsigned node)
{
	while (rendering->node != node) {
		unsigned above = node;
		while (rendering->nodes[above].depth > rendering->nodes[rendering->node].depth)
			above = rendering->nodes[above].parent;
		if (above == rendering->node) {
			open_node(rendering, node);
		} else {
			buf_put_byte(rendering->out, '}');
			rendering->comma = true;
			rendering->node = rendering->nodes[rendering->node].parent;
		}
	}
}

static void put_value(struct buf *out, enum field_type type, const struct value *value)
{
	switch (type) {
	case FIELD_TYPE_INT:
	case FIELD_TYPE_TIME:
		buf_put_int(out, value->number);
		break;
	case FIELD_TYPE_BOOL:
		buf_put_string(out, value->number ? "true" : "false");
		break;
	case FIELD_TYPE_TEXT:
	case FIELD_TYPE_ID:
	case FIELD_TYPE_LONG:
		json_put_string(out, value->text);
		break;
	case FIELD_TYPE_TOKEN:
	case FIELD_TYPE_JSON:
	case FIELD_TYPE_PAYLOAD:
		buf_put_text(out, value->text);
		break;
	case FIELD_TYPE_NONE:
		break;
	}
}

static void put_field(struct rendering *rendering, unsigned field, const struct value *value)
{
	if (rendering->node != rendering->places[field].node)
		move_to_node(rendering, rendering->places[field].node);
	begin_member(rendering, rendering->places[field].key);
	put_value(rendering->out, field_infos[field].type, value);
}

static struct rendering begin(struct buf *out, const struct event *event)
{
	buf_put_byte(out, '{');
	return (struct rendering){out, event, field_nodes(), field_places(), NODE_ROOT, false};
}

static void end(struct rendering *rendering)
{
	move_to_node(rendering, NODE_ROOT);
	buf_put_byte(rendering->out, '}');
}

/* The fields of an event by rank, so that they are met in the order of canonical bytes. */
struct ranked {
	uint64_t bits[FIELD_LIMIT / 64];
};

static void rank(struct ranked *ranked, const uint8_t *ranks, unsigned field)
{
	ranked->bits[ranks[field] / 64] |= UINT64_C(1) << (ranks[field] % 64);
}

static struct ranked rank_present(const struct event *event, const uint8_t *ranks)
{
	struct ranked ranked = {{0}};
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++)
		for (uint64_t left = event->present[word]; left; left &= left - 1)
			rank(&ranked, ranks, word * 64 + (unsigned)__builtin_ctzll(left));
	return ranked;
}

static unsigned take_lowest(uint64_t *bits)
{
	unsigned lowest = (unsigned)__builtin_ctzll(*bits);
	*bits &= *bits - 1;
	return lowest;
}

void event_put_canonical(struct buf *out, const struct event *event)
{
	struct rendering rendering = begin(out, event);
	struct ranked ranked = rank_present(event, field_ranks());
	const uint8_t *order;
	(void)field_order(&order);
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++) {
		while (ranked.bits[word]) {
			unsigned field = order[word * 64 + take_lowest(&ranked.bits[word])];
			if (field < FIELD_COLLECTOR_FIRST)
				put_field(&rendering, field, &event->value[field]);
		}
	}
	end(&rendering);
}

/* What a JSON answer shows of a field that is not kept because it follows from others: an assigned id, a size. */
static void put_derived(struct rendering *rendering, unsigned field, struct text store_id)
{
	const struct event *event = rendering->event;
	char id[96];
	struct value value = {0};
	if (field == FIELD_ID)
		value.text = event_id(event, store_id, id);
	else
		value.number =
			(int64_t)event->value[field == FIELD_REQUEST_SIZE ? FIELD_REQUEST : FIELD_RESPONSE].text.len;
	put_field(rendering, field, &value);
}

void event_put_json(struct buf *out, const struct event *event, struct text store_id)
{
	struct rendering rendering = begin(out, event);
	const uint8_t *ranks = field_ranks();
	struct ranked ranked = rank_present(event, ranks);
	const uint8_t *order;
	(void)field_order(&order);
	if (event_has(event, FIELD_MARKS_ID_ASSIGNED))
		rank(&ranked, ranks, FIELD_ID);
	if (event_has(event, FIELD_REQUEST))
		rank(&ranked, ranks, FIELD_REQUEST_SIZE);
	if (event_has(event, FIELD_RESPONSE))
		rank(&ranked, ranks, FIELD_RESPONSE_SIZE);
	for (unsigned word = 0; word < FIELD_LIMIT / 64; word++) {
		while (ranked.bits[word]) {
			unsigned field = order[word * 64 + take_lowest(&ranked.bits[word])];
			if (event_has(event, field))
				put_field(&rendering, field, &event->value[field]);
			else
				put_derived(&rendering, field, store_id);
		}
	}
	end(&rendering);
}

struct text event_id(const struct event *event, struct text store_id, char buffer[96])
{
	if (event_has(event, FIELD_ID))
		return event->value[FIELD_ID].text;
	size_t len = store_id.len < 64 ? store_id.len : 64;
	if (len)
		memcpy(buffer, store_id.at, len);
	buffer[len++] = '-';
	uint64_t seq = event_has(event, FIELD_SEQ) ? (uint64_t)event->value[FIELD_SEQ].number : 0;
	char digits[20];
	size_t at = sizeof(digits);
	do {
		digits[--at] = (char)('0' + seq % 10);
		seq /= 10;
	} while (seq);
	memcpy(buffer + len, digits + at, sizeof(digits) - at);
	return (struct text){buffer, len + sizeof(digits) - at};
}
