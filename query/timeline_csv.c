#include "sheet.h"
#include "timeline_unit.h"

/* The moments of a timeline as a sheet of rows, for spreadsheets; see timeline_json.c for what the columns mean. */

static const struct sheet_column columns[] = {
	{"by", NULL, SHEET_TEXT, 0},
	{"unit", NULL, SHEET_TEXT, 0},
	{"tenant", NULL, SHEET_TEXT, 0},
	{"depth", NULL, SHEET_COUNT, 0},
	{"relation", NULL, SHEET_TEXT, 0},
	{"of", NULL, SHEET_COUNT, 0},
	{"seq", NULL, SHEET_COUNT, 0},
	{"id", NULL, SHEET_TEXT, 0},
	{"time", NULL, SHEET_TIME, 0},
	{"duration_ns", NULL, SHEET_DURATION, 0},
	{"kind", NULL, SHEET_TEXT, 0},
	{"what", NULL, SHEET_TEXT, 0},
	{"effect", NULL, SHEET_TEXT, 0},
	{"effect_source", NULL, SHEET_TEXT, 0},
	{"parameters", NULL, SHEET_TEXT, 0},
	{"verdict", NULL, SHEET_TEXT, 0},
	{"outcome", NULL, SHEET_TEXT, 0},
	{"result", NULL, SHEET_TEXT, 0},
	{"user", NULL, SHEET_TEXT, 0},
	{"user_verified", NULL, SHEET_BOOL, 0},
	{"agent", NULL, SHEET_TEXT, 0},
	{"client", NULL, SHEET_TEXT, 0},
	{"server", NULL, SHEET_TEXT, 0},
	{"observer_role", NULL, SHEET_TEXT, 0},
	{"observer_name", NULL, SHEET_TEXT, 0},
	{"intent", NULL, SHEET_TEXT, 0},
};

static enum status put_row(void *context, const struct row *row)
{
	const struct unit *unit = row->unit;
	const struct moment *moment = row->moment;
	const struct telling *telling = row->telling;
	const struct cell cells[sizeof(columns) / sizeof(columns[0])] = {
		unit ? cell_text(text_of(unit_type_name(unit->type))) : cell_none(),
		unit ? cell_text(unit->id) : cell_none(),
		cell_text(moment->tenant),
		cell_number(row->depth),
		cell_text(text_of(row->relation)),
		row->of ? cell_number((int64_t)row->of->seq) : cell_none(),
		cell_number((int64_t)moment->seq),
		cell_text(moment->id),
		cell_number(telling->at),
		telling->has_duration ? cell_number(telling->duration_ns) : cell_none(),
		cell_text(moment->kind),
		cell_text(moment->what),
		cell_text(moment->effect),
		cell_text(moment->effect_source),
		cell_text(moment->parameters),
		cell_text(telling->verdict),
		cell_text(telling->outcome),
		cell_text(telling->result),
		cell_text(moment->user),
		moment->user.len > 0 ? cell_number(moment->verified) : cell_none(),
		cell_text(moment->agent),
		cell_text(moment->client),
		cell_text(moment->server),
		cell_text(moment->seen_role),
		cell_text(moment->seen_name),
		cell_text(moment->intent),
	};
	return sheet_row(context, cells);
}

enum status timeline_put_csv(struct timeline *timeline, struct output *out)
{
	struct sheet sheet;
	enum status status = STATUS_OK;
	sheet_begin(&sheet, out, OUTPUT_CSV, columns, sizeof(columns) / sizeof(columns[0]));
	for (const struct unit *unit = timeline->units; unit && status == STATUS_OK; unit = unit->next)
		if (!timeline_skips_unit(timeline, unit))
			status = unit_walk(timeline, unit, put_row, &sheet);
	for (size_t i = 0; i < timeline->loss_count && status == STATUS_OK; i++) {
		const struct moment *loss = timeline->losses[i];
		const struct row row = {.moment = loss, .telling = &loss->own, .relation = "loss"};
		status = put_row(&sheet, &row);
	}
	return status == STATUS_OK ? sheet_end(&sheet, &timeline->coverage) : status;
}
