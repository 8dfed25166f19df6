/*
 * Writes one manual page to stdout: write-page PAGE, such as mcpledger.1.  Runs while mcpledger is built.
 *
 * A page is rows of pages.h; what --help and other parts of the program say too is put from their tables.
 */
#include <stdio.h>

#include "conf.h"
#include "event.h"
#include "options.h"
#include "roff.h"

enum { PAGE_BYTES_MAX = 1024 * 1024, PATH_COLUMNS = 30 };

/* --- tables of others --- */

static void put_none(struct roff *roff)
{
	(void)roff;
}

static void put_option(struct roff *roff, size_t option)
{
	char spelled[OPTION_SPELLED_BYTES];
	const char *value = option_value(option);
	option_spell(spelled, option_short_name(option), option_name(option));
	roff_item(roff, spelled, value ? value : "");
	roff_prose(roff, option_help(option));
}

static void put_verb(struct roff *roff, const struct verb *verb)
{
	char summary[128];
	roff_item(roff, verb->name, verb->arguments);
	(void)snprintf(summary, sizeof(summary), "%s.", verb->summary);
	roff_prose(roff, summary);
	roff_prose(roff, verb->help);
	bool some = false;
	for (size_t i = 0; i < options_count(); i++) {
		if (!option_is_of(i, verb->name, verb->reads) || (verb->reads && option_is_of(i, "", true)))
			continue;
		if (!some)
			roff_indent(roff);
		some = true;
		put_option(roff, i);
	}
	if (some)
		roff_outdent(roff);
}

static void put_verbs(struct roff *roff)
{
	for (size_t i = 0; i < verbs_count(); i++) {
		if (verb_at(i)->name)
			put_verb(roff, verb_at(i));
		else
			roff_part(roff, verb_at(i)->summary);
	}
}

static void put_options(struct roff *roff)
{
	for (size_t i = 0; i < options_count(); i++)
		if (option_is_of(i, "", true))
			put_option(roff, i);
}

static void put_exits(struct roff *roff)
{
	static const char *const exits[] = {
#define EXIT(name, word, meaning) meaning,
#include "cli_exits.h"
#undef EXIT
	};
	for (size_t i = 0; i < sizeof(exits) / sizeof(exits[0]); i++) {
		roff_item(roff, (char[]){(char)('0' + i), 0}, "");
		roff_prose(roff, exits[i]);
	}
}

static void put_daemon_options(struct roff *roff)
{
	static const struct {
		char short_name;
		const char *name, *value, *help;
	} rows[] = {
#define DAEMON_OPTION(member, name, short_name, type, value, help) {short_name, name, value, help},
#include "tbl/daemon_options.h"
#undef DAEMON_OPTION
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char spelled[OPTION_SPELLED_BYTES];
		option_spell(spelled, rows[i].short_name, rows[i].name);
		roff_item(roff, spelled, rows[i].value ? rows[i].value : "");
		roff_prose(roff, rows[i].help);
	}
}

static void put_rows(struct roff *roff, const char *const (*rows)[2], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		roff_item(roff, rows[i][0], "");
		roff_prose(roff, rows[i][1]);
	}
}

static void put_reasons(struct roff *roff)
{
	static const char *const rows[][2] = {
#define REASON(id, name, meaning) {name, meaning},
#include "tbl/reasons.h"
#undef REASON
	};
	put_rows(roff, rows + 1, sizeof(rows) / sizeof(rows[0]) - 1); /* the first: not refused */
}

static void put_names(struct roff *roff)
{
	static const char *const rows[][2] = {
#define NAME(name, which, meaning, ...) {name, meaning},
#include "query_names.h"
#undef NAME
	};
	put_rows(roff, rows, sizeof(rows) / sizeof(rows[0]));
}

static void put_query(struct roff *roff)
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
		if (rows[i].example == NULL) {
			roff_part(roff, rows[i].head);
			roff_prose(roff, rows[i].text);
			continue;
		}
		char text[512];
		roff_item(roff, rows[i].head, "");
		(void)snprintf(text, sizeof(text), "%s; as in: `%s`", rows[i].text, rows[i].example);
		roff_prose(roff, text);
	}
}

static void put_setting(struct roff *roff, const struct conf_description *setting, struct text range)
{
	static const char *const types[] = {[SETTING_TEXT] = "Text",
		[SETTING_BOOL] = "Truth",
		[SETTING_COUNT] = "Number",
		[SETTING_BYTES] = "Size",
		[SETTING_DURATION] = "Duration",
		[SETTING_LIST] = "List"};
	char text[512];
	(void)snprintf(text, sizeof(text), "%s.%s", setting->section, setting->key);
	roff_item(roff, text, "");
	roff_prose(roff, setting->doc);
	(void)snprintf(text, sizeof(text), "%s; default %s. %.*s%s%s `%s`", types[setting->type],
		setting->initial[0] ? setting->initial : "empty", (int)range.len, range.at, range.len > 0 ? " " : "",
		setting->reload ? "A reload takes it over." : "Needs a restart.", setting->variable);
	roff_prose(roff, text);
}

static void put_settings(struct roff *roff)
{
	struct conf_description setting;
	struct buf range;
	const char *section = "";
	buf_init(&range, 4096);
	for (size_t i = 0; conf_describe(i, &setting, &range); i++) {
		if (strcmp(section, setting.section) != 0)
			roff_part(roff, setting.section);
		section = setting.section;
		put_setting(roff, &setting, buf_text(&range));
		buf_clear(&range);
	}
	buf_finish(&range);
}

