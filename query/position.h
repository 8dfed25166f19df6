/*
 * position - up to where a reader has come in each store: what a checkpoint file holds.
 *
 *   start             nowhere yet: all there is
 *   ID:SEQ,ID:SEQ …   in the store ID, everything before SEQ has been read
 */
#ifndef MCPLEDGER_QUERY_POSITION_H
#define MCPLEDGER_QUERY_POSITION_H

#include "scan.h"

/*
 * Leaves of the scan what lies behind the position; a store that it does not name is scanned from its beginning.  What
 * retention has removed since is scanned, too, and found missing.
 * STATUS_INVALID: it is no position, it names a store that is not in the scan, or lies behind a store's end.
 */
enum status position_apply(struct text position, struct scan *scan, struct error *error) MUST_CHECK;
/* The position behind all of the scan. */
void position_put(struct buf *out, const struct scan *scan);

#endif
