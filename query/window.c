#include "window.h"

#include "timestamp.h"
#include "when.h"

static int64_t before(int64_t time, int64_t length)
{
	int64_t earlier = 0;
	return length == INT64_MAX || __builtin_sub_overflow(time, length, &earlier) ? INT64_MIN : earlier;
}

/* Behind the newest event that the words find; the collector's own are none of anybody's. */
static enum status newest(struct cli *cli, const struct scan *scan, int64_t *time)
{
	struct buf text;
	buf_init(&text, 2 * FILTER_BYTES_MAX);
	buf_put_string(&text, "last(");
	buf_put_text(&text, cli->words.len > 0 ? cli->words : TEXT("-kind:ledger"));
	buf_put_byte(&text, ')');
	enum status status = buf_status(&text);
	if (status == STATUS_OK)
		status = when_read(buf_text(&text), "since", cli->now, scan, &cli->arena, time, &cli->error);
	buf_finish(&text);
	return status;
}

enum status window_read(
	struct cli *cli, const struct scan *scan, int64_t length, int64_t baseline_default, struct window *window)
{
	struct window made = {.since = scan->since, .until = scan->until};
	int64_t baseline = baseline_default;
	const char *given = cli->options.baseline;
	if (given && (duration_parse(text_of(given), &baseline) != STATUS_OK || baseline <= 0))
		return error_set(&cli->error, STATUS_INVALID, "baseline needs a length of time such as 30d or 12h");
	if (made.until == INT64_MAX && made.since == INT64_MIN) {
		int64_t time = 0;
		enum status status = newest(cli, scan, &time);
		if (status != STATUS_OK)
			return status;
		made.anchored = true;
		made.until = time < INT64_MAX ? time + 1 : time;
	}
	if (made.since == INT64_MIN)
		made.since = before(made.until, length);
	made.baseline = before(made.since, baseline);
	*window = made;
	return STATUS_OK;
}

static void put_time_member(struct buf *out, const char *name, int64_t ns)
{
	char text[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(ns, text);
	if (ns == INT64_MIN || ns == INT64_MAX)
		buf_printf(out, "\"%s\":null", name);
	else
		buf_printf(out, "\"%s\":\"%s\"", name, text);
}

void window_put_json(struct buf *out, const struct window *window)
{
	buf_put_string(out, "\"window\":{");
	put_time_member(out, "since", window->since);
	buf_put_byte(out, ',');
	put_time_member(out, "until", window->until);
	buf_put_byte(out, ',');
	put_time_member(out, "baseline_since", window->baseline);
	buf_put_byte(out, '}');
}

static void put_end(struct output *out, int64_t ns, const char *none)
{
	char text[TIMESTAMP_TEXT_BYTES];
	if (ns == INT64_MIN || ns == INT64_MAX)
		buf_put_string(&out->text, none);
	else
		buf_put(&out->text, text, timestamp_format_table(ns, out->utc, text));
}

void window_put_range(struct output *out, int64_t since, int64_t until)
{
	put_end(out, since, "the start of the record");
	buf_put_string(&out->text, " to ");
	put_end(out, until, "now");
}
