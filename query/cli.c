#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "position.h"
#include "printable.h"
#include "timestamp.h"
#include "when.h"

_Static_assert((int)SCAN_STORES_MAX == (int)OPTION_LIST_MAX, "every --data has its place in a scan");

enum { ARENA_BYTES_MAX = 256 * 1024 * 1024, MESSAGE_BYTES_MAX = 1024 * 1024, POSITION_BYTES_MAX = 16 * 1024 };

void cli_init(struct cli *cli, const struct options *options, output_write *write, void *context)
{
	*cli = (struct cli){.options = *options, .now = timestamp_now()};
	arena_init(&cli->arena, ARENA_BYTES_MAX);
	buf_init(&cli->messages, MESSAGE_BYTES_MAX);
	buf_init(&cli->position, POSITION_BYTES_MAX);
	output_init(&cli->out, write, context);
	cli->out.utc = options->utc;
	for (size_t i = 0; i < options->tenants.count; i++)
		cli->asked_tenants[i] = text_of(options->tenants.items[i]);
	if (options->tenants.count > 0) {
		cli->tenants = cli->asked_tenants;
		cli->tenant_count = options->tenants.count;
	}
}

void cli_finish(struct cli *cli)
{
	output_finish(&cli->out);
	buf_finish(&cli->messages);
	buf_finish(&cli->position);
	while (cli->reader_count > 0)
		store_reader_close(&cli->readers[--cli->reader_count]);
	arena_finish(&cli->arena);
}

enum exit_code cli_fail(struct cli *cli, enum status status)
{
	const struct error *error = &cli->error;
	cli->failed = status;
	buf_put_string(&cli->messages, "mcpledger: ");
	if (error->column)
		buf_printf(&cli->messages, "column %u: ", error->column);
	printable_put(&cli->messages, text_of(error->text[0] ? error->text : status_text(status)));
	buf_put_byte(&cli->messages, '\n');
	return status == STATUS_INVALID ? EXIT_USAGE : status == STATUS_NOT_FOUND ? EXIT_NOTHING : EXIT_FAILED;
}

enum exit_code cli_misuse(struct cli *cli, const char *text)
{
	return cli_fail(cli, error_set(&cli->error, STATUS_INVALID, "%s", text));
}

static bool is_store(const char *dir)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/store.json", dir);
	return len > 0 && (size_t)len < sizeof(path) && access(path, R_OK) == 0;
}

/* The same places where the daemon puts it. */
const char *cli_default_dir(struct cli *cli)
{
	static const char system_dir[] = "/var/lib/mcpledger";
	const char *set = getenv("MCPLEDGER_STORE_DIR");
	if (set && set[0])
		return set;
	if (is_store(system_dir))
		return system_dir;
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char path[4096];
	int len = state && state[0] ? snprintf(path, sizeof(path), "%s/mcpledger", state)
				    : snprintf(path, sizeof(path), "%s/.local/state/mcpledger", home ? home : "");
	if (len < 0 || (size_t)len >= sizeof(path))
		return system_dir;
	struct text copy = arena_copy(&cli->arena, (struct text){path, (size_t)len});
	return copy.at ? copy.at : system_dir;
}

static enum status open_store(struct cli *cli, const char *dir)
{
	enum status status = store_reader_open(&cli->readers[cli->reader_count], dir, &cli->error);
	if (status == STATUS_NOT_FOUND) /* which says that a search found nothing */
		return error_set(&cli->error, STATUS_IO, "there is no store in %s; name one with --data DIR", dir);
	if (status != STATUS_OK)
		return status;
	const char *id = store_reader_id(cli->readers[cli->reader_count++]);
	for (size_t i = 0; i + 1 < cli->reader_count; i++)
		if (id[0] && strcmp(id, store_reader_id(cli->readers[i])) == 0)
			return error_set(&cli->error, STATUS_INVALID,
				"%s is the same store as another --data: its events would count twice", dir);
	return STATUS_OK;
}

enum status cli_open(struct cli *cli)
{
	const struct option_list *data = &cli->options.data;
	enum status status = STATUS_OK;
	if (cli->reader_count > 0)
		return STATUS_OK;
	if (data->count == 0)
		return open_store(cli, cli_default_dir(cli));
	for (size_t i = 0; i < data->count && status == STATUS_OK; i++)
		status = open_store(cli, data->items[i]);
	return status;
}

static enum status read_time(struct cli *cli, const char *name, const char *value, const struct scan *scan, int64_t *ns)
{
	return value ? when_read(text_of(value), name, cli->now, scan, &cli->arena, ns, &cli->error) : STATUS_OK;
}

enum status cli_filter(struct cli *cli, struct filter *filter)
{
	enum status status = filter_parse(cli->words, cli->now, &cli->arena, filter, &cli->error);
	if (status == STATUS_OK && cli->indicators.len > 0)
		status = filter_add_indicators(cli->indicators, &cli->arena, filter, &cli->error);
	return status;
}

enum status cli_scan(struct cli *cli, struct scan *scan)
{
	struct scan made = scan_all(cli->readers[0]);
	for (size_t i = 1; i < cli->reader_count; i++)
		(void)!scan_add_store(&made, cli->readers[i]); /* SCAN_STORES_MAX is OPTION_LIST_MAX */
	made.explain = cli->options.explain ? &cli->explain : NULL;
	made.by_recv_time = cli->options.time == OPTION_TIME_RECV;
	made.tenants = cli->tenants;
	made.tenant_count = cli->tenant_count;
	made.deadline = cli->deadline;
	made.gives_up = cli->gives_up;
	made.asker = cli->asker;
	made.threads = cli->threads;
	made.meter = &cli->meter;
	const struct scan all = made;
	enum status status = read_time(cli, "since", cli->options.since, &all, &made.since);
	if (status == STATUS_OK)
		status = read_time(cli, "until", cli->options.until, &all, &made.until);
	if (status == STATUS_OK && made.since >= made.until)
		status = error_set(&cli->error, STATUS_INVALID, "since must be before until");
	if (status == STATUS_OK && cli->options.position)
		status = position_apply(text_of(cli->options.position), &made, &cli->error);
	if (status == STATUS_OK)
		*scan = made;
	return status;
}

void cli_explain(struct cli *cli)
{
	if (cli->options.explain)
		explain_put(&cli->messages, &cli->explain);
}

enum exit_code cli_cover(struct cli *cli, const struct coverage *coverage)
{
	if (!cli->options.quiet)
		coverage_put_text(&cli->messages, coverage);
	if (coverage->damages > 0 || (cli->options.require_complete && !coverage_complete(coverage)))
		return EXIT_FAILED;
	return coverage->events > 0 ? EXIT_FOUND : EXIT_NOTHING;
}

#define VERB_READS(id, name) {name, verb_##id},
#define VERB_ALONE(id, name)
static const struct {
	const char *name;
	verb_run *run;
} reading[] = {
#define VERB(id, name, what, arguments, summary, help) VERB_##what(id, name)
#include "cli_verbs.h"
#undef VERB
};

verb_run *verb_find_reading(struct text name)
{
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		if (text_equal(name, text_of(reading[i].name)))
			return reading[i].run;
	return NULL;
}

const char *verb_name_reading(struct text name)
{
	for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
		if (text_equal(name, text_of(reading[i].name)))
			return reading[i].name;
	return NULL;
}
