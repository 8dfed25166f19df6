/* shared_data - private test vectors that may be absent: tests that need them skip and say so. */
#ifndef MCPLEDGER_TEST_SHARED_DATA_H
#define MCPLEDGER_TEST_SHARED_DATA_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The path of a file in MCPLEDGER_SHARED_DATA, else in ../shared/data beside the source tree; false: not there. */
static inline bool shared_data_find(const char *name, char path[PATH_MAX])
{
	const char *folder = getenv("MCPLEDGER_SHARED_DATA");
	int len = folder ? snprintf(path, PATH_MAX, "%s/%s", folder, name)
			 : snprintf(path, PATH_MAX, "%s/../shared/data/%s", MCPLEDGER_SOURCE_ROOT, name);
	if (len > 0 && len < PATH_MAX && access(path, R_OK) == 0)
		return true;
	puts("skipped: shared data absent");
	return false;
}

#endif
