#include "proof.h"

#include <stdlib.h>

enum { SCRATCH_BYTES_MAX = 8 * 1024 * 1024 };

struct proof {
	struct store *store;
	const struct identity *identity;
	struct store_reader *reader; /* NULL: none is open, nor a block */
	struct store_unit unit;
	struct block *block;
	struct buf scratch;
	struct event event;
};

enum status proof_create(struct proof **proof, struct store *store, const struct identity *identity)
{
	struct proof *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->store = store;
	made->identity = identity;
	buf_init(&made->scratch, SCRATCH_BYTES_MAX);
	*proof = made;
	return STATUS_OK;
}

void proof_end(struct proof *proof)
{
	block_close(&proof->block);
	store_reader_close(&proof->reader);
}

void proof_destroy(struct proof **proof)
{
	if (*proof == NULL)
		return;
	proof_end(*proof);
	buf_finish(&(*proof)->scratch);
	free(*proof);
	*proof = NULL;
}

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct proof *proof = context;
	return store_reader_payload(proof->reader, proof->unit.segment_number, key, arena, payload);
}

static bool block_holds(const struct block *block, uint64_t seq)
{
	uint64_t first = block_first_seq(block);
	return seq >= first && seq - first < block_count(block);
}

/* Opens the part of a tail chunk that holds seq. */
static enum status open_part(struct proof *proof, uint64_t seq)
{
	size_t at = 0;
	struct tail_part part;
	enum status status = STATUS_OK;
	while ((status = tail_next(proof->unit.bytes, &at, &part)) == STATUS_OK) {
		status = block_open_part(&part, &proof->block, NULL);
		if (status != STATUS_OK || block_holds(proof->block, seq))
			break;
		block_close(&proof->block);
	}
	return status;
}

static enum status open_block(struct proof *proof, uint64_t seq)
{
	struct error error;
	enum status status = STATUS_OK;
	block_close(&proof->block);
	if (proof->reader == NULL)
		status = store_reader_attach(&proof->reader, proof->store, &error);
	if (status == STATUS_OK)
		status = store_reader_unit(proof->reader, seq, false, &proof->unit, &error);
	if (status != STATUS_OK)
		return status;
	if (proof->unit.sealed)
		status = block_open(proof->unit.bytes, &proof->block, &error);
	else
		status = open_part(proof, seq);
	if (status == STATUS_OK)
		block_set_payload_source(proof->block, (struct payload_source){get_payload, proof});
	return status;
}

enum status proof_read(struct proof *proof, uint64_t seq, uint64_t *digest)
{
	if (proof->block == NULL || !block_holds(proof->block, seq)) {
		enum status status = open_block(proof, seq);
		if (status != STATUS_OK)
			return status;
	}
	if (!block_holds(proof->block, seq))
		return STATUS_NOT_FOUND;
	uint32_t row = (uint32_t)(seq - block_first_seq(proof->block));
	enum status status = block_event(proof->block, row, &proof->event);
	if (status != STATUS_OK)
		return status;
	return identity_digest(proof->identity, &proof->event, &proof->scratch, digest);
}
