/* utf8 - what the text format asks of label values: UTF-8 and nothing else. */
#ifndef MCPLEDGER_METRIC_UTF8_H
#define MCPLEDGER_METRIC_UTF8_H

#include "buf.h"

/* Writes text with each byte that is not part of a well-formed sequence (RFC 3629) replaced by U+FFFD. */
void utf8_put_clean(struct buf *out, struct text text);

#endif
