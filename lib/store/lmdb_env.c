/*
 * Why these LMDB flags:
 *   no MDB_WRITEMAP   a full disk would be a SIGBUS; with pwrite it is an error code
 *   no MDB_NOSYNC     a commit that returned is on disk
 *   MDB_NOTLS         a read transaction belongs to its reader, not to the thread
 *   MDB_NOLOCK        only where nobody writes, or where the lock file cannot be written (see reader.c)
 *   MDB_NOSUBDIR      a segment is one file; the lock file is its name with "-lock" behind
 * LMDB answers MDB_PANIC for ever once a meta page could not be written; the env is then marked failed and opened anew
 * as soon as all its users have closed it.
 */
#include "env.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pages.h"

enum { ENV_READERS_MAX = 512, FILE_MODE = 0600, FILE_BYTES_MIN = 2 * 4096 };

enum check { CHECK_DUE, CHECK_PASSED, CHECK_FAILED };

struct env {
	struct env *next;
	dev_t device;
	ino_t inode;
	unsigned refs;
	bool writable;
	_Atomic bool failed;
	_Atomic enum check payloads; /* the pages of their tree */
	_Atomic uintptr_t map;       /* where the file is mapped; 0: not known yet */
	char *path;                  /* owned */
	MDB_env *lmdb;
	MDB_dbi dbi[ENV_DB_COUNT];
};

