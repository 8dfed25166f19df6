/*
 * conf - the daemon's settings: one table (tbl/settings.h) makes the struct, the reader, the printed file and its docs.
 *
 * Order: defaults, then the YAML file, then MCPLEDGER_SECTION_KEY variables (MCPLEDGER_TEST_… belongs to tests and is
 * left alone).  A struct conf is plain data, made on one thread and read by any; conf_finish frees its texts.
 */
#ifndef MCPLEDGER_CONF_H
#define MCPLEDGER_CONF_H

#include <stdbool.h>

#include "buf.h"

enum setting_type { SETTING_TEXT, SETTING_BOOL, SETTING_COUNT, SETTING_BYTES, SETTING_DURATION, SETTING_LIST };

struct conf_list {
	char **items; /* owned */
	size_t count;
};

struct conf {
#define SETTING_MEMBER_TEXT(name)                                   char *name; /* owned, never NULL; "" = off or default */
#define SETTING_MEMBER_BOOL(name)                                   bool name;
#define SETTING_MEMBER_COUNT(name)                                  uint64_t name;
#define SETTING_MEMBER_BYTES(name)                                  uint64_t name;
#define SETTING_MEMBER_DURATION(name)                               int64_t name; /* ns */
#define SETTING_MEMBER_LIST(name)                                   struct conf_list name;
#define SETTING(section, key, type, initial, min, max, reload, doc) SETTING_MEMBER_##type(section##_##key)
#include "tbl/settings.h"
#undef SETTING
};

/*
 * Fills conf with defaults, the file (NULL: none) and the environment (such as environ; NULL: none).  warnings gets one
 * line per unknown variable, also where it fails.  error->text is complete: it starts with `file:line:column: ` or the
 * variable's name and names the nearest key; line and column are set as well.
 * STATUS_NOT_FOUND (no such file), IO, TOO_LARGE (over 1 MiB), INVALID, NO_MEMORY.
 */
enum status conf_load(struct conf *conf, const char *file, char *const *environment, struct buf *warnings,
	struct error *error) MUST_CHECK;
void conf_finish(struct conf *conf); /* also of a zeroed one */
/* The whole commented YAML file with the values of conf (NULL: the defaults, which is config/mcpledger.yaml). */
void conf_print(struct buf *out, const struct conf *conf);
/* One setting, for documents. */
struct conf_description {
	const char *section, *key, *initial, *doc; /* initial as the file has it; "" = empty */
	enum setting_type type;
	bool reload;
	char variable[96]; /* MCPLEDGER_SECTION_KEY */
};
/* By its number, from 0, in the table's order; range gets least and greatest as a sentence.  false: there are no more. */
bool conf_describe(size_t number, struct conf_description *description, struct buf *range);
/* Names (section.key) of the settings that differ and can only change at a restart; one per line. */
void conf_restart_needed(struct buf *out, const struct conf *running, const struct conf *wanted);

#endif
