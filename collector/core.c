#include "core.h"

#include "timestamp.h"

static enum status open_store(struct core *core, const struct conf *conf, const char *dir, struct error *error)
{
	struct store_options options = {
		.segment_bytes_max = conf->store_segment_bytes_max,
		.roll_daily = true,
		.map_bytes = conf->store_map_bytes,
		.ballast_bytes = conf->store_ballast_bytes,
	};
	return store_open(&core->store, dir, &options, error);
}

static enum status load_counters(struct core *core, struct error *error)
{
	struct buf state;
	buf_init(&state, 1024 * 1024);
	counters_init(&core->counters);
	enum status status = store_get_state(core->store, COUNTERS_STATE, &state);
	if (status == STATUS_OK)
		status = counters_load(&core->counters, buf_text(&state));
	buf_finish(&state);
	if (status == STATUS_OK || status == STATUS_NOT_FOUND)
		return STATUS_OK;
	return error_set(error, status, "the store's counters can't be read: %s", status_text(status));
}

static enum status make_dedup(struct core *core, const struct conf *conf, struct error *error)
{
	enum status status = identity_init(&core->identity, store_dedup_key(core->store));
	if (status == STATUS_OK)
		status = dedup_create(&core->dedup, conf->ingest_dedup_ids_max, conf->ingest_dedup_age_max);
	if (status == STATUS_OK)
		status = dedup_fill(core->dedup, core->store, &core->identity, error);
	return status;
}

static enum status make_funnel(struct core *core, const struct conf *conf, struct metric_registry *registry)
{
	budget_init(&core->budget, conf->ingest_queue_bytes_max);
	enum status status = queue_create(&core->queue, conf->ingest_queue_bytes_max / BATCH_BYTES_MIN);
	if (status == STATUS_OK)
		status = batch_pool_create(&core->pool);
	if (status == STATUS_OK)
		status = ledger_create(&core->ledger);
	if (status == STATUS_OK)
		status = meter_create(&core->meter, registry, conf->metrics_tracked_max);
	if (status != STATUS_OK)
		return status;
	struct ingest_options options = {
		.store = core->store,
		.identity = &core->identity,
		.queue = core->queue,
		.budget = &core->budget,
		.pool = core->pool,
		.counters = &core->counters,
		.ledger = core->ledger,
		.meter = core->meter,
	};
	return ingest_create(&core->ingest, &options, conf);
}

static enum status start_writer(struct core *core, const struct conf *conf, const char *dir)
{
	struct writer_options options = {
		.store = core->store,
		.store_dir = dir,
		.identity = &core->identity,
		.dedup = core->dedup,
		.ingest = core->ingest,
		.queue = core->queue,
		.budget = &core->budget,
		.pool = core->pool,
		.counters = &core->counters,
		.ledger = core->ledger,
		.meter = core->meter,
		.commit_duration = core->metrics.commit_duration,
		.commit_failures = core->metrics.commit_failures,
	};
	struct writer_limits limits = writer_limits_of(conf);
	return writer_start(&core->writer, &options, &limits);
}

static void add_metrics(struct core *core, struct metric_registry *registry)
{
	core->metrics.counters = &core->counters;
	core->metrics.budget = &core->budget;
	core->metrics.dedup = core->dedup;
	core->metrics.figures = writer_get_figures(core->writer);
	metrics_add_parts(&core->metrics, registry);
	metric_set(core->metrics.reload_successful, 1);
	metric_set(core->metrics.reload_time, (double)timestamp_now() / 1e9);
}

enum status core_start(struct core *core, const struct conf *conf, const char *store_dir,
	struct metric_registry *registry, struct error *error)
{
	error->text[0] = 0;
	metrics_add(&core->metrics, registry);
	enum status status = open_store(core, conf, store_dir, error);
	if (status == STATUS_OK)
		status = load_counters(core, error);
	if (status == STATUS_OK)
		status = make_dedup(core, conf, error);
	if (status == STATUS_OK)
		status = make_funnel(core, conf, registry);
	if (status == STATUS_OK)
		status = start_writer(core, conf, store_dir);
	if (status == STATUS_OK)
		add_metrics(core, registry);
	else if (error->text[0] == 0)
		(void)error_set(error, status, "starting failed: %s", status_text(status));
	return status;
}

enum status core_check(const struct conf *conf, struct error *error)
{
	enum status status = ingest_check_limits(conf);
	return status == STATUS_OK ? status : error_set(error, status, "ingest.default_tenant is too long");
}

enum status core_reload(struct core *core, const struct conf *conf, struct error *error)
{
	enum status status = core_check(conf, error);
	if (status == STATUS_OK)
		status = ingest_set_limits(core->ingest, conf);
	if (status != STATUS_OK)
		return status;
	struct writer_limits limits = writer_limits_of(conf);
	writer_set_limits(core->writer, &limits);
	return STATUS_OK;
}

bool core_stop(struct core *core)
{
	bool clean = false;
	writer_stop(&core->writer, &clean);
	ingest_destroy(&core->ingest);
	meter_destroy(&core->meter);
	ledger_destroy(&core->ledger);
	batch_pool_destroy(&core->pool);
	queue_destroy(&core->queue);
	dedup_destroy(&core->dedup);
	if (core->store)
		store_close(&core->store, clean);
	return clean;
}
