#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "segment.h"

enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, PID_TEXT_BYTES = 24, BYTES_PER_STAT_BLOCK = 512 };

enum status files_path(const char *dir, const char *name, char path[PATH_MAX])
{
	int len = snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return len > 0 && len < PATH_MAX ? STATUS_OK : STATUS_TOO_LARGE;
}

enum status files_status(int code)
{
	switch (code) {
	case 0:
		return STATUS_OK;
	case ENOENT:
		return STATUS_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EROFS:
		return STATUS_DENIED;
	case ENOSPC:
	case EDQUOT:
		return STATUS_NO_SPACE;
	case ENOMEM:
		return STATUS_NO_MEMORY;
	default:
		return STATUS_IO;
	}
}

static enum status set_errno(struct error *error, const char *path, int code)
{
	char text[128];
	return error_set(error, files_status(code), "%s: %s", path, strerror_r(code, text, sizeof(text)));
}

static enum status sync_parent(const char *dir)
{
	char path[PATH_MAX];
	enum status status = files_path(dir, "..", path);
	return status == STATUS_OK ? files_sync_directory(path) : status;
}

enum status files_make_directory(const char *dir, struct error *error)
{
	char path[PATH_MAX];
	size_t len = strlen(dir);
	if (len == 0 || len >= sizeof(path))
		return error_set(error, STATUS_INVALID, "the store's directory has no usable name");
	memcpy(path, dir, len + 1);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i] != 0)
			continue;
		path[i] = 0;
		if (mkdir(path, DIRECTORY_MODE) == 0) {
			enum status status = sync_parent(path);
			if (status != STATUS_OK)
				return error_set(error, status, "%s: %s", path, status_text(status));
		} else if (errno != EEXIST) {
			return set_errno(error, path, errno);
		}
		path[i] = dir[i];
	}
	struct stat stat_now;
	if (stat(dir, &stat_now) != 0)
		return set_errno(error, dir, errno);
	if (!S_ISDIR(stat_now.st_mode))
		return error_set(error, STATUS_INVALID, "%s: is not a directory", dir);
	return STATUS_OK;
}

enum status files_sync_directory(const char *dir)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return files_status(errno);
	int code = fsync(fd) == 0 ? 0 : errno;
	(void)close(fd);
	return files_status(code);
}

static int write_all(int fd, struct text bytes)
{
	while (bytes.len) {
		ssize_t written = write(fd, bytes.at, bytes.len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno;
		bytes.at += written;
		bytes.len -= (size_t)written;
	}
	return fsync(fd) == 0 ? 0 : errno;
}

enum status files_write(const char *dir, const char *name, struct text bytes, struct error *error)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	if (files_path(dir, name, path) != STATUS_OK ||
		snprintf(temporary, sizeof(temporary), "%s/%s.tmp", dir, name) >= (int)sizeof(temporary))
		return error_set(error, STATUS_TOO_LARGE, "%s: the path is too long", dir);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return set_errno(error, temporary, errno);
	int code = write_all(fd, bytes);
	if (close(fd) != 0 && code == 0)
		code = errno;
	if (code == 0 && rename(temporary, path) != 0)
		code = errno;
	if (code != 0) {
		(void)unlink(temporary);
		return set_errno(error, path, code);
	}
	enum status status = files_sync_directory(dir);
	return status == STATUS_OK ? status : error_set(error, status, "%s: %s", dir, status_text(status));
}

enum status files_read(const char *dir, const char *name, char *to, size_t size, size_t *len)
{
	char path[PATH_MAX];
	enum status status = files_path(dir, name, path);
	if (status != STATUS_OK)
		return status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return files_status(errno);
	size_t used = 0;
	ssize_t got = 1;
	while (used < size && (got = read(fd, to + used, size - used)) > 0)
		used += (size_t)got;
	int code = got < 0 ? errno : 0;
	(void)close(fd);
	if (code != 0)
		return files_status(code);
	if (used == size)
		return STATUS_DAMAGED;
	to[used] = 0;
	*len = used;
	return STATUS_OK;
}

enum status files_lock(const char *dir, int *fd_out, struct error *error)
{
	char path[PATH_MAX], pid[PID_TEXT_BYTES];
	enum status status = files_path(dir, "lock", path);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: the path is too long", dir);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return set_errno(error, path, errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		int code = errno;
		ssize_t got = read(fd, pid, sizeof(pid) - 1);
		(void)close(fd);
		if (code != EWOULDBLOCK)
			return set_errno(error, path, code);
		long holder = got > 0 ? strtol((pid[got] = 0, pid), NULL, 10) : 0;
		return error_set(
			error, STATUS_HELD, "%s: another collector has this store open (process %ld)", dir, holder);
	}
	/* The pid is only for the message above: the lock itself is the flock, which ends with the process. */
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)len, 0) != len) {
		/* On a full disk the store must open all the same: nothing depends on the text. */
	}
	*fd_out = fd;
	return STATUS_OK;
}

