#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "codec.h"
#include "demo.h"
#include "load.h"
#include "timestamp.h"

enum { PIECE_BYTES = 256 * 1024, DEMO_BYTES_MAX = 64 * 1024 * 1024, CONNECT_S_MAX = 10, SILENCE_S_MAX = 120 };
static const char default_url[] = "http://127.0.0.1:7373";

static enum status open_fetch(struct cli *cli, struct fetch **fetch)
{
	const struct fetch_options options = {.url = cli->options.url ? cli->options.url : default_url,
		.token_file = cli->options.token_file,
		.connect_time_max_ns = CONNECT_S_MAX * NS_PER_S,
		.silence_time_max_ns = SILENCE_S_MAX * NS_PER_S};
	return fetch_open(fetch, &options, &cli->error);
}

static void show_progress(const struct load *load)
{
	(void)fprintf(stderr, "\r%" PRIu64 " events", load->accepted + load->duplicates + load->rejected);
}

static enum exit_code tell_sums(struct cli *cli, const struct load *load, enum status status)
{
	if (load->progress)
		(void)fputc('\n', stderr);
	if (buf_status(&load->messages) == STATUS_OK)
		(void)fwrite(load->messages.at, 1, load->messages.len, stderr);
	if (!cli->options.quiet)
		(void)printf("%" PRIu64 " accepted, %" PRIu64 " already there, %" PRIu64 " rejected\n", load->accepted,
			load->duplicates, load->rejected);
	if (status != STATUS_OK)
		return cli_fail(cli, status == STATUS_INVALID ? STATUS_IO : status);
	return load->rejected > 0 ? EXIT_FAILED : EXIT_FOUND;
}

/* Where the bytes of a file go: a file that begins as gzip is unpacked on the way. */
struct intake {
	struct load *load;
	struct codec_stream *unpacker; /* NULL: it is plain */
	bool begun;
	struct error *error;
};

static enum status take_plain(void *context, struct text plain)
{
	struct intake *intake = context;
	return load_put(intake->load, plain, intake->error);
}

static enum status damaged(const struct intake *intake)
{
	return error_set(intake->error, STATUS_IO,
		"the input is damaged or cut short: it can't be unpacked behind line %" PRIu64, intake->load->line);
}

static enum status take_piece(struct intake *intake, struct text piece)
{
	static const char magic[] = {0x1f, (char)0x8b};
	enum status status = STATUS_OK;
	if (!intake->begun && piece.len >= sizeof(magic) && memcmp(piece.at, magic, sizeof(magic)) == 0)
		status = codec_stream_open(&intake->unpacker);
	intake->begun = true;
	if (status != STATUS_OK)
		return error_set(intake->error, status, "%s", status_text(status));
	if (intake->unpacker == NULL)
		return take_plain(intake, piece);
	intake->error->text[0] = 0;
	status = codec_stream_put(intake->unpacker, piece, take_plain, intake);
	return status == STATUS_INVALID && intake->error->text[0] == 0 ? damaged(intake) : status;
}

static enum status load_file(struct load *load, FILE *from, struct error *error)
{
	struct intake intake = {.load = load, .error = error};
	char *piece = malloc(PIECE_BYTES);
	enum status status =
		piece ? STATUS_OK : error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	while (status == STATUS_OK) {
		size_t len = fread(piece, 1, PIECE_BYTES, from);
		if (len == 0 && ferror(from))
			status = error_set(error, STATUS_IO, "the input can't be read: %s", strerror(errno));
		if (len == 0)
			break;
		status = take_piece(&intake, (struct text){piece, len});
	}
	free(piece);
	bool whole = intake.unpacker == NULL || codec_stream_end(intake.unpacker) == STATUS_OK;
	codec_stream_close(&intake.unpacker);
	if (status == STATUS_OK)
		status = load_flush(load, error);
	return status == STATUS_OK && !whole ? damaged(&intake) : status;
}

enum exit_code verb_import(struct cli *cli)
{
	struct fetch *fetch = NULL;
	struct load load;
	const char *name = cli->options.word_count > 1 ? cli->options.words[1] : "-";
	if (cli->options.word_count > 2)
		return cli_misuse(cli, "import takes one file, or - for the standard input");
	FILE *from = strcmp(name, "-") == 0 ? stdin : fopen(name, "re");
	if (from == NULL) {
		(void)error_set(&cli->error, STATUS_IO, "%s can't be read: %s", name, strerror(errno));
		return cli_fail(cli, STATUS_IO);
	}
	enum status status = open_fetch(cli, &fetch);
	load_init(&load, fetch);
	if (isatty(STDERR_FILENO) && !cli->options.quiet)
		load.progress = show_progress;
	if (status == STATUS_OK)
		status = load_file(&load, from, &cli->error);
	enum exit_code code = fetch ? tell_sums(cli, &load, status) : cli_fail(cli, status);
	load_finish(&load);
	fetch_close(&fetch);
	if (from != stdin)
		(void)fclose(from);
	return code;
}

/* --- demo --- */

/* The recording: installed, or in the source tree that this program was built in. */
static enum status read_recording(struct cli *cli, struct buf *packed)
{
	static const char in_tree[] = "config/demo/demo.ndjson.gz";
	char path[4096];
	enum status status = cli_read_file(MCPLEDGER_DEMO_FILE, packed);
	ssize_t len =
		status == STATUS_NOT_FOUND ? readlink("/proc/self/exe", path, sizeof(path) - sizeof(in_tree) - 1) : 0;
	for (unsigned up = 0; len > 0 && up < 3; up++) /* DIR/build/query/mcpledger */
		while (len > 0 && path[--len] != '/')
			;
	if (len > 0) {
		(void)snprintf(path + len, sizeof(path) - (size_t)len, "/%s", in_tree);
		status = cli_read_file(path, packed);
	}
	if (status != STATUS_OK)
		return error_set(&cli->error, status,
			"the demo's recording is neither in " MCPLEDGER_DEMO_FILE " nor in the source tree");
	return STATUS_OK;
}

static enum status load_demo(struct cli *cli, struct load *load)
{
	struct buf packed;
	struct buf recorded;
	struct buf fresh;
	buf_init(&packed, DEMO_BYTES_MAX);
	buf_init(&recorded, DEMO_BYTES_MAX);
	buf_init(&fresh, DEMO_BYTES_MAX);
	enum status status = read_recording(cli, &packed);
	if (status == STATUS_OK && codec_unpack(buf_text(&packed), CODEC_GZIP, DEMO_BYTES_MAX, &recorded) != STATUS_OK)
		status = error_set(&cli->error, STATUS_DAMAGED, "the demo's recording is damaged");
	if (status == STATUS_OK)
		status = demo_freshen(buf_text(&recorded), cli->now, &fresh, &cli->error);
	if (status == STATUS_OK)
		status = load_put(load, buf_text(&fresh), &cli->error);
	if (status == STATUS_OK)
		status = load_flush(load, &cli->error);
	buf_finish(&packed);
	buf_finish(&recorded);
	buf_finish(&fresh);
	return status;
}

enum exit_code verb_demo(struct cli *cli)
{
	struct fetch *fetch = NULL;
	struct load load;
	if (cli->options.word_count > 1)
		return cli_misuse(cli, "demo takes no words");
	enum status status = open_fetch(cli, &fetch);
	load_init(&load, fetch);
	if (status == STATUS_OK)
		status = load_demo(cli, &load);
	enum exit_code code = fetch ? tell_sums(cli, &load, status) : cli_fail(cli, status);
	load_finish(&load);
	fetch_close(&fetch);
	return code;
}
