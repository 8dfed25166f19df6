#include "tally.h"

#include <stdlib.h>

#include "crypto.h"
#include "tally_inner.h"

enum { GROUPS_MIN = 64, SET_SLOTS_MIN = 8, SAMPLE_ROOM_MIN = 256, SAMPLE_BYTES_TIGHT = 256 };

/* --- making and freeing --- */

static struct tally_group *make_group(struct tally *tally)
{
	const struct tally_spec *spec = tally->spec;
	struct tally_group *group = arena_calloc(&tally->arena, 1, sizeof(*group));
	if (group == NULL)
		return NULL;
	group->busy_until = INT64_MIN;
	group->sets = arena_calloc(&tally->arena, spec->set_count + 1, sizeof(*group->sets));
	group->samples = arena_calloc(&tally->arena, spec->sample_count + 1, sizeof(*group->samples));
	return group->sets && group->samples ? group : NULL;
}

static enum status create(const struct tally_spec *spec, const uint8_t hash_key[16], struct tally **tally)
{
	struct tally *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->spec = spec;
	made->groups_max = spec->groups_max ? spec->groups_max : TALLY_GROUPS_MAX;
	memcpy(made->hash_key, hash_key, sizeof(made->hash_key));
	arena_init(&made->arena, TALLY_BYTES_MAX);
	made->other = make_group(made);
	if (made->other == NULL) {
		tally_destroy(&made);
		return STATUS_NO_MEMORY;
	}
	*tally = made;
	return STATUS_OK;
}

enum status tally_create(const struct tally_spec *spec, struct tally **tally)
{
	uint8_t hash_key[16];
	enum status status = crypto_random(hash_key, sizeof(hash_key));
	return status == STATUS_OK ? create(spec, hash_key, tally) : status;
}

enum status tally_sibling(const struct tally *tally, struct tally **sibling)
{
	return create(tally->spec, tally->hash_key, sibling);
}

void tally_destroy(struct tally **tally)
{
	struct tally *gone = *tally;
	if (gone == NULL)
		return;
	for (size_t i = 0; i < gone->count; i++)
		durations_finish(&gone->groups[i]->durations);
	if (gone->other)
		durations_finish(&gone->other->durations);
	if (gone->work)
		arena_finish(&gone->work->arena);
	free(gone->work);
	free(gone->groups);
	arena_finish(&gone->arena);
	free(gone);
	*tally = NULL;
}

/* --- groups --- */

/* From here on nothing new is listed; what is there goes on counting. */
static bool is_tight(const struct tally *tally)
{
	return tally->arena.total > tally->arena.max / 2;
}

/* What of a value is looked at; none is an empty one. */
static struct text start_of(struct text text)
{
	if (text.at == NULL)
		return TEXT("");
	return (struct text){text.at, text.len < TALLY_VALUE_BYTES_MAX ? text.len : TALLY_VALUE_BYTES_MAX};
}

/* What of a part's field makes it another one: which it is, or only that there is one. */
static unsigned field_of(const struct tally *tally, const struct tally_part *parts, size_t key)
{
	return tally->spec->keys[key].by_field ? parts[key].field : parts[key].field != 0;
}

uint64_t tally_hash(const struct tally *tally, struct text value)
{
	struct text text = start_of(value);
	return siphash(tally->hash_key, text.at, text.len);
}

static uint64_t hash_parts(const struct tally *tally, const struct tally_part *parts)
{
	uint64_t hashes[TALLY_KEYS_MAX] = {0};
	for (size_t i = 0; i < tally->spec->key_count; i++)
		if (parts[i].field)
			hashes[i] = tally_hash(tally, parts[i].text) + field_of(tally, parts, i);
	return siphash(tally->hash_key, hashes, tally->spec->key_count * sizeof(hashes[0]));
}

static bool has_parts(const struct tally *tally, const struct tally_group *group, const struct tally_part *parts)
{
	for (size_t i = 0; i < tally->spec->key_count; i++)
		if (field_of(tally, group->parts, i) != field_of(tally, parts, i) ||
			!text_equal(group->parts[i].text, start_of(parts[i].text)))
			return false;
	return true;
}

