#include <stdio.h>

#include "cli.h"
#include "export.h"
#include "largest.h"
#include "position.h"
#include "search.h"
#include "show.h"

enum { SEARCH_LIMIT = 50, SHOWN_MAX = 100 };

/* --- search and export --- */

static enum status search_words(struct cli *cli, struct scan *scan, struct filter *filter)
{
	enum status status = cli_filter(cli, filter);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, scan);
	scan->filter = filter;
	return status;
}

static enum status put_newest(struct cli *cli, struct scan *scan, uint64_t limit)
{
	enum status status = search_narrow(scan, limit, &cli->error);
	bool merges = limit > 0 && scan->store_count > 1;
	return status == STATUS_OK ? search_put(scan, merges, cli->options.output, &cli->out, &cli->error) : status;
}

static enum status put_sorted(struct cli *cli, const struct scan *scan, uint64_t limit)
{
	struct text name = text_of(cli->options.sort);
	struct field_name found = field_name_find(name);
	struct search_sort sort = {.limit = limit};
	if (found.count > 0)
		sort.field = found.fields[0];
	if (found.count == 0 || found.path.len > 0 || !field_is_number(field_info(sort.field)->type))
		return error_set(&cli->error, STATUS_INVALID,
			"sort needs a field that holds numbers or times, such as duration or time; not \"%.*s\"",
			(int)(name.len < 60 ? name.len : 60), name.at);
	if (limit == 0 || limit > LARGEST_MAX)
		return error_set(&cli->error, STATUS_INVALID, "sort goes with a limit from 1 to %d", LARGEST_MAX);
	return search_put_largest(scan, sort, cli->options.output, &cli->out, &cli->error);
}

/* With a position, all that is new is told, oldest first: what an answer leaves out would never be told. */
static const char *position_misuse(const struct options *options)
{
	if (options->position == NULL)
		return NULL;
	if (options->limit.given && options->limit.number > 0)
		return "a checkpoint takes all that is new; it goes with no --limit";
	if (options->until)
		return "a checkpoint takes all that is new; it goes with no --until";
	return options->sort ? "a checkpoint goes in order of arrival, with no --sort" : NULL;
}

enum exit_code verb_search(struct cli *cli)
{
	struct scan scan = {0};
	struct filter filter;
	struct coverage coverage = {0};
	bool all = cli->options.position != NULL;
	uint64_t limit = cli->options.limit.given ? cli->options.limit.number : all ? 0 : SEARCH_LIMIT;
	const char *misuse = position_misuse(&cli->options);
	if (misuse)
		return cli_misuse(cli, misuse);
	enum status status = search_words(cli, &scan, &filter);
	scan.coverage = &coverage;
	if (status == STATUS_OK)
		status = cli->options.sort ? put_sorted(cli, &scan, limit) : put_newest(cli, &scan, limit);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	position_put(&cli->position, &scan);
	return cli_cover(cli, &coverage);
}

enum exit_code verb_export(struct cli *cli)
{
	struct scan scan = {0};
	struct coverage coverage = {0};
	const char *misuse =
		cli->words.len > 0 ? "export takes no words; it writes every event" : position_misuse(&cli->options);
	if (misuse)
		return cli_misuse(cli, misuse);
	enum status status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	scan.coverage = &coverage;
	if (status == STATUS_OK)
		status = search_narrow(&scan, cli->options.limit.number, &cli->error);
	if (status == STATUS_OK)
		status = export_put(&scan, &cli->out, &cli->error);
	if (status == STATUS_OK)
		status = coverage_collect(&scan, &coverage, &cli->error);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	position_put(&cli->position, &scan);
	enum exit_code code = cli_cover(cli, &coverage);
	return code == EXIT_NOTHING ? EXIT_FOUND : code;
}

/* --- show --- */

struct showing {
	struct cli *cli;
	struct arena scratch;
	uint64_t count;
};

static enum status show_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct showing *showing = context;
	struct output *out = &showing->cli->out;
	enum output_format format = showing->cli->options.output;
	if (showing->count == SHOWN_MAX)
		return STATUS_LIMIT;
	if (format == OUTPUT_TABLE) {
		if (showing->count > 0)
			buf_put_byte(&out->text, '\n');
		show_put(out, event, place->store_id, &showing->scratch);
	} else if (format == OUTPUT_JSON) {
		show_put_json(&out->text, showing->count++, event, place->store_id);
		return buf_status(&out->text);
	} else {
		event_put_json(&out->text, event, place->store_id);
		buf_put_byte(&out->text, '\n');
	}
	showing->count++;
	return output_step(out);
}

/* The seq first, which a bare number means; it may be an emitter's id, too. */
static enum status show_id(struct cli *cli, struct text id, struct showing *showing, struct coverage *coverage)
{
	struct scan scan = {0};
	struct filter filter;
	enum status status = cli_scan(cli, &scan);
	scan.coverage = coverage;
	struct scan one = scan;
	if (status == STATUS_OK && scan_narrow_to_id(&one, id))
		status = scan_events(&one, show_event, showing, &cli->error);
	if (status != STATUS_OK || showing->count > 0)
		return status;
	status = filter_exact(FIELD_ID, id, &cli->arena, &filter);
	scan.filter = &filter;
	return status == STATUS_OK ? scan_events(&scan, show_event, showing, &cli->error) : status;
}

enum exit_code verb_show(struct cli *cli)
{
	struct coverage coverage = {0};
	struct showing showing = {.cli = cli};
	if (cli->words.len == 0 || memchr(cli->words.at, ' ', cli->words.len))
		return cli_misuse(cli, "show takes one id; see mcpledger help show");
	if (cli->options.output == OUTPUT_CSV)
		return cli_misuse(cli, "show knows -o table, json and ndjson");
	enum status status = cli_open(cli);
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	arena_init(&showing.scratch, 64 * 1024 * 1024);
	status = show_id(cli, cli->words, &showing, &coverage);
	if (status == STATUS_OK && showing.count > 0 && cli->options.output == OUTPUT_JSON)
		show_end_json(&cli->out.text, showing.count);
	if (status == STATUS_OK)
		status = output_flush(&cli->out);
	arena_finish(&showing.scratch);
	if (status == STATUS_CANCELLED)
		return EXIT_FOUND;
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	coverage.events = showing.count;
	if (showing.count == 0 || coverage.damages > 0)
		return cli_cover(cli, &coverage);
	return EXIT_FOUND;
}
