#include "upkeep.h"

#include "log.h"
#include "timestamp.h"

#define CLOCK_STEP_MIN   (2 * NS_PER_S)
#define LOSS_WINDOW      (10 * NS_PER_S)
#define PRUNE_INTERVAL   (60 * NS_PER_S)
#define PRUNE_RETRY      (NS_PER_S)
#define PRUNE_PATIENCE   (10 * 60 * NS_PER_S)
#define FIGURES_INTERVAL (10 * NS_PER_S)
#define LEAP_MIN         (3600 * NS_PER_S)
#define LEAP_AT_START    (7 * NS_PER_DAY)
#define AGE_HOLD         NS_PER_DAY

enum { DETAIL_BYTES_MAX = 2048 };

/* A JSON object that is built in place: begin, members, end. */
struct detail {
	char bytes[DETAIL_BYTES_MAX];
	struct buf text;
};

static void detail_begin(struct detail *detail)
{
	detail->text =
		(struct buf){.at = detail->bytes, .capacity = sizeof(detail->bytes), .max = sizeof(detail->bytes)};
	buf_put_byte(&detail->text, '{');
}

static void detail_name(struct detail *detail, const char *name)
{
	if (detail->text.len > 1)
		buf_put_byte(&detail->text, ',');
	buf_printf(&detail->text, "\"%s\":", name);
}

static void detail_int(struct detail *detail, const char *name, int64_t number)
{
	detail_name(detail, name);
	buf_put_int(&detail->text, number);
}

static void detail_word(struct detail *detail, const char *name, const char *word)
{
	detail_name(detail, name);
	buf_printf(&detail->text, "\"%s\"", word);
}

static void detail_note(struct detail *detail, struct ledger *ledger, const char *op)
{
	buf_put_byte(&detail->text, '}');
	if (buf_status(&detail->text) == STATUS_OK)
		ledger_note(ledger, op, buf_text(&detail->text));
}

static int64_t clock_offset(void)
{
	return timestamp_now() - timestamp_elapsed();
}

static void hold_ages(struct upkeep *upkeep)
{
	upkeep->age_held_until = timestamp_elapsed() + AGE_HOLD;
	log_line(LOG_LEVEL_WARNING, "for a day, no events are removed for their age", "reason",
		"the clock is far ahead of the newest event", NULL);
}

void upkeep_init(struct upkeep *upkeep, int64_t last_recv_time)
{
	*upkeep = (struct upkeep){.clock_offset = clock_offset()};
	if (last_recv_time > 0 && timestamp_now() - last_recv_time > LEAP_AT_START)
		hold_ages(upkeep);
}

void upkeep_check_clock(struct upkeep *upkeep, struct ledger *ledger)
{
	int64_t offset = clock_offset();
	int64_t step = offset - upkeep->clock_offset;
	/* Slow drift, as NTP corrects it, is followed. */
	upkeep->clock_offset = offset;
	if (step < CLOCK_STEP_MIN && step > -CLOCK_STEP_MIN)
		return;
	struct detail detail;
	detail_begin(&detail);
	detail_int(&detail, "step_ns", step);
	detail_note(&detail, ledger, "clock_jump");
	log_line(LOG_LEVEL_WARNING, "the wall clock stepped", "direction", step > 0 ? "forward" : "back", NULL);
	if (step > LEAP_MIN)
		hold_ages(upkeep);
	else if (step < -LEAP_MIN)
		upkeep->age_held_until = 0;
}

struct loss {
	const char *op;
	enum source source;
	enum reason reason;
};

static void note_loss(struct ledger *ledger, struct loss loss, uint64_t count, int64_t since)
{
	int64_t now = timestamp_now();
	struct detail detail;
	detail_begin(&detail);
	detail_word(&detail, "source", source_name(loss.source));
	detail_word(&detail, "reason", reason_name(loss.reason));
	detail_int(&detail, "count", (int64_t)count);
	detail_int(&detail, "from", now - (timestamp_elapsed() - since));
	detail_int(&detail, "until", now);
	detail_note(&detail, ledger, loss.op);
}

/* noted and since belong to one source and reason. */
static void look_at_loss(
	struct ledger *ledger, struct loss loss, uint64_t total, uint64_t *noted, int64_t *since, bool at_once)
{
	if (total == *noted)
		return;
	int64_t now = timestamp_elapsed();
	if (*since == 0)
		*since = now;
	if (!at_once && now - *since < LOSS_WINDOW)
		return;
	note_loss(ledger, loss, total - *noted, *since);
	*noted = total;
	*since = 0;
}

