#include "block_sample.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "block.h"

enum { LIST_BYTES_MAX = 4 * 1024, LEAVES_MAX = 400, FIRST_TIME_S = 1795230845 };

static const struct {
	uint8_t type;
} fields[FIELD_LIMIT] = {
#define FIELD(number, name, path, type, limit, flags) [number] = {FIELD_TYPE_##type},
#include "tbl/fields.h"
#undef FIELD
};

uint64_t sample_random(struct sample *sample)
{
	/* splitmix64 */
	uint64_t z = sample->state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t sample_below(struct sample *sample, uint64_t limit)
{
	return sample_random(sample) % limit;
}

static struct text print(struct sample *sample, const char *format, ...) PRINTF_LIKE(2, 3);
static struct text print(struct sample *sample, const char *format, ...)
{
	char text[512];
	va_list arguments;
	va_start(arguments, format);
	int len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	assert(len >= 0 && (size_t)len < sizeof(text));
	return arena_copy(sample->arena, (struct text){text, (size_t)len});
}

static struct text uuid(struct sample *sample)
{
	uint64_t a = sample_random(sample);
	uint64_t b = sample_random(sample);
	return print(sample, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xffff),
		(unsigned)(a & 0xffff), (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffff));
}

static struct text hex(struct sample *sample, unsigned digits)
{
	char text[65];
	for (unsigned i = 0; i < digits; i++)
		text[i] = "0123456789abcdef"[sample_below(sample, 16)];
	return arena_copy(sample->arena, (struct text){text, digits});
}

static struct text words(struct sample *sample, unsigned count)
{
	static const char *const list[] = {"select", "from", "WHERE", "x", "42", "007", "-1", "naïve", "日本", "a_b",
		"=", "tab\\t", "10000000000000000000000", "q\\\"q", "", "e1f2"};
	char text[512];
	size_t len = 0;
	for (unsigned i = 0; i < count && len < sizeof(text) - 32; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s",
			i ? " ,;"[sample_below(sample, 3)] == ',' ? ", " : " " : "",
			list[sample_below(sample, sizeof(list) / sizeof(list[0]))]);
	return arena_copy(sample->arena, (struct text){text, len});
}

static size_t skip_string(struct text json, size_t at)
{
	size_t end = at + 1;
	while (json.at[end] != '"')
		end += json.at[end] == '\\' ? 2 : 1;
	return end + 1;
}

/* Scalars of minified JSON: strings that are no member names, and runs of other characters. */
static uint32_t find_leaves(struct text json, struct json_leaf *leaves)
{
	uint32_t count = 0;
	for (size_t at = 0; at < json.len;) {
		size_t end = at + 1;
		if (json.at[at] == '"') {
			end = skip_string(json, at);
			if (end < json.len && json.at[end] == ':') {
				at = end;
				continue;
			}
		} else if (strchr("{}[],:", json.at[at])) {
			at++;
			continue;
		} else {
			while (end < json.len && !strchr("{}[],:", json.at[end]))
				end++;
		}
		assert(count < LEAVES_MAX);
		leaves[count++] = (struct json_leaf){(uint32_t)at, (uint32_t)(end - at)};
		at = end;
	}
	return count;
}

void sample_payload(struct sample *sample, struct event *event, unsigned field, struct text json)
{
	static const unsigned payload_fields[] = {FIELD_REQUEST, FIELD_RESPONSE, FIELD_ATTRS, FIELD_DEFINITION};
	unsigned payload = 0;
	while (payload_fields[payload] != field)
		payload++;
	struct json_leaf *leaves = arena_alloc(sample->arena, LEAVES_MAX * sizeof(*leaves));
	assert(leaves);
	uint32_t count = find_leaves(json, leaves);
	event_set_text(event, field, json);
	event->payload[payload] = (struct payload_leaves){count <= 256 ? leaves : NULL, count};
}

