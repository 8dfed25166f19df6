#include "novelty.h"

#include <stdlib.h>

#include "brief.h"
#include "crypto.h"

enum {
	ARENA_BYTES_MAX = 64 * 1024 * 1024,
	SCRATCH_BYTES_MAX = 64 * 1024 * 1024,
	EXAMPLE_BYTES_MAX = 16 * 1024,
	NOVELTY_SLOTS = 32768,
	BASELINE_SLOTS_MIN = 4096,
};

/* Fingerprints; 0 is none. */
struct fingerprints {
	uint64_t *slots; /* owned */
	size_t room, count;
};

struct search {
	struct novelties *novelties;
	uint8_t key[16];
	struct fingerprints baseline;
	struct novelty *slots[NOVELTY_SLOTS];
	struct arena scratch;
	struct buf example;
	bool in_window;
	/* The event in hand. */
	const struct event *event;
	const struct scan_place *place;
	int64_t time;
};

/* --- fingerprints --- */

static uint64_t fingerprint_of(const struct search *search, enum habit habit, struct text value)
{
	uint64_t hash =
		siphash(search->key, value.at, value.len) ^ ((uint64_t)habit + 1) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ? hash : 1;
}

static bool fingerprints_have(const struct fingerprints *set, uint64_t fingerprint)
{
	if (set->room == 0)
		return false;
	for (size_t at = fingerprint % set->room; set->slots[at]; at = (at + 1) % set->room)
		if (set->slots[at] == fingerprint)
			return true;
	return false;
}

static void place_fingerprint(struct fingerprints *set, uint64_t fingerprint)
{
	size_t at = fingerprint % set->room;
	while (set->slots[at])
		at = (at + 1) % set->room;
	set->slots[at] = fingerprint;
}

static enum status fingerprints_grow(struct fingerprints *set)
{
	struct fingerprints grown = {.room = set->room ? set->room * 2 : BASELINE_SLOTS_MIN, .count = set->count};
	grown.slots = calloc(grown.room, sizeof(*grown.slots));
	if (grown.slots == NULL)
		return STATUS_NO_MEMORY;
	for (size_t i = 0; i < set->room; i++)
		if (set->slots[i])
			place_fingerprint(&grown, set->slots[i]);
	free(set->slots);
	*set = grown;
	return STATUS_OK;
}

static enum status fingerprints_add(struct fingerprints *set, uint64_t fingerprint)
{
	if (fingerprints_have(set, fingerprint))
		return STATUS_OK;
	if (set->count == NOVELTY_BASELINE_MAX)
		return STATUS_TOO_LARGE;
	enum status status = set->count * 2 >= set->room ? fingerprints_grow(set) : STATUS_OK;
	if (status == STATUS_OK) {
		place_fingerprint(set, fingerprint);
		set->count++;
	}
	return status;
}

/* --- the window --- */

/* "billing · create_refund amount=12" */
static struct text put_example(struct search *search)
{
	struct buf *example = &search->example;
	struct text server = event_text(search->event, FIELD_SERVER_NAME);
	buf_clear(example);
	buf_put_text(example, server);
	buf_put_string(example, server.len > 0 ? " · " : "");
	brief_what(example, search->event);
	if (event_has(search->event, FIELD_REQUEST)) {
		struct arena scratch; /* the walk's own is in use */
		arena_init(&scratch, SCRATCH_BYTES_MAX);
		buf_put_byte(example, ' ');
		brief_parameters(example, event_text(search->event, FIELD_REQUEST), &scratch);
		arena_finish(&scratch);
	}
	return arena_copy(&search->novelties->arena, buf_text(example));
}

static void set_first(struct search *search, struct novelty *novelty)
{
	char buffer[96];
	novelty->first = search->time;
	novelty->store = search->place->store;
	novelty->seq = (uint64_t)search->event->value[FIELD_SEQ].number;
	novelty->id = arena_copy(&search->novelties->arena, event_id(search->event, search->place->store_id, buffer));
	novelty->example = put_example(search);
}

static void count_novelty(struct search *search, struct novelty *novelty)
{
	uint64_t seq = (uint64_t)search->event->value[FIELD_SEQ].number;
	if (novelty->count > 0 && novelty->last_seq == seq && novelty->store == search->place->store)
		return;
	if (novelty->count == 0 || search->time < novelty->first)
		set_first(search, novelty);
	novelty->last_seq = seq;
	novelty->count++;
}

