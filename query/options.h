/* options - the command line of mcpledger: options stand before or after the words.  Plain data, borrowed from argv. */
#ifndef MCPLEDGER_QUERY_OPTIONS_H
#define MCPLEDGER_QUERY_OPTIONS_H

#include "output.h"

enum { OPTION_WORDS_MAX = 256, OPTION_TENANTS_MAX = 64 };

struct options {
	const char *words[OPTION_WORDS_MAX]; /* the verb first */
	size_t word_count;
	const char *data_dir;
	enum output_format output;
	bool has_limit;
	uint64_t limit;
	bool utc, quiet, by_recv_time, require_complete, help;
	const char *since, *until;
	struct text tenants[OPTION_TENANTS_MAX];
	size_t tenant_count;
	const char *by;
	const char *url, *token_file;
	const char *scopes, *token_tenants, *file;
};

/* STATUS_INVALID: error says what is wrong and what would be right. */
enum status options_parse(struct options *options, int argc, char *const *argv, struct error *error) MUST_CHECK;
/* The options that verbs have in common, for --help. */
extern const char options_help[];

#endif
