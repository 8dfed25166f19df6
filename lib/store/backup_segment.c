/*
 * A live segment is copied value by value: its blocks, summaries and payloads never change, only more of them come, so they
 * can be taken in short transactions while the writer goes on; a long one would keep the writer from using pages anew, and
 * its file would grow.  The last transaction takes what came since, the tail, and what meta says, all of one commit.
 */
#include "backup_segment.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define MAP_BYTES        (UINT64_C(64) << 30)
#define STEP_BYTES       (UINT64_C(16) << 20) /* copied in one transaction */
#define REST_BYTES_MAX   (UINT64_C(8) << 20)  /* few enough for the last one */
#define JOINED_BYTES_MAX (UINT64_C(512) << 20)

enum {
	ROUNDS_MAX = 16,
	KEY_BYTES_MAX = 512,
	FILE_MODE = 0600,
	PIECE_BYTES = 1 << 20,
	TEMPORARY_NAME_BYTES = 32,
	DIGEST_BYTES = 32,
};

static void tell_progress(struct backup *backup, uint64_t bytes)
{
	backup->result->bytes += bytes;
	if (backup->progress)
		backup->progress(backup->context, backup->result);
}

static enum status fail(struct backup *backup, uint64_t first_seq, enum status status)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(first_seq, name);
	if (backup->error && backup->error->text[0])
		return status;
	return error_set(backup->error, status, "%s/%s: %s", backup->to, name, status_text(status));
}

/* Both names of the copy of a segment: the one that it gets when it is whole, and the one before. */
struct names {
	char name[SEGMENT_NAME_BYTES], temporary_name[TEMPORARY_NAME_BYTES];
	char source[PATH_MAX], target[PATH_MAX], temporary[PATH_MAX];
};

static enum status make_names(const struct backup *backup, uint64_t first_seq, struct names *names)
{
	segment_name(first_seq, names->name);
	(void)snprintf(names->temporary_name, sizeof(names->temporary_name), "seg-%020" PRIu64 ".tmp", first_seq);
	enum status status = files_path(backup->from, names->name, names->source);
	if (status == STATUS_OK)
		status = files_path(backup->to, names->name, names->target);
	if (status == STATUS_OK)
		status = files_path(backup->to, names->temporary_name, names->temporary);
	return status == STATUS_OK ? files_remove(backup->to, names->temporary_name) : status;
}

static enum status put_in_place(const struct backup *backup, const struct names *names)
{
	if (rename(names->temporary, names->target) != 0)
		return files_status(errno);
	return files_sync_directory(backup->to);
}

enum status backup_has_newer(const char *dir, uint64_t first_seq, bool *newer)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	enum status status = files_list_segments(dir, &seqs, &count);
	if (status == STATUS_OK)
		*newer = count > 0 && seqs[count - 1] > first_seq;
	free(seqs);
	return status;
}

/* --- a segment that nobody writes any more --- */

static int copy_bytes(struct backup *backup, int from, int to)
{
	char *piece = malloc(PIECE_BYTES);
	int code = piece ? 0 : ENOMEM;
	while (code == 0) {
		ssize_t got = read(from, piece, PIECE_BYTES);
		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			code = errno;
		for (ssize_t done = 0; code == 0 && done < got;) {
			ssize_t written = write(to, piece + done, (size_t)(got - done));
			if (written < 0 && errno != EINTR)
				code = errno;
			done += written > 0 ? written : 0;
		}
		if (code == 0 && got > 0)
			tell_progress(backup, (uint64_t)got);
	}
	free(piece);
	return code;
}

