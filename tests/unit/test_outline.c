/*
 * Events read by outline are those the reader of JSON gives.  Texts are made of a form (which members, in which order,
 * with which white space, of which kinds of value) and values; a decoder that has seen others of the form must give the
 * same as one that has seen nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <time.h>

#include "decoding.h"

enum { FORMS = 800, TEXTS_OF_FORM = 6, PICKS = 6 };

static uint64_t random_state;

static unsigned pick(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % below;
}

static const char *const strings[] = {"\"\"", "\"a\"", "\"read_file\"", "\"tools/call\"", "\"\xc3\xa4\xe2\x82\xac\"",
	"\"a \\\"b\\\" \\n\"", "\"auth\"", "\"tool_call\"", "\"password=hunter2\"", "\"\\ud800\"",
	"\"0123456789012345678901234567890123456789012345678901234567890123456789\"", "\"\xff\"", "\"tab\there\""};
static const char *const scalars[] = {"0", "1", "-5", "12345678", "1795168800000000000", "9223372036854775807",
	"9223372036854775808", "18446744073709551616", "1e3", "2.5", "01", "-", "true", "false", "null", "nul", "[1]"};
static const char *const names[] = {"\"id\"", "\"action\"", "\"tenant\"", "\"session_id\"", "\"time\"",
	"\"duration_ns\"", "\"nobody_knows\"", "\"password\"", "\"reason\"", "\"id\"", "\"seq\"", "\"res\\u0075lt\""};

#define ANY(list) ((list)[pick(sizeof(list) / sizeof((list)[0]))])

/* How one text is made: what the form decides is drawn from `form`, what differs from `value`. */
struct making {
	struct buf out;
	uint64_t form, value;
	const char *comma, *colon;
};

static unsigned choose(struct making *making, unsigned below)
{
	random_state = making->form;
	unsigned chosen = pick(below);
	making->form = random_state;
	return chosen;
}

/* Mostly plain values of the kind that the form wants, so that outlines are followed. */
static void put_value(struct making *making, bool string)
{
	random_state = making->value;
	bool plain = pick(100) < 97;
	if (plain && string)
		buf_printf(&making->out, "\"v%u\"", pick(1000));
	else if (plain)
		buf_printf(&making->out, "%u", pick(100000));
	else
		buf_put_string(&making->out, pick(2) ? ANY(strings) : ANY(scalars));
	making->value = random_state;
}

static void put_payload(struct making *making, unsigned depth)
{
	unsigned kind = choose(making, depth > 3 ? 2 : 5);
	if (kind < 2) {
		put_value(making, kind == 0);
		return;
	}
	bool object = kind > 2;
	unsigned count = choose(making, 4);
	buf_put_byte(&making->out, object ? '{' : '[');
	for (unsigned i = 0; i < count; i++) {
		if (i)
			buf_put_string(&making->out, making->comma);
		if (object)
			buf_printf(&making->out, "\"%s%u\"%s", choose(making, 30) ? "m" : "token",
				choose(making, 40) ? i : 0, making->colon);
		put_payload(making, depth + 1);
	}
	buf_put_byte(&making->out, object ? '}' : ']');
}

static void put_name(struct making *making, const char *name)
{
	if (making->out.at[making->out.len - 1] != '{')
		buf_put_string(&making->out, making->comma);
	buf_put_string(&making->out, name);
	buf_put_string(&making->out, making->colon);
}

static void put_object(struct making *making, const char *name)
{
	put_name(making, name);
	if (choose(making, 20) == 0) {
		buf_put_string(&making->out, choose(making, 2) ? "null" : "{}");
		return;
	}
	buf_put_byte(&making->out, '{');
	put_name(making, "\"name\"");
	put_value(making, true);
	if (choose(making, 2)) {
		put_name(making, choose(making, 8) ? "\"version\"" : "\"strange\"");
		put_value(making, true);
	}
	buf_put_byte(&making->out, '}');
}

