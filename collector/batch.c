#include "batch.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	POOL_BATCHES_MAX = 64,
	POOL_BATCH_BYTES_MAX = 4 * 1024 * 1024, /* larger ones are freed, not kept */
	BATCH_BUF_BYTES_MAX = 1024 * 1024 * 1024,
};

struct batch_pool {
	pthread_mutex_t lock;
	struct batch *free[POOL_BATCHES_MAX];
	size_t count;
};

struct bufs {
	struct buf *at[9];
};

static struct bufs bufs_of(struct batch *batch)
{
	return (struct bufs){{&batch->images, &batch->parts, &batch->fingerprints, &batch->rows, &batch->payload_bytes,
		&batch->payloads, &batch->rejects, &batch->dead, &batch->conflicts}};
}

static struct batch *batch_create(void)
{
	struct batch *batch = calloc(1, sizeof(*batch));
	if (batch == NULL)
		return NULL;
	struct bufs bufs = bufs_of(batch);
	for (size_t i = 0; i < sizeof(bufs.at) / sizeof(bufs.at[0]); i++)
		buf_init(bufs.at[i], BATCH_BUF_BYTES_MAX);
	return batch;
}

static void batch_destroy(struct batch *batch)
{
	struct bufs bufs = bufs_of(batch);
	for (size_t i = 0; i < sizeof(bufs.at) / sizeof(bufs.at[0]); i++)
		buf_finish(bufs.at[i]);
	free(batch);
}

static void batch_clear(struct batch *batch)
{
	struct bufs bufs = bufs_of(batch);
	for (size_t i = 0; i < sizeof(bufs.at) / sizeof(bufs.at[0]); i++)
		buf_clear(bufs.at[i]);
	memset(batch->rejected, 0, sizeof(batch->rejected));
	batch->received = batch->rejected_total = batch->duplicates = 0;
	batch->unreadable = false;
	batch->budget_bytes = 0;
	batch->done = NULL;
	batch->context = NULL;
}

size_t batch_bytes(const struct batch *batch)
{
	return sizeof(*batch) + batch->images.len + batch->parts.len + batch->fingerprints.len + batch->rows.len +
	       batch->payload_bytes.len + batch->payloads.len + batch->rejects.len;
}

static size_t batch_capacity(struct batch *batch)
{
	size_t bytes = 0;
	struct bufs bufs = bufs_of(batch);
	for (size_t i = 0; i < sizeof(bufs.at) / sizeof(bufs.at[0]); i++)
		bytes += bufs.at[i]->capacity;
	return bytes;
}

enum status batch_pool_create(struct batch_pool **pool)
{
	struct batch_pool *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	pthread_mutex_init(&made->lock, NULL);
	*pool = made;
	return STATUS_OK;
}

void batch_pool_destroy(struct batch_pool **pool)
{
	if (*pool == NULL)
		return;
	while ((*pool)->count > 0)
		batch_destroy((*pool)->free[--(*pool)->count]);
	pthread_mutex_destroy(&(*pool)->lock);
	free(*pool);
	*pool = NULL;
}

struct batch *batch_take(struct batch_pool *pool)
{
	struct batch *batch = NULL;
	pthread_mutex_lock(&pool->lock);
	if (pool->count > 0)
		batch = pool->free[--pool->count];
	pthread_mutex_unlock(&pool->lock);
	return batch ? batch : batch_create();
}

void batch_release(struct batch_pool *pool, struct batch *batch)
{
	batch_clear(batch);
	bool keep = batch_capacity(batch) <= POOL_BATCH_BYTES_MAX;
	pthread_mutex_lock(&pool->lock);
	keep = keep && pool->count < POOL_BATCHES_MAX;
	if (keep)
		pool->free[pool->count++] = batch;
	pthread_mutex_unlock(&pool->lock);
	if (!keep)
		batch_destroy(batch);
}
