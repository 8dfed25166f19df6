/*
 * The file is read as libyaml's stream of events, never as a document tree: each event carries its line and column, so
 * each complaint can point at the very word.  The grammar is two levels of mappings whose values are scalars or lists:
 *
 *     stream  = [ document ]
 *     document = section: { key: scalar | [ scalar, ... ] }
 *
 * Anchors, aliases, tags and directives are refused: nothing in a configuration should mean what it does not say.
 */
#include "file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "nearest.h"
#include "setting.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one; owned */
	bool has_event;
	const char *path;
	struct conf *conf;
	struct error *error;
	size_t lines_seen[SETTING_INDEX_COUNT]; /* where each setting stood, 0 = not yet */
};

static enum status complain_at(struct reader *reader, yaml_mark_t mark, const char *format, ...) PRINTF_LIKE(3, 4);

static enum status complain_at(struct reader *reader, yaml_mark_t mark, const char *format, ...)
{
	char text[300];
	va_list arguments;
	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	enum status status = error_set(
		reader->error, STATUS_INVALID, "%s:%zu:%zu: %s", reader->path, mark.line + 1, mark.column + 1, text);
	if (reader->error) {
		reader->error->line = (unsigned)mark.line + 1;
		reader->error->column = (unsigned)mark.column + 1;
	}
	return status;
}

static enum status next_event(struct reader *reader)
{
	if (reader->has_event)
		yaml_event_delete(&reader->event);
	reader->has_event = false;
	if (!yaml_parser_parse(&reader->parser, &reader->event)) {
		if (reader->parser.error == YAML_MEMORY_ERROR)
			return error_set(reader->error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
		return complain_at(reader, reader->parser.problem_mark, "this is not YAML: %s", reader->parser.problem);
	}
	reader->has_event = true;
	const yaml_event_t *event = &reader->event;
	const yaml_char_t *anchor = NULL;
	const yaml_char_t *tag = NULL;
	if (event->type == YAML_SCALAR_EVENT) {
		anchor = event->data.scalar.anchor;
		tag = event->data.scalar.tag;
	} else if (event->type == YAML_SEQUENCE_START_EVENT) {
		anchor = event->data.sequence_start.anchor;
		tag = event->data.sequence_start.tag;
	} else if (event->type == YAML_MAPPING_START_EVENT) {
		anchor = event->data.mapping_start.anchor;
		tag = event->data.mapping_start.tag;
	}
	if (anchor || tag || event->type == YAML_ALIAS_EVENT)
		return complain_at(reader, event->start_mark, "anchors, aliases and tags are not taken here");
	return STATUS_OK;
}

static struct text scalar_text(const struct reader *reader)
{
	return (struct text){(const char *)reader->event.data.scalar.value, reader->event.data.scalar.length};
}

static bool is_plain(const struct reader *reader)
{
	return reader->event.type == YAML_SCALAR_EVENT && reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* `key:` with nothing behind it. */
static bool is_absent_value(const struct reader *reader)
{
	return is_plain(reader) && reader->event.data.scalar.length == 0;
}

static enum status complain_unknown_section(struct reader *reader, struct text name)
{
	struct nearest nearest;
	nearest_init(&nearest, name);
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++)
		nearest_offer(&nearest, settings[i].section);
	return complain_at(reader, reader->event.start_mark, "unknown section \"%.*s\"%s%s%s",
		(int)(name.len < 60 ? name.len : 60), name.at, nearest.name ? "; did you mean " : "",
		nearest.name ? nearest.name : "", nearest.name ? "?" : "");
}

static enum status complain_unknown_key(struct reader *reader, const char *section, struct text key)
{
	char typed[128];
	struct nearest nearest;
	int len = snprintf(typed, sizeof(typed), "%s.%.*s", section, (int)(key.len < 60 ? key.len : 60), key.at);
	nearest_init(&nearest, (struct text){typed, (size_t)len});
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		nearest_offer(&nearest, settings[i].name);
		if (text_equal(text_of(settings[i].key), key)) {
			nearest.name = settings[i].name; /* the right key in the wrong section */
			break;
		}
	}
	return complain_at(reader, reader->event.start_mark, "unknown key %s%s%s%s", typed,
		nearest.name ? "; did you mean " : "", nearest.name ? nearest.name : "", nearest.name ? "?" : "");
}

/* The event is the value of `setting`: a scalar, or the start of a list. */
static enum status read_value(struct reader *reader, const struct setting *setting)
{
	struct error wrong = {0};
	enum status status = STATUS_OK;
	if (reader->event.type == YAML_SCALAR_EVENT) {
		struct text value = scalar_text(reader);
		if (is_plain(reader) && (text_equal(value, TEXT("~")) || text_equal(value, TEXT("null"))))
			return complain_at(reader, reader->event.start_mark,
				"%s: null is not taken; write \"\" or leave the key out", setting->name);
		status = setting_read(setting, value, reader->conf, &wrong);
		return status == STATUS_OK
			       ? status
			       : complain_at(reader, reader->event.start_mark, "%s: %s", setting->name, wrong.text);
	}
	if (reader->event.type != YAML_SEQUENCE_START_EVENT || setting->type != SETTING_LIST)
		return complain_at(reader, reader->event.start_mark, "%s: %s", setting->name,
			setting->type == SETTING_LIST ? "wanted is a list of texts" : "wanted is one value");
	setting_clear_list(setting, reader->conf);
	for (status = next_event(reader); status == STATUS_OK; status = next_event(reader)) {
		if (reader->event.type == YAML_SEQUENCE_END_EVENT)
			return STATUS_OK;
		if (reader->event.type != YAML_SCALAR_EVENT)
			return complain_at(
				reader, reader->event.start_mark, "%s: a list holds only texts", setting->name);
		status = setting_add_item(setting, scalar_text(reader), reader->conf, &wrong);
		if (status != STATUS_OK)
			return complain_at(reader, reader->event.start_mark, "%s: %s", setting->name, wrong.text);
	}
	return status;
}

