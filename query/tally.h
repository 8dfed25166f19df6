/*
 * tally - groups the events that a scan visits by some of their fields, and counts in each group.
 *
 *   tally_create(&spec, &tally);  scan_run(scan, tally_visit, tally, …);  tally_groups(…)        or tally_scan for all
 *
 * Blocks may be counted in any order, and by several threads with a tally each: tally_sibling makes one more, tally_merge
 * puts the counts of one into another, and the result is that of one tally that saw all blocks.  A tally itself is used
 * by one thread at a time.
 *
 * A block is counted by its dictionary codes: a row costs some array steps, a text is looked at once per block and group.
 * Memory is bounded: beyond groups_max groups, or TALLY_BYTES_MAX of texts, further events count in the group "other";
 * a set lists at most TALLY_SET_MAX values; with very many durations, only those of small groups are kept one by one.  Tables are keyed with a secret, so nobody can choose values that collide.
 *
 * The `start` of a call that was sent in two stages is not counted, its `end` is; with spec.once, a start without an end
 * counts, too.
 */
#ifndef MCPLEDGER_QUERY_TALLY_H
#define MCPLEDGER_QUERY_TALLY_H

#include "durations.h"
#include "path.h"
#include "scan.h"

enum {
	TALLY_KEYS_MAX = 10,
	TALLY_SETS_MAX = 12,
	TALLY_SAMPLES_MAX = 6,
	TALLY_FIELDS_MAX = 4,
	TALLY_ONLY_MAX = 2,
	TALLY_WORDS_MAX = 5,
	TALLY_GROUPS_MAX = 10000,
	TALLY_SET_MAX = 10000,
	TALLY_VALUE_BYTES_MAX = 1024, /* longer values are grouped by their start */
	TALLY_SAMPLE_BYTES_MAX = 256 * 1024,
	TALLY_BYTES_MAX = 128 * 1024 * 1024,
	TALLY_DURATIONS_MAX = 4 * 1024 * 1024, /* with more in all groups, percentiles are exact only */
	TALLY_DURATIONS_FEW = 512,             /* of groups with up to so many */
};

/* A condition: the first of fields that an event has is one of words (with but: is none of them). */
struct tally_only {
	uint8_t fields[TALLY_FIELDS_MAX];   /* ends at 0 */
	const char *words[TALLY_WORDS_MAX]; /* ends at NULL */
	bool but;
};

/*
 * What of an event is meant: the first of fields that it has, where it meets all of only.  With a path: the scalars there
 * in that JSON, joined by ", ".
 */
struct tally_value {
	uint8_t fields[TALLY_FIELDS_MAX]; /* ends at 0 */
	struct path path;                 /* of one field */
	int64_t bucket_ns;                /* numbers are rounded down to a multiple; 0: not */
	bool by_field;                    /* of a key: equal texts of different fields are not the same */
	bool host;                        /* of an address, without its port */
	unsigned unless; /* of a key: left out where the event has one of these keys (bit i: key i, an earlier one) */
	struct tally_only only[TALLY_ONLY_MAX]; /* ends where fields[0] is 0 */
};

struct tally_sample {
	struct tally_value value;
	bool errors;   /* of events with verdict:error only */
	bool earliest; /* of the earliest event, else of the latest */
};

/* What is counted beside events and verdicts.  Borrowed as long as its tallies live. */
struct once;
struct tally_spec {
	struct tally_value keys[TALLY_KEYS_MAX];
	size_t key_count;
	struct tally_value sets[TALLY_SETS_MAX]; /* which values occur in a group, and how often */
	size_t set_count;
	struct tally_sample samples[TALLY_SAMPLES_MAX]; /* the value of one event that has it */
	size_t sample_count;
	size_t groups_max; /* 0: TALLY_GROUPS_MAX */
	bool durations, bytes;
	bool times;              /* first, last, first_error, last_error, busy_until */
	const struct once *once; /* leaves reports out that tell of a call again; NULL: each report counts */
	bool calls_alone; /* verdicts, durations and bytes are those of tool calls; other kinds count as events only */
};