static enum status add_novelty(struct search *search, enum habit habit, struct text value, uint64_t fingerprint)
{
	struct novelties *novelties = search->novelties;
	struct novelty **slot = &search->slots[fingerprint % NOVELTY_SLOTS];
	struct novelty *novelty = *slot;
	while (novelty && novelty->fingerprint != fingerprint)
		novelty = novelty->next;
	if (novelty == NULL && (novelties->count == NOVELTIES_MAX || novelties->arena.total > ARENA_BYTES_MAX / 2)) {
		novelties->coverage.more = true;
		return STATUS_OK;
	}
	if (novelty == NULL) {
		novelty = arena_calloc(&novelties->arena, 1, sizeof(*novelty));
		struct text copy = arena_copy(&novelties->arena, value);
		if (novelty == NULL || copy.at == NULL)
			return STATUS_NO_MEMORY;
		novelty->habit = habit;
		novelty->value = copy;
		novelty->fingerprint = fingerprint;
		novelty->next = *slot;
		*slot = novelty;
		novelties->items[novelties->count++] = novelty;
	}
	count_novelty(search, novelty);
	return STATUS_OK;
}

/* --- events --- */

static enum status take_habit(void *context, enum habit habit, struct text value)
{
	struct search *search = context;
	uint64_t fingerprint = fingerprint_of(search, habit, value);
	if (!search->in_window)
		return fingerprints_add(&search->baseline, fingerprint);
	if (fingerprints_have(&search->baseline, fingerprint))
		return STATUS_OK;
	return add_novelty(search, habit, value, fingerprint);
}

static enum status take_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct search *search = context;
	struct novelties *novelties = search->novelties;
	search->event = event;
	search->place = place;
	search->time = event_time(event);
	*(search->in_window ? &novelties->window_events : &novelties->baseline_events) += 1;
	if (!search->in_window && search->time < novelties->baseline_first)
		novelties->baseline_first = search->time;
	return habits_walk(event, take_habit, search, &search->scratch);
}

static int in_order(const void *a, const void *b)
{
	const struct novelty *first = *(struct novelty *const *)a;
	const struct novelty *second = *(struct novelty *const *)b;
	if (first->habit != second->habit)
		return first->habit < second->habit ? -1 : 1;
	if (first->first != second->first)
		return first->first < second->first ? -1 : 1;
	size_t len = first->value.len < second->value.len ? first->value.len : second->value.len;
	int order = memcmp(first->value.at, second->value.at, len);
	return order ? order : (first->value.len > second->value.len) - (first->value.len < second->value.len);
}

static enum status find(struct search *search, const struct scan *scan, int64_t baseline, struct error *error)
{
	struct novelties *novelties = search->novelties;
	struct scan before = *scan;
	struct scan window = *scan;
	before.since = baseline;
	before.until = scan->since;
	before.coverage = &novelties->coverage;
	struct coverage met = {0};
	window.coverage = &met;
	enum status status = crypto_random(search->key, sizeof(search->key));
	if (status == STATUS_OK && before.since < before.until)
		status = scan_events(&before, take_event, search, error);
	if (status == STATUS_TOO_LARGE)
		return error_set(error, STATUS_LIMIT,
			"the baseline has more than %d different values: ask for fewer events, or a shorter baseline",
			NOVELTY_BASELINE_MAX);
	search->in_window = true;
	if (status == STATUS_OK)
		status = scan_events(&window, take_event, search, error);
	if (status != STATUS_OK)
		return status;
	coverage_join(&novelties->coverage, &met);
	if (novelties->count > 1)
		qsort(novelties->items, novelties->count, sizeof(struct novelty *), in_order);
	/* What was lost of the baseline makes things look new: the coverage is that of both. */
	before.until = scan->until;
	novelties->coverage.events = novelties->count;
	return coverage_collect(&before, &novelties->coverage, error);
}

enum status novelties_find(struct novelties **novelties, const struct scan *scan, int64_t baseline, struct error *error)
{
	struct novelties *made = calloc(1, sizeof(*made));
	struct search *search = calloc(1, sizeof(*search));
	enum status status = STATUS_NO_MEMORY;
	if (made && search)
		made->items = calloc(NOVELTIES_MAX, sizeof(struct novelty *));
	if (made && made->items) {
		made->baseline_first = INT64_MAX;
		arena_init(&made->arena, ARENA_BYTES_MAX);
		arena_init(&search->scratch, SCRATCH_BYTES_MAX);
		buf_init(&search->example, EXAMPLE_BYTES_MAX);
		search->novelties = made;
		status = find(search, scan, baseline, error);
		free(search->baseline.slots);
		buf_finish(&search->example);
		arena_finish(&search->scratch);
	}
	free(search);
	if (status != STATUS_OK) {
		novelties_destroy(&made);
		return status;
	}
	*novelties = made;
	return STATUS_OK;
}

void novelties_destroy(struct novelties **novelties)
{
	if (*novelties == NULL)
		return;
	free((*novelties)->items);
	arena_finish(&(*novelties)->arena);
	free(*novelties);
	*novelties = NULL;
}