enum status files_keep_unlocked(const char *dir, int *fd_out, struct error *error)
{
	char path[PATH_MAX];
	*fd_out = -1;
	enum status status = files_path(dir, "lock", path);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: the path is too long", dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? STATUS_OK : set_errno(error, path, errno);
	if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
		int code = errno;
		(void)close(fd);
		if (code != EWOULDBLOCK)
			return set_errno(error, path, code);
		return error_set(error, STATUS_HELD, "%s: a collector has this store open; stop it first", dir);
	}
	*fd_out = fd;
	return STATUS_OK;
}

enum status files_is_empty(const char *dir, bool *empty)
{
	DIR *stream = opendir(dir);
	if (stream == NULL)
		return files_status(errno);
	const struct dirent *entry = NULL;
	*empty = true;
	while (*empty && (entry = readdir(stream)) != NULL)
		*empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			 strcmp(entry->d_name, "lost+found") == 0 || strcmp(entry->d_name, "lock") == 0;
	(void)closedir(stream);
	return STATUS_OK;
}

static int compare_seqs(const void *a, const void *b)
{
	const uint64_t *left = a, *right = b;
	return (*left > *right) - (*left < *right);
}

enum status files_list_segments(const char *dir, uint64_t **seqs, size_t *count)
{
	DIR *stream = opendir(dir);
	if (stream == NULL)
		return files_status(errno);
	uint64_t *list = NULL;
	size_t used = 0, capacity = 0;
	enum status status = STATUS_OK;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(stream);
		if (entry == NULL) {
			status = files_status(errno);
			break;
		}
		uint64_t seq = 0;
		if (!segment_name_parse(entry->d_name, &seq))
			continue;
		if (used == capacity) {
			capacity = capacity ? capacity * 2 : 64;
			uint64_t *grown = realloc(list, capacity * sizeof(*list));
			if (grown == NULL) {
				status = STATUS_NO_MEMORY;
				break;
			}
			list = grown;
		}
		list[used++] = seq;
	}
	(void)closedir(stream);
	if (status != STATUS_OK) {
		free(list);
		return status;
	}
	if (used)
		qsort(list, used, sizeof(*list), compare_seqs);
	*seqs = list;
	*count = used;
	return STATUS_OK;
}

enum status files_remove_temporaries(const char *dir)
{
	DIR *stream = opendir(dir);
	if (stream == NULL)
		return files_status(errno);
	enum status status = STATUS_OK;
	const struct dirent *entry;
	while (status == STATUS_OK && (entry = readdir(stream)) != NULL) {
		size_t len = strlen(entry->d_name);
		if (len > 8 && memcmp(entry->d_name, "seg-", 4) == 0 && memcmp(entry->d_name + len - 4, ".tmp", 4) == 0)
			status = files_remove(dir, entry->d_name);
	}
	(void)closedir(stream);
	return status;
}

enum status files_remove(const char *dir, const char *name)
{
	char path[PATH_MAX];
	enum status status = files_path(dir, name, path);
	if (status == STATUS_OK && unlink(path) != 0 && errno != ENOENT)
		status = files_status(errno);
	return status;
}

enum status files_allocate(const char *dir, const char *name, uint64_t bytes)
{
	char path[PATH_MAX];
	enum status status = files_path(dir, name, path);
	if (status != STATUS_OK)
		return status;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return files_status(errno);
	int code = posix_fallocate(fd, 0, (off_t)bytes);
	if (code == 0 && ftruncate(fd, (off_t)bytes) != 0)
		code = errno;
	if (code == 0 && fsync(fd) != 0)
		code = errno;
	(void)close(fd);
	if (code != 0)
		(void)unlink(path);
	return files_status(code);
}

enum status files_read_at(int fd, uint64_t at, void *to, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t count = pread(fd, (char *)to + done, len - done, (off_t)(at + done));
		if (count == 0)
			return STATUS_DAMAGED;
		if (count < 0 && errno != EINTR)
			return files_status(errno);
		done += count > 0 ? (size_t)count : 0;
	}
	return STATUS_OK;
}

uint64_t files_disk_bytes(const char *dir, const char *name)
{
	char path[PATH_MAX];
	struct stat stat_now;
	if (files_path(dir, name, path) != STATUS_OK || stat(path, &stat_now) != 0)
		return 0;
	return (uint64_t)stat_now.st_blocks * BYTES_PER_STAT_BLOCK;
}

enum status files_free_bytes(const char *dir, uint64_t *free_bytes)
{
	struct statvfs space;
	if (statvfs(dir, &space) != 0)
		return files_status(errno);
	*free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
	return STATUS_OK;
}
