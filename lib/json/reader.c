/*
 * The pull reader.  simdjson's first stage says where tokens begin; everything else of the grammar is checked here, as
 * tokens are passed:
 *  - the bytes between two beginnings are one token and the white space behind it, so the end of a token is found
 *    backwards from the next beginning: scalars and strings that touch each other cannot hide in one another;
 *  - `next` stands on the token to be read; `first[depth]` says that the innermost container has no element yet, which
 *    decides whether a comma must come.
 * The index has one entry more than tokens, the text's length.
 *
 * What is asked for every member of an event is `extern inline`: where the program is optimised as a whole, the decoder's
 * loop has its own copy.
 */
#include "json.h"

#include <stdlib.h>

#include "grammar.h"
#include "index.h"
#include "members.h"

struct json_reader {
	struct json_index *index;
	const uint32_t *at; /* where tokens begin; at[count] = text.len */
	uint32_t count;
	uint32_t next;
	struct text text;
	size_t backslash; /* of the first backslash not before the last string read; SIZE_MAX: none is left */
	unsigned depth;
	unsigned depth_max;
	bool first[JSON_DEPTH_MAX + 1];
	char bracket[JSON_DEPTH_MAX + 1]; /* what closes the container */
	enum json_fault fault;
	size_t position;
	struct members members;
	json_watch *watch;
	void *watch_context;
};

enum status json_reader_create(struct json_reader **reader)
{
	struct json_reader *new = calloc(1, sizeof(*new));
	if (new == NULL)
		return STATUS_NO_MEMORY;
	new->depth_max = JSON_DEPTH_MAX;
	new->index = json_index_create();
	if (new->index == NULL || members_init(&new->members) != STATUS_OK) {
		json_reader_destroy(&new);
		return STATUS_NO_MEMORY;
	}
	*reader = new;
	return STATUS_OK;
}

void json_reader_destroy(struct json_reader **reader)
{
	if (*reader == NULL)
		return;
	if ((*reader)->index)
		json_index_destroy((*reader)->index);
	members_finish(&(*reader)->members);
	free(*reader);
	*reader = NULL;
}

void json_reader_limit(struct json_reader *reader, unsigned depth_max)
{
	reader->depth_max = depth_max < JSON_DEPTH_MAX ? depth_max : JSON_DEPTH_MAX;
}

void json_reader_watch(struct json_reader *reader, json_watch *watch, void *context)
{
	reader->watch = watch;
	reader->watch_context = context;
}

enum json_fault json_fault(const struct json_reader *reader)
{
	return reader->fault;
}

size_t json_position(const struct json_reader *reader)
{
	if (reader->fault != JSON_FAULT_NONE)
		return reader->position;
	return reader->next < reader->count ? reader->at[reader->next] : reader->text.len;
}

static enum status fail(struct json_reader *reader, enum json_fault fault, size_t position)
{
	reader->fault = fault;
	reader->position = position;
	return fault == JSON_FAULT_MEMORY ? STATUS_NO_MEMORY : STATUS_INVALID;
}

/* The token at `next` is not what the grammar asks for. */
static enum status fail_here(struct json_reader *reader)
{
	return fail(reader, JSON_FAULT_MALFORMED, json_position(reader));
}

static void find_backslash(struct json_reader *reader, size_t from)
{
	const char *at = memchr(reader->text.at + from, '\\', reader->text.len - from);
	reader->backslash = at ? (size_t)(at - reader->text.at) : SIZE_MAX;
}

enum status json_begin(struct json_reader *reader, struct text text)
{
	reader->text = text;
	reader->count = reader->next = 0;
	reader->depth = 0;
	reader->fault = JSON_FAULT_NONE;
	reader->members.count = 0;
	switch (json_index_find(reader->index, text.at, text.len, &reader->at, &reader->count)) {
	case JSON_INDEX_OK:
		break;
	case JSON_INDEX_EMPTY:
		return fail(reader, JSON_FAULT_MALFORMED, text.len);
	case JSON_INDEX_UTF8:
		return fail(reader, JSON_FAULT_UTF8, grammar_utf8_fault(text.at, text.len));
	case JSON_INDEX_STRING:
		return fail(reader, JSON_FAULT_MALFORMED, grammar_string_fault(text.at, text.len));
	case JSON_INDEX_MEMORY:
		return fail(reader, JSON_FAULT_MEMORY, 0);
	}
	find_backslash(reader, 0);
	return STATUS_OK;
}

static inline char byte_here(const struct json_reader *reader)
{
	return reader->next < reader->count ? reader->text.at[reader->at[reader->next]] : 0;
}

