/* The only C++ of the project.  In "regular" mode the first stage reads nothing behind the text. */
#include "index.h"

#include <memory>
#include <new>
#include <simdjson.h>

struct json_index {
	std::unique_ptr<simdjson::internal::dom_parser_implementation> stage;
	size_t capacity;
};

namespace
{
constexpr size_t capacity_bytes_min = 64 * 1024;
constexpr size_t capacity_bytes_kept =
	1024 * 1024; /* what a larger text took is given back with the next smaller one */

/*
 * At its first use simdjson looks what the processor can do, and ends the process if memory fails it then.  So that is
 * when the program is loaded, before there is anything to lose.
 */
[[maybe_unused]] const bool is_detected = [] {
	simdjson::get_active_implementation() = simdjson::get_available_implementations().detect_best_supported();
	return true;
}();

bool set_capacity(struct json_index *index, size_t len)
{
	size_t capacity = capacity_bytes_min;
	while (capacity <= len)
		capacity *= 2;
	if (capacity >= simdjson::SIMDJSON_MAXSIZE_BYTES)
		return false;
	auto error = index->stage ? index->stage->set_capacity(capacity)
				  : simdjson::get_active_implementation()->create_dom_parser_implementation(
					    capacity, 1, index->stage);
	index->capacity = error ? 0 : capacity;
	return error == simdjson::SUCCESS;
}
} // namespace

struct json_index *json_index_create(void)
{
	return new (std::nothrow) json_index{nullptr, 0};
}

void json_index_destroy(struct json_index *index)
{
	delete index;
}

enum json_index_result json_index_find(
	struct json_index *index, const char *text, size_t len, const uint32_t **at, uint32_t *count)
{
	if (len == 0)
		return JSON_INDEX_EMPTY;
	bool too_large = index->capacity > capacity_bytes_kept && len < capacity_bytes_kept / 2;
	if ((len >= index->capacity || too_large) && !set_capacity(index, len))
		return JSON_INDEX_MEMORY;
	auto *stage = index->stage.get();
	switch (stage->stage1(reinterpret_cast<const uint8_t *>(text), len, simdjson::stage1_mode::regular)) {
	case simdjson::SUCCESS:
		break;
	case simdjson::EMPTY:
		return JSON_INDEX_EMPTY;
	case simdjson::UTF8_ERROR:
		return JSON_INDEX_UTF8;
	case simdjson::CAPACITY:
	case simdjson::MEMALLOC:
		return JSON_INDEX_MEMORY;
	default:
		return JSON_INDEX_STRING;
	}
	stage->structural_indexes[stage->n_structural_indexes] = static_cast<uint32_t>(len);
	*at = stage->structural_indexes.get();
	*count = stage->n_structural_indexes;
	return JSON_INDEX_OK;
}

bool json_index_is_utf8(const char *text, size_t len)
{
	return simdjson::validate_utf8(text, len);
}
