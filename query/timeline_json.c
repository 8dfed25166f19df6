#include "timeline.h"

#include "timestamp.h"

/* The same as the text, for programs; moments are flat, each with the depth it stands at. */

static void put_time(struct buf *out, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(ns, text);
	buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

static enum status put_moments(
	struct output *out, const struct unit *unit, const struct moment *moment, unsigned depth, bool *any)
{
	for (; moment; moment = moment->next) {
		struct buf *text = &out->text;
		buf_printf(text, "%s{\"depth\":%u,\"offset_ns\":%lld", *any ? ",\n" : "\n", depth,
			(long long)(moment->time - unit->start));
		*any = true;
		if (moment->has_duration)
			buf_printf(text, ",\"duration_ns\":%lld", (long long)moment->duration_ns);
		buf_put_string(text, ",\"what\":");
		json_put_string(text, moment->what);
		buf_put_string(text, ",\"outcome\":");
		json_put_string(text, moment->outcome);
		if (moment->repeat)
			buf_put_string(text, ",\"repeat\":true");
		buf_put_string(text, ",\"event\":");
		buf_put_text(text, moment->json);
		if (moment->end_json.len > 0) {
			buf_put_string(text, ",\"end\":");
			buf_put_text(text, moment->end_json);
		}
		buf_put_byte(text, '}');
		enum status status = output_step(out);
		if (status == STATUS_OK)
			status = put_moments(out, unit, moment->children, depth + 1, any);
		if (status != STATUS_OK)
			return status;
	}
	return STATUS_OK;
}

static enum status put_unit(struct output *out, const struct unit *unit)
{
	static const char *const names[] = {[UNIT_CONVERSATION] = "conversation",
		[UNIT_SESSION] = "session",
		[UNIT_TRACE] = "trace",
		[UNIT_INFERRED] = "inferred"};
	struct buf *text = &out->text;
	bool any = false;
	buf_printf(text, "{\"by\":\"%s\",\"inferred\":%s", names[unit->type],
		unit->type == UNIT_INFERRED ? "true" : "false");
	if (unit->id.len > 0) {
		buf_put_string(text, ",\"id\":");
		json_put_string(text, unit->id);
	}
	put_time(text, "start", unit->start);
	put_time(text, "end", unit->end);
	buf_printf(text, ",\"calls\":%u,\"failed\":%u,\"refused\":%u,\"unknown\":%u,\"moments\":[", unit->calls,
		unit->failed, unit->refused, unit->unknown);
	enum status status = put_moments(out, unit, unit->first, 0, &any);
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
