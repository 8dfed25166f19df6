/*
 * store - segments of LMDB files that hold tail chunks, blocks, summaries, payloads and state.
 *
 * One process writes (the daemon): store_open takes the directory's lock.  Only one thread opens write transactions.
 * Any number of threads and processes read.  A reader sees the store as of its last store_reader_renew; everything it
 * was given is valid until the next renew or close.
 *
 * On disk: DIR/store.json (id, format), DIR/lock, DIR/seg-<first_seq, 20 digits>.mdb, DIR/ballast; and DIR/keys/
 * beside them for what must not be copied with evidence.  The layout of a segment is told in lib/store/segment.h.
 */
#ifndef MCPLEDGER_STORE_H
#define MCPLEDGER_STORE_H

#include "block.h"

enum { STORE_FORMAT_VERSION = 1, STORE_ID_BYTES = 32 };

struct store;
struct store_options {
	uint64_t segment_bytes_max; /* roll over past this */
	bool roll_daily;            /* and at each UTC midnight of recv_time */
	uint64_t map_bytes;         /* address space of the active segment */
	uint64_t ballast_bytes;     /* kept free for the record of an outage; 0 = none */
};

/* --- writing: the writer thread --- */

/*
 * Opens or creates the store: takes the lock, finishes a half-done roll-over, checks the format's version.
 * STATUS_HELD: another process has it (error names its pid); STATUS_UNSUPPORTED; STATUS_DAMAGED; STATUS_NO_SPACE; STATUS_IO;
 * STATUS_CONFLICT: a reader of this process has it open.
 */
enum status store_open(
	struct store **store, const char *dir, const struct store_options *options, struct error *error) MUST_CHECK;
/* Closes; readers made from it must be closed first. clean: gives the ballast back. */
void store_close(struct store **store, bool clean);
const char *store_id(const struct store *store);            /* 16 hex digits, for ever the same; lives with the store */
const uint8_t *store_filter_key(const struct store *store); /* 16 bytes */
const uint8_t *store_dedup_key(const struct store *store);  /* 16 bytes, from DIR/keys */
struct text store_digest_key(const struct store *store);    /* 32 bytes, from DIR/keys */
const char *store_digest_key_id(const struct store *store);
uint64_t store_first_seq(const struct store *store);     /* of the oldest event that retention has left */
uint64_t store_next_seq(const struct store *store);      /* of the next event; the first one is 1 */
int64_t store_last_recv_time(const struct store *store); /* recv_time never steps back */

/*
 * A write transaction.  The first failure stays in it: later calls do nothing, store_commit returns it and aborts.
 * After a failed commit nothing of it is there, and the store is as before (reopened and checked if need be).
 * store_begin: STATUS_IO: a commit failed and readers have not let go of the old file yet, try again; STATUS_DAMAGED: what
 * is on disk is not what was acknowledged: stop.  store_commit: STATUS_NO_SPACE, STATUS_IO; STATUS_LIMIT: the map is full
 * (store_roll_due says so too); STATUS_TOO_LARGE.
 */
struct store_txn;
enum status store_begin(struct store *store, struct store_txn **txn) MUST_CHECK;
/* Appends a tail chunk of `count` live events; first_seq must be store_next_seq; recv_time the newest in it. */
void store_put_tail(struct store_txn *txn, uint64_t first_seq, uint32_t count, int64_t recv_time, struct text chunk);
/* Stores a payload unless the segment has it. */
void store_put_payload(struct store_txn *txn, const struct payload_ref *payload);
/* Puts a sealed block with its summary and deletes the tail chunks of its events (whole chunks, exactly). */
void store_put_block(struct store_txn *txn, uint64_t first_seq, uint32_t count, struct text image, struct text summary);
/* Small named state, carried to the next segment at roll-over (counters, offsets, …); at most 1 MiB each. */
void store_put_state(struct store_txn *txn, const char *name, struct text bytes);
enum status store_commit(struct store_txn **txn) MUST_CHECK; /* returns after fsync; *txn = NULL */
void store_abort(struct store_txn **txn);
/* Reads state into out. STATUS_NOT_FOUND. */
enum status store_get_state(struct store *store, const char *name, struct buf *out) MUST_CHECK;

