/*
 * Roll-over: from one segment to the next, such that a stop at any point loses nothing and is finished at open.
 *
 *   1 the tail of the old segment has been sealed (the caller)
 *   2 seg-<first_seq>.tmp is made: one commit with the carried state; fsync of file and directory
 *     stopped here: no event depends on it; open removes it
 *   3 it is renamed to seg-<first_seq>.mdb, fsync of the directory; only now may an event go into it
 *     stopped here: open finds two segments, the older one not marked; it does 4
 *   4 the old one is marked sealed, in two commits (both meta pages of LMDB then lead to it), and loses its lock file;
 *     may be done any number of times
 *
 * The active segment is the highest one with a valid first commit.  The .tmp file is written without a lock file and
 * opened anew under its real name, because LMDB derives the lock file's name from the path.
 */
#include "writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "timestamp.h"

enum status roll_open_env(struct store *store, uint64_t first_seq, struct error *error)
{
	char name[SEGMENT_NAME_BYTES], path[PATH_MAX];
	segment_name(first_seq, name);
	enum status status = files_path(store->dir, name, path);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: the path is too long", store->dir);
	struct env *env = NULL;
	status = env_open(&env, path, ENV_WRITE, store->options.map_bytes, error);
	if (status != STATUS_OK)
		return status;
	env_check_readers(env);
	store->env = env;
	store->file_bytes = env_file_bytes(env);
	store->full = false;
	return STATUS_OK;
}

static enum status read_env_head(struct env *env, struct segment_head *head, struct segment_identity *identity)
{
	struct env_txn *read = NULL;
	enum status status = env_begin(env, false, &read);
	if (status != STATUS_OK)
		return status;
	status = segment_read_head(read, head);
	if (status == STATUS_OK)
		status = segment_read_identity(read, identity);
	env_abort(&read);
	return status;
}

/* --- step 2 and 3 --- */

static enum status write_first_commit(struct env *env, const struct segment_identity *identity,
	const struct segment_head *head, struct env_txn *state)
{
	struct env_txn *write = NULL;
	enum status status = env_begin(env, true, &write);
	if (status != STATUS_OK)
		return status;
	struct segment_head first = *head;
	segment_put_identity(write, identity);
	segment_put_head(write, &first);
	if (state)
		segment_carry_state(state, write);
	status = env_commit(&write);
	return status == STATUS_OK ? env_sync_file(env) : status;
}

/* state: a read transaction on the segment before; NULL: none. */
static enum status create_segment(
	struct store *store, const struct segment_head *head, struct env_txn *state, struct error *error)
{
	char name[SEGMENT_NAME_BYTES], temporary_name[SEGMENT_NAME_BYTES], path[PATH_MAX], temporary[PATH_MAX];
	segment_name(head->first_seq, name);
	(void)snprintf(temporary_name, sizeof(temporary_name), "seg-%020" PRIu64 ".tmp", head->first_seq);
	enum status status = files_path(store->dir, name, path);
	if (status == STATUS_OK)
		status = files_path(store->dir, temporary_name, temporary);
	if (status == STATUS_OK)
		status = files_remove(store->dir, temporary_name);
	if (status != STATUS_OK)
		return error_set(error, status, "%s/%s: %s", store->dir, temporary_name, status_text(status));
	struct env *env = NULL;
	status = env_open(&env, temporary, ENV_CREATE, store->options.map_bytes, error);
	if (status == STATUS_OK) {
		status = write_first_commit(env, &store->identity, head, state);
		env_close(&env);
	}
	if (status == STATUS_OK)
		status = files_sync_directory(store->dir);
	if (status == STATUS_OK && rename(temporary, path) != 0)
		status = files_status(errno);
	if (status == STATUS_OK)
		status = files_sync_directory(store->dir);
	if (status != STATUS_OK) {
		(void)unlink(temporary);
		return error_set(error, status, "%s: a new segment cannot be made: %s", path, status_text(status));
	}
	return STATUS_OK;
}

static struct segment_head first_head(const struct segment_head *before)
{
	uint64_t seq = before ? before->next_seq : SEGMENT_FIRST_SEQ;
	return (struct segment_head){
		.first_seq = seq,
		.next_seq = seq,
		.tail_first_seq = seq,
		.last_recv_time = before ? before->last_recv_time : 0,
	};
}

/* --- step 4 --- */

