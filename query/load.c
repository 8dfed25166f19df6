#include "load.h"

#include <inttypes.h>
#include <time.h>

#include "json.h"
#include "members.h"
#include "printable.h"

enum {
	BODY_BYTES = 4 * 1024 * 1024,
	LINES_BYTES_MAX = 128 * 1024 * 1024,
	ANSWER_BYTES_MAX = 1024 * 1024,
	MESSAGES_MAX = 20,
	TRIES_MAX = 30,
	WAIT_MAX_S = 10,
	HTTP_OK = 200,
	HTTP_BAD_REQUEST = 400,
	HTTP_TOO_MANY = 429,
	HTTP_UNAVAILABLE = 503,
};

void load_init(struct load *load, struct fetch *fetch)
{
	*load = (struct load){.fetch = fetch, .line = 1};
	buf_init(&load->lines, LINES_BYTES_MAX);
	buf_init(&load->answer.body, ANSWER_BYTES_MAX);
	buf_init(&load->messages, ANSWER_BYTES_MAX);
	arena_init(&load->arena, 4 * ANSWER_BYTES_MAX);
}

void load_finish(struct load *load)
{
	buf_finish(&load->lines);
	buf_finish(&load->answer.body);
	buf_finish(&load->messages);
	arena_finish(&load->arena);
}

/* The answer's JSON without white space; empty where it is none. */
static struct text answer_json(struct load *load)
{
	struct json_reader *reader = NULL;
	struct json_value value = {.text = {NULL, 0}};
	arena_clear(&load->arena);
	if (json_reader_create(&reader) != STATUS_OK)
		return value.text;
	if (json_begin(reader, buf_text(&load->answer.body)) != STATUS_OK ||
		json_value(reader, &load->arena, 0, &value) != STATUS_OK || json_end(reader) != STATUS_OK)
		value.text = (struct text){NULL, 0};
	json_reader_destroy(&reader);
	return value.text;
}

static uint64_t read_count(struct text token)
{
	int64_t number = 0;
	return json_integer(token, &number) == STATUS_OK && number > 0 ? (uint64_t)number : 0;
}

static void note_reject(struct load *load, struct text reject)
{
	struct members members;
	struct text name;
	struct text value;
	struct text why = TEXT("rejected");
	uint64_t line = 0;
	if (!members_begin(reject, &members))
		return;
	while (members_next(&members, &name, &value)) {
		if (text_equal(name, TEXT("line")))
			line = read_count(value);
		if (text_equal(name, TEXT("error")))
			why = leaf_text(value, &load->arena);
	}
	buf_printf(&load->messages, "line %" PRIu64 ": ", load->line + (line ? line - 1 : 0));
	printable_put(&load->messages, why);
	buf_put_byte(&load->messages, '\n');
}

/* STATUS_INVALID: this is no answer to an import. */
static enum status sum_up(struct load *load)
{
	struct members members;
	struct members rejects;
	struct text name;
	struct text value;
	bool counted = false;
	uint64_t before = load->rejected;
	if (!members_begin(answer_json(load), &members))
		return STATUS_INVALID;
	while (members_next(&members, &name, &value)) {
		counted = counted || text_equal(name, TEXT("accepted"));
		if (text_equal(name, TEXT("accepted")))
			load->accepted += read_count(value);
		else if (text_equal(name, TEXT("duplicates")))
			load->duplicates += read_count(value);
		else if (text_equal(name, TEXT("rejected_total")))
			load->rejected += read_count(value);
		else if (text_equal(name, TEXT("rejected")) && members_begin(value, &rejects) && before < MESSAGES_MAX)
			while (members_next(&rejects, &name, &value))
				note_reject(load, value);
	}
	return counted ? STATUS_OK : STATUS_INVALID;
}

/* What a problem document says, for people. */
static enum status refuse(struct load *load, struct error *error)
{
	struct members members;
	struct text name;
	struct text value;
	struct text detail = {NULL, 0};
	if (members_begin(answer_json(load), &members))
		while (members_next(&members, &name, &value))
			if (text_equal(name, TEXT("detail")) || (text_equal(name, TEXT("title")) && detail.len == 0))
				detail = leaf_text(value, &load->arena);
	return error_set(error, STATUS_IO, "the collector answers %u%s%.*s", load->answer.http_status,
		detail.len > 0 ? ": " : "", (int)(detail.len < 300 ? detail.len : 300),
		detail.len > 0 ? detail.at : "");
}

static enum status send_body(struct load *load, struct text body, struct error *error)
{
	struct fetch_answer *answer = &load->answer;
	for (unsigned tries = 1;; tries++) {
		enum status status = fetch_post(load->fetch, "/v1/import", "application/x-ndjson", body, answer, error);
		if (status != STATUS_OK)
			return status;
		bool busy = answer->http_status == HTTP_TOO_MANY || answer->http_status == HTTP_UNAVAILABLE;
		if (!busy || tries == TRIES_MAX)
			break;
		unsigned wait_s = answer->retry_after_s ? answer->retry_after_s : 1;
		struct timespec wait = {.tv_sec = wait_s < WAIT_MAX_S ? wait_s : WAIT_MAX_S};
		(void)nanosleep(&wait, NULL);
	}
	if ((answer->http_status != HTTP_OK && answer->http_status != HTTP_BAD_REQUEST) || sum_up(load) != STATUS_OK)
		return refuse(load, error);
	for (const char *at = body.at; (at = memchr(at, '\n', (size_t)(body.at + body.len - at))) != NULL; at++)
		load->line++;
	if (load->progress)
		load->progress(load);
	return STATUS_OK;
}

enum status load_put(struct load *load, struct text bytes, struct error *error)
{
	buf_put_text(&load->lines, bytes);
	if (buf_status(&load->lines) != STATUS_OK)
		return error_set(error, buf_status(&load->lines), "line %" PRIu64 " is too long", load->line);
	if (load->lines.len < BODY_BYTES)
		return STATUS_OK;
	const char *newline = memrchr(load->lines.at, '\n', load->lines.len);
	if (newline == NULL)
		return STATUS_OK;
	size_t whole = (size_t)(newline - load->lines.at) + 1;
	enum status status = send_body(load, (struct text){load->lines.at, whole}, error);
	memmove(load->lines.at, load->lines.at + whole, load->lines.len - whole);
	load->lines.len -= whole;
	return status;
}

enum status load_flush(struct load *load, struct error *error)
{
	enum status status = STATUS_OK;
	if (load->lines.len > 0)
		status = send_body(load, buf_text(&load->lines), error);
	buf_clear(&load->lines);
	return status;
}