/* Where the token that begins at `from` ends: white space before the next beginning is not its own. */
static inline size_t token_end(const struct json_reader *reader, size_t from)
{
	size_t end = reader->at[reader->next + 1];
	const char *at = reader->text.at;
	if ((unsigned char)at[end - 1] > ' ')
		return end;
	while (end > from + 1 &&
		(at[end - 1] == ' ' || at[end - 1] == '\n' || at[end - 1] == '\t' || at[end - 1] == '\r'))
		end--;
	return end;
}

/* Reads the string at `next` that has a backslash, or white space behind it, or none of its own quotes. */
static __attribute__((noinline)) enum status read_other_string(
	struct json_reader *reader, struct text *between, bool *escaped)
{
	size_t from = reader->at[reader->next];
	size_t end = token_end(reader, from);
	if (end < from + 2 || reader->text.at[end - 1] != '"')
		return fail_here(reader);
	struct text found = {reader->text.at + from + 1, end - from - 2};
	bool has_escape = false;
	if (reader->backslash < end) {
		if (reader->backslash < from)
			find_backslash(reader, from);
		has_escape = reader->backslash < end;
		if (has_escape && !grammar_escapes(found.at, found.len))
			return fail_here(reader);
		if (has_escape)
			find_backslash(reader, end);
	}
	*between = found;
	*escaped = has_escape;
	reader->next++;
	return STATUS_OK;
}

/* Reads the string at `next`; *between is what stands between its quotes. */
static inline __attribute__((always_inline)) enum status read_string(
	struct json_reader *reader, struct text *between, bool *escaped)
{
	size_t from = reader->at[reader->next];
	size_t end = reader->at[reader->next + 1];
	const char *at = reader->text.at;
	/* The most frequent string: no backslash is left before its end, and its quote is the byte before the next token. */
	if (at[end - 1] != '"' || end < from + 2 || reader->backslash < end)
		return read_other_string(reader, between, escaped);
	*between = (struct text){at + from + 1, end - from - 2};
	*escaped = false;
	reader->next++;
	return STATUS_OK;
}

static inline bool scalar_type(const char *at, size_t len, enum json_type *type)
{
	switch (*at) {
	case 't':
		*type = JSON_TRUE;
		return len == 4 && memcmp(at, "true", 4) == 0;
	case 'f':
		*type = JSON_FALSE;
		return len == 5 && memcmp(at, "false", 5) == 0;
	case 'n':
		*type = JSON_NULL;
		return len == 4 && memcmp(at, "null", 4) == 0;
	default:
		*type = JSON_NUMBER;
		return grammar_number(at, len);
	}
}

bool json_scalar(struct text text, struct json_token *token)
{
	enum json_type type;
	if (text.len == 0 || !scalar_type(text.at, text.len, &type))
		return false;
	*token = (struct json_token){type, false, text};
	return true;
}

static inline enum status read_scalar(struct json_reader *reader, struct json_token *token)
{
	size_t from = reader->at[reader->next];
	struct text text = {reader->text.at + from, token_end(reader, from) - from};
	enum json_type type;
	if (!scalar_type(text.at, text.len, &type))
		return fail_here(reader);
	*token = (struct json_token){type, false, text};
	reader->next++;
	return STATUS_OK;
}

static inline enum status open_container(struct json_reader *reader, char closing)
{
	if (reader->depth >= reader->depth_max)
		return fail(reader, JSON_FAULT_DEPTH, json_position(reader));
	reader->depth++;
	reader->first[reader->depth] = true;
	reader->bracket[reader->depth] = closing;
	reader->next++;
	return STATUS_OK;
}

extern inline enum status json_next(struct json_reader *reader, struct json_token *token)
{
	if (reader->next >= reader->count)
		return fail_here(reader);
	const char *at = reader->text.at + reader->at[reader->next];
	enum status status;
	switch (*at) {
	case '"':
		status = read_string(reader, &token->text, &token->escaped);
		if (status == STATUS_OK)
			token->type = JSON_STRING;
		return status;
	case '{':
		status = open_container(reader, '}');
		if (status == STATUS_OK)
			*token = (struct json_token){JSON_OBJECT, false, {at, 1}};
		return status;
	case '[':
		status = open_container(reader, ']');
		if (status == STATUS_OK)
			*token = (struct json_token){JSON_ARRAY, false, {at, 1}};
		return status;
	default:
		return read_scalar(reader, token);
	}
}

