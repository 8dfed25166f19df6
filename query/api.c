#include "query.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "ask.h"
#include "cli.h"
#include "nearest.h"
#include "printable.h"
#include "search.h"
#include "timestamp.h"

/*
 * Each request opens a reader of its own and writes what the command line would: every verb that reads is a path of its
 * name, and its options (cli_options.h) are the parameters, with `q` (or `id`) for the words.  An answer begins with its
 * first bytes: until then, a failure is told as a problem document; later, it cuts the answer.
 *
 *   GET /api/v1/events?q&OPTION…&cursor&order   items, next_cursor, coverage
 *   GET /api/v1/events/{id}                     the event; several of one id: with "others"
 *   GET /api/v1/VERB?q&OPTION…                  the verb's JSON; output=ndjson or csv where it has them
 *   GET /api/v1/answer?verb&words&OPTION…       what the command line shows; see cli_ask.c
 */

enum { PAGE_LIMIT = 100, PAGE_LIMIT_MAX = 10000, SAME_ID_MAX = 100, WIDTH_MIN = 60, WIDTH_MAX = 1000 };

static const struct text path_prefix = {"/api/v1/", 8};

struct query_api {
	struct store *store;
	_Atomic int64_t time_max_ns;
};

/* One request; cli is the command line that it stands for. */
struct ask {
	const struct http_request *request;
	struct http_response *response;
	const char *content_type;
	bool begun;
	struct cli cli;
	struct text cursor, order, verb, width, color;
	struct text tenants[OPTION_LIST_MAX]; /* of the caller's, those asked for */
};

/* --- answers --- */

static enum status write_answer(void *context, const void *bytes, size_t len)
{
	struct ask *ask = context;
	if (!ask->begun)
		http_response_begin(ask->response, 200, ask->content_type);
	ask->begun = true;
	return http_response_put(ask->response, bytes, len);
}

static void put_problem(
	struct http_response *response, unsigned http_status, const char *title, const struct error *error)
{
	struct buf detail;
	buf_init(&detail, 8192);
	if (error->column)
		buf_printf(&detail, "column %u: ", error->column);
	printable_put(&detail, text_of(error->text));
	buf_put_byte(&detail, 0);
	http_response_problem(response, http_status, title, buf_status(&detail) == STATUS_OK ? detail.at : title);
	buf_finish(&detail);
}

static void answer_failure(struct ask *ask, enum status status)
{
	struct error *error = &ask->cli.error;
	if (ask->begun)
		return;
	if (error->text[0] == 0)
		(void)error_set(error, status, "%s", status_text(status));
	switch (status) {
	case STATUS_INVALID:
		put_problem(ask->response, 400, "The query can't be read", error);
		break;
	case STATUS_NOT_FOUND:
		put_problem(ask->response, 404, "Not found", error);
		break;
	case STATUS_DENIED:
		put_problem(ask->response, 403, "Not allowed", error);
		break;
	case STATUS_TIMEOUT:
	case STATUS_CANCELLED:
		put_problem(ask->response, 503, "The query took too long", error);
		break;
	default:
		put_problem(ask->response, 500, "The query failed", error);
		break;
	}
}

/* --- parameters --- */

static bool asker_left(const void *asker)
{
	return http_request_cancelled(asker);
}

/* The parameter of --as-of is as_of. */
static bool is_parameter_of(size_t option, struct text name)
{
	const char *c = option_name(option);
	if (!option_is_asked(option) || strlen(c) != name.len)
		return false;
	for (size_t i = 0; i < name.len; i++)
		if ((c[i] == '-' ? '_' : c[i]) != name.at[i])
			return false;
	return true;
}

static enum status unknown_parameter(struct ask *ask, struct text name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < options_count(); i++)
		if (option_is_asked(i))
			nearest_offer(&nearest, option_name(i));
	int len = name.len < 60 ? (int)name.len : 60;
	if (nearest.name)
		return error_set(&ask->cli.error, STATUS_INVALID,
			"there is no parameter \"%.*s\"; did you mean \"%s\"?", len, name.at, nearest.name);
	return error_set(&ask->cli.error, STATUS_INVALID, "there is no parameter \"%.*s\"", len, name.at);
}

static enum status read_parameter(struct ask *ask, struct text name, struct text value)
{
	const struct {
		struct text name, *value;
	} others[] = {{TEXT("q"), &ask->cli.words}, {TEXT("id"), &ask->cli.words}, {TEXT("words"), &ask->cli.words},
		{TEXT("cursor"), &ask->cursor}, {TEXT("order"), &ask->order}, {TEXT("verb"), &ask->verb},
		{TEXT("width"), &ask->width}, {TEXT("color"), &ask->color}};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (text_equal(name, others[i].name)) {
			*others[i].value = value;
			return STATUS_OK;
		}
	}
	for (size_t i = 0; i < options_count(); i++) {
		if (!is_parameter_of(i, name))
			continue;
		struct text copy = arena_copy(&ask->cli.arena, value);
		if (copy.at == NULL)
			return STATUS_NO_MEMORY;
		if (memchr(copy.at, 0, copy.len))
			return error_set(&ask->cli.error, STATUS_INVALID, "%s holds a NUL byte", option_name(i));
		return value.len == 0 ? STATUS_OK : option_set(&ask->cli.options, i, copy.at, &ask->cli.error);
	}
	return unknown_parameter(ask, name);
}

