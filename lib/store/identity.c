#include "identity.h"

#include <stdio.h>
#include <stdlib.h>

#include "crypto.h"
#include "files.h"
#include "timestamp.h"

enum { SMALL_FILE_BYTES = 4096 };

enum status identity_make(struct segment_identity *identity, struct error *error)
{
	uint8_t id[SEGMENT_ID_BYTES / 2];
	memset(identity, 0, sizeof(*identity));
	identity->made_at = timestamp_now();
	enum status status = crypto_random(id, sizeof(id));
	if (status == STATUS_OK)
		status = crypto_random(identity->filter_key, sizeof(identity->filter_key));
	if (status != STATUS_OK)
		return error_set(error, status, "no random bytes: %s", status_text(status));
	hex_encode(id, sizeof(id), identity->id);
	return STATUS_OK;
}

/* The file is ours and flat: the value of a member is what stands behind its name. */
static const char *find_member(const char *json, const char *name)
{
	const char *at = strstr(json, name);
	if (at == NULL)
		return NULL;
	at += strlen(name);
	while (*at == ' ' || *at == ':')
		at++;
	return at;
}

enum status identity_load(const char *dir, char id[SEGMENT_ID_BYTES + 1], struct error *error)
{
	char json[SMALL_FILE_BYTES];
	uint8_t digits[SEGMENT_ID_BYTES / 2];
	size_t len = 0;
	enum status status = files_read(dir, "store.json", json, sizeof(json), &len);
	if (status != STATUS_OK)
		return error_set(error, status, "%s/store.json: %s", dir, status_text(status));
	const char *format = find_member(json, "\"format\"");
	const char *text = find_member(json, "\"id\"");
	unsigned long version = format ? strtoul(format, NULL, 10) : 0;
	if (version > STORE_FORMAT_VERSION)
		return error_set(error, STATUS_UNSUPPORTED,
			"%s: store format %lu is newer than this program, which knows %d", dir, version,
			STORE_FORMAT_VERSION);
	if (version == 0 || text == NULL || *text != '"' || strlen(text) < SEGMENT_ID_BYTES + 2 ||
		text[SEGMENT_ID_BYTES + 1] != '"' ||
		hex_decode((struct text){text + 1, SEGMENT_ID_BYTES}, digits, sizeof(digits)) != STATUS_OK)
		return error_set(error, STATUS_DAMAGED, "%s/store.json: is not what a collector writes", dir);
	hex_encode(digits, sizeof(digits), id);
	return STATUS_OK;
}

enum status identity_save(const char *dir, const struct segment_identity *identity, struct error *error)
{
	char json[SMALL_FILE_BYTES], made_at[TIMESTAMP_TEXT_BYTES];
	(void)timestamp_format(identity->made_at, made_at);
	(void)snprintf(json, sizeof(json), "{\"format\":%d,\"id\":\"%s\",\"made_at\":\"%s\"}\n", STORE_FORMAT_VERSION,
		identity->id, made_at);
	return files_write(dir, "store.json", text_of(json), error);
}

/* The next hex word of a line; STATUS_DAMAGED. */
static enum status read_hex(char **at, void *bytes, size_t len)
{
	size_t digits = strspn(*at, "0123456789abcdefABCDEF");
	enum status status = hex_decode((struct text){*at, digits}, bytes, len);
	*at += digits;
	while (**at == ' ' || **at == '\n')
		(*at)++;
	return status == STATUS_OK ? status : STATUS_DAMAGED;
}

static enum status load_dedup(const char *dir, struct store_keys *keys, struct error *error)
{
	char text[SMALL_FILE_BYTES], key[2 * DEDUP_KEY_BYTES + 1];
	size_t len = 0;
	enum status status = files_read(dir, "dedup", text, sizeof(text), &len);
	if (status == STATUS_NOT_FOUND) {
		status = crypto_random(keys->dedup, sizeof(keys->dedup));
		if (status != STATUS_OK)
			return error_set(error, status, "no random bytes: %s", status_text(status));
		hex_encode(keys->dedup, sizeof(keys->dedup), key);
		(void)snprintf(text, sizeof(text), "%s\n", key);
		return files_write(dir, "dedup", text_of(text), error);
	}
	char *at = text;
	if (status == STATUS_OK)
		status = read_hex(&at, keys->dedup, sizeof(keys->dedup));
	crypto_wipe(text, sizeof(text));
	return status == STATUS_OK ? status : error_set(error, status, "%s/dedup: %s", dir, status_text(status));
}

static enum status load_digest(const char *dir, struct store_keys *keys, struct error *error)
{
	char text[SMALL_FILE_BYTES], key[2 * DIGEST_KEY_BYTES + 1];
	uint8_t id[DIGEST_KEY_ID_BYTES];
	size_t len = 0;
	enum status status = files_read(dir, "digest", text, sizeof(text), &len);
	if (status == STATUS_NOT_FOUND) {
		status = crypto_random(id, sizeof(id));
		if (status == STATUS_OK)
			status = crypto_random(keys->digest, sizeof(keys->digest));
		if (status != STATUS_OK)
			return error_set(error, status, "no random bytes: %s", status_text(status));
		hex_encode(id, sizeof(id), keys->digest_id);
		hex_encode(keys->digest, sizeof(keys->digest), key);
		(void)snprintf(text, sizeof(text), "%s %s\n", keys->digest_id, key);
		status = files_write(dir, "digest", text_of(text), error);
	} else {
		char *at = text;
		if (status == STATUS_OK)
			status = read_hex(&at, id, sizeof(id));
		if (status == STATUS_OK)
			status = read_hex(&at, keys->digest, sizeof(keys->digest));
		if (status != STATUS_OK)
			(void)error_set(error, status, "%s/digest: %s", dir, status_text(status));
		else
			hex_encode(id, sizeof(id), keys->digest_id);
	}
	crypto_wipe(text, sizeof(text));
	crypto_wipe(key, sizeof(key));
	return status;
}

enum status identity_load_keys(const char *dir, struct store_keys *keys, struct error *error)
{
	char path[PATH_MAX];
	if (files_path(dir, "keys", path) != STATUS_OK)
		return error_set(error, STATUS_TOO_LARGE, "%s: the path is too long", dir);
	enum status status = files_make_directory(path, error);
	if (status == STATUS_OK)
		status = load_dedup(path, keys, error);
	return status == STATUS_OK ? load_digest(path, keys, error) : status;
}
