#include "query.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "ask.h"
#include "cli.h"
#include "printable.h"
#include "search.h"
#include "stats.h"
#include "timeline.h"
#include "timestamp.h"

/*
 * Each request opens a reader of its own, reads its parameters into a scan, and writes what the command line would.
 * An answer begins with its first bytes: until then, a failure is told as a problem document; later, it cuts the answer.
 *
 *   GET /api/v1/events?q&since&until&time&tenant&limit&cursor&order   items, next_cursor, coverage
 *   GET /api/v1/events/{id}                                           the event; several of one id: with "others"
 *   GET /api/v1/timeline?id|q&since&until&time&tenant                 timelines, coverage
 *   GET /api/v1/stats?by&q&since&until&time&tenant                    items, coverage; without by, the store's figures
 *   GET /api/v1/export?since&until&time&tenant                        NDJSON
 *   GET /api/v1/answer?verb&words&output&…                            what the command line shows; see cli_ask.c
 */

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, PAGE_LIMIT = 100, PAGE_LIMIT_MAX = 10000, SAME_ID_MAX = 100 };

struct query_api {
	struct store *store;
	_Atomic int64_t time_max_ns;
};

/* One request. */
struct ask {
	const struct http_request *request;
	struct http_response *response;
	const char *content_type;
	bool begun;
	struct arena arena;
	struct store_reader *reader;
	struct output out;
	struct scan scan;
	struct filter filter;
	struct coverage coverage;
	struct text tenant; /* asked for */
	struct error error;
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
	struct error *error = &ask->error;
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

static struct text parameter(const struct ask *ask, const char *name)
{
	return http_request_parameter(ask->request, name);
}

static enum status read_time(struct ask *ask, const char *name, int64_t *ns)
{
	struct text text = parameter(ask, name);
	if (text.len == 0 || timestamp_parse_human(text, timestamp_now(), ns) == STATUS_OK)
		return STATUS_OK;
	return error_set(
		&ask->error, STATUS_INVALID, "%s needs a time such as 2026-11-20T10:00:00Z, 2h or yesterday", name);
}

static enum status read_number(struct ask *ask, const char *name, uint64_t max, uint64_t *number)
{
	struct text text = parameter(ask, name);
	int64_t parsed = 0;
	if (text.len == 0)
		return STATUS_OK;
	if (text.len > 18 || json_integer(text, &parsed) != STATUS_OK || parsed < 1 || (uint64_t)parsed > max)
		return error_set(&ask->error, STATUS_INVALID, "%s needs a whole number from 1 to %llu", name,
			(unsigned long long)max);
	*number = (uint64_t)parsed;
	return STATUS_OK;
}

/* The caller's scope, narrowed to the tenant asked for; a tenant outside it finds nothing. */
static void read_scope(struct ask *ask)
{
	size_t count = 0;
	const struct text *tenants = http_request_tenants(ask->request, &count);
	ask->scan.tenants = tenants;
	ask->scan.tenant_count = count;
	ask->tenant = parameter(ask, "tenant");
	if (ask->tenant.len == 0)
		return;
	bool allowed = tenants == NULL;
	for (size_t i = 0; i < count; i++)
		allowed = allowed || text_equal(tenants[i], ask->tenant);
	ask->scan.tenants = &ask->tenant;
	ask->scan.tenant_count = allowed;
}

static bool asker_left(const void *asker)
{
	return http_request_cancelled(asker);
}

static enum status read_range(struct ask *ask)
{
	struct scan *scan = &ask->scan;
	struct text time = parameter(ask, "time");
	*scan = scan_all(ask->reader);
	enum status status = read_time(ask, "since", &scan->since);
	if (status == STATUS_OK)
		status = read_time(ask, "until", &scan->until);
	if (status == STATUS_OK && time.len > 0 && !text_equal(time, TEXT("recv")) && !text_equal(time, TEXT("event")))
		return error_set(&ask->error, STATUS_INVALID, "time is event or recv");
	scan->by_recv_time = text_equal(time, TEXT("recv"));
	scan->coverage = &ask->coverage;
	scan->gives_up = asker_left;
	scan->asker = ask->request;
	read_scope(ask);
	return status;
}

static enum status read_words(struct ask *ask)
{
	enum status status = filter_parse(parameter(ask, "q"), timestamp_now(), &ask->arena, &ask->filter, &ask->error);
	ask->scan.filter = &ask->filter;
	return status;
}

/* --- events --- */

/* A cursor is the direction and the seq to go on with. */
static enum status read_cursor(struct ask *ask)
{
	struct text cursor = parameter(ask, "cursor");
	struct text order = parameter(ask, "order");
	uint64_t seq = 0;
	ask->scan.backward = order.len == 0 || text_equal(order, TEXT("newest"));
	if (!ask->scan.backward && !text_equal(order, TEXT("oldest")))
		return error_set(&ask->error, STATUS_INVALID, "order is newest or oldest");
	if (cursor.len == 0)
		return STATUS_OK;
	struct text digits = {cursor.at + 1, cursor.len - 1};
	if ((cursor.at[0] != 'b' && cursor.at[0] != 'f') || !match_id_seq(digits, (struct text){"", 0}, &seq))
		return error_set(&ask->error, STATUS_INVALID, "this cursor is none that an answer gave");
	ask->scan.backward = cursor.at[0] == 'b';
	if (ask->scan.backward)
		ask->scan.seq_last = seq < ask->scan.seq_last ? seq : ask->scan.seq_last;
	else
		ask->scan.seq_first = seq > ask->scan.seq_first ? seq : ask->scan.seq_first;
	return STATUS_OK;
}

static enum status answer_events(struct ask *ask)
{
	uint64_t limit = PAGE_LIMIT;
	uint64_t next = 0;
	enum status status = read_words(ask);
	if (status == STATUS_OK)
		status = read_number(ask, "limit", PAGE_LIMIT_MAX, &limit);
	if (status == STATUS_OK)
		status = read_cursor(ask);
	buf_put_string(&ask->out.text, "{\"items\":[");
	if (status == STATUS_OK)
		status = search_put_page(&ask->scan, limit, &ask->out, &next, &ask->error);
	if (status != STATUS_OK)
		return status;
	if (next && ask->scan.backward)
		ask->scan.seq_first = next + 1;
	else if (next)
		ask->scan.seq_last = next - 1;
	status = coverage_collect(&ask->scan, &ask->coverage, &ask->error);
	buf_put_string(&ask->out.text, "],\"next_cursor\":");
	if (next)
		buf_printf(&ask->out.text, "\"%c%llu\"", ask->scan.backward ? 'b' : 'f', (unsigned long long)next);
	else
		buf_put_string(&ask->out.text, "null");
	buf_put_string(&ask->out.text, ",\"coverage\":");
	coverage_put_json(&ask->out.text, &ask->coverage);
	buf_put_string(&ask->out.text, "}\n");
	return status;
}

struct same_id {
	struct ask *ask;
	uint64_t count;
};

/* The first event is the answer; further ones of its id become its last member. */
static enum status put_same_id(void *context, const struct event *event)
{
	struct same_id *same = context;
	struct buf *text = &same->ask->out.text;
	if (same->count == SAME_ID_MAX)
		return STATUS_LIMIT;
	if (same->count == 1 && text->len > 0)
		text->len--; /* its closing brace */
	if (same->count > 0)
		buf_put_string(text, same->count == 1 ? ",\"others\":[" : ",");
	event_put_json(text, event, text_of(store_reader_id(same->ask->reader)));
	same->count++;
	return STATUS_OK;
}

static enum status answer_event(struct ask *ask)
{
	static const struct text prefix = {"/api/v1/events/", 15};
	struct text path = http_request_path(ask->request);
	struct text id = {path.at + prefix.len, path.len - prefix.len};
	struct same_id same = {.ask = ask};
	uint64_t seq = 0;
	enum status status = STATUS_OK;
	if (match_id_seq(id, text_of(store_reader_id(ask->reader)), &seq) && seq >= ask->scan.seq_first &&
		seq <= ask->scan.seq_last) {
		struct scan one = ask->scan;
		one.seq_first = one.seq_last = seq;
		status = scan_events(&one, put_same_id, &same, &ask->error);
	}
	if (status == STATUS_OK && same.count == 0)
		status = filter_exact(FIELD_ID, id, &ask->arena, &ask->filter);
	ask->scan.filter = &ask->filter;
	if (status == STATUS_OK && same.count == 0)
		status = scan_events(&ask->scan, put_same_id, &same, &ask->error);
	if (status == STATUS_OK && same.count == 0)
		return error_set(&ask->error, STATUS_NOT_FOUND, "there is no event with this id");
	buf_put_string(&ask->out.text, same.count > 1 ? "]}\n" : "\n");
	return status;
}

/* --- timeline, stats, export --- */

static enum status answer_timeline(struct ask *ask)
{
	struct timeline *timeline = NULL;
	struct text words = parameter(ask, "id");
	if (words.len == 0)
		words = parameter(ask, "q");
	if (words.len == 0)
		return error_set(&ask->error, STATUS_INVALID, "timeline needs id, or q with a search");
	enum status status = timeline_build(&timeline, &ask->scan, words, true, &ask->error);
	if (status == STATUS_NOT_FOUND && timeline)
		status = STATUS_OK;
	if (status == STATUS_OK)
		status = timeline_put_json(timeline, &ask->out);
	timeline_destroy(&timeline);
	return status;
}

static enum status refuse_figures(struct ask *ask)
{
	return error_set(&ask->error, STATUS_DENIED, "the store's figures are not those of one tenant; ask by a field");
}

static enum status answer_stats(struct ask *ask)
{
	struct stats_by by;
	struct text fields = parameter(ask, "by");
	if (fields.len == 0 && ask->scan.tenants)
		return error_set(
			&ask->error, STATUS_DENIED, "the store's figures are not those of one tenant; ask with by");
	if (fields.len == 0)
		return stats_put_store(ask->reader, OUTPUT_JSON, &ask->out, &ask->error);
	enum status status = stats_by_parse(fields, &by, &ask->error);
	if (status == STATUS_OK)
		status = read_words(ask);
	return status == STATUS_OK ? stats_put_by(&ask->scan, &by, OUTPUT_JSON, &ask->out, &ask->error) : status;
}

static enum status answer_export(struct ask *ask)
{
	ask->content_type = "application/x-ndjson";
	ask->scan.deadline = 0; /* as long as the client takes it */
	return export_put(&ask->scan, &ask->out, &ask->error);
}

/* --- answers for the command line --- */

static const struct {
	const char *name;
	enum exit_code (*run)(struct cli *cli);
} verbs[] = {
	{"search", verb_search},
	{"timeline", verb_timeline},
	{"show", verb_show},
	{"stats", verb_stats},
	{"export", verb_export},
};

static const char *string_parameter(struct ask *ask, const char *name)
{
	struct text text = parameter(ask, name);
	return text.len > 0 ? arena_copy(&ask->arena, text).at : NULL;
}

static enum status read_options(struct ask *ask, struct options *options)
{
	static const char *const formats[] = {"table", "json", "ndjson", "csv"};
	struct text output = parameter(ask, "output");
	struct text limit = parameter(ask, "limit");
	*options = (struct options){.utc = true, .has_limit = limit.len > 0};
	options->since = string_parameter(ask, "since");
	options->until = string_parameter(ask, "until");
	options->by = string_parameter(ask, "by");
	options->by_recv_time = text_equal(parameter(ask, "time"), TEXT("recv"));
	options->quiet = parameter(ask, "quiet").len > 0;
	options->require_complete = parameter(ask, "require_complete").len > 0;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (text_equal(output, text_of(formats[i])))
			options->output = (enum output_format)i;
	if (text_equal(limit, TEXT("0")))
		return STATUS_OK;
	return read_number(ask, "limit", UINT64_MAX, &options->limit);
}

/* The verb's output is the answer's; then come its end, the exit code and the messages. */
static void run_verb(struct ask *ask, const struct options *options, enum exit_code (*run)(struct cli *cli))
{
	struct cli cli;
	uint64_t width = 0;
	cli_init(&cli, options, write_answer, ask);
	cli.words = parameter(ask, "words");
	cli.tenants = ask->scan.tenants;
	cli.tenant_count = ask->scan.tenant_count;
	cli.reader = ask->reader;
	cli.deadline = run == verb_export ? 0 : ask->scan.deadline;
	cli.gives_up = asker_left;
	cli.asker = ask->request;
	if (read_number(ask, "width", 1000, &width) == STATUS_OK && width >= 60)
		cli.out.width = (unsigned)width;
	cli.out.color = text_equal(parameter(ask, "color"), TEXT("1"));
	enum exit_code code = run(&cli);
	ask->reader = cli.reader;
	cli.reader = NULL;
	buf_put_byte(&ask->out.text, ASK_END);
	buf_put_byte(&ask->out.text, (uint8_t)('0' + code));
	buf_put_text(&ask->out.text, buf_text(&cli.messages));
	cli_finish(&cli);
}

static enum status answer_verb(struct ask *ask)
{
	struct options options;
	struct text name = parameter(ask, "verb");
	enum status status = read_options(ask, &options);
	ask->content_type = "text/plain; charset=utf-8";
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]) && status == STATUS_OK; i++) {
		if (!text_equal(name, text_of(verbs[i].name)))
			continue;
		if (verbs[i].run == verb_stats && options.by == NULL && ask->scan.tenants)
			return refuse_figures(ask);
		run_verb(ask, &options, verbs[i].run);
		return STATUS_OK;
	}
	return status == STATUS_OK ? error_set(&ask->error, STATUS_INVALID, "there is no such verb") : status;
}

