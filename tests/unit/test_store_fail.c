/* Writes that fail: nothing is acknowledged, nothing is lost, and the store goes on when it can. */
#include "store_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { META_PAGES_BYTES = 2 * 4096, SKIPPED = 77 };

static int meta_writes_to_fail; /* the next ones answer EIO */

/* Takes the place of libc's for liblmdb: meta pages are what it writes with pwrite at the start of the file. */
ssize_t failing_pwrite(int fd, const void *bytes, size_t len, off_t offset) __asm__("pwrite");

ssize_t failing_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	if (meta_writes_to_fail > 0 && offset < META_PAGES_BYTES && len < 4096) {
		meta_writes_to_fail--;
		errno = EIO;
		return -1;
	}
	return syscall(SYS_pwrite64, fd, bytes, len, offset);
}

static int tear_down(void **state)
{
	meta_writes_to_fail = 0;
	return store_dir_tear_down(state);
}

static void set_file_bytes_max(rlim_t bytes)
{
	struct rlimit limit;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
}

static void a_commit_that_cannot_be_written_leaves_nothing(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	struct stat stat_now;
	store_dir_open(dir);
	for (int i = 0; i < 5; i++)
		store_dir_add(dir, 4, DAY_0 + i);
	store_dir_attach(dir);
	store_dir_path(dir, "seg-00000000000000000001.mdb", path);
	assert_int_equal(stat(path, &stat_now), 0);
	set_file_bytes_max((rlim_t)stat_now.st_size + 4096);
	enum status status = STATUS_OK;
	while (status == STATUS_OK) { /* until the free pages in the file are used up */
		uint64_t before = store_next_seq(dir->store);
		status = store_dir_try_add(dir, 5, DAY_0 + 10);
		assert_int_equal(store_next_seq(dir->store), status == STATUS_OK ? before + 5 : before);
	}
	assert_int_equal(status, STATUS_IO);
	uint64_t next = store_next_seq(dir->store);
	store_dir_renew(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), next);
	assert_int_equal(store_dir_walk(dir, 1), next - 1);
	set_file_bytes_max(RLIM_INFINITY);
	store_dir_add(dir, 3, DAY_0 + 11);
	store_dir_seal(dir);
	store_dir_renew(dir);
	assert_int_equal(store_dir_walk(dir, 1), next + 2);
	store_reader_close(&dir->reader);
	store_close(&dir->store, false);
	store_dir_open(dir);
	assert_int_equal(store_next_seq(dir->store), next + 3);
}

static void after_a_failed_meta_write_the_store_is_opened_anew(void **state)
{
	struct store_dir *dir = *state;
	struct store_unit unit;
	store_dir_open(dir);
	store_dir_add(dir, 4, DAY_0);
	store_dir_attach(dir);
	meta_writes_to_fail = 1;
	assert_int_equal(store_dir_try_add(dir, 3, DAY_0 + 1), STATUS_IO);
	assert_int_equal(meta_writes_to_fail, 0);
	assert_int_equal(store_next_seq(dir->store), 5);
	/* A reader still has the old file: it may read on, the store has to wait for it. */
	assert_int_equal(store_reader_unit(dir->reader, 1, false, &unit, &dir->error), STATUS_OK);
	assert_int_equal(store_dir_try_add(dir, 3, DAY_0 + 1), STATUS_IO);
	assert_int_equal(store_reader_renew(dir->reader, &dir->error), STATUS_BUSY);
	store_dir_add(dir, 3, DAY_0 + 1);
	store_dir_renew(dir);
	assert_int_equal(store_reader_next_seq(dir->reader), 8);
	assert_int_equal(store_dir_walk(dir, 1), 7);
	meta_writes_to_fail = 1;
	assert_int_equal(store_dir_try_add(dir, 3, DAY_0 + 1), STATUS_IO);
	store_reader_close(&dir->reader);
	store_dir_add(dir, 3, DAY_0 + 1); /* no reader: at once */
	assert_int_equal(store_next_seq(dir->store), 11);
}

static void a_roll_that_fails_leaves_the_old_segment_going(void **state)
{
	struct store_dir *dir = *state;
	store_dir_open(dir);
	store_dir_add(dir, 4, DAY_0);
	store_dir_seal(dir);
	store_dir_attach(dir);
	set_file_bytes_max(2 * 4096);
	assert_int_not_equal(store_roll(dir->store, &dir->error), STATUS_OK);
	set_file_bytes_max(RLIM_INFINITY);
	assert_int_equal(store_dir_segments(dir), 1);
	assert_false(store_dir_has(dir, "seg-00000000000000000005.tmp"));
	store_dir_add(dir, 4, DAY_0 + 1);
	store_dir_renew(dir);
	assert_int_equal(store_dir_walk(dir, 1), 8);
	store_dir_seal(dir);
	store_dir_roll(dir);
	assert_int_equal(store_dir_segments(dir), 2);
}

