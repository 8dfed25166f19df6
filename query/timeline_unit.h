/*
 * timeline_unit - what the parts of the timeline share: moments, the calls they tell of, and pieces of work.
 *
 * A moment is one event, or the two stages of one.  Where several observers (client, gateway, server) tell of the same
 * call, one moment leads and the others are its reports; where a call was made again, the first one leads and the
 * others are its attempts.  All lies in the timeline's arena.
 */
#ifndef MCPLEDGER_QUERY_TIMELINE_UNIT_H
#define MCPLEDGER_QUERY_TIMELINE_UNIT_H

#include "emitter_gaps.h"
#include "rank.h"
#include "timeline.h"

enum {
	TIMELINE_MOMENTS_MAX = 100000,
	TIMELINE_DEPTH_MAX = 64,
	OBSERVERS_MAX = 64, /* further ones are not told apart: their calls are never linked */
	REPORTS_MAX = 16,   /* of one call */
	SHARED_TEXTS = 4096,
	TIMELINE_JSON_BYTES_MAX = 64 * 1024 * 1024, /* of one event */
};
#define SKEW_SHOWN_NS  (2 * NS_PER_S) /* what a clock is off before anybody cares */
#define LINK_WINDOW_NS (2 * NS_PER_S) /* how far apart two reports of a call may lie where no id joins them */

enum unit_type { UNIT_CONVERSATION, UNIT_SESSION, UNIT_TRACE, UNIT_INFERRED };

enum stage { STAGE_SINGLE, STAGE_START, STAGE_END };

/* What a moment is to the one it stands under. */
enum relation { RELATION_NONE, RELATION_SPAN, RELATION_TASK, RELATION_BOUND, RELATION_CAUSED };

enum { DEPTH_UNKNOWN = -1, DEPTH_BEING_SET = -2 };

struct observer {
	struct text role, name, instance;
	enum rank rank;
	size_t events;
	int64_t offset_ns; /* to be added to its times */
	int64_t floor_ns;  /* the low end of receive time less end time */
	bool has_floor, linked;
	bool sampled;              /* it tells only of some calls */
	uint64_t linked_with;      /* bit i: some call was reported by this one and by the unit's observer i */
	int64_t first_at, last_at; /* ns, corrected; of its tool calls */
	struct text server;        /* whose calls it tells of; at = NULL: of several */
	bool shares_name;          /* with another: only the instance tells them apart */
};

/* How a moment, or a whole call, went. */
struct telling {
	int64_t at; /* ns, corrected */
	int64_t duration_ns;
	bool has_duration;
	enum tone tone;
	struct text verdict, outcome, result;
};

struct moment {
	uint64_t seq;
	size_t store;                    /* which one of the scan's: a seq is a number of its store alone */
	int64_t time, recv_time;         /* ns, as stored */
	struct telling own;              /* what this moment says */
	struct telling call;             /* what its reports and attempts say together; as own where there are none */
	bool is_call;                    /* kind tool_call */
	bool folded;                     /* the end of a call: its start tells everything */
	bool suspect, sampled, imported; /* its time; its source; its receive time is another collector's */
	bool timed;                      /* its emitter gave the time */
	bool counted;                    /* its observer numbers its events */
	bool verified;                   /* the user */
	bool borrowed;                   /* found by trace or session alone, see collect_others in timeline.c */
	bool lacks_start;                /* the end of a call whose start was never seen: its time is the end's */
	enum stage stage;
	uint64_t arguments; /* a digest of the request; 0: there is none */
	uint64_t end_seq;   /* of the other stage; 0: none */
	struct text tenant, kind, op, phase, action, target;
	struct text id, span_id, parent_span_id, trace_id, session_id, conversation_id, turn_id, task_id;
	struct text request_id, state_digest, result_state, retry_of, refers_to;
	struct text user, oauth_client, client, agent, server, server_instance, delegation, effect, effect_source;
	struct text seen_role, seen_name, seen_instance;
	struct text what, parameters, intent; /* raw words, see brief.h */
	struct text json, end_json;           /* where asked for */
	struct observer *observer;            /* NULL: not told apart */
	/* the call */
	struct moment *leader;      /* of its reports; itself where it leads or is alone */
	struct moment *outermost;   /* the first of the leader's reports */
	struct moment *next_report; /* nearer to the server */
	unsigned reports;           /* of the leader, itself included */
	struct moment *first;       /* the attempt it repeats; itself where there is none */
	struct moment *next_attempt, *last_attempt;
	unsigned attempts; /* of the first, itself included */
	/* the tree */
	enum relation relation;
	struct moment *parent; /* as spans and ids say; may be a report, and may go in circles */
	struct moment *above, *children, *last_child, *next;
	int depth;
};