/* Lines that stay as they are; frees them. */
static void put_lines(struct roff *roff, struct buf *lines)
{
	buf_put_byte(lines, 0);
	if (buf_status(lines) == STATUS_OK)
		roff_prose(roff, lines->at);
	buf_finish(lines);
}

static void put_fields(struct roff *roff)
{
	static const char *const types[] = {[FIELD_TYPE_TEXT] = "text",
		[FIELD_TYPE_ID] = "text",
		[FIELD_TYPE_LONG] = "text, whose words are looked for",
		[FIELD_TYPE_INT] = "whole number",
		[FIELD_TYPE_BOOL] = "true or false",
		[FIELD_TYPE_TIME] = "time",
		[FIELD_TYPE_TOKEN] = "text or number",
		[FIELD_TYPE_JSON] = "JSON",
		[FIELD_TYPE_PAYLOAD] = "JSON, whose words are looked for"};
	struct buf lines;
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	buf_init(&lines, PAGE_BYTES_MAX);
	for (size_t i = 0; i < count; i++)
		buf_printf(&lines, "  %-*s %s\n", PATH_COLUMNS, field_info(order[i])->path,
			types[field_info(order[i])->type]);
	put_lines(roff, &lines);
}

static void put_kinds(struct roff *roff)
{
	static const char kinds[] =
#define KIND(id, name) "  " name "\n"
#include "tbl/kinds.h"
#undef KIND
		;
	roff_prose(roff, kinds);
}

static void put_verdicts(struct roff *roff)
{
	static const struct {
		const char *name;
		bool against_server, is_error;
	} verdicts[] = {
#define VERDICT(id, name, against_server, is_error) {name, against_server, is_error},
#include "tbl/verdicts.h"
#undef VERDICT
	};
	struct buf lines;
	buf_init(&lines, PAGE_BYTES_MAX);
	for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++)
		buf_printf(&lines, "  %-17s %s%s\n", verdicts[i].name, verdicts[i].is_error ? "error" : "-",
			verdicts[i].against_server ? ", counts against the server" : "");
	put_lines(roff, &lines);
}

/* --- the pages --- */

enum synopsis { SYNOPSIS_VERBS, SYNOPSIS_DAEMON, SYNOPSIS_FILE, SYNOPSIS_WORDS };

static const struct row {
	const char *page, *section, *summary; /* of a page */
	enum synopsis synopsis;
	const char *title; /* of a section */
	void (*put)(struct roff *roff);
	const char *tag, *argument; /* of an entry */
	const char *text;
} rows[] = {
#define PAGE(name, number, line, which)                                                                                \
	{.page = name, .section = number, .summary = line, .synopsis = SYNOPSIS_##which},
#define SECTION(name, table, words) {.title = name, .put = put_##table, .text = words},
#define ENTRY(name, takes, words)   {.tag = name, .argument = takes, .text = words},
#include "pages.h"
#undef PAGE
#undef SECTION
#undef ENTRY
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void put_synopsis(struct roff *roff, enum synopsis synopsis)
{
	static const char *const texts[] = {
		[SYNOPSIS_VERBS] = "`mcpledger` VERB [WORDS] [OPTIONS]",
		[SYNOPSIS_DAEMON] = "`mcpledgerd` [`-c` FILE] [`--data` DIR] [`--ready-file` FILE]\n\n"
				    "`mcpledgerd` [`-c` FILE] `--check-config` | `--print-config`",
		[SYNOPSIS_FILE] = "`/etc/mcpledger/mcpledger.yaml`",
		[SYNOPSIS_WORDS] = "`mcpledger search` WORDS",
	};
	roff_section(roff, "Synopsis");
	roff_prose(roff, texts[synopsis]);
}

static void put_page(struct buf *out, size_t row)
{
	struct roff roff;
	char name[160];
	roff_begin(&roff, out, rows[row].page, rows[row].section, MCPLEDGER_DATE);
	roff_section(&roff, "Name");
	(void)snprintf(name, sizeof(name), "%s - %s", rows[row].page, rows[row].summary);
	roff_prose(&roff, name);
	put_synopsis(&roff, rows[row].synopsis);
	for (size_t i = row + 1; i < ROWS && rows[i].page == NULL; i++) {
		if (rows[i].title)
			roff_section(&roff, rows[i].title);
		else
			roff_item(&roff, rows[i].tag, rows[i].argument);
		roff_prose(&roff, rows[i].text);
		if (rows[i].put)
			rows[i].put(&roff);
	}
}

int main(int argc, char **argv)
{
	char file[64];
	struct buf page;
	buf_init(&page, PAGE_BYTES_MAX);
	for (size_t i = 0; i < ROWS && argc == 2; i++) {
		(void)snprintf(file, sizeof(file), "%s.%s", rows[i].page ? rows[i].page : "",
			rows[i].page ? rows[i].section : "");
		if (strcmp(file, argv[1]) == 0)
			put_page(&page, i);
	}
	bool whole = page.len > 0 && buf_status(&page) == STATUS_OK &&
		     fwrite(page.at, 1, page.len, stdout) == page.len && fflush(stdout) == 0;
	buf_finish(&page);
	return whole ? 0 : 1;
}
