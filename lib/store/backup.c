/*
 * Backup of a store that is written meanwhile.
 *
 *   1 DIR is ours: new, empty, or with a backup of the same store; its lock is taken; backup.incomplete says what it is
 *   2 oldest first, each segment: sealed ones as files, unless the backup has them already; the newest one is walked.
 *     A copy is made under another name, so DIR is, at any time, a store that ends early
 *   3 what was copied is read and compared with its head and checksums; damage that the store has, too, stays damage
 *   4 backup.json takes the place of backup.incomplete
 *
 * Broken off at any point, the next run finishes it.  A segment that rolls over while it is walked is finished as it is,
 * and the walk goes on with the next one, at most SEGMENTS_CHASED_MAX times: a backup is as of some moment, not for ever.
 * Segments that only the backup still has stay in it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup_segment.h"
#include "files.h"
#include "identity.h"
#include "reader.h"
#include "timestamp.h"

enum { SEGMENTS_CHASED_MAX = 16, NOTE_BYTES = PATH_MAX + 256 };

static const char incomplete_name[] = STORE_BACKUP_INCOMPLETE;
static const char complete_name[] = "backup.json";

/* --- 1: the directory --- */

static bool has_file(const char *dir, const char *name)
{
	char path[PATH_MAX];
	return files_path(dir, name, path) == STATUS_OK && access(path, F_OK) == 0;
}

static bool is_same_directory(const char *one, const char *other)
{
	struct stat first;
	struct stat second;
	return stat(one, &first) == 0 && stat(other, &second) == 0 && first.st_dev == second.st_dev &&
	       first.st_ino == second.st_ino;
}

/* Whether backups of this store may go into the directory. */
static enum status check_target(const struct backup *backup, const struct segment_identity *identity)
{
	char id[SEGMENT_ID_BYTES + 1];
	bool empty = false;
	struct error *error = backup->error;
	if (is_same_directory(backup->from, backup->to))
		return error_set(error, STATUS_INVALID, "%s is the store itself", backup->to);
	enum status status = files_is_empty(backup->to, &empty);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", backup->to, status_text(status));
	if (empty)
		return STATUS_OK;
	if (!has_file(backup->to, incomplete_name) && !has_file(backup->to, complete_name))
		return error_set(error, STATUS_INVALID,
			"%s is not empty and holds no backup; name a new directory, or one with a backup of this store",
			backup->to);
	status = identity_load(backup->to, id, error);
	if (status == STATUS_NOT_FOUND) /* broken off before it was written */
		return STATUS_OK;
	if (status == STATUS_OK && strcmp(id, identity->id) != 0)
		return error_set(error, STATUS_INVALID, "%s holds a backup of another store (%s, this one is %s)",
			backup->to, id, identity->id);
	return status;
}

static enum status write_note(const struct backup *backup, const char *name, const struct segment_identity *identity)
{
	char note[NOTE_BYTES];
	char time[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(timestamp_now(), time);
	(void)snprintf(note, sizeof(note),
		"{\"store\":\"%s\",\"time\":\"%s\",\"first_seq\":%" PRIu64 ",\"next_seq\":%" PRIu64
		",\"segments\":%u,\"complete\":%s}\n",
		identity->id, time, backup->result->first_seq, backup->result->next_seq, backup->result->segments,
		name == complete_name ? "true" : "false");
	return files_write(backup->to, name, text_of(note), backup->error);
}

static enum status begin(const struct backup *backup, const struct segment_identity *identity, int *lock)
{
	enum status status = files_make_directory(backup->to, backup->error);
	if (status == STATUS_OK)
		status = check_target(backup, identity);
	if (status == STATUS_OK && chmod(backup->to, 0700) != 0)
		status = error_set(backup->error, files_status(errno), "%s: its mode cannot be set", backup->to);
	if (status == STATUS_OK)
		status = files_lock(backup->to, lock, backup->error);
	if (status == STATUS_HELD)
		return error_set(
			backup->error, status, "%s is in use by another backup, or by a collector", backup->to);
	if (status == STATUS_OK)
		status = write_note(backup, incomplete_name, identity);
	if (status == STATUS_OK)
		status = files_remove_temporaries(backup->to);
	return status == STATUS_OK ? identity_save(backup->to, identity, backup->error) : status;
}

/* --- 2: segments --- */

/* A sealed segment that the backup has, as it is in the store, need not be copied again. */
static bool is_there(const struct backup *backup, uint64_t first_seq, const struct segment_head *head)
{
	struct segment_head copy;
	return backup_read_head(backup->to, first_seq, &copy) == STATUS_OK && copy.sealed &&
	       copy.next_seq == head->next_seq && copy.blocks == head->blocks && copy.payloads == head->payloads;
}

/* 3: damage is only told as such when the store has it, too. */
static enum status verify(struct backup *backup, uint64_t first_seq)
{
	struct segment_check copy = {.damaged = 0};
	struct segment_check original = {.damaged = 0};
	struct store_backup *result = backup->result;
	enum status status = backup_check_segment(backup->to, first_seq, &copy);
	bool faulty = status == STATUS_DAMAGED || status == STATUS_NOT_FOUND || copy.damaged > 0;
	if (status != STATUS_OK && !faulty)
		return error_set(backup->error, status, "%s: %s", backup->to, status_text(status));
	if (faulty && backup_check_segment(backup->from, first_seq, &original) == status &&
		(status != STATUS_OK || original.damaged == copy.damaged)) {
		result->damaged += copy.damaged > 0 ? copy.damaged : 1;
		faulty = false;
	}
	if (faulty)
		return error_set(backup->error, STATUS_DAMAGED,
			"%s: the copy of the segment from seq %" PRIu64 " on is not as the store; run the backup again",
			backup->to, first_seq);
	result->blocks += copy.blocks;
	result->tail_chunks += copy.tail_chunks;
	result->payloads += copy.payloads;
	return STATUS_OK;
}

/* *newer: there is one behind it. */
static enum status copy_segment(struct backup *backup, uint64_t first_seq, bool *newer)
{
	struct segment_head head = {.sealed = false};
	enum status status = backup_has_newer(backup->from, first_seq, newer);
	enum status known = *newer ? backup_read_head(backup->from, first_seq, &head) : STATUS_OK;
	if (status != STATUS_OK)
		return error_set(backup->error, status, "%s: %s", backup->from, status_text(status));
	if (known == STATUS_OK && head.sealed && is_there(backup, first_seq, &head))
		return STATUS_OK;
	/* One that is not the newest, but not marked yet, may still get its mark: only a transaction reads it safely. */
	if (*newer && (known != STATUS_OK || head.sealed))
		status = backup_copy_file(backup, first_seq);
	else
		status = backup_walk_segment(backup, first_seq, newer);
	if (status == STATUS_NOT_FOUND) /* pruned while we came to it */
		return STATUS_OK;
	if (status == STATUS_OK)
		status = verify(backup, first_seq);
	backup->result->copied += status == STATUS_OK;
	return status;
}

/* The segment behind this one; 0: the first one. STATUS_NOT_FOUND: there is none. */
static enum status find_next(const char *dir, uint64_t after, uint64_t *first_seq)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	size_t at = 0;
	enum status status = files_list_segments(dir, &seqs, &count);
	if (status == STATUS_OK) {
		while (at < count && seqs[at] <= after)
			at++;
		status = at < count ? STATUS_OK : STATUS_NOT_FOUND;
	}
	if (status == STATUS_OK)
		*first_seq = seqs[at];
	free(seqs);
	return status;
}

