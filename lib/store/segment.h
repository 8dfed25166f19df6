/*
 * segment - what is in a segment: databases, keys, values.
 *
 * A segment is one LMDB file, seg-<first_seq, 20 digits>.mdb, with the sub-databases below.  Numbers in keys are
 * big-endian (LMDB orders by bytes), numbers in values little-endian.
 *
 * DATABASE  KEY                VALUE
 * meta      "store"            identity of the store, see below
 * meta      "head"             what the segment holds, see below; rewritten by every commit
 * meta      "state." NAME      small named state of the daemon, see below
 * tail      unit key           part of a tail chunk; exactly the events not yet in a block
 * block     unit key           part of a block's image
 * summary   unit key           part of the summary of the block with the same key
 * payload   payload key        part of a payload, as given (compressed)
 *
 * Unit key                               Payload key
 * OFFSET SIZE MEANING                    OFFSET SIZE MEANING
 *      0    8 first seq                       0   32 digest
 *      8    2 part number, from 0            32    2 part number, from 0
 *     10    4 events
 *
 * Part: a value longer than SEGMENT_PART_BYTES_MAX (SEGMENT_TAIL_PART_BYTES_MAX in the tail) is split; each part starts
 * with a header of 48 bytes.
 * OFFSET SIZE MEANING
 *      0    4 "mlT1" tail, "mlB1" block, "mlS1" summary, "mlP1" payload
 *      4    2 part number, from 0
 *      6    2 parts
 *      8    8 first seq (payload: 0)
 *     16    4 events (payload: 0)
 *     20    4 bytes of the value in this part
 *     24    8 bytes of the whole value
 *     32    8 recv_time of the newest event, ns (summary, payload: 0)
 *     40    8 XXH3-64 of the bytes in this part (payload: with the seed XXH3-64 of the digest in its key)
 *     48      bytes; then zeros, in a block shorter than a page
 * LMDB puts a value of more than half a page on pages of its own, behind a page header of 16 bytes.  Blocks are made at
 * least 4080 bytes long, so a block's part always starts 16 bytes, and its image 64 bytes, behind a multiple of 4096:
 * salvage finds them without the B-tree.  The longest part is 4 MiB - 16 bytes, so that it fills whole pages.
 * Tail chunks are split much sooner, into parts of 4 pages: their pages are freed when they are sealed, and blocks and
 * summaries that settle in a hole leave a rest of it.  A rest shorter than the next tail chunk's part would never be used
 * again: with whole chunks of 65 KB the file grew by 4 % beyond what it held, with parts of 4 pages by 0.3 %.
 *
 * Identity                               Head
 * OFFSET SIZE MEANING                    OFFSET SIZE MEANING
 *      0    4 format version                  0    4 format version
 *      4    4 0                               4    4 1: sealed, nothing will be written any more; 2: salvaged
 *      8   16 store id, hex digits            8    8 number of the commit that wrote it
 *     24   16 key of the filters             16    8 first seq of the segment
 *     40    8 made at, ns                    24    8 next seq
 *     48    8 XXH3-64 of bytes 0..47         32    8 first seq of the tail (= next seq: empty)
 *                                            40    8 tail chunks
 *                                            48    8 bytes in tail; 56: in blocks; 64: in summaries; 72: in payloads
 *                                            80    8 blocks; 88: payloads
 *                                            96    8 recv_time of the first event (0: no events)
 *                                           104    8 recv_time of the newest event (carried from the segment before)
 *                                           112    8 recv_time of the first tail chunk (0: no tail)
 *                                           120    8 XXH3-64 of bytes 0..119
 *
 * A salvaged segment lacks events: those between its first and its next one that are in no unit were lost before it was
 * made.  Of any other segment they are damage.
 *
 * State
 * OFFSET SIZE MEANING
 *      0    8 number of the commit that wrote it
 *      8    8 XXH3-64 of the bytes, with the seed XXH3-64 of the name, with the seed of that number
 *     16      bytes, as given
 *
 * If you change any of this: 1 raise STORE_FORMAT_VERSION, 2 keep reading the old one, 3 keep a golden store of it.
 */
#ifndef MCPLEDGER_STORE_SEGMENT_H
#define MCPLEDGER_STORE_SEGMENT_H

#include "env.h"
#include "store.h"

enum {
	SEGMENT_NAME_BYTES = 32, /* "seg-" 20 digits ".mdb" NUL, and room for ".tmp" */
	SEGMENT_ID_BYTES = 16,
	SEGMENT_FILTER_KEY_BYTES = 16,
	SEGMENT_PART_HEADER_BYTES = 48,
	SEGMENT_PAYLOAD_DIGEST_BYTES = 32,
	SEGMENT_PAYLOAD_KEY_BYTES = SEGMENT_PAYLOAD_DIGEST_BYTES + 2, /* and the number of the part */
	SEGMENT_IDENTITY_BYTES = 56,
	SEGMENT_HEAD_BYTES = 128,
	SEGMENT_PART_BYTES_MAX = 1024 * 4096 - 16 - SEGMENT_PART_HEADER_BYTES,
	SEGMENT_TAIL_PART_BYTES_MAX = 4 * 4096 - 16 - SEGMENT_PART_HEADER_BYTES,
	SEGMENT_VALUE_BYTES_MAX = 256 * 1024 * 1024,
	SEGMENT_FIRST_SEQ = 1, /* of a new store: 0 is no seq */
};

struct segment_identity {
	char id[SEGMENT_ID_BYTES + 1];
	uint8_t filter_key[SEGMENT_FILTER_KEY_BYTES];
	int64_t made_at;
};

