#include "prose.h"

#include "printable.h"

static bool is_literal(const char *line)
{
	return line[0] == ' ' && line[1] == ' ';
}

bool prose_next(const char **rest, struct prose_block *block)
{
	const char *at = *rest;
	while (*at == '\n')
		at++;
	if (*at == 0)
		return false;
	const char *end = at;
	bool literal = is_literal(at);
	while (*end && *end != '\n' && is_literal(end) == literal) {
		end += strcspn(end, "\n");
		if (*end)
			end++;
	}
	*rest = end;
	while (end[-1] == '\n')
		end--;
	*block = (struct prose_block){literal, {at, (size_t)(end - at)}};
	return true;
}

void prose_put_wrapped(struct buf *out, struct text paragraph, unsigned at, unsigned indent, unsigned width)
{
	const char *word = paragraph.at;
	const char *end = paragraph.at + paragraph.len;
	size_t column = at;
	for (; column < indent; column++)
		buf_put_byte(out, ' ');
	while (word < end) {
		size_t len = 0;
		while (word + len < end && word[len] != ' ' && word[len] != '\n')
			len++;
		size_t columns = printable_columns((struct text){word, len});
		if (column > indent && column + 1 + columns > width) {
			buf_printf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			buf_put_byte(out, ' ');
			column++;
		}
		buf_put(out, word, len);
		column += columns;
		for (word += len; word < end && (*word == ' ' || *word == '\n');)
			word++;
	}
	buf_put_byte(out, '\n');
}

void prose_put(struct buf *out, const char *text, unsigned width)
{
	struct prose_block block;
	for (bool first = true; prose_next(&text, &block); first = false) {
		if (!first)
			buf_put_byte(out, '\n');
		if (block.literal)
			buf_printf(out, "%.*s\n", (int)block.text.len, block.text.at);
		else
			prose_put_wrapped(out, block.text, 0, 0, width);
	}
}
