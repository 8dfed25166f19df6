/*
 * Counting a block.  First each row that counts gets its group's number (by codes alone), and every column that the spec
 * needs is decoded, so that a damaged one leaves nothing half counted; then each number gets its group (by texts, once),
 * and each figure runs over the rows by itself, group by group where it is a sum or a range.
 *
 * A block knows how many bytes the payloads of events have that stand together in it.  Where each such group counts as a
 * whole in one group of the tally, as with --by server,tool, payloads need not be measured.
 */
#include <stdlib.h>

#include "columns.h"
#include "once.h"
#include "rank.h"
#include "tally_inner.h"

enum { WORK_BYTES_MAX = 64 * 1024 * 1024 };

struct columns {
	size_t store;
	uint64_t first_seq;
	struct tally_codes keys[TALLY_KEYS_MAX], sets[TALLY_SETS_MAX], samples[TALLY_SAMPLES_MAX];
	struct tally_codes kind, stage, role, verdict;
	struct column time, recv_time, duration;
	struct sizes {
		const uint64_t *stored; /* NULL: no row has any */
		struct column sent;     /* where redaction or a cut changed it */
		const uint64_t *sums;   /* by the number of a group; NULL: the above counts */
	} request, response;
	/* Of each row: its verdict, and whether the figures of calls are taken from it. */
	uint8_t verdicts[BLOCK_ROWS_MAX];
	bool counts[BLOCK_ROWS_MAX];
	bool all_count, all_durations, all_times; /* in all rows that count */
	bool fails[BLOCK_ROWS_MAX];               /* rows that count and are errors */
};

static enum status work_of(struct tally *tally, struct tally_work **work)
{
	if (tally->work == NULL) {
		tally->work = calloc(1, sizeof(*tally->work));
		if (tally->work == NULL)
			return STATUS_NO_MEMORY;
		arena_init(&tally->work->arena, WORK_BYTES_MAX);
	}
	arena_clear(&tally->work->arena);
	*work = tally->work;
	return STATUS_OK;
}

/* --- reading --- */

static enum status read_one(struct block *block, unsigned field, struct arena *arena, struct tally_codes *codes)
{
	struct tally_value value = {.fields = {(uint8_t)field}};
	return tally_read_codes(&value, block, arena, codes);
}

static enum status read_sizes(struct block *block, enum payload payload, unsigned sent_field, struct sizes *sizes)
{
	enum status status = block_payload_lengths(block, payload, &sizes->stored);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		status = column_read(block, sent_field, &sizes->sent);
	return status;
}

static bool is_full(const struct column *numbers, uint32_t rows)
{
	uint32_t row = 0;
	if (numbers->rows < rows)
		return false;
	while (row + 64 <= rows && numbers->present[row / 64] == UINT64_MAX)
		row += 64;
	while (row < rows && row_is_set(numbers->present, row))
		row++;
	return row == rows;
}

static enum status read_figures(const struct tally_spec *spec, struct block *block, struct columns *columns)
{
	enum status status = STATUS_OK;
	if (spec->durations)
		status = column_read(block, FIELD_DURATION_NS, &columns->duration);
	if (spec->times && status == STATUS_OK)
		status = column_read(block, FIELD_DURATION_NS, &columns->duration);
	if ((spec->times || spec->sample_count > 0) && status == STATUS_OK)
		status = column_read(block, FIELD_TIME, &columns->time);
	/* Only where an event has no time of its own. */
	if ((spec->times || spec->sample_count > 0) && status == STATUS_OK &&
		!is_full(&columns->time, block_count(block)))
		status = column_read(block, FIELD_RECV_TIME, &columns->recv_time);
	return status;
}

