/*
 * tail -f over HTTP: reads GET /api/v1/tail (tail.h) and shows its lines.  The daemon renders them, so that they are those
 * of a directory.  When the connection is lost it is made again, and the cursor of the last line says where to go on.
 */
#include <stdio.h>
#include <time.h>

#include "ask.h"
#include "fetch.h"
#include "members.h"
#include "search.h"
#include "timestamp.h"

enum {
	CONNECT_S_MAX = 10,
	SILENCE_S_MAX = 60, /* heartbeats come more often */
	RETRY_MS = 2000,
	LINE_BYTES_MAX = 256 * 1024 * 1024,
	QUESTION_BYTES_MAX = 128 * 1024 * 1024,
	CURSOR_BYTES_MAX = 256,
	HTTP_OK = 200,
	HTTP_REFUSED = 400, /* from here on, but 5xx */
	HTTP_FAILED = 500
};

enum frame { FRAME_OTHER, FRAME_EVENT, FRAME_GAP, FRAME_COVERAGE, FRAME_ERROR };

struct stream {
	struct cli *cli;
	struct search_lines *lines; /* for the head */
	bool has_head;
	bool begun; /* there was an answer to this question before */
	struct buf line;
	enum frame frame;
	struct buf problem;
	char cursor[CURSOR_BYTES_MAX];
	bool ends; /* it says itself that it can't go on */
};

/* --- what comes --- */

static bool begins(struct text line, const char *start, struct text *rest)
{
	size_t len = strlen(start);
	if (line.len < len || memcmp(line.at, start, len) != 0)
		return false;
	*rest = (struct text){line.at + len, line.len - len};
	return true;
}

static enum frame frame_of(struct text name)
{
	static const char *const names[] = {
		[FRAME_EVENT] = "event", [FRAME_GAP] = "gap", [FRAME_COVERAGE] = "coverage", [FRAME_ERROR] = "error"};
	for (size_t i = FRAME_EVENT; i <= FRAME_ERROR; i++)
		if (text_equal(name, text_of(names[i])))
			return (enum frame)i;
	return FRAME_OTHER;
}

static enum status put_line(struct stream *stream, struct text line)
{
	struct output *out = &stream->cli->out;
	if (!stream->has_head)
		search_lines_put_head(stream->lines, out);
	stream->has_head = true;
	buf_put_text(&out->text, line);
	buf_put_string(&out->text, stream->cli->options.output == OUTPUT_CSV ? "\r\n" : "\n");
	return output_step(out);
}

/* A gap of one event, the only one that comes in JSON here: it is too large for any tail. */
static void tell_gap(struct cli *cli, struct text data)
{
	struct members members;
	struct text name;
	struct text value;
	if (!members_begin(data, &members))
		return;
	while (members_next(&members, &name, &value))
		if (text_equal(name, TEXT("first_seq")))
			buf_printf(&cli->messages,
				"mcpledger: event %.*s is too large to be sent; see mcpledger show\n",
				(int)(value.len < 24 ? value.len : 24), value.at);
}

static enum status take_data(struct stream *stream, struct text data)
{
	struct cli *cli = stream->cli;
	switch (stream->frame) {
	case FRAME_EVENT:
		return put_line(stream, data);
	case FRAME_GAP:
		tell_gap(cli, data);
		break;
	case FRAME_COVERAGE:
		if (!cli->options.quiet)
			buf_put_text(&cli->messages, data);
		if (!cli->options.quiet)
			buf_put_byte(&cli->messages, '\n');
		break;
	case FRAME_ERROR:
		stream->ends = true;
		ask_set_problem(cli, HTTP_OK, data);
		break;
	case FRAME_OTHER:
		break;
	}
	return STATUS_OK;
}

static enum status take_line(struct stream *stream, struct text line)
{
	struct text rest;
	if (line.len == 0)
		stream->frame = FRAME_OTHER;
	else if (begins(line, "id: ", &rest) && rest.len < sizeof(stream->cursor))
		(void)snprintf(stream->cursor, sizeof(stream->cursor), "%.*s", (int)rest.len, rest.at);
	else if (begins(line, "event: ", &rest))
		stream->frame = frame_of(rest);
	else if (begins(line, "data: ", &rest))
		return take_data(stream, rest);
	return STATUS_OK;
}

