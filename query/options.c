#include "options.h"

#include <ctype.h>
#include <stdlib.h>

const char options_help[] =
	"Options, before or after the words:\n"
	"  --data DIR            the store; default: $MCPLEDGER_STORE_DIR, /var/lib/mcpledger,\n"
	"                        ~/.local/state/mcpledger\n"
	"  -o, --output FORMAT   table (default), json, ndjson or csv\n"
	"  -n, --limit N         at most N events, the newest ones; 0: all\n"
	"  --since T, --until T  the event's time: 2026-11-20T10:00:00Z, 2026-11-20, 2h, yesterday\n"
	"  --time recv           --since and --until mean the time of receipt\n"
	"  --tenant NAME         only this tenant; may be repeated\n"
	"  --utc                 tables show UTC instead of local time (JSON always is UTC)\n"
	"  --require-complete    exit with 3 when the answer may lack events\n"
	"  --url URL             ask a running collector instead of reading a directory (times are then UTC)\n"
	"  --token-file F        the token for it\n"
	"  -q                    no coverage, no progress\n"
	"Exit: 0 found, 1 nothing found, 2 wrong use, 3 failed, damaged or incomplete.\n";

enum option_kind { OPTION_FLAG, OPTION_STRING, OPTION_FORMAT, OPTION_LIMIT, OPTION_TIME, OPTION_TENANT, OPTION_LATER };

struct option_row {
	const char *name;
	enum option_kind kind;
	size_t offset; /* of the member it sets */
};

static const struct option_row rows[] = {
	{"--data", OPTION_STRING, offsetof(struct options, data_dir)},
	{"-o", OPTION_FORMAT, 0},
	{"--output", OPTION_FORMAT, 0},
	{"-n", OPTION_LIMIT, 0},
	{"--limit", OPTION_LIMIT, 0},
	{"--since", OPTION_STRING, offsetof(struct options, since)},
	{"--until", OPTION_STRING, offsetof(struct options, until)},
	{"--time", OPTION_TIME, 0},
	{"--tenant", OPTION_TENANT, 0},
	{"--by", OPTION_STRING, offsetof(struct options, by)},
	{"--url", OPTION_STRING, offsetof(struct options, url)},
	{"--token-file", OPTION_STRING, offsetof(struct options, token_file)},
	{"--scopes", OPTION_STRING, offsetof(struct options, scopes)},
	{"--tenants", OPTION_STRING, offsetof(struct options, token_tenants)},
	{"--file", OPTION_STRING, offsetof(struct options, file)},
	{"--utc", OPTION_FLAG, offsetof(struct options, utc)},
	{"-q", OPTION_FLAG, offsetof(struct options, quiet)},
	{"--quiet", OPTION_FLAG, offsetof(struct options, quiet)},
	{"--require-complete", OPTION_FLAG, offsetof(struct options, require_complete)},
	{"-h", OPTION_FLAG, offsetof(struct options, help)},
	{"--help", OPTION_FLAG, offsetof(struct options, help)},
	{"-f", OPTION_LATER, 0},
	{"--follow", OPTION_LATER, 0},
	{"--match-file", OPTION_LATER, 0},
	{"--checkpoint", OPTION_LATER, 0},
};

static enum status set_format(struct options *options, const char *value, struct error *error)
{
	static const char *const names[] = {"table", "json", "ndjson", "csv"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(value, names[i]) == 0) {
			options->output = (enum output_format)i;
			return STATUS_OK;
		}
	}
	return error_set(error, STATUS_INVALID, "--output is table, json, ndjson or csv");
}

static enum status set_limit(struct options *options, const char *value, struct error *error)
{
	char *end = NULL;
	if (value[0] < '0' || value[0] > '9')
		return error_set(error, STATUS_INVALID, "--limit needs a whole number, 0 for all");
	options->limit = strtoull(value, &end, 10);
	if (*end)
		return error_set(error, STATUS_INVALID, "--limit needs a whole number, 0 for all");
	options->has_limit = true;
	return STATUS_OK;
}

static enum status set_value(
	struct options *options, const struct option_row *row, const char *value, struct error *error)
{
	switch (row->kind) {
	case OPTION_FORMAT:
		return set_format(options, value, error);
	case OPTION_LIMIT:
		return set_limit(options, value, error);
	case OPTION_TIME:
		if (strcmp(value, "recv") != 0 && strcmp(value, "event") != 0)
			return error_set(error, STATUS_INVALID, "--time is event or recv");
		options->by_recv_time = value[0] == 'r';
		return STATUS_OK;
	case OPTION_TENANT:
		if (options->tenant_count == OPTION_TENANTS_MAX)
			return error_set(error, STATUS_INVALID, "--tenant may be given %d times", OPTION_TENANTS_MAX);
		options->tenants[options->tenant_count++] = text_of(value);
		return STATUS_OK;
	default: {
		const char **member = (const char **)((char *)options + row->offset);
		if (*member)
			return error_set(error, STATUS_INVALID, "%s is given twice", row->name);
		*member = value;
		return STATUS_OK;
	}
	}
}

static const struct option_row *find_row(const char *argument, size_t len)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strlen(rows[i].name) == len && memcmp(rows[i].name, argument, len) == 0)
			return &rows[i];
	return NULL;
}

/* A word of a search may begin with a minus: -tool:ping, -"text", -(a OR b); so may not what looks like an option. */
static bool is_option(const char *argument)
{
	return argument[0] == '-' && argument[1] != 0 &&
	       (argument[1] == '-' || (isalpha((unsigned char)argument[1]) && argument[2] == 0) ||
		       find_row(argument, strlen(argument)));
}

static enum status parse_option(struct options *options, int argc, char *const *argv, int *at, struct error *error)
{
	const char *argument = argv[*at];
	const char *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	const struct option_row *row = find_row(argument, len);
	if (row == NULL)
		return error_set(error, STATUS_INVALID, "unknown option %.*s; see mcpledger help",
			(int)(len < 60 ? len : 60), argument);
	if (row->kind == OPTION_LATER)
		return error_set(error, STATUS_INVALID, "%s is not supported yet", row->name);
	if (row->kind == OPTION_FLAG) {
		if (equals)
			return error_set(error, STATUS_INVALID, "%s takes no value", row->name);
		*(bool *)((char *)options + row->offset) = true;
		return STATUS_OK;
	}
	if (equals)
		return set_value(options, row, equals + 1, error);
	if (*at + 1 == argc)
		return error_set(error, STATUS_INVALID, "%s needs a value", row->name);
	return set_value(options, row, argv[++*at], error);
}

enum status options_parse(struct options *options, int argc, char *const *argv, struct error *error)
{
	struct options parsed = {0};
	bool only_words = false;
	for (int at = 1; at < argc; at++) {
		if (!only_words && strcmp(argv[at], "--") == 0) {
			only_words = true;
		} else if (!only_words && is_option(argv[at])) {
			enum status status = parse_option(&parsed, argc, argv, &at, error);
			if (status != STATUS_OK)
				return status;
		} else if (parsed.word_count == OPTION_WORDS_MAX) {
			return error_set(error, STATUS_INVALID, "too many words; at most %d", OPTION_WORDS_MAX);
		} else {
			parsed.words[parsed.word_count++] = argv[at];
		}
	}
	*options = parsed;
	return STATUS_OK;
}
