/*
 * roff - manual pages in the macros of man(7), for groff and mandoc.  One thread.
 *
 * Nothing in a text can become a macro or an escape: a line never begins with a control character, backslashes and
 * characters that roff prints as others (- ' ` ^ ~) are written by name, all beyond ASCII by number.
 */
#ifndef MCPLEDGER_QUERY_MAN_ROFF_H
#define MCPLEDGER_QUERY_MAN_ROFF_H

#include <stdbool.h>

#include "buf.h"

struct roff {
	struct buf *out;
	bool begun;   /* a heading or a tag was just written: the next paragraph needs no macro */
	bool in_item; /* paragraphs belong to the text of a tag */
	bool bold;    /* between two backticks */
};

/* date: YYYY-MM-DD, of the release and not of the build. */
void roff_begin(struct roff *roff, struct buf *out, const char *name, const char *section, const char *date);
void roff_section(struct roff *roff, const char *title); /* its letters become capitals */
void roff_part(struct roff *roff, const char *title);    /* of a section */
/* A tag, in bold, and what it takes ("": nothing); its text follows. */
void roff_item(struct roff *roff, const char *tag, const char *argument);
/* Moves what follows, items too, to the right. */
void roff_indent(struct roff *roff);
void roff_outdent(struct roff *roff);
/* Paragraphs and lines that stay as they are; see prose.h.  What stands between backticks is bold. */
void roff_prose(struct roff *roff, const char *text);
/* Text in the line, without a paragraph of its own. */
void roff_put_plain(struct roff *roff, const char *text);

#endif