static enum status read_columns(
	const struct tally_spec *spec, struct block *block, struct arena *arena, struct columns *columns)
{
	enum status status = read_one(block, FIELD_STAGE, arena, &columns->stage);
	if (status == STATUS_OK)
		status = read_one(block, FIELD_OBSERVER_ROLE, arena, &columns->role);
	if (status == STATUS_OK)
		status = read_one(block, FIELD_VERDICT, arena, &columns->verdict);
	if (status == STATUS_OK)
		status = read_one(block, FIELD_KIND, arena, &columns->kind);
	for (size_t i = 0; i < spec->key_count && status == STATUS_OK; i++)
		status = tally_read_codes(&spec->keys[i], block, arena, &columns->keys[i]);
	for (size_t i = 0; i < spec->set_count && status == STATUS_OK; i++)
		status = tally_read_codes(&spec->sets[i], block, arena, &columns->sets[i]);
	for (size_t i = 0; i < spec->sample_count && status == STATUS_OK; i++)
		status = tally_read_codes(&spec->samples[i].value, block, arena, &columns->samples[i]);
	return status == STATUS_OK ? read_figures(spec, block, columns) : status;
}

/* --- which rows, which groups --- */

/* For each code of a text field whether it stands for a text; NULL: no memory. */
static const bool *codes_that_are(const struct tally_codes *codes, struct text text, struct arena *arena)
{
	bool *are = arena_calloc(arena, codes->limit, sizeof(*are));
	for (uint32_t code = 1; are && code < codes->limit; code++)
		are[code] = text_equal(codes->fields[0].texts[code], text);
	return are;
}

static enum status list_rows(
	struct tally *tally, struct tally_work *work, const struct columns *columns, const uint64_t rows[ROW_WORDS_MAX])
{
	uint32_t count = 0;
	for (uint32_t word = 0; word < ROW_WORDS_MAX; word++)
		for (uint64_t bits = rows[word]; bits; bits &= bits - 1)
			work->rows[count++] = word * 64 + (uint32_t)__builtin_ctzll(bits);
	work->count = count;
	if (columns->stage.codes == NULL)
		return STATUS_OK;
	const bool *are_start = codes_that_are(&columns->stage, TEXT("start"), &work->arena);
	bool with_starts = tally->spec->once != NULL;
	if (are_start == NULL)
		return STATUS_NO_MEMORY;
	work->count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t row = work->rows[i];
		bool is_start = are_start[columns->stage.codes[row]];
		tally->has_starts = tally->has_starts || is_start;
		if (!is_start || with_starts)
			work->rows[work->count++] = row;
	}
	return STATUS_OK;
}

static uint32_t number_by_slots(struct tally_pairs *pairs, uint32_t a, uint32_t b, uint32_t position, uint32_t *count)
{
	uint64_t hash = ((uint64_t)a << 32 | b) * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (hash ^ hash >> 32) % TALLY_PAIR_SLOTS;
	struct tally_pair_slot *slot = &pairs->slots[at];
	while (slot->number && (slot->a != a || slot->b != b)) {
		at = (at + 1) % TALLY_PAIR_SLOTS;
		slot = &pairs->slots[at];
	}
	if (slot->number == 0) {
		pairs->first[*count] = position;
		*slot = (struct tally_pair_slot){a, b, ++*count};
	}
	return slot->number - 1;
}

static uint32_t number_by_table(
	struct tally_work *work, const uint32_t *a, const struct tally_codes *codes, uint32_t *numbers)
{
	uint32_t *table = work->pairs.table;
	uint32_t count = 0;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t at = a[i] * codes->limit + tally_code(codes, work->rows[i]);
		uint32_t number = table[at];
		if (number == 0) {
			work->pairs.first[count] = i;
			number = table[at] = ++count;
		}
		numbers[i] = number - 1;
	}
	return count;
}

/*
 * For each position, the number of the pair (a[position], the row's code); a has numbers below a_limit.  numbers may be
 * a.  Returns how many pairs there are; pairs->first has a position of each.
 */
