#include "filter.h"

#include <assert.h>

#include "filter_parser.h"

/*
 * A recursive descent parser; the grammar stands in filter.h, its tokens in filter_lex.c, its leaves in filter_terms.c
 * and filter_values.c.  The children of an "and" are kept with the cheap ones first, so that payloads are only looked at
 * where everything else matched.
 */

/* --- the tree --- */

enum cost { COST_FIELD, COST_TEXT, COST_REGEX };

static enum cost larger(enum cost a, enum cost b)
{
	return a > b ? a : b;
}

static enum cost cost_of(const struct condition *condition)
{
	enum cost cost = COST_FIELD;
	if (condition->type == CONDITION_INDICATORS)
		return COST_REGEX;
	if (condition->type == CONDITION_WORDS || condition->path.count > 0)
		cost = COST_TEXT;
	for (size_t i = 0; i < condition->field_count; i++)
		if (field_is_prose(condition->fields[i]))
			cost = COST_TEXT;
	for (size_t i = 0; i < condition->value_count; i++)
		if (condition->values[i].regex)
			cost = larger(cost, cost == COST_TEXT ? COST_REGEX : COST_TEXT);
	for (const struct condition *child = condition->children; child; child = child->next)
		cost = larger(cost, cost_of(child));
	return cost;
}

/* Whether a condition looks at prose: what is in it may have been redacted or cut. */
static bool asks_texts(const struct condition *condition)
{
	for (size_t i = 0; i < condition->field_count; i++)
		if (field_is_prose(condition->fields[i]))
			return true;
	for (const struct condition *child = condition->children; child; child = child->next)
		if (asks_texts(child))
			return true;
	return false;
}

static void add_child(struct condition *parent, struct condition *child)
{
	assert(parent && child);
	struct condition **link = &parent->children;
	enum cost cost = cost_of(child);
	while (*link && (parent->type != CONDITION_AND || cost_of(*link) <= cost))
		link = &(*link)->next;
	child->next = *link;
	*link = child;
}

/* --- the grammar --- */

static enum status read_search(struct parser *parser, struct condition **condition);

static enum status read_group(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at++;
	if (++parser->depth > FILTER_DEPTH_MAX)
		return parser_fail(parser, start, "parentheses may be nested %d deep", FILTER_DEPTH_MAX);
	enum status status = read_search(parser, condition);
	parser->depth--;
	if (status != STATUS_OK)
		return status;
	if (lex_peek(parser) != ')')
		return parser_fail(parser, start, "this parenthesis is not closed");
	parser->at++;
	return STATUS_OK;
}

/* Passes a minus that something stands right behind, or NOT. */
static enum status take_negation(struct parser *parser, bool *negated)
{
	size_t start = parser->at;
	size_t len = 0;
	*negated = false;
	if (lex_keyword(parser, &len) == KEYWORD_NOT) {
		bool capitals = memcmp(parser->text.at + start, "NOT", len) == 0;
		parser->at += len;
		lex_skip_spaces(parser);
		*negated = true;
		if (lex_at_end(parser) || lex_peek(parser) == ')')
			return parser_fail(parser, start, "something is missing after NOT");
		bool marked = lex_name(parser) > 0 || lex_regex(parser) > 0 || strchr("(\"-", lex_peek(parser)) != NULL;
		if (!capitals && !marked) /* "file not found" means its words */
			return parser_fail(parser, start,
				"write NOT in capitals to leave out the next word, or put the words in quotes");
		return STATUS_OK;
	}
	struct text rest = {parser->text.at + start, parser->text.len - start};
	if (rest.len > 1 && rest.at[0] == '-') {
		parser->at++;
		*negated = !lex_ends_term(parser);
		parser->at -= !*negated;
	}
	return STATUS_OK;
}

static enum status read_term(struct parser *parser, struct condition **condition)
{
	size_t start = parser->at;
	struct condition *inner = NULL;
	bool negated = false;
	enum status status = take_negation(parser, &negated);
	if (status != STATUS_OK)
		return status;
	status = lex_peek(parser) == '(' ? read_group(parser, &inner) : parser_read_simple_term(parser, &inner);
	if (status == STATUS_OK && !lex_ends_term(parser))
		return parser_fail(parser, parser->at,
			"a space is missing here, or quotes around the text; in a regular expression a space is \\s");
	if (status == STATUS_OK && negated)
		status = parser_make(parser, CONDITION_NOT, start, condition);
	if (status != STATUS_OK)
		return status;
	if (negated)
		add_child(*condition, inner);
	else
		*condition = inner;
	return STATUS_OK;
}

static bool at_end_of_search(const struct parser *parser)
{
	return lex_at_end(parser) || lex_peek(parser) == ')';
}

/* Terms that are joined: a list is only made for the second one. */
struct joined {
	enum condition_type type;
	size_t start;
	struct condition *first, *list;
};

static enum status join(struct parser *parser, struct joined *joined, struct condition *member)
{
	if (joined->first == NULL) {
		joined->first = member;
		return STATUS_OK;
	}
	if (joined->list == NULL) {
		enum status status = parser_make(parser, joined->type, joined->start, &joined->list);
		if (status != STATUS_OK)
			return status;
		add_child(joined->list, joined->first);
	}
	add_child(joined->list, member);
	return STATUS_OK;
}

static struct condition *join_end(const struct joined *joined)
{
	return joined->list ? joined->list : joined->first;
}

