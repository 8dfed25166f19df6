#include "block_checks.h"

#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "image.h"
#include "ints.h"

enum { AT_DIRECTORY_LENGTH = 32, AT_CHECKSUM = 40, COLUMN_HEAD_BYTES = 3 };

static bool skip(struct text directory, size_t *at, size_t len)
{
	if (len > directory.len - *at)
		return false;
	*at += len;
	return true;
}

/* The stored length of the column's streams, with *at behind them in the directory. */
static bool read_streams(struct text directory, size_t *at, size_t room, size_t *stored)
{
	if (*at >= directory.len)
		return false;
	unsigned count = (unsigned char)directory.at[(*at)++];
	*stored = 0;
	for (unsigned i = 0; i < count; i++) {
		uint64_t stream = 0;
		uint64_t raw = 0;
		if (!skip(directory, at, 1) || !varint_get(directory, at, &stream) ||
			!varint_get(directory, at, &raw) || stream > room - *stored)
			return false;
		*stored += stream;
	}
	return true;
}

static bool read_column(struct text directory, size_t *at, size_t room, size_t *stored)
{
	uint64_t sub = 0;
	uint64_t places = 0;
	uint64_t entries = 0;
	return skip(directory, at, 1) && varint_get(directory, at, &sub) && skip(directory, at, COLUMN_HEAD_BYTES) &&
	       varint_get(directory, at, &places) && varint_get(directory, at, &entries) &&
	       read_streams(directory, at, room, stored);
}

void checks_fit(char *image, size_t len)
{
	uint32_t directory_len = 0;
	if (len < IMAGE_HEADER_BYTES)
		return;
	memcpy(&directory_len, image + AT_DIRECTORY_LENGTH, sizeof(directory_len));
	if (directory_len > len - IMAGE_HEADER_BYTES)
		return;
	char *directory_at = image + IMAGE_HEADER_BYTES;
	const struct text directory = {directory_at, directory_len};
	const char *streams = directory_at + directory_len;
	size_t room = len - IMAGE_HEADER_BYTES - directory_len;
	size_t stored = 0;
	size_t at = 0;
	for (uint32_t place = 0; read_column(directory, &at, room, &stored); place++) {
		uint32_t check = (uint32_t)XXH3_64bits_withSeed(streams, stored, place);
		if (!skip(directory, &at, sizeof(check)))
			break;
		memcpy(directory_at + at - sizeof(check), &check, sizeof(check));
		streams += stored;
		room -= stored;
	}
	uint64_t sum = XXH3_64bits_withSeed(directory_at, directory_len, XXH3_64bits(image, AT_CHECKSUM));
	memcpy(image + AT_CHECKSUM, &sum, sizeof(sum));
}