static uint32_t number_pairs(struct tally_work *work, const uint32_t *a, uint32_t a_limit,
	const struct tally_codes *codes, uint32_t *numbers)
{
	struct tally_pairs *pairs = &work->pairs;
	uint32_t count = 0;
	if ((uint64_t)a_limit * codes->limit <= TALLY_PAIR_TABLE) {
		memset(pairs->table, 0, (size_t)a_limit * codes->limit * sizeof(pairs->table[0]));
		return number_by_table(work, a, codes, numbers);
	}
	memset(pairs->slots, 0, sizeof(pairs->slots));
	for (uint32_t i = 0; i < work->count; i++)
		numbers[i] = number_by_slots(pairs, a[i], tally_code(codes, work->rows[i]), i, &count);
	return count;
}

/* The parts of the row at a position. */
static void parts_of(const struct tally_spec *spec, const struct columns *columns, uint32_t row,
	struct tally_part parts[TALLY_KEYS_MAX], char digits[TALLY_KEYS_MAX][24])
{
	unsigned has = 0;
	for (size_t i = 0; i < spec->key_count; i++) {
		uint32_t code = spec->keys[i].unless & has ? 0 : tally_code(&columns->keys[i], row);
		parts[i] = tally_decode(&columns->keys[i], code, digits[i]);
		has |= (unsigned)(parts[i].field != 0) << i;
	}
}

static void number_rows(struct tally *tally, struct tally_work *work, const struct columns *columns)
{
	const struct tally_spec *spec = tally->spec;
	work->group_count = 1;
	memset(work->group, 0, work->count * sizeof(work->group[0]));
	work->pairs.first[0] = 0;
	for (size_t i = 0; i < spec->key_count; i++)
		work->group_count = number_pairs(work, work->group, work->group_count, &columns->keys[i], work->group);
	memcpy(work->first, work->pairs.first, work->group_count * sizeof(work->first[0]));
}

