/* A store in a temporary directory, filled with events made of pairs of path and value; for tests of the read engine. */
#ifndef MCPLEDGER_TESTS_QUERY_STORE_H
#define MCPLEDGER_TESTS_QUERY_STORE_H

#include "output.h"
#include "store.h"

struct query_store {
	char dir[64];
	struct store *store;
	struct store_reader *reader;
	struct rows *rows;
	struct arena arena;
	struct buf written; /* what `out` wrote */
	struct output out;
	int64_t recv_time;
};

void query_store_open(struct query_store *fixture);
void query_store_close(struct query_store *fixture);
/* Adds one event to the batch: path, value, …, NULL. Numbers as decimal digits. */
void query_store_add(struct query_store *fixture, ...) __attribute__((sentinel));
/* Commits the batch, as a tail chunk or (sealed) as a block; then the reader sees it. */
void query_store_commit(struct query_store *fixture, bool sealed);
/* Seals all tail chunks into one block, as a sealer may while a scan is under way; the reader sees it when it renews. */
void query_store_seal(struct query_store *fixture);
/* What was written since the last call, NUL-terminated. */
const char *query_store_written(struct query_store *fixture);

#endif
