/*
 * definitions_changes - how a version of a tool's definition differs from the one before, as paths for programs and as lines
 * for people: what was added to the description, which parameters came and went, which hints flipped.
 */
#ifndef MCPLEDGER_QUERY_DEFINITIONS_CHANGES_H
#define MCPLEDGER_QUERY_DEFINITIONS_CHANGES_H

#include "definitions.h"
#include "json_diff.h"

struct version_changes {
	struct text paths[JSON_CHANGES_MAX], lines[JSON_CHANGES_MAX + 4]; /* raw; lines also tell what is not known */
	size_t path_count, line_count;
	uint64_t more;
};

/*
 * before: the version before it, NULL: there is none.  Texts lie in the arena or in the versions; scratch is cleared at
 * will.
 */
enum status version_changes_find(struct version_changes *found, const struct tool *tool, const struct version *before,
	const struct version *version, struct arena *arena, struct arena *scratch) MUST_CHECK;

/* Whether from then on the tool is no longer there. */
bool version_is_removal(const struct version *version);

#endif
