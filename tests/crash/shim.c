/*
 * shim - preloaded into the daemon: writes down what it does to the files below a directory, or has one call fail.
 *
 * CRASH_ROOT is the directory (absolute, no links in it).
 *
 * CRASH_RECORD: a file that gets, in order, what is done.  disk.py makes of it what a power cut could have left.  A
 * record: six little-endian 64-bit numbers (operation, inode, inode of the directory, offset, flags, length), then
 * `length` bytes: what was written, or a name.  Each operation is done and written down under one lock, so the order of
 * the records is one that happened.  What is written through a map is not seen: the store's data is not.
 *
 * CRASH_FAIL: "call:number:errno".  The call of this kind (write, sync, truncate, map, memory) with this number, from 1,
 * fails with errno; 0: a write is cut short.  CRASH_FAILED: a file that is made when it does.  Counted is what is done to
 * files below the directory; of maps and memory all that the program asks for, from its first step in there.
 *
 * CRASH_NO_SYNC: syncs are counted and written down, and not done: nobody pulls a plug, and the disk is spared.
 *
 * CRASH_CLOCK: seconds that the wall clock is off, so that a day's roll-over and retention can be had at once.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are both to be defined here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum call { CALL_NONE, CALL_WRITE, CALL_SYNC, CALL_TRUNCATE, CALL_MAP, CALL_MEMORY, CALL_COUNT };
enum operation { WRITE = 1, TRUNCATE, SYNC, CREATE, RENAME, UNLINK, MAKE_DIRECTORY };
enum { FLAG_SYNCHRONOUS = 1, FDS_MAX = 4096, FIELDS = 6 };

struct watched {
	uint64_t inode; /* 0: not below the root */
	bool synchronous;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct watched watched[FDS_MAX];
static int record_fd = -1;

static const char *const call_names[CALL_COUNT] = {"", "write", "sync", "truncate", "map", "memory"};
static struct {
	enum call call;
	long number;
	int code;
	atomic_long seen;
	atomic_bool armed;
	bool begun; /* under the lock */
} fault;

static void *next_of(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	if (found == NULL)
		abort();
	return found;
}

#define NEXT(type, name)                                                                                               \
	static type *next;                                                                                             \
	if (next == NULL)                                                                                              \
	*(void **)&next = next_of(name)

typedef ssize_t write_function(int fd, const void *bytes, size_t len);
typedef ssize_t pwrite_function(int fd, const void *bytes, size_t len, off_t offset);
typedef int open_function(const char *path, int flags, ...);

/* --- failing --- */

__attribute__((constructor)) static void read_fault(void)
{
	char name[16] = "";
	const char *text = getenv("CRASH_FAIL");
	if (text == NULL || sscanf(text, "%15[a-z]:%ld:%d", name, &fault.number, &fault.code) != 3)
		return;
	for (int i = 1; i < CALL_COUNT; i++)
		if (strcmp(name, call_names[i]) == 0)
			fault.call = (enum call)i;
}