static enum status find_groups(struct tally *tally, struct tally_work *work, const struct columns *columns)
{
	const struct tally_spec *spec = tally->spec;
	for (uint32_t number = 0; number < work->group_count; number++) {
		struct tally_part parts[TALLY_KEYS_MAX] = {{.field = 0}};
		char digits[TALLY_KEYS_MAX][24];
		parts_of(spec, columns, work->rows[work->first[number]], parts, digits);
		enum status status = tally_find(tally, parts, &work->groups[number]);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

/* --- sizes --- */

/* A group of the block: how many of its rows count, of how many, and the number of the tally's group they are in. */
struct standing {
	uint32_t rows, counted, number;
	bool torn; /* they are in several */
};

static bool counts_whole(const struct tally_work *work, const struct columns *columns, const struct block *block,
	const struct block_groups *groups, struct standing *standing)
{
	bool each = work->count == block_count(block) && columns->all_count;
	for (uint32_t row = 0; row < block_count(block) && !each; row++)
		standing[groups->of_row[row]].rows++;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t row = work->rows[i];
		struct standing *of = &standing[groups->of_row[row]];
		of->torn = of->torn || (of->counted > 0 && of->number != work->group[i]);
		of->number = work->group[i];
		of->counted += columns->counts[row];
	}
	bool whole = true;
	for (uint32_t group = 1; group <= groups->count; group++)
		whole = whole && !standing[group].torn &&
			(each || standing[group].counted == 0 || standing[group].counted == standing[group].rows);
	return whole;
}

/* STATUS_NOT_FOUND: some group does not count as a whole, or the block knows nothing of them. */
static enum status sum_groups(struct tally_work *work, struct block *block, struct columns *columns)
{
	struct block_groups groups;
	enum status status = block_groups(block, &groups);
	if (status != STATUS_OK)
		return status;
	struct standing *standing = arena_calloc(&work->arena, (size_t)groups.count + 1, sizeof(*standing));
	uint64_t *request = arena_calloc(&work->arena, (size_t)work->group_count + 1, sizeof(*request));
	uint64_t *response = arena_calloc(&work->arena, (size_t)work->group_count + 1, sizeof(*response));
	if (standing == NULL || request == NULL || response == NULL)
		return STATUS_NO_MEMORY;
	if (!counts_whole(work, columns, block, &groups, standing))
		return STATUS_NOT_FOUND;
	for (uint32_t group = 1; group <= groups.count; group++) {
		if (standing[group].counted == 0)
			continue;
		request[standing[group].number] += (uint64_t)groups.request_bytes[group - 1];
		response[standing[group].number] += (uint64_t)groups.response_bytes[group - 1];
	}
	columns->request.sums = request;
	columns->response.sums = response;
	return STATUS_OK;
}

static enum status find_sizes(struct tally_work *work, struct block *block, struct columns *columns)
{
	enum status status = sum_groups(work, block, columns);
	if (status != STATUS_NOT_FOUND)
		return status;
	status = read_sizes(block, PAYLOAD_REQUEST, FIELD_REQUEST_SIZE, &columns->request);
	return status == STATUS_OK ? read_sizes(block, PAYLOAD_RESPONSE, FIELD_RESPONSE_SIZE, &columns->response)
				   : status;
}

/* Rows by group: what is added up or compared in a group then stays at hand. */
static void sort_rows(struct tally_work *work)
{
	memset(work->starts, 0, ((size_t)work->group_count + 1) * sizeof(work->starts[0]));
	for (uint32_t i = 0; i < work->count; i++)
		work->starts[work->group[i]]++;
	for (uint32_t number = 0, start = 0; number <= work->group_count; number++) {
		uint32_t count = work->starts[number];
		work->starts[number] = start;
		start += count;
	}
	for (uint32_t i = 0; i < work->count; i++)
		work->sorted[work->starts[work->group[i]]++] = work->rows[i];
	/* Each has become the next one's start. */
	memmove(work->starts + 1, work->starts, work->group_count * sizeof(work->starts[0]));
	work->starts[0] = 0;
}

/* --- figures --- */

/* The rows of one group. */
struct share {
	struct tally_group *group;
	const uint32_t *rows;
	uint32_t count;
};

static struct share share_of(const struct tally_work *work, uint32_t number)
{
	uint32_t start = work->starts[number];
	return (struct share){work->groups[number], work->sorted + start, work->starts[number + 1] - start};
}

static inline bool is_there(const struct column *numbers, uint32_t row)
{
	return row < numbers->rows && row_is_set(numbers->present, row);
}

static inline struct tally_group *group_at(const struct tally_work *work, uint32_t position)
{
	return work->groups[work->group[position]];
}

/* What the codes of a block mean. */
struct meanings {
	uint8_t *verdicts;
	unsigned *ranks; /* bits: who told of it; mostly one rank, and few roles in a block */
	const bool *are_calls;
	bool fail[VERDICT_COUNT];
};

static enum status find_meanings(const struct columns *columns, struct arena *arena, struct meanings *meanings)
{
	meanings->verdicts = arena_alloc(arena, columns->verdict.limit);
	meanings->ranks = arena_alloc(arena, columns->role.limit * sizeof(*meanings->ranks));
	meanings->are_calls = codes_that_are(&columns->kind, TEXT("tool_call"), arena);
	if (meanings->verdicts == NULL || meanings->ranks == NULL || meanings->are_calls == NULL)
		return STATUS_NO_MEMORY;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		meanings->fail[verdict] = verdict_is_error((enum verdict)verdict);
	meanings->verdicts[0] = VERDICT_UNKNOWN;
	for (uint32_t code = 1; code < columns->verdict.limit; code++) {
		enum verdict verdict = verdict_find(columns->verdict.fields[0].texts[code]);
		meanings->verdicts[code] = (uint8_t)(verdict < VERDICT_COUNT ? verdict : VERDICT_UNKNOWN);
	}
	for (uint32_t code = 0; code < columns->role.limit; code++)
		meanings->ranks[code] = 1U << rank_of_role(code ? columns->role.fields[0].texts[code] : TEXT(""));
	return STATUS_OK;
}

static enum status judge_rows(struct tally *tally, struct tally_work *work, struct columns *columns)
{
	struct meanings meanings;
	bool calls_alone = tally->spec->calls_alone;
	if (find_meanings(columns, &work->arena, &meanings) != STATUS_OK)
		return STATUS_NO_MEMORY;
	memset(work->judged, 0, work->group_count * sizeof(work->judged[0]));
	work->ranks = 0;
	columns->all_count = true;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t row = work->rows[i];
		bool is_call = meanings.are_calls[tally_code(&columns->kind, row)];
		bool counts = is_call || !calls_alone;
		uint8_t verdict = meanings.verdicts[tally_code(&columns->verdict, row)];
		work->ranks |= is_call ? meanings.ranks[tally_code(&columns->role, row)] : 0;
		columns->verdicts[row] = verdict;
		columns->counts[row] = counts;
		columns->fails[row] = counts && meanings.fail[verdict];
		columns->all_count = columns->all_count && counts;
		work->judged[work->group[i]].verdicts[is_call][verdict]++;
	}
	return STATUS_OK;
}

