#include "ask.h"

#include <stdio.h>

#include "cli.h"
#include "fetch.h"
#include "members.h"
#include "timestamp.h"

/*
 * The daemon runs the verb and sends what it writes: the answer, then ASK_END, the exit code as one digit, what
 * goes to stderr, ASK_END, and the position behind it (for --checkpoint).  ASK_END is a control character: no answer holds it, since JSON and tables escape it.
 */

enum {
	CONNECT_S_MAX = 10,
	SILENCE_S_MAX = 120,
	QUESTION_BYTES_MAX = 128 * 1024 * 1024,
	TARGET_BYTES_MAX = 8 * 1024, /* a longer question is sent in the body */
	MESSAGE_BYTES_MAX = 64 * 1024,
	HTTP_OK = 200
};

struct parameter {
	struct buf *path;
	const char *name;
};

static void put_parameter(void *context, const char *value)
{
	const struct parameter *parameter = context;
	buf_put_byte(parameter->path, '&');
	for (const char *c = parameter->name; *c; c++)
		buf_put_byte(parameter->path, *c == '-' ? '_' : (uint8_t)*c);
	buf_put_byte(parameter->path, '=');
	fetch_put_escaped(parameter->path, text_of(value));
}

void ask_put_options(struct buf *out, const struct cli *cli)
{
	for (size_t i = 0; i < options_count(); i++)
		if (option_is_asked(i))
			option_values(&cli->options, i, put_parameter, &(struct parameter){out, option_name(i)});
	if (cli->indicators.len == 0)
		return;
	buf_put_string(out, "&match=");
	fetch_put_escaped(out, cli->indicators);
}

static void put_question(struct buf *out, const struct cli *cli, const char *verb)
{
	buf_printf(out, ASK_PATH "?verb=%s&width=%u&color=%d&words=", verb, cli->out.width, cli->out.color);
	fetch_put_escaped(out, cli->words);
	ask_put_options(out, cli);
	buf_put_byte(out, 0);
}

struct answer {
	struct cli *cli;
	bool ended;
	struct buf rest; /* behind ASK_END, or a problem document */
};

static enum status take(void *context, unsigned http_status, struct text piece)
{
	struct answer *answer = context;
	if (http_status != HTTP_OK || answer->ended) {
		buf_put_text(&answer->rest, piece);
		return STATUS_OK; /* longer ones are cut */
	}
	const char *end = memchr(piece.at, ASK_END, piece.len);
	size_t len = end ? (size_t)(end - piece.at) : piece.len;
	buf_put(&answer->cli->out.text, piece.at, len);
	if (end) {
		answer->ended = true;
		buf_put(&answer->rest, end + 1, piece.len - len - 1);
	}
	return output_step(&answer->cli->out);
}

void ask_set_problem(struct cli *cli, unsigned http_status, struct text problem)
{
	struct members members;
	struct text name;
	struct text value;
	struct text detail = {NULL, 0};
	if (members_begin(problem, &members))
		while (members_next(&members, &name, &value))
			if (text_equal(name, TEXT("detail")) || (text_equal(name, TEXT("title")) && detail.len == 0))
				detail = leaf_text(value, &cli->arena);
	(void)error_set(&cli->error, STATUS_IO, "the collector answers %u%s%.*s", http_status,
		detail.len > 0 ? ": " : "", (int)(detail.len < 300 ? detail.len : 300),
		detail.len > 0 ? detail.at : "");
}

static enum exit_code finish(struct answer *answer, unsigned http_status)
{
	struct cli *cli = answer->cli;
	struct text rest = buf_text(&answer->rest);
	if (http_status != HTTP_OK) {
		ask_set_problem(cli, http_status, rest);
		return cli_fail(cli, STATUS_IO);
	}
	if (!answer->ended || rest.len == 0 || rest.at[0] < '0' || rest.at[0] > '0' + EXIT_FAILED) {
		(void)error_set(&cli->error, STATUS_IO, "the answer broke off");
		return cli_fail(cli, STATUS_IO);
	}
	const char *end = memchr(rest.at, ASK_END, rest.len);
	if (end == NULL) {
		(void)error_set(&cli->error, STATUS_IO, "the answer broke off");
		return cli_fail(cli, STATUS_IO);
	}
	buf_put(&cli->messages, rest.at + 1, (size_t)(end - rest.at) - 1);
	buf_put(&cli->position, end + 1, (size_t)(rest.at + rest.len - end) - 1);
	enum status status = output_flush(&cli->out);
	return status == STATUS_OK ? (enum exit_code)(rest.at[0] - '0') : cli_fail(cli, status);
}

enum status ask_send(struct fetch *fetch, const struct buf *question, fetch_take *answer, void *context,
	unsigned *http_status, struct error *error)
{
	size_t target = strcspn(question->at, "?");
	if (question->len <= TARGET_BYTES_MAX)
		return fetch_get(fetch, question->at, answer, context, http_status, error);
	/* The target ends where the parameters began. */
	struct text form = {question->at + target + 1, question->len - target - 2};
	question->at[target] = 0;
	return fetch_post_form(fetch, &(struct fetch_form){question->at, form}, answer, context, http_status, error);
}

enum exit_code cli_ask(struct cli *cli, const char *verb)
{
	if (cli->options.follow)
		return cli_follow(cli);
	const struct fetch_options options = {.url = cli->options.url,
		.token_file = cli->options.token_file,
		.connect_time_max_ns = CONNECT_S_MAX * NS_PER_S,
		.silence_time_max_ns = SILENCE_S_MAX * NS_PER_S};
	struct answer answer = {.cli = cli};
	struct fetch *fetch = NULL;
	struct buf question;
	unsigned http_status = 0;
	buf_init(&question, QUESTION_BYTES_MAX);
	buf_init(&answer.rest, MESSAGE_BYTES_MAX);
	put_question(&question, cli, verb);
	enum status status = buf_status(&question);
	if (status == STATUS_OK)
		status = fetch_open(&fetch, &options, &cli->error);
	if (status == STATUS_OK)
		status = ask_send(fetch, &question, take, &answer, &http_status, &cli->error);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = finish(&answer, http_status);
	else if (status != STATUS_CANCELLED)
		code = cli_fail(cli, status);
	fetch_close(&fetch);
	buf_finish(&question);
	buf_finish(&answer.rest);
	return code;
}
