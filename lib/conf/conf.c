#include "conf.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>

#include "file.h"
#include "nearest.h"
#include "setting.h"

#define VARIABLE_PREFIX          "MCPLEDGER_"
#define VARIABLE_PREFIX_OF_TESTS "MCPLEDGER_TEST_"

enum { VARIABLE_BYTES_MAX = sizeof(((struct conf_description *)NULL)->variable) };

static enum status set_defaults(struct conf *conf)
{
	enum status status = STATUS_OK;
	*conf = (struct conf){0};
	for (size_t i = 0; i < SETTING_INDEX_COUNT && status == STATUS_OK; i++) {
		status = setting_read(&settings[i], text_of(settings[i].initial), conf, NULL);
		assert(status == STATUS_OK || status == STATUS_NO_MEMORY);
	}
	return status;
}

/* MCPLEDGER_SECTION_KEY of a setting. */
static void variable_of(const struct setting *setting, char variable[VARIABLE_BYTES_MAX])
{
	int len = snprintf(variable, VARIABLE_BYTES_MAX, VARIABLE_PREFIX "%s_%s", setting->section, setting->key);
	assert(len > 0 && len < VARIABLE_BYTES_MAX);
	for (char *at = variable; *at; at++)
		*at = (char)toupper((unsigned char)*at);
}

static const struct setting *find_by_variable(struct text name)
{
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		char variable[VARIABLE_BYTES_MAX];
		variable_of(&settings[i], variable);
		if (text_equal(text_of(variable), name))
			return &settings[i];
	}
	return NULL;
}

static void warn_unknown(struct text name, struct buf *warnings)
{
	static_assert(SETTING_INDEX_COUNT < 1000, "the variables' names fit the stack");
	char variables[SETTING_INDEX_COUNT][VARIABLE_BYTES_MAX];
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		variable_of(&settings[i], variables[i]);
		nearest_offer(&nearest, variables[i]);
	}
	buf_printf(warnings, "%.*s is not a setting",
		(int)(name.len < VARIABLE_BYTES_MAX ? name.len : VARIABLE_BYTES_MAX), name.at);
	if (nearest.name)
		buf_printf(warnings, "; did you mean %s?", nearest.name);
	buf_put_byte(warnings, '\n');
}

static enum status read_environment(
	struct conf *conf, char *const *environment, struct buf *warnings, struct error *error)
{
	for (; environment && *environment; environment++) {
		const char *variable = *environment;
		const char *equals = strchr(variable, '=');
		if (equals == NULL || strncmp(variable, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0 ||
			strncmp(variable, VARIABLE_PREFIX_OF_TESTS, strlen(VARIABLE_PREFIX_OF_TESTS)) == 0)
			continue;
		struct text name = {variable, (size_t)(equals - variable)};
		const struct setting *setting = find_by_variable(name);
		if (setting == NULL) {
			warn_unknown(name, warnings);
			continue;
		}
		struct error wrong = {0};
		enum status status = setting_read(setting, text_of(equals + 1), conf, &wrong);
		if (status != STATUS_OK)
			return error_set(error, status, "%.*s: %s", (int)name.len, name.at, wrong.text);
	}
	return STATUS_OK;
}

enum status conf_load(
	struct conf *conf, const char *file, char *const *environment, struct buf *warnings, struct error *error)
{
	struct conf loaded;
	enum status status = set_defaults(&loaded);
	if (status != STATUS_OK)
		(void)error_set(error, status, "%s", status_text(status));
	else if (file)
		status = conf_read_file(&loaded, file, error);
	if (status == STATUS_OK)
		status = read_environment(&loaded, environment, warnings, error);
	if (status == STATUS_OK)
		*conf = loaded;
	else
		conf_finish(&loaded);
	return status;
}

void conf_finish(struct conf *conf)
{
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++)
		setting_finish(&settings[i], conf);
	*conf = (struct conf){0};
}

static void print_setting(const struct setting *setting, const struct conf *conf, struct buf *out)
{
	buf_printf(out, "  # %s\n  # ", setting->doc);
	size_t before = out->len;
	setting_print_range(setting, out);
	if (out->len > before)
		buf_put_byte(out, ' ');
	buf_put_string(out, setting->reload ? "Taken over by a reload.\n" : "Needs a restart.\n");
	buf_printf(out, "  %s: ", setting->key);
	setting_print(setting, conf, out);
	buf_put_byte(out, '\n');
}

void conf_print(struct buf *out, const struct conf *conf)
{
	struct conf defaults;
	enum status status = set_defaults(&defaults);
	if (status != STATUS_OK)
		out->failed = status;
	buf_put_string(out,
		"# Configuration of mcpledgerd: every setting with its default.  Each key may be left out.\n"
		"#\n"
		"# Sizes: bytes, or with a unit KiB, MiB, GiB, TiB, PiB (1024) or kB, MB, GB, TB (1000).\n"
		"# Durations need a unit: ns, us, ms, s, m, h, d.  Truth is true or false.\n"
		"# A variable MCPLEDGER_SECTION_KEY overrides the file: MCPLEDGER_HTTP_LISTEN=127.0.0.1:0;\n"
		"# in variables, items of a list are separated by commas.\n"
		"# SIGHUP reloads this file; a bad file changes nothing.  Check it with: mcpledgerd -c FILE "
		"--check-config\n");
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		bool is_first = i == 0 || strcmp(settings[i].section, settings[i - 1].section) != 0;
		if (is_first)
			buf_printf(out, "\n%s:\n", settings[i].section);
		print_setting(&settings[i], conf ? conf : &defaults, out);
	}
	conf_finish(&defaults);
}

bool conf_describe(size_t number, struct conf_description *description, struct buf *range)
{
	if (number >= SETTING_INDEX_COUNT)
		return false;
	const struct setting *setting = &settings[number];
	*description = (struct conf_description){
		setting->section, setting->key, setting->initial, setting->doc, setting->type, setting->reload, ""};
	variable_of(setting, description->variable);
	setting_print_range(setting, range);
	return true;
}

void conf_restart_needed(struct buf *out, const struct conf *running, const struct conf *wanted)
{
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		if (!settings[i].reload && !setting_equal(&settings[i], running, wanted))
			buf_printf(out, "%s\n", settings[i].name);
	}
}