static void put_member(struct making *making)
{
	switch (choose(making, 6)) {
	case 0:
		put_object(making, choose(making, 2) ? "\"server\"" : "\"client\"");
		break;
	case 1:
		put_name(making, choose(making, 2) ? "\"request\"" : "\"response\"");
		put_payload(making, 0);
		break;
	case 2:
		put_name(making, choose(making, 2) ? "\"attrs\"" : "\"error\"");
		buf_put_string(&making->out, choose(making, 2) ? "{\"type\":\"x\"}" : "{}");
		break;
	default: {
		random_state = making->form;
		const char *name = ANY(names);
		making->form = random_state;
		put_name(making, name);
		put_value(making, strcmp(name, "\"time\"") != 0 && strcmp(name, "\"duration_ns\"") != 0);
		break;
	}
	}
}

static struct text make_text(struct making *making, uint64_t form, uint64_t value)
{
	making->form = form;
	making->value = value;
	making->comma = choose(making, 4) ? "," : ", ";
	making->colon = *(making->comma + 1) && choose(making, 2) ? ": " : ":";
	buf_clear(&making->out);
	buf_put_byte(&making->out, '{');
	if (choose(making, 10)) {
		put_name(making, "\"kind\"");
		buf_put_string(&making->out, choose(making, 8) ? "\"tool_call\"" : "\"auth\"");
		put_name(making, "\"target\"");
		buf_put_string(&making->out, "{\"name\":\"t\"}");
	}
	for (unsigned i = choose(making, PICKS); i > 0; i--)
		put_member(making);
	if (choose(making, 2)) {
		put_name(making, "\"kind\"");
		buf_put_string(&making->out, choose(making, 3) ? "\"lifecycle\"" : "\"auth\"");
	}
	buf_put_byte(&making->out, '}');
	return buf_text(&making->out);
}

/* What there is to compare of an event. */
static void put_all(struct buf *out, const struct event *event)
{
	event_put_json(out, event, TEXT("store"));
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++) {
		if (!event_has(event, payload_field((enum payload)i)))
			continue;
		const struct payload_leaves *payload = &event->payload[i];
		buf_printf(out, "\n%u: %s", i, payload->leaves ? "" : "no leaves");
		for (uint32_t j = 0; payload->leaves && j < payload->count; j++)
			buf_printf(out, " %u+%u", payload->leaves[j].at, payload->leaves[j].len);
	}
}

static bool was_followed(const struct event *event)
{
	for (unsigned i = 0; i < PAYLOAD_COUNT; i++)
		if (event_has(event, payload_field((enum payload)i)) && event->payload[i].template)
			return true;
	return false;
}

/* Decodes with a decoder that knows nothing. */
static enum status decode_anew(struct text json, struct buf *out, struct reject *why)
{
	struct event_decoder *decoder = NULL;
	static struct event event;
	assert_int_equal(event_decoder_create(&decoder), STATUS_OK);
	enum status status = event_decode(decoder, json, &decoding.rules, &event, why);
	if (status == STATUS_OK) {
		assert_false(was_followed(&event));
		put_all(out, &event);
	}
	event_decoder_destroy(&decoder);
	return status;
}

static void events_read_by_outline_are_what_the_reader_gives(void **state)
{
	(void)state;
	uint64_t seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10) : (uint64_t)time(NULL);
	print_message("SEED=%llu\n", (unsigned long long)seed);
	struct making making;
	struct buf anew;
	unsigned followed = 0, taken = 0;
	buf_init(&making.out, 1 << 20);
	buf_init(&anew, 1 << 20);
	for (unsigned i = 0; i < FORMS * TEXTS_OF_FORM; i++) {
		/* Some forms come again among others. */
		uint64_t form = i % 7 ? i / TEXTS_OF_FORM : i % 11;
		struct text json = make_text(&making, seed + form * UINT64_C(0x9e3779b97f4a7c15), seed ^ i);
		struct reject why;
		buf_clear(&anew);
		buf_clear(&decoding.out);
		enum status wanted = decode_anew(json, &anew, &why);
		enum status status = decode_text(json);
		if (status == STATUS_OK)
			put_all(&decoding.out, &decoding.event);
		taken += status == STATUS_OK;
		followed += status == STATUS_OK && was_followed(&decoding.event);
		if (status != wanted || !text_equal(buf_text(&anew), buf_text(&decoding.out)) ||
			(status != STATUS_OK &&
				(why.reason != decoding.why.reason || why.offset != decoding.why.offset)))
			fail_msg("%.*s\nis %d %.*s\nand was %d %.*s", (int)json.len, json.at, (int)wanted,
				(int)anew.len, anew.at, (int)status, (int)decoding.out.len, decoding.out.at);
	}
	print_message("%u texts taken, %u with a payload by outline\n", taken, followed);
	assert_true(followed > 0);
	buf_finish(&making.out);
	buf_finish(&anew);
}