static enum status mark_sealed(struct env *env, struct segment_head *head)
{
	for (int commit = 0; commit < 2; commit++) {
		struct env_txn *write = NULL;
		enum status status = env_begin(env, true, &write);
		if (status != STATUS_OK)
			return status;
		head->sealed = true;
		segment_put_head(write, head);
		status = env_commit(&write);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static void remove_lock_file(struct store *store, uint64_t first_seq)
{
	char name[SEGMENT_NAME_BYTES], lock_name[SEGMENT_NAME_BYTES + 8];
	segment_name(first_seq, name);
	(void)snprintf(lock_name, sizeof(lock_name), "%s-lock", name);
	enum status status = files_remove(store->dir, lock_name);
	(void)status; /* an old lock file does no harm */
}

static enum status note_sealed(struct store *store, struct sealed_segment sealed)
{
	struct sealed_segment *grown = realloc(store->sealed, (store->sealed_count + 1) * sizeof(*grown));
	if (grown == NULL)
		return STATUS_NO_MEMORY;
	store->sealed = grown;
	store->sealed[store->sealed_count++] = sealed;
	return STATUS_OK;
}

/* --- open --- */

/* Reads the head of a segment that is not the newest, and marks it sealed if that has not been done. */
static enum status visit_older(struct store *store, uint64_t first_seq, uint64_t next_first_seq)
{
	char name[SEGMENT_NAME_BYTES], path[PATH_MAX];
	struct stat stat_now;
	struct env *env = NULL;
	struct segment_head head;
	struct segment_identity identity;
	struct sealed_segment sealed = {.first_seq = first_seq, .next_seq = next_first_seq};
	segment_name(first_seq, name);
	enum status status = files_path(store->dir, name, path);
	if (status != STATUS_OK)
		return status;
	if (stat(path, &stat_now) != 0)
		return errno == ENOENT ? STATUS_OK : files_status(errno);
	sealed.last_recv_time = (int64_t)stat_now.st_mtim.tv_sec * NS_PER_S;
	status = env_open(&env, path, ENV_READ_NOLOCK, (uint64_t)stat_now.st_size, NULL);
	if (status == STATUS_OK)
		status = read_env_head(env, &head, &identity);
	env_close(&env);
	/* A damaged old segment is no reason not to take events: readers of it and `verify` speak of it. */
	if (status != STATUS_OK)
		return note_sealed(store, sealed);
	if (!head.sealed) {
		if (env_open(&env, path, ENV_WRITE, store->options.map_bytes, NULL) == STATUS_OK &&
			mark_sealed(env, &head) == STATUS_OK)
			remove_lock_file(store, first_seq);
		env_close(&env);
	}
	sealed.next_seq = head.next_seq;
	sealed.last_recv_time = head.last_recv_time;
	return note_sealed(store, sealed);
}

static bool older_is_sealed(struct store *store, uint64_t first_seq)
{
	char name[SEGMENT_NAME_BYTES], path[PATH_MAX];
	struct env *env = NULL;
	struct segment_head head = {.sealed = false};
	struct segment_identity identity;
	segment_name(first_seq, name);
	enum status status = files_path(store->dir, name, path);
	if (status == STATUS_OK)
		status = env_open(&env, path, ENV_READ_NOLOCK, 0, NULL);
	if (status == STATUS_OK)
		status = read_env_head(env, &head, &identity);
	env_close(&env);
	return status != STATUS_OK || head.sealed;
}

/* A file that never had its first commit is put aside, not destroyed: somebody may want to look at it. */
static enum status put_aside(struct store *store, uint64_t first_seq)
{
	char name[SEGMENT_NAME_BYTES], path[PATH_MAX], aside[PATH_MAX + 8];
	segment_name(first_seq, name);
	enum status status = files_path(store->dir, name, path);
	if (status != STATUS_OK)
		return status;
	(void)snprintf(aside, sizeof(aside), "%s.invalid", path);
	if (rename(path, aside) != 0)
		return files_status(errno);
	remove_lock_file(store, first_seq);
	return files_sync_directory(store->dir);
}

static enum status open_newest(struct store *store, uint64_t first_seq, struct error *error)
{
	enum status status = roll_open_env(store, first_seq, error);
	if (status != STATUS_OK)
		return status;
	struct segment_identity identity;
	status = env_follow_dead_writer(store->env);
	if (status == STATUS_OK)
		status = read_env_head(store->env, &store->head, &identity);
	if (status == STATUS_OK && store->head.first_seq != first_seq)
		status = STATUS_DAMAGED;
	if (status == STATUS_OK && store->identity.id[0] && strcmp(store->identity.id, identity.id) != 0) {
		env_close(&store->env);
		return error_set(error, STATUS_INVALID,
			"%s: its newest segment belongs to store %s, store.json says %s", store->dir, identity.id,
			store->identity.id);
	}
	if (status != STATUS_OK) {
		env_close(&store->env);
		return error_set(error, status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status,
			"%s: the newest segment has no valid head: %s", store->dir, status_text(status));
	}
	store->identity = identity;
	return STATUS_OK;
}

/* Makes the segment behind `before` (NULL: the first one) and opens it. */
static enum status open_next(
	struct store *store, const struct segment_head *before, struct env_txn *state, struct error *error)
{
	struct segment_head head = first_head(before);
	enum status status = create_segment(store, &head, state, error);
	if (status == STATUS_OK)
		status = roll_open_env(store, head.first_seq, error);
	if (status == STATUS_OK)
		store->head = head;
	return status;
}

/* The newest segment is sealed: the one behind it is missing (a copy, or removed by hand). */
static enum status go_on_behind_sealed(struct store *store, struct error *error)
{
	struct segment_head before = store->head;
	struct env *old = store->env;
	struct env_txn *state = NULL;
	store->env = NULL;
	enum status status = env_begin(old, false, &state);
	if (status == STATUS_OK)
		status = open_next(store, &before, state, error);
	else
		(void)error_set(error, status, "%s: %s", store->dir, status_text(status));
	env_abort(&state);
	env_close(&old);
	remove_lock_file(store, before.first_seq);
	return status;
}

static enum status open_listed(struct store *store, const uint64_t *seqs, size_t count, struct error *error)
{
	enum status status = open_newest(store, seqs[count - 1], error);
	if (status == STATUS_DAMAGED && count > 1 && !older_is_sealed(store, seqs[count - 2])) {
		status = put_aside(store, seqs[count - 1]);
		if (status != STATUS_OK)
			return error_set(error, status, "%s: %s", store->dir, status_text(status));
		count--;
		status = open_newest(store, seqs[count - 1], error);
	}
	for (size_t i = 0; status == STATUS_OK && i + 1 < count; i++)
		status = visit_older(store, seqs[i], seqs[i + 1]);
	if (status != STATUS_OK || !store->head.sealed)
		return status;
	struct segment_head before = store->head;
	status = note_sealed(store, (struct sealed_segment){before.first_seq, before.next_seq, before.last_recv_time});
	return status == STATUS_OK ? go_on_behind_sealed(store, error) : status;
}

enum status roll_open_active(struct store *store, struct error *error)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	enum status status = files_remove_temporaries(store->dir);
	if (status == STATUS_OK)
		status = files_list_segments(store->dir, &seqs, &count);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", store->dir, status_text(status));
	if (count > 0)
		status = open_listed(store, seqs, count, error);
	else
		status = open_next(store, NULL, NULL, error);
	free(seqs);
	return status;
}

/* --- roll --- */

static int64_t day_of(int64_t time)
{
	return time / NS_PER_DAY - (time % NS_PER_DAY < 0);
}

bool store_roll_due(const struct store *store, int64_t recv_time)
{
	const struct segment_head *head = &store->head;
	if (head->next_seq == head->first_seq)
		return false;
	if (store->full ||
		(store->options.segment_bytes_max && store->file_bytes >= store->options.segment_bytes_max) ||
		store->file_bytes >= store->options.map_bytes / 4 * 3)
		return true;
	return store->options.roll_daily && day_of(recv_time) > day_of(head->oldest_recv_time);
}

/* The next segment was made but cannot be used: it must go, or the old one must not be written any more. */
static void undo_next(struct store *store, uint64_t first_seq)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(first_seq, name);
	if (files_remove(store->dir, name) != STATUS_OK || files_sync_directory(store->dir) != STATUS_OK)
		store->lost = store->suspect = true;
}

