/*
 * One table with open addressing and linear probing.  A fingerprint is SipHash under a secret key, so it is its own hash:
 * its home is fingerprint * slots / 2^64, and nobody can choose ids that crowd together.
 *
 * A slot is a fingerprint (0: free) and 6 bytes of info:
 *
 *   BITS    MEANING
 *   0..5    number of the slice, modulo 64
 *   6       the proof is a seq
 *   7..47   bits of the proof
 *
 * Slices are numbered upwards; at most SLICES_MAX of them live, so a number means one slice only until 32 further ones
 * have begun.  An entry of a slice that has gone counts as absent from then on; a sweep over the table, a few slots
 * with each entry added and more with each slice begun, takes such entries out before the number comes round.
 *
 * Entries come to random places, so that with small pages nearly each would cost a walk through the page tables.  Once
 * the table is in use all over, it is moved to huge pages, one after the other; a table with few ids stays small.
 */
#include "dedup.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	SLICES_PER_WINDOW = 16,
	SLICES_MAX = 32,
	SLICE_NUMBERS = 64,
	SWEEP_SLOTS_PER_ADD = 80,
	PROOF_BITS = 41,
	HUGE_PAGE_BYTES = 2 << 20,
	SLOTS_BEFORE_HUGE = 4096,
	SLOTS_PER_HUGE = 64,
};

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1; older ones refuse it, which changes nothing */
#endif

struct slice {
	uint64_t ids;
	int64_t first_time, last_time; /* recv_time */
};

struct dedup {
	uint64_t *fingerprints;
	uint16_t (*infos)[3];
	uint64_t slots, slots_used; /* used: also by entries of slices that have gone */
	uint64_t sweep_at, sweep_left;
	size_t huge_pages; /* of each table, asked for so far */
	uint64_t ids_max, slice_ids_max;
	int64_t age_max, slice_age_max; /* ns */
	uint64_t oldest, newest;        /* slices alive, both inclusive */
	struct slice slices[SLICE_NUMBERS];
	_Atomic uint64_t ids;
	_Atomic int64_t forgotten_until; /* recv_time of the newest id that was let go; 0: none was */
};

struct dedup_proof dedup_proof_of_digest(uint64_t digest)
{
	return (struct dedup_proof){false, digest >> (64 - PROOF_BITS)};
}

struct dedup_proof dedup_proof_of_seq(uint64_t seq)
{
	assert(seq >> PROOF_BITS == 0);
	return (struct dedup_proof){true, seq};
}

enum status dedup_create(struct dedup **dedup, uint64_t ids_max, int64_t age_ns_max)
{
	assert(ids_max > 0 && ids_max < UINT64_C(1) << 40);
	struct dedup *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->slots = ids_max / 16 * 19 + 64;
	made->fingerprints = calloc(made->slots, sizeof(*made->fingerprints));
	made->infos = calloc(made->slots, sizeof(*made->infos));
	if (made->fingerprints == NULL || made->infos == NULL) {
		dedup_destroy(&made);
		return STATUS_NO_MEMORY;
	}
	made->ids_max = ids_max;
	made->slice_ids_max = ids_max / SLICES_PER_WINDOW ? ids_max / SLICES_PER_WINDOW : 1;
	made->age_max = age_ns_max;
	made->slice_age_max = age_ns_max / (SLICES_PER_WINDOW - 1);
	made->oldest = made->newest = SLICE_NUMBERS;
	*dedup = made;
	return STATUS_OK;
}

void dedup_destroy(struct dedup **dedup)
{
	if (*dedup == NULL)
		return;
	free((*dedup)->fingerprints);
	free((*dedup)->infos);
	free(*dedup);
	*dedup = NULL;
}

static uint64_t home_of(const struct dedup *dedup, uint64_t fingerprint)
{
	return (uint64_t)((unsigned __int128)fingerprint * dedup->slots >> 64);
}

static uint64_t next_slot(const struct dedup *dedup, uint64_t slot)
{
	return slot + 1 == dedup->slots ? 0 : slot + 1;
}

static uint64_t read_info(const struct dedup *dedup, uint64_t slot)
{
	const uint16_t *info = dedup->infos[slot];
	return (uint64_t)info[0] | (uint64_t)info[1] << 16 | (uint64_t)info[2] << 32;
}

static uint64_t make_info(uint64_t slice, struct dedup_proof proof)
{
	return slice % SLICE_NUMBERS | (uint64_t)proof.is_seq << 6 | proof.bits << 7;
}

static void write_slot(struct dedup *dedup, uint64_t slot, uint64_t fingerprint, uint64_t info)
{
	dedup->fingerprints[slot] = fingerprint;
	for (unsigned i = 0; i < 3; i++)
		dedup->infos[slot][i] = (uint16_t)(info >> (16 * i));
}

