/* The script of fish: a line for each verb and option, and functions for what is more than a list. */
#include <ctype.h>

#include "cli_completion.h"

static void put_fish_quoted(struct buf *out, const char *text)
{
	buf_put_byte(out, '\'');
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			buf_put_byte(out, '\\');
		buf_put_byte(out, (uint8_t)*text);
	}
	buf_put_byte(out, '\'');
}

static bool takes_files(const char *usage)
{
	struct text word;
	while (completion_next_taken(&usage, &word))
		if (text_equal(word, TEXT("FILE")))
			return true;
	return false;
}

/* What fish puts for a word in capitals. */
static void put_fish_word(struct buf *out, struct text word)
{
	if (text_equal(word, TEXT("WORDS")))
		buf_put_string(out, " (__mcpledger_search)");
	else if (text_equal(word, TEXT("FIELD")))
		buf_put_string(out, " (__mcpledger_list)");
	else if (text_equal(word, TEXT("DIR")))
		buf_put_string(out, " (__fish_complete_directories)");
	else if (text_equal(word, TEXT("VERB")))
		completion_put_verbs(out);
	else if (islower((unsigned char)word.at[0]))
		buf_printf(out, " %.*s", (int)word.len, word.at);
}

/* The arguments of `complete` for what usage names, and for the words that an option (SIZE_MAX: none) may be. */
static void put_fish_taken(struct buf *out, const char *usage, size_t option)
{
	struct text word;
	buf_put_string(out, takes_files(usage) ? " -F -a '" : " -a '");
	while (completion_next_taken(&usage, &word))
		put_fish_word(out, word);
	for (size_t i = 0; option != SIZE_MAX && option_word(option, i); i++)
		buf_printf(out, " %s", option_word(option, i));
	buf_put_byte(out, '\'');
}

static void put_fish_functions(struct buf *out)
{
	buf_put_string(out, "set -g __mcpledger_names");
	completion_put_names(out);
	buf_put_string(out, "\nset -g __mcpledger_paths");
	completion_put_paths(out);
	buf_put_string(out, "\n\n"
			    "# Prints the verb; fails when there is none yet.\n"
			    "function __mcpledger_verb\n"
			    "    set -l skip\n"
			    "    for word in (commandline -opc)[2..]\n"
			    "        if test -n \"$skip\"\n"
			    "            set skip\n"
			    "            continue\n"
			    "        end\n"
			    "        switch $word\n"
			    "            case");
	for (size_t i = 0; i < options_count(); i++) {
		if (option_value(i)) {
			buf_put_byte(out, ' ');
			completion_put_option(out, i, " ");
		}
	}
	buf_put_string(out, "\n"
			    "                set skip 1\n"
			    "            case '-*'\n"
			    "            case '*'\n"
			    "                echo $word\n"
			    "                return\n"
			    "        end\n"
			    "    end\n"
			    "    return 1\n"
			    "end\n"
			    "\n"
			    "function __mcpledger_is # VERB...\n"
			    "    set -l verb (__mcpledger_verb)\n"
			    "    and contains -- $verb $argv\n"
			    "end\n"
			    "\n"
			    "# Options may stand before the verb.\n"
			    "function __mcpledger_may_be # VERB...\n"
			    "    set -l verb (__mcpledger_verb)\n"
			    "    or return 0\n"
			    "    contains -- $verb $argv\n"
			    "end\n"
			    "\n"
			    "function __mcpledger_search\n"
			    "    set -l word (commandline -ct)\n"
			    "    set -l head (string replace -r '[^,:]*$' '' -- $word)\n"
			    "    switch $word\n");
	for (size_t i = 0; i < completion_known_count; i++)
		buf_printf(out, "        case '%s:*'\n            printf \"$head%%s\\n\"%s\n",
			completion_known[i].field, completion_known[i].values);
	buf_put_string(out, "        case '*:*'\n"
			    "        case '*'\n"
			    "            printf '%s:\\n' $__mcpledger_names\n"
			    "            test -z \"$word\"; or printf '%s:\\n' $__mcpledger_paths\n"
			    "    end\n"
			    "end\n"
			    "\n"
			    "function __mcpledger_list\n"
			    "    set -l word (commandline -ct | string replace -r '^--[^=]*=' '')\n"
			    "    set -l head (string replace -r '[^,]*$' '' -- $word)\n"
			    "    printf \"$head%s\\n\" $__mcpledger_names $__mcpledger_paths\n"
			    "end\n"
			    "\n");
}

static void put_fish_option(struct buf *out, size_t option)
{
	buf_put_string(out, "complete -c mcpledger -n '__mcpledger_may_be");
	for (size_t i = 0; i < verbs_count(); i++)
		if (verb_at(i)->name && option_is_of(option, verb_at(i)->name, verb_at(i)->reads))
			buf_printf(out, " %s", verb_at(i)->name);
	buf_printf(out, "' -l %s", option_name(option));
	if (option_short_name(option))
		buf_printf(out, " -s %c", option_short_name(option));
	if (option_value(option)) {
		buf_put_string(out, takes_files(option_value(option)) ? " -r" : " -x");
		put_fish_taken(out, option_value(option), option);
	}
	buf_put_string(out, " -d ");
	put_fish_quoted(out, option_help(option));
	buf_put_byte(out, '\n');
}

static void put_fish_verb(struct buf *out, const struct verb *verb)
{
	buf_printf(out, "complete -c mcpledger -n 'not __mcpledger_verb >/dev/null' -a %s -d ", verb->name);
	put_fish_quoted(out, verb->summary);
	buf_printf(out, "\ncomplete -c mcpledger -n '__mcpledger_is %s' -l help -d 'tell all about it'\n", verb->name);
	buf_printf(out, "complete -c mcpledger -n '__mcpledger_is %s'", verb->name);
	put_fish_taken(out, verb->arguments, SIZE_MAX);
	buf_put_byte(out, '\n');
}

void completion_put_fish(struct buf *out)
{
	buf_put_string(out, "# fish completion of mcpledger, made by: mcpledger completion fish\n\n");
	put_fish_functions(out);
	buf_put_string(out, "complete -c mcpledger -f\n");
	for (size_t i = 0; i < verbs_count(); i++)
		if (verb_at(i)->name)
			put_fish_verb(out, verb_at(i));
	for (size_t i = 0; i < options_count(); i++)
		put_fish_option(out, i);
}
