#include "grammar.h"

static bool is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

bool grammar_number(const char *at, size_t len)
{
	const char *end = at + len;
	if (at < end && *at == '-')
		at++;
	if (at == end || !is_digit(*at))
		return false;
	if (*at++ != '0')
		while (at < end && is_digit(*at))
			at++;
	if (at < end && *at == '.') {
		const char *fraction = ++at;
		while (at < end && is_digit(*at))
			at++;
		if (at == fraction)
			return false;
	}
	if (at < end && (*at | 0x20) == 'e') {
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		const char *exponent = at;
		while (at < end && is_digit(*at))
			at++;
		if (at == exponent)
			return false;
	}
	return at == end;
}

int grammar_hex4(const char *at)
{
	int number = 0;
	for (int i = 0; i < 4; i++) {
		char byte = at[i];
		int digit = is_digit(byte) ? byte - '0' : (byte | 0x20) - 'a' + 10;
		if (!is_digit(byte) && (digit < 10 || digit > 15))
			return -1;
		number = number * 16 + digit;
	}
	return number;
}

bool grammar_escapes(const char *at, size_t len)
{
	const char *end = at + len;
	while ((at = memchr(at, '\\', (size_t)(end - at))) != NULL) {
		if (end - at < 2)
			return false;
		switch (at[1]) {
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			at += 2;
			break;
		case 'u':
			if (end - at < 6 || grammar_hex4(at + 2) < 0)
				return false;
			at += 6;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* The length of the UTF-8 character at `at` (Unicode table 3-7), 0 if it is none. */
static size_t utf8_length(const unsigned char *at, size_t left)
{
	unsigned lead = at[0];
	size_t len = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xf0 && at[1] < 0x90);
	bool surrogate = lead == 0xed && at[1] > 0x9f;
	bool beyond = lead == 0xf4 && at[1] > 0x8f;
	return overlong || surrogate || beyond ? 0 : len;
}

size_t grammar_utf8_fault(const char *at, size_t len)
{
	size_t i = 0;
	while (i < len) {
		size_t step = utf8_length((const unsigned char *)at + i, len - i);
		if (step == 0)
			break;
		i += step;
	}
	return i;
}

size_t grammar_string_fault(const char *at, size_t len)
{
	size_t quote = len;
	for (size_t i = 0; i < len; i++) {
		if (quote == len) {
			if (at[i] == '"')
				quote = i;
		} else if ((unsigned char)at[i] < 0x20) {
			return i;
		} else if (at[i] == '\\') {
			i++;
		} else if (at[i] == '"') {
			quote = len;
		}
	}
	return quote;
}
