/* What a request asks for: its parameters are the options of the command line (cli_options.h) and a few of the API's own. */
#include "api.h"

#include "json.h"
#include "lanes.h"
#include "nearest.h"
#include "timestamp.h"

enum { WIDTH_MIN = 60, WIDTH_MAX = 1000 };
enum { LANES_MAX = 2 }; /* of a question: they give way as the thread does that starts them */

/* What a request has given so far. */
struct reading {
	struct ask *ask;
	uint64_t options; /* bits */
	unsigned own;     /* of enum parameter */
	bool looks[2];
};

struct own_parameter {
	const char *name;
	enum parameter parameter;
	struct text *value;
	bool shares; /* its bit with another */
};

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

static bool is_of_verb(const struct ask *ask, size_t option)
{
	char verb[32] = "";
	struct text name = ask->place->verb ? text_of(ask->place->verb) : ask->verb;
	if (name.len < sizeof(verb))
		memcpy(verb, name.at, name.len);
	return option_is_of(option, verb, true);
}

static bool takes_option(const struct ask *ask, size_t option)
{
	for (const char *const *refused = ask->place->refused; refused && *refused; refused++)
		if (strcmp(*refused, option_name(option)) == 0)
			return false;
	return option_is_asked(option) && is_of_verb(ask, option);
}

static enum status unknown_parameter(struct ask *ask, struct text name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < options_count(); i++)
		if (takes_option(ask, i))
			nearest_offer(&nearest, option_name(i));
	int len = name.len < 60 ? (int)name.len : 60;
	if (nearest.name)
		(void)error_set(&ask->cli.error, STATUS_INVALID,
			"there is no parameter \"%.*s\" here; did you mean \"%s\"?", len, name.at, nearest.name);
	else
		(void)error_set(&ask->cli.error, STATUS_INVALID, "there is no parameter \"%.*s\" here", len, name.at);
	ask->cli.error.nearest = nearest.name;
	return STATUS_INVALID;
}

static enum status given_twice(struct ask *ask, const char *name)
{
	return error_set(&ask->cli.error, STATUS_INVALID, "the parameter \"%s\" is given twice", name);
}

static enum status read_option(struct reading *reading, size_t option, struct text value)
{
	struct cli *cli = &reading->ask->cli;
	uint64_t bit = UINT64_C(1) << option;
	if ((reading->options & bit) && !option_repeats(option))
		return given_twice(reading->ask, option_name(option));
	reading->options |= bit;
	struct text copy = arena_copy(&cli->arena, value);
	if (copy.at == NULL)
		return STATUS_NO_MEMORY;
	if (memchr(copy.at, 0, copy.len))
		return error_set(&cli->error, STATUS_INVALID, "%s holds a NUL byte", option_name(option));
	return value.len == 0 ? STATUS_OK : option_set(&cli->options, option, copy.at, &cli->error);
}

static bool takes_own(const struct ask *ask, enum parameter parameter)
{
	if (parameter != PARAMETER_MATCH || !(ask->place->own & parameter))
		return ask->place->own & parameter;
	for (size_t i = 0; i < options_count(); i++)
		if (strcmp(option_name(i), "match-file") == 0)
			return is_of_verb(ask, i);
	return false;
}

/* STATUS_NOT_FOUND: it is none of the API's own. */
static enum status read_own(struct reading *reading, struct text name, struct text value)
{
	struct ask *ask = reading->ask;
	const struct own_parameter all[] = {
		{"q", PARAMETER_Q, &ask->cli.words, false},
		{"id", PARAMETER_ID, &ask->cli.words, false},
		{"words", PARAMETER_WORDS, &ask->cli.words, false},
		{"cursor", PARAMETER_CURSOR, &ask->cursor, false},
		{"order", PARAMETER_ORDER, &ask->order, false},
		{"verb", PARAMETER_VERB, &ask->verb, false},
		{"match", PARAMETER_MATCH, &ask->cli.indicators, false},
		{"coverage", PARAMETER_COVERAGE, &ask->coverage, false},
		{"width", PARAMETER_LOOKS, &ask->width, true},
		{"color", PARAMETER_LOOKS, &ask->color, true},
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!text_equal(name, text_of(all[i].name)) || !takes_own(ask, all[i].parameter))
			continue;
		bool is_words = all[i].value == &ask->cli.words;
		if (all[i].shares ? all[i].value->at != NULL : (reading->own & all[i].parameter) != 0)
			return given_twice(ask, all[i].name);
		if (is_words && (reading->own & (PARAMETER_Q | PARAMETER_ID)))
			return error_set(&ask->cli.error, STATUS_INVALID, "q and id mean the same: give one of them");
		reading->own |= all[i].parameter;
		*all[i].value = value;
		return STATUS_OK;
	}
	return STATUS_NOT_FOUND;
}

