/*
 * novelty - which habits (habits.h) the events of a window have that those of the time before, the baseline, had not.
 *
 * Of the baseline only 64-bit fingerprints with a secret key are kept, so that it may be large; a window's new habits are
 * listed up to NOVELTIES_MAX.
 */
#ifndef MCPLEDGER_QUERY_NOVELTY_H
#define MCPLEDGER_QUERY_NOVELTY_H

#include "habits.h"
#include "scan.h"

enum { NOVELTIES_MAX = 20000, NOVELTY_BASELINE_MAX = 4 * 1024 * 1024 };

struct novelty {
	enum habit habit;
	struct text value;
	uint64_t count; /* events of the window that have it */
	int64_t first;  /* time of the earliest, ns */
	size_t store;   /* where it is */
	uint64_t seq;
	struct text id, example; /* of the earliest; raw, see brief.h */
	uint64_t last_seq;       /* counted last */
	uint64_t fingerprint;
	struct novelty *next;
};

struct novelties {
	struct arena arena;
	struct novelty **items; /* owned; in order of habit, then time */
	size_t count;
	uint64_t baseline_events, window_events;
	int64_t baseline_first; /* time of its earliest event; INT64_MAX: there is none */
	struct coverage coverage;
};

/*
 * scan says the window, its filter and scope; the baseline is [baseline, scan->since) of the same.
 * STATUS_LIMIT: the baseline has more than NOVELTY_BASELINE_MAX habits: nothing can be called new.
 */
enum status novelties_find(
	struct novelties **novelties, const struct scan *scan, int64_t baseline, struct error *error) MUST_CHECK;
void novelties_destroy(struct novelties **novelties);

#endif
