/*
 * options - what mcpledger was told: words, and options before or after them (cli_options.h is their table).
 *
 * The same table reads the parameters of the read API, so that both understand the same.  Plain data, borrowed from argv
 * or the request.
 */
#ifndef MCPLEDGER_QUERY_OPTIONS_H
#define MCPLEDGER_QUERY_OPTIONS_H

#include "output.h"
#include "verbs.h"

enum { OPTION_WORDS_MAX = 256, OPTION_LIST_MAX = 64 };

struct option_list {
	const char *items[OPTION_LIST_MAX];
	size_t count;
};

struct option_limit {
	bool given;
	uint64_t number; /* 0: no limit */
};

enum option_time { OPTION_TIME_EVENT, OPTION_TIME_RECV };

struct options {
	const char *words[OPTION_WORDS_MAX]; /* the verb first */
	size_t word_count;
	bool help;
#define OPTION_FLAG                                                       bool
#define OPTION_STRING                                                     const char *
#define OPTION_LIST                                                       struct option_list
#define OPTION_FORMAT                                                     enum output_format
#define OPTION_LIMIT                                                      struct option_limit
#define OPTION_TIME                                                       enum option_time
#define OPTION(member, name, short_name, type, where, value, verbs, help) OPTION_##type member;
#include "cli_options.h"
#undef OPTION
};

/*
 * Reads the command line, and checks that the verb (its first word) takes the options.
 * STATUS_INVALID: error says what is wrong and what would be right.
 */
enum status options_parse(struct options *options, int argc, char *const *argv, struct error *error) MUST_CHECK;

/* --- the table, for help, the read API and what asks it --- */

/* "-o, --output" or "--output", as help and manual pages spell an option. */
enum { OPTION_SPELLED_BYTES = 64 };
void option_spell(char spelled[OPTION_SPELLED_BYTES], char short_name, const char *name);

/* How many options there are; they are numbered from 0. */
size_t options_count(void);
const char *option_name(size_t option);  /* without dashes: "as-of" */
char option_short_name(size_t option);   /* 0: none */
const char *option_value(size_t option); /* what it takes, for help; NULL: it is a flag */
const char *option_help(size_t option);
/* The words that its value may be, from 0; NULL: there are no more, or it may be any text. */
const char *option_word(size_t option, size_t number);
bool option_is_asked(size_t option); /* part of the question */
bool option_repeats(size_t option);  /* may be given several times, each adds to it */
/* Whether a verb takes it; reads: the verb reads events. */
bool option_is_of(size_t option, const char *verb, bool reads);
bool verb_takes_options(const struct verb *verb);

/* Sets one from its text (NULL: a flag).  STATUS_INVALID, as above. */
enum status option_set(struct options *options, size_t option, const char *value, struct error *error) MUST_CHECK;
/* Calls put for each value that a set option has, as option_set would read it ("1" for a flag). */
void option_values(
	const struct options *options, size_t option, void (*put)(void *context, const char *value), void *context);

#endif
