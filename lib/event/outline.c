/*
 * An outline is a graph.  A node is a value: a field of the envelope and how it is written, or a leaf of a payload.  Its
 * edges say which text may stand between it and which next value; the nodes `begin` and `end` stand for what is before and
 * behind all values.  The text of an edge closes and opens objects; as a field has one place in the envelope, any way
 * through the graph is well-formed.  What a way could do wrong is to come to a field or an object a second time: both are
 * checked.
 *
 * A payload is a tree of its own below its field's node, one node for each leaf in each surrounding; the edge to its end
 * has a number that means all texts on the way there, and so the payload's template, for ever.
 *
 * `auth` events are not followed: which names are sensitive depends on the kind, which may come last.
 */
#include "outline.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "json_quotes.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum {
	PIECE_BYTES_MAX = 96,
	PIECE_BYTES_AT_ONCE = 32,
	NODES = 1536,
	EDGES = 2048,
	EDGES_OF_NODE_MAX = 24,
	LEAVES = 64,
	INTEGER_DIGITS_MAX = 19,
	CREDIT_MAX = 4096,
	CREDIT_LEARN = 16, /* what learning costs; each event gives 1 back */
};

enum written {
	WRITTEN_STRING,
	WRITTEN_SCALAR, /* a number, true, false, null */
	WRITTEN_PAYLOAD,
	WRITTEN_COUNT,
	WRITTEN_END = WRITTEN_COUNT, /* of all, or of a payload */
};

struct edge {
	char text[PIECE_BYTES_MAX];
	uint32_t len;
	uint32_t head;       /* a bit for each of the first bytes that are its own */
	uint64_t objects;    /* envelope objects that it opens */
	uint64_t template;   /* the end of a payload: what its template is known by */
	struct node *target; /* the value behind it */
	struct edge *next;   /* another one from the same node, or NULL */
};

struct node {
	uint8_t written; /* enum written */
	uint8_t field;
	uint8_t type;         /* enum field_type */
	uint32_t text_max;    /* a text of 1 to so many bytes is taken as it stands */
	struct edge *first;   /* or NULL */
	struct edge *likely;  /* the one taken last, or NULL */
	struct node *payload; /* where the payload's tree begins, or NULL */
};

struct outline {
	struct json_quotes quotes;
	unsigned depth_max; /* all that is known kept to it */
	unsigned credit;
	bool is_full;
	unsigned node_count, edge_count;
	struct node *places[FIELD_LIMIT][WRITTEN_COUNT]; /* NULL: none yet */
	struct node begin, end, payload_end;
	struct node nodes[NODES];
	struct edge edges[EDGES];
};

static _Atomic uint64_t templates_known;

static void forget(struct outline *outline)
{
	memset(outline->places, 0, sizeof(outline->places));
	outline->begin = (struct node){0};
	outline->end = outline->payload_end = (struct node){.written = WRITTEN_END};
	outline->node_count = outline->edge_count = 0;
	outline->is_full = false;
}

enum status outline_create(struct outline **outline)
{
	struct outline *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->credit = CREDIT_MAX;
	forget(made);
	*outline = made;
	return STATUS_OK;
}

void outline_destroy(struct outline **outline)
{
	if (*outline == NULL)
		return;
	json_quotes_finish(&(*outline)->quotes);
	free(*outline);
	*outline = NULL;
}

/* --- following --- */

struct way {
	struct outline *outline;
	struct event_decoder *decoder;
	struct text json;
	size_t at;
};

static inline bool text_is_at(const struct edge *edge, const char *here, size_t left)
{
	size_t compared = 0;
	if (left < edge->len)
		return false;
#if defined(__SSE2__)
	if (left >= PIECE_BYTES_AT_ONCE) {
		__m128i a = _mm_loadu_si128((const __m128i *)(const void *)here);
		__m128i b = _mm_loadu_si128((const __m128i *)(const void *)(here + 16));
		a = _mm_cmpeq_epi8(a, _mm_loadu_si128((const __m128i *)(const void *)edge->text));
		b = _mm_cmpeq_epi8(b, _mm_loadu_si128((const __m128i *)(const void *)(edge->text + 16)));
		uint32_t equal = (uint32_t)_mm_movemask_epi8(a) | (uint32_t)_mm_movemask_epi8(b) << 16;
		if ((~equal & edge->head) != 0)
			return false;
		compared = PIECE_BYTES_AT_ONCE;
	}
#endif
	return edge->len <= compared || memcmp(here + compared, edge->text + compared, edge->len - compared) == 0;
}

