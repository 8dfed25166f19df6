/*
 * filter - the words of a search as a tree of conditions.
 *
 *   search    = { or-list }                        all of them
 *   or-list   = term { "OR" term }
 *   term      = [ "-" | "NOT" ] ( "(" search ")" | field ":" values | word | "phrase" )
 *   values    = value { "," value }                any of them
 *   value     = ["<" | "<=" | ">" | ">="] plain | plain ".." plain | "quoted" | plain with *
 *
 * field is a short name (kind, session, user, tool, …), the path of an event's field (error.type), or a path into a
 * field that holds JSON (request.path, detail.filter).  Inside quotes * is an ordinary character and \" a quote.
 * A filter is plain data in its arena: once parsed, any thread may read it.
 */
#ifndef MCPLEDGER_QUERY_FILTER_H
#define MCPLEDGER_QUERY_FILTER_H

#include "event.h"
#include "words.h"

enum { FILTER_DEPTH_MAX = 32, FILTER_CONDITIONS_MAX = 256, FILTER_BYTES_MAX = 16 * 1024 };

enum condition_type {
	CONDITION_ALL,    /* every event */
	CONDITION_AND,    /* all of children */
	CONDITION_OR,     /* any of children */
	CONDITION_NOT,    /* not its one child */
	CONDITION_FIELD,  /* any of fields has any of values */
	CONDITION_EXISTS, /* any of fields is there; with a path: the payload has it */
	CONDITION_PATH,   /* the payload fields[0] has any of values at path */
	CONDITION_WORDS,  /* the phrase of values[0] stands in one of the event's texts */
};

/* What is looked for: as text, as words, and as a number where it is one. */
struct wanted {
	struct text text; /* to be equal to; with glob, * stands for any bytes */
	bool glob;
	bool quoted;
	bool ranged;         /* first..last or low..high, not text */
	int64_t first, last; /* numbers of fields, both inclusive */
	double low, high;    /* numbers in payloads, both inclusive */
	struct phrase phrase;
};

struct condition {
	enum condition_type type;
	unsigned column; /* where it stands in the text, from 1 */
	struct condition *children;
	struct condition *next;
	const uint8_t *fields;
	size_t field_count;
	bool first_present; /* of fields, only the first one that an event has counts */
	struct text path;   /* into the payload */
	const struct wanted *values;
	size_t value_count;
};

struct filter {
	const struct condition *root;
	bool asks_texts; /* some condition looks into payloads or prose: redactions and cuts may hide what it asks for */
};

/*
 * Parses text (copied into arena) relative to now_ns.  An empty text matches every event.
 * STATUS_INVALID: error says what, where (column, from 1) and, for a field, which name is nearest.
 */
enum status filter_parse(
	struct text text, int64_t now_ns, struct arena *arena, struct filter *filter, struct error *error) MUST_CHECK;
/* A filter for one exact value of a field. */
enum status filter_exact(unsigned field, struct text value, struct arena *arena, struct filter *filter) MUST_CHECK;
/* Whether some condition names the field itself. */
bool filter_names(const struct filter *filter, unsigned field);

/* The fields a name stands for, as in a search: count 0 = no such name; *path: what is left for a payload. */
struct field_name {
	const uint8_t *fields;
	size_t count;
	bool first_present;
	struct text path;
};
struct field_name field_name_find(struct text name);
/* The known name nearest to a mistyped one; NULL: none is near. */
const char *field_name_nearest(struct text name);

/* The text fields that words are looked for in. */
extern const uint8_t filter_text_fields[];
extern const size_t filter_text_field_count;

#endif