/* The caller's scope, narrowed to the tenants asked for; one outside it finds nothing. */
static void read_scope(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	size_t count = 0;
	const struct text *allowed = http_request_tenants(ask->request, &count);
	const struct option_list *asked = &cli->options.tenants;
	cli->tenants = asked->count > 0 ? ask->tenants : allowed;
	cli->tenant_count = asked->count > 0 ? 0 : count;
	for (size_t i = 0; i < asked->count; i++) {
		bool is_allowed = allowed == NULL;
		for (size_t j = 0; j < count; j++)
			is_allowed = is_allowed || text_equal(allowed[j], text_of(asked->items[i]));
		if (is_allowed)
			ask->tenants[cli->tenant_count++] = text_of(asked->items[i]);
	}
}

static enum status read_request(struct ask *ask, const struct query_api *api)
{
	struct cli *cli = &ask->cli;
	struct text name;
	struct text value;
	enum status status = STATUS_OK;
	for (size_t i = 0; status == STATUS_OK && http_request_parameter_at(ask->request, i, &name, &value); i++)
		status = read_parameter(ask, name, value);
	read_scope(ask);
	cli->deadline = timestamp_elapsed() + atomic_load(&api->time_max_ns);
	cli->gives_up = asker_left;
	cli->asker = ask->request;
	if (status == STATUS_OK)
		status = store_reader_attach(&cli->readers[0], api->store, &cli->error);
	cli->reader_count = status == STATUS_OK;
	return status;
}

/* --- events --- */

/* A cursor is the direction and the seq to go on with. */
static enum status read_cursor(struct ask *ask, struct scan *scan)
{
	uint64_t seq = 0;
	scan->backward = ask->order.len == 0 || text_equal(ask->order, TEXT("newest"));
	if (!scan->backward && !text_equal(ask->order, TEXT("oldest")))
		return error_set(&ask->cli.error, STATUS_INVALID, "order is newest or oldest");
	if (ask->cursor.len == 0)
		return STATUS_OK;
	struct text digits = {ask->cursor.at + 1, ask->cursor.len - 1};
	if ((ask->cursor.at[0] != 'b' && ask->cursor.at[0] != 'f') || !match_id_seq(digits, (struct text){"", 0}, &seq))
		return error_set(&ask->cli.error, STATUS_INVALID, "this cursor is none that an answer gave");
	scan->backward = ask->cursor.at[0] == 'b';
	if (scan->backward)
		scan_narrow(scan, 0, seq);
	else
		scan_narrow(scan, seq, UINT64_MAX);
	return STATUS_OK;
}

static enum status put_page(struct ask *ask, struct scan *scan, uint64_t limit)
{
	struct cli *cli = &ask->cli;
	uint64_t next = 0;
	buf_put_string(&cli->out.text, "{\"items\":[");
	enum status status = search_put_page(scan, limit, &cli->out, &next, &cli->error);
	if (status != STATUS_OK)
		return status;
	if (next && scan->backward)
		scan_narrow(scan, next + 1, UINT64_MAX);
	else if (next)
		scan_narrow(scan, 0, next - 1);
	status = coverage_collect(scan, scan->coverage, &cli->error);
	buf_put_string(&cli->out.text, "],\"next_cursor\":");
	if (next)
		buf_printf(&cli->out.text, "\"%c%llu\"", scan->backward ? 'b' : 'f', (unsigned long long)next);
	else
		buf_put_string(&cli->out.text, "null");
	buf_put_string(&cli->out.text, ",\"coverage\":");
	coverage_put_json(&cli->out.text, scan->coverage);
	buf_put_string(&cli->out.text, "}\n");
	return status;
}

static enum status answer_events(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	const struct option_limit *limit = &cli->options.limit;
	struct scan scan;
	struct filter filter;
	struct coverage coverage = {0};
	enum status status = filter_parse(cli->words, cli->now, &cli->arena, &filter, &cli->error);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	if (status != STATUS_OK)
		return status;
	if (limit->given && (limit->number == 0 || limit->number > PAGE_LIMIT_MAX))
		return error_set(
			&cli->error, STATUS_INVALID, "limit needs a whole number from 1 to %d", PAGE_LIMIT_MAX);
	scan.filter = &filter;
	scan.coverage = &coverage;
	status = read_cursor(ask, &scan);
	return status == STATUS_OK ? put_page(ask, &scan, limit->given ? limit->number : PAGE_LIMIT) : status;
}

struct same_id {
	struct ask *ask;
	uint64_t count;
};

/* The first event is the answer; further ones of its id become its last member. */
static enum status put_same_id(void *context, const struct scan_place *place, const struct event *event)
{
	struct same_id *same = context;
	struct buf *text = &same->ask->cli.out.text;
	if (same->count == SAME_ID_MAX)
		return STATUS_LIMIT;
	if (same->count == 1 && text->len > 0)
		text->len--; /* its closing brace */
	if (same->count > 0)
		buf_put_string(text, same->count == 1 ? ",\"others\":[" : ",");
	event_put_json(text, event, place->store_id);
	same->count++;
	return STATUS_OK;
}

