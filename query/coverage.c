#include "coverage.h"

#include <inttypes.h>
#include <stdio.h>

#include "members.h"
#include "printable.h"
#include "scan.h"

bool coverage_complete(const struct coverage *coverage)
{
	return !coverage->more && coverage->expired == 0 && coverage->missing == 0 && coverage->damages == 0 &&
	       coverage->ends_at == 0 && !coverage->unfinished && coverage->losses == 0 && coverage->restarts == 0 &&
	       coverage->sampled == 0 && (!coverage->wide || (coverage->redacted == 0 && coverage->cut == 0));
}

bool coverage_has_losses(const struct coverage *coverage)
{
	return coverage->missing > 0 || coverage->damages > 0 || coverage->losses > 0 || coverage->restarts > 0 ||
	       coverage->clock_jumps > 0 || coverage->sampled > 0;
}

void coverage_add_gap(struct coverage *coverage, uint64_t first, uint64_t last)
{
	coverage->missing += last - first + 1;
	if (coverage->gaps < COVERAGE_SHOWN_MAX)
		coverage->gap[coverage->gaps] = (struct coverage_gap){first, last};
	coverage->gaps++;
}

void coverage_add_damage(struct coverage *coverage, const char *segment, uint64_t first_seq, uint32_t count)
{
	for (uint64_t i = 0; i < coverage->damages && i < COVERAGE_SHOWN_MAX; i++)
		if (coverage->damage[i].first_seq == first_seq && strcmp(coverage->damage[i].segment, segment) == 0)
			return; /* met by another scan for the same answer */
	if (coverage->damages < COVERAGE_SHOWN_MAX) {
		struct coverage_damage *damage = &coverage->damage[coverage->damages];
		(void)snprintf(damage->segment, sizeof(damage->segment), "%s", segment);
		damage->first_seq = first_seq;
		damage->count = count;
	}
	coverage->damages++;
}

static bool knows_damage(const struct coverage *coverage, const struct coverage_damage *damage)
{
	for (uint64_t i = 0; i < coverage->damages && i < COVERAGE_SHOWN_MAX; i++)
		if (coverage->damage[i].first_seq == damage->first_seq &&
			strcmp(coverage->damage[i].segment, damage->segment) == 0)
			return true;
	return false;
}

void coverage_join(struct coverage *coverage, const struct coverage *other)
{
	if (coverage->gaps == 0) { /* each scan of the same range of seq meets the same ones */
		coverage->gaps = other->gaps;
		coverage->missing = other->missing;
		memcpy(coverage->gap, other->gap, sizeof(coverage->gap));
	}
	for (uint64_t i = 0; i < other->damages && i < COVERAGE_SHOWN_MAX; i++)
		if (!knows_damage(coverage, &other->damage[i]))
			coverage_add_damage(
				coverage, other->damage[i].segment, other->damage[i].first_seq, other->damage[i].count);
	if (coverage->damages < other->damages)
		coverage->damages = other->damages;
}

void coverage_add_note(struct coverage *coverage, const char *note)
{
	for (size_t i = 0; i < coverage->note_count; i++)
		if (coverage->notes[i] == note)
			return;
	if (coverage->note_count < COVERAGE_NOTES_MAX)
		coverage->notes[coverage->note_count++] = note;
}

/* --- what the ledger tells --- */

/* The number of a ledger event's detail that tells how many events were lost; 1 where it does not say. */
static uint64_t lost_events(const struct event *event)
{
	struct members members;
	struct text name;
	struct text value;
	int64_t number = 0;
	if (!members_begin(event_text(event, FIELD_DETAIL), &members))
		return 1;
	while (members_next(&members, &name, &value))
		if ((text_equal(name, TEXT("count")) || text_equal(name, TEXT("events"))) &&
			json_integer(value, &number) == STATUS_OK && number >= 0)
			return (uint64_t)number;
	return 1;
}

static enum status add_ledger_event(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct coverage *coverage = context;
	struct text op = event_text(event, FIELD_OP);
	if (text_equal(op, TEXT("start"))) {
		/* The store's first event is the first start; only later ones follow a time without a collector. */
		coverage->restarts += event->value[FIELD_SEQ].number > 1;
	} else if (text_equal(op, TEXT("clock_jump"))) {
		coverage->clock_jumps++;
	} else {
		coverage->losses++;
		coverage->dropped += lost_events(event);
	}
	return STATUS_OK;
}

