/* `verify`: all of a store read without trusting it, and what is wrong with it; or a new one of what is not. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "printable.h"
#include "sheet.h"
#include "store_verify.h"

enum { PAGE_BYTES = 4096 };

struct report {
	struct cli *cli;
	const char *word;  /* with which a fault's line begins */
	struct buf faults; /* as they are shown: lines, or JSON values and commas */
	bool shows_progress;
	uint64_t told;
};

static void show_progress(void *context, const struct store_verified *so_far)
{
	const struct report *report = context;
	if (report->shows_progress)
		(void)fprintf(stderr, "\r\x1b[Ksegment %" PRIu64 ", %" PRIu64 " blocks", so_far->segments + 1,
			so_far->blocks);
}

static void put_fault_line(struct buf *out, const char *word, const struct store_fault *fault)
{
	buf_printf(out, "%-9s %s", word, fault->segment);
	if (fault->page)
		buf_printf(out, ", page %" PRIu64, fault->page);
	if (fault->last_seq > fault->first_seq)
		buf_printf(out, ", events %" PRIu64 " to %" PRIu64, fault->first_seq, fault->last_seq);
	else if (fault->first_seq)
		buf_printf(out, ", event %" PRIu64, fault->first_seq);
	buf_put_string(out, ": ");
	printable_put(out, text_of(fault->what));
	buf_put_byte(out, '\n');
}

static void put_number(struct buf *out, const char *name, uint64_t number)
{
	buf_printf(out, ",\"%s\":", name);
	if (number)
		buf_put_uint(out, number);
	else
		buf_put_string(out, "null");
}

static void put_fault_json(struct buf *out, const struct store_fault *fault)
{
	buf_put_string(out, out->len > 0 ? ",{\"segment\":" : "{\"segment\":");
	json_put_string(out, text_of(fault->segment));
	put_number(out, "page", fault->page);
	put_number(out, "first_seq", fault->first_seq);
	put_number(out, "last_seq", fault->last_seq);
	buf_put_string(out, ",\"what\":");
	json_put_string(out, text_of(fault->what));
	buf_put_byte(out, '}');
}

static void tell_fault(void *context, const struct store_fault *fault)
{
	struct report *report = context;
	report->told++;
	if (report->cli->options.output == OUTPUT_TABLE)
		put_fault_line(&report->faults, report->word, fault);
	else
		put_fault_json(&report->faults, fault);
}

static void put_json(struct buf *out, const struct report *report, const struct store_verified *found)
{
	buf_printf(out,
		"{\"store\":\"%s\",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 ",\"segments\":%" PRIu64
		",\"pages\":%" PRIu64 ",\"unused_pages\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"tail_chunks\":%" PRIu64
		",\"payloads\":%" PRIu64 ",\"whole\":%s,\"faults\":%" PRIu64 ",\"damage\":[",
		found->store_id, found->first_seq, found->next_seq - 1, found->segments, found->pages,
		found->unused_pages, found->blocks, found->tail_chunks, found->payloads,
		found->faults ? "false" : "true", found->faults);
	buf_put_text(out, buf_text(&report->faults));
	buf_put_string(out, "]}\n");
}

static void put_text(struct buf *out, const char *dir, const struct report *report, const struct store_verified *found)
{
	buf_put_string(out, "Store     ");
	printable_put(out, text_of(dir));
	if (found->store_id[0])
		buf_printf(out, ", %s", found->store_id);
	if (found->next_seq > found->first_seq)
		buf_printf(out, "\nEvents    seq %" PRIu64 " to %" PRIu64, found->first_seq, found->next_seq - 1);
	else
		buf_put_string(out, "\nEvents    none");
	buf_printf(out, "\nRead      %" PRIu64 " segment%s (", found->segments, found->segments == 1 ? "" : "s");
	sheet_put_bytes(out, found->pages * PAGE_BYTES);
	buf_printf(out, "): %" PRIu64 " blocks, %" PRIu64 " tail chunks, %" PRIu64 " large payloads\n", found->blocks,
		found->tail_chunks, found->payloads);
	if (found->unused_pages) {
		buf_printf(out, "Unused    %" PRIu64 " pages (", found->unused_pages);
		sheet_put_bytes(out, found->unused_pages * PAGE_BYTES);
		buf_put_string(out, ") belong to nothing and are not used again; no harm is in that\n");
	}
	buf_put_text(out, buf_text(&report->faults));
	if (found->faults > report->told)
		buf_printf(out, "… and %" PRIu64 " faults more\n", found->faults - report->told);
	if (found->faults == 0)
		buf_put_string(
			out, "Verified  all pages and values are as they were written, and no event is missing\n");
}

