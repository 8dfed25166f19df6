/* embedded - files that are built into the programs (embed.py).  Static data. */
#ifndef MCPLEDGER_QUERY_EMBEDDED_H
#define MCPLEDGER_QUERY_EMBEDDED_H

#include <stddef.h>

extern const char openapi_yaml[]; /* no NUL behind it */
extern const size_t openapi_yaml_len;

#endif
