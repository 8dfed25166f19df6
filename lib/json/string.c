/* Strings and integers: decoding what stands in a text, and writing it again. */
#include "json.h"

#include "grammar.h"

/* Encodes a code point; a lone surrogate as the three bytes of its value (WTF-8). */
static char *put_utf8(char *to, unsigned code)
{
	if (code < 0x80) {
		*to++ = (char)code;
	} else if (code < 0x800) {
		*to++ = (char)(0xc0 | code >> 6);
		*to++ = (char)(0x80 | (code & 0x3f));
	} else if (code < 0x10000) {
		*to++ = (char)(0xe0 | code >> 12);
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	} else {
		*to++ = (char)(0xf0 | code >> 18);
		*to++ = (char)(0x80 | (code >> 12 & 0x3f));
		*to++ = (char)(0x80 | (code >> 6 & 0x3f));
		*to++ = (char)(0x80 | (code & 0x3f));
	}
	return to;
}

size_t json_escape_decode(struct text left, char **to)
{
	static const char plain[] = {['"'] = '"',
		['\\'] = '\\',
		['/'] = '/',
		['b'] = '\b',
		['f'] = '\f',
		['n'] = '\n',
		['r'] = '\r',
		['t'] = '\t'};
	char kind = left.at[1];
	if (kind != 'u') {
		*(*to)++ = plain[(unsigned char)kind];
		return 2;
	}
	unsigned code = (unsigned)grammar_hex4(left.at + 2);
	size_t len = 6;
	if (code >= 0xd800 && code < 0xdc00 && left.len >= 12 && left.at[6] == '\\' && left.at[7] == 'u') {
		unsigned low = (unsigned)grammar_hex4(left.at + 8);
		if (low >= 0xdc00 && low < 0xe000) {
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
			len = 12;
		}
	}
	*to = put_utf8(*to, code);
	return len;
}

struct text json_string_decode(struct text between_quotes, struct arena *arena)
{
	const char *at = between_quotes.at;
	const char *end = at + between_quotes.len;
	const char *escape = between_quotes.len ? memchr(at, '\\', between_quotes.len) : NULL;
	if (escape == NULL)
		return between_quotes;
	char *decoded = arena_alloc(arena, between_quotes.len);
	if (decoded == NULL)
		return (struct text){NULL, 0};
	char *to = decoded;
	while (escape) {
		memcpy(to, at, (size_t)(escape - at));
		to += escape - at;
		at = escape + json_escape_decode((struct text){escape, (size_t)(end - escape)}, &to);
		escape = memchr(at, '\\', (size_t)(end - at));
	}
	memcpy(to, at, (size_t)(end - at));
	to += end - at;
	return (struct text){decoded, (size_t)(to - decoded)};
}

static bool is_lone_surrogate(const unsigned char *at, size_t left)
{
	return left >= 3 && at[0] == 0xed && at[1] >= 0xa0 && at[1] <= 0xbf && (at[2] & 0xc0) == 0x80;
}

static bool needs_escape(const unsigned char *at, size_t left)
{
	return *at < 0x20 || *at == '"' || *at == '\\' || is_lone_surrogate(at, left);
}

/* Writes one escape and returns how many bytes of the text it stands for. */
static size_t put_escape(struct buf *out, const unsigned char *at)
{
	static const char names[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
	if (*at == 0xed) {
		unsigned code = 0xd000 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
		buf_printf(out, "\\u%04x", code);
		return 3;
	}
	char name = *at < 0x20 ? names[*at] : (char)*at;
	if (name) {
		buf_put(out, (char[]){'\\', name}, 2);
	} else {
		buf_printf(out, "\\u%04x", *at);
	}
	return 1;
}

/* Whether one of 8 bytes may need an escape: a control character, a quote, a backslash, or the lead of a surrogate. */
static bool word_is_suspect(const unsigned char *at)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word;
	memcpy(&word, at, 8);
	uint64_t quote = word ^ ones * '"';
	uint64_t backslash = word ^ ones * '\\';
	uint64_t lead = word ^ ones * 0xed; /* of some Hangul, too */
	uint64_t found = (word - ones * 0x20) & ~word;
	found |= (quote - ones) & ~quote;
	found |= (backslash - ones) & ~backslash;
	found |= (lead - ones) & ~lead;
	return found & ones << 7;
}