static void add_judged(struct tally *tally, const struct tally_work *work)
{
	bool calls_alone = tally->spec->calls_alone;
	tally->ranks |= work->ranks;
	for (uint32_t number = 0; number < work->group_count; number++) {
		struct tally_group *group = work->groups[number];
		for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++) {
			uint32_t calls = work->judged[number].verdicts[true][verdict];
			uint32_t others = work->judged[number].verdicts[false][verdict];
			group->events += calls + others;
			group->calls += calls;
			group->verdicts[verdict] += calls + (calls_alone ? 0 : others);
		}
	}
}

static enum status add_durations(
	struct tally *tally, struct tally_work *work, const struct columns *columns, struct share share)
{
	const struct column *duration = &columns->duration;
	uint32_t count = 0;
	if (columns->all_durations) {
		for (uint32_t k = 0; k < share.count; k++)
			work->values[k] = duration->numbers[share.rows[k]];
		count = share.count;
	}
	for (uint32_t k = 0; k < share.count && !columns->all_durations; k++) {
		uint32_t row = share.rows[k];
		if (is_there(duration, row) && columns->counts[row])
			work->values[count++] = duration->numbers[row];
	}
	tally->durations += count;
	return durations_add(&share.group->durations, work->values, count);
}

/* As the emitter sent it. */
static inline uint64_t size_at(const struct sizes *sizes, uint32_t row)
{
	if (is_there(&sizes->sent, row))
		return (uint64_t)sizes->sent.numbers[row];
	return sizes->stored ? sizes->stored[row] : 0;
}

static uint64_t add_sizes(const struct columns *columns, const struct sizes *sizes, uint32_t number, struct share share)
{
	uint64_t sum = 0;
	if (sizes->sums)
		return sizes->sums[number];
	if (sizes->stored == NULL && sizes->sent.rows == 0)
		return 0;
	for (uint32_t k = 0; k < share.count; k++)
		if (columns->counts[share.rows[k]])
			sum += size_at(sizes, share.rows[k]);
	return sum;
}

static inline bool time_of(const struct columns *columns, uint32_t row, int64_t *time)
{
	const struct column *column = &columns->time;
	if (!is_there(column, row))
		column = &columns->recv_time;
	if (!is_there(column, row))
		return false;
	*time = column->numbers[row];
	return true;
}

static bool moment_of(const struct columns *columns, uint32_t row, struct tally_moment *moment)
{
	int64_t time = 0;
	if (!time_of(columns, row, &time))
		return false;
	*moment = (struct tally_moment){true, time, columns->store, columns->first_seq + row};
	return true;
}

