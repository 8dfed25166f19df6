/*
 * The writing side: open, transactions, what is left after a failed one.
 *
 * The head (counters, next seq) is kept in memory as committed, and once more in the transaction as it will be; it is
 * written by every commit, so it tells at any time whether a commit is on disk.  After a failed commit LMDB's pages are
 * those of the commit before; the head is read back and compared before anything else is written (check_after_failure).
 */
#include "writer.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "timestamp.h"

#define MAP_BYTES_DEFAULT (UINT64_C(64) << 30)
#define FREE_BYTES_SLACK  (UINT64_C(1) << 20)

enum { STATE_BYTES_MAX = 1024 * 1024 };

static const char ballast_name[] = "ballast";

/* --- open, close --- */

static enum status load_identity(struct store *store, struct error *error)
{
	char id[SEGMENT_ID_BYTES + 1];
	uint64_t *seqs = NULL;
	size_t count = 0;
	enum status status = identity_load(store->dir, id, error);
	if (status == STATUS_OK) {
		/* The keys of the filters come with the segments; a new one is used if there is no segment yet. */
		status = identity_make(&store->identity, error);
		memcpy(store->identity.id, id, sizeof(id));
		return status;
	}
	if (status != STATUS_NOT_FOUND)
		return status;
	status = files_list_segments(store->dir, &seqs, &count);
	free(seqs);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", store->dir, status_text(status));
	if (count > 0)
		return STATUS_OK; /* a copy without store.json: roll_open_active finds the id */
	status = identity_make(&store->identity, error);
	return status == STATUS_OK ? identity_save(store->dir, &store->identity, error) : status;
}

static enum status open_parts(struct store *store, struct error *error)
{
	enum status status = files_make_directory(store->dir, error);
	if (status == STATUS_OK)
		status = files_lock(store->dir, &store->lock_fd, error);
	if (status == STATUS_OK)
		status = load_identity(store, error);
	bool known = store->identity.id[0] != 0;
	if (status == STATUS_OK)
		status = identity_load_keys(store->dir, &store->keys, error);
	if (status == STATUS_OK)
		status = roll_open_active(store, error);
	if (status == STATUS_OK && !known)
		status = identity_save(store->dir, &store->identity, error);
	if (status != STATUS_OK)
		return status;
	status = files_sync_directory(store->dir);
	return status == STATUS_OK ? status : error_set(error, status, "%s: %s", store->dir, status_text(status));
}

enum status store_open(struct store **out, const char *dir, const struct store_options *options, struct error *error)
{
	struct store *store = calloc(1, sizeof(*store));
	char *dir_copy = strdup(dir);
	if (store == NULL || dir_copy == NULL) {
		free(store);
		free(dir_copy);
		return error_set(error, STATUS_NO_MEMORY, "%s: out of memory", dir);
	}
	store->dir = dir_copy;
	store->options = *options;
	if (store->options.map_bytes == 0)
		store->options.map_bytes = MAP_BYTES_DEFAULT;
	store->lock_fd = -1;
	pthread_mutex_init(&store->attach_lock, NULL);
	enum status status = open_parts(store, error);
	if (status != STATUS_OK) {
		store_close(&store, false);
		return status;
	}
	/* A full disk must not keep the store from opening: reads go on, and the ballast is taken when there is room. */
	if (store_ballast_restore(store) != STATUS_OK)
		store_ballast_release(store);
	*out = store;
	return STATUS_OK;
}

/* One more commit of the same head: both of LMDB's meta pages then lead to everything. */
static void commit_again(struct store *store)
{
	struct store_txn *txn = NULL;
	if (store_begin(store, &txn) != STATUS_OK)
		return;
	enum status status = store_commit(&txn);
	(void)status; /* nothing new is in it */
}

void store_close(struct store **store_in_out, bool clean)
{
	struct store *store = *store_in_out;
	if (store == NULL)
		return;
	assert(store->txn.write == NULL);
	if (clean && store->env)
		commit_again(store);
	if (clean)
		store_ballast_release(store);
	env_close(&store->env);
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	pthread_mutex_destroy(&store->attach_lock);
	explicit_bzero(&store->keys, sizeof(store->keys));
	free(store->sealed);
	free(store->dir);
	free(store);
	*store_in_out = NULL;
}

const char *store_id(const struct store *store)
{
	return store->identity.id;
}

const uint8_t *store_filter_key(const struct store *store)
{
	return store->identity.filter_key;
}

const uint8_t *store_dedup_key(const struct store *store)
{
	return store->keys.dedup;
}

struct text store_digest_key(const struct store *store)
{
	return (struct text){(const char *)store->keys.digest, sizeof(store->keys.digest)};
}

const char *store_digest_key_id(const struct store *store)
{
	return store->keys.digest_id;
}