static enum status collect_losses(const struct scan *scan, struct coverage *coverage, struct error *error)
{
	static const struct wanted ops[] = {{.text = {"drop", 4}}, {.text = {"gap", 3}}, {.text = {"full", 4}},
		{.text = {"start", 5}}, {.text = {"clock_jump", 10}}};
	static const uint8_t field_op = FIELD_OP;
	static const struct condition root = {.type = CONDITION_FIELD,
		.fields = &field_op,
		.field_count = 1,
		.values = ops,
		.value_count = sizeof(ops) / sizeof(ops[0])};
	static const struct wanted ledger = {.text = {"ledger", 6}};
	static const uint8_t field_kind = FIELD_KIND;
	struct condition kind = {
		.type = CONDITION_FIELD, .fields = &field_kind, .field_count = 1, .values = &ledger, .value_count = 1};
	struct condition op = root;
	struct condition both = {.type = CONDITION_AND, .children = &kind};
	kind.next = &op;
	struct filter filter = {.root = &both};
	struct scan losses = *scan; /* a loss concerns every tenant; only its numbers are told */
	losses.purpose = "losses, for the coverage";
	losses.filter = &filter;
	losses.tenants = NULL;
	losses.backward = false;
	losses.coverage = NULL;
	losses.meter = NULL;
	enum status status = scan_events(&losses, add_ledger_event, coverage, error);
	return status == STATUS_DAMAGED ? STATUS_OK : status;
}

static enum status add_marks(
	void *context, const struct scan_place *place, struct block *block, const uint64_t rows[ROW_WORDS_MAX])
{
	(void)place;
	struct coverage *coverage = context;
	struct {
		unsigned field;
		uint64_t *count;
	} marks[] = {{FIELD_REDACTION_COUNT, &coverage->redacted}, {FIELD_MARKS_CUT, &coverage->cut},
		{FIELD_MARKS_SAMPLED, &coverage->sampled}};
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct column column;
		enum status status = block_column(block, marks[i].field, &column);
		if (status == STATUS_NOT_FOUND)
			continue;
		if (status != STATUS_OK)
			return status;
		for (uint32_t row = 0; row_next(rows, &row) && row < column.rows; row++)
			*marks[i].count += column.is_number ? row_is_set(column.present, row) : column.codes[row] != 0;
	}
	return STATUS_OK;
}

/* A summary knows of a field that no event has: blocks without marks are passed over. */
static enum status collect_marks(const struct scan *scan, struct coverage *coverage, struct error *error)
{
	static const uint8_t fields[] = {FIELD_REDACTION_COUNT, FIELD_MARKS_CUT, FIELD_MARKS_SAMPLED};
	struct condition marked = {.type = CONDITION_EXISTS, .fields = fields, .field_count = sizeof(fields)};
	struct condition words = {.type = CONDITION_ALL};
	struct condition both = {.type = CONDITION_AND, .children = &marked};
	struct filter filter = {.root = &both};
	struct coverage ignored = {0};
	struct scan marks = *scan;
	marks.purpose = "redactions and cuts, for the coverage";
	if (scan->filter && !coverage->wide)
		words = *scan->filter->root;
	words.next = NULL;
	marked.next = &words;
	marks.filter = &filter;
	marks.coverage = &ignored;
	marks.meter = NULL;
	return scan_run(&marks, add_marks, coverage, error);
}

static enum status add_expired(const struct scan *scan, const struct scan_store *store, struct coverage *coverage)
{
	struct store_figures figures;
	uint64_t first = store_reader_first_seq(store->reader);
	if (first <= 1 || store->seq_first > first)
		return STATUS_OK;
	enum status status = store_reader_figures(store->reader, &figures);
	if (status == STATUS_OK && scan->since < figures.oldest_recv_time)
		coverage->expired += first - 1;
	return status;
}

enum status coverage_collect(const struct scan *scan, struct coverage *coverage, struct error *error)
{
	coverage->wide = coverage->events == 0 || (scan->filter && scan->filter->asks_texts);
	enum status status = collect_marks(scan, coverage, error);
	if (status == STATUS_OK)
		status = collect_losses(scan, coverage, error);
	for (size_t i = 0; status == STATUS_OK && i < scan->store_count; i++) {
		const struct store_reader *reader = scan->stores[i].reader;
		status = add_expired(scan, &scan->stores[i], coverage);
		if (store_reader_ends_early(reader))
			coverage->ends_at = store_reader_next_seq(reader) - 1;
		coverage->unfinished = coverage->unfinished || store_reader_is_unfinished(reader);
	}
	return status;
}

/* --- showing it --- */

