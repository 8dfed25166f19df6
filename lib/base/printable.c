#include "printable.h"

#include <stdbool.h>
#include <stdio.h>

/*
 * Text is taken apart into pieces: one character that may be shown, or one escape.  A piece is never split, so a
 * shortened text never ends inside an escape.
 */

enum { PIECE_BYTES_MAX = 12, MARKS_MAX = 4 };

struct piece {
	size_t taken;   /* bytes of the text */
	size_t columns; /* on the terminal */
	bool mark;      /* a combining mark: no column of its own */
	size_t len;     /* of bytes, when escaped; 0: the taken bytes are shown as they are */
	char bytes[PIECE_BYTES_MAX];
};

struct range {
	uint32_t first, last;
};

/* Characters that are not seen, or that change how others are seen.  Ascending. */
static const struct range hidden[] = {
	{0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad}, /* soft hyphen */
	{0x034f, 0x034f},                                     /* combining grapheme joiner */
	{0x061c, 0x061c},                                     /* Arabic letter mark */
	{0x115f, 0x1160},                                     /* Hangul fillers */
	{0x17b4, 0x17b5},                                     /* Khmer inherent vowels */
	{0x180b, 0x180f},                                     /* Mongolian selectors and separator */
	{0x200b, 0x200f},                                     /* zero width, direction marks */
	{0x2028, 0x202e},                                     /* line, paragraph, direction */
	{0x2060, 0x206f},                                     /* word joiner, invisible operators, isolates */
	{0x2800, 0x2800},                                     /* Braille blank */
	{0x3164, 0x3164},                                     /* Hangul filler */
	{0xd800, 0xdfff},                                     /* surrogates, as WTF-8 has them */
	{0xfe00, 0xfe0f},                                     /* variation selectors */
	{0xfeff, 0xfeff},                                     /* byte order mark */
	{0xffa0, 0xffa0},                                     /* halfwidth Hangul filler */
	{0xfff0, 0xfffb},                                     /* interlinear annotation */
	{0xfffe, 0xffff}, {0x1bca0, 0x1bca3},                 /* shorthand format controls */
	{0x1d173, 0x1d17a},                                   /* musical format controls */
	{0xe0000, 0xe0fff},                                   /* tags, variation selectors */
};

/* Marks that stand on the character before them.  Ascending. */
static const struct range marks[] = {
	{0x0300, 0x036f},
	{0x0483, 0x0489},
	{0x0591, 0x05bd},
	{0x0610, 0x061a},
	{0x064b, 0x065f},
	{0x06d6, 0x06dc},
	{0x0730, 0x074a},
	{0x0900, 0x0902},
	{0x093c, 0x093c},
	{0x0941, 0x0948},
	{0x094d, 0x094d},
	{0x0e31, 0x0e31},
	{0x0e34, 0x0e3a},
	{0x0e47, 0x0e4e},
	{0x1ab0, 0x1aff},
	{0x1dc0, 0x1dff},
	{0x20d0, 0x20ff},
	{0x302a, 0x302f},
	{0x3099, 0x309a},
	{0xfe20, 0xfe2f},
};

/* Characters of two columns (East Asian wide, emoji).  Ascending. */
static const struct range wide[] = {
	{0x1100, 0x115f},
	{0x231a, 0x231b},
	{0x23e9, 0x23ec},
	{0x2614, 0x2615},
	{0x26a1, 0x26a1},
	{0x2705, 0x2705},
	{0x274c, 0x274c},
	{0x2e80, 0x303e},
	{0x3041, 0x33ff},
	{0x3400, 0x4dbf},
	{0x4e00, 0xa4cf},
	{0xa960, 0xa97f},
	{0xac00, 0xd7a3},
	{0xf900, 0xfaff},
	{0xfe30, 0xfe6f},
	{0xff00, 0xff60},
	{0xffe0, 0xffe6},
	{0x1f300, 0x1f64f},
	{0x1f680, 0x1f6ff},
	{0x1f7e0, 0x1f7eb},
	{0x1f900, 0x1faff},
	{0x20000, 0x3fffd},
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t code)
{
	size_t low = 0;
	size_t high = count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (code > ranges[middle].last)
			low = middle + 1;
		else if (code < ranges[middle].first)
			high = middle;
		else
			return true;
	}
	return false;
}
#define IN(table, code) in_ranges(table, sizeof(table) / sizeof((table)[0]), code)

/* Length of the character at the start of bytes (surrogates allowed), 0 = not UTF-8. */
static size_t read_utf8(const unsigned char *at, size_t len, uint32_t *code)
{
	unsigned char first = at[0];
	size_t need = first < 0x80 ? 1 : first >= 0xc2 && first < 0xe0 ? 2 : (first & 0xf0) == 0xe0 ? 3 : 4;
	if (need == 1) {
		*code = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4 || len < need)
		return 0;
	uint32_t sum = first & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		sum = sum << 6 | (at[i] & 0x3f);
	}
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	if (sum < least[need] || sum > 0x10ffff)
		return 0;
	*code = sum;
	return need;
}

static void piece_escape(struct piece *piece, uint32_t code)
{
	static const struct {
		uint32_t code;
		const char *text;
	} named[] = {{'\\', "\\\\"}, {'\n', "\\n"}, {'\r', "\\r"}, {'\t', "\\t"}, {'\b', "\\b"}, {'\f', "\\f"}};
	int len = 0;
	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (named[i].code == code)
			len = snprintf(piece->bytes, sizeof(piece->bytes), "%s", named[i].text);
	if (len == 0 && code < 0x100)
		len = snprintf(piece->bytes, sizeof(piece->bytes), "\\x%02x", (unsigned)code);
	else if (len == 0 && code < 0x10000)
		len = snprintf(piece->bytes, sizeof(piece->bytes), "\\u%04x", (unsigned)code);
	else if (len == 0)
		len = snprintf(piece->bytes, sizeof(piece->bytes), "\\U%08x", (unsigned)code);
	piece->len = piece->columns = (size_t)len;
	piece->mark = false;
}

