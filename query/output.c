#include "output.h"

#include <errno.h>
#include <unistd.h>

enum { PIECE_BYTES = 256 * 1024, TEXT_BYTES_MAX = 256 * 1024 * 1024 };

void output_init(struct output *output, output_write *write, void *context)
{
	*output = (struct output){.write = write, .context = context, .width = 120};
	buf_init(&output->text, TEXT_BYTES_MAX);
}

void output_finish(struct output *output)
{
	buf_finish(&output->text);
}

enum status output_write_fd(void *context, const void *bytes, size_t len)
{
	int fd = *(const int *)context;
	const char *at = bytes;
	while (len > 0) {
		ssize_t written = write(fd, at, len);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return errno == EPIPE ? STATUS_CANCELLED : errno == ENOSPC ? STATUS_NO_SPACE : STATUS_IO;
		at += written;
		len -= (size_t)written;
	}
	return STATUS_OK;
}

enum status output_flush(struct output *output)
{
	if (output->failed == STATUS_OK)
		output->failed = buf_status(&output->text);
	if (output->failed == STATUS_OK && output->text.len > 0)
		output->failed = output->write(output->context, output->text.at, output->text.len);
	buf_clear(&output->text);
	return output->failed;
}

enum status output_pass(struct output *output, struct text bytes)
{
	enum status status = output_flush(output);
	if (status == STATUS_OK && bytes.len > 0)
		output->failed = output->write(output->context, bytes.at, bytes.len);
	return output->failed;
}

enum status output_step(struct output *output)
{
	if (output->text.len < PIECE_BYTES && buf_status(&output->text) == STATUS_OK)
		return output->failed;
	return output_flush(output);
}
