#include "api.h"

#include <stdlib.h>

#include "ask.h"
#include "embedded.h"
#include "printable.h"
#include "timestamp.h"

/*
 * Every verb that reads is a path of its name, and its options (cli_options.h) are the parameters, with `q` (or `id`) for
 * the words.  Each path takes them in a form, too, for questions too long for a request target.
 *
 *   GET /api/v1/events?q&OPTION…&cursor&order   items, next_cursor, coverage
 *   GET /api/v1/events/{id}                     the event; several of one id: with "others"
 *   GET /api/v1/tail?q&OPTION…&cursor           server-sent events, without end
 *   GET /api/v1/VERB?q&OPTION…                  the verb's JSON; output=ndjson or csv where it has them
 *   GET /api/v1/openapi.yaml                    all of these, for programs
 *   GET /api/v1/answer?verb&words&OPTION…       what the command line shows; see cli_ask.c
 */

/* --- answers --- */

static enum status write_answer(void *context, const void *bytes, size_t len)
{
	struct ask *ask = context;
	uint64_t max = atomic_load(&ask->api->bytes_max);
	ask->bytes += len;
	bool too_long = max > 0 && ask->bytes > max && !ask->unlimited;
	ask->too_long = ask->too_long || too_long;
	if (too_long)
		return error_set(&ask->cli.error, STATUS_TOO_LARGE, "the answer is longer than %llu bytes",
			(unsigned long long)max);
	if (!ask->begun)
		http_response_begin(ask->response, 200, ask->content_type);
	ask->begun = true;
	for (size_t i = 0; i < ask->cli.reader_count; i++)
		store_reader_park(ask->cli.readers[i]); /* the client may take long: the store does not grow for it */
	return http_response_put(ask->response, bytes, len);
}

/* The setting whose limit ended the query; NULL: none did. */
static const char *limit_hit(const struct ask *ask, enum status status)
{
	const struct scan_meter *meter = &ask->cli.meter;
	if (status == STATUS_TIMEOUT)
		return "query.time_max";
	if (status == STATUS_TOO_LARGE && meter->rows_max > 0 && meter->rows > meter->rows_max)
		return "query.rows_max";
	return ask->too_long ? "query.bytes_max" : NULL;
}

/* What was wrong, and for a limit what would be less. */
static void put_detail(struct buf *out, const struct error *error, const char *limit)
{
	if (error->column)
		buf_printf(out, "column %u: ", error->column);
	printable_put(out, text_of(error->text));
	if (limit)
		buf_printf(out,
			" (%s). Ask for less: a shorter time (since, until), a field that few events have (user:, "
			"session:, "
			"id:), or a smaller limit",
			limit);
	buf_put_byte(out, 0);
}

static struct http_problem problem_of(enum status status, const char *limit)
{
	if (limit)
		return status == STATUS_TIMEOUT
			       ? (struct http_problem){.http_status = 503, .title = "The query took too long"}
			       : (struct http_problem){.http_status = 422, .title = "The query is too large"};
	switch (status) {
	case STATUS_INVALID:
		return (struct http_problem){.http_status = 400, .title = "The query can't be read"};
	case STATUS_NOT_FOUND:
		return (struct http_problem){.http_status = 404, .title = "Not found"};
	case STATUS_DENIED:
		return (struct http_problem){.http_status = 403, .title = "Not allowed"};
	case STATUS_CANCELLED:
		return (struct http_problem){.http_status = 503, .title = "The query was cancelled"};
	case STATUS_BUSY:
		return (struct http_problem){.http_status = 503, .title = "Too much is going on"};
	default:
		return (struct http_problem){.http_status = 500, .title = "The query failed"};
	}
}

static void answer_failure(struct ask *ask, enum status status, const char *limit)
{
	struct error *error = &ask->cli.error;
	struct http_problem problem = problem_of(status, limit);
	struct buf detail;
	if (error->text[0] == 0)
		(void)error_set(error, status, "%s", status_text(status));
	buf_init(&detail, 16 * 1024);
	put_detail(&detail, error, limit);
	problem.detail = buf_status(&detail) == STATUS_OK ? detail.at : NULL;
	problem.column = error->column;
	problem.nearest = error->nearest;
	problem.limit = limit;
	http_response_problem(ask->response, &problem);
	buf_finish(&detail);
}

/* --- verbs --- */

/* What the store holds of all tenants is no matter of one of them. */
static enum status check_scope(struct ask *ask, verb_run *run)
{
	size_t count = 0;
	if (run != verb_stats || ask->cli.options.by || http_request_tenants(ask->request, &count) == NULL)
		return STATUS_OK;
	return error_set(&ask->cli.error, STATUS_DENIED,
		"the store's figures are not those of one tenant; ask by a field (by=server,tool)");
}

