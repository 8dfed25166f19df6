#include <inttypes.h>

#include "cli.h"
#include "first_seen.h"
#include "sheet.h"
#include "timestamp.h"
#include "window.h"

enum { ROWS_LIMIT = 50, TEXT_BYTES_MAX = 8192, MEMBERS_BYTES_MAX = 1024 };

/* What is looked at when nobody says so.  Not tokens: there is a new one each hour, and they would hide the rest. */
static const char *const usual[] = {"server", "server,tool", "server,server.version", "user", "agent", "client",
	"token", "user,server", "user,tool"};

static const struct sheet_column columns[] = {
	{"fields", "FIRST SEEN", SHEET_LIST, 21},
	{"values", "VALUE", SHEET_LIST, 0},
	{"first", "WHEN", SHEET_TIME, 0},
	{"last", NULL, SHEET_TIME, 0},
	{"events", "EVENTS", SHEET_COUNT, 7},
	{"seq", "SEQ", SHEET_COUNT, 8},
	{"id", NULL, SHEET_TEXT, 0},
	{"user", NULL, SHEET_TEXT, 0},
	{"example", "IN", SHEET_TEXT, 0},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

struct asked {
	struct sort sorts[FIRST_SEEN_SORTS_MAX];
	size_t count;
	struct filter filter;
	struct window window;
};

/* Words that are names of fields say what is looked at, the others are a search. */
static enum status read_words(struct cli *cli, struct asked *asked)
{
	struct buf search;
	struct text words = cli->words;
	enum status status = STATUS_OK;
	buf_init(&search, FILTER_BYTES_MAX + 1);
	for (size_t at = 0; at < words.len && status == STATUS_OK;) {
		const char *space = memchr(words.at + at, ' ', words.len - at);
		size_t end = space ? (size_t)(space - words.at) : words.len;
		struct text word = {words.at + at, end - at};
		at = end + 1;
		bool is_field = word.len > 0 && asked->count < FIRST_SEEN_SORTS_MAX &&
				sort_parse(word, &asked->sorts[asked->count]) == STATUS_OK;
		asked->count += is_field;
		if (is_field)
			continue;
		buf_put_string(&search, search.len > 0 ? " " : "");
		buf_put_text(&search, word);
	}
	for (size_t i = 0; asked->count == 0 && i < sizeof(usual) / sizeof(usual[0]); i++)
		(void)!sort_parse(text_of(usual[i]), &asked->sorts[i]); /* names of our own */
	if (asked->count == 0)
		asked->count = sizeof(usual) / sizeof(usual[0]);
	status = buf_status(&search);
	cli->words = arena_copy(&cli->arena, buf_text(&search));
	buf_finish(&search);
	if (status == STATUS_OK)
		status = cli_filter(cli, &asked->filter);
	return status;
}

static enum status put_sighting(struct sheet *sheet, const struct asked *asked, const struct sighting *sighting)
{
	const struct sort *sort = &asked->sorts[sighting->sort];
	return sheet_row(sheet, (struct cell[COLUMNS]){
					cell_list(sort->names, sort->count, 0),
					cell_list(sighting->values, sort->count, 0),
					cell_number(sighting->first),
					cell_number(sighting->last),
					cell_number((int64_t)sighting->events),
					cell_number((int64_t)sighting->seq),
					cell_text(sighting->id),
					cell_text(sighting->user),
					cell_text(sighting->example),
				});
}

static void put_head(struct cli *cli, const struct asked *asked, const struct first_seen *seen)
{
	struct buf *out = &cli->out.text;
	const struct window *window = &asked->window;
	if (window->since == INT64_MIN)
		return;
	buf_put_string(out, "Window    ");
	window_put_range(&cli->out, window->since, window->until);
	buf_put_string(out, "\nBaseline  ");
	window_put_range(&cli->out, window->baseline, window->since);
	buf_printf(out, ", %" PRIu64 " values seen", seen->known);
	if (seen->record < INT64_MAX) {
		char text[TIMESTAMP_TEXT_BYTES];
		buf_put_string(out, "; the first event ");
		buf_put(out, text, timestamp_format_table(seen->record, cli->out.utc, text));
	}
	buf_put_string(out, "\n\n");
}

static enum status put_seen(struct cli *cli, const struct asked *asked, const struct first_seen *seen)
{
	struct sheet sheet;
	struct buf members;
	enum status status = STATUS_OK;
	if (cli->options.output == OUTPUT_TABLE)
		put_head(cli, asked, seen);
	sheet_begin(&sheet, &cli->out, cli->options.output, columns, COLUMNS);
	for (size_t i = 0; i < seen->count && status == STATUS_OK; i++)
		status = put_sighting(&sheet, asked, seen->items[i]);
	buf_init(&members, MEMBERS_BYTES_MAX);
	window_put_json(&members, &asked->window);
	buf_printf(&members, ",\"known\":%" PRIu64, seen->known);
	sheet.members = buf_text(&members);
	if (status == STATUS_OK)
		status = sheet_end(&sheet, &seen->coverage);
	buf_finish(&members);
	return status;
}

/* Without --since, and without --baseline, every value is told. */
static enum status read_window(struct cli *cli, struct asked *asked, struct scan *scan)
{
	struct window *window = &asked->window;
	*window = (struct window){.baseline = INT64_MIN, .since = scan->since, .until = scan->until};
	if (cli->options.since == NULL && cli->options.baseline == NULL)
		return STATUS_OK;
	enum status status = window_read(cli, scan, NS_PER_DAY, INT64_MAX, window);
	scan->since = window->baseline;
	scan->until = window->until;
	return status;
}

static enum status find(struct cli *cli, struct asked *asked, struct first_seen **seen)
{
	struct scan scan = {0};
	uint64_t limit = cli->options.limit.given ? cli->options.limit.number : ROWS_LIMIT;
	enum status status = read_words(cli, asked);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = read_window(cli, asked, &scan);
	scan.filter = &asked->filter;
	if (status != STATUS_OK)
		return status;
	const struct first_seen_question question = {asked->sorts, asked->count, asked->window.since, limit};
	return first_seen_find(seen, &scan, &question, &cli->error);
}

enum exit_code verb_first_seen(struct cli *cli)
{
	struct first_seen *seen = NULL;
	struct asked *asked = arena_calloc(&cli->arena, 1, sizeof(*asked));
	enum status status = asked ? find(cli, asked, &seen) : STATUS_NO_MEMORY;
	if (status == STATUS_OK)
		status = put_seen(cli, asked, seen);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &seen->coverage);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	first_seen_destroy(&seen);
	return code;
}
