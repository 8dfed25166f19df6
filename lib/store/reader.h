/* reader - what the parts of the reading side share: the segments a reader knows and has open. */
#ifndef MCPLEDGER_STORE_READER_H
#define MCPLEDGER_STORE_READER_H

#include <time.h>

#include "segment.h"

enum { READER_OPEN_MAX = 16, READER_MAPPED_MAX = 16 };

/* Lives as long as the reader, also after the segment has been pruned: units point at its name. */
struct reader_segment {
	uint64_t first_seq;
	char name[SEGMENT_NAME_BYTES];
	struct env *env;          /* NULL: not open */
	struct env_txn *txn;      /* open: a read transaction */
	struct segment_head head; /* of the transaction */
	bool head_known;
	bool settled;    /* what the transaction shows is all there will ever be */
	bool unlocked;   /* somebody may write while we read without a slot in the lock file: copy, check, try again */
	uint64_t period; /* in which it was used last */
};

struct reader_list {
	struct reader_segment **items; /* owned */
	size_t count;
};

struct store_reader {
	char *dir;           /* owned */
	struct store *store; /* attached: of this process; NULL: any directory */
	struct segment_identity identity;
	struct reader_list live;               /* ascending */
	struct reader_list gone;               /* pruned */
	struct arena joined;                   /* values of several parts, and copies; until renew */
	struct buf peeked;                     /* the summary that was looked at last */
	struct text mapped[READER_MAPPED_MAX]; /* blocks given, in the map: their pages are let go at the next renew */
	unsigned mapped_count;
	uint64_t period; /* counts renews: what was used in this one must stay open */
	size_t open_count;
	uint64_t next_seq;
	struct timespec dir_changed; /* the directory when it was last listed */
	bool dir_settled;            /* and that was long enough after its last change for the time to tell a new one */
	bool lock_denied;            /* the lock file cannot be written by us */
};

/* STATUS_NOT_FOUND: it has been pruned, or has no first commit. newest: it may still be written. */
enum status reader_open_segment(
	struct store_reader *reader, struct reader_segment *segment, bool newest, struct error *error) MUST_CHECK;
void reader_close_segment(struct store_reader *reader, struct reader_segment *segment);
/* Notes a block that was given out, whose pages are let go at the next renew, or sooner where there are many. */
void reader_note_mapped(struct store_reader *reader, struct text bytes);

#endif