/* The earliest and the latest of rows that ascend: of equal times the first and the last row, as moments are ordered. */
struct stretch {
	bool known;
	uint32_t first, last; /* rows */
	int64_t first_time, last_time;
};

static inline void lengthen(struct stretch *stretch, int64_t time, uint32_t row)
{
	if (!stretch->known || time < stretch->first_time) {
		stretch->first_time = time;
		stretch->first = row;
	}
	if (!stretch->known || time >= stretch->last_time) {
		stretch->last_time = time;
		stretch->last = row;
	}
	stretch->known = true;
}

static void merge_stretch(struct tally_moment *first, struct tally_moment *last, const struct stretch *stretch,
	const struct columns *columns)
{
	struct tally_moment moment;
	if (!stretch->known)
		return;
	if (moment_of(columns, stretch->first, &moment) && (!first->known || tally_moment_before(&moment, first)))
		*first = moment;
	if (moment_of(columns, stretch->last, &moment) && (!last->known || tally_moment_before(last, &moment)))
		*last = moment;
}

static void add_times(const struct columns *columns, struct share share)
{
	struct tally_group *group = share.group;
	struct stretch all = {.known = false};
	struct stretch errors = {.known = false};
	int64_t busy_until = group->busy_until;
	bool simple = columns->all_times && columns->all_durations;
	for (uint32_t k = 0; k < share.count; k++) {
		uint32_t row = share.rows[k];
		int64_t time = 0;
		int64_t end = 0;
		if (simple)
			time = columns->time.numbers[row];
		else if (!time_of(columns, row, &time))
			continue;
		if ((!simple && !is_there(&columns->duration, row)) ||
			__builtin_add_overflow(time, columns->duration.numbers[row], &end))
			end = time;
		busy_until = end > busy_until ? end : busy_until;
		lengthen(&all, time, row);
		if (columns->fails[row])
			lengthen(&errors, time, row);
	}
	group->busy_until = busy_until;
	merge_stretch(&group->first, &group->last, &all, columns);
	merge_stretch(&group->first_error, &group->last_error, &errors, columns);
}

/* Sums and ranges, group by group. */
static enum status add_figures(struct tally *tally, struct tally_work *work, const struct columns *columns)
{
	const struct tally_spec *spec = tally->spec;
	enum status status = STATUS_OK;
	sort_rows(work);
	for (uint32_t number = 0; number < work->group_count && status == STATUS_OK; number++) {
		struct share share = share_of(work, number);
		if (spec->bytes) {
			share.group->request_bytes += add_sizes(columns, &columns->request, number, share);
			share.group->response_bytes += add_sizes(columns, &columns->response, number, share);
		}
		if (spec->times)
			add_times(columns, share);
		if (spec->durations)
			status = add_durations(tally, work, columns, share);
	}
	return status == STATUS_OK && spec->durations ? tally_limit_durations(tally) : status;
}

/* A value is hashed once for a block, whatever the number of groups it is in. */
static enum status add_set(struct tally *tally, struct tally_work *work, const struct tally_codes *codes, size_t set)
{
	if (codes->codes == NULL)
		return STATUS_OK;
	uint64_t *hashes = arena_calloc(&work->arena, codes->limit, sizeof(*hashes)); /* 0: not yet known */
	if (hashes == NULL)
		return STATUS_NO_MEMORY;
	uint32_t count = number_pairs(work, work->group, work->group_count, codes, work->pair);
	memset(work->pair_count, 0, count * sizeof(work->pair_count[0]));
	for (uint32_t i = 0; i < work->count; i++)
		work->pair_count[work->pair[i]]++;
	enum status status = STATUS_OK;
	for (uint32_t pair = 0; pair < count && status == STATUS_OK; pair++) {
		char digits[24];
		uint32_t position = work->pairs.first[pair];
		uint32_t code = tally_code(codes, work->rows[position]);
		struct tally_part part = tally_decode(codes, code, digits);
		if (part.field == 0)
			continue;
		if (hashes[code] == 0)
			hashes[code] = tally_hash(tally, part.text);
		status = tally_set_add(
			tally, &group_at(work, position)->sets[set], part.text, hashes[code], work->pair_count[pair]);
	}
	return status;
}