static bool is_alive(const struct dedup *dedup, uint64_t info)
{
	return (info - dedup->oldest) % SLICE_NUMBERS <= dedup->newest - dedup->oldest;
}

static struct dedup_proof proof_of(uint64_t info)
{
	return (struct dedup_proof){info >> 6 & 1, info >> 7};
}

void dedup_prefetch(const struct dedup *dedup, uint64_t fingerprint)
{
	uint64_t home = home_of(dedup, fingerprint);
	__builtin_prefetch(&dedup->fingerprints[home], 1);
	__builtin_prefetch(&dedup->infos[home], 1);
}

unsigned dedup_find(const struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proofs[DEDUP_SAME_MAX])
{
	unsigned found = 0;
	uint64_t slot = home_of(dedup, fingerprint);
	for (; dedup->fingerprints[slot] != 0; slot = next_slot(dedup, slot)) {
		if (dedup->fingerprints[slot] != fingerprint)
			continue;
		uint64_t info = read_info(dedup, slot);
		if (is_alive(dedup, info) && found < DEDUP_SAME_MAX)
			proofs[found++] = proof_of(info);
	}
	return found;
}

/* Frees a slot: entries behind it that would not be found any more move up. */
static void free_slot(struct dedup *dedup, uint64_t hole)
{
	uint64_t slots = dedup->slots;
	uint64_t slot = next_slot(dedup, hole);
	for (; dedup->fingerprints[slot] != 0; slot = next_slot(dedup, slot)) {
		uint64_t home = home_of(dedup, dedup->fingerprints[slot]);
		uint64_t from_home = (slot + slots - home) % slots;
		uint64_t from_hole = (slot + slots - hole) % slots;
		if (from_home < from_hole)
			continue;
		write_slot(dedup, hole, dedup->fingerprints[slot], read_info(dedup, slot));
		hole = slot;
	}
	write_slot(dedup, hole, 0, 0);
	dedup->slots_used--;
}

static void sweep(struct dedup *dedup, uint64_t slots)
{
	while (slots-- > 0 && dedup->sweep_left > 0) {
		uint64_t slot = dedup->sweep_at;
		/* What moves into a freed slot is looked at too. */
		while (dedup->fingerprints[slot] != 0 && !is_alive(dedup, read_info(dedup, slot)))
			free_slot(dedup, slot);
		dedup->sweep_at = next_slot(dedup, slot);
		dedup->sweep_left--;
	}
}

static struct slice *slice_of(struct dedup *dedup, uint64_t number)
{
	return &dedup->slices[number % SLICE_NUMBERS];
}

static void drop_oldest(struct dedup *dedup)
{
	struct slice *slice = slice_of(dedup, dedup->oldest);
	if (slice->ids) {
		atomic_fetch_sub(&dedup->ids, slice->ids);
		atomic_store(&dedup->forgotten_until, slice->last_time);
		dedup->sweep_left = dedup->slots;
	}
	*slice = (struct slice){0};
	dedup->oldest++;
	if (dedup->oldest > dedup->newest)
		dedup->newest = dedup->oldest;
}

void dedup_expire(struct dedup *dedup, int64_t now)
{
	for (;;) {
		const struct slice *slice = slice_of(dedup, dedup->oldest);
		bool is_old = slice->ids > 0 && slice->last_time < now - dedup->age_max;
		bool is_empty = slice->ids == 0 && dedup->oldest < dedup->newest;
		if (!is_old && !is_empty)
			return;
		drop_oldest(dedup);
	}
}

static void begin_slice(struct dedup *dedup)
{
	dedup->newest++;
	*slice_of(dedup, dedup->newest) = (struct slice){0};
	/* A window with few ids moves on by time: the sweep must be through before a number comes round all the same. */
	sweep(dedup, dedup->slots / SLICES_PER_WINDOW + 1);
	while (dedup->newest - dedup->oldest >= SLICES_MAX ||
		(atomic_load(&dedup->ids) + dedup->slice_ids_max > dedup->ids_max && dedup->oldest < dedup->newest))
		drop_oldest(dedup);
}

