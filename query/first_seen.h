/*
 * first_seen - when each value of a field, or each pair of values, was seen for the first time.
 *
 * Each value that occurs is one small entry of a table, known by a 64-bit fingerprint with a secret key; the texts of those
 * that are told come from their first events, which are read afterwards.  The table is bounded: STATUS_LIMIT beyond it,
 * since a value that found no place would later look new.
 */
#ifndef MCPLEDGER_QUERY_FIRST_SEEN_H
#define MCPLEDGER_QUERY_FIRST_SEEN_H

#include "scan.h"

enum { FIRST_SEEN_FIELDS_MAX = 4, FIRST_SEEN_SORTS_MAX = 16, FIRST_SEEN_VALUES_MAX = 1024 * 1024 };

/* What is looked at: fields whose values together are one. */
struct sort {
	struct text names[FIRST_SEEN_FIELDS_MAX]; /* as asked for */
	struct field_name fields[FIRST_SEEN_FIELDS_MAX];
	size_t count;
};

struct sighting {
	unsigned sort;
	int64_t first, last; /* times, ns */
	uint64_t events;
	size_t store; /* where the first one is */
	uint64_t seq;
	uint64_t fingerprint;
	/* Of those that are told. */
	struct text values[FIRST_SEEN_FIELDS_MAX];
	struct text id, user, example;
};

struct first_seen {
	struct arena arena;
	struct sighting **items; /* owned; newest first */
	size_t count;
	uint64_t known; /* values that were seen before since */
	int64_t record; /* time of the earliest event; INT64_MAX: there is none */
	struct coverage coverage;
};

/* Reads "user" or "user,tool". STATUS_NOT_FOUND: it is no list of fields. */
enum status sort_parse(struct text text, struct sort *sort) MUST_CHECK;

/* What is asked: told are the values first seen at `since` or later, at most limit (0: all). */
struct first_seen_question {
	const struct sort *sorts;
	size_t sort_count;
	int64_t since;
	uint64_t limit;
};
/* scan is all that counts as seen. */
enum status first_seen_find(struct first_seen **seen, const struct scan *scan,
	const struct first_seen_question *question, struct error *error) MUST_CHECK;
void first_seen_destroy(struct first_seen **seen);

#endif