/* Passes a comma or the closing bracket of the innermost container. */
static inline enum status pass_separator(struct json_reader *reader, bool *more)
{
	char byte = byte_here(reader);
	bool first = reader->first[reader->depth];
	reader->first[reader->depth] = false;
	*more = true;
	if (byte == reader->bracket[reader->depth]) {
		*more = false;
		reader->depth--;
		reader->next++;
	} else if (!first) {
		if (byte != ',')
			return fail_here(reader);
		reader->next++;
	}
	return STATUS_OK;
}

static inline enum status read_name(struct json_reader *reader, struct text *name, bool *escaped)
{
	if (byte_here(reader) != '"')
		return fail_here(reader);
	enum status status = read_string(reader, name, escaped);
	if (status != STATUS_OK)
		return status;
	if (byte_here(reader) != ':')
		return fail_here(reader);
	reader->next++;
	return STATUS_OK;
}

enum status json_member(struct json_reader *reader, struct json_token *key, bool *more)
{
	bool has = false;
	enum status status = pass_separator(reader, &has);
	struct text name;
	bool escaped;
	if (status == STATUS_OK && has)
		status = read_name(reader, &name, &escaped);
	if (status != STATUS_OK)
		return status;
	*more = has;
	if (has)
		*key = (struct json_token){JSON_STRING, escaped, name};
	return STATUS_OK;
}

struct json_name json_name_of(struct text written)
{
	struct json_name name = {.written = written};
	size_t len = written.len < sizeof(name.word) ? written.len : sizeof(name.word);
	memcpy(name.word, written.at, len);
	memset(name.mask, 0xff, len);
	return name;
}

/*
 * What stands in the text from a token's beginning on is compared at once, colon included: the first byte is an opening
 * quote, as only those are in the index, so that equal bytes make an equal name, its closing quote, and a colon that is
 * the next token.  Everything else, also an equal name that is written otherwise, is left to json_member.
 */
extern inline bool json_expect(struct json_reader *reader, const struct json_name *name)
{
	uint32_t next = reader->next;
	bool first = reader->first[reader->depth];
	if (!first && byte_here(reader) != ',')
		return false;
	next += !first;
	if (next >= reader->count)
		return false;
	size_t from = reader->at[next];
	size_t left = reader->text.len - from;
	uint64_t word[2];
	if (left < sizeof(word) || left < name->written.len)
		return false;
	const char *at = reader->text.at + from;
	memcpy(word, at, sizeof(word));
	if ((((word[0] ^ name->word[0]) & name->mask[0]) | ((word[1] ^ name->word[1]) & name->mask[1])) != 0)
		return false;
	size_t more = sizeof(word);
	if (name->written.len > more && memcmp(at + more, name->written.at + more, name->written.len - more) != 0)
		return false;
	reader->first[reader->depth] = false;
	reader->next = next + 2;
	return true;
}

enum status json_element(struct json_reader *reader, bool *more)
{
	bool has = false;
	enum status status = pass_separator(reader, &has);
	if (status == STATUS_OK)
		*more = has;
	return status;
}

enum status json_end(struct json_reader *reader)
{
	return reader->next == reader->count ? STATUS_OK : fail_here(reader);
}

/* --- whole values --- */

struct walk {
	struct json_reader *reader;
	struct arena *arena;
	struct json_value *value;
	struct json_leaf *leaves;
	uint32_t leaves_max;
	uint32_t passed;                    /* bytes of the tokens before this one: its place in the minified text */
	unsigned outer;                     /* depth the walk began at */
	size_t end;                         /* of the last token */
	uint32_t names[JSON_DEPTH_MAX + 1]; /* where the names of each open object begin */
};

static inline void add_leaf(struct walk *walk, size_t len)
{
	struct json_value *value = walk->value;
	if (value->leaf_count < walk->leaves_max)
		walk->leaves[value->leaf_count] = (struct json_leaf){walk->passed, (uint32_t)len};
	value->leaf_count++;
	walk->passed += (uint32_t)len;
}

static inline enum status walk_name(struct walk *walk)
{
	struct json_reader *reader = walk->reader;
	struct text name = {NULL, 0};
	bool escaped = false;
	enum status status = read_name(reader, &name, &escaped);
	if (status != STATUS_OK)
		return status;
	walk->passed += (uint32_t)name.len + 3;
	walk->value->escaped |= escaped;
	if (reader->watch && reader->watch(reader->watch_context, name, escaped))
		walk->value->watched = true;
	status = members_push(&reader->members, name, escaped);
	return status == STATUS_OK ? status : fail(reader, JSON_FAULT_MEMORY, 0);
}