/* Whether the active segment should be rolled (day or size) if an event of this recv_time came next. */
bool store_roll_due(const struct store *store, int64_t recv_time);
/* Rolls over; the tail must have been sealed (else STATUS_CONFLICT). On failure the old segment goes on. */
enum status store_roll(struct store *store, struct error *error) MUST_CHECK;

struct store_prune_result {
	unsigned segments;
	uint64_t events, bytes, first_seq, last_seq;
	int64_t last_recv_time;
	bool read; /* the next one would have been removed, but somebody reads it */
};
/* Unlinks sealed segments whose newest event is older than recv_time_min, and the oldest ones beyond bytes_max (0: no
 * limit); never the active one, and one a reader holds only with read_too: who has it open reads on, nobody else finds it.
 * *result is what was removed, also before a failure. */
enum status store_prune(struct store *store, int64_t recv_time_min, uint64_t bytes_max, bool read_too,
	struct store_prune_result *result) MUST_CHECK;

/* The oldest unsealed chunks for the sealer: how much there is.  Writer thread. */
struct store_tail_info {
	uint64_t first_seq;
	uint64_t events;
	uint64_t bytes;
	uint32_t chunks;
	int64_t oldest_recv_time;
};
void store_tail_info(const struct store *store, struct store_tail_info *info);
/* Frees the reader slots of processes that died.  Once a minute; writer thread. */
void store_check_readers(struct store *store);
/* Free bytes of the file system: fewer than the caller's reserve, and new events should be refused. */
enum status store_space(const struct store *store, uint64_t *free_bytes) MUST_CHECK;
/* Gives the ballast's bytes back to the file system / takes them again; for the record of an outage. */
void store_ballast_release(struct store *store);
enum status store_ballast_restore(struct store *store) MUST_CHECK;

/* --- reading: any thread, any process --- */

struct store_reader;
/*
 * Opens a directory of another process, live or copied, writable or not.  A copy may lack segments, store.json and keys.
 * STATUS_NOT_FOUND, _UNSUPPORTED, _DAMAGED, _IO, _DENIED; _CONFLICT: this process has the store open, attach to it.
 */
enum status store_reader_open(struct store_reader **reader, const char *dir, struct error *error) MUST_CHECK;
/* A reader of a store that this process has open (the same file is never opened twice). */
enum status store_reader_attach(struct store_reader **reader, struct store *store, struct error *error) MUST_CHECK;
void store_reader_close(struct store_reader **reader);
/*
 * Sees what was committed since, also in new segments.  Call at least once a second while reading, and between blocks.
 * STATUS_BUSY: a commit failed and the store is about to be opened anew: call again; nothing may be read until then.
 */
enum status store_reader_renew(struct store_reader *reader, struct error *error) MUST_CHECK;
/*
 * Before a wait that may be long: lets go of what keeps the writer from using pages anew.  Units that were read stay
 * valid; whatever is read next sees the newest commit, as after a renew.  From another thread, too, as long as the
 * reader's own one does nothing with it.
 */
void store_reader_park(struct store_reader *reader);
const char *store_reader_id(const struct store_reader *reader);
uint64_t store_reader_next_seq(const struct store_reader *reader);  /* one past the newest event */
uint64_t store_reader_first_seq(const struct store_reader *reader); /* of the oldest event still there */
/* A copy without the newest segment: later events than its newest one were stored, and are not here. */
bool store_reader_ends_early(const struct store_reader *reader);
/* A backup that was broken off, or is being made: see store_backup_run. */
bool store_reader_is_unfinished(const struct store_reader *reader);
/* State of the active segment. STATUS_NOT_FOUND. */
enum status store_reader_state(struct store_reader *reader, const char *name, struct buf *out) MUST_CHECK;

