/*
 * indicators - many things to look for at once, as a list of indicators of compromise has them: names, hashes, URLs,
 * phrases, addresses and ranges of addresses.
 *
 * One a line; white space around it, empty lines, lines that begin with # and quotes around all of a line do not count.
 * An address or a range (10.0.0.0/8) is found as an address, everything else where its words stand one after the other,
 * in any case, whatever is between them: evil.example is found in "https://EVIL.example/x", and not in "evil.examples".
 * hxxp and brackets, as in hxxps://evil[.]example, are read as they are meant.
 *
 * How long a text takes does not depend on how many indicators there are.  Immutable once read; any thread.
 */
#ifndef MCPLEDGER_QUERY_INDICATORS_H
#define MCPLEDGER_QUERY_INDICATORS_H

#include <stdbool.h>

#include "buf.h"

enum { INDICATORS_BYTES_MAX = 16 * 1024 * 1024, INDICATORS_WORDS_MAX = 1024 * 1024, INDICATOR_WORDS_MAX = 256 };

struct indicators;

/*
 * lines is copied where need be.  STATUS_INVALID: error names the line and says why: no letter or digit, a prefix that is
 * too long, too many words, or no indicator at all.  STATUS_NO_MEMORY.
 */
enum status indicators_read(
	struct text lines, struct arena *arena, struct indicators **indicators, struct error *error) MUST_CHECK;
/* Whether one of them stands in text. */
bool indicators_found(const struct indicators *indicators, struct text text);

#endif
