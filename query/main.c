#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define VERB_READS true
#define VERB_ALONE false
/* One row a verb; it makes the verbs, their help and the list of `mcpledger help`. */
static const struct verb {
	const char *name;
	bool reads; /* events: with --url, the daemon is asked */
	const char *arguments;
	const char *summary;
	const char *help;
	enum exit_code (*run)(struct cli *cli);
} verbs[] = {
#define VERB(id, name, what, arguments, summary, help) {name, VERB_##what, arguments, summary, help, verb_##id},
#include "cli_verbs.h"
#undef VERB
};
enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

static const char exit_codes[] = "Exit: 0 found, 1 nothing found, 2 wrong use, 3 failed, damaged or incomplete.\n";

enum { HELP_COLUMNS = 100, OPTION_COLUMNS = 26, TERM_COLUMNS = 24, HELP_LINE_BYTES_MAX = 2048 };

/* Text in a column of its own, whose first line has begun at it already. */
static void print_wrapped(FILE *to, const char *text, int indent)
{
	int column = indent;
	while (*text) {
		int len = (int)strcspn(text, " ");
		if (column > indent && column + 1 + len > HELP_COLUMNS) {
			(void)fprintf(to, "\n%*s", indent, "");
			column = indent;
		}
		column += fprintf(to, "%s%.*s", column > indent ? " " : "", len, text);
		text += len;
		text += strspn(text, " ");
	}
	(void)fputc('\n', to);
}

/* Lines of any length, each a paragraph. */
static void print_paragraphs(const char *text)
{
	char line[HELP_LINE_BYTES_MAX];
	while (*text) {
		int len = (int)strcspn(text, "\n");
		(void)snprintf(line, sizeof(line), "%.*s", len, text);
		print_wrapped(stdout, line, 0);
		text += len + (text[len] == '\n');
	}
}

static void print_option(FILE *to, size_t option)
{
	char head[64];
	const char *value = option_value(option);
	char short_name[8] = "";
	if (option_short_name(option))
		(void)snprintf(short_name, sizeof(short_name), "-%c, ", option_short_name(option));
	(void)snprintf(head, sizeof(head), "  %s--%s%s%s", short_name, option_name(option), value ? " " : "",
		value ? value : "");
	(void)fprintf(to, "%-*s ", OPTION_COLUMNS - 1, head);
	print_wrapped(to, option_help(option), OPTION_COLUMNS);
}

/* Those of a verb; NULL: those that all reading verbs have. */
static void print_options(FILE *to, const struct verb *verb)
{
	(void)fprintf(to, "%s, before or after the words:\n", verb ? "Options" : "Options of all that read");
	for (size_t i = 0; i < options_count(); i++)
		if (option_is_of(i, verb ? verb->name : "", verb == NULL || verb->reads))
			print_option(to, i);
}

static void print_usage(FILE *to)
{
	(void)fprintf(to,
		"mcpledger %s - see what agents did through MCP servers\n\nUsage: mcpledger VERB [WORDS] [OPTIONS]\n\n",
		MCPLEDGER_VERSION);
	for (size_t i = 0; i < VERBS; i++)
		(void)fprintf(to, "  %-13s %-18s %s\n", verbs[i].name, verbs[i].arguments, verbs[i].summary);
	(void)fprintf(
		to, "  %-13s %-18s %s\n", "help", "[VERB | query]", "this text, a verb's own, or the search language");
	(void)fprintf(to, "  %-13s %-18s %s\n\n", "version", "", "the version");
	print_options(to, NULL);
	(void)fprintf(to, "\n%s", exit_codes);
}

static void print_verb(const struct verb *verb)
{
	(void)printf("Usage: mcpledger %s %s [OPTIONS]\n\n%s\n\n%s\n\n", verb->name, verb->arguments, verb->summary,
		verb->help);
	print_options(stdout, verb);
	(void)printf("\n%s", exit_codes);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < VERBS; i++)
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	return NULL;
}