static void tell_fault(void)
{
	NEXT(open_function, "open");
	const char *path = getenv("CRASH_FAILED");
	int fd = path ? next(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
	if (fd < 0)
		abort();
	(void)syscall(SYS_close, fd);
}

/* Whether this call is the one that fails; errno is set. */
static bool fails(enum call call)
{
	if (fault.call != call || !fault.armed || atomic_fetch_add(&fault.seen, 1) + 1 != fault.number)
		return false;
	fault.armed = false;
	tell_fault();
	errno = fault.code;
	return true;
}

/* --- writing down --- */

static void put_bytes(const void *bytes, size_t len)
{
	NEXT(write_function, "write");
	for (size_t done = 0; done < len;) {
		ssize_t count = next(record_fd, (const char *)bytes + done, len - done);
		if (count < 0 && errno != EINTR)
			abort();
		done += count < 0 ? 0 : (size_t)count;
	}
}

struct step {
	enum operation operation;
	uint64_t inode, directory;
	off_t offset;
	uint64_t flags;
};

static void put(struct step step, const void *bytes, size_t len)
{
	const uint64_t fields[FIELDS] = {
		step.operation, step.inode, step.directory, (uint64_t)step.offset, step.flags, len};
	int kept = errno;
	const char *path = getenv("CRASH_RECORD");
	if (path == NULL)
		return;
	if (record_fd < 0) {
		NEXT(open_function, "open");
		record_fd = next(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (record_fd < 0)
			abort();
	}
	put_bytes(fields, sizeof(fields));
	put_bytes(bytes, len);
	errno = kept;
}

/* --- which files --- */

static bool is_below_root(const char *path)
{
	const char *root = getenv("CRASH_ROOT");
	size_t len = root ? strlen(root) : 0;
	return len > 0 && strncmp(path, root, len) == 0 && (path[len] == 0 || path[len] == '/');
}

/* The directory of a path, if it is below the root, and the name in it. */
static bool find_directory(const char *path, uint64_t *directory, char name[NAME_MAX + 1])
{
	char copy[PATH_MAX], real[PATH_MAX];
	struct stat stat_now;
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;
	if (len >= sizeof(copy) || strlen(slash ? slash + 1 : path) > NAME_MAX)
		return false;
	memcpy(copy, slash ? path : ".", len);
	copy[len] = 0;
	if (realpath(len ? copy : "/", real) == NULL || !is_below_root(real) || stat(real, &stat_now) != 0)
		return false;
	*directory = stat_now.st_ino;
	strcpy(name, slash ? slash + 1 : path);
	return true;
}

static uint64_t inode_at(const char *path)
{
	struct stat stat_now;
	return stat(path, &stat_now) == 0 ? stat_now.st_ino : 0;
}

static void watch(int fd, int flags)
{
	char link[64], path[PATH_MAX];
	struct stat stat_now;
	if (fd < 0 || fd >= FDS_MAX)
		return;
	watched[fd] = (struct watched){.inode = 0};
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, path, sizeof(path) - 1);
	if (len <= 0)
		return;
	path[len] = 0;
	if (!is_below_root(path) || fstat(fd, &stat_now) != 0)
		return;
	watched[fd] = (struct watched){stat_now.st_ino, (flags & (O_DSYNC | O_SYNC)) != 0};
	if (!fault.begun)
		fault.armed = fault.begun = fault.call != CALL_NONE;
}

static bool is_sync_spared(void)
{
	return getenv("CRASH_NO_SYNC") != NULL;
}

static int open_watched(open_function *next, const char *path, int flags, unsigned mode)
{
	uint64_t directory = 0;
	char name[NAME_MAX + 1];
	pthread_mutex_lock(&lock);
	bool below = find_directory(path, &directory, name);
	bool there = below && inode_at(path) != 0;
	int fd = next(path, below && is_sync_spared() ? flags & ~(O_DSYNC | O_SYNC) : flags, mode);
	int kept = errno;
	watch(fd, flags);
	if (fd >= 0 && fd < FDS_MAX && below && watched[fd].inode) {
		if ((flags & O_CREAT) && !there)
			put((struct step){.operation = CREATE, .inode = watched[fd].inode, .directory = directory},
				name, strlen(name));
		else if ((flags & O_TRUNC) && there)
			put((struct step){.operation = TRUNCATE, .inode = watched[fd].inode}, NULL, 0);
	}
	errno = kept;
	pthread_mutex_unlock(&lock);
	return fd;
}

static unsigned mode_of(int flags, va_list more)
{
	return flags & O_CREAT ? va_arg(more, unsigned) : 0;
}

#define OPEN(name)                                                                                                     \
	int name(const char *path, int flags, ...)                                                                     \
	{                                                                                                              \
		NEXT(open_function, #name);                                                                            \
		va_list more;                                                                                          \
		va_start(more, flags);                                                                                 \
		unsigned mode = mode_of(flags, more);                                                                  \
		va_end(more);                                                                                          \
		return open_watched(next, path, flags, mode);                                                          \
	}
OPEN(open)
OPEN(open64)

int close(int fd)
{
	typedef int close_function(int fd);
	NEXT(close_function, "close");
	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < FDS_MAX)
		watched[fd].inode = 0;
	int result = next(fd);
	pthread_mutex_unlock(&lock);
	return result;
}

static const struct watched *watched_fd(int fd)
{
	return fd >= 0 && fd < FDS_MAX && watched[fd].inode ? &watched[fd] : NULL;
}

static void put_write(const struct watched *file, const void *bytes, ssize_t written, off_t offset)
{
	if (file && written > 0)
		put((struct step){.operation = WRITE,
			    .inode = file->inode,
			    .offset = offset,
			    .flags = file->synchronous ? FLAG_SYNCHRONOUS : 0},
			bytes, (size_t)written);
}

/* false: it fails; else *len may be cut short. */
static bool may_write(size_t *len)
{
	if (!fails(CALL_WRITE))
		return true;
	if (fault.code)
		return false;
	*len = (*len + 1) / 2;
	return true;
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	NEXT(write_function, "write");
	if (watched_fd(fd) == NULL)
		return next(fd, bytes, len);
	if (!may_write(&len))
		return -1;
	pthread_mutex_lock(&lock);
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t written = next(fd, bytes, len);
	put_write(watched_fd(fd), bytes, written, offset);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	NEXT(pwrite_function, "pwrite");
	if (watched_fd(fd) == NULL)
		return next(fd, bytes, len, offset);
	if (!may_write(&len))
		return -1;
	pthread_mutex_lock(&lock);
	ssize_t written = next(fd, bytes, len, offset);
	put_write(watched_fd(fd), bytes, written, offset);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off_t offset)
{
	return pwrite(fd, bytes, len, offset);
}

/* The same of several pieces: cut short, it is the first one. */
static bool may_write_pieces(int *count)
{
	bool cut = fails(CALL_WRITE);
	if (cut && fault.code == 0)
		*count = 1;
	return !cut || fault.code == 0;
}

/* One record for each piece: a power cut may tear them apart. */
static void put_pieces(int fd, const struct iovec *pieces, int count, ssize_t written, off_t offset)
{
	for (int i = 0; i < count && written > 0; i++) {
		ssize_t len = (ssize_t)pieces[i].iov_len < written ? (ssize_t)pieces[i].iov_len : written;
		put_write(watched_fd(fd), pieces[i].iov_base, len, offset);
		offset += len;
		written -= len;
	}
}

ssize_t writev(int fd, const struct iovec *pieces, int count)
{
	typedef ssize_t writev_function(int fd, const struct iovec *pieces, int count);
	NEXT(writev_function, "writev");
	if (watched_fd(fd) == NULL)
		return next(fd, pieces, count);
	if (!may_write_pieces(&count))
		return -1;
	pthread_mutex_lock(&lock);
	off_t offset = lseek(fd, 0, SEEK_CUR);
	ssize_t written = next(fd, pieces, count);
	put_pieces(fd, pieces, count, written, offset);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
	typedef ssize_t pwritev_function(int fd, const struct iovec *pieces, int count, off_t offset);
	NEXT(pwritev_function, "pwritev");
	if (watched_fd(fd) == NULL)
		return next(fd, pieces, count, offset);
	if (!may_write_pieces(&count))
		return -1;
	pthread_mutex_lock(&lock);
	ssize_t written = next(fd, pieces, count, offset);
	put_pieces(fd, pieces, count, written, offset);
	pthread_mutex_unlock(&lock);
	return written;
}

ssize_t pwritev64(int fd, const struct iovec *pieces, int count, off_t offset)
{
	return pwritev(fd, pieces, count, offset);
}

int ftruncate(int fd, off_t length)
{
	typedef int ftruncate_function(int fd, off_t length);
	NEXT(ftruncate_function, "ftruncate");
	if (watched_fd(fd) && fails(CALL_TRUNCATE))
		return -1;
	pthread_mutex_lock(&lock);
	int result = next(fd, length);
	if (result == 0 && watched_fd(fd))
		put((struct step){.operation = TRUNCATE, .inode = watched_fd(fd)->inode, .offset = length}, NULL, 0);
	pthread_mutex_unlock(&lock);
	return result;
}

int ftruncate64(int fd, off_t length)
{
	return ftruncate(fd, length);
}

typedef int sync_function(int fd);

static int sync_watched(sync_function *next, int fd)
{
	if (watched_fd(fd) == NULL)
		return next(fd);
	if (fails(CALL_SYNC))
		return -1;
	pthread_mutex_lock(&lock);
	int result = is_sync_spared() ? 0 : next(fd);
	if (result == 0)
		put((struct step){.operation = SYNC, .inode = watched_fd(fd)->inode}, NULL, 0);
	pthread_mutex_unlock(&lock);
	return result;
}

int fsync(int fd)
{
	NEXT(sync_function, "fsync");
	return sync_watched(next, fd);
}

int fdatasync(int fd)
{
	NEXT(sync_function, "fdatasync");
	return sync_watched(next, fd);
}

int rename(const char *from, const char *to)
{
	typedef int rename_function(const char *from, const char *to);
	NEXT(rename_function, "rename");
	uint64_t directories[2] = {0, 0};
	char names[2][NAME_MAX + 1];
	pthread_mutex_lock(&lock);
	bool below = find_directory(from, &directories[0], names[0]) && find_directory(to, &directories[1], names[1]);
	uint64_t inode = inode_at(from);
	int result = next(from, to);
	int kept = errno;
	if (result == 0 && below) {
		if (directories[0] != directories[1])
			abort(); /* disk.py knows renames within a directory only */
		char both[2 * (NAME_MAX + 1)];
		size_t len = strlen(names[0]) + 1;
		memcpy(both, names[0], len);
		memcpy(both + len, names[1], strlen(names[1]));
		put((struct step){.operation = RENAME, .inode = inode, .directory = directories[0]}, both,
			len + strlen(names[1]));
	}
	errno = kept;
	pthread_mutex_unlock(&lock);
	return result;
}

int unlink(const char *path)
{
	typedef int unlink_function(const char *path);
	NEXT(unlink_function, "unlink");
	uint64_t directory = 0;
	char name[NAME_MAX + 1];
	pthread_mutex_lock(&lock);
	bool below = find_directory(path, &directory, name);
	int result = next(path);
	int kept = errno;
	if (result == 0 && below)
		put((struct step){.operation = UNLINK, .directory = directory}, name, strlen(name));
	errno = kept;
	pthread_mutex_unlock(&lock);
	return result;
}

int mkdir(const char *path, mode_t mode)
{
	typedef int mkdir_function(const char *path, mode_t mode);
	NEXT(mkdir_function, "mkdir");
	uint64_t directory = 0;
	char name[NAME_MAX + 1];
	pthread_mutex_lock(&lock);
	int result = next(path, mode);
	int kept = errno;
	if (result == 0 && find_directory(path, &directory, name))
		put((struct step){.operation = MAKE_DIRECTORY, .inode = inode_at(path), .directory = directory}, name,
			strlen(name));
	errno = kept;
	pthread_mutex_unlock(&lock);
	return result;
}

/* --- maps and memory --- */

void *mmap(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	if (fails(CALL_MAP))
		return MAP_FAILED;
	return (void *)syscall(SYS_mmap, at, len, protection, flags, fd, offset); // NOLINT(performance-no-int-to-ptr)
}

void *mmap64(void *at, size_t len, int protection, int flags, int fd, off_t offset)
{
	return mmap(at, len, protection, flags, fd, offset);
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *at, size_t size);

void *malloc(size_t size)
{
	return fails(CALL_MEMORY) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails(CALL_MEMORY) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *at, size_t size)
{
	return fails(CALL_MEMORY) ? NULL : __libc_realloc(at, size);
}

/* --- the clock --- */

int clock_gettime(clockid_t clock, struct timespec *now)
{
	typedef int clock_function(clockid_t clock, struct timespec * now);
	NEXT(clock_function, "clock_gettime");
	int result = next(clock, now);
	const char *off = clock == CLOCK_REALTIME ? getenv("CRASH_CLOCK") : NULL;
	if (result == 0 && off)
		now->tv_sec += strtol(off, NULL, 10);
	return result;
}
