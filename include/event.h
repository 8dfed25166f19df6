/*
 * event - one audit event: the fields it has, where they come from, and its canonical bytes.
 *
 * A struct event is a set of borrowed views; whoever fills one says how long they live.  Fields are indexed by their
 * permanent numbers (tbl/fields.h), so a number never means another field.
 *
 * event_decode turns the JSON text an emitter sent into views, redacted and cut to the limits: nothing of it that must
 * not be kept is in the views any more.  event_put_canonical renders the emitter's part, event_put_json all of it.
 * A decoder belongs to one thread at a time; the other functions may be called from any thread.
 */
#ifndef MCPLEDGER_EVENT_H
#define MCPLEDGER_EVENT_H

#include "json.h"

enum { FIELDS_VERSION = 1, FIELD_LIMIT = 256, FIELD_COLLECTOR_FIRST = 200, EVENT_NAME_MAX = 64 };

enum field {
#define FIELD(number, name, path, type, limit, flags) FIELD_##name = (number),
#include "tbl/fields.h"
#undef FIELD
};

enum field_type {
	FIELD_TYPE_NONE, /* no field has this number */
	FIELD_TYPE_TEXT,
	FIELD_TYPE_ID,
	FIELD_TYPE_LONG,
	FIELD_TYPE_INT,
	FIELD_TYPE_BOOL,
	FIELD_TYPE_TIME,
	FIELD_TYPE_TOKEN,
	FIELD_TYPE_JSON,
	FIELD_TYPE_PAYLOAD,
};

enum field_flags { FIELD_IN_SET = 1, FIELD_IN_FILTER = 2, FIELD_RANGED = 4 };

struct field_info {
	const char *path;
	enum field_type type;
	uint32_t limit_bytes; /* 0: none of its own */
	unsigned flags;
};

/* The description of a field; type FIELD_TYPE_NONE where the number is not used. */
const struct field_info *field_info(unsigned field);
/* The field with this path, e.g. "target.name"; 0 = none. */
unsigned field_find(struct text path);
/* INT, BOOL and TIME fields hold numbers, all others text. */
static inline bool field_is_number(enum field_type type)
{
	return type == FIELD_TYPE_INT || type == FIELD_TYPE_BOOL || type == FIELD_TYPE_TIME;
}
/* All fields in the order of canonical bytes (an object where its lowest number stands); returns how many. */
size_t field_order(const uint8_t **numbers);

enum verdict {
#define VERDICT(name, text, counts, error) VERDICT_##name,
#include "tbl/verdicts.h"
#undef VERDICT
	VERDICT_COUNT
};
const char *verdict_name(enum verdict verdict);
bool verdict_is_error(enum verdict verdict); /* what `verdict:error` means */
bool verdict_counts_against_server(enum verdict verdict);
enum verdict verdict_find(struct text name); /* VERDICT_COUNT: no such verdict */

enum kind {
	KIND_OTHER, /* kept, marked `kind_unknown` */
#define KIND(name, text) KIND_##name,
#include "tbl/kinds.h"
#undef KIND
	KIND_COUNT
};
enum kind kind_find(struct text name);

enum reason {
#define REASON(name, text, meaning) REASON_##name,
#include "tbl/reasons.h"
#undef REASON
	REASON_COUNT
};
const char *reason_name(enum reason reason);
const char *reason_meaning(enum reason reason);

/* One field's value: number for INT, BOOL, TIME; text for the rest (JSON and PAYLOAD: minified JSON). */
struct value {
	int64_t number;
	struct text text;
};

/* A payload's scalar leaves, as json_value found them after redaction; NULL where there are too many for a shape. */
struct payload_leaves {
	const struct json_leaf *leaves;
	uint32_t count;
	uint64_t template; /* not 0: payloads of the same number have the same text around their leaves */
};

enum payload { PAYLOAD_REQUEST, PAYLOAD_RESPONSE, PAYLOAD_ATTRS, PAYLOAD_DEFINITION, PAYLOAD_COUNT };
/* FIELD_REQUEST -> PAYLOAD_REQUEST …; PAYLOAD_COUNT for any other field.  payload_field is its inverse. */
enum payload payload_of(unsigned field);
unsigned payload_field(enum payload payload);

