/*
 * The values of a block's rows as codes.  A text column has them already; numbers get them from a table; where the first
 * of several fields counts, their codes stand behind one another.
 */
#include <inttypes.h>
#include <stdio.h>

#include "members.h"
#include "tally_inner.h"

enum { NUMBER_SLOTS = 2 * BLOCK_ROWS_MAX, SCRATCH_BYTES_MAX = 64 * 1024 * 1024 };

static int64_t round_down(int64_t number, int64_t bucket)
{
	if (bucket == 0)
		return number;
	int64_t rest = number % bucket;
	rest = rest < 0 ? rest + bucket : rest;
	return number < INT64_MIN + rest ? INT64_MIN : number - rest;
}

/* Equal numbers mostly stand one behind another, or are few. */
static enum status code_numbers(const struct column *column, int64_t bucket, struct arena *arena,
	struct tally_coded_field *field, uint32_t **codes, uint32_t *limit)
{
	struct {
		int64_t number;
		uint32_t code;
	} *slots = arena_calloc(arena, NUMBER_SLOTS, sizeof(*slots));
	int64_t *numbers = arena_alloc(arena, ((size_t)column->rows + 1) * sizeof(*numbers));
	uint32_t *made = arena_calloc(arena, (size_t)column->rows + 1, sizeof(*made));
	uint32_t last = 0;
	uint32_t count = 0;
	if (slots == NULL || numbers == NULL || made == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t row = 0; row < column->rows; row++) {
		if (!row_is_set(column->present, row))
			continue;
		int64_t number = round_down(column->numbers[row], bucket);
		if (last == 0 || numbers[last] != number) {
			size_t at = (uint64_t)number * UINT64_C(0x9e3779b97f4a7c15) >> 50;
			while (slots[at].code && slots[at].number != number)
				at = (at + 1) % NUMBER_SLOTS;
			if (slots[at].code == 0) {
				slots[at].number = numbers[++count] = number;
				slots[at].code = count;
			}
			last = slots[at].code;
		}
		made[row] = last;
	}
	field->numbers = numbers;
	*codes = made;
	*limit = count + 1;
	return STATUS_OK;
}
_Static_assert(NUMBER_SLOTS == 1 << 14, "the hash above is shifted to its size");

/* Adds a field's codes for rows that have none so far. */
static void add_codes(uint32_t *into, uint32_t base, const uint32_t *codes, uint32_t rows)
{
	for (uint32_t row = 0; row < rows; row++)
		if (into[row] == 0 && codes[row])
			into[row] = base + codes[row];
}

/* --- paths --- */

struct joining {
	struct arena *arena, *scratch;
	struct buf out;
	bool any;
};

static bool join_value(void *context, struct text value)
{
	struct joining *joining = context;
	struct text leaf;
	for (size_t at = 0; leaves_next(value, &at, &leaf) && joining->out.len < TALLY_VALUE_BYTES_MAX;) {
		struct text text = leaf_text(leaf, joining->scratch);
		buf_put_string(&joining->out, joining->any ? ", " : "");
		buf_put_text(&joining->out,
			(struct text){text.at, text.len < TALLY_VALUE_BYTES_MAX ? text.len : TALLY_VALUE_BYTES_MAX});
		joining->any = true;
	}
	return joining->out.len >= TALLY_VALUE_BYTES_MAX;
}

/* For each entry of a column what stands at the path; entries without it get at = NULL. */
static enum status follow_path(const struct column *column, const struct path *path, struct arena *arena,
	struct tally_coded_field *field, uint32_t **codes)
{
	struct text *texts = arena_calloc(arena, column->entry_count, sizeof(*texts));
	uint32_t *made = arena_alloc(arena, ((size_t)column->rows + 1) * sizeof(*made));
	struct arena scratch, leaves;
	struct joining joining = {.arena = arena, .scratch = &leaves};
	if (texts == NULL || made == NULL)
		return STATUS_NO_MEMORY;
	arena_init(&scratch, SCRATCH_BYTES_MAX);
	arena_init(&leaves, SCRATCH_BYTES_MAX);
	buf_init(&joining.out, 4 * TALLY_VALUE_BYTES_MAX);
	enum status status = STATUS_OK;
	for (uint32_t code = 1; code < column->entry_count && status == STATUS_OK; code++) {
		buf_clear(&joining.out);
		arena_clear(&leaves);
		joining.any = false;
		(void)path_visit(column->entries[code], path, &scratch, join_value, &joining);
		if (joining.any)
			texts[code] = arena_copy(arena, buf_text(&joining.out));
		if (joining.any && texts[code].at == NULL)
			status = STATUS_NO_MEMORY;
	}
	for (uint32_t row = 0; row < column->rows; row++)
		made[row] = texts[column->codes[row]].at ? column->codes[row] : 0;
	buf_finish(&joining.out);
	arena_finish(&leaves);
	arena_finish(&scratch);
	field->texts = texts;
	*codes = made;
	return status;
}

/* --- addresses --- */

/* "10.0.0.9:51234" and "[::1]:80" without the port; an address without one, and any other text, as it is. */
static struct text host_of(struct text text)
{
	size_t at = text.len;
	while (at > 0 && text.at[at - 1] >= '0' && text.at[at - 1] <= '9')
		at--;
	if (at < 2 || at == text.len || text.at[at - 1] != ':')
		return text;
	struct text host = {text.at, at - 1};
	bool bracketed = host.at[0] == '[' && host.at[host.len - 1] == ']';
	if (bracketed)
		return (struct text){host.at + 1, host.len - 2};
	return memchr(host.at, ':', host.len) ? text : host; /* an IPv6 address ends in digits, too */
}