/* The event is a key inside of a section. */
static enum status read_key(struct reader *reader, const char *section)
{
	if (reader->event.type != YAML_SCALAR_EVENT)
		return complain_at(reader, reader->event.start_mark, "a key is a word");
	struct text key = scalar_text(reader);
	for (size_t i = 0; i < SETTING_INDEX_COUNT; i++) {
		const struct setting *setting = &settings[i];
		if (strcmp(setting->section, section) != 0 || !text_equal(text_of(setting->key), key))
			continue;
		if (reader->lines_seen[i])
			return complain_at(reader, reader->event.start_mark, "%s stands twice (first in line %zu)",
				setting->name, reader->lines_seen[i]);
		reader->lines_seen[i] = reader->event.start_mark.line + 1;
		enum status status = next_event(reader);
		return status == STATUS_OK ? read_value(reader, setting) : status;
	}
	return complain_unknown_key(reader, section, key);
}

/* The event is a section's name. */
static enum status read_section(struct reader *reader, bool sections_seen[SETTING_INDEX_COUNT])
{
	if (reader->event.type != YAML_SCALAR_EVENT)
		return complain_at(reader, reader->event.start_mark, "a section's name is a word");
	size_t first = 0;
	struct text name = scalar_text(reader);
	while (first < SETTING_INDEX_COUNT && !text_equal(text_of(settings[first].section), name))
		first++;
	if (first == SETTING_INDEX_COUNT)
		return complain_unknown_section(reader, name);
	const char *section = settings[first].section;
	if (sections_seen[first])
		return complain_at(reader, reader->event.start_mark, "section %s stands twice", section);
	sections_seen[first] = true;
	enum status status = next_event(reader);
	if (status != STATUS_OK || is_absent_value(reader))
		return status;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return complain_at(reader, reader->event.start_mark, "section %s holds keys, not a value", section);
	for (status = next_event(reader); status == STATUS_OK; status = next_event(reader)) {
		if (reader->event.type == YAML_MAPPING_END_EVENT)
			return STATUS_OK;
		status = read_key(reader, section);
		if (status != STATUS_OK)
			return status;
	}
	return status;
}

static enum status read_sections(struct reader *reader)
{
	bool sections_seen[SETTING_INDEX_COUNT] = {false};
	if (is_absent_value(reader))
		return STATUS_OK;
	if (reader->event.type != YAML_MAPPING_START_EVENT)
		return complain_at(reader, reader->event.start_mark, "a configuration holds sections, such as `http:`");
	for (;;) {
		enum status status = next_event(reader);
		if (status != STATUS_OK || reader->event.type == YAML_MAPPING_END_EVENT)
			return status;
		status = read_section(reader, sections_seen);
		if (status != STATUS_OK)
			return status;
	}
}

static enum status read_stream(struct reader *reader)
{
	enum status status = next_event(reader); /* the stream's start */
	if (status == STATUS_OK)
		status = next_event(reader);
	if (status != STATUS_OK || reader->event.type == YAML_STREAM_END_EVENT)
		return status;
	if (reader->event.data.document_start.tag_directives.start !=
		reader->event.data.document_start.tag_directives.end)
		return complain_at(reader, reader->event.start_mark, "%%TAG is not taken here");
	status = next_event(reader);
	if (status == STATUS_OK)
		status = read_sections(reader);
	if (status == STATUS_OK)
		status = next_event(reader); /* the document's end */
	if (status == STATUS_OK)
		status = next_event(reader);
	if (status == STATUS_OK && reader->event.type != YAML_STREAM_END_EVENT)
		return complain_at(reader, reader->event.start_mark, "a second document");
	return status;
}

static enum status read_bytes(const char *path, struct buf *bytes, struct error *error)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return error_set(
			error, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO, "%s: %s", path, strerror(errno));
	enum status status = STATUS_OK;
	char *to = buf_reserve(bytes, CONF_FILE_BYTES_MAX + 1);
	if (to == NULL) {
		status = error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	} else {
		bytes->len = fread(to, 1, CONF_FILE_BYTES_MAX + 1, file);
		if (ferror(file))
			status = error_set(error, STATUS_IO, "%s: %s", path, strerror(errno));
		else if (bytes->len > CONF_FILE_BYTES_MAX)
			status = error_set(error, STATUS_TOO_LARGE, "%s: a configuration is at most 1 MiB", path);
	}
	(void)fclose(file);
	return status;
}

enum status conf_read_file(struct conf *conf, const char *path, struct error *error)
{
	struct reader reader = {.path = path, .conf = conf, .error = error};
	struct buf bytes;
	buf_init(&bytes, CONF_FILE_BYTES_MAX + 1);
	enum status status = read_bytes(path, &bytes, error);
	if (status == STATUS_OK && !yaml_parser_initialize(&reader.parser))
		status = error_set(error, STATUS_NO_MEMORY, "%s", status_text(STATUS_NO_MEMORY));
	else if (status == STATUS_OK) {
		yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes.at, bytes.len);
		status = read_stream(&reader);
		if (reader.has_event)
			yaml_event_delete(&reader.event);
		yaml_parser_delete(&reader.parser);
	}
	buf_finish(&bytes);
	return status;
}
