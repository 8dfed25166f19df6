#include "cli.h"

#include <errno.h>
#include <stdio.h>

enum { PIECE_BYTES = 64 * 1024 };

static enum status read_all(FILE *from, struct buf *out)
{
	for (;;) {
		char *at = buf_reserve(out, PIECE_BYTES);
		size_t len = at ? fread(at, 1, PIECE_BYTES, from) : 0;
		if (len == 0)
			break;
		out->len += len;
	}
	return ferror(from) ? STATUS_IO : buf_status(out);
}

enum status cli_read_file(const char *path, struct buf *out)
{
	FILE *from = fopen(path, "re");
	if (from == NULL)
		return errno == ENOENT || errno == ENOTDIR ? STATUS_NOT_FOUND : STATUS_IO;
	enum status status = read_all(from, out);
	(void)fclose(from);
	return status;
}

enum status cli_read_indicators(struct cli *cli)
{
	struct buf lines;
	const char *path = cli->options.match_file;
	if (path == NULL)
		return STATUS_OK;
	buf_init(&lines, INDICATORS_BYTES_MAX + PIECE_BYTES);
	enum status status = strcmp(path, "-") == 0 ? read_all(stdin, &lines) : cli_read_file(path, &lines);
	if (status == STATUS_LIMIT || lines.len > INDICATORS_BYTES_MAX)
		status = error_set(
			&cli->error, STATUS_INVALID, "%.200s has more than %d bytes", path, INDICATORS_BYTES_MAX);
	else if (status != STATUS_OK)
		(void)error_set(&cli->error, status, "%.200s can't be read: %s", path, status_text(status));
	if (status == STATUS_OK)
		cli->indicators = arena_copy(&cli->arena, buf_text(&lines));
	if (status == STATUS_OK && lines.len == 0)
		status = error_set(&cli->error, STATUS_INVALID, "%.200s is empty", path);
	buf_finish(&lines);
	return status == STATUS_OK && cli->indicators.at == NULL ? STATUS_NO_MEMORY : status;
}
