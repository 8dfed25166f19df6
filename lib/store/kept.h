/*
 * kept - segments of a store that this process reads again and again stay open between its readers.
 *
 * Opening one maps its file, and each page that a question looks at is mapped when it is first touched, which costs more
 * than looking at it.  Who is about to remove a segment lets it go first.  Any thread.
 */
#ifndef MCPLEDGER_STORE_KEPT_H
#define MCPLEDGER_STORE_KEPT_H

#include <pthread.h>

#include "env.h"

enum { KEPT_MAX = 8 };

struct kept {
	pthread_mutex_t lock;
	struct {
		uint64_t first_seq;
		struct env *env;
	} items[KEPT_MAX];
	unsigned count, next; /* the next to make room */
};

void kept_init(struct kept *kept);
void kept_finish(struct kept *kept);
/* Keeps a segment that somebody has open and nobody writes; the one that was kept longest ago makes room. */
void kept_add(struct kept *kept, uint64_t first_seq, const char *path);
void kept_drop(struct kept *kept, uint64_t first_seq);

#endif
