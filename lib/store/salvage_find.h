/*
 * salvage_find - what is whole in a segment's file, however it can be found.
 *
 * First as its trees say (pages.h).  Where they are not whole, the file is searched for parts by their magic, for large
 * payloads by what looks like their key, and for what meta holds by its names: all of them have checksums, so that
 * each proves itself.  What was deleted or never committed is found that way, too: it comes after what is in a tree.
 * Neither LMDB nor the trees decide about what is read.
 */
#ifndef MCPLEDGER_STORE_SALVAGE_FIND_H
#define MCPLEDGER_STORE_SALVAGE_FIND_H

#include "segment.h"

struct salvage_part {
	uint64_t at; /* of its header, from the begin of the file */
	uint32_t len;
	uint16_t number;
};

/* A value of which all parts were found. */
struct salvage_value {
	enum env_db db;
	struct segment_unit unit; /* not of a payload */
	uint8_t digest[32];       /* of a payload */
	uint64_t bytes;
	int64_t recv_time;
	bool by_tree;
	bool is_useless; /* free for who tries it */
	size_t first_part;
	unsigned parts;
};

struct salvage_state {
	char *name;
	struct buf bytes;
	uint64_t commit;
	bool by_tree;
};

struct salvage_found {
	int fd;
	struct salvage_part *parts;
	struct salvage_value *values; /* ascending by db, unit, digest; those of a tree first */
	size_t part_count, value_count;
	struct salvage_part *orphans; /* payloads whose key is not known, each of one part */
	size_t orphan_count;
	struct salvage_state *states;
	size_t state_count;
	struct segment_head head; /* of the newest commit that tells of itself */
	struct segment_identity identity;
	bool has_head, has_identity;
	bool is_newest;   /* the head is of the newest commit for sure */
	bool was_scanned; /* the trees were not whole */
};

/* STATUS_UNSUPPORTED: of a later version; _NOT_FOUND, _DENIED, _IO, _NO_MEMORY. */
enum status salvage_find(const char *path, struct salvage_found *found) MUST_CHECK;
void salvage_forget(struct salvage_found *found);
/* Reads a value into out. STATUS_DAMAGED: it is not what it was; _IO, _NO_MEMORY. */
enum status salvage_load(
	const struct salvage_found *found, const struct salvage_value *value, struct buf *out) MUST_CHECK;
/* The payload with this key, as it is stored, in out. STATUS_NOT_FOUND. */
enum status salvage_load_payload(
	const struct salvage_found *found, const uint8_t digest[32], struct buf *out) MUST_CHECK;

#endif
