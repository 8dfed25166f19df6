/*
 * filter - the words of a search as a tree of conditions.
 *
 *   search    = all { OR all }                     any of them
 *   all       = term { [ AND ] term }              all of them: AND binds closer than OR
 *   term      = [ "-" | NOT ] ( "(" search ")" | field ":" values | text )
 *   text      = word | "phrase" | /regex/          in one of the event's texts; * alone: every event
 *   values    = value { "," value }                any of them
 *   value     = ["<" | "<=" | ">" | ">="] plain | plain ".." plain | "quoted" | plain with * | /regex/ | address[/bits]
 *
 * AND, OR and NOT are read in any case; the word itself is looked for in quotes.  field is a short name (kind, session,
 * user, tool, …), the path of an event's field (error.type), or a path into a field that holds JSON (request.path,
 * detail.filter; see path.h).  Inside quotes * is an ordinary character, \" a quote and \\ a backslash; outside of quotes
 * a backslash is ordinary.  A value or a word that starts with / and goes on, without white space, to a / (not \/) with
 * its end, a space, a comma or a parenthesis behind it is a regular expression; /i behind it means any case.
 *
 * A filter lives in its arena.  Once it is parsed, any thread may read it.
 */
#ifndef MCPLEDGER_QUERY_FILTER_H
#define MCPLEDGER_QUERY_FILTER_H

#include "address.h"
#include "decimal.h"
#include "event.h"
#include "indicators.h"
#include "path.h"
#include "regex.h"
#include "phrase.h"

enum {
	FILTER_DEPTH_MAX = 32,
	FILTER_CONDITIONS_MAX = 256,
	FILTER_VALUES_MAX = 1024, /* of one list */
	FILTER_REGEXES_MAX = 16,
	FILTER_BYTES_MAX = 16 * 1024,
};

enum condition_type {
	CONDITION_ALL,        /* every event */
	CONDITION_AND,        /* all of children */
	CONDITION_OR,         /* any of children */
	CONDITION_NOT,        /* not its one child */
	CONDITION_FIELD,      /* any of fields has any of values */
	CONDITION_EXISTS,     /* any of fields is there; with a path: the payload has it */
	CONDITION_PATH,       /* the payload fields[0] has any of values at path */
	CONDITION_WORDS,      /* the phrase or regex of values[0] stands in one of the event's texts */
	CONDITION_INDICATORS, /* one of the indicators stands in one of fields */
};

/* What is looked for: as text, as words, and as a number, an address or a regular expression where it is one. */
struct wanted {
	struct text text; /* to be equal to; with glob, * stands for any bytes */
	bool glob;
	bool quoted;
	bool ranged;                           /* a number, not text: first..last, or decimals */
	int64_t first, last;                   /* numbers of fields, both inclusive */
	const struct decimal_range *decimals;  /* numbers in payloads; NULL: none */
	const struct address_range *addresses; /* NULL: none */
	struct regex *regex;                   /* alone; NULL: none */
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
	struct path path;   /* into the payload */
	const struct wanted *values;
	size_t value_count;
	const struct indicators *indicators;
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
/*
 * Narrows a filter to events in whose ids, names, addresses or texts one of the indicators stands (see indicators.h).
 * STATUS_INVALID: error names the line.
 */
enum status filter_add_indicators(
	struct text lines, struct arena *arena, struct filter *filter, struct error *error) MUST_CHECK;
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
/* Whether a field holds network addresses: what `ip` looks into. */
bool field_holds_addresses(unsigned field);

/* The text fields that words are looked for in. */
extern const uint8_t filter_text_fields[];
extern const size_t filter_text_field_count;

#endif
