#include "options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "nearest.h"

enum option_type { TYPE_FLAG, TYPE_STRING, TYPE_LIST, TYPE_FORMAT, TYPE_LIMIT, TYPE_TIME };
enum option_where { WHERE_HERE, WHERE_ASKED };

static const struct row {
	const char *name;
	char short_name;
	enum option_type type;
	enum option_where where;
	size_t offset; /* of the member it sets */
	const char *value, *verbs, *help;
} rows[] = {
#define OPTION(member, name, short_name, type, where, value, verbs, help)                                              \
	{name, short_name, TYPE_##type, WHERE_##where, offsetof(struct options, member), value, verbs, help},
#include "cli_options.h"
#undef OPTION
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const char *const formats[] = {
	[OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_NDJSON] = "ndjson", [OUTPUT_CSV] = "csv"};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

static const char *const times[] = {[OPTION_TIME_EVENT] = "event", [OPTION_TIME_RECV] = "recv"};
enum { TIMES = sizeof(times) / sizeof(times[0]) };

/* --- the table --- */

void option_spell(char spelled[OPTION_SPELLED_BYTES], char short_name, const char *name)
{
	if (short_name)
		(void)snprintf(spelled, OPTION_SPELLED_BYTES, "-%c, --%s", short_name, name);
	else
		(void)snprintf(spelled, OPTION_SPELLED_BYTES, "--%s", name);
}

size_t options_count(void)
{
	return ROWS;
}

const char *option_name(size_t option)
{
	return rows[option].name;
}

char option_short_name(size_t option)
{
	return rows[option].short_name;
}

const char *option_value(size_t option)
{
	return rows[option].value;
}

const char *option_help(size_t option)
{
	return rows[option].help;
}

const char *option_word(size_t option, size_t number)
{
	if (rows[option].type == TYPE_FORMAT)
		return number < FORMATS ? formats[number] : NULL;
	if (rows[option].type == TYPE_TIME)
		return number < TIMES ? times[number] : NULL;
	return NULL;
}

bool option_is_asked(size_t option)
{
	return rows[option].where == WHERE_ASKED;
}

bool option_repeats(size_t option)
{
	return rows[option].type == TYPE_LIST;
}

static bool names_verb(const char *verbs, const char *verb)
{
	size_t len = strlen(verb);
	for (const char *at = strstr(verbs, verb); len > 0 && at; at = strstr(at + 1, verb))
		if (at > verbs && at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

bool option_is_of(size_t option, const char *verb, bool reads)
{
	const char *verbs = rows[option].verbs;
	return (reads && (verbs[0] == 0 || verbs[0] == '*')) || names_verb(verbs, verb);
}

bool verb_takes_options(const struct verb *verb)
{
	for (size_t i = 0; i < ROWS; i++)
		if (option_is_of(i, verb->name, verb->reads))
			return true;
	return false;
}

/* --- values --- */

static enum status set_format(enum output_format *format, const char *value, struct error *error)
{
	for (size_t i = 0; i < FORMATS; i++) {
		if (strcmp(value, formats[i]) == 0) {
			*format = (enum output_format)i;
			return STATUS_OK;
		}
	}
	return error_set(error, STATUS_INVALID, "output is table, json, ndjson or csv");
}

static enum status set_limit(struct option_limit *limit, const char *value, struct error *error)
{
	char *end = NULL;
	bool digits = value[0] >= '0' && value[0] <= '9' && strlen(value) <= 18;
	uint64_t number = digits ? strtoull(value, &end, 10) : 0;
	if (!digits || *end)
		return error_set(error, STATUS_INVALID, "limit needs a whole number, 0 for all");
	*limit = (struct option_limit){true, number};
	return STATUS_OK;
}

static enum status add_item(struct option_list *list, const char *name, const char *value, struct error *error)
{
	if (list->count == OPTION_LIST_MAX)
		return error_set(error, STATUS_INVALID, "%s may be given %d times", name, OPTION_LIST_MAX);
	list->items[list->count++] = value;
	return STATUS_OK;
}

enum status option_set(struct options *options, size_t option, const char *value, struct error *error)
{
	const struct row *row = &rows[option];
	void *member = (char *)options + row->offset;
	switch (row->type) {
	case TYPE_FLAG:
		*(bool *)member = value == NULL || strcmp(value, "0") != 0;
		return STATUS_OK;
	case TYPE_FORMAT:
		return set_format(member, value, error);
	case TYPE_LIMIT:
		return set_limit(member, value, error);
	case TYPE_LIST:
		return add_item(member, row->name, value, error);
	case TYPE_TIME:
		if (strcmp(value, times[OPTION_TIME_RECV]) != 0 && strcmp(value, times[OPTION_TIME_EVENT]) != 0)
			return error_set(error, STATUS_INVALID, "time is event or recv");
		*(enum option_time *)member = value[0] == 'r' ? OPTION_TIME_RECV : OPTION_TIME_EVENT;
		return STATUS_OK;
	case TYPE_STRING:
		break;
	}
	if (*(const char **)member)
		return error_set(error, STATUS_INVALID, "%s is given twice", row->name);
	*(const char **)member = value;
	return STATUS_OK;
}

void option_values(
	const struct options *options, size_t option, void (*put)(void *context, const char *value), void *context)
{
	const struct row *row = &rows[option];
	const void *member = (const char *)options + row->offset;
	const struct option_limit *limit = member;
	const struct option_list *list = member;
	char number[24];
	switch (row->type) {
	case TYPE_FLAG:
		if (*(const bool *)member)
			put(context, "1");
		break;
	case TYPE_FORMAT:
		put(context, formats[*(const enum output_format *)member]);
		break;
	case TYPE_LIMIT:
		(void)snprintf(number, sizeof(number), "%llu", (unsigned long long)limit->number);
		if (limit->given)
			put(context, number);
		break;
	case TYPE_LIST:
		for (size_t i = 0; i < list->count; i++)
			put(context, list->items[i]);
		break;
	case TYPE_TIME:
		if (*(const enum option_time *)member == OPTION_TIME_RECV)
			put(context, times[OPTION_TIME_RECV]);
		break;
	case TYPE_STRING:
		if (*(const char *const *)member)
			put(context, *(const char *const *)member);
		break;
	}
}

/* --- the command line --- */

static bool find_row(const char *argument, size_t len, size_t *option)
{
	for (size_t i = 0; i < ROWS; i++) {
		bool is_short = len == 2 && argument[0] == '-' && argument[1] == rows[i].short_name && argument[1] != 0;
		bool is_long = len > 2 && strncmp(argument, "--", 2) == 0 && strlen(rows[i].name) == len - 2 &&
			       memcmp(rows[i].name, argument + 2, len - 2) == 0;
		if (is_short || is_long) {
			*option = i;
			return true;
		}
	}
	return false;
}

static bool asks_help(const char *argument)
{
	return strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0;
}

/* A word of a search may begin with a minus: -tool:ping, -"text", -(a OR b); so may not what looks like an option. */
static bool is_option(const char *argument)
{
	size_t option = 0;
	return argument[0] == '-' && argument[1] != 0 &&
	       (argument[1] == '-' || (isalpha((unsigned char)argument[1]) && argument[2] == 0) ||
		       find_row(argument, strlen(argument), &option));
}

static enum status unknown_option(const char *argument, size_t len, struct error *error)
{
	struct nearest nearest;
	int shown = (int)(len < 60 ? len : 60);
	nearest_init(&nearest, (struct text){argument + (len > 2 ? 2 : 0), len > 2 ? len - 2 : 0});
	for (size_t i = 0; i < ROWS; i++)
		nearest_offer(&nearest, rows[i].name);
	if (nearest.name)
		return error_set(error, STATUS_INVALID, "unknown option %.*s; did you mean --%s?", shown, argument,
			nearest.name);
	return error_set(error, STATUS_INVALID, "unknown option %.*s; see mcpledger help", shown, argument);
}

struct given { /* which options the command line has, in case the verb does not take them */
	bool options[ROWS];
};

static enum status parse_option(
	struct options *options, int argc, char *const *argv, int *at, struct given *given, struct error *error)
{
	const char *argument = argv[*at];
	const char *equals = strchr(argument, '=');
	size_t len = equals ? (size_t)(equals - argument) : strlen(argument);
	size_t option = 0;
	if (asks_help(argument)) {
		options->help = true;
		return STATUS_OK;
	}
	if (!find_row(argument, len, &option))
		return unknown_option(argument, len, error);
	given->options[option] = true;
	if (rows[option].type == TYPE_FLAG) {
		if (equals)
			return error_set(error, STATUS_INVALID, "--%s takes no value", rows[option].name);
		return option_set(options, option, NULL, error);
	}
	if (equals)
		return option_set(options, option, equals + 1, error);
	if (*at + 1 == argc)
		return error_set(error, STATUS_INVALID, "--%s needs a value", rows[option].name);
	return option_set(options, option, argv[++*at], error);
}

/*
 * An option that the verb does not know would be passed over in silence: refused instead.  A verb that takes none at all
 * (help) does not mind: somebody's alias may name a store.
 */
static enum status check_verb(const struct options *options, const struct given *given, struct error *error)
{
	const struct verb *verb = options->word_count > 0 ? verb_find(options->words[0]) : NULL;
	if (verb == NULL || !verb_takes_options(verb))
		return STATUS_OK;
	for (size_t i = 0; i < ROWS; i++)
		if (given->options[i] && !option_is_of(i, verb->name, verb->reads))
			return error_set(error, STATUS_INVALID, "%s takes no --%s; see mcpledger help %s", verb->name,
				rows[i].name, verb->name);
	return STATUS_OK;
}

enum status options_parse(struct options *options, int argc, char *const *argv, struct error *error)
{
	struct options parsed = {.word_count = 0};
	struct given given = {{false}};
	bool only_words = false;
	for (int at = 1; at < argc; at++) {
		if (!only_words && strcmp(argv[at], "--") == 0) {
			only_words = true;
		} else if (!only_words && is_option(argv[at])) {
			enum status status = parse_option(&parsed, argc, argv, &at, &given, error);
			if (status != STATUS_OK)
				return status;
		} else if (parsed.word_count == OPTION_WORDS_MAX) {
			return error_set(error, STATUS_INVALID, "too many words; at most %d", OPTION_WORDS_MAX);
		} else {
			parsed.words[parsed.word_count++] = argv[at];
		}
	}
	enum status status = check_verb(&parsed, &given, error);
	if (status == STATUS_OK)
		*options = parsed;
	return status;
}