struct env_txn {
	struct env *env;
	MDB_txn *txn;
	bool write;
	bool parked; /* a read transaction without a snapshot: let go, or it could not be renewed */
	enum status status;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct env *registry; /* all open envs of the process; under registry_lock */

static const char *const db_names[ENV_DB_COUNT] = {
	[ENV_META] = "meta",
	[ENV_TAIL] = "tail",
	[ENV_BLOCK] = "block",
	[ENV_SUMMARY] = "summary",
	[ENV_PAYLOAD] = "payload",
};

const char *env_db_name(enum env_db db)
{
	return db_names[db];
}

static enum status status_of(int code)
{
	switch (code) {
	case 0:
		return STATUS_OK;
	case MDB_NOTFOUND:
	case ENOENT:
		return STATUS_NOT_FOUND;
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return STATUS_LIMIT;
	case ENOMEM:
		return STATUS_NO_MEMORY;
	case ENOSPC:
	case EDQUOT:
		return STATUS_NO_SPACE;
	case EACCES:
	case EPERM:
	case EROFS:
		return STATUS_DENIED;
	case MDB_VERSION_MISMATCH:
		return STATUS_UNSUPPORTED;
	case MDB_READERS_FULL:
	case MDB_MAP_RESIZED:
		return STATUS_BUSY;
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
	case MDB_INCOMPATIBLE:
	case MDB_BAD_DBI:
	case MDB_CURSOR_FULL:
		return STATUS_DAMAGED;
	default:
		return STATUS_IO;
	}
}

static enum status find_open(const char *path, enum env_mode mode, struct env **found, struct error *error)
{
	struct stat stat_now;
	if (stat(path, &stat_now) != 0) {
		if (errno == ENOENT && mode == ENV_CREATE)
			return STATUS_OK;
		enum status status = status_of(errno);
		return error_set(error, status, "%s: %s", path, status_text(status));
	}
	if (mode == ENV_CREATE)
		return error_set(error, STATUS_CONFLICT, "%s: exists already", path);
	if (!S_ISREG(stat_now.st_mode) || stat_now.st_size < FILE_BYTES_MIN)
		return error_set(error, STATUS_DAMAGED, "%s: too short for a segment", path);
	for (struct env *env = registry; env; env = env->next) {
		if (env->device != stat_now.st_dev || env->inode != stat_now.st_ino)
			continue;
		if (mode == ENV_WRITE)
			return error_set(error, STATUS_CONFLICT, "%s: this process has it open", path);
		if (env->failed)
			return error_set(error, STATUS_BUSY, "%s: is about to be opened anew", path);
		*found = env;
	}
	return STATUS_OK;
}

static int open_dbs(struct env *env, bool create)
{
	MDB_txn *txn = NULL;
	int code = mdb_txn_begin(env->lmdb, NULL, create ? 0 : MDB_RDONLY, &txn);
	for (unsigned db = 0; code == 0 && db < ENV_DB_COUNT; db++) {
		code = mdb_dbi_open(txn, db_names[db], create ? MDB_CREATE : 0, &env->dbi[db]);
		if (code == MDB_NOTFOUND)
			code = MDB_INVALID;
	}
	if (code == 0)
		return mdb_txn_commit(txn); /* also for reading: abort would close the handles again */
	if (txn)
		mdb_txn_abort(txn);
	return code;
}

/* The shared flock tells store_prune that the file is read; the file may have been unlinked before we got it. */
static int hold_file(struct env *env)
{
	mdb_filehandle_t fd = -1;
	struct stat stat_now;
	int code = mdb_env_get_fd(env->lmdb, &fd);
	if (code != 0)
		return code;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? ENOENT : errno;
	if (fstat(fd, &stat_now) != 0)
		return errno;
	if (stat_now.st_nlink == 0)
		return ENOENT;
	env->device = stat_now.st_dev;
	env->inode = stat_now.st_ino;
	return 0;
}

/*
 * LMDB does not write pages that were allocated and freed in one transaction, so a file may end before its last page.
 * The writer makes up for it, so that to a reader a short file is a truncated one: touching what is missing of it would
 * be a SIGBUS.
 */
static int check_length(struct env *env)
{
	mdb_filehandle_t fd = -1;
	struct stat stat_now;
	int code = mdb_env_get_fd(env->lmdb, &fd);
	if (code != 0)
		return code;
	if (fstat(fd, &stat_now) != 0)
		return errno;
	uint64_t bytes = env_file_bytes(env);
	if ((uint64_t)stat_now.st_size >= bytes)
		return 0;
	if (!env->writable)
		return MDB_CORRUPTED;
	return ftruncate(fd, (off_t)bytes) == 0 ? 0 : errno;
}

static unsigned flags_of(enum env_mode mode)
{
	switch (mode) {
	case ENV_CREATE:
		return MDB_NOSUBDIR | MDB_NOTLS | MDB_NOLOCK;
	case ENV_WRITE:
		return MDB_NOSUBDIR | MDB_NOTLS;
	case ENV_READ:
		return MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY;
	case ENV_READ_NOLOCK:
	default:
		return MDB_NOSUBDIR | MDB_NOTLS | MDB_RDONLY | MDB_NOLOCK;
	}
}

/*
 * LMDB goes wherever a damaged page says: whether it can be let loose on this file is seen before it is.  Where nothing
 * keeps the writer of a live file from using pages anew, what was seen of an older commit is not believed.
 */
static enum status check_pages(struct env *env, enum pages_scope scope)
{
	enum { TRIES_MAX = 64 };
	enum status status = STATUS_CONFLICT;
	for (unsigned i = 0; i < TRIES_MAX && status == STATUS_CONFLICT; i++) {
		MDB_txn *txn = NULL;
		int code = mdb_txn_begin(env->lmdb, NULL, MDB_RDONLY, &txn);
		if (code != 0)
			return status_of(code);
		status = pages_check(env->path, mdb_txn_id(txn), scope);
		if (status == STATUS_DAMAGED && env_last_txnid(env) != mdb_txn_id(txn))
			status = STATUS_CONFLICT;
		mdb_txn_abort(txn);
	}
	return status == STATUS_CONFLICT ? STATUS_BUSY : status;
}

static void free_env(struct env *env)
{
	if (env->lmdb)
		mdb_env_close(env->lmdb);
	free(env->path);
	free(env);
}

static enum status open_new(
	struct env **out, const char *path, enum env_mode mode, uint64_t map_bytes, struct error *error)
{
	struct env *env = calloc(1, sizeof(*env));
	char *path_copy = strdup(path);
	if (env == NULL || path_copy == NULL) {
		free(env);
		free(path_copy);
		return error_set(error, STATUS_NO_MEMORY, "%s: out of memory", path);
	}
	env->path = path_copy;
	env->writable = mode == ENV_WRITE || mode == ENV_CREATE;
	env->payloads = env->writable ? CHECK_PASSED : CHECK_DUE;
	uint64_t txnid = 0;
	enum status status = mode == ENV_CREATE ? STATUS_OK : pages_newest(path, &txnid);
	int code = status == STATUS_OK ? mdb_env_create(&env->lmdb) : MDB_CORRUPTED;
	if (code == 0)
		code = mdb_env_set_maxdbs(env->lmdb, ENV_DB_COUNT);
	if (code == 0)
		code = mdb_env_set_maxreaders(env->lmdb, ENV_READERS_MAX);
	if (code == 0 && map_bytes)
		code = mdb_env_set_mapsize(env->lmdb, map_bytes);
	if (code == 0)
		code = mdb_env_open(env->lmdb, path, flags_of(mode), FILE_MODE);
	if (code == 0)
		code = hold_file(env);
	if (code == 0 && mode != ENV_CREATE)
		code = check_length(env);
	if (code == 0 && mode != ENV_CREATE)
		status = check_pages(env, env->writable ? PAGES_TO_WRITE : PAGES_TO_READ);
	if (code == 0 && status == STATUS_OK)
		code = open_dbs(env, mode == ENV_CREATE);
	if (code != 0 || status != STATUS_OK) {
		status = status == STATUS_OK ? status_of(code) : status;
		(void)error_set(error, status, "%s: %s", path, code != 0 ? mdb_strerror(code) : status_text(status));
		free_env(env);
		return status;
	}
	env->next = registry;
	registry = env;
	*out = env;
	return STATUS_OK;
}

enum status env_open(struct env **env, const char *path, enum env_mode mode, uint64_t map_bytes, struct error *error)
{
	struct env *found = NULL;
	pthread_mutex_lock(&registry_lock);
	enum status status = find_open(path, mode, &found, error);
	if (status == STATUS_OK && found == NULL)
		status = open_new(&found, path, mode, map_bytes, error);
	if (status == STATUS_OK && found) {
		found->refs++;
		*env = found;
	}
	pthread_mutex_unlock(&registry_lock);
	return status;
}

void env_close(struct env **env)
{
	struct env *closing = *env;
	*env = NULL;
	if (closing == NULL)
		return;
	pthread_mutex_lock(&registry_lock);
	assert(closing->refs > 0);
	if (--closing->refs == 0) {
		struct env **link = &registry;
		while (*link != closing)
			link = &(*link)->next;
		*link = closing->next;
		free_env(closing);
	}
	pthread_mutex_unlock(&registry_lock);
}

void env_mark_failed(struct env *env)
{
	env->failed = true;
}

bool env_has_failed(const struct env *env)
{
	return env->failed;
}

bool env_is_writable(const struct env *env)
{
	return env->writable;
}

enum status env_follow_dead_writer(struct env *env)
{
	MDB_txn *txn = NULL;
	int code = mdb_txn_begin(env->lmdb, NULL, 0, &txn);
	if (code == 0)
		mdb_txn_abort(txn);
	return status_of(code);
}

void env_check_readers(struct env *env)
{
	int dead = 0;
	(void)mdb_reader_check(env->lmdb, &dead); /* a failure means that a slot stays taken until the next check */
}

uint64_t env_file_bytes(struct env *env)
{
	MDB_envinfo info;
	MDB_stat stat_now;
	if (mdb_env_info(env->lmdb, &info) != 0 || mdb_env_stat(env->lmdb, &stat_now) != 0)
		return 0;
	return ((uint64_t)info.me_last_pgno + 1) * stat_now.ms_psize;
}

uint64_t env_last_txnid(struct env *env)
{
	MDB_envinfo info;
	return mdb_env_info(env->lmdb, &info) == 0 ? info.me_last_txnid : 0;
}

enum status env_sync_file(struct env *env)
{
	mdb_filehandle_t fd = -1;
	if (mdb_env_get_fd(env->lmdb, &fd) != 0 || fsync(fd) != 0)
		return status_of(errno);
	return STATUS_OK;
}

/*
 * A read transaction takes the number of the last commit, then copies that commit's roots from its meta page.  If two
 * commits come between, the page holds the roots of the later one, maybe not even durable yet, and the next transaction
 * would seem to step back.  So it is begun again until no such commit can have come between.
 */
static int take_snapshot(struct env *env, MDB_txn *txn)
{
	int code = 0;
	while (code == 0 && env_last_txnid(env) > mdb_txn_id(txn) + 1) {
		mdb_txn_reset(txn);
		code = mdb_txn_renew(txn);
	}
	return code;
}

enum status env_begin(struct env *env, bool write, struct env_txn **out)
{
	assert(!write || env->writable);
	*out = NULL;
	struct env_txn *txn = calloc(1, sizeof(*txn));
	if (txn == NULL)
		return STATUS_NO_MEMORY;
	txn->env = env;
	txn->write = write;
	int code = mdb_txn_begin(env->lmdb, NULL, write ? 0 : MDB_RDONLY, &txn->txn);
	if (code == 0 && !write)
		code = take_snapshot(env, txn->txn);
	if (code != 0) {
		if (txn->txn)
			mdb_txn_abort(txn->txn);
		free(txn);
		if (code == MDB_PANIC || code == MDB_MAP_RESIZED)
			env_mark_failed(env);
		return status_of(code);
	}
	*out = txn;
	return STATUS_OK;
}

void env_abort(struct env_txn **txn)
{
	if (*txn == NULL)
		return;
	mdb_txn_abort((*txn)->txn);
	free(*txn);
	*txn = NULL;
}

enum status env_commit(struct env_txn **txn)
{
	struct env_txn *ending = *txn;
	enum status status = ending->status;
	if (status != STATUS_OK) {
		env_abort(txn);
		return status;
	}
	status = status_of(mdb_txn_commit(ending->txn));
	if (status == STATUS_OK && ending->write)
		(void)check_length(ending->env); /* the commit stands in any case; the next one tries again */
	free(ending);
	*txn = NULL;
	return status;
}

enum status env_renew(struct env_txn *txn)
{
	assert(!txn->write);
	if (!txn->parked)
		mdb_txn_reset(txn->txn);
	txn->status = STATUS_OK;
	int code = mdb_txn_renew(txn->txn);
	if (code == 0)
		code = take_snapshot(txn->env, txn->txn);
	txn->parked = code != 0;
	if (code == MDB_PANIC || code == MDB_MAP_RESIZED)
		env_mark_failed(txn->env);
	return status_of(code);
}

void env_park(struct env_txn *txn)
{
	assert(!txn->write);
	if (!txn->parked)
		mdb_txn_reset(txn->txn);
	txn->parked = true;
}

bool env_is_parked(const struct env_txn *txn)
{
	return txn->parked;
}

enum status env_txn_status(const struct env_txn *txn)
{
	return txn->status;
}

void env_txn_fail(struct env_txn *txn, enum status status)
{
	if (txn->status == STATUS_OK)
		txn->status = status;
}

uint64_t env_txn_id(const struct env_txn *txn)
{
	return mdb_txn_id(txn->txn);
}

bool env_txn_writes(const struct env_txn *txn)
{
	return txn->write;
}

static MDB_val val_of(struct text text)
{
	return (MDB_val){.mv_size = text.len, .mv_data = (void *)(uintptr_t)text.at};
}

static struct text text_of_val(MDB_val val)
{
	return (struct text){val.mv_data, val.mv_size};
}

static uint8_t *put(struct env_txn *txn, enum env_db db, struct text key, MDB_val *value, unsigned flags)
{
	if (txn->status != STATUS_OK)
		return NULL;
	MDB_val key_val = val_of(key);
	int code = mdb_put(txn->txn, txn->env->dbi[db], &key_val, value, flags);
	/* Keys are ours and ascend: MDB_APPEND finding a later key means that the file is not what we wrote. */
	env_txn_fail(txn, code == MDB_KEYEXIST ? STATUS_DAMAGED : status_of(code));
	return code == 0 ? value->mv_data : NULL;
}

void env_put(struct env_txn *txn, enum env_db db, struct text key, struct text value)
{
	MDB_val val = val_of(value);
	(void)put(txn, db, key, &val, 0);
}

uint8_t *env_append(struct env_txn *txn, enum env_db db, struct text key, size_t size)
{
	MDB_val val = {.mv_size = size};
	return put(txn, db, key, &val, MDB_APPEND | MDB_RESERVE);
}

uint8_t *env_reserve(struct env_txn *txn, enum env_db db, struct text key, size_t size)
{
	MDB_val val = {.mv_size = size};
	return put(txn, db, key, &val, MDB_RESERVE);
}

void env_delete(struct env_txn *txn, enum env_db db, struct text key)
{
	if (txn->status != STATUS_OK)
		return;
	MDB_val key_val = val_of(key);
	env_txn_fail(txn, status_of(mdb_del(txn->txn, txn->env->dbi[db], &key_val, NULL)));
}

/*
 * LMDB lets a transaction that met a damaged page read nothing more, and says so in its own ways: a read transaction is
 * begun again, for what is whole.  Reading goes through the map, so that nothing else than what pages say can fail.
 */
static enum status read_status(struct env_txn *txn, int code)
{
	enum status status = status_of(code);
	if (code == 0 || code == MDB_NOTFOUND || txn->write)
		return status;
	enum status renewed = env_renew(txn);
	if (renewed != STATUS_OK)
		return renewed;
	return status == STATUS_IO ? STATUS_DAMAGED : status;
}

/* Where the map begins, by a page that tells its number: LMDB itself does not say.  0: not known. */
static uintptr_t find_map(struct env_txn *txn)
{
	MDB_stat stat_now;
	MDB_val key_val = val_of(TEXT("head")), val;
	uint64_t page_number = 0;
	if (txn->env->map == 0 && mdb_env_stat(txn->env->lmdb, &stat_now) == 0 &&
		mdb_get(txn->txn, txn->env->dbi[ENV_META], &key_val, &val) == 0) {
		uintptr_t page = (uintptr_t)val.mv_data / stat_now.ms_psize * stat_now.ms_psize;
		memcpy(&page_number, (const void *)page, sizeof(page_number));
		txn->env->map = page - (uintptr_t)page_number * stat_now.ms_psize;
	}
	return txn->env->map;
}

/*
 * A value's length is the page's word for it: touching what would lie behind the end of the file is a SIGBUS.  What a
 * write transaction gives may lie in memory of its own; its pages were checked when the file was opened.
 */
static bool is_in_file(struct env_txn *txn, MDB_val val)
{
	uintptr_t map = txn->write ? 0 : find_map(txn);
	uintptr_t from = (uintptr_t)val.mv_data;
	uint64_t bytes = map ? env_file_bytes(txn->env) : 0;
	return map == 0 || (from >= map && from - map <= bytes && val.mv_size <= bytes - (from - map));
}

/* Before the first look at large payloads: see pages_check. */
static enum status prepare_read(struct env_txn *txn, enum env_db db)
{
	struct env *env = txn->env;
	if (txn->status != STATUS_OK || db != ENV_PAYLOAD || env->payloads == CHECK_PASSED)
		return txn->status;
	if (env->payloads == CHECK_FAILED)
		return STATUS_DAMAGED;
	enum status status = check_pages(env, PAGES_OF_PAYLOADS);
	if (status == STATUS_OK || status == STATUS_DAMAGED)
		env->payloads = status == STATUS_OK ? CHECK_PASSED : CHECK_FAILED;
	return status;
}

enum status env_get(struct env_txn *txn, enum env_db db, struct text key, struct text *value)
{
	enum status status = prepare_read(txn, db);
	if (status != STATUS_OK)
		return status;
	MDB_val key_val = val_of(key), val;
	int code = mdb_get(txn->txn, txn->env->dbi[db], &key_val, &val);
	if (code == 0 && !is_in_file(txn, val))
		return STATUS_DAMAGED;
	if (code == 0)
		*value = text_of_val(val);
	return read_status(txn, code);
}

/* Stands at the first key >= `key`, then, if back, one before it. */
static enum status seek(
	struct env_txn *txn, enum env_db db, struct text key, bool back, struct text *found, struct text *value)
{
	enum status status = prepare_read(txn, db);
	if (status != STATUS_OK)
		return status;
	MDB_cursor *cursor = NULL;
	MDB_val key_val = val_of(key), val;
	int code = mdb_cursor_open(txn->txn, txn->env->dbi[db], &cursor);
	if (code != 0)
		return status_of(code);
	code = mdb_cursor_get(cursor, &key_val, &val, MDB_SET_RANGE);
	if (back && (code == 0 || code == MDB_NOTFOUND))
		code = mdb_cursor_get(cursor, &key_val, &val, code == 0 ? MDB_PREV : MDB_LAST);
	mdb_cursor_close(cursor);
	if (code == 0 && !is_in_file(txn, val))
		return STATUS_DAMAGED;
	if (code == 0) {
		*found = text_of_val(key_val);
		*value = text_of_val(val);
	}
	return read_status(txn, code);
}

enum status env_get_at_or_after(
	struct env_txn *txn, enum env_db db, struct text key, struct text *found, struct text *value)
{
	return seek(txn, db, key, false, found, value);
}

enum status env_get_before(struct env_txn *txn, enum env_db db, struct text key, struct text *found, struct text *value)
{
	return seek(txn, db, key, true, found, value);
}

enum status env_read_value(struct env_txn *txn, struct text value, char *to)
{
	mdb_filehandle_t fd = -1;
	assert(!txn->write);
	uintptr_t base = find_map(txn);
	if (mdb_env_get_fd(txn->env->lmdb, &fd) != 0 || base == 0 || (uintptr_t)value.at < base)
		return STATUS_UNSUPPORTED;
	off_t start = (off_t)((uintptr_t)value.at - base);
	for (size_t done = 0; done < value.len;) {
		ssize_t count = pread(fd, to + done, value.len - done, start + (off_t)done);
		if (count == 0)
			return STATUS_DAMAGED; /* the file is shorter than it says */
		if (count < 0 && errno != EINTR)
			return STATUS_IO;
		done += count < 0 ? 0 : (size_t)count;
	}
	return STATUS_OK;
}

void env_drop_pages(struct text bytes)
{
	enum { PAGE_BYTES = 4096 };
	uintptr_t from = ((uintptr_t)bytes.at + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	uintptr_t to = ((uintptr_t)bytes.at + bytes.len) / PAGE_BYTES * PAGE_BYTES;
	if (bytes.len && from < to)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/* --- holding --- */

struct env_hold {
	MDB_env *lmdb;
	MDB_txn *txn;
};

/* Opening and beginning read the meta pages and the lock file only. */
enum status env_hold(struct env_hold **hold, const char *path, uint64_t *txnid)
{
	struct env_hold *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	int code = mdb_env_create(&made->lmdb);
	if (code == 0)
		code = mdb_env_set_maxreaders(made->lmdb, ENV_READERS_MAX);
	if (code == 0)
		code = mdb_env_open(made->lmdb, path, MDB_RDONLY | MDB_NOSUBDIR | MDB_NOTLS, FILE_MODE);
	if (code == 0)
		code = mdb_txn_begin(made->lmdb, NULL, MDB_RDONLY, &made->txn);
	if (code != 0) {
		env_let_go(&made);
		return status_of(code);
	}
	*txnid = mdb_txn_id(made->txn);
	*hold = made;
	return STATUS_OK;
}

void env_let_go(struct env_hold **hold)
{
	if (*hold == NULL)
		return;
	if ((*hold)->txn)
		mdb_txn_abort((*hold)->txn);
	if ((*hold)->lmdb)
		mdb_env_close((*hold)->lmdb);
	free(*hold);
	*hold = NULL;
}