static struct text scalar(struct sample *sample)
{
	switch (sample_below(sample, 8)) {
	case 0:
		return print(sample, "%lld", (long long)(sample_random(sample) >> sample_below(sample, 64)));
	case 1:
		return TEXT("true");
	case 2:
		return TEXT("null");
	case 3:
		return print(sample, "-%u.50e+7", (unsigned)sample_below(sample, 100));
	case 4:
		return print(sample, "\"%s\"", uuid(sample).at);
	default:
		return print(sample, "\"%s\"", words(sample, (unsigned)sample_below(sample, 9)).at);
	}
}

/* Texts that differ in a few words only. */
static struct text sentence(struct sample *sample)
{
	static const char *const list[] = {"orders", "Total", "path_1", "naïve", "src"};
	const char *word = list[sample_below(sample, 5)];
	unsigned number = (unsigned)sample_below(sample, 100000);
	if (sample_below(sample, 3))
		return print(sample, "SELECT %s, x FROM t WHERE id = %u LIMIT 10", word, number);
	return print(sample, "open /srv/%s/%u.txt: %s (0%u)", word, number, list[sample_below(sample, 5)], number);
}

static struct text json(struct sample *sample)
{
	switch (sample_below(sample, 16)) {
	case 12:
	case 13:
	case 14:
		return print(sample, "{\"sql\":\"%s\",\"esc\":\"a\\nb \\u00e9t\\u00e9\"}", sentence(sample).at);

	case 0:
		return scalar(sample);
	case 1:
		return TEXT("{}");
	case 2:
		return TEXT("[]");
	case 3:
		return print(sample, "[%s,[%s,%s],{}]", scalar(sample).at, scalar(sample).at, scalar(sample).at);
	case 4: /* a shape of its own */
		return print(sample, "{\"k%u\":[%s],\"a\\\"b{[\":%s}", (unsigned)sample_below(sample, 2000),
			scalar(sample).at, scalar(sample).at);
	case 5:
		return print(sample, "{\"a\":1,\"a\":%s}", scalar(sample).at);
	default:
		return print(sample, "{\"path\":%s,\"n\":%u,\"deep\":{\"list\":[%s,%s]}}", scalar(sample).at,
			(unsigned)sample_below(sample, 100000), scalar(sample).at, scalar(sample).at);
	}
}

/* A list of n numbers. */
static struct text list(struct sample *sample, unsigned n)
{
	char *text = arena_alloc(sample->arena, LIST_BYTES_MAX);
	assert(text && n <= LEAVES_MAX);
	size_t len = 0;
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(text + len, LIST_BYTES_MAX - len, "%c%u", i ? ',' : '[', i);
	text[len++] = ']';
	return (struct text){text, len};
}

/* Longer than what is kept in the block. */
static struct text large(struct sample *sample)
{
	size_t len = PAYLOAD_INLINE_BYTES_MAX + (1 + sample_below(sample, 3)) * 1000;
	char *text = arena_alloc(sample->arena, len);
	assert(text);
	memset(text, (int)('a' + sample_below(sample, 4)), len);
	text[0] = text[len - 1] = '"';
	return (struct text){text, len};
}

static void set_payload(struct sample *sample, struct event *event, unsigned field)
{
	struct text text = json(sample);
	if (sample_below(sample, 100) == 0)
		text = list(sample, 250 + (unsigned)sample_below(sample, 20));
	if (sample->large_payloads && sample_below(sample, 50) == 0)
		text = large(sample);
	sample_payload(sample, event, field, text);
}

static void set_any(struct sample *sample, struct event *event, unsigned field)
{
	switch ((enum field_type)fields[field].type) {
	case FIELD_TYPE_NONE:
		break;
	case FIELD_TYPE_BOOL:
		event_set_number(event, field, (int64_t)sample_below(sample, 2));
		break;
	case FIELD_TYPE_INT:
	case FIELD_TYPE_TIME:
		event_set_number(event, field, (int64_t)(sample_random(sample) >> sample_below(sample, 64)));
		break;
	case FIELD_TYPE_TOKEN:
		event_set_text(event, field,
			sample_below(sample, 9) ? print(sample, "\"%u\"", (unsigned)sample_below(sample, 1000))
						: TEXT("1.5"));
		break;
	case FIELD_TYPE_PAYLOAD:
		set_payload(sample, event, field);
		break;
	case FIELD_TYPE_JSON:
		event_set_text(event, field, json(sample));
		break;
	default:
		event_set_text(event, field,
			sample_below(sample, 4) ? words(sample, 1 + (unsigned)sample_below(sample, 5))
						: hex(sample, 64));
	}
}