void upkeep_note_losses(struct upkeep *upkeep, struct counters *counters, struct ledger *ledger, bool at_once)
{
	for (unsigned source = 0; source < SOURCE_COUNT; source++) {
		struct counts counts;
		counters_get(counters, (enum source)source, &counts);
		for (unsigned reason = 0; reason < REASON_COUNT; reason++) {
			struct loss reject = {"reject", (enum source)source, (enum reason)reason};
			struct loss drop = {"drop", (enum source)source, (enum reason)reason};
			look_at_loss(ledger, reject, counts.rejected[reason], &counters->rejected_noted[source][reason],
				&upkeep->rejected_since[source][reason], at_once);
			look_at_loss(ledger, drop, counts.dropped[reason], &counters->dropped_noted[source][reason],
				&upkeep->dropped_since[source][reason], at_once);
		}
	}
}

void upkeep_note_conflicts(struct conflicts *conflicts, struct ledger *ledger)
{
	if (conflicts->count == 0)
		return;
	struct detail detail;
	detail_begin(&detail);
	detail_int(&detail, "count", (int64_t)conflicts->count);
	detail_name(&detail, "seqs");
	for (uint64_t i = 0; i < conflicts->count && i < GROUP_CONFLICTS_LISTED_MAX; i++) {
		buf_put_byte(&detail.text, i ? ',' : '[');
		buf_put_uint(&detail.text, conflicts->seqs[i]);
	}
	buf_put_byte(&detail.text, ']');
	detail_note(&detail, ledger, "id_conflict");
	*conflicts = (struct conflicts){0};
}

void upkeep_prune(struct upkeep *upkeep, struct store *store, const struct writer_limits *limits, struct ledger *ledger)
{
	int64_t now = timestamp_elapsed();
	int64_t interval = upkeep->prune_waits_since ? PRUNE_RETRY : PRUNE_INTERVAL;
	if (upkeep->pruned_at != 0 && now - upkeep->pruned_at < interval)
		return;
	upkeep->pruned_at = now;
	store_check_readers(store);
	struct store_prune_result result = {0};
	int64_t oldest = now < upkeep->age_held_until ? INT64_MIN : timestamp_now() - limits->retention_age_ns;
	bool read_too = upkeep->prune_waits_since && now - upkeep->prune_waits_since >= PRUNE_PATIENCE;
	enum status status = store_prune(store, oldest, limits->retention_bytes, read_too, &result);
	if (!result.read)
		upkeep->prune_waits_since = 0;
	else if (upkeep->prune_waits_since == 0 || result.segments > 0)
		upkeep->prune_waits_since = now;
	if (status != STATUS_OK)
		log_line(LOG_LEVEL_ERROR, "removing old segments failed", "reason", status_text(status), NULL);
	if (result.segments == 0)
		return;
	struct detail detail;
	detail_begin(&detail);
	detail_int(&detail, "segments", result.segments);
	detail_int(&detail, "events", (int64_t)result.events);
	detail_int(&detail, "bytes", (int64_t)result.bytes);
	detail_int(&detail, "first_seq", (int64_t)result.first_seq);
	detail_int(&detail, "last_seq", (int64_t)result.last_seq);
	detail_int(&detail, "last_recv_time", result.last_recv_time);
	detail_note(&detail, ledger, "prune");
}

void upkeep_look_at_store(struct upkeep *upkeep, struct store *store, struct writer_figures *figures)
{
	int64_t now = timestamp_elapsed();
	if (upkeep->figures_at != 0 && now - upkeep->figures_at < FIGURES_INTERVAL)
		return;
	upkeep->figures_at = now;
	struct store_reader *reader = NULL;
	struct store_figures seen = {0};
	struct error error;
	enum status status = store_reader_attach(&reader, store, &error);
	if (status == STATUS_OK)
		status = store_reader_figures(reader, &seen);
	store_reader_close(&reader);
	if (status != STATUS_OK)
		return;
	atomic_store(&figures->store_bytes, seen.file_bytes);
	atomic_store(&figures->store_events, seen.events);
	atomic_store(&figures->blocks, seen.blocks);
	atomic_store(&figures->segments, seen.segments);
}
