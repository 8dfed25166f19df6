/* A configuration file: what is taken prints and reads back, what is refused says why. */
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "conf.h"
#include "fuzz.h"

static enum status load_bytes(struct conf *conf, const void *bytes, size_t len, struct error *error)
{
	char path[64];
	struct buf warnings;
	int fd = memfd_create("conf", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	buf_init(&warnings, 0);
	enum status status = conf_load(conf, path, NULL, &warnings, error);
	buf_finish(&warnings);
	(void)close(fd);
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct error error = {0};
	struct conf conf = {0};
	struct conf again = {0};
	struct buf printed;
	buf_init(&printed, SIZE_MAX);
	if (load_bytes(&conf, bytes, len, &error) == STATUS_OK) {
		conf_print(&printed, &conf);
		assert(buf_status(&printed) == STATUS_OK);
		assert(load_bytes(&again, printed.at, printed.len, &error) == STATUS_OK);
	} else {
		assert(error.text[0] && conf.store_dir == NULL);
	}
	buf_finish(&printed);
	conf_finish(&conf);
	conf_finish(&again);
	return 0;
}