static void a_full_map_asks_for_a_roll(void **state)
{
	struct store_dir *dir = *state;
	struct store_options options = store_dir_options;
	options.map_bytes = 1024 * 1024;
	assert_int_equal(store_open(&dir->store, dir->path, &options, &dir->error), STATUS_OK);
	enum status status = STATUS_OK;
	while (status == STATUS_OK) {
		status = store_dir_try_add(dir, 5, DAY_0);
		assert_true(status == STATUS_OK || store_roll_due(dir->store, DAY_0));
	}
	assert_int_equal(status, STATUS_LIMIT);
}

/* --- a full disk: a small tmpfs, in a mount namespace of a child --- */

static void check(bool holds, const char *what)
{
	if (!holds) {
		(void)fprintf(stderr, "in the child: %s\n", what);
		_exit(1);
	}
}

static void fill_the_disk(struct store_dir *dir)
{
	struct store_options options = store_dir_options;
	options.ballast_bytes = 1024 * 1024;
	check(store_open(&dir->store, dir->path, &options, &dir->error) == STATUS_OK, dir->error.text);
	enum status status = STATUS_OK;
	for (uint64_t i = 0; status == STATUS_OK; i++)
		status = store_dir_try_add(dir, 5, DAY_0);
	check(status == STATUS_NO_SPACE, status_text(status));
	uint64_t next = store_next_seq(dir->store);
	check(store_reader_attach(&dir->reader, dir->store, &dir->error) == STATUS_OK, dir->error.text);
	check(store_dir_walk(dir, 1) == next - 1, "reads go on");
	store_ballast_release(dir->store);
	check(store_dir_try_add(dir, 1, DAY_0) == STATUS_OK, "the ballast makes room for a record of the outage");
	check(store_ballast_restore(dir->store) == STATUS_NO_SPACE || store_dir_has(dir, "ballast"), "ballast or none");
	store_reader_close(&dir->reader);
	store_close(&dir->store, false);
	check(store_open(&dir->store, dir->path, &options, &dir->error) == STATUS_OK, "opens on a full disk");
	check(store_next_seq(dir->store) == next + 1, "what was acknowledged is there");
	store_close(&dir->store, true);
}

static bool write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	return file && fputs(text, file) >= 0 && fclose(file) == 0;
}

/* As root, or as `unshare -rm` does it for anybody. */
static bool mount_small(const char *path)
{
	char map[64];
	(void)snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
	if (unshare(CLONE_NEWNS) != 0 &&
		(unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 || !write_file("/proc/self/uid_map", map)))
		return false;
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, "size=4m") == 0;
}

static void a_full_disk_is_told_and_survived(void **state)
{
	struct store_dir *dir = *state;
	pid_t child = fork();
	if (child == 0) {
		if (!mount_small(dir->path))
			_exit(SKIPPED);
		fill_the_disk(dir);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		print_message("skipped: no rights to mount a tmpfs (neither root nor user namespaces)\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void the_ballast_is_there_while_the_store_is_open(void **state)
{
	struct store_dir *dir = *state;
	char path[PATH_MAX];
	struct stat stat_now;
	store_dir_open(dir);
	store_dir_path(dir, "ballast", path);
	assert_int_equal(stat(path, &stat_now), 0);
	assert_true((uint64_t)stat_now.st_blocks * 512 >= store_dir_options.ballast_bytes);
	store_ballast_release(dir->store);
	assert_false(store_dir_has(dir, "ballast"));
	assert_int_equal(store_ballast_restore(dir->store), STATUS_OK);
	assert_true(store_dir_has(dir, "ballast"));
	uint64_t free_bytes = 0;
	assert_int_equal(store_space(dir->store, &free_bytes), STATUS_OK);
	assert_true(free_bytes > 0);
	store_close(&dir->store, false);
	assert_true(store_dir_has(dir, "ballast"));
	store_dir_open(dir);
	store_close(&dir->store, true);
	assert_false(store_dir_has(dir, "ballast"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_commit_that_cannot_be_written_leaves_nothing, store_dir_set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			after_a_failed_meta_write_the_store_is_opened_anew, store_dir_set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_roll_that_fails_leaves_the_old_segment_going, store_dir_set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_map_asks_for_a_roll, store_dir_set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_full_disk_is_told_and_survived, store_dir_set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_ballast_is_there_while_the_store_is_open, store_dir_set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