/* What stands before a string or an object is what stands before a scalar, and more. */
static inline bool begins_scalar(struct text json, size_t at)
{
	return at < json.len && json.at[at] != '"' && json.at[at] != '{' && json.at[at] != '[';
}

static inline bool edge_fits(const struct way *way, const struct edge *edge)
{
	return text_is_at(edge, way->json.at + way->at, way->json.len - way->at) &&
	       (edge->target->written != WRITTEN_SCALAR || begins_scalar(way->json, way->at + edge->len));
}

static __attribute__((noinline)) const struct edge *find_other_edge(const struct way *way, struct node *node)
{
	for (struct edge *edge = node->first; edge; edge = edge->next) {
		if (edge != node->likely && edge_fits(way, edge)) {
			node->likely = edge;
			return edge;
		}
	}
	return NULL;
}

/* Passes the text behind a node's value; NULL: nothing of it is known. */
static inline __attribute__((always_inline)) const struct edge *pass_text(struct way *way, struct node *node)
{
	const struct edge *edge = node->likely;
	if (edge == NULL || !edge_fits(way, edge))
		edge = find_other_edge(way, node);
	if (edge)
		way->at += edge->len;
	return edge;
}

static inline bool ends_scalar(struct text json, size_t at)
{
	return at < json.len && (json.at[at] == ',' || json.at[at] == '}' || json.at[at] == ']' || json.at[at] == ' ');
}

static inline bool read_scalar(struct way *way, struct text *text)
{
	size_t end = way->at;
	while (end < way->json.len && !ends_scalar(way->json, end))
		end++;
	*text = (struct text){way->json.at + way->at, end - way->at};
	way->at = end;
	return true;
}

/* The string at hand, up to its closing quote, which belongs to what follows. */
static inline bool read_string(struct way *way, struct text *text)
{
	size_t end = json_quotes_next(&way->outline->quotes, way->at);
	*text = (struct text){way->json.at + way->at, end - way->at};
	way->at = end;
	return end < way->json.len;
}

/* An integer of digits alone, as nearly all are. */
static inline bool read_integer(struct way *way, int64_t *number)
{
	const char *digits = way->json.at + way->at;
	size_t left = way->json.len - way->at;
	size_t len = 0;
	uint64_t value = 0; /* holds any number of so many digits */
	size_t max = left < INTEGER_DIGITS_MAX ? left : INTEGER_DIGITS_MAX;
	for (unsigned digit = 0; len < max && (digit = (unsigned char)digits[len] - (unsigned)'0') < 10; len++)
		value = value * 10 + digit;
	if (len == 0 || value > INT64_MAX || (*digits == '0' && len > 1) || !ends_scalar(way->json, way->at + len))
		return false;
	way->at += len;
	*number = (int64_t)value;
	return true;
}

static inline bool follow_payload(struct way *way, struct node *node, struct json_value *value)
{
	struct json_leaf *leaves = arena_alloc(&way->decoder->arena, LEAVES * sizeof(*leaves));
	size_t start = way->at;
	uint32_t count = 0;
	const struct edge *edge = NULL;
	if (leaves == NULL || node == NULL)
		return false;
	while ((edge = pass_text(way, node)) != NULL && edge->target->written != WRITTEN_END) {
		struct text text;
		struct json_token token;
		node = edge->target;
		unsigned quote = node->written == WRITTEN_STRING;
		if (count == LEAVES ||
			!(quote ? read_string(way, &text) : read_scalar(way, &text) && json_scalar(text, &token)))
			return false;
		leaves[count++] = (struct json_leaf){
			(uint32_t)((size_t)(text.at - way->json.at) - start - quote), (uint32_t)text.len + 2 * quote};
	}
	*value = (struct json_value){
		.text = {way->json.at + start, way->at - start},
		.leaves = leaves,
		.leaf_count = count,
		.template = edge ? edge->template : 0,
	};
	return edge != NULL;
}

