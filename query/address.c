#include "address.h"

enum { GROUPS = 8, V4_AT = 12, V4_BITS = 32, V6_BITS = 128, TEXT_BYTES_MAX = 45, PREFIX_DIGITS_MAX = 3 };

static const uint8_t v4_prefix[V4_AT] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four numbers below 256, without leading zeros (which some read as octal). */
static bool read_v4(struct text text, uint8_t bytes[4])
{
	size_t at = 0;
	for (unsigned i = 0; i < 4; i++) {
		unsigned number = 0;
		if (i > 0 && (at == text.len || text.at[at++] != '.'))
			return false;
		size_t start = at;
		while (at < text.len && is_digit(text.at[at]) && at - start < 3)
			number = number * 10 + (unsigned)(text.at[at++] - '0');
		if (at == start || number > UINT8_MAX || (text.at[start] == '0' && at > start + 1))
			return false;
		bytes[i] = (uint8_t)number;
	}
	return at == text.len;
}

/* Up to four hexadecimal digits at *at. */
static bool read_group(struct text text, size_t *at, uint8_t bytes[2])
{
	size_t start = *at;
	unsigned number = 0;
	while (*at < text.len && *at - start < 4 && hex_value(text.at[*at]) >= 0)
		number = number * 16 + (unsigned)hex_value(text.at[(*at)++]);
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
	return *at > start;
}

/* What stands left and right of a "::", as bytes; gap: where it was, SIZE_MAX: there was none. */
static bool spread(const uint8_t *groups, size_t len, size_t gap, uint8_t bytes[ADDRESS_BYTES])
{
	if (gap == SIZE_MAX ? len != ADDRESS_BYTES : len > ADDRESS_BYTES - 2)
		return false;
	size_t left = gap == SIZE_MAX ? len : gap;
	memset(bytes, 0, ADDRESS_BYTES);
	memcpy(bytes, groups, left);
	memcpy(bytes + ADDRESS_BYTES - (len - left), groups + left, len - left);
	return true;
}

static bool read_v6(struct text text, uint8_t bytes[ADDRESS_BYTES])
{
	uint8_t groups[ADDRESS_BYTES];
	size_t len = 0;
	size_t gap = SIZE_MAX;
	size_t at = 0;
	if (text.len >= 2 && text.at[0] == ':' && text.at[1] == ':') {
		gap = 0;
		at = 2;
	}
	while (at < text.len) {
		struct text rest = {text.at + at, text.len - at};
		if (len + 4 <= sizeof(groups) && read_v4(rest, groups + len))
			return spread(groups, len + 4, gap, bytes);
		if (len + 2 > sizeof(groups) || !read_group(text, &at, groups + len))
			return false;
		len += 2;
		if (at == text.len)
			break;
		if (text.at[at++] != ':' || at == text.len)
			return false;
		if (text.at[at] != ':')
			continue;
		if (gap != SIZE_MAX)
			return false;
		gap = len;
		at++;
	}
	return spread(groups, len, gap, bytes);
}

bool address_read(struct text text, struct address *address)
{
	struct address read;
	if (text.len > TEXT_BYTES_MAX)
		return false;
	if (read_v4(text, read.bytes + V4_AT))
		memcpy(read.bytes, v4_prefix, sizeof(v4_prefix));
	else if (!read_v6(text, read.bytes))
		return false;
	*address = read;
	return true;
}

bool address_is_v4(const struct address *address)
{
	return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

static bool read_prefix(struct text text, unsigned *prefix)
{
	*prefix = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (!is_digit(text.at[i]) || i == PREFIX_DIGITS_MAX)
			return false;
		*prefix = *prefix * 10 + (unsigned)(text.at[i] - '0');
	}
	return text.len > 0;
}

enum status address_range_read(struct text text, struct address_range *range)
{
	const char *slash = memchr(text.at, '/', text.len);
	size_t len = slash ? (size_t)(slash - text.at) : text.len;
	struct address address;
	unsigned prefix = V6_BITS;
	if (!address_read((struct text){text.at, len}, &address))
		return STATUS_NOT_FOUND;
	if (slash && !read_prefix((struct text){slash + 1, text.len - len - 1}, &prefix))
		return STATUS_NOT_FOUND;
	bool written_v4 = memchr(text.at, ':', len) == NULL;
	if (slash && prefix > (unsigned)(written_v4 ? V4_BITS : V6_BITS))
		return STATUS_INVALID;
	if (slash && written_v4)
		prefix += V6_BITS - V4_BITS;
	*range = (struct address_range){address, address};
	for (unsigned bit = prefix; bit < V6_BITS; bit++) {
		range->first.bytes[bit / 8] &= (uint8_t) ~(0x80U >> bit % 8);
		range->last.bytes[bit / 8] |= (uint8_t)(0x80U >> bit % 8);
	}
	return STATUS_OK;
}

bool address_in_range(const struct address_range *range, const struct address *address)
{
	/* All of IPv6 (::/0) does not mean IPv4, although that is mapped into it. */
	return address_is_v4(&range->first) == address_is_v4(address) &&
	       memcmp(address->bytes, range->first.bytes, ADDRESS_BYTES) >= 0 &&
	       memcmp(address->bytes, range->last.bytes, ADDRESS_BYTES) <= 0;
}

static bool is_of_address(char c)
{
	return hex_value(c) >= 0 || c == ':' || c == '.';
}

/* What may stand right before or behind an address; a letter or a minus makes it part of a name. */
static bool is_edge(struct text text, size_t at)
{
	unsigned char c = at < text.len ? (unsigned char)text.at[at] : ' ';
	return c < 0x80 && c != '-' && c != '_' && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !is_digit((char)c);
}

/* An address, an IPv4 one with a port, either with a full stop or a colon of the sentence behind it. */
static bool read_run(struct text run, struct address *address)
{
	char last = run.at[run.len - 1];
	if (last == '.' || (last == ':' && run.at[run.len - 2] != ':'))
		run.len--;
	if (address_read(run, address))
		return true;
	size_t len = 0; /* up to its first colon, which must be its only one */
	while (len < run.len && run.at[len] != ':')
		len++;
	for (size_t at = len + 1; at < run.len; at++)
		if (run.at[at] == ':')
			return false;
	return len < run.len && address_read((struct text){run.at, len}, address);
}

bool address_next(struct text text, size_t *at, struct address *address)
{
	while (text.at && *at < text.len) {
		size_t start = *at;
		if (!is_of_address(text.at[start])) {
			(*at)++;
			continue;
		}
		size_t end = start;
		while (end < text.len && is_of_address(text.at[end]))
			end++;
		*at = end;
		struct text run = {text.at + start, end - start};
		bool alone = (start == 0 || is_edge(text, start - 1)) && is_edge(text, end);
		if (alone && run.len >= 2 && read_run(run, address))
			return true;
	}
	return false;
}

bool address_found(const struct address_range *range, struct text text)
{
	struct address address;
	for (size_t at = 0; address_next(text, &at, &address);)
		if (address_in_range(range, &address))
			return true;
	return false;
}