static void the_second_event_of_a_form_is_read_by_outline(void **state)
{
	(void)state;
	decode_ok(
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"time\":5,\"request\":{\"a\":\"x\",\"b\":[7]}}");
	assert_false(was_followed(&decoding.event));
	decode_ok("{\"kind\":\"tool_call\",\"target\":{\"name\":\"other\"},\"time\":123456,"
		  "\"request\":{\"a\":\"\",\"b\":[0]}}");
	assert_true(was_followed(&decoding.event));
}

static void payloads_of_one_template_have_one_number(void **state)
{
	(void)state;
	uint64_t numbers[3];
	const char *const texts[] = {
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"request\":{\"a\":\"1\"}}",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"request\":{\"a\":\"2\"}}",
		"{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"request\":{\"a\":2}}",
	};
	for (unsigned i = 0; i < 3; i++)
		decode_ok(texts[i]);
	for (unsigned i = 0; i < 3; i++) {
		decode_ok(texts[i]);
		numbers[i] = decoding.event.payload[PAYLOAD_REQUEST].template;
		assert_true(numbers[i] != 0);
	}
	assert_true(numbers[0] == numbers[1]);
	assert_true(numbers[0] != numbers[2]);
}

static void what_comes_twice_is_refused_also_by_outline(void **state)
{
	(void)state;
	decode_ok("{\"kind\":\"tool_call\",\"server\":{\"name\":\"a\"},\"target\":{\"name\":\"t\"},\"id\":\"1\"}");
	decode_ok("{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"server\":{\"version\":\"a\"},\"id\":\"1\"}");
	decode_ok("{\"kind\":\"tool_call\",\"id\":\"1\",\"target\":{\"name\":\"t\"},\"server\":{\"name\":\"a\"}}");
	decode_refused("{\"kind\":\"tool_call\",\"server\":{\"name\":\"a\"},\"target\":{\"name\":\"t\"},"
		       "\"server\":{\"version\":\"a\"},\"id\":\"1\"}",
		REASON_DUPLICATE_MEMBER);
	decode_refused("{\"kind\":\"tool_call\",\"id\":\"1\",\"target\":{\"name\":\"t\"},\"server\":{\"name\":\"a\"},"
		       "\"target\":{\"name\":\"t\"}}",
		REASON_DUPLICATE_MEMBER);
}

static void forms_without_end_are_read_and_forgotten(void **state)
{
	(void)state;
	char json[200];
	for (unsigned i = 0; i < 40000; i++) {
		(void)snprintf(json, sizeof(json),
			"{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"request\":{\"m%u\":\"x\",\"n\":{\"o%u\":"
			"1}}}",
			i, i % 50);
		decode_ok(json);
	}
	decode_ok("{\"kind\":\"tool_call\",\"target\":{\"name\":\"t\"},\"id\":\"1\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			events_read_by_outline_are_what_the_reader_gives, decoding_setup, decoding_teardown),
		cmocka_unit_test_setup_teardown(
			the_second_event_of_a_form_is_read_by_outline, decoding_setup, decoding_teardown),
		cmocka_unit_test_setup_teardown(
			payloads_of_one_template_have_one_number, decoding_setup, decoding_teardown),
		cmocka_unit_test_setup_teardown(
			what_comes_twice_is_refused_also_by_outline, decoding_setup, decoding_teardown),
		cmocka_unit_test_setup_teardown(
			forms_without_end_are_read_and_forgotten, decoding_setup, decoding_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