static __attribute__((noinline)) bool follow_other(struct way *way, const struct node *node, struct text text)
{
	struct event_decoder *decoder = way->decoder;
	struct json_token token = {JSON_STRING, false, text};
	if (node->written == WRITTEN_SCALAR && !json_scalar(text, &token))
		return false;
	return decode_scalar(decoder, node->field, &token) == STATUS_OK && !decoder->in_auth_event;
}

/* Takes the value of a node.  What needs no other look than at its length is set at once. */
static inline bool follow_value(struct way *way, struct node *node)
{
	struct event_decoder *decoder = way->decoder;
	struct json_value value;
	struct text text;
	int64_t number;
	switch ((enum written)node->written) {
	case WRITTEN_STRING:
		if (!read_string(way, &text))
			return false;
		if (text.len - 1 >= node->text_max)
			return follow_other(way, node, text);
		event_set_text(decoder->event, node->field, text);
		return true;
	case WRITTEN_SCALAR:
		if (field_is_number(node->type) && read_integer(way, &number)) {
			event_set_number(decoder->event, node->field, number);
			return true;
		}
		return read_scalar(way, &text) && follow_other(way, node, text);
	case WRITTEN_PAYLOAD:
		return follow_payload(way, node->payload, &value) &&
		       decode_whole(decoder, node->field, &value) == STATUS_OK;
	case WRITTEN_END:
		break;
	}
	return false;
}

bool outline_follow(struct outline *outline, struct event_decoder *decoder, struct text json)
{
	struct way way = {outline, decoder, json, 0};
	struct node *node = &outline->begin;
	outline->credit += outline->credit < CREDIT_MAX;
	if (outline->depth_max != decoder->rules->depth_max || !json_quotes_find(&outline->quotes, json))
		return false;
	for (;;) {
		const struct edge *edge = pass_text(&way, node);
		if (edge == NULL || (decoder->seen_objects & edge->objects) != 0)
			return false;
		decoder->seen_objects |= edge->objects;
		node = edge->target;
		if (node->written == WRITTEN_END)
			return way.at == json.len;
		uint64_t *seen = &decoder->seen[node->field / 64];
		uint64_t bit = UINT64_C(1) << (node->field % 64);
		if ((*seen & bit) != 0 || !follow_value(&way, node))
			return false;
		*seen |= bit;
	}
}

/* --- learning --- */

struct lesson {
	struct outline *outline;
	struct text json;
	size_t at; /* what is before it was learned */
};

static struct node *make_node(struct outline *outline, enum written written, unsigned field)
{
	if (outline->node_count == NODES) {
		outline->is_full = true;
		return NULL;
	}
	const struct field_info *info = &field_infos[field];
	bool is_text = info->type == FIELD_TYPE_TEXT || info->type == FIELD_TYPE_ID || info->type == FIELD_TYPE_LONG;
	struct node *node = &outline->nodes[outline->node_count++];
	*node = (struct node){.written = (uint8_t)written, .field = (uint8_t)field, .type = (uint8_t)info->type};
	if (is_text && field != FIELD_KIND)
		node->text_max = info->limit_bytes;
	return node;
}

/* The edge from a node over the text up to `to`, made if need be; NULL: it is too long, or there is no room. */
static struct edge *learn_edge(struct lesson *lesson, struct node *from, size_t to, const struct edge *like)
{
	struct outline *outline = lesson->outline;
	const char *text = lesson->json.at + lesson->at;
	size_t len = to - lesson->at;
	unsigned tried = 0;
	if (to < lesson->at || len > PIECE_BYTES_MAX)
		return NULL;
	for (struct edge *edge = from->first; edge; edge = edge->next, tried++)
		if (edge->len == len && memcmp(edge->text, text, len) == 0 && edge->objects == like->objects &&
			edge->target->written == like->target->written && edge->target->field == like->target->field)
			return edge;
	if (tried >= EDGES_OF_NODE_MAX || outline->edge_count == EDGES) {
		outline->is_full = true;
		return NULL;
	}
	struct edge *edge = &outline->edges[outline->edge_count++];
	*edge = *like;
	memcpy(edge->text, text, len);
	edge->len = (uint32_t)len;
	edge->head = len < PIECE_BYTES_AT_ONCE ? (UINT32_C(1) << len) - 1 : UINT32_MAX;
	edge->next = from->first;
	from->first = from->likely = edge;
	return edge;
}

