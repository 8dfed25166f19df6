/* The scripts of bash and zsh, which share the tables as functions that both read. */
#include "cli_completion.h"

static void put_takes(struct buf *out, const char *usage)
{
	struct text word;
	while (completion_next_taken(&usage, &word))
		buf_printf(out, " %.*s", (int)word.len, word.at);
}

static void put_option_takes(struct buf *out, size_t option)
{
	if (option_word(option, 0) == NULL)
		put_takes(out, option_value(option));
	for (size_t i = 0; option_word(option, i); i++)
		buf_printf(out, " %s", option_word(option, i));
}

static void put_options_of(struct buf *out, const char *verb, bool reads)
{
	for (size_t i = 0; i < options_count(); i++)
		if (option_is_of(i, verb, reads))
			buf_printf(out, " --%s", option_name(i));
}

static void put_options_function(struct buf *out)
{
	buf_put_string(out, "_mcpledger_options() { # VERB\n\tcase $1 in\n");
	for (size_t i = 0; i < verbs_count(); i++) {
		const struct verb *verb = verb_at(i);
		if (verb->name == NULL)
			continue;
		buf_printf(out, "\t%s) echo", verb->name);
		put_options_of(out, verb->name, verb->reads);
		buf_put_string(out, " --help ;;\n");
	}
	buf_put_string(out, "\t*) echo"); /* there is no verb yet */
	put_options_of(out, "", true);
	buf_put_string(out, " --help --version ;;\n\tesac\n}\n\n");
}

static void put_tables(struct buf *out)
{
	buf_put_string(out, "_mcpledger_verbs() {\n\techo");
	completion_put_verbs(out);
	buf_put_string(out, "\n}\n\n");
	put_options_function(out);
	buf_put_string(
		out, "# What an option takes; nothing for a flag.\n_mcpledger_value() { # OPTION\n\tcase $1 in\n");
	for (size_t i = 0; i < options_count(); i++) {
		if (option_value(i) == NULL)
			continue;
		buf_put_byte(out, '\t');
		completion_put_option(out, i, " | ");
		buf_put_string(out, ") echo");
		put_option_takes(out, i);
		buf_put_string(out, " ;;\n");
	}
	buf_put_string(out, "\tesac\n}\n\n_mcpledger_arguments() { # VERB\n\tcase $1 in\n");
	for (size_t i = 0; i < verbs_count(); i++) {
		if (verb_at(i)->name == NULL)
			continue;
		buf_printf(out, "\t%s) echo", verb_at(i)->name);
		put_takes(out, verb_at(i)->arguments);
		buf_put_string(out, " ;;\n");
	}
	buf_put_string(out, "\tesac\n}\n\n_mcpledger_names() { # short ones; they come before paths\n\techo");
	completion_put_names(out);
	buf_put_string(out, "\n}\n\n_mcpledger_paths() {\n\techo");
	completion_put_paths(out);
	buf_put_string(out, "\n}\n\n_mcpledger_values() { # FIELD\n\tcase $1 in\n");
	for (size_t i = 0; i < completion_known_count; i++)
		buf_printf(out, "\t%s) echo%s ;;\n", completion_known[i].field, completion_known[i].values);
	buf_put_string(out, "\tesac\n}\n\n");
}

