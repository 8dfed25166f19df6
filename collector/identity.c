#include "identity.h"

#include <assert.h>

#include "crypto.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
	KEY_PART_BYTES_MAX = 512,
	CONTENT_INLINE_BYTES_MAX = 512, /* of what is longer, a hash is digested */
	FIELD_HEAD_BYTES = sizeof(uint16_t) + sizeof(int64_t),
	FIELD_BYTES_MAX = FIELD_HEAD_BYTES + CONTENT_INLINE_BYTES_MAX,
};

static_assert((int)IDENTITY_SECRET_BYTES >= (int)XXH3_SECRET_SIZE_MIN, "XXH3 asks for this much");

enum status identity_init(struct identity *identity, const uint8_t key[16])
{
	memcpy(identity->key, key, sizeof(identity->key));
	return crypto_random(identity->secret, sizeof(identity->secret));
}

/* Length first, so that no two keys give the same bytes.  What is too long stands there by its own hash. */
static size_t put_key_part(const uint8_t key[16], uint8_t *at, struct text part)
{
	uint16_t len = part.len > KEY_PART_BYTES_MAX ? UINT16_MAX : (uint16_t)part.len;
	memcpy(at, &len, sizeof(len));
	if (len == UINT16_MAX) {
		uint64_t hash = siphash(key, part.at, part.len);
		memcpy(at + sizeof(len), &hash, sizeof(hash));
		return sizeof(len) + sizeof(hash);
	}
	if (len)
		memcpy(at + sizeof(len), part.at, part.len);
	return sizeof(len) + part.len;
}

uint64_t identity_fingerprint(const struct identity *identity, const struct identity_key *key)
{
	if (key->id.len == 0)
		return 0;
	uint8_t bytes[4 * (sizeof(uint16_t) + KEY_PART_BYTES_MAX)];
	const struct text parts[] = {key->tenant, key->emitter, key->id, key->stage.len ? key->stage : TEXT("single")};
	size_t len = 0;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		len += put_key_part(identity->key, bytes + len, parts[i]);
	uint64_t fingerprint = siphash(identity->key, bytes, len);
	return fingerprint ? fingerprint : 1;
}

/* A field's number and a number of it: itself, or the length of the content that follows. */
static char *put_number(char *to, unsigned field, int64_t number)
{
	uint16_t tag = (uint16_t)field;
	memcpy(to, &tag, sizeof(tag));
	memcpy(to + sizeof(tag), &number, sizeof(number));
	return to + FIELD_HEAD_BYTES;
}

static char *put_content(const struct identity *identity, char *to, unsigned field, struct text text)
{
	to = put_number(to, field, (int64_t)text.len);
	if (text.len > CONTENT_INLINE_BYTES_MAX) {
		uint64_t hash = XXH3_64bits_withSecret(text.at, text.len, identity->secret, sizeof(identity->secret));
		memcpy(to, &hash, sizeof(hash));
		return to + sizeof(hash);
	}
	if (text.len)
		memcpy(to, text.at, text.len);
	return to + text.len;
}

enum status identity_digest(
	const struct identity *identity, const struct event *event, struct buf *scratch, uint64_t *digest)
{
	buf_clear(scratch);
	char *bytes = buf_reserve(scratch, (size_t)FIELD_COLLECTOR_FIRST * FIELD_BYTES_MAX);
	if (bytes == NULL)
		return buf_status(scratch);
	char *to = bytes;
	for (unsigned first = 0; first < FIELD_COLLECTOR_FIRST; first += 64) {
		uint64_t left = event->present[first / 64];
		if (FIELD_COLLECTOR_FIRST - first < 64)
			left &= (UINT64_C(1) << (FIELD_COLLECTOR_FIRST - first)) - 1;
		for (; left; left &= left - 1) {
			unsigned field = first + (unsigned)__builtin_ctzll(left);
			const struct value *value = &event->value[field];
			if (field_is_number(field_info(field)->type))
				to = put_number(to, field, value->number);
			else
				to = put_content(identity, to, field, value->text);
		}
	}
	*digest = XXH3_64bits_withSecret(bytes, (size_t)(to - bytes), identity->secret, sizeof(identity->secret));
	return STATUS_OK;
}