/* The piece at the start of text (not empty); *marks_run counts combining marks since the last character. */
static void piece_read(struct text text, unsigned *marks_run, struct piece *piece)
{
	uint32_t code = 0;
	piece->len = 0;
	piece->mark = false;
	piece->columns = 1;
	piece->taken = read_utf8((const unsigned char *)text.at, text.len, &code);
	if (piece->taken == 0) {
		piece->taken = 1;
		piece_escape(piece, (unsigned char)text.at[0]);
	} else if (code == '\\' || IN(hidden, code)) {
		piece_escape(piece, code);
	} else if (code >= 0x300 && IN(marks, code)) {
		/* A pile of marks would cover the lines around it, and take bytes without end in no columns. */
		if (++*marks_run > MARKS_MAX) {
			piece_escape(piece, code);
		} else {
			piece->columns = 0;
			piece->mark = true;
		}
	} else if (code >= 0x1100 && IN(wide, code)) {
		piece->columns = 2;
	}
	if (!piece->mark && piece->len == 0)
		*marks_run = 0;
}

/* How many bytes at the start of text are plain ASCII that shows as itself. */
static size_t plain_run(struct text text)
{
	size_t len = 0;
	while (len < text.len && text.at[len] >= ' ' && text.at[len] < 0x7f && text.at[len] != '\\')
		len++;
	return len;
}

static struct text text_after(struct text text, size_t taken)
{
	return (struct text){text.at + taken, text.len - taken};
}

static void piece_put(struct buf *out, struct text text, const struct piece *piece)
{
	if (piece->len)
		buf_put(out, piece->bytes, piece->len);
	else
		buf_put(out, text.at, piece->taken);
}

void printable_put(struct buf *out, struct text text)
{
	unsigned marks_run = 0;
	while (text.len > 0) {
		size_t plain = plain_run(text);
		if (plain > 0) {
			buf_put(out, text.at, plain);
			text = text_after(text, plain);
			marks_run = 0;
			continue;
		}
		struct piece piece;
		piece_read(text, &marks_run, &piece);
		piece_put(out, text, &piece);
		text = text_after(text, piece.taken);
	}
}

size_t printable_put_columns(struct buf *out, struct text text, size_t columns)
{
	if (columns == 0)
		return 0;
	size_t used = 0;
	size_t cut_len = out->len; /* where to cut, so that one column is left for the ellipsis */
	size_t cut_used = 0;
	unsigned marks_run = 0;
	while (text.len > 0) {
		struct piece piece;
		piece_read(text, &marks_run, &piece);
		if (used + piece.columns > columns) {
			if (out->failed == STATUS_OK)
				out->len = cut_len;
			buf_put_string(out, "…");
			return cut_used + 1;
		}
		piece_put(out, text, &piece);
		text = text_after(text, piece.taken);
		used += piece.columns;
		if (used < columns) {
			cut_len = out->len;
			cut_used = used;
		}
	}
	return used;
}

size_t printable_columns(struct text text)
{
	size_t used = 0;
	unsigned marks_run = 0;
	while (text.len > 0) {
		struct piece piece;
		piece_read(text, &marks_run, &piece);
		used += piece.columns;
		text = text_after(text, piece.taken);
	}
	return used;
}

/* Puts text with each quote preceded by `before_quote`. */
static void put_quoted(struct buf *out, struct text text, char before_quote)
{
	while (text.len > 0) {
		const char *quote = memchr(text.at, '"', text.len);
		size_t len = quote ? (size_t)(quote - text.at) : text.len;
		printable_put(out, (struct text){text.at, len});
		text = text_after(text, len);
		if (quote) {
			buf_put_byte(out, (uint8_t)before_quote);
			buf_put_byte(out, '"');
			text = text_after(text, 1);
		}
	}
}

static bool has_any(struct text text, const char *bytes)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] != 0 && strchr(bytes, text.at[i]))
			return true;
	return false;
}

void printable_put_logfmt(struct buf *out, struct text text)
{
	bool quoted = text.len == 0 || has_any(text, " \"=");
	if (quoted)
		buf_put_byte(out, '"');
	put_quoted(out, text, '\\');
	if (quoted)
		buf_put_byte(out, '"');
}

/* Whether a spreadsheet may take the cell for a formula: also behind spaces, also the full-width signs. */
static bool starts_formula(struct text text)
{
	static const char *const signs[] = {"=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"};
	while (text.len > 0 && text.at[0] == ' ')
		text = text_after(text, 1);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t len = strlen(signs[i]);
		if (text.len >= len && memcmp(text.at, signs[i], len) == 0)
			return true;
	}
	return false;
}

void printable_put_csv(struct buf *out, struct text text)
{
	bool quoted = has_any(text, ",\"\r\n") || (text.len > 0 && (text.at[0] == ' ' || text.at[text.len - 1] == ' '));
	if (quoted)
		buf_put_byte(out, '"');
	if (starts_formula(text))
		buf_put_byte(out, '\'');
	put_quoted(out, text, '"');
	if (quoted)
		buf_put_byte(out, '"');
}

bool printable_is_utf8(struct text text)
{
	for (size_t at = 0; at < text.len;) {
		uint32_t code = 0;
		size_t taken = read_utf8((const unsigned char *)text.at + at, text.len - at, &code);
		if (taken == 0 || (code >= 0xd800 && code <= 0xdfff))
			return false;
		at += taken;
	}
	return true;
}