struct event *sample_event(struct sample *sample, uint64_t number)
{
	static const char *const servers[] = {"fs", "pg", "gh"};
	struct event *event = arena_calloc(sample->arena, 1, sizeof(*event));
	assert(event);
	event_set_text(event, FIELD_KIND, TEXT("tool_call"));
	event_set_text(event, FIELD_ID,
		sample_below(sample, 40) ? uuid(sample) : print(sample, "own-%llu", (unsigned long long)number));
	event_set_number(event, FIELD_TIME,
		FIRST_TIME_S * INT64_C(1000000000) + (int64_t)(number * 20000000 + sample_below(sample, 40000000)));
	event_set_number(event, FIELD_DURATION_NS, (int64_t)sample_below(sample, 1000000000));
	event_set_text(event, FIELD_TENANT, sample_below(sample, 3) ? TEXT("acme") : TEXT("globex"));
	event_set_text(event, FIELD_SERVER_NAME, text_of(servers[sample_below(sample, 3)]));
	event_set_text(event, FIELD_TARGET_NAME, print(sample, "tool%u", (unsigned)sample_below(sample, 4)));
	event_set_text(event, FIELD_TRACE_ID, hex(sample, 32));
	if (sample_below(sample, 10))
		event_set_text(event, FIELD_SPAN_ID, hex(sample, 16));
	event_set_text(event, FIELD_SESSION_ID,
		print(sample, "00000000-0000-4000-8000-%012x", (unsigned)sample_below(sample, 50)));
	event_set_text(event, FIELD_REQUEST_ID, print(sample, "\"%u\"", (unsigned)(number % 1000)));
	event_set_text(event, FIELD_USER_ID, print(sample, "user%u@example.com", (unsigned)sample_below(sample, 300)));
	event_set_number(event, FIELD_RECV_TIME, (FIRST_TIME_S + (int64_t)(number / 100)) * INT64_C(1000000000));
	if (sample_below(sample, 2))
		event_set_text(event, FIELD_ERROR_MESSAGE, sentence(sample));
	set_payload(sample, event, FIELD_REQUEST);
	if (sample_below(sample, 3) == 0)
		set_payload(sample, event, FIELD_RESPONSE);
	for (unsigned i = 0; i < 3; i++) {
		unsigned field = (unsigned)sample_below(sample, FIELD_LIMIT);
		if (!event_has(event, field) && field != FIELD_SEQ)
			set_any(sample, event, field);
	}
	return event;
}

const char *sample_difference(const struct event *a, const struct event *b)
{
	static char text[300];
	for (unsigned field = 1; field < FIELD_LIMIT; field++) {
		if (field == FIELD_SEQ)
			continue;
		const struct value *x = &a->value[field];
		const struct value *y = &b->value[field];
		bool same = event_has(a, field) == event_has(b, field);
		if (same && event_has(a, field))
			same = field_is_number((enum field_type)fields[field].type) ? x->number == y->number
										    : text_equal(x->text, y->text);
		if (!same) {
			struct text s = event_text(a, field);
			struct text t = event_text(b, field);
			(void)snprintf(text, sizeof(text), "field %u: %d %lld %.*s | %d %lld %.*s", field,
				event_has(a, field), (long long)x->number, (int)(s.len < 80 ? s.len : 80),
				s.at ? s.at : "", event_has(b, field), (long long)y->number,
				(int)(t.len < 80 ? t.len : 80), t.at ? t.at : "");
			return text;
		}
	}
	return "";
}
