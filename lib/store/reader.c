/*
 * The reading side: which segments there are, and in which way each is opened.
 *
 *   not the newest            nobody writes it any more: read-only, without lock file
 *   newest, lock file usable  registers in the lock file: the writer keeps the pages we see
 *   newest, otherwise         (a copy, or a directory we may not write) no lock file.  The writer keeps the pages of the
 *                             last commit and of the one before, so each unit is read with a fresh transaction, copied,
 *                             and read again if more than one commit came meanwhile (walk.c)
 *
 * Order matters in a renew: the directory is listed before any transaction begins.  A segment that has a younger one
 * in the list is complete then, so what a reader shows is always all there was up to its next_seq.
 * The directory is listed again when its time of change differs; that time is coarse, so it is only trusted if it was
 * DIRECTORY_SETTLED_NS old when the directory was listed.
 * At most READER_OPEN_MAX segments stay open over a renew; within one, what was given out must stay valid.
 */
#include "reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "identity.h"
#include "timestamp.h"
#include "writer.h"

#define DIRECTORY_SETTLED_NS (2 * NS_PER_S)
/* A half-done roll-over may still put its mark into a segment that is not the newest. */
#define MAP_BYTES_SLACK  (UINT64_C(16) << 20)
#define JOINED_BYTES_MAX (UINT64_C(1) << 30)

static void drop_pages(struct store_reader *reader)
{
	for (unsigned i = 0; i < reader->mapped_count; i++)
		env_drop_pages(reader->mapped[i]);
	reader->mapped_count = 0;
}

void reader_note_mapped(struct store_reader *reader, struct text bytes)
{
	if (reader->mapped_count == READER_MAPPED_MAX)
		drop_pages(reader);
	reader->mapped[reader->mapped_count++] = bytes;
}

void reader_close_segment(struct store_reader *reader, struct reader_segment *segment)
{
	if (segment->env == NULL)
		return;
	env_abort(&segment->txn);
	env_close(&segment->env);
	reader->open_count--;
}

/* Closes what was used longest ago, but nothing of this period. */
static void close_oldest(struct store_reader *reader)
{
	struct reader_segment *oldest = NULL;
	for (size_t i = 0; i < reader->live.count; i++) {
		struct reader_segment *segment = reader->live.items[i];
		if (segment->env && segment->period < reader->period && (!oldest || segment->period < oldest->period))
			oldest = segment;
	}
	if (oldest)
		reader_close_segment(reader, oldest);
}

static bool lock_file_exists(const char *path)
{
	char lock[PATH_MAX + 8];
	(void)snprintf(lock, sizeof(lock), "%s-lock", path);
	return access(lock, F_OK) == 0;
}

static enum status open_env(
	struct store_reader *reader, struct reader_segment *segment, bool newest, struct error *error)
{
	char path[PATH_MAX];
	struct stat stat_now;
	enum status status = files_path(reader->dir, segment->name, path);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: the path is too long", reader->dir);
	segment->unlocked = false;
	if (!newest) {
		uint64_t bytes = stat(path, &stat_now) == 0 ? (uint64_t)stat_now.st_size : 0;
		return env_open(&segment->env, path, ENV_READ_NOLOCK, bytes + MAP_BYTES_SLACK, error);
	}
	if (reader->store || (!reader->lock_denied && lock_file_exists(path))) {
		status = env_open(&segment->env, path, ENV_READ, 0, error);
		if (status != STATUS_DENIED || reader->store)
			return status;
		reader->lock_denied = true;
	}
	segment->unlocked = true;
	return env_open(&segment->env, path, ENV_READ_NOLOCK, 0, error);
}

static enum status read_head(struct reader_segment *segment)
{
	enum status status = segment_read_head(segment->txn, &segment->head);
	if (status == STATUS_OK && segment->head.first_seq != segment->first_seq)
		status = STATUS_DAMAGED;
	segment->head_known = status == STATUS_OK;
	return status;
}

