#include "cli_completion.h"

#include <ctype.h>

#include "cli.h"
#include "event.h"

/* --- words of the tables --- */

bool completion_next_taken(const char **rest, struct text *word)
{
	const char *at = *rest;
	while (*at && !isalpha((unsigned char)*at))
		at++;
	size_t len = 0;
	while (isalpha((unsigned char)at[len]) || at[len] == '-')
		len++;
	*rest = at + len;
	*word = (struct text){at, len};
	return len > 0;
}

void completion_put_verbs(struct buf *out)
{
	for (size_t i = 0; i < verbs_count(); i++)
		if (verb_at(i)->name)
			buf_printf(out, " %s", verb_at(i)->name);
}

void completion_put_names(struct buf *out)
{
	static const char names[] =
#define NAME(name, which, help, ...) " " name
#include "query_names.h"
#undef NAME
		;
	buf_put_string(out, names);
}

void completion_put_paths(struct buf *out)
{
	const uint8_t *order = NULL;
	size_t count = field_order(&order);
	for (size_t i = 0; i < count; i++)
		buf_printf(out, " %s", field_info(order[i])->path);
}

void completion_put_option(struct buf *out, size_t option, const char *between)
{
	buf_printf(out, "--%s", option_name(option));
	if (option_short_name(option))
		buf_printf(out, "%s-%c", between, option_short_name(option));
}

const struct completion_known completion_known[] = {
#define VERDICT(id, name, against_server, is_error) " " name
	{"verdict", " error"
#include "tbl/verdicts.h"
	},
#undef VERDICT
#define KIND(id, name) " " name
	{
		"kind",
#include "tbl/kinds.h"
	},
#undef KIND
#define SOURCE(id, name) " " name
	{
		"source",
#include "tbl/sources.h"
	},
#undef SOURCE
};
const size_t completion_known_count = sizeof(completion_known) / sizeof(completion_known[0]);

/* --- the verb --- */

enum exit_code verb_completion(struct cli *cli)
{
	static const struct {
		const char *name;
		void (*put)(struct buf *out);
	} shells[] = {{"bash", completion_put_bash}, {"zsh", completion_put_zsh}, {"fish", completion_put_fish}};
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (!text_equal(cli->words, text_of(shells[i].name)))
			continue;
		shells[i].put(&cli->out.text);
		enum status status = output_flush(&cli->out);
		return status == STATUS_OK || status == STATUS_CANCELLED ? EXIT_FOUND : cli_fail(cli, status);
	}
	return cli_misuse(cli, "completion takes the name of a shell: bash, zsh or fish");
}