static enum status answer_event(struct ask *ask)
{
	static const struct text prefix = {"/api/v1/events/", 15};
	struct cli *cli = &ask->cli;
	struct text path = http_request_path(ask->request);
	struct text id = {path.at + prefix.len, path.len - prefix.len};
	struct same_id same = {.ask = ask};
	struct scan scan;
	struct filter filter;
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
	buf_put_string(&cli->out.text, same.count > 1 ? "]}\n" : "\n");
	return status;
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

/* An export takes as long as the client needs for it. */
static void set_deadline(struct ask *ask, verb_run *run)
{
	if (run == verb_export)
		ask->cli.deadline = 0;
}

static enum status answer_verb(struct ask *ask)
{
	static const char *const types[] = {
		[OUTPUT_TABLE] = "text/plain; charset=utf-8",
		[OUTPUT_JSON] = "application/json",
		[OUTPUT_NDJSON] = "application/x-ndjson",
		[OUTPUT_CSV] = "text/csv; charset=utf-8",
	};
	struct cli *cli = &ask->cli;
	struct text path = http_request_path(ask->request);
	struct text name = {path.at + path_prefix.len, path.len - path_prefix.len};
	verb_run *run = verb_find_reading(name);
	if (run == NULL)
		return error_set(&cli->error, STATUS_NOT_FOUND, "there is nothing here");
	enum status status = check_scope(ask, run);
	if (status != STATUS_OK)
		return status;
	set_deadline(ask, run);
	ask->content_type = types[run == verb_export ? OUTPUT_NDJSON : cli->options.output];
	cli->options.require_complete = false; /* an exit code; coverage tells it */
	(void)run(cli);
	return cli->failed;
}

static void read_looks(struct ask *ask)
{
	int64_t width = 0;
	if (ask->width.len > 0 && ask->width.len < 6 && json_integer(ask->width, &width) == STATUS_OK &&
		width >= WIDTH_MIN && width <= WIDTH_MAX)
		ask->cli.out.width = (unsigned)width;
	ask->cli.out.color = text_equal(ask->color, TEXT("1"));
}

/* The verb's output is the answer's; then come its end, the exit code, the messages, and the position behind it. */
static enum status answer_command_line(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	verb_run *run = verb_find_reading(ask->verb);
	if (run == NULL)
		return error_set(&cli->error, STATUS_INVALID, "there is no such verb");
	enum status status = check_scope(ask, run);
	if (status != STATUS_OK)
		return status;
	set_deadline(ask, run);
	read_looks(ask);
	ask->content_type = "text/plain; charset=utf-8";
	cli->indicators = http_request_body(ask->request);
	enum exit_code code = run(cli);
	cli_explain(cli);
	buf_put_byte(&cli->out.text, ASK_END);
	buf_put_byte(&cli->out.text, (uint8_t)('0' + code));
	buf_put_text(&cli->out.text, buf_text(&cli->messages));
	buf_put_byte(&cli->out.text, ASK_END);
	buf_put_text(&cli->out.text, buf_text(&cli->position));
	return STATUS_OK;
}

/* --- routes --- */

static void answer(struct query_api *api, const struct http_request *request, struct http_response *response,
	enum status (*put)(struct ask *ask))
{
	static const struct options defaults = {.utc = true, .output = OUTPUT_JSON};
	struct ask *ask = calloc(1, sizeof(*ask));
	if (ask == NULL) {
		http_response_problem(response, 503, "The query failed", "out of memory");
		return;
	}
	*ask = (struct ask){.request = request, .response = response, .content_type = "application/json"};
	cli_init(&ask->cli, &defaults, write_answer, ask);
	enum status status = read_request(ask, api);
	if (status == STATUS_OK)
		status = put(ask);
	if (status == STATUS_OK)
		status = output_flush(&ask->cli.out);
	if (status == STATUS_OK && !ask->begun) /* an export of nothing */
		status = write_answer(ask, "", 0);
	if (status != STATUS_OK)
		answer_failure(ask, status);
	cli_finish(&ask->cli);
	free(ask);
}

static void handle_events(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_events);
}

static void handle_event(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_event);
}

static void handle_verb(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_verb);
}

static void handle_command_line(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_command_line);
}

size_t query_api_routes(const struct http_route **routes)
{
	static const struct http_route all[] = {
		{"/api/v1/events", handle_events, false},
		{"/api/v1/events/*", handle_event, false},
		{ASK_PATH, handle_command_line, true},
#define VERB_READS(name) {"/api/v1/" name, handle_verb, false},
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
	atomic_store(&made->time_max_ns, 60 * NS_PER_S);
	*api = made;
	return STATUS_OK;
}

void query_api_destroy(struct query_api **api)
{
	free(*api);
	*api = NULL;
}

void query_api_set_time_max(struct query_api *api, int64_t time_max_ns)
{
	atomic_store(&api->time_max_ns, time_max_ns);
}
