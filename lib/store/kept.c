#include "kept.h"

void kept_init(struct kept *kept)
{
	*kept = (struct kept){.count = 0};
	pthread_mutex_init(&kept->lock, NULL);
}

void kept_finish(struct kept *kept)
{
	for (unsigned i = 0; i < kept->count; i++)
		env_close(&kept->items[i].env);
	pthread_mutex_destroy(&kept->lock);
}

void kept_add(struct kept *kept, uint64_t first_seq, const char *path)
{
	struct env *env = NULL;
	bool known = false;
	pthread_mutex_lock(&kept->lock);
	for (unsigned i = 0; i < kept->count; i++)
		known = known || kept->items[i].first_seq == first_seq;
	/* It is open already: this is the same env once more. */
	if (!known && env_open(&env, path, ENV_READ_NOLOCK, 0, NULL) == STATUS_OK) {
		unsigned at = kept->count < KEPT_MAX ? kept->count++ : kept->next++ % KEPT_MAX;
		env_close(&kept->items[at].env);
		kept->items[at].first_seq = first_seq;
		kept->items[at].env = env;
	}
	pthread_mutex_unlock(&kept->lock);
}

void kept_drop(struct kept *kept, uint64_t first_seq)
{
	pthread_mutex_lock(&kept->lock);
	for (unsigned i = 0; i < kept->count; i++) {
		if (kept->items[i].first_seq != first_seq)
			continue;
		env_close(&kept->items[i].env);
		kept->items[i] = kept->items[--kept->count];
		kept->items[kept->count].env = NULL;
		break;
	}
	pthread_mutex_unlock(&kept->lock);
}
