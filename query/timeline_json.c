#include "timeline_unit.h"

#include <inttypes.h>

#include "timestamp.h"

/*
 * The same as the text, for programs.  Moments are flat, one for each event (or two stages of one), each with the depth
 * it stands at and, where it does not stand for itself, what it is (`relation`) to which seq (`of`):
 *
 *   span, task, bound, caused   a call or event under the one it belongs to
 *   report                      the same call as another observer saw it
 *   attempt                     the same call, made again
 *
 * `outcome`, `offset_ns` and `duration_ns` of a call that was reported or attempted more than once are those of the whole.
 */

enum { WORDS_BYTES_MAX = 64 * 1024 };

static const char *const relation_names[] = {[RELATION_NONE] = "",
	[RELATION_SPAN] = "span",
	[RELATION_TASK] = "task",
	[RELATION_BOUND] = "bound",
	[RELATION_CAUSED] = "caused"};

static void put_time(struct buf *out, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(ns, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

struct moments_page {
	struct output *out;
	const struct unit *unit;
	struct buf words;
	bool any;
};

static void put_telling(struct moments_page *page, const struct telling *telling)
{
	struct buf *text = &page->out->text;
	buf_printf(text, ",\"offset_ns\":%" PRId64, telling->at - page->unit->start);
	if (telling->has_duration)
		buf_printf(text, ",\"duration_ns\":%" PRId64, telling->duration_ns);
	buf_put_string(text, ",\"outcome\":");
	json_put_string(text, telling->outcome);
}

/* "disagreements":[{"about":"verdict","reports":[{"seq":…,"observer":"client x","says":"…"},{…}]}] */
static void put_disagreements(struct moments_page *page, const struct moment *leader)
{
	struct difference found[DIFFERENCES_MAX];
	struct buf *text = &page->out->text;
	struct buf *words = &page->words;
	size_t count = differences_find(leader, found);
	for (size_t i = 0; i < count; i++) {
		const struct moment *reports[] = {found[i].outer, found[i].inner};
		buf_printf(text, "%s{\"about\":\"%s\",\"reports\":[", i ? "," : ",\"disagreements\":[",
			difference_about(found[i].type));
		for (size_t j = 0; j < 2; j++) {
			buf_clear(words);
			observer_put(words, reports[j]->observer);
			buf_printf(text, "%s{\"seq\":%" PRIu64 ",\"observer\":", j ? "," : "", reports[j]->seq);
			json_put_string(text, buf_text(words));
			buf_clear(words);
			difference_put_says(words, found[i].type, reports[j]);
			buf_put_string(text, ",\"says\":");
			json_put_string(text, buf_text(words));
			buf_put_byte(text, '}');
		}
		buf_put_string(text, "]}");
	}
	if (count > 0)
		buf_put_byte(text, ']');
}

static enum status put_moment(struct moments_page *page, const struct moment *moment, unsigned depth,
	const char *relation, const struct moment *of)
{
	struct buf *text = &page->out->text;
	buf_printf(text, "%s{\"depth\":%u", page->any ? ",\n" : "\n", depth);
	page->any = true;
	if (of)
		buf_printf(text, ",\"relation\":\"%s\",\"of\":%" PRIu64, relation, of->seq);
	put_telling(page, of && (moment->leader == of || moment->first == of) ? &moment->own : &moment->call);
	buf_put_string(text, ",\"what\":");
	json_put_string(text, moment->what);
	if (moment->reports > 1 && moment->leader == moment)
		buf_printf(text, ",\"reports\":%u", moment->reports);
	if (moment->attempts > 1)
		buf_printf(text, ",\"attempts\":%u", moment->attempts);
	if (moment->leader == moment)
		put_disagreements(page, moment);
	buf_put_string(text, ",\"event\":");
	buf_put_text(text, moment->json);
	if (moment->end_json.len > 0) {
		buf_put_string(text, ",\"end\":");
		buf_put_text(text, moment->end_json);
	}
	buf_put_byte(text, '}');
	return output_step(page->out);
}

static enum status put_reports(struct moments_page *page, const struct moment *leader, unsigned depth)
{
	enum status status = STATUS_OK;
	for (const struct moment *report = leader->outermost; report && status == STATUS_OK;
		report = report->next_report)
		if (report != leader)
			status = put_moment(page, report, depth + 1, "report", leader);
	return status;
}

static enum status put_call(struct moments_page *page, const struct moment *moment, unsigned depth)
{
	enum status status = put_moment(page, moment, depth, relation_names[moment->relation], moment->above);
	if (status == STATUS_OK)
		status = put_reports(page, moment, depth);
	for (const struct moment *attempt = moment->next_attempt; attempt && status == STATUS_OK;
		attempt = attempt->next_attempt) {
		status = put_moment(page, attempt, depth + 1, "attempt", moment);
		if (status == STATUS_OK)
			status = put_reports(page, attempt, depth + 1);
	}
	return status;
}

static enum status put_moments(struct moments_page *page, const struct moment *moment, unsigned depth)
{
	enum status status = STATUS_OK;
	for (; moment && status == STATUS_OK; moment = moment->next) {
		status = put_call(page, moment, depth);
		if (status == STATUS_OK)
			status = put_moments(page, moment->children, depth + 1);
	}
	return status;
}

static void put_observers(struct buf *text, const struct unit *unit)
{
	buf_put_string(text, ",\"observers\":[");
	for (size_t i = 0; i < unit->observer_count; i++) {
		const struct observer *observer = &unit->observers[i];
		const struct {
			const char *name;
			struct text text;
		} names[] = {{"role", observer->role}, {"name", observer->name}, {"instance", observer->instance}};
		buf_printf(text, "%s{\"events\":%zu,\"clock_offset_ns\":%" PRId64, i ? "," : "", observer->events,
			observer->offset_ns);
		for (size_t j = 0; j < 3; j++) {
			if (names[j].text.len == 0)
				continue;
			buf_printf(text, ",\"%s\":", names[j].name);
			json_put_string(text, names[j].text);
		}
		buf_put_byte(text, '}');
	}
	buf_put_byte(text, ']');
}

static enum status put_unit(struct output *out, const struct unit *unit)
{
	static const char *const names[] = {[UNIT_CONVERSATION] = "conversation",
		[UNIT_SESSION] = "session",
		[UNIT_TRACE] = "trace",
		[UNIT_INFERRED] = "inferred"};
	struct buf *text = &out->text;
	struct moments_page page = {.out = out, .unit = unit};
	buf_printf(text, "{\"by\":\"%s\",\"inferred\":%s", names[unit->type],
		unit->type == UNIT_INFERRED ? "true" : "false");
	if (unit->id.len > 0) {
		buf_put_string(text, ",\"id\":");
		json_put_string(text, unit->id);
	}
	if (unit->tenant.len > 0) {
		buf_put_string(text, ",\"tenant\":");
		json_put_string(text, unit->tenant);
	}
	put_time(text, "start", unit->start);
	put_time(text, "end", unit->end);
	buf_printf(text,
		",\"calls\":%u,\"failed\":%u,\"refused\":%u,\"waiting\":%u,\"unknown\":%u"
		",\"attempts\":%u,\"reports\":%u,\"disagreements\":%u",
		unit->calls, unit->failed, unit->refused, unit->waiting, unit->unknown, unit->attempts, unit->reports,
		unit->disagreements);
	put_observers(text, unit);
	buf_put_string(text, ",\"moments\":[");
	buf_init(&page.words, WORDS_BYTES_MAX);
	enum status status = put_moments(&page, unit->first, 0);
	buf_finish(&page.words);
	buf_put_string(text, "]}");
	return status;
}

enum status timeline_put_json(struct timeline *timeline, struct output *out)
{
	buf_put_string(&out->text, "{\"timelines\":[");
	for (const struct unit *unit = timeline->units; unit; unit = unit->next) {
		enum status status = put_unit(out, unit);
		if (status != STATUS_OK)
			return status;
		if (unit->next)
			buf_put_string(&out->text, ",\n");
	}
	buf_put_string(&out->text, "],\"losses\":[");
	for (size_t i = 0; i < timeline->loss_count; i++) {
		buf_put_string(&out->text, i ? ",\n" : "\n");
		buf_put_text(&out->text, timeline->losses[i]->json);
	}
	buf_put_string(&out->text, "],\"coverage\":");
	coverage_put_json(&out->text, &timeline->coverage);
	buf_put_string(&out->text, "}\n");
	return output_flush(out);
}