/* The search language; query_help.h. */
static void print_query(void)
{
	static const struct {
		const char *head, *text, *example;
	} rows[] = {
#define QUERY_PART(title, text)             {title, text, NULL},
#define QUERY_ROW(syntax, meaning, example) {syntax, meaning, example},
#include "query_help.h"
#undef QUERY_PART
#undef QUERY_ROW
	};
	static const struct {
		const char *name, *help;
	} names[] = {
#define NAME(name, which, help, ...) {name, help},
#include "query_names.h"
#undef NAME
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].example) {
			(void)printf("  %-*s ", TERM_COLUMNS - 3, rows[i].head);
			print_wrapped(stdout, rows[i].text, TERM_COLUMNS);
			(void)printf("%*s%s\n", TERM_COLUMNS, "", rows[i].example);
		} else {
			(void)printf("%s%s\n", i ? "\n" : "", rows[i].head);
			print_paragraphs(rows[i].text);
		}
	}
	(void)printf("\nShort names of fields\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)printf("  %-*s ", OPTION_COLUMNS - 3, names[i].name);
		print_wrapped(stdout, names[i].help, OPTION_COLUMNS);
	}
}

static enum exit_code print_help(const char *name)
{
	if (name && strcmp(name, "query") == 0) {
		print_query();
		return EXIT_FOUND;
	}
	const struct verb *verb = name ? find_verb(name) : NULL;
	if (name && verb == NULL) {
		(void)fprintf(stderr, "mcpledger: there is no such verb; mcpledger help lists them\n");
		return EXIT_USAGE;
	}
	if (verb)
		print_verb(verb);
	else
		print_usage(stdout);
	return EXIT_FOUND;
}

static unsigned terminal_width(void)
{
	struct winsize size = {0};
	const char *columns = getenv("COLUMNS");
	unsigned long wanted = columns ? strtoul(columns, NULL, 10) : 0;
	if (wanted == 0 && isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		wanted = size.ws_col;
	if (wanted == 0)
		wanted = 120;
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

/* Each block takes a few megabytes and gives them back: keep them, so that the kernel need not clear them each time. */
static void keep_freed_memory(void)
{
	enum { KEPT_BYTES_MAX = 64 * 1024 * 1024 };
	(void)mallopt(M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
	(void)mallopt(M_MMAP_THRESHOLD, KEPT_BYTES_MAX / 2);
}

static enum exit_code run(const struct verb *verb, const struct options *options)
{
	int fd = STDOUT_FILENO;
	struct cli cli;
	const char *no_color = getenv("NO_COLOR");
	if (options->utc) {
		(void)setenv("TZ", "UTC", 1);
		tzset();
	}
	cli_init(&cli, options, output_write_fd, &fd);
	cli.words = join_words(options, &cli.arena);
	cli.out.width = terminal_width();
	cli.out.color = isatty(STDOUT_FILENO) && (no_color == NULL || no_color[0] == 0);
	enum exit_code code = verb->reads && options->url ? cli_ask(&cli, verb->name) : verb->run(&cli);
	cli_explain(&cli);
	if (buf_status(&cli.messages) == STATUS_OK)
		(void)fwrite(cli.messages.at, 1, cli.messages.len, stderr);
	cli_finish(&cli);
	return code;
}

static enum exit_code misuse(const struct error *error)
{
	(void)fprintf(stderr, "mcpledger: %s\n", error->text);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	struct options options;
	struct error error;
	(void)signal(SIGPIPE, SIG_IGN);
	keep_freed_memory();
	bool asks_version = argc == 2 && strcmp(argv[1], "--version") == 0;
	enum status status = options_parse(&options, asks_version ? 1 : argc, argv, &error);
	if (status != STATUS_OK)
		return misuse(&error);
	const char *name = options.word_count > 0 ? options.words[0] : NULL;
	if (asks_version || (name && strcmp(name, "version") == 0)) {
		(void)printf("mcpledger %s\n", MCPLEDGER_VERSION);
		return EXIT_FOUND;
	}
	if (name && strcmp(name, "help") == 0)
		return print_help(options.word_count > 1 ? options.words[1] : NULL);
	if (options.help)
		return print_help(name);
	if (name == NULL) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	const struct verb *verb = find_verb(name);
	if (verb == NULL) {
		(void)error_set(&error, STATUS_INVALID, "there is no verb \"%.40s\"; mcpledger help lists them", name);
		return misuse(&error);
	}
	return run(verb, &options);
}
