/*
 * api - one request of the read API, as the files that answer it share it.  Private to api*.c.
 *
 * Each request opens a reader of its own and writes what the command line would: cli is the command line that it stands
 * for.  An answer begins with its first bytes: until then, a failure is told as a problem document; later, the server
 * breaks it off.
 */
#ifndef MCPLEDGER_QUERY_API_H
#define MCPLEDGER_QUERY_API_H

#include <stdatomic.h>

#include "cli.h"
#include "query.h"
#include "tails.h"

struct query_api {
	struct store *store;
	struct tails *tails;
	_Atomic int64_t time_max_ns;
	_Atomic uint64_t rows_max, bytes_max;
};

struct ask;

/* A kind of path. */
struct place {
	enum status (*put)(struct ask *ask);
	unsigned own;               /* its parameters beside options, of enum parameter */
	const char *const *refused; /* options that make no sense here, up to NULL; NULL: none */
	const char *verb;           /* whose options it takes; NULL: the path, or the parameter verb, tells */
};

enum parameter {
	PARAMETER_Q = 1,
	PARAMETER_ID = 2,
	PARAMETER_WORDS = 4,
	PARAMETER_CURSOR = 8,
	PARAMETER_ORDER = 16,
	PARAMETER_VERB = 32,
	PARAMETER_LOOKS = 64, /* width, color: of tables */
	PARAMETER_COVERAGE = 128,
	PARAMETER_MATCH = 256, /* the lines of --match-file, where the verb takes that */
};

struct ask {
	struct query_api *api;
	const struct place *place;
	const struct http_request *request;
	struct http_response *response;
	const char *content_type;
	bool begun;
	bool follows; /* the response has become a tail */
	bool unlimited;
	bool too_long;
	const char *limit; /* the setting that ended an answer which says so itself */
	uint64_t bytes;
	struct cli cli;
	struct text verb;                                  /* the path's, or the parameter's */
	struct text cursor, order, width, color, coverage; /* parameters */
	struct text tenants[OPTION_LIST_MAX];              /* of the caller's, those asked for */
};

/* What follows /api/v1/ and, where it is given, `under`. */
struct text ask_path_rest(const struct ask *ask, const char *under);
/* The key of cursors of this question. */
enum status ask_cursor_key(struct ask *ask, struct cursor_key *key) MUST_CHECK;
/* Reads width and color. */
void ask_read_looks(struct ask *ask);

/* --- api_request.c --- */

/* Reads the parameters and opens the reader. */
enum status ask_read(struct ask *ask) MUST_CHECK;

/* --- api_events.c --- */

enum status ask_put_events(struct ask *ask) MUST_CHECK;
enum status ask_put_event(struct ask *ask) MUST_CHECK;

/* --- api_tail.c --- */

enum status ask_follow(struct ask *ask) MUST_CHECK;

#endif
