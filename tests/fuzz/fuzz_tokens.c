/* A token file: read or refused with a reason that repeats nothing of it. */
#include <assert.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	char path[64];
	struct error error = {0};
	struct tokens *tokens = NULL;
	int fd = memfd_create("tokens", MFD_CLOEXEC);
	assert(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (tokens_load(&tokens, path, &error) == STATUS_OK)
		assert(tokens_find(tokens, (struct text){(const char *)bytes, len}) == NULL);
	else
		assert(error.text[0] && tokens == NULL);
	tokens_destroy(&tokens);
	(void)close(fd);
	return 0;
}