uint64_t store_first_seq(const struct store *store)
{
	return store->sealed_count ? store->sealed[0].first_seq : store->head.first_seq;
}

uint64_t store_next_seq(const struct store *store)
{
	return store->head.next_seq;
}

int64_t store_last_recv_time(const struct store *store)
{
	return store->head.last_recv_time;
}

/* --- after a failure --- */

static enum status reopen(struct store *store)
{
	if (store->env) {
		env_mark_failed(store->env);
		env_close(&store->env);
	}
	/* Readers let go of the failed env at their next renew; until then the file must not be opened again. */
	return roll_open_env(store, store->head.first_seq, NULL);
}

static enum status compare_head(struct store *store, struct env_txn *read)
{
	struct segment_head head;
	struct segment_unit last;
	enum status status = segment_read_head(read, &head);
	if (status != STATUS_OK)
		return status;
	if (head.commit != store->head.commit || head.next_seq != store->head.next_seq ||
		head.tail_first_seq != store->head.tail_first_seq)
		return STATUS_DAMAGED;
	if (head.tail_first_seq == head.next_seq)
		return STATUS_OK;
	status = segment_find_unit(read, ENV_TAIL, head.next_seq - 1, true, &last);
	if (status == STATUS_OK && last.first_seq + last.count != head.next_seq)
		status = STATUS_DAMAGED;
	return status;
}

static enum status check_after_failure(struct store *store)
{
	struct env_txn *read = NULL;
	enum status status = STATUS_OK;
	if (store->lost)
		return STATUS_DAMAGED;
	pthread_mutex_lock(&store->attach_lock);
	if (store->env)
		status = env_begin(store->env, false, &read);
	if (store->env == NULL || env_has_failed(store->env)) {
		env_abort(&read);
		status = reopen(store);
	}
	pthread_mutex_unlock(&store->attach_lock);
	if (status == STATUS_OK && read == NULL)
		status = env_follow_dead_writer(store->env);
	if (status == STATUS_OK && read == NULL)
		status = env_begin(store->env, false, &read);
	if (status != STATUS_OK)
		return STATUS_IO;
	status = compare_head(store, read);
	env_abort(&read);
	store->suspect = status != STATUS_OK;
	store->lost = status == STATUS_DAMAGED || status == STATUS_NOT_FOUND;
	return status;
}

/* LMDB 0.9.24 says EIO where a write came back short, which is what a full disk looks like. */
static enum status explain_failure(struct store *store, enum status status, uint64_t bytes)
{
	uint64_t free_bytes = 0;
	if (status == STATUS_LIMIT)
		store->full = true;
	if (status == STATUS_IO && files_free_bytes(store->dir, &free_bytes) == STATUS_OK &&
		free_bytes < bytes + FREE_BYTES_SLACK)
		return STATUS_NO_SPACE;
	return status;
}

/* --- transactions --- */

enum status store_begin(struct store *store, struct store_txn **out)
{
	struct store_txn *txn = &store->txn;
	assert(txn->write == NULL);
	if (store->suspect) {
		enum status status = check_after_failure(store);
		if (status != STATUS_OK)
			return status;
	}
	enum status status = env_begin(store->env, true, &txn->write);
	if (status != STATUS_OK) {
		store->suspect = true;
		return status;
	}
	txn->store = store;
	txn->head = store->head;
	txn->bytes = 0;
	*out = txn;
	return STATUS_OK;
}

void store_put_tail(struct store_txn *txn, uint64_t first_seq, uint32_t count, int64_t recv_time, struct text chunk)
{
	struct segment_head *head = &txn->head;
	assert(first_seq == head->next_seq && count > 0);
	segment_put_unit(txn->write, ENV_TAIL, (struct segment_unit){first_seq, count}, recv_time, chunk);
	if (head->tail_first_seq == head->next_seq)
		head->tail_oldest_recv_time = recv_time;
	if (head->next_seq == head->first_seq)
		head->oldest_recv_time = recv_time;
	if (recv_time > head->last_recv_time)
		head->last_recv_time = recv_time;
	head->next_seq += count;
	head->tail_chunks++;
	head->tail_bytes += chunk.len;
	txn->bytes += chunk.len;
}

void store_put_payload(struct store_txn *txn, const struct payload_ref *payload)
{
	if (segment_has_payload(txn->write, payload->key))
		return;
	segment_put_payload(txn->write, payload->key, payload->stored);
	txn->head.payloads++;
	txn->head.payload_bytes += payload->stored.len;
	txn->bytes += payload->stored.len;
}

