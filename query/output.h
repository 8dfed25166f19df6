/*
 * output - where an answer goes: bytes gathered in a buffer and passed on in large pieces, to a terminal, a file or an
 * HTTP response.  After the first failure nothing more is written.  One thread.
 */
#ifndef MCPLEDGER_QUERY_OUTPUT_H
#define MCPLEDGER_QUERY_OUTPUT_H

#include <stdbool.h>

#include "buf.h"

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_NDJSON, OUTPUT_CSV };

typedef enum status output_write(void *context, const void *bytes, size_t len);

struct output {
	struct buf text; /* what callers write to */
	output_write *write;
	void *context;
	enum status failed;
	/* how tables look */
	bool utc;
	bool color;
	unsigned width; /* terminal columns */
};

void output_init(struct output *output, output_write *write, void *context);
void output_finish(struct output *output);
/* Writes to a file descriptor; context: a pointer to it. */
enum status output_write_fd(void *context, const void *bytes, size_t len);
/* Passes on what is there once it is a large piece. */
enum status output_step(struct output *output) MUST_CHECK;
/* Passes on all that is there, then bytes from elsewhere. */
enum status output_pass(struct output *output, struct text bytes) MUST_CHECK;
/* Passes on all that is there. */
enum status output_flush(struct output *output) MUST_CHECK;

#endif