static enum status copy_segments(struct backup *backup)
{
	uint64_t first_seq = 0;
	uint64_t newest_at_start = 0;
	unsigned chased = 0;
	bool newer = true;
	while (find_next(backup->from, newest_at_start, &first_seq) == STATUS_OK)
		newest_at_start = first_seq;
	first_seq = 0;
	while (newer && chased <= SEGMENTS_CHASED_MAX) {
		uint64_t before = first_seq;
		enum status status = find_next(backup->from, before, &first_seq);
		if (status == STATUS_NOT_FOUND && before > 0)
			return STATUS_OK;
		if (status == STATUS_OK)
			status = copy_segment(backup, first_seq, &newer);
		if (status != STATUS_OK)
			return status;
		backup->result->segments++;
		chased += first_seq > newest_at_start;
	}
	return STATUS_OK;
}

/* What the backup holds now, also of earlier runs. */
static enum status sum_up(struct backup *backup)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	uint64_t oldest = 0;
	struct segment_head head;
	struct store_backup *result = backup->result;
	enum status status = find_next(backup->from, 0, &oldest);
	if (status == STATUS_OK)
		status = files_list_segments(backup->to, &seqs, &count);
	if (status == STATUS_OK && count == 0)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		status = backup_read_head(backup->to, seqs[count - 1], &head);
	if (status == STATUS_OK) {
		result->first_seq = seqs[0];
		result->next_seq = head.next_seq;
		result->segments = (unsigned)count;
		while (result->kept < count && seqs[result->kept] < oldest)
			result->kept++;
	}
	free(seqs);
	return status == STATUS_OK ? status
				   : error_set(backup->error, status, "%s: %s", backup->to, status_text(status));
}

/* --- the whole --- */

static enum status run(struct backup *backup, const struct segment_identity *identity)
{
	int lock = -1;
	enum status status = begin(backup, identity, &lock);
	if (status == STATUS_OK)
		status = copy_segments(backup);
	if (status == STATUS_OK)
		status = sum_up(backup);
	if (status == STATUS_OK)
		status = write_note(backup, complete_name, identity);
	if (status == STATUS_OK)
		status = files_remove(backup->to, incomplete_name);
	if (status == STATUS_OK)
		status = files_sync_directory(backup->to);
	if (lock >= 0)
		(void)close(lock);
	return status;
}

/* Any segment of the store tells its identity. */
static enum status read_identity(const char *from, struct segment_identity *identity, struct error *error)
{
	struct store_reader *reader = NULL;
	enum status status = store_reader_open(&reader, from, error);
	if (status == STATUS_OK)
		*identity = reader->identity;
	store_reader_close(&reader);
	return status;
}

enum status store_backup_run(const char *from, const char *to, store_backup_progress *progress, void *context,
	struct store_backup *result, struct error *error)
{
	struct segment_identity identity;
	struct store_backup made = {.segments = 0};
	struct backup backup = {from, to, progress, context, &made, error};
	if (error)
		error->text[0] = 0;
	enum status status = read_identity(from, &identity, error);
	if (status == STATUS_OK)
		status = run(&backup, &identity);
	if (status != STATUS_OK && error && error->text[0] == 0)
		return error_set(error, status, "%s: %s", to, status_text(status));
	if (status == STATUS_OK) {
		(void)snprintf(made.store_id, sizeof(made.store_id), "%s", identity.id);
		*result = made;
	}
	return status;
}