static enum status read_parameter(struct reading *reading, struct text name, struct text value)
{
	enum status status = read_own(reading, name, value);
	if (status != STATUS_NOT_FOUND)
		return status;
	for (size_t i = 0; i < options_count(); i++)
		if (is_parameter_of(i, name) && takes_option(reading->ask, i))
			return read_option(reading, i, value);
	return unknown_parameter(reading->ask, name);
}

/* Which options there are depends on the verb, wherever it stands. */
static void find_verb(struct ask *ask)
{
	struct text name;
	struct text value;
	if (!(ask->place->own & PARAMETER_VERB))
		ask->verb = ask_path_rest(ask, "");
	for (size_t i = 0; http_request_parameter_at(ask->request, i, &name, &value); i++)
		if ((ask->place->own & PARAMETER_VERB) && text_equal(name, TEXT("verb")))
			ask->verb = value;
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

static bool asker_left(const void *asker)
{
	return http_request_cancelled(asker);
}

enum status ask_read(struct ask *ask)
{
	struct cli *cli = &ask->cli;
	struct query_api *api = ask->api;
	struct reading reading = {.ask = ask};
	struct text name;
	struct text value;
	enum status status = STATUS_OK;
	find_verb(ask);
	for (size_t i = 0; status == STATUS_OK && http_request_parameter_at(ask->request, i, &name, &value); i++)
		status = read_parameter(&reading, name, value);
	read_scope(ask);
	cli->deadline = timestamp_elapsed() + atomic_load(&api->time_max_ns);
	cli->threads = lanes_processors() < LANES_MAX ? lanes_processors() : LANES_MAX;
	cli->meter.rows_max = atomic_load(&api->rows_max);
	cli->gives_up = asker_left;
	cli->asker = ask->request;
	if (status == STATUS_OK)
		status = store_reader_attach(&cli->readers[0], api->store, &cli->error);
	cli->reader_count = status == STATUS_OK;
	return status;
}

void ask_read_looks(struct ask *ask)
{
	int64_t width = 0;
	if (ask->width.len > 0 && ask->width.len < 6 && json_integer(ask->width, &width) == STATUS_OK &&
		width >= WIDTH_MIN && width <= WIDTH_MAX)
		ask->cli.out.width = (unsigned)width;
	ask->cli.out.color = text_equal(ask->color, TEXT("1"));
}

struct text ask_path_rest(const struct ask *ask, const char *under)
{
	static const struct text prefix = {"/api/v1/", 8};
	struct text path = http_request_path(ask->request);
	size_t passed = prefix.len + strlen(under);
	return path.len > passed ? (struct text){path.at + passed, path.len - passed} : TEXT("");
}

static void put_part(void *context, const char *value)
{
	buf_put_byte(context, 0);
	buf_put_string(context, value);
}

/* All that changes what is found, but not how much of it is shown at a time. */
enum status ask_cursor_key(struct ask *ask, struct cursor_key *key)
{
	static const char *const parts[] = {"since", "until", "time", "tenant"};
	struct buf question;
	buf_init(&question, 1024 * 1024 + ask->cli.words.len + ask->cli.indicators.len);
	buf_put_string(&question, store_reader_id(ask->cli.readers[0]));
	buf_put_byte(&question, 0);
	buf_put_text(&question, ask->verb);
	buf_put_byte(&question, 0);
	buf_put_text(&question, ask->cli.words);
	buf_put_byte(&question, 0);
	buf_put_text(&question, ask->cli.indicators);
	buf_put_byte(&question, text_equal(ask->order, TEXT("oldest")));
	for (size_t i = 0; i < options_count(); i++) {
		for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
			if (strcmp(option_name(i), parts[j]) != 0)
				continue;
			put_part(&question, parts[j]);
			option_values(&ask->cli.options, i, put_part, &question);
		}
	}
	enum status status = buf_status(&question);
	if (status == STATUS_OK)
		status = cursor_key_init(key, buf_text(&question));
	buf_finish(&question);
	return status;
}
