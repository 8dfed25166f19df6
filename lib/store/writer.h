/* writer - what the parts of the writing side share.  Writer thread only, but for what attach_lock guards. */
#ifndef MCPLEDGER_STORE_WRITER_H
#define MCPLEDGER_STORE_WRITER_H

#include <pthread.h>

#include "identity.h"

struct sealed_segment {
	uint64_t first_seq, next_seq;
	int64_t last_recv_time; /* of a segment that cannot be read: the file's time */
};

struct store_txn {
	struct store *store;
	struct env_txn *write;
	struct segment_head head; /* as it will be */
	uint64_t bytes;           /* put so far */
};

struct store {
	char *dir; /* owned; set once */
	struct store_options options;
	struct segment_identity identity;
	struct store_keys keys;
	int lock_fd;
	struct env *env; /* of the active segment; NULL: it failed, and readers still hold it. Set under attach_lock */
	struct segment_head head; /* as committed */
	uint64_t file_bytes;
	bool full;    /* the map has no room left: roll over */
	bool suspect; /* a commit failed: the head has to be looked at before the next one */
	bool lost;    /* what is on disk is not what was acknowledged: nothing may be written any more */
	struct store_txn txn;
	struct sealed_segment *sealed; /* ascending; owned */
	size_t sealed_count;
	pthread_mutex_t attach_lock; /* held while the active env changes */
};

/* Finds or makes the active segment; finishes a half-done roll-over. */
enum status roll_open_active(struct store *store, struct error *error) MUST_CHECK;
/* Opens the active segment's file for writing. */
enum status roll_open_env(struct store *store, uint64_t first_seq, struct error *error) MUST_CHECK;

#endif
