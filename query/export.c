#include "export.h"

#include <stdlib.h>

enum { BLOCK_TEXT_BYTES_MAX = 256 * 1024 * 1024 };

struct exporting {
	struct output *out;
	uint64_t count;
	struct export_lane {
		struct buf text; /* of the block in hand */
		uint64_t count;
		struct event event;
	} lanes[SCAN_LANES_MAX];
};

static void put_line(struct buf *text, const struct scan_place *place, const struct event *event)
{
	event_put_json(text, event, place->store_id);
	buf_put_byte(text, '\n');
}

static enum status put_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct exporting *exporting = context;
	put_line(&exporting->out->text, place, event);
	exporting->count++;
	return output_step(exporting->out);
}

static enum status render_block(void *context, unsigned number, const struct scan_place *place, struct block *block,
	const uint64_t rows[ROW_WORDS_MAX])
{
	struct export_lane *lane = &((struct exporting *)context)->lanes[number];
	enum status status = STATUS_OK;
	lane->count = 0;
	for (uint32_t row = 0; status == STATUS_OK && row_next(rows, &row); row++) {
		status = block_event(block, row, &lane->event);
		if (status != STATUS_OK)
			break;
		put_line(&lane->text, place, &lane->event);
		status = buf_status(&lane->text);
		lane->count++;
	}
	return status;
}

/* What was rendered before a damage is whole: it goes out. */
static enum status pass_block(void *context, unsigned number)
{
	struct exporting *exporting = context;
	struct export_lane *lane = &exporting->lanes[number];
	enum status status = output_pass(exporting->out, buf_text(&lane->text));
	exporting->count += lane->count;
	buf_clear(&lane->text);
	return status;
}

enum status export_put(const struct scan *scan, struct output *out, struct error *error)
{
	struct exporting *exporting = calloc(1, sizeof(*exporting));
	if (exporting == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	exporting->out = out;
	for (unsigned i = 0; i < SCAN_LANES_MAX; i++)
		buf_init(&exporting->lanes[i].text, BLOCK_TEXT_BYTES_MAX);
	enum status status = scan->threads > 1 ? scan_run_lanes(scan, render_block, pass_block, exporting, error)
					       : scan_events(scan, put_event, exporting, error);
	if (scan->coverage)
		scan->coverage->events = exporting->count;
	for (unsigned i = 0; i < SCAN_LANES_MAX; i++)
		buf_finish(&exporting->lanes[i].text);
	free(exporting);
	return status == STATUS_OK ? output_flush(out) : status;
}
