/*
 * A block is as many whole chunks as fit into BLOCK_ROWS_MAX rows and BLOCK_RAW_BYTES_MAX.  Rows are the parts' rows in
 * the order of seq: what the encoder groups and sorts is its own affair.
 */
#include "sealer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SUMMARY_BYTES_MAX = 16 * 1024 * 1024 };

enum state { IDLE, WANTED, WORKING, DONE };

struct sealer {
	struct store *store;
	void (*ready)(void *context);
	void *context;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum state state; /* under lock, as is stopping */
	bool stopping;
	atomic_bool hurry;
	/* the job: the writer's while IDLE and DONE, the sealer's while WANTED and WORKING */
	uint64_t first_seq;
	uint32_t count;
	enum status status;
	struct error error;
	struct buf image, summary;
	struct rows *rows;
};

/* One job: the reader it looks through, and where it is. */
struct job {
	struct sealer *sealer;
	struct store_reader *reader;
	struct store_unit unit; /* the chunk it is at */
};

static enum status get_payload(void *context, const uint8_t key[32], struct arena *arena, struct text *payload)
{
	const struct job *job = context;
	return store_reader_payload(job->reader, job->unit.segment_number, key, arena, payload);
}

static enum status append_part(struct job *job, const struct tail_part *part)
{
	struct block *block = NULL;
	enum status status = block_open_part(part, &block, &job->sealer->error);
	if (status != STATUS_OK)
		return status;
	block_set_payload_source(block, (struct payload_source){get_payload, job});
	status = rows_append_block(job->sealer->rows, block);
	block_close(&block);
	return status;
}

static enum status append_chunk(struct job *job)
{
	size_t at = 0;
	struct tail_part part;
	enum status status = tail_next(job->unit.bytes, &at, &part);
	while (status == STATUS_OK) {
		status = append_part(job, &part);
		if (status == STATUS_OK)
			status = tail_next(job->unit.bytes, &at, &part);
	}
	return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/*
 * Appends whole chunks, at most chunks_max.  STATUS_LIMIT: the last one fitted in part only, so the rows are of no use;
 * *chunks is how many would have fitted.
 */
static enum status append_chunks(struct job *job, uint32_t chunks_max, uint32_t *chunks)
{
	struct sealer *sealer = job->sealer;
	rows_clear(sealer->rows);
	sealer->count = 0;
	*chunks = 0;
	while (*chunks < chunks_max) {
		uint64_t seq = sealer->first_seq + sealer->count;
		enum status status = store_reader_unit(job->reader, seq, false, &job->unit, &sealer->error);
		if (status == STATUS_NOT_FOUND && sealer->count > 0)
			return STATUS_OK;
		if (status != STATUS_OK)
			return status;
		if (job->unit.sealed || job->unit.first_seq != seq)
			return error_set(&sealer->error, STATUS_DAMAGED, "no tail chunk begins with event %llu",
				(unsigned long long)seq);
		if (sealer->count > 0 && job->unit.count > BLOCK_ROWS_MAX - sealer->count)
			return STATUS_OK;
		status = append_chunk(job);
		if (status != STATUS_OK)
			return status;
		sealer->count += job->unit.count;
		(*chunks)++;
	}
	return STATUS_OK;
}

static enum status seal(struct sealer *sealer, struct store_reader *reader)
{
	struct job job = {.sealer = sealer, .reader = reader};
	uint32_t chunks = 0;
	enum status status = append_chunks(&job, UINT32_MAX, &chunks);
	if (status == STATUS_LIMIT && chunks > 0)
		status = append_chunks(&job, chunks, &chunks);
	if (status != STATUS_OK)
		return status;
	buf_clear(&sealer->image);
	buf_clear(&sealer->summary);
	return block_encode(sealer->rows, BLOCK_SEALED, sealer->first_seq, store_filter_key(sealer->store),
		&sealer->image, &sealer->summary);
}

static void run(struct sealer *sealer)
{
	struct store_reader *reader = NULL;
	sealer->error.text[0] = 0;
	/* A reader per job: between jobs it would only keep the writer from using pages again. */
	sealer->status = store_reader_attach(&reader, sealer->store, &sealer->error);
	if (sealer->status == STATUS_OK)
		sealer->status = seal(sealer, reader);
	store_reader_close(&reader);
	if (sealer->status != STATUS_OK && sealer->error.text[0] == 0)
		(void)error_set(&sealer->error, sealer->status, "%s", status_text(sealer->status));
	rows_clear(sealer->rows);
}

static void *sealer_main(void *context)
{
	struct sealer *sealer = context;
	(void)pthread_setname_np(pthread_self(), "sealer");
	pthread_mutex_lock(&sealer->lock);
	for (;;) {
		while (sealer->state != WANTED && !sealer->stopping)
			pthread_cond_wait(&sealer->changed, &sealer->lock);
		if (sealer->stopping)
			break;
		sealer->state = WORKING;
		pthread_mutex_unlock(&sealer->lock);
		run(sealer);
		pthread_mutex_lock(&sealer->lock);
		sealer->state = DONE;
		pthread_cond_broadcast(&sealer->changed);
		pthread_mutex_unlock(&sealer->lock);
		sealer->ready(sealer->context);
		pthread_mutex_lock(&sealer->lock);
	}
	pthread_mutex_unlock(&sealer->lock);
	return NULL;
}

enum status sealer_create(struct sealer **sealer, struct store *store, void (*ready)(void *context), void *context)
{
	struct sealer *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->store = store;
	made->ready = ready;
	made->context = context;
	buf_init(&made->image, BLOCK_IMAGE_BYTES_MAX);
	buf_init(&made->summary, SUMMARY_BYTES_MAX);
	enum status status = rows_create(&made->rows);
	if (status != STATUS_OK) {
		free(made);
		return status;
	}
	rows_pack_thoroughly(made->rows, &made->hurry);
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->changed, NULL);
	if (pthread_create(&made->thread, NULL, sealer_main, made) != 0) {
		rows_destroy(&made->rows);
		free(made);
		return STATUS_NO_MEMORY;
	}
	*sealer = made;
	return STATUS_OK;
}