enum status store_roll(struct store *store, struct error *error)
{
	struct segment_head old_head = store->head;
	struct env *old = store->env;
	struct env_txn *state = NULL;
	if (old_head.tail_first_seq != old_head.next_seq)
		return error_set(error, STATUS_CONFLICT, "%s: the tail has not been sealed", store->dir);
	if (old_head.next_seq == old_head.first_seq)
		return STATUS_OK;
	if (old == NULL || store->suspect)
		return error_set(error, STATUS_IO, "%s: a commit has failed", store->dir);
	enum status status = env_begin(old, false, &state);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", store->dir, status_text(status));
	pthread_mutex_lock(&store->attach_lock);
	store->env = NULL;
	status = open_next(store, &old_head, state, error);
	if (status != STATUS_OK) {
		undo_next(store, old_head.next_seq);
		store->env = old;
	}
	pthread_mutex_unlock(&store->attach_lock);
	env_abort(&state);
	if (status != STATUS_OK)
		return status;
	status = note_sealed(
		store, (struct sealed_segment){old_head.first_seq, old_head.next_seq, old_head.last_recv_time});
	/* From here on the roll has been done.  A mark that cannot be set now is set at the next open. */
	if (mark_sealed(old, &old_head) == STATUS_OK)
		remove_lock_file(store, old_head.first_seq);
	env_close(&old);
	return status == STATUS_OK ? status : error_set(error, status, "%s: %s", store->dir, status_text(status));
}
