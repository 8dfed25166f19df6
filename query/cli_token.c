#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "crypto.h"
#include "tokens.h"

/* Appends a line to a file that only its owner may read. */
static enum status append_line(struct cli *cli, const char *file, struct text line)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR);
	if (fd < 0)
		return error_set(&cli->error, STATUS_IO, "%s can't be written: %s", file, strerror(errno));
	enum status status = output_write_fd(&fd, line.at, line.len);
	if (status == STATUS_OK && fsync(fd) != 0 && errno != EINVAL)
		status = STATUS_IO;
	if (close(fd) != 0)
		status = STATUS_IO;
	if (status != STATUS_OK)
		return error_set(&cli->error, status, "%s can't be written: %s", file, status_text(status));
	return STATUS_OK;
}

/* Cuts a comma-separated list; empty items are left out. */
static size_t split(struct text list, struct text *items, size_t max)
{
	size_t count = 0;
	for (size_t at = 0; at < list.len && count < max;) {
		const char *comma = memchr(list.at + at, ',', list.len - at);
		size_t end = comma ? (size_t)(comma - list.at) : list.len;
		if (end > at)
			items[count++] = (struct text){list.at + at, end - at};
		at = end + 1;
	}
	return count;
}

static enum status make_token(struct cli *cli, struct buf *secret, struct buf *line)
{
	const struct options *options = &cli->options;
	struct text tenants[OPTION_LIST_MAX];
	struct token token = {.name = cli->words};
	enum status status = token_scopes_parse(text_of(options->scopes), &token.scopes, &cli->error);
	if (status != STATUS_OK)
		return status;
	if (options->token_tenants && strcmp(options->token_tenants, "*") != 0) {
		token.tenant_count = split(text_of(options->token_tenants), tenants, OPTION_LIST_MAX);
		token.tenants = tenants;
	}
	return token_create(&token, secret, line, &cli->error);
}

enum exit_code verb_token(struct cli *cli)
{
	const struct options *options = &cli->options;
	struct buf secret;
	struct buf line;
	if (cli->words.len == 0 || options->scopes == NULL)
		return cli_misuse(cli, "token needs a name and --scopes; see mcpledger help token");
	buf_init(&secret, 1024);
	buf_init(&line, 64 * 1024);
	enum status status = make_token(cli, &secret, &line);
	if (status == STATUS_OK && options->file)
		status = append_line(cli, options->file, buf_text(&line));
	if (status == STATUS_OK) {
		buf_put_text(&cli->out.text, buf_text(&secret));
		buf_put_byte(&cli->out.text, '\n');
		if (options->file == NULL)
			buf_put_text(&cli->out.text, buf_text(&line));
		status = output_flush(&cli->out);
	}
	crypto_wipe(secret.at, secret.len);
	buf_finish(&secret);
	buf_finish(&line);
	return status == STATUS_OK ? EXIT_FOUND : cli_fail(cli, status);
}
