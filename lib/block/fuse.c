/*
 * Building: each key has four places, one in each of four neighbouring segments.  Places with a single key are taken
 * off one after another, each freeing others; in the opposite order every key then finds a place of its own, which it
 * sets so that its four xor to its fingerprint.  If keys are left over, another seed is tried, then more room.
 */
#include "fuse.h"

#include <math.h>
#include <stdlib.h>

enum {
	PLACES = FUSE_PLACES,
	SEGMENT_MAX = 1 << 18,
	TRIES_MAX = 60,
	TRIES_PER_SIZE = 3,
	SEGMENTS_MAX = 1 << 20,
	BUCKETS = 4096,
	BUCKET_SHIFT = 64 - 12,
};

static uint64_t mix(uint64_t key, uint64_t seed)
{
	key += seed;
	key = (key ^ key >> 33) * UINT64_C(0xff51afd7ed558ccd);
	key = (key ^ key >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return key ^ key >> 33;
}

static void find_places(const struct fuse_shape *shape, uint64_t hash, uint32_t places[PLACES])
{
	uint64_t starts = (uint64_t)(shape->segments - PLACES + 1) * shape->segment;
	uint32_t mask = shape->segment - 1;
	uint32_t first = (uint32_t)((unsigned __int128)hash * starts >> 64);
	places[0] = first;
	for (unsigned i = 1; i < PLACES; i++)
		places[i] = (first + i * shape->segment) ^ ((uint32_t)(hash >> (i - 1) * 18) & mask);
}

static uint8_t fingerprint(uint64_t hash)
{
	return (uint8_t)(hash ^ hash >> 32);
}

/* Room for `count` keys; `tries` before failed. */
static struct fuse_shape choose_shape(size_t count, unsigned tries)
{
	double n = count < 2 ? 2 : (double)count;
	double exponent = floor(log(n) / log(2.91) - 0.5);
	uint32_t segment = exponent < 1 ? 2 : exponent > 18 ? SEGMENT_MAX : 1U << (unsigned)exponent;
	double factor = fmax(1.075, 0.77 + 0.305 * log(600000.0) / log(n));
	unsigned failures = tries / TRIES_PER_SIZE;
	factor += 0.03 * failures;
	uint32_t segments = (uint32_t)ceil(n * factor / segment);
	if (segments < PLACES + 1)
		segments = PLACES + 1;
	return (struct fuse_shape){segment, segments, mix(tries, UINT64_C(0x9e3779b97f4a7c15))};
}

struct build {
	uint8_t *counts;      /* keys at a place */
	uint64_t *hashes;     /* xor of their hashes */
	uint32_t *queue;      /* places with one key */
	uint64_t *order;      /* hashes as they were taken off */
	uint8_t *order_place; /* which of its places was its own */
};

static bool build_open(struct build *build, size_t room, size_t count)
{
	*build = (struct build){
		.counts = calloc(room, sizeof(*build->counts)),
		.hashes = calloc(room, sizeof(*build->hashes)),
		.queue = malloc(room * sizeof(*build->queue)),
		.order = malloc(count * sizeof(*build->order)),
		.order_place = malloc(count),
	};
	return build->counts && build->hashes && build->queue && build->order && build->order_place;
}

static void build_close(struct build *build)
{
	free(build->counts);
	free(build->hashes);
	free(build->queue);
	free(build->order);
	free(build->order_place);
}

static bool take_off(struct build *build, const struct fuse_shape *shape, const uint64_t *keys, size_t count)
{
	size_t room = (size_t)shape->segment * shape->segments;
	uint32_t places[PLACES];
	bool overflow = false;
	for (size_t i = 0; i < count; i++) {
		uint64_t hash = mix(keys[i], shape->seed);
		find_places(shape, hash, places);
		for (unsigned k = 0; k < PLACES; k++) {
			overflow |= build->counts[places[k]]++ == UINT8_MAX;
			build->hashes[places[k]] ^= hash;
		}
	}
	size_t waiting = 0;
	for (size_t place = 0; place < room; place++)
		if (build->counts[place] == 1)
			build->queue[waiting++] = (uint32_t)place;
	size_t done = 0;
	while (waiting > 0) {
		uint32_t place = build->queue[--waiting];
		if (build->counts[place] != 1)
			continue;
		uint64_t hash = build->hashes[place];
		find_places(shape, hash, places);
		build->order[done] = hash;
		for (unsigned k = 0; k < PLACES; k++) {
			if (places[k] == place)
				build->order_place[done] = (uint8_t)k;
			build->hashes[places[k]] ^= hash;
			if (--build->counts[places[k]] == 1)
				build->queue[waiting++] = places[k];
		}
		done++;
	}
	return done == count && !overflow;
}

static void assign(const struct build *build, const struct fuse_shape *shape, size_t count, uint8_t *prints)
{
	uint32_t places[PLACES];
	for (size_t i = count; i-- > 0;) {
		uint64_t hash = build->order[i];
		find_places(shape, hash, places);
		uint8_t print = fingerprint(hash);
		for (unsigned k = 0; k < PLACES; k++)
			if (k != build->order_place[i])
				print ^= prints[places[k]];
		prints[places[build->order_place[i]]] = print;
	}
}

/* Sorts by the top bits into buckets of a few keys, then within each; keys are hashes, so the buckets are even. */
static bool make_unique(uint64_t *keys, size_t *count)
{
	uint32_t *starts = calloc(BUCKETS + 1, sizeof(*starts));
	uint64_t *sorted = malloc((*count + 1) * sizeof(*sorted));
	bool ready = starts && sorted;
	for (size_t i = 0; i < *count && ready; i++)
		starts[(keys[i] >> BUCKET_SHIFT) + 1]++;
	for (size_t bucket = 0; bucket < BUCKETS && ready; bucket++)
		starts[bucket + 1] += starts[bucket];
	size_t kept = 0;
	for (size_t i = 0; i < *count && ready; i++)
		sorted[starts[keys[i] >> BUCKET_SHIFT]++] = keys[i];
	for (size_t i = 0; i < *count && ready; i++) {
		uint64_t key = sorted[i];
		size_t at = kept;
		while (at > 0 && keys[at - 1] > key)
			at--;
		if (at > 0 && keys[at - 1] == key)
			continue;
		memmove(keys + at + 1, keys + at, (kept - at) * sizeof(*keys));
		keys[at] = key;
		kept++;
	}
	if (ready)
		*count = kept;
	free(sorted);
	free(starts);
	return ready;
}

enum status fuse_put(uint64_t *keys, size_t count, struct fuse_shape *shape, struct buf *out)
{
	*shape = (struct fuse_shape){0};
	if (!make_unique(keys, &count))
		return STATUS_NO_MEMORY;
	for (unsigned tries = 0; tries < TRIES_MAX && count > 0; tries++) {
		struct fuse_shape tried = choose_shape(count, tries);
		size_t room = (size_t)tried.segment * tried.segments;
		struct build build;
		bool ready = build_open(&build, room, count);
		bool done = ready && take_off(&build, &tried, keys, count);
		char *to = done ? buf_reserve(out, room) : NULL;
		if (to) {
			memset(to, 0, room);
			assign(&build, &tried, count, (uint8_t *)to);
			out->len += room;
			*shape = tried;
		}
		build_close(&build);
		if (!ready)
			return STATUS_NO_MEMORY;
		if (done)
			return buf_status(out);
	}
	return count ? STATUS_LIMIT : STATUS_OK;
}

bool fuse_is_sound(const struct fuse_shape *shape, size_t prints)
{
	if (shape->segment == 0 || prints == 0)
		return shape->segment == 0 && prints == 0;
	return shape->segment <= SEGMENT_MAX && (shape->segment & (shape->segment - 1)) == 0 &&
	       shape->segments >= PLACES && shape->segments <= SEGMENTS_MAX &&
	       prints == (size_t)shape->segment * shape->segments;
}

struct fuse_probe fuse_find(const struct fuse_shape *shape, uint64_t key)
{
	struct fuse_probe probe;
	uint64_t hash = mix(key, shape->seed);
	find_places(shape, hash, probe.places);
	probe.print = fingerprint(hash);
	return probe;
}
