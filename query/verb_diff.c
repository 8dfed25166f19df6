#include <inttypes.h>

#include "cli.h"
#include "novelty.h"
#include "sheet.h"
#include "timestamp.h"
#include "window.h"

enum { ROWS_LIMIT = 200, BASELINE_DAYS = 30, MEMBERS_BYTES_MAX = 1024 };

static const struct sheet_column columns[] = {
	{"new", "NEW", SHEET_TEXT, 10},
	{"value", "WHAT", SHEET_TEXT, 0},
	{"events", "EVENTS", SHEET_COUNT, 7},
	{"first", "FIRST", SHEET_TIME, 0},
	{"seq", "SEQ", SHEET_COUNT, 8},
	{"id", NULL, SHEET_TEXT, 0},
	{"example", "IN", SHEET_TEXT, 0},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

/* What is compared with what: above the table, and in JSON a member of its own. */
static void put_head(struct cli *cli, const struct window *window, const struct novelties *novelties)
{
	struct buf *out = &cli->out.text;
	buf_put_string(out, "Window    ");
	window_put_range(&cli->out, window->since, window->until);
	buf_printf(out, ", %" PRIu64 " events%s\n", novelties->window_events,
		window->anchored ? " (the day up to the newest)" : "");
	buf_put_string(out, "Baseline  ");
	window_put_range(&cli->out, window->baseline, window->since);
	buf_printf(out, ", %" PRIu64 " events", novelties->baseline_events);
	if (novelties->baseline_events > 0) {
		char text[TIMESTAMP_TEXT_BYTES];
		(void)timestamp_format_table(novelties->baseline_first, cli->out.utc, text);
		buf_printf(out, ", the first %s\n\n", text);
	} else {
		buf_put_string(out, ": nothing to compare with, so all is new\n\n");
	}
}

static enum status put_novelty(struct cli *cli, struct sheet *sheet, const struct novelty *novelty)
{
	bool table = cli->options.output == OUTPUT_TABLE;
	return sheet_row(
		sheet, (struct cell[COLUMNS]){
			       cell_text(text_of(table ? habit_words(novelty->habit) : habit_name(novelty->habit))),
			       cell_text(novelty->value),
			       cell_number((int64_t)novelty->count),
			       cell_number(novelty->first),
			       cell_number((int64_t)novelty->seq),
			       cell_text(novelty->id),
			       cell_text(novelty->example),
		       });
}

static enum status put_novelties(struct cli *cli, const struct window *window, struct novelties *novelties)
{
	struct sheet sheet;
	struct buf members;
	const struct option_limit *limit = &cli->options.limit;
	uint64_t shown = !limit->given ? ROWS_LIMIT : limit->number ? limit->number : UINT64_MAX;
	enum status status = STATUS_OK;
	if (cli->options.output == OUTPUT_TABLE)
		put_head(cli, window, novelties);
	sheet_begin(&sheet, &cli->out, cli->options.output, columns, COLUMNS);
	for (size_t i = 0; i < novelties->count && i < shown && status == STATUS_OK; i++)
		status = put_novelty(cli, &sheet, novelties->items[i]);
	if (novelties->count > shown) {
		novelties->coverage.events = shown;
		novelties->coverage.more = true;
	}
	buf_init(&members, MEMBERS_BYTES_MAX);
	window_put_json(&members, window);
	buf_printf(&members, ",\"window_events\":%" PRIu64 ",\"baseline_events\":%" PRIu64, novelties->window_events,
		novelties->baseline_events);
	sheet.members = buf_text(&members);
	if (status == STATUS_OK)
		status = sheet_end(&sheet, &novelties->coverage);
	buf_finish(&members);
	return status;
}

static enum status find(struct cli *cli, struct window *window, struct novelties **novelties)
{
	struct scan scan = {0};
	struct filter filter;
	enum status status = cli_filter(cli, &filter);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = window_read(cli, &scan, NS_PER_DAY, BASELINE_DAYS * NS_PER_DAY, window);
	if (status != STATUS_OK)
		return status;
	scan.filter = &filter;
	scan.since = window->since;
	scan.until = window->until;
	return novelties_find(novelties, &scan, window->baseline, &cli->error);
}

enum exit_code verb_diff(struct cli *cli)
{
	struct window window;
	struct novelties *novelties = NULL;
	if (cli->words.len == 0)
		return cli_misuse(cli, "diff needs to know whose events, such as user:alice; see mcpledger help diff");
	enum status status = find(cli, &window, &novelties);
	if (status == STATUS_OK)
		status = put_novelties(cli, &window, novelties);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &novelties->coverage);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	novelties_destroy(&novelties);
	return code;
}