static enum status add_group(
	struct tally *tally, const struct tally_part *parts, uint64_t hash, struct tally_group **group)
{
	if (tally->count == tally->room) {
		size_t room = tally->room ? 2 * tally->room : GROUPS_MIN;
		struct tally_group **groups = realloc(tally->groups, room * sizeof(struct tally_group *));
		if (groups == NULL)
			return STATUS_NO_MEMORY;
		tally->groups = groups;
		tally->room = room;
	}
	struct tally_group *made = make_group(tally);
	if (made == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < tally->spec->key_count; i++) {
		made->parts[i] = parts[i];
		if (parts[i].text.at)
			made->parts[i].text = arena_copy(&tally->arena, start_of(parts[i].text));
		if (parts[i].text.at && made->parts[i].text.at == NULL)
			return STATUS_NO_MEMORY;
	}
	struct tally_group **slot = &tally->slots[hash % TALLY_SLOTS];
	made->hash = hash;
	made->next = *slot;
	*slot = made;
	tally->groups[tally->count++] = made;
	*group = made;
	return STATUS_OK;
}

static struct tally_group *look_up(const struct tally *tally, const struct tally_part *parts, uint64_t hash)
{
	struct tally_group *found = tally->slots[hash % TALLY_SLOTS];
	while (found && (found->hash != hash || !has_parts(tally, found, parts)))
		found = found->next;
	return found;
}

struct tally_group *tally_lookup(const struct tally *tally, const struct tally_part parts[TALLY_KEYS_MAX])
{
	return look_up(tally, parts, hash_parts(tally, parts));
}

enum status tally_find(struct tally *tally, const struct tally_part *parts, struct tally_group **group)
{
	uint64_t hash = hash_parts(tally, parts);
	struct tally_group *found = look_up(tally, parts, hash);
	if (found == NULL && tally->count < tally->groups_max && !is_tight(tally))
		return add_group(tally, parts, hash, group);
	*group = found ? found : tally->other;
	return STATUS_OK;
}

/* --- what a group holds --- */

bool tally_moment_before(const struct tally_moment *a, const struct tally_moment *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	return a->store != b->store ? a->store < b->store : a->seq < b->seq;
}

/* Which groups are exact depends on the counts alone, not on their order. */
enum status tally_limit_durations(struct tally *tally)
{
	enum status status = STATUS_OK;
	if (tally->durations <= TALLY_DURATIONS_MAX)
		return STATUS_OK;
	for (size_t i = 0; i < tally->count && status == STATUS_OK; i++)
		status = durations_limit(&tally->groups[i]->durations, TALLY_DURATIONS_FEW);
	return status == STATUS_OK ? durations_limit(&tally->other->durations, TALLY_DURATIONS_FEW) : status;
}

static bool set_grow(struct tally *tally, struct tally_set *set)
{
	size_t slot_count = SET_SLOTS_MIN;
	while (slot_count <= 2 * set->count)
		slot_count *= 2;
	struct tally_counted *values = arena_alloc(&tally->arena, slot_count / 2 * sizeof(*values));
	uint32_t *slots = arena_calloc(&tally->arena, slot_count, sizeof(*slots));
	if (values == NULL || slots == NULL)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		size_t at = set->values[i].hash & (slot_count - 1);
		values[i] = set->values[i];
		while (slots[at])
			at = (at + 1) & (slot_count - 1);
		slots[at] = (uint32_t)i + 1;
	}
	set->values = values;
	set->slots = slots;
	set->slot_count = slot_count;
	return true;
}

/* The slot of a value, or the free one where it belongs; there always is a free one. */
static uint32_t *set_slot(const struct tally_set *set, struct text value, uint64_t hash)
{
	size_t at = hash & (set->slot_count - 1);
	for (;; at = (at + 1) & (set->slot_count - 1)) {
		const struct tally_counted *found = set->slots[at] ? &set->values[set->slots[at] - 1] : NULL;
		if (found == NULL || (found->hash == hash && text_equal(found->text, value)))
			return &set->slots[at];
	}
}

enum status tally_set_add(struct tally *tally, struct tally_set *set, struct text value, uint64_t hash, uint64_t count)
{
	struct text text = start_of(value);
	bool full = set->count == TALLY_SET_MAX || is_tight(tally);
	/* A set that was sorted has lost its slots. */
	if (set->slot_count == 0 || (!full && 2 * set->count >= set->slot_count))
		if (!set_grow(tally, set))
			return STATUS_NO_MEMORY;
	uint32_t *slot = set_slot(set, text, hash);
	if (*slot) {
		set->values[*slot - 1].count += count;
		return STATUS_OK;
	}
	if (full) {
		set->unlisted += count;
		return STATUS_OK;
	}
	struct text copy = arena_copy(&tally->arena, text);
	if (copy.at == NULL)
		return STATUS_NO_MEMORY;
	set->values[set->count] = (struct tally_counted){copy, count, hash};
	*slot = (uint32_t)++set->count;
	return STATUS_OK;
}

