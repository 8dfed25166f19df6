#include "timeline_unit.h"

/*
 * The moments of a unit, flat and in the order they are told: a call, its other reports, its further attempts (each with
 * its reports), what stands under it.
 */

const char *unit_type_name(enum unit_type type)
{
	static const char *const names[] = {[UNIT_CONVERSATION] = "conversation",
		[UNIT_SESSION] = "session",
		[UNIT_TRACE] = "trace",
		[UNIT_INFERRED] = "inferred"};
	return names[type];
}

static const char *const relation_names[] = {[RELATION_NONE] = "",
	[RELATION_SPAN] = "span",
	[RELATION_TASK] = "task",
	[RELATION_BOUND] = "bound",
	[RELATION_CAUSED] = "caused"};

void timeline_limit(struct timeline *timeline, uint64_t limit)
{
	uint64_t total = 0;
	for (const struct unit *unit = timeline->units; unit; unit = unit->next)
		total += unit->count;
	timeline->skipped = limit > 0 && total > limit ? total - limit : 0;
	timeline->to_skip = timeline->skipped;
	timeline->coverage.more = timeline->coverage.more || timeline->skipped > 0;
}

bool timeline_skips(struct timeline *timeline)
{
	if (timeline->to_skip == 0)
		return false;
	timeline->to_skip--;
	return true;
}

bool timeline_skips_unit(struct timeline *timeline, const struct unit *unit)
{
	if (timeline->to_skip < unit->count)
		return false;
	timeline->to_skip -= unit->count;
	return true;
}

struct walk {
	struct timeline *timeline;
	const struct unit *unit;
	timeline_visit *visit;
	void *context;
};

static enum status visit_reports(const struct walk *walk, const struct moment *leader, unsigned depth)
{
	enum status status = STATUS_OK;
	for (const struct moment *report = leader->outermost; report && status == STATUS_OK;
		report = report->next_report) {
		struct row row = {walk->unit, report, &report->own, depth + 1, "report", leader};
		if (report != leader)
			status = walk->visit(walk->context, &row);
	}
	return status;
}

static enum status visit_call(const struct walk *walk, const struct moment *moment, unsigned depth)
{
	if (timeline_skips(walk->timeline))
		return STATUS_OK;
	struct row row = {walk->unit, moment, &moment->call, depth, relation_names[moment->relation], moment->above};
	enum status status = walk->visit(walk->context, &row);
	if (status == STATUS_OK)
		status = visit_reports(walk, moment, depth);
	for (const struct moment *attempt = moment->next_attempt; attempt && status == STATUS_OK;
		attempt = attempt->next_attempt) {
		row = (struct row){walk->unit, attempt, &attempt->call, depth + 1, "attempt", moment};
		status = walk->visit(walk->context, &row);
		if (status == STATUS_OK)
			status = visit_reports(walk, attempt, depth + 1);
	}
	return status;
}

/* Moments lie at most TIMELINE_DEPTH_MAX deep. */
static enum status visit_moments(const struct walk *walk, const struct moment *moment, unsigned depth)
{
	enum status status = STATUS_OK;
	for (; moment && status == STATUS_OK; moment = moment->next) {
		status = visit_call(walk, moment, depth);
		if (status == STATUS_OK)
			status = visit_moments(walk, moment->children, depth + 1);
	}
	return status;
}

enum status unit_walk(struct timeline *timeline, const struct unit *unit, timeline_visit *visit, void *context)
{
	const struct walk walk = {timeline, unit, visit, context};
	return visit_moments(&walk, unit->first, 0);
}

enum status timeline_put(struct timeline *timeline, enum output_format format, struct output *out)
{
	switch (format) {
	case OUTPUT_JSON:
		return timeline_put_json(timeline, out);
	case OUTPUT_NDJSON:
		return timeline_put_ndjson(timeline, out);
	case OUTPUT_CSV:
		return timeline_put_csv(timeline, out);
	case OUTPUT_TABLE:
		break;
	}
	return timeline_put_text(timeline, out);
}
