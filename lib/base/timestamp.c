#include "timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * Dates are the proleptic Gregorian calendar, computed without the C library: an event's time is read on the ingest
 * path.  Only tables and what people type know the local zone.
 */

enum { SECONDS_PER_DAY = 86400, SECONDS_PER_HOUR = 3600, SECONDS_PER_MINUTE = 60, FRACTION_DIGITS = 9 };

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now = {0};
	(void)clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t timestamp_now(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int64_t timestamp_elapsed(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Days since 1970-01-01; years count from March, so that the leap day is the last of its year. */
static int64_t days_from_date(int year, int month, int day)
{
	int64_t y = year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
	return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
	int64_t shifted = days + 719468;
	int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
	int64_t day_of_era = shifted - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t march_month = (5 * day_of_year + 2) / 153;
	*day = (int)(day_of_year - (153 * march_month + 2) / 5 + 1);
	*month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
	*year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

/* Reads exactly `digits` digits at *at. */
static bool read_number(struct text text, size_t *at, size_t digits, int *number)
{
	if (text.len - *at < digits)
		return false;
	int sum = 0;
	for (size_t i = 0; i < digits; i++) {
		char c = text.at[*at + i];
		if (c < '0' || c > '9')
			return false;
		sum = sum * 10 + (c - '0');
	}
	*at += digits;
	*number = sum;
	return true;
}

static bool read_char(struct text text, size_t *at, char wanted)
{
	if (*at >= text.len || text.at[*at] != wanted)
		return false;
	(*at)++;
	return true;
}

/* A date and a time of day, of a zone not yet known. */
struct civil {
	int year, month, day, hour, minute, second;
	int64_t fraction_ns;
};

static bool read_date(struct text text, size_t *at, struct civil *civil)
{
	return read_number(text, at, 4, &civil->year) && read_char(text, at, '-') &&
	       read_number(text, at, 2, &civil->month) && read_char(text, at, '-') &&
	       read_number(text, at, 2, &civil->day) && civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
	       civil->day <= days_in_month(civil->year, civil->month);
}

static bool read_fraction(struct text text, size_t *at, int64_t *ns)
{
	int64_t sum = 0;
	unsigned digits = 0;
	for (; *at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9'; (*at)++, digits++)
		if (digits < FRACTION_DIGITS)
			sum = sum * 10 + (text.at[*at] - '0');
	if (digits == 0)
		return false;
	for (; digits < FRACTION_DIGITS; digits++)
		sum *= 10;
	*ns = sum;
	return true;
}

/* hh:mm[:ss[.fraction]]; seconds_needed: as RFC 3339 wants it. */
static bool read_time_of_day(struct text text, size_t *at, bool seconds_needed, struct civil *civil)
{
	if (!read_number(text, at, 2, &civil->hour) || !read_char(text, at, ':') ||
		!read_number(text, at, 2, &civil->minute) || civil->hour > 23 || civil->minute > 59)
		return false;
	if (!read_char(text, at, ':'))
		return !seconds_needed;
	if (!read_number(text, at, 2, &civil->second) || civil->second > 60)
		return false;
	if (read_char(text, at, '.') && !read_fraction(text, at, &civil->fraction_ns))
		return false;
	if (civil->second == 60) {
		civil->second = 59;
		civil->fraction_ns = NS_PER_S - 1;
	}
	return true;
}

static bool read_offset(struct text text, size_t *at, int64_t *offset_s)
{
	if (read_char(text, at, 'Z') || read_char(text, at, 'z')) {
		*offset_s = 0;
		return true;
	}
	bool negative = read_char(text, at, '-');
	int hours = 0;
	int minutes = 0;
	if ((!negative && !read_char(text, at, '+')) || !read_number(text, at, 2, &hours) ||
		!read_char(text, at, ':') || !read_number(text, at, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	int64_t seconds = hours * SECONDS_PER_HOUR + minutes * SECONDS_PER_MINUTE;
	*offset_s = negative ? -seconds : seconds;
	return true;
}

static enum status seconds_to_ns(int64_t seconds, int64_t fraction_ns, int64_t *ns)
{
	int64_t sum = 0;
	if (__builtin_mul_overflow(seconds, NS_PER_S, &sum) || __builtin_add_overflow(sum, fraction_ns, &sum))
		return STATUS_LIMIT;
	*ns = sum;
	return STATUS_OK;
}

static int64_t civil_seconds(const struct civil *civil)
{
	return days_from_date(civil->year, civil->month, civil->day) * SECONDS_PER_DAY +
	       civil->hour * SECONDS_PER_HOUR + civil->minute * SECONDS_PER_MINUTE + civil->second;
}

enum status timestamp_parse(struct text text, int64_t *ns)
{
	struct civil civil = {0};
	size_t at = 0;
	int64_t offset_s = 0;
	if (!read_date(text, &at, &civil))
		return STATUS_INVALID;
	if (!read_char(text, &at, 'T') && !read_char(text, &at, 't') && !read_char(text, &at, ' '))
		return STATUS_INVALID;
	if (!read_time_of_day(text, &at, true, &civil) || !read_offset(text, &at, &offset_s) || at != text.len)
		return STATUS_INVALID;
	return seconds_to_ns(civil_seconds(&civil) - offset_s, civil.fraction_ns, ns);
}

static void split_ns(int64_t ns, int64_t *seconds, int64_t *fraction_ns)
{
	*seconds = ns / NS_PER_S;
	*fraction_ns = ns % NS_PER_S;
	if (*fraction_ns < 0) {
		*fraction_ns += NS_PER_S;
		*seconds -= 1;
	}
}

size_t timestamp_format(int64_t ns, char text[TIMESTAMP_TEXT_BYTES])
{
	int64_t seconds = 0;
	int64_t fraction_ns = 0;
	split_ns(ns, &seconds, &fraction_ns);
	int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0);
	int64_t of_day = seconds - days * SECONDS_PER_DAY;
	int year = 0;
	int month = 0;
	int day = 0;
	date_from_days(days, &year, &month, &day);
	int len = snprintf(text, TIMESTAMP_TEXT_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day,
		(int)(of_day / SECONDS_PER_HOUR), (int)(of_day / SECONDS_PER_MINUTE % 60), (int)(of_day % 60));
	size_t rest = TIMESTAMP_TEXT_BYTES - (size_t)len;
	char *end = text + len;
	if (fraction_ns == 0)
		len += snprintf(end, rest, "Z");
	else if (fraction_ns % 1000000 == 0)
		len += snprintf(end, rest, ".%03dZ", (int)(fraction_ns / 1000000));
	else if (fraction_ns % 1000 == 0)
		len += snprintf(end, rest, ".%06dZ", (int)(fraction_ns / 1000));
	else
		len += snprintf(end, rest, ".%09dZ", (int)fraction_ns);
	return (size_t)len;
}

size_t timestamp_format_table(int64_t ns, bool utc, char text[TIMESTAMP_TEXT_BYTES])
{
	int64_t seconds = 0;
	int64_t fraction_ns = 0;
	split_ns(ns, &seconds, &fraction_ns);
	time_t clock = (time_t)seconds;
	struct tm parts = {0};
	if (utc)
		(void)gmtime_r(&clock, &parts);
	else
		(void)localtime_r(&clock, &parts);
	int len = snprintf(text, TIMESTAMP_TEXT_BYTES, "%04d-%02d-%02d %02d:%02d:%02d.%03d", parts.tm_year + 1900,
		parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
		(int)(fraction_ns / NS_PER_MS));
	return (size_t)len;
}

static enum status local_to_ns(const struct civil *civil, int64_t *ns)
{
	struct tm parts = {.tm_year = civil->year - 1900,
		.tm_mon = civil->month - 1,
		.tm_mday = civil->day,
		.tm_hour = civil->hour,
		.tm_min = civil->minute,
		.tm_sec = civil->second,
		.tm_isdst = -1};
	return seconds_to_ns((int64_t)mktime(&parts), civil->fraction_ns, ns);
}

/* Midnight, local time, `days_ago` days before the day of now_ns. */
static enum status local_midnight(int64_t now_ns, int days_ago, int64_t *ns)
{
	time_t clock = (time_t)(now_ns / NS_PER_S);
	struct tm parts = {0};
	(void)localtime_r(&clock, &parts);
	parts.tm_mday -= days_ago;
	parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
	parts.tm_isdst = -1;
	return seconds_to_ns((int64_t)mktime(&parts), 0, ns);
}

/* A date, or a date and a time, without a zone: local time. */
static enum status parse_local(struct text text, int64_t *ns)
{
	struct civil civil = {0};
	size_t at = 0;
	if (!read_date(text, &at, &civil))
		return STATUS_INVALID;
	if (at == text.len)
		return local_to_ns(&civil, ns);
	if (!read_char(text, &at, 'T') && !read_char(text, &at, ' '))
		return STATUS_INVALID;
	if (!read_time_of_day(text, &at, false, &civil) || at != text.len)
		return STATUS_INVALID;
	return local_to_ns(&civil, ns);
}

enum status timestamp_parse_human(struct text text, int64_t now_ns, int64_t *ns)
{
	if (text_equal(text, TEXT("now"))) {
		*ns = now_ns;
		return STATUS_OK;
	}
	if (text_equal(text, TEXT("today")))
		return local_midnight(now_ns, 0, ns);
	if (text_equal(text, TEXT("yesterday")))
		return local_midnight(now_ns, 1, ns);
	int64_t age_ns = 0;
	if (duration_parse(text, &age_ns) == STATUS_OK)
		return __builtin_sub_overflow(now_ns, age_ns, ns) ? STATUS_LIMIT : STATUS_OK;
	enum status status = timestamp_parse(text, ns);
	return status == STATUS_INVALID ? parse_local(text, ns) : status;
}

static const struct unit {
	const char *name;
	int64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* micro sign */
	{"\xce\xbcs", 1000}, /* Greek mu */
	{"ms", NS_PER_MS},
	{"s", NS_PER_S},
	{"m", 60 * NS_PER_S},
	{"h", 3600 * NS_PER_S},
	{"d", NS_PER_DAY},
	{"w", 7 * NS_PER_DAY},
};

static int64_t read_unit(struct text text, size_t *at)
{
	size_t end = *at;
	while (end < text.len && text.at[end] != '.' && (text.at[end] < '0' || text.at[end] > '9'))
		end++;
	struct text name = {text.at + *at, end - *at};
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (text_equal(name, text_of(units[i].name))) {
			*at = end;
			return units[i].ns;
		}
	}
	return 0;
}

/* One number with its unit, such as the 1h of 1h30m. */
static enum status read_duration_part(struct text text, size_t *at, int64_t *ns)
{
	int64_t whole = 0;
	int64_t fraction = 0; /* in 10^-9 */
	size_t start = *at;
	for (; *at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9'; (*at)++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, text.at[*at] - '0', &whole))
			return STATUS_LIMIT;
	if (*at == start)
		return STATUS_INVALID;
	if (read_char(text, at, '.') && !read_fraction(text, at, &fraction))
		return STATUS_INVALID;
	int64_t unit = read_unit(text, at);
	if (unit == 0)
		return STATUS_INVALID;
	__int128 sum = (__int128)whole * unit + (__int128)fraction * unit / NS_PER_S;
	if (sum > INT64_MAX)
		return STATUS_LIMIT;
	*ns = (int64_t)sum;
	return STATUS_OK;
}

enum status duration_parse(struct text text, int64_t *ns)
{
	int64_t sum = 0;
	size_t at = 0;
	if (text.len == 0)
		return STATUS_INVALID;
	while (at < text.len) {
		int64_t part = 0;
		enum status status = read_duration_part(text, &at, &part);
		if (status != STATUS_OK)
			return status;
		if (__builtin_add_overflow(sum, part, &sum))
			return STATUS_LIMIT;
	}
	*ns = sum;
	return STATUS_OK;
}

/* Three significant digits of ns / unit_ns without trailing zeros; false: rounded, it would be `limit` or more. */
static bool format_scaled(char *text, uint64_t ns, uint64_t unit_ns, unsigned limit, const char *unit)
{
	double scaled = (double)ns / (double)unit_ns;
	int digits = scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0;
	char number[32];
	int len = snprintf(number, sizeof(number), "%.*f", digits, scaled);
	if (strtod(number, NULL) >= limit)
		return false;
	if (digits > 0) {
		while (number[len - 1] == '0')
			number[--len] = 0;
		if (number[len - 1] == '.')
			number[--len] = 0;
	}
	(void)snprintf(text, TIMESTAMP_TEXT_BYTES - 1, "%s %s", number, unit);
	return true;
}

static void format_pair(char *text, uint64_t big, const char *big_unit, uint64_t small, const char *small_unit)
{
	if (small)
		(void)snprintf(text, TIMESTAMP_TEXT_BYTES - 1, "%llu %s %llu %s", (unsigned long long)big, big_unit,
			(unsigned long long)small, small_unit);
	else
		(void)snprintf(text, TIMESTAMP_TEXT_BYTES - 1, "%llu %s", (unsigned long long)big, big_unit);
}

size_t duration_format(int64_t ns, char text[TIMESTAMP_TEXT_BYTES])
{
	char *at = text;
	uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	if (ns < 0)
		*at++ = '-';
	uint64_t seconds = (size + NS_PER_S / 2) / NS_PER_S;
	uint64_t minutes = (seconds + 30) / 60;
	uint64_t hours = (seconds + 1800) / 3600;
	if (size < 1000)
		(void)snprintf(at, TIMESTAMP_TEXT_BYTES - 1, "%d ns", (int)size);
	else if (format_scaled(at, size, 1000, 1000, "\xc2\xb5s") || format_scaled(at, size, NS_PER_MS, 1000, "ms") ||
		 format_scaled(at, size, NS_PER_S, 60, "s"))
		;
	else if (seconds < 3600)
		format_pair(at, seconds / 60, "min", seconds % 60, "s");
	else if (minutes < 1440)
		format_pair(at, minutes / 60, "h", minutes % 60, "min");
	else
		format_pair(at, hours / 24, "d", hours % 24, "h");
	return strlen(text);
}