/* An export takes as long as its client needs, and is as long as the store; one event is never too much. */
static void lift_limits(struct ask *ask, verb_run *run)
{
	if (run == verb_show)
		ask->cli.meter.rows_max = 0;
	if (run != verb_export)
		return;
	ask->unlimited = true;
	ask->cli.deadline = 0;
	ask->cli.meter.rows_max = 0;
}

static enum status put_verb(struct ask *ask)
{
	static const char *const types[] = {
		[OUTPUT_TABLE] = "text/plain; charset=utf-8",
		[OUTPUT_JSON] = "application/json",
		[OUTPUT_NDJSON] = "application/x-ndjson",
		[OUTPUT_CSV] = "text/csv; charset=utf-8",
	};
	struct cli *cli = &ask->cli;
	verb_run *run = verb_find_reading(ask->verb);
	if (run == NULL)
		return error_set(&cli->error, STATUS_NOT_FOUND, "there is nothing here");
	enum status status = check_scope(ask, run);
	if (status != STATUS_OK)
		return status;
	lift_limits(ask, run);
	ask->content_type = types[run == verb_export ? OUTPUT_NDJSON : cli->options.output];
	enum exit_code code = run(cli);
	bool is_empty = !ask->begun && cli->out.text.len == 0 && cli->options.output == OUTPUT_JSON;
	if (code == EXIT_NOTHING && is_empty && cli->failed == STATUS_OK)
		return error_set(&cli->error, STATUS_NOT_FOUND, "nothing was found");
	return cli->failed;
}

/* The verb's output is the answer's; then come its end, the exit code, the messages, and the position behind it, whatever
 * became of the output. */
static enum status put_command_line(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	verb_run *run = verb_find_reading(ask->verb);
	if (run == NULL)
		return error_set(&cli->error, STATUS_INVALID, "there is no such verb");
	enum status status = check_scope(ask, run);
	if (status != STATUS_OK)
		return status;
	lift_limits(ask, run);
	ask_read_looks(ask);
	ask->content_type = "text/plain; charset=utf-8";
	enum exit_code code = run(cli);
	cli_explain(cli);
	status = output_flush(&cli->out);
	if (status != STATUS_OK && !ask->too_long)
		return status;
	if (ask->too_long && cli->failed == STATUS_OK)
		code = cli_fail(cli, STATUS_TOO_LARGE);
	const char *limit = limit_hit(ask, cli->failed);
	if (limit)
		buf_printf(&cli->messages, "mcpledger: that is a limit of the collector, %s: ask for less\n", limit);
	cli->out.failed = STATUS_OK;
	ask->unlimited = true; /* the end is no longer measured */
	buf_put_byte(&cli->out.text, ASK_END);
	buf_put_byte(&cli->out.text, (uint8_t)('0' + code));
	buf_put_text(&cli->out.text, buf_text(&cli->messages));
	buf_put_byte(&cli->out.text, ASK_END);
	buf_put_text(&cli->out.text, buf_text(&cli->position));
	ask->limit = limit;
	return STATUS_OK;
}

/* --- routes --- */

static const char *const not_of_events[] = {"output", "quiet", "require-complete", "explain", "sort", NULL};
static const char *const not_of_an_event[] = {
	"output", "quiet", "require-complete", "explain", "sort", "limit", "since", "until", "time", NULL};
static const char *const not_of_a_tail[] = {"until", "require-complete", "explain", NULL};
static const char *const not_of_a_verb[] = {"quiet", "require-complete", "explain", NULL}; /* they go to stderr */

static const struct place events = {
	ask_put_events, PARAMETER_Q | PARAMETER_MATCH | PARAMETER_CURSOR | PARAMETER_ORDER, not_of_events, "search"};
static const struct place event = {ask_put_event, 0, not_of_an_event, "show"};
static const struct place tail = {ask_follow,
	PARAMETER_Q | PARAMETER_MATCH | PARAMETER_CURSOR | PARAMETER_LOOKS | PARAMETER_COVERAGE, not_of_a_tail, "tail"};
static const struct place verb = {put_verb, PARAMETER_Q | PARAMETER_ID | PARAMETER_MATCH, not_of_a_verb, NULL};
static const struct place command_line = {
	put_command_line, PARAMETER_VERB | PARAMETER_WORDS | PARAMETER_MATCH | PARAMETER_LOOKS, NULL, NULL};

