#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "printable.h"
#include "sheet.h"
#include "store.h"
#include "timestamp.h"

enum { PROGRESS_NS = 100 * 1000 * 1000 };

struct progress {
	int64_t told; /* timestamp_elapsed() */
};

static void show_progress(void *context, const struct store_backup *so_far)
{
	struct progress *progress = context;
	struct buf bytes;
	int64_t now = timestamp_elapsed();
	if (now - progress->told < PROGRESS_NS)
		return;
	progress->told = now;
	buf_init(&bytes, 64);
	sheet_put_bytes(&bytes, so_far->bytes);
	(void)fprintf(stderr, "\r\x1b[Ksegment %u, %.*s", so_far->segments + 1, (int)bytes.len, bytes.at);
	buf_finish(&bytes);
}

static void put_json(struct buf *out, const struct store_backup *made)
{
	buf_printf(out,
		"{\"store\":\"%s\",\"first_seq\":%" PRIu64 ",\"last_seq\":%" PRIu64
		",\"segments\":%u,\"copied\":%u,\"kept\":%u,\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64
		",\"tail_chunks\":%" PRIu64 ",\"payloads\":%" PRIu64 ",\"damaged\":%" PRIu64 "}\n",
		made->store_id, made->first_seq, made->next_seq - 1, made->segments, made->copied, made->kept,
		made->bytes, made->blocks, made->tail_chunks, made->payloads, made->damaged);
}

static void put_text(struct buf *out, const char *dir, const struct store_backup *made)
{
	buf_put_string(out, "Backup    ");
	printable_put(out, text_of(dir));
	buf_printf(out, ", of store %s\n", made->store_id);
	if (made->next_seq > made->first_seq)
		buf_printf(out, "Events    seq %" PRIu64 " to %" PRIu64 "\n", made->first_seq, made->next_seq - 1);
	else
		buf_put_string(out, "Events    none\n");
	buf_printf(out, "Segments  %u, of them %u copied now (", made->segments, made->copied);
	sheet_put_bytes(out, made->bytes);
	buf_put_byte(out, ')');
	if (made->kept > 0)
		buf_printf(out, "; %u that the store no longer has", made->kept);
	buf_printf(out,
		"\nVerified  %" PRIu64 " blocks, %" PRIu64 " tail chunks, %" PRIu64
		" large payloads of what was copied\n",
		made->blocks, made->tail_chunks, made->payloads);
	if (made->damaged > 0)
		buf_printf(out, "Damaged   %" PRIu64 " values, in the store, too\n", made->damaged);
	buf_put_string(out, "The keys in keys/ are not in it: keep them apart.\n");
}

enum exit_code verb_backup(struct cli *cli)
{
	struct store_backup made;
	struct progress progress = {0};
	const struct options *options = &cli->options;
	if (options->word_count != 2)
		return cli_misuse(cli, "backup takes one directory; see mcpledger help backup");
	if (options->data.count > 1)
		return cli_misuse(cli, "a backup is one of one store: give one --data");
	const char *from = options->data.count > 0 ? options->data.items[0] : cli_default_dir(cli);
	bool shows = isatty(STDERR_FILENO) && !options->quiet;
	enum status status =
		store_backup_run(from, options->words[1], shows ? show_progress : NULL, &progress, &made, &cli->error);
	if (shows)
		(void)fputs("\r\x1b[K", stderr);
	if (status == STATUS_NOT_FOUND)
		status = error_set(&cli->error, STATUS_IO, "there is no store in %s; name one with --data DIR", from);
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	if (options->output == OUTPUT_TABLE)
		put_text(&cli->out.text, options->words[1], &made);
	else
		put_json(&cli->out.text, &made);
	status = output_flush(&cli->out);
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	return made.damaged > 0 ? EXIT_FAILED : EXIT_FOUND;
}
