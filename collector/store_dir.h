/* store_dir - where the store is when nobody says: INTERFACES' order of places.  Any thread. */
#ifndef MCPLEDGER_STORE_DIR_H
#define MCPLEDGER_STORE_DIR_H

#include <limits.h>

#include "status.h"

/*
 * Fills path: data_dir (--data) if given, else setting (store.dir) unless empty, else /var/lib/mcpledger if it can be
 * used, else ${XDG_STATE_HOME:-~/.local/state}/mcpledger.  Missing parents are made, mode 0700.
 * STATUS_INVALID: too long, or there is no home; STATUS_DENIED, STATUS_IO.
 */
enum status store_dir_find(
	const char *data_dir, const char *setting, char path[PATH_MAX], struct error *error) MUST_CHECK;

#endif
