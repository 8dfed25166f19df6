#include "cli_help.h"

#include <stdio.h>

#include "printable.h"
#include "prose.h"

enum { WIDTH_MIN = 60, WIDTH_MAX = 100, VERB_COLUMNS = 35, OPTION_COLUMNS = 26 };

/* --- parts --- */

/* A line, its text in a column of its own. */
static void put_item(struct buf *out, const char *head, const char *text, unsigned column, unsigned width)
{
	size_t used = 2 + printable_columns(text_of(head));
	buf_printf(out, "  %s", head);
	if (used + 1 > column) {
		buf_put_byte(out, '\n');
		used = 0;
	}
	prose_put_wrapped(out, text_of(text), (unsigned)used, column, width);
}

static void put_verb_line(struct buf *out, const struct verb *verb, unsigned width)
{
	char head[64];
	(void)snprintf(head, sizeof(head), "%-14s %s", verb->name, verb->arguments);
	put_item(out, head, verb->summary, VERB_COLUMNS, width);
}

static void put_option(struct buf *out, size_t option, unsigned width)
{
	char spelled[OPTION_SPELLED_BYTES];
	char head[2 * OPTION_SPELLED_BYTES];
	const char *value = option_value(option);
	option_spell(spelled, option_short_name(option), option_name(option));
	(void)snprintf(head, sizeof(head), "%s%s%s", spelled, value ? " " : "", value ? value : "");
	put_item(out, head, option_help(option), OPTION_COLUMNS, width);
}

static bool is_of_all(size_t option)
{
	return option_is_of(option, "", true);
}

static void put_options_of_all(struct buf *out, unsigned width)
{
	buf_put_string(out, "Options of all verbs that read, before or after the words:\n");
	for (size_t i = 0; i < options_count(); i++)
		if (is_of_all(i))
			put_option(out, i, width);
}

/* Its own ones first: the others are the same everywhere. */
static void put_options(struct buf *out, const struct verb *verb, unsigned width)
{
	bool some = false;
	for (size_t i = 0; i < options_count(); i++) {
		if (!option_is_of(i, verb->name, verb->reads) || (verb->reads && is_of_all(i)))
			continue;
		buf_put_string(out, some ? "" : "\nOptions:\n");
		put_option(out, i, width);
		some = true;
	}
	if (verb->reads) {
		buf_put_byte(out, '\n');
		put_options_of_all(out, width);
	}
}

static void put_exits(struct buf *out, unsigned width)
{
	struct buf text;
	buf_init(&text, 4096);
#define EXIT(name, word, meaning)                                                                                      \
	buf_printf(&text, "%s %d %s", EXIT_##name > 0 ? "," : "Exit status:", EXIT_##name, word);
#include "cli_exits.h"
#undef EXIT
	buf_put_byte(&text, '.');
	buf_put_byte(out, '\n');
	prose_put_wrapped(out, buf_text(&text), 0, 0, width);
	buf_finish(&text);
}

static unsigned bounded(unsigned width)
{
	return width < WIDTH_MIN ? WIDTH_MIN : width > WIDTH_MAX ? WIDTH_MAX : width;
}

/* --- what is asked for --- */

void help_put_usage(struct buf *out, unsigned width)
{
	width = bounded(width);
	buf_put_string(out, "mcpledger " MCPLEDGER_VERSION " - see what agents did through MCP servers\n\n"
			    "Usage: mcpledger VERB [WORDS] [OPTIONS]\n");
	for (size_t i = 0; i < verbs_count(); i++) {
		const struct verb *verb = verb_at(i);
		if (verb->name)
			put_verb_line(out, verb, width);
		else
			buf_printf(out, "\n%s:\n", verb->summary);
	}
	buf_put_string(out, "\nmcpledger help VERB shows a verb's own options, and examples.\n\n");
	put_options_of_all(out, width);
	put_exits(out, width);
}

static void put_verb(struct buf *out, const struct verb *verb, unsigned width)
{
	buf_printf(out, "Usage: mcpledger %s%s%s%s\n\n%s.\n\n", verb->name, verb->arguments[0] ? " " : "",
		verb->arguments, verb_takes_options(verb) ? " [OPTIONS]" : "", verb->summary);
	prose_put(out, verb->help, width);
	put_options(out, verb, width);
	put_exits(out, width);
}

/* --- the search language --- */

enum { TERM_COLUMNS = 24, NAME_COLUMNS = 16 };

static void put_query(struct buf *out, unsigned width)
{
	static const struct {
		const char *head, *text, *example; /* no example: it begins a part */
	} rows[] = {
#define QUERY_PART(title, text)             {title, text, NULL},
#define QUERY_ROW(syntax, meaning, example) {syntax, meaning, example},
#include "query_help.h"
#undef QUERY_PART
#undef QUERY_ROW
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].example) {
			put_item(out, rows[i].head, rows[i].text, TERM_COLUMNS, width);
			buf_printf(out, "%*sas in: %s\n", TERM_COLUMNS, "", rows[i].example);
		} else {
			buf_printf(out, "%s%s:\n", i > 0 ? "\n" : "", rows[i].head);
			prose_put(out, rows[i].text, width);
			buf_put_byte(out, '\n');
		}
	}
}

static void put_names(struct buf *out, unsigned width)
{
	static const struct {
		const char *name, *help;
	} names[] = {
#define NAME(name, which, help, ...) {name, help},
#include "query_names.h"
#undef NAME
	};
	buf_put_string(out, "\nShort names of fields:\n");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put_item(out, names[i].name, names[i].help, NAME_COLUMNS, width);
}

bool help_put_topic(struct buf *out, const char *name, unsigned width, struct error *error)
{
	const struct verb *verb = verb_find(name);
	width = bounded(width);
	if (verb) {
		put_verb(out, verb, width);
	} else if (strcmp(name, "query") == 0) {
		put_query(out, width);
		put_names(out, width);
	} else {
		(void)help_refuse_verb(name, error);
		return false;
	}
	return true;
}

enum status help_refuse_verb(const char *name, struct error *error)
{
	const char *nearest = verb_nearest(name);
	if (nearest)
		return error_set(error, STATUS_INVALID, "there is no verb \"%.40s\"; did you mean %s?", name, nearest);
	return error_set(error, STATUS_INVALID, "there is no verb \"%.40s\"; mcpledger help lists them", name);
}

/* --- the verbs --- */

enum exit_code verb_help(struct cli *cli)
{
	const struct options *options = &cli->options;
	if (options->word_count > 2)
		return cli_misuse(cli, "help takes one verb or topic");
	if (options->word_count < 2)
		help_put_usage(&cli->out.text, cli->out.width);
	else if (!help_put_topic(&cli->out.text, options->words[1], cli->out.width, &cli->error))
		return cli_fail(cli, STATUS_INVALID);
	enum status status = output_flush(&cli->out);
	return status == STATUS_OK || status == STATUS_CANCELLED ? EXIT_FOUND : cli_fail(cli, status);
}

enum exit_code verb_version(struct cli *cli)
{
	buf_put_string(&cli->out.text, "mcpledger " MCPLEDGER_VERSION "\n");
	enum status status = output_flush(&cli->out);
	return status == STATUS_OK || status == STATUS_CANCELLED ? EXIT_FOUND : cli_fail(cli, status);
}