enum status backup_copy_file(struct backup *backup, uint64_t first_seq)
{
	struct names names;
	struct env *held = NULL;
	enum status status = make_names(backup, first_seq, &names);
	if (status != STATUS_OK)
		return fail(backup, first_seq, status);
	/* While it is open here, the daemon does not prune it.  A damaged one cannot be opened, and is copied all the same. */
	status = env_open(&held, names.source, ENV_READ_NOLOCK, 0, NULL);
	int from = status == STATUS_NOT_FOUND ? -1 : open(names.source, O_RDONLY | O_CLOEXEC);
	if (from < 0) {
		env_close(&held);
		return status == STATUS_NOT_FOUND || errno == ENOENT ? STATUS_NOT_FOUND
								     : fail(backup, first_seq, files_status(errno));
	}
	int to = open(names.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int code = to < 0 ? errno : copy_bytes(backup, from, to);
	if (code == 0 && fsync(to) != 0)
		code = errno;
	if (to >= 0 && close(to) != 0 && code == 0)
		code = errno;
	(void)close(from);
	env_close(&held);
	status = code == 0 ? put_in_place(backup, &names) : files_status(code);
	if (status == STATUS_OK)
		return STATUS_OK;
	(void)unlink(names.temporary);
	return fail(backup, first_seq, status == STATUS_NOT_FOUND ? STATUS_IO : status);
}

/* --- a live one --- */

struct position {
	uint8_t key[KEY_BYTES_MAX]; /* go on at or behind it */
	size_t len;
};

struct walk {
	struct backup *backup;
	struct env *from, *to;
	struct env_txn *read, *write;
	struct position at[ENV_DB_COUNT];
	bool done[ENV_DB_COUNT]; /* up to the snapshot in hand */
	uint64_t step;           /* bytes since the last commit */
};

static void step_behind(struct position *position, struct text key)
{
	memcpy(position->key, key.at, key.len);
	position->key[key.len] = 0; /* the least key behind this one */
	position->len = key.len + 1;
}

/* Blocks, summaries and tail chunks ascend; the keys of payloads and of meta do not. */
static void put_value(struct walk *walk, enum env_db db, struct text key, struct text value)
{
	struct text present;
	bool ascends = db == ENV_BLOCK || db == ENV_SUMMARY || db == ENV_TAIL;
	if (db == ENV_PAYLOAD && env_get(walk->write, db, key, &present) == STATUS_OK)
		return;
	uint8_t *at =
		ascends ? env_append(walk->write, db, key, value.len) : env_reserve(walk->write, db, key, value.len);
	if (at && value.len > 0)
		memcpy(at, value.at, value.len);
	walk->step += value.len;
}

/* Copies what is behind the position, up to bytes_max. */
static enum status copy_values(struct walk *walk, enum env_db db, uint64_t bytes_max)
{
	struct position *position = &walk->at[db];
	struct text key;
	struct text value;
	while (walk->step < bytes_max) {
		struct text from = {(const char *)position->key, position->len};
		enum status status = position->len == 0 ? env_get_at_or_after(walk->read, db, TEXT("\0"), &key, &value)
							: env_get_at_or_after(walk->read, db, from, &key, &value);
		if (status == STATUS_NOT_FOUND) {
			walk->done[db] = true;
			return STATUS_OK;
		}
		if (status == STATUS_OK && key.len >= KEY_BYTES_MAX)
			status = STATUS_DAMAGED;
		if (status != STATUS_OK)
			return status;
		put_value(walk, db, key, value);
		step_behind(position, key);
	}
	return env_txn_status(walk->write);
}

static enum status commit_step(struct walk *walk)
{
	enum status status = env_commit(&walk->write);
	tell_progress(walk->backup, walk->step);
	walk->step = 0;
	return status == STATUS_OK ? env_begin(walk->to, true, &walk->write) : status;
}

/* All that a snapshot has behind the positions; a new snapshot for each step.  *copied: bytes. */
static enum status copy_round(struct walk *walk, bool payloads, uint64_t *copied)
{
	static const enum env_db dbs[] = {ENV_BLOCK, ENV_SUMMARY, ENV_PAYLOAD};
	enum status status = STATUS_OK;
	uint64_t before = walk->backup->result->bytes;
	for (size_t i = 0; i < sizeof(dbs) / sizeof(dbs[0]); i++) {
		walk->done[dbs[i]] = dbs[i] == ENV_PAYLOAD && !payloads;
		while (status == STATUS_OK && !walk->done[dbs[i]]) {
			status = copy_values(walk, dbs[i], STEP_BYTES);
			env_park(walk->read);
			if (status == STATUS_OK)
				status = commit_step(walk);
			if (status == STATUS_OK)
				status = env_renew(walk->read);
		}
	}
	*copied = walk->backup->result->bytes - before;
	return status;
}

/* All of one commit: what is left, the tail, and what meta says. */
static enum status copy_rest(struct walk *walk, bool newer)
{
	static const enum env_db dbs[] = {ENV_BLOCK, ENV_SUMMARY, ENV_PAYLOAD, ENV_TAIL, ENV_META};
	struct segment_head head;
	enum status status = env_renew(walk->read);
	walk->at[ENV_PAYLOAD].len = 0; /* new ones stand anywhere between those we have */
	for (size_t i = 0; status == STATUS_OK && i < sizeof(dbs) / sizeof(dbs[0]); i++)
		status = copy_values(walk, dbs[i], UINT64_MAX);
	if (status == STATUS_OK)
		status = segment_read_head(walk->read, &head);
	if (status == STATUS_OK) {
		head.sealed |= newer; /* the daemon is about to say so */
		segment_put_head(walk->write, &head);
	}
	if (status == STATUS_OK)
		status = env_commit(&walk->write);
	tell_progress(walk->backup, walk->step);
	return status == STATUS_OK ? env_sync_file(walk->to) : status;
}

static enum status copy_all(struct walk *walk, uint64_t first_seq, bool *newer)
{
	uint64_t copied = UINT64_MAX;
	enum status status = env_begin(walk->from, false, &walk->read);
	if (status == STATUS_OK)
		status = env_begin(walk->to, true, &walk->write);
	for (unsigned round = 0; status == STATUS_OK && copied > REST_BYTES_MAX && round < ROUNDS_MAX; round++)
		status = copy_round(walk, round == 0, &copied);
	/* Asked before the snapshot: when there is a newer one already, nothing more comes into this one. */
	if (status == STATUS_OK)
		status = backup_has_newer(walk->backup->from, first_seq, newer);
	if (status == STATUS_OK)
		status = copy_rest(walk, *newer);
	env_abort(&walk->write);
	env_abort(&walk->read);
	return status;
}

static bool lock_file_exists(const char *path)
{
	char lock[PATH_MAX + 8];
	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	return access(lock, F_OK) == 0;
}

/* Without a slot in the lock file the writer does not know of us, so nobody may write meanwhile. */
static enum status open_source(struct backup *backup, const char *path, struct env **from, bool *unlocked)
{
	*unlocked = !lock_file_exists(path);
	enum status status = *unlocked ? STATUS_DENIED : env_open(from, path, ENV_READ, 0, backup->error);
	if (status == STATUS_DENIED) {
		*unlocked = true;
		status = env_open(from, path, ENV_READ_NOLOCK, 0, backup->error);
	}
	return status;
}

static enum status walk_between(struct walk *walk, const struct names *names, uint64_t first_seq, bool *newer)
{
	struct backup *backup = walk->backup;
	bool unlocked = false;
	enum status status = open_source(backup, names->source, &walk->from, &unlocked);
	uint64_t txnid = status == STATUS_OK ? env_last_txnid(walk->from) : 0;
	if (status == STATUS_OK)
		status = env_open(&walk->to, names->temporary, ENV_CREATE, MAP_BYTES, backup->error);
	if (status == STATUS_OK)
		status = copy_all(walk, first_seq, newer);
	if (unlocked && walk->from && env_last_txnid(walk->from) != txnid)
		status = error_set(backup->error, STATUS_BUSY,
			"%s is being written, and its lock file cannot be used: run the backup as the store's owner",
			names->source);
	env_close(&walk->from);
	env_close(&walk->to);
	return status;
}

enum status backup_walk_segment(struct backup *backup, uint64_t first_seq, bool *newer)
{
	struct names names;
	struct walk *walk = calloc(1, sizeof(*walk));
	enum status status = walk ? make_names(backup, first_seq, &names) : STATUS_NO_MEMORY;
	if (status == STATUS_OK) {
		walk->backup = backup;
		status = walk_between(walk, &names, first_seq, newer);
		if (status == STATUS_OK)
			status = put_in_place(backup, &names);
		if (status != STATUS_OK)
			(void)unlink(names.temporary);
	}
	free(walk);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		return status;
	return fail(backup, first_seq, status);
}

/* --- what a segment holds --- */

static enum status open_segment(const char *dir, uint64_t first_seq, struct env **env, struct env_txn **txn)
{
	char name[SEGMENT_NAME_BYTES];
	char path[PATH_MAX];
	segment_name(first_seq, name);
	enum status status = files_path(dir, name, path);
	if (status == STATUS_OK)
		status = env_open(env, path, ENV_READ_NOLOCK, 0, NULL);
	if (status == STATUS_OK)
		status = env_begin(*env, false, txn);
	if (status != STATUS_OK)
		env_close(env);
	return status;
}

enum status backup_read_head(const char *dir, uint64_t first_seq, struct segment_head *head)
{
	struct env *env = NULL;
	struct env_txn *txn = NULL;
	enum status status = open_segment(dir, first_seq, &env, &txn);
	if (status == STATUS_OK)
		status = segment_read_head(txn, head);
	env_abort(&txn);
	env_close(&env);
	return status;
}

/* Units from first up to end, each with its checksum; what is missing between them is damage. */
static enum status check_units(struct env_txn *txn, enum env_db db, uint64_t first, uint64_t end, struct arena *arena,
	struct segment_check *check)
{
	const struct segment_reading reading = {.arena = arena, .check = true};
	while (first < end) {
		struct segment_unit unit;
		struct segment_value value;
		enum status status = segment_find_unit(txn, db, first, false, &unit);
		bool salvaged = check->head.salvaged;
		if (status == STATUS_NOT_FOUND || (status == STATUS_OK && unit.first_seq >= end))
			unit = (struct segment_unit){.first_seq = end};
		else if (status != STATUS_OK)
			return status;
		check->damaged += unit.first_seq != first && !salvaged;
		if (unit.first_seq >= end)
			return STATUS_OK;
		arena_clear(arena);
		status = segment_get_unit(txn, db, unit, reading, &value);
		if (status == STATUS_OK && db == ENV_BLOCK)
			status = segment_get_unit(txn, ENV_SUMMARY, unit, reading, &value);
		if (status == STATUS_NOT_FOUND || status == STATUS_DAMAGED)
			check->damaged++;
		else if (status != STATUS_OK)
			return status;
		*(db == ENV_BLOCK ? &check->blocks : &check->tail_chunks) += 1;
		first = unit.first_seq + unit.count;
	}
	return STATUS_OK;
}

static enum status check_payloads(struct env_txn *txn, struct arena *arena, struct segment_check *check)
{
	const struct segment_reading reading = {.arena = arena, .check = true};
	struct position position = {.len = 1};
	struct text key;
	struct text value;
	for (;;) {
		struct text from = {(const char *)position.key, position.len};
		enum status status = env_get_at_or_after(txn, ENV_PAYLOAD, from, &key, &value);
		if (status == STATUS_NOT_FOUND)
			return STATUS_OK;
		if (status != STATUS_OK || key.len >= KEY_BYTES_MAX || key.len < DIGEST_BYTES)
			return status == STATUS_OK ? STATUS_DAMAGED : status;
		arena_clear(arena);
		step_behind(&position, key);
		if (memcmp(key.at + DIGEST_BYTES, "\0\0", key.len - DIGEST_BYTES < 2 ? 0 : 2) != 0)
			continue; /* a further part of the one before */
		status = segment_get_payload(txn, (const uint8_t *)key.at, reading, &value);
		if (status == STATUS_DAMAGED)
			check->damaged++;
		else if (status != STATUS_OK)
			return status;
		check->payloads++;
	}
}

enum status backup_check_segment(const char *dir, uint64_t first_seq, struct segment_check *check)
{
	struct env *env = NULL;
	struct env_txn *txn = NULL;
	struct arena arena;
	struct segment_check found = {.blocks = 0};
	enum status status = open_segment(dir, first_seq, &env, &txn);
	arena_init(&arena, JOINED_BYTES_MAX);
	if (status == STATUS_OK)
		status = segment_read_head(txn, &found.head);
	const struct segment_head *head = &found.head;
	if (status == STATUS_OK)
		status = check_units(txn, ENV_BLOCK, head->first_seq, head->tail_first_seq, &arena, &found);
	if (status == STATUS_OK)
		status = check_units(txn, ENV_TAIL, head->tail_first_seq, head->next_seq, &arena, &found);
	if (status == STATUS_OK)
		status = check_payloads(txn, &arena, &found);
	if (status == STATUS_OK)
		found.damaged += found.blocks != head->blocks || found.tail_chunks != head->tail_chunks ||
				 found.payloads != head->payloads || head->first_seq != first_seq;
	arena_finish(&arena);
	env_abort(&txn);
	env_close(&env);
	if (status == STATUS_OK)
		*check = found;
	return status;
}
