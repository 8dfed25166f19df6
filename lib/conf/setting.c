#include "setting.h"

#include <assert.h>
#include <stdlib.h>

const struct setting settings[SETTING_INDEX_COUNT] = {
#define SETTING(section, key, type, initial, min, max, reload, doc)                                                    \
	{#section, #key, #section "." #key, SETTING_##type, initial, min, max, reload, doc,                            \
		offsetof(struct conf, section##_##key)},
#include "tbl/settings.h"
#undef SETTING
};

/* Units of a number, the smallest first; the first is what a bare number means ("" = it needs none). */
struct unit {
	const char *name;
	uint64_t size;
	bool printed; /* false: only read */
};

static const struct unit count_units[] = {{"", 1, true}, {NULL, 0, false}};

static const struct unit byte_units[] = {
	{"", 1, true},
	{"B", 1, false},
	{"kB", UINT64_C(1000), false},
	{"KB", UINT64_C(1000), false},
	{"KiB", UINT64_C(1) << 10, true},
	{"MB", UINT64_C(1000000), false},
	{"MiB", UINT64_C(1) << 20, true},
	{"GB", UINT64_C(1000000000), false},
	{"GiB", UINT64_C(1) << 30, true},
	{"TB", UINT64_C(1000000000000), false},
	{"TiB", UINT64_C(1) << 40, true},
	{"PiB", UINT64_C(1) << 50, true},
	{NULL, 0, false},
};

static const struct unit duration_units[] = {
	{"ns", 1, true},
	{"us", UINT64_C(1000), true},
	{"ms", UINT64_C(1000000), true},
	{"s", UINT64_C(1000000000), true},
	{"m", UINT64_C(60000000000), true},
	{"h", UINT64_C(3600000000000), true},
	{"d", UINT64_C(86400000000000), true},
	{NULL, 0, false},
};

static enum status read_text(const struct setting *setting, struct text value, void *member, struct error *error);
static enum status read_bool(const struct setting *setting, struct text value, void *member, struct error *error);
static enum status read_number(const struct setting *setting, struct text value, void *member, struct error *error);
static enum status read_list(const struct setting *setting, struct text value, void *member, struct error *error);
static void print_text(const struct setting *setting, const void *member, struct buf *out);
static void print_bool(const struct setting *setting, const void *member, struct buf *out);
static void print_number(const struct setting *setting, const void *member, struct buf *out);
static void print_list(const struct setting *setting, const void *member, struct buf *out);

static const struct setting_behaviour {
	enum status (*read)(const struct setting *setting, struct text value, void *member, struct error *error);
	void (*print)(const struct setting *setting, const void *member, struct buf *out);
	const char *wanted;
	const struct unit *units; /* of numbers */
} types[] = {
	[SETTING_TEXT] = {read_text, print_text, "a text", NULL},
	[SETTING_BOOL] = {read_bool, print_bool, "true or false", NULL},
	[SETTING_COUNT] = {read_number, print_number, "a whole number", count_units},
	[SETTING_BYTES] = {read_number, print_number, "a size such as 512, 64KiB, 16MiB or 8GiB (also kB, MB, GB, TB)",
		byte_units},
	[SETTING_DURATION] = {read_number, print_number, "a duration such as 250ms, 30s, 5m, 12h or 90d",
		duration_units},
	[SETTING_LIST] = {read_list, print_list, "a list of texts", NULL},
};

/* What a wrong value is answered with; the value is shown shortened, its control characters as '?'. */
static enum status refuse(const struct setting *setting, struct text value, const char *why, struct error *error)
{
	char shown[64];
	size_t len = value.len < sizeof(shown) - 4 ? value.len : sizeof(shown) - 4;
	for (size_t i = 0; i < len; i++)
		shown[i] = (char)((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f ? '?' : value.at[i]);
	memcpy(shown + len, len < value.len ? "..." : "", len < value.len ? 4 : 1);
	return error_set(error, STATUS_INVALID, "\"%s\" %s; wanted is %s", shown, why, types[setting->type].wanted);
}

static bool is_allowed_word(const char *words, struct text value)
{
	for (const char *at = words;; at++) {
		size_t len = strcspn(at, "|");
		if (text_equal((struct text){at, len}, value))
			return true;
		at += len;
		if (*at == 0)
			return false;
	}
}

static bool holds_control_character(struct text value)
{
	for (size_t i = 0; i < value.len; i++) {
		if ((unsigned char)value.at[i] < 0x20 || value.at[i] == 0x7f)
			return true;
	}
	return false;
}

static enum status copy_text(const struct setting *setting, struct text value, char **copy, struct error *error)
{
	if (holds_control_character(value))
		return refuse(setting, value, "holds a control character", error);
	char *at = strndup(value.len ? value.at : "", value.len);
	if (at == NULL)
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	*copy = at;
	return STATUS_OK;
}

static enum status read_text(const struct setting *setting, struct text value, void *member, struct error *error)
{
	if (setting->min[0] && !is_allowed_word(setting->min, value))
		return error_set(error, STATUS_INVALID, "wanted is one of %s", setting->min);
	char *copy = NULL;
	enum status status = copy_text(setting, value, &copy, error);
	if (status == STATUS_OK) {
		char **text = member;
		free(*text);
		*text = copy;
	}
	return status;
}

static enum status read_bool(const struct setting *setting, struct text value, void *member, struct error *error)
{
	bool yes = text_equal(value, TEXT("true"));
	if (!yes && !text_equal(value, TEXT("false")))
		return refuse(setting, value, "is neither", error);
	*(bool *)member = yes;
	return STATUS_OK;
}

/* Digits, at most one space, a unit.  A zero needs no unit. */
static enum status number_of(struct text value, const struct unit *units, uint64_t *number)
{
	uint64_t digits = 0;
	size_t at = 0;
	for (; at < value.len && value.at[at] >= '0' && value.at[at] <= '9'; at++) {
		if (__builtin_mul_overflow(digits, 10, &digits) ||
			__builtin_add_overflow(digits, (uint64_t)(value.at[at] - '0'), &digits))
			return STATUS_LIMIT;
	}
	if (at == 0)
		return STATUS_INVALID;
	if (at + 1 < value.len && value.at[at] == ' ')
		at++;
	struct text name = {value.at + at, value.len - at};
	if (digits == 0 && name.len == 0) {
		*number = 0;
		return STATUS_OK;
	}
	for (const struct unit *unit = units; unit->name; unit++) {
		if (text_equal(text_of(unit->name), name))
			return __builtin_mul_overflow(digits, unit->size, number) ? STATUS_LIMIT : STATUS_OK;
	}
	return STATUS_INVALID;
}

/* A bound of the table. */
static uint64_t bound_of(const struct setting *setting, const char *text)
{
	uint64_t bound = 0;
	enum status status = number_of(text_of(text), types[setting->type].units, &bound);
	assert(status == STATUS_OK);
	return bound;
}

static enum status read_number(const struct setting *setting, struct text value, void *member, struct error *error)
{
	uint64_t number = 0;
	enum status status = number_of(value, types[setting->type].units, &number);
	if (status == STATUS_INVALID)
		return refuse(setting, value, "is not understood", error);
	if (status != STATUS_OK || number < bound_of(setting, setting->min) || number > bound_of(setting, setting->max))
		return error_set(error, STATUS_INVALID, "%.*s is outside %s to %s",
			(int)(value.len < 40 ? value.len : 40), value.at, setting->min, setting->max);
	if (setting->type == SETTING_DURATION)
		*(int64_t *)member = (int64_t)number;
	else
		*(uint64_t *)member = number;
	return STATUS_OK;
}

static void clear_items(struct conf_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct conf_list){0};
}

static enum status add_item(
	const struct setting *setting, struct text item, struct conf_list *list, struct error *error)
{
	char *copy = NULL;
	if (item.len == 0)
		return error_set(error, STATUS_INVALID, "an item of the list is empty");
	enum status status = copy_text(setting, item, &copy, error);
	if (status != STATUS_OK)
		return status;
	char **items = realloc(list->items, (list->count + 1) * sizeof(*items));
	if (items == NULL) {
		free(copy);
		return error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	}
	items[list->count++] = copy;
	list->items = items;
	return STATUS_OK;
}

static struct text trim(struct text text)
{
	while (text.len && text.at[0] == ' ')
		text = (struct text){text.at + 1, text.len - 1};
	while (text.len && text.at[text.len - 1] == ' ')
		text.len--;
	return text;
}

static enum status read_list(const struct setting *setting, struct text value, void *member, struct error *error)
{
	struct conf_list list = {0};
	enum status status = STATUS_OK;
	struct text rest = trim(value);
	while (rest.len && status == STATUS_OK) {
		const char *comma = memchr(rest.at, ',', rest.len);
		size_t len = comma ? (size_t)(comma - rest.at) : rest.len;
		status = add_item(setting, trim((struct text){rest.at, len}), &list, error);
		size_t used = comma ? len + 1 : len;
		rest = (struct text){rest.at + used, rest.len - used};
	}
	if (status != STATUS_OK) {
		clear_items(&list);
		return status;
	}
	clear_items(member);
	*(struct conf_list *)member = list;
	return STATUS_OK;
}

/* A YAML double-quoted scalar; texts hold no control characters (copy_text). */
static void print_quoted(const char *text, struct buf *out)
{
	buf_put_byte(out, '"');
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_put_byte(out, '\\');
		buf_put_byte(out, (uint8_t)*text);
	}
	buf_put_byte(out, '"');
}

static void print_text(const struct setting *setting, const void *member, struct buf *out)
{
	(void)setting;
	print_quoted(*(char *const *)member, out);
}

static void print_bool(const struct setting *setting, const void *member, struct buf *out)
{
	(void)setting;
	buf_put_string(out, *(const bool *)member ? "true" : "false");
}

/* In the largest unit that leaves a whole number. */
static void print_number(const struct setting *setting, const void *member, struct buf *out)
{
	uint64_t number =
		setting->type == SETTING_DURATION ? (uint64_t) * (const int64_t *)member : *(const uint64_t *)member;
	const struct unit *best = types[setting->type].units;
	for (const struct unit *unit = best; unit->name; unit++) {
		if (unit->printed && number % unit->size == 0)
			best = unit;
	}
	buf_put_uint(out, number / best->size);
	if (number)
		buf_put_string(out, best->name);
}

static void print_list(const struct setting *setting, const void *member, struct buf *out)
{
	(void)setting;
	const struct conf_list *list = member;
	buf_put_byte(out, '[');
	for (size_t i = 0; i < list->count; i++) {
		buf_put_string(out, i ? ", " : "");
		print_quoted(list->items[i], out);
	}
	buf_put_byte(out, ']');
}

static void *member_of(const struct setting *setting, struct conf *conf)
{
	return (char *)conf + setting->offset;
}

static const void *const_member_of(const struct setting *setting, const struct conf *conf)
{
	return (const char *)conf + setting->offset;
}

enum status setting_read(const struct setting *setting, struct text value, struct conf *conf, struct error *error)
{
	return types[setting->type].read(setting, value, member_of(setting, conf), error);
}

enum status setting_add_item(const struct setting *setting, struct text item, struct conf *conf, struct error *error)
{
	return add_item(setting, item, member_of(setting, conf), error);
}

void setting_clear_list(const struct setting *setting, struct conf *conf)
{
	assert(setting->type == SETTING_LIST);
	clear_items(member_of(setting, conf));
}

void setting_print(const struct setting *setting, const struct conf *conf, struct buf *out)
{
	types[setting->type].print(setting, const_member_of(setting, conf), out);
}

void setting_print_range(const struct setting *setting, struct buf *out)
{
	if (types[setting->type].units)
		buf_printf(out, "%s to %s.", setting->min, setting->max);
	else if (setting->type == SETTING_BOOL)
		buf_put_string(out, "true or false.");
	else if (setting->min[0])
		buf_printf(out, "One of %s.", setting->min);
}

/* Two values are equal when they print the same. */
bool setting_equal(const struct setting *setting, const struct conf *a, const struct conf *b)
{
	struct buf of_a;
	struct buf of_b;
	buf_init(&of_a, SIZE_MAX);
	buf_init(&of_b, SIZE_MAX);
	setting_print(setting, a, &of_a);
	setting_print(setting, b, &of_b);
	bool equal = buf_status(&of_a) == STATUS_OK && buf_status(&of_b) == STATUS_OK &&
		     text_equal(buf_text(&of_a), buf_text(&of_b));
	buf_finish(&of_a);
	buf_finish(&of_b);
	return equal;
}

void setting_finish(const struct setting *setting, struct conf *conf)
{
	void *member = member_of(setting, conf);
	if (setting->type == SETTING_TEXT)
		free(*(char **)member);
	else if (setting->type == SETTING_LIST)
		clear_items(member);
}
