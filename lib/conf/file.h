/* file - reads a YAML file into a struct conf that holds the defaults.  The only place that knows libyaml. */
#ifndef MCPLEDGER_LIB_CONF_FILE_H
#define MCPLEDGER_LIB_CONF_FILE_H

#include "conf.h"

enum { CONF_FILE_BYTES_MAX = 1024 * 1024 };

/* Errors: text starts with `path:line:column: `; line and column are set too. */
enum status conf_read_file(struct conf *conf, const char *path, struct error *error) MUST_CHECK;

#endif
