/*
 * decimal - JSON numbers compared by value and exactly: 1, 1.0 and 10e-1 are equal, 9007199254740993 and …992 are not.
 * Nothing is converted: a decimal points into the token it was read from.  Any thread.
 */
#ifndef MCPLEDGER_QUERY_DECIMAL_H
#define MCPLEDGER_QUERY_DECIMAL_H

#include <stdbool.h>

#include "buf.h"

/* 0.digits * 10^exponent, without zeros at either end of the digits; zero has no digits. */
struct decimal {
	bool negative;
	struct text digits; /* may hold one point, which is passed over */
	int64_t exponent;
};

/* false: the token is no number as JSON writes it. */
bool decimal_read(struct text token, struct decimal *decimal);
/* < 0, 0 or > 0. */
int decimal_compare(const struct decimal *a, const struct decimal *b);

/* What a comparison asks for. */
struct decimal_range {
	bool has_low, has_high;
	bool low_excluded, high_excluded;
	struct decimal low, high;
};
bool decimal_in_range(const struct decimal_range *range, const struct decimal *decimal);

#endif
