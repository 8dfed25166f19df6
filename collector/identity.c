#include "identity.h"

#include <assert.h>
#include <xxhash.h>

#include "crypto.h"

enum { KEY_PART_BYTES_MAX = 512, CONTENT_INLINE_BYTES_MAX = 512 };

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

/* A field's number and a number of it: itself, or the length of the `more` bytes that are to follow. */
static char *put_number(struct buf *scratch, unsigned field, int64_t number, size_t more)
{
	uint16_t tag = (uint16_t)field;
	char *to = buf_reserve(scratch, sizeof(tag) + sizeof(number) + more);
	if (to == NULL)
		return NULL;
	memcpy(to, &tag, sizeof(tag));
	memcpy(to + sizeof(tag), &number, sizeof(number));
	scratch->len += sizeof(tag) + sizeof(number) + more;
	return to + sizeof(tag) + sizeof(number);
}

static void put_content(const struct identity *identity, struct buf *scratch, unsigned field, struct text text)
{
	bool is_short = text.len <= CONTENT_INLINE_BYTES_MAX;
	uint64_t hash = 0;
	if (!is_short)
		hash = XXH3_64bits_withSecret(text.at, text.len, identity->secret, sizeof(identity->secret));
	char *to = put_number(scratch, field, (int64_t)text.len, is_short ? text.len : sizeof(hash));
	if (to == NULL || text.len == 0)
		return;
	if (is_short)
		memcpy(to, text.at, text.len);
	else
		memcpy(to, &hash, sizeof(hash));
}

enum status identity_digest(
	const struct identity *identity, const struct event *event, struct buf *scratch, uint64_t *digest)
{
	buf_clear(scratch);
	for (unsigned first = 0; first < FIELD_COLLECTOR_FIRST; first += 64) {
		uint64_t left = event->present[first / 64];
		while (left) {
			unsigned field = first + (unsigned)__builtin_ctzll(left);
			left &= left - 1;
			if (field >= FIELD_COLLECTOR_FIRST)
				break;
			if (field_is_number(field_info(field)->type))
				(void)put_number(scratch, field, event->value[field].number, 0);
			else
				put_content(identity, scratch, field, event->value[field].text);
		}
	}
	enum status status = buf_status(scratch);
	if (status == STATUS_OK)
		*digest = XXH3_64bits_withSecret(scratch->at, scratch->len, identity->secret, sizeof(identity->secret));
	return status;
}
