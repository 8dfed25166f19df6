/*
 * The newest events, and with -f each further one: the stores are asked a few times a second for what is behind the last
 * event.  Readers are opened anew now and then, since one keeps the segments open that it has read, and retention waits
 * for that.
 */
#include <time.h>

#include "cli.h"
#include "search.h"
#include "timestamp.h"

enum { TAIL_LIMIT = 10, LOOK_MS = 200 };
#define REOPEN (60 * NS_PER_S)

struct following {
	struct cli *cli;
	struct scan scan;
	struct search_lines *lines;
	uint64_t next_seqs[SCAN_STORES_MAX];
	int64_t opened_at;
	bool has_head; /* the table's, or CSV's, was written */
};

static enum status renew(struct following *following)
{
	struct cli *cli = following->cli;
	enum status status = STATUS_OK;
	if (timestamp_elapsed() - following->opened_at > REOPEN) {
		while (cli->reader_count > 0)
			store_reader_close(&cli->readers[--cli->reader_count]);
		following->opened_at = timestamp_elapsed();
		status = cli_open(cli);
	}
	for (size_t i = 0; i < cli->reader_count && status == STATUS_OK; i++)
		status = store_reader_renew(cli->readers[i], &cli->error);
	return status;
}

/* What lies behind the last event that was met; a store that was emptied meanwhile says so by a gap. */
static bool narrow(struct following *following, struct coverage *coverage)
{
	bool any = false;
	for (size_t i = 0; i < following->scan.store_count; i++) {
		struct store_reader *reader = following->cli->readers[i];
		uint64_t first = following->next_seqs[i];
		uint64_t oldest = store_reader_first_seq(reader);
		uint64_t end = store_reader_next_seq(reader);
		if (first < oldest)
			coverage_add_gap(coverage, first, oldest - 1);
		first = first < oldest ? oldest : first;
		following->scan.stores[i] = (struct scan_store){reader, first, end - 1};
		any = any || first < end;
		following->next_seqs[i] = first < end ? end : first;
	}
	return any;
}

static enum status put_event(void *context, const struct scan_place *place, const struct event *event)
{
	struct following *following = context;
	struct output *out = &following->cli->out;
	if (!following->has_head)
		search_lines_put_head(following->lines, out);
	following->has_head = true;
	search_lines_put(following->lines, event, place->store_id, out);
	return output_step(out);
}

static void tell(struct cli *cli)
{
	if (cli->tell)
		cli->tell(cli);
}

static enum status look(struct following *following)
{
	struct cli *cli = following->cli;
	struct coverage coverage = {0};
	enum status status = renew(following);
	if (status == STATUS_BUSY)
		return STATUS_OK; /* the store is being opened anew */
	if (status != STATUS_OK || !narrow(following, &coverage))
		return status;
	following->scan.coverage = &coverage;
	status = scan_events(&following->scan, put_event, following, &cli->error);
	if (status == STATUS_OK)
		status = coverage_collect(&following->scan, &coverage, &cli->error);
	if (status == STATUS_OK)
		status = output_flush(&cli->out);
	if (status == STATUS_OK && coverage_has_losses(&coverage) && !cli->options.quiet)
		coverage_put_text(&cli->messages, &coverage);
	tell(cli);
	return status;
}

static enum status follow(struct cli *cli, const struct scan *scan, bool has_head)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * NS_PER_MS};
	struct following following = {
		.cli = cli, .scan = *scan, .opened_at = timestamp_elapsed(), .has_head = has_head};
	for (size_t i = 0; i < scan->store_count; i++)
		following.next_seqs[i] = scan->stores[i].seq_last + 1;
	enum status status = search_lines_create(&following.lines, cli->options.output);
	tell(cli);
	while (status == STATUS_OK) {
		(void)nanosleep(&pause, NULL);
		status = look(&following);
	}
	search_lines_destroy(&following.lines);
	return status;
}

static enum status put_newest(struct cli *cli, struct scan *scan, struct coverage *coverage)
{
	uint64_t limit = cli->options.limit.given ? cli->options.limit.number : TAIL_LIMIT;
	bool merges = limit > 0 && scan->store_count > 1;
	enum status status = search_narrow(scan, limit, &cli->error);
	coverage->more = false; /* nobody asked for all */
	return status == STATUS_OK ? search_put(scan, merges, cli->options.output, &cli->out, &cli->error) : status;
}

enum exit_code verb_tail(struct cli *cli)
{
	struct scan scan = {0};
	struct filter filter;
	struct coverage coverage = {0};
	bool follows = cli->options.follow;
	if (cli->options.until)
		return cli_misuse(cli, "tail shows the newest events: it takes no --until; see search");
	if (follows && (cli->options.require_complete || cli->options.explain))
		return cli_misuse(cli, "an answer without end takes neither --require-complete nor --explain");
	if (follows && cli->options.output == OUTPUT_JSON)
		return cli_misuse(cli, "an answer without end is no JSON text: tail -f knows -o table, ndjson and csv");
	enum status status = cli_filter(cli, &filter);
	if (status == STATUS_OK)
		status = cli_open(cli);
	if (status == STATUS_OK)
		status = cli_scan(cli, &scan);
	struct scan newest = scan;
	newest.filter = &filter;
	newest.coverage = &coverage;
	scan.filter = &filter;
	if (status == STATUS_OK)
		status = put_newest(cli, &newest, &coverage);
	enum exit_code code = EXIT_FOUND;
	if (status == STATUS_OK)
		code = cli_cover(cli, &coverage);
	if (status == STATUS_OK && follows)
		status = follow(cli, &scan, coverage.events > 0);
	if (status != STATUS_OK && status != STATUS_CANCELLED)
		return cli_fail(cli, status);
	return code;
}
