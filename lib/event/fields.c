/*
 * The tree is built once: every dot of a path makes an object, every object and field a member in one hash table keyed
 * by (object, name), so that a member sent costs one look-up, whatever its place in the table.
 */
#include "fields.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { SLOTS = 1024, KEYS_BYTES = 8192, TRUST_LEN = 5 };

struct name_key {
	uint64_t first, last;
};

#define FIELD_FLAG_0 0
#define FIELD_FLAG_A FIELD_IN_SET
#define FIELD_FLAG_F FIELD_IN_FILTER
#define FIELD_FLAG_R FIELD_RANGED

const struct field_info field_infos[FIELD_LIMIT] = {
#define FIELD(number, name, path, type, limit, flags) [number] = {path, FIELD_TYPE_##type, limit, FIELD_FLAG_##flags},
#include "tbl/fields.h"
#undef FIELD
};

static struct field_node nodes[NODES_MAX];
static size_t node_count;
static struct field_place places[FIELD_LIMIT];
static uint8_t order[FIELD_LIMIT];
static size_t order_count;
static uint8_t ranks[FIELD_LIMIT];
static struct field_member members[MEMBERS_MAX];
static struct name_key member_keys[MEMBERS_MAX]; /* of the decoded names */
static size_t member_count;
static uint16_t slots[SLOTS]; /* numbers of members; 0: free */
static char keys[KEYS_BYTES];
static size_t keys_len;
static pthread_once_t built = PTHREAD_ONCE_INIT;

/* The first and last 8 bytes of a name: with its length all of it, up to 16 bytes. */
static inline struct name_key key_of(struct text name)
{
	struct name_key key = {0, 0};
	if (name.len >= 8) {
		memcpy(&key.first, name.at, 8);
		memcpy(&key.last, name.at + name.len - 8, 8);
	} else if (name.len >= 4) {
		memcpy(&key.first, name.at, 4);
		memcpy(&key.last, name.at + name.len - 4, 4);
	} else if (name.len) {
		key.first = (unsigned char)name.at[0];
		key.last = (uint64_t)(unsigned char)name.at[name.len / 2] << 8 | (unsigned char)name.at[name.len - 1];
	}
	return key;
}

static inline size_t slot_of(unsigned node, struct text name, struct name_key key)
{
	uint64_t hash = (key.first ^ (key.last << 7 | key.last >> 57)) + (node << 5 | name.len);
	return (hash * UINT64_C(0x9e3779b97f4a7c15)) >> 54;
}

static struct text make_key(struct text name)
{
	assert(keys_len + name.len + 3 <= KEYS_BYTES);
	char *at = keys + keys_len;
	at[0] = '"';
	memcpy(at + 1, name.at, name.len);
	at[name.len + 1] = '"';
	at[name.len + 2] = ':';
	keys_len += name.len + 3;
	return (struct text){at, name.len + 3};
}

static struct text name_of(const struct field_member *member)
{
	return (struct text){member->name.written.at + 1, member->name.written.len - 3};
}

/* written: from make_key. */
static void add_member(unsigned node, struct text written, enum member_use use, unsigned target)
{
	assert(member_count < MEMBERS_MAX);
	struct field_member *member = &members[member_count];
	*member = (struct field_member){json_name_of(written), (uint8_t)node, (uint8_t)use, (uint8_t)target};
	struct text name = name_of(member);
	struct name_key key = key_of(name);
	member_keys[member_count] = key;
	size_t slot = slot_of(node, name, key);
	while (slots[slot])
		slot = (slot + 1) % SLOTS;
	slots[slot] = (uint16_t)member_count++;
}

static unsigned find_node(struct text path)
{
	for (unsigned i = 0; i < node_count; i++)
		if (text_equal(nodes[i].path, path))
			return i;
	return NODES_MAX;
}

/* The object `path` names, made with all that are around it. */
static unsigned make_node(struct text path, unsigned number)
{
	unsigned node = find_node(path);
	if (node != NODES_MAX)
		return node;
	const char *dot = memrchr(path.at, '.', path.len);
	struct text name = path;
	unsigned parent = NODE_ROOT;
	if (dot) {
		parent = make_node((struct text){path.at, (size_t)(dot - path.at)}, number);
		name = (struct text){dot + 1, path.len - (size_t)(dot + 1 - path.at)};
	}
	assert(node_count < NODES_MAX);
	node = (unsigned)node_count++;
	nodes[node] =
		(struct field_node){path, make_key(name), (uint8_t)parent, nodes[parent].depth + 1, (uint8_t)number};
	bool collector = number >= FIELD_COLLECTOR_FIRST;
	add_member(parent, nodes[node].key, collector ? MEMBER_COLLECTOR : MEMBER_OBJECT, node);
	return node;
}

/* An emitter sends `trust`; what is kept of it is a claim, and says so. */
static void add_trust(unsigned node, struct text name, unsigned number)
{
	add_member(node, make_key((struct text){name.at, TRUST_LEN}), MEMBER_FIELD, number);
	add_member(node, places[number].key, MEMBER_EXPORTED, number);
}

