/* summary - what block_encode puts beside an image; its format is told in summary.c. */
#ifndef MCPLEDGER_BLOCK_SUMMARY_H
#define MCPLEDGER_BLOCK_SUMMARY_H

#include "rows.h"

enum status summary_put(
	const struct rows *rows, uint64_t first_seq, const uint8_t filter_key[16], struct buf *out) MUST_CHECK;

#endif