static uintptr_t first_huge_page(const void *table)
{
	return ((uintptr_t)table + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

/* Has a table that is still empty begin with huge pages.  Where it may not, they are made later, or never. */
static void begin_huge(void *table, size_t bytes)
{
	uintptr_t first = first_huge_page(table);
	uintptr_t end = ((uintptr_t)table + bytes) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
	if (first < end)
		(void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

/* Makes the huge page of that number of a table, if it lies within. */
static void collapse(void *table, size_t bytes, size_t number)
{
	uintptr_t at = first_huge_page(table) + number * HUGE_PAGE_BYTES;
	if (at + HUGE_PAGE_BYTES <= (uintptr_t)table + bytes)
		(void)madvise((void *)at, HUGE_PAGE_BYTES, MADV_COLLAPSE);
}

static void count_slot(struct dedup *dedup)
{
	dedup->slots_used++;
	if (dedup->slots_used < SLOTS_BEFORE_HUGE || dedup->slots_used % SLOTS_PER_HUGE != 0)
		return;
	collapse(dedup->fingerprints, dedup->slots * sizeof(*dedup->fingerprints), dedup->huge_pages);
	collapse(dedup->infos, dedup->slots * sizeof(*dedup->infos), dedup->huge_pages);
	dedup->huge_pages++;
}

/*
 * Puts an entry into the first slot on its way that is free or belongs to a slice that has gone.  Once the sweep is
 * through there are none of these, and the infos of others need not be looked at.
 */
static bool place(struct dedup *dedup, uint64_t fingerprint, uint64_t info)
{
	unsigned same = 0;
	uint64_t reusable = UINT64_MAX;
	uint64_t slot = home_of(dedup, fingerprint);
	for (; dedup->fingerprints[slot] != 0; slot = next_slot(dedup, slot)) {
		if (dedup->sweep_left == 0 && dedup->fingerprints[slot] != fingerprint)
			continue;
		bool alive = is_alive(dedup, read_info(dedup, slot));
		if (!alive && reusable == UINT64_MAX)
			reusable = slot;
		if (alive && dedup->fingerprints[slot] == fingerprint && ++same == DEDUP_SAME_MAX)
			return false;
	}
	if (reusable == UINT64_MAX) {
		reusable = slot;
		count_slot(dedup);
	}
	write_slot(dedup, reusable, fingerprint, info);
	atomic_fetch_add(&dedup->ids, 1);
	return true;
}

void dedup_add(struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proof, int64_t recv_time)
{
	assert(fingerprint != 0);
	struct slice *slice = slice_of(dedup, dedup->newest);
	if (slice->ids >= dedup->slice_ids_max || atomic_load(&dedup->ids) >= dedup->ids_max ||
		(slice->ids > 0 && recv_time - slice->first_time >= dedup->slice_age_max)) {
		begin_slice(dedup);
		slice = slice_of(dedup, dedup->newest);
	}
	sweep(dedup, SWEEP_SLOTS_PER_ADD);
	assert(dedup->slots_used < dedup->slots);
	if (!place(dedup, fingerprint, make_info(dedup->newest, proof)))
		return;
	if (slice->ids++ == 0)
		slice->first_time = recv_time;
	slice->last_time = recv_time;
}

void dedup_remove(struct dedup *dedup, uint64_t fingerprint, struct dedup_proof proof)
{
	uint64_t slot = home_of(dedup, fingerprint);
	for (; dedup->fingerprints[slot] != 0; slot = next_slot(dedup, slot)) {
		uint64_t info = read_info(dedup, slot);
		struct dedup_proof stored = proof_of(info);
		if (dedup->fingerprints[slot] != fingerprint || !is_alive(dedup, info) || stored.bits != proof.bits ||
			stored.is_seq != proof.is_seq)
			continue;
		slice_of(dedup, info)->ids--;
		atomic_fetch_sub(&dedup->ids, 1);
		free_slot(dedup, slot);
		return;
	}
}

void dedup_expect(struct dedup *dedup, uint64_t ids)
{
	if (ids < dedup->slots / 4)
		return;
	begin_huge(dedup->fingerprints, dedup->slots * sizeof(*dedup->fingerprints));
	begin_huge(dedup->infos, dedup->slots * sizeof(*dedup->infos));
}

bool dedup_load(struct dedup *dedup, uint64_t fingerprint, uint64_t seq, int64_t recv_time, int64_t now)
{
	struct slice *slice = slice_of(dedup, dedup->oldest);
	bool is_next = slice->ids >= dedup->slice_ids_max ||
		       (slice->ids > 0 && slice->last_time - recv_time >= dedup->slice_age_max);
	if (atomic_load(&dedup->ids) >= dedup->ids_max || recv_time < now - dedup->age_max ||
		(is_next && dedup->newest - dedup->oldest + 1 >= SLICES_MAX)) {
		atomic_store(&dedup->forgotten_until, recv_time);
		return false;
	}
	if (is_next) {
		dedup->oldest--;
		slice = slice_of(dedup, dedup->oldest);
		*slice = (struct slice){0};
	}
	if (!place(dedup, fingerprint, make_info(dedup->oldest, dedup_proof_of_seq(seq))))
		return true;
	if (slice->ids++ == 0)
		slice->last_time = recv_time;
	slice->first_time = recv_time;
	return true;
}

void dedup_get_figures(const struct dedup *dedup, struct dedup_figures *figures)
{
	int64_t forgotten = atomic_load(&dedup->forgotten_until);
	figures->ids = atomic_load(&dedup->ids);
	figures->oldest_recv_time = forgotten ? forgotten + 1 : 0;
}