static enum status take(void *context, unsigned http_status, struct text piece)
{
	struct stream *stream = context;
	enum status status = STATUS_OK;
	if (http_status != HTTP_OK) {
		buf_put_text(&stream->problem, piece);
		return STATUS_OK; /* longer ones are cut */
	}
	stream->begun = true;
	while (piece.len > 0 && status == STATUS_OK) {
		const char *end = memchr(piece.at, '\n', piece.len);
		size_t len = end ? (size_t)(end - piece.at) : piece.len;
		buf_put(&stream->line, piece.at, len);
		status = buf_status(&stream->line);
		if (end && status == STATUS_OK) {
			status = take_line(stream, buf_text(&stream->line));
			buf_clear(&stream->line);
		}
		len += end != NULL;
		piece = (struct text){piece.at + len, piece.len - len};
	}
	if (status == STATUS_OK)
		status = output_flush(&stream->cli->out);
	if (stream->cli->tell)
		stream->cli->tell(stream->cli);
	return status;
}

/* --- the connection --- */

static void put_question(struct buf *out, const struct stream *stream)
{
	const struct cli *cli = stream->cli;
	buf_printf(out, FOLLOW_PATH "?coverage=text&width=%u&color=%d&q=", cli->out.width, cli->out.color);
	fetch_put_escaped(out, cli->words);
	if (stream->cursor[0])
		buf_printf(out, "&cursor=%s", stream->cursor);
	ask_put_options(out, cli);
	buf_put_byte(out, 0);
}

/* One connection's life.  STATUS_IO: it was lost, and may be tried again. */
static enum status stream_once(struct stream *stream)
{
	struct cli *cli = stream->cli;
	const struct fetch_options options = {.url = cli->options.url,
		.token_file = cli->options.token_file,
		.connect_time_max_ns = CONNECT_S_MAX * NS_PER_S,
		.silence_time_max_ns = SILENCE_S_MAX * NS_PER_S};
	struct fetch *fetch = NULL;
	struct buf question;
	unsigned http_status = 0;
	buf_init(&question, QUESTION_BYTES_MAX);
	put_question(&question, stream);
	buf_clear(&stream->line);
	buf_clear(&stream->problem);
	stream->frame = FRAME_OTHER;
	enum status status = buf_status(&question);
	if (status == STATUS_OK)
		status = fetch_open(&fetch, &options, &cli->error);
	if (status == STATUS_OK)
		status = ask_send(fetch, &question, take, stream, &http_status, &cli->error);
	fetch_close(&fetch);
	buf_finish(&question);
	if (status == STATUS_OK && http_status == HTTP_OK)
		return error_set(&cli->error, STATUS_IO, "the collector ended the connection");
	if (status != STATUS_OK)
		return status;
	ask_set_problem(cli, http_status, buf_text(&stream->problem));
	return http_status >= HTTP_REFUSED && http_status < HTTP_FAILED ? STATUS_DENIED : STATUS_IO;
}

static void tell_lost(struct cli *cli)
{
	buf_printf(&cli->messages, "mcpledger: %s; trying again\n", cli->error.text);
	if (cli->tell)
		cli->tell(cli);
}

enum exit_code cli_follow(struct cli *cli)
{
	const struct timespec pause = {.tv_sec = RETRY_MS / 1000, .tv_nsec = RETRY_MS % 1000 * NS_PER_MS};
	struct stream stream = {.cli = cli};
	const struct options *options = &cli->options;
	if (options->until || options->require_complete || options->explain || options->output == OUTPUT_JSON)
		return verb_tail(cli); /* which says what is wrong */
	buf_init(&stream.line, LINE_BYTES_MAX);
	buf_init(&stream.problem, QUESTION_BYTES_MAX);
	enum status status = search_lines_create(&stream.lines, cli->options.output);
	bool told = false;
	while (status == STATUS_OK) {
		bool had = stream.begun;
		stream.begun = false;
		status = stream_once(&stream);
		told = told && !stream.begun; /* once for each time that it is lost */
		stream.begun = stream.begun || had;
		if (status != STATUS_IO || !stream.begun || stream.ends)
			break;
		if (!told)
			tell_lost(cli);
		told = true;
		(void)nanosleep(&pause, NULL);
		status = STATUS_OK;
	}
	search_lines_destroy(&stream.lines);
	buf_finish(&stream.line);
	buf_finish(&stream.problem);
	return status == STATUS_CANCELLED ? EXIT_FOUND : cli_fail(cli, status);
}
