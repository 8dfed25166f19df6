/*
 * core - everything of the daemon but its listeners: the store, the funnel that leads to it, and the writer.
 *
 * Between core_start and core_stop, sources may submit to core->ingest.  Both are called on one thread; what the
 * members allow to other threads stands in their headers.
 */
#ifndef MCPLEDGER_CORE_H
#define MCPLEDGER_CORE_H

#include "budget.h"
#include "conf.h"
#include "funnel.h"
#include "metrics.h"
#include "writer.h"

struct core {
	struct store *store;
	struct identity identity;
	struct dedup *dedup;
	struct metrics metrics;
	struct counters counters;
	struct budget budget;
	struct queue *queue;
	struct batch_pool *pool;
	struct ledger *ledger;
	struct meter *meter;
	struct ingest *ingest;
	struct writer *writer;
};

/*
 * Opens the store in store_dir (borrowed until core_stop) and starts the writer.  core must be zeroed; after a failure
 * core_stop must be called as well.  STATUS_HELD: another daemon has the store.
 */
enum status core_start(struct core *core, const struct conf *conf, const char *store_dir,
	struct metric_registry *registry, struct error *error) MUST_CHECK;
/* Whether core_reload would take these over. */
enum status core_check(const struct conf *conf, struct error *error) MUST_CHECK;
/* Takes over the settings that can change.  Any thread, one at a time. */
enum status core_reload(struct core *core, const struct conf *conf, struct error *error) MUST_CHECK;
/*
 * Commits what was submitted, seals, closes the store.  All sources and ingest workers must be gone.  false: not all of
 * it could be written, or it had not started.
 */
bool core_stop(struct core *core);

#endif
