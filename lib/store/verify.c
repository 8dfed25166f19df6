/* All segments of a store, and how they follow each other. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "files.h"
#include "verify_segment.h"

struct verify {
	const char *dir;
	const struct store_verify_visitor *visitor;
	struct store_verified *found;
	struct verified_segment before; /* the segment before */
	char name[SEGMENT_NAME_BYTES];  /* of the segment at hand */
	bool has_identity;
	struct segment_identity identity;
};

static void tell(struct verify *verify, uint64_t first_seq, uint64_t last_seq, const char *what)
{
	const struct store_fault fault = {verify->name, 0, first_seq, last_seq, what};
	verify->found->faults++;
	verify->visitor->fault(verify->visitor->context, &fault);
}

/* Segments hold all events between them; only the newest may still be written. */
static void compare_neighbours(struct verify *verify, uint64_t first_seq, bool is_first)
{
	if (is_first)
		return;
	const struct segment_head *before = &verify->before.head;
	if (verify->before.has_head && before->next_seq < first_seq)
		tell(verify, before->next_seq, first_seq - 1,
			"these events are not there: a segment before this one is missing");
	if (verify->before.has_head && before->next_seq > first_seq)
		tell(verify, first_seq, before->next_seq - 1, "the segment before says that it has these events, too");
	if (verify->before.has_head && before->tail_first_seq != before->next_seq)
		tell(verify, before->tail_first_seq, before->next_seq - 1,
			"the segment before was left before these events were sealed");
}

static void compare_identity(struct verify *verify, const struct verified_segment *segment)
{
	if (!segment->has_identity)
		return;
	if (verify->has_identity && strcmp(verify->identity.id, segment->identity.id) != 0)
		tell(verify, 0, 0, "it belongs to another store than the segments before");
	if (!verify->has_identity)
		verify->identity = segment->identity;
	verify->has_identity = true;
}

static void add_up(struct store_verified *found, const struct verified_segment *segment, uint64_t first_seq)
{
	if (found->segments == 0)
		found->first_seq = found->next_seq = first_seq;
	found->segments++;
	found->pages += segment->pages;
	found->unused_pages += segment->unused_pages;
	found->blocks += segment->blocks;
	found->tail_chunks += segment->tail_chunks;
	found->payloads += segment->payloads;
	found->faults += segment->faults;
	if (segment->has_head)
		found->next_seq = segment->head.next_seq;
}

static enum status verify_one(struct verify *verify, uint64_t first_seq, struct error *error)
{
	struct verified_segment segment;
	struct store_verified *found = verify->found;
	segment_name(first_seq, verify->name);
	if (verify->visitor->progress)
		verify->visitor->progress(verify->visitor->context, found);
	enum status status = verify_segment(verify->dir, first_seq, verify->visitor, &segment);
	if (status == STATUS_NOT_FOUND) /* pruned meanwhile: only the oldest ones are */
		return STATUS_OK;
	if (status == STATUS_BUSY)
		return error_set(error, status,
			"%s/%s is being written, and its lock file cannot be used: verify it as the store's owner, or "
			"a backup of it",
			verify->dir, verify->name);
	if (status != STATUS_OK)
		return error_set(error, status, "%s/%s: %s", verify->dir, verify->name, status_text(status));
	compare_neighbours(verify, first_seq, found->segments == 0);
	compare_identity(verify, &segment);
	add_up(found, &segment, first_seq);
	verify->before = segment;
	return STATUS_OK;
}

enum status store_verify(
	const char *dir, const struct store_verify_visitor *visitor, struct store_verified *found, struct error *error)
{
	uint64_t *seqs = NULL;
	size_t count = 0;
	*found = (struct store_verified){.segments = 0};
	struct verify verify = {.dir = dir, .visitor = visitor, .found = found};
	enum status status = files_list_segments(dir, &seqs, &count);
	if (status == STATUS_OK && count == 0)
		status = STATUS_NOT_FOUND;
	if (status != STATUS_OK)
		(void)error_set(error, status, "%s: %s", dir, status_text(status));
	for (size_t i = 0; i < count && status == STATUS_OK; i++)
		status = verify_one(&verify, seqs[i], error);
	free(seqs);
	(void)snprintf(found->store_id, sizeof(found->store_id), "%s", verify.identity.id);
	return status;
}