struct segment_head {
	bool sealed, salvaged;
	uint64_t commit; /* that wrote it: LMDB's number of the transaction */
	uint64_t first_seq, next_seq, tail_first_seq;
	uint64_t tail_chunks;
	uint64_t tail_bytes, block_bytes, summary_bytes, payload_bytes;
	uint64_t blocks, payloads;
	int64_t oldest_recv_time, last_recv_time, tail_oldest_recv_time;
};

/* A unit: a tail chunk or a block, by its key. */
struct segment_unit {
	uint64_t first_seq;
	uint32_t count;
};

struct segment_value {
	struct text bytes; /* in the map, or joined in the arena */
	bool copied;       /* into the arena */
	int64_t recv_time;
};

/* name: "seg-….mdb" */
void segment_name(uint64_t first_seq, char name[SEGMENT_NAME_BYTES]);
/* Whether it is the name of a segment's data file. */
bool segment_name_parse(const char *name, uint64_t *first_seq);

/*
 * STATUS_UNSUPPORTED; _DAMAGED: also where there is none, or where a read transaction shows what an older commit left,
 * because LMDB took a damaged meta page for the newest one.
 */
enum status segment_read_head(struct env_txn *txn, struct segment_head *head) MUST_CHECK;
enum status segment_read_identity(struct env_txn *txn, struct segment_identity *identity) MUST_CHECK;
/* Values that were read without a transaction (pages.h); what is parsed points into them. */
enum status segment_parse_head(struct text value, struct segment_head *head) MUST_CHECK;
enum status segment_parse_identity(struct text value, struct segment_identity *identity) MUST_CHECK;
/* Sets head->commit. */
void segment_put_head(struct env_txn *txn, struct segment_head *head);
void segment_put_identity(struct env_txn *txn, const struct segment_identity *identity);

void segment_put_state(struct env_txn *txn, const char *name, struct text bytes);
/* STATUS_NOT_FOUND; _DAMAGED. */
enum status segment_get_state(struct env_txn *txn, const char *name, struct text *bytes) MUST_CHECK;
struct segment_state {
	struct text name, bytes;
	uint64_t commit; /* that wrote it */
};
/* A record of meta, by its key.  STATUS_NOT_FOUND: it is no state; _DAMAGED. */
enum status segment_parse_state(struct text key, struct text value, struct segment_state *state) MUST_CHECK;
/* Copies all state of one segment into a new one; damaged state fails `to`. */
void segment_carry_state(struct env_txn *from, struct env_txn *to);

struct segment_part {
	enum env_db db;
	bool has_key; /* the key is one: unit (not of a payload) and number are known, even if the part is damaged */
	struct segment_unit unit;
	unsigned number, parts;
	uint64_t bytes_whole;
	int64_t recv_time;
	struct text bytes;
};
/* STATUS_OK: the part is whole: its header fits its key, and its bytes their checksum. */
enum status segment_parse_part(
	enum env_db db, struct text key, struct text value, struct segment_part *part) MUST_CHECK;

/*
 * A part without its key, somewhere in a file.  Only its header is read (header: at least that), and nothing in it has been
 * checked: what it belongs to is known for sure only when the whole value says the same.  *len: of header and bytes.
 * STATUS_NOT_FOUND: there is none.
 */
enum status segment_parse_header(struct text header, struct segment_part *part, size_t *len) MUST_CHECK;
/* The same with its bytes; digest: of a payload, which proves that it is its own; NULL: that is not known. */
enum status segment_parse_alone(
	struct text value, const uint8_t digest[32], struct segment_part *part, size_t *len) MUST_CHECK;

/* db: ENV_TAIL, ENV_BLOCK or ENV_SUMMARY; units ascend. */
void segment_put_unit(
	struct env_txn *txn, enum env_db db, struct segment_unit unit, int64_t recv_time, struct text bytes);
/* Finds the unit that holds seq; if none: the next one (forward) or the one before it (backward). */
enum status segment_find_unit(
	struct env_txn *txn, enum env_db db, uint64_t seq, bool backward, struct segment_unit *unit) MUST_CHECK;
/*
 * A value of so many bytes has pages of its own, whatever the page size: unlike what stands in a page of the tree, it lies
 * where it is until it is deleted, which blocks and summaries never are.
 */
enum { SEGMENT_STAYS_BYTES_MIN = 64 * 1024 };
/* Reads a unit.  check: also its checksum; copy: into the arena even if it is in one part. */
struct segment_reading {
	struct arena *arena;
	struct buf
		*fetched; /* first parts are read from the file into it (see env_read_value); NULL: through the map */
	bool check, copy;
	bool stays;     /* what is long is not copied all the same: see SEGMENT_STAYS_BYTES_MIN */
	bool from_file; /* what is copied; only in a read transaction (see env_read_value) */
};
enum status segment_get_unit(struct env_txn *txn, enum env_db db, struct segment_unit unit,
	struct segment_reading reading, struct segment_value *value) MUST_CHECK;
/* The recv_time of a tail chunk's newest event. */
enum status segment_tail_recv_time(struct env_txn *txn, struct segment_unit unit, int64_t *recv_time) MUST_CHECK;
/* Deletes a tail chunk; tells how many bytes it had. */
void segment_delete_tail(struct env_txn *txn, struct segment_unit unit, uint64_t *bytes);

bool segment_has_payload(struct env_txn *txn, const uint8_t digest[32]);
void segment_put_payload(struct env_txn *txn, const uint8_t digest[32], struct text bytes);
enum status segment_get_payload(
	struct env_txn *txn, const uint8_t digest[32], struct segment_reading reading, struct text *bytes) MUST_CHECK;

#endif
