/* salvage_segment - a new segment of what was found of a damaged one. */
#ifndef MCPLEDGER_STORE_SALVAGE_SEGMENT_H
#define MCPLEDGER_STORE_SALVAGE_SEGMENT_H

#include "salvage_find.h"
#include "store_verify.h"

struct salvage_job {
	const char *to;     /* directory */
	uint64_t first_seq; /* as the file's name says */
	uint64_t end;       /* first seq of the segment behind it; 0: it is the newest */
	int64_t recv_time;  /* of the newest event before it; then of its own newest one */
	struct segment_identity identity;
	bool key_is_new; /* the identity was lost: summaries do not fit its key */
	const struct store_salvage_visitor *visitor;
	struct store_salvaged *result; /* is added to */
	struct error *error;
};

/* Makes it, with all that was found (values may be marked as useless). STATUS_NO_SPACE, _IO, _NO_MEMORY. */
enum status salvage_segment(struct salvage_job *job, struct salvage_found *found) MUST_CHECK;

#endif