static const char bash_functions[] =
	"_mcpledger_add() { # WORD PREFIX SUFFIX NAME...: the names that begin with WORD\n"
	"\tlocal word=$1 prefix=$2 suffix=$3 name\n"
	"\tshift 3\n"
	"\tfor name; do\n"
	"\t\t[[ $name != \"$word\"* ]] || COMPREPLY+=(\"$prefix$name$suffix\")\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# shellcheck disable=SC2046 # the tables are words\n"
	"_mcpledger_fields() { # WORD PREFIX SUFFIX\n"
	"\t_mcpledger_add \"$@\" $(_mcpledger_names)\n"
	"\t((${#COMPREPLY[@]})) || _mcpledger_add \"$@\" $(_mcpledger_paths)\n"
	"}\n"
	"\n"
	"# shellcheck disable=SC2046\n"
	"_mcpledger_search() { # WORD\n"
	"\tlocal word=${1#-} sign='' field value last\n"
	"\t[[ $1 != -* ]] || sign=-\n"
	"\tif [[ $word == *:* ]]; then\n"
	"\t\tfield=${word%%:*} value=${word#*:}\n"
	"\t\tlast=${value##*,}\n"
	"\t\t_mcpledger_add \"$last\" \"$sign$field:${value%\"$last\"}\" '' $(_mcpledger_values \"$field\")\n"
	"\telse\n"
	"\t\t_mcpledger_fields \"$word\" \"$sign\" :\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_mcpledger_files() { # WORD PREFIX HOW\n"
	"\tlocal name\n"
	"\twhile IFS= read -r name; do\n"
	"\t\tCOMPREPLY+=(\"$2$name\")\n"
	"\tdone < <(compgen \"$3\" -- \"$1\")\n"
	"\tcompopt -o filenames 2>/dev/null\n"
	"}\n"
	"\n"
	"# shellcheck disable=SC2046\n"
	"_mcpledger_offer() { # WORD PREFIX TAKEN...: what usage calls so\n"
	"\tlocal word=$1 prefix=$2 taken last\n"
	"\tshift 2\n"
	"\tfor taken; do\n"
	"\t\tcase $taken in\n"
	"\t\tWORDS) _mcpledger_search \"$word\" ;;\n"
	"\t\tFIELD)\n"
	"\t\t\tlast=${word##*,}\n"
	"\t\t\t_mcpledger_fields \"$last\" \"$prefix${word%\"$last\"}\" ''\n"
	"\t\t\t;;\n"
	"\t\tFILE) _mcpledger_files \"$word\" \"$prefix\" -f ;;\n"
	"\t\tDIR) _mcpledger_files \"$word\" \"$prefix\" -d ;;\n"
	"\t\tVERB) _mcpledger_add \"$word\" \"$prefix\" '' $(_mcpledger_verbs) ;;\n"
	"\t\t[a-z]*) _mcpledger_add \"$word\" \"$prefix\" '' \"$taken\" ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"}\n"
	"\n"
	"# shellcheck disable=SC2046\n"
	"_mcpledger() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} word verb='' i breaks=''\n"
	"\tlocal -a before=()\n"
	"\tword=${line##*[[:blank:]]}\n"
	"\tread -ra before <<<\"${line%\"$word\"}\"\n"
	"\tfor ((i = 1; i < ${#before[@]}; i++)); do\n"
	"\t\tif [[ ${before[i]} == -* ]]; then\n"
	"\t\t\t[[ ${before[i]} == *=* || -z $(_mcpledger_value \"${before[i]}\") ]] || ((++i))\n"
	"\t\telif [[ -z $verb ]]; then\n"
	"\t\t\tverb=${before[i]}\n"
	"\t\tfi\n"
	"\tdone\n"
	"\tCOMPREPLY=()\n"
	"\tif ((i > ${#before[@]})); then # the last option wants its value\n"
	"\t\t_mcpledger_offer \"$word\" '' $(_mcpledger_value \"${before[${#before[@]} - 1]}\")\n"
	"\telif [[ $word == --*=* ]]; then\n"
	"\t\t_mcpledger_offer \"${word#*=}\" \"${word%%=*}=\" $(_mcpledger_value \"${word%%=*}\")\n"
	"\telif [[ $word == -* ]]; then\n"
	"\t\t_mcpledger_add \"$word\" '' '' $(_mcpledger_options \"$verb\")\n"
	"\t\t[[ $word == --* || \" $(_mcpledger_arguments \"$verb\") \" != *' WORDS '* ]] || _mcpledger_search "
	"\"$word\"\n"
	"\telif [[ -z $verb ]]; then\n"
	"\t\t_mcpledger_add \"$word\" '' '' $(_mcpledger_verbs)\n"
	"\telse\n"
	"\t\t_mcpledger_offer \"$word\" '' $(_mcpledger_arguments \"$verb\")\n"
	"\tfi\n"
	"\t[[ ${COMPREPLY[0]-} != *: ]] || compopt -o nospace 2>/dev/null\n"
	"\t# Only what stands behind the last word break is replaced.\n"
	"\t[[ $COMP_WORDBREAKS != *:* ]] || breaks+=:\n"
	"\t[[ $COMP_WORDBREAKS != *=* ]] || breaks+='='\n"
	"\t[[ -z $breaks ]] || COMPREPLY=(\"${COMPREPLY[@]#\"${word%\"${word##*[\"$breaks\"]}\"}\"}\")\n"
	"}\n"
	"\n"
	"complete -F _mcpledger mcpledger\n";

void completion_put_bash(struct buf *out)
{
	buf_put_string(out, "# bash completion of mcpledger, made by: mcpledger completion bash\n\n");
	put_tables(out);
	buf_put_string(out, bash_functions);
}

/* In single quotes, which '\'' leaves and enters again. */
static void put_quoted(struct buf *out, const char *text)
{
	buf_put_byte(out, '\'');
	for (; *text; text++)
		if (*text == '\'')
			buf_put_string(out, "'\\''");
		else
			buf_put_byte(out, (uint8_t)*text);
	buf_put_byte(out, '\'');
}