void sealer_destroy(struct sealer **sealer)
{
	struct sealer *old = *sealer;
	if (old == NULL)
		return;
	pthread_mutex_lock(&old->lock);
	old->stopping = true;
	pthread_cond_broadcast(&old->changed);
	pthread_mutex_unlock(&old->lock);
	pthread_join(old->thread, NULL);
	pthread_cond_destroy(&old->changed);
	pthread_mutex_destroy(&old->lock);
	buf_finish(&old->image);
	buf_finish(&old->summary);
	rows_destroy(&old->rows);
	free(old);
	*sealer = NULL;
}

static void set_state(struct sealer *sealer, enum state state)
{
	pthread_mutex_lock(&sealer->lock);
	sealer->state = state;
	pthread_cond_broadcast(&sealer->changed);
	pthread_mutex_unlock(&sealer->lock);
}

static enum state get_state(struct sealer *sealer)
{
	pthread_mutex_lock(&sealer->lock);
	enum state state = sealer->state;
	pthread_mutex_unlock(&sealer->lock);
	return state;
}

void sealer_begin(struct sealer *sealer, uint64_t first_seq)
{
	if (get_state(sealer) != IDLE)
		return;
	atomic_store(&sealer->hurry, false);
	sealer->first_seq = first_seq;
	set_state(sealer, WANTED);
}

void sealer_hurry(struct sealer *sealer)
{
	atomic_store(&sealer->hurry, true);
}

void sealer_wait(struct sealer *sealer)
{
	pthread_mutex_lock(&sealer->lock);
	while (sealer->state == WANTED || sealer->state == WORKING)
		pthread_cond_wait(&sealer->changed, &sealer->lock);
	pthread_mutex_unlock(&sealer->lock);
}

bool sealer_is_busy(struct sealer *sealer)
{
	return get_state(sealer) != IDLE;
}

bool sealer_is_done(struct sealer *sealer)
{
	return get_state(sealer) == DONE;
}

enum status sealer_get(struct sealer *sealer, struct sealed *sealed, struct error *error)
{
	if (get_state(sealer) != DONE)
		return STATUS_NOT_FOUND;
	if (sealer->status != STATUS_OK) {
		enum status status = sealer->status;
		*error = sealer->error;
		set_state(sealer, IDLE);
		return status;
	}
	sealed->first_seq = sealer->first_seq;
	sealed->count = sealer->count;
	sealed->image = buf_text(&sealer->image);
	sealed->summary = buf_text(&sealer->summary);
	return STATUS_OK;
}

void sealer_release(struct sealer *sealer)
{
	set_state(sealer, IDLE);
}