/*
 * Walks the units of the store in order of seq, backwards or forwards: sealed blocks (summary set) and tail chunks
 * (summary empty).  One goes on behind a unit with first_seq + count, or before it with first_seq - 1.  A unit may begin
 * before the seq asked for (tail chunks that were sealed meanwhile): leave out its rows that were met before, then each
 * seq is met once or, pruned, not at all.  STATUS_DAMAGED: unit is filled but for bytes, so that one can go on behind it
 * (a whole segment that cannot be read is one unit; count 0: the newest one, how much it held is not known).
 * Summaries are not checked (summary_open does).  A sealed unit without a summary has lost it: read the block.
 */
struct store_unit {
	uint64_t first_seq;
	uint32_t count; /* live events */
	bool sealed;
	struct text bytes;       /* a block's image, or a tail chunk */
	struct text summary;     /* sealed only */
	const char *segment;     /* file name, for messages; lives with the reader */
	uint64_t segment_number; /* for store_reader_payload */
};
/*
 * The first unit that holds an event with seq >= `seq` (forward) or <= `seq` (backward).  Tail chunks have been checked
 * against their checksum, a block's image has not (block_open does).  STATUS_NOT_FOUND: none; STATUS_DAMAGED, see above;
 * STATUS_BUSY: a live store without usable lock file is written faster than it can be read, try again.
 */
enum status store_reader_unit(struct store_reader *reader, uint64_t seq, bool backward, struct store_unit *unit,
	struct error *error) MUST_CHECK;
/* Only the summary is read (bytes stay empty), and lives until the next peek: is the unit worth reading? */
enum status store_reader_peek(struct store_reader *reader, uint64_t seq, bool backward, struct store_unit *unit,
	struct error *error) MUST_CHECK;
/* A payload of a segment, unpacked into the arena. STATUS_NOT_FOUND: no such segment; STATUS_DAMAGED: also if it is not there. */
enum status store_reader_payload(struct store_reader *reader, uint64_t segment_number, const uint8_t key[32],
	struct arena *arena, struct text *payload) MUST_CHECK;

struct store_figures {
	uint64_t events, blocks, tail_events, segments, payloads;
	uint64_t file_bytes;                                            /* st_blocks * 512 of all segments */
	uint64_t block_bytes, payload_bytes, summary_bytes, tail_bytes; /* as stored */
	int64_t oldest_recv_time, newest_recv_time;                     /* 0: no events */
};
enum status store_reader_figures(struct store_reader *reader, struct store_figures *figures) MUST_CHECK;

/* --- backup: one call for a whole backup; any process, while the store is written, rolled over and pruned --- */

#define STORE_BACKUP_INCOMPLETE "backup.incomplete"

struct store_backup {
	uint64_t first_seq, next_seq;                    /* what the backup holds */
	unsigned segments, copied;                       /* all that the store has, and those that were copied now */
	unsigned kept;                                   /* only the backup still has */
	uint64_t bytes;                                  /* copied */
	uint64_t blocks, tail_chunks, payloads, damaged; /* looked at in what was copied; damaged: in the store, too */
	char store_id[STORE_ID_BYTES];
};
typedef void store_backup_progress(void *context, const struct store_backup *so_far);

/*
 * Copies the store in `from`, up to some moment of the call, into the directory `to`: a new or empty one, or one with an
 * earlier or broken-off backup of the same store, which it then completes.  What was copied is verified.  Until all is
 * done, `to` holds backup.incomplete; then backup.json.  keys/ is not copied.  progress may be NULL.
 * STATUS_INVALID: `to` is something else; STATUS_HELD: it is in use; STATUS_DAMAGED: the copy is not as the store;
 * STATUS_NOT_FOUND, _UNSUPPORTED, _DENIED, _NO_SPACE, _IO, _BUSY: the store is written, and its lock file cannot be used.
 */
enum status store_backup_run(const char *from, const char *to, store_backup_progress *progress, void *context,
	struct store_backup *result, struct error *error) MUST_CHECK;

#endif
