/*
 * definitions - what tools said of themselves, since when, and which calls saw it.
 *
 * A version is what a tool_definition event announced; the same one announced again is the same version.  A call saw the
 * version whose digest it names, else the one in force at its time.  A version's calls and failures beside those of the
 * version before it tell whether a change broke its callers.  All lies in the arena of the answer, which is bounded.
 */
#ifndef MCPLEDGER_QUERY_DEFINITIONS_H
#define MCPLEDGER_QUERY_DEFINITIONS_H

#include "scan.h"

enum {
	DEFINITION_TOOLS_MAX = 20000,
	DEFINITION_VERSIONS_MAX = 50000,
	DEFINITION_UNKNOWN_MAX = 16, /* digests of a tool that nobody announced */
	DEFINITION_SLOTS = 16384,
};

struct version {
	uint64_t seq;
	int64_t time; /* ns; when it was announced */
	struct text id, op, digest, old_digest, definition, field_digests;
	struct text server_version, caused_by, observer, instance;
	bool computed;  /* the event has no digest: it is that of the definition's bytes */
	uint64_t again; /* how often the same one was announced again */
	int64_t last;   /* and when for the last time */
	bool taken;     /* the words take an announcement of it, or a call that saw it */
	/* What calls say. */
	uint64_t calls, failed; /* failed: errors, and calls refused as invalid */
	uint64_t late;          /* of the calls, those after the next version was announced */
	int64_t first_failed;   /* time of the first failed one */
	uint64_t first_failed_seq;
};

/* A digest that calls name and nobody announced. */
struct unknown_digest {
	struct text digest;
	bool taken;
	uint64_t calls, failed, first_seq;
	int64_t first, last;
};

struct tool {
	struct text tenant, server, name;
	struct version **versions;  /* owned; in order of time */
	struct version **by_digest; /* the same in order of digest and time; in the arena */
	size_t count, room;
	struct unknown_digest unknown[DEFINITION_UNKNOWN_MAX];
	size_t unknown_count;
	uint64_t unknown_more;
	uint64_t undigested; /* calls that name no digest, before the first version */
	bool taken;          /* something of it is */
	struct tool *next;   /* in its slot */
};

struct definitions {
	struct arena arena;
	uint8_t hash_key[16];
	struct tool *slots[DEFINITION_SLOTS];
	struct tool **tools; /* owned */
	size_t tool_count, tool_room;
	uint64_t version_count;
	struct coverage coverage;
};

/*
 * Collects all versions that were announced before scan->until, marks what the words take of them and of the calls, and
 * counts the calls of these tools in scan's range.  The words choose what is told; what they do not take still counts as
 * announced, or as what stood before.  scan has no filter of its own.
 */
enum status definitions_collect(struct definitions **definitions, const struct scan *scan, const struct filter *words,
	struct error *error) MUST_CHECK;
void definitions_destroy(struct definitions **definitions);

/* The tool with this key, made where made is set; NULL: there is none, or no room (then *full). */
struct tool *definitions_tool(struct definitions *definitions, const struct text key[3], bool make, bool *full);
/* Which version is in force at a time; count: none. */
size_t tool_version_at(const struct tool *tool, int64_t time);
/* The version with this digest that was in force at a time, else the nearest before, else the first after; NULL: none. */
struct version *tool_version_by_digest(const struct tool *tool, struct text digest, int64_t time);
/* Adds the calls of the tools; see definitions_calls.c. */
enum status definitions_add_calls(struct definitions *definitions, const struct scan *scan, const struct filter *words,
	struct error *error) MUST_CHECK;

#endif
