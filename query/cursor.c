#include "cursor.h"

#include "crypto.h"

enum { VERSION = 1, AT_SEQ = 2, AT_NOW = 10, AT_SINCE = 18, AT_UNTIL = 26, AT_HASH = 34 };

enum status cursor_key_init(struct cursor_key *key, struct text question)
{
	uint8_t digest[SHA256_BYTES];
	enum status status = crypto_sha256(question, digest);
	if (status == STATUS_OK)
		memcpy(key->bytes, digest, sizeof(key->bytes));
	return status;
}

static void put_number(uint8_t *to, uint64_t number)
{
	for (int i = 7; i >= 0; i--, number >>= 8)
		to[i] = (uint8_t)number;
}

static uint64_t get_number(const uint8_t *from)
{
	uint64_t number = 0;
	for (int i = 0; i < 8; i++)
		number = number << 8 | from[i];
	return number;
}

void cursor_format(const struct cursor *cursor, const struct cursor_key *key, char text[CURSOR_TEXT_BYTES])
{
	uint8_t bytes[CURSOR_BYTES] = {VERSION, cursor->backward};
	put_number(bytes + AT_SEQ, cursor->seq);
	put_number(bytes + AT_NOW, (uint64_t)cursor->now);
	put_number(bytes + AT_SINCE, (uint64_t)cursor->since);
	put_number(bytes + AT_UNTIL, (uint64_t)cursor->until);
	put_number(bytes + AT_HASH, siphash(key->bytes, bytes, AT_HASH));
	hex_encode(bytes, sizeof(bytes), text);
}

enum status cursor_parse(struct text text, const struct cursor_key *key, struct cursor *cursor)
{
	uint8_t bytes[CURSOR_BYTES];
	if (text.len != 2 * sizeof(bytes) || hex_decode(text, bytes, sizeof(bytes)) != STATUS_OK)
		return STATUS_INVALID;
	if (bytes[0] != VERSION || bytes[1] > 1 || get_number(bytes + AT_HASH) != siphash(key->bytes, bytes, AT_HASH))
		return STATUS_INVALID;
	*cursor = (struct cursor){
		.backward = bytes[1],
		.seq = get_number(bytes + AT_SEQ),
		.now = (int64_t)get_number(bytes + AT_NOW),
		.since = (int64_t)get_number(bytes + AT_SINCE),
		.until = (int64_t)get_number(bytes + AT_UNTIL),
	};
	return STATUS_OK;
}