static const struct text *cut_ports(const struct column *column, struct arena *arena)
{
	struct text *hosts = arena_alloc(arena, column->entry_count * sizeof(*hosts));
	for (uint32_t code = 1; hosts && code < column->entry_count; code++)
		hosts[code] = host_of(column->entries[code]);
	return hosts;
}

static enum status read_field(const struct tally_value *value, struct block *block, struct arena *arena,
	struct tally_coded_field *field, const uint32_t **codes, uint32_t *limit)
{
	struct column column;
	enum status status = block_column(block, field->field, &column);
	if (status != STATUS_OK)
		return status;
	if (column.is_number) {
		uint32_t *made = NULL;
		status = code_numbers(&column, value->bucket_ns, arena, field, &made, limit);
		*codes = made;
		return status;
	}
	*limit = column.entry_count;
	if (value->path.count > 0) {
		uint32_t *made = NULL;
		status = follow_path(&column, &value->path, arena, field, &made);
		*codes = made;
		return status;
	}
	field->texts = value->host ? cut_ports(&column, arena) : column.entries;
	*codes = column.codes;
	return field->texts ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status read_fields(
	const struct tally_value *value, struct block *block, struct arena *arena, struct tally_codes *codes)
{
	uint32_t rows = block_count(block);
	uint32_t *joined = NULL;
	*codes = (struct tally_codes){.limit = 1};
	for (size_t i = 0; i < TALLY_FIELDS_MAX && value->fields[i]; i++) {
		struct tally_coded_field field = {.field = value->fields[i], .base = codes->limit - 1};
		const uint32_t *found = NULL;
		uint32_t limit = 0;
		enum status status = read_field(value, block, arena, &field, &found, &limit);
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status != STATUS_OK)
			return status;
		if (codes->codes && joined == NULL) {
			joined = arena_alloc(arena, ((size_t)rows + 1) * sizeof(*joined));
			if (joined == NULL)
				return STATUS_NO_MEMORY;
			memcpy(joined, codes->codes, rows * sizeof(*joined));
		}
		if (joined)
			add_codes(joined, field.base, found, rows);
		codes->codes = joined ? joined : found;
		codes->limit += limit - 1;
		codes->fields[codes->field_count++] = field;
	}
	return STATUS_OK;
}

/* --- conditions --- */

static bool is_word(const struct tally_only *only, struct text text)
{
	for (size_t i = 0; i < TALLY_WORDS_MAX && only->words[i]; i++)
		if (text_equal(text, text_of(only->words[i])))
			return true;
	return false;
}

/* Takes the codes of rows away that a condition does not take. */
static enum status take_away(
	const struct tally_only *only, struct block *block, struct arena *arena, uint32_t *codes, uint32_t rows)
{
	struct tally_value value = {.bucket_ns = 0};
	struct tally_codes asked;
	memcpy(value.fields, only->fields, sizeof(value.fields));
	enum status status = read_fields(&value, block, arena, &asked);
	if (status != STATUS_OK)
		return status;
	bool *takes = arena_alloc(arena, asked.limit);
	if (takes == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t code = 0; code < asked.limit; code++) {
		char digits[24];
		struct tally_part part = tally_decode(&asked, code, digits);
		takes[code] = (part.field && is_word(only, part.text)) != only->but;
	}
	for (uint32_t row = 0; row < rows; row++)
		if (!takes[tally_code(&asked, row)])
			codes[row] = 0;
	return STATUS_OK;
}

enum status tally_read_codes(
	const struct tally_value *value, struct block *block, struct arena *arena, struct tally_codes *codes)
{
	uint32_t rows = block_count(block);
	enum status status = read_fields(value, block, arena, codes);
	if (status != STATUS_OK || codes->codes == NULL || value->only[0].fields[0] == 0)
		return status;
	uint32_t *copy = arena_alloc(arena, ((size_t)rows + 1) * sizeof(*copy));
	if (copy == NULL)
		return STATUS_NO_MEMORY;
	memcpy(copy, codes->codes, rows * sizeof(*copy));
	for (size_t i = 0; i < TALLY_ONLY_MAX && value->only[i].fields[0] && status == STATUS_OK; i++)
		status = take_away(&value->only[i], block, arena, copy, rows);
	codes->codes = copy;
	return status;
}

struct tally_part tally_decode(const struct tally_codes *codes, uint32_t code, char digits[24])
{
	size_t i = 0;
	if (code == 0)
		return (struct tally_part){.field = 0};
	while (i + 1 < codes->field_count && code > codes->fields[i + 1].base)
		i++;
	const struct tally_coded_field *field = &codes->fields[i];
	struct tally_part part = {.field = field->field};
	if (field->numbers) {
		part.number = field->numbers[code - field->base];
		if (field_info(field->field)->type == FIELD_TYPE_BOOL)
			part.text = part.number ? TEXT("true") : TEXT("false");
		else
			part.text = (struct text){digits, (size_t)snprintf(digits, 24, "%" PRId64, part.number)};
	} else {
		part.text = field->texts[code - field->base];
		if (part.text.at == NULL)
			part.text.at = "";
	}
	return part;
}
