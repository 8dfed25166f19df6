/*
 * decoder - what the parts of event_decode share: reading members (decode.c), whole values and payloads (payload.c),
 * and what the collector adds (judge.c).
 */
#ifndef MCPLEDGER_EVENT_DECODER_H
#define MCPLEDGER_EVENT_DECODER_H

#include "event.h"
#include "fields.h"
#include "redact_scan.h"

enum { LEAVES_MAX = 4096, CUTS_MAX = 16, SEEN_VALUES_MAX = 128 };

/* Where a field's value stands in the text: between its quotes, if it is a string. */
struct seen_value {
	const struct json_leaf *leaves; /* of a whole value; by their places in it */
	uint32_t leaf_count;
	uint32_t from, to;
	uint64_t objects; /* envelope objects that were seen before it, a bit each */
	uint8_t field;
	bool whole; /* a payload, or else kept as a whole */
};

struct event_decoder {
	struct json_reader *reader; /* of the event's text */
	struct json_reader *again;  /* of texts made from it */
	struct outline *outline;    /* of the events before it */
	struct arena arena;         /* one event's */
	struct buf unknown;         /* unknown members: "path":value,… */
	struct buf origin;          /* collector members of an exported line: "name":value,… */
	struct buf text;            /* for making one text */
	const struct field_member *members;
	unsigned kind;                 /* the number of the member `kind` of the event itself */
	uint16_t follows[MEMBERS_MAX]; /* by the number of a member: of the one that came next the last time */
	/* of the event at hand */
	unsigned member; /* the number of the one read last */
	const struct event_rules *rules;
	struct event *event;
	struct reject *why;
	struct redact_counts counts;
	uint64_t seen_objects;           /* nodes, a bit each */
	uint64_t seen[FIELD_LIMIT / 64]; /* fields, null or not */
	struct json_value attrs;         /* as sent */
	bool has_attrs;
	bool suspect; /* a string without escapes may hold a secret */
	bool in_auth_event;
	bool duplicates;  /* an object inside a payload has a member twice */
	struct text json; /* as it was sent */
	struct seen_value seen_values[SEEN_VALUES_MAX];
	size_t seen_value_count;
	bool is_plain;             /* all of it is in seen_values, and could be taken as it stands */
	struct text origin_tenant; /* the effective tenant of an exported line */
	struct {
		uint8_t field;
		size_t size; /* before the cut */
	} cuts[CUTS_MAX];
	size_t cut_count;
};

/* Takes the value of a field: a string, number, true, false or null; or a whole one.  The reader is not asked. */
enum status decode_scalar(struct event_decoder *decoder, unsigned field, const struct json_token *token) MUST_CHECK;
enum status decode_whole(struct event_decoder *decoder, unsigned field, struct json_value *value) MUST_CHECK;
/* A field that was already seen, were it null, is refused. */
enum status decode_see(struct event_decoder *decoder, unsigned field) MUST_CHECK;
/* Fills *why and returns STATUS_INVALID.  what is one of our own texts: a path, never a name or value that was sent. */
/* Sets a field to what stands in decoder->text. */
enum status decode_keep_text(struct event_decoder *decoder, unsigned field) MUST_CHECK;
enum status decode_refuse(struct event_decoder *decoder, enum reason reason, const char *what) MUST_CHECK;
/* The reader's fault as a reason; STATUS_NO_MEMORY stays what it is. */
enum status decode_refuse_json(struct event_decoder *decoder, enum status status) MUST_CHECK;
/* Redacts a decoded string; escaped: as sent it held a backslash. */
enum status decode_redact(struct event_decoder *decoder, bool escaped, struct text *text) MUST_CHECK;
/* Shortens text to at most `max` bytes, at the end of a character. */
struct text decode_cut(struct text text, size_t max);
void decode_add_cut(struct event_decoder *decoder, unsigned field, size_t size);

/* Reads the next value whole, checked, minified; without_leaves for what needs none. */
enum status payload_read(struct event_decoder *decoder, bool with_leaves, struct json_value *value) MUST_CHECK;
/* Redacts a value that was read. */
enum status payload_redact(struct event_decoder *decoder, struct json_value *value, bool *changed) MUST_CHECK;
/* Redacts, cuts and sets a PAYLOAD field. */
enum status payload_set(struct event_decoder *decoder, unsigned field, const struct json_value *sent) MUST_CHECK;
/* Puts the unknown members behind those of `attrs` that were sent. */
enum status payload_set_attrs(struct event_decoder *decoder, const struct json_value *sent) MUST_CHECK;

/* What the collector adds once all members were read; refuses what lacks a member or may not be written. */
enum status judge_event(struct event_decoder *decoder) MUST_CHECK;

#endif