/* The node of a leaf behind `from`: each has one of its own, which is kept if it is new. */
static struct node *learn_leaf(struct lesson *lesson, struct node *from, const struct seen_value *seen, uint32_t leaf)
{
	struct outline *outline = lesson->outline;
	size_t start = seen->from + seen->leaves[leaf].at;
	unsigned quote = lesson->json.at[start] == '"';
	unsigned edges = outline->edge_count;
	struct node *made = make_node(outline, quote ? WRITTEN_STRING : WRITTEN_SCALAR, seen->field);
	if (made == NULL)
		return NULL;
	const struct edge *edge = learn_edge(lesson, from, start + quote, &(struct edge){.target = made});
	outline->node_count -= edges == outline->edge_count;
	lesson->at = start + seen->leaves[leaf].len - quote;
	return edge ? edge->target : NULL;
}

static bool learn_payload(struct lesson *lesson, struct node *node, const struct seen_value *seen)
{
	struct outline *outline = lesson->outline;
	if (node->payload == NULL)
		node->payload = make_node(outline, WRITTEN_PAYLOAD, seen->field);
	struct node *from = seen->leaf_count <= LEAVES ? node->payload : NULL;
	for (uint32_t i = 0; from && i < seen->leaf_count; i++)
		from = learn_leaf(lesson, from, seen, i);
	if (from == NULL)
		return false;
	struct edge end = {.target = &outline->payload_end, .template = atomic_fetch_add(&templates_known, 1) + 1};
	const struct edge *edge = learn_edge(lesson, from, seen->to, &end);
	lesson->at = seen->to;
	return edge != NULL;
}

static struct node *find_node(struct lesson *lesson, const struct seen_value *seen)
{
	bool quote = seen->from > 0 && lesson->json.at[seen->from - 1] == '"';
	enum written written = seen->whole ? WRITTEN_PAYLOAD : quote ? WRITTEN_STRING : WRITTEN_SCALAR;
	struct node **place = &lesson->outline->places[seen->field][written];
	if (*place == NULL)
		*place = make_node(lesson->outline, written, seen->field);
	return *place;
}

static bool learn_values(struct lesson *lesson, const struct event_decoder *decoder)
{
	struct outline *outline = lesson->outline;
	struct node *from = &outline->begin;
	uint64_t objects = 0;
	for (size_t i = 0; i < decoder->seen_value_count; i++) {
		const struct seen_value *seen = &decoder->seen_values[i];
		struct edge like = {.objects = seen->objects & ~objects, .target = find_node(lesson, seen)};
		if (like.target == NULL || learn_edge(lesson, from, seen->from, &like) == NULL)
			return false;
		from = like.target;
		objects = seen->objects;
		lesson->at = seen->whole ? seen->from : seen->to;
		if (seen->whole && !learn_payload(lesson, from, seen))
			return false;
	}
	struct edge last = {.objects = decoder->seen_objects & ~objects, .target = &outline->end};
	return learn_edge(lesson, from, lesson->json.len, &last) != NULL;
}

void outline_learn(struct outline *outline, const struct event_decoder *decoder, struct text json)
{
	if (outline->credit < CREDIT_LEARN || decoder->in_auth_event || decoder->duplicates)
		return;
	outline->credit -= CREDIT_LEARN;
	if (outline->is_full || outline->depth_max != decoder->rules->depth_max)
		forget(outline);
	outline->depth_max = decoder->rules->depth_max;
	struct lesson lesson = {outline, json, 0};
	(void)learn_values(&lesson, decoder);
}