/* The row of each group in the block first, so that a text is copied once for each. */
static enum status add_sample(
	struct tally *tally, struct tally_work *work, const struct columns *columns, size_t sample)
{
	const struct tally_codes *codes = &columns->samples[sample];
	const struct tally_sample *asked = &tally->spec->samples[sample];
	struct tally_moment *found = arena_calloc(&work->arena, work->group_count, sizeof(*found));
	uint32_t *rows = arena_alloc(&work->arena, work->group_count * sizeof(*rows));
	struct tally_moment moment;
	if (codes->codes == NULL)
		return STATUS_OK;
	if (found == NULL || rows == NULL)
		return STATUS_NO_MEMORY;
	for (uint32_t i = 0; i < work->count; i++) {
		uint32_t row = work->rows[i];
		uint32_t group = work->group[i];
		if (codes->codes[row] == 0 ||
			(asked->errors && !verdict_is_error((enum verdict)columns->verdicts[row])) ||
			!moment_of(columns, row, &moment))
			continue;
		if (!found[group].known || tally_moment_before(asked->earliest ? &moment : &found[group],
						   asked->earliest ? &found[group] : &moment)) {
			found[group] = moment;
			rows[group] = row;
		}
	}
	enum status status = STATUS_OK;
	for (uint32_t group = 0; group < work->group_count && status == STATUS_OK; group++) {
		char digits[24];
		if (!found[group].known)
			continue;
		struct tally_part part = tally_decode(codes, codes->codes[rows[group]], digits);
		status = tally_keep(
			tally, &work->groups[group]->samples[sample], asked->earliest, &found[group], part.text);
	}
	return status;
}

static enum status count_rows(struct tally *tally, struct tally_work *work, struct columns *columns)
{
	const struct tally_spec *spec = tally->spec;
	enum status status = find_groups(tally, work, columns);
	if (status == STATUS_OK)
		add_judged(tally, work);
	if (status == STATUS_OK && (spec->durations || spec->bytes || spec->times))
		status = add_figures(tally, work, columns);
	for (size_t i = 0; i < spec->set_count && status == STATUS_OK; i++)
		status = add_set(tally, work, &columns->sets[i], i);
	for (size_t i = 0; i < spec->sample_count && status == STATUS_OK; i++)
		status = add_sample(tally, work, columns, i);
	return status;
}

enum status tally_visit(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	struct tally *tally = context;
	struct tally_work *work = NULL;
	enum status status = work_of(tally, &work);
	if (status != STATUS_OK)
		return status;
	struct columns *columns = arena_calloc(&work->arena, 1, sizeof(*columns));
	if (columns == NULL)
		return STATUS_NO_MEMORY;
	columns->store = place->store;
	columns->first_seq = block_first_seq(block);
	status = read_columns(tally->spec, block, &work->arena, columns);
	uint64_t counted[ROW_WORDS_MAX];
	memcpy(counted, rows, sizeof(counted));
	if (status == STATUS_OK && tally->spec->once)
		status = once_drop(tally->spec->once, block, counted);
	if (status == STATUS_OK)
		status = list_rows(tally, work, columns, counted);
	if (status != STATUS_OK || work->count == 0)
		return status;
	number_rows(tally, work, columns);
	status = judge_rows(tally, work, columns);
	if (status == STATUS_OK && tally->spec->bytes)
		status = find_sizes(work, block, columns);
	columns->all_durations = columns->all_count && is_full(&columns->duration, block_count(block));
	columns->all_times = is_full(&columns->time, block_count(block));
	return status == STATUS_OK ? count_rows(tally, work, columns) : status;
}