struct unit {
	enum unit_type type;
	struct text tenant;
	struct text id;       /* of the conversation, session or trace */
	struct moment *first; /* the roots, linked by next */
	struct moment **moments;
	size_t count;
	struct observer *observers;
	size_t observer_count;
	int64_t start, end; /* ns */
	unsigned calls, failed, refused, waiting, unknown;
	unsigned attempts, reports;     /* beyond the first of each call */
	unsigned shared, disagreements; /* calls with several reports; those of them that are told differently */
	struct unit *next;
};

struct timeline {
	struct arena arena;
	struct arena scratch;
	struct buf brief, json;
	struct text store_id; /* of the event in hand */
	uint8_t hash_key[16];
	struct text shared[SHARED_TEXTS]; /* kept last, by hash */
	bool with_json;
	bool searched; /* only what matches a search is there, not the whole pieces of work */
	bool many_stores;
	bool truncated;          /* a limit was met before all was read */
	bool more_ids;           /* too many sessions or traces to look for all reports of others */
	struct moment **moments; /* owned */
	size_t count, room, moments_max;
	uint64_t skipped, to_skip; /* moments that timeline_limit leaves out; those still to come */
	struct unit *units;        /* in order of time */
	struct moment **losses;    /* in moments; what the collector lost meanwhile, in order of time */
	size_t loss_count;
	struct emitter_gaps gaps; /* what observers counted and nobody received */
	bool gaps_unknown;        /* the range is too wide to look for them */
	struct filter *filter;    /* of the last scan: what the coverage is about */
	struct coverage coverage;
};

/* An empty one, for timeline_destroy. */
enum status timeline_create(struct timeline **timeline, bool with_json) MUST_CHECK;
/*
 * Makes the pieces of work of what was collected.  Events of a turn or trace that names one conversation belong to it;
 * sessions: those of a session too, which is right for the reports of one call, but not for all else that it serves.
 */
enum status timeline_group(struct timeline *timeline, bool sessions) MUST_CHECK;
/* Collects what the filter takes (NULL: all) into timeline->moments, and begins the coverage anew. */
enum status timeline_collect(struct timeline *timeline, const struct scan *scan, const struct filter *filter,
	struct error *error) MUST_CHECK;
/* The same, behind what is there; of the coverage, only damage is added. */
enum status timeline_collect_more(struct timeline *timeline, const struct scan *scan, const struct filter *filter,
	struct error *error) MUST_CHECK;

/* Folds, links, nests and orders the moments of one unit (unit->moments, which it reorders), and counts them. */
enum status unit_arrange(struct timeline *timeline, struct unit *unit) MUST_CHECK;

/* Tells of calls without an end whose server stopped meanwhile; once all units are arranged. */
enum status ends_explain(struct timeline *timeline, const struct scan *scan, struct error *error) MUST_CHECK;

/* Finds what the units' observers counted and nobody received meanwhile. */
enum status timeline_find_gaps(struct timeline *timeline, const struct scan *scan, struct error *error) MUST_CHECK;
/* A gap in its place: when the last event before it was seen, corrected. */
struct hole {
	int64_t at;
	const struct emitter_gap *gap;
};
/* The gaps of a unit's observers while it lasted, in order of time; in the arena. */
enum status unit_find_holes(
	struct timeline *timeline, const struct unit *unit, struct hole **holes, size_t *count) MUST_CHECK;
/* Narrows each store of the scan to what lies between the first and the last moment from it, and so many seqs around. */
void scan_narrow_to_moments(const struct timeline *timeline, struct scan *scan, uint64_t before, uint64_t behind);

/* --- its steps, in this order; see each file --- */

