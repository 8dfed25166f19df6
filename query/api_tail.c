/* GET /api/v1/tail: the newest events of a search, then each further one, as server-sent events (tail.h). */
#include "api.h"

#include "search.h"

enum { TAIL_LIMIT = 10 };

/* A client that comes back begins where it was; else with the newest N, or with what comes next. */
static enum status find_start(struct ask *ask, struct tail_question *question)
{
	struct cli *cli = &ask->cli;
	const struct option_limit *limit = &cli->options.limit;
	struct text resumed = http_request_last_event_id(ask->request);
	struct scan scan;
	struct filter filter;
	if (resumed.len == 0)
		resumed = ask->cursor;
	if (resumed.len > 0) {
		if (cursor_parse(resumed, &question->key, &question->cursor) != STATUS_OK || question->cursor.backward)
			return error_set(
				&cli->error, STATUS_INVALID, "this cursor is none that a tail of this question gave");
		return STATUS_OK;
	}
	enum status status = cli_scan(cli, &scan);
	if (status == STATUS_OK)
		status = cli_filter(cli, &filter);
	if (status != STATUS_OK)
		return status;
	scan.filter = &filter;
	uint64_t end = scan.stores[0].seq_last + 1;
	status = search_narrow(&scan, limit->given ? limit->number : TAIL_LIMIT, &cli->error);
	const struct scan_store *store = &scan.stores[0];
	question->cursor = (struct cursor){.seq = store->seq_first < end ? store->seq_first : end,
		.now = cli->now,
		.since = scan.since,
		.until = scan.until};
	return status;
}

static enum status check(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	if (cli->options.output == OUTPUT_JSON)
		cli->options.output = OUTPUT_NDJSON;
	if (ask->coverage.len > 0 && !text_equal(ask->coverage, TEXT("text")) &&
		!text_equal(ask->coverage, TEXT("json")))
		return error_set(&cli->error, STATUS_INVALID, "coverage is json or text");
	return STATUS_OK;
}

enum status ask_follow(struct ask *ask)
{
	static const char type[] = "text/event-stream";
	struct cli *cli = &ask->cli;
	struct tail_question question = {.response = ask->response};
	struct tail *tail = NULL;
	enum status status = check(ask);
	if (status == STATUS_OK)
		status = ask_cursor_key(ask, &question.key);
	if (status == STATUS_OK)
		status = find_start(ask, &question);
	ask_read_looks(ask);
	question.words = cli->words;
	question.indicators = cli->indicators;
	question.tenants = cli->tenants;
	question.tenant_count = cli->tenant_count;
	question.by_recv_time = cli->options.time == OPTION_TIME_RECV;
	question.format = cli->options.output;
	question.width = cli->out.width;
	question.color = cli->out.color;
	question.quiet = cli->options.quiet;
	question.tells_text = text_equal(ask->coverage, TEXT("text"));
	if (status == STATUS_OK)
		status = tail_create(&tail, &question, &cli->error);
	if (status == STATUS_OK)
		status = http_tail_begin(ask->response, type);
	ask->follows = status == STATUS_OK;
	ask->content_type = type;
	if (ask->follows) {
		tails_add(ask->api->tails, tail);
		return STATUS_OK;
	}
	tail_destroy(&tail);
	return status == STATUS_CANCELLED ? STATUS_OK : status; /* a HEAD */
}