/* term { [ AND ] term } */
static enum status read_all(struct parser *parser, struct condition **condition)
{
	struct joined joined = {.type = CONDITION_AND, .start = parser->at};
	for (bool needed = true;; lex_skip_spaces(parser)) {
		size_t len = 0;
		enum keyword keyword = lex_keyword(parser, &len);
		bool ends = at_end_of_search(parser) || keyword == KEYWORD_OR;
		if (needed && (ends || keyword == KEYWORD_AND))
			return parser_fail(parser, parser->at,
				"a term is missing here; to search for the words and, or, not, quote them");
		if (ends)
			break;
		needed = keyword == KEYWORD_AND;
		if (needed) {
			parser->at += len;
			continue;
		}
		struct condition *term = NULL;
		enum status status = read_term(parser, &term);
		if (status == STATUS_OK)
			status = join(parser, &joined, term);
		if (status != STATUS_OK)
			return status;
	}
	*condition = join_end(&joined);
	return STATUS_OK;
}

/* all { OR all }, up to the end or a closing parenthesis; nothing at all is every event. */
static enum status read_search(struct parser *parser, struct condition **condition)
{
	size_t len = 0;
	lex_skip_spaces(parser);
	struct joined joined = {.type = CONDITION_OR, .start = parser->at};
	if (at_end_of_search(parser) && parser->depth > 0)
		return parser_fail(parser, parser->at, "there is nothing between these parentheses");
	if (lex_at_end(parser))
		return parser_make(parser, CONDITION_ALL, parser->at, condition);
	for (;;) {
		struct condition *all = NULL;
		enum status status = read_all(parser, &all);
		if (status == STATUS_OK)
			status = join(parser, &joined, all);
		if (status != STATUS_OK)
			return status;
		if (lex_keyword(parser, &len) != KEYWORD_OR)
			break;
		parser->at += len;
		lex_skip_spaces(parser);
	}
	*condition = join_end(&joined);
	return STATUS_OK;
}

enum status filter_parse(
	struct text text, int64_t now_ns, struct arena *arena, struct filter *filter, struct error *error)
{
	if (text.len > FILTER_BYTES_MAX)
		return error_set(error, STATUS_INVALID, "a search may have %d bytes", FILTER_BYTES_MAX);
	struct condition *root = NULL;
	struct parser parser = {.text = arena_copy(arena, text), .now_ns = now_ns, .arena = arena, .error = error};
	if (parser.text.at == NULL)
		return parser_no_memory(&parser);
	enum status status = read_search(&parser, &root);
	if (status == STATUS_OK && !lex_at_end(&parser))
		status = parser_fail(&parser, parser.at, "this parenthesis closes nothing");
	if (status != STATUS_OK)
		return status;
	assert(root);
	*filter = (struct filter){.root = root, .asks_texts = asks_texts(root)};
	return STATUS_OK;
}

enum status filter_exact(unsigned field, struct text value, struct arena *arena, struct filter *filter)
{
	struct condition *condition = arena_calloc(arena, 1, sizeof(*condition));
	struct wanted *wanted = arena_calloc(arena, 1, sizeof(*wanted));
	uint8_t *fields = arena_alloc(arena, 1);
	if (condition == NULL || wanted == NULL || fields == NULL)
		return STATUS_NO_MEMORY;
	wanted->text = arena_copy(arena, value);
	if (wanted->text.at == NULL)
		return STATUS_NO_MEMORY;
	fields[0] = (uint8_t)field;
	condition->type = CONDITION_FIELD;
	condition->fields = fields;
	condition->field_count = 1;
	condition->values = wanted;
	condition->value_count = 1;
	*filter = (struct filter){.root = condition};
	return STATUS_OK;
}

/* All that emitters fill with text, and where an event came from; not `detail`, where the collector puts searches. */
static bool holds_indicators(unsigned field)
{
	enum field_type type = field_info(field)->type;
	return type != FIELD_TYPE_NONE && !field_is_number(type) && field != FIELD_DETAIL &&
	       (field < FIELD_COLLECTOR_FIRST || field == FIELD_INGEST_PEER);
}

enum status filter_add_indicators(struct text lines, struct arena *arena, struct filter *filter, struct error *error)
{
	struct indicators *indicators = NULL;
	struct condition *both = arena_calloc(arena, 1, sizeof(*both));
	struct condition *words = arena_alloc(arena, sizeof(*words));
	struct condition *listed = arena_calloc(arena, 1, sizeof(*listed));
	uint8_t *fields = arena_alloc(arena, FIELD_LIMIT);
	if (both == NULL || words == NULL || listed == NULL || fields == NULL)
		return STATUS_NO_MEMORY;
	enum status status = indicators_read(lines, arena, &indicators, error);
	if (status != STATUS_OK)
		return status;
	listed->type = CONDITION_INDICATORS;
	listed->indicators = indicators;
	listed->fields = fields;
	for (unsigned field = 1; field < FIELD_LIMIT; field++)
		if (holds_indicators(field))
			fields[listed->field_count++] = (uint8_t)field;
	*words = *filter->root;
	both->type = CONDITION_AND;
	add_child(both, words);
	add_child(both, listed);
	*filter = (struct filter){.root = both, .asks_texts = true};
	return STATUS_OK;
}

static bool condition_names(const struct condition *condition, unsigned field)
{
	for (size_t i = 0; i < condition->field_count; i++)
		if (condition->type != CONDITION_WORDS && condition->type != CONDITION_INDICATORS &&
			condition->fields[i] == field)
			return true;
	for (const struct condition *child = condition->children; child; child = child->next)
		if (condition_names(child, field))
			return true;
	return false;
}

bool filter_names(const struct filter *filter, unsigned field)
{
	return condition_names(filter->root, field);
}
