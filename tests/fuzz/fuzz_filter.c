/* The search language: any text is parsed, or refused with its column; what is parsed can be asked of any text. */
#include <assert.h>

#include "filter.h"
#include "fuzz.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static bool ask_decimal(const struct wanted *value, struct text text)
{
	struct decimal decimal;
	return value->decimals && decimal_read(text, &decimal) && decimal_in_range(value->decimals, &decimal);
}

/* A word of a regular expression that a text which matches does not hold would hide events. */
static void ask_regex(struct regex *regex, struct text text, struct arena *arena)
{
	const struct text *words = NULL;
	size_t count = regex_words(regex, &words);
	bool found = regex_find(regex, text) == STATUS_OK;
	for (size_t i = 0; found && i < count; i++) {
		struct phrase phrase;
		if (phrase_make(words[i], false, arena, &phrase) == STATUS_OK)
			assert(phrase_found(&phrase, text));
	}
}

static bool ignore(void *context, struct text value)
{
	(void)context;
	(void)value;
	return false;
}

/* Every value, pattern and path of a tree, asked of the search itself. */
static void ask(const struct condition *condition, struct text text, struct arena *arena)
{
	struct arena scratch;
	arena_init(&scratch, ARENA_BYTES_MAX);
	for (; condition; condition = condition->next) {
		for (size_t i = 0; i < condition->value_count; i++) {
			const struct wanted *value = &condition->values[i];
			(void)!phrase_found(&value->phrase, text);
			(void)!glob_match(value->text, text);
			(void)!ask_decimal(value, text);
			(void)!(value->addresses && address_found(value->addresses, text));
			if (value->regex)
				ask_regex(value->regex, text, arena);
		}
		if (condition->path.count > 0)
			(void)!path_visit(text, &condition->path, &scratch, ignore, NULL);
		ask(condition->children, text, arena);
	}
	arena_finish(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct filter filter;
	struct error error = {0};
	struct arena arena;
	struct text text = {(const char *)bytes, len};
	arena_init(&arena, ARENA_BYTES_MAX);
	enum status status = filter_parse(text, INT64_C(1795168800000000000), &arena, &filter, &error);
	assert(status == STATUS_OK || (status == STATUS_INVALID && error.text[0] != 0));
	if (status == STATUS_OK)
		ask(filter.root, text, &arena);
	arena_finish(&arena);
	return 0;
}