static enum status close_object(struct walk *walk, unsigned depth)
{
	struct members *members = &walk->reader->members;
	size_t first = walk->names[depth];
	if (members->count > first + 1) {
		bool found = false;
		if (members_find_duplicate(members, first, walk->arena, &found) != STATUS_OK)
			return fail(walk->reader, JSON_FAULT_MEMORY, 0);
		walk->value->duplicate_members |= found;
		walk->value->duplicate_outer |= found && depth == walk->outer + 1;
	}
	members->count = first;
	return STATUS_OK;
}

/* Passes what stands before the next value: closing brackets, a comma, a name.  *more = false: the value is whole. */
static inline enum status walk_between(struct walk *walk, bool *more)
{
	struct json_reader *reader = walk->reader;
	*more = false;
	while (reader->depth > walk->outer) {
		unsigned depth = reader->depth;
		bool object = reader->bracket[depth] == '}';
		bool first = reader->first[depth];
		enum status status = pass_separator(reader, more);
		if (status != STATUS_OK)
			return status;
		walk->passed += *more ? !first : 1;
		if (*more)
			return object ? walk_name(walk) : STATUS_OK;
		walk->end = reader->at[reader->next - 1] + (size_t)1;
		if (object && (status = close_object(walk, depth)) != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static inline enum status walk_token(struct walk *walk)
{
	struct json_reader *reader = walk->reader;
	struct json_token token;
	switch (byte_here(reader)) {
	case '{': {
		walk->passed++;
		enum status status = open_container(reader, '}');
		walk->names[reader->depth] = (uint32_t)reader->members.count;
		return status;
	}
	case '[':
		walk->passed++;
		return open_container(reader, ']');
	case '"': {
		enum status status = read_string(reader, &token.text, &token.escaped);
		if (status != STATUS_OK)
			return status;
		walk->value->escaped |= token.escaped;
		walk->end = (size_t)(token.text.at - reader->text.at) + token.text.len + 1;
		add_leaf(walk, token.text.len + 2);
		return STATUS_OK;
	}
	default: {
		if (reader->next >= reader->count)
			return fail_here(reader);
		enum status status = read_scalar(reader, &token);
		if (status != STATUS_OK)
			return status;
		walk->end = (size_t)(token.text.at - reader->text.at) + token.text.len;
		add_leaf(walk, token.text.len);
		return STATUS_OK;
	}
	}
}

/* Copies the tokens from `first` up to `next` without the white space between them. */
static enum status minify(
	struct json_reader *reader, uint32_t first, struct arena *arena, size_t len, struct text *text)
{
	char *copy = arena_alloc(arena, len);
	if (copy == NULL)
		return fail(reader, JSON_FAULT_MEMORY, 0);
	char *to = copy;
	uint32_t after = reader->next;
	for (reader->next = first; reader->next < after; reader->next++) {
		size_t from = reader->at[reader->next];
		size_t bytes = token_end(reader, from) - from;
		memcpy(to, reader->text.at + from, bytes);
		to += bytes;
	}
	*text = (struct text){copy, (size_t)(to - copy)};
	return STATUS_OK;
}

enum status json_value(struct json_reader *reader, struct arena *arena, uint32_t leaves_max, struct json_value *value)
{
	struct json_value read = {0};
	struct walk walk;
	walk.reader = reader;
	walk.arena = arena;
	walk.value = &read;
	walk.passed = 0;
	walk.outer = reader->depth;
	walk.end = 0;
	uint32_t left = reader->count - reader->next;
	walk.leaves_max = leaves_max < left ? leaves_max : left;
	walk.leaves = walk.leaves_max ? arena_alloc(arena, walk.leaves_max * sizeof(*walk.leaves)) : NULL;
	if (walk.leaves_max && walk.leaves == NULL)
		return fail(reader, JSON_FAULT_MEMORY, 0);
	uint32_t first = reader->next;
	size_t start = json_position(reader);
	bool more = true;
	while (more) {
		enum status status = walk_token(&walk);
		if (status == STATUS_OK)
			status = walk_between(&walk, &more);
		if (status != STATUS_OK)
			return status;
	}
	read.text = (struct text){reader->text.at + start, walk.end - start};
	if (walk.passed != read.text.len) {
		enum status status = minify(reader, first, arena, walk.passed, &read.text);
		if (status != STATUS_OK)
			return status;
	}
	read.leaves = read.leaf_count <= leaves_max ? walk.leaves : NULL;
	*value = read;
	return STATUS_OK;
}
