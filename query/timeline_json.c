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
 *   loss                        (lines only) what the collector says that it lost meanwhile
 *
 * `outcome`, `offset_ns` and `duration_ns` of a call that was reported or attempted more than once are those of the whole.
 */

enum { WORDS_BYTES_MAX = 64 * 1024 };

struct json_page {
	struct output *out;
	struct buf words;
	bool lines; /* each moment is a line of its own and names its piece of work */
	bool any;
};

static void put_member(struct buf *text, const char *name, struct text value)
{
	if (value.len == 0)
		return;
	buf_printf(text, ",\"%s\":", name);
	json_put_string(text, value);
}

/* "by", "id" and "tenant" of a piece of work, without braces. */
static void put_unit_name(struct buf *text, const struct unit *unit)
{
	buf_printf(text, "\"by\":\"%s\",\"inferred\":%s", unit_type_name(unit->type),
		unit->type == UNIT_INFERRED ? "true" : "false");
	put_member(text, "id", unit->id);
	put_member(text, "tenant", unit->tenant);
}

static void put_time(struct buf *out, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(ns, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

/* "disagreements":[{"about":"verdict","reports":[{"seq":…,"observer":"client x","says":"…"},{…}]}] */
static void put_disagreements(struct json_page *page, const struct unit *unit, const struct moment *leader)
{
	struct difference found[DIFFERENCES_MAX];
	struct buf *text = &page->out->text;
	struct buf *words = &page->words;
	size_t count = differences_find(unit, leader, found);
	for (size_t i = 0; i < count; i++) {
		const struct moment *reports[] = {found[i].outer, found[i].inner};
		buf_printf(text, "%s{\"about\":\"%s\",\"reports\":[", i ? "," : ",\"disagreements\":[",
			difference_about(found[i].type));
		for (size_t j = 0; j < 2; j++) {
			buf_clear(words);
			observer_put(words, difference_observer(&found[i], j == 1));
			buf_put_string(text, j ? ",{" : "{");
			if (reports[j])
				buf_printf(text, "\"seq\":%" PRIu64 ",", reports[j]->seq);
			buf_put_string(text, "\"observer\":");
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

static void put_event(struct buf *text, const char *name, struct text json)
{
	if (json.len == 0)
		return;
	buf_printf(text, ",\"%s\":", name);
	buf_put_text(text, json);
}

static enum status put_row(void *context, const struct row *row)
{
	struct json_page *page = context;
	const struct moment *moment = row->moment;
	const struct telling *telling = row->telling;
	struct buf *text = &page->out->text;
	if (page->lines) {
		buf_put_string(text, "{\"unit\":{");
		put_unit_name(text, row->unit);
		buf_printf(text, "},\"depth\":%u", row->depth);
	} else {
		buf_printf(text, "%s{\"depth\":%u", page->any ? ",\n" : "\n", row->depth);
	}
	page->any = true;
	if (row->of)
		buf_printf(text, ",\"relation\":\"%s\",\"of\":%" PRIu64, row->relation, row->of->seq);
	put_time(text, "at", telling->at);
	buf_printf(text, ",\"offset_ns\":%" PRId64, telling->at - row->unit->start);
	if (telling->has_duration)
		buf_printf(text, ",\"duration_ns\":%" PRId64, telling->duration_ns);
	put_member(text, "what", moment->what);
	put_member(text, "verdict", telling->verdict);
	buf_put_string(text, ",\"outcome\":");
	json_put_string(text, telling->outcome);
	if (moment->leader == moment && moment->reports > 1)
		buf_printf(text, ",\"reports\":%u", moment->reports);
	if (moment->attempts > 1)
		buf_printf(text, ",\"attempts\":%u", moment->attempts);
	if (moment->leader == moment)
		put_disagreements(page, row->unit, moment);
	put_event(text, "event", moment->json);
	put_event(text, "end", moment->end_json);
	buf_put_string(text, page->lines ? "}\n" : "}");
	return output_step(page->out);
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
		for (size_t j = 0; j < 3; j++)
			put_member(text, names[j].name, names[j].text);
		buf_put_byte(text, '}');
	}
	buf_put_byte(text, ']');
}

/* "emitter_gaps":[{"first":4711,"last":4714,"at":…,"role":"gateway","name":"gw-1",…}] */
static enum status put_emitter_gaps(struct buf *text, struct timeline *timeline, const struct unit *unit)
{
	struct hole *holes = NULL;
	size_t count = 0;
	enum status status = unit_find_holes(timeline, unit, &holes, &count);
	buf_put_string(text, ",\"emitter_gaps\":[");
	for (size_t i = 0; i < count; i++) {
		const struct emitter_gap *gap = holes[i].gap;
		buf_printf(text, "%s{\"first\":%" PRId64 ",\"last\":%" PRId64, i ? "," : "", gap->first, gap->last);
		put_time(text, "at", holes[i].at);
		put_member(text, "role", gap->role);
		put_member(text, "name", gap->name);
		put_member(text, "instance", gap->instance);
		put_member(text, "epoch", gap->epoch);
		buf_put_byte(text, '}');
	}
	buf_put_string(text, timeline->gaps_unknown ? "],\"emitter_gaps_unknown\":true" : "]");
	return status;
}

static enum status put_unit(struct output *out, struct timeline *timeline, const struct unit *unit)
{
	struct buf *text = &out->text;
	struct json_page page = {.out = out};
	buf_put_byte(text, '{');
	put_unit_name(text, unit);
	put_time(text, "start", unit->start);
	put_time(text, "end", unit->end);
	buf_printf(text,
		",\"calls\":%u,\"failed\":%u,\"refused\":%u,\"waiting\":%u,\"unknown\":%u"
		",\"attempts\":%u,\"reports\":%u,\"disagreements\":%u",
		unit->calls, unit->failed, unit->refused, unit->waiting, unit->unknown, unit->attempts, unit->reports,
		unit->disagreements);
	put_observers(text, unit);
	enum status status = put_emitter_gaps(text, timeline, unit);
	if (status != STATUS_OK)
		return status;
	buf_put_string(text, ",\"moments\":[");
	buf_init(&page.words, WORDS_BYTES_MAX);
	status = unit_walk(timeline, unit, put_row, &page);
	buf_finish(&page.words);
	buf_put_string(text, "]}");
	return status;
}

enum status timeline_put_json(struct timeline *timeline, struct output *out)
{
	bool any = false;
	buf_put_string(&out->text, "{\"timelines\":[");
	for (const struct unit *unit = timeline->units; unit; unit = unit->next) {
		if (timeline_skips_unit(timeline, unit))
			continue;
		buf_put_string(&out->text, any ? ",\n" : "");
		any = true;
		enum status status = put_unit(out, timeline, unit);
		if (status != STATUS_OK)
			return status;
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

enum status timeline_put_ndjson(struct timeline *timeline, struct output *out)
{
	struct json_page page = {.out = out, .lines = true};
	enum status status = STATUS_OK;
	buf_init(&page.words, WORDS_BYTES_MAX);
	for (const struct unit *unit = timeline->units; unit && status == STATUS_OK; unit = unit->next)
		if (!timeline_skips_unit(timeline, unit))
			status = unit_walk(timeline, unit, put_row, &page);
	for (size_t i = 0; i < timeline->loss_count && status == STATUS_OK; i++) {
		buf_put_string(&out->text, "{\"relation\":\"loss\",\"event\":");
		buf_put_text(&out->text, timeline->losses[i]->json);
		buf_put_string(&out->text, "}\n");
		status = output_step(out);
	}
	buf_finish(&page.words);
	return status == STATUS_OK ? output_flush(out) : status;
}
