/* The search language: any text is parsed, or refused with its column; what is parsed can be asked of any text. */
#include <assert.h>

#include "filter.h"
#include "fuzz.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

/* Every phrase and pattern of a tree, asked of the search itself. */
static void ask(const struct condition *condition, struct text text)
{
	for (; condition; condition = condition->next) {
		for (size_t i = 0; i < condition->value_count; i++) {
			(void)!phrase_found(&condition->values[i].phrase, text);
			(void)!glob_match(condition->values[i].text, text);
		}
		ask(condition->children, text);
	}
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
		ask(filter.root, text);
	arena_finish(&arena);
	return 0;
}
