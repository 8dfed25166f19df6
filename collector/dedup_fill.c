/* Fills the dedup window at start.  Only the columns that make the key are decoded. */
#include "timestamp.h"
#include "writer.h"

enum { ARRIVALS_MAX = 64 };

struct filler {
	struct dedup *dedup;
	const struct identity *identity;
	int64_t now;
};

/* The texts of one column; a block without the field has none. */
struct key_column {
	struct column column;
	bool absent;
};

static enum status read_column(struct block *block, unsigned field, struct key_column *column)
{
	enum status status = block_column(block, field, &column->column);
	column->absent = status == STATUS_NOT_FOUND;
	return column->absent ? STATUS_OK : status;
}

static struct text text_at(const struct key_column *column, uint32_t row)
{
	uint32_t code = column->absent ? 0 : column->column.codes[row];
	return code ? column->column.entries[code] : (struct text){NULL, 0};
}

/* Entries on their way into the window: its lines are loaded while the fingerprints of others are made. */
struct arrivals {
	uint64_t fingerprints[ARRIVALS_MAX], seqs[ARRIVALS_MAX];
	size_t count;
};

static enum status load_arrivals(const struct filler *filler, struct arrivals *arrivals, int64_t recv_time)
{
	enum status status = STATUS_OK;
	for (size_t i = 0; i < arrivals->count && status == STATUS_OK; i++)
		if (!dedup_load(filler->dedup, arrivals->fingerprints[i], arrivals->seqs[i], recv_time, filler->now))
			status = STATUS_LIMIT;
	arrivals->count = 0;
	return status;
}

/* STATUS_LIMIT: the window is full, or what follows is too old. */
static enum status fill_from_block(const struct filler *filler, struct block *block, int64_t recv_time)
{
	struct key_column named; /* the tenant an event names, and the one it was given */
	struct key_column given;
	struct key_column emitter;
	struct key_column id;
	struct key_column stage;
	struct arrivals arrivals = {.count = 0};
	enum status status = read_column(block, FIELD_ID, &id);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_TENANT, &named);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_INGEST_TENANT, &given);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_INGEST_EMITTER, &emitter);
	if (status == STATUS_OK)
		status = read_column(block, FIELD_STAGE, &stage);
	for (uint32_t row = block_count(block); status == STATUS_OK && !id.absent && row-- > 0;) {
		struct text tenant = text_at(&named, row);
		if (tenant.at == NULL)
			tenant = text_at(&given, row);
		struct identity_key key = {tenant, text_at(&emitter, row), text_at(&id, row), text_at(&stage, row)};
		uint64_t fingerprint = identity_fingerprint(filler->identity, &key);
		uint64_t seq = block_first_seq(block) + row;
		if (fingerprint == 0)
			continue;
		dedup_prefetch(filler->dedup, fingerprint);
		arrivals.fingerprints[arrivals.count] = fingerprint;
		arrivals.seqs[arrivals.count++] = seq;
		if (arrivals.count == ARRIVALS_MAX)
			status = load_arrivals(filler, &arrivals, recv_time);
	}
	return status == STATUS_OK ? load_arrivals(filler, &arrivals, recv_time) : status;
}

static enum status fill_from_sealed(const struct filler *filler, const struct store_unit *unit, struct error *error)
{
	struct summary *summary = NULL;
	struct block *block = NULL;
	enum status status = summary_open(unit->summary, &summary);
	if (status == STATUS_OK)
		status = block_open_columns(unit->bytes, &block, error);
	if (status == STATUS_OK)
		status = fill_from_block(filler, block, summary_recv_time(summary).last);
	block_close(&block);
	summary_close(&summary);
	return status;
}

static bool is_dead(const struct tail_part *part, uint32_t row)
{
	return part->dead && (part->dead[row / 8] >> row % 8 & 1);
}

/* The parts of a chunk oldest first: within one chunk order does not matter to the window. */
static enum status fill_from_chunk(const struct filler *filler, const struct store_unit *unit)
{
	size_t at = 0;
	struct tail_part part;
	enum status status = STATUS_OK;
	while ((status = tail_next(unit->bytes, &at, &part)) == STATUS_OK) {
		uint64_t seq = part.first_seq;
		for (uint32_t row = 0; row < part.row_count; row++) {
			if (is_dead(&part, row))
				continue;
			uint64_t fingerprint = 0;
			memcpy(&fingerprint, (const char *)part.fingerprints + row * sizeof(fingerprint),
				sizeof(fingerprint));
			if (fingerprint && !dedup_load(filler->dedup, fingerprint, seq, part.recv_time, filler->now))
				return STATUS_LIMIT;
			seq++;
		}
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status dedup_fill(struct dedup *dedup, struct store *store, const struct identity *identity, struct error *error)
{
	struct filler filler = {dedup, identity, timestamp_now()};
	struct store_reader *reader = NULL;
	enum status status = store_reader_attach(&reader, store, error);
	uint64_t next = status == STATUS_OK ? store_reader_next_seq(reader) : 0;
	if (next > 1)
		dedup_expect(dedup, next - store_reader_first_seq(reader));
	while (status == STATUS_OK && next > 1) {
		struct store_unit unit;
		status = store_reader_unit(reader, next - 1, true, &unit, error);
		if (status != STATUS_OK && status != STATUS_DAMAGED)
			break;
		next = unit.first_seq;
		if (status == STATUS_OK)
			status =
				unit.sealed ? fill_from_sealed(&filler, &unit, error) : fill_from_chunk(&filler, &unit);
		/* A unit that cannot be read is for `verify` to tell of: its ids are not known, and that is all. */
		if (status == STATUS_DAMAGED)
			status = STATUS_OK;
	}
	store_reader_close(&reader);
	return status == STATUS_LIMIT || status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