static void add_field(unsigned number)
{
	struct text path = text_of(field_infos[number].path);
	const char *dot = memrchr(path.at, '.', path.len);
	struct text name = path;
	unsigned node = NODE_ROOT;
	if (dot) {
		node = make_node((struct text){path.at, (size_t)(dot - path.at)}, number);
		name = (struct text){dot + 1, path.len - (size_t)(dot + 1 - path.at)};
	}
	places[number] = (struct field_place){make_key(name), (uint8_t)node};
	if (number >= FIELD_COLLECTOR_FIRST)
		add_member(node, places[number].key, MEMBER_COLLECTOR, number);
	else if (text_equal(name, TEXT("trust_claimed")))
		add_trust(node, name, number);
	else
		add_member(node, places[number].key, MEMBER_FIELD, number);
	order[order_count++] = (uint8_t)number;
}

/* Where a field stands: the lowest number of each object around it, outermost first, then its own. */
static uint32_t place_rank(unsigned number)
{
	uint32_t rank = number;
	for (unsigned node = places[number].node, shift = 8; node != NODE_ROOT; node = nodes[node].parent, shift += 8)
		rank |= (uint32_t)nodes[node].lowest << shift;
	unsigned depth = nodes[places[number].node].depth;
	assert(depth <= 3);
	return rank << 8 * (3 - depth);
}

static int compare_places(const void *a, const void *b)
{
	unsigned left = *(const uint8_t *)a;
	unsigned right = *(const uint8_t *)b;
	uint32_t left_rank = place_rank(left);
	uint32_t right_rank = place_rank(right);
	if (left_rank != right_rank)
		return left_rank < right_rank ? -1 : 1;
	return left < right ? -1 : left > right;
}

static void build(void)
{
	node_count = 1; /* the event itself */
	members[0] = (struct field_member){json_name_of((struct text){"", 0}), NODES_MAX, MEMBER_UNKNOWN, 0};
	member_count = 1;
	for (unsigned number = 1; number < FIELD_LIMIT; number++)
		if (field_infos[number].type != FIELD_TYPE_NONE)
			add_field(number);
	qsort(order, order_count, sizeof(*order), compare_places);
	for (size_t rank = 0; rank < order_count; rank++)
		ranks[order[rank]] = (uint8_t)rank;
}

static void build_once(void)
{
	int error = pthread_once(&built, build);
	assert(error == 0);
	(void)error;
}

const struct field_info *field_info(unsigned field)
{
	return &field_infos[field < FIELD_LIMIT ? field : 0];
}

size_t field_order(const uint8_t **numbers)
{
	build_once();
	*numbers = order;
	return order_count;
}

const struct field_node *field_nodes(void)
{
	build_once();
	return nodes;
}

const struct field_place *field_places(void)
{
	build_once();
	return places;
}

const uint8_t *field_ranks(void)
{
	build_once();
	return ranks;
}

const struct field_member *field_members(void)
{
	build_once();
	return members;
}

/* The number of a name's member from `slot` on; *slot is moved behind it. 0: there is no other. */
static inline unsigned next_member(unsigned node, struct text name, struct name_key key, size_t *slot)
{
	unsigned number;
	while ((number = slots[*slot]) != 0) {
		const struct field_member *member = &members[number];
		const struct name_key *other = &member_keys[number];
		*slot = (*slot + 1) % SLOTS;
		if (other->first == key.first && other->last == key.last && member->node == node &&
			text_equal(name_of(member), name))
			break;
	}
	return number;
}

unsigned field_member(unsigned node, struct text name)
{
	struct name_key key = key_of(name);
	size_t slot = slot_of(node, name, key);
	return next_member(node, name, key, &slot);
}

unsigned field_find(struct text path)
{
	build_once();
	const char *dot = path.len ? memrchr(path.at, '.', path.len) : NULL;
	struct text name = path;
	unsigned node = NODE_ROOT;
	if (dot) {
		node = find_node((struct text){path.at, (size_t)(dot - path.at)});
		name = (struct text){dot + 1, path.len - (size_t)(dot + 1 - path.at)};
	}
	struct name_key key = key_of(name);
	size_t slot = slot_of(node, name, key);
	unsigned number;
	while ((number = next_member(node, name, key, &slot)) != 0)
		if (members[number].use != MEMBER_OBJECT &&
			text_equal(text_of(field_infos[members[number].target].path), path))
			return members[number].target;
	return 0;
}

enum payload payload_of(unsigned field)
{
	switch (field) {
	case FIELD_REQUEST:
		return PAYLOAD_REQUEST;
	case FIELD_RESPONSE:
		return PAYLOAD_RESPONSE;
	case FIELD_ATTRS:
		return PAYLOAD_ATTRS;
	case FIELD_DEFINITION:
		return PAYLOAD_DEFINITION;
	default:
		return PAYLOAD_COUNT;
	}
}

unsigned payload_field(enum payload payload)
{
	static const unsigned fields[PAYLOAD_COUNT] = {
		[PAYLOAD_REQUEST] = FIELD_REQUEST,
		[PAYLOAD_RESPONSE] = FIELD_RESPONSE,
		[PAYLOAD_ATTRS] = FIELD_ATTRS,
		[PAYLOAD_DEFINITION] = FIELD_DEFINITION,
	};
	return payload < PAYLOAD_COUNT ? fields[payload] : 0;
}
