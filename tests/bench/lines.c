#include "lines.h"

#include <stdlib.h>
#include <string.h>

static const char ID[] = "\"id\":\"";

int lines_open(struct lines *lines, const char *path, uint64_t count, unsigned round)
{
	int is_file = strcmp(path, "-") != 0;
	*lines = (struct lines){.left = count ? count : UINT64_MAX, .round = round, .endless = is_file && count > 0};
	lines->file = is_file ? fopen(path, "re") : stdin;
	return lines->file ? 0 : -1;
}

void lines_close(struct lines *lines)
{
	free(lines->line);
	if (lines->file != stdin)
		(void)fclose(lines->file);
}

/* The event's own id is the first one; two digits of it tell the round. */
static void mark_round(char *line, size_t len, unsigned round)
{
	static const char digits[] = "0123456789abcdef";
	char *id = memmem(line, len, ID, sizeof(ID) - 1);
	if (id == NULL || (size_t)(line + len - id) < sizeof(ID) + 8)
		return;
	id += sizeof(ID) - 1;
	/* Added to what stands there: two ids that differ in these digits only must not become one. */
	for (unsigned i = 0; i < 2; i++) {
		const char *old = strchr(digits, id[i]);
		unsigned add = i ? round & 15 : round >> 4;
		if (old && *old)
			id[i] = digits[((unsigned)(old - digits) + add) & 15];
	}
}

size_t lines_next(struct lines *lines)
{
	if (lines->left == 0)
		return 0;
	ssize_t len = getline(&lines->line, &lines->capacity, lines->file);
	if (len <= 0 && lines->endless && ftell(lines->file) > 0) {
		rewind(lines->file);
		lines->round++;
		len = getline(&lines->line, &lines->capacity, lines->file);
	}
	if (len <= 0)
		return 0;
	lines->left--;
	if (lines->round)
		mark_round(lines->line, (size_t)len, lines->round);
	return (size_t)len;
}