/* What was given since the last renew may lie in its map, so that it stays open; renew closes what has failed. */
static enum status unpark(struct store_reader *reader, struct reader_segment *segment, struct error *error)
{
	enum status status = env_renew(segment->txn);
	if (status == STATUS_OK)
		status = read_head(segment);
	return status == STATUS_OK
		       ? status
		       : error_set(error, status, "%s/%s: %s", reader->dir, segment->name, status_text(status));
}

enum status reader_open_segment(
	struct store_reader *reader, struct reader_segment *segment, bool newest, struct error *error)
{
	segment->period = reader->period;
	if (segment->env && !env_is_parked(segment->txn))
		return STATUS_OK;
	if (segment->env)
		return unpark(reader, segment, error);
	if (reader->open_count >= READER_OPEN_MAX)
		close_oldest(reader);
	enum status status = open_env(reader, segment, newest, error);
	if (status != STATUS_OK)
		return status;
	if (newest && !reader->store && env_is_writable(segment->env)) {
		env_close(&segment->env);
		return error_set(error, STATUS_CONFLICT, "%s: this process has the store open", reader->dir);
	}
	status = env_begin(segment->env, false, &segment->txn);
	if (status == STATUS_OK)
		status = read_head(segment);
	if (status != STATUS_OK) {
		env_abort(&segment->txn);
		env_close(&segment->env);
		return error_set(error, status, "%s/%s: %s", reader->dir, segment->name, status_text(status));
	}
	segment->settled = !newest && segment->head.sealed;
	reader->open_count++;
	return STATUS_OK;
}

/* --- the list of segments --- */

static enum status list_append(struct reader_list *list, struct reader_segment *segment)
{
	struct reader_segment **grown = realloc(list->items, (list->count + 1) * sizeof(struct reader_segment *));
	if (grown == NULL)
		return STATUS_NO_MEMORY;
	list->items = grown;
	list->items[list->count++] = segment;
	return STATUS_OK;
}

static struct reader_segment *new_segment(uint64_t first_seq)
{
	struct reader_segment *segment = calloc(1, sizeof(*segment));
	if (segment) {
		segment->first_seq = first_seq;
		segment_name(first_seq, segment->name);
	}
	return segment;
}

static struct reader_segment *find_segment(const struct reader_list *list, uint64_t first_seq)
{
	for (size_t i = list->count; i-- > 0;) {
		if (list->items[i]->first_seq == first_seq)
			return list->items[i];
	}
	return NULL;
}

/* Takes over a listing: new segments get an entry, those no longer there are put to the gone. */
static enum status merge(struct store_reader *reader, const uint64_t *seqs, size_t count)
{
	struct reader_list fresh = {NULL, 0};
	enum status status = STATUS_OK;
	for (size_t i = 0; status == STATUS_OK && i < count; i++) {
		struct reader_segment *segment = find_segment(&reader->live, seqs[i]);
		bool known = segment != NULL;
		if (!known)
			segment = new_segment(seqs[i]);
		status = segment ? list_append(&fresh, segment) : STATUS_NO_MEMORY;
		if (status != STATUS_OK && !known)
			free(segment);
	}
	for (size_t i = 0; status == STATUS_OK && i < reader->live.count; i++) {
		struct reader_segment *segment = reader->live.items[i];
		if (find_segment(&fresh, segment->first_seq))
			continue;
		status = list_append(&reader->gone, segment);
		if (status == STATUS_OK)
			reader_close_segment(reader, segment);
	}
	if (status != STATUS_OK) {
		for (size_t i = 0; i < fresh.count; i++) {
			if (!find_segment(&reader->live, fresh.items[i]->first_seq))
				free(fresh.items[i]);
		}
		free(fresh.items);
		return status;
	}
	free(reader->live.items);
	reader->live = fresh;
	return STATUS_OK;
}

