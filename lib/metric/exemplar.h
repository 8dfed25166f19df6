/*
 * exemplar - the latest trace seen with a value: written by any thread, read by an exposition, never locked.
 *
 * The version is odd while somebody writes.  A writer that finds it odd leaves its own exemplar out: another one as
 * fresh is being written.  Words are stored with release and read with acquire, so that a reader who met a new word
 * also sees that the version has changed.
 */
#ifndef MCPLEDGER_METRIC_EXEMPLAR_H
#define MCPLEDGER_METRIC_EXEMPLAR_H

#include <stdatomic.h>

#include "metric.h"

enum { EXEMPLAR_WORDS = 4 };

struct exemplar {
	_Atomic uint64_t version; /* 0: there is none */
	_Atomic uint64_t words[EXEMPLAR_WORDS];
};

struct exemplar_view {
	uint8_t trace_id[16];
	double value;
	int64_t time; /* ns since 1970 */
};

void exemplar_set(struct exemplar *exemplar, const struct metric_exemplar *latest, double value);
/* STATUS_NOT_FOUND: none, or it changes faster than it can be read. */
enum status exemplar_get(const struct exemplar *exemplar, struct exemplar_view *view) MUST_CHECK;

#endif
