/* The JSON reader: what it takes reads back as the same minified value. */
#include <assert.h>

#include "fuzz.h"
#include "json.h"

enum { ARENA_BYTES_MAX = 64 << 20 };

static enum status read_value(
	struct json_reader *reader, struct arena *arena, struct text text, struct json_value *value)
{
	enum status status = json_begin(reader, text);
	if (status == STATUS_OK)
		status = json_value(reader, arena, 1000, value);
	return status == STATUS_OK ? json_end(reader) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct json_reader *reader = NULL;
	struct json_value value = {0};
	struct json_value again = {0};
	struct arena arena;
	arena_init(&arena, ARENA_BYTES_MAX);
	if (json_reader_create(&reader) == STATUS_OK) {
		if (read_value(reader, &arena, (struct text){(const char *)bytes, len}, &value) == STATUS_OK) {
			struct text minified = arena_copy(&arena, value.text);
			assert(read_value(reader, &arena, minified, &again) == STATUS_OK);
			assert(text_equal(minified, again.text));
			for (uint32_t i = 0; again.leaves && i < again.leaf_count; i++)
				assert(again.leaves[i].at <= minified.len &&
					again.leaves[i].len <= minified.len - again.leaves[i].at);
		}
	}
	json_reader_destroy(&reader);
	arena_finish(&arena);
	return 0;
}
