/* verify_segment - one segment looked at whole: its pages, its values, and whether they are what its head says. */
#ifndef MCPLEDGER_STORE_VERIFY_SEGMENT_H
#define MCPLEDGER_STORE_VERIFY_SEGMENT_H

#include "segment.h"
#include "store_verify.h"

struct verified_segment {
	struct segment_head head;
	struct segment_identity identity;
	bool has_head, has_identity; /* they were found, and are whole */
	uint64_t pages, blocks, tail_chunks, payloads, faults;
	uint64_t unused_pages; /* see store_verified; 0 where there are faults: then they may be lost ones */
};

/*
 * Verifies a segment in a directory, as of its newest commit, and tells what is wrong when it is through.
 * STATUS_NOT_FOUND: it is not there any more; _UNSUPPORTED, _BUSY, _DENIED, _IO, _NO_MEMORY: see store_verify.
 */
enum status verify_segment(const char *dir, uint64_t first_seq, const struct store_verify_visitor *visitor,
	struct verified_segment *found) MUST_CHECK;

#endif
