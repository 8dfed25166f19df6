/*
 * status - the one way an error travels.
 *
 * Every function that can fail returns enum status and writes its output parameters only on STATUS_OK.
 * Functions that read what a person wrote (configuration, queries, command lines) also fill struct error.
 * All functions here may be called from any thread.
 */
#ifndef MCPLEDGER_STATUS_H
#define MCPLEDGER_STATUS_H

#define MUST_CHECK             __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))

enum status {
#define STATUS(name, text) STATUS_##name,
#include "tbl/status.h"
#undef STATUS
	STATUS_COUNT
};

/* A person's error: where it is (1-based; 0 = not known) and what to do, as one line of text without a newline. */
struct error {
	enum status status;
	unsigned line;
	unsigned column;
	const char *nearest; /* the name that was perhaps meant, for good; NULL: none */
	char text[400];
};

/* The text of a status; a static string. */
const char *status_text(enum status status);

/* Fills *error (which may be NULL) and returns status, so that callers write `return error_set(...)`. */
enum status error_set(struct error *error, enum status status, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