static void tell_account(struct ask *ask, const char *limit)
{
	const char *name = verb_name_reading(ask->verb);
	struct http_account account = {.verb = name,
		.words = ask->cli.words,
		.match_bytes = ask->cli.indicators.len,
		.rows = ask->cli.meter.rows,
		.limit = limit};
	http_response_account(ask->response, &account);
}

static void answer(const struct place *place, struct query_api *api, const struct http_request *request,
	struct http_response *response)
{
	static const struct options defaults = {.utc = true, .output = OUTPUT_JSON};
	struct ask *ask = calloc(1, sizeof(*ask));
	if (ask == NULL)
		return; /* the server answers 500 */
	*ask = (struct ask){.api = api,
		.place = place,
		.request = request,
		.response = response,
		.content_type = "application/json"};
	cli_init(&ask->cli, &defaults, write_answer, ask);
	enum status status = ask_read(ask);
	if (status == STATUS_OK)
		status = place->put(ask);
	if (status == STATUS_OK && !ask->follows)
		status = output_flush(&ask->cli.out);
	if (status == STATUS_OK && !ask->follows && !ask->begun) /* an export of nothing */
		status = write_answer(ask, "", 0);
	const char *limit = ask->limit ? ask->limit : limit_hit(ask, status);
	tell_account(ask, limit);
	if (status != STATUS_OK)
		answer_failure(ask, status, limit);
	cli_finish(&ask->cli);
	free(ask);
}

#define HANDLE(place)                                                                                                  \
	static void handle_##place(void *context, const struct http_request *request, struct http_response *response)  \
	{                                                                                                              \
		answer(&(place), context, request, response);                                                          \
	}
HANDLE(events)
HANDLE(event)
HANDLE(tail)
HANDLE(verb)
HANDLE(command_line)

/* The description of all this; what it says is the same for everybody. */
static void handle_openapi(void *context, const struct http_request *request, struct http_response *response)
{
	(void)context;
	(void)request;
	http_response_begin(response, 200, "application/yaml");
	enum status status = http_response_put(response, openapi_yaml, openapi_yaml_len);
	(void)status; /* a client that left needs no answer */
}

static enum http_weight weigh_light(const struct http_request *request)
{
	(void)request;
	return HTTP_LIGHT;
}

/* By the verb that the path or the parameter names. */
static enum http_weight weigh_verb(const struct http_request *request)
{
	struct text path = http_request_path(request);
	struct text name;
	struct text value;
	struct text found = {path.at + strlen("/api/v1/"), path.len - strlen("/api/v1/")};
	for (size_t i = 0; http_request_parameter_at(request, i, &name, &value); i++)
		if (text_equal(path, TEXT(ASK_PATH)) && text_equal(name, TEXT("verb")))
			found = value;
	return text_equal(found, TEXT("show"))     ? HTTP_LIGHT
	       : text_equal(found, TEXT("export")) ? HTTP_UNENDING
						   : HTTP_WEIGHTY;
}

size_t query_api_routes(const struct http_route **routes)
{
	static const struct http_route all[] = {
		{"/api/v1/events", handle_events, NULL},
		{"/api/v1/events/*", handle_event, weigh_light},
		{"/api/v1/tail", handle_tail, NULL}, /* before the verb's own */
		{ASK_PATH, handle_command_line, weigh_verb},
		{"/api/v1/openapi.yaml", handle_openapi, weigh_light},
#define VERB_READS(name) {"/api/v1/" name, handle_verb, weigh_verb},
#define VERB_ALONE(name)
#define VERB(id, name, what, arguments, summary, help) VERB_##what(name)
#include "cli_verbs.h"
#undef VERB
	};
	*routes = all;
	return sizeof(all) / sizeof(all[0]);
}

enum status query_api_create(struct query_api **api, struct store *store)
{
	struct query_api *made = calloc(1, sizeof(*made));
	if (made == NULL)
		return STATUS_NO_MEMORY;
	made->store = store;
	enum status status = tails_create(&made->tails, store);
	query_api_set_limits(made, &(struct query_limits){.time_max_ns = 60 * NS_PER_S});
	if (status == STATUS_OK)
		*api = made;
	else
		query_api_destroy(&made);
	return status;
}

void query_api_destroy(struct query_api **api)
{
	if (*api)
		tails_destroy(&(*api)->tails);
	free(*api);
	*api = NULL;
}

void query_api_set_limits(struct query_api *api, const struct query_limits *limits)
{
	atomic_store(&api->time_max_ns, limits->time_max_ns);
	atomic_store(&api->rows_max, limits->rows_max);
	atomic_store(&api->bytes_max, limits->bytes_max);
}

void query_api_feed(void *api)
{
	tails_feed(((struct query_api *)api)->tails);
}
