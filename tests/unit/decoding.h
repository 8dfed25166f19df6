/* decoding - one decoder and event for the tests of what events become. */
#ifndef MCPLEDGER_TEST_DECODING_H
#define MCPLEDGER_TEST_DECODING_H

#include <stdio.h>

#include "event.h"

/* 2026-11-20T10:00:00Z, the receive time of all tests. */
#define DECODING_NOW INT64_C(1795168800000000000)

struct decoding {
	struct event_decoder *decoder;
	struct event_rules rules;
	struct event event;
	struct reject why;
	struct buf out;
};

static struct decoding decoding;

static struct event_rules decoding_rules(void)
{
	return (struct event_rules){
		.event_bytes_max = 16 << 20, .payload_bytes_max = 4 << 20, .depth_max = 64, .now_ns = DECODING_NOW};
}

static int decoding_setup(void **state)
{
	(void)state;
	decoding.rules = decoding_rules();
	buf_init(&decoding.out, 64 << 20);
	return event_decoder_create(&decoding.decoder) == STATUS_OK ? 0 : -1;
}

static int decoding_teardown(void **state)
{
	(void)state;
	event_decoder_destroy(&decoding.decoder);
	buf_finish(&decoding.out);
	return 0;
}

static inline enum status decode_text(struct text json)
{
	/* A copy without a byte behind it, so that the address sanitizer sees what reads too far. */
	static char *copy;
	free(copy);
	copy = malloc(json.len ? json.len : 1);
	if (copy == NULL)
		return STATUS_NO_MEMORY;
	if (json.len)
		memcpy(copy, json.at, json.len);
	return event_decode(
		decoding.decoder, (struct text){copy, json.len}, &decoding.rules, &decoding.event, &decoding.why);
}

static inline void decode_ok(const char *json)
{
	if (decode_text(text_of(json)) != STATUS_OK)
		fail_msg("refused (%s): %s", decoding.why.text, json);
}

static inline void decode_refused(const char *json, enum reason reason)
{
	assert_int_equal(decode_text(text_of(json)), STATUS_INVALID);
	if (decoding.why.reason != reason)
		fail_msg("%s instead of %s: %s", reason_name(decoding.why.reason), reason_name(reason), json);
}

static inline struct text canonical(void)
{
	buf_clear(&decoding.out);
	event_put_canonical(&decoding.out, &decoding.event);
	assert_int_equal(buf_status(&decoding.out), STATUS_OK);
	return buf_text(&decoding.out);
}

static inline void check_canonical(const char *json, const char *wanted)
{
	decode_ok(json);
	struct text is = canonical();
	if (!text_equal(is, text_of(wanted)))
		fail_msg("%s\n became %.*s\n not    %s", json, (int)is.len, is.at, wanted);
}

static inline void check_text(unsigned field, const char *wanted)
{
	struct text is = event_text(&decoding.event, field);
	if (wanted == NULL ? event_has(&decoding.event, field) : !text_equal(is, text_of(wanted)))
		fail_msg("%s is %.*s, not %s", field_info(field)->path, (int)is.len, is.at, wanted ? wanted : "absent");
}

static inline void check_number(unsigned field, int64_t wanted)
{
	assert_true(event_has(&decoding.event, field));
	assert_int_equal(decoding.event.value[field].number, wanted);
}

#endif
