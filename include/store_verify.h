/*
 * store_verify - whether a store is whole, and a new one of what is left of one that is not.  Any process.
 *
 * Nothing of the store is trusted: its files are read page by page, and LMDB sees no more of them than the meta pages.
 */
#ifndef MCPLEDGER_STORE_VERIFY_H
#define MCPLEDGER_STORE_VERIFY_H

#include "store.h"

struct store_fault {
	const char *segment;          /* file name */
	uint64_t page;                /* of the file; 0: none is meant */
	uint64_t first_seq, last_seq; /* the events that it is about; 0, 0: not known, or none */
	const char *what;
};
struct store_verified {
	uint64_t segments, pages; /* pages of 4 KiB */
	uint64_t unused_pages;    /* of them; neither in use nor in the list of free ones, which harms nobody */
	uint64_t blocks, tail_chunks, payloads;
	uint64_t faults;
	uint64_t first_seq, next_seq; /* of the events that there are; equal: none */
	char store_id[STORE_ID_BYTES];
};
struct store_verify_visitor {
	void (*fault)(void *context, const struct store_fault *fault);
	void (*progress)(void *context, const struct store_verified *so_far); /* before each segment; may be NULL */
	void *context;
};
/*
 * Reads all of a store, without trusting any of it: the pages of each segment and how they hang together, each value and
 * its checksum, that the events follow each other without a hole within a segment and from one to the next, and that each
 * segment holds what its head says.  What is wrong is told as faults, segment by segment, and is no failure.
 * STATUS_NOT_FOUND: there is no segment; _UNSUPPORTED: of a later version; _BUSY: a segment is written, and nothing keeps
 * the writer from using its pages anew (its lock file cannot be used); _DENIED, _IO, _NO_MEMORY.
 */
enum status store_verify(const char *dir, const struct store_verify_visitor *visitor, struct store_verified *found,
	struct error *error) MUST_CHECK;

/* --- salvage --- */

struct store_salvaged {
	uint64_t segments, scanned; /* scanned: their trees were not whole, so that all of the file was searched */
	uint64_t first_seq, next_seq, events;
	uint64_t blocks, rebuilt_blocks; /* rebuilt: of tail chunks, or of what was left of a block */
	uint64_t payloads, rebuilt_summaries;
	uint64_t lost_events;
	bool end_is_unknown; /* events behind next_seq - 1, which is left free, may have been there */
	char store_id[STORE_ID_BYTES];
};
struct store_salvage_visitor {
	/* What is lost, in order: events, or something else (0, 0). */
	void (*lost)(void *context, const struct store_fault *fault);
	void (*progress)(void *context, const struct store_salvaged *so_far); /* before each segment; may be NULL */
	void *context;
};
/*
 * Makes in `to`, a new or empty directory, a store of all events of the store in `from` that are whole: under their seqs,
 * with the same canonical bytes.  Segments that lack events are marked as salvaged, so that every answer tells them as
 * missing.  Nothing is changed in `from`, which no collector may have open.  keys/ is not copied.  Until all is done,
 * `to` holds backup.incomplete.
 * STATUS_NOT_FOUND: there is no segment; _INVALID: `to` is not empty; _HELD: a collector has one of them; _UNSUPPORTED;
 * _DENIED, _NO_SPACE, _IO, _NO_MEMORY.
 */
enum status store_salvage(const char *from, const char *to, const struct store_salvage_visitor *visitor,
	struct store_salvaged *result, struct error *error) MUST_CHECK;

#endif
