#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli_checkpoint.h"
#include "cli_help.h"
#include "cli_stdout.h"
#include "heap.h"
#include "lanes.h"
#include "printable.h"
#include "priority.h"

enum { HEAP_KEPT_BYTES = 64 * 1024 * 1024 };

static const struct {
	const char *name;
	enum exit_code (*run)(struct cli *cli);
} runs[] = {
#define VERB(id, name, what, arguments, summary, help) {name, verb_##id},
#include "cli_verbs.h"
#undef VERB
};

static enum exit_code run_verb(struct cli *cli, const struct verb *verb)
{
	if (verb->reads && cli->options.url)
		return cli_ask(cli, verb->name);
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		if (strcmp(runs[i].name, verb->name) == 0)
			return runs[i].run(cli);
	return EXIT_FAILED; /* both come from one table */
}

static enum exit_code run_with_files(struct cli *cli, const struct verb *verb)
{
	struct checkpoint checkpoint;
	enum status status = cli_read_indicators(cli);
	if (status == STATUS_OK)
		status = checkpoint_open(&checkpoint, cli);
	if (status != STATUS_OK)
		return cli_fail(cli, status);
	return checkpoint_close(&checkpoint, cli, run_verb(cli, verb));
}

enum { ANSWER_COLUMNS = 120, HELP_COLUMNS = 80 }; /* where no terminal says */

static unsigned terminal_width(unsigned when_unknown)
{
	struct winsize size = {0};
	const char *columns = getenv("COLUMNS");
	unsigned long wanted = columns ? strtoul(columns, NULL, 10) : 0;
	if (wanted == 0 && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		wanted = size.ws_col;
	if (wanted == 0)
		wanted = when_unknown;
	return wanted < 60 ? 60 : wanted > 1000 ? 1000 : (unsigned)wanted;
}

static struct text join_words(const struct options *options, struct arena *arena)
{
	struct buf text;
	buf_init(&text, 2 * FILTER_BYTES_MAX);
	for (size_t i = 1; i < options->word_count; i++) {
		buf_put_string(&text, i > 1 ? " " : "");
		buf_put_string(&text, options->words[i]);
	}
	struct text copy = arena_copy(arena, buf_text(&text));
	buf_finish(&text);
	return copy;
}

static void tell(struct cli *cli)
{
	if (buf_status(&cli->messages) == STATUS_OK)
		(void)fwrite(cli->messages.at, 1, cli->messages.len, stderr);
	buf_clear(&cli->messages);
}

static enum exit_code run(const struct verb *verb, const struct options *options)
{
	struct cli cli;
	struct cli_stdout *out = NULL;
	const char *no_color = getenv("NO_COLOR");
	if (options->utc) {
		(void)setenv("TZ", "UTC", 1);
		tzset();
	}
	if (verb->reads && options->url == NULL)
		priority_give_way(); /* a collector may be writing this store */
	if (cli_stdout_open(&out, &cli) != STATUS_OK)
		return EXIT_FAILED;
	cli_init(&cli, options, cli_stdout_write, out);
	cli.words = join_words(options, &cli.arena);
	cli.threads = lanes_processors();
	cli.out.width = terminal_width(verb->reads ? ANSWER_COLUMNS : HELP_COLUMNS);
	cli.out.color = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == 0);
	cli.tell = tell;
	enum exit_code code = run_with_files(&cli, verb);
	cli_explain(&cli);
	tell(&cli);
	cli_stdout_close(&out);
	cli_finish(&cli);
	return code;
}

static enum exit_code misuse(const struct error *error)
{
	struct buf line;
	buf_init(&line, 4096);
	printable_put(&line, text_of(error->text));
	(void)fprintf(stderr, "mcpledger: %.*s\n", (int)line.len, line.at);
	buf_finish(&line);
	return EXIT_USAGE;
}

static enum exit_code show_usage(void)
{
	struct buf usage;
	buf_init(&usage, 64 * 1024);
	help_put_usage(&usage, terminal_width(HELP_COLUMNS));
	(void)fwrite(usage.at, 1, usage.len, stderr);
	buf_finish(&usage);
	return EXIT_USAGE;
}

/* `mcpledger VERB --help` is `mcpledger help VERB`. */
static void turn_to_help(struct options *options)
{
	options->words[1] = options->words[0];
	options->words[0] = "help";
	options->word_count = options->word_count > 0 ? 2 : 1;
}

int main(int argc, char **argv)
{
	struct options options;
	struct error error;
	(void)signal(SIGPIPE, SIG_IGN);
	heap_keep(HEAP_KEPT_BYTES);
	static char version[] = "version";
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		argv[1] = version;
	enum status status = options_parse(&options, argc, argv, &error);
	if (status != STATUS_OK)
		return misuse(&error);
	if (options.help)
		turn_to_help(&options);
	if (options.word_count == 0)
		return show_usage();
	const struct verb *verb = verb_find(options.words[0]);
	if (verb)
		return run(verb, &options);
	(void)help_refuse_verb(options.words[0], &error);
	return misuse(&error);
}