enum status tally_keep(struct tally *tally, struct tally_found *found, bool earliest, const struct tally_moment *moment,
	struct text text)
{
	size_t max = is_tight(tally) ? SAMPLE_BYTES_TIGHT : TALLY_SAMPLE_BYTES_MAX;
	if (found->moment.known &&
		!tally_moment_before(earliest ? moment : &found->moment, earliest ? &found->moment : moment))
		return STATUS_OK;
	max = found->room > max ? found->room : max;
	size_t len = text.len < max ? text.len : max;
	if (len > found->room) {
		size_t room = 2 * len > SAMPLE_ROOM_MIN ? 2 * len : SAMPLE_ROOM_MIN;
		char *at = arena_alloc(&tally->arena, room);
		if (at == NULL)
			return STATUS_NO_MEMORY;
		found->text.at = at;
		found->room = room;
	}
	char *to = (char *)(uintptr_t)found->text.at;
	if (len > 0)
		memcpy(to, text.at, len);
	found->text.len = len;
	found->moment = *moment;
	return STATUS_OK;
}

/* --- merging --- */

static void merge_moment(struct tally_moment *into, const struct tally_moment *from, bool earlier)
{
	if (from->known && (!into->known || tally_moment_before(earlier ? from : into, earlier ? into : from)))
		*into = *from;
}

static enum status merge_group(struct tally *tally, struct tally_group *into, struct tally_group *from)
{
	const struct tally_spec *spec = tally->spec;
	into->events += from->events;
	into->calls += from->calls;
	for (unsigned i = 0; i < VERDICT_COUNT; i++)
		into->verdicts[i] += from->verdicts[i];
	into->request_bytes += from->request_bytes;
	into->response_bytes += from->response_bytes;
	merge_moment(&into->first, &from->first, true);
	merge_moment(&into->last, &from->last, false);
	merge_moment(&into->first_error, &from->first_error, true);
	merge_moment(&into->last_error, &from->last_error, false);
	into->busy_until = from->busy_until > into->busy_until ? from->busy_until : into->busy_until;
	enum status status = durations_merge(&into->durations, &from->durations);
	for (size_t i = 0; i < spec->set_count; i++) {
		const struct tally_set *set = &from->sets[i];
		into->sets[i].unlisted += set->unlisted;
		for (size_t k = 0; k < set->count && status == STATUS_OK; k++) {
			const struct tally_counted *value = &set->values[k];
			status = tally_set_add(tally, &into->sets[i], value->text, value->hash, value->count);
		}
	}
	for (size_t i = 0; i < spec->sample_count && status == STATUS_OK; i++)
		if (from->samples[i].moment.known)
			status = tally_keep(tally, &into->samples[i], spec->samples[i].earliest,
				&from->samples[i].moment, from->samples[i].text);
	return status;
}

enum status tally_add_group(
	struct tally *into, struct tally_group *group, const struct tally_part parts[TALLY_KEYS_MAX])
{
	struct tally_group *found = NULL;
	enum status status = tally_find(into, parts, &found);
	return status == STATUS_OK ? merge_group(into, found, group) : status;
}

enum status tally_add_other(struct tally *into, struct tally_group *group)
{
	return merge_group(into, into->other, group);
}

enum status tally_merge(struct tally *into, struct tally **from)
{
	enum status status = STATUS_OK;
	for (size_t i = 0; i < (*from)->count && status == STATUS_OK; i++)
		status = tally_add_group(into, (*from)->groups[i], (*from)->groups[i]->parts);
	if (status == STATUS_OK)
		status = tally_add_other(into, (*from)->other);
	into->durations += (*from)->durations;
	if (status == STATUS_OK)
		status = tally_limit_durations(into);
	into->ranks |= (*from)->ranks;
	into->has_starts = into->has_starts || (*from)->has_starts;
	tally_destroy(from);
	return status;
}

enum status tally_fold(struct tally *tally, size_t keep)
{
	enum status status = STATUS_OK;
	while (tally->count > keep && status == STATUS_OK) {
		struct tally_group *group = tally->groups[--tally->count];
		status = merge_group(tally, tally->other, group);
		durations_finish(&group->durations);
	}
	return status;
}

/* --- the whole --- */

/* A tally for each lane of a scan. */
struct counting {
	const struct tally *first; /* its siblings are made when a lane is met */
	struct tally *lanes[SCAN_LANES_MAX];
};