/* Tells the observers apart. */
enum status observers_find(struct timeline *timeline, struct unit *unit) MUST_CHECK;
/* Joins the reports that ids and spans prove to be of one call; needs parents. */
enum status link_by_ids(struct timeline *timeline, struct unit *unit) MUST_CHECK;
/* Two moments that may be of one call. */
struct guess {
	const struct moment *outer, *inner;
};
size_t link_guess(struct timeline *timeline, struct unit *unit, struct guess *pairs);
/* Estimates how far each observer's clock is off, from links and receive times, and sets own.at. */
enum status clocks_correct(struct timeline *timeline, struct unit *unit) MUST_CHECK;
/* Joins the reports that only their request id or arguments and their time join. */
enum status link_by_time(struct timeline *timeline, struct unit *unit) MUST_CHECK;
/* Chooses the leader of each call and what the call as a whole says. */
void reports_settle(struct unit *unit);
/* Folds calls that were made again under the first time. */
enum status retries_fold(struct timeline *timeline, struct unit *unit) MUST_CHECK;

/* --- showing it --- */

/* One moment, as programs get it. */
struct row {
	const struct unit *unit; /* NULL: of none */
	const struct moment *moment;
	const struct telling *telling; /* of the moment alone, or of the call as a whole */
	unsigned depth;
	const char *relation; /* to `of`: span, task, bound, caused, report, attempt; "": it stands for itself */
	const struct moment *of;
};
typedef enum status timeline_visit(void *context, const struct row *row);
/* Visits the moments of a unit in the order they are told, without those that timeline_limit leaves out. */
enum status unit_walk(
	struct timeline *timeline, const struct unit *unit, timeline_visit *visit, void *context) MUST_CHECK;
const char *unit_type_name(enum unit_type type);
/* Whether the next moment is left out; to be asked once for each that stands for itself. */
bool timeline_skips(struct timeline *timeline);
/* The same for all of a unit. */
bool timeline_skips_unit(struct timeline *timeline, const struct unit *unit);

/* timeline_put of each format. */
enum status timeline_put_text(struct timeline *timeline, struct output *out) MUST_CHECK;
enum status timeline_put_json(struct timeline *timeline, struct output *out) MUST_CHECK;
enum status timeline_put_ndjson(struct timeline *timeline, struct output *out) MUST_CHECK;
enum status timeline_put_csv(struct timeline *timeline, struct output *out) MUST_CHECK;

/* Writes what stands above a unit; returns how many servers it has. */
size_t unit_put_head(struct timeline *timeline, const struct unit *unit, struct output *out);

/* --- what the reports of a call say differently; see timeline_differ.c --- */

enum difference_type {
	DIFFERENCE_VERDICT,
	DIFFERENCE_DURATION,
	DIFFERENCE_RESULT,
	DIFFERENCE_PARAMETERS,
	DIFFERENCE_USER,
	DIFFERENCE_UNSEEN, /* an observer that tells of other such calls does not tell of this one */
	DIFFERENCE_COUNT
};
enum { DIFFERENCES_MAX = REPORTS_MAX * DIFFERENCE_COUNT + OBSERVERS_MAX };

struct difference {
	enum difference_type type;
	const struct moment *outer, *inner; /* the inner one is nearer to the server; NULL: it is missing, see next */
	const struct observer *missing;
};

/* Learns from a unit which observers tell of the same calls; before differences_find. */
void differences_learn(struct unit *unit);
/* Returns how many there are. */
size_t differences_find(const struct unit *unit, const struct moment *leader, struct difference found[DIFFERENCES_MAX]);
const char *difference_about(enum difference_type type); /* "verdict" */
/* What a report says about it, raw: "timed out after 5 s". */
void difference_put_says(struct buf *out, enum difference_type type, const struct moment *moment);
/* The observer of one side: of the outer or the inner one. */
const struct observer *difference_observer(const struct difference *difference, bool inner);
/* "gateway gw-1", raw. */
void observer_put(struct buf *out, const struct observer *observer);

/* --- small things --- */

int64_t moment_end(const struct moment *moment); /* by its own clock */
int64_t telling_end(const struct telling *telling);
int moment_by_arrival(const struct moment *a, const struct moment *b); /* store, then seq */
/* Order of pointers to moments, for qsort: corrected time, then arrival. */
int moment_by_time(const void *a, const void *b);
int moment_by_id(const void *a, const void *b);
/* The moment that stands in the tree for this one: the leader of its first attempt. */
struct moment *moment_shown(struct moment *moment);

/* A moment under a hash, for runs of moments that have something in common. */
struct keyed {
	uint64_t key;
	struct moment *moment;
};
/* Orders by key, then by own time, then by seq. */
void keyed_sort(struct keyed *keyed, size_t count);
uint64_t text_hash(const struct timeline *timeline, uint64_t before, struct text text);

#endif
