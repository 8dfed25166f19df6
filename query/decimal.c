#include "decimal.h"

enum { EXPONENT_MAX = 1000 * 1000 * 1000 }; /* further ones are all the same: no token is long enough to reach them */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Passes digits; false: there is none. */
static bool pass_digits(struct text token, size_t *at)
{
	size_t start = *at;
	while (*at < token.len && is_digit(token.at[*at]))
		(*at)++;
	return *at > start;
}

static bool read_exponent(struct text token, size_t *at, int64_t *exponent)
{
	*exponent = 0;
	if (*at == token.len || (token.at[*at] | 0x20) != 'e')
		return true;
	(*at)++;
	bool minus = *at < token.len && token.at[*at] == '-';
	if (*at < token.len && (minus || token.at[*at] == '+'))
		(*at)++;
	size_t start = *at;
	if (!pass_digits(token, at))
		return false;
	for (size_t i = start; i < *at; i++)
		if (*exponent < EXPONENT_MAX)
			*exponent = *exponent * 10 + (token.at[i] - '0');
	if (minus)
		*exponent = -*exponent;
	return true;
}

bool decimal_read(struct text token, struct decimal *decimal)
{
	size_t at = token.len > 0 && token.at[0] == '-';
	size_t start = at;
	int64_t exponent = 0;
	if (!pass_digits(token, &at) || (token.at[start] == '0' && at > start + 1))
		return false;
	int64_t whole = (int64_t)(at - start); /* digits before the point */
	if (at < token.len && token.at[at] == '.' && (++at, !pass_digits(token, &at)))
		return false;
	size_t end = at;
	if (!read_exponent(token, &at, &exponent) || at != token.len)
		return false;
	while (end > start && (token.at[end - 1] == '0' || token.at[end - 1] == '.'))
		end--;
	for (; start < end && (token.at[start] == '0' || token.at[start] == '.'); start++)
		whole -= token.at[start] == '0';
	*decimal = (struct decimal){
		.negative = token.at[0] == '-' && end > start,
		.digits = {token.at + start, end - start},
		.exponent = end > start ? exponent + whole : 0,
	};
	return true;
}

/* The next digit, or 0 behind the last one. */
static char next_digit(struct text digits, size_t *at)
{
	if (*at < digits.len && digits.at[*at] == '.')
		(*at)++;
	return *at < digits.len ? digits.at[(*at)++] : '0';
}

static int compare_magnitudes(const struct decimal *a, const struct decimal *b)
{
	size_t at_a = 0;
	size_t at_b = 0;
	if (a->digits.len == 0 || b->digits.len == 0)
		return (a->digits.len > 0) - (b->digits.len > 0);
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -1 : 1;
	while (at_a < a->digits.len || at_b < b->digits.len) {
		int difference = next_digit(a->digits, &at_a) - next_digit(b->digits, &at_b);
		if (difference)
			return difference;
	}
	return 0;
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	int magnitudes = compare_magnitudes(a, b);
	return a->negative ? -magnitudes : magnitudes;
}

bool decimal_in_range(const struct decimal_range *range, const struct decimal *decimal)
{
	int low = range->has_low ? decimal_compare(decimal, &range->low) : 1;
	int high = range->has_high ? decimal_compare(decimal, &range->high) : -1;
	return (low > 0 || (low == 0 && !range->low_excluded)) && (high < 0 || (high == 0 && !range->high_excluded));
}