/* An event's place in time: its time, then where it is stored. */
struct tally_moment {
	bool known;
	int64_t time; /* ns */
	size_t store;
	uint64_t seq;
};

/* By time, then by where it is stored. */
bool tally_moment_before(const struct tally_moment *a, const struct tally_moment *b);

struct tally_part {
	struct text text; /* of a number: its decimal digits; at = NULL: the events have none of the fields */
	int64_t number;
	uint8_t field; /* which of the fields it is of; 0: none */
};

struct tally_counted {
	struct text text;
	uint64_t count;
	uint64_t hash;
};

struct tally_set {
	struct tally_counted *values; /* in no order; see tally_set_sort */
	size_t count;
	uint32_t *slots; /* 1 + index of a value, by its hash */
	size_t slot_count;
	uint64_t unlisted; /* events whose value found no place */
};

struct tally_group {
	struct tally_part parts[TALLY_KEYS_MAX];
	uint64_t events, calls;
	uint64_t verdicts[VERDICT_COUNT];
	uint64_t request_bytes, response_bytes;
	struct durations durations;
	struct tally_moment first, last, first_error, last_error;
	int64_t busy_until; /* the latest end of an event: its time and its duration */
	struct tally_set *sets;
	struct tally_found {
		struct tally_moment moment;
		struct text text;
		size_t room;
	} * samples;
	uint64_t hash;
	struct tally_group *next; /* in its slot */
};

struct tally;
enum status tally_create(const struct tally_spec *spec, struct tally **tally) MUST_CHECK;
enum status tally_sibling(const struct tally *tally, struct tally **sibling) MUST_CHECK;
void tally_destroy(struct tally **tally);

/* A scan_visit; the context is the tally.  STATUS_DAMAGED: nothing of the block is counted.  STATUS_NO_MEMORY. */
enum status tally_visit(void *tally, const struct scan_place *place, struct block *block,
	const uint64_t rows[ROW_WORDS_MAX]) MUST_CHECK;
/* Adds all that `from`, a sibling, has counted, and destroys it, also on failure. */
enum status tally_merge(struct tally *into, struct tally **from) MUST_CHECK;
/* Adds one group of `from`, a sibling, to the group of these parts. */
enum status tally_add_group(
	struct tally *into, struct tally_group *group, const struct tally_part parts[TALLY_KEYS_MAX]) MUST_CHECK;
/* The same to its group "other". */
enum status tally_add_other(struct tally *into, struct tally_group *group) MUST_CHECK;
/* Counts what a scan visits in a new tally, and the events in scan->coverage. */
enum status tally_scan(
	const struct scan *scan, const struct tally_spec *spec, struct tally **tally, struct error *error) MUST_CHECK;

/* --- the result; groups live as long as their tally --- */

/* All groups but "other", in no order; they may be reordered. */
struct tally_group **tally_groups(struct tally *tally, size_t *count);
/* The group of these parts; NULL: there is none of its own. */
struct tally_group *tally_lookup(const struct tally *tally, const struct tally_part parts[TALLY_KEYS_MAX]);
/* What was counted beyond the limits (and by tally_fold); no events: nothing was. */
struct tally_group *tally_other(struct tally *tally);
/* Leaves the first `keep` groups of tally_groups, in their order now, and counts the others in "other". */
enum status tally_fold(struct tally *tally, size_t keep) MUST_CHECK;

/* Bit i: calls were seen that an observer of rank i (rank.h) told of.  Those left out by spec.once are seen, too. */
unsigned tally_ranks(const struct tally *tally);
/* Whether starts of calls were seen, counted or not. */
bool tally_has_starts(const struct tally *tally);

uint64_t tally_errors(const struct tally_group *group);  /* verdict:error: what counts against the server */
uint64_t tally_refused(const struct tally_group *group); /* denied, throttled, rejected, cancelled */
/* The values of a set, the most frequent first; those of equal counts by their bytes. */
const struct tally_counted *tally_set_sort(struct tally_set *set);
/* How often a value was counted; 0 where it was not listed. */
uint64_t tally_set_count(const struct tally_set *set, struct text value);

#endif
