#include "demo.h"

#include "crypto.h"
#include "json.h"
#include "members.h"

enum { LINE_BYTES_MAX = 4 * 1024 * 1024, KEY_BYTES = 32 };

struct freshener {
	struct json_reader *reader;
	struct arena arena;
	uint8_t key[KEY_BYTES];
	int64_t shift_ns;
	struct buf *out;
};

enum change { CHANGE_NONE, CHANGE_TIME, CHANGE_UUID, CHANGE_TRACE, CHANGE_SPAN, CHANGE_INSIDE, CHANGE_LEAVE_OUT };

static const struct {
	const char *name;
	enum change change;
} top_members[] = {
	{"time", CHANGE_TIME},
	{"expires_at", CHANGE_TIME},
	{"not_before", CHANGE_TIME},
	{"id", CHANGE_UUID},
	{"session_id", CHANGE_UUID},
	{"conversation_id", CHANGE_UUID},
	{"retry_of", CHANGE_UUID},
	{"caused_by", CHANGE_UUID},
	{"binds_to", CHANGE_UUID},
	{"trace_id", CHANGE_TRACE},
	{"span_id", CHANGE_SPAN},
	{"parent_span_id", CHANGE_SPAN},
	{"observer", CHANGE_INSIDE},
	{"oauth", CHANGE_INSIDE},
	{"tenant", CHANGE_LEAVE_OUT},
};

static enum change change_of(struct text name, bool inside)
{
	if (inside)
		return text_equal(name, TEXT("epoch"))        ? CHANGE_UUID
		       : text_equal(name, TEXT("expires_at")) ? CHANGE_TIME
							      : CHANGE_NONE;
	for (size_t i = 0; i < sizeof(top_members) / sizeof(top_members[0]); i++)
		if (text_equal(name, text_of(top_members[i].name)))
			return top_members[i].change;
	return CHANGE_NONE;
}

static enum status put_id(struct freshener *freshener, struct text value, enum change change)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	enum status status = crypto_hmac_sha256((struct text){(const char *)freshener->key, KEY_BYTES}, value, digest);
	if (status != STATUS_OK)
		return status;
	hex_encode(digest, sizeof(digest), hex);
	if (change == CHANGE_UUID)
		buf_printf(freshener->out, "\"%.8s-%.4s-%.4s-%.4s-%.12s\"", hex, hex + 8, hex + 12, hex + 16, hex + 20);
	else
		buf_printf(freshener->out, "\"%.*s\"", change == CHANGE_TRACE ? 32 : 16, hex);
	return STATUS_OK;
}

static enum status put_time(struct freshener *freshener, struct text value)
{
	int64_t ns = 0;
	enum status status = json_integer(value, &ns);
	if (status == STATUS_OK && __builtin_add_overflow(ns, freshener->shift_ns, &ns))
		status = STATUS_LIMIT;
	buf_put_int(freshener->out, ns);
	return status;
}

static enum status put_object(struct freshener *freshener, struct text object, bool inside);

static enum status put_member(struct freshener *freshener, struct text value, enum change change)
{
	switch (change) {
	case CHANGE_TIME:
		return put_time(freshener, value);
	case CHANGE_UUID:
	case CHANGE_TRACE:
	case CHANGE_SPAN:
		return put_id(freshener, value, change);
	case CHANGE_INSIDE:
		return put_object(freshener, value, true);
	default:
		buf_put_text(freshener->out, value);
		return STATUS_OK;
	}
}

static enum status put_object(struct freshener *freshener, struct text object, bool inside)
{
	struct buf *out = freshener->out;
	struct members members;
	struct text name;
	struct text value;
	const char *before = inside ? "{" : "{\"tenant\":\"demo\",";
	enum status status = members_begin(object, &members) && members.object ? STATUS_OK : STATUS_INVALID;
	while (status == STATUS_OK && members_next(&members, &name, &value)) {
		enum change change = change_of(name, inside);
		if (change == CHANGE_LEAVE_OUT)
			continue;
		buf_put_string(out, before);
		before = ",";
		buf_put_byte(out, '"');
		buf_put_text(out, name);
		buf_put_string(out, "\":");
		status = put_member(freshener, value, change);
	}
	buf_put_string(out, before[0] == '{' ? "{}" : "}");
	return status;
}

/* The line's JSON, checked and without white space. */
static enum status read_line(struct freshener *freshener, struct text line, struct text *json)
{
	struct json_value value;
	arena_clear(&freshener->arena);
	enum status status = json_begin(freshener->reader, line);
	if (status == STATUS_OK)
		status = json_value(freshener->reader, &freshener->arena, 0, &value);
	if (status == STATUS_OK)
		status = json_end(freshener->reader);
	if (status == STATUS_OK)
		*json = value.text;
	return status;
}

static bool next_line(struct text text, size_t *at, struct text *line)
{
	while (*at < text.len && text.at[*at] == '\n')
		(*at)++;
	if (*at >= text.len)
		return false;
	const char *newline = memchr(text.at + *at, '\n', text.len - *at);
	size_t end = newline ? (size_t)(newline - text.at) : text.len;
	*line = (struct text){text.at + *at, end - *at};
	*at = end;
	return true;
}

static int64_t time_of(struct text json)
{
	struct members members;
	struct text name;
	struct text value;
	int64_t ns = 0;
	if (members_begin(json, &members))
		while (members_next(&members, &name, &value))
			if (text_equal(name, TEXT("time")) && json_integer(value, &ns) == STATUS_OK)
				return ns;
	return INT64_MIN;
}

static enum status find_shift(struct freshener *freshener, struct text recorded, int64_t now_ns)
{
	int64_t newest = INT64_MIN;
	struct text line;
	struct text json;
	for (size_t at = 0; next_line(recorded, &at, &line);) {
		enum status status = read_line(freshener, line, &json);
		if (status != STATUS_OK)
			return status;
		int64_t time = time_of(json);
		newest = time > newest ? time : newest;
	}
	return __builtin_sub_overflow(now_ns, newest, &freshener->shift_ns) ? STATUS_INVALID : STATUS_OK;
}

static enum status put_lines(struct freshener *freshener, struct text recorded)
{
	struct text line;
	struct text json;
	for (size_t at = 0; next_line(recorded, &at, &line);) {
		enum status status = read_line(freshener, line, &json);
		if (status == STATUS_OK)
			status = put_object(freshener, json, false);
		if (status != STATUS_OK)
			return status;
		buf_put_byte(freshener->out, '\n');
	}
	return buf_status(freshener->out);
}

enum status demo_freshen(struct text recorded, int64_t now_ns, struct buf *out, struct error *error)
{
	struct freshener freshener = {.out = out};
	arena_init(&freshener.arena, LINE_BYTES_MAX);
	enum status status = json_reader_create(&freshener.reader);
	if (status == STATUS_OK)
		status = crypto_random(freshener.key, sizeof(freshener.key));
	if (status == STATUS_OK)
		status = find_shift(&freshener, recorded, now_ns);
	if (status == STATUS_OK)
		status = put_lines(&freshener, recorded);
	json_reader_destroy(&freshener.reader);
	arena_finish(&freshener.arena);
	if (status != STATUS_OK)
		return error_set(error, status, "the demo's recording can't be used: %s", status_text(status));
	return STATUS_OK;
}
