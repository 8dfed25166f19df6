/* backup_segment - one segment of a backup: copied as a file, walked while it is written, and verified. */
#ifndef MCPLEDGER_STORE_BACKUP_SEGMENT_H
#define MCPLEDGER_STORE_BACKUP_SEGMENT_H

#include "segment.h"

struct backup {
	const char *from, *to;
	store_backup_progress *progress;
	void *context;
	struct store_backup *result;
	struct error *error;
};

struct segment_check {
	struct segment_head head;
	uint64_t blocks, tail_chunks, payloads;
	uint64_t damaged; /* values that are not what was written, or missing */
};

/* The head of a segment in a directory, as of now. STATUS_NOT_FOUND, _DAMAGED, … */
enum status backup_read_head(const char *dir, uint64_t first_seq, struct segment_head *head) MUST_CHECK;
/* Copies a segment that nobody writes any more, byte for byte, also a damaged one.  STATUS_NOT_FOUND: it was pruned. */
enum status backup_copy_file(struct backup *backup, uint64_t first_seq) MUST_CHECK;
/*
 * Copies a segment that may be written meanwhile: values in short transactions, the rest in a last one.  *newer: another
 * one has taken its place, and the copy is all that it ever held.
 */
enum status backup_walk_segment(struct backup *backup, uint64_t first_seq, bool *newer) MUST_CHECK;
/* Reads all of a segment in a directory. */
enum status backup_check_segment(const char *dir, uint64_t first_seq, struct segment_check *check) MUST_CHECK;
/* Whether a directory has a segment behind this one. */
enum status backup_has_newer(const char *dir, uint64_t first_seq, bool *newer) MUST_CHECK;

#endif
