#include "gaps.h"

#include <inttypes.h>
#include <stdio.h>

#include "conditions.h"
#include "json.h"
#include "members.h"

/* What the collector noted about itself: `start` tells what lay before it.  What it pruned, the store itself tells. */

/* The members of a note that matter here. */
struct detail {
	int64_t from, until, count, dropped, step_ns, last_recv_time;
	struct text source, reason, state, what, previous_stop;
};

static struct detail read_detail(struct text json, struct arena *arena)
{
	struct detail detail = {.from = INT64_MIN, .until = INT64_MIN};
	const struct {
		const char *name;
		int64_t *number;
		struct text *text;
	} known[] = {
		{"from", &detail.from, NULL},
		{"until", &detail.until, NULL},
		{"count", &detail.count, NULL},
		{"dropped", &detail.dropped, NULL},
		{"step_ns", &detail.step_ns, NULL},
		{"last_recv_time", &detail.last_recv_time, NULL},
		{"source", NULL, &detail.source},
		{"reason", NULL, &detail.reason},
		{"state", NULL, &detail.state},
		{"what", NULL, &detail.what},
		{"previous_stop", NULL, &detail.previous_stop},
	};
	struct members members;
	struct text name;
	struct text value;
	if (!members_begin(json, &members))
		return detail;
	while (members_next(&members, &name, &value)) {
		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			if (!text_equal(name, text_of(known[i].name)))
				continue;
			if (known[i].text)
				*known[i].text = leaf_text(value, arena);
			else if (json_integer(value, known[i].number) != STATUS_OK)
				*known[i].number = 0;
		}
	}
	return detail;
}

struct ledger {
	struct gaps *gaps;
	int64_t full_since; /* of an outage that has not ended; INT64_MIN: there is none */
	struct text full_reason;
};

static enum status add_loss(struct ledger *ledger, enum gap_kind kind, const struct detail *detail, int64_t time)
{
	struct gaps *gaps = ledger->gaps;
	bool notes = detail->what.len > 0; /* the collector's own notes */
	return gaps_add(gaps, (struct gap){.kind = notes ? GAP_UNTOLD : kind,
				      .since = detail->from != INT64_MIN ? detail->from : time,
				      .until = detail->until != INT64_MIN ? detail->until : time,
				      .events = detail->count > 0 ? (uint64_t)detail->count : GAP_UNKNOWN,
				      .source = detail->source,
				      .why = notes ? detail->what : detail->reason});
}

static enum status add_start(struct ledger *ledger, const struct detail *detail, int64_t time, uint64_t seq)
{
	if (seq <= 1 || !text_equal(detail->previous_stop, TEXT("clean")))
		return STATUS_OK; /* after a crash, a `gap` tells the same */
	return gaps_add(ledger->gaps, (struct gap){.kind = GAP_DOWN,
					      .since = detail->last_recv_time ? detail->last_recv_time : time,
					      .until = time,
					      .events = GAP_UNKNOWN,
					      .source = TEXT("collector"),
					      .why = TEXT("it was stopped and started again")});
}

static enum status add_full(struct ledger *ledger, const struct detail *detail, int64_t time)
{
	if (text_equal(detail->state, TEXT("begin"))) {
		ledger->full_since = detail->from != INT64_MIN ? detail->from : time;
		ledger->full_reason = detail->reason;
		return STATUS_OK;
	}
	ledger->full_since = INT64_MIN;
	return gaps_add(ledger->gaps, (struct gap){.kind = GAP_FULL,
					      .since = detail->from,
					      .until = detail->until != INT64_MIN ? detail->until : time,
					      .events = detail->dropped >= 0 ? (uint64_t)detail->dropped : GAP_UNKNOWN,
					      .source = TEXT("collector"),
					      .why = detail->reason});
}

static enum status add_jump(struct ledger *ledger, const struct detail *detail, int64_t time)
{
	return gaps_add(
		ledger->gaps, (struct gap){.kind = GAP_CLOCK,
				      .since = time,
				      .until = time,
				      .events = 0,
				      .source = TEXT("collector"),
				      .why = gaps_text(ledger->gaps, "the clock was set %s by %" PRId64 " ms",
					      detail->step_ns < 0 ? "back" : "forward",
					      (detail->step_ns < 0 ? -detail->step_ns : detail->step_ns) / 1000000)});
}

static enum status add_note(void *context, const struct scan_place *place, const struct event *event)
{
	(void)place;
	struct ledger *ledger = context;
	struct arena *arena = &ledger->gaps->arena;
	struct text op = event_text(event, FIELD_OP);
	struct text json = arena_copy(arena, event_text(event, FIELD_DETAIL));
	int64_t time = event_time(event);
	struct detail detail = read_detail(json, arena);
	if (text_equal(op, TEXT("drop")))
		return add_loss(ledger, GAP_DROPPED, &detail, time);
	if (text_equal(op, TEXT("reject")))
		return add_loss(ledger, GAP_REFUSED, &detail, time);
	if (text_equal(op, TEXT("gap")))
		return add_loss(ledger, GAP_CRASHED, &detail, time);
	if (text_equal(op, TEXT("start")))
		return add_start(ledger, &detail, time, (uint64_t)event->value[FIELD_SEQ].number);
	if (text_equal(op, TEXT("full")))
		return add_full(ledger, &detail, time);
	return add_jump(ledger, &detail, time);
}

enum status gaps_of_ledger(struct gaps *gaps, const struct scan *scan, struct error *error)
{
	static const uint8_t kind[] = {FIELD_KIND};
	static const uint8_t op[] = {FIELD_OP};
	static const struct text ops[] = {
		{"drop", 4}, {"reject", 6}, {"gap", 3}, {"start", 5}, {"full", 4}, {"clock_jump", 10}};
	struct ledger ledger = {.gaps = gaps, .full_since = INT64_MIN};
	struct coverage ignored = {0}; /* the scan of the emitters meets all damage */
	struct condition *both = condition_group(&gaps->arena, CONDITION_AND);
	both = condition_add(both, condition_exact(&gaps->arena, kind, 1, TEXT("ledger")));
	both = condition_add(both, condition_any(&gaps->arena, op, 1, ops, sizeof(ops) / sizeof(ops[0])));
	if (both == NULL)
		return STATUS_NO_MEMORY;
	struct filter filter = {.root = both};
	struct scan notes = *scan;
	notes.filter = &filter;
	notes.tenants = NULL; /* they concern every tenant, and hold no tenant's data */
	notes.coverage = &ignored;
	enum status status = scan_events(&notes, add_note, &ledger, error);
	if (status == STATUS_OK && ledger.full_since != INT64_MIN)
		status = gaps_add(gaps, (struct gap){.kind = GAP_FULL,
						.since = ledger.full_since,
						.until = INT64_MAX,
						.events = GAP_UNKNOWN,
						.source = TEXT("collector"),
						.why = ledger.full_reason});
	return status;
}