static enum status verify(struct report *report, const char *dir, bool *is_whole)
{
	struct cli *cli = report->cli;
	const struct store_verify_visitor visitor = {tell_fault, show_progress, report};
	struct store_verified found;
	report->word = "Damaged";
	enum status status = store_verify(dir, &visitor, &found, &cli->error);
	if (status != STATUS_OK)
		return status;
	*is_whole = found.faults == 0;
	if (cli->options.output == OUTPUT_TABLE)
		put_text(&cli->out.text, dir, report, &found);
	else
		put_json(&cli->out.text, report, &found);
	return STATUS_OK;
}

/* --- salvage --- */

static void show_salvage(void *context, const struct store_salvaged *so_far)
{
	const struct report *report = context;
	if (report->shows_progress)
		(void)fprintf(stderr, "\r\x1b[Ksegment %" PRIu64 ", %" PRIu64 " events", so_far->segments + 1,
			so_far->events);
}

static void put_salvaged_json(struct buf *out, const struct report *report, const struct store_salvaged *made)
{
	buf_printf(out,
		"{\"store\":\"%s\",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64 ",\"segments\":%" PRIu64
		",\"searched\":%" PRIu64 ",\"events\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"rebuilt_blocks\":%" PRIu64
		",\"rebuilt_summaries\":%" PRIu64 ",\"payloads\":%" PRIu64 ",\"lost_events\":%" PRIu64
		",\"end_is_known\":%s,\"lost\":[",
		made->store_id, made->first_seq, made->next_seq - 1, made->segments, made->scanned, made->events,
		made->blocks, made->rebuilt_blocks, made->rebuilt_summaries, made->payloads, made->lost_events,
		made->end_is_unknown ? "false" : "true");
	buf_put_text(out, buf_text(&report->faults));
	buf_put_string(out, "]}\n");
}

static void put_salvaged_text(
	struct buf *out, const char *dir, const struct report *report, const struct store_salvaged *made)
{
	buf_put_string(out, "Salvaged  ");
	printable_put(out, text_of(dir));
	buf_printf(out, ", of store %s\nEvents    %" PRIu64 ", seq %" PRIu64 " to %" PRIu64 "\n", made->store_id,
		made->events, made->first_seq, made->next_seq - 1);
	buf_printf(out,
		"Blocks    %" PRIu64 " as they were, %" PRIu64 " made anew, %" PRIu64 " summaries made anew; %" PRIu64
		" large payloads\n",
		made->blocks, made->rebuilt_blocks, made->rebuilt_summaries, made->payloads);
	if (made->scanned)
		buf_printf(out,
			"Searched  %" PRIu64 " of %" PRIu64 " segments, whose pages do not lead to all they hold\n",
			made->scanned, made->segments);
	buf_put_text(out, buf_text(&report->faults));
	if (report->told == 0)
		buf_put_string(out, "Lost      nothing that the store says it held\n");
	else if (made->lost_events)
		buf_printf(out, "Lost      %" PRIu64 " events in all\n", made->lost_events);
	buf_put_string(out, "The keys in keys/ are not in it.\n");
}

static enum status salvage(struct report *report, const char *dir, bool *is_whole)
{
	struct cli *cli = report->cli;
	const struct store_salvage_visitor visitor = {tell_fault, show_salvage, report};
	struct store_salvaged made;
	report->word = "Lost";
	enum status status = store_salvage(dir, cli->options.salvage, &visitor, &made, &cli->error);
	if (status != STATUS_OK)
		return status;
	*is_whole = report->told == 0;
	if (cli->options.output == OUTPUT_TABLE)
		put_salvaged_text(&cli->out.text, cli->options.salvage, report, &made);
	else
		put_salvaged_json(&cli->out.text, report, &made);
	return STATUS_OK;
}

enum exit_code verb_verify(struct cli *cli)
{
	enum { FAULTS_BYTES_MAX = 64 * 1024 * 1024 };
	const struct options *options = &cli->options;
	struct report report = {.cli = cli, .shows_progress = isatty(STDERR_FILENO) && !options->quiet};
	bool is_whole = false;
	if (options->word_count != 1)
		return cli_misuse(cli, "verify takes no words; see mcpledger help verify");
	if (options->data.count > 1)
		return cli_misuse(cli, "one store is verified at a time: give one --data");
	const char *dir = options->data.count > 0 ? options->data.items[0] : cli_default_dir(cli);
	buf_init(&report.faults, FAULTS_BYTES_MAX);
	enum status status = options->salvage ? salvage(&report, dir, &is_whole) : verify(&report, dir, &is_whole);
	if (report.shows_progress)
		(void)fputs("\r\x1b[K", stderr);
	if (status == STATUS_NOT_FOUND)
		status = error_set(&cli->error, STATUS_IO, "there is no store in %s; name one with --data DIR", dir);
	if (status == STATUS_OK)
		status = buf_status(&report.faults);
	buf_finish(&report.faults);
	if (status == STATUS_OK)
		status = output_flush(&cli->out);
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	return is_whole ? EXIT_FOUND : EXIT_FAILED;
}
