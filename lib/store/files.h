/* files - the directory of a store: made, locked, listed; small files written once and whole.  Any thread. */
#ifndef MCPLEDGER_STORE_FILES_H
#define MCPLEDGER_STORE_FILES_H

#include <limits.h>
#include <stdbool.h>

#include "buf.h"

/* The path of a name in a directory. STATUS_TOO_LARGE. */
enum status files_path(const char *dir, const char *name, char path[PATH_MAX]) MUST_CHECK;
/* The status of an errno of a file operation. */
enum status files_status(int code);
/* Makes a directory (0700) and those above it; there may be one already. */
enum status files_make_directory(const char *dir, struct error *error) MUST_CHECK;
enum status files_sync_directory(const char *dir) MUST_CHECK;
/* Writes a file (0600) whole: under another name, fsync, rename, fsync of the directory. */
enum status files_write(const char *dir, const char *name, struct text bytes, struct error *error) MUST_CHECK;
/* Reads a small file; what does not fit into size is STATUS_DAMAGED.  A NUL is put behind it. STATUS_NOT_FOUND. */
enum status files_read(const char *dir, const char *name, char *to, size_t size, size_t *len) MUST_CHECK;
/* Reads exactly len bytes of an open file. STATUS_DAMAGED: it ends before. */
enum status files_read_at(int fd, uint64_t at, void *to, size_t len) MUST_CHECK;
/* Takes DIR/lock for this process until fd is closed. STATUS_HELD: error names the holder's pid. */
enum status files_lock(const char *dir, int *fd, struct error *error) MUST_CHECK;
/* Keeps a collector from taking DIR/lock, if there is one, until fd is closed; changes nothing. STATUS_HELD: one has it. */
enum status files_keep_unlocked(const char *dir, int *fd, struct error *error) MUST_CHECK;
/* Whether nothing is in a directory but what a new file system or we put there (lost+found, lock). */
enum status files_is_empty(const char *dir, bool *empty) MUST_CHECK;
/* The first seqs of the segments in dir, ascending; *seqs is allocated, the caller frees it. */
enum status files_list_segments(const char *dir, uint64_t **seqs, size_t *count) MUST_CHECK;
/* Removes segments that were being made (seg-….tmp). */
enum status files_remove_temporaries(const char *dir) MUST_CHECK;
/* Removes a file; one that is not there is no error. */
enum status files_remove(const char *dir, const char *name) MUST_CHECK;
/* Allocates a file of exactly this size on disk. STATUS_NO_SPACE: nothing is kept of it. */
enum status files_allocate(const char *dir, const char *name, uint64_t bytes) MUST_CHECK;
/* Bytes on disk (st_blocks * 512); 0: there is none. */
uint64_t files_disk_bytes(const char *dir, const char *name);
enum status files_free_bytes(const char *dir, uint64_t *free_bytes) MUST_CHECK;

#endif
