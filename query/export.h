/* export - all events that a scan finds, as canonical NDJSON with the collector's members. */
#ifndef MCPLEDGER_QUERY_EXPORT_H
#define MCPLEDGER_QUERY_EXPORT_H

#include "output.h"
#include "scan.h"

/*
 * Writes them in order of seq (the scan must not go backward), and counts them in scan->coverage.  Where the scan may use several threads, blocks are
 * rendered side by side and their text is held until it is their turn.
 */
enum status export_put(const struct scan *scan, struct output *out, struct error *error) MUST_CHECK;

#endif
