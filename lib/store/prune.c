/*
 * Retention: whole sealed segments are unlinked, oldest first.
 *
 * Whoever has a segment open, in this process or another, holds a shared flock on its data file (see env.h); one that
 * cannot be locked exclusively is being read, and pruning stops there, so that the oldest event only moves forward.  A
 * store that somebody always reads must not grow for ever: whoever decides that it waited long enough has it unlinked all
 * the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "files.h"
#include "writer.h"

static uint64_t disk_bytes(const struct store *store, uint64_t first_seq)
{
	char name[SEGMENT_NAME_BYTES];
	segment_name(first_seq, name);
	return files_disk_bytes(store->dir, name);
}

/* STATUS_BUSY: somebody reads it. */
static enum status remove_segment(struct store *store, uint64_t first_seq, bool read_too)
{
	char name[SEGMENT_NAME_BYTES], lock_name[SEGMENT_NAME_BYTES + 8], path[PATH_MAX];
	segment_name(first_seq, name);
	(void)snprintf(lock_name, sizeof(lock_name), "%s-lock", name);
	enum status status = files_path(store->dir, name, path);
	if (status != STATUS_OK)
		return status;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? STATUS_OK : files_status(errno);
	if (!read_too && flock(fd, LOCK_EX | LOCK_NB) != 0)
		status = errno == EWOULDBLOCK ? STATUS_BUSY : files_status(errno);
	else if (unlink(path) != 0)
		status = files_status(errno);
	(void)close(fd);
	return status == STATUS_OK ? files_remove(store->dir, lock_name) : status;
}

enum status store_prune(struct store *store, int64_t recv_time_min, uint64_t bytes_max, bool read_too,
	struct store_prune_result *result)
{
	struct store_prune_result done = {0};
	enum status status = STATUS_OK;
	uint64_t total = disk_bytes(store, store->head.first_seq);
	for (size_t i = 0; i < store->sealed_count; i++)
		total += disk_bytes(store, store->sealed[i].first_seq);
	size_t removed = 0;
	for (; removed < store->sealed_count; removed++) {
		const struct sealed_segment *oldest = &store->sealed[removed];
		bool too_old = oldest->last_recv_time < recv_time_min;
		if (!too_old && (bytes_max == 0 || total <= bytes_max))
			break;
		uint64_t bytes = disk_bytes(store, oldest->first_seq);
		status = remove_segment(store, oldest->first_seq, read_too);
		if (status != STATUS_OK)
			break;
		if (done.segments++ == 0)
			done.first_seq = oldest->first_seq;
		done.events += oldest->next_seq - oldest->first_seq;
		done.bytes += bytes;
		done.last_seq = oldest->next_seq - 1;
		done.last_recv_time = oldest->last_recv_time;
		total -= bytes;
	}
	done.read = status == STATUS_BUSY;
	if (done.read)
		status = STATUS_OK;
	if (removed > 0) {
		store->sealed_count -= removed;
		memmove(store->sealed, store->sealed + removed, store->sealed_count * sizeof(*store->sealed));
		enum status sync = files_sync_directory(store->dir);
		if (status == STATUS_OK)
			status = sync;
	}
	*result = done;
	return status;
}
