/* grammar - what RFC 8259 asks of single tokens, and where a text first breaks its rules for strings.  Any thread. */
#ifndef MCPLEDGER_JSON_GRAMMAR_H
#define MCPLEDGER_JSON_GRAMMAR_H

#include "json.h"

bool grammar_number(const char *at, size_t len);
/* The escapes of a string, given what stands between its quotes. */
bool grammar_escapes(const char *at, size_t len);
/* Offset of the first byte that is not UTF-8; len if there is none. */
size_t grammar_utf8_fault(const char *at, size_t len);
/* Offset of the first raw control character in a string, or of the quote of a string that is not closed; else len. */
size_t grammar_string_fault(const char *at, size_t len);
/* Four hexadecimal digits as a number; -1 when they are not. */
int grammar_hex4(const char *at);

#endif