static enum status count_in_lane(void *context, unsigned lane, const struct scan_place *place, struct block *block,
	const uint64_t rows[ROW_WORDS_MAX])
{
	struct counting *counting = context;
	struct tally **tally = &counting->lanes[lane];
	enum status status = *tally ? STATUS_OK : tally_sibling(counting->first, tally);
	if (status == STATUS_OK)
		status = tally_visit(*tally, place, block, rows);
	/* Too many groups: all of it has to be counted in order anyway. */
	return status == STATUS_OK && (*tally)->other->events > 0 ? STATUS_LIMIT : status;
}

/* Whether a limit left something out: what it was depends on the order in which blocks are counted. */
static bool is_cut(const struct tally *tally)
{
	if (tally->other->events > 0 || is_tight(tally))
		return true;
	for (size_t i = 0; i < tally->count; i++)
		for (size_t set = 0; set < tally->spec->set_count; set++)
			if (tally->groups[i]->sets[set].unlisted > 0)
				return true;
	return false;
}

/* *cut: the result is not that of blocks counted in order. */
static enum status count_in_lanes(const struct scan *scan, struct tally *tally, bool *cut, struct error *error)
{
	struct counting counting = {.first = tally};
	enum status status = scan_run_lanes(scan, count_in_lane, NULL, &counting, error);
	for (unsigned i = 0; i < SCAN_LANES_MAX; i++) {
		*cut = *cut || (counting.lanes[i] && is_cut(counting.lanes[i]));
		if (counting.lanes[i] && status == STATUS_OK && !*cut)
			status = tally_merge(tally, &counting.lanes[i]);
		tally_destroy(&counting.lanes[i]);
	}
	*cut = *cut || is_cut(tally);
	return status;
}

/* By all threads of the scan; once more by one where limits make the order count, so that all answers are alike. */
static enum status count_all(
	const struct scan *scan, const struct tally_spec *spec, struct tally **tally, struct error *error)
{
	bool cut = false;
	enum status status = STATUS_OK;
	if (scan->threads > 1) {
		struct coverage before = *scan->coverage;
		status = count_in_lanes(scan, *tally, &cut, error);
		if (status != STATUS_OK || !cut)
			return status;
		*scan->coverage = before;
		tally_destroy(tally);
		status = tally_create(spec, tally);
	}
	return status == STATUS_OK ? scan_run(scan, tally_visit, *tally, error) : status;
}

enum status tally_scan(
	const struct scan *scan, const struct tally_spec *spec, struct tally **tally, struct error *error)
{
	struct tally *made = NULL;
	enum status status = tally_create(spec, &made);
	if (status != STATUS_OK)
		return error_set(error, status, "%s", status_text(status));
	status = count_all(scan, spec, &made, error);
	if (status != STATUS_OK) {
		tally_destroy(&made);
		return status;
	}
	scan->coverage->events = made->other->events;
	for (size_t i = 0; i < made->count; i++)
		scan->coverage->events += made->groups[i]->events;
	*tally = made;
	return STATUS_OK;
}

struct tally_group **tally_groups(struct tally *tally, size_t *count)
{
	*count = tally->count;
	return tally->groups;
}

struct tally_group *tally_other(struct tally *tally)
{
	return tally->other;
}

unsigned tally_ranks(const struct tally *tally)
{
	return tally->ranks;
}

bool tally_has_starts(const struct tally *tally)
{
	return tally->has_starts;
}

uint64_t tally_errors(const struct tally_group *group)
{
	uint64_t sum = 0;
	for (unsigned verdict = 0; verdict < VERDICT_COUNT; verdict++)
		sum += verdict_is_error((enum verdict)verdict) ? group->verdicts[verdict] : 0;
	return sum;
}

uint64_t tally_refused(const struct tally_group *group)
{
	return group->verdicts[VERDICT_DENIED] + group->verdicts[VERDICT_THROTTLED] +
	       group->verdicts[VERDICT_REJECTED] + group->verdicts[VERDICT_CANCELLED];
}

static int by_count(const void *a, const void *b)
{
	const struct tally_counted *first = a;
	const struct tally_counted *second = b;
	if (first->count != second->count)
		return first->count > second->count ? -1 : 1;
	return text_compare(first->text, second->text);
}

const struct tally_counted *tally_set_sort(struct tally_set *set)
{
	if (set->count > 0)
		qsort(set->values, set->count, sizeof(set->values[0]), by_count);
	set->slot_count = 0; /* values found their places by it */
	return set->values;
}

uint64_t tally_set_count(const struct tally_set *set, struct text value)
{
	for (size_t i = 0; i < set->count; i++)
		if (text_equal(set->values[i].text, value))
			return set->values[i].count;
	return 0;
}