/* Deletes the tail chunks of [first_seq, first_seq + count). */
static void delete_tail(struct store_txn *txn, uint64_t first_seq, uint32_t count)
{
	struct segment_head *head = &txn->head;
	uint64_t end = first_seq + count;
	while (head->tail_first_seq < end && env_txn_status(txn->write) == STATUS_OK) {
		struct segment_unit unit;
		uint64_t bytes = 0;
		enum status status = segment_find_unit(txn->write, ENV_TAIL, head->tail_first_seq, false, &unit);
		if (status != STATUS_OK || unit.first_seq != head->tail_first_seq) {
			env_txn_fail(txn->write, STATUS_DAMAGED);
			return;
		}
		assert(unit.first_seq + unit.count <= end);
		segment_delete_tail(txn->write, unit, &bytes);
		head->tail_first_seq += unit.count;
		head->tail_chunks--;
		head->tail_bytes -= bytes;
	}
}

void store_put_block(struct store_txn *txn, uint64_t first_seq, uint32_t count, struct text image, struct text summary)
{
	struct segment_head *head = &txn->head;
	struct segment_unit unit = {first_seq, count}, next;
	int64_t recv_time = 0; /* of the tail that is left */
	assert(first_seq == head->tail_first_seq && count > 0 && count <= head->next_seq - first_seq);
	segment_put_unit(txn->write, ENV_BLOCK, unit, 0, image);
	segment_put_unit(txn->write, ENV_SUMMARY, unit, 0, summary);
	delete_tail(txn, first_seq, count);
	head->blocks++;
	head->block_bytes += image.len;
	head->summary_bytes += summary.len;
	txn->bytes += image.len + summary.len;
	if (head->tail_first_seq < head->next_seq) {
		enum status status = segment_find_unit(txn->write, ENV_TAIL, head->tail_first_seq, false, &next);
		if (status == STATUS_OK)
			status = segment_tail_recv_time(txn->write, next, &recv_time);
		if (status != STATUS_OK)
			env_txn_fail(txn->write, status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status);
	}
	head->tail_oldest_recv_time = recv_time;
}

void store_put_state(struct store_txn *txn, const char *name, struct text bytes)
{
	if (bytes.len > STATE_BYTES_MAX)
		env_txn_fail(txn->write, STATUS_TOO_LARGE);
	segment_put_state(txn->write, name, bytes);
	txn->bytes += bytes.len;
}

enum status store_commit(struct store_txn **txn_in_out)
{
	struct store_txn *txn = *txn_in_out;
	struct store *store = txn->store;
	*txn_in_out = NULL;
	segment_put_head(txn->write, &txn->head);
	enum status status = env_txn_status(txn->write);
	if (status != STATUS_OK) {
		env_abort(&txn->write); /* nothing was written: the store is as before */
		return explain_failure(store, status, txn->bytes);
	}
	status = env_commit(&txn->write);
	if (status == STATUS_OK) {
		store->head = txn->head;
		store->file_bytes = env_file_bytes(store->env);
		return STATUS_OK;
	}
	store->suspect = true;
	status = explain_failure(store, status, txn->bytes);
	enum status check = check_after_failure(store); /* if it fails, store_begin tries again */
	(void)check;
	return status;
}

void store_abort(struct store_txn **txn)
{
	if (*txn == NULL)
		return;
	env_abort(&(*txn)->write);
	*txn = NULL;
}

enum status store_get_state(struct store *store, const char *name, struct buf *out)
{
	struct env_txn *read = NULL;
	struct text bytes;
	if (store->env == NULL)
		return STATUS_IO;
	enum status status = env_begin(store->env, false, &read);
	if (status != STATUS_OK)
		return status;
	status = segment_get_state(read, name, &bytes);
	if (status == STATUS_OK) {
		buf_put_text(out, bytes);
		status = buf_status(out);
	}
	env_abort(&read);
	return status;
}

/* --- the rest --- */

void store_tail_info(const struct store *store, struct store_tail_info *info)
{
	const struct segment_head *head = &store->head;
	*info = (struct store_tail_info){
		.first_seq = head->tail_first_seq,
		.events = head->next_seq - head->tail_first_seq,
		.bytes = head->tail_bytes,
		.chunks = (uint32_t)head->tail_chunks,
		.oldest_recv_time = head->tail_oldest_recv_time,
	};
}

void store_check_readers(struct store *store)
{
	if (store->env)
		env_check_readers(store->env);
}

enum status store_space(const struct store *store, uint64_t *free_bytes)
{
	return files_free_bytes(store->dir, free_bytes);
}

void store_ballast_release(struct store *store)
{
	enum status status = files_remove(store->dir, ballast_name);
	(void)status; /* then there is just less room */
}

enum status store_ballast_restore(struct store *store)
{
	if (store->options.ballast_bytes == 0)
		return files_remove(store->dir, ballast_name);
	return files_allocate(store->dir, ballast_name, store->options.ballast_bytes);
}