static enum status list_directory(struct store_reader *reader, struct error *error)
{
	struct stat stat_now;
	struct timespec now;
	uint64_t *seqs = NULL;
	size_t count = 0;
	if (stat(reader->dir, &stat_now) != 0)
		return error_set(error, files_status(errno), "%s: %s", reader->dir, status_text(files_status(errno)));
	if (reader->dir_settled && stat_now.st_mtim.tv_sec == reader->dir_changed.tv_sec &&
		stat_now.st_mtim.tv_nsec == reader->dir_changed.tv_nsec)
		return STATUS_OK;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	enum status status = files_list_segments(reader->dir, &seqs, &count);
	if (status == STATUS_OK)
		status = merge(reader, seqs, count);
	free(seqs);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", reader->dir, status_text(status));
	reader->dir_changed = stat_now.st_mtim;
	reader->dir_settled =
		(now.tv_sec - stat_now.st_mtim.tv_sec) * NS_PER_S + now.tv_nsec - stat_now.st_mtim.tv_nsec >
		DIRECTORY_SETTLED_NS;
	return STATUS_OK;
}

/* --- renew --- */

/* A segment without a first commit is not there yet: the one before it is still the newest. */
static enum status open_newest(struct store_reader *reader, struct error *error)
{
	enum status status = STATUS_NOT_FOUND;
	for (size_t i = reader->live.count; i-- > 0 && status == STATUS_NOT_FOUND;) {
		struct reader_segment *segment = reader->live.items[i];
		status = reader_open_segment(reader, segment, i + 1 == reader->live.count, error);
		if (status == STATUS_OK)
			reader->next_seq = segment->head.next_seq;
		/* A damaged newest one is met, and told, by the walk. */
		if (status == STATUS_DAMAGED)
			reader->next_seq = segment->first_seq;
	}
	if (status == STATUS_NOT_FOUND)
		return error_set(error, status, "%s: there is no store", reader->dir);
	return status == STATUS_DAMAGED && reader->live.count > 1 ? STATUS_OK : status;
}

/* Moves the transactions of segments that may have changed to their newest commit. */
static enum status renew_open(struct store_reader *reader, struct error *error)
{
	for (size_t i = 0; i < reader->live.count; i++) {
		struct reader_segment *segment = reader->live.items[i];
		char path[PATH_MAX];
		if (segment->env == NULL || segment->settled)
			continue;
		bool newest = i + 1 == reader->live.count;
		bool lockable = segment->unlocked && !reader->lock_denied &&
				files_path(reader->dir, segment->name, path) == STATUS_OK && lock_file_exists(path);
		if (env_has_failed(segment->env) || (newest && lockable)) {
			reader_close_segment(reader, segment);
			continue;
		}
		enum status status = env_renew(segment->txn);
		if (status == STATUS_OK)
			status = read_head(segment);
		if (status != STATUS_OK) {
			reader_close_segment(reader, segment);
			if (status == STATUS_BUSY || status == STATUS_IO)
				continue; /* the map has grown, or the env has failed: it is opened anew below */
			return error_set(error, status, "%s/%s: %s", reader->dir, segment->name, status_text(status));
		}
		segment->settled = segment->head.sealed && !newest;
		if (newest)
			segment->period = reader->period;
	}
	return STATUS_OK;
}

static enum status renew(struct store_reader *reader, struct error *error)
{
	reader->period++;
	drop_pages(reader);
	arena_clear(&reader->joined);
	enum status status = list_directory(reader, error);
	if (status == STATUS_OK)
		status = renew_open(reader, error);
	if (status == STATUS_OK)
		status = open_newest(reader, error);
	return status;
}

enum status store_reader_renew(struct store_reader *reader, struct error *error)
{
	struct store *store = reader->store;
	if (store == NULL)
		return renew(reader, error);
	/* The writer must not swap its active segment between our listing and our opening it. */
	pthread_mutex_lock(&store->attach_lock);
	enum status status = STATUS_OK;
	if (store->env == NULL || env_has_failed(store->env)) {
		drop_pages(reader); /* while they are still in the map */
		for (size_t i = 0; i < reader->live.count; i++) {
			struct reader_segment *segment = reader->live.items[i];
			if (segment->env && env_has_failed(segment->env))
				reader_close_segment(reader, segment);
		}
		status = error_set(error, STATUS_BUSY, "%s: is being opened anew after a failure", reader->dir);
	} else {
		status = renew(reader, error);
	}
	pthread_mutex_unlock(&store->attach_lock);
	return status;
}

