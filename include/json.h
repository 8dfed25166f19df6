/*
 * json - reads JSON text (RFC 8259) token by token, and checks all of its grammar on the way.
 *
 * The text is borrowed and never copied.  json_begin indexes it (simdjson's first stage: UTF-8, raw control
 * characters, unclosed strings); after that the reader is pulled: each call checks what it passes, so a text is known
 * to be whole JSON only when json_end returns STATUS_OK.  Nothing of a failed text may be kept.
 * A reader belongs to one thread at a time.
 */
#ifndef MCPLEDGER_JSON_H
#define MCPLEDGER_JSON_H

#include <stdbool.h>

#include "buf.h"

enum { JSON_DEPTH_MAX = 128 };

enum json_type { JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

enum json_fault { JSON_FAULT_NONE, JSON_FAULT_MALFORMED, JSON_FAULT_UTF8, JSON_FAULT_DEPTH, JSON_FAULT_MEMORY };

struct json_token {
	enum json_type type;
	bool escaped; /* a string that holds a backslash */
	struct text
		text; /* a string: between its quotes, as sent; a scalar: its characters; arrays, objects: "[" "{" */
};

/* A scalar inside a value: where it stands in the value's minified text. Strings with their quotes. */
struct json_leaf {
	uint32_t at;
	uint32_t len;
};

/* A whole value, minified (no white space between its tokens; everything else as sent). */
struct json_value {
	struct text text;               /* in the read text if it was minified already, else in the arena */
	const struct json_leaf *leaves; /* in order of the text; in the arena; NULL if there were more than asked for */
	uint32_t leaf_count;
	uint64_t template;      /* not 0: values of the same number have the same text around their leaves */
	bool duplicate_members; /* some object in it has a member twice */
	bool duplicate_outer;   /* the value itself is an object that has a member twice */
	bool escaped;           /* some string or name in it holds a backslash */
	bool watched;           /* json_watch said so of a member's name */
};

struct json_reader;

/* STATUS_NO_MEMORY is the only failure. */
enum status json_reader_create(struct json_reader **reader) MUST_CHECK;
void json_reader_destroy(struct json_reader **reader);
/* Arrays and objects within each other, at most JSON_DEPTH_MAX (which holds until this is called). */
void json_reader_limit(struct json_reader *reader, unsigned depth_max);
/* Has json_value call watch for each member's name (between its quotes, as sent) of the objects it passes. */
typedef bool json_watch(void *context, struct text name, bool escaped);
void json_reader_watch(struct json_reader *reader, json_watch *watch, void *context);

/* Starts on text (borrowed until the next json_begin).  STATUS_INVALID: json_fault() says what, json_position() where. */
enum status json_begin(struct json_reader *reader, struct text text) MUST_CHECK;
/* Reads the next value's first token.  Of an array or object only the opening bracket is passed. */
enum status json_next(struct json_reader *reader, struct json_token *token) MUST_CHECK;
/* Inside an object: *more = false at its closing brace (which is passed), else *key is the next member's name. */
enum status json_member(struct json_reader *reader, struct json_token *key, bool *more) MUST_CHECK;
/* A member's name as it is written, for json_expect. */
struct json_name {
	struct text written; /* "\"name\":"; borrowed; no name that needs an escape */
	uint64_t word[2];    /* its first 16 bytes, */
	uint64_t mask[2];    /* and which of them are its own */
};
struct json_name json_name_of(struct text written);
/*
 * Inside an object: true when the next member is written exactly so; its name is passed, as json_member passes it.  Else
 * nothing was passed and json_member tells what comes.  For members that come in the same order again and again.
 */
bool json_expect(struct json_reader *reader, const struct json_name *name);
/* Inside an array: *more = false at its closing bracket (which is passed), else json_next or json_value reads one. */
enum status json_element(struct json_reader *reader, bool *more) MUST_CHECK;
/*
 * Reads one whole value of any kind and checks all of it.  Arena memory is used for leaves and, where there was
 * white space, for the text.  leaves_max 0: leaves are not collected.
 */
enum status json_value(
	struct json_reader *reader, struct arena *arena, uint32_t leaves_max, struct json_value *value) MUST_CHECK;
/* STATUS_OK when nothing but white space follows the one value that was read. */
enum status json_end(struct json_reader *reader) MUST_CHECK;

enum json_fault json_fault(const struct json_reader *reader);
size_t json_position(const struct json_reader *reader); /* byte offset of the fault, or of the next token */

/*
 * Decodes what stands between a string's quotes (grammar already checked) to UTF-8; a lone surrogate escape becomes
 * its three bytes (WTF-8).  Without a backslash the text itself is returned.  at = NULL: the arena is exhausted.
 */
struct text json_string_decode(struct text between_quotes, struct arena *arena);
/*
 * One step of decoding: writes what the escape at the start of left (a string from a backslash on) stands for to *to,
 * at most 4 bytes, and returns its length in left.
 */
size_t json_escape_decode(struct text left, char **to);
/* Writes a string with its quotes, minimally escaped (\" \\ \b \f \n \r \t \u00xx; lone surrogates as \udxxx). */
void json_put_string(struct buf *out, struct text decoded);
/* Whether a text is a number, true, false or null, and which of them. */
bool json_scalar(struct text text, struct json_token *token);
/* Reads an integer token, also 1e3 or 2.0.  STATUS_INVALID: not integral; STATUS_LIMIT: outside int64. */
enum status json_integer(struct text token, int64_t *number) MUST_CHECK;

#endif