/* Bytes at the start of a text that may be copied; words of 8 first, the last one once more with what is left. */
static size_t plain_length(const unsigned char *at, size_t len)
{
	size_t i = 0;
	while (i + 8 <= len && !word_is_suspect(at + i))
		i += 8;
	if (i + 8 > len && len >= 8 && !word_is_suspect(at + len - 8))
		return len;
	while (i < len && !needs_escape(at + i, len - i))
		i++;
	return i;
}

void json_put_string(struct buf *out, struct text decoded)
{
	const unsigned char *at = (const unsigned char *)decoded.at;
	size_t left = decoded.len;
	if (buf_reserve(out, left + 2) == NULL) /* enough for most: what needs no escape */
		return;
	buf_put_byte(out, '"');
	while (left) {
		size_t plain = plain_length(at, left);
		buf_put(out, at, plain);
		at += plain;
		left -= plain;
		if (left == 0)
			break;
		size_t passed = put_escape(out, at);
		at += passed;
		left -= passed;
	}
	buf_put_byte(out, '"');
}

/* Most integers are nothing but digits; up to 19 of them fit into 64 bits. */
static bool digits_only(struct text token, int64_t *number)
{
	uint64_t digits = 0;
	if (token.len == 0 || token.len > 19 || (token.at[0] == '0' && token.len > 1))
		return false;
	for (size_t i = 0; i < token.len; i++) {
		unsigned digit = (unsigned char)token.at[i] - (unsigned)'0';
		if (digit > 9)
			return false;
		digits = digits * 10 + digit;
	}
	if (digits > INT64_MAX)
		return false;
	*number = (int64_t)digits;
	return true;
}

/*
 * An integer token is digits with an optional fraction and exponent: its value is digits * 10^(exponent - fraction
 * digits).  Zeros at the end of the digits are moved into the exponent, so that what is left of a fraction is none.
 */
enum status json_integer(struct text token, int64_t *number)
{
	if (digits_only(token, number))
		return STATUS_OK;
	const char *at = token.at;
	const char *end = at + token.len;
	if (!grammar_number(at, token.len))
		return STATUS_INVALID;
	bool negative = *at == '-';
	at += negative;
	uint64_t digits = 0;
	int64_t scale = 0; /* powers of ten still to multiply by */
	int64_t zeros = 0; /* zeros read and not yet in digits */
	bool fraction = false;
	bool overflow = false;
	for (; at < end && (*at | 0x20) != 'e'; at++) {
		if (*at == '.') {
			fraction = true;
			continue;
		}
		scale -= fraction;
		zeros++;
		if (*at == '0')
			continue;
		while (zeros > 0) {
			overflow |= __builtin_mul_overflow(digits, 10, &digits);
			zeros--;
		}
		overflow |= __builtin_add_overflow(digits, (uint64_t)(*at - '0'), &digits);
	}
	if (digits == 0 && !overflow) {
		*number = 0;
		return STATUS_OK;
	}
	int64_t exponent = 0;
	if (at < end) {
		bool minus = *++at == '-';
		at += *at == '-' || *at == '+';
		for (; at < end; at++)
			if (exponent < INT32_MAX)
				exponent = exponent * 10 + (*at - '0');
		exponent = minus ? -exponent : exponent;
	}
	scale += zeros + exponent;
	if (scale < 0)
		return STATUS_INVALID;
	for (; scale > 0 && !overflow; scale--)
		overflow = __builtin_mul_overflow(digits, 10, &digits);
	if (overflow || digits > (uint64_t)INT64_MAX + negative)
		return STATUS_LIMIT;
	*number = negative ? (int64_t)(0 - digits) : (int64_t)digits;
	return STATUS_OK;
}