/* name:text for _describe */
static void put_described(struct buf *out, const char *dashes, const char *name, const char *text)
{
	buf_printf(out, "\t%s%s:", dashes, name);
	put_quoted(out, text);
	buf_put_byte(out, '\n');
}

static const char zsh_functions[] =
	"\t--help:'tell all about a verb'\n"
	"\t--version:'print the version'\n"
	")\n"
	"\n"
	"_mcpledger_search() {\n"
	"\tlocal word=$PREFIX\n"
	"\tcompset -P '-'\n"
	"\tif [[ $word == *:* ]]; then\n"
	"\t\tcompset -P '*:'\n"
	"\t\tcompset -P '*,'\n"
	"\t\tcompadd -- ${=$(_mcpledger_values ${${word%%:*}#-})}\n"
	"\telse\n"
	"\t\tcompadd -S : -- ${=$(_mcpledger_names)} || compadd -S : -- ${=$(_mcpledger_paths)}\n"
	"\tfi\n"
	"}\n"
	"\n"
	"_mcpledger_offer() { # TAKEN...: what usage calls so\n"
	"\tlocal taken\n"
	"\tfor taken; do\n"
	"\t\tcase $taken in\n"
	"\t\tWORDS) _mcpledger_search ;;\n"
	"\t\tFIELD)\n"
	"\t\t\tcompset -P '*,'\n"
	"\t\t\tcompadd -- ${=$(_mcpledger_names)} || compadd -- ${=$(_mcpledger_paths)}\n"
	"\t\t\t;;\n"
	"\t\tFILE) _files ;;\n"
	"\t\tDIR) _files -/ ;;\n"
	"\t\tVERB) _describe -t verbs verb _mcpledger_verbs_told ;;\n"
	"\t\t[a-z]*) compadd -- $taken ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"}\n"
	"\n"
	"_mcpledger() {\n"
	"\tlocal verb= i=2 word told\n"
	"\tlocal -a its\n"
	"\twhile ((i < CURRENT)); do\n"
	"\t\tword=$words[i]\n"
	"\t\tif [[ $word == -* ]]; then\n"
	"\t\t\t[[ $word == *=* || -z $(_mcpledger_value $word) ]] || ((i++))\n"
	"\t\telif [[ -z $verb ]]; then\n"
	"\t\t\tverb=$word\n"
	"\t\tfi\n"
	"\t\t((i++))\n"
	"\tdone\n"
	"\tword=$words[CURRENT]\n"
	"\tif ((i > CURRENT)); then # the last option wants its value\n"
	"\t\t_mcpledger_offer ${=$(_mcpledger_value $words[CURRENT-1])}\n"
	"\telif [[ $word == --*=* ]]; then\n"
	"\t\tcompset -P '*='\n"
	"\t\t_mcpledger_offer ${=$(_mcpledger_value ${word%%=*})}\n"
	"\telif [[ $word == -* ]]; then\n"
	"\t\tfor told in ${=$(_mcpledger_options \"$verb\")}; do\n"
	"\t\t\tits+=(${(M)_mcpledger_options_told:#${told}:*})\n"
	"\t\tdone\n"
	"\t\t_describe -o -t options option its\n"
	"\t\t[[ $word == --* || \" $(_mcpledger_arguments \"$verb\") \" != *' WORDS '* ]] || "
	"_mcpledger_search\n"
	"\telif [[ -z $verb ]]; then\n"
	"\t\t_mcpledger_offer VERB\n"
	"\telse\n"
	"\t\t_mcpledger_offer ${=$(_mcpledger_arguments $verb)}\n"
	"\tfi\n"
	"}\n"
	"\n"
	"# Autoloaded from a folder of fpath it completes at once; sourced, it says what it is for.\n"
	"if [[ $funcstack[1] == _mcpledger ]]; then\n"
	"\t_mcpledger \"$@\"\n"
	"else\n"
	"\tcompdef _mcpledger mcpledger\n"
	"fi\n";

void completion_put_zsh(struct buf *out)
{
	buf_put_string(out, "#compdef mcpledger\n# zsh completion of mcpledger, made by: mcpledger completion zsh\n\n");
	put_tables(out);
	buf_put_string(out, "typeset -ga _mcpledger_verbs_told _mcpledger_options_told\n_mcpledger_verbs_told=(\n");
	for (size_t i = 0; i < verbs_count(); i++)
		if (verb_at(i)->name)
			put_described(out, "", verb_at(i)->name, verb_at(i)->summary);
	buf_put_string(out, ")\n_mcpledger_options_told=(\n");
	for (size_t i = 0; i < options_count(); i++)
		put_described(out, "--", option_name(i), option_help(i));
	buf_put_string(out, zsh_functions);
}
