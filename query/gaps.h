/*
 * gaps - where the record is not complete, or may not be: what each answer's coverage sums up, one by one, and what only
 * the emitters' own counters, signs of life and calls without an end tell.
 */
#ifndef MCPLEDGER_QUERY_GAPS_H
#define MCPLEDGER_QUERY_GAPS_H

#include "emitter_gaps.h"
#include "scan.h"

enum { GAPS_MAX = 20000 };
#define GAP_UNKNOWN UINT64_MAX /* of events: how many is not known */

/* GAP(NAME, "name", "what it means"). */
#define GAP_KINDS(GAP)                                                                                                 \
	GAP(EXPIRED, "expired", "retention removed them")                                                              \
	GAP(MISSING, "missing", "a part of the store is not here")                                                     \
	GAP(CUT_OFF, "cut_off", "this copy ends early, later events exist elsewhere")                                  \
	GAP(DAMAGED, "damaged", "they are here and can't be read")                                                     \
	GAP(DROPPED, "dropped", "they reached the collector and were lost")                                            \
	GAP(REFUSED, "refused", "they reached the collector and were not taken; their sender was told")                \
	GAP(FULL, "full", "the store could not write; what was sent was refused or lost")                              \
	GAP(DOWN, "down", "no collector was running; what was sent meanwhile may be missing")                          \
	GAP(CRASHED, "crashed", "the collector ended without a stop; what was not yet acknowledged is lost")           \
	GAP(CLOCK, "clock_jump", "times before and after it do not fit together")                                      \
	GAP(UNTOLD, "untold", "the collector had more to tell than it could note")                                     \
	GAP(EMITTER, "emitter", "the emitter counted them and they never came")                                        \
	GAP(SILENT, "silent", "no sign of life: the emitter, or the way from it, may be down")                         \
	GAP(SAMPLED, "sampled", "the source sends only a sample, it is no complete record")                            \
	GAP(NO_END, "no_end", "calls that began and whose end never came; the newest may still run")

enum gap_kind {
#define GAP(name, text, means) GAP_##name,
	GAP_KINDS(GAP)
#undef GAP
		GAP_KIND_COUNT
};
const char *gap_name(enum gap_kind kind);
const char *gap_means(enum gap_kind kind);

struct gap {
	enum gap_kind kind;
	int64_t since, until;         /* ns; INT64_MIN, INT64_MAX: not known */
	uint64_t events;              /* GAP_UNKNOWN: not known */
	uint64_t first_seq, last_seq; /* of the store; 0: none */
	struct text source, why;      /* raw */
};

struct gaps {
	struct arena arena;
	struct gap *items; /* owned; in order of time */
	size_t count, room;
	struct coverage coverage;
};

/* What concerns scan's range and scope; the collector's own losses concern every tenant. */
enum status gaps_find(struct gaps **gaps, const struct scan *scan, struct error *error) MUST_CHECK;
void gaps_destroy(struct gaps **gaps);

/* For the parts of it. */
enum status gaps_add(struct gaps *gaps, struct gap gap) MUST_CHECK;
struct text gaps_text(struct gaps *gaps, const char *format, ...) PRINTF_LIKE(2, 3);
enum status gaps_of_ledger(struct gaps *gaps, const struct scan *scan, struct error *error) MUST_CHECK;
enum status gaps_of_emitters(struct gaps *gaps, const struct scan *scan, struct error *error) MUST_CHECK;

#endif
