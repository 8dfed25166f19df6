/*
 * A store of what is left of another one, segment by segment, the oldest first.
 *
 * All segments of a store say the same of its identity; one whose own is lost gets that of another.  The file's name says
 * with which event a segment begins, the next one's with which it ended.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "files.h"
#include "identity.h"
#include "salvage_segment.h"

struct salvage {
	const char *from, *to;
	uint64_t *seqs;
	size_t count;
	struct salvage_job job;
};

static enum status find_segment(const struct salvage *salvage, size_t number, struct salvage_found *found)
{
	char name[SEGMENT_NAME_BYTES];
	char path[PATH_MAX];
	segment_name(salvage->seqs[number], name);
	enum status status = files_path(salvage->from, name, path);
	if (status == STATUS_OK)
		status = salvage_find(path, found);
	return status == STATUS_OK
		       ? status
		       : error_set(salvage->job.error, status, "%s/%s: %s", salvage->from, name, status_text(status));
}

/* Of any segment that still has it; else what store.json says, and a new key. */
static enum status find_identity(struct salvage *salvage)
{
	struct salvage_job *job = &salvage->job;
	char id[SEGMENT_ID_BYTES + 1];
	struct error ignored;
	for (size_t i = 0; i < salvage->count; i++) {
		struct salvage_found found = {.fd = -1};
		enum status status = find_segment(salvage, i, &found);
		if (status != STATUS_OK)
			return status;
		bool is_there = found.has_identity;
		if (is_there)
			job->identity = found.identity;
		salvage_forget(&found);
		if (is_there)
			return STATUS_OK;
	}
	job->key_is_new = true;
	enum status status = identity_make(&job->identity, job->error);
	if (status == STATUS_OK && identity_load(salvage->from, id, &ignored) == STATUS_OK)
		memcpy(job->identity.id, id, sizeof(id));
	return status;
}

static enum status salvage_one(struct salvage *salvage, size_t number)
{
	struct salvage_job *job = &salvage->job;
	struct salvage_found found = {.fd = -1};
	if (job->visitor->progress)
		job->visitor->progress(job->visitor->context, job->result);
	job->first_seq = salvage->seqs[number];
	job->end = number + 1 < salvage->count ? salvage->seqs[number + 1] : 0;
	enum status status = find_segment(salvage, number, &found);
	if (status != STATUS_OK)
		return status;
	job->result->scanned += found.was_scanned;
	status = salvage_segment(job, &found);
	salvage_forget(&found);
	job->result->segments += status == STATUS_OK;
	if (status != STATUS_OK && job->error->text[0] == 0)
		return error_set(job->error, status, "%s: %s", salvage->to, status_text(status));
	return status;
}

static enum status prepare(const struct salvage *salvage, int *lock)
{
	struct error *error = salvage->job.error;
	bool empty = false;
	enum status status = files_make_directory(salvage->to, error);
	if (status != STATUS_OK)
		return status;
	status = files_is_empty(salvage->to, &empty);
	if (status != STATUS_OK)
		return error_set(error, status, "%s: %s", salvage->to, status_text(status));
	if (!empty)
		return error_set(error, STATUS_INVALID, "%s is not empty; name a new directory", salvage->to);
	status = files_lock(salvage->to, lock, error);
	if (status == STATUS_OK)
		status = files_write(salvage->to, STORE_BACKUP_INCOMPLETE, TEXT("salvage\n"), error);
	return status;
}

static enum status run(struct salvage *salvage)
{
	struct salvage_job *job = &salvage->job;
	int lock = -1;
	enum status status = prepare(salvage, &lock);
	if (status == STATUS_OK)
		status = find_identity(salvage);
	for (size_t i = 0; i < salvage->count && status == STATUS_OK; i++)
		status = salvage_one(salvage, i);
	if (status == STATUS_OK)
		status = identity_save(salvage->to, &job->identity, job->error);
	if (status == STATUS_OK)
		status = files_remove(salvage->to, STORE_BACKUP_INCOMPLETE);
	if (status == STATUS_OK)
		status = files_sync_directory(salvage->to);
	if (lock >= 0)
		(void)close(lock);
	return status;
}

enum status store_salvage(const char *from, const char *to, const struct store_salvage_visitor *visitor,
	struct store_salvaged *result, struct error *error)
{
	struct salvage salvage = {.from = from, .to = to};
	int lock = -1;
	error->text[0] = 0;
	*result = (struct store_salvaged){.segments = 0};
	salvage.job = (struct salvage_job){.to = to, .visitor = visitor, .result = result, .error = error};
	enum status status = files_list_segments(from, &salvage.seqs, &salvage.count);
	if (status == STATUS_OK && salvage.count == 0)
		status = STATUS_NOT_FOUND;
	if (status == STATUS_OK)
		status = files_keep_unlocked(from, &lock, error);
	if (status == STATUS_OK)
		status = run(&salvage);
	if (status == STATUS_OK) {
		result->first_seq = salvage.seqs[0];
		(void)snprintf(result->store_id, sizeof(result->store_id), "%s", salvage.job.identity.id);
	}
	if (lock >= 0)
		(void)close(lock);
	free(salvage.seqs);
	if (status != STATUS_OK && error->text[0] == 0)
		return error_set(error, status, "%s: %s", from, status_text(status));
	return status;
}
