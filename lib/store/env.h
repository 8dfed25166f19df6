/*
 * env - one LMDB file of a store: opened once per process, shared by all who read it.
 *
 * lmdb_env.c is the only file of the project that includes lmdb.h.  Envs are counted: opening a file that the process
 * has open already (same device and inode) gives the same env, because LMDB must not have a file open twice.  Each env
 * holds a shared flock on its data file, so that store_prune can see that somebody reads it.
 *
 * A transaction carries its first failure: after it calls do nothing, and the last one returns it.
 * Threads: open and close may be called from any thread; a transaction belongs to one thread at a time.
 */
#ifndef MCPLEDGER_STORE_ENV_H
#define MCPLEDGER_STORE_ENV_H

#include <stdbool.h>

#include "buf.h"

enum env_db { ENV_META, ENV_TAIL, ENV_BLOCK, ENV_SUMMARY, ENV_PAYLOAD, ENV_DB_COUNT };
const char *env_db_name(enum env_db db);

enum env_mode {
	ENV_CREATE,      /* a new file, written by us alone: no lock file */
	ENV_WRITE,       /* an existing file; readers register in its lock file */
	ENV_READ,        /* a live file: registers in the lock file, which must be writable */
	ENV_READ_NOLOCK, /* a file nobody writes, or whose lock file cannot be written */
};

struct env;
struct env_txn;

/*
 * map_bytes: address space to set aside; 0: as the file says.
 * STATUS_NOT_FOUND (or being pruned), _DENIED, _DAMAGED, _UNSUPPORTED, _CONFLICT: open in this process in another way,
 * _BUSY: failed, and not yet let go by all, _NO_MEMORY, _NO_SPACE, _IO.
 */
enum status env_open(
	struct env **env, const char *path, enum env_mode mode, uint64_t map_bytes, struct error *error) MUST_CHECK;
void env_close(struct env **env);
/* Nobody gets this env any more; when all have closed it, the file may be opened anew. */
void env_mark_failed(struct env *env);
bool env_has_failed(const struct env *env);
bool env_is_writable(const struct env *env); /* opened with ENV_WRITE or ENV_CREATE */
/*
 * To be called by a new writer before it reads anything.  One that was killed may have written its last meta page and not
 * yet told so in the lock file, which lives on while somebody reads.  LMDB makes up for that only when the next writer
 * takes the lock; until then a read transaction sees the commit before.
 */
enum status env_follow_dead_writer(struct env *env) MUST_CHECK;
void env_check_readers(struct env *env);  /* frees the slots of readers that died */
uint64_t env_file_bytes(struct env *env); /* pages in use or free, as of the last commit */
uint64_t env_last_txnid(struct env *env);
enum status env_sync_file(struct env *env) MUST_CHECK; /* fsync: the inode too */

/*
 * Keeps the writer of a live file from using the pages of its newest commit anew, and does nothing else with the file: for
 * who reads it without LMDB.  The file must not be open in this process.  *txnid: of that commit.
 * STATUS_DENIED: its lock file cannot be used; _DAMAGED: neither meta page is whole.
 */
struct env_hold;
enum status env_hold(struct env_hold **hold, const char *path, uint64_t *txnid) MUST_CHECK;
void env_let_go(struct env_hold **hold);

/* txn = NULL on failure. STATUS_IO: the env has failed and must be opened anew. */
enum status env_begin(struct env *env, bool write, struct env_txn **txn) MUST_CHECK;
void env_abort(struct env_txn **txn);
enum status env_commit(struct env_txn **txn) MUST_CHECK;
/* A read transaction moves to the newest commit. On failure it is parked: only renew or abort may follow. */
enum status env_renew(struct env_txn *txn) MUST_CHECK;
/* Lets its snapshot go, so that the writer may use its pages anew.  Values it gave are not there any more. */
void env_park(struct env_txn *txn);
bool env_is_parked(const struct env_txn *txn);
enum status env_txn_status(const struct env_txn *txn) MUST_CHECK;
void env_txn_fail(struct env_txn *txn, enum status status);
uint64_t env_txn_id(const struct env_txn *txn);
bool env_txn_writes(const struct env_txn *txn);

void env_put(struct env_txn *txn, enum env_db db, struct text key, struct text value);
/* Room for a value behind all other keys of db, to be filled before the next call; NULL after a failure. */
uint8_t *env_append(struct env_txn *txn, enum env_db db, struct text key, size_t size);
/* The same for a key at any place. */
uint8_t *env_reserve(struct env_txn *txn, enum env_db db, struct text key, size_t size);
void env_delete(struct env_txn *txn, enum env_db db, struct text key);
/* Values live until the transaction's next write or its end. STATUS_NOT_FOUND is no failure of the transaction. */
enum status env_get(struct env_txn *txn, enum env_db db, struct text key, struct text *value) MUST_CHECK;
/* The first entry with a key >= `key`. */
enum status env_get_at_or_after(
	struct env_txn *txn, enum env_db db, struct text key, struct text *found, struct text *value) MUST_CHECK;
/* The last entry with a key < `key`. */
enum status env_get_before(
	struct env_txn *txn, enum env_db db, struct text key, struct text *found, struct text *value) MUST_CHECK;
/*
 * Reads a value that a read transaction gave from the file, not through the map: cheaper for what is looked at once here
 * and there, because no pages have to be mapped for it.  to: value.len bytes.  On failure the map may still have it; and
 * what was read is the value only if it says so itself, because a damaged page may lead to the wrong place.
 */
enum status env_read_value(struct env_txn *txn, struct text value, char *to) MUST_CHECK;
/*
 * Lets go of the pages of a value that a read transaction gave; it is still readable: what is asked for again comes back
 * from the file.  Never of a value of a write transaction, which may lie in memory of its own.
 */
void env_drop_pages(struct text bytes);

#endif