struct event {
	uint64_t present[FIELD_LIMIT / 64];
	enum kind kind;
	enum verdict verdict;
	struct payload_leaves payload[PAYLOAD_COUNT];
	struct value value[FIELD_LIMIT]; /* defined only where present */
};

static inline void event_clear(struct event *event)
{
	memset(event->present, 0, sizeof(event->present));
}
static inline bool event_has(const struct event *event, unsigned field)
{
	return event->present[field / 64] >> (field % 64) & 1;
}
static inline void event_set_text(struct event *event, unsigned field, struct text text)
{
	event->present[field / 64] |= UINT64_C(1) << (field % 64);
	event->value[field].text = text;
}
static inline void event_set_number(struct event *event, unsigned field, int64_t number)
{
	event->present[field / 64] |= UINT64_C(1) << (field % 64);
	event->value[field].number = number;
}
static inline struct text event_text(const struct event *event, unsigned field)
{
	return event_has(event, field) ? event->value[field].text : (struct text){NULL, 0};
}

/* The tenant an event belongs to: the one it names, else the collector's judgement (`ingest.tenant`). */
static inline struct text event_tenant(const struct event *event)
{
	return event_text(event, event_has(event, FIELD_TENANT) ? FIELD_TENANT : FIELD_INGEST_TENANT);
}
/* When it happened: `time`, else the receive time.  0 before FIELD_RECV_TIME is set. */
static inline int64_t event_time(const struct event *event)
{
	unsigned field = event_has(event, FIELD_TIME) ? FIELD_TIME : FIELD_RECV_TIME;
	return event_has(event, field) ? event->value[field].number : 0;
}

/* What a source may do, and the limits.  Borrowed by event_decode; all text outlives the batch. */
struct event_rules {
	struct text tenant;         /* the tenant of events that name none (FIELD_INGEST_TENANT); empty: none is set */
	const struct text *tenants; /* the only tenants the credential may name; NULL: any */
	size_t tenant_count;
	bool may_assert_identity; /* user.trust "verified" is believed */
	bool may_write_ledger;    /* kind `ledger` is taken: the collector itself */
	bool from_export;         /* the text is a line of `export`: collector members become ingest.origin */
	bool own_clock;           /* recorded data: a far time is not suspect */
	size_t event_bytes_max;
	size_t payload_bytes_max; /* longer payloads are cut and marked */
	unsigned depth_max;       /* at most JSON_DEPTH_MAX */
	struct text digest_key;   /* keyed payload digests; empty: no digests */
	struct text digest_key_id;
	int64_t now_ns; /* receive time of the batch */
};

/* Why an event was refused: text is one printable line, already redacted, without any value of the event. */
struct reject {
	enum reason reason;
	size_t offset; /* byte in the event's text */
	char text[160];
};

struct event_decoder;
enum status event_decoder_create(struct event_decoder **decoder) MUST_CHECK;
void event_decoder_destroy(struct event_decoder **decoder);

/*
 * Decodes one event.  STATUS_OK: *event holds views into json and into the decoder, valid until the next call; both
 * marks and verdict are set, and of FIELD_INGEST_* the tenant and the origin; the rest of it, FIELD_SEQ and
 * FIELD_RECV_TIME are not.
 * STATUS_INVALID: *why says which reason; STATUS_NO_MEMORY.
 */
enum status event_decode(struct event_decoder *decoder, struct text json, const struct event_rules *rules,
	struct event *event, struct reject *why) MUST_CHECK;

/* The first matching verdict of an event (tbl/verdicts.h); event->kind need not be set. */
enum verdict event_verdict(const struct event *event);

/* Canonical bytes: the emitter's members only, `{…}` without a newline. */
void event_put_canonical(struct buf *out, const struct event *event);
/*
 * What every JSON answer shows: canonical members, then the collector's.  An absent id is given as `id`, made of
 * store_id and seq, where marks.id_assigned is set.  Sizes of payloads that are there whole are computed.
 */
void event_put_json(struct buf *out, const struct event *event, struct text store_id);
/* The id an answer shows: the emitter's, else "<store_id>-<seq>"; buffer is used for the latter. */
struct text event_id(const struct event *event, struct text store_id, char buffer[96]);

#endif