void store_reader_park(struct store_reader *reader)
{
	for (size_t i = 0; i < reader->live.count; i++) {
		struct reader_segment *segment = reader->live.items[i];
		if (segment->env && !segment->settled && !segment->unlocked)
			env_park(segment->txn);
	}
}

/* --- open, close --- */

static enum status find_identity(struct store_reader *reader, struct error *error)
{
	char id[SEGMENT_ID_BYTES + 1];
	enum status status = identity_load(reader->dir, id, error);
	if (status == STATUS_UNSUPPORTED)
		return status;
	status = store_reader_renew(reader, error);
	if (status != STATUS_OK)
		return status;
	for (size_t i = reader->live.count; i-- > 0;) {
		struct reader_segment *segment = reader->live.items[i];
		status = reader_open_segment(reader, segment, i + 1 == reader->live.count, error);
		if (status == STATUS_OK)
			status = segment_read_identity(segment->txn, &reader->identity);
		if (status == STATUS_OK)
			return STATUS_OK;
	}
	return error_set(error, status, "%s: no segment can be read, the oldest is %s: %s", reader->dir,
		reader->live.count ? reader->live.items[0]->name : "not there", status_text(status));
}

static enum status open_reader(struct store_reader **out, const char *dir, struct store *store, struct error *error)
{
	struct store_reader *reader = calloc(1, sizeof(*reader));
	char *dir_copy = strdup(dir);
	if (reader == NULL || dir_copy == NULL) {
		free(reader);
		free(dir_copy);
		return error_set(error, STATUS_NO_MEMORY, "%s: out of memory", dir);
	}
	reader->dir = dir_copy;
	reader->store = store;
	arena_init(&reader->joined, JOINED_BYTES_MAX);
	buf_init(&reader->peeked, JOINED_BYTES_MAX);
	enum status status = find_identity(reader, error);
	if (status != STATUS_OK) {
		store_reader_close(&reader);
		return status;
	}
	*out = reader;
	return STATUS_OK;
}

enum status store_reader_open(struct store_reader **reader, const char *dir, struct error *error)
{
	return open_reader(reader, dir, NULL, error);
}

enum status store_reader_attach(struct store_reader **reader, struct store *store, struct error *error)
{
	return open_reader(reader, store->dir, store, error);
}

static void free_list(struct store_reader *reader, struct reader_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		reader_close_segment(reader, list->items[i]);
		free(list->items[i]);
	}
	free(list->items);
}

void store_reader_close(struct store_reader **reader_in_out)
{
	struct store_reader *reader = *reader_in_out;
	if (reader == NULL)
		return;
	drop_pages(reader);
	free_list(reader, &reader->live);
	free_list(reader, &reader->gone);
	arena_finish(&reader->joined);
	buf_finish(&reader->peeked);
	free(reader->dir);
	free(reader);
	*reader_in_out = NULL;
}

const char *store_reader_id(const struct store_reader *reader)
{
	return reader->identity.id;
}

uint64_t store_reader_next_seq(const struct store_reader *reader)
{
	return reader->next_seq;
}

uint64_t store_reader_first_seq(const struct store_reader *reader)
{
	return reader->live.count ? reader->live.items[0]->first_seq : reader->next_seq;
}

/* The mark comes after the next segment: when we see it, a whole store has the next one in its directory. */
bool store_reader_ends_early(const struct store_reader *reader)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	if (reader->live.count == 0)
		return false;
	const struct reader_segment *newest = reader->live.items[reader->live.count - 1];
	if (!newest->head_known || !newest->head.sealed || files_list_segments(reader->dir, &seqs, &count) != STATUS_OK)
		return false;
	bool last = count == 0 || seqs[count - 1] <= newest->first_seq;
	free(seqs);
	return last;
}

bool store_reader_is_unfinished(const struct store_reader *reader)
{
	char path[PATH_MAX];
	return files_path(reader->dir, STORE_BACKUP_INCOMPLETE, path) == STATUS_OK && access(path, F_OK) == 0;
}
