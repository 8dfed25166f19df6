#include "store_dir.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYSTEM_DIR    "/var/lib/mcpledger"
#define SYSTEM_PARENT "/var/lib"

static enum status copy_path(char path[PATH_MAX], const char *from, const char *more, struct error *error)
{
	if (snprintf(path, PATH_MAX, "%s%s", from, more) >= PATH_MAX)
		return error_set(error, STATUS_INVALID, "the path of the store is too long");
	return STATUS_OK;
}

/* There and ours to write, or missing and ours to make. */
static bool is_usable(const char *path, const char *parent)
{
	return access(path, F_OK) == 0 ? access(path, R_OK | W_OK | X_OK) == 0 : access(parent, W_OK | X_OK) == 0;
}

/* Makes the directories above path. */
static enum status make_parents(const char *path, struct error *error)
{
	char part[PATH_MAX];
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);
		memcpy(part, path, len);
		part[len] = 0;
		if (mkdir(part, 0700) != 0 && errno != EEXIST)
			return error_set(error, errno == EACCES ? STATUS_DENIED : STATUS_IO, "can't make %s: %s", part,
				strerror(errno));
	}
	return STATUS_OK;
}

enum status store_dir_find(const char *data_dir, const char *setting, char path[PATH_MAX], struct error *error)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	enum status status = STATUS_OK;
	if (data_dir && data_dir[0])
		status = copy_path(path, data_dir, "", error);
	else if (setting[0])
		status = copy_path(path, setting, "", error);
	else if (is_usable(SYSTEM_DIR, SYSTEM_PARENT))
		status = copy_path(path, SYSTEM_DIR, "", error);
	else if (state && state[0] == '/')
		status = copy_path(path, state, "/mcpledger", error);
	else if (home && home[0] == '/')
		status = copy_path(path, home, "/.local/state/mcpledger", error);
	else
		status = error_set(
			error, STATUS_INVALID, "store.dir: there is no home directory; say where the store is");
	return status == STATUS_OK ? make_parents(path, error) : status;
}
