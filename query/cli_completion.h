/*
 * cli_completion - scripts that complete verbs, options, their values, and the words of a search, for `mcpledger completion`.
 *
 * All that they offer comes from the tables of verbs, options, names and fields.  Usage is their grammar: what an option or
 * a verb takes is spelled there by words, of which those in capitals stand for something (WORDS, FIELD, FILE, DIR, VERB; see
 * cli_verbs.h) and those in small letters for themselves.
 */
#ifndef MCPLEDGER_QUERY_CLI_COMPLETION_H
#define MCPLEDGER_QUERY_CLI_COMPLETION_H

#include "options.h"

void completion_put_bash(struct buf *out);
void completion_put_zsh(struct buf *out);
void completion_put_fish(struct buf *out);

/* --- what the scripts are made of --- */

/* The next word of a usage text; false: there are no more. */
bool completion_next_taken(const char **rest, struct text *word);
/* Lists, a blank before each: the verbs, the short names of fields, all paths of events. */
void completion_put_verbs(struct buf *out);
void completion_put_names(struct buf *out);
void completion_put_paths(struct buf *out);
/* --name, and its short name behind `between`. */
void completion_put_option(struct buf *out, size_t option, const char *between);

/* Fields with few values, which are known; each value behind a blank. */
struct completion_known {
	const char *field, *values;
};
extern const struct completion_known completion_known[];
extern const size_t completion_known_count;

#endif
