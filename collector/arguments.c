#include "arguments.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>

enum { TYPE_FLAG = no_argument, TYPE_TEXT = required_argument };

static const struct argument_row {
	const char *name;
	char short_name; /* 0: none */
	int type;
	const char *value, *help;
	size_t offset; /* of the member it sets */
} rows[] = {
#define DAEMON_OPTION(member, name, short_name, type, value, help_)                                                    \
	{name, short_name, TYPE_##type, value, help_, offsetof(struct arguments, member)},
#include "tbl/daemon_options.h"
#undef DAEMON_OPTION
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]), LONG_ONLY = 256 };

static void print_help(FILE *out)
{
	(void)fputs("usage: mcpledgerd [-c FILE] [--data DIR] [--ready-file FILE]\n"
		    "\n"
		    "Collects audit events of MCP servers and keeps them in a store.\n"
		    "\n",
		out);
	for (size_t i = 0; i < ROWS; i++) {
		char head[32];
		(void)snprintf(head, sizeof(head), "--%s %s", rows[i].name, rows[i].value ? rows[i].value : "");
		if (rows[i].short_name)
			(void)fprintf(out, "  -%c, ", rows[i].short_name);
		else
			(void)fputs("      ", out);
		(void)fprintf(out, "%-18s %s\n", head, rows[i].help);
	}
	(void)fputs("\nSIGHUP reads FILE again; SIGTERM stops, a second one at once.\n", out);
}

/* The tables of getopt_long, whose value of a row is its short name, else LONG_ONLY and its number. */
static void make_getopt_tables(struct option options[ROWS + 1], char short_names[2 * ROWS + 1])
{
	size_t len = 0;
	for (size_t i = 0; i < ROWS; i++) {
		const struct argument_row *row = &rows[i];
		options[i] = (struct option){
			row->name, row->type, NULL, row->short_name ? row->short_name : LONG_ONLY + (int)i};
		if (row->short_name)
			short_names[len++] = row->short_name;
		if (row->short_name && row->type == TYPE_TEXT)
			short_names[len++] = ':';
	}
	options[ROWS] = (struct option){NULL, 0, NULL, 0};
	short_names[len] = 0;
}

int arguments_parse(int argc, char **argv, struct arguments *arguments)
{
	struct option options[ROWS + 1];
	char short_names[2 * ROWS + 1];
	make_getopt_tables(options, short_names);
	for (int option = 0; (option = getopt_long(argc, argv, short_names, options, NULL)) != -1;) {
		size_t i = 0;
		while (i < ROWS && options[i].val != option)
			i++;
		if (i == ROWS) {
			print_help(stderr);
			return EXIT_USE;
		}
		if (rows[i].type == TYPE_TEXT)
			*(const char **)((char *)arguments + rows[i].offset) = optarg;
		else
			*(bool *)((char *)arguments + rows[i].offset) = true;
	}
	if (arguments->help) {
		print_help(stdout);
		return EXIT_OK;
	}
	if (arguments->version) {
		(void)puts("mcpledgerd " MCPLEDGER_VERSION);
		return EXIT_OK;
	}
	if (optind < argc) {
		(void)fprintf(stderr, "mcpledgerd: unexpected argument: %s\n", argv[optind]);
		return EXIT_USE;
	}
	return -1;
}
