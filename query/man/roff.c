#include "roff.h"

#include <ctype.h>

#include "prose.h"

/* Longer lines of text are broken between words, as linters of manual pages want it. */
enum { LINE_BYTES = 78 };

static uint32_t next_character(const uint8_t **at, const uint8_t *end)
{
	uint32_t c = *(*at)++;
	unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
	if (more > 0)
		c &= 0x3fU >> more;
	for (; more > 0 && *at < end; more--)
		c = c << 6 | (*(*at)++ & 0x3fU);
	return c;
}

static void put_escaped(struct roff *roff, struct text text)
{
	static const char *const names[128] = {['"'] = "\\(dq",
		['\\'] = "\\(rs",
		['-'] = "\\-",
		['\''] = "\\(aq",
		['`'] = "\\(ga",
		['^'] = "\\(ha",
		['~'] = "\\(ti"};
	const uint8_t *at = (const uint8_t *)text.at;
	const uint8_t *end = at + text.len;
	while (at < end) {
		uint32_t c = next_character(&at, end);
		if (c >= 128)
			buf_printf(roff->out, "\\[u%04X]", (unsigned)c);
		else if (names[c])
			buf_put_string(roff->out, names[c]);
		else
			buf_put_byte(roff->out, (uint8_t)c);
	}
}

/* A word of a paragraph; backticks turn bold on and off.  One that begins with a dot is no macro at a line's begin. */
static void put_word(struct roff *roff, struct text word)
{
	if (word.len > 0 && word.at[0] == '.')
		buf_put_string(roff->out, "\\&");
	for (size_t at = 0; at <= word.len;) {
		const char *tick = memchr(word.at + at, '`', word.len - at);
		size_t end = tick ? (size_t)(tick - word.at) : word.len;
		put_escaped(roff, (struct text){word.at + at, end - at});
		if (tick) {
			roff->bold = !roff->bold;
			buf_put_string(roff->out, roff->bold ? "\\fB" : "\\fR");
		}
		at = end + 1;
	}
}

static bool ends_sentence(struct text word)
{
	return word.len > 0 && strchr(".?!:", word.at[word.len - 1]) != NULL;
}

/* Begins a new line instead of the blank at `blank` when the line from `line` on has become too long. */
static bool break_line(struct roff *roff, size_t line, size_t blank)
{
	struct buf *out = roff->out;
	if (blank <= line || out->len <= blank || out->len - line <= LINE_BYTES || buf_status(out) != STATUS_OK)
		return false;
	out->at[blank] = '\n';
	return true;
}

static void put_paragraph(struct roff *roff, struct text paragraph)
{
	size_t line = roff->out->len; /* where the line begins */
	const char *at = paragraph.at;
	const char *end = at + paragraph.len;
	while (at < end) {
		struct text word = {at, 0};
		while (at < end && *at != ' ' && *at != '\n')
			at++;
		word.len = (size_t)(at - word.at);
		while (at < end && (*at == ' ' || *at == '\n'))
			at++;
		size_t blank = roff->out->len;
		if (blank > line)
			buf_put_byte(roff->out, ' ');
		put_word(roff, word);
		if (break_line(roff, line, blank))
			line = blank + 1;
		if (at < end && ends_sentence(word)) {
			buf_put_byte(roff->out, '\n');
			line = roff->out->len;
		}
	}
	if (roff->bold)
		buf_put_string(roff->out, "\\fR");
	roff->bold = false;
	buf_put_byte(roff->out, '\n');
}

static void begin_paragraph(struct roff *roff)
{
	if (!roff->begun)
		buf_put_string(roff->out, roff->in_item ? ".IP\n" : ".PP\n");
	roff->begun = false;
}

static void put_lines(struct roff *roff, struct text lines)
{
	buf_put_string(roff->out, ".EX\n");
	for (size_t at = 0; at < lines.len;) {
		const char *newline = memchr(lines.at + at, '\n', lines.len - at);
		size_t end = newline ? (size_t)(newline - lines.at) : lines.len;
		put_escaped(roff, (struct text){lines.at + at, end - at}); /* begins with a blank: never a macro */
		buf_put_byte(roff->out, '\n');
		at = end + 1;
	}
	buf_put_string(roff->out, ".EE\n");
}

void roff_prose(struct roff *roff, const char *text)
{
	struct prose_block block;
	while (prose_next(&text, &block)) {
		begin_paragraph(roff);
		if (block.literal)
			put_lines(roff, block.text);
		else
			put_paragraph(roff, block.text);
	}
}

/* ASCII. */
static void put_capitals(struct roff *roff, const char *text)
{
	for (const char *c = text; *c; c++)
		put_escaped(roff, (struct text){&(char){(char)toupper((unsigned char)*c)}, 1});
}

void roff_begin(struct roff *roff, struct buf *out, const char *name, const char *section, const char *date)
{
	*roff = (struct roff){.out = out};
	buf_put_string(
		out, ".\\\" Made from the tables of the source by query/man; changes belong there.\n.nr HY 0\n.TH \"");
	put_capitals(roff, name);
	buf_printf(out, "\" %s %s \"mcpledger " MCPLEDGER_VERSION "\" \"mcpledger manual\"\n", section, date);
	buf_put_string(out, ".ad l\n"); /* and no hyphens (HY): words are typed */
}

void roff_section(struct roff *roff, const char *title)
{
	buf_put_string(roff->out, ".SH \"");
	put_capitals(roff, title);
	buf_put_string(roff->out, "\"\n");
	roff->begun = true;
	roff->in_item = false;
}

void roff_part(struct roff *roff, const char *title)
{
	buf_put_string(roff->out, ".SS \"");
	put_escaped(roff, text_of(title));
	buf_put_string(roff->out, "\"\n");
	roff->begun = true;
	roff->in_item = false;
}

void roff_item(struct roff *roff, const char *tag, const char *argument)
{
	buf_put_string(roff->out, ".TP\n\\fB");
	put_escaped(roff, text_of(tag));
	buf_put_string(roff->out, argument[0] ? "\\fR \\fI" : "");
	put_escaped(roff, text_of(argument));
	buf_put_string(roff->out, "\\fR\n");
	roff->begun = true;
	roff->in_item = true;
}

void roff_indent(struct roff *roff)
{
	buf_put_string(roff->out, ".RS\n");
}

void roff_outdent(struct roff *roff)
{
	buf_put_string(roff->out, ".RE\n");
	roff->begun = false;
}

void roff_put_plain(struct roff *roff, const char *text)
{
	put_escaped(roff, text_of(text));
}
