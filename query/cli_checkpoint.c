#include "cli_checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto.h"

/*
 *   mcpledger-checkpoint 1
 *   position 4f1c09e2a7b35d88:4712
 *   check <SHA-256 of the lines above, hex>
 */
enum { FILE_BYTES_MAX = 64 * 1024, FILE_MODE = 0600, LOCK_TRIES = 10 };
static const struct text head = {"mcpledger-checkpoint 1\nposition ", 32};
static const struct text check = {"\ncheck ", 7};

static enum status fail(struct cli *cli, enum status status, const char *why)
{
	return error_set(&cli->error, status, "%.200s: %s", cli->options.checkpoint, why);
}

static enum status fail_errno(struct cli *cli, int code)
{
	char text[128];
	enum status status = code == EACCES || code == EPERM ? STATUS_DENIED : STATUS_IO;
	return fail(cli, status, strerror_r(code, text, sizeof(text)));
}

static enum status put_check(struct buf *file)
{
	uint8_t digest[SHA256_BYTES];
	char hex[2 * SHA256_BYTES + 1];
	enum status status = crypto_sha256(buf_text(file), digest);
	hex_encode(digest, sizeof(digest), hex);
	buf_put_string(file, hex);
	buf_put_byte(file, '\n');
	return status == STATUS_OK ? buf_status(file) : status;
}

/* --- reading --- */

/* The file must be, byte for byte, what would be written for its position. */
static enum status parse(struct cli *cli, struct text file)
{
	const char *end = memmem(file.at, file.len, check.at, check.len);
	if (file.len <= head.len || memcmp(file.at, head.at, head.len) != 0 || end == NULL || end < file.at + head.len)
		return fail(cli, STATUS_INVALID, "is no checkpoint file");
	struct text position = {file.at + head.len, (size_t)(end - file.at) - head.len};
	struct buf again;
	buf_init(&again, FILE_BYTES_MAX);
	buf_put(&again, file.at, (size_t)(end - file.at) + check.len);
	enum status status = put_check(&again);
	if (status == STATUS_OK && !text_equal(buf_text(&again), file))
		status = fail(cli, STATUS_INVALID, "is damaged; where the next run goes on is not known");
	buf_finish(&again);
	if (status == STATUS_OK)
		cli->options.position = arena_copy(&cli->arena, position).at;
	return status == STATUS_OK && cli->options.position == NULL ? STATUS_NO_MEMORY : status;
}

static enum status read_position(struct checkpoint *checkpoint, struct cli *cli)
{
	char *bytes = arena_alloc(&cli->arena, FILE_BYTES_MAX);
	size_t len = 0;
	ssize_t got = 1;
	if (bytes == NULL)
		return STATUS_NO_MEMORY;
	while (len < FILE_BYTES_MAX && (got = read(checkpoint->fd, bytes + len, FILE_BYTES_MAX - len)) > 0)
		len += (size_t)got;
	if (got < 0)
		return fail_errno(cli, errno);
	if (len > 0)
		return parse(cli, (struct text){bytes, len});
	cli->options.position = "start";
	return STATUS_OK;
}

/* The file that has the name once we hold its lock: another run may have put a new one in its place meanwhile. */
static enum status lock(struct checkpoint *checkpoint, struct cli *cli)
{
	const char *path = cli->options.checkpoint;
	for (unsigned tries = 0; tries < LOCK_TRIES; tries++) {
		struct stat ours;
		struct stat named;
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
		if (fd < 0)
			return errno == ELOOP ? fail(cli, STATUS_INVALID, "is a symbolic link")
					      : fail_errno(cli, errno);
		bool taken = flock(fd, LOCK_EX | LOCK_NB) == 0;
		bool same = taken && fstat(fd, &ours) == 0 && stat(path, &named) == 0 && ours.st_dev == named.st_dev &&
			    ours.st_ino == named.st_ino;
		if (same && S_ISREG(ours.st_mode)) {
			checkpoint->fd = fd;
			return STATUS_OK;
		}
		(void)close(fd);
		if (!taken)
			return fail(cli, STATUS_HELD, "is in use by another run");
		if (same)
			return fail(cli, STATUS_INVALID, "is no file");
	}
	return fail(cli, STATUS_HELD, "is in use by another run");
}

enum status checkpoint_open(struct checkpoint *checkpoint, struct cli *cli)
{
	checkpoint->fd = -1;
	if (cli->options.checkpoint == NULL)
		return STATUS_OK;
	if (cli->options.position)
		return error_set(&cli->error, STATUS_INVALID, "a position comes from the checkpoint file");
	enum status status = lock(checkpoint, cli);
	if (status == STATUS_OK)
		status = read_position(checkpoint, cli);
	if (status != STATUS_OK && checkpoint->fd >= 0) {
		(void)close(checkpoint->fd);
		checkpoint->fd = -1;
	}
	return status;
}

/* --- saving --- */

static int sync_parent(const char *path)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 0;
	if (len >= sizeof(parent))
		return ENAMETOOLONG;
	(void)snprintf(parent, sizeof(parent), "%.*s", slash ? (int)(len ? len : 1) : 1, slash ? path : ".");
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int code = fd >= 0 && fsync(fd) == 0 ? 0 : errno;
	if (fd >= 0)
		(void)close(fd);
	return code;
}

static int write_file(const char *path, struct text bytes)
{
	char temporary[PATH_MAX];
	if (snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= (int)sizeof(temporary))
		return ENAMETOOLONG;
	(void)unlink(temporary); /* ours: the lock is held */
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return errno;
	int code = write(fd, bytes.at, bytes.len) == (ssize_t)bytes.len ? 0 : errno ? errno : EIO;
	if (code == 0 && fsync(fd) != 0)
		code = errno;
	if (close(fd) != 0 && code == 0)
		code = errno;
	if (code == 0 && rename(temporary, path) != 0)
		code = errno;
	if (code != 0)
		(void)unlink(temporary);
	return code == 0 ? sync_parent(path) : code;
}

/* What went into a file must be on disk before the position says that it was passed on. */
static int sync_output(void)
{
	struct stat out;
	if (fstat(STDOUT_FILENO, &out) != 0 || !S_ISREG(out.st_mode))
		return 0;
	return fsync(STDOUT_FILENO) == 0 ? 0 : errno;
}

static enum status save(struct cli *cli)
{
	struct buf file;
	buf_init(&file, FILE_BYTES_MAX);
	buf_put_text(&file, head);
	buf_put_text(&file, buf_text(&cli->position));
	buf_put_text(&file, check);
	enum status status = put_check(&file);
	int code = status == STATUS_OK ? sync_output() : 0;
	if (status == STATUS_OK && code == 0)
		code = write_file(cli->options.checkpoint, buf_text(&file));
	buf_finish(&file);
	return code == 0 ? status : fail_errno(cli, code);
}

enum exit_code checkpoint_close(struct checkpoint *checkpoint, struct cli *cli, enum exit_code code)
{
	if (checkpoint->fd < 0)
		return code;
	enum status status = STATUS_OK;
	if (cli->position.len > 0 && cli->failed == STATUS_OK && output_flush(&cli->out) == STATUS_OK)
		status = save(cli);
	(void)close(checkpoint->fd);
	return status == STATUS_OK ? code : cli_fail(cli, status);
}
