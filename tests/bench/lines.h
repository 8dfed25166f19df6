/*
 * lines - the lines of a file of events, again and again: in each further round the ids begin with other digits, so that
 * a small file gives any number of events of which none is a duplicate.  For the load generators; any one thread.
 */
#ifndef LINES_H
#define LINES_H

#include <stdint.h>
#include <stdio.h>

struct lines {
	FILE *file;
	char *line;
	size_t capacity;
	uint64_t left;  /* that may still be given */
	unsigned round; /* 0: ids as they are in the file */
	int endless;    /* whether the file can be read again */
};

/*
 * path: "-" is standard input, which has one round.  count: lines in all; 0: those of one round.  round: the first one's
 * number.  -1 with errno.
 */
int lines_open(struct lines *lines, const char *path, uint64_t count, unsigned round);
void lines_close(struct lines *lines);

/* The length of the next line, which lines->line holds until the next call, with its newline; 0 at the end. */
size_t lines_next(struct lines *lines);

#endif
