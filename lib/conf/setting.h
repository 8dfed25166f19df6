/*
 * setting - one row of tbl/settings.h at run time, and the one reader and printer of each type.
 *
 * If you add a type: 1 enum setting_type and SETTING_MEMBER_… in include/conf.h, 2 its row in `types` of setting.c,
 * 3 its words in the head of the printed file (print.c).
 */
#ifndef MCPLEDGER_LIB_CONF_SETTING_H
#define MCPLEDGER_LIB_CONF_SETTING_H

#include "conf.h"

enum setting_index {
#define SETTING(section, key, ...) SETTING_INDEX_##section##_##key,
#include "tbl/settings.h"
#undef SETTING
	SETTING_INDEX_COUNT
};

struct setting {
	const char *section;
	const char *key;
	const char *name; /* section.key */
	enum setting_type type;
	const char *initial;
	const char *min; /* of TEXT: the words that it may be, separated by '|'; "" = any text */
	const char *max;
	bool reload;
	const char *doc;
	size_t offset; /* of the member in struct conf */
};

extern const struct setting settings[SETTING_INDEX_COUNT];

/*
 * Reads a value as a person writes it (lists: items separated by commas) and replaces the member.
 * STATUS_INVALID: error->text says what is wrong with the value and what is wanted, without the setting's name.
 */
enum status setting_read(
	const struct setting *setting, struct text value, struct conf *conf, struct error *error) MUST_CHECK;
/* Adds one item to a SETTING_LIST. */
enum status setting_add_item(
	const struct setting *setting, struct text item, struct conf *conf, struct error *error) MUST_CHECK;
void setting_clear_list(const struct setting *setting, struct conf *conf);
/* The value as YAML that setting_read takes back. */
void setting_print(const struct setting *setting, const struct conf *conf, struct buf *out);
/* Least, greatest or allowed values and the unit, as a sentence for people; nothing where all is allowed. */
void setting_print_range(const struct setting *setting, struct buf *out);
bool setting_equal(const struct setting *setting, const struct conf *a, const struct conf *b);
void setting_finish(const struct setting *setting, struct conf *conf);

#endif
