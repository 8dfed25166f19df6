/*
 * once - which reports of calls do not count, because another one of the same call does.
 *
 * A client, a gateway and a server may each tell of one call; the report nearest to the server counts.  Two reports are
 * of one call when they name the same method and target in one tenant, and
 *
 *   - one's span is the other's, or its parent's, in the same trace, or
 *   - they have the same request id in the same session.
 *
 * Reports of the same rank (rank.h) are different calls.  The start of a call in two stages counts where there is no end
 * of the same id.  These rules need no order of events and no time; timelines know more ways to join reports.
 *
 * Only reports that the scan finds are looked at.  Memory is bounded: beyond ONCE_KEYS_MAX, further reports are not
 * recognised, and once_is_whole says so.  Once it is built, any thread may ask.
 */
#ifndef MCPLEDGER_QUERY_ONCE_H
#define MCPLEDGER_QUERY_ONCE_H

#include "scan.h"

enum { ONCE_KEYS_MAX = 2 * 1024 * 1024 };

struct once;
/* Looks through all that the scan finds. */
enum status once_build(const struct scan *scan, struct once **once, struct error *error) MUST_CHECK;
void once_destroy(struct once **once);
bool once_is_whole(const struct once *once);
/* Takes the rows of a block out that do not count.  STATUS_DAMAGED, STATUS_NO_MEMORY. */
enum status once_drop(const struct once *once, struct block *block, uint64_t rows[ROW_WORDS_MAX]) MUST_CHECK;

#endif
