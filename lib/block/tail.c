/*
 * A tail chunk: parts one after another, each
 *
 * OFFSET  SIZE      MEANING
 *      0     4      magic "mcT1"
 *      4     4      rows of the image, dead ones too
 *      8     8      seq of the first live row
 *     16     8      receive time, ns
 *     24     4      length of the image
 *     28     4      1: a bit per row follows, 1 = dead; 0: none is
 *     32     8      XXH3-64 of all before and behind this up to the image, which has a checksum of its own
 *     40   8 * r    fingerprints
 *      -   (r+7)/8  dead bits, if there are
 *      -     -      the image
 */
#include "rows.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

static const char magic[4] = {'m', 'c', 'T', '1'};

enum { PART_HEADER_BYTES = 40, CHECKSUM_AT = 32, FINGERPRINT_BYTES = 8 };

struct part_header {
	char magic[4];
	uint32_t rows;
	uint64_t first_seq;
	int64_t recv_time;
	uint32_t image_len;
	uint32_t has_dead;
	uint64_t checksum;
};
static_assert(sizeof(struct part_header) == PART_HEADER_BYTES, "it is written as it is");

static size_t dead_bytes(uint32_t rows)
{
	return ((size_t)rows + 7) / 8;
}

static uint64_t checksum_of(const struct part_header *header, const void *prints, size_t prints_bytes, const void *dead)
{
	XXH3_state_t state;
	XXH3_64bits_reset(&state);
	XXH3_64bits_update(&state, header, CHECKSUM_AT);
	XXH3_64bits_update(&state, prints, prints_bytes);
	if (header->has_dead)
		XXH3_64bits_update(&state, dead, dead_bytes(header->rows));
	return XXH3_64bits_digest(&state);
}

void tail_put(struct buf *chunk, const struct tail_part *part)
{
	struct part_header header = {
		.rows = part->row_count,
		.first_seq = part->first_seq,
		.recv_time = part->recv_time,
		.image_len = (uint32_t)part->image.len,
		.has_dead = part->dead != NULL,
	};
	memcpy(header.magic, magic, sizeof(magic));
	size_t prints_bytes = (size_t)part->row_count * FINGERPRINT_BYTES;
	header.checksum = checksum_of(&header, part->fingerprints, prints_bytes, part->dead);
	buf_put(chunk, &header, sizeof(header));
	buf_put(chunk, part->fingerprints, prints_bytes);
	if (part->dead)
		buf_put(chunk, part->dead, dead_bytes(part->row_count));
	buf_put_text(chunk, part->image);
}

enum status tail_next(struct text chunk, size_t *at, struct tail_part *part)
{
	struct part_header header;
	if (*at == chunk.len)
		return STATUS_NOT_FOUND;
	if (*at > chunk.len || chunk.len - *at < sizeof(header))
		return STATUS_DAMAGED;
	memcpy(&header, chunk.at + *at, sizeof(header));
	size_t left = chunk.len - *at - sizeof(header);
	if (memcmp(header.magic, magic, sizeof(magic)) != 0 || header.rows > BLOCK_ROWS_MAX || header.has_dead > 1)
		return STATUS_DAMAGED;
	size_t prints = (size_t)header.rows * FINGERPRINT_BYTES;
	size_t dead = header.has_dead ? dead_bytes(header.rows) : 0;
	if (prints + dead > left || header.image_len > left - prints - dead)
		return STATUS_DAMAGED;
	const char *from = chunk.at + *at + sizeof(header);
	if (checksum_of(&header, from, prints, from + prints) != header.checksum)
		return STATUS_DAMAGED;
	*part = (struct tail_part){
		.first_seq = header.first_seq,
		.recv_time = header.recv_time,
		.row_count = header.rows,
		.dead = header.has_dead ? (const uint8_t *)from + prints : NULL,
		.fingerprints = (const uint64_t *)(const void *)from,
		.image = {from + prints + dead, header.image_len},
	};
	*at += sizeof(header) + prints + dead + header.image_len;
	return STATUS_OK;
}
