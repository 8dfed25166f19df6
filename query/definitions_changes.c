#include "definitions_changes.h"

#include "members.h"
#include "timestamp.h"

enum { SHORT_TEXT_BYTES = 60, VALUE_SHOWN_BYTES = 2000, LINE_BYTES_MAX = 64 * 1024 };

bool version_is_removal(const struct version *version)
{
	return text_equal(version->op, TEXT("removed"));
}

/* --- one difference --- */

static void put_cut(struct buf *out, struct text text)
{
	size_t len = text.len;
	if (len > VALUE_SHOWN_BYTES)
		for (len = VALUE_SHOWN_BYTES; len > 0 && ((unsigned char)text.at[len] & 0xc0) == 0x80;)
			len--;
	buf_put(out, text.at, len);
	buf_put_string(out, len < text.len ? "…" : "");
}

static void put_quoted(struct buf *out, const char *before, struct text text)
{
	buf_put_string(out, before);
	buf_put_byte(out, '"');
	put_cut(out, text);
	buf_put_byte(out, '"');
}

/* The members of a definition in words. */
static void put_path(struct buf *out, struct text path)
{
	static const struct {
		const char *start, *words;
	} names[] = {
		{"inputSchema.properties.", "parameter "},
		{"inputSchema.required", "required parameters"},
		{"outputSchema.properties.", "result member "},
		{"outputSchema.required", "required result members"},
		{"annotations.", "hint "},
	};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct text start = text_of(names[i].start);
		if (path.len < start.len || memcmp(path.at, start.at, start.len) != 0)
			continue;
		buf_put_string(out, names[i].words);
		put_cut(out, (struct text){path.at + start.len, path.len - start.len});
		return;
	}
	put_cut(out, path.len > 0 ? path : TEXT("definition"));
}

static bool is_string(struct text json)
{
	return json.len >= 2 && json.at[0] == '"';
}

static void trim(struct text *text)
{
	for (; text->len > 0 && (unsigned char)text->at[0] <= ' '; text->len--)
		text->at++;
	while (text->len > 0 && (unsigned char)text->at[text->len - 1] <= ' ')
		text->len--;
}

static void put_texts(struct buf *out, struct text before, struct text after)
{
	struct text removed;
	struct text added;
	if (before.len <= SHORT_TEXT_BYTES && after.len <= SHORT_TEXT_BYTES) {
		put_quoted(out, ": ", before);
		put_quoted(out, " → ", after);
		return;
	}
	text_diff(before, after, &removed, &added);
	trim(&removed);
	trim(&added);
	buf_put_byte(out, ':');
	if (removed.len > 0)
		put_quoted(out, " removed ", removed);
	if (removed.len > 0 && added.len > 0)
		buf_put_byte(out, ',');
	if (added.len > 0)
		put_quoted(out, " added ", added);
}

static void put_change(struct buf *out, const struct json_change *change, struct arena *scratch)
{
	put_path(out, change->path);
	arena_clear(scratch);
	if (is_string(change->before) && is_string(change->after)) {
		put_texts(out, leaf_text(change->before, scratch), leaf_text(change->after, scratch));
		return;
	}
	if (change->before.len == 0)
		buf_put_string(out, " added: ");
	else if (change->after.len == 0)
		buf_put_string(out, " removed: ");
	else
		buf_put_string(out, ": ");
	put_cut(out, change->before);
	if (change->before.len > 0 && change->after.len > 0)
		buf_put_string(out, " → ");
	put_cut(out, change->after);
}

/* --- all of a version --- */

struct finder {
	struct version_changes *found;
	const struct tool *tool;
	const struct version *before, *version;
	struct arena *arena;
	struct buf line;
};

static void end_line(struct finder *finder)
{
	struct version_changes *found = finder->found;
	found->lines[found->line_count++] = arena_copy(finder->arena, buf_text(&finder->line));
	buf_clear(&finder->line);
}

/* What is known of a change whose texts are not all in the record. */
static void tell_missing(struct finder *finder)
{
	const struct version *before = finder->before;
	const struct version *version = finder->version;
	if (version->old_digest.len > 0 && !(before && text_equal(before->digest, version->old_digest))) {
		buf_put_string(&finder->line, "the definition before it (");
		put_cut(&finder->line, version->old_digest);
		buf_put_string(&finder->line, ") is not in the record");
		end_line(finder);
	}
	if (before && !version_is_removal(before) && !version_is_removal(version) &&
		(before->definition.len == 0 || version->definition.len == 0)) {
		buf_put_string(&finder->line, "its text is not in the record; only digests tell that it changed");
		end_line(finder);
	}
}

/* One that was in force before: a change that was taken back, or servers that do not agree. */
static void tell_return(struct finder *finder)
{
	char time[TIMESTAMP_TEXT_BYTES];
	const struct version *version = finder->version;
	const struct version *earlier = tool_version_by_digest(finder->tool, version->digest, INT64_MIN);
	if (earlier == NULL || earlier->time >= version->time || version_is_removal(version) ||
		version->digest.len == 0)
		return;
	(void)timestamp_format(earlier->time, time);
	buf_printf(&finder->line, "the same as that of %s", time);
	end_line(finder);
}

enum status version_changes_find(struct version_changes *found, const struct tool *tool, const struct version *before,
	const struct version *version, struct arena *arena, struct arena *scratch)
{
	struct finder finder = {found, tool, before, version, arena, {.at = NULL}};
	*found = (struct version_changes){.path_count = 0};
	struct json_changes *changes = arena_calloc(arena, 1, sizeof(*changes));
	if (changes == NULL)
		return STATUS_NO_MEMORY;
	buf_init(&finder.line, LINE_BYTES_MAX);
	tell_return(&finder);
	tell_missing(&finder);
	enum status status = STATUS_OK;
	if (before && before->definition.len > 0 && version->definition.len > 0)
		status = json_diff(before->definition, version->definition, arena, changes);
	for (size_t i = 0; i < changes->count && status == STATUS_OK; i++) {
		found->paths[found->path_count++] = changes->items[i].path;
		put_change(&finder.line, &changes->items[i], scratch);
		end_line(&finder);
	}
	found->more = changes->more;
	buf_finish(&finder.line);
	return status;
}
