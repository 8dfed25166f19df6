/* Pages of events, and one event. */
#include "api.h"

#include "search.h"
#include "show.h"

enum { PAGE_LIMIT = 100, PAGE_LIMIT_MAX = 10000, SAME_ID_MAX = 100 };

/* --- a page --- */

/* Where this page begins.  A later one asks what the first one meant: times are those of the cursor. */
static enum status read_cursor(struct ask *ask, const struct cursor_key *key, struct cursor *cursor)
{
	struct cli *cli = &ask->cli;
	bool oldest_first = text_equal(ask->order, TEXT("oldest"));
	if (ask->order.len > 0 && !oldest_first && !text_equal(ask->order, TEXT("newest")))
		return error_set(&cli->error, STATUS_INVALID, "order is newest or oldest");
	*cursor = (struct cursor){.backward = !oldest_first, .now = cli->now};
	if (ask->cursor.len == 0)
		return STATUS_OK;
	if (cursor_parse(ask->cursor, key, cursor) != STATUS_OK)
		return error_set(
			&cli->error, STATUS_INVALID, "this cursor is none that an answer to this question gave");
	cli->now = cursor->now;
	cli->options.since = NULL;
	cli->options.until = NULL;
	return STATUS_OK;
}

/* What the last page ended before may have been pruned meanwhile. */
static void narrow_to_cursor(struct scan *scan, const struct cursor *cursor)
{
	if (cursor->backward) {
		scan_narrow(scan, 0, cursor->seq);
		return;
	}
	uint64_t oldest = scan->stores[0].seq_first;
	if (cursor->seq < oldest)
		coverage_add_gap(scan->coverage, cursor->seq, oldest - 1);
	scan_narrow(scan, cursor->seq, UINT64_MAX);
}

static enum status begin_page(struct ask *ask, struct scan *scan, const struct cursor_key *key, struct cursor *cursor)
{
	struct cli *cli = &ask->cli;
	struct coverage *coverage = scan->coverage;
	enum status status = read_cursor(ask, key, cursor);
	if (status == STATUS_OK)
		status = cli_scan(cli, scan);
	if (status != STATUS_OK)
		return status;
	scan->coverage = coverage;
	scan->backward = cursor->backward;
	if (ask->cursor.len == 0) {
		cursor->since = scan->since;
		cursor->until = scan->until;
		return STATUS_OK;
	}
	scan->since = cursor->since;
	scan->until = cursor->until;
	narrow_to_cursor(scan, cursor);
	return STATUS_OK;
}

static enum status put_page(struct ask *ask, struct scan *scan, const struct cursor_key *key, struct cursor *cursor)
{
	struct cli *cli = &ask->cli;
	const struct option_limit *limit = &cli->options.limit;
	char text[CURSOR_TEXT_BYTES];
	buf_put_string(&cli->out.text, "{\"items\":[");
	cursor->seq = 0;
	enum status status =
		search_put_page(scan, limit->given ? limit->number : PAGE_LIMIT, &cli->out, &cursor->seq, &cli->error);
	if (status != STATUS_OK)
		return status;
	if (cursor->seq && scan->backward)
		scan_narrow(scan, cursor->seq + 1, UINT64_MAX);
	else if (cursor->seq)
		scan_narrow(scan, 0, cursor->seq - 1);
	status = coverage_collect(scan, scan->coverage, &cli->error);
	buf_put_string(&cli->out.text, "],\"next_cursor\":");
	cursor_format(cursor, key, text);
	buf_printf(&cli->out.text, cursor->seq ? "\"%s\"" : "null", text);
	buf_put_string(&cli->out.text, ",\"coverage\":");
	coverage_put_json(&cli->out.text, scan->coverage);
	buf_put_string(&cli->out.text, "}\n");
	return status;
}

enum status ask_put_events(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	const struct option_limit *limit = &cli->options.limit;
	struct coverage coverage = {0};
	struct scan scan = {.coverage = &coverage};
	struct filter filter;
	struct cursor_key key;
	struct cursor cursor = {.backward = false};
	if (limit->given && (limit->number == 0 || limit->number > PAGE_LIMIT_MAX))
		return error_set(
			&cli->error, STATUS_INVALID, "limit needs a whole number from 1 to %d", PAGE_LIMIT_MAX);
	enum status status = ask_cursor_key(ask, &key);
	if (status == STATUS_OK)
		status = begin_page(ask, &scan, &key, &cursor);
	if (status == STATUS_OK)
		status = cli_filter(cli, &filter);
	scan.filter = &filter;
	return status == STATUS_OK ? put_page(ask, &scan, &key, &cursor) : status;
}

/* --- one event --- */

struct same_id {
	struct ask *ask;
	uint64_t count;
};

static enum status put_same_id(void *context, const struct scan_place *place, const struct event *event)
{
	struct same_id *same = context;
	if (same->count == SAME_ID_MAX)
		return STATUS_LIMIT;
	show_put_json(&same->ask->cli.out.text, same->count++, event, place->store_id);
	return STATUS_OK;
}

enum status ask_put_event(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	struct text id = ask_path_rest(ask, "events/");
	struct same_id same = {.ask = ask};
	struct scan scan;
	struct filter filter;
	cli->words = id;
	cli->meter.rows_max = 0; /* one event is never too much */
	enum status status = cli_scan(cli, &scan);
	struct scan one = scan;
	if (status == STATUS_OK && scan_narrow_to_id(&one, id))
		status = scan_events(&one, put_same_id, &same, &cli->error);
	if (status == STATUS_OK && same.count == 0)
		status = filter_exact(FIELD_ID, id, &cli->arena, &filter);
	scan.filter = &filter;
	if (status == STATUS_OK && same.count == 0)
		status = scan_events(&scan, put_same_id, &same, &cli->error);
	if (status == STATUS_OK && same.count == 0)
		return error_set(&cli->error, STATUS_NOT_FOUND, "there is no event with this id");
	if (status == STATUS_OK)
		show_end_json(&cli->out.text, same.count);
	return status;
}
