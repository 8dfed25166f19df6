/*
 * Payloads: read whole, redacted, cut, set.  A payload that is changed is read again by a second reader: its leaves must
 * be those of what is kept, and a redaction that made anything but JSON is found before anything is kept.
 */
#include "decoder.h"

#include "crypto.h"

enum { DIGEST_TEXT_MAX = 256 };

enum status payload_read(struct event_decoder *decoder, bool with_leaves, struct json_value *value)
{
	enum status status = json_value(decoder->reader, &decoder->arena, with_leaves ? LEAVES_MAX : 0, value);
	if (status != STATUS_OK)
		return decode_refuse_json(decoder, status);
	return STATUS_OK;
}

/* Reads a text made here. */
static enum status read_again(struct event_decoder *decoder, struct text text, struct json_value *value)
{
	enum status status = json_begin(decoder->again, text);
	if (status == STATUS_OK)
		status = json_value(decoder->again, &decoder->arena, LEAVES_MAX, value);
	if (status == STATUS_OK)
		status = json_end(decoder->again);
	if (status == STATUS_INVALID)
		return decode_refuse(decoder,
			json_fault(decoder->again) == JSON_FAULT_DEPTH ? REASON_TOO_DEEP : REASON_REDACTION_FAILED,
			"payload");
	return status;
}

enum status payload_redact(struct event_decoder *decoder, struct json_value *value, bool *changed)
{
	*changed = false;
	decoder->duplicates |= value->duplicate_members;
	if (!decoder->suspect && !value->escaped && !value->watched)
		return STATUS_OK;
	struct text redacted;
	enum status status =
		redact_json(value->text, decoder->in_auth_event, &decoder->arena, &decoder->counts, &redacted, changed);
	if (status != STATUS_OK)
		return decode_refuse(decoder, REASON_REDACTION_FAILED, "payload");
	return *changed ? read_again(decoder, redacted, value) : STATUS_OK;
}

/* How many bytes of a payload fit, as a JSON string, into `max` bytes; a payload has no raw control characters. */
static size_t fitting(struct text payload, size_t max)
{
	size_t room = max >= 2 ? max - 2 : 0;
	size_t len = 0;
	for (; len < payload.len; len++) {
		size_t cost = payload.at[len] == '"' || payload.at[len] == '\\' ? 2 : 1;
		if (cost > room)
			break;
		room -= cost;
	}
	return len;
}

/* A cut payload is kept as a JSON string of the first bytes of its text, which is not longer than the limit itself. */
static enum status cut(struct event_decoder *decoder, struct json_value *value)
{
	buf_clear(&decoder->text);
	json_put_string(
		&decoder->text, decode_cut(value->text, fitting(value->text, decoder->rules->payload_bytes_max)));
	if (buf_status(&decoder->text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct text kept = arena_copy(&decoder->arena, buf_text(&decoder->text));
	return kept.at ? read_again(decoder, kept, value) : STATUS_NO_MEMORY;
}

/* "hmac-sha256:<key id>:<hex>" of what was sent. */
static enum status set_digest(struct event_decoder *decoder, unsigned field, struct text sent)
{
	const struct event_rules *rules = decoder->rules;
	char hex[2 * SHA256_BYTES + 1];
	uint8_t digest[SHA256_BYTES];
	if (rules->digest_key.len == 0)
		return STATUS_OK;
	enum status status = crypto_hmac_sha256(rules->digest_key, sent, digest);
	if (status != STATUS_OK)
		return status;
	hex_encode(digest, sizeof(digest), hex);
	buf_clear(&decoder->text);
	buf_put_string(&decoder->text, "hmac-sha256:");
	buf_put_text(&decoder->text, rules->digest_key_id);
	buf_put_byte(&decoder->text, ':');
	buf_put_string(&decoder->text, hex);
	return decode_keep_text(decoder, field);
}

/* Size and keyed digest of a request or response whose bytes are not there whole. */
static enum status tell_of_change(struct event_decoder *decoder, unsigned field, struct text sent, struct text kept)
{
	if (field != FIELD_REQUEST && field != FIELD_RESPONSE)
		return STATUS_OK;
	if (sent.len != kept.len)
		event_set_number(decoder->event, field == FIELD_REQUEST ? FIELD_REQUEST_SIZE : FIELD_RESPONSE_SIZE,
			(int64_t)sent.len);
	return set_digest(decoder, field == FIELD_REQUEST ? FIELD_REQUEST_DIGEST : FIELD_RESPONSE_DIGEST, sent);
}

enum status payload_set(struct event_decoder *decoder, unsigned field, const struct json_value *sent)
{
	struct json_value value = *sent;
	bool changed;
	enum status status = payload_redact(decoder, &value, &changed);
	if (status == STATUS_OK && value.text.len > decoder->rules->payload_bytes_max) {
		status = cut(decoder, &value);
		changed = true;
		decode_add_cut(decoder, field, sent->text.len);
	}
	if (status == STATUS_OK && changed)
		status = tell_of_change(decoder, field, sent->text, value.text);
	if (status != STATUS_OK)
		return status;
	event_set_text(decoder->event, field, value.text);
	decoder->event->payload[payload_of(field)] =
		(struct payload_leaves){value.leaves, value.leaf_count, value.template};
	return STATUS_OK;
}

enum status payload_set_attrs(struct event_decoder *decoder, const struct json_value *sent)
{
	if (decoder->unknown.len == 0)
		return sent ? payload_set(decoder, FIELD_ATTRS, sent) : STATUS_OK;
	struct buf *text = &decoder->text;
	buf_clear(text);
	if (sent)
		buf_put(text, sent->text.at, sent->text.len - 1);
	else
		buf_put_byte(text, '{');
	size_t before = text->len;
	if (before > 1)
		buf_put_byte(text, ',');
	buf_put(text, decoder->unknown.at, decoder->unknown.len - 1);
	buf_put_byte(text, '}');
	if (buf_status(text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	struct text whole = arena_copy(&decoder->arena, buf_text(text));
	if (whole.at == NULL)
		return STATUS_NO_MEMORY;
	struct json_value value = {0};
	buf_clear(text);
	buf_put_byte(text, '{');
	buf_put(text, whole.at + before + (before > 1), whole.len - before - (before > 1));
	if (buf_status(text) != STATUS_OK)
		return STATUS_NO_MEMORY;
	enum status status = read_again(decoder, buf_text(text), &value);
	if (status == STATUS_OK && value.duplicate_outer)
		return decode_refuse(decoder, REASON_DUPLICATE_MEMBER, "an unknown member");
	if (status == STATUS_OK)
		status = read_again(decoder, whole, &value);
	return status == STATUS_OK ? payload_set(decoder, FIELD_ATTRS, &value) : status;
}