/* --- routes --- */

static void answer(struct query_api *api, const struct http_request *request, struct http_response *response,
	enum status (*put)(struct ask *ask))
{
	struct ask ask = {.request = request, .response = response, .content_type = "application/json"};
	arena_init(&ask.arena, ARENA_BYTES_MAX);
	output_init(&ask.out, write_answer, &ask);
	enum status status = store_reader_attach(&ask.reader, api->store, &ask.error);
	if (status == STATUS_OK)
		status = read_range(&ask);
	ask.scan.deadline = timestamp_elapsed() + atomic_load(&api->time_max_ns);
	if (status == STATUS_OK)
		status = put(&ask);
	if (status == STATUS_OK)
		status = output_flush(&ask.out);
	if (status == STATUS_OK && !ask.begun) /* an export of nothing */
		status = write_answer(&ask, "", 0);
	if (status != STATUS_OK)
		answer_failure(&ask, status);
	output_finish(&ask.out);
	store_reader_close(&ask.reader);
	arena_finish(&ask.arena);
}

static void handle_events(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_events);
}

static void handle_event(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_event);
}

static void handle_timeline(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_timeline);
}

static void handle_stats(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_stats);
}

static void handle_export(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_export);
}

static void handle_answer(void *context, const struct http_request *request, struct http_response *response)
{
	answer(context, request, response, answer_verb);
}

size_t query_api_routes(const struct http_route **routes)
{
	static const struct http_route all[] = {
		{"/api/v1/events", handle_events},
		{"/api/v1/events/*", handle_event},
		{"/api/v1/timeline", handle_timeline},
		{"/api/v1/stats", handle_stats},
		{"/api/v1/export", handle_export},
		{ASK_PATH, handle_answer},
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
