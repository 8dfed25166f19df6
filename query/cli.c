#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "printable.h"
#include "timestamp.h"

static void put_stderr(const struct buf *text)
{
	if (buf_status(text) == STATUS_OK)
		(void)fwrite(text->at, 1, text->len, stderr);
}

enum exit_code cli_fail(enum status status, const struct error *error)
{
	struct buf text;
	buf_init(&text, 16 * 1024);
	buf_put_string(&text, "mcpledger: ");
	if (error && error->column)
		buf_printf(&text, "column %u: ", error->column);
	printable_put(&text, text_of(error && error->text[0] ? error->text : status_text(status)));
	buf_put_byte(&text, '\n');
	put_stderr(&text);
	buf_finish(&text);
	return status == STATUS_INVALID ? EXIT_USAGE : EXIT_FAILED;
}

static bool is_store(const char *dir)
{
	char path[4096];
	int len = snprintf(path, sizeof(path), "%s/store.json", dir);
	return len > 0 && (size_t)len < sizeof(path) && access(path, R_OK) == 0;
}

/* Where the store is when nobody says so; the same places where the daemon puts it. */
static const char *default_dir(struct arena *arena)
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
	struct text copy = arena_copy(arena, (struct text){path, (size_t)len});
	return copy.at ? copy.at : system_dir;
}

enum status cli_open(struct cli *cli)
{
	const char *dir = cli->options.data_dir ? cli->options.data_dir : default_dir(&cli->arena);
	enum status status = store_reader_open(&cli->reader, dir, &cli->error);
	if (status == STATUS_NOT_FOUND)
		return error_set(&cli->error, status, "there is no store in %s; name one with --data DIR", dir);
	return status;
}

static enum status read_time(struct cli *cli, const char *option, const char *value, int64_t *ns)
{
	if (value == NULL)
		return STATUS_OK;
	if (timestamp_parse_human(text_of(value), cli->now, ns) != STATUS_OK)
		return error_set(&cli->error, STATUS_INVALID,
			"%s needs a time such as 2026-11-20T10:00:00Z, 2026-11-20, 2h or yesterday", option);
	return STATUS_OK;
}

enum status cli_scan(struct cli *cli, struct scan *scan)
{
	struct scan made = scan_all(cli->reader);
	enum status status = read_time(cli, "--since", cli->options.since, &made.since);
	if (status == STATUS_OK)
		status = read_time(cli, "--until", cli->options.until, &made.until);
	if (status != STATUS_OK)
		return status;
	if (made.since >= made.until)
		return error_set(&cli->error, STATUS_INVALID, "--since must be before --until");
	made.by_recv_time = cli->options.by_recv_time;
	if (cli->options.tenant_count > 0) {
		made.tenants = cli->options.tenants;
		made.tenant_count = cli->options.tenant_count;
	}
	*scan = made;
	return STATUS_OK;
}

struct text cli_words(struct cli *cli)
{
	struct buf text;
	buf_init(&text, FILTER_BYTES_MAX * 2);
	for (size_t i = 1; i < cli->options.word_count; i++) {
		if (i > 1)
			buf_put_byte(&text, ' ');
		buf_put_string(&text, cli->options.words[i]);
	}
	struct text copy = arena_copy(&cli->arena, buf_text(&text));
	buf_finish(&text);
	return copy;
}

enum exit_code cli_cover(struct cli *cli, const struct coverage *coverage)
{
	struct buf text;
	buf_init(&text, 64 * 1024);
	coverage_put_text(&text, coverage);
	if (!cli->options.quiet)
		put_stderr(&text);
	buf_finish(&text);
	if (coverage->damages > 0 || (cli->options.require_complete && !coverage_complete(coverage)))
		return EXIT_FAILED;
	return coverage->events > 0 ? EXIT_FOUND : EXIT_NOTHING;
}
