/*
 * coverage - what an answer can't know: events that are missing, lost, expired or damaged in its range, and what was
 * redacted, cut or sampled.  "Nothing found" is only safe to believe beside it.
 */
#ifndef MCPLEDGER_QUERY_COVERAGE_H
#define MCPLEDGER_QUERY_COVERAGE_H

#include <stdbool.h>

#include "buf.h"

enum { COVERAGE_SHOWN_MAX = 16, COVERAGE_NOTES_MAX = 4 };

struct coverage_gap {
	uint64_t first, last; /* seq */
};

struct coverage_damage {
	char segment[64];
	uint64_t first_seq;
	uint32_t count;
};

struct coverage {
	uint64_t events;  /* in the answer */
	bool more;        /* the answer ends at a limit; there is more */
	uint64_t expired; /* events removed by retention, whose time may be in the range */
	uint64_t missing; /* seqs that are not there */
	uint64_t gaps;    /* runs of them; the first ones: */
	struct coverage_gap gap[COVERAGE_SHOWN_MAX];
	uint64_t damages; /* blocks that can't be read; the first ones: */
	struct coverage_damage damage[COVERAGE_SHOWN_MAX];
	uint64_t ends_at; /* the last seq that is here of a copy without its newest segment; 0: none is such a copy */
	bool unfinished;  /* a backup that was not finished */
	uint64_t dropped; /* events that the collector says it lost */
	uint64_t losses;  /* entries of the ledger that say so */
	uint64_t restarts;
	uint64_t clock_jumps;
	uint64_t redacted, cut, sampled;       /* events */
	const char *notes[COVERAGE_NOTES_MAX]; /* what else to know of the answer: whole sentences, not owned */
	size_t note_count;
	bool wide; /* redacted, cut and sampled are those of the whole range, else of the answer */
};

/* Nothing that could hide an event from the answer. */
bool coverage_complete(const struct coverage *coverage);
/* Whether it tells of events that are or may be lost, for who follows what arrives. */
bool coverage_has_losses(const struct coverage *coverage);
void coverage_add_gap(struct coverage *coverage, uint64_t first, uint64_t last);
void coverage_add_damage(struct coverage *coverage, const char *segment, uint64_t first_seq, uint32_t count);
/* Once each; a note does not make an answer incomplete. */
void coverage_add_note(struct coverage *coverage, const char *note);
/* Adds what another scan of the same stores met: damage that both met is told once. */
void coverage_join(struct coverage *coverage, const struct coverage *other);

struct scan;
/*
 * Fills what the scan itself does not see: the ledger's losses in its range, and redacted, cut and sampled events
 * (of the whole range where the filter asks for texts or nothing was found).
 */
enum status coverage_collect(const struct scan *scan, struct coverage *coverage, struct error *error) MUST_CHECK;

void coverage_put_json(struct buf *out, const struct coverage *coverage);
/* One or more lines for people, each with a newline. */
void coverage_put_text(struct buf *out, const struct coverage *coverage);

#endif
