/*
 * prose - the texts of help and manual pages, as the tables hold them, and how a terminal shows them.
 *
 * A line that begins with two blanks is an example or a table and stays as it is; other lines are joined to paragraphs
 * and wrapped; an empty line ends a paragraph.  The texts are our own, UTF-8 without wide characters.
 */
#ifndef MCPLEDGER_QUERY_PROSE_H
#define MCPLEDGER_QUERY_PROSE_H

#include <stdbool.h>

#include "buf.h"

/* A paragraph, or lines that stay as they are; without the newline at its end. */
struct prose_block {
	bool literal;
	struct text text;
};

/* The next block of what *rest points to, which moves on; false: there is none. */
bool prose_next(const char **rest, struct prose_block *block);

/* Puts a paragraph between the columns indent and width; the cursor stands at column `at`, which is at most indent. */
void prose_put_wrapped(struct buf *out, struct text paragraph, unsigned at, unsigned indent, unsigned width);
/* Puts a whole text, with an empty line between its blocks. */
void prose_put(struct buf *out, const char *text, unsigned width);

#endif
