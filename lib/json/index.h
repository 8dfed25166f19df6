/*
 * index - where the tokens of a JSON text begin: simdjson's first stage behind a C header.
 *
 * An index keeps its memory, except what a huge text took.  It belongs to one thread at a time.
 */
#ifndef MCPLEDGER_JSON_INDEX_H
#define MCPLEDGER_JSON_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum json_index_result { JSON_INDEX_OK, JSON_INDEX_EMPTY, JSON_INDEX_UTF8, JSON_INDEX_STRING, JSON_INDEX_MEMORY };

struct json_index;

struct json_index *json_index_create(void); /* NULL: out of memory */
void json_index_destroy(struct json_index *index);
/*
 * Finds the byte offsets of [ ] { } : , of opening quotes and of the first bytes of everything else that is neither
 * white space nor inside a string; a few control characters outside strings are found as well, so look at the byte.
 * On JSON_INDEX_OK *at is valid until the next call and (*at)[*count] is len.
 * JSON_INDEX_STRING: an unclosed string, or a raw control character in one.
 */
enum json_index_result json_index_find(
	struct json_index *index, const char *text, size_t len, const uint32_t **at, uint32_t *count);
bool json_index_is_utf8(const char *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