void coverage_put_json(struct buf *out, const struct coverage *coverage)
{
	uint64_t shown = coverage->gaps < COVERAGE_SHOWN_MAX ? coverage->gaps : COVERAGE_SHOWN_MAX;
	buf_printf(out,
		"{\"complete\":%s,\"events\":%" PRIu64 ",\"more\":%s,\"expired\":%" PRIu64 ",\"missing\":%" PRIu64
		",\"gaps\":[",
		coverage_complete(coverage) ? "true" : "false", coverage->events, coverage->more ? "true" : "false",
		coverage->expired, coverage->missing);
	for (uint64_t i = 0; i < shown; i++)
		buf_printf(out, "%s{\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 "}", i ? "," : "",
			coverage->gap[i].first, coverage->gap[i].last);
	buf_put_string(out, "],\"ends_at\":");
	if (coverage->ends_at)
		buf_put_uint(out, coverage->ends_at);
	else
		buf_put_string(out, "null");
	buf_printf(out, ",\"unfinished\":%s,\"damaged\":[", coverage->unfinished ? "true" : "false");
	shown = coverage->damages < COVERAGE_SHOWN_MAX ? coverage->damages : COVERAGE_SHOWN_MAX;
	for (uint64_t i = 0; i < shown; i++)
		buf_printf(out, "%s{\"segment\":\"%s\",\"first_seq\":%" PRIu64 ",\"events\":%u}", i ? "," : "",
			coverage->damage[i].segment, coverage->damage[i].first_seq, coverage->damage[i].count);
	buf_printf(out,
		"],\"dropped\":%" PRIu64 ",\"losses\":%" PRIu64 ",\"restarts\":%" PRIu64 ",\"clock_jumps\":%" PRIu64
		",\"redacted\":%" PRIu64 ",\"cut\":%" PRIu64 ",\"sampled\":%" PRIu64,
		coverage->dropped, coverage->losses, coverage->restarts, coverage->clock_jumps, coverage->redacted,
		coverage->cut, coverage->sampled);
	for (size_t i = 0; i < coverage->note_count; i++)
		buf_printf(out, "%s\"%s\"", i ? "," : ",\"notes\":[", coverage->notes[i]);
	buf_put_string(out, coverage->note_count ? "]}" : "}");
}

static const char *events_word(uint64_t count)
{
	return count == 1 ? "event" : "events";
}

static void put_gaps(struct buf *out, const struct coverage *coverage)
{
	if (coverage->missing == 0)
		return;
	buf_printf(out, "  %" PRIu64 " %s missing:", coverage->missing, events_word(coverage->missing));
	for (uint64_t i = 0; i < coverage->gaps && i < COVERAGE_SHOWN_MAX; i++)
		buf_printf(out, "%s seq %" PRIu64 "-%" PRIu64, i ? "," : "", coverage->gap[i].first,
			coverage->gap[i].last);
	buf_put_string(out, coverage->gaps > COVERAGE_SHOWN_MAX ? ", …\n" : "\n");
}

void coverage_put_text(struct buf *out, const struct coverage *coverage)
{
	if (coverage_complete(coverage))
		buf_put_string(out, "Coverage: complete; no event is known to be missing in this range.\n");
	else
		buf_put_string(out, "Coverage: not complete.\n");
	if (coverage->more)
		buf_put_string(out, "  There is more than is shown here (-n 0 shows all).\n");
	if (coverage->expired)
		buf_printf(out, "  %" PRIu64 " older %s expired and gone.\n", coverage->expired,
			coverage->expired == 1 ? "event is" : "events are");
	put_gaps(out, coverage);
	for (uint64_t i = 0; i < coverage->damages && i < COVERAGE_SHOWN_MAX; i++) {
		const struct coverage_damage *damage = &coverage->damage[i];
		if (damage->count > 0)
			buf_printf(out, "  %u events can't be read: block %" PRIu64 " of %s is damaged.\n",
				damage->count, damage->first_seq, damage->segment);
		else
			buf_printf(
				out, "  Nobody knows how many events can't be read: %s is damaged.\n", damage->segment);
	}
	if (coverage->ends_at)
		buf_printf(out,
			"  The store goes on behind seq %" PRIu64 ", but this copy does not have its newest segment.\n",
			coverage->ends_at);
	if (coverage->unfinished)
		buf_put_string(out, "  This is a backup that was not finished: run it again.\n");
	if (coverage->losses)
		buf_printf(out, "  The collector lost %" PRIu64 " %s (op:drop,gap,full tells why).\n",
			coverage->dropped, events_word(coverage->dropped));
	if (coverage->restarts)
		buf_printf(out,
			"  The collector was restarted %" PRIu64 " %s; what was sent meanwhile may be missing.\n",
			coverage->restarts, coverage->restarts == 1 ? "time" : "times");
	if (coverage->sampled)
		buf_printf(out, "  %" PRIu64 " %s from a source that sends only a sample.\n", coverage->sampled,
			coverage->sampled == 1 ? "event is" : "events are");
	const char *where = coverage->wide ? " of the range" : "";
	if (coverage->redacted)
		buf_printf(out, "  %" PRIu64 " %s%s had secrets redacted.\n", coverage->redacted,
			events_word(coverage->redacted), where);
	if (coverage->cut)
		buf_printf(out, "  %" PRIu64 " %s%s had long values cut.\n", coverage->cut, events_word(coverage->cut),
			where);
	for (size_t i = 0; i < coverage->note_count; i++)
		buf_printf(out, "  %s\n", coverage->notes[i]);
}
