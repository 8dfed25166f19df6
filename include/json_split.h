/*
 * json_split - takes a body apart into the texts of its events: one object (on any number of lines), an array, or
 * NDJSON, recognised by its bytes.
 *
 * Only brackets, quotes and line ends are looked at: each text still has to be read as JSON, and one that is damaged
 * does not spoil its neighbours.  Nothing is allocated; texts are views into the body.  Any thread.
 */
#ifndef MCPLEDGER_JSON_SPLIT_H
#define MCPLEDGER_JSON_SPLIT_H

#include <stdbool.h>

#include "buf.h"

enum json_body { JSON_BODY_EMPTY, JSON_BODY_OBJECT, JSON_BODY_ARRAY, JSON_BODY_LINES };

struct json_split {
	struct text body;
	enum json_body form;
	size_t at;      /* what is before it was passed */
	size_t counted; /* line ends before it are in `line` */
	uint32_t index;
	uint32_t line;
	bool finished;
};

struct json_piece {
	struct text
		text; /* one event's, without white space around it; empty where an array has nothing between commas */
	uint32_t index; /* from 0 */
	uint32_t line;  /* of its first byte in the body, from 1 */
};

void json_split_begin(struct json_split *split, struct text body);
/* The next event's text; false: there is no more. */
bool json_split_next(struct json_split *split, struct json_piece *piece);

#endif
